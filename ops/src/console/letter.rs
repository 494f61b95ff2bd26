//! One dead letter: what went wrong, its headers and what it says. Phone numbers are masked until somebody asks for them, which stands in the
//! audit.

use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
};
use base::{ids::Stage, phone};
use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{
    Console, Page, Shared,
    dead::{READING, button},
    errors,
    format::ago,
    layout::{self, Section, Visitor},
};
use crate::{access::Role, dead::letters::DeadLetter};

/// What is known of a dead letter.
struct Read {
    letter: DeadLetter,
    headers: Map<String, Value>,
    body: Value,
    /// Several messages may have the same id.
    copies: usize,
}

pub(super) async fn page(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    show(&console, &visitor, &id, true).await
}

/// The same with all numbers.
pub(super) async fn reveal(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Page {
    show(&console, &visitor, &id, false).await
}

async fn show(console: &Console, visitor: &Visitor, id: &str, is_masked: bool) -> Page {
    let texts = visitor.texts();
    let Some(Read { letter, headers, mut body, copies }) = read(console, id).await? else {
        return Ok(layout::refused(visitor, StatusCode::NOT_FOUND, |texts| texts.no_such_letter));
    };
    if is_masked {
        mask(&mut body);
    }
    let now = Timestamp::now();
    let at = |at: Option<Timestamp>| at.map_or_else(|| "–".into(), |at| ago(visitor, now, at));
    let path = format!("/dead/letters/{id}");
    let content = html! {
        p.crumb { a href="/dead" { "← " (texts.dead_letters) } }
        h1 { (letter.stage.as_str()) " · " (errors::link(&letter.code)) }
        section.panel {
            p.error-text { (errors::cause(visitor, &letter.code, &letter.error)) }
            dl.facts {
                @if let Some(call) = letter.call_id { dt { (texts.call) } dd { a href={ "/calls/" (call) } { (call) } } }
                dt { (texts.event) } dd { (letter.kind.as_deref().unwrap_or("–")) }
                dt { (texts.attempts) } dd { (letter.attempts) }
                dt { (texts.first_failure) } dd { (at(letter.first_failure)) }
                dt { (texts.last_failure) } dd { (at(letter.last_failure)) }
                dt { "id" } dd { code { (letter.id) } @if copies > 1 { " ×" (copies) } }
            }
            @if letter.stage != Stage::Ingest && visitor.may(Role::Operator) {
                (button(visitor, "/dead/replay", &[("id", letter.id.as_str())], texts.retry, "primary"))
            }
            @if visitor.may(Role::Admin) {
                details.confirm data-keep {
                    summary { (texts.drop) }
                    p { (texts.drop_warning) }
                    (button(visitor, "/dead/drop", &[("id", letter.id.as_str())], &texts.drop_for_good.replace("{}", &copies.to_string()), "danger"))
                }
            }
        }
        section.panel aria-labelledby="content" {
            h2 #content { (texts.content) }
            pre.log { (pretty(&body)) }
            @if is_masked && visitor.may(Role::Operator) {
                p.quiet { (texts.numbers_are_masked) }
                (button(visitor, &path, &[], texts.show_numbers, ""))
            }
        }
        section.panel aria-labelledby="headers" { h2 #headers { (texts.headers) } pre.log { (pretty(&Value::Object(headers))) } }
    };
    Ok(layout::page(visitor, Section::Dead, &letter.id, &content))
}

fn pretty(value: &Value) -> Markup {
    html! { (format!("{value:#}")) }
}

async fn read(console: &Console, id: &str) -> anyhow::Result<Option<Read>> {
    let _reading = READING.lock().await;
    console.dead_letters.prepare().await?;
    let (readers, letters) = console.dead_letters.read(Stage::ALL.to_vec(), |held| held.letter.id == id).await?;
    let copies = letters.len();
    let found = letters.first().map(|held| Read {
        letter: held.letter.clone(),
        headers: held.headers(),
        body: serde_json::from_slice(held.body()).unwrap_or_else(|_| String::from_utf8_lossy(held.body()).into()),
        copies,
    });
    readers.close().await;
    Ok(found)
}

/// Masks every text that is a phone number.
fn mask(value: &mut Value) {
    match value {
        Value::String(text) if is_number(text) => *text = phone::masked(text),
        Value::Array(all) => all.iter_mut().for_each(mask),
        Value::Object(fields) => fields.values_mut().for_each(mask),
        _ => {}
    }
}

/// At least six digits, and otherwise only what people write between them.
fn is_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    digits >= 6 && text.chars().all(|c| c.is_ascii_digit() || " +().-/".contains(c))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_masked_and_nothing_else() {
        let mut body = json!({ "id": 3_811_600_001_i64, "raw_digits": "+33 6 39 98 41 07", "at": "2026-11-30T09:15:00Z",
                               "note": "call back", "number": { "digits": "+33199002020" }, "tags": ["0639984107", "vip"] });
        mask(&mut body);
        let expected = json!({ "id": 3_811_600_001_i64, "raw_digits": "+** * ** ** ** 07", "at": "2026-11-30T09:15:00Z",
                               "note": "call back", "number": { "digits": "+*********20" }, "tags": ["********07", "vip"] });
        assert_eq!(body, expected);
    }
}
