//! The table of spellings, and the same rule as a property. Numbers are from ranges reserved for fiction where the country
//! has such ranges (France 01 99 00 and 06 39 98, United Kingdom 020 7946 and 07700 900), else made up.

use proptest::prelude::*;

use super::*;

fn region(code: &str) -> Region {
    code.parse().unwrap()
}

fn shown(caller: &Caller) -> &str {
    match caller {
        Caller::Number(number) => number.as_str(),
        Caller::Withheld => "withheld",
        Caller::Internal => "internal",
        Caller::Unusable => "unusable",
    }
}

#[track_caller]
fn check(country: &str, table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .map(|(typed, expected)| (typed, expected, classify(Some(typed), region(country))))
        .filter(|(_, expected, caller)| shown(caller) != **expected)
        .map(|(typed, expected, caller)| format!("{typed:?}: expected {expected}, got {}", shown(&caller)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Escapes of the table: `\t`, `\n`, `\\` and `\u{a0}`.
fn unescaped(typed: &str) -> String {
    let mut text = String::new();
    let mut rest = typed;
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let (c, after) = if let Some(code) = escape.strip_prefix("u{") {
            let (code, after) = code.split_once('}').unwrap();
            (char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap(), after)
        } else {
            let c = escape.chars().next().unwrap();
            (
                if c == 't' {
                    '\t'
                } else if c == 'n' {
                    '\n'
                } else {
                    c
                },
                &escape[c.len_utf8()..],
            )
        };
        text.push(c);
        rest = after;
    }
    text + rest
}

#[test]
fn every_spelling_of_the_table_is_read_as_it_says() {
    let (mut rows, mut countries, mut wrong) = (0, std::collections::BTreeSet::new(), Vec::new());
    for row in include_str!("spellings.tsv").lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
        let [country, typed, expected, _source] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let read = read(&unescaped(typed), region(country)).unwrap_or_default();
        let read: Vec<&str> = read.iter().map(|found| found.number.as_str()).collect();
        if read.join(" ") != expected.trim_matches('-') {
            wrong.push(format!("{country} {typed}: expected {expected}, got {read:?}"));
        }
        countries.insert(country);
        rows += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows >= 400 && countries.len() >= 40, "{rows} rows of {} countries", countries.len());
}

#[test]
fn french_numbers_in_every_spelling() {
    const MOBILE: &str = "+33639981234";
    check(
        "FR",
        &[
            ("+33 6 39 98 12 34", MOBILE),
            ("+33639981234", MOBILE),
            ("0639981234", MOBILE),
            ("06 39 98 12 34", MOBILE),
            ("06.39.98.12.34", MOBILE),
            ("06-39-98-12-34", MOBILE),
            ("06/39/98/12/34", MOBILE),
            ("  06 39 98 12 34\t", MOBILE),
            ("639981234", MOBILE),
            ("33639981234", MOBILE),
            ("0033 6 39 98 12 34", MOBILE),
            ("00 33 (0) 6-39-98-12-34", MOBILE),
            ("+33 (0)6 39 98 12 34", MOBILE),
            ("+33(0)639981234", MOBILE),
            ("(+33) 6 39 98 12 34", MOBILE),
            ("+ 33 6 39 98 12 34", MOBILE),
            ("+33 06 39 98 12 34", MOBILE),
            ("06\u{a0}39\u{a0}98\u{a0}12\u{a0}34", MOBILE),
            ("+33\u{202f}6\u{202f}39\u{202f}98\u{202f}12\u{202f}34", MOBILE),
            ("\u{202a}+33 6 39 98 12 34\u{202c}", MOBILE),
            ("\u{ff0b}33 6 39 98 12 34", MOBILE),
            ("Tél : 06 39 98 12 34", MOBILE),
            ("tel:+33-6-39-98-12-34", MOBILE),
            ("TEL:+33639981234;ext=12", MOBILE),
            ("tel:639981234;phone-context=+33", MOBILE),
            ("sip:+33639981234@trunk.example", MOBILE),
        ],
    );
}

#[test]
fn extensions_and_remarks_are_not_part_of_the_number() {
    const PARIS: &str = "+33199001234";
    check(
        "FR",
        &[
            ("01 99 00 12 34 poste 12", PARIS),
            ("01 99 00 12 34 p.12", PARIS),
            ("01 99 00 12 34 ext. 12", PARIS),
            ("01 99 00 12 34 x12", PARIS),
            ("01 99 00 12 34 #12", PARIS),
            ("01 99 00 12 34 (standard)", PARIS),
            ("01 99 00 12 34 bureau", PARIS),
            ("01 99 00 12 34 / 06 39 98 12 34", PARIS),
            ("01 99 00 12 34 ou 06 39 98 12 34", PARIS),
            ("01 99 00 12 34, 06 39 98 12 34", PARIS),
            ("01 99 00 12 34\n06 39 98 12 34", PARIS),
        ],
    );
}

#[test]
fn numbers_of_neighbouring_countries() {
    check(
        "CH",
        &[
            ("044 668 18 00", "+41446681800"),
            ("079 123 45 67", "+41791234567"),
            ("0041 79 123 45 67", "+41791234567"),
            ("+41 (0)44 668 18 00", "+41446681800"),
            ("0033 6 39 98 12 34", "+33639981234"),
        ],
    );
    check(
        "BE",
        &[
            ("02 555 12 12", "+3225551212"),
            ("0470 12 34 56", "+32470123456"),
            ("0470/12.34.56", "+32470123456"),
            ("+32 (0)470 12 34 56", "+32470123456"),
        ],
    );
    check(
        "GB",
        &[
            ("020 7946 0018", "+442079460018"),
            ("(020) 7946 0018", "+442079460018"),
            ("07700 900123", "+447700900123"),
            ("+44 (0)20 7946 0018", "+442079460018"),
            ("0044 7700 900123", "+447700900123"),
        ],
    );
    // The leading zero stays in Italy and the Ivory Coast.
    check(
        "FR",
        &[
            ("+44 20 7946 0018", "+442079460018"),
            ("+39 06 6982 1234", "+390669821234"),
            ("+225 07 07 12 34 56", "+2250707123456"),
            ("+1 800-123-4567", "+18001234567"),
            ("+377 99 99 99 99", "+37799999999"),
        ],
    );
}

#[test]
fn overseas_numbers_have_their_own_country_code() {
    check(
        "FR",
        &[
            ("+262 692 12 34 56", "+262692123456"),
            ("0692 12 34 56", "+262692123456"),
            ("0262 12 34 56", "+262262123456"),
            ("0639 01 23 45", "+262639012345"),
            ("+590 690 12 34 56", "+590690123456"),
            ("0690 12 34 56", "+590690123456"),
            ("+596 696 12 34 56", "+596696123456"),
            ("0696 12 34 56", "+596696123456"),
            ("0694 20 12 34", "+594694201234"),
            ("+689 87 12 34 56", "+68987123456"),
        ],
    );
}

/// Somebody may send a field that can be read in more ways than there is time.
#[test]
fn any_field_is_read_in_bounded_time() {
    let signs = ["\t", " | ", " & ", " < ", " > ", ": ", " (", " / ", ", ", " - ", " . ", "  ", "/", "-", " ", ")"];
    for (country, digits) in [("DE", "1"), ("DE", "030"), ("AT", "12"), ("FR", "01"), ("US", "212")] {
        let typed: String = (0..200).map(|n| format!("{digits}{}", signs[n * 7 % signs.len()])).collect();
        let began = std::time::Instant::now();
        let _ = read(&typed, region(country));
        assert!(began.elapsed() < std::time::Duration::from_secs(2), "{country} {digits}: {:?}", began.elapsed());
    }
}

/// Ranges that are missing from the library's tables, not yet or on purpose.
#[test]
fn a_number_of_a_possible_length_counts_whatever_its_range() {
    check(
        "FR",
        &[
            ("01 99 00 00 00", "+33199000000"),
            ("07 00 12 34 56", "+33700123456"),
            ("0800 12 34 56", "+33800123456"),
            ("0 892 70 12 39", "+33892701239"),
            ("+800 1234 5678", "+80012345678"),
        ],
    );
}

#[test]
fn numbers_that_cannot_be_looked_up() {
    check(
        "FR",
        &[
            ("", "withheld"),
            ("  ", "withheld"),
            ("anonymous", "withheld"),
            ("Anonymous", "withheld"),
            ("Restricted", "withheld"),
            ("+266696687", "withheld"),
            ("sip:anonymous@anonymous.invalid", "withheld"),
            ("15", "internal"),
            ("112", "internal"),
            ("3615", "internal"),
            ("39 49", "internal"),
            ("118712", "internal"),
            ("116 000", "internal"),
            ("*21#", "internal"),
            ("sip:104@pbx.example", "internal"),
            ("+33 6 39 98 12 3", "unusable"),
            ("06 39 98 12 34 56 78", "unusable"),
            ("+33 1 FLOWERS", "unusable"),
            ("+3367a829916", "unusable"),
            ("1-800-FLOWERS", "unusable"),
            ("+999 123 456 789", "unusable"),
            ("+1 555-0100", "unusable"),
            ("00000000", "unusable"),
            ("+", "unusable"),
            ("n/a", "unusable"),
            ("à rappeler", "unusable"),
        ],
    );
    assert_eq!(classify(None, Region::default()), Caller::Withheld);
}

#[test]
fn both_ways_of_printing_are_masked() {
    for (clear, masked) in [
        ("+33639981234", "+33 6 ** ** ** 34"),
        ("+3225551212", "+32 2 * ** ** 12"),
        ("+442079460018", "+44 2 * ** ** ** 18"),
        ("+18001234567", "+1 8 * ** ** ** 67"),
        ("+390669821234", "+39 0 * ** ** ** 34"),
        ("+687751234", "+687 ** ** 34"),
        ("+6834000", "+683 ** 00"),
    ] {
        let number: E164 = clear.parse().unwrap();
        assert_eq!(number.to_string(), masked);
        assert_eq!(format!("{:?}", Caller::Number(number.clone())), format!("Number(E164({masked}))"));
        assert_eq!(serde_json::to_string(&number).unwrap(), format!("\"{clear}\""));
        assert_eq!(serde_json::from_str::<E164>(&format!("\"{clear}\"")).unwrap(), number);
    }
}

#[test]
fn e164_reads_no_other_spelling() {
    for text in ["", "+", "33639981234", "+33 639981234", "+0639981234", "+33639", "+3363998123456789", "+٣٣٦٣٩٩٨١٢٣٤"]
    {
        let error = text.parse::<E164>().unwrap_err();
        assert!(text.is_empty() || text == "+" || !error.to_string().contains(text));
    }
    assert_eq!("+33639981234".parse::<E164>().unwrap().significant_digits(), "639981234");
    assert_eq!("+390669821234".parse::<E164>().unwrap().significant_digits(), "0669821234");
}

#[test]
fn regions_are_iso_codes() {
    assert_eq!(Region::default().to_string(), "FR");
    assert_eq!(region(" ch ").to_string(), "CH");
    for text in ["", "F", "FRA", "XX", "33", "Éa", "ZZ"] {
        let error = text.parse::<Region>().unwrap_err();
        assert!(error.to_string().starts_with(&format!("`{text}` is not a country")), "{error}");
    }
}

/// Our short rule for country codes must agree with the library's table.
#[test]
fn every_country_code_is_cut_at_the_right_place() {
    for code in PHONE_NUMBER_UTIL.get_supported_calling_codes() {
        let number: E164 = format!("+{code}1234567").parse().unwrap();
        assert_eq!(number.country_code(), code.to_string());
    }
}

fn separator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", " ", ".", "-", "\u{a0}", "\u{202f}", "  ", " - ", "\u{200b}"])
}

proptest! {
    /// Nine national digits, one of the prefixes, any separators between any digits, any remark after it.
    #[test]
    fn any_spelling_gives_the_same_number(
        national in "[1-7][0-9]{8}",
        prefix in prop::sample::select(vec!["+33", "0033", "0", "+33 (0)", "(+33)", "+33 0", "tel:+33", "00 33 (0) "]),
        separators in prop::collection::vec(separator(), 9),
        remark in prop::sample::select(vec!["", " poste 12", " ext. 4", " x12", " (perso)", "\u{202c}", " "]),
    ) {
        // Some blocks, such as 508, are no numbers of France.
        let canonical = parse(&format!("+33{national}"), Region::default());
        prop_assume!(canonical.is_some());
        // A `tel:` address allows only hyphens and has its own spelling for the extension.
        let (separators, remark) = if prefix == "tel:+33" { (vec!["-"; 9], ";ext=12") } else { (separators, remark) };
        let digits = national.chars().zip(&separators).map(|(digit, gap)| format!("{gap}{digit}"));
        let spelled = format!("{prefix}{}{remark}", digits.collect::<String>());
        prop_assert_eq!(parse(&spelled, Region::default()), canonical, "{:?}", spelled);
    }

    #[test]
    fn no_input_panics_and_a_number_reads_back_as_itself(typed in "\\PC*|[0-9+() .x#*;=a-z-]{0,30}") {
        if let Caller::Number(number) = classify(Some(&typed), Region::default()) {
            prop_assert_eq!(parse(number.as_str(), Region::default()), Some(number));
        }
    }
}
