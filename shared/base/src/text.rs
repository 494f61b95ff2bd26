//! Text as it comes in: bytes that should be JSON, and strings that a column or a log has to hold.

use std::borrow::Cow;

/// The same JSON without what no JSON parser reads: bytes that are not UTF-8, and escaped halves of a surrogate pair
/// (`\ud83d` alone, from a text that was cut in the middle of an emoji). Both become U+FFFD. To be called wherever JSON
/// comes in, before it is parsed or stored.
pub fn readable(json: &[u8]) -> Cow<'_, [u8]> {
    let json = match String::from_utf8_lossy(json) {
        Cow::Borrowed(_) => Cow::Borrowed(json),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    };
    let lone = lone_surrogates(&json);
    if lone.is_empty() {
        return json;
    }
    let mut json = json.into_owned();
    for at in lone {
        // After the `\u`; the length stays the same.
        if let Some(digits) = json.get_mut(at + 2..at + 6) {
            digits.copy_from_slice(b"fffd");
        }
    }
    Cow::Owned(json)
}

/// Where escaped surrogates begin that are not part of a pair. A backslash that is itself escaped begins no escape.
fn lone_surrogates(json: &[u8]) -> Vec<usize> {
    let mut lone = Vec::new();
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += found;
        match unit(json, at) {
            Some(0xD800..=0xDBFF) if matches!(unit(json, at + 6), Some(0xDC00..=0xDFFF)) => at += 12,
            Some(0xD800..=0xDFFF) => {
                lone.push(at);
                at += 6;
            }
            _ => at += 2,
        }
    }
    lone
}

/// The UTF-16 unit of an escape `\uXXXX`.
fn unit(json: &[u8], at: usize) -> Option<u16> {
    let digits = json.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lone_surrogates_are_replaced_and_nothing_else() {
        for (json, expected) in [
            (r#""content \ud83d""#, r#""content \ufffd""#),
            (r#""\uDE00""#, r#""\ufffd""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\n""#, r#""\ufffd\n""#),
            // Pairs, other escapes, and a backslash that is escaped itself.
            (r#""\ud83d\ude00 \u00e9 \\ud83d \" \\\\""#, r#""\ud83d\ude00 \u00e9 \\ud83d \" \\\\""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            // No escape at all: the parser refuses it.
            (r#""\ud8"#, r#""\ud8"#),
            (r#""\u+83d""#, r#""\u+83d""#),
        ] {
            assert_eq!(std::str::from_utf8(&readable(json.as_bytes())), Ok(expected), "{json}");
        }
        assert_eq!(&*readable(b"\"\xcc \\ud83d\""), "\"\u{fffd} \\ufffd\"".as_bytes());
    }

    proptest! {
        #[test]
        fn what_is_readable_stays_as_it_is(text in ".*", cut in any::<Vec<u16>>()) {
            let json = serde_json::to_vec(&text).unwrap();
            prop_assert!(matches!(readable(&json), Cow::Borrowed(same) if same == json));
            // Any sequence of UTF-16 units is read as Rust's own lossy conversion reads it.
            let escaped: String = cut.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let json = format!("\"{escaped}\"");
            let read: String = serde_json::from_slice(&readable(json.as_bytes())).unwrap();
            prop_assert_eq!(read, String::from_utf16_lossy(&cut));
        }
    }
}
