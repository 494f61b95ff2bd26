//! Signs of every kind as the few plain ones that numbers are written with.

use std::borrow::Cow;

use super::without_sip;

/// Every digit, space, dash and dot as its plain sign, without what has no width; a `sip:` address as its user.
pub(super) fn signs(typed: &str) -> Cow<'_, str> {
    let user = without_sip(typed);
    if user
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'&' | b'_' | b'~' | b'[' | b']') || byte == b' ')
    {
        return Cow::Borrowed(user);
    }
    let mut plain = String::with_capacity(user.len());
    let mut rest = user;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        let after_digit = plain.ends_with(|c: char| c.is_ascii_digit());
        match c {
            // A space of HTML, and of UTF-8 that was read as Latin-1.
            '&' => match ["&nbsp;", "&#160;", "&#xa0;", "&amp;", "&#39;"]
                .into_iter()
                .find(|entity| rest.starts_with(entity))
            {
                Some(entity) => {
                    length = entity.len();
                    plain.push(if entity == "&amp;" { '&' } else { ' ' });
                }
                None => plain.push('&'),
            },
            'Â' if after_digit => {
                let space = rest[length..].chars().next().filter(|c| c.is_whitespace());
                length += space.map_or(0, char::len_utf8);
                plain.push(' ');
            }
            'â' if after_digit && rest[length..].starts_with('€') => {
                length += rest[length..].chars().take(2).map(char::len_utf8).sum::<usize>();
                plain.push(' ');
            }
            c => plain.extend(plain_sign(c)),
        }
        rest = &rest[length..];
    }
    Cow::Owned(plain)
}

/// `None`: without width.
fn plain_sign(c: char) -> Option<char> {
    /// The zeros of other scripts whose ten digits follow each other.
    const ZEROS: [char; 9] = ['٠', '۰', '०', '০', '๐', '໐', '０', '᠐', '၀'];

    let digit = ZEROS.into_iter().find_map(|zero| (c as u32).checked_sub(zero as u32).filter(|digit| *digit < 10));
    if let Some(digit) = digit {
        return char::from_digit(digit, 10);
    }
    Some(match c {
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => {
            return None;
        }
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{300}'..='\u{33f}' | '\u{20e3}' => {
            return None;
        }
        '\u{3164}' | '\u{ffa0}' | '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{fffd}' | '_' => ' ',
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        '\t' => '\t',
        c if c.is_whitespace() => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' | 'ー' | '~' | '〜' | '∼' | '⁓' => {
            '-'
        }
        '·' | '•' | '․' | '．' | '‧' | '∙' | '●' | '⋅' => '.',
        '＋' | '﹢' | '⁺' | '➕' => '+',
        '／' | '⁄' | '∕' => '/',
        '（' | '[' | '{' => '(',
        '）' | ']' | '}' => ')',
        '，' | '、' => ',',
        '：' => ':',
        '；' => ';',
        c => c,
    })
}

/// Numbers as a spreadsheet writes them (`3.3639981234E+10`) in digits if all of them are there; else they are left out, and
/// the second value is true.
pub(super) fn unrounded(plain: &str) -> (Cow<'_, str>, bool) {
    let Some((begin, end, mantissa, fraction, exponent)) = exponential(plain) else {
        return (Cow::Borrowed(plain), false);
    };
    let is_exact = fraction == exponent;
    let digits = if is_exact { mantissa } else { String::from("\n") };
    let text = format!("{}{digits}{}", &plain[..begin], &plain[end..]);
    let (text, rest) = unrounded(&text);
    (Cow::Owned(text.into_owned()), !is_exact || rest)
}

/// The first `1.2E+10`: where it begins and ends, its digits, how many stand after the point, its exponent.
fn exponential(plain: &str) -> Option<(usize, usize, String, usize, usize)> {
    let bytes = plain.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    for (at, _) in plain.match_indices(['e', 'E']) {
        let begin = bytes[..at]
            .iter()
            .rposition(|byte| !byte.is_ascii_digit() && !matches!(byte, b'.' | b','))
            .map_or(0, |p| p + 1);
        let Some((whole, fraction)) = plain[begin..at].split_once(['.', ',']) else { continue };
        let sign = usize::from(bytes.get(at + 1) == Some(&b'+'));
        let exponent = digits((at + 1 + sign).min(bytes.len()));
        let end = at + 1 + sign + exponent;
        let is_number = !whole.is_empty() && !fraction.is_empty() && !fraction.contains(['.', ',']);
        if is_number && matches!(exponent, 1 | 2) {
            let value = plain[at + 1 + sign..end].parse().ok()?;
            return Some((begin, end, format!("{whole}{fraction}"), fraction.len(), value));
        }
    }
    None
}
