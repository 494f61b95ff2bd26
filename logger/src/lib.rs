//! One Sellsy phone call per Aircall call, kept up to date.
//!
//! Messages only say that a call may have changed. The writer ([`writer`]) takes the call's lease and renders the log
//! that the call should have ([`render`]: the values for a template are made in [`describe`], the template itself is in
//! [`template`]). It then carries out what [`plan`] decides: create the log, update it or leave it as it is. The
//! decision depends on the call's row alone, so the order of messages does not matter. Changes of an existing log are
//! gathered for a while ([`gather`]), so a burst costs few writes. Where Sellsy does not let us write phone calls, the
//! log can be a comment ([`forms`]). Before a log is changed it is read, many at once ([`reader`]): of its text one block is ours
//! ([`block`]), and what people have written or changed stays ([`people`]). A log whose id the ledger does not know is found by its [`marker`]. A call whose
//! message was lost is handed on by the ledger ([`hand_on`]). The end of a call comes here first, and is logged at once if its caller is known ([`ended`]). What an account wants otherwise (`RULES`) is in [`tags`], [`owners`] and [`render`].

mod block;
mod describe;
mod ended;
mod forms;
mod gather;
mod hand_on;
mod marker;
mod owners;
mod people;
mod plan;
mod reader;
mod render;
mod tags;
mod template;
mod writer;

use std::{path::Path, sync::Arc};

use axum::Router;
use base::{
    ids::{CallId, Stage},
    settings::{CallLink, Language, Settings},
};
use broker::worker::Worker;
use jiff::tz::TimeZone;
use ledger::{calls::CallRow, timeline::Reason, together::Together};
use tokio_util::sync::CancellationToken;
use vendors::{
    budget::{Lane, Role},
    sellsy::Sellsy,
};

pub use block::{Apart, apart, squashed, without_html};
use describe::Style;
pub use describe::{
    clean::{cut, line},
    link,
};
pub use marker::plain;
pub use owners::Owners;
use template::Template;

const NAME: &str = "logger";

pub async fn run(settings: Settings, shutdown: CancellationToken) -> anyhow::Result<()> {
    // First, because a template that does not work is a configuration error.
    let renderer = render::Renderer::new(&settings)?;
    let mut worker = Worker::start(NAME, settings, &[Stage::Ended, Stage::Logger], shutdown)?;
    let sellsy = Sellsy::new(&worker.settings.sellsy, &worker.database, Role::Worker(NAME))?;
    let sellsy = sellsy.reporting_to(worker.readiness.condition("Sellsy"));
    let rules = worker.settings.rules.clone();
    let owners =
        Owners::new(sellsy.clone(), worker.database.clone(), worker.settings.sellsy.default_owner_id, rules.clone());
    let left_out = writer::LeftOut::new(rules.clone(), worker.settings.time_zone.clone());
    let by_rules = rules.calls.look_at_end() || rules.calls.without_suppliers || rules.calls.without_own_lines;
    let look_up = resolver::LookUp::new(sellsy.clone(), &worker.settings, worker.database.clone());
    let look_up = look_up.with_rules(rules.clone(), None);
    let tags = tags::Tags::new(sellsy.clone(), rules);
    worker.spawn_until_shutdown(sellsy.on(Lane::Background).learn_limits());
    let forms = forms::Forms::new(sellsy, worker.settings.log_fallback);
    let (reader, updates_every) = (reader::Reader::default(), worker.settings.log_updates_every);
    let publisher = worker.publisher.clone();
    let (database, stranded) = (worker.database.clone(), writer::Stranded::default());
    worker.spawn_until_shutdown(hand_on::run(database.clone(), publisher.clone()));
    let timeline = worker.timeline.clone();
    let (takes, records) = (Together::start(database.clone()), Together::start(database.clone()));
    let decisions = Together::start(database.clone());
    let writer = Arc::new(writer::Writer {
        database,
        publisher,
        forms,
        reader,
        owners,
        tags,
        left_out,
        renderer,
        updates_every,
        stranded,
        takes,
        records,
    });
    worker.consume(Stage::Ended, ended::Ended { writer: writer.clone(), timeline, look_up, decisions, by_rules })?;
    worker.consume(Stage::Logger, writer::Logged(writer))?;
    worker.serve(Router::new()).await
}

/// Logs as the worker writes them, for pages that only show them.
pub struct Logs(render::Renderer);

impl Logs {
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self(render::Renderer::new(settings)?))
    }

    /// By the template that is built in, with times in UTC.
    pub fn shipped(language: Language) -> anyhow::Result<Self> {
        Ok(Self(render::Renderer::with(Template::shipped(language)?, style(language), TimeZone::UTC)))
    }

    /// The text of the log that the call should have now, or why it has none.
    pub fn text(&self, row: &CallRow) -> Result<String, Reason> {
        let ready = plan::ready(row)?;
        Ok(self.0.text(row, &ready)?)
    }
}

/// With the default link.
pub(crate) fn style(language: Language) -> Style {
    let call_link = CallLink::DEFAULT.parse();
    Style { language, call_link: call_link.unwrap_or(CallLink::NONE) }
}

/// The example calls rendered with the template in `file`, or with the built-in one; or why the template does not work.
pub fn preview(language: Language, file: Option<&Path>) -> Result<String, String> {
    let template = match file {
        Some(file) => Template::own(file, language)?,
        None => Template::shipped(language).map_err(|e| format!("{e:#}"))?,
    };
    let shown = template::examples().map_err(|e| format!("{e:#}"))?.into_iter().map(|example| {
        let context = example.context(language);
        let filled_in = template.render(&context).map_err(|e| e.message)?;
        Ok(format!("---- {} ----\n{}\n", example.name, render::description(CallId(example.call.id), &filled_in)))
    });
    Ok(shown.collect::<Result<Vec<_>, String>>()?.join("\n"))
}
