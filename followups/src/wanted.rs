//! What a task should be, by the calls and the rules as they are now.

use std::time::Duration;

use base::{
    db::Client,
    error::Result,
    ids::CallId,
    rules::{LineOf, StaffRef, TaskRules},
    settings::{Language, Settings},
};
use jiff::Timestamp;
use ledger::{
    followups::{Follows, Followup, Key, Task},
    insight::Content,
    missed::{self, Became, Seen},
    resolution::Record,
};
use vendors::{aircall::wire::Call, sellsy::wire::Related};

use crate::{
    about,
    missed::Calls,
    text::{self, Item, Rings, Tagged, Text},
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
    pub(crate) follows: Follows,
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
        self.record.iter().map(about::related).collect()
    }
}

/// `None` if nothing is wanted: the rule is off, or the calls are gone.
pub(crate) async fn of(client: &Client, row: &Followup, settings: &Settings) -> Result<Option<Wanted>> {
    match &row.key {
        Key::Missed(_) => of_missed(client, row, settings).await,
        Key::ActionItem { call, item } => of_item(client, &row.key, *call, item, settings).await,
        Key::Tag { call, tag } => of_tag(client, row, *call, tag, settings).await,
        Key::SmartTags { .. } | Key::Step { .. } | Key::Prospect(_) | Key::Messages { .. } => Ok(None),
    }
}

async fn of_missed(client: &Client, row: &Followup, settings: &Settings) -> Result<Option<Wanted>> {
    let (Some(rules), Some(number)) = (&settings.rules.missed, &row.number) else { return Ok(None) };
    let calls = Calls::with(client, number, settings).await?;
    let Some(missed) = calls.of_row(row) else { return Ok(None) };
    // What was taken for one stretch may have turned out to be two since.
    let rings = row.calls.iter().filter(|call| missed.calls.contains(call));
    let rings: Vec<&Seen> = rings.filter_map(|call| calls.seen.get(call)).collect();
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
        follows: Follows::MissedCall,
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
    let Some(about) = about::call(client, call_id).await? else { return Ok(None) };
    let insight = about.insights.values().find_map(|insight| match &insight.content {
        Content::ActionItem { id, text } if id == item => Some((insight.at, text)),
        _ => None,
    });
    let Some((at, says)) = insight else { return Ok(None) };
    let (call, record) = (&about.call, about.record());
    let item = Item {
        says,
        call,
        caller: record.map(|record| record.name.as_str()),
        link: settings.aircall.call_link.of(call_id.0),
    };
    Ok(Some(Wanted {
        text: text::action_item(key, &item, language(settings, call), &settings.time_zone),
        is_open: true,
        is_decided: about.is_decided,
        spoke: None,
        record: record.cloned(),
        staff: about.staff(settings),
        agent: about.agent(),
        follows: Follows::ActionItem,
        label: rules.label.clone(),
        due: due(settings, rules, at, &call.line()),
        since: call.started_at.unwrap_or(at),
    }))
}

async fn of_tag(
    client: &Client,
    row: &Followup,
    call_id: CallId,
    tag: &str,
    settings: &Settings,
) -> Result<Option<Wanted>> {
    let Some(rule) = settings.rules.tags.acts_of(tag).and_then(|acts| acts.task.as_ref()) else { return Ok(None) };
    let Some(about) = about::call(client, call_id).await? else { return Ok(None) };
    let Some(at) = about.tagged_at(tag) else { return Ok(None) };
    let (call, Some(record)) = (&about.call, about.record()) else { return Ok(None) };
    if about.is_old(client.now().await?) && matches!(row.task, Task::None { .. }) {
        return Ok(None);
    }
    let tagged = Tagged {
        title: &rule.title,
        tag: &about.name_of(tag),
        call,
        caller: Some(record.name.as_str()),
        link: settings.aircall.call_link.of(call_id.0),
    };
    Ok(Some(Wanted {
        text: text::tagged(&row.key, &tagged, language(settings, call), &settings.time_zone),
        is_open: true,
        is_decided: about.is_decided,
        spoke: None,
        record: Some(record.clone()),
        staff: about.staff(settings),
        agent: about.agent(),
        follows: Follows::Tag,
        label: rule.tasks.label.clone(),
        due: due(settings, &rule.tasks, at, &call.line()),
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
