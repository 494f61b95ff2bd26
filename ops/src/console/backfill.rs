//! Calls that no webhook brought, over any period: what that would cost, carrying it out, and its progress, which every console shows because it is
//! in the database.

use axum::{
    Extension, Json,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use ingest::reconcile::How;
use jiff::{Timestamp, ToSpan, civil::Date};
use ledger::{
    audit::Ended,
    reconciliation::{self, Asked},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use vendors::{
    aircall::Aircall,
    budget::{Lane, Role as Who},
};

use super::{
    Console, Failed, Page, Shared,
    auth::{ActId, GoesOn, act_ended},
    conditions,
    fields::Fields,
    format::{count, when},
    installation,
    layout::{self, Section, Visitor, pill},
    texts::Texts,
};
use crate::{
    access::Role,
    arguments,
    backfill::{self, COUNT, NAME, Run, Window},
};

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Period {
    since: String,
    until: String,
}

/// What Aircall says before anything is done.
struct Plan {
    window: Window,
    /// Of its list in that period, if it says so.
    calls: Option<u64>,
}

impl Plan {
    /// Requests to Aircall for reading the list.
    fn pages(&self) -> Option<u64> {
        self.calls.map(|calls| calls.div_ceil(backfill::PER_PAGE).max(1))
    }
}

pub(super) async fn page(State(console): State<Shared>, Extension(visitor): Extension<Visitor>) -> Page {
    show(&console, &visitor, &Period::default(), None).await
}

/// One request to Aircall.
pub(super) async fn preview(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Fields(period): Fields<Period>,
) -> Page {
    match planned(&console, &visitor, &period).await? {
        Ok(plan) => show(&console, &visitor, &period, Some(&plan)).await,
        Err(refused) => Ok(*refused),
    }
}

/// The same for programs.
pub(super) async fn preview_json(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(period): Query<Period>,
) -> Page {
    Ok(match planned(&console, &visitor, &period).await? {
        Ok(plan) => {
            let (since, until) = plan.window;
            Json(json!({ "since": since, "until": until, "calls": plan.calls, "requests": plan.pages() }))
                .into_response()
        }
        Err(refused) => *refused,
    })
}

async fn planned(console: &Console, visitor: &Visitor, period: &Period) -> Result<Result<Plan, Box<Response>>, Failed> {
    let window = match window(console, period).await? {
        Ok(window) => window,
        Err(why) => return Ok(Err(layout::refused(visitor, StatusCode::BAD_REQUEST, why).into())),
    };
    let settings = &console.settings.aircall;
    if !settings.has_credential() {
        let refused = layout::refused(visitor, StatusCode::SERVICE_UNAVAILABLE, |texts| texts.acts.no_aircall);
        return Ok(Err(refused.into()));
    }
    let aircall = Aircall::new(settings, &console.database, Who::Guest("callbridge"))?.on(Lane::Interactive);
    let (listing, _) = aircall.calls(window.0.as_second(), window.1.as_second(), None).await?;
    Ok(Ok(Plan { window, calls: listing.meta.total }))
}

/// The period of a form; its last day belongs to it.
async fn window(console: &Console, period: &Period) -> Result<Result<Window, fn(&Texts) -> &'static str>, Failed> {
    let now = console.database.client().await?.now().await?;
    let until = period.until.trim().parse::<Date>().ok().and_then(|day| day.checked_add(1.day()).ok());
    let until = until.map_or_else(|| period.until.trim().to_owned(), |day| day.to_string());
    let Ok(since) = arguments::when(&period.since) else { return Ok(Err(|texts| texts.acts.period_wrong)) };
    let until = if until.is_empty() { Ok(None) } else { arguments::when(&until).map(Some) };
    let Ok(until) = until else { return Ok(Err(|texts| texts.acts.period_wrong)) };
    let read = backfill::window(since, until, &console.settings.time_zone, now);
    Ok(read.map_err(|_| -> fn(&Texts) -> &'static str { |texts| texts.acts.period_wrong }))
}

pub(super) async fn count_only(
    state: State<Shared>,
    visitor: Extension<Visitor>,
    act: Extension<ActId>,
    period: Fields<Period>,
) -> Page {
    start(&state, &visitor, act.0, &period.0, true).await
}

pub(super) async fn bring_in(
    state: State<Shared>,
    visitor: Extension<Visitor>,
    act: Extension<ActId>,
    period: Fields<Period>,
) -> Page {
    start(&state, &visitor, act.0, &period.0, false).await
}

async fn start(console: &Shared, visitor: &Visitor, act: ActId, period: &Period, dry_run: bool) -> Page {
    let window = match window(console, period).await? {
        Ok(window) => window,
        Err(why) => return Ok(layout::refused(visitor, StatusCode::BAD_REQUEST, why)),
    };
    if !console.settings.aircall.has_credential() {
        return Ok(layout::refused(visitor, StatusCode::SERVICE_UNAVAILABLE, |texts| texts.acts.no_aircall));
    }
    let how = How { dry_run, again: false, logs_too: true };
    let run = Run::begin(&console.database, &console.settings, window, how, visitor.name()).await?;
    let Some(mut run) = run else {
        return Ok(layout::refused(visitor, StatusCode::CONFLICT, |texts| texts.acts.backfill_runs));
    };
    let (this, stop) = (console.clone(), console.jobs.stop.child_token());
    tokio::spawn(async move {
        let ended = run.carry_out(&stop, |_| {}).await;
        let tally = &run.walk.tally;
        let told = format!("{} calls listed, {} missing", tally.listed, tally.brought_in());
        let (ended, detail) = match ended {
            Ok(true) => (Ended::Done, told),
            Ok(false) => (Ended::Done, format!("{told}; stopped")),
            Err(e) => (Ended::Failed, format!("{told}: {e:#}")),
        };
        act_ended(&this, act.0, ended, Some(&detail)).await;
    });
    let mut response = Redirect::to("/backfill").into_response();
    response.extensions_mut().insert(GoesOn);
    Ok(response)
}

/// Whichever process carries it out stops after the page that it is at.
pub(super) async fn stop(State(console): State<Shared>, Extension(visitor): Extension<Visitor>) -> Page {
    let client = console.database.client().await?;
    if !reconciliation::goes_on(&client, NAME).await? {
        return Ok(layout::refused(&visitor, StatusCode::CONFLICT, |texts| texts.acts.no_backfill_runs));
    }
    for name in [NAME, COUNT] {
        reconciliation::ask_to_stop(&client, name).await?;
    }
    Ok(Redirect::to("/backfill").into_response())
}

/// The last one that was begun, from wherever, and whether it runs.
async fn last(console: &Console) -> Result<Option<(Asked, bool, bool)>, Failed> {
    let client = console.database.client().await?;
    let (real, counted) = (reconciliation::asked(&client, NAME).await?, reconciliation::asked(&client, COUNT).await?);
    let runs = reconciliation::goes_on(&client, NAME).await?;
    let both = real.into_iter().map(|asked| (asked, false)).chain(counted.map(|asked| (asked, true)));
    let last = both.max_by_key(|(asked, _)| asked.progress.begun_at);
    Ok(last.map(|(asked, dry_run)| {
        let runs = runs && asked.progress.ended_at.is_none();
        (asked, dry_run, runs)
    }))
}

pub(super) async fn json(State(console): State<Shared>) -> Page {
    let last = last(&console).await?.map(|(asked, dry_run, runs)| {
        let Asked { progress, by, tally, stop_asked, problem } = asked;
        json!({
            "by": by, "since": progress.since, "until": progress.until, "reached": progress.reached, "begun_at": progress.begun_at,
            "ended_at": progress.ended_at, "goes_on": runs, "dry_run": dry_run, "stop_asked": stop_asked, "problem": problem, "tally": tally,
        })
    });
    Ok(Json(json!({ "last": last })).into_response())
}

async fn show(console: &Console, visitor: &Visitor, period: &Period, plan: Option<&Plan>) -> Page {
    let last = last(console).await?;
    let runs = last.as_ref().is_some_and(|(.., runs)| *runs);
    let texts = visitor.texts().acts;
    let body = html! {
        (installation::links(visitor, "/backfill"))
        h1 { (texts.backfill) }
        p.quiet { (texts.backfill_intro) }
        div #run data-live=[runs.then_some("2")] aria-live="polite" {
            @if let Some((asked, dry_run, runs)) = &last { (progress(visitor, asked, *dry_run, *runs)) }
        }
        @if visitor.may(Role::Operator) {
            section.panel aria-labelledby="period" {
                h2 #period { (texts.which_period) }
                (form(visitor, period))
                @if let Some(plan) = plan { (question(visitor, period, plan)) }
            }
        } @else { p.quiet { (texts.for_operators_only) } }
    };
    Ok(layout::page(visitor, Section::Check, texts.backfill, &body))
}

fn form(visitor: &Visitor, period: &Period) -> Markup {
    let texts = visitor.texts();
    html! {
        form.search method="post" action="/backfill" {
            (visitor.token())
            div.field { label for="since" { (texts.from) } input #since type="date" name="since" required value=(period.since) aria-describedby="period-hint"; }
            div.field { label for="until" { (texts.until) } input #until type="date" name="until" value=(period.until) aria-describedby="period-hint"; }
            div.field.buttons { button.primary type="submit" { (texts.acts.preview) } }
        }
        p #period-hint.hint { (texts.acts.period_hint) }
    }
}

/// What it would cost, and whether to do it.
fn question(visitor: &Visitor, period: &Period, plan: &Plan) -> Markup {
    let texts = visitor.texts().acts;
    let n = |n: Option<u64>| n.map_or_else(|| "?".into(), |n| count(i64::try_from(n).unwrap_or(i64::MAX)));
    let says = texts.backfill_plan.replace("{all}", &n(plan.calls)).replace("{}", &n(plan.pages()));
    let button = |address: &str, text: &str, class: &str| {
        html! {
            form method="post" action=(address) {
                (visitor.token())
                input type="hidden" name="since" value=(period.since);
                input type="hidden" name="until" value=(period.until);
                button class=(class) type="submit" { (text) }
            }
        }
    };
    html! {
        div.callout.calm role="status" {
            div {
                p { strong { (says) } }
                p { (texts.backfill_cost) }
            }
            div.buttons {
                (button("/backfill/count", texts.count_first, ""))
                @if visitor.may(Role::Admin) { (button("/backfill/start", texts.bring_in, "primary")) }
            }
        }
    }
}

fn progress(visitor: &Visitor, asked: &Asked, dry_run: bool, runs: bool) -> Markup {
    let (texts, at) = (visitor.texts().acts, &asked.progress);
    let span = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs().max(0);
    let (whole, done) = (span(at.since, at.until).max(1), span(at.since, at.reached));
    let n = |name: &str| asked.tally.as_ref().and_then(|tally| tally[name].as_i64()).unwrap_or_default();
    let state = match (runs, at.ended_at, &asked.problem) {
        (true, ..) if asked.stop_asked => pill("waiting", texts.stopping),
        (true, ..) => pill("waiting", texts.goes_on),
        (false, Some(_), _) => pill("logged", visitor.texts().result_done),
        (false, None, Some(_)) => pill("parked", visitor.texts().failed),
        (false, None, None) => pill("unready", texts.stopped),
    };
    html! {
        section.panel aria-labelledby="last" {
            h2 #last { (if dry_run { texts.last_count } else { texts.last_backfill }) " " (state) }
            p {
                (when(visitor, at.since)) " – " (when(visitor, at.until))
                @if let Some(by) = &asked.by { span.quiet { " · " (visitor.texts().by) " " (by) } }
            }
            label for="done" { (texts.reached) " " (when(visitor, at.reached)) }
            progress #done max=(whole) value=(done) {}
            @if asked.tally.is_some() {
                dl.facts {
                    dt { (texts.calls_listed) } dd { (count(n("listed"))) }
                    dt { (if dry_run { texts.calls_missing } else { texts.calls_brought_in }) } dd { (count(n("missing"))) }
                    dt { (texts.calls_open) } dd { (count(n("open"))) }
                }
            }
            @if let Some(problem) = &asked.problem { p.problem { (conditions::told(visitor, "", problem)) } }
            @if !runs && at.ended_at.is_none() { p.hint { (texts.resumes) } }
            @if runs && !asked.stop_asked && visitor.may(Role::Operator) {
                form method="post" action="/backfill/stop" { (visitor.token()) button type="submit" { (texts.stop) } }
            }
        }
    }
}
