//! One call: its state, why it is logged where it is, what its log contains, and its timeline line by line.

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use base::{ids::CallId, settings::Links};
use jiff::Timestamp;
use ledger::{
    calls::{self, CallRow, Known},
    form::LogForm,
    timeline::{self, Line, Reason, What},
};
use maud::{Markup, html};

use super::{
    Console, Page, Shared, again, by_hand,
    calls::{became, state_of, title},
    decision,
    format::{ago, direction, number, when},
    in_sellsy::{self, Answer},
    layout::{self, Section, Visitor, pill},
    reasons, story,
};
use crate::{
    access::Role,
    search::{self, Found, State as CallState},
};

/// Tags, notes and insights arrive for a while after a call.
const STILL_AFTER_S: i64 = 3600;

struct Facts {
    found: Found,
    row: Option<CallRow>,
    known: Option<Known>,
    lines: Vec<Line>,
    /// `None`: the ledger has nothing of the call that a log could be made of.
    log: Option<Result<String, Reason>>,
    waits_until: Option<Timestamp>,
}

impl Facts {
    fn is_moving(&self) -> bool {
        let age = Timestamp::now().duration_since(self.found.started_at).as_secs();
        age < STILL_AFTER_S
            || matches!(self.found.state, CallState::Ongoing | CallState::Undecided | CallState::Unlogged)
    }
}

pub(super) async fn page(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    match id.parse().map(CallId) {
        Ok(id) => show(&console, &visitor, id, &Answer::NotAsked).await,
        Err(_) => Ok(unknown(&visitor)),
    }
}

/// Reads the log in Sellsy, and shows the call with it.
pub(super) async fn with_log(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(call): Path<i64>,
) -> Page {
    let answer = in_sellsy::read(&console, CallId(call)).await?;
    // What a form was sent to has no page of its own.
    let visitor = Visitor { address: format!("/calls/{call}"), ..visitor };
    show(&console, &visitor, CallId(call), &answer).await
}

/// With the log as Sellsy has it, if somebody has asked for that.
async fn show(console: &Console, visitor: &Visitor, id: CallId, in_sellsy: &Answer) -> Page {
    let client = console.database.client().await?;
    let lines = timeline::of(&client, id).await?;
    let Some(found) = search::call(&client, id).await? else {
        return Ok(if lines.is_empty() { unknown(visitor) } else { only_a_story(visitor, id, &lines) });
    };
    let row = calls::look(&client, id).await?;
    let log = row.as_ref().map(|row| console.logs.text(row));
    let waits_until = calls::waits_until(&client, id, console.settings.rematch_days).await?;
    let facts = Facts { found, known: calls::known(&client, id).await?, row, lines, log, waits_until };
    let title = format!("{} {id}", visitor.texts().call);
    let links = &console.settings.sellsy.links;
    if let Some(at) = facts.found.erased_at {
        return Ok(erased(visitor, &facts, at));
    }
    let body = html! {
        p.crumb { a href="/calls" { "← " (visitor.texts().calls) } }
        // An old call that no longer changes is not refreshed, so the page stays still for its reader.
        div #live data-live=[(facts.is_moving() && matches!(in_sellsy, Answer::NotAsked)).then_some("5")] {
            (head(visitor, &facts))
            div.columns.wide-left {
                div {
                    section.panel aria-labelledby="why" { h2 #why { (visitor.texts().why_there) } (why(visitor, &facts, links)) }
                    section.panel aria-labelledby="story" { h2 #story { (visitor.texts().story) } (story::timeline(visitor, &facts.lines)) }
                }
                section.panel aria-labelledby="log" {
                    h2 #log { (visitor.texts().log) }
                    (log_of(visitor, &facts))
                    @if visitor.may(Role::Operator) && facts.found.sellsy_id.is_some() {
                        (in_sellsy::shown(visitor, id, facts.log.as_ref().and_then(|log| log.as_deref().ok()), in_sellsy, links))
                    }
                }
            }
        }
    };
    Ok(layout::page(visitor, Section::Calls, &title, &body))
}

/// What is left of a call whose data were deleted.
fn erased(visitor: &Visitor, facts: &Facts, at: Timestamp) -> Response {
    let texts = visitor.texts();
    let title = format!("{} {}", texts.call, facts.found.call_id);
    let body = html! {
        p.crumb { a href="/calls" { "← " (texts.calls) } }
        h1 { (title) " " (pill("deleted", texts.erased)) }
        section.panel {
            p { strong { (texts.erased_then) " " (when(visitor, at)) "." } }
            p { (texts.erased_why) }
            @if let Some(log) = facts.found.sellsy_id { p.quiet { (texts.log) " " (log) } }
            (story::timeline(visitor, &facts.lines))
        }
    };
    layout::page(visitor, Section::Calls, &title, &body)
}

fn unknown(visitor: &Visitor) -> Response {
    layout::refused(visitor, StatusCode::NOT_FOUND, |texts| texts.no_such_call)
}

/// A conversation of text messages, or a call that has no row: one of its events was parked before it could be stored.
fn only_a_story(visitor: &Visitor, id: CallId, lines: &[Line]) -> Response {
    let texts = visitor.texts();
    let (section, title) = if id.is_conversation() {
        (Section::Messages, format!("{} {}", texts.conversation, texts.of_text_messages))
    } else {
        (Section::Calls, format!("{} {id}", texts.call))
    };
    let body = html! { h1 { (title) } section.panel { (story::timeline(visitor, lines)) } };
    layout::page(visitor, section, &title, &body)
}

fn head(visitor: &Visitor, facts: &Facts) -> Markup {
    let (texts, found, call) = (visitor.texts(), &facts.found, facts.found.call.as_ref());
    let (colour, state) = state_of(visitor, found);
    let team = call.and_then(|call| call.number.as_ref()?.name.clone());
    let (title, number) = (title(visitor, found), number(visitor, call));
    let became = call.map(|call| became(visitor, call)).unwrap_or_default();
    html! {
        div.headline {
            h1 { (direction(visitor, call)) (title) " " (pill(colour, state)) }
            p.quiet {
                @if title != number { strong { (number) } " · " }
                (when(visitor, found.started_at))
                @if !became.is_empty() { " · " (became) }
                @if let Some(agent) = call.and_then(|call| call.user.as_ref()?.name.as_deref()) { " · " (agent) }
                @if let Some(team) = team { " · " (team) }
                " · " (texts.call) " " (found.call_id)
            }
        }
        @if found.state == CallState::Parked {
            div.callout role="status" {
                @let parked = if found.parked > 1 { texts.are_parked.replace("{}", &found.parked.to_string()) } else { texts.is_parked.to_owned() };
                p { strong { (parked) } " " (parked_because(visitor, &facts.lines)) }
                @if visitor.may(Role::Operator) { form method="post" action="/dead/replay" {
                    (visitor.token())
                    input type="hidden" name="call" value=(found.call_id);
                    button.primary type="submit" { (texts.retry_now) }
                } }
            }
        }
    }
}

fn parked_because(visitor: &Visitor, lines: &[Line]) -> Markup {
    let last = lines.iter().rev().find_map(|line| match &line.what {
        What::Parked(failure) => Some((line.at, failure)),
        _ => None,
    });
    html! {
        @if let Some((at, failure)) = last {
            (super::errors::link(&failure.code)) ", " (ago(visitor, Timestamp::now(), at)) ": " (super::errors::cause(visitor, &failure.code, &failure.error))
        }
    }
}

/// Until when a call without a record waits for one, or that it does not any more.
fn waits(visitor: &Visitor, facts: &Facts) -> Option<Markup> {
    let texts = visitor.texts();
    let resolution = &facts.known.as_ref().filter(|known| known.is_final)?.resolution;
    let could = resolution.record.is_none() && matches!(resolution.rule, Reason::NoRecord | Reason::AllArchived);
    could.then(|| match facts.waits_until {
        Some(until) if until > Timestamp::now() => html! { p { (texts.waits_until) " " (when(visitor, until)) "." } },
        _ => html! { p { (texts.waits_no_more) } },
    })
}

fn why(visitor: &Visitor, facts: &Facts, links: &Links) -> Markup {
    let texts = visitor.texts();
    html! {
        @if let Some(waits) = waits(visitor, facts) { (waits) }
        @match &facts.known {
            None => { p.quiet { (texts.not_decided) } }
            Some(known) => {
                @if !known.is_final { p.quiet { (texts.only_for_card) } }
                @let call = facts.found.call_id;
                (decision::explain(visitor, &known.resolution, known.looked_up_at, links, Some(call).filter(|_| known.is_final && visitor.may(Role::Operator))))
                @if known.is_final && visitor.may(Role::Operator) { (by_hand::other_record(visitor, call, Some(&known.resolution))) }
                @if known.is_final && visitor.may(Role::Operator) { (again::look_up_button(visitor, call)) }
                (by_hand::prospect(visitor, call, &facts.lines))
            }
        }
    }
}

fn log_of(visitor: &Visitor, facts: &Facts) -> Markup {
    let texts = visitor.texts();
    let stored = facts.row.as_ref().and_then(CallRow::stored);
    let asset =
        facts.found.call.as_ref().and_then(|call| call.asset.as_deref()).filter(|asset| asset.starts_with("https://"));
    html! {
        @match (&facts.found.sellsy_id, facts.found.state) {
            (Some(_), CallState::Deleted) => { p { (texts.log_was_deleted) } }
            (Some(id), _) => {
                p {
                    (if stored.is_some_and(|log| log.form == LogForm::Comment) { texts.comment } else { texts.phone_call }) " " strong { (id) }
                    @if let Some(log) = stored { span.quiet { " · " (texts.written) " " (log.writes) "×" } }
                }
            }
            (None, _) => { p.quiet { (texts.not_logged) } }
        }
        @match &facts.log {
            None => {}
            Some(Ok(text)) => {
                @if visitor.may(Role::Operator) { (again::write_button(visitor, facts.found.call_id)) }
                pre.log { (text) }
                p.quiet { (if facts.found.state == CallState::Parked { texts.log_note_parked } else { texts.log_note }) }
            }
            Some(Err(why)) => { p.quiet { (reasons::sentence(visitor, why)) } }
        }
        @if let Some(asset) = asset { p { (decision::outside(asset, texts.in_aircall)) } }
        @else { p.quiet { (texts.nothing_in_aircall) } }
    }
}
