//! Conversations of text messages: with whom, and where they stand in Sellsy.

use axum::{Extension, extract::State};
use jiff::SignedDuration;
use ledger::messages::{self, Conversation};
use maud::{Markup, html};

use super::{
    Page, Shared,
    format::when,
    layout::{self, Section, Visitor},
};

const HOURS: i64 = 7 * 24;
/// A week of a large company has thousands of them.
const MOST: usize = 200;

pub(super) async fn page(State(console): State<Shared>, Extension(visitor): Extension<Visitor>) -> Page {
    let client = console.database.client().await?;
    let since = client.now().await? - SignedDuration::from_hours(HOURS);
    let all = messages::conversations(&client, since, None).await?;
    let texts = visitor.texts();
    let body = html! {
        h1 { (texts.text_messages) }
        p.quiet { (texts.text_messages_intro) }
        div #live data-live="60" {
            @if all.is_empty() { p.empty { (texts.no_text_messages) } }
            @else {
                table.cards {
                    caption.unseen { (texts.text_messages) }
                    thead { tr {
                        th scope="col" { (texts.caller) }
                        th scope="col" { (texts.last_one) }
                        th scope="col" { (texts.received_sent) }
                        th scope="col" { (texts.in_sellsy) }
                    } }
                    tbody { @for one in all.iter().take(MOST) { (row(&visitor, one)) } }
                }
                @if all.len() > MOST { p.quiet { (texts.and_more.replace("{}", &(all.len() - MOST).to_string())) } }
            }
        }
    };
    Ok(layout::page(&visitor, Section::Messages, texts.text_messages, &body))
}

fn row(visitor: &Visitor, one: &Conversation) -> Markup {
    let texts = visitor.texts();
    html! {
        tr {
            th scope="row" data-label=(texts.caller) { a.strong data-row href={ "/calls/" (one.id) } { (one.number) } }
            td data-label=(texts.last_one) { (when(visitor, one.last_at)) }
            td data-label=(texts.received_sent) { (one.received) " / " (one.sent) }
            td data-label=(texts.in_sellsy) { (stands(visitor, one)) }
        }
    }
}

fn stands(visitor: &Visitor, one: &Conversation) -> Markup {
    let texts = visitor.texts();
    html! {
        @match (one.comment, one.over.as_deref()) {
            (Some(id), over) => {
                (texts.comment) " " (id)
                @if over == Some("deleted") { span.quiet.block { (texts.task_is_deleted) } }
                @else if one.unwritten > 0 { span.quiet.block { (texts.to_be_added.replace("{}", &one.unwritten.to_string())) } }
            }
            (None, Some(_)) => { (texts.left_out_by_rules) }
            (None, None) if one.is_due => { (texts.is_being_written) }
            (None, None) if one.waits_for_record => { (texts.waits_for_record) }
            (None, None) => { a href="/dead" { (texts.dead_letters) } }
        }
    }
}
