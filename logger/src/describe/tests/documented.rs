//! Checks `docs/log-template.md`: its two logs are what is rendered, and its table has the fields of the context.

use std::collections::BTreeMap;

use base::ids::CallId;
use serde_json::Value;

use super::*;
use crate::{
    render,
    template::{Template, examples},
};

const DOCUMENT: &str = include_str!("../../../../docs/log-template.md");

#[test]
fn shows_the_logs_as_they_are_rendered() {
    let example = examples().unwrap().remove(0);
    let blocks: Vec<_> = DOCUMENT.split("```text\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    let rendered = [Language::French, Language::English].map(|language| {
        let context = example.context(language);
        let filled_in = Template::shipped(language).unwrap().render(&context).unwrap();
        render::description(CallId(example.call.id), &filled_in)
    });
    assert_eq!(blocks, rendered);
}

#[test]
fn its_own_template_works() {
    let own = DOCUMENT.split("```jinja\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let file = std::env::temp_dir().join(format!("callbridge-documented-{}.j2", std::process::id()));
    std::fs::write(&file, own).unwrap();
    let template = Template::own(&file, Language::French);
    std::fs::remove_file(&file).unwrap();
    let example = examples().unwrap().remove(0);
    let filled_in = template.unwrap().render(&example.context(Language::French)).unwrap();
    assert!(filled_in.starts_with("Reçu par Hugo Lefèvre, 1:59\n  Rappeler lundi."), "{filled_in}");
}

/// Every field with all its values in the examples; `notes[].text` is a field of the items of a list.
fn fields(at: &str, value: &Value, into: &mut BTreeMap<String, Vec<Value>>) {
    if let Value::Object(object) = value {
        for (name, value) in object {
            let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            into.entry(at.clone()).or_default().push(value.clone());
            fields(&at, value, into);
        }
    }
    for item in value.as_array().into_iter().flatten() {
        fields(&format!("{at}[]"), item, into);
    }
}

fn kind(values: &[Value]) -> &'static str {
    let is_none = values.iter().any(Value::is_null);
    let known = values.iter().find(|value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    match known.unwrap() {
        Value::Number(_) if is_none => "number or none",
        Value::Number(_) => "number",
        Value::Bool(_) => "true or false",
        Value::Array(list) if list[0].is_string() => "list of texts",
        Value::Array(_) => "list",
        _ if is_none => "text or none",
        _ => "text",
    }
}

/// The limits of texts that people wrote; what the code makes itself has none.
fn at_most(field: &str) -> String {
    let thousands = |n: usize| if n < 1_000 { n.to_string() } else { format!("{},{:03}", n / 1_000, n % 1_000) };
    let list = |(most, limit): (usize, usize)| format!("{most}, {}", thousands(limit));
    match field {
        "agent"
        | "transferred_by"
        | "notes[].author"
        | "custom_summaries[].name"
        | "custom_summaries[].sections[].name" => NAME.to_string(),
        "missed_reason" | "missed_reason_code" | "sentiments[].code" => REASON.to_string(),
        "line" => LINE.to_string(),
        "forwarded_to" => NUMBER.to_string(),
        "recording" | "voicemail" => LINK.to_string(),
        "summary" => thousands(SUMMARY),
        "teams" => list(TEAMS),
        "tags" => list(TAGS),
        "topics" => list(TOPICS),
        "menu" => list(MENU),
        "participants" => list(PARTICIPANTS),
        "conversation" | "other_conversation" => LINK.to_string(),
        "action_items" => list(ACTION_ITEMS),
        "notes" => NOTES.0.to_string(),
        "notes[].text" => format!("{} together", thousands(NOTES.1)),
        "sentiments" => SENTIMENTS.0.to_string(),
        "sentiments[].value" => format!("{} together", thousands(SENTIMENTS.1)),
        "custom_summaries[].sections" => format!("{} in all", CUSTOM_SECTIONS.0),
        "custom_summaries[].sections[].text" => format!("{} in all", thousands(CUSTOM_SECTIONS.1)),
        _ => String::new(),
    }
}

#[test]
fn its_table_has_every_variable_with_type_example_and_limit() {
    let mut known = BTreeMap::new();
    for example in examples().unwrap() {
        let context = example.context(Language::English);
        fields("", &serde_json::to_value(context).unwrap(), &mut known);
    }
    let (_, table) = DOCUMENT.split_once("## The variables").unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    let whole = format!("at most {},000 characters", render::LIMIT / 1_000);
    assert!(table.replace('\n', " ").contains(&whole), "{whole}");
    let mut documented: Vec<_> = rows.iter().map(|row| row[0].to_owned()).collect();
    documented.sort_unstable();
    assert_eq!(documented, known.keys().cloned().collect::<Vec<_>>());
    for row in rows {
        let [field, kind_named, _, example, limit] = row[..] else { panic!("{row:?}") };
        let values = &known[field];
        assert_eq!(kind_named, kind(values), "{field}");
        assert_eq!(limit, at_most(field), "{field}");
        let seen: Vec<_> = values.iter().map(Value::to_string).collect();
        // Spaces after commas are for the reader; a long text is shown by its beginning.
        let example = example.replace("\", \"", "\",\"");
        let is_seen = match example.strip_suffix("…\"") {
            Some(beginning) => seen.iter().any(|value| value.starts_with(beginning)),
            None => seen.contains(&example),
        };
        assert!(is_seen || (example.is_empty() && kind_named == "list"), "{field}: {example} is none of {seen:?}");
    }
}
