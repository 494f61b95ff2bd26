//! What a task should be, by the calls and the rules as they are now.

use std::time::Duration;

use base::{
    db::Client,
    error::Result,
    ids::{CallId, Kind},
    rules::{LineOf, StaffRef, TaskRules},
    settings::{Language, Settings},
};
use jiff::Timestamp;
use ledger::{
    calls::{self, Decision},
    followups::{Followup, Key},
    insight::Content,
    missed::{self, Became, Seen},
    resolution::Record,
    timeline::Reason,
};
use vendors::{
    aircall::wire::Call,
    sellsy::wire::{RecordKind, Related},
};

use crate::{
    missed::Calls,
    text::{self, Item, Rings, Text},
};

#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) text: Text,
    pub(crate) is_open: bool,
    /// It is known whose call it is.
    pub(crate) is_decided: bool,
    /// The call in which somebody spoke with the caller.
    pub(crate) spoke: Option<CallId>,
    pub(crate) record: Option<Record>,
    /// Whose it is: the staff of the rules, else the agent with this address, else who owns the record.
    pub(crate) staff: Option<StaffRef>,
    pub(crate) agent: Option<String>,
    pub(crate) label: Option<String>,
    pub(crate) due: Timestamp,
    /// No task of it is older.
    pub(crate) since: Timestamp,
}

impl Wanted {
    /// Of all that can change.
    pub(crate) fn digest(&self) -> String {
        let Self { text: Text { title, description }, is_open, .. } = self;
        blake3::hash(format!("{is_open}\n{title}\n{description}").as_bytes()).to_hex()[..32].to_owned()
    }

    /// A task can be on one record.
    pub(crate) fn related(&self) -> Vec<Related> {
        let related = |record: &Record| Related {
            kind: match record.kind {
                Kind::Individual => RecordKind::Individual,
                Kind::Company => RecordKind::Company,
                Kind::Contact => RecordKind::Contact,
            },
            id: record.id,
        };
        self.record.iter().map(related).collect()
    }
}

/// `None` if nothing is wanted: the rule is off, or the calls are gone.
pub(crate) async fn of(client: &Client, row: &Followup, settings: &Settings) -> Result<Option<Wanted>> {
    match &row.key {
        Key::Missed(_) => of_missed(client, row, settings).await,
        Key::ActionItem { call, item } => of_item(client, &row.key, *call, item, settings).await,
    }
}

async fn of_missed(client: &Client, row: &Followup, settings: &Settings) -> Result<Option<Wanted>> {
    let (Some(rules), Some(number)) = (&settings.rules.missed, &row.number) else { return Ok(None) };
    let calls = Calls::with(client, number, settings).await?;
    let Some(missed) = calls.missed.iter().find(|missed| row.calls.iter().any(|call| missed.calls.contains(call)))
    else {
        return Ok(None);
    };
    let rings: Vec<&Seen> = row.calls.iter().filter_map(|call| calls.seen.get(call)).collect();
    let Some(last) = rings.last() else { return Ok(None) };
    let mut times: Vec<_> = rings.iter().filter_map(|seen| seen.call.started_at.or(seen.call.ended_at)).collect();
    times.sort_unstable();
    let line = last.call.line();
    let with_voicemail = rings.iter().rev().find(|seen| seen.call.has_voicemail());
    let record = rings.iter().rev().find_map(|seen| seen.record.clone());
    let about = missed::Missed {
        caller: record.as_ref().map(|record| record.name.clone()).or_else(|| missed.caller.clone()),
        voicemail: with_voicemail.is_some(),
        ..missed.clone()
    };
    let rings = Rings {
        missed: &about,
        times: times.clone(),
        last: &last.call,
        link: settings.aircall.call_link.of(last.call_id.0),
        voicemail: with_voicemail.and_then(|seen| logger::link(&seen.call)),
    };
    let text = text::missed(&row.key, &rings, language(settings, &last.call), &settings.time_zone);
    let first_at = times.first().copied().unwrap_or(missed.first_at);
    Ok(Some(Wanted {
        text,
        is_open: missed.became == Became::Open,
        // Also who is not decided may be reached.
        is_decided: record.is_some() || last.is_decided,
        spoke: missed.became.reached().map(|reached| reached.call),
        record,
        staff: rules.staff_of(&line).cloned(),
        agent: last.call.user.as_ref().and_then(|user| user.email.clone()),
        label: rules.tasks.label.clone(),
        due: due(settings, &rules.tasks, first_at, &line),
        since: first_at,
    }))
}

async fn of_item(
    client: &Client,
    key: &Key,
    call_id: CallId,
    item: &str,
    settings: &Settings,
) -> Result<Option<Wanted>> {
    let Some(rules) = &settings.rules.action_items else { return Ok(None) };
    let Some(row) = calls::look(client, call_id).await? else { return Ok(None) };
    let insight = row.insights.values().find_map(|insight| match &insight.content {
        Content::ActionItem { id, text } if id == item => Some((insight.at, text)),
        _ => None,
    });
    let (Some((at, says)), Some(call)) = (insight, &row.snapshot) else { return Ok(None) };
    // What the rules leave out is nobody's business.
    let (resolution, is_decided) = match &row.decision {
        Decision::Erased => return Ok(None),
        Decision::Undecided => (None, false),
        Decision::Reopened(resolution) => (Some(resolution), false),
        Decision::Final { resolution, .. } => (Some(resolution), true),
    };
    if resolution.is_some_and(|by| matches!(by.rule, Reason::Internal | Reason::OwnLine | Reason::Ignored)) {
        return Ok(None);
    }
    let record = resolution.and_then(|resolution| resolution.record.clone());
    let item = Item {
        says,
        call,
        caller: record.as_ref().map(|record| record.name.as_str()),
        link: settings.aircall.call_link.of(call_id.0),
    };
    Ok(Some(Wanted {
        text: text::action_item(key, &item, language(settings, call), &settings.time_zone),
        is_open: true,
        is_decided,
        spoke: None,
        record,
        staff: call.user.as_ref().and_then(|user| settings.rules.agents.staff_of(user.email.as_deref()?)).cloned(),
        agent: call.user.as_ref().and_then(|user| user.email.clone()),
        label: rules.label.clone(),
        due: due(settings, rules, at, &call.line()),
        since: call.started_at.unwrap_or(at),
    }))
}

fn due(settings: &Settings, rules: &TaskRules, at: Timestamp, line: &LineOf<'_>) -> Timestamp {
    let span: Duration = rules.due;
    settings.rules.calls.due(at, span, line, &settings.time_zone)
}

fn language(settings: &Settings, call: &Call) -> Language {
    settings.rules.lines.of(|| call.line()).language.unwrap_or(settings.log_language)
}
