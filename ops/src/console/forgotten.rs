//! Erasing what is kept about a person: first what would be erased and what stays in Sellsy, then a question, then it is done. The number is sent as a
//! form, so that it stands in no address.

use axum::{Extension, Json, extract::State, http::StatusCode, response::IntoResponse};
use base::phone::{self, E164};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Console, Failed, Page, Shared,
    by_hand::{self, Refusal},
    dead::READING,
    fields::Fields,
    format::count,
    installation,
    layout::{self, Section, Visitor},
};
use crate::{
    explain::{Asked, asked},
    forget::{self, Erased, Found},
};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    number: String,
}

pub(super) async fn page(Extension(visitor): Extension<Visitor>) -> Page {
    Ok(show(&visitor, "", &html! {}))
}

/// Changes nothing.
pub(super) async fn preview(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Fields(wanted): Fields<Wanted>,
) -> Page {
    let number = match number(&console, &wanted.number).await? {
        Ok(number) => number,
        Err((status, why)) => return Ok(layout::refused(&visitor, status, why)),
    };
    let _reading = READING.lock().await;
    let found = forget::preview(
        &console.database,
        &console.dead_letters,
        (&console.settings.regions, &console.settings.rules),
        &number,
    )
    .await?;
    if visitor.json {
        return Ok(Json(forget::report(&found, None)).into_response());
    }
    Ok(show(&visitor, &wanted.number, &would_be(&visitor, number.as_str(), &found)))
}

pub(super) async fn erase(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Fields(wanted): Fields<Wanted>,
) -> Page {
    let number = match number(&console, &wanted.number).await? {
        Ok(number) => number,
        Err((status, why)) => return Ok(layout::refused(&visitor, status, why)),
    };
    // A replay at this moment holds dead letters, and brings back what they hold.
    if console.jobs.is_running() {
        return Ok(layout::refused(&visitor, StatusCode::CONFLICT, |texts| texts.another_job));
    }
    let this = console.clone();
    // Goes on if whoever asked does not wait for the answer.
    let task = tokio::spawn(async move {
        let _reading = READING.lock().await;
        let countries = (&this.settings.regions, &*this.settings.rules);
        Box::pin(forget::forget_now(&this.database, &this.dead_letters, countries, &this.settings.time_zone, &number))
            .await
    });
    let erased = task.await??;
    let Some(erased) = erased else {
        return Ok(layout::refused(&visitor, StatusCode::NOT_FOUND, |texts| texts.acts.nothing_to_forget));
    };
    if visitor.json {
        return Ok(Json(forget::report(&erased.found, Some(&erased))).into_response());
    }
    Ok(show(&visitor, "", &was(&visitor, &erased)))
}

/// A number, or that of a call.
async fn number(console: &Console, text: &str) -> Result<Result<E164, Refusal>, Failed> {
    let not_a_number: Refusal = (StatusCode::BAD_REQUEST, |texts| texts.acts.no_number_or_call);
    let typed = match asked(text) {
        Err(_) => return Ok(Err(not_a_number)),
        Ok(Asked::Number(typed)) => {
            return Ok(phone::parse(&typed, console.settings.regions.first()).ok_or(not_a_number));
        }
        Ok(Asked::Call(id)) => id,
    };
    Ok(by_hand::number_of(console, typed).await?.ok_or((StatusCode::NOT_FOUND, |texts| texts.acts.call_has_no_number)))
}

fn show(visitor: &Visitor, typed: &str, body: &Markup) -> axum::response::Response {
    // What a form was sent to has no page of its own.
    let visitor = &Visitor { address: "/forget".into(), ..visitor.clone() };
    let texts = visitor.texts().acts;
    let body = html! {
        (installation::links(visitor, "/forget"))
        h1 { (texts.forget) }
        p.quiet { (texts.forget_intro) }
        section.panel aria-labelledby="whom" {
            h2 #whom { (texts.forget_whom) }
            form.search.inline method="post" action="/forget" {
                (visitor.token())
                div.field.wide {
                    label for="number" { (texts.number_or_call) }
                    input #number name="number" value=(typed) required autocomplete="off" aria-describedby="number-hint";
                    p.hint #number-hint { (texts.forget_hint) }
                }
                div.field.buttons { button.primary type="submit" { (texts.preview) } }
            }
        }
        (body)
    };
    layout::page(visitor, Section::Check, texts.forget, &body)
}

fn would_be(visitor: &Visitor, number: &str, found: &Found) -> Markup {
    let texts = visitor.texts().acts;
    html! {
        section.panel aria-labelledby="found" {
            h2 #found { (texts.would_be_erased) }
            @if found.is_nothing() { p.empty role="status" { (texts.nothing_to_forget) } }
            @else {
                (counted(visitor, found))
                (stays(visitor, found))
                details.confirm data-keep {
                    summary { (texts.erase) "…" }
                    p { (texts.erase_question) }
                    form method="post" action="/forget/erase" {
                        (visitor.token())
                        input type="hidden" name="number" value=(number);
                        button.danger type="submit" { (texts.erase_for_good) }
                    }
                }
            }
        }
    }
}

fn was(visitor: &Visitor, erased: &Erased) -> Markup {
    let texts = visitor.texts().acts;
    html! {
        section.panel aria-labelledby="erased" {
            h2 #erased { (texts.was_erased) }
            p role="status" { (if erased.remains { texts.something_new } else { texts.all_erased }) }
            (counted(visitor, &erased.found))
            (stays(visitor, &erased.found))
        }
    }
}

fn counted(visitor: &Visitor, found: &Found) -> Markup {
    let texts = visitor.texts().acts;
    let name = |key: &'static str| match key {
        "calls" => visitor.texts().calls,
        "ai_insights_of_calls" => texts.of_insights,
        "lines_of_timelines" => texts.of_timelines,
        "calls_waiting_for_a_record" => texts.of_waiting,
        "text_messages" => visitor.texts().text_messages,
        "records_of_the_phone_directory" => texts.of_records,
        "remembered_misses" => texts.of_misses,
        "pins" => texts.pins,
        "saved_filters" => visitor.texts().saved_filters,
        "messages_in_the_inbox" => texts.of_inbox,
        "parked_messages" => visitor.texts().dead_letters,
        other => other,
    };
    html! {
        table.small {
            caption.unseen { (texts.would_be_erased) }
            thead { tr { th scope="col" { (texts.checked_what) } th.number scope="col" { (texts.how_many) } } }
            tbody { @for (key, _, n) in forget::counts(found) { tr { th scope="row" { (name(key)) } td.number { (count(n)) } } } }
        }
    }
}

/// What a person has to erase in Sellsy.
fn stays(visitor: &Visitor, found: &Found) -> Markup {
    let texts = visitor.texts();
    let form = |form: &str| match form {
        "comment" => texts.comment,
        "task" => texts.task,
        _ => texts.phone_call,
    };
    let logs: Vec<_> = forget::logs(found).collect();
    html! {
        @if !logs.is_empty() {
            h3 { (texts.acts.stays_in_sellsy) }
            ul { @for (call, kind, id) in &logs { li { (form(kind)) " " (id) @if let Some(call) = call { span.quiet { " · " (texts.call) " " (call) } } } } }
        }
        @if !found.records.is_empty() {
            h3 { (texts.acts.records_come_back) }
            ul { @for (kind, id) in &found.records { li { (super::format::kind_names(visitor, kind)) " " (id) } } }
        }
        @if !found.other_numbers.is_empty() {
            h3 { (texts.acts.other_numbers) }
            ul { @for number in &found.other_numbers { li { (number) } } }
        }
    }
}
