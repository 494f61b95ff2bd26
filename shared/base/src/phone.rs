//! Phone numbers: from what people type to one spelling that can be compared.
//!
//! Aircall sends the other party as `+33 6 23 45 67 89`, Sellsy keeps whatever was typed (`06.23.45.67.89`, `0033 (0)6…`,
//! with a narrow no-break space, with `poste 12`), so a caller is found only after both became [`E164`]. [`classify`] is
//! for a call's number and says why a number cannot be looked up; [`parse`] is for a record's number.
//!
//! A number is accepted when its length is possible in its country. Whether its range has been assigned is not checked: the
//! tables of ranges are always out of date, and a number that rings is a number. `docs/decisions/0001-phone-numbers.md` says
//! which library parses and why. It is loaded on first use, shared by all threads, and then takes about a microsecond per
//! number.
//!
//! `Display` and `Debug` of an [`E164`] are masked, so that a number cannot slip into a log.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use rlibphonenumber::Region as Country;
use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber};
use serde::{Deserialize, Serialize};

/// A phone number in E.164: `+`, country code, national number, 7 to 15 digits in all, nothing else.
///
/// `Display` and `Debug` print the masked form (`+33 6 ** ** ** 89`). Serde writes the clear number, for the database and the
/// queues, so never serialise one into a log line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(Box<str>);

impl E164 {
    /// The clear number, `+33623456789`. For requests to the two APIs, SQL parameters, and pages and logs that only people
    /// with access to the records read (Sellsy, the console); never for log lines, metrics, traces or error texts.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The national significant number, digits only: `623456789`. Every spelling of the number contains it, with or without
    /// country code and national prefix, so it is the part to search for.
    pub fn significant_digits(&self) -> &str {
        &self.0[1 + self.country_code().len()..]
    }

    /// The country calling code, digits only: `33`.
    pub fn country_code(&self) -> &str {
        let digits = &self.0[1..];
        &digits[..country_code_length(digits)]
    }
}

impl fmt::Display for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let national = self.significant_digits();
        let shown_at_start = usize::from(national.len() > 6);
        let hidden = national.len() - shown_at_start - 2;

        write!(f, "+{}", self.country_code())?;
        if shown_at_start > 0 {
            write!(f, " {}", &national[..shown_at_start])?;
        }
        if hidden % 2 == 1 {
            f.write_str(" *")?;
        }
        for _ in 0..hidden / 2 {
            f.write_str(" **")?;
        }
        write!(f, " {}", &national[national.len() - 2..])
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E164({self})")
    }
}

/// The text is not `+` and 7 to 15 digits. The error does not repeat the text, which may still be a phone number.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a phone number in E.164: expected `+` and 7 to 15 digits")]
pub struct NotE164;

/// Strict: accepts what [`E164::as_str`] returns and no other spelling.
impl FromStr for E164 {
    type Err = NotE164;

    fn from_str(text: &str) -> Result<Self, NotE164> {
        let digits = text.strip_prefix('+').ok_or(NotE164)?;
        let well_formed = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if well_formed { Ok(Self(text.into())) } else { Err(NotE164) }
    }
}

impl TryFrom<String> for E164 {
    type Error = NotE164;

    fn try_from(text: String) -> Result<Self, NotE164> {
        text.parse()
    }
}

impl From<E164> for String {
    fn from(number: E164) -> Self {
        number.0.into()
    }
}

/// A country by its two-letter ISO 3166 code. A number without `+` (`06…`) is read as a national number of this country.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region(Country);

/// The text is not the code of a country that has phone numbers.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a country: expected an ISO 3166 code of two letters, such as FR, BE or CH")]
pub struct UnknownRegion(String);

impl FromStr for Region {
    type Err = UnknownRegion;

    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        let code = text.trim().to_ascii_uppercase();
        let country = Some(code.as_str())
            .filter(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
            .and_then(|code| code.parse::<Country>().ok())
            .filter(|country| PHONE_NUMBER_UTIL.get_country_code_for_region(*country).is_some());
        country.map(Self).ok_or_else(|| UnknownRegion(text.to_owned()))
    }
}

impl Default for Region {
    fn default() -> Self {
        Self(Country::FR)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.as_region_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({self})")
    }
}

/// What the number of the other party says about who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A number that can be looked up.
    Number(E164),
    /// There is no number: it is missing, empty, or a word such as `anonymous`.
    Withheld,
    /// An extension or a short code (at most [`LONGEST_INTERNAL`] digits, without `+`): it belongs to no record.
    Internal,
    /// Something else that is not a phone number, or has a length that is impossible in its country.
    Unusable,
}

/// The longest short codes in use have 6 digits (116 000 helplines, 118 712 directories).
pub const LONGEST_INTERNAL: usize = 6;

/// Classifies a call's number. `raw` is Aircall's `raw_digits`; a number without `+` is read as a national one of `region`.
pub fn classify(raw: Option<&str>, region: Region) -> Caller {
    let Some(raw) = raw else {
        return Caller::Withheld;
    };
    let cleaned = clean(raw);
    if cleaned.is_empty() || is_withheld(&cleaned) {
        return Caller::Withheld;
    }
    match parse_cleaned(&cleaned, region) {
        Some(number) => Caller::Number(number),
        None if is_internal(&cleaned) => Caller::Internal,
        None => Caller::Unusable,
    }
}

/// The number that a person typed into a record, if it is one. Extensions and remarks after it are ignored; of several
/// numbers in one field (`06… / 01…`) the first counts.
pub fn parse(typed: &str, region: Region) -> Option<E164> {
    let cleaned = clean(typed);
    if is_withheld(&cleaned) { None } else { parse_cleaned(&cleaned, region) }
}

fn parse_cleaned(cleaned: &str, region: Region) -> Option<E164> {
    let typed = without_remark(cleaned);
    possible(typed, region).or_else(|| {
        let (first, _) = typed.split_once(['/', ',', ';', '|', '\n'])?;
        possible(first, region)
    })
}

fn possible(typed: &str, region: Region) -> Option<E164> {
    let mut number = PHONE_NUMBER_UTIL.parse(typed, Some(region.0)).ok()?;
    if number.is_possible_with_reason() != Ok(NumberLengthType::IsPossible) {
        return None;
    }
    if let Some(code) = overseas_code(&number) {
        number.country_code = code;
    }
    format!("+{}{}", number.country_code, number.get_national_significant_number()).parse().ok()
}

/// Numbers of French overseas departments are written and dialled in France like all French ones (`0692 12 34 56`), but
/// their country code is not 33. Such a number is valid under the overseas code and not under 33.
fn overseas_code(number: &PhoneNumber) -> Option<i32> {
    const OVERSEAS: [Country; 6] = [Country::RE, Country::YT, Country::GP, Country::MQ, Country::GF, Country::PM];

    if number.country_code != 33 || number.is_valid() {
        return None;
    }
    OVERSEAS.into_iter().find_map(|country| {
        let code = PHONE_NUMBER_UTIL.get_country_code_for_region(country)?;
        let overseas = PhoneNumber { country_code: code, ..number.clone() };
        overseas.is_valid_for_region(country).then_some(code)
    })
}

/// Turns every kind of space into a plain one, removes characters without width (text direction, zero-width joiners), and
/// reduces a `sip:` address to its user.
fn clean(typed: &str) -> Cow<'_, str> {
    let trimmed = typed.trim();
    let user = match trimmed.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("sip:") => trimmed[4..].split('@').next().unwrap_or_default(),
        _ => trimmed,
    };
    if user.is_ascii() {
        return Cow::Borrowed(user);
    }
    let plain = user.chars().filter(|c| !is_without_width(*c)).map(|c| if c.is_whitespace() { ' ' } else { c });
    Cow::Owned(plain.collect::<String>().trim().to_owned())
}

fn is_without_width(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Cuts at the first letter after the first digit: `06… poste 12`, `06… (perso)`. The library would read the letters as
/// keys of a phone, which nobody means here. Addresses of the form `tel:` keep their parameters: the library knows them.
fn without_remark(cleaned: &str) -> &str {
    if cleaned.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("tel:")) {
        return cleaned;
    }
    let digits_at = cleaned.find(|c: char| c.is_numeric()).unwrap_or(cleaned.len());
    let remark = cleaned[digits_at..].find(char::is_alphabetic);
    remark.map_or(cleaned, |length| &cleaned[..digits_at + length])
}

/// Aircall sends `anonymous`; the other words come from networks and switchboards.
/// `266696687` spells ANONYMOUS on a phone's keys.
fn is_withheld(cleaned: &str) -> bool {
    const WORDS: [&str; 9] =
        ["anonymous", "unknown", "restricted", "private", "withheld", "blocked", "unavailable", "masqué", "inconnu"];
    let lower = cleaned.to_lowercase();
    WORDS.contains(&lower.as_str()) || lower.trim_start_matches('+') == "266696687"
}

fn is_internal(cleaned: &str) -> bool {
    let digits = cleaned.chars().filter(char::is_ascii_digit).count();
    let only_digits = cleaned.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '.' | '-' | '*' | '#'));
    only_digits && (1..=LONGEST_INTERNAL).contains(&digits)
}

/// Country codes are prefix-free: one digit in zones 1 and 7, two for those listed here, else three (ITU-T E.164, annex D).
fn country_code_length(digits: &str) -> usize {
    const OF_TWO: [&str; 42] = [
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49",
        "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84",
        "86", "90", "91", "92", "93", "94",
    ];
    match digits.as_bytes().first() {
        Some(b'1' | b'7') => 1,
        _ if OF_TWO.contains(&&digits[..2]) || matches!(&digits[..2], "95" | "98") => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests;
