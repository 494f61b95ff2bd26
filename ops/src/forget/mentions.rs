//! Whether a text contains a phone number, in any of the ways in which people write numbers.

use base::phone::E164;
use ledger::erase::SEPARATORS;

/// The most separators between two digits of one number: `06 - 39`, ` (0) `.
const MAX_SEPARATORS: usize = 3;

/// Whether `text` contains the digits of the number in order, with the usual separators. Only nothing, a leading 0 or the
/// number's country code may come before them, and no digit after them.
pub(super) fn mentions(text: &str, number: &E164) -> bool {
    let (digits, country) = (number.significant_digits().as_bytes(), number.country_code());
    // JSON may escape non-breaking spaces.
    let text: Vec<char> = text.replace("\\u00a0", " ").replace("\\u202f", " ").chars().collect();
    (0..text.len()).any(|at| {
        text[at] == char::from(digits[0]) && has_digits(&text[at..], digits) && may_precede(&text[..at], country)
    })
}

fn is_separator(c: char) -> bool {
    SEPARATORS.contains(c)
}

/// Whether `text` starts with these digits and the number ends after them.
fn has_digits(text: &[char], digits: &[u8]) -> bool {
    let (mut remaining, mut between) = (digits.iter(), 0);
    let mut next = remaining.next();
    for c in text {
        match next {
            // After the last digit.
            None => return !c.is_ascii_digit(),
            Some(digit) if *c == char::from(*digit) => {
                next = remaining.next();
                between = 0;
            }
            Some(_) if is_separator(*c) && between < MAX_SEPARATORS => between += 1,
            Some(_) => return false,
        }
    }
    next.is_none()
}

/// Whether a number of this country may start after `before`.
fn may_precede(before: &[char], country: &str) -> bool {
    let digits_before = |before: &[char]| before.iter().rev().take_while(|c| c.is_ascii_digit()).count();
    let adjacent = digits_before(before);
    let prefix: String = before[before.len() - adjacent..].iter().collect();
    if adjacent > 0 {
        let trunk = prefix.strip_suffix('0').unwrap_or(&prefix);
        return ["", country].contains(&trunk.strip_prefix("00").unwrap_or(trunk)) || prefix == "0";
    }
    // `+32 6…` is a number of another country.
    let rest = &before[..before.len() - before.iter().rev().take_while(|c| is_separator(**c)).count()];
    let rest = if rest.ends_with(&['0']) && rest.len() < before.len() && digits_before(rest) == 1 {
        let rest = &rest[..rest.len() - 1];
        &rest[..rest.len() - rest.iter().rev().take_while(|c| is_separator(**c)).count()]
    } else {
        rest
    };
    let code: String = rest[rest.len() - digits_before(rest)..].iter().collect();
    let is_international = rest[..rest.len() - code.len()].ends_with(&['+']) || code.starts_with("00");
    !is_international || code.trim_start_matches('0') == country
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_number_in_every_notation_and_no_other_number() {
        let number: E164 = "+33639984107".parse().unwrap();
        for (text, expected) in [
            ("+33639984107", true),
            ("0639984107", true),
            ("06 39 98 41 07", true),
            ("06.39.98.41.07 demain à 10 h", true),
            ("0033639984107", true),
            ("00 33 6 39 98 41 07", true),
            ("+33 (0)6 39 98 41 07", true),
            ("+33(0)6-39-98-41-07", true),
            ("tel:33639984107", true),
            (r#"{"raw_digits":"+33 6 39 98 41 07","id":5}"#, true),
            ("06\u{202f}39\u{202f}98\u{202f}41\u{202f}07", true),
            (r"06\u00a039\u00a098\u00a041\u00a007", true),
            ("rappeler le 0639984107, svp", true),
            ("06 39 98 41 08", false),
            ("06 39 98 41 077", false),
            (r#""id":5639984107"#, false),
            ("+32 639984107", false),
            ("0032639984107", false),
            ("+32639984107", false),
            ("06 39 98 41", false),
            ("", false),
        ] {
            assert_eq!(mentions(text, &number), expected, "{text}");
        }
    }
}
