//! Pins: which record a number means, whatever the match rules say.

use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use base::phone;
use ledger::{calls, resolution::RecordRef};
use maud::{Markup, html};
use resolver::pins::{self, Pin};
use serde::Deserialize;
use serde_json::json;

use super::{
    Page, Shared, by_hand,
    fields::Fields,
    format::{kind_name, when},
    layout::{self, Section, Visitor, pill},
};
use crate::access::Role;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    number: String,
    to: String,
}

pub(super) async fn page(State(console): State<Shared>, Extension(visitor): Extension<Visitor>) -> Page {
    let pins = pins::all(&console.database.client().await?).await?;
    let texts = visitor.texts().acts;
    let body = html! {
        p.crumb { a href="/directory" { "← " (visitor.texts().directory) } }
        h1 { (texts.pins) }
        p.quiet { (texts.pins_intro) }
        @if visitor.may(Role::Operator) { (form(&visitor)) }
        @if pins.is_empty() { p.empty { (texts.no_pins) } }
        @else {
            table.cards {
                caption.unseen { (texts.pins) }
                thead { tr {
                    th scope="col" { (visitor.texts().number) } th scope="col" { (visitor.texts().record) } th scope="col" { (texts.pinned_by) }
                    th scope="col" { span.unseen { (visitor.texts().action) } }
                } }
                tbody { @for pin in &pins { (row(&visitor, pin)) } }
            }
        }
    };
    Ok(layout::page(&visitor, Section::Directory, texts.pins, &body))
}

fn form(visitor: &Visitor) -> Markup {
    let texts = visitor.texts();
    html! {
        section.panel aria-labelledby="add" {
            h2 #add { (texts.acts.add_pin) }
            form.search method="post" action="/pins" {
                (visitor.token())
                div.field { label for="number" { (texts.number) } input #number type="tel" name="number" required autocomplete="off"; }
                div.field { label for="to" { (texts.record) } input #to name="to" required autocomplete="off" placeholder="individual:2005" aria-describedby="to-hint"; }
                div.field.buttons { button.primary type="submit" aria-describedby="to-hint" { (texts.pin_there) } }
            }
            p #to-hint.hint { (texts.acts.add_pin_hint) }
        }
    }
}

fn row(visitor: &Visitor, Pin { number, record, by, at, is_gone }: &Pin) -> Markup {
    let texts = visitor.texts();
    html! {
        tr {
            th scope="row" data-label=(texts.number) { a href={ "/calls?" (query(number)) } { (number) } }
            td data-label=(texts.record) {
                (kind_name(visitor, record.kind)) " " (record.id)
                @if *is_gone { " " (pill("unready", texts.acts.pin_is_gone)) }
            }
            td data-label=(texts.acts.pinned_by) { (by) span.quiet.block { (when(visitor, *at)) } }
            td.action {
                @if visitor.may(Role::Operator) {
                    form method="post" action="/pins/remove" {
                        (visitor.token())
                        input type="hidden" name="number" value=(number);
                        button type="submit" aria-label={ (texts.unpin) " : " (number) } { (texts.acts.remove) }
                    }
                }
            }
        }
    }
}

fn query(number: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("q", number).finish()
}

pub(super) async fn add(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Fields(wanted): Fields<Wanted>,
) -> Page {
    let Some(number) = phone::parse(&wanted.number, console.settings.regions.first()) else {
        return Ok(layout::refused(&visitor, StatusCode::BAD_REQUEST, |texts| texts.no_number));
    };
    let to = match by_hand::pin_to(&console, &visitor, &number, &wanted.to).await? {
        Ok(to) => to,
        Err((status, why)) => return Ok(layout::refused(&visitor, status, why)),
    };
    if !visitor.json {
        return Ok(Redirect::to("/pins").into_response());
    }
    // As the command says: those are moved by hand.
    let client = console.database.client().await?;
    let waiting = calls::waiting_for(&client, &[number.as_str()], console.settings.rematch_days).await?;
    Ok(Json(
        json!({ "result": "done", "number": number.as_str(), "record": String::from(to), "calls_waiting": waiting }),
    )
    .into_response())
}

pub(super) async fn remove(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Fields(wanted): Fields<Wanted>,
) -> Page {
    let Some(number) = phone::parse(&wanted.number, console.settings.regions.first()) else {
        return Ok(layout::refused(&visitor, StatusCode::BAD_REQUEST, |texts| texts.no_number));
    };
    if pins::unpin(&console.database.client().await?, &number).await? {
        Ok(Redirect::to("/pins").into_response())
    } else {
        Ok(layout::refused(&visitor, StatusCode::NOT_FOUND, |texts| texts.acts.not_pinned))
    }
}

pub(super) async fn json(State(console): State<Shared>) -> Page {
    let pins = pins::all(&console.database.client().await?).await?;
    let one = |pin: &Pin| {
        let RecordRef { kind, id } = pin.record;
        json!({ "number": pin.number, "kind": kind, "id": id, "by": pin.by, "at": pin.at, "is_gone": pin.is_gone })
    };
    Ok(Json(json!({ "pins": pins.iter().map(one).collect::<Vec<_>>() })).into_response())
}
