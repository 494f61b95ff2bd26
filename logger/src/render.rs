//! The log that a call should have: from the ledger's row to the body of `POST /phone-calls`.

use std::sync::{
    Arc, PoisonError, RwLock,
    atomic::{AtomicUsize, Ordering},
};

use base::{
    error::{Code, Error, Result},
    ids::{CallId, Kind},
    rules::Rules,
    settings::{Language, Problems, Settings},
};
use jiff::{Timestamp, tz::TimeZone};
use ledger::{
    calls::CallRow,
    form::LogForm,
    resolution::{Record, Resolution},
};
use vendors::{
    aircall::wire::Call,
    proven::{Answers, Breaks, Tags},
    sellsy::{
        Field, WriteError,
        wire::{CallResult, CallSource, PhoneCallCreate, RecordKind, Related},
    },
};

use crate::{
    block,
    describe::{self, Outcome, Style, clean},
    marker,
    template::Template,
};

/// Maximum characters of a description. Sellsy documents no limit; this many are at most 64,000 bytes, which fits into
/// the 65,535 that a column for long texts holds at least in the usual databases.
pub(crate) const LIMIT: usize = 16_000;

/// How often the texts of a log that Sellsy refuses as too long are halved, twice at a time.
const HALVINGS: [u32; 3] = [0, 2, 4];

pub(crate) struct Renderer {
    template: Template,
    style: Style,
    /// The template for lines whose logs are in the other language.
    other: Option<Template>,
    rules: Arc<Rules>,
    time_zone: TimeZone,
    /// The shortest description that Sellsy has refused as too long, in characters.
    too_long: AtomicUsize,
    accepts: RwLock<Accepts>,
}

/// What was found out about the texts that this account takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepts {
    /// Characters of a description.
    longest: Option<usize>,
    loses_line_breaks: bool,
    loses_tags: bool,
}

impl Accepts {
    pub(crate) fn of(proven: &Answers) -> Self {
        let Answers { description, texts, .. } = proven;
        Self {
            longest: description.and_then(|longest| longest.most),
            loses_line_breaks: texts.is_some_and(|texts| matches!(texts.breaks, Breaks::Blanks | Breaks::Lost)),
            loses_tags: texts.is_some_and(|texts| texts.tags == Tags::Stripped),
        }
    }
}

/// What is known of a call once it can be logged.
#[derive(Debug)]
pub(crate) struct Ready<'a> {
    pub(crate) call: &'a Call,
    pub(crate) record: &'a Record,
    pub(crate) resolution: &'a Resolution,
}

/// The record first: the search for a log that may exist is made there.
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
        let style = Style { language: settings.log_language, call_link: settings.aircall.call_link.clone() };
        let language = style.language;
        let template = |language| match &settings.log_template {
            Some(path) => Template::own(path, language).map_err(|problem| {
                anyhow::Error::new(Problems::one(format!("LOG_TEMPLATE is no template that works: {problem}")))
            }),
            None => Template::shipped(language),
        };
        let other = settings.rules.lines.languages().find(|of_line| *of_line != language);
        let other = other.map(template).transpose()?;
        let renderer = Self::with(template(language)?, style, settings.time_zone.clone());
        Ok(Self { other, rules: settings.rules.clone(), ..renderer })
    }

    pub(crate) fn with(template: Template, style: Style, time_zone: TimeZone) -> Self {
        let (other, rules) = (None, Arc::default());
        let (too_long, accepts) = (AtomicUsize::new(usize::MAX), RwLock::default());
        Self { template, style, other, rules, time_zone, too_long, accepts }
    }

    pub(crate) fn accepts(&self, accepts: Accepts) {
        *self.accepts.write().unwrap_or_else(PoisonError::into_inner) = accepts;
    }

    fn accepted(&self) -> Accepts {
        *self.accepts.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// As if Sellsy had refused this text of an update, if it is known to be too long.
    pub(crate) fn refusal(&self, form: LogForm, text: Option<&str>) -> Option<WriteError> {
        let longest = self.accepted().longest.filter(|_| form == LogForm::PhoneCall)?;
        let length = text.map_or(0, |text| text.chars().count());
        (length > longest).then(|| {
            let message = format!("the log would have {length} characters, and this account takes {longest}");
            WriteError::Refused(Error::park(Code::SellsyRejected, message), Some(Field::Description))
        })
    }

    pub(crate) fn render(&self, row: &CallRow, ready: &Ready<'_>, owner_id: i64) -> Result<PhoneCallCreate> {
        let call = ready.call;
        let date = call.started_at.or(call.ended_at).ok_or_else(|| {
            // Sellsy accepts no log without a date.
            Error::park(Code::MessageMalformed, "the call has no start")
        })?;
        let result = match describe::outcome(call) {
            Outcome::Connected => CallResult::Connected,
            Outcome::Voicemail => CallResult::VoiceMessage,
            Outcome::Missed => CallResult::NoAnswer,
        };
        Ok(PhoneCallCreate {
            owner_id,
            date: local(date, &self.time_zone),
            result,
            source: if describe::is_outbound(call) { CallSource::Outgoing } else { CallSource::Incoming },
            related: related(ready.record, ready.resolution.opportunity.as_ref().map(|o| o.id)),
            description: self.text(row, ready)?,
            duration: call.duration.unwrap_or_default(),
            topic: None,
        })
    }

    /// The description, as long as Sellsy accepts it as far as is known.
    pub(crate) fn text(&self, row: &CallRow, ready: &Ready<'_>) -> Result<String> {
        self.text_below(row, ready, self.too_long.load(Ordering::Relaxed))
    }

    /// The longest description with fewer characters than that, or the shortest that there is; in any case no longer than the account takes.
    pub(crate) fn text_below(&self, row: &CallRow, ready: &Ready<'_>, too_long: usize) -> Result<String> {
        let accepts = self.accepted();
        let too_long = too_long.min(accepts.longest.map_or(usize::MAX, |longest| longest + 1));
        let (template, language) = self.voice(ready.call);
        let style = Style { language, ..self.style.clone() };
        let mut text = String::new();
        for halvings in HALVINGS {
            let context = describe::context(ready.call, &row.insights, &style);
            let context = context.beside(row.other_call, &style).shortened(halvings);
            let filled_in = template.render(&context)?;
            text = described(row.call_id, &filled_in, LIMIT >> halvings, accepts);
            if text.chars().count() < too_long {
                break;
            }
            if let Some(longest) = accepts.longest.filter(|longest| *longest < text.chars().count()) {
                text = described(row.call_id, &filled_in, longest, accepts);
            }
        }
        Ok(text)
    }

    /// A line's logs may be in a language of their own.
    fn voice(&self, call: &Call) -> (&Template, Language) {
        match (self.rules.lines.of(|| call.line()).language, &self.other) {
            (Some(language), Some(other)) if language != self.style.language => (other, language),
            _ => (&self.template, self.style.language),
        }
    }

    /// Sellsy has refused this description as too long.
    pub(crate) fn refused(&self, description: &str) {
        self.too_long.fetch_min(description.chars().count(), Ordering::Relaxed);
    }
}

fn local(date: Timestamp, time_zone: &TimeZone) -> String {
    date.to_zoned(time_zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// The rendered template between the marker line and the end line, neither of which a template can remove or write for another call.
pub(crate) fn description(call_id: CallId, filled_in: &str) -> String {
    described(call_id, filled_in, LIMIT, Accepts::default())
}

/// With at most so many characters.
fn described(call_id: CallId, filled_in: &str, limit: usize, accepts: Accepts) -> String {
    let marker = marker::of(call_id);
    let lines = filled_in.lines().map(|line| line.replace(char::is_control, " ").trim_end().to_owned());
    let lines = lines.filter(|line| line.trim() != marker).map(|line| {
        let text = line.trim();
        // In quotes, so that the line is no marker even if Sellsy trims it.
        if marker::is_line(text) { line.replace(text, &format!("“{text}”")) } else { block::quoted(&line) }
    });
    // Where line breaks get lost, something else has to stand between two lines.
    let lines = lines.filter(|line| !accepts.loses_line_breaks || !line.trim().is_empty());
    let lines = lines.map(|line| if accepts.loses_line_breaks { format!("· {}", line.trim()) } else { line });
    let text = lines.collect::<Vec<_>>().join("\n");
    // Where tags get lost, and all that stands in them, words in angle brackets would.
    let text = if accepts.loses_tags { text.replace('<', "‹").replace('>', "›") } else { text };
    let text = text.trim_matches('\n');
    // If Sellsy loses the line break, a digit would make the marker that of another call.
    let dash = if text.starts_with(|c: char| c.is_ascii_digit()) { "– " } else { "" };
    let room = limit.saturating_sub(block::end("", call_id).chars().count() + 1);
    let block = clean::cut(format!("{marker}\n{dash}{text}").trim_end(), room);
    format!("{block}\n{}", block::end(&block, call_id))
}

#[cfg(test)]
mod tests;
