//! Alerts: somebody is told when something is wrong that no retry repairs, and told again when it is over.
//!
//! Every half minute each replica looks at what all replicas can see in the broker and in the database ([`check`]), and decides what is wrong ([`signs`]).
//! What they have found is in the table `troubles` ([`crate::troubles`]). Each receiver has a task of its own ([`deliver`]), which compares that table with
//! what this receiver was told ([`told`]), so that one that fails holds back no other, and all replicas together tell it once. So it does not matter which
//! worker parked a message, or which replica saw it, and no message waits for an alert.
//!
//! The receivers are not the vendors: they have clients of their own, and no budget. Texts and details hold counts and the names of stages, workers, APIs
//! and kinds of records, nothing about people.

mod check;
mod deliver;
mod directory;
mod message;
mod receivers;
mod signs;
mod standing;
mod told;
mod weekly;
mod words;

use base::settings::{AlertChannel, Settings};
use broker::worker::Worker;

use check::Check;
use deliver::Delivery;
use receivers::Receiver;

/// Starts to look and to tell, if there is anybody to tell.
pub(crate) fn start(worker: &mut Worker) -> anyhow::Result<()> {
    let settings = &worker.settings;
    let receivers = receivers::of(&settings.alerts)?;
    if receivers.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = receivers.iter().map(|receiver| receiver.channel().as_str()).collect();
    tracing::info!(receivers = names.join(", "), "Somebody is told when something is wrong.");
    let weeklies = weeklies(worker)?;
    let deliveries: Vec<_> = receivers.into_iter().map(|receiver| delivery(worker, receiver)).collect();
    let check = Check {
        database: worker.database.clone(),
        publisher: worker.publisher.clone(),
        workers: workers(settings),
        sync_every: settings.directory_sync_every,
    };
    worker.spawn_until_shutdown(check.run());
    for delivery in deliveries {
        worker.spawn_until_shutdown(delivery.run());
    }
    for weekly in weeklies {
        worker.spawn_until_shutdown(weekly.run());
    }
    Ok(())
}

/// The weekly message, for each receiver that gets it.
fn weeklies(worker: &Worker) -> anyhow::Result<Vec<weekly::Weekly>> {
    let settings = &worker.settings;
    let Some(day) = settings.reports.weekly else { return Ok(Vec::new()) };
    let weekly = |receiver: Receiver| weekly::Weekly {
        database: worker.database.clone(),
        receiver,
        day,
        words: words(settings),
    };
    let wanted = |receiver: &Receiver| settings.reports.weekly_to.contains(&receiver.channel());
    Ok(receivers::of(&settings.alerts)?.into_iter().filter(wanted).map(weekly).collect())
}

fn words(settings: &Settings) -> words::Words {
    words::Words {
        language: settings.log_language,
        time_zone: settings.time_zone.clone(),
        console_url: settings.console_url.clone(),
    }
}

fn delivery(worker: &Worker, receiver: Receiver) -> Delivery {
    let settings = &worker.settings;
    let channel: AlertChannel = receiver.channel();
    Delivery {
        database: worker.database.clone(),
        kinds: settings.alerts.kinds.wanted_by(channel).collect(),
        receiver,
        words: words(settings),
    }
}

/// The workers that can be missed, and whether this installation needs them. Ingest itself is not among them: it is ingest that looks.
fn workers(settings: &Settings) -> Vec<(&'static str, bool)> {
    vec![("resolver", true), ("logger", true), ("insights", true), ("followups", settings.rules.have_followups())]
}
