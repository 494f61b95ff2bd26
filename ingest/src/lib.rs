//! The way in: webhooks of Aircall and Sellsy become facts on the exchange.
//!
//! A webhook is answered with 200 only when its event is durable: confirmed by the broker or, while the broker is
//! unavailable, written to the inbox in PostgreSQL. [`relay`] empties the inbox in order of arrival once the broker is back.
//! Aircall waits 5 s for an answer and disables a webhook that keeps failing, so nothing slow happens before the answer: no
//! request to an API, and nothing is read but the id of a call and its number, or the id of a record. `door` is what both
//! kinds of webhooks have in common; `aircall` and `sellsy` say what their bodies mean.
//!
//! [`reconcile`] finds in Aircall's list of calls what no webhook brought; it never delays a webhook. The `callbridge`
//! command also uses it, and [`webhooks`], which checks and repairs the webhooks of the Aircall account.

mod aircall;
mod alerts;
mod bodies;
mod delays;
mod depths;
mod door;
pub mod inbox;
mod keys;
pub mod reconcile;
mod redact;
mod relay;
mod sellsy;
pub mod sellsy_webhooks;
pub mod tokens;
mod troubles;
pub mod webhooks;

use std::sync::Arc;

use axum::Router;
use base::settings::Settings;
use broker::worker::Worker;
pub use door::{Refusal, Verdict};
use keys::Keys;
use reconcile::{Reconciler, turns::Turns};
use tokens::Tokens;
use tokio_util::sync::CancellationToken;
use vendors::{aircall::Aircall, budget::Role};

/// What a body means. Pure functions, public for the fuzz targets and the test over their corpus.
pub mod judge {
    use super::{Verdict, aircall, sellsy, tokens::Tokens};

    /// Judged with this one token, for all numbers.
    pub fn aircall(body: &[u8], token: &str) -> Verdict {
        let tokens = Tokens { set: vec![token.into()], noted: Vec::new() };
        aircall::judge(body, &aircall::Rules::of_all(), &tokens)
    }

    /// The secret in the path has already been checked.
    pub fn sellsy(body: &[u8], signature: Option<&[u8]>, secret: &str) -> Verdict {
        sellsy::judge(body, signature, &secret.into())
    }
}

pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let rules = aircall::Rules::new(&settings);
    let tokens = (Tokens::set_for_aircall(&settings.aircall), Tokens::set_for_sellsy(&settings.sellsy));
    let mut worker = Worker::start("ingest", settings, &[], shutdown.clone())?;
    // Ready to accept webhooks as long as either of them can store an event.
    worker.readiness.require_any(&["broker", "database"]);
    let door = door::Door::new(worker.publisher.clone(), worker.database.clone());
    let keys =
        Arc::new(Keys::new(tokens.0, tokens.1, worker.database.clone(), worker.readiness.condition("webhook token")));
    worker.spawn_until_shutdown(keys.clone().watch());
    let routes = Router::new()
        .merge(aircall::routes(rules, keys.clone(), door.clone()))
        .merge(sellsy::routes(keys, door))
        .fallback(async || door::not_found());
    worker.spawn(relay::run(worker.publisher.clone(), worker.database.clone(), shutdown));
    worker.spawn_until_shutdown(relay::expire(worker.database.clone(), worker.settings.retention));
    door::note_webhook("aircall");
    worker.spawn_until_shutdown(depths::watch(worker.publisher.clone()));
    worker.spawn_until_shutdown(delays::watch(worker.publisher.clone(), worker.database.clone()));
    alerts::start(&mut worker)?;
    if worker.settings.aircall.has_credential() {
        let turns = turns(&worker)?;
        worker.spawn_until_shutdown(turns.run());
    } else {
        tracing::info!(
            "AIRCALL_API_ID or AIRCALL_API_TOKEN is not set: calls that no webhook brings are not looked for."
        );
    }
    worker.serve(routes).await
}

fn turns(worker: &Worker) -> anyhow::Result<Turns> {
    let (database, settings) = (worker.database.clone(), &worker.settings);
    let aircall = Aircall::new(&settings.aircall, &database, Role::Worker("ingest"))?;
    Ok(Turns {
        reconciler: Reconciler::new(&settings.aircall, database, worker.publisher.clone(), &aircall),
        every: settings.reconcile_every,
        tokens: Tokens::set_for_aircall(&settings.aircall),
        needed: webhooks::needed(&settings.rules),
    })
}
