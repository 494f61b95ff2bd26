//! Formats times, durations and numbers for people.

use base::ids::Kind;
use jiff::Timestamp;
use maud::{Markup, html};
use vendors::aircall::wire::{Call, Direction};

use super::{layout::Visitor, texts::Lang};

/// Date and minute, in the time zone of the settings.
pub(super) fn when(visitor: &Visitor, at: Timestamp) -> Markup {
    let local = at.to_zoned(visitor.zone.clone());
    let pattern = match visitor.lang {
        Lang::French => "%d/%m/%Y %H:%M",
        Lang::English => "%-d %b %Y, %H:%M",
    };
    html! { time datetime=(at) { (local.strftime(pattern)) } }
}

/// `Lundi 30 novembre 2026`
pub(super) fn day(visitor: &Visitor, at: Timestamp) -> Markup {
    const DAYS: [&str; 7] = ["Lundi", "Mardi", "Mercredi", "Jeudi", "Vendredi", "Samedi", "Dimanche"];
    const MONTHS: [&str; 12] = [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ];
    let date = at.to_zoned(visitor.zone.clone()).date();
    let text = match visitor.lang {
        Lang::English => date.strftime("%A, %-d %B %Y").to_string(),
        Lang::French => {
            let day = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
            let month = usize::try_from(date.month() - 1).unwrap_or(0);
            let first = if date.day() == 1 { "1er".into() } else { date.day().to_string() };
            format!("{} {first} {} {}", DAYS[day % 7], MONTHS[month % 12], date.year())
        }
    };
    html! { time datetime=(date.to_string()) { (text) } }
}

/// The time of day.
pub(super) fn hour(visitor: &Visitor, at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.to_zoned(visitor.zone.clone()).strftime("%H:%M")) } }
}

/// In small letters without accents, for sorting and comparing what people type: `hélène` is `helene`.
pub(super) fn folded(text: &str) -> String {
    let plain = |c: char| match c {
        'à' | 'â' | 'ä' | 'á' | 'ã' | 'å' => 'a',
        'ç' => 'c',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'í' | 'ì' | 'î' | 'ï' => 'i',
        'ñ' => 'n',
        'ó' | 'ò' | 'ô' | 'ö' | 'õ' | 'œ' => 'o',
        'ú' | 'ù' | 'û' | 'ü' => 'u',
        'ý' | 'ÿ' => 'y',
        'æ' => 'a',
        c => c,
    };
    // Accents that stand on their own are left out.
    text.to_lowercase().chars().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).map(plain).collect()
}

/// The time of day with seconds.
pub(super) fn time_of_day(visitor: &Visitor, at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.to_zoned(visitor.zone.clone()).strftime("%H:%M:%S")) } }
}

pub(super) fn ago(visitor: &Visitor, now: Timestamp, at: Timestamp) -> String {
    visitor.texts().ago.replace("{}", &span(visitor.lang, now.duration_since(at).as_secs()))
}

/// Since when: the time of day, and the day too if it is another one.
pub(super) fn since(visitor: &Visitor, now: Timestamp, at: Timestamp) -> Markup {
    let (now, local) = (now.to_zoned(visitor.zone.clone()), at.to_zoned(visitor.zone.clone()));
    let pattern = match (now.date() == local.date(), visitor.lang) {
        (true, _) => "%H:%M",
        (false, Lang::French) => "%d/%m %H:%M",
        (false, Lang::English) => "%-d %b, %H:%M",
    };
    html! { (visitor.texts().since) " " time datetime=(at) { (local.strftime(pattern)) } }
}

/// One decimal.
pub(super) fn decimal(lang: Lang, number: f64) -> String {
    let text = format!("{number:.1}");
    if lang == Lang::French { text.replace('.', ",") } else { text }
}

/// A share, in whole percent.
pub(super) fn percent(lang: Lang, part: i64, whole: i64) -> String {
    let space = if lang == Lang::French { '\u{202f}' } else { '\u{a0}' };
    format!("{}{space}%", (part * 200 + whole) / (whole * 2).max(1))
}

/// A number of days; `one` is what a single day is called.
pub(super) fn number_of_days(lang: Lang, days: i64, one: &str) -> String {
    match (days, lang) {
        (1, _) => one.to_owned(),
        (days, Lang::French) => format!("{days} jours"),
        (days, Lang::English) => format!("{days} days"),
    }
}

/// A duration in its most significant unit.
pub(super) fn span(lang: Lang, seconds: i64) -> String {
    let day = if lang == Lang::French { "j" } else { "d" };
    match seconds.max(0) {
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7199 => format!("{} min", s / 60),
        s @ 7200..=172_799 => format!("{} h", s / 3600),
        s => format!("{} {day}", s / 86_400),
    }
}

/// The duration of a call.
pub(super) fn duration(seconds: u64) -> String {
    match seconds {
        0..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// A count with its digits grouped by thousands.
pub(super) fn count(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    if n < 0 { format!("−{text}") } else { text }
}

/// The caller's number, as Aircall writes it.
pub(super) fn number(visitor: &Visitor, call: Option<&Call>) -> String {
    let digits = call.and_then(|call| call.raw_digits.as_deref()).map(str::trim).unwrap_or_default();
    match digits {
        "" | "anonymous" => visitor.texts().withheld.into(),
        digits => digits.into(),
    }
}

/// The direction as an arrow, and as a word for screen readers.
pub(super) fn direction(visitor: &Visitor, call: Option<&Call>) -> Markup {
    let (arrow, word) = match call.and_then(|call| call.direction.as_ref()) {
        Some(Direction::Outbound) => ("↗", visitor.texts().outbound),
        _ => ("↙", visitor.texts().inbound),
    };
    html! { span.arrow aria-hidden="true" title=(word) { (arrow) } span.unseen { (word) " " } }
}

pub(super) fn kind_name(visitor: &Visitor, kind: Kind) -> &'static str {
    let texts = visitor.texts();
    match kind {
        Kind::Individual => texts.individual,
        Kind::Company => texts.company,
        Kind::Contact => texts.contact,
    }
}

/// A kind of the directory, of many.
pub(super) fn kind_names<'a>(visitor: &Visitor, kind: &'a str) -> &'a str {
    let texts = visitor.texts();
    match kind {
        "individual" => texts.individuals,
        "company" => texts.companies,
        "contact" => texts.contacts,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_accents() {
        for (text, expected) in
            [("Élodie", "elodie"), ("HÉLÈNE", "helene"), ("He\u{301}le\u{300}ne", "helene"), ("Łukasz", "łukasz")]
        {
            assert_eq!(folded(text), expected);
        }
        let mut names = vec!["Tom", "Élodie", "Zoé", "anna"];
        names.sort_by_key(|name| folded(name));
        assert_eq!(names, ["anna", "Élodie", "Tom", "Zoé"]);
    }

    #[test]
    fn spans_and_counts_are_short() {
        for (seconds, expected) in [(-3, "0 s"), (119, "119 s"), (600, "10 min"), (7200, "2 h"), (200_000, "2 j")] {
            assert_eq!(span(Lang::French, seconds), expected);
        }
        assert_eq!(
            (duration(59), duration(61), duration(3720)),
            ("59 s".into(), "1 min 01 s".into(), "1 h 02 min".into())
        );
        let percents = [(0, 3), (1, 3), (2, 3), (1, 2), (3, 3)].map(|(part, whole)| percent(Lang::French, part, whole));
        assert_eq!(percents.map(|text| text.replace('\u{202f}', "")), ["0%", "33%", "67%", "50%", "100%"]);
        assert_eq!((count(999), count(-1_234_567)), ("999".into(), "−1\u{202f}234\u{202f}567".into()));
    }
}
