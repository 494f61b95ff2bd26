//! The timeline of a call as sentences: what came in, who was found, what was asked of the APIs, what was written.
//!
//! A worker's line is a few English words and details (`ledger::timeline`). What this module does not know is shown
//! as it stands, so a new kind of line is never hidden.

use jiff::Timestamp;
use ledger::timeline::Line;
use maud::{Markup, html};
use serde_json::Value;

use super::{
    errors,
    format::{span, time_of_day, when},
    layout::Visitor,
    reasons,
};

/// What kind of thing a line tells; the class of its dot.
const EVENT: &str = "event";
const DECISION: &str = "decision";
const REQUEST: &str = "request";
const WRITE: &str = "write";
const TROUBLE: &str = "trouble";
const QUIET: &str = "calm";

pub(super) fn tell(visitor: &Visitor, lines: &[Line]) -> Markup {
    let began = lines.first().map(|line| line.at);
    html! {
        @if let Some(began) = began { p.quiet { (when(visitor, began)) } }
        ol.story {
            @for (n, line) in lines.iter().enumerate() {
                @let (class, sentence) = sentence(visitor, line);
                li class=(class) {
                    span.at { (time_of_day(visitor, line.at)) span.since { (since(visitor, n.checked_sub(1).map(|n| lines[n].at), line.at)) } }
                    span.what { (sentence) }
                    span.stage { (line.stage) }
                }
            }
        }
    }
}

/// The time since the line before.
fn since(visitor: &Visitor, before: Option<Timestamp>, at: Timestamp) -> String {
    let Some(before) = before else { return String::new() };
    let ms = at.duration_since(before).as_millis();
    match ms {
        ..10_000 => format!("+{} ms", ms.max(0)),
        _ => format!("+{}", span(visitor.lang, i64::try_from(ms / 1000).unwrap_or(i64::MAX))),
    }
}

fn sentence(visitor: &Visitor, line: &Line) -> (&'static str, Markup) {
    let (texts, detail) = (visitor.texts(), &line.detail);
    let text = |name: &str| plain(&detail[name]);
    if let Some(event) = event(visitor, &line.what) {
        return (EVENT, html! { (event) });
    }
    match line.what.as_str() {
        "looked up" => (DECISION, found(visitor, texts.was_looked_up, detail)),
        "decided" => (DECISION, found(visitor, texts.was_decided, detail)),
        "resolved again" => (DECISION, found(visitor, texts.was_decided_again, detail)),
        "card shown" => (WRITE, html! { (texts.card_shown) }),
        "no card was shown during the call" => (QUIET, html! { (texts.no_card) }),
        "skipped" => (QUIET, html! { (texts.nothing_done) " " (reasons::told(visitor.lang, &text("reason"))) }),
        "retried" | "parked" => (TROUBLE, failed(visitor, line)),
        "logged" => (WRITE, html! { (texts.was_logged) " " (written(visitor, detail)) }),
        "log updated" => (WRITE, html! { (texts.was_updated) " " (written(visitor, detail)) }),
        "a log whose creation had ended unclear was found and adopted" => {
            (WRITE, html! { (texts.was_adopted) " " (written(visitor, detail)) })
        }
        "a person has deleted the log in Sellsy; it stays deleted" => (TROUBLE, html! { (texts.log_was_deleted) }),
        "Sellsy does not take the links of the log; they stay as they are there" => {
            (TROUBLE, html! { (texts.links_refused) " " span lang="en" { (text("error")) } })
        }
        "refused by Sellsy; the caller is looked up again" => {
            (TROUBLE, html! { (texts.refused_by_sellsy) " " span lang="en" { (text("error")) } })
        }
        "changed; it is written together with what else changes soon" => {
            (QUIET, html! { (texts.put_off.replace("{}", &text("in_s"))) })
        }
        "insights found" => (DECISION, insights(visitor, detail)),
        "replayed by an operator" => (EVENT, html! { (texts.was_replayed) " " (errors::link(&text("code"))) }),
        "dropped by an operator" => (TROUBLE, html! { (texts.was_dropped) " " (errors::link(&text("code"))) }),
        "request" => (REQUEST, request(visitor, detail)),
        other => (QUIET, html! { span lang="en" { (other) } (unknown(detail)) }),
    }
}

/// Aircall's events, and the one that stands for a look at its list.
fn event(visitor: &Visitor, what: &str) -> Option<&'static str> {
    let texts = visitor.texts();
    Some(match what {
        "call.created" => texts.event_created,
        "call.ended" => texts.event_ended,
        "call.tagged" => texts.event_tagged,
        "call.untagged" => texts.event_untagged,
        "call.commented" => texts.event_commented,
        "call.external_transferred" => texts.event_transferred,
        "call.voicemail_left" => texts.event_voicemail,
        "call.comm_assets_generated" => texts.event_assets,
        "reconciled" => texts.event_reconciled,
        _ => return None,
    })
}

fn found(visitor: &Visitor, sentence: &str, detail: &Value) -> Markup {
    let (texts, told) = (visitor.texts(), |name: &str| reasons::told(visitor.lang, &plain(&detail[name])));
    let record = record(visitor, &plain(&detail["record"]));
    html! {
        (sentence) " " strong { (record) }
        span.note { (texts.because) " " (told("rule")) }
        @if !detail["opportunity"].is_null() {
            span.note { (texts.opportunity) " " (plain(&detail["opportunity"])) ", " (texts.because) " " (told("opportunity_rule")) }
        }
    }
}

/// `individual 2001` in the language of the page.
fn record(visitor: &Visitor, text: &str) -> String {
    let texts = visitor.texts();
    let Some((kind, id)) = text.split_once(' ') else { return texts.nobody.to_lowercase() };
    let kind = match kind {
        "individual" => texts.individual.to_lowercase(),
        "company" => texts.company.to_lowercase(),
        "contact" => texts.contact.to_lowercase(),
        other => other.to_owned(),
    };
    format!("{kind} {id}")
}

fn failed(visitor: &Visitor, line: &Line) -> Markup {
    let texts = visitor.texts();
    let sentence = if line.what == "parked" { texts.was_parked } else { texts.was_put_back };
    html! {
        (sentence) " " (errors::link(&plain(&line.detail["code"])))
        span.note { span lang="en" { (plain(&line.detail["error"])) } " (" (texts.attempt) " " (plain(&line.detail["attempts"])) ")" }
    }
}

fn written(visitor: &Visitor, detail: &Value) -> String {
    let texts = visitor.texts();
    match (&detail["phone_call"], &detail["comment"]) {
        (Value::Null, comment) => format!("{} {}", texts.comment, plain(comment)),
        (phone_call, _) => format!("{} {}", texts.phone_call, plain(phone_call)),
    }
}

fn insights(visitor: &Visitor, detail: &Value) -> Markup {
    let texts = visitor.texts();
    let keys: Vec<&str> = detail["insights"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let how = if detail["fetched"] == true { texts.fetched } else { texts.in_the_event };
    html! { (texts.insights_found) " " span lang="en" { (keys.join(", ")) } span.note { (how) } }
}

fn request(visitor: &Visitor, detail: &Value) -> Markup {
    let api = match detail["api"].as_str() {
        Some("aircall") => "Aircall",
        Some("sellsy") => "Sellsy",
        _ => "API",
    };
    let status = match &detail["status"] {
        Value::Number(status) => status.to_string(),
        _ => visitor.texts().no_answer.into(),
    };
    let good = detail["status"].as_u64().is_some_and(|status| (200..300).contains(&status));
    html! {
        (api) ": " code { (plain(&detail["request"])) } " → "
        span class=[(!good).then_some("bad")] { (status) }
        @if let Some(times) = detail["times"].as_u64() { " (" (times) "×)" }
        ", " (plain(&detail["ms"])) " ms"
    }
}

fn unknown(detail: &Value) -> Markup {
    html! {
        @for (name, value) in detail.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            span.note lang="en" { (name) ": " (plain(value)) }
        }
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use serde_json::json;

    use super::*;
    use crate::console::texts::Lang;

    fn told(lang: Lang, what: &str, detail: Value) -> String {
        let visitor = Visitor { lang, csrf: String::new(), address: "/".into(), zone: TimeZone::UTC };
        let line = Line { at: Timestamp::UNIX_EPOCH, stage: "logger".into(), what: what.into(), detail };
        let html = sentence(&visitor, &line).1.into_string();
        let mut inside = false;
        let text: String = html
            .chars()
            .filter(|c| {
                inside = *c == '<' || inside && *c != '>';
                !inside && *c != '>'
            })
            .collect();
        text.replace("&quot;", "\"")
    }

    #[test]
    fn lines_are_sentences_in_both_languages() {
        let decided = json!({ "record": "individual 2001", "rule": "the only record with this number", "opportunity": 6001,
                              "opportunity_rule": "the earliest created one that is open or late", "candidates": ["individual 2001"] });
        for (lang, what, detail, expected) in [
            (Lang::English, "call.ended", json!({}), "Aircall: the call ended."),
            (
                Lang::French,
                "decided",
                decided,
                "Décision : particulier 2001motif : la seule fiche qui porte ce numéro\
                Opportunité 6001, motif : la plus anciennement créée parmi celles qui sont ouvertes ou en retard",
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
            (Lang::English, "logged", json!({ "comment": 7 }), "Logged: Sellsy comment 7"),
            (Lang::English, "something new", json!({ "n": 3, "x": null }), "something newn: 3"),
        ] {
            assert_eq!(told(lang, what, detail), expected, "{what}");
        }
    }
}
