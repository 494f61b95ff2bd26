//! The marker, `Aircall call <id>`: the first line of every log, by which a log of ours is found again.
//!
//! Sellsy has no field for an id of ours. When the ledger does not know a log, only its text says whose it is. Sellsy may
//! give that text back otherwise than it was sent (without line breaks, with tags, with entities), and people edit it. So
//! a marker is recognised anywhere in a text: whatever is around it, as long as no digit follows.
//!
//! **The first marker of a text says whose log it is.** Callbridge writes it before anything else, so every later one is
//! a quotation: somebody has mentioned another call in a note. If later ones counted too, the log that quotes a call
//! would be taken for the log of that call and overwritten. The price: a log above whose marker a person has written the
//! marker of another call is not found any more, and if the ledger loses it, it is created again.

use base::ids::CallId;

use crate::describe::clean;

const MARKER: &str = "Aircall call ";

pub(crate) fn of(call_id: CallId) -> String {
    format!("{MARKER}{call_id}")
}

/// The call whose log this text is, as Sellsy gives it back.
pub(crate) fn first(text: &str) -> Option<CallId> {
    plain(text).split(MARKER).skip(1).find_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok().map(CallId)
    })
}

/// A text as Sellsy gives it back, as one line without tags and entities.
pub fn plain(text: &str) -> String {
    clean::line(&html_escape::decode_html_entities(&without_tags(text)))
}

/// Whether a line of a text that was not sent yet is a marker.
pub(crate) fn is_line(line: &str) -> bool {
    let id = line.strip_prefix(MARKER);
    id.is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_digit()))
}

/// A blank in place of each tag: in `Aircall call 5<br>2 appels` the 2 is not a digit of the marker.
fn without_tags(text: &str) -> String {
    let mut parts = text.split('<');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('>') {
            Some((tag, rest)) if tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!') => {
                plain.push(' ');
                plain.push_str(rest);
            }
            _ => {
                plain.push('<');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_marker_of_a_text_says_whose_log_it_is() {
        for (text, expected) in [
            ("Aircall call 5", Some(5)),
            ("Aircall call 5\nAppel entrant", Some(5)),
            ("Aircall call 5\r\nAppel entrant", Some(5)),
            // Line breaks as blanks, and gone.
            ("Aircall call 5 Appel entrant", Some(5)),
            ("Aircall call 5Appel entrant", Some(5)),
            // Tags.
            ("Aircall call 5<br>Appel", Some(5)),
            ("Aircall call 5<br />2 appels", Some(5)),
            ("<p>Aircall call 5</p><p>Appel</p>", Some(5)),
            ("<div class=\"a\"><b>Aircall</b> call <i>5</i></div>", Some(5)),
            ("<!-- x -->Aircall call 5", Some(5)),
            ("&lt;p&gt;Aircall call 5&lt;/p&gt;", Some(5)),
            // Entities and other blanks.
            ("Aircall&nbsp;call&#160;5&nbsp;Appel", Some(5)),
            ("Aircall&#32;call&#x20;5&eacute;", Some(5)),
            ("Aircall\u{a0}call\u{2009}5", Some(5)),
            ("Aircall  call\n5", Some(5)),
            ("\u{feff}Aircall\u{200b} call 5", Some(5)),
            // A person has written above the marker, or before it in its line.
            ("Rappelé lundi.\nAircall call 5\nAppel", Some(5)),
            ("Rappelé lundi.Aircall call 5", Some(5)),
            ("3 < 4 & 5 > 4; Aircall call 5", Some(5)),
            // The log of call 5 quotes call 6, and the log of 6 quotes 5.
            ("Aircall call 5 Note : Suite de Aircall call 6", Some(5)),
            ("Aircall call 6 “Aircall call 5”", Some(6)),
            ("Aircall call Aircall call 5", Some(5)),
            // Another call: a digit follows.
            ("Aircall call 55", Some(55)),
            ("Aircall call 5&#53;", Some(55)),
            ("Aircall call 3811600001", Some(3_811_600_001)),
            // No marker.
            ("", None),
            ("Aircall call", None),
            ("Aircall call five", None),
            ("Aircall call -5", None),
            ("aircall call 5", None),
            ("Appel Aircall 5", None),
            ("Aircall call 99999999999999999999", None),
        ] {
            assert_eq!(first(text), expected.map(CallId), "{text:?}");
        }
    }

    #[test]
    fn the_marker_of_a_call_is_a_line_and_is_recognised() {
        for id in [1, 55, 3_811_600_001, i64::MAX] {
            assert!(is_line(&of(CallId(id))));
            assert_eq!(first(&of(CallId(id))), Some(CallId(id)));
        }
        for line in ["Aircall call ", "Aircall call 5 ", " Aircall call 5", "Aircall call 5a"] {
            assert!(!is_line(line), "{line:?}");
        }
    }
}
