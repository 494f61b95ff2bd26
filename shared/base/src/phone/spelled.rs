//! The spellings in which people, and the programs that fill a CRM, write a number.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};
use serde::{Deserialize, Serialize};

use super::E164;

/// One of them: how a number is written where it is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// `639984107`: a part of every other one that has no blanks.
    Significant,
    /// `+33639984107`
    E164,
    /// `+33 6 39 98 41 07`
    International,
    /// `0639984107`
    National,
    /// `06 39 98 41 07`
    NationalSpaced,
}

impl Spelling {
    pub const ALL: [Self; 5] =
        [Self::Significant, Self::E164, Self::International, Self::National, Self::NationalSpaced];

    /// The number in this spelling.
    pub fn of(self, number: &E164) -> String {
        let grouped = |format| {
            let parsed = PHONE_NUMBER_UTIL.parse(number.as_str(), None);
            let text = parsed.ok().map(|parsed| PHONE_NUMBER_UTIL.format(&parsed, format).into_owned());
            text.unwrap_or_else(|| number.as_str().to_owned())
        };
        match self {
            Self::Significant => number.significant_digits().to_owned(),
            Self::E164 => number.as_str().to_owned(),
            Self::International => grouped(PhoneNumberFormat::International),
            Self::NationalSpaced => grouped(PhoneNumberFormat::National),
            Self::National => grouped(PhoneNumberFormat::National).chars().filter(char::is_ascii_digit).collect(),
        }
    }

    /// How somebody has typed the number; `None` for any other way.
    pub fn typed(text: &str, number: &E164) -> Option<Self> {
        Self::ALL.into_iter().find(|spelling| spelling.of(number) == text)
    }

    /// An example, for people.
    pub fn example(self) -> &'static str {
        match self {
            Self::Significant => "612345678",
            Self::E164 => "+33612345678",
            Self::International => "+33 6 12 34 56 78",
            Self::National => "0612345678",
            Self::NationalSpaced => "06 12 34 56 78",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_spelled_in_each_way() {
        use Spelling::{E164, International, National, NationalSpaced, Significant};
        for (number, spelling, expected) in [
            ("+33639984107", Significant, "639984107"),
            ("+33639984107", E164, "+33639984107"),
            ("+33639984107", International, "+33 6 39 98 41 07"),
            ("+33639984107", National, "0639984107"),
            ("+33639984107", NationalSpaced, "06 39 98 41 07"),
            ("+442035821980", International, "+44 20 3582 1980"),
            ("+442035821980", National, "02035821980"),
        ] {
            let number: super::E164 = number.parse().unwrap();
            assert_eq!(spelling.of(&number), expected);
            assert_eq!(Spelling::typed(expected, &number), Some(spelling));
        }
        assert_eq!(Spelling::typed("06.39.98.41.07", &"+33639984107".parse().unwrap()), None);
    }
}
