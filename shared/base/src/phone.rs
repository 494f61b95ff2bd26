//! Phone numbers: from what people type to one spelling that can be compared.
//!
//! Aircall sends the other party as `+33 6 23 45 67 89`, Sellsy keeps whatever was typed (`06.23.45.67.89`, `0033 (0)6…`,
//! `01 99 00 12 34 - 06 39 98 12 34`, `… poste 12`), so a caller is found only after both became [`E164`]. [`read`] finds every
//! number in a field, [`classify`] says what a call's number tells about who is calling. Both follow one rule.
//!
//! Three steps: `phone/plain.rs` and `phone/text.rs` read signs (groups of digits and what stands between them), `phone/find.rs` decides which
//! groups are one number, `phone/plans.rs` has what a numbering plan says beyond the library. `phone/spellings.tsv` is the
//! table of cases.
//!
//! A number is accepted when its length is possible in its country. Whether its range has been assigned is not checked: the
//! tables of ranges are always out of date, and a number that rings is a number. `docs/decisions/0001-phone-numbers.md` says
//! which library knows the countries and why. It is loaded on first use and shared by all threads.
//!
//! `Display` and `Debug` of an [`E164`] are masked, so that a number cannot slip into a log.

mod find;
mod plain;
mod plans;
mod spelled;
mod text;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rlibphonenumber::PHONE_NUMBER_UTIL;
use rlibphonenumber::Region as Country;
use serde::{Deserialize, Serialize};
pub use spelled::Spelling;

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

    /// What every spelling of the number ends with, whichever plan it follows.
    pub fn last_digits(&self) -> &str {
        let digits = self.significant_digits();
        &digits[digits.len().saturating_sub(8)..]
    }

    /// Where the numbering plan has changed: the part to search for in records from before.
    pub fn former_digits(&self) -> Option<String> {
        plans::before(self.country_code(), self.significant_digits())
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

/// The countries in which a company has its sites. Numbers that are typed as they are dialled within a country are read in the
/// first one; in each other one, too, for the calls of that country's lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Regions(Arc<[Region]>);

impl Regions {
    /// Where nothing else says which country is meant.
    pub fn first(&self) -> Region {
        self.0.first().copied().unwrap_or_default()
    }

    pub fn others(&self) -> &[Region] {
        self.0.get(1..).unwrap_or_default()
    }

    /// Where the other party's number is dialled that a line in this country (Aircall's `country`) shows.
    pub fn of_line(&self, country: Option<&str>) -> Region {
        country.and_then(|country| country.parse().ok()).unwrap_or_else(|| self.first())
    }

    /// The first country that the number may belong to.
    pub fn of_number(&self, number: &E164) -> Region {
        let is_its = |region: &&Region| region.country_code() == number.country_code();
        self.0.iter().find(is_its).copied().unwrap_or_else(|| self.first())
    }
}

impl From<Region> for Regions {
    fn from(region: Region) -> Self {
        Self(Arc::new([region]))
    }
}

/// Codes with commas between them.
impl FromStr for Regions {
    type Err = UnknownRegion;

    fn from_str(text: &str) -> Result<Self, UnknownRegion> {
        Ok(Self(text.split(',').map(str::parse).collect::<Result<_, _>>()?))
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

/// A number in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub number: E164,
    /// Typed as it is dialled within its country: which one that is, the text does not say.
    pub national: bool,
}

/// Why a field has no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    #[error("no digits")]
    NoDigits,
    #[error("too few digits")]
    Short,
    #[error("too many or too few digits for its country")]
    Length,
    #[error("a letter in place of a digit")]
    Letter,
    #[error("rounded by a spreadsheet: its last digits are lost")]
    Rounded,
}

/// Every number in a field that a person filled in, in its order. Extensions and remarks are no numbers. A number without
/// country code is read as one of `region`.
pub fn read(typed: &str, region: Region) -> Result<Vec<Found>, Problem> {
    match in_context(typed) {
        Some(typed) => find::numbers(&text::read(&typed), region),
        None => find::numbers(&text::read(typed), region),
    }
}

/// The first number in a text.
pub fn parse(typed: &str, region: Region) -> Option<E164> {
    read(typed, region).ok()?.into_iter().next().map(|found| found.number)
}

/// What was typed, for people who correct it: without most of its digits, and without longer words, which may be names.
pub fn masked(typed: &str) -> String {
    const LONGEST: usize = 60;
    let digits = typed.chars().filter(|c| c.is_numeric()).count();
    let (mut nth, mut masked) = (0, String::new());
    for piece in typed.split_inclusive(|c: char| !c.is_alphabetic()) {
        let word = piece.trim_end_matches(|c: char| !c.is_alphabetic());
        masked.push_str(if word.chars().count() > 2 { "…" } else { word });
        for c in piece[word.len()..].chars() {
            // In any script.
            nth += usize::from(c.is_numeric());
            masked.push(match c {
                c if c.is_numeric() && nth + 2 <= digits => '*',
                c if c.is_control() => ' ',
                c => c,
            });
        }
    }
    masked.chars().take(LONGEST).collect()
}

/// What a call's number tells. `raw` is Aircall's `raw_digits`; a number without `+` is read as a national one of `region`.
pub fn classify(raw: Option<&str>, region: Region) -> Caller {
    let Some(raw) = raw.map(without_sip).filter(|raw| !is_withheld(raw)) else {
        return Caller::Withheld;
    };
    match parse(raw, region) {
        Some(number) => Caller::Number(number),
        None if is_internal(raw) => Caller::Internal,
        None => Caller::Unusable,
    }
}

/// `tel:639981234;phone-context=+33` (RFC 3966) with its country code in front.
fn in_context(typed: &str) -> Option<String> {
    let (number, context) = typed.split_once(";phone-context=+")?;
    let (context, rest) = context.split_once(';').unwrap_or((context, ""));
    (!number.contains('+'))
        .then(|| format!("+{context} {};{rest}", number.trim_start_matches(|c: char| !c.is_ascii_digit())))
}

/// The user of a `sip:` address.
fn without_sip(typed: &str) -> &str {
    let trimmed = typed.trim();
    match trimmed.get(..4) {
        Some(scheme) if scheme.eq_ignore_ascii_case("sip:") => trimmed[4..].split('@').next().unwrap_or_default(),
        _ => trimmed,
    }
}

/// Aircall sends `anonymous`; the other words, and the words as numbers, come from networks and switchboards.
fn is_withheld(raw: &str) -> bool {
    const WORDS: [&str; 9] =
        ["anonymous", "unknown", "restricted", "private", "withheld", "blocked", "unavailable", "masqué", "inconnu"];
    let lower = raw.to_lowercase();
    let digits = || raw.chars().filter(char::is_ascii_digit).collect::<String>();
    raw.is_empty()
        || WORDS.contains(&lower.as_str())
        || raw.starts_with('+') && plans::WITHHELD.contains(&&*digits())
        || raw == "266696687"
}

fn is_internal(raw: &str) -> bool {
    let digits = raw.chars().filter(char::is_ascii_digit).count();
    let only_digits = raw.chars().all(|c| c.is_ascii_digit() || matches!(c, ' ' | '.' | '-' | '*' | '#'));
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
