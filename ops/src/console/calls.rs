//! The list of calls: searched by number, agent, record, state and date, newest first.
//!
//! The text may be a phone number, its last digits, a call's id, a record's id or a part of its name; calls that fit any of
//! these are listed. The filters are in the address, so that a search can be bookmarked and shared; no request is logged.

use axum::{
    Extension,
    extract::{Query, State},
};
use base::{
    ids::{CallId, Kind},
    phone::{self, Region},
};
use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use ledger::resolution::Record;
use maud::{Markup, html};
use resolver::directory::store;
use serde::Deserialize;

use super::{
    Page, Shared,
    format::{direction, duration, kind_name, number, when},
    layout::{self, Section, Visitor, pill},
};
use crate::search::{self, Criterion, Found, Search, State as CallState};

/// Fewer digits than this are not treated as the end of a number.
const MIN_LAST_DIGITS: usize = 4;
const MAX_TEXT: usize = 100;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    q: String,
    agent: String,
    state: String,
    from: String,
    until: String,
    /// The last call of the previous page: its start in microseconds and its id.
    after: String,
}

/// The groups of states to filter by.
const STATES: [(&str, &[CallState]); 6] = [
    ("logged", &[CallState::Logged]),
    ("waiting", &[CallState::Ongoing, CallState::Undecided, CallState::Unlogged]),
    ("unmatched", &[CallState::Unmatched]),
    ("parked", &[CallState::Parked]),
    ("deleted", &[CallState::Deleted]),
    ("ongoing", &[CallState::Ongoing]),
];

pub(super) async fn page(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(filters): Query<Filters>,
) -> Page {
    let client = console.database.client().await?;
    let text: String = filters.q.trim().chars().take(MAX_TEXT).collect();
    let mut criteria = criteria_from(&text, console.settings.regions.first());
    if text.chars().any(char::is_alphabetic) {
        criteria.push(Criterion::Records(store::records_named(&client, &text).await?));
    }
    let zone = &visitor.zone;
    let search = Search {
        criteria,
        states: states_of(&filters.state),
        agent: Some(filters.agent.clone()).filter(|agent| !agent.is_empty()),
        from: moment(&filters.from, zone, 0),
        until: moment(&filters.until, zone, 1),
        after: parse_place(&filters.after),
    };
    let (found, more) = search::calls(&client, &search).await?;
    let agents = search::agents(&client).await?;
    let texts = visitor.texts();
    let body = html! {
        h1 { (texts.calls) }
        (form(&visitor, &filters, &agents))
        div #live data-live=[search.after.is_none().then_some("5")] { (table(&visitor, &found)) }
        nav.pages aria-label=(texts.pages) {
            @if search.after.is_some() { a href=(address(&filters, None)) { (texts.newest) } }
            @if let (true, Some(last)) = (more, found.last()) { a href=(address(&filters, Some(last))) { (texts.older) } }
        }
    };
    Ok(layout::page(&visitor, Section::Calls, texts.calls, &body))
}

/// The states of several groups, with commas between their names.
fn states_of(text: &str) -> Vec<CallState> {
    let groups = text.split(',').filter_map(|name| STATES.iter().find(|(known, _)| *known == name.trim()));
    groups.flat_map(|(_, states)| states.to_vec()).collect()
}

/// A date, whose end is that of the day, or a date and a time.
fn moment(text: &str, zone: &TimeZone, days: i64) -> Option<Timestamp> {
    if text.contains('T') {
        return Some(text.parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok()?.timestamp());
    }
    let date: Date = text.parse().ok()?;
    Some(date.checked_add(days.days()).ok()?.to_zoned(zone.clone()).ok()?.timestamp())
}

/// Every way in which digits may be meant. A text with letters is a name, and its digits are ignored.
fn criteria_from(text: &str, region: Region) -> Vec<Criterion> {
    if text.is_empty() || text.chars().any(char::is_alphabetic) {
        return Vec::new();
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_bare = text.chars().all(|c| c.is_ascii_digit()) && !text.starts_with('0');
    let mut criteria = Vec::new();
    if let (true, Ok(id)) = (is_bare, digits.parse::<i64>()) {
        criteria.push(Criterion::Call(CallId(id)));
        let kinds = [Kind::Individual, Kind::Company, Kind::Contact];
        criteria.push(Criterion::Records(kinds.map(|kind| format!("{kind} {id}")).to_vec()));
    }
    match phone::parse(text, region).filter(|_| !is_bare) {
        Some(number) => criteria.push(Criterion::Caller(number)),
        None if digits.len() >= MIN_LAST_DIGITS => criteria.push(Criterion::CallerEndsWith(digits)),
        None => {}
    }
    if criteria.is_empty() {
        // The text cannot match anything: find nothing, instead of everything.
        criteria.push(Criterion::Records(Vec::new()));
    }
    criteria
}

/// The inverse of what [`address`] writes as `after`.
fn parse_place(after: &str) -> Option<(Timestamp, CallId)> {
    let (at, id) = after.split_once('-')?;
    Some((Timestamp::from_microsecond(at.parse().ok()?).ok()?, CallId(id.parse().ok()?)))
}

/// The address of this search, from its first page or after a call.
fn address(filters: &Filters, after: Option<&Found>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let fields = [
        ("q", &filters.q),
        ("agent", &filters.agent),
        ("state", &filters.state),
        ("from", &filters.from),
        ("until", &filters.until),
    ];
    query.extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
    if let Some(last) = after {
        query.append_pair("after", &format!("{}-{}", last.started_at.as_microsecond(), last.call_id));
    }
    format!("/calls?{}", query.finish())
}

fn form(visitor: &Visitor, filters: &Filters, agents: &[String]) -> Markup {
    let texts = visitor.texts();
    html! {
        form.search role="search" method="get" action="/calls" {
            div.field.wide {
                label for="q" { (texts.number_or_record) }
                input #q type="search" name="q" value=(filters.q) maxlength=(MAX_TEXT) autocomplete="off" aria-describedby="q-hint";
                p.hint #q-hint { (texts.search_hint) }
            }
            (layout::choice(visitor, "agent", texts.agent, agents, &filters.agent))
            div.field {
                label for="state" { (texts.state) }
                select #state name="state" {
                    option value="" { (texts.any_state) }
                    @for (name, states) in STATES { option value=(name) selected[name == filters.state] { (group_name(visitor, name, states)) } }
                }
            }
            (date(texts.from, "from", &filters.from))
            (date(texts.until, "until", &filters.until))
            div.field.buttons {
                button.primary type="submit" { (texts.search) }
                a href="/calls" { (texts.reset) }
            }
        }
    }
}

/// A bar of the chart leads here with times.
fn date(label: &str, name: &str, value: &str) -> Markup {
    let kind = if value.contains('T') { "datetime-local" } else { "date" };
    html! { div.field { label for=(name) { (label) } input id=(name) type=(kind) name=(name) value=(value); } }
}

fn group_name(visitor: &Visitor, name: &str, states: &[CallState]) -> &'static str {
    match (name, states.first()) {
        ("waiting", _) => visitor.texts().waiting,
        (_, Some(state)) => state_name(visitor, *state).1,
        (_, None) => visitor.texts().any_state,
    }
}

/// The CSS class of a state, and its name.
pub(super) fn state_name(visitor: &Visitor, state: CallState) -> (&'static str, &'static str) {
    let texts = visitor.texts();
    match state {
        CallState::Ongoing => ("ongoing", texts.ongoing),
        CallState::Undecided => ("waiting", texts.undecided),
        CallState::Unlogged => ("waiting", texts.unlogged),
        CallState::Logged => ("logged", texts.logged),
        CallState::Unmatched => ("unmatched", texts.unmatched),
        CallState::Parked => ("parked", texts.parked),
        CallState::Deleted => ("deleted", texts.deleted),
    }
}

fn table(visitor: &Visitor, found: &[Found]) -> Markup {
    let texts = visitor.texts();
    html! {
        @if found.is_empty() { p.empty { (texts.no_calls) } }
        @else {
            table.cards {
                caption.unseen { (texts.calls) }
                thead { tr {
                    th scope="col" { (texts.caller) }
                    th scope="col" { (texts.record) }
                    th scope="col" { (texts.agent) }
                    th scope="col" { (texts.began) }
                    th scope="col" { (texts.state) }
                } }
                tbody { @for call in found { (row(visitor, call)) } }
            }
        }
    }
}

fn row(visitor: &Visitor, found: &Found) -> Markup {
    let texts = visitor.texts();
    let call = found.call.as_ref();
    let record = found.resolution.as_ref().and_then(|resolution| resolution.record.as_ref());
    let (colour, state) = state_name(visitor, found.state);
    html! {
        tr {
            th scope="row" data-label=(texts.caller) {
                (direction(visitor, call))
                a.strong href={ "/calls/" (found.call_id) } { (number(visitor, call)) }
            }
            td data-label=(texts.record) { (record_name(visitor, record)) }
            td data-label=(texts.agent) { (call.and_then(|call| call.user.as_ref()?.name.as_deref()).unwrap_or("–")) }
            td data-label=(texts.began) {
                (when(visitor, found.started_at))
                @if let Some(seconds) = call.and_then(|call| call.duration).filter(|seconds| *seconds > 0) {
                    span.quiet.block { (duration(seconds)) }
                }
            }
            td data-label=(texts.state) { (pill(colour, state)) }
        }
    }
}

fn record_name(visitor: &Visitor, record: Option<&Record>) -> Markup {
    html! {
        @match record {
            None => { span.quiet { (visitor.texts().nobody) } }
            Some(record) => { (record.name) span.quiet.block { (kind_name(visitor, record.kind)) " " (record.id) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_be_meant_in_several_ways() {
        let region: Region = "FR".parse().unwrap();
        let number = phone::parse("+33639984107", region).unwrap();
        let ids = |id: i64| {
            Criterion::Records(["individual", "company", "contact"].map(|kind| format!("{kind} {id}")).to_vec())
        };
        for (text, expected) in [
            ("", vec![]),
            ("Moreau", vec![]),
            ("06 39 98 41 07", vec![Criterion::Caller(number.clone())]),
            ("+33639984107", vec![Criterion::Caller(number)]),
            ("2001", vec![Criterion::Call(CallId(2001)), ids(2001), Criterion::CallerEndsWith("2001".into())]),
            ("41 07", vec![Criterion::CallerEndsWith("4107".into())]),
            ("7", vec![Criterion::Call(CallId(7)), ids(7)]),
            ("?!", vec![Criterion::Records(vec![])]),
        ] {
            assert_eq!(criteria_from(text, region), expected, "{text:?}");
        }
    }

    #[test]
    fn the_next_page_continues_after_the_last_call() {
        let found = Found {
            call_id: CallId(9),
            started_at: "2026-11-23T09:15:30.5Z".parse().unwrap(),
            state: CallState::Logged,
            call: None,
            resolution: None,
            sellsy_id: None,
        };
        let filters = Filters { q: "06 39".into(), state: "logged".into(), ..Filters::default() };
        let address = address(&filters, Some(&found));
        assert_eq!(address, "/calls?q=06+39&state=logged&after=1795425330500000-9");
        assert_eq!(parse_place("1795425330500000-9"), Some((found.started_at, CallId(9))));
        assert_eq!(parse_place("nonsense"), None);
    }
}
