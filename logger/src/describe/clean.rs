//! Makes texts that people wrote fit for a log: whatever was typed, it stays text, and it stays short enough.
//!
//! Control characters are removed, as are the invisible ones that change the direction of writing or hide something.
//! Angle brackets become typographic ones, because whether Sellsy renders HTML is not documented. What is too long is
//! cut between two characters as a reader counts them, with a mark that says so. Of several texts that share a limit
//! the longest are cut first. The same text is always cut in the same way; otherwise each message would write the log
//! again.

use unicode_segmentation::UnicodeSegmentation;

/// Marks a place where something was left out.
pub(crate) const CUT: &str = "[…]";

/// A person's text as one line.
pub fn line(text: &str) -> String {
    let words = text.split_whitespace().map(|word| word.chars().filter(|c| !unwanted(*c)).map(typographic));
    words.map(String::from_iter).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A person's text with its lines, each indented.
pub(crate) fn paragraph(text: &str) -> String {
    let lines = text.lines().map(line).filter(|line| !line.is_empty());
    lines.map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// At most `limit` characters of a text, including the mark.
pub fn cut(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let room = limit.saturating_sub(CUT.chars().count() + 1);
    let mut used = 0;
    let kept = text.graphemes(true).take_while(|grapheme| {
        used += grapheme.chars().count();
        used <= room
    });
    signed(&kept.collect::<String>())
}

/// At most `most` texts with at most `limit` characters together, not counting the mark at the last one if others are
/// left out.
pub(crate) fn cut_all(mut texts: Vec<String>, most: usize, limit: usize) -> Vec<String> {
    let left_out = texts.len() > most;
    texts.truncate(most);
    let longest = fair(texts.iter().map(|text| text.chars().count()).collect(), limit);
    let mut texts: Vec<_> = texts.iter().map(|text| cut(text, longest)).collect();
    if let Some(last) = texts.last_mut().filter(|last| left_out && !last.ends_with(CUT)) {
        *last = signed(last);
    }
    texts
}

/// How long each text may be so that all of them fit into `limit` together and short ones stay whole.
fn fair(mut lengths: Vec<usize>, limit: usize) -> usize {
    lengths.sort_unstable();
    let mut rest = limit;
    for (n, length) in lengths.iter().enumerate() {
        let share = rest / (lengths.len() - n);
        if *length > share {
            return share;
        }
        rest -= length;
    }
    limit
}

fn signed(text: &str) -> String {
    let kept = text.trim_end();
    if kept.is_empty() { CUT.to_owned() } else { format!("{kept} {CUT}") }
}

fn typographic(c: char) -> char {
    match c {
        '<' => '‹',
        '>' => '›',
        c => c,
    }
}

/// Control characters, and those that Unicode defines as invisible or as changing the direction of what follows.
fn unwanted(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_person_becomes_one_harmless_line() {
        for (text, expected) in [
            ("", ""),
            (" \t\r\n ", ""),
            ("Rappeler lundi", "Rappeler lundi"),
            ("  Rappeler\n\n lundi\t", "Rappeler lundi"),
            ("<b onclick=x>lundi</b>", "‹b onclick=x›lundi‹/b›"),
            ("&lt;b&gt;", "&lt;b&gt;"),
            ("a\0b\u{1b}[31mc\u{7f}\u{9b}", "ab[31mc"),
            // Line and paragraph separators, and the control character for a new line.
            ("a\u{2028}b\u{2029}c\u{85}d", "a b c d"),
            ("Devis\u{202e}3202\u{202c} \u{2066}ok\u{2069}", "Devis3202 ok"),
            ("\u{feff}Air\u{200b}call\u{ad} \u{200d}", "Aircall"),
            ("Élodie Lefèvre – 25 000 €", "Élodie Lefèvre – 25 000 €"),
            ("مرحبا 👩🏽 Ω", "مرحبا 👩🏽 Ω"),
        ] {
            assert_eq!(line(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_paragraph_keeps_its_lines_and_indents_them() {
        for (text, expected) in [
            ("", ""),
            ("\n\n", ""),
            ("Rappeler", "  Rappeler"),
            ("Rappeler\r\n\r\n   Lundi\n", "  Rappeler\n  Lundi"),
            ("a\u{2028}b\rc\u{b}d", "  a b c d"),
        ] {
            assert_eq!(paragraph(text), expected, "{text:?}");
        }
    }

    #[test]
    fn cuts_between_characters_as_a_reader_counts_them() {
        for (text, limit, expected) in [
            ("", 10, ""),
            ("0123456789", 10, "0123456789"),
            ("0123456789a", 10, "012345 […]"),
            ("01234 6789a", 10, "01234 […]"),
            // Five people in one emoji are nine characters for Unicode.
            ("abc👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 12, "abc […]"),
            ("abc👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 15, "abc👨‍👩‍👧‍👦 […]"),
            ("éééééééééééé", 10, "éééééé […]"),
            // A single character with too many accents leaves nothing.
            ("e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}", 8, "[…]"),
        ] {
            let cut = cut(text, limit);
            assert_eq!(cut, expected, "{text:?}");
            assert!(cut.chars().count() <= limit);
        }
    }

    #[test]
    fn cuts_the_longest_first() {
        let texts = |lengths: &[usize]| lengths.iter().map(|n| "x".repeat(*n)).collect::<Vec<_>>();
        let lengths = |texts: &[String]| texts.iter().map(|text| text.chars().count()).collect::<Vec<_>>();
        for (before, most, after) in [
            (&[][..], 3, &[][..]),
            (&[100], 3, &[100]),
            (&[101], 3, &[100]),
            (&[10, 90], 3, &[10, 90]),
            (&[10, 200], 3, &[10, 90]),
            (&[200, 10, 200], 3, &[45, 10, 45]),
            (&[200, 200, 200], 3, &[33, 33, 33]),
            // The fourth is left out, and the last one shown says so.
            (&[10, 10, 10, 10], 3, &[10, 10, 14]),
        ] {
            assert_eq!(lengths(&cut_all(texts(before), most, 100)), after, "{before:?}");
        }
        assert_eq!(cut_all(vec!["VIP".into(), "Devis".into(), "SAV".into()], 2, 100), ["VIP", "Devis […]"]);
    }
}
