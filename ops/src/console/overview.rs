//! The first page: the outcome of the last day's calls, what waits and for how long, how much of the API budgets is used,
//! which processes run, and the last errors. It refreshes itself.

use axum::{Extension, extract::State};
use base::ids::{CallId, Stage};
use jiff::Timestamp;
use ledger::{
    replicas,
    timeline::{self, Line, What},
};
use maud::{Markup, html};
use vendors::budget::{self, Span, WindowStatus};

use super::{
    Console, Page, Shared,
    chart::{self, Hours, Outcome, hundredths},
    errors,
    format::{ago, count, span},
    layout::{self, Section, Visitor, pill},
    queues::{self, Queues},
};
use crate::search::{self, Backlog, State as CallState};

const ERRORS: i64 = 8;
/// Without these nothing works; `followups` is needed only for what the rules ask of it.
const WORKERS: [&str; 4] = ["ingest", "resolver", "logger", "insights"];

struct Overview {
    now: Timestamp,
    hours: Hours,
    backlog: Vec<Backlog>,
    queues: Result<Queues, String>,
    budgets: Vec<WindowStatus>,
    replicas: Vec<replicas::Seen>,
    errors: Vec<(CallId, Line)>,
}

pub(super) async fn page(State(console): State<Shared>, Extension(visitor): Extension<Visitor>) -> Page {
    let overview = Overview::load(&console).await?;
    let texts = visitor.texts();
    let body = html! {
        div.headline { h1 { (texts.overview) } p.quiet { (texts.last_day_note) } }
        (overview.tiles(&visitor))
        (panel("hours", texts.calls_per_hour, &chart::picture(&visitor, &overview.hours)))
        div.columns {
            div {
                (panel("queues", texts.queues, &overview.queues(&visitor)))
                (panel("replicas", texts.replicas, &overview.replicas(&visitor)))
            }
            div {
                (panel("budgets", texts.budgets, &overview.budgets(&visitor)))
                (panel("errors", texts.last_errors, &overview.errors(&visitor)))
            }
        }
    };
    Ok(layout::page(&visitor, Section::Overview, texts.overview, &body))
}

/// A panel of the page. Each is refreshed separately, so that only what has changed is replaced.
fn panel(id: &str, title: &str, body: &Markup) -> Markup {
    let heading = format!("{id}-title");
    html! { section.panel id=(id) data-live="5" aria-labelledby=(heading) { h2 id=(heading) { (title) } (body) } }
}

impl Overview {
    async fn load(console: &Console) -> anyhow::Result<Self> {
        let now = Timestamp::now();
        let queues = match queues::load(&console.dead_letters).await {
            Ok(queues) => Ok(queues),
            Err(e) => {
                let missing = console.readiness.missing().into_iter().map(|(_, reason)| reason).next();
                Err(missing.unwrap_or_else(|| format!("{e:#}")))
            }
        };
        let client = console.database.client().await?;
        Ok(Self {
            now,
            hours: Hours::new(now, &search::hours(&client, Hours::since(now)).await?),
            backlog: search::backlog(&client).await?,
            queues,
            budgets: budget::window_status(&client).await?,
            replicas: replicas::seen(&client).await?,
            errors: timeline::failures(&client, ERRORS).await?,
        })
    }

    fn tiles(&self, visitor: &Visitor) -> Markup {
        let texts = visitor.texts();
        // Dead letters can be days old, so all of them count, not only the last day's.
        let parked = self.queues.as_ref().map_or_else(
            |_| self.backlog.iter().find(|b| b.state == CallState::Parked).map_or(0, |b| b.calls),
            |queues| i64::from(queues.parked()),
        );
        let waiting: i64 = self.hours.total(Outcome::Waiting);
        let tile = |class: &str, address: &str, name: &str, n: i64, note: &str| {
            html! { li { a class={ "tile " (class) } href=(address) { strong { (count(n)) } span { (name) } small { (note) } } } }
        };
        html! {
            ul #tiles .tiles data-live="5" {
                (tile("all", "/calls", texts.calls, self.hours.all(), ""))
                (tile("logged", "/calls?state=logged", texts.logged, self.hours.total(Outcome::Logged), texts.logged_note))
                (tile("unmatched", "/calls?state=unmatched", texts.unmatched, self.hours.total(Outcome::Unmatched), texts.unmatched_note))
                (tile("waiting", "/calls?state=waiting", texts.waiting, waiting, texts.waiting_note))
                (tile(if parked > 0 { "parked" } else { "none" }, "/dead", texts.parked, parked, texts.parked_note))
            }
        }
    }

    fn queues(&self, visitor: &Visitor) -> Markup {
        let texts = visitor.texts();
        let queues = match &self.queues {
            Ok(queues) => queues,
            Err(problem) => return html! { p.problem role="status" { (texts.broker_unavailable) " " (problem) } },
        };
        let oldest = |stage: Stage| {
            let state = match stage {
                Stage::Ended | Stage::Resolver => CallState::Undecided,
                Stage::Logger => CallState::Unlogged,
                _ => return "–".to_owned(),
            };
            let since = self.backlog.iter().find(|b| b.state == state).and_then(|b| b.since);
            since.map_or_else(|| "–".into(), |at| span(visitor.lang, self.now.duration_since(at).as_secs()))
        };
        let delayed: Vec<String> =
            queues.delayed.iter().filter(|(_, n)| *n > 0).map(|(delay, n)| format!("{delay}: {n}")).collect();
        html! {
            div.scroll { table.small {
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
            } }
            p.quiet { (texts.delayed) " " (if delayed.is_empty() { texts.nothing.to_owned() } else { delayed.join(" · ") }) ". " (texts.age_note) }
        }
    }

    fn budgets(&self, visitor: &Visitor) -> Markup {
        let texts = visitor.texts();
        html! {
            @if self.budgets.is_empty() { p.quiet { (texts.no_budget) } }
            ul.bars {
                @for window in &self.budgets {
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
                            p.problem { (texts.paused) " " (span(visitor.lang, until.duration_since(self.now).as_secs() + 1)) ": " span lang="en" { (window.why.as_deref().unwrap_or_default()) } }
                        }
                    }
                }
            }
        }
    }

    fn replicas(&self, visitor: &Visitor) -> Markup {
        let texts = visitor.texts();
        let missing: Vec<&str> = WORKERS
            .into_iter()
            .filter(|worker| !self.replicas.iter().any(|seen| seen.replica.worker == *worker))
            .collect();
        html! {
            ul.rows {
                @for seen in &self.replicas {
                    li {
                        div.row-head {
                            strong { (seen.replica.worker) }
                            @if seen.silent { (pill("parked", texts.silent)) }
                            @else if seen.missing.is_empty() { (pill("logged", texts.ready)) }
                            @else { (pill("unready", texts.not_ready)) }
                        }
                        p.quiet {
                            (seen.replica.host) " · " (texts.process) " " (seen.replica.pid) " · " (seen.replica.version) " · "
                            @if seen.silent { (texts.seen) " " (ago(visitor, self.now, seen.seen_at)) }
                            @else { (texts.up_for) " " (span(visitor.lang, self.now.duration_since(seen.started_at).as_secs())) }
                        }
                        @for (condition, reason) in &seen.missing { p.problem lang="en" { (condition) ": " (reason) } }
                    }
                }
                @for worker in missing {
                    li { div.row-head { strong { (worker) } (pill("parked", texts.not_running)) } }
                }
            }
        }
    }

    fn errors(&self, visitor: &Visitor) -> Markup {
        let texts = visitor.texts();
        let failures = self.errors.iter().filter_map(|(call_id, line)| Some((call_id, line, line.what.failure()?)));
        html! {
            @if self.errors.is_empty() { p.quiet { (texts.no_errors) } }
            ul.rows {
                @for (call_id, line, failure) in failures {
                    @let parked = matches!(line.what, What::Parked(_));
                    li {
                        div.row-head {
                            (errors::link(&failure.code))
                            (pill(if parked { "parked" } else { "waiting" }, if parked { texts.parked } else { texts.tried_again }))
                        }
                        p.quiet {
                            (ago(visitor, self.now, line.at)) " · " (line.stage) " · "
                            a href={ "/calls/" (call_id) } { (texts.call) " " (call_id) }
                        }
                        p.clamped lang="en" { (failure.error) }
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
