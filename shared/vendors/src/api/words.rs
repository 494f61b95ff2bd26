//! What an API says of a request that it has refused: the first thing that an operator needs. Without what is about people: what we have sent
//! and the API repeats, what stands in quotes, addresses and digits.

use std::collections::BTreeSet;

use serde_json::Value;

/// Longer ones are cut.
const LONGEST: usize = 240;
/// Shorter words of what was sent are no names.
const SHORTEST_NAME: usize = 3;
const HIDDEN: &str = "…";

/// The message of an error, and what it says of each field. `sent` is the body of the request, if it had one.
pub(super) fn words(error: &Value, sent: Option<&[u8]>) -> Option<String> {
    let of = error.get("error").filter(|error| error.is_object()).unwrap_or(error);
    let text = |name: &str| of[name].as_str().map(str::trim).filter(|text| !text.is_empty());
    let said = text("message")
        .or_else(|| text("error_description"))
        .or_else(|| text("troubleshoot"))
        .or_else(|| text("error"));
    let fields = of["details"].as_object().into_iter().flatten();
    let fields = fields.filter_map(|(name, value)| Some(format!("{name}: {}", of_field(value)?)));
    let all: Vec<String> = said.map(str::to_owned).into_iter().chain(fields).collect();
    if all.is_empty() {
        return None;
    }
    let sent: Value = sent.and_then(|sent| serde_json::from_slice(sent).ok()).unwrap_or_default();
    let (mut names, mut values) = (BTreeSet::new(), BTreeSet::new());
    gather(&sent, &mut names, &mut values);
    let hidden: BTreeSet<String> = values.difference(&names).cloned().collect();
    let text = without_words(&without_quotes(&all.join("; ")), &hidden);
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push_str(HIDDEN);
    }
    Some(short)
}

fn of_field(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(all) => Some(all.iter().filter_map(of_field).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let each = fields.iter().filter_map(|(name, value)| Some(format!("{name}: {}", of_field(value)?)));
            Some(each.collect::<Vec<_>>().join(", "))
        }
        _ => None,
    }
}

/// The words of the names of fields, and those of their values.
fn gather(value: &Value, names: &mut BTreeSet<String>, values: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                names.extend(words_of(name));
                gather(value, names, values);
            }
        }
        Value::Array(all) => all.iter().for_each(|value| gather(value, names, values)),
        Value::String(text) => values.extend(words_of(text)),
        _ => {}
    }
}

fn words_of(text: &str) -> impl Iterator<Item = String> + '_ {
    let words = text.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
    words.filter(|word| word.chars().count() >= SHORTEST_NAME)
}

/// What stands in quotes is somebody's words, or a value.
fn without_quotes(text: &str) -> String {
    const PAIRS: [(char, char); 4] = [('"', '"'), ('«', '»'), ('“', '”'), ('`', '`')];
    let (mut kept, mut until): (String, Option<char>) = (String::new(), None);
    for c in text.chars() {
        match until {
            Some(end) if c == end => {
                kept.push_str(HIDDEN);
                kept.push(c);
                until = None;
            }
            Some(_) => {}
            None => {
                until = PAIRS.iter().find(|(open, _)| *open == c).map(|(_, close)| *close);
                kept.push(if c.is_control() { ' ' } else { c });
            }
        }
    }
    kept
}

/// Hides these words, e-mail addresses, and numbers of more than three digits.
fn without_words(text: &str, hidden: &BTreeSet<String>) -> String {
    let mut kept = Vec::new();
    for word in text.split_whitespace() {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        if word.contains('@') || digits > 3 {
            kept.push(HIDDEN.to_owned());
            continue;
        }
        let mut shown = String::new();
        for piece in word.split_inclusive(|c: char| !c.is_alphanumeric()) {
            let bare = piece.trim_end_matches(|c: char| !c.is_alphanumeric());
            shown.push_str(if hidden.contains(&bare.to_lowercase()) { HIDDEN } else { bare });
            shown.push_str(&piece[bare.len()..]);
        }
        kept.push(shown);
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_api_says_without_what_is_about_people() {
        let sent =
            json!({ "subject": "Camille Moreau", "due_date": "2026-11-30", "description": "Rappeler" }).to_string();
        for (error, expected) in [
            (
                json!({ "error": { "code": 400, "message": "Données invalides", "details": { "due_date": "due_date is wrong" } } }),
                Some("Données invalides; due_date: due_date is wrong"),
            ),
            (json!({ "error": { "message": "Camille Moreau n'existe pas", "details": [] } }), Some("… … n'existe pas")),
            (
                json!({ "error": { "message": "the value \"Léa Petit\" of +33639984107 or lea@example.com", "details": {} } }),
                Some("the value \"…\" of … or …"),
            ),
            (
                json!({ "error": { "message": "", "details": { "number": ["too long", "no digits"], "deep": { "er": "x" } } } }),
                Some("deep: er: x; number: too long, no digits"),
            ),
            (
                json!({ "error": "invalid_client", "error_description": "Client authentication failed" }),
                Some("Client authentication failed"),
            ),
            (json!({ "error": "Not Found", "troubleshoot": "Please check the id" }), Some("Please check the id")),
            (json!({ "error": { "details": { "a": 3 } } }), None),
            (json!("a page"), None),
            (json!(null), None),
        ] {
            assert_eq!(words(&error, Some(sent.as_bytes())).as_deref(), expected, "{error}");
        }
        let long = words(&json!({ "error": { "message": "mot ".repeat(500) } }), None).unwrap();
        assert!(long.chars().count() <= LONGEST + 1 && long.ends_with(HIDDEN), "{long}");
        assert_eq!(words(&json!({ "message": "“never closed" }), None).as_deref(), Some("“"));
    }
}
