//! The timeline of a call as sentences: what came in, who was found, which API requests were made, what was written.
//!
//! A line is matched exhaustively, so that a new kind of line does not compile before it has its sentences. The line of another
//! version is shown as it was written, never hidden.

use base::ids::Vendor;
use jiff::Timestamp;
use ledger::{
    calls::Part,
    resolution::RecordRef,
    timeline::{Answer, ApiRequest, CommentLine, Decision, Failure, Line, SellsyLog, TaskLine, View, What},
};
use maud::{Markup, html};

use super::{
    errors,
    format::{kind_name, span, time_of_day, when},
    layout::Visitor,
    reasons,
};

/// The kind of a line: the CSS class of its dot.
const EVENT: &str = "event";
const DECISION: &str = "decision";
const REQUEST: &str = "request";
const WRITE: &str = "write";
const TROUBLE: &str = "trouble";
const QUIET: &str = "calm";

pub(super) fn timeline(visitor: &Visitor, lines: &[Line]) -> Markup {
    let began = lines.first().map(|line| line.at);
    html! {
        @if let Some(began) = began { p.quiet { (when(visitor, began)) } }
        ol.story {
            @for part in parts(lines) {
                @if let [first, ..] = part && is_request(first) { (requests(visitor, part)) }
                @else { @for line in part {
                    @let (class, sentence) = sentence(visitor, &line.what);
                    li class=(class) {
                        span.at { (time_of_day(visitor, line.at)) span.since { (since(visitor, before(lines, line), line.at)) } }
                        span.what { (sentence) }
                        span.stage { (line.stage) }
                    }
                } }
            }
        }
    }
}

fn is_request(line: &Line) -> bool {
    matches!(line.what, What::Request(_))
}

/// Requests that follow each other are one part: what was asked of an API interests few who read a story.
fn parts(lines: &[Line]) -> impl Iterator<Item = &[Line]> {
    lines.chunk_by(|one, next| is_request(one) == is_request(next))
}

/// When the line before this one was written.
fn before(lines: &[Line], line: &Line) -> Option<Timestamp> {
    let at = lines.iter().position(|other| std::ptr::eq(other, line))?;
    lines.get(at.checked_sub(1)?).map(|before| before.at)
}

/// Folded away until they are wanted; open if one of them failed.
fn requests(visitor: &Visitor, lines: &[Line]) -> Markup {
    let texts = visitor.texts();
    let has_failed = lines.iter().any(|line| match &line.what {
        What::Request(request) => !matches!(request.status, Answer::Status(200..=299)),
        _ => false,
    });
    let name = match lines.len() {
        1 => texts.one_request.to_owned(),
        n => texts.n_requests.replace("{}", &n.to_string()),
    };
    html! {
        li class=(REQUEST) {
            span.at { @if let Some(first) = lines.first() { (time_of_day(visitor, first.at)) } }
            details.what open[has_failed] data-keep {
                summary { (name) }
                ul { @for line in lines { li { (sentence(visitor, &line.what).1) } } }
            }
            span.stage { @if let Some(first) = lines.first() { (first.stage) } }
        }
    }
}

/// The time since the previous line.
fn since(visitor: &Visitor, before: Option<Timestamp>, at: Timestamp) -> String {
    let Some(before) = before else { return String::new() };
    let ms = at.duration_since(before).as_millis();
    match ms {
        ..10_000 => format!("+{} ms", ms.max(0)),
        _ => format!("+{}", span(visitor.lang, i64::try_from(ms / 1000).unwrap_or(i64::MAX))),
    }
}

fn sentence(visitor: &Visitor, what: &What) -> (&'static str, Markup) {
    let texts = visitor.texts();
    match what {
        What::Event { kind, .. } => {
            (EVENT, event(visitor, kind).map_or_else(|| unknown(what), |event| html! { (event) }))
        }
        What::LookedUp(decision) => (DECISION, found(visitor, texts.was_looked_up, decision)),
        What::Decided(decision) => (DECISION, found(visitor, texts.was_decided, decision)),
        What::DecidedAgain(decision) => (DECISION, found(visitor, texts.was_decided_again, decision)),
        What::CardShown {} => (WRITE, html! { (texts.card_shown) }),
        What::NoCardShown {} => (QUIET, html! { (texts.no_card) }),
        What::Skipped { reason } => (QUIET, html! { (texts.nothing_done) " " (reasons::sentence(visitor, reason)) }),
        What::Retried(failure) => (TROUBLE, failed(visitor, texts.was_put_back, failure)),
        What::Parked(failure) => (TROUBLE, failed(visitor, texts.was_parked, failure)),
        What::Logged { log, .. } => (WRITE, html! { (texts.was_logged) " " (written(visitor, *log)) }),
        What::LogUpdated(log) => (WRITE, html! { (texts.was_updated) " " (written(visitor, *log)) }),
        What::LogUpToDate(log) => (QUIET, html! { (texts.is_up_to_date) " " (written(visitor, *log)) }),
        What::WithoutTopic { reason } => {
            (TROUBLE, html! { (texts.without_topic) " " (reasons::sentence(visitor, reason)) })
        }
        What::ChangedByPerson { parts } => (DECISION, changed_by_person(visitor, parts)),
        What::AdoptedUnclear(log) => (WRITE, html! { (texts.was_adopted) " " (written(visitor, *log)) }),
        What::AdoptedUnknown(log) => (WRITE, html! { (texts.unknown_was_adopted) " " (written(visitor, *log)) }),
        What::LogDeleted(_) => (TROUBLE, html! { (texts.log_was_deleted) }),
        What::LinksRefused { error } => (TROUBLE, html! { (texts.links_refused) " " span lang="en" { (error) } }),
        What::RecordRefused { error } => (TROUBLE, html! { (texts.refused_by_sellsy) " " span lang="en" { (error) } }),
        What::InsightsAskedFor {} => (QUIET, html! { (texts.insights_asked_for) }),
        What::NoInsightsCame {} => (QUIET, html! { (texts.no_insights_came) }),
        What::TaskCreated(task) => (WRITE, html! { (texts.task_created) " " (task_name(*task)) }),
        What::TaskUpdated(task) => (WRITE, html! { (texts.task_updated) " " (task_name(*task)) }),
        What::TaskDone { task, spoke } => (
            WRITE,
            html! { (texts.task_done) " " (task_name(*task)) " " span.note { a href={ "/calls/" (spoke) } { (spoke) } } },
        ),
        What::TaskAdopted(task) => (WRITE, html! { (texts.task_adopted) " " (task_name(*task)) }),
        What::TaskLeftAlone(task) => (DECISION, html! { (texts.task_left_alone) " " (task_name(*task)) }),
        What::TaskDeleted(task) => (TROUBLE, html! { (texts.task_deleted) " " (task_name(*task)) }),
        What::SmartTagsAdded { smart_tags, .. } => {
            (WRITE, html! { (texts.smart_tags_added) " " strong { (smart_tags.join(", ")) } })
        }
        What::StepMoved { opportunity, step } => (
            WRITE,
            html! { (texts.step_moved) " " strong { (step) } " " span.note { (texts.opportunity) " " (opportunity) } },
        ),
        What::ProspectCreated { record } => (WRITE, html! { (texts.prospect_created) " " strong { (record.id) } }),
        What::ProspectAdopted { record } => (WRITE, html! { (texts.prospect_adopted) " " strong { (record.id) } }),
        What::ProspectUndone { record, by } => (
            TROUBLE,
            html! { (texts.prospect_undone) " " strong { (record.id) } " " span.note { (texts.by) " " (by) } },
        ),
        What::CommentCreated(line) => (WRITE, comment(texts.comment_created, *line, texts.messages_written)),
        What::CommentUpdated(line) => (WRITE, comment(texts.comment_updated, *line, texts.messages_written)),
        What::CommentAdopted { comment } => (WRITE, html! { (texts.comment_adopted) " " strong { (comment) } }),
        What::CommentDeleted { comment } => (TROUBLE, html! { (texts.comment_deleted) " " strong { (comment) } }),
        What::HandedOn {} => (QUIET, html! { (texts.handed_on) }),
        What::Relinked { record, by, .. } => (DECISION, relinked(visitor, *record, by)),
        What::AskedFor { by } => (DECISION, html! { (texts.was_asked_for) " " span.note { (texts.by) " " (by) } }),
        What::PutOff { in_s } => (QUIET, html! { (texts.put_off.replace("{}", &in_s.to_string())) }),
        What::InsightsFound { insights, fetched } => (DECISION, found_insights(visitor, insights, *fetched)),
        What::Replayed(letter) => (EVENT, html! { (texts.was_replayed) " " (errors::link(&letter.code)) }),
        What::Dropped(letter) => (TROUBLE, html! { (texts.was_dropped) " " (errors::link(&letter.code)) }),
        What::Request(request) => (REQUEST, sent(visitor, request)),
        What::Other { .. } => (QUIET, unknown(what)),
    }
}

fn comment(said: &str, CommentLine { comment, messages }: CommentLine, of: &str) -> Markup {
    html! { (said) " " strong { (comment) } " " span.note { (messages) " " (of) } }
}

/// Sellsy's id; where an account's pages of tasks are is not known.
fn task_name(task: TaskLine) -> Markup {
    html! { strong { (task.task) } }
}

fn relinked(visitor: &Visitor, record: Option<RecordRef>, by: &str) -> Markup {
    let texts = visitor.texts();
    html! {
        (texts.moved_to) " "
        @if let Some(RecordRef { kind, id }) = record { strong { (kind_name(visitor, kind).to_lowercase()) " " (id) } }
        span.note { (texts.by) " " (by) }
    }
}

pub(super) fn changed_by_person(visitor: &Visitor, parts: &[Part]) -> Markup {
    let texts = visitor.texts();
    let name = |part: &Part| match part {
        Part::Owner => texts.part_owner,
        Part::Date => texts.part_date,
        Part::Direction => texts.part_direction,
        Part::Result => texts.part_result,
        Part::Duration => texts.part_duration,
        Part::Topic => texts.part_topic,
        Part::Links => texts.part_links,
        Part::Text => texts.part_text,
    };
    let names: Vec<_> = parts.iter().map(name).collect();
    html! { (texts.changed_by_person) " " strong { (names.join(", ")) } }
}

/// Aircall's events, and the reads of its list of calls.
fn event(visitor: &Visitor, kind: &View) -> Option<&'static str> {
    let texts = visitor.texts();
    Some(match kind {
        View::Created => texts.event_created,
        View::Ended => texts.event_ended,
        View::Tagged => texts.event_tagged,
        View::Untagged => texts.event_untagged,
        View::Commented => texts.event_commented,
        View::Transferred => texts.event_transferred,
        View::TransferredOutside => texts.event_transferred_outside,
        View::VoicemailLeft => texts.event_voicemail,
        View::AssetsGenerated => texts.event_assets,
        View::Reconciled => texts.event_reconciled,
        View::Other(_) => return None,
    })
}

fn found(visitor: &Visitor, sentence: &str, decision: &Decision) -> Markup {
    let texts = visitor.texts();
    let record = decision.record.map_or_else(
        || texts.nobody.to_lowercase(),
        |record| format!("{} {}", kind_name(visitor, record.kind).to_lowercase(), record.id),
    );
    html! {
        (sentence) " " strong { (record) }
        span.note { (texts.because) " " (reasons::sentence(visitor, &decision.rule)) }
        @if let Some(opportunity) = decision.opportunity {
            span.note { (texts.opportunity) " " (opportunity) ", " (texts.because) " " (reasons::sentence(visitor, &decision.opportunity_rule)) }
        }
    }
}

fn failed(visitor: &Visitor, sentence: &str, failure: &Failure) -> Markup {
    html! {
        (sentence) " " (errors::link(&failure.code))
        span.note { span lang="en" { (failure.error) } " (" (visitor.texts().attempt) " " (failure.attempts) ")" }
    }
}

fn written(visitor: &Visitor, log: SellsyLog) -> String {
    let texts = visitor.texts();
    match log {
        SellsyLog::PhoneCall(id) => format!("{} {id}", texts.phone_call),
        SellsyLog::Comment(id) => format!("{} {id}", texts.comment),
    }
}

fn found_insights(visitor: &Visitor, insights: &[String], fetched: bool) -> Markup {
    let texts = visitor.texts();
    let how = if fetched { texts.fetched } else { texts.in_the_event };
    html! { (texts.insights_found) " " span lang="en" { (insights.join(", ")) } span.note { (how) } }
}

fn sent(visitor: &Visitor, request: &ApiRequest) -> Markup {
    let api = match request.api {
        Vendor::Aircall => "Aircall",
        Vendor::Sellsy => "Sellsy",
    };
    let (status, good) = match request.status {
        Answer::Status(status) => (status.to_string(), (200..300).contains(&status)),
        Answer::None => (visitor.texts().no_answer.into(), false),
    };
    html! {
        (api) ": " code { (request.request) } " → "
        span class=[(!good).then_some("bad")] { (status) }
        @if let Some(times) = request.times { " (" (times) "×)" }
        ", " (request.ms) " ms"
    }
}

/// Shown as it was written.
fn unknown(what: &What) -> Markup {
    html! {
        span lang="en" { (what) }
        @for (name, value) in what.details() { span.note lang="en" { (name) ": " (value) } }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::tz::TimeZone;
    use ledger::timeline::samples;
    use serde_json::{Value, json};

    use super::*;
    use crate::console::texts::Lang;

    pub(in crate::console) fn visitor(lang: Lang) -> Visitor {
        Visitor { lang, csrf: String::new(), address: "/".into(), zone: TimeZone::UTC, person: None, json: false }
    }

    /// The text that a reader sees.
    pub(in crate::console) fn text_of(html: &Markup) -> String {
        let mut inside = false;
        let text: String = html
            .0
            .chars()
            .filter(|c| {
                inside = *c == '<' || inside && *c != '>';
                !inside && *c != '>'
            })
            .collect();
        text.replace("&quot;", "\"")
    }

    fn shown(lang: Lang, what: &What) -> String {
        text_of(&sentence(&visitor(lang), what).1)
    }

    #[test]
    fn every_line_is_a_sentence_of_its_own_in_both_languages() {
        let (mut french, mut english) = (Vec::new(), Vec::new());
        for what in samples::lines() {
            french.push(shown(Lang::French, &what));
            english.push(shown(Lang::English, &what));
            let in_both = french.last() == english.last();
            let is_foreign = match &what {
                What::Other { .. } | What::Event { kind: View::Other(_), .. } => true,
                // Only an endpoint and a number, the same in both languages.
                What::Request(request) => request.status != Answer::None,
                _ => false,
            };
            assert_eq!(in_both, is_foreign, "{french:?}");
        }
        for mut sentences in [french, english] {
            assert!(sentences.iter().all(|sentence| !sentence.trim().is_empty()));
            let all = sentences.len();
            sentences.sort();
            sentences.dedup();
            assert_eq!(sentences.len(), all, "two lines say the same");
        }
    }

    /// Lines as stored by a version before the keys existed, or by another one.
    #[test]
    fn lines_are_sentences_in_both_languages() {
        let decided = json!({ "record": "individual 2001", "rule": "the only record with this number", "opportunity": 6001,
                              "opportunity_rule": "the earliest created one that is open or late", "candidates": ["individual 2001"],
                              "source": "directory", "as_of": "2026-11-23T09:15:30Z" });
        let at = json!({ "occurred_at": "2026-11-23T09:15:30+00:00" });
        let skipped = json!({ "reason": "no card: the moon is full" });
        for (lang, what, detail, expected) in [
            (Lang::English, "call.ended", at.clone(), "Aircall: the call ended."),
            (Lang::French, "call.hungup", at, "call.hungupoccurred_at: 2026-11-23T09:15:30Z"),
            (
                Lang::French,
                "decided",
                decided,
                "Décision : particulier 2001motif : la seule fiche qui porte ce numéro\
                Opportunité 6001, motif : la plus anciennement créée parmi celles qui sont ouvertes ou en retard",
            ),
            (
                Lang::English,
                "request",
                json!({ "api": "sellsy", "request": "POST /phone-calls", "status": 201, "ms": 38 }),
                "Sellsy: POST /phone-calls → 201, 38 ms",
            ),
            (
                Lang::French,
                "request",
                json!({ "api": "sellsy", "request": "GET /staffs", "status": "no answer", "ms": 20000, "times": 2 }),
                "Sellsy: GET /staffs → pas de réponse (2×), 20000 ms",
            ),
            (Lang::English, "logged", json!({ "comment": 7, "related": [] }), "Logged: Sellsy comment 7"),
            (Lang::French, "skipped", skipped, "Rien à faire : pas de carte : the moon is full"),
            (Lang::English, "something new", json!({ "n": 3, "x": null }), "something newn: 3"),
        ] {
            assert_eq!(shown(lang, &What::read(what, detail)), expected, "{what}");
        }
    }

    #[test]
    fn what_is_not_in_the_language_of_the_page_is_marked() {
        let what = What::read("something new", Value::Null);
        assert_eq!(sentence(&visitor(Lang::French), &what).1.into_string(), r#"<span lang="en">something new</span>"#);
    }
}
