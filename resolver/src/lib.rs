//! Who is calling, and where is the call logged?
//!
//! At `call.created` the caller is looked up and the agent is shown a card; at `call.ended` the look-up is used again
//! if it is fresh, the decision is stored with every candidate and the rule that chose, and `call.resolved` tells the
//! logger. The rules ([`rules`]) are pure functions; Sellsy is asked in [`live`] and nowhere else.

mod calls;
mod card;
mod cards;
mod live;
mod look_up;
pub mod rules;

use axum::Router;
use shared::{aircall::Aircall, sellsy::Sellsy, settings::Settings, topology::Stage, worker::Base};
use tokio_util::sync::CancellationToken;

use look_up::LookUp;

pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let aircall = Aircall::new(&settings.aircall)?;
    let look_up = LookUp::new(Sellsy::new(&settings.sellsy)?, settings.default_region);
    let web_url = settings.sellsy.web_url.clone();
    let mut base = Base::start("resolver", settings, 2, shutdown)?;
    let cards = cards::Cards { database: base.database.clone(), look_up: look_up.clone(), aircall, web_url };
    let calls = calls::Calls { database: base.database.clone(), publisher: base.publisher.clone(), look_up };
    base.consume(Stage::Cards, cards)?;
    base.consume(Stage::Resolver, calls)?;
    base.serve(Router::new()).await
}
