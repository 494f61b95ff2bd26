//! The panels below the figures: queues, processes, budgets, failures.

use std::collections::BTreeMap;

use base::ids::{CallId, Stage};
use jiff::Timestamp;
use ledger::{
    replicas,
    timeline::{Failure, Line, What},
};
use maud::{Markup, html};
use vendors::budget::{Span, WindowStatus};

use super::super::{
    chart::hundredths,
    conditions, errors,
    format::{ago, count, span},
    layout::{Visitor, pill},
    queues::Queues,
};
use crate::{
    needs::WORKERS,
    search::{Backlog, State as CallState},
};

/// How many codes, and how many calls of each, are shown.
const CODES: usize = 8;
const CALLS: usize = 3;

pub(super) fn queues(
    visitor: &Visitor,
    queues: &Result<Queues, String>,
    backlog: &[Backlog],
    now: Timestamp,
) -> Markup {
    let texts = visitor.texts();
    let queues = match queues {
        Ok(queues) => queues,
        Err(problem) => return html! { p.problem role="status" { (conditions::told(visitor, "broker", problem)) } },
    };
    let oldest = |stage: Stage| {
        let state = match stage {
            Stage::Ended | Stage::Resolver => CallState::Undecided,
            Stage::Logger => CallState::Unlogged,
            _ => return "–".to_owned(),
        };
        let since = backlog.iter().find(|b| b.state == state).and_then(|b| b.since);
        since.map_or_else(|| "–".into(), |at| span(visitor.lang, now.duration_since(at).as_secs()))
    };
    let delayed: Vec<String> =
        queues.delayed.iter().filter(|(_, n)| *n > 0).map(|(delay, n)| format!("{delay}: {n}")).collect();
    html! {
        table.small.queues {
            caption.unseen { (texts.queues) }
            thead { tr {
                th scope="col" { (texts.stage) }
                th.number scope="col" { (texts.messages) }
                th.number scope="col" { (texts.oldest_call) }
                th.number scope="col" { (texts.consumers) }
                th.number scope="col" { (texts.parked) }
            } }
            tbody {
                @for queue in &queues.stages {
                    tr {
                        th scope="row" { (queue.stage.as_str()) }
                        @match &queue.work {
                            Some(work) => {
                                td.number { (count(work.messages.into())) }
                                td.number { (oldest(queue.stage)) }
                                td.number { @if work.consumers == 0 && (work.messages > 0 || queue.stage != Stage::Followups) { span.bad { "0" } } @else { (work.consumers) } }
                            }
                            None => { td.number { "–" } td.number { "–" } td.number { "–" } }
                        }
                        td.number { @if queue.parked > 0 { a.bad href="/dead" { (count(queue.parked.into())) } } @else { "0" } }
                    }
                }
            }
        }
        p.quiet { (texts.delayed) " " (if delayed.is_empty() { texts.nothing.to_owned() } else { delayed.join(" · ") }) ". " (texts.age_note) }
    }
}

pub(super) fn budgets(visitor: &Visitor, budgets: &[WindowStatus], now: Timestamp) -> Markup {
    let texts = visitor.texts();
    html! {
        @if budgets.is_empty() { p.quiet { (texts.no_budget) } }
        ul.bars {
            @for window in budgets {
                @let used: i64 = window.used.iter().sum();
                @let waiting: i64 = window.waiting.iter().sum();
                @let limit = i64::from(window.limit);
                @let name = format!("{} / {}", window.api, span_name(visitor, &window.span));
                li {
                    div.bar-head { span { (name) } span.quiet { (count(used)) " / " (count(limit)) } }
                    svg.bar role="img" aria-label={ (name) ": " (used) " / " (limit) } viewBox="0 0 100 6" preserveAspectRatio="none" {
                        rect class="track" width="100" height="6" {}
                        rect class=(if used * 10 >= limit * 9 { "full" } else { "used" }) width=(hundredths(used.min(limit), limit)) height="6" {}
                    }
                    @if window.contested && window.span == Span::Minute.as_str() { p.quiet { (texts.gathered_longer) } }
                    @if waiting > 0 { p.quiet { (count(waiting)) " " (texts.requests_wait) } }
                    @if let Some(until) = window.paused_until.or(window.held_until) {
                        p.problem { (texts.paused) " " (span(visitor.lang, until.duration_since(now).as_secs() + 1)) ": " (conditions::told(visitor, "", window.why.as_deref().unwrap_or_default())) }
                    }
                }
            }
        }
    }
}

fn span_name(visitor: &Visitor, span: &str) -> &'static str {
    let texts = visitor.texts();
    match span {
        "second" => texts.per_second,
        "minute" => texts.per_minute,
        "month" => texts.per_month,
        _ => texts.per_day,
    }
}

pub(super) fn replicas(visitor: &Visitor, replicas: &[replicas::Seen], now: Timestamp) -> Markup {
    let texts = visitor.texts();
    let missing = WORKERS.into_iter().filter(|worker| !replicas.iter().any(|seen| seen.replica.worker == *worker));
    html! {
        ul.rows {
            @for seen in replicas {
                li {
                    div.row-head {
                        strong { (seen.replica.worker) }
                        @if seen.silent { (pill("parked", texts.silent)) }
                        @else if seen.missing.is_empty() { (pill("logged", texts.ready)) }
                        @else { (pill("unready", texts.not_ready)) }
                    }
                    p.quiet {
                        (seen.replica.host) " · " (texts.process) " " (seen.replica.pid) " · " (seen.replica.version) " · "
                        @if seen.silent { (texts.seen) " " (ago(visitor, now, seen.seen_at)) }
                        @else { (texts.up_for) " " (span(visitor.lang, now.duration_since(seen.started_at).as_secs())) }
                    }
                    @for (condition, reason) in &seen.missing { p.problem { (conditions::told(visitor, condition, reason)) } }
                }
            }
            @for worker in missing {
                li { div.row-head { strong { (worker) } (pill("parked", texts.not_running)) } }
            }
        }
    }
}

/// The failures with one code.
struct Of<'a> {
    times: i64,
    last: Timestamp,
    failure: &'a Failure,
    parked: bool,
    calls: Vec<CallId>,
}

/// By code, the one that failed last first.
fn by_code(failures: &[(CallId, Line)]) -> Vec<Of<'_>> {
    let mut by_code: BTreeMap<&str, Of<'_>> = BTreeMap::new();
    for (call_id, line) in failures {
        let Some(failure) = line.what.failure() else { continue };
        let of = by_code.entry(&failure.code).or_insert(Of {
            times: 0,
            last: line.at,
            failure,
            parked: matches!(line.what, What::Parked(_)),
            calls: Vec::new(),
        });
        of.times += 1;
        if of.calls.len() < CALLS && !of.calls.contains(call_id) {
            of.calls.push(*call_id);
        }
    }
    let mut all: Vec<_> = by_code.into_values().collect();
    all.sort_by_key(|of| std::cmp::Reverse(of.last));
    all
}

pub(super) fn failures(visitor: &Visitor, failures: &[(CallId, Line)], now: Timestamp) -> Markup {
    let texts = visitor.texts();
    let by_code = by_code(failures);
    html! {
        @if by_code.is_empty() { p.quiet { (texts.no_errors) } }
        ul.rows {
            @for of in by_code.iter().take(CODES) {
                li {
                    div.row-head {
                        span { (errors::link(&of.failure.code)) " ×" (count(of.times)) }
                        (pill(if of.parked { "parked" } else { "waiting" }, if of.parked { texts.parked } else { texts.tried_again }))
                    }
                    p.quiet {
                        (texts.last_time) " " (ago(visitor, now, of.last)) " · "
                        @for (n, call) in of.calls.iter().enumerate() { @if n > 0 { ", " } a href={ "/calls/" (call) } { (texts.call) " " (call) } }
                    }
                    p.clamped { (errors::cause(visitor, &of.failure.code, &of.failure.error)) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_gathered_by_their_code() {
        let failed = |id: i64, code: &str, second: i64| {
            let failure = Failure { code: code.into(), error: "no".into(), attempts: 1 };
            let at = Timestamp::from_second(second).unwrap();
            (CallId(id), Line { at, stage: "logger".into(), what: What::Retried(failure) })
        };
        let all = [
            failed(1, "CALL_BUSY", 9),
            failed(2, "SELLSY_PLAN", 8),
            failed(1, "CALL_BUSY", 7),
            failed(3, "CALL_BUSY", 1),
        ];
        let found: Vec<_> =
            by_code(&all).iter().map(|of| (of.failure.code.clone(), of.times, of.calls.clone())).collect();
        assert_eq!(
            found,
            [("CALL_BUSY".into(), 3, vec![CallId(1), CallId(3)]), ("SELLSY_PLAN".into(), 1, vec![CallId(2)])]
        );
    }
}
