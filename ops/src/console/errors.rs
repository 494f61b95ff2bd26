//! What the error codes mean: the sections of `docs/errors.md`, which only exists in English.

use maud::{Markup, html};

const DOCUMENT: &str = include_str!("../../../docs/errors.md");

/// A code with what it means behind it.
pub(super) fn link(code: &str) -> Markup {
    html! { a.code href={ "/dead?explain=" (code) "#explained" } { (code) } }
}

/// The section of a code.
fn section(code: &str) -> Option<&'static str> {
    let (_, section) = DOCUMENT.split_once(&format!("\n## {code}\n"))?;
    Some(section.split("\n## ").next().unwrap_or(section).trim())
}

/// The section as it reads: paragraphs, lists, and what stands between backticks.
pub(super) fn explained(code: &str) -> Option<Markup> {
    let section = section(code)?;
    Some(html! {
        div lang="en" {
            @for block in section.split("\n\n") {
                @let (text, points) = split(block);
                @if !text.is_empty() { p { (inline(&text)) } }
                @if !points.is_empty() { ul { @for point in points { li { (inline(&point)) } } } }
            }
        }
    })
}

/// The lines before the first point, and the points, each as one line.
fn split(block: &str) -> (String, Vec<String>) {
    let (mut text, mut points) = (Vec::new(), Vec::<String>::new());
    for line in block.lines() {
        match (line.strip_prefix("- "), points.last_mut()) {
            (Some(point), _) => points.push(point.trim().to_owned()),
            (None, Some(point)) => {
                point.push(' ');
                point.push_str(line.trim());
            }
            (None, None) => text.push(line.trim()),
        }
    }
    (text.join(" "), points)
}

fn inline(text: &str) -> Markup {
    html! {
        @for (n, part) in text.split('`').enumerate() {
            @if n % 2 == 1 { code { (part) } } @else { (part.replace("**", "")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use base::error::Code;

    use super::*;

    #[test]
    fn every_code_is_explained_with_what_to_do() {
        for code in Code::ALL {
            let html = explained(code.as_str()).unwrap_or_else(|| panic!("{}", code.as_str())).into_string();
            assert!(html.contains("<p>") && html.contains("<li>You: "), "{}: {html}", code.as_str());
            assert!(!html.contains('`') && !html.contains("## "), "{html}");
        }
        assert!(explained("NONSENSE").is_none());
    }
}
