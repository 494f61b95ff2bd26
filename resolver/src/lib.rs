//! Who is calling, and where is the call logged?
//!
//! At `call.created` the caller is looked up and the agent is shown a card; at `call.ended` the look-up is used again
//! if it is fresh, the decision is stored with every candidate and the rule that chose, and `call.resolved` tells the
//! logger. The rules ([`rules`]) are pure functions. Candidates come from the phone [`directory`], which this worker
//! also keeps as Sellsy is; only a number that it does not have is asked for live.

mod calls;
mod card;
mod cards;
pub mod directory;
mod hints;
mod live;
mod look_up;
mod record;
pub mod rules;

use std::sync::Arc;

use axum::Router;
use shared::{aircall::Aircall, sellsy::Sellsy, settings::Settings, topology::Stage, worker::Base};
use tokio_util::sync::CancellationToken;

pub use look_up::LookUp;

use directory::sync::{Rematch, Sync};

pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let aircall = Aircall::new(&settings.aircall)?;
    let sellsy = Sellsy::new(&settings.sellsy)?;
    let (region, web_url) = (settings.default_region, settings.sellsy.web_url.clone());
    let (every, days) = (settings.directory_sync_every, settings.rematch_days);
    let mut base = Base::start("resolver", settings, 2, shutdown.clone())?;
    let database = base.database.clone();
    let look_up = LookUp::new(sellsy.clone(), region, database.clone());
    let cards = cards::Cards { database: database.clone(), look_up: look_up.clone(), aircall, web_url };
    let calls = Arc::new(calls::Calls { database: database.clone(), publisher: base.publisher.clone(), look_up });
    let rematch = Rematch { calls: calls.clone(), days };
    let hints = hints::Hints { database: database.clone(), sellsy: sellsy.clone(), region, rematch: rematch.clone() };
    base.consume(Stage::Cards, cards)?;
    base.consume(Stage::Resolver, calls::Messages { calls, hints })?;
    base.spawn(Sync { database, sellsy, region, every, rematch }.run(shutdown));
    base.serve(Router::new()).await
}
