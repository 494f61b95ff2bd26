//! What is parked, in groups of the same stage and error; retrying one, a group or all, and dropping.
//!
//! Looking takes the letters in hand for a moment (`crate::dead`), so this page does not refresh itself while it only lies
//! there; while a job is under way it shows how far that is.

use crate::dead::letters::Letter;
use axum::{
    Extension, Form,
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use base::ids::{CallId, Stage};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::{
    Console, Page, Shared, errors,
    format::{ago, count},
    jobs::{Choice, Job},
    layout::{self, Section, Visitor},
};
use crate::dead::{
    act::Deed,
    tell::{self, Kind},
};

/// Letters of a group that are shown one by one.
const SHOWN: usize = 20;

/// Whoever waits for the letters has a connection to the database of its own: one look does.
static LOOKING: Mutex<()> = Mutex::const_new(());

#[derive(Deserialize)]
pub(super) struct Asked {
    /// An error code.
    explain: Option<String>,
}

/// The groups, and their first letters.
struct Parked(Vec<(Kind, Vec<Letter>)>);

pub(super) async fn page(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Page {
    let texts = visitor.texts();
    let running = console.jobs.is_running();
    let parked = if running { None } else { Some(look(&console).await) };
    let explained = asked.explain.as_deref().and_then(|code| Some((code, errors::explained(code)?)));
    let body = html! {
        h1 { (texts.dead_letters) }
        @if let Some((code, explained)) = explained {
            section #explained .panel aria-labelledby="code" tabindex="-1" { h2 #code { (code) } (explained) p { a href="/dead" { (texts.close) } } }
        }
        div aria-live="polite" {
            // A finished job is shown as it ended; what is still parked stands below.
            div #job data-live=[running.then_some("1")] {
                @if let Some(job) = console.jobs.last() { (job_status(&visitor, &job)) }
            }
        }
        div #letters data-live=[running.then_some("1")] {
            @match parked {
                None => { p.empty { (texts.list_comes) } }
                Some(Err(e)) => { p.problem { (texts.list_lacks) " " span lang="en" { (format!("{e:#}")) } } }
                Some(Ok(Parked(groups))) => { (list(&visitor, &groups)) }
            }
        }
    };
    Ok(layout::page(&visitor, Section::Dead, texts.dead_letters, &body))
}

async fn look(console: &Console) -> anyhow::Result<Parked> {
    let _one = LOOKING.lock().await;
    console.desk.prepare().await?;
    let (hand, letters) = console.desk.take(Stage::ALL.to_vec(), |_| true).await?;
    let kinds = tell::kinds(letters.iter().map(|held| &held.letter));
    let of = |kind: &Kind| {
        let letters = letters.iter().map(|held| &held.letter);
        letters.filter(|l| l.stage.as_str() == kind.stage && l.code == kind.code).take(SHOWN).cloned().collect()
    };
    let groups = kinds.into_iter().map(|kind| {
        let letters: Vec<Letter> = of(&kind);
        (kind, letters)
    });
    let parked = Parked(groups.collect());
    hand.let_go().await;
    Ok(parked)
}

fn job_status(visitor: &Visitor, job: &Job) -> Markup {
    let texts = visitor.texts();
    let (doing, done) = match job.deed {
        Deed::Replay => (texts.replaying, texts.replayed),
        Deed::Drop => (texts.dropping, texts.dropped),
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

fn list(visitor: &Visitor, groups: &[(Kind, Vec<Letter>)]) -> Markup {
    let texts = visitor.texts();
    let replayable = groups.iter().filter(|(kind, _)| kind.stage != Stage::Ingest.as_str());
    let replayable: usize = replayable.map(|(kind, _)| kind.count).sum();
    html! {
        @if groups.is_empty() { p.empty { (texts.nothing_parked) } }
        @else {
            div.actions {
                p { (texts.parked_intro) }
                @if replayable > 0 { (button(visitor, "/dead/replay", &[("all", "yes")], &texts.retry_all.replace("{}", &replayable.to_string()), "primary")) }
            }
            @for (kind, letters) in groups { (group(visitor, kind, letters)) }
        }
    }
}

fn group(visitor: &Visitor, kind: &Kind, letters: &[Letter]) -> Markup {
    let (texts, now) = (visitor.texts(), Timestamp::now());
    let fields = [("stage", kind.stage), ("code", kind.code.as_str())];
    let replayable = kind.stage != Stage::Ingest.as_str();
    let at = |at: Option<Timestamp>| at.map_or_else(|| "–".into(), |at| ago(visitor, now, at));
    let heading = format!("{}-{}", kind.stage, kind.code);
    html! {
        section.panel.group aria-labelledby=(heading) {
            div.group-head {
                div {
                    h2 id=(heading) { (kind.stage) " · " (errors::link(&kind.code)) }
                    p.quiet { (kind.count) " " (if kind.count == 1 { texts.message_one } else { texts.messages_lower }) " · " (texts.oldest) " " (at(kind.oldest)) " · " (texts.newest_one) " " (at(kind.newest)) }
                }
                div.buttons {
                    @if replayable { (button(visitor, "/dead/replay", &fields, &texts.retry_group.replace("{}", &kind.count.to_string()), "")) }
                    details.confirm data-keep {
                        summary { (texts.drop) }
                        p { (texts.drop_warning) }
                        (button(visitor, "/dead/drop", &fields, &texts.drop_for_good.replace("{}", &kind.count.to_string()), "danger"))
                    }
                }
            }
            p.error-text lang="en" { (kind.example.error) }
            @if !replayable { p.quiet { (texts.ingest_note) } }
            @else { details { summary { (texts.what_helps) } @if let Some(explained) = errors::explained(&kind.code) { (explained) } @else { p { (texts.unknown_code) } } } }
            table.cards.small {
                caption.unseen { (heading) }
                thead { tr {
                    th scope="col" { (texts.call) } th scope="col" { (texts.event) } th scope="col" { (texts.attempts) }
                    th scope="col" { (texts.last_failure) } th scope="col" { span.unseen { (texts.action) } }
                } }
                tbody { @for letter in letters { (row(visitor, letter, now, replayable)) } }
            }
            @if kind.count > letters.len() { p.quiet { (texts.and_more.replace("{}", &(kind.count - letters.len()).to_string())) } }
        }
    }
}

fn row(visitor: &Visitor, letter: &Letter, now: Timestamp, replayable: bool) -> Markup {
    let texts = visitor.texts();
    html! {
        tr {
            th scope="row" data-label=(texts.call) {
                @match letter.call_id { Some(id) => { a href={ "/calls/" (id) } { (id) } } None => { span.quiet { (letter.id) } } }
            }
            td data-label=(texts.event) { (letter.kind.as_deref().unwrap_or("–")) }
            td data-label=(texts.attempts) { (letter.attempts) }
            td data-label=(texts.last_failure) { (letter.last_failure.map_or_else(|| "–".into(), |at| ago(visitor, now, at))) }
            td.action { @if replayable { (button(visitor, "/dead/replay", &[("id", letter.id.as_str())], texts.retry, "")) } }
        }
    }
}

fn button(visitor: &Visitor, address: &str, fields: &[(&str, &str)], text: &str, class: &str) -> Markup {
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
pub(super) struct Wanted {
    id: String,
    call: String,
    stage: String,
    code: String,
    all: String,
}

impl Wanted {
    /// Exactly one way of choosing, so that an odd form never means everything.
    fn choice(&self) -> Option<Choice> {
        let stage = Stage::ALL.into_iter().find(|stage| stage.as_str() == self.stage);
        match (self.id.as_str(), self.call.parse(), stage, self.code.as_str(), self.all.as_str()) {
            ("", Err(_), Some(stage), code, "") if !code.is_empty() => Some(Choice::Group { stage, code: code.into() }),
            ("", Ok(call), None, "", "") => Some(Choice::Call(CallId(call))),
            ("", Err(_), None, "", "yes") => Some(Choice::All),
            (id, Err(_), None, "", "") if !id.is_empty() => Some(Choice::Letter(id.into())),
            _ => None,
        }
    }
}

pub(super) async fn replay(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Form(wanted): Form<Wanted>,
) -> Response {
    act(&console, &visitor, Deed::Replay, &wanted).await
}

pub(super) async fn drop_letters(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Form(wanted): Form<Wanted>,
) -> Response {
    act(&console, &visitor, Deed::Drop, &wanted).await
}

async fn act(console: &Console, visitor: &Visitor, deed: Deed, wanted: &Wanted) -> Response {
    use axum::http::StatusCode;
    let Some(choice) = wanted.choice() else {
        return layout::refused(visitor, StatusCode::BAD_REQUEST, visitor.texts().odd_form);
    };
    let to = match &choice {
        Choice::Call(id) => format!("/calls/{id}"),
        _ => "/dead".into(),
    };
    // Whoever looks at the list at this moment has the letters in hand.
    let _one = LOOKING.lock().await;
    if console.jobs.start(&console.desk, deed, choice).await {
        Redirect::to(&to).into_response()
    } else {
        layout::refused(visitor, StatusCode::CONFLICT, visitor.texts().another_job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_chooses_in_one_way_or_not_at_all() {
        let wanted = |text: &str| {
            let pairs: serde_json::Map<_, _> =
                form_urlencoded::parse(text.as_bytes()).map(|(n, v)| (n.into_owned(), v.into())).collect();
            serde_json::from_value::<Wanted>(pairs.into()).unwrap().choice()
        };
        assert_eq!(wanted("id=abc"), Some(Choice::Letter("abc".into())));
        assert_eq!(wanted("call=3811600001"), Some(Choice::Call(CallId(3_811_600_001))));
        let group = Choice::Group { stage: Stage::Logger, code: "SELLSY_PLAN".into() };
        assert_eq!(wanted("stage=logger&code=SELLSY_PLAN"), Some(group));
        assert_eq!(wanted("all=yes"), Some(Choice::All));
        for odd in ["", "all=no", "stage=logger", "stage=nonsense&code=X", "id=abc&all=yes", "call=x", "call=7&id=abc"]
        {
            assert_eq!(wanted(odd), None, "{odd}");
        }
    }
}
