//! One Sellsy phone call per Aircall call, kept true.
//!
//! Messages only say that a call may have changed. The writer takes the call's lease, renders the log that the call
//! should have ([`render`]), compares it with what was written last, and creates, updates or does nothing. A burst of
//! changes therefore ends in few writes, and the order of messages does not matter.

mod describe;
mod owners;
mod render;
mod writer;

use axum::Router;
use shared::{budget::Lane, sellsy::Sellsy, settings::Settings, topology::Stage, worker::Base};
use tokio_util::sync::CancellationToken;

const NAME: &str = "logger";

pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let renderer = render::Renderer::new(&settings)?;
    let mut base = Base::start(NAME, settings, 1, shutdown)?;
    let sellsy = Sellsy::new(&base.settings.sellsy, &base.database, NAME)?;
    let owners = owners::Owners::new(sellsy.clone(), base.settings.sellsy.default_owner_id);
    base.spawn_until_shutdown(sellsy.on(Lane::Background).learn_limits());
    let publisher = base.publisher.clone();
    let writer = writer::Writer { database: base.database.clone(), publisher, sellsy, owners, renderer };
    base.consume(Stage::Logger, writer)?;
    base.serve(Router::new()).await
}
