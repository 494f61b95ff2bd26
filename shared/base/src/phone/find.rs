//! From groups of digits to numbers: which groups are one number, and which number they are.
//!
//! A run is one number if its digits, all together, have a length that is possible in their country. Else it may be several,
//! or one with something after it. Where both fit, what people would read decides: a wide gap with a whole number on either
//! side is between two numbers.

use std::{cell::Cell, str::FromStr};

use rlibphonenumber::{NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber};

use super::{
    E164, Found, Problem, Region, country_code_length,
    plans::{self, FRENCH, WITH_LEADING_ZERO, WITHHELD},
    text::{Gap, Group, Typed},
};

/// A number has at most 15 digits; before them may stand an international prefix, a trunk prefix, and a repeated country code.
const MOST_DIGITS: usize = 24;
/// How many readings of groups as one number are tried in a field. One number takes one, two take some ten; but hundreds of groups with
/// all kinds of signs between them can be read in more ways than there is time.
const ATTEMPTS: u32 = 500;
/// Signs with space around them, or in pairs, and parentheses: what rather stands between two numbers first.
const WIDE: [char; 12] = ['\t', '|', '&', '<', '>', ':', '(', '/', ',', '-', '.', ' '];
/// What stands after a number and has no more digits belongs to it.
const LONGEST_EXTENSION: usize = 6;
/// Of a room, a house or a town.
const LONGEST_LABEL: usize = 5;
/// A number beside another has at least as many digits, or as many as that one.
const SHORTEST_BESIDE: usize = 7;

pub(super) fn numbers(typed: &Typed, region: Region) -> Result<Vec<Found>, Problem> {
    let finder = Finder { region, attempts: Cell::new(ATTEMPTS) };
    let mut found: Vec<Found> = Vec::new();
    let mut shortest = 0;
    for run in &typed.runs {
        let beside = !found.is_empty();
        let digits: usize = run.groups.iter().map(|group| group.digits.len()).sum();
        if digits < shortest || run.is_extension && digits <= LONGEST_EXTENSION {
            continue;
        }
        // `#12/06 39 …`
        let groups = match &run.groups[..] {
            [_, rest @ ..] if run.is_extension && rest.first().is_some_and(begins_number) => rest,
            groups => groups,
        };
        for read in finder.of_run(groups) {
            if (!beside || read.complete) && !found.iter().any(|known| known.number == read.found.number) {
                let length = read.found.number.significant_digits().len();
                found.push(read.found);
                shortest = length.min(SHORTEST_BESIDE);
            }
        }
    }
    if found.is_empty() { Err(problem(typed)) } else { Ok(found) }
}

fn problem(typed: &Typed) -> Problem {
    let digits: usize = typed.runs.iter().flat_map(|run| &run.groups).map(|group| group.digits.len()).sum();
    if typed.is_rounded {
        Problem::Rounded
    } else if typed.runs.iter().flat_map(|run| &run.groups).any(|group| group.is_misspelt) {
        Problem::Letter
    } else if digits == 0 {
        Problem::NoDigits
    } else if digits <= super::LONGEST_INTERNAL {
        Problem::Short
    } else {
        Problem::Length
    }
}

struct Read {
    found: Found,
    /// It needs no country or area from elsewhere to be a whole number.
    complete: bool,
}

/// Reads the runs of one field.
struct Finder {
    region: Region,
    attempts: Cell<u32>,
}

impl Finder {
    fn of_run(&self, groups: &[Group]) -> Vec<Read> {
        if self.attempts.get() == 0 {
            return Vec::new();
        }
        if groups.iter().any(|group| group.is_misspelt) {
            let parts = groups.chunk_by(|_, next| next.gap.is_none_or(|gap| !gap.wide));
            let right = parts.filter(|part| !part.iter().any(|group| group.is_misspelt));
            return right.flat_map(|part| self.of_run(part)).collect();
        }
        // `Bureau 204 01 99 …`, `(1) 06 39 …`
        if let [first, rest @ ..] = groups
            && let Some(next) = rest.first().filter(|next| begins_number(next))
            && (first.after_letters
                || first.digits.len() <= 2
                    && (first.gap.is_some() || next.gap.is_some_and(|gap| gap.wide || gap.sign == '.')))
            && first.digits.len() <= LONGEST_LABEL
            && next.gap.is_some_and(|gap| gap.wide || matches!(gap.sign, ' ' | '.' | ')'))
            && !begins_number(first)
            && self.whole(groups).is_none_or(|read| !is_valid(&read.found.number))
        {
            let read = self.of_run(rest);
            if !read.is_empty() {
                return read;
            }
        }
        let is_wide = |group: &Group, sign| group.gap.is_some_and(|gap| gap.wide && gap.sign == sign);
        for sign in WIDE.into_iter().filter(|sign| groups[1..].iter().any(|group| is_wide(group, *sign))) {
            let parts: Vec<&[Group]> = groups.chunk_by(|_, next| !is_wide(next, sign)).collect();
            // These also stand within numbers, whose parts may look like short ones.
            let shortest = if matches!(sign, '-' | '.' | ' ') { SHORTEST_BESIDE } else { 0 };
            let fits = |read: &Read| read.complete && read.found.number.significant_digits().len() >= shortest;
            let of_part = |part: &&[Group]| self.of_run(part).into_iter().filter(fits).collect();
            let read: Vec<Vec<Read>> = parts.iter().map(of_part).collect();
            // `… -106 / -107`
            let more =
                !matches!(sign, '-' | ' ') && !read[0].is_empty() && parts[1..].iter().all(|part| is_short(part));
            let read: Vec<Read> = read.into_iter().flatten().collect();
            if read.len() > 1 || more {
                return read;
            }
        }
        // Where numbers have many lengths, a number with an extension may look like one, but rarely is in use.
        let short = self.with_extension(groups);
        match (self.whole(groups), short) {
            (Some(all), Some(short)) if is_valid(&short.found.number) && !is_valid(&all.found.number) => {
                return vec![short];
            }
            (Some(read), _) | (None, Some(read)) => return vec![read],
            (None, None) => {}
        }
        let parts: Vec<&[Group]> = groups.chunk_by(|_, next| next.gap.is_none_or(|gap| !gap.wide)).collect();
        if parts.len() > 1 {
            let read: Vec<Read> =
                parts.into_iter().flat_map(|part| self.of_run(part)).filter(|read| read.complete).collect();
            if !read.is_empty() {
                return read;
            }
        }
        self.several(groups).unwrap_or_default()
    }

    /// Two or more numbers with no wide gap between them; rather where another sign than a space or a dot stands.
    fn several(&self, groups: &[Group]) -> Option<Vec<Read>> {
        let (marked, plain): (Vec<usize>, Vec<usize>) =
            (1..groups.len()).partition(|at| groups[*at].gap.is_some_and(is_marked));
        marked.into_iter().chain(plain).find_map(|at| {
            let (first, rest) = groups.split_at(at);
            let first = self.whole(first).filter(|read| read.complete)?;
            let rest = match self.whole(rest) {
                Some(read) if read.complete => vec![read],
                _ => self.several(rest)?,
            };
            Some(std::iter::once(first).chain(rest).collect())
        })
    }

    /// A number, and a few digits after a sign that does not stand within the number (`… 34-12`), or after a second slash.
    fn with_extension(&self, groups: &[Group]) -> Option<Read> {
        let sign = |group: &Group| group.gap.map(|gap| gap.sign);
        (1..groups.len()).rev().find_map(|at| {
            let (number, after) = groups.split_at(at);
            let apart = after[0].gap.filter(|gap| is_marked(*gap)).map(|gap| gap.sign)?;
            let within = if apart == '/' && after.len() == 1 { &number[number.len() - 1..] } else { &number[1..] };
            let is_apart = is_short(after) && within.iter().all(|group| sign(group) != Some(apart));
            if is_apart { self.whole(number).filter(|read| read.complete) } else { None }
        })
    }

    /// All groups as one number.
    fn whole(&self, groups: &[Group]) -> Option<Read> {
        self.attempts.set(self.attempts.get().checked_sub(1)?);
        let plus = groups.first()?.plus;
        let digits: String = groups.iter().map(|group| group.digits.as_str()).collect();
        if digits.len() > MOST_DIGITS {
            return None;
        }
        let found = number(plus, &digits, self.region).or_else(|| {
            // `(0)` after the code of a country that has no such zero.
            let is_trunk = |group: &Group| group.digits == "0" && group.gap.is_some_and(|gap| gap.sign == '(');
            groups.iter().any(is_trunk).then_some(())?;
            let digits: String =
                groups.iter().filter(|group| !is_trunk(group)).map(|group| group.digits.as_str()).collect();
            number(plus, &digits, self.region)
        })?;
        let complete = !found.national || digits.starts_with('0') || is_valid(&found.number);
        Some(Read { found, complete })
    }
}

fn is_short(part: &[Group]) -> bool {
    part.iter().map(|group| group.digits.len()).sum::<usize>() <= LONGEST_EXTENSION
}

fn begins_number(group: &Group) -> bool {
    group.plus || group.digits.starts_with('0')
}

/// A sign that people also put between a number and something else.
fn is_marked(gap: Gap) -> bool {
    gap.wide || !matches!(gap.sign, ' ' | '.')
}

fn is_valid(number: &E164) -> bool {
    PHONE_NUMBER_UTIL.parse(number.as_str(), None).is_ok_and(|number| number.is_valid())
}

/// The number that these digits are when they are dialled in a region, or after a `+`.
pub(super) fn number(plus: bool, digits: &str, region: Region) -> Option<Found> {
    if plus {
        // No country code begins with zero: `+0033 6…`, `+06 39…`.
        return match (digits.strip_prefix("00"), digits.starts_with('0')) {
            (Some(digits), _) => international(digits),
            (None, true) => number(false, digits, region),
            (None, false) => international(digits),
        };
    }
    // By far the most frequent, and told without the library's patterns.
    if region.is_french() && digits.starts_with('0') {
        match digits.strip_prefix("00") {
            Some(abroad) => return international(abroad),
            None if digits.len() == 10 => {
                return today("33", &digits[1..]).map(|number| Found { number, national: true });
            }
            None => {}
        }
    }
    let code = region.country_code();
    if let Some(number) = by_library(digits, region) {
        let national = digits.starts_with('0') || !digits.starts_with(number.country_code());
        return Some(Found { number, national });
    }
    // `033 6…`: a zero too few. `0033 6…` where another prefix leads abroad, and people wrote it all the same.
    let abroad = digits.strip_prefix('0').filter(|digits| digits.starts_with(&code));
    abroad.or_else(|| digits.strip_prefix("00")).and_then(international)
}

/// After the `+`.
fn international(digits: &str) -> Option<Found> {
    if digits.len() < 7 || digits.starts_with('0') {
        return None;
    }
    let (code, national) = digits.split_at(country_code_length(digits));
    // `+33 0033 6…`.
    let national = national.strip_prefix("00").and_then(|rest| rest.strip_prefix(code)).unwrap_or(national);
    let number = today(code, national)
        .filter(|_| !national.starts_with('0'))
        .or_else(|| by_library(&format!("+{code}{national}"), Region::default()))?;
    Some(Found { number, national: false })
}

/// Knows trunk prefixes and international ones.
fn by_library(digits: &str, region: Region) -> Option<E164> {
    let parsed = PHONE_NUMBER_UTIL.parse(digits, Some(region.0)).ok()?;
    let number = today(&parsed.country_code.to_string(), &parsed.get_national_significant_number())?;
    // A number must read the same again: the library takes a zero away each time.
    let stays = |number: &E164| {
        let again = PHONE_NUMBER_UTIL.parse(number.as_str(), None);
        again.is_ok_and(|again| again.get_national_significant_number() == number.significant_digits())
    };
    Some(number).filter(|number| !number.significant_digits().starts_with('0') || stays(number))
}

/// Today's number if its length is possible. Whether its range is in use is not asked.
fn today(code: &str, national: &str) -> Option<E164> {
    let (code, national) = plans::today(code, national);
    if national.starts_with('0') && !WITH_LEADING_ZERO.contains(&code) {
        return None;
    }
    let zeros = national.bytes().take_while(|byte| *byte == b'0').count();
    let number = PhoneNumber {
        country_code: code.parse().ok()?,
        national_number: national.parse().ok().filter(|number| *number > 0)?,
        italian_leading_zero: (zeros > 0).then_some(true),
        number_of_leading_zeros: i32::try_from(zeros).ok().filter(|zeros| *zeros > 0),
        ..PhoneNumber::default()
    };
    if number.is_possible_with_reason() != Ok(NumberLengthType::IsPossible)
        || WITHHELD.contains(&&*format!("{code}{national}"))
    {
        return None;
    }
    E164::from_str(&format!("+{code}{national}")).ok()
}

impl Region {
    fn is_french(self) -> bool {
        FRENCH.contains(&&*self.country_code())
    }

    pub(super) fn country_code(self) -> String {
        PHONE_NUMBER_UTIL.get_country_code_for_region(self.0).unwrap_or_default().to_string()
    }
}
