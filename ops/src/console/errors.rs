//! What the error codes mean: the sections of `docs/errors.md`, which only exists in English.

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Event, Parser, Tag, TagEnd, html::push_html};

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

/// The section as a page shows it. Its links lead to files of the project, which the console does not serve: their text stays.
pub(super) fn explained(code: &str) -> Option<Markup> {
    let events = Parser::new(section(code)?).filter_map(|event| match event {
        Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link) => None,
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        event => Some(event),
    });
    let mut rendered = String::new();
    push_html(&mut rendered, events);
    Some(html! { div lang="en" { (PreEscaped(rendered)) } })
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
            assert!(["`", "## ", "](", "<a"].iter().all(|raw| !html.contains(raw)), "{html}");
        }
        assert!(explained("NONSENSE").is_none());
    }
}
