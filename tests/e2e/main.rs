//! End-to-end tests over the built binaries, on real RabbitMQ and PostgreSQL, with the sandbox for the vendors.

mod adopt;
mod alarm;
mod alerts;
mod answers;
mod budget;
mod by_hand;
mod ca;
mod calls;
mod changes;
mod check;
mod cleanup;
mod command;
mod console;
mod contract;
mod crash;
mod dead;
mod delays;
mod directory;
mod documented;
mod ended;
mod fallback;
mod followups;
mod forget;
mod insights;
mod ladder;
mod lanes;
mod lifecycle;
mod limits;
mod links;
mod lost;
mod messages;
mod missed;
mod numbers;
mod odd;
mod opportunities;
mod order;
mod outage;
mod people;
mod poison;
mod policies;
mod promised;
mod prospects;
mod prove;
mod reconcile;
mod refused;
mod replicas;
mod reports;
mod restore;
mod retention;
mod roles;
mod rules;
mod searched;
mod secrets;
mod sellsy_webhook;
mod setup;
mod silent;
mod soak;
mod tags_act;
mod tls;
mod together;
mod tokens;
mod tour;
mod traces;
mod unclear;
mod vendors;
mod webhook;
mod webhook_tokens;

/// Longer than anything should take on a busy machine with two cores.
const SOON: std::time::Duration = std::time::Duration::from_secs(30);

/// How long a log may take to show a later change: changes are gathered for up to 55 s (decision 0006).
const GATHERED: std::time::Duration = std::time::Duration::from_secs(100);

/// The resolver asks Sellsy for opportunities in each decision, instead of using those that it knows.
const ASKING: (&str, &str) = ("OPPORTUNITIES_FRESH", "0s");

/// Individual 2001 of the sandbox's data, a client with the open opportunity 6001.
const CLIENT: &str = "+33 6 39 98 41 07";
