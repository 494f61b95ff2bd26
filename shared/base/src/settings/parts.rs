//! Pieces of settings: each reads a text, and adds what is wrong with it to the problems.

use std::str::FromStr;

use super::problems::Problems;

pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// A secret that this worker does not need may be empty.
pub(super) fn secret(
    problems: &mut Problems,
    name: &str,
    text: Option<&str>,
    needed: bool,
    hint: &str,
) -> Option<String> {
    match text.map(str::trim).filter(|text| !text.is_empty()) {
        None if needed => {
            problems.0.push(format!("{name} is missing: {hint}, then set {name} or {name}_FILE"));
            None
        }
        text => Some(text.unwrap_or_default().into()),
    }
}

pub(super) fn url(problems: &mut Problems, name: &str, text: &str, schemes: &[&str]) -> Option<String> {
    let known = reqwest::Url::parse(text).is_ok_and(|url| schemes.contains(&url.scheme()));
    if !known {
        problems.0.push(format!("{name} must be a URL that begins with {}://", schemes.join(":// or ")));
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

pub(super) fn parsed<T: FromStr>(problems: &mut Problems, name: &str, text: &str, wanted: &str) -> Option<T> {
    let value = text.trim().parse().ok();
    if value.is_none() {
        problems.0.push(format!("{name} must be {wanted}"));
    }
    value
}
