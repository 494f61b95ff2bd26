//! The page of the phone directory: how complete and fresh it is, and where a call from a number would be logged.
//!
//! The number to explain is sent as a form, not in the address: the answer asks Sellsy, which must not happen by following
//! a link, and this way the number does not appear in the browser's history.

use axum::{
    Extension,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use base::{ids::Kind, phone, settings::Links};
use jiff::Timestamp;
use ledger::resolution::Resolution;
use maud::{Markup, html};
use resolver::directory::{
    contents::{self, Size},
    opportunities::{self, Reading},
    store::{self, Progress, Turn},
};
use serde::Deserialize;

use super::{
    Console, Page, Shared, conditions, decision,
    fields::Fields,
    format::{ago, count, kind_names},
    layout::{self, Section, Visitor, pill},
};
use crate::access::Role;

enum Answer {
    NotAsked,
    NoNumber,
    NoCredential,
    Failed(String),
    Found(Box<Resolution>),
}

#[derive(Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    number: String,
}

pub(super) async fn page(State(console): State<Shared>, Extension(visitor): Extension<Visitor>) -> Page {
    show(&console, &visitor, "", &Answer::NotAsked).await
}

pub(super) async fn explain(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Fields(asked): Fields<Asked>,
) -> Page {
    let answer = match (&console.look_up, phone::parse(&asked.number, console.settings.regions.first())) {
        (_, None) => Answer::NoNumber,
        (None, _) => Answer::NoCredential,
        (Some(look_up), Some(number)) => match look_up.number(&number).await {
            Ok(resolution) => Answer::Found(Box::new(resolution)),
            Err(e) => Answer::Failed(e.to_string()),
        },
    };
    show(&console, &visitor, &asked.number, &answer).await
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// `yes`: all records, not only the changed ones; `fewer`: also remove what Sellsy no longer lists, even if that is most of them.
    everything: String,
    /// Of one kind only.
    kind: String,
}

/// Makes a resolver read the changes in Sellsy now, or everything.
pub(super) async fn sync(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Fields(wanted): Fields<Wanted>,
) -> Page {
    let turn = match wanted.everything.as_str() {
        "" | "no" => Turn::Changes,
        "yes" => Turn::Everything,
        // What it removes cannot be undone here.
        "fewer" if visitor.may(Role::Admin) => Turn::EverythingEvenIfFewer,
        "fewer" => return Ok(layout::refused(&visitor, StatusCode::FORBIDDEN, |texts| texts.not_your_role)),
        _ => return Ok(layout::refused(&visitor, StatusCode::BAD_REQUEST, |texts| texts.invalid_form)),
    };
    let kind = match (wanted.kind.as_str(), Kind::parse(&wanted.kind)) {
        ("", _) => None,
        (_, Some(kind)) => Some(kind),
        (_, None) => return Ok(layout::refused(&visitor, StatusCode::BAD_REQUEST, |texts| texts.invalid_form)),
    };
    if store::request_of(&console.database.client().await?, turn, kind).await? {
        Ok(Redirect::to("/directory").into_response())
    } else {
        Ok(layout::refused(&visitor, StatusCode::CONFLICT, |texts| texts.acts.directory_not_begun))
    }
}

/// Records on a page of Sellsy's lists.
const PER_PAGE: i64 = 100;

/// Reading every record again, with what it costs.
fn everything(visitor: &Visitor, progress: &[Progress], sizes: &[Size]) -> Markup {
    let texts = visitor.texts();
    let pages = |kind: &str| {
        let listed = progress.iter().find(|p| p.kind == kind).and_then(|p| p.pass_total);
        let known = sizes.iter().find(|size| size.kind == kind).map(|size| size.records);
        listed.max(known).map(|records| (records + PER_PAGE - 1) / PER_PAGE).unwrap_or_default().max(1)
    };
    let all: i64 = ["individual", "company", "contact"].map(pages).iter().sum();
    html! {
        details.confirm.calm data-keep {
            summary { (texts.acts.read_everything) "…" }
            p { (texts.acts.read_everything_hint.replace("{}", &count(all))) }
            form.search method="post" action="/directory/sync" {
                (visitor.token())
                div.field {
                    label for="kind" { (texts.kind) }
                    select #kind name="kind" {
                        option value="" { (texts.everybody) " (" (count(all)) ")" }
                        @for kind in ["individual", "company", "contact"] { option value=(kind) { (kind_names(visitor, kind)) " (" (count(pages(kind))) ")" } }
                    }
                }
                div.field {
                    label for="everything" { (texts.acts.if_fewer) }
                    select #everything name="everything" {
                        option value="yes" { (texts.acts.keep_them) }
                        @if visitor.may(Role::Admin) { option value="fewer" { (texts.acts.remove_them) } }
                    }
                }
                div.field.buttons { button type="submit" { (texts.acts.read_everything) } }
            }
        }
    }
}

async fn show(console: &Console, visitor: &Visitor, number: &str, answer: &Answer) -> Page {
    let client = console.database.client().await?;
    let (progress, sizes) = (store::progress(&client).await?, contents::sizes(&client).await?);
    let reading = opportunities::reading(&client).await?;
    drop(client);
    let (texts, now) = (visitor.texts(), Timestamp::now());
    let body = html! {
        h1 { (texts.directory) }
        section.panel aria-labelledby="ask" {
            h2 #ask { (texts.explain_title) }
            @if visitor.may(Role::Operator) { form.search.inline method="post" action="/directory" {
                (visitor.token())
                div.field.wide {
                    label for="number" { (texts.number) }
                    input #number type="tel" name="number" value=(number) required autocomplete="off" inputmode="tel" aria-describedby="number-hint";
                    p.hint #number-hint { (texts.explain_hint) }
                }
                div.field.buttons { button.primary type="submit" { (texts.explain) } }
            } } @else { p.quiet { (texts.for_operators) } }
            div aria-live="polite" { (explanation(visitor, answer, &console.settings.sellsy.links)) }
        }
        section.panel aria-labelledby="status" {
            h2 #status { (texts.directory_status) }
            div #kinds data-live="3" { (kinds(visitor, &progress, &sizes, now)) (known(visitor, &reading, now)) }
            @if visitor.may(Role::Operator) { form method="post" action="/directory/sync" { (visitor.token()) button type="submit" { (texts.read_changes) } } (everything(visitor, &progress, &sizes)) }
            p { a href="/pins" { (texts.acts.pins) } }
        }
    };
    Ok(layout::page(visitor, Section::Directory, texts.directory, &body))
}

fn explanation(visitor: &Visitor, answer: &Answer, links: &Links) -> Markup {
    let texts = visitor.texts();
    html! {
        @match answer {
            Answer::NotAsked => {}
            Answer::NoNumber => { p.problem role="alert" { (texts.no_number) } }
            Answer::NoCredential => { p.problem role="alert" { (texts.no_credential) } }
            Answer::Failed(problem) => { p.problem role="alert" { (texts.look_up_failed) " " (conditions::told(visitor, "", problem)) } }
            Answer::Found(resolution) => { (decision::explain(visitor, resolution, Timestamp::now(), links, None)) }
        }
    }
}

/// How many opportunities are known, and since when.
fn known(visitor: &Visitor, Reading { opportunities, read_at }: &Reading, now: Timestamp) -> Markup {
    let texts = visitor.texts();
    html! {
        @if let Some(at) = read_at {
            p.hint {
                (texts.opportunities_known) " " (count(*opportunities)) ". " (texts.opportunities_read) " "
                (ago(visitor, now, *at)) "."
            }
        }
    }
}

fn kinds(visitor: &Visitor, progress: &[Progress], sizes: &[Size], now: Timestamp) -> Markup {
    let texts = visitor.texts();
    html! {
        @if progress.is_empty() { p.empty { (texts.directory_empty) } }
        @else {
            table.cards.small {
                caption.unseen { (texts.directory_status) }
                thead { tr {
                    th scope="col" { (texts.kind) } th.number scope="col" { (texts.records) } th.number scope="col" { (texts.numbers) }
                    th scope="col" { (texts.loaded) } th scope="col" { (texts.changes_read) } th scope="col" { (texts.state) }
                } }
                tbody {
                    @for p in progress {
                        @let size = sizes.iter().find(|size| size.kind == p.kind).cloned().unwrap_or_default();
                        tr {
                            th scope="row" data-label=(texts.kind) { (kind_names(visitor, &p.kind)) }
                            td.number data-label=(texts.records) { (count(size.records)) }
                            td.number data-label=(texts.numbers) { (count(size.numbers)) }
                            td data-label=(texts.loaded) { (loaded(visitor, p, now)) }
                            td data-label=(texts.changes_read) { (p.changes_until.map_or_else(|| "–".into(), |at| ago(visitor, now, at))) }
                            td data-label=(texts.state) { (state(visitor, p)) }
                        }
                    }
                }
            }
            @let unread: i64 = sizes.iter().map(|size| size.unread).sum();
            @if unread > 0 { p.hint { (texts.unread) " " (count(unread)) } }
            @for p in progress.iter().filter(|p| p.problem.is_some()) {
                p.problem { (kind_names(visitor, &p.kind)) ": " (conditions::told(visitor, "", p.problem.as_deref().unwrap_or_default())) }
            }
        }
    }
}

fn loaded(visitor: &Visitor, p: &Progress, now: Timestamp) -> String {
    match (p.loaded_at, p.pass_total) {
        (Some(at), _) => ago(visitor, now, at),
        (None, Some(total)) => format!("{} / {}", count(p.pass_rows), count(total)),
        (None, None) => "–".into(),
    }
}

fn state(visitor: &Visitor, p: &Progress) -> Markup {
    let texts = visitor.texts();
    if p.problem.is_some() {
        pill("parked", texts.failed)
    } else if let (true, true, None, Some(total)) =
        (p.loaded_at.is_some(), p.is_requested(), p.pass_ended_at, p.pass_total)
    {
        pill("waiting", &format!("{} {} / {}", texts.reading, count(p.pass_rows), count(total)))
    } else if p.loaded_at.is_none() || p.is_requested() {
        pill("waiting", texts.reading)
    } else {
        pill("logged", texts.up_to_date)
    }
}
