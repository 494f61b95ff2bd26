//! What a check says, in English and in French: a sentence of the table ([`super::texts`]) with what stands in it.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// `{0}`, `{1}` … stand for what varies.
#[derive(Clone, Copy, Debug)]
pub(in crate::check) struct Sentence {
    pub(in crate::check) english: &'static str,
    pub(in crate::check) french: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Text {
    pub(crate) english: String,
    pub(crate) french: String,
    /// In English in both: what an API, a server or a library has said, or what another process has noted. Whoever shows the French text may know
    /// what that means in French.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) quoted: Option<String>,
}

impl From<Sentence> for Text {
    fn from(sentence: Sentence) -> Self {
        sentence.with([])
    }
}

impl Sentence {
    pub(in crate::check) fn with<const N: usize>(self, values: [Text; N]) -> Text {
        let mut text = Text { english: self.english.into(), french: self.french.into(), quoted: None };
        for (n, value) in values.into_iter().enumerate() {
            let place = format!("{{{n}}}");
            text.english = text.english.replace(&place, &value.english);
            text.french = text.french.replace(&place, &value.french);
            text.quoted = text.quoted.or(value.quoted);
        }
        text
    }
}

/// A name, a number or a code: the same in every language.
pub(in crate::check) fn name(it: impl Display) -> Text {
    let it = it.to_string();
    Text { english: it.clone(), french: it, quoted: None }
}

/// What somebody else has said, in English.
pub(in crate::check) fn quoted(it: impl Display) -> Text {
    let it = it.to_string();
    Text { english: it.clone(), french: it.clone(), quoted: Some(it) }
}

/// One after the other, between `separators`.
pub(in crate::check) fn list(texts: impl IntoIterator<Item = Text>, separator: &str) -> Text {
    let (english, french): (Vec<_>, Vec<_>) = texts.into_iter().map(|text| (text.english, text.french)).unzip();
    Text { english: english.join(separator), french: french.join(separator), quoted: None }
}

#[cfg(test)]
mod tests {
    use super::{super::texts::ALL, *};

    #[test]
    fn both_languages_have_every_sentence_with_the_same_placeholders() {
        for (name, Sentence { english, french }) in ALL {
            assert!(!english.trim().is_empty() && !french.trim().is_empty(), "{name}");
            for n in 0..4 {
                let place = format!("{{{n}}}");
                assert_eq!(english.contains(&place), french.contains(&place), "{name}: {place}");
            }
            for before in [" :", " ;", " !", " ?", "« ", " »", " %"] {
                assert!(!french.contains(before), "{name}: use a narrow no-break space in {before:?}");
            }
            assert!(!french.contains('\''), "{name}: use ’ as the apostrophe");
        }
    }

    #[test]
    fn values_stand_in_both_languages() {
        let sentence = Sentence { english: "{0} of {1} at {0}", french: "{1}, {0}" };
        let text = sentence.with([name(7), Text { english: "all".into(), french: "tous".into(), quoted: None }]);
        assert_eq!((text.english.as_str(), text.french.as_str()), ("7 of all at 7", "tous, 7"));
        let why = sentence.with([name(1), quoted("no route")]);
        assert_eq!(why.quoted.as_deref(), Some("no route"));
        assert_eq!(list([name("a"), name("b")], ", ").french, "a, b");
    }
}
