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

#[cfg(test)]
mod tests {
    use super::*;

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
