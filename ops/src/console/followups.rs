//! What follows from calls beside their logs: tasks, prospects, tags' acts and comments, where each stands, and trying one again.

use axum::{
    Extension, Json,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use jiff::{SignedDuration, Timestamp};
use ledger::followups::{self, Hurried, Listed};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{
    Page, Shared,
    fields::Fields,
    format::{ago, when},
    layout::{self, Section, Visitor, pill},
};
use crate::access::Role;

const DAYS: [u32; 3] = [1, 7, 30];
const USUAL: u32 = 7;
const MOST: i64 = 500;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    days: String,
    kind: String,
    state: String,
}

impl Filters {
    fn days(&self) -> u32 {
        DAYS.into_iter().find(|days| days.to_string() == self.days).unwrap_or(USUAL)
    }

    fn wants(&self, one: &Listed) -> bool {
        (self.kind.is_empty() || one.kind == self.kind)
            && (self.state.is_empty() || self.state == if one.over.is_none() { "open" } else { "over" })
    }
}

async fn read(console: &Shared, filters: &Filters) -> Result<(Timestamp, Vec<Listed>), super::Failed> {
    let client = console.database.client().await?;
    let since = client.now().await? - SignedDuration::from_hours(24 * i64::from(filters.days()));
    let all = followups::since(&client, since, MOST).await?;
    Ok((since, all.into_iter().filter(|one| filters.wants(one)).collect()))
}

pub(super) async fn page(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(filters): Query<Filters>,
) -> Page {
    let (_, listed) = read(&console, &filters).await?;
    let texts = visitor.texts();
    let body = html! {
        p.crumb { a href="/missed" { "← " (texts.missed) } }
        h1 { (texts.acts.followups) }
        p.quiet { (texts.acts.followups_intro) }
        (form(&visitor, &filters))
        div #live data-live="60" {
            @if listed.is_empty() { p.empty { (texts.acts.no_followups) } } @else { (table(&visitor, &listed)) }
        }
    };
    Ok(layout::page(&visitor, Section::Missed, texts.acts.followups, &body))
}

fn form(visitor: &Visitor, filters: &Filters) -> Markup {
    let texts = visitor.texts();
    let option =
        |value: &str, chosen: &str, name: &str| html! { option value=(value) selected[value == chosen] { (name) } };
    html! {
        form.search method="get" action="/followups" {
            div.field {
                label for="days" { (texts.last_days) }
                select #days name="days" { @for one in DAYS { option value=(one) selected[one == filters.days()] { (one) } } }
            }
            div.field {
                label for="kind" { (texts.kind) }
                select #kind name="kind" {
                    (option("", &filters.kind, texts.everybody))
                    @for kind in followups::KINDS { (option(kind, &filters.kind, kind_name(visitor, kind))) }
                }
            }
            div.field {
                label for="state" { (texts.state) }
                select #state name="state" {
                    (option("", &filters.state, texts.everybody))
                    (option("open", &filters.state, texts.acts.still_open))
                    (option("over", &filters.state, texts.acts.is_over))
                }
            }
            div.field.buttons { button.primary type="submit" { (texts.search) } a href="/followups" { (texts.reset) } }
        }
    }
}

fn kind_name<'a>(visitor: &Visitor, kind: &'a str) -> &'a str {
    let texts = visitor.texts().acts;
    match kind {
        "missed" => texts.kind_missed,
        "action_item" => texts.kind_action_item,
        "tag" => texts.kind_tag,
        "smart_tags" => texts.kind_smart_tags,
        "step" => texts.kind_step,
        "prospect" => texts.kind_prospect,
        "messages" => visitor.texts().text_messages,
        other => other,
    }
}

fn table(visitor: &Visitor, listed: &[Listed]) -> Markup {
    let texts = visitor.texts();
    html! {
        table.cards {
            caption.unseen { (texts.acts.followups) }
            thead { tr {
                th scope="col" { (texts.kind) } th scope="col" { (texts.call) } th scope="col" { (texts.in_sellsy) } th scope="col" { (texts.state) }
                th scope="col" { span.unseen { (texts.action) } }
            } }
            tbody { @for one in listed { (row(visitor, one)) } }
        }
    }
}

fn row(visitor: &Visitor, one: &Listed) -> Markup {
    let texts = visitor.texts();
    let now = Timestamp::now();
    html! {
        tr {
            th scope="row" data-label=(texts.kind) { (kind_name(visitor, &one.kind)) span.quiet.block { (when(visitor, one.created_at)) } }
            td data-label=(texts.call) { a href={ "/calls/" (one.call) } { (one.call) } }
            td data-label=(texts.in_sellsy) { @match one.sellsy_id { Some(id) => { (id) } None => { "–" } } }
            td data-label=(texts.state) {
                (state(visitor, one))
                @if let (None, Some(at)) = (&one.over, one.due_at) {
                    span.quiet.block { @if at > now { (texts.acts.next_look) " " (when(visitor, at)) } @else { (texts.acts.due_since) " " (ago(visitor, now, at)) } }
                }
            }
            td.action {
                @if one.can_be_tried() && visitor.may(Role::Operator) {
                    form method="post" action="/followups/retry" {
                        (visitor.token())
                        input type="hidden" name="key" value=(one.key);
                        button type="submit" { (texts.acts.try_now) }
                    }
                }
            }
        }
    }
}

fn state(visitor: &Visitor, one: &Listed) -> Markup {
    let texts = visitor.texts();
    match one.over.as_deref() {
        _ if one.is_held => pill("waiting", texts.acts.is_worked_on),
        None if one.due_at.is_none() => pill("parked", texts.acts.waits_for_nothing),
        None => pill("waiting", texts.acts.still_open),
        Some("done") => pill("logged", texts.result_done),
        Some("not_needed") => pill("unmatched", texts.acts.not_needed),
        Some("deleted") => pill("deleted", texts.task_is_deleted),
        Some(_) => pill("unmatched", texts.task_is_theirs),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    key: String,
}

/// Hands it on now. What is over stays so: a person has ended it, or there is nothing to do.
pub(super) async fn retry(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Fields(which): Fields<Which>,
) -> Page {
    let Ok(key) = which.key.parse() else {
        return Ok(layout::refused(&visitor, StatusCode::BAD_REQUEST, |texts| texts.invalid_form));
    };
    match followups::hurry(&console.database.client().await?, &key).await? {
        Hurried::Due => Ok(Redirect::to("/followups").into_response()),
        Hurried::Held => Ok(layout::refused(&visitor, StatusCode::CONFLICT, |texts| texts.acts.followup_is_held)),
        Hurried::Over => Ok(layout::refused(&visitor, StatusCode::CONFLICT, |texts| texts.acts.followup_is_over)),
        Hurried::Unknown => Ok(layout::refused(&visitor, StatusCode::NOT_FOUND, |texts| texts.acts.no_such_followup)),
    }
}

pub(super) async fn json(State(console): State<Shared>, Query(filters): Query<Filters>) -> Page {
    let (since, listed) = read(&console, &filters).await?;
    Ok(Json(json!({ "since": since, "followups": listed })).into_response())
}
