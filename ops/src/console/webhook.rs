//! Aircall's webhooks: whether one delivers to us all that is needed, and repairing it. Tokens are never shown.

use axum::{Extension, Json, extract::State, http::StatusCode, response::IntoResponse};
use base::ids::Vendor;
use ingest::{
    tokens::Tokens,
    webhooks::{self, Installed},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use vendors::{
    aircall::{Aircall, wire::Webhook},
    budget::{Lane, Role as Who},
};

use super::{
    Console, Failed, Page, Shared,
    fields::Fields,
    installation,
    layout::{self, Section, Visitor, pill},
};
use crate::{
    access::Role,
    arguments::{WEBHOOK_PATH, webhook_url},
    webhook::{self, Line},
};

pub(super) async fn page(Extension(visitor): Extension<Visitor>) -> Page {
    Ok(show(&visitor, &html! {}))
}

/// Asks Aircall: one request.
pub(super) async fn status(State(console): State<Shared>, Extension(visitor): Extension<Visitor>) -> Page {
    let Some(aircall) = aircall(&console)? else { return Ok(no_credential(&visitor)) };
    let all = aircall.webhooks().await?;
    let lines = webhook::lines(&all, &console.settings, &tokens(&console).await?, None);
    if visitor.json {
        return Ok(Json(webhook::report(&lines, lines.iter().any(Line::delivers))).into_response());
    }
    Ok(show(&visitor, &found(&visitor, &console, &lines)))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    url: String,
}

/// Creates the webhook of this address, enables it again, or adds the events that it lacks.
pub(super) async fn install(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Fields(wanted): Fields<Wanted>,
) -> Page {
    let Ok(url) = webhook_url(wanted.url.trim()) else {
        return Ok(layout::refused(&visitor, StatusCode::BAD_REQUEST, |texts| texts.acts.webhook_address_wrong));
    };
    let Some(aircall) = aircall(&console)? else { return Ok(no_credential(&visitor)) };
    let (done, webhook, _) = webhook::install_for_aircall(&aircall, &console.database, &console.settings, &url).await?;
    if visitor.json {
        let (what, enabled, added) = match &done {
            Installed::Created => ("created", true, webhook.events.clone()),
            Installed::WasThere => ("was_there", false, Vec::new()),
            Installed::Repaired { enabled, added } => {
                ("repaired", *enabled, added.iter().map(|event| (*event).to_owned()).collect())
            }
        };
        let answer = json!({ "result": "done", "webhook": what, "enabled": enabled, "added": added });
        return Ok(Json(answer).into_response());
    }
    let all = aircall.webhooks().await?;
    let lines = webhook::lines(&all, &console.settings, &tokens(&console).await?, None);
    let body = html! { (did(&visitor, &done)) (found(&visitor, &console, &lines)) };
    Ok(show(&visitor, &body))
}

fn aircall(console: &Console) -> Result<Option<Aircall>, Failed> {
    let settings = &console.settings.aircall;
    if !settings.has_credential() {
        return Ok(None);
    }
    Ok(Some(Aircall::new(settings, &console.database, Who::Guest("callbridge"))?.on(Lane::Interactive)))
}

/// The tokens that ingest accepts.
async fn tokens(console: &Console) -> Result<Tokens, Failed> {
    let set = Tokens::set_for_aircall(&console.settings.aircall);
    Ok(set.with_noted(&console.database.client().await?, Vendor::Aircall).await?)
}

fn no_credential(visitor: &Visitor) -> axum::response::Response {
    layout::refused(visitor, StatusCode::SERVICE_UNAVAILABLE, |texts| texts.acts.no_aircall)
}

fn show(visitor: &Visitor, body: &Markup) -> axum::response::Response {
    // What a form was sent to has no page of its own.
    let visitor = &Visitor { address: "/webhook".into(), ..visitor.clone() };
    let texts = visitor.texts().acts;
    let body = html! {
        (installation::links(visitor, "/webhook"))
        h1 { (texts.webhooks) }
        p.quiet { (texts.webhooks_intro) }
        @if visitor.may(Role::Operator) {
            form.search.inline method="post" action="/webhook" {
                (visitor.token())
                p #cost.hint { (texts.webhooks_cost) }
                div.field.buttons { button.primary type="submit" aria-describedby="cost" { (texts.ask_aircall) } }
            }
        } @else { p.quiet { (texts.for_operators_only) } }
        (body)
    };
    layout::page(visitor, Section::Check, texts.webhooks, &body)
}

fn did(visitor: &Visitor, done: &Installed) -> Markup {
    let texts = visitor.texts().acts;
    html! {
        div.callout.calm role="status" {
            p { strong { @match done {
                Installed::Created => { (texts.webhook_created) }
                Installed::WasThere => { (texts.webhook_was_there) }
                Installed::Repaired { enabled: true, .. } => { (texts.webhook_enabled) }
                Installed::Repaired { enabled: false, .. } => { (texts.webhook_completed) }
            } } }
            @if let Installed::Repaired { added, .. } = done { @if !added.is_empty() { p { (texts.events_added) " " (added.join(", ")) } } }
            p { (texts.token_noted) }
        }
    }
}

fn found(visitor: &Visitor, console: &Console, lines: &[Line<'_>]) -> Markup {
    let (texts, all) = (visitor.texts().acts, webhooks::needed(&console.settings.rules).len());
    let delivers = lines.iter().any(Line::delivers);
    html! {
        section.panel aria-labelledby="found" {
            h2 #found { @if delivers { (pill("logged", texts.webhook_delivers)) } @else { (pill("parked", texts.webhook_does_not)) } }
            @if lines.is_empty() { p.empty { (texts.no_webhook) } }
            @else {
                table.cards.small {
                    caption.unseen { (texts.webhooks) }
                    thead { tr {
                        th scope="col" { (texts.address) } th scope="col" { (visitor.texts().state) } th scope="col" { (texts.missing_events) } th scope="col" { (visitor.texts().action) }
                    } }
                    tbody { @for line in lines { (row(visitor, line, all)) } }
                }
            }
        }
        @if visitor.may(Role::Admin) && !lines.iter().any(|line| line.ours) { (create(visitor)) }
    }
}

fn row(visitor: &Visitor, line: &Line<'_>, all: usize) -> Markup {
    let texts = visitor.texts().acts;
    let address = line.webhook.url.as_deref().unwrap_or("–");
    html! {
        tr {
            th scope="row" data-label=(texts.address) { span.address { (address_only(line.webhook)) } span.quiet.block { (if line.ours { texts.webhook_ours } else { texts.webhook_others }) } }
            td data-label=(visitor.texts().state) { (if line.webhook.active { texts.webhook_active } else { texts.webhook_disabled }) }
            td data-label=(texts.missing_events) {
                @if line.missing.is_empty() { (visitor.texts().none) }
                @else if line.missing.len() == all { (texts.all_events) }
                @else { (line.missing.join(", ")) }
            }
            td.action {
                @if line.ours && !line.delivers() && visitor.may(Role::Admin) {
                    details.confirm data-keep {
                        summary { (texts.repair) "…" }
                        p { (texts.repair_question) }
                        form method="post" action="/webhook/install" {
                            (visitor.token())
                            input type="hidden" name="url" value=(address);
                            button.primary type="submit" { (texts.repair) }
                        }
                    }
                }
            }
        }
    }
}

/// Without what may be a secret in it.
fn address_only(webhook: &Webhook) -> &str {
    webhook.url.as_deref().map_or("–", |url| url.split('?').next().unwrap_or(url))
}

fn create(visitor: &Visitor) -> Markup {
    let texts = visitor.texts().acts;
    let example = format!("https://calls.example.com{WEBHOOK_PATH}");
    html! {
        section.panel aria-labelledby="create" {
            h2 #create { (texts.create_webhook) }
            form.search.inline method="post" action="/webhook/install" {
                (visitor.token())
                div.field.wide {
                    label for="url" { (texts.address) }
                    input #url type="url" name="url" required placeholder=(example) aria-describedby="url-hint";
                    p.hint #url-hint { (texts.create_webhook_hint) }
                }
                div.field.buttons { button.primary type="submit" { (texts.create_webhook) } }
            }
        }
    }
}
