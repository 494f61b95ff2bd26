//! One call: where it stands, why it is logged where it is, what its log says, and its story line by line.

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use base::ids::CallId;
use jiff::Timestamp;
use ledger::{
    calls::{self, CallRow, Known},
    form::LogForm,
    timeline::{self, Line, Reason, What},
};
use maud::{Markup, html};

use super::{
    Page, Shared,
    calls::state_name,
    decision,
    format::{ago, direction, duration, number, when},
    layout::{self, Section, Visitor, pill},
    reasons, story,
};
use crate::search::{self, Found, State as CallState};

/// Tags, notes and insights come for a while after a call.
const STILL_AFTER_S: i64 = 3600;

struct Told {
    found: Found,
    row: Option<CallRow>,
    known: Option<Known>,
    lines: Vec<Line>,
    /// `None`: nothing is known of the call that a log is made of.
    log: Option<Result<String, Reason>>,
}

impl Told {
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
    let Ok(id) = id.parse().map(CallId) else { return Ok(unknown(&visitor)) };
    let client = console.database.client().await?;
    let lines = timeline::of(&client, id).await?;
    let Some(found) = search::call(&client, id).await? else {
        return Ok(if lines.is_empty() { unknown(&visitor) } else { only_a_story(&visitor, id, &lines) });
    };
    let row = calls::look(&client, id).await?;
    let log = row.as_ref().map(|row| console.logs.text(row));
    let told = Told { found, known: calls::known(&client, id).await?, row, lines, log };
    let title = format!("{} {id}", visitor.texts().call);
    let web_url = &console.settings.sellsy.web_url;
    let body = html! {
        p.crumb { a href="/calls" { "← " (visitor.texts().calls) } }
        // A call of long ago that stays as it is stands still under the eyes of whoever reads it.
        div #live data-live=[told.is_moving().then_some("5")] {
            (head(&visitor, &told))
            div.columns.wide-left {
                div {
                    section.panel aria-labelledby="why" { h2 #why { (visitor.texts().why_there) } (why(&visitor, &told, web_url)) }
                    section.panel aria-labelledby="story" { h2 #story { (visitor.texts().story) } (story::tell(&visitor, &told.lines)) }
                }
                section.panel aria-labelledby="log" { h2 #log { (visitor.texts().log) } (log_of(&visitor, &told)) }
            }
        }
    };
    Ok(layout::page(&visitor, Section::Calls, &title, &body))
}

fn unknown(visitor: &Visitor) -> Response {
    layout::refused(visitor, StatusCode::NOT_FOUND, visitor.texts().no_such_call)
}

/// Its row is not there: an event of it was parked before it could be stored.
fn only_a_story(visitor: &Visitor, id: CallId, lines: &[Line]) -> Response {
    let title = format!("{} {id}", visitor.texts().call);
    let body = html! { h1 { (title) } section.panel { (story::tell(visitor, lines)) } };
    layout::page(visitor, Section::Calls, &title, &body)
}

fn head(visitor: &Visitor, told: &Told) -> Markup {
    let (texts, found, call) = (visitor.texts(), &told.found, told.found.call.as_ref());
    let (colour, state) = state_name(visitor, found.state);
    let team = call.and_then(|call| call.number.as_ref()?.name.clone());
    html! {
        div.headline {
            h1 { (direction(visitor, call)) (number(visitor, call)) " " (pill(colour, state)) }
            p.quiet {
                (when(visitor, found.started_at))
                @if let Some(seconds) = call.and_then(|call| call.duration).filter(|seconds| *seconds > 0) { " · " (duration(seconds)) }
                @if let Some(agent) = call.and_then(|call| call.user.as_ref()?.name.as_deref()) { " · " (agent) }
                @if let Some(team) = team { " · " (team) }
                " · " (texts.call) " " (found.call_id)
            }
        }
        @if found.state == CallState::Parked {
            div.callout role="status" {
                p { strong { (texts.is_parked) } " " (parked_because(visitor, &told.lines)) }
                form method="post" action="/dead/replay" {
                    (visitor.token())
                    input type="hidden" name="call" value=(found.call_id);
                    button.primary type="submit" { (texts.retry_now) }
                }
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
            (super::errors::link(&failure.code)) ", " (ago(visitor, Timestamp::now(), at)) ": " span lang="en" { (failure.error) }
        }
    }
}

fn why(visitor: &Visitor, told: &Told, web_url: &str) -> Markup {
    let texts = visitor.texts();
    html! {
        @match &told.known {
            None => { p.quiet { (texts.not_decided) } }
            Some(known) => {
                @if !known.is_final { p.quiet { (texts.only_for_card) } }
                (decision::explain(visitor, &known.resolution, known.looked_up_at, web_url))
            }
        }
    }
}

fn log_of(visitor: &Visitor, told: &Told) -> Markup {
    let texts = visitor.texts();
    let stored = told.row.as_ref().and_then(CallRow::stored);
    let asset =
        told.found.call.as_ref().and_then(|call| call.asset.as_deref()).filter(|asset| asset.starts_with("https://"));
    html! {
        @match (&told.found.sellsy_id, told.found.state) {
            (Some(_), CallState::Deleted) => { p { (texts.log_was_deleted) } }
            (Some(id), _) => {
                p {
                    (if stored.is_some_and(|log| log.form == LogForm::Comment) { texts.comment } else { texts.phone_call }) " " strong { (id) }
                    @if let Some(log) = stored { span.quiet { " · " (texts.written) " " (log.writes) "×" } }
                }
            }
            (None, _) => { p.quiet { (texts.not_logged) } }
        }
        @match &told.log {
            None => {}
            Some(Ok(text)) => {
                pre.log { (text) }
                p.quiet { (texts.log_note) }
            }
            Some(Err(why)) => { p.quiet { (reasons::sentence(visitor, why)) } }
        }
        @if let Some(asset) = asset { p { (decision::outside(asset, texts.in_aircall)) } }
        @else { p.quiet { (texts.nothing_in_aircall) } }
    }
}
