//! What follows from a call beside its log, by the file of rules: tasks (`[missed]`, `[action_items]`, `[tags]`), smart-tags and steps of
//! opportunities (`[tags]`), prospects (`[unknown]`). Text messages become a comment (`[messages]`).
//!
//! A message only says that something may follow from a call ([`notice`]): the ledger then has a row for it, which is due at a time. When it is,
//! the ledger hands it on ([`turn`]), and what follows is brought to what it should be ([`carry`]). For a task, [`plan`] decides, and [`wanted`] says
//! what it says, from the calls and the rules alone. So the order of messages does not matter, and one that is lost costs time only.
//! [`missed`] are the rules about missed calls, and [`reports`] counts all calls for the people who pay for it. A task whose id the ledger does not know is found by its marker ([`text`]), and what a person
//! has done with one is seen by how it stood ([`face`]).

mod about;
mod carry;
mod comment;
mod conversation;
mod due;
mod face;
mod labels;
mod messages;
pub mod missed;
mod notice;
mod plan;
mod prospect;
mod reports;
mod smart_tags;
mod step;
mod steps;
mod task;
mod text;
mod turn;
mod wanted;

pub use due::{FOLLOWUP_DUE, FollowupDue};
pub use prospect::reference;

use std::sync::Arc;

use axum::Router;
use base::{ids::Stage, settings::Settings};
use broker::{
    amqp::{Handler, Incoming, Outcome},
    worker::Worker,
};
use logger::Owners;
use resolver::{LookUp, Newcomers};
use tokio_util::sync::CancellationToken;
use vendors::{
    budget::{Lane, Role},
    sellsy::Sellsy,
};

const NAME: &str = "followups";

pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut worker = Worker::start(NAME, settings, &[Stage::Followups], shutdown)?;
    let settings = Arc::new(worker.settings.clone());
    let sellsy = Sellsy::new(&settings.sellsy, &worker.database, Role::Worker(NAME))?;
    let sellsy = sellsy.reporting_to(worker.readiness.condition("Sellsy"));
    worker.spawn_until_shutdown(sellsy.on(Lane::Background).learn_limits());
    let owners =
        Owners::new(sellsy.clone(), worker.database.clone(), settings.sellsy.default_owner_id, settings.rules.clone());
    let notice = notice::Notice { database: worker.database.clone(), settings: settings.clone() };
    // Without rules nothing follows, and no messages are collected for it.
    if settings.rules.have_followups() {
        worker.spawn_until_shutdown(turn::run(notice.clone(), worker.publisher.clone()));
    }
    worker.spawn_until_shutdown(reports::run(worker.database.clone(), settings.clone()));
    let carry = carry::Carry {
        database: worker.database.clone(),
        labels: labels::Labels::new(sellsy.clone()),
        steps: steps::Steps::new(sellsy.clone()),
        newcomers: Newcomers::new(
            sellsy.clone(),
            &settings,
            worker.database.clone(),
            worker.timeline.clone(),
            worker.publisher.clone(),
        ),
        look_up: LookUp::new(sellsy.clone(), &settings, worker.database.clone())
            .with_rules(settings.rules.clone(), None),
        sellsy,
        owners,
        settings: settings.clone(),
    };
    let handler = Followups { notice, carry };
    worker.consume_if(settings.rules.have_followups(), Stage::Followups, handler)?;
    worker.serve(Router::new()).await
}

struct Followups {
    notice: notice::Notice,
    carry: carry::Carry,
}

impl Handler for Followups {
    async fn handle(&self, message: &Incoming) -> base::error::Result<Outcome> {
        match message.event.kind.as_str() {
            FOLLOWUP_DUE => self.carry.handle(message).await,
            kind if kind.starts_with(messages::KINDS) => self.notice.take_message(message).await,
            _ => self.notice.take(message).await,
        }
    }
}
