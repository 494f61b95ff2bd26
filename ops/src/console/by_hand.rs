//! What a person puts right: the record of a call, and which record its number means.

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use base::{
    ids::CallId,
    phone::{self, Caller, E164},
};
use ledger::{
    calls::{self, NotMoved},
    resolution::{Record, RecordRef, Resolution},
    timeline::{Line, Reason, What},
};
use maud::{Markup, html};
use resolver::pins;
use serde::Deserialize;

use super::{
    Console, Failed, Page, Shared,
    fields::Fields,
    layout::{self, Visitor},
    texts::Texts,
};
use crate::{
    access::Role,
    prospects::{self, Undone},
    relink::{self, Moved},
};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct To {
    /// `individual:2005`; empty: none. A program that leaves it out has made a mistake.
    to: Option<String>,
    opportunity: String,
}

fn refused(visitor: &Visitor, status: StatusCode, why: fn(&Texts) -> &'static str) -> Page {
    Ok(layout::refused(visitor, status, why))
}

fn back_to(call_id: CallId) -> Page {
    Ok(Redirect::to(&format!("/calls/{call_id}")).into_response())
}

pub(super) async fn relink(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(call): Path<i64>,
    Fields(form): Fields<To>,
) -> Page {
    let Ok(to) = relink::record(form.to.as_deref().unwrap_or_default()) else {
        return refused(&visitor, StatusCode::BAD_REQUEST, |texts| texts.no_record);
    };
    let Some(look_up) = &console.look_up else {
        return refused(&visitor, StatusCode::SERVICE_UNAVAILABLE, |texts| texts.no_credential);
    };
    let (call_id, by) = (CallId(call), visitor.name().to_owned());
    let with_opportunity = form.opportunity != "no";
    match relink::relink(&console.database, look_up, call_id, to, with_opportunity, &by).await? {
        Moved::To(_) => back_to(call_id),
        Moved::NoSuchRecord => refused(&visitor, StatusCode::NOT_FOUND, |texts| texts.no_such_record),
        Moved::Refused(why) => {
            let why: fn(&Texts) -> &'static str = match why {
                NotMoved::Unknown => |texts| texts.no_such_call,
                NotMoved::Erased => |texts| texts.call_is_erased,
                NotMoved::NotEnded => |texts| texts.call_has_not_ended,
                NotMoved::LogDeleted => |texts| texts.log_was_deleted,
                NotMoved::BeingWritten => |texts| texts.being_written,
                NotMoved::Comment => |texts| texts.comment_stays,
            };
            refused(&visitor, StatusCode::CONFLICT, why)
        }
    }
}

/// Pins the number of the call's other party.
pub(super) async fn pin(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(call): Path<i64>,
    Fields(form): Fields<To>,
) -> Page {
    let Some(number) = number_of(&console, CallId(call)).await? else {
        return refused(&visitor, StatusCode::CONFLICT, |texts| texts.no_number_to_pin);
    };
    if form.to.as_deref() == Some("") {
        pins::unpin(&console.database.client().await?, &number).await?;
        return back_to(CallId(call));
    }
    match pin_to(&console, &visitor, &number, form.to.as_deref().unwrap_or_default()).await? {
        Ok(_) => back_to(CallId(call)),
        Err((status, why)) => refused(&visitor, status, why),
    }
}

/// Why not, for whoever asked for it.
pub(super) type Refusal = (StatusCode, fn(&Texts) -> &'static str);

/// The number of the call's other party, if it has one.
pub(super) async fn number_of(console: &Console, id: CallId) -> Result<Option<E164>, Failed> {
    let Some(call) = calls::snapshot(&console.database.client().await?, id).await? else { return Ok(None) };
    let region = resolver::region_of(&console.settings.rules, &console.settings.regions, &call);
    Ok(match phone::classify(call.raw_digits.as_deref(), region) {
        Caller::Number(number) => Some(number),
        Caller::Withheld | Caller::Internal | Caller::Unusable => None,
    })
}

/// Pins the number to a record, if Sellsy has it.
pub(super) async fn pin_to(
    console: &Console,
    visitor: &Visitor,
    number: &E164,
    to: &str,
) -> Result<Result<RecordRef, Refusal>, Failed> {
    let Ok(to) = relink::record(to) else {
        return Ok(Err((StatusCode::BAD_REQUEST, |texts| texts.no_record)));
    };
    let Some(look_up) = &console.look_up else {
        return Ok(Err((StatusCode::SERVICE_UNAVAILABLE, |texts| texts.no_credential)));
    };
    if look_up.record(to, Reason::NoRecord, false).await?.is_none() {
        return Ok(Err((StatusCode::NOT_FOUND, |texts| texts.no_such_record)));
    }
    pins::pin(&console.database.client().await?, number, to, visitor.name()).await?;
    Ok(Ok(to))
}

/// Deletes the prospect that was created for the call.
pub(super) async fn undo_prospect(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(call): Path<i64>,
) -> Page {
    let Some(sellsy) = &console.sellsy else {
        return refused(&visitor, StatusCode::SERVICE_UNAVAILABLE, |texts| texts.no_credential);
    };
    match prospects::undo(&console.database, sellsy, CallId(call), visitor.name()).await? {
        Undone::Deleted(_) | Undone::WasGone(_) => back_to(CallId(call)),
        Undone::Changed(_) => refused(&visitor, StatusCode::CONFLICT, |texts| texts.prospect_was_changed),
        Undone::NoProspect => refused(&visitor, StatusCode::NOT_FOUND, |texts| texts.no_such_prospect),
    }
}

/// To delete the prospect that was created for the call, if its story has one.
pub(super) fn prospect(visitor: &Visitor, call: CallId, lines: &[Line]) -> Markup {
    let texts = visitor.texts();
    let last = lines.iter().rev().find_map(|line| match &line.what {
        What::ProspectCreated { record } | What::ProspectAdopted { record } => Some(Some(record.id)),
        What::ProspectUndone { .. } => Some(None),
        _ => None,
    });
    html! {
        @if let (Some(Some(id)), true) = (last, visitor.may(Role::Admin)) {
            details data-keep {
                summary { (texts.prospect_created) " " (id) }
                form.search.inline method="post" action={ "/calls/" (call) "/undo-prospect" } {
                    (visitor.token())
                    p.hint { (texts.undo_hint) }
                    div.field.buttons { button.danger type="submit" { (texts.undo_prospect) } }
                }
            }
        }
    }
}

/// The buttons beside a candidate.
pub(super) fn buttons(visitor: &Visitor, call: CallId, candidate: &Record, is_chosen: bool) -> Markup {
    let texts = visitor.texts();
    let to = format!("{}:{}", candidate.kind, candidate.id);
    let button = |action: &str, text: &str| {
        html! {
            form method="post" action={ "/calls/" (call) "/" (action) } {
                (visitor.token())
                input type="hidden" name="to" value=(to);
                button type="submit" { (text) }
            }
        }
    };
    html! {
        span.buttons {
            @if !is_chosen && !candidate.archived { (button("relink", texts.move_here)) }
            @if !candidate.archived { (button("pin", texts.pin_here)) }
        }
    }
}

/// For a record that is not among the candidates, and to unpin.
pub(super) fn other_record(visitor: &Visitor, call: CallId, resolution: Option<&Resolution>) -> Markup {
    let texts = visitor.texts();
    let is_pinned =
        resolution.is_some_and(|resolution| matches!(resolution.rule, Reason::Pinned { .. } | Reason::PinGone { .. }));
    html! {
        details data-keep {
            summary { (texts.put_right) }
            form.search.inline method="post" action={ "/calls/" (call) "/relink" } {
                (visitor.token())
                div.field.wide {
                    label for="to" { (texts.other_record) }
                    input #to name="to" required autocomplete="off" placeholder="individual:2005" aria-describedby="to-hint";
                    p.hint #to-hint { (texts.other_record_hint) }
                }
                div.field {
                    label for="opportunity" { (texts.opportunity) }
                    select #opportunity name="opportunity" {
                        option value="yes" { (texts.by_the_rules) }
                        option value="no" { (texts.none) }
                    }
                }
                div.field.buttons {
                    button.primary type="submit" { (texts.move_there) }
                    button type="submit" formaction={ "/calls/" (call) "/pin" } { (texts.pin_there) }
                }
            }
        }
        @if is_pinned {
            form method="post" action={ "/calls/" (call) "/pin" } {
                (visitor.token())
                button type="submit" { (texts.unpin) }
            }
        }
    }
}
