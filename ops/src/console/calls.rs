//! The list of calls: searched by number, agent, record, state and date; the newest, the oldest or the longest first.
//!
//! The text may be a phone number, its last digits, a call's id, a record's id or a part of its name; calls that fit any of
//! these are listed. The filters are in the address, so that a search can be bookmarked and shared; no request is logged.

use std::collections::BTreeSet;

use axum::{
    Extension,
    extract::{Query, RawQuery, State},
    http::header,
    response::IntoResponse,
};
use base::{
    db::Client,
    ids::{CallId, Kind},
    phone::{self, Region},
    rules::Outcome,
};
use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use maud::{Markup, html};
use resolver::directory::store;
use vendors::aircall::wire::Call;

use super::{
    Console, Failed, Page, Shared,
    format::{count, day, direction, duration, folded, hour, kind_name, number, when},
    layout::{self, Section, Visitor, pill},
    reasons, saved,
    wanted::{Filters, address},
};
use crate::{
    filters,
    search::{self, Criterion, Found, Order, Search, State as CallState},
};

/// Fewer digits than this are not treated as the end of a number.
const MIN_LAST_DIGITS: usize = 4;
const MAX_TEXT: usize = 100;

/// What the address of a list may have; anything else is said, because a filter with a typing error would show everything.
const KNOWN: [&str; 8] = ["q", "agent", "state", "from", "until", "sort", "after", "lang"];
/// More calls than this are not counted.
const COUNTED: i64 = search::SORTED;

pub(super) async fn page(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(filters): Query<Filters>,
    RawQuery(query): RawQuery,
) -> Page {
    let client = console.database.client().await?;
    let mut search = search_of(&client, &console, &visitor, &filters).await?;
    let text = filters.q.trim();
    let mut total = search::count_up_to(&client, &search, COUNTED).await?;
    let mut problems = problems(&visitor, &filters, query.as_deref().unwrap_or_default());
    if search.order == Order::Longest && total.is_none() {
        search.order = Order::Newest;
        problems.push(visitor.texts().too_many_to_sort.into());
    }
    let (mut found, mut more) = search::calls(&client, &search).await?;
    // All calls that are sorted by their length are read each time.
    let mut is_live = search.after.is_none() && search.order != Order::Longest;
    if found.is_empty()
        && search.after.is_none()
        && let Ok(log) = text.parse::<i64>()
    {
        // There is no index for it, so only when nothing else has this number, and once.
        is_live = false;
        if let Some(call) = search::of_log(&client, log).await? {
            search.criteria = vec![Criterion::Call(call)];
            total = Some(1);
            (found, more) = search::calls(&client, &search).await?;
        }
    }
    let mut agents = search::agents(&client).await?;
    agents.sort_by_key(|agent| folded(agent));
    let saved = filters::of(&client, visitor.name()).await?;
    let texts = visitor.texts();
    let body = html! {
        h1 { (texts.calls) }
        (form(&visitor, &filters, &agents))
        (saved::shown(&visitor, &saved, &filters))
        @for problem in &problems { p.problem role="status" { (problem) } }
        div #live data-live=[is_live.then_some("5")] {
            p.quiet #count { (how_many(&visitor, total)) " · " a href=(address(&filters, None).replacen("/calls?", "/calls.csv?", 1)) { (texts.as_csv) } }
            (list(&visitor, &found, search.order, text))
        }
        @let (first, next) = match search.order {
            Order::Newest => (texts.newest, texts.older),
            Order::Oldest => (texts.first_ones, texts.later_ones),
            Order::Longest => (texts.longest_ones, texts.shorter_ones),
        };
        nav.pages aria-label=(texts.pages) {
            @if search.after.is_some() { a href=(address(&filters, None)) { (first) } }
            @if let (true, Some(last)) = (more, found.last()) { a #more href=(address(&filters, Some(&place(last, search.order)))) { (next) } }
        }
    };
    Ok(layout::page(&visitor, Section::Calls, texts.calls, &body))
}

/// For a spreadsheet.
pub(super) async fn csv(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(filters): Query<Filters>,
) -> Page {
    let client = console.database.client().await?;
    let mut search = search_of(&client, &console, &visitor, &Filters { after: String::new(), ..filters }).await?;
    // A spreadsheet sorts by itself.
    if search.order == Order::Longest {
        search.order = Order::Newest;
    }
    let text = crate::calls::csv_of(&client, &console.settings, search).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"calls.csv\""),
    ];
    // Spreadsheets take a text without this mark for one in another encoding.
    Ok((headers, format!("\u{feff}{text}")).into_response())
}

pub(super) async fn search_of(
    client: &Client,
    console: &Console,
    visitor: &Visitor,
    filters: &Filters,
) -> Result<Search, Failed> {
    let text: String = filters.q.trim().chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
    let mut criteria = criteria_from(&text, console.settings.regions.first());
    if criteria.is_empty() && !text.is_empty() {
        criteria.push(Criterion::Records(store::records_named(client, &text).await?));
    }
    let zone = &visitor.zone;
    Ok(Search {
        criteria,
        states: states_of(&filters.state),
        agent: Some(filters.agent.clone()).filter(|agent| !agent.is_empty()),
        from: moment(&filters.from, zone, 0),
        until: moment(&filters.until, zone, 1),
        after: parse_place(&filters.after),
        order: Order::parse(&filters.sort).unwrap_or_default(),
    })
}

/// What of the address was not understood.
fn problems(visitor: &Visitor, filters: &Filters, query: &str) -> Vec<String> {
    let texts = visitor.texts();
    let mut problems: Vec<String> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, _)| name.into_owned())
        .filter(|name| !KNOWN.contains(&name.as_str()))
        .collect::<BTreeSet<_>>()
        .iter()
        .map(|name| texts.unknown_filter.replace("{}", name))
        .collect();
    let is_date = |text: &str| text.is_empty() || moment(text, &TimeZone::UTC, 0).is_some();
    for (name, value) in [(texts.from, &filters.from), (texts.until, &filters.until)] {
        if !is_date(value) {
            problems.push(texts.no_date.replace("{}", name));
        }
    }
    if Order::parse(&filters.sort).is_none() {
        problems.push(texts.unknown_order.replace("{}", &filters.sort));
    }
    let unknown = |name: &&str| !search::GROUPS.iter().any(|(known, _)| known == &name.trim());
    for name in filters.state.split(',').filter(|name| !name.is_empty()).filter(unknown) {
        problems.push(texts.unknown_state.replace("{}", name));
    }
    problems
}

fn how_many(visitor: &Visitor, total: Option<i64>) -> String {
    let texts = visitor.texts();
    match total {
        Some(1) => texts.one_call.into(),
        Some(n) => texts.n_calls.replace("{}", &count(n)),
        None => texts.more_calls.replace("{}", &count(COUNTED)),
    }
}

/// The states of several groups, with commas between their names.
fn states_of(text: &str) -> Vec<CallState> {
    let groups = text.split(',').filter_map(|name| search::GROUPS.iter().find(|(known, _)| *known == name.trim()));
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

/// Every way in which digits may be meant. A text with letters is a name, and its digits are ignored, unless it names a record: individual 2001.
fn criteria_from(text: &str, region: Region) -> Vec<Criterion> {
    if text.is_empty() {
        return Vec::new();
    }
    if let Some(record) = record_in(text) {
        return vec![Criterion::Records(vec![record])];
    }
    if text.chars().any(char::is_alphabetic) {
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

/// `individual 2001`, `société:3001`
fn record_in(text: &str) -> Option<String> {
    let (word, id) = text.split_once([' ', ':', '#'])?;
    let id: i64 = id.trim().trim_start_matches('#').parse().ok()?;
    let kind = match folded(word.trim()).as_str() {
        "individual" | "particulier" => Kind::Individual,
        "company" | "societe" => Kind::Company,
        "contact" => Kind::Contact,
        _ => return None,
    };
    Some(format!("{kind} {id}"))
}

/// After which call the next page begins.
pub(super) fn place(last: &Found, order: Order) -> String {
    let (key, id) = last.place(order);
    format!("{key}-{id}")
}

/// The inverse of [`place`].
fn parse_place(after: &str) -> Option<(i64, CallId)> {
    let (key, id) = after.split_once('-')?;
    Some((key.parse().ok()?, CallId(id.parse().ok()?)))
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
                    @for (name, states) in search::GROUPS { option value=(name) selected[name == filters.state] { (group_name(visitor, name, states)) } }
                }
            }
            (date(texts.from, "from", &filters.from))
            (date(texts.until, "until", &filters.until))
            div.field {
                label for="sort" { (texts.order) }
                select #sort name="sort" {
                    @for order in Order::ALL { option value=(order.as_str()) selected[filters.sort == order.as_str()] { (order_name(visitor, order)) } }
                }
            }
            div.field.buttons {
                button.primary type="submit" { (texts.search) }
                a href="/calls" { (texts.reset) }
            }
        }
    }
}

fn order_name(visitor: &Visitor, order: Order) -> &'static str {
    match order {
        Order::Newest => visitor.texts().newest_first,
        Order::Oldest => visitor.texts().oldest_first,
        Order::Longest => visitor.texts().longest_first,
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

/// The name and the colour of a call's state: an erased call has none, and a call that a rule left out is not one that nobody has.
pub(super) fn state_of(visitor: &Visitor, found: &Found) -> (&'static str, &'static str) {
    let texts = visitor.texts();
    if found.erased_at.is_some() {
        return ("deleted", texts.erased);
    }
    let is_left_out = found.resolution.as_ref().is_some_and(|resolution| resolution.rule.is_a_rule());
    if found.state == CallState::Unmatched && is_left_out {
        return ("unmatched", texts.left_out);
    }
    state_name(visitor, found.state)
}

/// By days, each with a heading, if they are in the order of time.
fn list(visitor: &Visitor, found: &[Found], order: Order, text: &str) -> Markup {
    let texts = visitor.texts();
    let day_of = |found: &Found| found.started_at.to_zoned(visitor.zone.clone()).date();
    html! {
        @if found.is_empty() {
            p.empty { (texts.no_calls) }
            @if text.chars().any(|c| c.is_ascii_digit()) { p.hint { (texts.too_few_digits) } }
        } @else if order == Order::Longest {
            ol.calls { @for call in found { (row(visitor, call, &when(visitor, call.started_at))) } }
        } @else {
            @for same_day in found.chunk_by(|one, next| day_of(one) == day_of(next)) {
                section.day {
                    @if let Some(first) = same_day.first() { h2 { (day(visitor, first.started_at)) } }
                    ol.calls { @for call in same_day { (row(visitor, call, &hour(visitor, call.started_at))) } }
                }
            }
        }
    }
}

fn row(visitor: &Visitor, found: &Found, at: &Markup) -> Markup {
    let texts = visitor.texts();
    let call = found.call.as_ref();
    let (colour, state) = state_of(visitor, found);
    let agent = call.and_then(|call| call.user.as_ref()?.name.as_deref());
    html! {
        li {
            p.who {
                (direction(visitor, call))
                a.strong data-row href={ "/calls/" (found.call_id) } { (title(visitor, found)) }
                @if has_name(found) { span.quiet { (number(visitor, call)) } }
            }
            p.what {
                span { (at) }
                @if let Some(call) = call { span { (became(visitor, call)) } }
                @if let Some(agent) = agent { span { span.unseen { (texts.agent) " " } (agent) } }
                @if let Some(opportunity) = found.resolution.as_ref().and_then(|resolution| resolution.opportunity.as_ref()) { span { (texts.opportunity) " " (opportunity.name) } }
                @if let Some(record) = found.resolution.as_ref().and_then(|resolution| resolution.record.as_ref()) { span { (kind_name(visitor, record.kind)) " " (record.id) } }
                @else { (nobody(visitor, found)) }
            }
            (pill(colour, state))
        }
    }
}

fn has_name(found: &Found) -> bool {
    found
        .resolution
        .as_ref()
        .and_then(|resolution| resolution.record.as_ref())
        .is_some_and(|record| !record.name.is_empty())
}

/// The person, or the number if nobody is known.
pub(super) fn title(visitor: &Visitor, found: &Found) -> String {
    let record = found.resolution.as_ref().and_then(|resolution| resolution.record.as_ref());
    match (found.erased_at, record.filter(|record| !record.name.is_empty())) {
        (Some(_), _) => format!("{} {}", visitor.texts().call, found.call_id),
        (None, Some(record)) => record.name.clone(),
        (None, None) => number(visitor, found.call.as_ref()),
    }
}

/// Why nobody is named.
fn nobody(visitor: &Visitor, found: &Found) -> Markup {
    let rule = found.resolution.as_ref().filter(|_| found.erased_at.is_none()).map(|resolution| &resolution.rule);
    html! { @if let Some(rule) = rule { span { (reasons::sentence(visitor, rule)) } } }
}

/// Answered, and how long they spoke; or missed, or a voicemail.
pub(super) fn became(visitor: &Visitor, call: &Call) -> String {
    let texts = visitor.texts();
    let lasted = call.talk_seconds().or(call.duration).filter(|seconds| *seconds > 0);
    match (call.seen().outcome, lasted) {
        _ if !call.has_ended() => String::new(),
        (Outcome::Answered, Some(seconds)) => format!("{}, {}", texts.answered, duration(seconds)),
        (Outcome::Answered, None) => texts.answered.into(),
        (Outcome::Voicemail, _) => texts.voicemail.into(),
        (Outcome::Missed, _) if call.seen().outbound => texts.not_reached.into(),
        (Outcome::Missed, _) => texts.missed_one.into(),
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
            ("individual 2001", vec![Criterion::Records(vec!["individual 2001".into()])]),
            ("Société 3001", vec![Criterion::Records(vec!["company 3001".into()])]),
            ("contact:4001", vec![Criterion::Records(vec!["contact 4001".into()])]),
            ("07", vec![Criterion::Records(vec![])]),
            ("staff 12", vec![]),
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
            erased_at: None,
            parked: 0,
        };
        let filters = Filters { q: "06 39".into(), state: "logged".into(), ..Filters::default() };
        let address = address(&filters, Some(&place(&found, Order::Oldest)));
        assert_eq!(address, "/calls?q=06+39&state=logged&after=1795425330500000-9");
        assert_eq!(parse_place("1795425330500000-9"), Some(found.place(Order::Newest)));
        assert_eq!(place(&found, Order::Longest), "0-9");
        assert_eq!(parse_place("nonsense"), None);
    }
}
