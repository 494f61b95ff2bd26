//! What people type into a field, as groups of digits with what stands between them.
//!
//! Here only signs are read: which are digits, which separate, which are letters. Nothing is known of countries.

use super::plain;

/// What is longer is no field for numbers, and its end is not read.
const MOST_CHARACTERS: usize = 500;

/// What stands between two groups of digits of one number, by its first sign that is no space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) sign: char,
    /// May also stand between two numbers, and then more likely does.
    pub(super) wide: bool,
}

/// Digits without anything between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) digits: String,
    /// What stands before it; of the first of a run, nothing.
    pub(super) gap: Option<Gap>,
    /// It follows letters, as in `Port1` or `Bureau 204`.
    pub(super) after_letters: bool,
    /// A `+` stands before it.
    pub(super) plus: bool,
    /// A letter stands where one of its digits must be.
    pub(super) is_misspelt: bool,
}

/// Groups between which nothing stands that cannot be part of a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) groups: Vec<Group>,
    /// A word for an extension stands before it.
    pub(super) is_extension: bool,
}

/// What a field has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) runs: Vec<Run>,
    /// A spreadsheet has rounded a number: its last digits are lost.
    pub(super) is_rounded: bool,
}

pub(super) fn read(typed: &str) -> Typed {
    let end = typed.char_indices().nth(MOST_CHARACTERS).map_or(typed.len(), |(at, _)| at);
    let plain = plain::signs(&typed[..end]);
    let (plain, is_rounded) = plain::unrounded(&plain);
    let mut reader = Reader::default();
    let mut rest = &*plain;
    while let Some(first) = rest.chars().next() {
        let is_same = |c: char| match first {
            '0'..='9' => c.is_ascii_digit(),
            _ if first.is_alphabetic() => c.is_alphabetic(),
            _ => !c.is_ascii_digit() && !c.is_alphabetic(),
        };
        let end = rest.find(|c| !is_same(c)).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        match first {
            '0'..='9' => reader.digits(piece, after),
            _ if first.is_alphabetic() => reader.letters(piece, after),
            _ => reader.signs(piece, after),
        }
        rest = after;
    }
    reader.end_run();
    Typed { runs: reader.runs, is_rounded }
}

#[derive(Default)]
struct Reader {
    runs: Vec<Run>,
    run: Run,
    gap: Option<Gap>,
    plus: bool,
    /// Letters, and perhaps spaces, stand before what follows.
    after_letters: bool,
    /// How many parentheses are open.
    parentheses: usize,
    is_extension: bool,
    is_misspelt: bool,
}

impl Reader {
    fn end_run(&mut self) {
        let run = std::mem::take(&mut self.run);
        let is_extension = run.is_extension;
        let parts = without_dates(&run.groups).into_iter().filter(|groups| !groups.is_empty());
        self.runs.extend(parts.map(|groups| Run { groups, is_extension }));
        (self.gap, self.plus) = (None, false);
    }

    fn digits(&mut self, digits: &str, after: &str) {
        // `33639981234.0` is what a spreadsheet makes of a number.
        if digits.len() >= 7
            && let Some(zeros) = after.strip_prefix(['.', ','])
            && matches!(zeros.find(|c: char| c != '0').unwrap_or(zeros.len()), 1 | 2)
            && !zeros.trim_start_matches('0').starts_with(|c: char| c.is_ascii_digit() || c.is_alphabetic())
        {
            self.push(digits);
            self.end_run();
            return;
        }
        let ends_in = after.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        // `2ème ligne`, `9h-18h`: never part of a number.
        if digits.len() <= 2 && is_after_small_numbers(ends_in) {
            self.end_run();
            return;
        }
        self.push(digits);
    }

    fn push(&mut self, digits: &str) {
        let first = self.run.groups.is_empty();
        if first {
            self.run.is_extension = std::mem::take(&mut self.is_extension);
        }
        self.run.groups.push(Group {
            digits: digits.to_owned(),
            gap: self.gap.take().filter(|_| !first),
            after_letters: std::mem::take(&mut self.after_letters),
            plus: std::mem::take(&mut self.plus),
            is_misspelt: std::mem::take(&mut self.is_misspelt),
        });
    }

    fn letters(&mut self, letters: &str, after: &str) {
        let glued_before = self.gap.is_none() && !self.plus && !self.run.groups.is_empty();
        let glued_after = after.starts_with(|c: char| c.is_ascii_digit());
        let lower = letters.to_lowercase();
        let is_extension = is_for_extensions(&lower);
        // `12 3O`, `O6`, `+3367a82`: somebody meant a digit.
        let for_digits = letters.len() <= 2 && lower.chars().all(|c| matches!(c, 'o' | 'l' | 'i'));
        let within = glued_before && glued_after && letters.chars().count() == 1 && !is_extension;
        let is_misspelt = for_digits && (glued_before || glued_after) || within;
        if let Some(group) = self.run.groups.last_mut().filter(|_| glued_before) {
            group.is_misspelt |= is_misspelt;
        }
        self.end_run();
        self.is_extension = is_extension;
        self.is_misspelt = is_misspelt && glued_after;
        self.after_letters = true;
    }

    fn signs(&mut self, signs: &str, after: &str) {
        self.after_letters &= signs.trim_matches(' ').is_empty() || signs == ". ";
        // `1) 01 99 …`: of a list.
        let count = |parenthesis| signs.matches(parenthesis).count();
        if signs.contains(')') && self.parentheses == 0 && !signs.contains('(') {
            if self.run.groups.len() > 1 && self.run.groups.last().is_some_and(|group| group.digits.len() <= 2) {
                self.run.groups.pop();
            }
            self.end_run();
            return;
        }
        self.parentheses = (self.parentheses + count('(')).saturating_sub(count(')'));
        if signs.contains('+') {
            self.end_run();
            self.plus = true;
            return;
        }
        let sign = signs.chars().find(|c| !matches!(c, ' ' | '(' | ')'));
        // A service's code (`#31#`), lines, and what stands after a label.
        let label = sign == Some(':') && signs != ":";
        if label || signs.contains(['\n', '#', '*', '=', '"', ';']) {
            self.end_run();
            // After a number; `#31#` stands before one.
            let digits = |run: &Run| run.groups.iter().map(|group| group.digits.len()).sum::<usize>();
            self.is_extension |= signs.contains('#') && self.runs.last().is_some_and(|run| digits(run) > 3);
            return;
        }
        let gap = match sign {
            Some(sign) => {
                let (before, after) = signs.split_once(sign).unwrap_or_default();
                let spaced = before.ends_with(' ') && after.starts_with(' ');
                let wide = match sign {
                    '.' | '-' => spaced || after.contains(sign),
                    '/' => before.ends_with(' ') || after.starts_with(' ') || after.contains(sign),
                    ',' => after.starts_with(' '),
                    _ => true,
                };
                Gap { sign, wide }
            }
            None if signs.contains('(') => Gap { sign: '(', wide: self.is_apart(after) },
            None if signs.contains(')') => Gap { sign: ')', wide: false },
            None => Gap { sign: ' ', wide: signs.len() > 1 },
        };
        self.gap = Some(gap);
    }

    /// Whether a parenthesis, which `after` begins with, is not part of the number before it: it has a number of its own, or
    /// stands after a whole one. `(0)` never does.
    fn is_apart(&self, after: &str) -> bool {
        let inside = after.split(')').next().unwrap_or_default();
        let digits = inside.chars().filter(char::is_ascii_digit).count();
        let before: usize = self.run.groups.iter().map(|group| group.digits.len()).sum();
        inside != "0" && (digits >= 7 || before >= 6)
    }
}

/// What is before, between and after dates (`12/03/2024`, `2024-03-12`) and times (`14:30`).
fn without_dates(groups: &[Group]) -> Vec<Vec<Group>> {
    let (mut parts, mut at) = (vec![Vec::new()], 0);
    while let Some(group) = groups.get(at) {
        let length = date_or_time(&groups[at..], at > 0);
        if length > 0 {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(group.clone());
        }
        at += length.max(1);
    }
    parts
}

/// How many groups at the beginning are a date or a time.
fn date_or_time(groups: &[Group], goes_on: bool) -> usize {
    let sign = |at: usize| groups.get(at).and_then(|group| group.gap).map(|gap| gap.sign);
    let is = |at: usize, lengths: std::ops::RangeInclusive<usize>, most: u32| {
        let group = groups.get(at).filter(|group| lengths.contains(&group.digits.len()));
        group.is_some_and(|group| group.digits.parse().is_ok_and(|value: u32| value <= most))
    };
    let is_year = |at: usize| {
        groups.get(at).is_some_and(|group| {
            group.digits.len() == 4 && (group.digits.starts_with("19") || group.digits.starts_with("20"))
        })
    };
    let signs = (sign(1), sign(2));
    let is_date = signs == (Some('/'), Some('/')) && is(0, 1..=2, 31) && is(1, 1..=2, 12) && is_year(2)
        || signs == (Some('-'), Some('-')) && is_year(0) && is(1, 2..=2, 12) && is(2, 2..=2, 31);
    let within = goes_on && sign(0) == Some(':') || sign(2) == Some(':');
    if is_date {
        3
    } else if sign(1) == Some(':') && !within && is(0, 1..=2, 23) && is(1, 2..=2, 59) {
        2
    } else {
        0
    }
}

/// Words after which a number goes on inside a company.
fn is_for_extensions(lower: &str) -> bool {
    const WORDS: [&str; 27] = [
        "转",
        "轉",
        "分机",
        "poste",
        "post",
        "p",
        "ext",
        "extn",
        "extension",
        "x",
        "int",
        "interne",
        "intern",
        "interno",
        "durchwahl",
        "dw",
        "nst",
        "app",
        "apparaat",
        "toestel",
        "tst",
        "anexo",
        "ramal",
        "wew",
        "ankn",
        "доб",
        "вн",
    ];
    WORDS.contains(&lower)
}

/// What stands directly after a count or a time, and never after a telephone number.
fn is_after_small_numbers(letters: &str) -> bool {
    const ENDINGS: [&str; 17] =
        ["h", "er", "ère", "ere", "e", "è", "ème", "eme", "ième", "nd", "nde", "st", "rd", "th", "º", "ª", "min"];
    !letters.is_empty() && ENDINGS.contains(&&*letters.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The groups of each run.
    fn groups(typed: &str) -> String {
        let run = |run: &Run| {
            let groups: Vec<String> = run
                .groups
                .iter()
                .map(|group| {
                    let gap = match group.gap {
                        Some(gap) if gap.wide => " ~ ",
                        Some(_) => " ",
                        None => "",
                    };
                    format!("{gap}{}{}", if group.plus { "+" } else { "" }, group.digits)
                })
                .collect();
            let extension = if run.is_extension { "ext " } else { "" };
            let misspelt = if run.groups.iter().any(|group| group.is_misspelt) { "? " } else { "" };
            format!("{extension}{misspelt}{}", groups.concat())
        };
        let typed = read(typed);
        let runs: Vec<String> = typed.runs.iter().map(run).collect();
        format!("{}{}", runs.join(" | "), if typed.is_rounded { " rounded" } else { "" })
    }

    #[test]
    fn what_belongs_together_and_what_does_not() {
        for (typed, expected) in [
            ("06 39.98-12/34", "06 39 98 12 34"),
            ("01 99 00 12 34 - 06 39 98 12 34", "01 99 00 12 34 ~ 06 39 98 12 34"),
            ("0199001234\n0639981234", "0199001234 | 0639981234"),
            ("0199001234 ::: 0639981234", "0199001234 | 0639981234"),
            ("0199001234 ou 0639981234", "0199001234 | 0639981234"),
            ("0199001234 (0639981234)", "0199001234 ~ 0639981234"),
            ("+33 (0)6 39", "+33 0 6 39"),
            ("(020) 7946 0018", "020 7946 0018"),
            ("00+33 6", "00 | +33 6"),
            ("Bureau 2 : 01 99", "2 | 01 99"),
            ("Port1: 06 39", "1 | 06 39"),
            ("1er : 06 39", "06 39"),
            ("06 39 24h/24 9h-18h", "06 39 | 24"),
            ("06 39 (2ème ligne)", "06 39"),
            ("01 99 poste 12", "01 99 | ext 12"),
            ("01 99x12", "01 99 | ext 12"),
            ("#31#0639", "31 | 0639"),
            ("12 3O", "? 12 3"),
            ("O6 39", "? 6 39"),
            ("+3367a829916", "? +3367 | ? 829916"),
            ("3.36399812E+10", " rounded"),
            ("3,3639981234E+10", "33639981234"),
            ("33639981234.0", "33639981234 | 0"),
            ("06Â 39Â 98", "06 39 98"),
            ("06&nbsp;39", "06 39"),
            ("０６\u{2011}٣٩\u{fe0f}", "06 39"),
            ("", ""),
        ] {
            assert_eq!(groups(typed), expected, "{typed:?}");
        }
    }
}
