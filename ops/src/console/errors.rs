//! The meaning of the error codes: the sections of `docs/errors.md` and `docs/errors.fr.md`.

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{Event, Parser, Tag, TagEnd, html::push_html};

use super::{conditions, layout::Visitor, texts::Lang};

const ENGLISH: &str = include_str!("../../../docs/errors.md");
const FRENCH: &str = include_str!("../../../docs/errors.fr.md");

/// A code, linked to its meaning.
pub(super) fn link(code: &str) -> Markup {
    html! { a.code href={ "/dead?explain=" (code) "#explained" } { (code) } }
}

/// What an error says, in the reader's language: as it is known there, or else what its code means, and the words of the error.
pub(super) fn cause(visitor: &Visitor, code: &str, error: &str) -> Markup {
    if visitor.lang == Lang::English {
        return html! { (error) };
    }
    match conditions::in_french("", &format!("{code}: {error}")) {
        Some(french) => {
            html! { (french.strip_prefix(code).map_or(french.as_str(), |rest| rest.trim_start_matches([' ', '\u{202f}', ':']))) }
        }
        None => html! { @if let Some(meaning) = meaning(code, visitor.lang) { (meaning) " " } q lang="en" { (error) } },
    }
}

/// The first sentence of a code's section.
fn meaning(code: &str, lang: Lang) -> Option<String> {
    let first = section(code, lang)?.split("\n- ").next()?.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = first.find(". ").map_or(first.len(), |at| at + 1);
    Some(first[..end].replace('`', ""))
}

/// The section of a code.
fn section(code: &str, lang: Lang) -> Option<&'static str> {
    let document = if lang == Lang::French { FRENCH } else { ENGLISH };
    let (_, section) = document.split_once(&format!("\n## {code}\n"))?;
    Some(section.split("\n## ").next().unwrap_or(section).trim())
}

/// The section as a page shows it. Its links lead to files of the project, which the console does not serve: only their text stays.
pub(super) fn explained(code: &str, lang: Lang) -> Option<Markup> {
    let events = Parser::new(section(code, lang)?).filter_map(|event| match event {
        Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link) => None,
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        event => Some(event),
    });
    let mut rendered = String::new();
    push_html(&mut rendered, events);
    Some(html! { div { (PreEscaped(rendered)) } })
}

#[cfg(test)]
mod tests {
    use base::error::Code;

    use super::*;

    #[test]
    fn every_code_is_explained_with_what_to_do() {
        for (code, lang) in Code::ALL.into_iter().flat_map(|code| [(code, Lang::English), (code, Lang::French)]) {
            let html = explained(code.as_str(), lang).unwrap_or_else(|| panic!("{}", code.as_str())).into_string();
            let you = if lang == Lang::French { "<li>Vous : " } else { "<li>You: " };
            assert!(html.contains("<p>") && html.contains(you), "{}: {html}", code.as_str());
            assert!(["`", "## ", "](", "<a"].iter().all(|raw| !html.contains(raw)), "{html}");
            let meaning = meaning(code.as_str(), lang).unwrap();
            assert!(meaning.len() > 10 && meaning.len() < 400, "{}: {meaning}", code.as_str());
        }
        assert!(explained("NONSENSE", Lang::French).is_none());
    }
}
