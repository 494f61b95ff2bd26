//! How the account gives back the descriptions of phone calls, comments and tasks.
//!
//! Sellsy does not document whether a text comes back as it was sent, and recorded answers read as if line breaks were lost.
//! So a test chooses. The account keeps what was sent, and only its answers differ.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Texts {
    #[default]
    AsSent,
    /// A blank in place of each line break.
    Blanks,
    /// The lines one after the other, with nothing between them.
    Joined,
    /// `<br>` in place of each line break.
    Br,
    /// `<br />` before each line break, as PHP's `nl2br` writes it, and what HTML reserves as entities.
    BrSlash,
    /// Each line in `<p>`.
    Paragraphs,
    /// What stands between `<` and `>` is gone, as PHP's `strip_tags` leaves it.
    Stripped,
    /// Blanks, accented letters, quotes and what HTML reserves as entities.
    Entities,
}

#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TextSettings {
    #[serde(rename = "as")]
    pub(super) texts: Texts,
}

impl Texts {
    pub(super) fn give_back(self, text: &str) -> String {
        let joined = |between: &str| text.lines().collect::<Vec<_>>().join(between);
        match self {
            Texts::AsSent => text.to_owned(),
            Texts::Blanks => joined(" "),
            Texts::Joined => joined(""),
            Texts::Br => joined("<br>"),
            Texts::BrSlash => {
                let lines: Vec<_> = text.lines().map(|line| line.chars().map(reserved).collect::<String>()).collect();
                lines.join("<br />\n")
            }
            Texts::Paragraphs => text.lines().map(|line| format!("<p>{line}</p>")).collect(),
            Texts::Stripped => stripped(text),
            Texts::Entities => text.chars().map(entity).collect(),
        }
    }
}

fn stripped(text: &str) -> String {
    let mut pieces = text.split('<');
    let mut left = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        left.push_str(piece.split_once('>').map_or("", |(_, rest)| rest));
    }
    left
}

fn reserved(c: char) -> String {
    match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#039;".to_owned(),
        c => c.to_string(),
    }
}

fn entity(c: char) -> String {
    match c {
        ' ' | '\u{a0}' => "&nbsp;".to_owned(),
        'à' => "&agrave;".to_owned(),
        'ç' => "&ccedil;".to_owned(),
        'è' => "&egrave;".to_owned(),
        'é' => "&eacute;".to_owned(),
        '’' => "&rsquo;".to_owned(),
        c if c.is_ascii() => reserved(c),
        c => format!("&#{};", u32::from(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_in_each_way() {
        let text = "Aircall call 5\nRépondu & noté\n  l'été <soon>";
        for (texts, expected) in [
            (Texts::AsSent, text),
            (Texts::Blanks, "Aircall call 5 Répondu & noté   l'été <soon>"),
            (Texts::Joined, "Aircall call 5Répondu & noté  l'été <soon>"),
            (Texts::Br, "Aircall call 5<br>Répondu & noté<br>  l'été <soon>"),
            (Texts::BrSlash, "Aircall call 5<br />\nRépondu &amp; noté<br />\n  l&#039;été &lt;soon&gt;"),
            (Texts::Stripped, "Aircall call 5\nRépondu & noté\n  l'été "),
            (Texts::Paragraphs, "<p>Aircall call 5</p><p>Répondu & noté</p><p>  l'été <soon></p>"),
            (
                Texts::Entities,
                "Aircall&nbsp;call&nbsp;5\nR&eacute;pondu&nbsp;&amp;&nbsp;not&eacute;\n&nbsp;&nbsp;l&#039;&eacute;t&eacute;&nbsp;&lt;soon&gt;",
            ),
        ] {
            assert_eq!(texts.give_back(text), expected, "{texts:?}");
        }
        assert_eq!(Texts::Entities.give_back("25 €"), "25&nbsp;&#8364;");
    }

    #[test]
    fn each_way_has_a_name() {
        for (name, texts) in [("as_sent", Texts::AsSent), ("br_slash", Texts::BrSlash), ("entities", Texts::Entities)] {
            assert_eq!(serde_json::from_value::<Texts>(name.into()).unwrap(), texts);
        }
        assert!(serde_json::from_value::<TextSettings>(serde_json::json!({"as": "html"})).is_err());
    }
}
