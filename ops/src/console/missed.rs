//! Missed calls: who waits to be called back, and what became of the others.

use std::collections::BTreeSet;

use axum::{
    Extension,
    extract::{Query, State},
};
use jiff::SignedDuration;
use ledger::{
    followups::Shown,
    missed::{Became, Missed},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Page, Shared,
    format::{count, span, when},
    layout::{self, Section, Visitor},
};
use crate::missed::{self, Tasks, Wanted};

/// Of how many days, and unless another number is wanted.
const DAYS: [u32; 3] = [1, 7, 30];
const USUAL: u32 = 7;
/// A month of a large company has thousands of them.
const MOST: usize = 200;

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    days: String,
    line: String,
    agent: String,
}

pub(super) async fn page(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(filters): Query<Filters>,
) -> Page {
    let client = console.database.client().await?;
    let days = DAYS.into_iter().find(|days| days.to_string() == filters.days).unwrap_or(USUAL);
    let since = client.now().await? - SignedDuration::from_hours(24 * i64::from(days));
    let all = missed::read(&client, &console.settings, since).await?;
    let tasks = Tasks::read(&client, since).await?;
    let own = |text| chosen(text).map(str::to_owned);
    let wanted = Wanted { line: own(&filters.line), agent: own(&filters.agent), open: false };
    let (open, over): (Vec<&Missed>, Vec<&Missed>) =
        all.iter().filter(|missed| wanted.wants(missed)).partition(|missed| missed.became == Became::Open);
    let is_filtered = wanted.line.is_some() || wanted.agent.is_some();
    let texts = visitor.texts();
    let body = html! {
        h1 { (texts.missed) }
        p.quiet { (texts.missed_intro) }
        p { a href="/followups" { (texts.acts.followups) } }
        (form(&visitor, &filters, days, &all))
        div #live data-live="60" {
            h2 { (texts.nobody_yet) " (" (count_of(&open)) ")" }
            (table(&visitor, &open, &tasks, if is_filtered { texts.no_calls } else { texts.everybody_reached }))
        }
        h2 { (texts.reached_since) " (" (count_of(&over)) ")" }
        (table(&visitor, &over.into_iter().rev().collect::<Vec<_>>(), &tasks, texts.no_calls))
    };
    Ok(layout::page(&visitor, Section::Missed, texts.missed, &body))
}

fn chosen(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn count_of(missed: &[&Missed]) -> String {
    count(i64::try_from(missed.len()).unwrap_or(i64::MAX))
}

fn form(visitor: &Visitor, filters: &Filters, days: u32, all: &[Missed]) -> Markup {
    let texts = visitor.texts();
    // A name that was chosen stays to be seen, also if nobody of that name is among them.
    let lines: BTreeSet<_> =
        all.iter().flat_map(|missed| missed.lines.iter().map(String::as_str)).chain(chosen(&filters.line)).collect();
    let agents: BTreeSet<_> = all.iter().flat_map(Missed::agents).chain(chosen(&filters.agent)).collect();
    html! {
        form.search method="get" action="/missed" {
            div.field {
                label for="days" { (texts.last_days) }
                select #days name="days" { @for one in DAYS { option value=(one) selected[one == days] { (one) } } }
            }
            (layout::choice(visitor, "line", texts.line, lines, &filters.line))
            (layout::choice(visitor, "agent", texts.agent, agents, &filters.agent))
            div.field.buttons { button.primary type="submit" { (texts.search) } a href="/missed" { (texts.reset) } }
        }
    }
}

fn table(visitor: &Visitor, missed: &[&Missed], tasks: &Tasks, none: &str) -> Markup {
    let texts = visitor.texts();
    html! {
        @if missed.is_empty() { p.empty { (none) } }
        @else {
            table.cards {
                caption.unseen { (texts.missed) }
                thead { tr {
                    th scope="col" { (texts.caller) }
                    th scope="col" { (texts.line) }
                    th scope="col" { (texts.began) }
                    th scope="col" { (texts.what_became) }
                } }
                tbody { @for one in missed.iter().take(MOST) { (row(visitor, one, tasks.of(one))) } }
            }
            @if missed.len() > MOST { p.quiet { (texts.and_more.replace("{}", &(missed.len() - MOST).to_string())) } }
        }
    }
}

fn row(visitor: &Visitor, missed: &Missed, task: Option<&Shown>) -> Markup {
    let texts = visitor.texts();
    let last = missed.calls.last().map(ToString::to_string).unwrap_or_default();
    let named = missed.caller.as_deref().filter(|name| !name.is_empty());
    html! {
        tr {
            th scope="row" data-label=(texts.caller) {
                a.strong data-row href={ "/calls/" (last) } { (named.unwrap_or(&missed.number)) }
                @if named.is_some() { span.quiet.block { (missed.number) } }
            }
            td data-label=(texts.line) { (if missed.lines.is_empty() { "–".to_owned() } else { missed.lines.join(", ") }) }
            td data-label=(texts.began) {
                (when(visitor, missed.first_at))
                span.quiet.block {
                    @if missed.calls.len() > 1 { (texts.rang_times.replace("{}", &missed.calls.len().to_string())) }
                    @if missed.calls.len() > 1 && missed.voicemail { ", " }
                    @if missed.voicemail { (texts.voicemail) }
                }
            }
            td data-label=(texts.what_became) {
                @match &missed.became {
                    Became::Open => { (texts.nobody_yet) }
                    Became::CalledBack(reached) => { (became(visitor, texts.called_back, reached)) }
                    Became::RangAgain(reached) => { (became(visitor, texts.rang_again, reached)) }
                }
                @if !missed.tried_by.is_empty() {
                    span.quiet.block { (texts.tried_by) " " (missed.tried_by.join(", ")) }
                }
                @if let Some(Shown { task: Some(id), over, .. }) = task {
                    span.quiet.block { (texts.task) " " (id) ", " (task_state(visitor, over.as_deref())) }
                }
            }
        }
    }
}

fn task_state(visitor: &Visitor, over: Option<&str>) -> &'static str {
    let texts = visitor.texts();
    match over {
        None => texts.task_is_open,
        Some("done") => texts.task_is_done,
        Some("deleted") => texts.task_is_deleted,
        Some(_) => texts.task_is_theirs,
    }
}

fn became(visitor: &Visitor, text: &str, reached: &ledger::missed::Reached) -> Markup {
    let by = reached.by.as_deref().unwrap_or("–");
    let said = text.replace("{by}", by).replace("{}", &span(visitor.lang, reached.after_s));
    html! { a href={ "/calls/" (reached.call) } { (said) } }
}
