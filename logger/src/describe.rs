//! What the templates of the log may use: one context, made of the call, and nothing that expires.
//!
//! Texts of people are cleaned here: control characters go, angle brackets become typographic ones (whether Sellsy
//! renders HTML is not documented), and notes are indented, so that nobody can write our marker line by hand.

use serde::Serialize;
use shared::{
    aircall::wire::{Call, Comment, Direction},
    ledger::insight::{Content, Insights},
};

/// How a call ended for the one who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Connected,
    Voicemail,
    Missed,
}

/// Answered, else a voicemail, else missed; Aircall has no word for it.
pub(crate) fn outcome(call: &Call) -> Outcome {
    if call.was_answered() {
        Outcome::Connected
    } else if call.voicemail.is_some() || is_voicemail(call) {
        Outcome::Voicemail
    } else {
        Outcome::Missed
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Context {
    call_id: i64,
    /// `inbound` or `outbound`.
    direction: String,
    outcome: Outcome,
    agent: Option<String>,
    missed_reason: Option<String>,
    /// `m:ss` or `h:mm:ss`; talk time only if somebody answered.
    talk: Option<String>,
    total: String,
    line: Option<String>,
    teams: Vec<String>,
    /// Who passed the call on to the agent.
    transferred_by: Option<String>,
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

pub(crate) fn context(call: &Call, insights: &Insights) -> Context {
    let asset = call.asset.as_deref().map(line);
    let context = Context {
        call_id: call.id,
        direction: call.direction.as_ref().unwrap_or(&Direction::Inbound).to_string(),
        outcome: outcome(call),
        agent: call.user.as_ref().and_then(|user| user.name.as_deref()).map(line),
        missed_reason: call.missed_call_reason.as_ref().map(|reason| line(&reason.to_string().replace('_', " "))),
        talk: call.talk_seconds().map(clock),
        total: clock(call.duration.unwrap_or_default()),
        line: number(call),
        teams: call.teams.iter().filter_map(|team| team.name.as_deref()).map(line).collect(),
        transferred_by: transferred_by(call),
        recording: asset.clone().filter(|_| !is_voicemail(call)),
        voicemail: asset.filter(|_| is_voicemail(call)),
        tags: call.tags.iter().filter_map(|tag| tag.name.as_deref()).map(line).collect(),
        notes: call.comments.iter().filter_map(note).collect(),
        summary: None,
        topics: Vec::new(),
        sentiments: Vec::new(),
        action_items: Vec::new(),
        custom_summaries: Vec::new(),
    };
    with_insights(context, insights)
}

fn with_insights(mut context: Context, insights: &Insights) -> Context {
    for insight in insights.values() {
        match &insight.content {
            Content::Summary { text } => context.summary = Some(paragraph(text)),
            Content::Topics { topics } => context.topics = topics.iter().map(|topic| line(topic)).collect(),
            Content::Sentiment { participants } => {
                context.sentiments =
                    participants.iter().map(|p| Sentiment { internal: p.internal, value: line(&p.value) }).collect();
            }
            Content::ActionItem { text, .. } => context.action_items.push(line(text)),
            Content::CustomSummary { name, sections } => context.custom_summaries.push(Custom {
                name: line(name),
                sections: sections.iter().map(|s| Section { name: line(&s.name), text: line(&s.text) }).collect(),
            }),
        }
    }
    context
}

/// The permanent link says what it leads to: `…/calls/ID/voicemail` or `…/calls/ID/recording`.
fn is_voicemail(call: &Call) -> bool {
    call.asset.as_deref().is_some_and(|asset| asset.trim_end_matches('/').ends_with("/voicemail"))
}

/// Aircall keeps both names after a transfer that failed: it counts only if the call ended with whom it went to.
fn transferred_by(call: &Call) -> Option<String> {
    let (from, to, agent) = (call.transferred_by.as_ref()?, call.transferred_to.as_ref()?, call.user.as_ref()?);
    from.name.as_deref().filter(|_| to.id.is_some() && to.id == agent.id).map(line)
}

fn number(call: &Call) -> Option<String> {
    let number = call.number.as_ref()?;
    match (&number.name, &number.digits) {
        (Some(name), Some(digits)) => Some(line(&format!("{name} ({digits})"))),
        (Some(text), None) | (None, Some(text)) => Some(line(text)),
        (None, None) => None,
    }
}

fn note(comment: &Comment) -> Option<Note> {
    let text = paragraph(comment.content.as_deref()?);
    let author = comment.posted_by.as_ref().and_then(|user| user.name.as_deref()).map(line);
    (!text.is_empty()).then_some(Note { author, text })
}

fn clock(seconds: u64) -> String {
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if h > 0 { format!("{h}:{m:02}:{s:02}") } else { format!("{m}:{s:02}") }
}

/// Text of a person as one line.
fn line(text: &str) -> String {
    text.split_whitespace().map(clean).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Text of a person with its lines, each indented.
fn paragraph(text: &str) -> String {
    let lines = text.lines().map(line).filter(|line| !line.is_empty());
    lines.map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

fn clean(word: &str) -> String {
    let kept = word.chars().filter(|c| !c.is_control());
    kept.map(|c| match c {
        '<' => '‹',
        '>' => '›',
        c => c,
    })
    .collect()
}
