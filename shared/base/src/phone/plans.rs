//! Numbering plans that a library of today's numbers does not know: one plan for seven country codes, and old numbers that
//! people still have in their records.
//!
//! Everything here is data with its source, and makes one number of several: both sides of every comparison are read with it.

use std::borrow::Cow;

/// The country codes of the French plan. A national number of nine digits exists once in all of them: French people dial
/// `0596 30 12 34` from anywhere in it, though the country code is 596.
pub(super) const FRENCH: [&str; 6] = ["33", "262", "508", "590", "594", "596"];

/// Which country code the national numbers of the French plan have that are not metropolitan, by their first digits; the
/// longest that fits counts. Source: plan national de numérotation (Arcep, décision 2018-0881 and those that amend it), the
/// blocks within 7, 93, 94 and 97 after libphonenumber's metadata of the territories (9.0.43), which cites Arcep's list.
const OVERSEAS: &[(&str, &str)] = &[
    ("262", "262"),
    ("263", "262"),
    ("2688", "262"),
    ("2689", "262"),
    ("269", "262"),
    ("508", "508"),
    ("590", "590"),
    ("594", "594"),
    ("596", "596"),
    ("5987", "590"),
    ("5988", "594"),
    ("5989", "596"),
    ("639", "262"),
    // Reserved for fiction, and metropolitan.
    ("63998", "33"),
    ("690", "590"),
    ("691", "590"),
    ("692", "262"),
    ("693", "262"),
    ("694", "594"),
    ("696", "596"),
    ("697", "596"),
    ("7084", "508"),
    ("7085", "508"),
    ("7090", "590"),
    ("7091", "596"),
    ("7092", "262"),
    ("7093", "594"),
    ("70935", "262"),
    ("70936", "262"),
    ("70937", "262"),
    ("9395", "590"),
    ("9396", "594"),
    ("9397", "596"),
    ("9398", "262"),
    ("9399", "262"),
    ("9475", "590"),
    ("9476", "594"),
    ("9477", "596"),
    ("9478", "262"),
    ("9479", "262"),
    // Numbers of all overseas territories, in blocks.
    ("976", "594"),
    ("9760", "590"),
    ("9761", "590"),
    ("9768", "590"),
    ("97622", "262"),
    ("97627", "262"),
    ("97628", "262"),
    ("9763", "262"),
    ("9766", "596"),
    ("9767", "596"),
    ("9769", "262"),
];

/// Country codes with numbers that begin with zero. Elsewhere such a number has a digit too few, or a zero too many. Source:
/// the general patterns of libphonenumber's metadata (9.0.43).
pub(super) const WITH_LEADING_ZERO: [&str; 28] = [
    "39", "47", "62", "66", "81", "82", "91", "225", "226", "227", "229", "241", "242", "247", "250", "267", "268",
    "359", "378", "501", "507", "598", "676", "679", "687", "853", "974", "992",
];

/// Numbers that carriers send for callers who withhold theirs: words on a phone's keys (UNAVAILABLE, RESTRICTED after a 1,
/// ANONYMOUS, BLOCKED, and one that is no word). Source: what connectors of telephones and CRMs report to have received.
pub(super) const WITHHELD: [&str; 5] = ["86282452253", "17378742833", "266696687", "2562533", "464"];

/// What a number is today: its country code and its national number.
pub(super) fn today<'a>(code: &'a str, national: &'a str) -> (&'a str, Cow<'a, str>) {
    match code {
        "229" => (code, benin(national)),
        "225" => (code, ivory_coast(national)),
        "52" => (code, mexico(national)),
        "55" => (code, brazil(national)),
        "54" => (code, argentina(national)),
        _ if FRENCH.contains(&code) => french(code, national),
        _ => (code, national.into()),
    }
}

/// A number by which people who keep the old plan may have recorded it: its digits without the country code.
pub(super) fn before(code: &str, national: &str) -> Option<String> {
    match code {
        "229" => national.strip_prefix("01").filter(|old| old.len() == 8).map(str::to_owned),
        "225" if national.len() == 10 => Some(national[2..].to_owned()),
        "55" if national.len() == 11 && national[2..].starts_with('9') => {
            Some(format!("{}{}", &national[..2], &national[3..]))
        }
        _ => None,
    }
}

fn french<'a>(code: &'a str, national: &'a str) -> (&'a str, Cow<'a, str>) {
    if national.len() != 9 {
        return (code, national.into());
    }
    let fits = OVERSEAS.iter().filter(|(first, _)| national.starts_with(first));
    // People write +33 before any number of the plan. Another code was meant, unless the number says which one.
    let code = fits.max_by_key(|(first, _)| first.len()).map_or(code, |(_, code)| *code);
    // The numbers of Saint-Pierre-et-Miquelon have six digits; within the plan, their country code stands before them. Those
    // with nine begin with 7 or 8; any other is a number with an extension.
    let national = match national.strip_prefix("508").filter(|_| code == "508") {
        Some(local) => local,
        None if code == "508" && !national.starts_with(['7', '8']) => "",
        None => national,
    };
    (code, national.into())
}

/// 2024-11-30: 01 before every number of eight digits. Source: ARCEP Bénin, plan national de
/// numérotation à 10 chiffres.
fn benin(national: &str) -> Cow<'_, str> {
    if national.len() == 8 { format!("01{national}").into() } else { national.into() }
}

/// 2021-01-31: two digits of the operator before every number of eight digits. A mobile number's second digit said whose it
/// was; a fixed one's third. Source: ARTCI, plan national de numérotation à 10 chiffres.
fn ivory_coast(national: &str) -> Cow<'_, str> {
    if national.len() != 8 {
        return national.into();
    }
    let digit = |at: usize| national.as_bytes().get(at).copied().unwrap_or_default();
    let operator = match (digit(0), digit(1), digit(2)) {
        (b'2', _, b'8') => "21",
        (b'2' | b'3', _, b'0') => "25",
        (b'2' | b'3', ..) => "27",
        (_, b'0'..=b'3', _) => "01",
        (_, b'4'..=b'6', _) => "05",
        _ => "07",
    };
    format!("{operator}{national}").into()
}

/// 2019-08-03: no 1 any more before the ten digits of a mobile number called from abroad. Source: IFT, Plan Técnico Fundamental
/// de Numeración, in force that day.
fn mexico(national: &str) -> Cow<'_, str> {
    national.strip_prefix('1').filter(|ten| ten.len() == 10).unwrap_or(national).into()
}

/// 2012 to 2016-11-06, by area: 9 before the eight digits of a mobile number, which began with 6 to 9. Source: Anatel,
/// resolution 553/2010.
fn brazil(national: &str) -> Cow<'_, str> {
    let is_old = matches!(national.as_bytes(), [b'1'..=b'9', b'1'..=b'9', b'6'..=b'9', rest @ ..] if rest.len() == 7);
    if is_old { format!("{}9{}", &national[..2], &national[2..]).into() } else { national.into() }
}

/// A mobile number has a 9 before the area when called from abroad, a 15 after it within the country, and neither in many
/// records. Without them it exists once. Source: ENACOM, Plan Fundamental de Numeración Nacional.
fn argentina(national: &str) -> Cow<'_, str> {
    national.strip_prefix('9').filter(|ten| ten.len() == 10).unwrap_or(national).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_numbers_are_today_they_stay() {
        for (code, national, expected) in [
            ("33", "596301234", "+596 596301234"),
            ("262", "639981234", "+33 639981234"),
            ("590", "612345678", "+590 612345678"),
            ("508", "411234106", "+508 "),
            ("33", "508411010", "+508 411010"),
            ("508", "411010", "+508 411010"),
            ("33", "708401234", "+508 708401234"),
            ("33", "976012345", "+590 976012345"),
            ("590", "976312345", "+262 976312345"),
            ("33", "976512345", "+594 976512345"),
            ("33", "12345", "+33 12345"),
            ("229", "97123456", "+229 0197123456"),
            ("225", "07123456", "+225 0707123456"),
            ("225", "44123456", "+225 0544123456"),
            ("225", "50123456", "+225 0150123456"),
            ("225", "20812345", "+225 2120812345"),
            ("225", "22012345", "+225 2522012345"),
            ("225", "22412345", "+225 2722412345"),
            ("52", "15512345678", "+52 5512345678"),
            ("55", "1187654321", "+55 11987654321"),
            ("55", "1147654321", "+55 1147654321"),
            ("55", "8001234567", "+55 8001234567"),
            ("54", "91123456789", "+54 1123456789"),
            ("44", "2079460018", "+44 2079460018"),
        ] {
            let (code, number) = today(code, national);
            assert_eq!(format!("+{code} {number}"), expected);
            assert_eq!(today(code, &number), (code, Cow::Borrowed(&*number)), "read again");
        }
    }

    #[test]
    fn an_old_number_leads_to_todays() {
        for (code, national) in [("229", "0197123456"), ("225", "0707123456"), ("55", "11987654321")] {
            let old = before(code, national).unwrap();
            assert_eq!(today(code, &old).1, national);
        }
        assert_eq!(before("33", "639981234"), None);
    }
}
