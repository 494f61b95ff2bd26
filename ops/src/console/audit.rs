//! What people and their programs did by hand: who, when, of what, with what result.

use axum::{
    Extension,
    extract::{Query, State},
};
use ledger::audit::{self, Kept, Wanted};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Page, Shared,
    format::when,
    layout::{self, Section, Visitor, pill},
};
use crate::audit::in_words;

const MOST: i64 = 100;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    who: String,
    act: String,
    /// Acts before this one.
    before: String,
}

pub(super) async fn page(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(filters): Query<Filters>,
) -> Page {
    let client = console.database.client().await?;
    let chosen = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let wanted = Wanted {
        who: chosen(&filters.who),
        act: chosen(&filters.act),
        before: filters.before.parse().ok(),
        most: MOST + 1,
    };
    let mut kept = audit::read(&client, &wanted).await?;
    let more = kept.len() > usize::try_from(MOST)?;
    kept.truncate(usize::try_from(MOST)?);
    let (people, acts) = audit::names(&client).await?;
    let texts = visitor.texts();
    let body = html! {
        h1 { (texts.audit) }
        p.quiet { (texts.audit_intro) }
        form.search method="get" action="/audit" {
            (layout::choice(&visitor, "who", texts.who, &people, &filters.who))
            (layout::choice(&visitor, "act", texts.action, &acts, &filters.act))
            div.field.buttons { button.primary type="submit" { (texts.search) } a href="/audit" { (texts.reset) } }
        }
        @if kept.is_empty() { p.empty { (texts.nothing_by_hand) } }
        @else {
            table.cards {
                caption.unseen { (texts.audit) }
                thead { tr {
                    th scope="col" { (texts.began) } th scope="col" { (texts.who) } th scope="col" { (texts.action) }
                    th scope="col" { (texts.subject) } th scope="col" { (texts.result) }
                } }
                tbody { @for one in &kept { (row(&visitor, one)) } }
            }
            nav.pages aria-label=(texts.pages) {
                @if wanted.before.is_some() { a href=(address(&filters, None)) { (texts.newest) } }
                @if let (true, Some(last)) = (more, kept.last()) { a href=(address(&filters, Some(last.id))) { (texts.older) } }
            }
        }
    };
    Ok(layout::page(&visitor, Section::Audit, texts.audit, &body))
}

fn address(filters: &Filters, before: Option<i64>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let fields = [("who", &filters.who), ("act", &filters.act)];
    query.extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
    if let Some(before) = before {
        query.append_pair("before", &before.to_string());
    }
    format!("/audit?{}", query.finish())
}

fn row(visitor: &Visitor, kept: &Kept) -> Markup {
    let texts = visitor.texts();
    let call = kept.subject["call"].as_i64();
    html! {
        tr {
            th scope="row" data-label=(texts.began) { (when(visitor, kept.at)) }
            td data-label=(texts.who) { (kept.who) span.quiet.block { (kept.role) ", " (kept.way) } }
            td data-label=(texts.action) { code { (kept.act) } }
            td data-label=(texts.subject) {
                @match call { Some(id) => { a href={ "/calls/" (id) } { (in_words(&kept.subject)) } } None => { (in_words(&kept.subject)) } }
            }
            td data-label=(texts.result) {
                @match kept.result.as_deref() {
                    Some("done") => { (pill("logged", texts.result_done)) }
                    Some("refused") => { (pill("unready", texts.result_refused)) }
                    Some(_) => { (pill("parked", texts.result_failed)) }
                    None => { (pill("waiting", texts.result_unknown)) }
                }
                @if let Some(detail) = &kept.detail { span.quiet.block lang="en" { (detail) } }
            }
        }
    }
}
