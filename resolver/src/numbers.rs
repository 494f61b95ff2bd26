//! The numbers of a record, from what people typed into its fields.

use base::phone::{self, E164, Problem, Region, Regions};

/// Without repeats, in no order that matters.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) read: Vec<Numbered>,
    /// Fields with digits of which none are a number.
    pub(crate) unread: Vec<Unread>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Numbered {
    pub(crate) number: E164,
    /// The number is this one only for calls of this country's lines: it was typed as it is dialled there.
    pub(crate) only_for: Option<Region>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unread {
    pub(crate) problem: Problem,
    /// Masked.
    pub(crate) typed: String,
}

impl Numbers {
    pub(crate) fn of<'a>(fields: impl Iterator<Item = &'a str>, regions: &Regions) -> Self {
        let mut numbers = Self::default();
        for typed in fields {
            numbers.add(typed, regions);
        }
        numbers.read.sort_by(|a, b| a.number.cmp(&b.number));
        numbers
    }

    fn add(&mut self, typed: &str, regions: &Regions) {
        let first = phone::read(typed, regions.first());
        let may_be_others = first.as_ref().map_or(true, |found| found.iter().any(|found| found.national));
        let mut none = first.as_ref().err().copied();
        for found in first.unwrap_or_default() {
            self.put(found.number, None);
        }
        for region in regions.others().iter().filter(|_| may_be_others) {
            for found in phone::read(typed, *region).unwrap_or_default() {
                none = None;
                self.put(found.number, Some(*region).filter(|_| found.national));
            }
        }
        if let Some(problem) = none.filter(|problem| *problem != Problem::NoDigits) {
            let unread = Unread { problem, typed: phone::masked(typed) };
            if !self.unread.contains(&unread) {
                self.unread.push(unread);
            }
        }
    }

    /// What is a number for all lines is not one for some of them only.
    fn put(&mut self, number: E164, only_for: Option<Region>) {
        match self.read.iter_mut().find(|known| known.number == number) {
            Some(known) if known.only_for != only_for => known.only_for = None,
            Some(_) => {}
            None => self.read.push(Numbered { number, only_for }),
        }
    }

    /// Whether a call of a line in this country can be from the record.
    pub(crate) fn has(&self, number: &E164, line: Region) -> bool {
        let is_it = |read: &Numbered| read.number == *number && read.only_for.is_none_or(|region| region == line);
        self.read.iter().any(is_it)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[&str], regions: &str) -> (String, String) {
        let numbers = Numbers::of(fields.iter().copied(), &regions.parse().unwrap());
        let number = |read: &Numbered| match read.only_for {
            Some(region) => format!("{} for {region}", read.number.as_str()),
            None => read.number.as_str().to_owned(),
        };
        let unread = |unread: &Unread| format!("{:?} {}", unread.problem, unread.typed);
        let join = |texts: Vec<String>| texts.join(", ");
        (join(numbers.read.iter().map(number).collect()), join(numbers.unread.iter().map(unread).collect()))
    }

    #[test]
    fn every_number_of_every_field_once() {
        for (fields, regions, numbers, unread) in [
            (&["06 39 98 12 34", "+33639981234"][..], "FR", "+33639981234", ""),
            (&["01 99 00 12 34 - 06 39 98 12 34"], "FR", "+33199001234, +33639981234", ""),
            (&["", "  ", "à demander", "n/a"], "FR", "", ""),
            (&["12", "06 39 98 12 3O"], "FR", "", "Short 12, Letter ** ** ** *2 3O"),
            (&["Camille 06 39 98"], "FR", "", "Short … ** ** 98"),
            (&["3,36399812E+10"], "FR", "", "Rounded *,********E+10"),
            (&["０６ ３９ ９８ １２ ３"], "FR", "", "Length ** ** ** *２ ３"),
            // Lines in several countries: who typed it, is not known, so both, each for the calls of its lines.
            (&["0470 12 34 56"], "FR,BE", "+32470123456 for BE, +33470123456", ""),
            (&["+32 470 12 34 56"], "FR,BE", "+32470123456", ""),
            (&["0470 12 34 56", "+32 470 12 34 56"], "FR,BE", "+32470123456, +33470123456", ""),
            (&["030 23125 123"], "FR,DE", "+493023125123 for DE", ""),
        ] {
            assert_eq!(read(fields, regions), (numbers.into(), unread.into()), "{fields:?} {regions}");
        }
    }

    #[test]
    fn a_number_may_count_for_the_lines_of_one_country() {
        let numbers = Numbers::of(["0470 12 34 56"].into_iter(), &"FR,BE".parse().unwrap());
        let [france, belgium] = ["FR", "BE"].map(|region| region.parse().unwrap());
        for (number, line, expected) in [
            ("+32470123456", belgium, true),
            ("+32470123456", france, false),
            ("+33470123456", france, true),
            ("+33470123456", belgium, true),
        ] {
            assert_eq!(numbers.has(&number.parse().unwrap(), line), expected, "{number} {line}");
        }
    }
}
