//! The log that a call should have: from the ledger's row to the body of `POST /phone-calls`.

use anyhow::Context as _;
use jiff::tz::TimeZone;
use minijinja::Environment;
use shared::{
    aircall::wire::{Call, Direction},
    error::{Code, Error, Result},
    event::CallId,
    ledger::{
        calls::Loggable,
        resolution::{Kind, Record, Resolution},
    },
    sellsy::wire::{CallResult, CallSource, PhoneCallCreate, RecordKind, Related},
    settings::{Language, Settings},
};

use crate::describe::{self, Outcome};

const FRENCH: &str = include_str!("../templates/fr.j2");
const ENGLISH: &str = include_str!("../templates/en.j2");
const LOG: &str = "log";

pub(crate) struct Renderer {
    templates: Environment<'static>,
    time_zone: TimeZone,
}

/// What is known of a call once it can be logged.
pub(crate) struct Ready<'a> {
    pub(crate) call: &'a Call,
    pub(crate) record: &'a Record,
    pub(crate) resolution: &'a Resolution,
}

/// Whether a call can be logged, or why there is nothing to write.
pub(crate) fn ready(row: &Loggable) -> Result<Ready<'_>, &'static str> {
    let resolution = row.resolution.as_ref().ok_or("it has not been resolved yet")?;
    let record = resolution.record.as_ref().ok_or("nobody in Sellsy has its number")?;
    let call = row.snapshot.as_ref().ok_or("the call itself has not arrived yet")?;
    if row.reopened {
        return Err("its record is gone from Sellsy; the caller is looked up again");
    }
    if row.gone {
        return Err("a person has deleted its log in Sellsy");
    }
    Ok(Ready { call, record, resolution })
}

/// The line by which a log of ours is recognised. It stands alone in its line, and texts of people are indented.
pub(crate) fn marker(call_id: CallId) -> String {
    format!("Aircall call {call_id}")
}

/// The record first: a lost log is searched for there.
pub(crate) fn related(record: &Record, opportunity: Option<i64>) -> Vec<Related> {
    let kind = match record.kind {
        Kind::Individual => RecordKind::Individual,
        Kind::Company => RecordKind::Company,
        Kind::Contact => RecordKind::Contact,
    };
    let company = record.companies.first().filter(|_| record.kind == Kind::Contact);
    let company = company.map(|company| Related { kind: RecordKind::Company, id: company.id });
    let opportunity = opportunity.map(|id| Related { kind: RecordKind::Opportunity, id });
    [Some(Related { kind, id: record.id }), company, opportunity].into_iter().flatten().collect()
}

impl Renderer {
    pub(crate) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let mut templates = Environment::new();
        // A misspelled variable is an error, not an empty line in every log.
        templates.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
        let template = match settings.log_language {
            Language::French => FRENCH,
            Language::English => ENGLISH,
        };
        templates.add_template(LOG, template).context("the template of the log")?;
        Ok(Self { templates, time_zone: settings.time_zone.clone() })
    }

    pub(crate) fn render(&self, row: &Loggable, ready: &Ready<'_>, owner_id: i64) -> Result<PhoneCallCreate> {
        let call = ready.call;
        let date = call.started_at.or(call.ended_at).ok_or_else(|| unusable("the call has no start"))?;
        let result = match describe::outcome(call) {
            Outcome::Connected => CallResult::Connected,
            Outcome::Voicemail => CallResult::VoiceMessage,
            Outcome::Missed => CallResult::NoAnswer,
        };
        let source = match call.direction {
            Some(Direction::Outbound) => CallSource::Outgoing,
            _ => CallSource::Incoming,
        };
        Ok(PhoneCallCreate {
            owner_id,
            date: date.to_zoned(self.time_zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            result,
            source,
            related: related(ready.record, ready.resolution.opportunity.as_ref().map(|o| o.id)),
            description: self.description(row, call)?,
            duration: call.duration.unwrap_or_default(),
        })
    }

    fn description(&self, row: &Loggable, call: &Call) -> Result<String> {
        let context = describe::context(call, &row.insights);
        let rendered =
            self.templates.get_template(LOG).and_then(|template| template.render(minijinja::value::Serde(&context)));
        // A template's error names a line and a variable, never a value.
        let text = rendered.map_err(|e| unusable(&format!("the template of the log fails: {e}")))?;
        Ok(text.trim_end().to_owned())
    }
}

fn unusable(problem: &str) -> Error {
    Error::park(Code::MessageMalformed, problem)
}

#[cfg(test)]
mod tests;
