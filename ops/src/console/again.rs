//! Writing the log of a call again, and looking its caller up again.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use base::ids::CallId;
use ledger::{
    calls::{self, Known, NotAsked},
    resolution::{RecordRef, Resolution},
};
use maud::{Markup, html};
use serde_json::json;

use super::{
    Page, Shared, by_hand, decision,
    layout::{self, Section, Visitor},
    texts::Texts,
};

pub(super) async fn write_again(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(call): Path<i64>,
) -> Page {
    let asked = calls::write_again(&console.database.client().await?, CallId(call), visitor.name()).await?;
    let Err(why) = asked else { return Ok(Redirect::to(&format!("/calls/{call}")).into_response()) };
    let text: fn(&Texts) -> &'static str = match why {
        NotAsked::Unknown => |texts| texts.no_such_call,
        NotAsked::Erased => |texts| texts.call_is_erased,
        NotAsked::NotEnded => |texts| texts.call_has_not_ended,
        NotAsked::Undecided => |texts| texts.acts.call_is_undecided,
        NotAsked::NoRecord => |texts| texts.acts.call_has_no_record,
        NotAsked::LogDeleted => |texts| texts.log_was_deleted,
        NotAsked::Parked => |texts| texts.acts.call_is_parked,
        NotAsked::BeingWritten => |texts| texts.being_written,
    };
    let status = if why == NotAsked::Unknown { StatusCode::NOT_FOUND } else { StatusCode::CONFLICT };
    Ok(layout::refused(&visitor, status, text))
}

/// A call that waits for a record is decided by what is found; of another one, it is only shown.
pub(super) async fn look_up(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(call): Path<i64>,
) -> Page {
    let refused = |status, why: fn(&Texts) -> &'static str| Ok(layout::refused(&visitor, status, why));
    let (client, id) = (console.database.client().await?, CallId(call));
    if calls::is_erased(&client, id).await? {
        return refused(StatusCode::CONFLICT, |texts| texts.call_is_erased);
    }
    let (snapshot, before) = (calls::snapshot(&client, id).await?, calls::known(&client, id).await?);
    drop(client);
    let Some(snapshot) = snapshot else { return refused(StatusCode::NOT_FOUND, |texts| texts.no_such_call) };
    if !snapshot.has_ended() {
        return refused(StatusCode::CONFLICT, |texts| texts.call_has_not_ended);
    }
    let Some(before) = before.filter(|known| known.is_final) else {
        return refused(StatusCode::CONFLICT, |texts| texts.acts.call_is_undecided);
    };
    let Some(look_up) = &console.look_up else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, |texts| texts.no_credential);
    };
    let zone = &console.settings.time_zone;
    let now = resolver::decide_now(&console.database, look_up, zone, id, &snapshot).await?;
    if visitor.json {
        let answer = json!({ "result": "done", "decides": now.decides, "decision": now.found });
        return Ok(Json(answer).into_response());
    }
    if now.decides {
        return Ok(Redirect::to(&format!("/calls/{call}")).into_response());
    }
    let at = console.database.client().await?.now().await?;
    // What a form was sent to has no page of its own.
    let visitor = Visitor { address: format!("/calls/{call}"), ..visitor };
    let shown = decision::explain(&visitor, &now.found, at, &console.settings.sellsy.links, None);
    Ok(layout::page(
        &visitor,
        Section::Calls,
        visitor.texts().acts.today,
        &today(&visitor, id, &before, &now.found, &shown),
    ))
}

fn today(visitor: &Visitor, call: CallId, before: &Known, found: &Resolution, shown: &Markup) -> Markup {
    let texts = visitor.texts().acts;
    let which = |resolution: &Resolution| {
        (
            resolution.record.as_ref().map(RecordRef::from),
            resolution.opportunity.as_ref().map(|opportunity| opportunity.id),
        )
    };
    let says = match found.record {
        None => texts.today_nobody,
        Some(_) if which(found) == which(&before.resolution) => texts.today_same,
        Some(_) => texts.today_other,
    };
    let other = found.record.as_ref().filter(|_| which(found) != which(&before.resolution));
    html! {
        p.crumb { a href={ "/calls/" (call) } { "← " (texts.back_to_call) } }
        h1 { (texts.today) }
        p role="status" { (says) }
        @if let Some(record) = other { (by_hand::buttons(visitor, call, record, false)) }
        section.panel aria-labelledby="now" { h2 #now { (visitor.texts().why_there) } (shown) }
    }
}

/// Beside the decision.
pub(super) fn look_up_button(visitor: &Visitor, call: CallId) -> Markup {
    let texts = visitor.texts().acts;
    button(visitor, &format!("/calls/{call}/look-up"), texts.look_up_again, texts.look_up_again_hint)
}

/// Beside the log.
pub(super) fn write_button(visitor: &Visitor, call: CallId) -> Markup {
    let texts = visitor.texts().acts;
    button(visitor, &format!("/calls/{call}/write-again"), texts.write_again, texts.write_again_hint)
}

/// With what it does, to be read before.
fn button(visitor: &Visitor, address: &str, text: &str, hint: &str) -> Markup {
    html! {
        details.confirm.calm data-keep {
            summary { (text) "…" }
            p { (hint) }
            form method="post" action=(address) { (visitor.token()) button type="submit" { (text) } }
        }
    }
}
