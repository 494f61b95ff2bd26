//! Decides who is calling and which record the call is logged on.
//!
//! At `call.created` the caller is looked up and the agent is shown a card. At `call.ended` that look-up is used again
//! if it is fresh, the decision is stored with every candidate and the rule that chose, and `call.resolved` passes it
//! to the logger. What to do when ([`plan`]) and the match rules ([`rules`]) are pure functions. Candidates come from
//! the phone [`directory`], which this worker also keeps in step with Sellsy; Sellsy is asked live only for a number
//! that the directory does not have. What the file of rules leaves out ([`left_out`]) is decided without a request to Sellsy.

mod calls;
mod card;
mod cards;
mod decide_now;
pub mod directory;
mod entering;
mod hints;
pub mod left_out;
mod live;
mod look_up;
mod messages;
mod newcomers;
mod numbers;
mod opportunities;
pub mod own_lines;
pub mod pins;
mod plan;
mod record;
mod rematch;
mod retention;
pub mod rules;

use std::sync::Arc;

use axum::Router;
use base::{ids::Stage, settings::Settings};
use broker::worker::Worker;
use ledger::together::Together;
use tokio_util::sync::CancellationToken;
use vendors::{
    aircall::Aircall,
    budget::{Lane, Role},
    sellsy::Sellsy,
};

pub use card::{page_of, page_of_related};
pub use decide_now::{Now, decide_now};
pub use look_up::{LookUp, region_of, region_on};
pub use newcomers::Newcomers;

use directory::sync::Sync;
use opportunities::{Need, Opportunities};
use rematch::Rematch;

const NAME: &str = "resolver";

pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let (regions, links) = (settings.regions.clone(), settings.sellsy.links.clone());
    let style = card::Style { links, language: settings.log_language, time_zone: settings.time_zone.clone() };
    let (rules, time_zone) = (settings.rules.clone(), settings.time_zone.clone());
    let (retention, audit) = (settings.retention, settings.console.audit);
    let (every, days) = (settings.directory_sync_every, settings.rematch_days);
    let fresh = settings.opportunities_fresh;
    // Hints take a connection of the database for a moment only.
    let mut worker = Worker::start(NAME, settings, &[Stage::Cards, Stage::Resolver], shutdown.clone())?;
    let database = worker.database.clone();
    let aircall = Aircall::new(&worker.settings.aircall, &database, Role::Worker(NAME))?.on(Lane::Interactive);
    let sellsy = Sellsy::new(&worker.settings.sellsy, &database, Role::Worker(NAME))?;
    let sellsy = sellsy.reporting_to(worker.readiness.condition("Sellsy"));
    let look_up = LookUp::new(sellsy.on(Lane::Interactive), &worker.settings, database.clone());
    let look_up = look_up.with_rules(rules.clone(), Some(own_lines::OwnLines::new(aircall.clone())));
    let timeline = worker.timeline.clone();
    let cards = cards::Cards {
        database: database.clone(),
        timeline: timeline.clone(),
        look_up: look_up.clone().with_need(Need::Card),
        aircall,
        style,
        firsts: Together::start(database.clone()),
    };
    let publisher = worker.publisher.clone();
    let look_up = look_up.on(Lane::Bulk);
    let calls = Arc::new(calls::Calls { database: database.clone(), timeline, publisher, look_up, rules, time_zone });
    let rematch = Rematch { calls: calls.clone(), days };
    let background = sellsy.on(Lane::Background);
    let opportunities = Opportunities::new(background.clone(), database.clone(), fresh);
    let hints = hints::Hints {
        database: database.clone(),
        sellsy: sellsy.clone(),
        regions: regions.clone(),
        opportunities: opportunities.clone(),
        rematch: rematch.clone(),
    };
    let reported = hints::Hints { sellsy: background.clone(), ..hints.clone() };
    worker.spawn_until_shutdown(sellsy.on(Lane::Background).learn_limits());
    worker.spawn_until_shutdown(retention::run(database.clone(), retention, audit));
    worker.spawn_until_shutdown(entering::run(database.clone()));
    worker.consume(Stage::Cards, cards)?;
    worker.consume(Stage::Resolver, messages::Messages { calls, hints: hints.clone() })?;
    worker.consume(Stage::Hints, hints)?;
    worker.spawn_until_shutdown(reported.run());
    worker.spawn(Sync { database, sellsy: background, regions, every, rematch, opportunities }.run(shutdown));
    worker.serve(Router::new()).await
}
