//! The way in: Aircall's webhooks become facts on the exchange.
//!
//! A webhook is answered with 200 only when its event is durable: confirmed by the broker or, while the broker is
//! away, written to the inbox in PostgreSQL, which [`relay`] empties in order of arrival once the broker is back.
//! Aircall gives 5 s and disables a webhook that keeps failing, so nothing slow happens here: no API is asked and
//! the call itself is not looked at beyond its id and number.

mod judge;
mod relay;
mod webhook;

use shared::{settings::Settings, worker::Base};
use tokio_util::sync::CancellationToken;

pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let rules = judge::Rules::new(&settings.aircall);
    let mut base = Base::start("ingest", settings, 0, shutdown.clone())?;
    // The webhook is worth keeping open as long as either of them can hold an event.
    base.readiness.one_is_enough(&["broker", "database"]);
    let routes = webhook::routes(rules, base.publisher.clone(), base.database.clone());
    base.spawn(relay::run(base.publisher.clone(), base.database.clone(), shutdown));
    base.serve(routes).await
}
