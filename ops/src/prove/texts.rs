//! A text as it was sent, and as it came back.

use vendors::proven::{Breaks, Tags, Texts};

/// By which a test log is recognised, if a run has died before it could delete it.
pub(super) const MARK: &str = "Callbridge prove";

/// The first text of the test log.
pub(super) fn sent() -> String {
    format!("{MARK}: a test, which may be deleted\nsecond line <b>bold</b> end\nlast line")
}

/// What has become of it; `None` if it is not there any more.
pub(super) fn compare(came_back: &str) -> Option<Texts> {
    let (_, rest) = came_back.split_once("deleted")?;
    let (between, rest) = rest.split_once("second")?;
    let breaks = match between {
        html if html.contains('<') => Breaks::Html,
        kept if kept.contains('\n') => Breaks::Kept,
        "" => Breaks::Lost,
        _ => Breaks::Blanks,
    };
    let tags = if rest.contains("<b>bold</b>") {
        Tags::Kept
    } else if rest.contains("&lt;b&gt;") {
        Tags::Escaped
    } else if rest.contains("bold") {
        Tags::Stripped
    } else {
        return None;
    };
    Some(Texts { breaks, tags })
}

/// A text of so many characters, unlike all others: an answer that is older than the last write is not taken for a part of it. Without line
/// breaks, of which something else may become. Some letters take two bytes, as in French.
pub(super) fn of_length(length: usize) -> String {
    format!("{MARK} {length}:").chars().chain("abcdefghié".chars().cycle()).take(length).collect()
}

/// How many characters of a text came back; `None` if it is not the beginning of it.
pub(super) fn kept(sent: &str, came_back: &str) -> Option<usize> {
    let came_back = logger::without_html(came_back);
    let came_back = came_back.trim_end();
    let length = came_back.chars().count();
    (length > MARK.len() + 8 && sent.starts_with(came_back)).then_some(length)
}

/// It is a test log's, however Sellsy gives texts back.
pub(super) fn is_marked(text: &str) -> bool {
    let squashed = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    squashed(&logger::without_html(text)).starts_with(&squashed(MARK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_beginning_of_what_was_sent_is_what_was_kept() {
        let sent = of_length(500);
        assert_eq!(sent.chars().count(), 500);
        let cut: String = sent.chars().take(300).collect();
        for (came_back, expected) in [
            (sent.clone(), Some(500)),
            (sent.replace('é', "&eacute;").replace(' ', "&nbsp;"), Some(500)),
            (format!("<p>{sent}</p>"), Some(500)),
            (cut, Some(300)),
            // The answer is older than the write, or the log is gone.
            (of_length(300), None),
            (String::new(), None),
            ("Callbridge prove".to_owned(), None),
        ] {
            assert_eq!(kept(&sent, &came_back), expected, "{came_back}");
        }
    }

    #[test]
    fn a_test_log_is_recognised_however_it_comes_back() {
        let sent = sent();
        for text in [sent.clone(), sent.replace(' ', "&nbsp;"), format!("<p class=\"x\">{sent}</p>"), of_length(100)] {
            assert!(is_marked(&text), "{text}");
        }
        for text in ["Aircall call 5\nCallbridge prove", "", "Callbridge"] {
            assert!(!is_marked(text), "{text}");
        }
    }

    #[test]
    fn each_way_of_giving_a_text_back_is_recognised() {
        let sent = sent();
        let with = |from: &str, to: &str| sent.replace(from, to);
        for (came_back, expected) in [
            (sent.clone(), Some((Breaks::Kept, Tags::Kept))),
            (with("\n", "\r\n"), Some((Breaks::Kept, Tags::Kept))),
            (with("\n", " "), Some((Breaks::Blanks, Tags::Kept))),
            (with("\n", "&nbsp;"), Some((Breaks::Blanks, Tags::Kept))),
            (with("\n", ""), Some((Breaks::Lost, Tags::Kept))),
            (with("\n", "<br>"), Some((Breaks::Html, Tags::Kept))),
            (with("<b>", "&lt;b&gt;").replace('\n', "<br />\n"), Some((Breaks::Html, Tags::Escaped))),
            (with("\n", "</p><p>"), Some((Breaks::Html, Tags::Kept))),
            (with("<b>", "").replace("</b>", ""), Some((Breaks::Kept, Tags::Stripped))),
            ("something else".to_owned(), None),
            (String::new(), None),
        ] {
            let expected = expected.map(|(breaks, tags)| Texts { breaks, tags });
            assert_eq!(compare(&came_back), expected, "{came_back:?}");
        }
    }
}
