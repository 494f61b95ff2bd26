//! What needs somebody, as lines with one action each; or that nothing does.

use jiff::Timestamp;
use maud::{Markup, html};

use super::super::{
    conditions, errors,
    format::{count, kind_names, since, span},
    layout::Visitor,
};
use crate::{
    access::Role,
    needs::{Group, Need, Needed},
};

/// How many calls of a group are linked.
const LINKED: usize = 5;

pub(super) fn list(visitor: &Visitor, needs: &[Needed], now: Timestamp) -> Markup {
    let texts = visitor.texts();
    html! {
        @if needs.is_empty() { p.all-well { (texts.nothing_needed) } }
        @else {
            ul.needs {
                @for Needed { need, since: began } in needs {
                    li class=[need.is_calm().then_some("calm")] {
                        div.need {
                            p.title { strong { (title(visitor, need)) } @if let Some(began) = began { span.quiet { ", " (since(visitor, now, *began)) } } }
                            p { (why(visitor, need, now)) }
                        }
                        div.do { (action(visitor, need)) }
                    }
                }
            }
        }
    }
}

fn title(visitor: &Visitor, need: &Need) -> Markup {
    let texts = visitor.texts();
    let with = |text: &str, value: &str| html! { (text.replace("{}", value)) };
    match need {
        Need::BrokerUnavailable { .. } => html! { (texts.need_broker) },
        Need::WorkerGone { worker } => with(texts.need_worker_gone, worker),
        Need::WorkerNotReady { worker, .. } => with(texts.need_worker_not_ready, worker),
        Need::WebhookDisabled {} => html! { (texts.need_webhook) },
        Need::Paused { api, .. } => with(texts.need_paused, api_name(api)),
        Need::UsedUp { api, span } => {
            let text = if span == "month" { texts.need_month_used_up } else { texts.need_day_used_up };
            with(text, api_name(api))
        }
        Need::DeadLetters(Group { stage, code, messages, .. }) => {
            html! { (errors::link(code)) " ×" (count(*messages)) " · " (stage) }
        }
        Need::OtherDeadLetters { stage, messages } => html! { (texts.parked) " ×" (count(*messages)) " · " (stage) },
        Need::Failing { code, times, .. } => {
            html! { (errors::link(code)) " ×" (count(i64::try_from(*times).unwrap_or(i64::MAX))) }
        }
        Need::Directory { of, .. } => with(texts.need_directory, &kinds(visitor, of)),
        Need::DirectoryStale { of } => with(texts.need_directory_stale, &kinds(visitor, of)),
        Need::DelayHeld { delay, .. } => with(texts.need_delay, delay),
        Need::Missed { callers: 1 } => html! { (texts.need_missed_one) },
        Need::Missed { callers } => with(texts.need_missed, &count(i64::try_from(*callers).unwrap_or(i64::MAX))),
    }
}

fn why(visitor: &Visitor, need: &Need, now: Timestamp) -> Markup {
    let texts = visitor.texts();
    match need {
        Need::BrokerUnavailable { why } => {
            html! { (conditions::told(visitor, "broker", why)) " " (texts.need_broker_why) }
        }
        Need::WorkerGone { worker } => html! { (what_stands(visitor, worker)) },
        Need::WorkerNotReady { worker, condition, why } => {
            html! { (conditions::told(visitor, condition, why)) " " (what_stands(visitor, worker)) }
        }
        Need::WebhookDisabled {} => html! { (texts.need_webhook_why) },
        Need::Paused { why, until, .. } => html! {
            (conditions::told(visitor, "", why)) ". "
            (texts.need_paused_why.replace("{}", &span(visitor.lang, until.duration_since(now).as_secs() + 1)))
        },
        Need::UsedUp { .. } => html! { (texts.need_used_up_why) },
        Need::DeadLetters(Group { code, error, first_calls, calls, .. }) => html! {
            (errors::cause(visitor, code, error))
            span.block.quiet {
                (texts.calls) ": "
                @for (n, call) in first_calls.iter().take(LINKED).enumerate() { @if n > 0 { ", " } a href={ "/calls/" (call) } { (call) } }
                @if *calls > i64::try_from(LINKED).unwrap_or(0) { " " a href="/calls?state=parked" { (texts.and_more.replace("{}", &count(calls - 5))) } }
            }
        },
        Need::OtherDeadLetters { .. } => html! { (texts.need_other_dead_why) },
        Need::Failing { code, error, calls, .. } => html! {
            (errors::cause(visitor, code, error))
            span.block.quiet {
                (texts.need_failing_why) " "
                @for (n, call) in calls.iter().take(LINKED).enumerate() { @if n > 0 { ", " } a href={ "/calls/" (call) } { (call) } }
            }
        },
        Need::Directory { problem, .. } => html! { (conditions::told(visitor, "", problem)) },
        Need::DirectoryStale { .. } => html! { (texts.need_directory_stale_why) },
        Need::DelayHeld { held_s, .. } => {
            html! { (texts.need_delay_why.replace("{}", &span(visitor.lang, i64::try_from(*held_s).unwrap_or(i64::MAX)))) }
        }
        Need::Missed { .. } => html! { (texts.need_missed_why) },
    }
}

fn action(visitor: &Visitor, need: &Need) -> Markup {
    let texts = visitor.texts();
    let link = |address: &str, text: &str| html! { a.button href=(address) { (text) } };
    let code_link = |code: &str| link(&format!("/dead?explain={code}#explained"), texts.what_to_do);
    match need {
        Need::DeadLetters(Group { stage, code, messages, .. }) => {
            let replays = stage != "ingest" && visitor.may(Role::Operator);
            html! {
                (code_link(code))
                @if replays {
                    form method="post" action="/dead/replay" {
                        (visitor.token())
                        input type="hidden" name="stage" value=(stage);
                        input type="hidden" name="code" value=(code);
                        button type="submit" { (texts.retry_group.replace("{}", &messages.to_string())) }
                    }
                } @else { (link("/dead", texts.look_at)) }
            }
        }
        Need::Failing { code, .. } => code_link(code),
        Need::OtherDeadLetters { .. } => link("/dead", texts.look_at),
        Need::Directory { .. } | Need::DirectoryStale { .. } => link("/directory", texts.look_at),
        Need::Missed { .. } => link("/missed?days=1", texts.call_back),
        Need::UsedUp { .. } | Need::Paused { .. } => link("#budgets", texts.look_at),
        Need::WorkerGone { .. } | Need::WorkerNotReady { .. } => link("#replicas", texts.look_at),
        Need::BrokerUnavailable { .. } | Need::DelayHeld { .. } => link("#queues", texts.look_at),
        Need::WebhookDisabled {} => html! { code { "callbridge webhook install" } },
    }
}

fn api_name(api: &str) -> &str {
    match api {
        "sellsy" => "Sellsy",
        "aircall" => "Aircall",
        other => other,
    }
}

fn what_stands(visitor: &Visitor, worker: &str) -> &'static str {
    let texts = visitor.texts();
    match worker {
        "ingest" => texts.without_ingest,
        "resolver" => texts.without_resolver,
        "logger" => texts.without_logger,
        "insights" => texts.without_insights,
        _ => texts.without_followups,
    }
}

fn kinds(visitor: &Visitor, kinds: &[String]) -> String {
    kinds.iter().map(|one| kind_names(visitor, one).to_lowercase()).collect::<Vec<_>>().join(", ")
}
