//! What is said to people in English and in French: a sentence of a table with what stands in it.

use std::fmt::Display;

use serde::{Deserialize, Serialize, Serializer};

/// `{0}`, `{1}` … stand for what varies.
#[derive(Clone, Copy, Debug)]
pub struct Sentence {
    pub english: &'static str,
    pub french: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Text {
    pub english: String,
    pub french: String,
    /// In English in both: what an API, a server or a library has said, or what another process has noted. Whoever shows the French text may know
    /// what that means in French.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoted: Option<String>,
}

impl From<Sentence> for Text {
    fn from(sentence: Sentence) -> Self {
        sentence.with([])
    }
}

impl Sentence {
    pub fn with<const N: usize>(self, values: [Text; N]) -> Text {
        Text {
            english: filled(self.english, &values, |value| &value.english),
            french: filled(self.french, &values, |value| &value.french),
            quoted: values.into_iter().find_map(|value| value.quoted),
        }
    }
}

/// In one pass: a value may have braces itself, as a key in a file of a user's.
fn filled(sentence: &str, values: &[Text], of: impl Fn(&Text) -> &String) -> String {
    let mut pieces = sentence.split('{');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let place = piece.split_once('}').and_then(|(n, rest)| Some((values.get(n.parse::<usize>().ok()?)?, rest)));
        match place {
            Some((value, rest)) => text += &(of(value).clone() + rest),
            None => text += &format!("{{{piece}"),
        }
    }
    text
}

/// A name, a number or a code: the same in every language.
pub fn name(it: impl Display) -> Text {
    let it = it.to_string();
    Text { english: it.clone(), french: it, quoted: None }
}

/// What somebody else has said, in English.
pub fn quoted(it: impl Display) -> Text {
    let it = it.to_string();
    Text { english: it.clone(), french: it.clone(), quoted: Some(it) }
}

/// For programs, which read English.
pub fn in_english<S: Serializer>(text: &Text, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text.english)
}

/// One after the other, between `separators`.
pub fn list(texts: impl IntoIterator<Item = Text>, separator: &str) -> Text {
    let (english, french): (Vec<_>, Vec<_>) = texts.into_iter().map(|text| (text.english, text.french)).unzip();
    Text { english: english.join(separator), french: french.join(separator), quoted: None }
}

/// What is wrong with the French of a table, for its test: placeholders that are not those of the English, and typography.
pub fn faults(table: &[(&str, Sentence)]) -> Vec<String> {
    let of_one = |(name, Sentence { english, french }): &(&str, Sentence)| {
        let empty = (english.trim().is_empty() || french.trim().is_empty()).then(|| format!("{name}: empty"));
        let places =
            (0..5).map(|n| format!("{{{n}}}")).filter(|place| english.contains(place) != french.contains(place));
        let blanks = [" :", " ;", " !", " ?", "« ", " »", " %"].into_iter().filter(|before| french.contains(before));
        let straight = french.contains('\'').then(|| format!("{name}: ’ is the apostrophe"));
        empty
            .into_iter()
            .chain(places.map(|place| format!("{name}: {place} is in one of them only")))
            .chain(blanks.map(|before| format!("{name}: a narrow no-break space belongs into {before:?}")))
            .chain(straight)
            .collect::<Vec<_>>()
    };
    table.iter().flat_map(of_one).collect()
}

/// A table of sentences, each `NAME: "English", "French";`, and all of them for the test. A sentence that nothing says does not compile.
#[macro_export]
macro_rules! sentences {
    ($visibility:vis, $($name:ident: $english:literal, $french:literal;)+) => {
        $($visibility const $name: $crate::said::Sentence = $crate::said::Sentence { english: $english, french: $french };)+

        #[cfg(test)]
        const ALL: &[(&str, $crate::said::Sentence)] = &[$((stringify!($name), $name),)+];

        #[cfg(test)]
        mod tests {
            #[test]
            fn the_french_is_complete() {
                let faults = $crate::said::faults(super::ALL);
                assert!(faults.is_empty(), "{faults:#?}");
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_named() {
        for (english, french, fault) in [
            ("{0} of {1}", "{1} sur {0}", None),
            ("{0} of {1}", "{0}", Some("one: {1} is in one of them only")),
            ("yes", " ", Some("one: empty")),
            ("really?", "vraiment ?", Some("one: a narrow no-break space belongs into \" ?\"")),
            ("one", "l'un", Some("one: ’ is the apostrophe")),
        ] {
            let found = faults(&[("one", Sentence { english, french })]);
            assert_eq!(found.first().map(String::as_str), fault, "{french}");
        }
    }

    #[test]
    fn values_stand_in_both_languages() {
        let sentence = Sentence { english: "{0} of {1} at {0}", french: "{1}, {0}" };
        let text = sentence.with([name(7), Text { english: "all".into(), french: "tous".into(), quoted: None }]);
        assert_eq!((text.english.as_str(), text.french.as_str()), ("7 of all at 7", "tous, 7"));
        let why = sentence.with([name(1), quoted("no route")]);
        assert_eq!(why.quoted.as_deref(), Some("no route"));
        assert_eq!(sentence.with([name("{1}"), name("{0}")]).english, "{1} of {0} at {1}");
        let form = Sentence { english: "write {0} = { missed = 1 }", french: "{ {0} }" };
        assert_eq!(form.with([name("inbound")]).english, "write inbound = { missed = 1 }");
        assert_eq!(form.with([name("x")]).french, "{ x }");
        assert_eq!(list([name("a"), name("b")], ", ").french, "a, b");
    }
}
