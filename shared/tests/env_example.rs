//! `.env.example` shows every setting once, with the default that holds, and none that does not exist.

use std::{collections::BTreeMap, path::Path};

use shared::settings::Settings;

/// What no default can stand for: the file leaves these open to be filled in.
const REQUIRED: [&str; 5] =
    ["AIRCALL_API_ID", "AIRCALL_API_TOKEN", "AIRCALL_WEBHOOK_TOKENS", "SELLSY_CLIENT_ID", "SELLSY_CLIENT_SECRET"];

/// `NAME=value` and `# NAME=value`; sentences of the comments have no name before an equals sign.
fn setting(line: &str) -> Option<(&str, &str, bool)> {
    let (text, open) = line.strip_prefix("# ").map_or((line, true), |text| (text, false));
    let (name, value) = text.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    is_name.then_some((name, value, open))
}

#[test]
fn shows_every_setting_with_its_default() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.env.example");
    let text = std::fs::read_to_string(file).unwrap();
    let mut shown = BTreeMap::new();
    for (name, value, open) in text.lines().filter_map(setting) {
        assert!(shown.insert(name.to_owned(), value.to_owned()).is_none(), "{name} stands there twice");
        assert_eq!(open, REQUIRED.contains(&name), "{name}: only what must be filled in is no comment");
    }
    let known: BTreeMap<_, _> =
        Settings::names().into_iter().map(|(name, default)| (name, default.unwrap_or_default())).collect();
    assert_eq!(shown, known);
}

#[test]
fn every_other_line_is_a_comment_or_empty() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.env.example");
    for line in std::fs::read_to_string(file).unwrap().lines() {
        assert!(line.is_empty() || line.starts_with('#') || setting(line).is_some(), "{line}");
    }
}
