//! The page of dead letters, grouped by stage and error: replaying one, a group or all, and dropping.
//!
//! Reading the list keeps the dead letters unacked for a moment (`crate::dead`), so this page only refreshes itself while a
//! job is running, to show its progress.

use std::collections::HashMap;

use crate::dead::letters::DeadLetter;
use axum::{
    Extension,
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use base::ids::{CallId, Stage};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{
    Console, Page, Shared,
    auth::{ActId, GoesOn},
    calls::title,
    errors,
    fields::Fields,
    format::{ago, count, when},
    jobs::{Choice, Job},
    layout::{self, Section, Visitor},
};
use crate::{
    access::Role,
    dead::{
        act::Action,
        print::{self, CodeGroup},
    },
    search::{self, Found},
};

/// How many dead letters of a group are listed.
const MAX_LISTED: usize = 20;

/// Each reader that waits for the others takes a database connection, so this process reads only once at a time.
pub(super) static READING: Mutex<()> = Mutex::const_new(());

#[derive(Deserialize)]
pub(super) struct Shown {
    /// An error code.
    explain: Option<String>,
    /// A stage and a code, `logger-SELLSY_PLAN`: all dead letters of that group are listed.
    all: Option<String>,
}

/// The groups with their first dead letters, and the calls of these.
struct Groups {
    groups: Vec<(CodeGroup, Vec<DeadLetter>)>,
    calls: HashMap<CallId, Found>,
}

pub(super) async fn page(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(shown): Query<Shown>,
) -> Page {
    let texts = visitor.texts();
    let running = console.jobs.is_running();
    let groups = if running { None } else { Some(load(&console, shown.all.as_deref()).await) };
    let explained = shown.explain.as_deref().and_then(|code| Some((code, errors::explained(code, visitor.lang)?)));
    let body = html! {
        h1 { (texts.dead_letters) }
        @if let Some((code, explained)) = explained {
            section #explained .panel aria-labelledby="code" tabindex="-1" { h2 #code { (code) } (explained) p { a href="/dead" { (texts.close) } } }
        }
        div aria-live="polite" {
            // A finished job is shown with its result; what is still parked is below.
            div #job data-live=[running.then_some("1")] {
                @if let Some(job) = console.jobs.last() { (job_status(&visitor, &job)) }
            }
        }
        div #letters data-live=[running.then_some("1")] {
            @match groups {
                None => { p.empty { (texts.list_after_job) } }
                Some(Err(e)) => { p.problem { (texts.list_unavailable) " " span lang="en" { (format!("{e:#}")) } } }
                Some(Ok(groups)) => { (list(&visitor, &groups)) }
            }
        }
    };
    Ok(layout::page(&visitor, Section::Dead, texts.dead_letters, &body))
}

async fn load(console: &Console, all: Option<&str>) -> anyhow::Result<Groups> {
    let _reading = READING.lock().await;
    console.dead_letters.prepare().await?;
    let (readers, letters) = console.dead_letters.read(Stage::ALL.to_vec(), |_| true).await?;
    let groups = print::group_by_code(letters.iter().map(|held| &held.letter));
    let first_of = |group: &CodeGroup| {
        let letters = letters.iter().map(|held| &held.letter);
        let most = if all == Some(name(group).as_str()) { usize::MAX } else { MAX_LISTED };
        letters.filter(|l| l.stage.as_str() == group.stage && l.code == group.code).take(most).cloned().collect()
    };
    let groups = groups.into_iter().map(|group| {
        let letters: Vec<DeadLetter> = first_of(&group);
        (group, letters)
    });
    let groups: Vec<_> = groups.collect();
    readers.close().await;
    let ids: Vec<i64> = groups.iter().flat_map(|(_, letters)| letters).filter_map(|l| Some(l.call_id?.0)).collect();
    let found = search::these(&console.database.client().await?, &ids).await?;
    Ok(Groups { groups, calls: found.into_iter().map(|found| (found.call_id, found)).collect() })
}

/// Of a group, in addresses and as the id of its heading.
fn name(group: &CodeGroup) -> String {
    format!("{}-{}", group.stage, group.code)
}

fn job_status(visitor: &Visitor, job: &Job) -> Markup {
    let texts = visitor.texts();
    let (doing, done) = match job.action {
        Action::Replay => (texts.replaying, texts.replayed),
        Action::Drop => (texts.dropping, texts.dropped),
    };
    let matched = job.matched.unwrap_or(0);
    let n = |n: usize| count(i64::try_from(n).unwrap_or(i64::MAX));
    html! {
        @match &job.end {
            None => {
                div.callout {
                    label for="progress" { (doing) " " (n(job.done)) " / " (job.matched.map_or_else(|| "…".into(), n)) }
                    progress #progress max=(matched.max(1)) value=(job.done) {}
                }
            }
            Some(end) => {
                div.callout.calm {
                    p {
                        strong { (done) ": " (n(job.done)) " / " (n(matched)) }
                        " · " (ago(visitor, Timestamp::now(), end.at))
                    }
                    @if end.not_replayable > 0 { p { (n(end.not_replayable)) " " (texts.not_replayable) } }
                    @if let Some(problem) = &end.problem { p.problem { span lang="en" { (problem) } } }
                }
            }
        }
    }
}

fn list(visitor: &Visitor, Groups { groups, calls }: &Groups) -> Markup {
    let texts = visitor.texts();
    let replayable = groups.iter().filter(|(group, _)| group.stage != Stage::Ingest.as_str());
    let replayable: usize = replayable.map(|(group, _)| group.count).sum();
    html! {
        @if groups.is_empty() { p.empty { (texts.nothing_parked) } }
        @else {
            div.actions {
                p { (texts.parked_intro) }
                @if replayable > 0 && visitor.may(Role::Operator) {
                    details.confirm data-keep {
                        summary { (texts.retry_all.replace("{}", &replayable.to_string())) }
                        p { (texts.retry_question) }
                        (button(visitor, "/dead/replay", &[("all", "yes")], texts.retry_now_all, "primary"))
                    }
                }
            }
            @for (group, letters) in groups { (group_panel(visitor, group, letters, calls)) }
        }
    }
}

fn group_panel(visitor: &Visitor, group: &CodeGroup, letters: &[DeadLetter], calls: &HashMap<CallId, Found>) -> Markup {
    let (texts, now) = (visitor.texts(), Timestamp::now());
    let fields = [("stage", group.stage), ("code", group.code.as_str())];
    let replayable = group.stage != Stage::Ingest.as_str();
    let at = |at: Option<Timestamp>| at.map_or_else(|| "–".into(), |at| ago(visitor, now, at));
    let heading = name(group);
    html! {
        section.panel.group aria-labelledby=(heading) {
            div.group-head {
                div {
                    h2 id=(heading) { (group.stage) " · " (errors::link(&group.code)) }
                    p.quiet { (group.count) " " (if group.count == 1 { texts.message_one } else { texts.messages_lower }) " · " (texts.oldest) " " (at(group.oldest)) " · " (texts.newest_one) " " (at(group.newest)) }
                }
                div.buttons {
                    @if replayable && visitor.may(Role::Operator) { (button(visitor, "/dead/replay", &fields, &texts.retry_group.replace("{}", &group.count.to_string()), "")) }
                    @if visitor.may(Role::Admin) { details.confirm data-keep {
                        summary { (texts.drop) }
                        p { (texts.drop_warning) }
                        (button(visitor, "/dead/drop", &fields, &texts.drop_for_good.replace("{}", &group.count.to_string()), "danger"))
                    } }
                }
            }
            p.error-text { (errors::cause(visitor, &group.code, &group.example.error)) }
            @if !replayable { p.quiet { (texts.ingest_note) } }
            @else { details { summary { (texts.what_to_do) } @if let Some(explained) = errors::explained(&group.code, visitor.lang) { (explained) } @else { p { (texts.unknown_code) } } } }
            table.cards.small {
                caption.unseen { (heading) }
                thead { tr {
                    th scope="col" { (texts.caller) } th scope="col" { (texts.agent) } th scope="col" { (texts.began) }
                    th scope="col" { (texts.event) } th scope="col" { (texts.attempts) }
                    th scope="col" { (texts.last_failure) } th scope="col" { span.unseen { (texts.action) } }
                } }
                tbody { @for letter in letters { (row(visitor, letter, calls, now, replayable)) } }
            }
            @if group.count > letters.len() { p { a href={ "/dead?all=" (heading) "#" (heading) } { (texts.and_more.replace("{}", &(group.count - letters.len()).to_string())) } } }
        }
    }
}

fn row(
    visitor: &Visitor,
    letter: &DeadLetter,
    calls: &HashMap<CallId, Found>,
    now: Timestamp,
    replayable: bool,
) -> Markup {
    let texts = visitor.texts();
    let found = letter.call_id.and_then(|id| calls.get(&id));
    let agent = found.and_then(|found| found.call.as_ref()?.user.as_ref()?.name.as_deref());
    html! {
        tr {
            th scope="row" data-label=(texts.caller) {
                @match (letter.call_id, found) {
                    (Some(id), Some(found)) => { a data-row href={ "/calls/" (id) } { (title(visitor, found)) } span.quiet.block { (texts.call) " " (id) } }
                    (Some(id), None) => { a href={ "/calls/" (id) } { (id) } }
                    (None, _) => { span.quiet { (letter.id) } }
                }
            }
            td data-label=(texts.agent) { (agent.unwrap_or("–")) }
            td data-label=(texts.began) { @match found { Some(found) => { (when(visitor, found.started_at)) } None => { "–" } } }
            td data-label=(texts.event) { (letter.kind.as_deref().unwrap_or("–")) }
            td data-label=(texts.attempts) { (letter.attempts) }
            td data-label=(texts.last_failure) { (letter.last_failure.map_or_else(|| "–".into(), |at| ago(visitor, now, at))) }
            td.action { a.button href={ "/dead/letters/" (letter.id) } { (texts.details) } @if replayable && visitor.may(Role::Operator) { (button(visitor, "/dead/replay", &[("id", letter.id.as_str())], texts.retry, "")) } }
        }
    }
}

pub(super) fn button(visitor: &Visitor, address: &str, fields: &[(&str, &str)], text: &str, class: &str) -> Markup {
    html! {
        form method="post" action=(address) {
            (visitor.token())
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button class=(class) type="submit" { (text) }
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ActionForm {
    id: String,
    call: String,
    stage: String,
    code: String,
    all: String,
}

impl ActionForm {
    /// Accepts exactly one way of choosing, so that a malformed form never means everything.
    fn choice(&self) -> Option<Choice> {
        let stage = Stage::ALL.into_iter().find(|stage| stage.as_str() == self.stage);
        match (self.id.as_str(), self.call.parse(), stage, self.code.as_str(), self.all.as_str()) {
            ("", Err(_), Some(stage), code, "") if !code.is_empty() => Some(Choice::Group { stage, code: code.into() }),
            ("", Ok(call), None, "", "") => Some(Choice::Call(CallId(call))),
            ("", Err(_), None, "", "yes") => Some(Choice::All),
            (id, Err(_), None, "", "") if !id.is_empty() => Some(Choice::One(id.into())),
            _ => None,
        }
    }
}

pub(super) async fn replay(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Extension(act): Extension<ActId>,
    Fields(form): Fields<ActionForm>,
) -> Response {
    start_job(&console, &visitor, Action::Replay, &form, act).await
}

pub(super) async fn drop_selected(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Extension(act): Extension<ActId>,
    Fields(form): Fields<ActionForm>,
) -> Response {
    start_job(&console, &visitor, Action::Drop, &form, act).await
}

async fn start_job(console: &Shared, visitor: &Visitor, action: Action, form: &ActionForm, act: ActId) -> Response {
    use axum::http::StatusCode;
    let Some(choice) = form.choice() else {
        return layout::refused(visitor, StatusCode::BAD_REQUEST, |texts| texts.invalid_form);
    };
    let back_to = match &choice {
        Choice::Call(id) => format!("/calls/{id}"),
        _ => "/dead".into(),
    };
    // A page that is being rendered at this moment still holds the dead letters.
    let _reading = READING.lock().await;
    if console.jobs.start(console, action, choice, act).await {
        let mut response = Redirect::to(&back_to).into_response();
        response.extensions_mut().insert(GoesOn);
        response
    } else {
        layout::refused(visitor, StatusCode::CONFLICT, |texts| texts.another_job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_chooses_in_one_way_or_not_at_all() {
        let chosen = |text: &str| {
            let pairs: serde_json::Map<_, _> =
                form_urlencoded::parse(text.as_bytes()).map(|(n, v)| (n.into_owned(), v.into())).collect();
            serde_json::from_value::<ActionForm>(pairs.into()).unwrap().choice()
        };
        assert_eq!(chosen("id=abc"), Some(Choice::One("abc".into())));
        assert_eq!(chosen("call=3811600001"), Some(Choice::Call(CallId(3_811_600_001))));
        let group = Choice::Group { stage: Stage::Logger, code: "SELLSY_PLAN".into() };
        assert_eq!(chosen("stage=logger&code=SELLSY_PLAN"), Some(group));
        assert_eq!(chosen("all=yes"), Some(Choice::All));
        for odd in ["", "all=no", "stage=logger", "stage=nonsense&code=X", "id=abc&all=yes", "call=x", "call=7&id=abc"]
        {
            assert_eq!(chosen(odd), None, "{odd}");
        }
    }
}
