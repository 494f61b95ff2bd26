//! Insight cards: what the agent sees while the phone rings.
//!
//! A card can be pushed to a call that has not ended. It can be neither changed nor removed; a second push is a second card.
//! So every accepted push is kept, and a test can see a double push. What no document says, a test chooses ([`super::card_rules`]).

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Map, Value};

use super::Account;
use super::problem::{Problem, call_id, no_such_call};
use super::state::Card;

const LARGEST_PAYLOAD: usize = 10 * 1024;

pub(super) fn routes() -> Router<Account> {
    Router::new().route("/v1/calls/{id}/insight_cards", post(push))
}

async fn push(State(account): State<Account>, Path(id): Path<String>, body: Bytes) -> Result<StatusCode, Problem> {
    let id = call_id(&id)?;
    let mut state = account.state();
    let ended = state.call_has_ended(id).ok_or_else(|| no_such_call(id))?;
    let contents = checked(&body).map_err(Problem::bad_request)?;
    let rules = state.card_rules;
    let lines = contents.as_array().map_or(0, Vec::len);
    if rules.lines.is_some_and(|most| lines > most) {
        return Err(Problem::bad_request("the card has too many lines"));
    }
    if ended {
        let status = status(rules.late);
        return if status.is_success() { Ok(status) } else { Err(Problem::new(status, "The call has ended")) };
    }
    let is_second = state.cards.iter().any(|card| card.call_id == id);
    let status = if is_second { status(rules.second) } else { StatusCode::NO_CONTENT };
    if !status.is_success() {
        return Err(Problem::new(status, "The call has a card already"));
    }
    let at_ms = jiff::Timestamp::now().as_millisecond();
    state.cards.push(Card { call_id: id, contents, at_ms });
    Ok(status)
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn checked(body: &[u8]) -> Result<Value, String> {
    if body.len() >= LARGEST_PAYLOAD {
        return Err("the payload must be smaller than 10 KB".into());
    }
    let mut body: Map<String, Value> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let contents = body.remove("contents").ok_or("contents is missing")?;
    let lines = contents.as_array().ok_or("contents must be an array")?;
    if lines.is_empty() {
        return Err("contents must not be empty".into());
    }
    for line in lines {
        check_line(line.as_object().ok_or("a line of contents must be an object")?)?;
    }
    Ok(contents)
}

fn check_line(line: &Map<String, Value>) -> Result<(), String> {
    let text = |key: &str| line.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let required: &[&str] = match text("type") {
        Some("title") => &["text"],
        Some("shortText") => &["label", "text"],
        other => return Err(format!("type {} is not known", other.unwrap_or("(none)"))),
    };
    for key in required {
        text(key).ok_or_else(|| format!("{key} must be a text that is not empty"))?;
    }
    if line.contains_key("link") {
        let link = text("link").and_then(|link| reqwest::Url::parse(link).ok());
        link.filter(|link| matches!(link.scheme(), "http" | "https")).ok_or("link must be a web address")?;
    }
    match line.keys().find(|key| !["type", "text", "label", "link"].contains(&key.as_str())) {
        Some(key) => Err(format!("{key} is not known")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_has_known_lines_with_their_texts() {
        let cases = [
            (r#"{"contents":[{"type":"title","text":"Ada","link":"https://a.example/1"}]}"#, true),
            (r#"{"contents":[{"type":"shortText","label":"Type","text":"client"}]}"#, true),
            (r#"{"contents":[{"type":"shortText","text":"no label"}]}"#, false),
            (r#"{"contents":[{"type":"title","text":""}]}"#, false),
            (r#"{"contents":[{"type":"title","text":"Ada","link":"not a link"}]}"#, false),
            (r#"{"contents":[{"type":"user","label":"Agent","user_id":1}]}"#, false),
            (r#"{"contents":[]}"#, false),
            (r#"{"cards":[]}"#, false),
            ("[]", false),
        ];
        for (body, fine) in cases {
            assert_eq!(checked(body.as_bytes()).is_ok(), fine, "{body}");
        }
    }

    #[test]
    fn ten_kilobytes_are_too_much() {
        let body = |length: usize| format!(r#"{{"contents":[{{"type":"title","text":"{}"}}]}}"#, "x".repeat(length));
        assert!(checked(body(9_000).as_bytes()).is_ok());
        assert!(checked(body(10_240).as_bytes()).is_err());
    }
}
