//! The values that a log template may use: one context, made from the call, without anything that expires.
//!
//! `docs/log-template.md` describes every field for people who write templates, and a test compares it with this code.
//! All texts that people wrote pass through [`clean`], and each has a limit, so that one huge note cannot push the rest
//! out of the log. The limits of all fields together stay under that of the whole ([`crate::render::LIMIT`]).

pub(crate) mod clean;
mod words;

use base::settings::{CallLink, Language};
use ledger::insight::{Content, Insights, Section as InsightSection};
use serde::Serialize;
use vendors::aircall::wire::{Call, Direction, IvrOption, Participant};

use clean::{cut, cut_all, line, paragraph};

// Maximum characters of a text, or of all texts of one kind together; and the maximum number of texts of a kind.
const NAME: usize = 60;
const LINE: usize = 160;
const NUMBER: usize = 40;
const LINK: usize = 300;
const REASON: usize = 60;
const TEAMS: (usize, usize) = (10, 300);
const MENU: (usize, usize) = (10, 300);
const PARTICIPANTS: (usize, usize) = (12, 500);
const TAGS: (usize, usize) = (30, 500);
/// Aircall keeps five.
const NOTES: (usize, usize) = (10, 3_000);
const SUMMARY: usize = 2_500;
const TOPICS: (usize, usize) = (30, 500);
const SENTIMENTS: (usize, usize) = (6, 300);
const ACTION_ITEMS: (usize, usize) = (20, 1_200);
const CUSTOM_SECTIONS: (usize, usize) = (16, 2_500);

/// How a log is written.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    pub(crate) language: Language,
    pub(crate) call_link: CallLink,
}

/// How a call ended for the person who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Connected,
    Voicemail,
    Missed,
}

/// Answered, else a voicemail, else missed; Aircall has no field for this.
pub(crate) fn outcome(call: &Call) -> Outcome {
    if call.was_answered() {
        Outcome::Connected
    } else if call.has_voicemail() {
        Outcome::Voicemail
    } else {
        Outcome::Missed
    }
}

/// Who called whom. Aircall has no third direction; should it add one, the call counts as inbound.
pub(crate) fn is_outbound(call: &Call) -> bool {
    call.direction == Some(Direction::Outbound)
}

#[derive(Debug, Serialize)]
pub(crate) struct Context {
    call_id: i64,
    direction: &'static str,
    outcome: Outcome,
    agent: Option<String>,
    missed_reason: Option<String>,
    missed_reason_code: Option<String>,
    talk: Option<String>,
    total: Option<String>,
    line: Option<String>,
    teams: Vec<String>,
    transferred_by: Option<String>,
    forwarded_to: Option<String>,
    menu: Vec<String>,
    participants: Vec<String>,
    callback_of: Option<i64>,
    other_call: Option<i64>,
    other_conversation: Option<String>,
    conversation: Option<String>,
    recording: Option<String>,
    voicemail: Option<String>,
    tags: Vec<String>,
    notes: Vec<Note>,
    summary: Option<String>,
    topics: Vec<String>,
    sentiments: Vec<Sentiment>,
    action_items: Vec<String>,
    custom_summaries: Vec<Custom>,
}

#[derive(Debug, Serialize)]
struct Note {
    author: Option<String>,
    text: String,
}

#[derive(Debug, Serialize)]
struct Sentiment {
    internal: bool,
    value: String,
    code: String,
}

#[derive(Debug, Serialize)]
struct Custom {
    name: String,
    sections: Vec<Section>,
}

#[derive(Debug, Serialize)]
struct Section {
    name: String,
    text: String,
}

pub(crate) fn context(call: &Call, insights: &Insights, style: &Style) -> Context {
    let language = style.language;
    let outcome = outcome(call);
    let is_voicemail = outcome == Outcome::Voicemail || call.leads_to_voicemail();
    let asset = link(call);
    let reason = call.missed_call_reason.as_ref().filter(|_| outcome != Outcome::Connected);
    Context {
        call_id: call.id,
        direction: if is_outbound(call) { "outbound" } else { "inbound" },
        outcome,
        agent: call.user.as_ref().and_then(|user| name(user.name.as_deref())),
        missed_reason: reason.map(|reason| cut(&line(&words::missed_reason(reason, language)), REASON)),
        missed_reason_code: reason.map(|reason| cut(&line(reason.as_str()), REASON)),
        talk: call.talk_seconds().map(clock),
        total: call.duration.map(clock),
        line: company_line(call),
        teams: several(call.teams.iter().map(|team| team.name.as_deref()), TEAMS),
        transferred_by: transferred_by(call),
        forwarded_to: call.external_transferred_to.as_deref().map(|number| cut(&line(number), NUMBER)),
        menu: menu(call),
        participants: participants(call),
        callback_of: call.automatic_callback_call_id,
        other_call: None,
        other_conversation: None,
        conversation: style.call_link.of(call.id).filter(|link| link.chars().count() <= LINK),
        recording: asset.clone().filter(|_| !is_voicemail),
        voicemail: asset.filter(|_| is_voicemail),
        tags: several(call.tags.iter().map(|tag| tag.name.as_deref()), TAGS),
        notes: notes(call),
        summary: summary(insights),
        topics: topics(insights),
        sentiments: sentiments(insights, language),
        action_items: action_items(insights),
        custom_summaries: custom_summaries(insights),
    }
}

impl Context {
    /// With the other call of a transfer.
    pub(crate) fn beside(mut self, other_call: Option<i64>, style: &Style) -> Self {
        self.other_call = other_call;
        self.other_conversation =
            other_call.and_then(|id| style.call_link.of(id)).filter(|link| link.chars().count() <= LINK);
        self
    }

    /// With shorter notes and insights, which make a log long: each halving halves their limits. Facts and links are kept.
    pub(crate) fn shortened(mut self, halvings: u32) -> Self {
        let all = |texts: Vec<String>, (most, limit): (usize, usize)| cut_all(texts, most, limit >> halvings);
        let notes = all(self.notes.iter().map(|note| note.text.clone()).collect(), NOTES);
        for (note, text) in self.notes.iter_mut().zip(notes) {
            note.text = text;
        }
        self.summary = self.summary.map(|text| cut(&text, SUMMARY >> halvings));
        self.action_items = all(self.action_items, ACTION_ITEMS);
        let mut sections: Vec<_> = self.custom_summaries.iter_mut().flat_map(|custom| &mut custom.sections).collect();
        let texts = all(sections.iter().map(|section| section.text.clone()).collect(), CUSTOM_SECTIONS);
        for (section, text) in sections.iter_mut().zip(texts) {
            section.text = text;
        }
        self
    }
}

/// The permanent page of the recording or voicemail. What is not a link, or too long for one, is left out: a link that
/// was cut would not work.
pub fn link(call: &Call) -> Option<String> {
    let link = line(call.asset.as_deref()?);
    let whole = link.starts_with("https://") && !link.contains(' ') && link.chars().count() <= LINK;
    whole.then_some(link)
}

/// Aircall keeps both names after a failed transfer, and for a transfer to a team it names the team's first user. So a
/// transfer counts only if the call ended with somebody other than the person who transferred it.
fn transferred_by(call: &Call) -> Option<String> {
    let (from, agent) = (call.transferred_by.as_ref()?, call.user.as_ref()?);
    let passed_on = from.id.is_some() && agent.id.is_some() && from.id != agent.id;
    name(from.name.as_deref()).filter(|_| passed_on)
}

/// What the caller chose in the voice menu, in that order: `1 – Ventes`.
fn menu(call: &Call) -> Vec<String> {
    let choice = |option: &IvrOption| {
        let parts = [option.key.as_deref(), option.title.as_deref().or(option.id.as_deref())];
        let parts: Vec<String> = parts.into_iter().filter_map(name).collect();
        parts.join(" – ")
    };
    let choices = call.ivr_options_selected.iter().map(choice).filter(|choice| !choice.is_empty());
    cut_all(choices.collect(), MENU.0, MENU.1)
}

/// Who took part in a conference: names, and numbers of those without. Two are no conference.
fn participants(call: &Call) -> Vec<String> {
    let all = if call.participants.is_empty() { &call.conference_participants } else { &call.participants };
    let of = |one: &Participant| {
        name(one.name.as_deref()).or_else(|| one.phone_number.as_deref().map(|number| cut(&line(number), NUMBER)))
    };
    let names: Vec<_> = all.iter().filter_map(of).filter(|name| !name.is_empty()).collect();
    if names.len() < 3 { Vec::new() } else { cut_all(names, PARTICIPANTS.0, PARTICIPANTS.1) }
}

fn company_line(call: &Call) -> Option<String> {
    let number = call.number.as_ref()?;
    let digits = number.digits.as_deref().or(number.e164_digits.as_deref()).map(line).filter(|text| !text.is_empty());
    let text = match (number.name.as_deref().map(line).filter(|text| !text.is_empty()), digits) {
        (Some(name), Some(digits)) if name != digits => format!("{} ({})", cut(&name, NAME), cut(&digits, NUMBER)),
        (Some(text), _) | (None, Some(text)) => text,
        (None, None) => return None,
    };
    Some(cut(&text, LINE))
}

fn name(text: Option<&str>) -> Option<String> {
    text.map(|text| cut(&line(text), NAME)).filter(|name| !name.is_empty())
}

fn notes(call: &Call) -> Vec<Note> {
    let notes = call.comments.iter().map(|note| (note, paragraph(note.content.as_deref().unwrap_or_default())));
    let (notes, texts): (Vec<_>, Vec<_>) = notes.filter(|(_, text)| !text.is_empty()).unzip();
    let authors = notes.iter().map(|note| name(note.posted_by.as_ref().and_then(|user| user.name.as_deref())));
    let texts = cut_all(texts, NOTES.0, NOTES.1);
    authors.zip(texts).map(|(author, text)| Note { author, text }).collect()
}

fn several<'a>(texts: impl Iterator<Item = Option<&'a str>>, (most, limit): (usize, usize)) -> Vec<String> {
    cut_all(texts.flatten().map(line).filter(|text| !text.is_empty()).collect(), most, limit)
}

fn summary(insights: &Insights) -> Option<String> {
    let text = insights.values().find_map(|insight| match &insight.content {
        Content::Summary { text } => Some(cut(&paragraph(text), SUMMARY)),
        _ => None,
    });
    text.filter(|text| !text.is_empty())
}

fn topics(insights: &Insights) -> Vec<String> {
    let topics = insights.values().filter_map(|insight| match &insight.content {
        Content::Topics { topics } => Some(topics),
        _ => None,
    });
    several(topics.flatten().map(|topic| Some(topic.as_str())), TOPICS)
}

fn sentiments(insights: &Insights, language: Language) -> Vec<Sentiment> {
    let participants = insights.values().filter_map(|insight| match &insight.content {
        Content::Sentiment { participants } => Some(participants),
        _ => None,
    });
    let participants: Vec<_> = participants.flatten().filter(|p| !line(&p.value).is_empty()).collect();
    let values = participants.iter().map(|p| cut(&line(&words::sentiment(&p.value, language)), REASON)).collect();
    let values = cut_all(values, SENTIMENTS.0, SENTIMENTS.1);
    let code = |value: &str| cut(&line(value), REASON);
    let sentiments = participants.iter().zip(values);
    sentiments.map(|(p, value)| Sentiment { internal: p.internal, value, code: code(&p.value) }).collect()
}

/// In the order of their ids, which are numbers as far as is known.
fn action_items(insights: &Insights) -> Vec<String> {
    let mut items: Vec<_> = insights
        .values()
        .filter_map(|insight| match &insight.content {
            Content::ActionItem { id, text } => Some((id.len(), id, text.as_str())),
            _ => None,
        })
        .collect();
    items.sort_unstable();
    several(items.into_iter().map(|(_, _, text)| Some(text)), ACTION_ITEMS)
}

fn custom_summaries(insights: &Insights) -> Vec<Custom> {
    let sections = insights.values().filter_map(|insight| match &insight.content {
        Content::CustomSummary { name, sections } => Some(sections.iter().map(move |section| (name, section))),
        _ => None,
    });
    let texts = sections.flatten().map(|(name, section)| ((name, section), paragraph(&section.text)));
    let (sections, texts): (Vec<(&String, &InsightSection)>, Vec<_>) =
        texts.filter(|(_, text)| !text.is_empty()).unzip();
    let mut customs: Vec<(&String, Custom)> = Vec::new();
    for ((of, section), text) in sections.into_iter().zip(cut_all(texts, CUSTOM_SECTIONS.0, CUSTOM_SECTIONS.1)) {
        if customs.last().is_none_or(|(last, _)| *last != of) {
            customs.push((of, Custom { name: cut(&line(of), NAME), sections: Vec::new() }));
        }
        if let Some((_, custom)) = customs.last_mut() {
            custom.sections.push(Section { name: name(Some(&section.name)).unwrap_or("–".into()), text });
        }
    }
    customs.into_iter().map(|(_, custom)| custom).collect()
}

/// `m:ss` or `h:mm:ss`.
fn clock(seconds: u64) -> String {
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") }
}

#[cfg(test)]
mod tests;
