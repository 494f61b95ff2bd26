//! A call's log as Sellsy has it, beside what it would be now. It costs a request, so only when somebody asks for it.

use base::{ids::CallId, settings::Links};
use ledger::{
    calls::{self, AsLeft, Stored},
    form::LogForm,
};
use logger::apart;
use maud::{Markup, html};
use resolver::page_of_related;
use vendors::sellsy::{
    Sellsy,
    wire::{PhoneCall, RecordKind, Related},
};

use super::{
    Console, Failed, conditions, decision,
    format::{kind_name, when},
    layout::Visitor,
    story,
};

pub(super) enum Answer {
    NotAsked,
    NoLog,
    NoCredential,
    Failed(String),
    /// It was deleted there.
    Gone,
    Found(Box<PhoneCall>, Option<Box<AsLeft>>),
}

pub(super) async fn read(console: &Console, id: CallId) -> Result<Answer, Failed> {
    let client = console.database.client().await?;
    let (row, left) = (calls::look(&client, id).await?, calls::as_left(&client, id).await?);
    drop(client);
    let stored = row.as_ref().and_then(calls::CallRow::stored);
    Ok(match (stored, &console.sellsy) {
        (None, _) => Answer::NoLog,
        (_, None) => Answer::NoCredential,
        (Some(log), Some(sellsy)) => match ask(sellsy, log).await {
            Ok(Some(found)) => Answer::Found(Box::new(found), left.map(Box::new)),
            Ok(None) => Answer::Gone,
            Err(e) => Answer::Failed(e.to_string()),
        },
    })
}

async fn ask(sellsy: &Sellsy, log: &Stored) -> base::error::Result<Option<PhoneCall>> {
    match log.form {
        LogForm::PhoneCall => sellsy.phone_call(log.id).await,
        LogForm::Comment => Ok(sellsy.comment(log.id).await?.map(PhoneCall::from)),
    }
}

/// `now`: what the log would say.
pub(super) fn shown(visitor: &Visitor, call: CallId, now: Option<&str>, answer: &Answer, links: &Links) -> Markup {
    let texts = visitor.texts();
    html! {
        h3 { (texts.in_sellsy) }
        div aria-live="polite" {
            @match answer {
                Answer::NotAsked => {
                    form method="post" action={ "/calls/" (call) "/log#in-sellsy" } {
                        (visitor.token())
                        button type="submit" { (texts.read_in_sellsy) }
                        p.hint { (texts.one_request_to_sellsy) }
                    }
                }
                Answer::NoLog => { p { (texts.not_logged) } }
                Answer::NoCredential => { p.problem role="alert" { (texts.no_credential) } }
                Answer::Failed(problem) => { p.problem role="alert" { (texts.not_read_in_sellsy) " " (conditions::told(visitor, "", problem)) } }
                Answer::Gone => { p.problem role="alert" { (texts.gone_in_sellsy) } }
                Answer::Found(log, left) => { (found(visitor, call, now, log, left.as_deref(), links)) }
            }
        }
    }
}

fn found(
    visitor: &Visitor,
    call: CallId,
    now: Option<&str>,
    log: &PhoneCall,
    left: Option<&AsLeft>,
    links: &Links,
) -> Markup {
    let texts = visitor.texts();
    let apart = apart(log.description.as_deref().unwrap_or_default(), now.unwrap_or_default(), call);
    html! {
        pre.log {
            @if !apart.before.is_empty() { mark { (apart.before) } "\n" }
            (apart.block)
            @if !apart.after.is_empty() { "\n" mark { (apart.after) } }
        }
        @if !apart.before.is_empty() || !apart.after.is_empty() { p.hint { (texts.marked_is_theirs) } }
        @if now.is_some() { p { (if apart.is_current { texts.says_the_same } else { texts.says_other }) } }
        @if let Some(left) = left.filter(|left| !left.theirs.is_empty()) { p { (story::changed_by_person(visitor, &left.theirs)) "." } }
        ul.quiet {
            @for related in &log.related {
                li { (linked(visitor, related, links)) }
            }
        }
        @if let Some(at) = log.updated { p.hint { (texts.changed_in_sellsy) " " (when(visitor, at)) "." } }
    }
}

/// A record or an opportunity that the log is linked to.
fn linked(visitor: &Visitor, related: &Related, links: &Links) -> Markup {
    let name = match related.kind.of_record() {
        Some(kind) => kind_name(visitor, kind),
        None if related.kind == RecordKind::Opportunity => visitor.texts().opportunity,
        None => related.kind.as_str(),
    };
    let name = format!("{name} {}", related.id);
    match page_of_related(related, links) {
        Some(page) => decision::outside(&page, &name),
        None => html! { (name) },
    }
}
