//! The AI insights of a call: gated by its duration, read from the webhook, fetched only where that is empty.
//!
//! In: Aircall's events about summaries, topics, sentiments, action items and custom summaries. Out: `call.insights`, one
//! fact per insight, which the logger writes into the call's log. It never writes to Sellsy.

mod absent;
mod gate;
mod handler;
mod read;

use axum::Router;
use base::{ids::Stage, settings::Settings};
use broker::worker::Worker;
use tokio_util::sync::CancellationToken;
use vendors::{aircall::Aircall, budget::Role};

pub use gate::{LESS_THAN_S, MORE_THAN_S};

const NAME: &str = "insights";

pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let number_ids = settings.aircall.number_ids.clone();
    let mut worker = Worker::start(NAME, settings, &[Stage::Insights], shutdown)?;
    let aircall = Aircall::new(&worker.settings.aircall, &worker.database, Role::Worker(NAME))?;
    let aircall = aircall.reporting_to(worker.readiness.condition("Aircall"));
    let handler = handler::Insights {
        database: worker.database.clone(),
        timeline: worker.timeline.clone(),
        publisher: worker.publisher.clone(),
        aircall,
        number_ids,
    };
    worker.spawn_until_shutdown(absent::run(worker.database.clone(), worker.publisher.clone()));
    worker.consume(Stage::Insights, handler)?;
    worker.serve(Router::new()).await
}
