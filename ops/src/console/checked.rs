//! What `callbridge check` says, as a page: run when somebody asks, because it sends requests; what is wrong comes first, with what to do.

use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use base::said::Text;
use jiff::Timestamp;
use ledger::audit::Ended;
use maud::{Markup, html};
use serde_json::json;
use std::time::Duration;
use tokio::time;

use super::{
    Page, Shared,
    auth::{ActId, GoesOn, act_ended},
    conditions,
    format::{ago, count},
    installation,
    layout::{self, Section, Visitor, pill},
    texts::Lang,
};
use crate::{
    access::Role,
    check::{self, Finding, State as Found, kept},
};

/// How long a request waits for the result; usually it is there.
const SHORT: Duration = Duration::from_secs(8);

pub(super) async fn page(State(console): State<Shared>, Extension(visitor): Extension<Visitor>) -> Page {
    let kept = kept::last(&console.database.client().await?).await?;
    let runs = kept.as_ref().is_some_and(|kept| kept.runs);
    let (texts, requests) = (visitor.texts().acts, check::requests(&console.settings));
    let body = html! {
        (installation::links(&visitor, "/check"))
        h1 { (texts.check) }
        p.quiet { (texts.check_intro) }
        @if visitor.may(Role::Operator) { (ask(&visitor, requests, runs)) }
        div #live data-live=[runs.then_some("2")] aria-live="polite" {
            @if runs { p.callout.calm role="status" { (texts.check_runs) } }
            @match kept.filter(|kept| kept.found_at.is_some()) {
                None => { p.empty { (texts.never_checked) } }
                Some(kept) => { (result(&visitor, &kept)) }
            }
        }
    };
    Ok(layout::page(&visitor, Section::Check, texts.check, &body))
}

fn ask(visitor: &Visitor, (aircall, sellsy): (usize, usize), runs: bool) -> Markup {
    let texts = visitor.texts().acts;
    let cost = texts.check_cost.replace("{aircall}", &aircall.to_string()).replace("{sellsy}", &sellsy.to_string());
    html! {
        form.search.inline method="post" action="/check" {
            (visitor.token())
            p #cost.hint { (cost) }
            div.field.buttons { button.primary type="submit" disabled[runs] aria-describedby="cost" { (texts.check_now) } }
        }
    }
}

fn result(visitor: &Visitor, kept: &kept::Kept) -> Markup {
    let texts = visitor.texts().acts;
    let of = |state| kept.findings.iter().filter(|finding| finding.verdict.state == state).collect::<Vec<_>>();
    let groups = [
        (Found::Failed, texts.check_failed),
        (Found::NotChecked, texts.check_not_checked),
        (Found::Warning, texts.check_warnings),
        (Found::Ok, texts.check_fine),
    ];
    html! {
        p.quiet {
            @if let Some(at) = kept.found_at { (texts.checked) " " (ago(visitor, Timestamp::now(), at)) ", " (visitor.texts().by) " " (kept.by) "." }
        }
        @if check::works(&kept.findings) { p { strong { (texts.check_works) } } }
        @for (state, title) in groups {
            @let findings = of(state);
            @if !findings.is_empty() { (group(visitor, state, title, &findings)) }
        }
    }
}

fn group(visitor: &Visitor, state: Found, title: &str, findings: &[&Finding]) -> Markup {
    let texts = visitor.texts().acts;
    let n = count(i64::try_from(findings.len()).unwrap_or(i64::MAX));
    let (id, colour) = match state {
        Found::Failed => ("failed", "parked"),
        Found::NotChecked => ("not-checked", "waiting"),
        Found::Warning => ("warnings", "unready"),
        Found::Ok => ("fine", "logged"),
    };
    let table = html! {
        table.cards.small {
            caption.unseen { (title) }
            thead { tr { th scope="col" { (texts.checked_what) } th scope="col" { (visitor.texts().result) } th scope="col" { (visitor.texts().what_to_do) } } }
            tbody {
                @for Finding { what, verdict } in findings {
                    tr {
                        th scope="row" data-label=(texts.checked_what) { (told(visitor, what)) }
                        td data-label=(visitor.texts().result) { (told(visitor, &verdict.says)) }
                        td data-label=(visitor.texts().what_to_do) { @match &verdict.cure { Some(cure) => { (told(visitor, cure)) } None => { "–" } } }
                    }
                }
            }
        }
    };
    html! {
        section.panel aria-labelledby=(id) {
            h2 id=(id) { (pill(colour, title)) " " span.quiet { (n) } }
            // What is fine is read only by who wants to.
            @if state == Found::Ok { details data-keep { summary { (visitor.texts().details) } (table) } } @else { (table) }
        }
    }
}

/// In the reader's language. What another system has said is told in French as far as it is known there, and quoted otherwise.
pub(super) fn told(visitor: &Visitor, text: &Text) -> Markup {
    let (Lang::French, Some(quoted)) = (visitor.lang, &text.quoted) else {
        return with_commands(if visitor.lang == Lang::French { &text.french } else { &text.english });
    };
    let Some((before, after)) = text.french.split_once(quoted.as_str()) else { return with_commands(&text.french) };
    html! {
        (with_commands(before))
        @match conditions::in_french("", quoted) { Some(french) => { (french) } None => { q lang="en" { (quoted) } } }
        (with_commands(after))
    }
}

/// What stands in `backticks` is a command.
fn with_commands(text: &str) -> Markup {
    html! {
        @for (n, part) in text.split('`').enumerate() {
            @if n % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

pub(super) async fn run(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Extension(act): Extension<ActId>,
) -> Page {
    if !kept::begin(&console.database.client().await?, visitor.name()).await? {
        return Ok(layout::refused(&visitor, StatusCode::CONFLICT, |texts| texts.acts.check_goes_on));
    }
    let this = console.clone();
    let task = tokio::spawn(async move {
        let findings = Box::pin(check::all(&this.settings)).await;
        let failed = findings.iter().filter(|finding| finding.verdict.state == Found::Failed).count();
        let kept = async { kept::end(&this.database.client().await?, &findings).await };
        let (ended, detail) = match kept.await {
            Ok(()) => (Ended::Done, format!("{} checks, {failed} failed", findings.len())),
            Err(e) => (Ended::Failed, e.to_string()),
        };
        act_ended(&this, act.0, ended, Some(&detail)).await;
    });
    let is_over = time::timeout(SHORT, task).await.is_ok();
    if visitor.json && is_over {
        let mut response = Json(answer(&console).await?).into_response();
        response.extensions_mut().insert(GoesOn);
        return Ok(response);
    }
    let mut response = Redirect::to("/check").into_response();
    response.extensions_mut().insert(GoesOn);
    Ok(response)
}

pub(super) async fn json(State(console): State<Shared>) -> Page {
    Ok(Json(answer(&console).await?).into_response())
}

async fn answer(console: &Shared) -> Result<serde_json::Value, super::Failed> {
    let kept = kept::last(&console.database.client().await?).await?;
    let (aircall, sellsy) = check::requests(&console.settings);
    let mut answer = check::report(kept.as_ref().map_or(&[], |kept| kept.findings.as_slice()));
    if kept.as_ref().is_none_or(|kept| kept.found_at.is_none()) {
        answer["works"] = serde_json::Value::Null;
    }
    answer["checked_at"] = json!(kept.as_ref().and_then(|kept| kept.found_at));
    answer["by"] = json!(kept.as_ref().map(|kept| &kept.by));
    answer["goes_on"] = json!(kept.as_ref().is_some_and(|kept| kept.runs));
    answer["requests"] = json!({ "aircall": aircall, "sellsy": sellsy });
    Ok(answer)
}
