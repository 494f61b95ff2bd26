//! The file of rules as it is in force, and another one tried on the calls of the past. Nothing is stored.

use axum::{Extension, Json, extract::State, http::StatusCode, response::IntoResponse};
use base::{
    rules::{self, Mistake, Rules},
    settings::Language,
};
use jiff::SignedDuration;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;
use tokio::fs;

use super::{
    Console, Page, Shared,
    checked::told,
    fields::Fields,
    format::count,
    installation,
    layout::{self, Section, Visitor},
    reasons,
};
use crate::rules::trial::{self, Calls, Change, Trial};

const DAYS: [u32; 3] = [1, 7, 30];
const USUAL: u32 = 7;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Tried {
    rules: String,
    days: String,
}

impl Tried {
    fn days(&self) -> u32 {
        DAYS.into_iter().find(|days| days.to_string() == self.days).unwrap_or(USUAL)
    }
}

enum Answer {
    Nothing,
    Mistakes(Vec<Mistake>),
    Trial(Box<Trial>),
}

/// The file, if one is set and can be read.
enum File {
    None,
    Unread,
    Text { text: String, has_changed: bool },
}

async fn file(console: &Console) -> File {
    let Some(path) = &console.settings.rules_file else { return File::None };
    match fs::read_to_string(path).await {
        Ok(text) => {
            let now = rules::parse(&text, console.settings.regions.first());
            let has_changed = now.ok().as_ref() != Some(&*console.settings.rules);
            File::Text { text, has_changed }
        }
        Err(_) => File::Unread,
    }
}

/// The sections of the file that do something, by their names in it.
fn sections(rules: &Rules) -> Vec<&'static str> {
    let none = Rules::default();
    let all = [
        ("tags", rules.tags != none.tags),
        ("calls", rules.calls != none.calls),
        ("agents", rules.agents != none.agents),
        ("lines", rules.lines != none.lines),
        ("missed", rules.missed.is_some()),
        ("action_items", rules.action_items.is_some()),
        ("unknown", rules.unknown.is_some()),
        ("messages", rules.messages.is_some()),
    ];
    all.into_iter().filter(|(_, is_on)| *is_on).map(|(name, _)| name).collect()
}

pub(super) async fn page(State(console): State<Shared>, Extension(visitor): Extension<Visitor>) -> Page {
    show(&console, &visitor, &Tried::default(), &Answer::Nothing).await
}

pub(super) async fn try_out(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Fields(tried): Fields<Tried>,
) -> Page {
    if tried.rules.trim().is_empty() {
        return Ok(layout::refused(&visitor, StatusCode::BAD_REQUEST, |texts| texts.invalid_form));
    }
    let answer = match rules::parse(&tried.rules, console.settings.regions.first()) {
        Err(mistakes) => Answer::Mistakes(mistakes),
        Ok(rules) => {
            let now = console.database.client().await?.now().await?;
            let since = now - SignedDuration::from_hours(24 * i64::from(tried.days()));
            let of = (&*console.settings.rules, &rules);
            Answer::Trial(Box::new(trial::of(&console.database, &console.settings, of, since).await?))
        }
    };
    if !visitor.json {
        return show(&console, &visitor, &tried, &answer).await;
    }
    let (works, mistakes, trial) = match &answer {
        Answer::Nothing => (true, json!([]), json!(null)),
        Answer::Mistakes(mistakes) => (false, json!(mistakes), json!(null)),
        Answer::Trial(trial) => (true, json!([]), trial.report()),
    };
    Ok(Json(json!({ "works": works, "mistakes": mistakes, "trial": trial })).into_response())
}

pub(super) async fn json(State(console): State<Shared>) -> Page {
    let (text, has_changed) = match file(&console).await {
        File::Text { text, has_changed } => (Some(text), has_changed),
        File::None | File::Unread => (None, false),
    };
    let path = console.settings.rules_file.as_ref().map(|path| path.display().to_string());
    let answer = json!({ "file": path, "sections": sections(&console.settings.rules), "text": text, "has_changed": has_changed });
    Ok(Json(answer).into_response())
}

async fn show(console: &Console, visitor: &Visitor, tried: &Tried, answer: &Answer) -> Page {
    let (texts, file) = (visitor.texts().acts, file(console).await);
    let in_force = match &file {
        File::Text { text, .. } if tried.rules.is_empty() => text.as_str(),
        _ => tried.rules.as_str(),
    };
    let body = html! {
        (installation::links(visitor, "/rules"))
        h1 { (texts.rules) }
        p.quiet { (texts.rules_intro) }
        section.panel aria-labelledby="force" {
            h2 #force { (texts.rules_in_force) }
            (shown(visitor, console, &file))
        }
        section.panel aria-labelledby="try" {
            h2 #try { (texts.try_rules) }
            p #try-hint.hint { (texts.try_rules_hint) }
            form.stack method="post" action="/rules" {
                (visitor.token())
                div.field { label for="rules" { (texts.rules_text) } textarea #rules name="rules" rows="14" required spellcheck="false" aria-describedby="try-hint" { (in_force) } }
                div.field {
                    label for="days" { (visitor.texts().last_days) }
                    select #days name="days" { @for one in DAYS { option value=(one) selected[one == tried.days()] { (one) } } }
                }
                div.field.buttons { button.primary type="submit" { (texts.try_it) } }
            }
        }
        div aria-live="polite" { @match answer {
            Answer::Nothing => {}
            Answer::Mistakes(mistakes) => { (wrong(visitor, mistakes)) }
            Answer::Trial(trial) => { (different(visitor, trial)) }
        } }
    };
    Ok(layout::page(visitor, Section::Check, texts.rules, &body))
}

fn shown(visitor: &Visitor, console: &Console, file: &File) -> Markup {
    let texts = visitor.texts().acts;
    let sections = sections(&console.settings.rules);
    html! {
        @match file {
            File::None => { p.empty { (texts.rules_none) } }
            File::Unread => { p.problem { (texts.rules_unread) } }
            File::Text { text, has_changed } => {
                @if *has_changed { p.callout { (texts.rules_changed) } }
                p { (texts.rules_sections) " " @if sections.is_empty() { (visitor.texts().none) } @for section in &sections { code { "[" (section) "]" } " " } }
                details data-keep { summary { (visitor.texts().content) } pre.log tabindex="0" { (text) } }
            }
        }
    }
}

fn wrong(visitor: &Visitor, mistakes: &[Mistake]) -> Markup {
    html! {
        section.panel aria-labelledby="wrong" {
            h2 #wrong { (visitor.texts().acts.mistakes) " (" (mistakes.len()) ")" }
            ol role="alert" { @for Mistake { line, problem, cure } in mistakes {
                li {
                    @if *line > 0 { strong { (visitor.texts().acts.line_number.replace("{}", &line.to_string())) } " " }
                    (told(visitor, problem))
                    span.quiet.block { (told(visitor, cure)) }
                }
            } }
        }
    }
}

fn different(visitor: &Visitor, trial: &Trial) -> Markup {
    let texts = visitor.texts().acts;
    let seen = count(i64::try_from(trial.seen).unwrap_or(i64::MAX));
    let all: Vec<_> = trial.differences.all().collect();
    html! {
        section.panel aria-labelledby="different" {
            h2 #different { (texts.would_have_been) }
            @if all.is_empty() { p.empty role="status" { (texts.nothing_different.replace("{}", &seen)) } }
            @else {
                p role="status" { (texts.of_so_many.replace("{}", &seen)) }
                table.cards.small {
                    caption.unseen { (texts.would_have_been) }
                    thead { tr { th scope="col" { (texts.would_have_been) } th.number scope="col" { (visitor.texts().calls) } th scope="col" { (texts.for_example) } } }
                    tbody { @for (change, Calls { calls, examples }) in all {
                        tr {
                            th scope="row" data-label=(texts.would_have_been) { (sentence(visitor, change)) }
                            td.number data-label=(visitor.texts().calls) { (calls) }
                            td data-label=(texts.for_example) { @for call in examples { a href={ "/calls/" (call) } { (call) } " " } }
                        }
                    } }
                }
            }
        }
    }
}

fn sentence(visitor: &Visitor, change: &Change) -> Markup {
    let texts = visitor.texts().acts;
    let instead = |text: &str, before: &str, after: &str| text.replace("{by}", after).replace("{}", before);
    let topic = |topic: &Option<String>| {
        topic.as_ref().map_or_else(|| texts.the_default.to_owned(), |topic| format!("“{topic}”"))
    };
    let result = |result: &Option<String>| result.clone().unwrap_or_else(|| texts.by_outcome.to_owned());
    let language = |language: &Language| if *language == Language::French { texts.in_french } else { texts.in_english };
    html! {
        @match change {
            Change::NotLogged(why) => { (texts.change_not_logged) " " (reasons::sentence(visitor, why)) }
            Change::LookedUp => { (texts.change_looked_up) }
            Change::Number => { (texts.change_number) }
            Change::Topic(before, after) => { (instead(texts.change_topic, &topic(before), &topic(after))) }
            Change::Result(before, after) => { (instead(texts.change_result, &result(before), &result(after))) }
            Change::Owner => { (texts.change_owner) }
            Change::Language(before, after) => { (instead(texts.change_language, language(before), language(after))) }
        }
    }
}
