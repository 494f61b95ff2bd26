//! The first page: what needs somebody, what became of the calls of a day, a week or a month, what waits and for how long, how much of the API
//! budgets is used, which processes run, and which failures come again and again. It refreshes itself.

mod figures;
mod needed;
mod panels;

use axum::{
    Extension, Json,
    extract::{Query, State},
    response::IntoResponse,
};
use base::ids::CallId;
use jiff::Timestamp;
use ledger::{
    delays, reconciliation, replicas,
    timeline::{self, Line},
};
use maud::{Markup, html};
use resolver::directory::store;
use serde::Deserialize;
use serde_json::json;
use vendors::budget::{self, WindowStatus};

use super::{
    Console, Page, Shared,
    chart::{self, Outcome, Period},
    format::count,
    layout::{self, Section, Visitor},
    queues::{self, Queues},
};
use crate::{
    needs::{self, Facts, Needed},
    search::{self, Backlog},
};
pub(super) use figures::{Figures, Kept};

/// How many of the last failures are read.
const FAILURES: i64 = 300;
/// What failed before this is over, or stands among the dead letters.
const RECENT_S: i64 = 3600;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    days: String,
}

struct Overview {
    now: Timestamp,
    period: Period,
    figures: Figures,
    needs: Vec<Needed>,
    backlog: Vec<Backlog>,
    queues: Result<Queues, String>,
    budgets: Vec<WindowStatus>,
    replicas: Vec<replicas::Seen>,
    failures: Vec<(CallId, Line)>,
}

pub(super) async fn page(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(chosen): Query<Chosen>,
) -> Page {
    let overview = Overview::load(&console, &visitor, &chosen.days).await?;
    let texts = visitor.texts();
    let body = html! {
        div.headline { h1 { (texts.overview) } (overview.periods(&visitor)) }
        section #needs data-live="5" aria-labelledby="needs-title" {
            h2 #needs-title .unseen { (texts.needs_somebody) }
            (needed::list(&visitor, &overview.needs, overview.now))
        }
        (overview.tiles(&visitor))
        (panel("calls", overview.period.title(&visitor), &html! {
            (chart::picture(&visitor, &overview.period, &overview.figures.bars))
            (overview.figures.shown(&visitor, &overview.budgets))
        }))
        div.columns {
            div {
                (panel("queues", texts.queues, &panels::queues(&visitor, &overview.queues, &overview.backlog, overview.now)))
                (panel("replicas", texts.replicas, &panels::replicas(&visitor, &overview.replicas, overview.now)))
            }
            div {
                (panel("budgets", texts.budgets, &panels::budgets(&visitor, &overview.budgets, overview.now)))
                (panel("errors", texts.last_errors, &panels::failures(&visitor, &overview.failures, overview.now)))
            }
        }
    };
    Ok(layout::page(&visitor, Section::Overview, texts.overview, &body))
}

/// The same for programs.
pub(super) async fn json(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(chosen): Query<Chosen>,
) -> Page {
    let overview = Overview::load(&console, &visitor, &chosen.days).await?;
    let (bars, (since, until)) = (&overview.figures.bars, overview.period.ends());
    let of = |outcome| bars.total(outcome);
    let queues = overview.queues.as_ref().map(Queues::as_json).ok();
    let processes = overview.replicas.iter().map(|seen| {
        json!({ "worker": seen.replica.worker, "host": seen.replica.host, "pid": seen.replica.pid, "version": seen.replica.version,
                "started_at": seen.started_at, "seen_at": seen.seen_at, "silent": seen.silent, "missing": seen.missing })
    });
    let answer = json!({
        "needs": overview.needs,
        "calls": { "since": since, "until": until, "all": bars.all(), "logged": of(Outcome::Logged), "unmatched": of(Outcome::Unmatched),
                   "waiting": of(Outcome::Waiting), "parked": of(Outcome::Parked), "week_before": overview.figures.before() },
        "call_to_log": overview.figures.delays(),
        "queues": queues,
        "budgets": overview.budgets,
        "processes": processes.collect::<Vec<_>>(),
    });
    Ok(Json(answer).into_response())
}

/// A panel of the page. Each is refreshed separately, so that only what has changed is replaced.
fn panel(id: &str, title: &str, body: &Markup) -> Markup {
    let heading = format!("{id}-title");
    html! { section.panel id=(id) data-live="5" aria-labelledby=(heading) { h2 id=(heading) { (title) } (body) } }
}

impl Overview {
    async fn load(console: &Console, visitor: &Visitor, days: &str) -> anyhow::Result<Self> {
        let queues = match queues::load(&console.dead_letters).await {
            Ok(queues) => Ok(queues),
            Err(e) => {
                let missing = console.readiness.missing().into_iter().map(|(_, reason)| reason).next();
                Err(missing.unwrap_or_else(|| format!("{e:#}")))
            }
        };
        let client = console.database.client().await?;
        let now = client.now().await?;
        let period = Period::new(days, now, &visitor.zone);
        let figures = console.figures.of(&client, console, &period, now).await?;
        let (budgets, replicas) = (budget::window_status(&client).await?, replicas::seen(&client).await?);
        let failures = timeline::failures(&client, FAILURES).await?;
        let recent = failures.iter().take_while(|(_, line)| now.duration_since(line.at).as_secs() < RECENT_S).count();
        let facts = Facts {
            now,
            broker: queues.as_ref().err().cloned(),
            depths: queues.as_ref().map(Queues::dead).unwrap_or_default(),
            replicas: &replicas,
            has_followups: console.settings.rules.have_followups(),
            webhook_active: reconciliation::recent(&client).await?.and_then(|progress| progress.webhook_active),
            budgets: &budgets,
            groups: needs::groups(&client).await?,
            failures: &failures[..recent],
            directory: store::progress(&client).await?,
            sync_every_s: i64::try_from(console.settings.directory_sync_every.as_secs())?,
            delays: delays::all(&client, broker::topology::DELAYS).await?,
            missed: figures.missed,
        };
        let needs = needs::of(&facts);
        let backlog = search::backlog(&client).await?;
        Ok(Self { now, period, figures, needs, backlog, queues, budgets, replicas, failures })
    }

    /// A day, a week, a month.
    fn periods(&self, visitor: &Visitor) -> Markup {
        let texts = visitor.texts();
        let names = [(1, texts.last_day), (7, texts.last_week), (30, texts.last_month)];
        html! {
            nav.choices aria-label=(texts.period) {
                @for (days, name) in names {
                    a href={ "/?days=" (days) } aria-current=[(days == self.period.days).then_some("true")] { (name) }
                }
            }
        }
    }

    /// Calls of the period: the first is the sum of the others.
    fn tiles(&self, visitor: &Visitor) -> Markup {
        let texts = visitor.texts();
        let bars = &self.figures.bars;
        let from = self.period.address_of_start(&visitor.zone);
        let tile = |class: &str, state: &str, name: &str, n: i64, note: &str| {
            let address =
                if state.is_empty() { format!("/calls?{from}") } else { format!("/calls?state={state}&{from}") };
            html! { li { a class={ "tile " (class) } href=(address) { strong { (count(n)) } span { (name) } small { (note) } } } }
        };
        let parked = bars.total(Outcome::Parked);
        html! {
            ul #tiles .tiles data-live="5" {
                (tile("all", "", texts.calls, bars.all(), &self.figures.trend(visitor)))
                (tile("logged", "logged,deleted", texts.logged, bars.total(Outcome::Logged), texts.logged_note))
                (tile("unmatched", "unmatched", texts.unmatched, bars.total(Outcome::Unmatched), texts.unmatched_note))
                (tile("waiting", "waiting", texts.waiting, bars.total(Outcome::Waiting), texts.waiting_note))
                (tile(if parked > 0 { "parked" } else { "none" }, "parked", texts.parked, parked, texts.parked_note))
            }
        }
    }
}
