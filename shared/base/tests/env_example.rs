//! `.env.example` shows every setting once, with its default, and none that does not exist: the settings of the workers and
//! those that only `docker-compose.yml` reads.

use std::{collections::BTreeMap, path::Path};

use base::settings::Settings;

/// Settings without a usable default: the file leaves them empty, to be filled in.
const REQUIRED: [&str; 5] =
    ["AIRCALL_API_ID", "AIRCALL_API_TOKEN", "SELLSY_CLIENT_ID", "SELLSY_CLIENT_SECRET", "CONSOLE_PASSWORD"];

/// Parses `NAME=value` and `# NAME=value`; a sentence in a comment has no name before an equals sign.
fn setting(line: &str) -> Option<(&str, &str, bool)> {
    let (text, open) = line.strip_prefix("# ").map_or((line, true), |text| (text, false));
    let (name, value) = text.split_once('=')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    is_name.then_some((name, value, open))
}

fn text_of(file: &str) -> std::io::Result<String> {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(file))
}

/// Every `${NAME:-default}` outside of comments.
fn variables(text: &str) -> Vec<(&str, &str)> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let braces = code.flat_map(|line| line.split("${").skip(1)).filter_map(|part| part.split('}').next());
    braces.map(|variable| variable.split_once(":-").unwrap_or((variable, "no default"))).collect()
}

#[test]
fn shows_every_setting_with_its_default() {
    let text = text_of(".env.example").unwrap();
    let mut shown = BTreeMap::new();
    for (name, value, open) in text.lines().filter_map(setting) {
        assert!(shown.insert(name.to_owned(), value.to_owned()).is_none(), "{name} is listed twice");
        assert_eq!(
            open,
            REQUIRED.contains(&name),
            "{name}: only a setting that must be filled in is not commented out"
        );
    }
    let mut known: BTreeMap<_, _> =
        Settings::names().into_iter().map(|(name, default)| (name, default.unwrap_or_default())).collect();
    let compose = text_of("docker-compose.yml").unwrap();
    for (name, default) in variables(&compose) {
        let before = known.insert(name.to_owned(), default.to_owned());
        assert!(before.is_none_or(|before| before == default), "{name} means two things");
    }
    assert_eq!(shown, known);
}

#[test]
fn every_other_line_is_a_comment_or_empty() {
    for line in text_of(".env.example").unwrap().lines() {
        assert!(line.is_empty() || line.starts_with('#') || setting(line).is_some(), "{line}");
    }
}
