//! What a task says, in French or English, and the marker by which a task or a comment is found again.

use base::settings::Language;
use jiff::{Timestamp, tz::TimeZone};
use ledger::{
    followups::Key,
    missed::{Became, Missed, Reached},
};
use vendors::aircall::wire::Call;

/// Characters; Sellsy documents no limit.
const TITLE: usize = 120;
/// So many times are named, the last ones.
const TIMES: usize = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) title: String,
    pub(crate) description: String,
}

impl Text {
    /// As it is written. The first line is the marker; a seal follows it, as one ends a log: a text that fits its seal is as Callbridge wrote
    /// it, even if the ledger does not know. One that was restored, or has lost its last second, is older than the task.
    pub(crate) fn sealed(&self, is_done: bool) -> Self {
        let (marker, rest) = self.description.split_once('\n').unwrap_or((&self.description, ""));
        let seal = seal(&logger::plain(&self.title), &logger::plain(&self.description), is_done);
        Self { title: self.title.clone(), description: format!("{marker} {seal}\n{rest}") }
    }
}

/// Whether a task is as Callbridge wrote it. Who closes or reopens one breaks the seal, too.
pub(crate) fn is_sealed(title: &str, description: &str, is_done: bool) -> bool {
    let text = logger::plain(description);
    let Some(end) = first_marker(&text).and_then(|at| Some(at + text[at..].find(')')? + 1)) else { return false };
    let (before, after) = text.split_at(end);
    let parts = after.trim_start().split_at_checked(SEAL);
    parts.is_some_and(|(stands, rest)| stands == seal(&logger::plain(title), &format!("{before}{rest}"), is_done))
}

fn seal(title: &str, description: &str, is_done: bool) -> String {
    let all = format!("{}\n{}\n{is_done}", logger::squashed(title), logger::squashed(description));
    blake3::hash(all.as_bytes()).to_hex()[..SEAL].to_owned()
}

/// Hexadecimal digits, as many as the seal of a log has.
const SEAL: usize = 6;
/// How the markers begin. The bracket that closes one ends it, whatever Sellsy does to the line break.
const MARKERS: [&str; 3] = ["(Aircall missed call ", "(Aircall call ", "(Aircall messages "];

/// The first line of a task or a comment. Sellsy has no field for an id of ours.
pub(crate) fn marker(key: &Key) -> String {
    let [missed, item_of, messages] = MARKERS;
    match key {
        Key::Missed(call) => format!("{missed}{call})"),
        Key::ActionItem { call, item } => format!("{item_of}{call}, action item {item})"),
        // Sellsy may change what a name is written with.
        Key::Tag { call, tag } => format!("{item_of}{call}, tag {})", &blake3::hash(tag.as_bytes()).to_hex()[..8]),
        Key::Messages { number, day } => format!("{messages}{} {day})", number.as_str()),
        // These are no texts.
        Key::SmartTags { call, .. } | Key::Step { call, .. } | Key::Prospect(call) => format!("{item_of}{call})"),
    }
}

/// Whether this is the text of that task, as Sellsy gives it back and people may have edited it. The first marker counts, as in a log: later ones are
/// what a line is called, what an action item says, or what a person quotes.
pub(crate) fn has_marker(text: &str, key: &Key) -> bool {
    let text = logger::plain(text);
    first_marker(&text).is_some_and(|at| text[at..].starts_with(&marker(key)))
}

fn first_marker(text: &str) -> Option<usize> {
    MARKERS.iter().filter_map(|begins| text.find(begins)).min()
}

/// What the text about missed calls is made of.
pub(crate) struct Rings<'a> {
    pub(crate) missed: &'a Missed,
    /// Those that are this task.
    pub(crate) times: Vec<Timestamp>,
    pub(crate) last: &'a Call,
    /// The page of the last call at Aircall.
    pub(crate) link: Option<String>,
    pub(crate) voicemail: Option<String>,
}

pub(crate) fn missed(key: &Key, rings: &Rings<'_>, language: Language, zone: &TimeZone) -> Text {
    let Rings { missed, times, last, link, voicemail } = rings;
    let say = |french: &str, english: &str| match language {
        Language::French => french.to_owned(),
        Language::English => english.to_owned(),
    };
    let at = |at: Timestamp| moment(at, language, zone);
    let named = missed.caller.as_deref().map(logger::line).filter(|name| !name.is_empty());
    let who = named.unwrap_or_else(|| missed.number.clone());
    let mut title = say("Rappeler ", "Call back ") + &who;
    if missed.voicemail {
        title += &say(" (message vocal)", " (voicemail)");
    }
    let mut lines = vec![marker(key)];
    let line = last.number.as_ref().and_then(|number| number.name.as_deref()).map(logger::line).unwrap_or_default();
    let on = if line.is_empty() { String::new() } else { say(" sur ", " on ") + &line };
    let shown: Vec<_> = times.iter().skip(times.len().saturating_sub(TIMES)).map(|time| at(*time)).collect();
    lines.push(match times.len() {
        1 => say("Appel manqué", "Missed call") + &on + &say(", ", ", ") + &shown.join(", "),
        count => {
            let rang = say("appels manqués", "missed calls");
            format!("{count} {rang}{on}{}{}", say(" : ", ": "), shown.join(", "))
        }
    });
    lines.push(say("Numéro : ", "Number: ") + &missed.number);
    lines.extend(voicemail.as_ref().map(|link| say("Message vocal : ", "Voicemail: ") + link));
    lines.extend(link.as_ref().map(|link| say("Dans Aircall : ", "At Aircall: ") + link));
    if !missed.tried_by.is_empty() {
        let mut by: Vec<_> = missed.tried_by.iter().map(|name| logger::line(name)).collect();
        by.dedup();
        lines.push(say("Rappelé sans réponse par : ", "Called back without an answer by: ") + &by.join(", "));
    }
    let spoke = |reached: &Reached| {
        at(missed.first_at.saturating_add(jiff::SignedDuration::from_secs(reached.after_s)).unwrap_or(missed.first_at))
    };
    let by = |reached: &Reached| reached.by.as_deref().map(logger::line).filter(|name| !name.is_empty());
    lines.extend(match &missed.became {
        Became::Open => None,
        Became::CalledBack(reached) => {
            let by = by(reached).map_or_else(String::new, |name| say(" par ", " by ") + &name);
            Some(say("Rappelé", "Called back") + &by + &say(", ", ", ") + &spoke(reached))
        }
        Became::RangAgain(reached) => {
            let by = by(reached).map_or_else(String::new, |name| say(", répondu par ", ", answered by ") + &name);
            Some(say("A rappelé", "Rang again") + &by + &say(", ", ", ") + &spoke(reached))
        }
    });
    Text { title: logger::cut(&title, TITLE), description: lines.join("\n") }
}

/// What the text about an action item is made of.
pub(crate) struct Item<'a> {
    pub(crate) says: &'a str,
    pub(crate) call: &'a Call,
    pub(crate) caller: Option<&'a str>,
    pub(crate) link: Option<String>,
}

pub(crate) fn action_item(key: &Key, item: &Item<'_>, language: Language, zone: &TimeZone) -> Text {
    let says = logger::line(item.says);
    let (caller, at) = (who(item.call, item.caller), began(item.call, language, zone));
    let (of, link) = match language {
        Language::French => (format!("De l’appel avec {caller}, {at} (IA d’Aircall)"), "Dans Aircall : "),
        Language::English => (format!("From the call with {caller}, {at} (Aircall’s AI)"), "At Aircall: "),
    };
    let mut lines = vec![marker(key), says.clone(), of];
    lines.extend(item.link.as_ref().map(|to| format!("{link}{to}")));
    Text { title: logger::cut(&says, TITLE), description: lines.join("\n") }
}

/// What the text about a tag is made of.
pub(crate) struct Tagged<'a> {
    /// By the rule.
    pub(crate) title: &'a str,
    pub(crate) tag: &'a str,
    pub(crate) call: &'a Call,
    pub(crate) caller: Option<&'a str>,
    pub(crate) link: Option<String>,
}

pub(crate) fn tagged(key: &Key, tagged: &Tagged<'_>, language: Language, zone: &TimeZone) -> Text {
    let Tagged { title, tag, call, caller, link } = tagged;
    let (caller, at, tag) = (who(call, *caller), began(call, language, zone), logger::line(tag));
    let (of, at_aircall) = match language {
        Language::French => (format!("Tag « {tag} » de l’appel avec {caller}, {at}"), "Dans Aircall : "),
        Language::English => (format!("Tag “{tag}” of the call with {caller}, {at}"), "At Aircall: "),
    };
    let mut lines = vec![marker(key), of];
    lines.extend(link.as_ref().map(|to| format!("{at_aircall}{to}")));
    Text { title: logger::cut(&format!("{} – {caller}", logger::line(title)), TITLE), description: lines.join("\n") }
}

/// What a prospect's note says.
pub(crate) fn prospect(call: &Call, link: Option<&str>, language: Language, zone: &TimeZone) -> String {
    let at = began(call, language, zone);
    let (of, at_aircall) = match language {
        Language::French => (format!("Créé d’après un appel, {at} (Aircall)"), "Dans Aircall : "),
        Language::English => (format!("Created from a call, {at} (Aircall)"), "At Aircall: "),
    };
    link.map_or_else(|| of.clone(), |link| format!("{of}\n{at_aircall}{link}"))
}

fn who(call: &Call, caller: Option<&str>) -> String {
    let caller = caller.map(logger::line).filter(|name| !name.is_empty());
    caller.or_else(|| call.raw_digits.as_deref().map(logger::line)).unwrap_or_default()
}

fn began(call: &Call, language: Language, zone: &TimeZone) -> String {
    call.started_at.map(|at| moment(at, language, zone)).unwrap_or_default()
}

fn moment(at: Timestamp, language: Language, zone: &TimeZone) -> String {
    let at = at.to_zoned(zone.clone());
    match language {
        Language::French => at.strftime("%d/%m à %H:%M").to_string(),
        Language::English => at.strftime("%Y-%m-%d %H:%M").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use base::ids::CallId;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_task_is_known_by_its_marker_whatever_sellsy_and_people_do_to_it() {
        let missed = Key::Missed(CallId(5));
        let item = |item: &str| Key::ActionItem { call: CallId(5), item: item.into() };
        for (text, key, expected) in [
            ("(Aircall missed call 5)\nNuméro : +33…", &missed, true),
            ("(Aircall missed call 5)Numéro : +33…", &missed, true),
            ("Vu.<p>(Aircall missed call 5)</p>", &missed, true),
            ("(Aircall&nbsp;missed call 5) – fait", &missed, true),
            ("(Aircall missed call 55)", &missed, false),
            ("(Aircall missed call 5", &missed, false),
            ("Aircall call 5", &missed, false),
            ("(Aircall call 5, action item 7)", &item("7"), true),
            ("(Aircall call 5, action item 71)", &item("7"), false),
            ("(Aircall call 5, action item 7)", &missed, false),
            // A line with such a name, an action item that says so, a person who quotes another task.
            ("(Aircall missed call 55) Appel manqué sur (Aircall missed call 5)", &missed, false),
            ("(Aircall call 9, action item 7) Faire (Aircall missed call 5)", &missed, false),
            ("(Aircall missed call 5) Comme (Aircall call 5, action item 7)", &missed, true),
            ("(Aircall missed call 5) Comme (Aircall call 5, action item 7)", &item("7"), false),
        ] {
            assert_eq!(has_marker(text, key), expected, "{text} of {key}");
        }
    }

    #[test]
    fn a_seal_fits_what_callbridge_wrote_whatever_sellsy_does_to_blanks() {
        let text =
            Text { title: "Rappeler Jeanne".into(), description: "(Aircall missed call 5)\nAppel manqué".into() };
        let Text { title, description } = text.sealed(false);
        let seal =
            description.strip_prefix("(Aircall missed call 5) ").unwrap().strip_suffix("\nAppel manqué").unwrap();
        assert!(seal.len() == SEAL && has_marker(&description, &Key::Missed(CallId(5))), "{description}");
        for (what, title, description, is_done, expected) in [
            ("as sent", title.as_str(), description.clone(), false, true),
            ("as HTML", &title, description.replace(' ', "&nbsp;").replace('\n', "<br />"), false, true),
            ("joined", &title, description.replace('\n', ""), false, true),
            ("closed", &title, description.clone(), true, false),
            ("another title", "Vu avec elle", description.clone(), false, false),
            ("a word more", &title, format!("{description} Vu."), false, false),
            ("a word before", &title, format!("Vu. {description}"), false, false),
            ("an older one", &title, text.description, false, false),
            ("cut", &title, "(Aircall missed call 5) 0a".into(), false, false),
            ("no marker", &title, "Appel manqué".into(), false, false),
        ] {
            assert_eq!(is_sealed(title, &description, is_done), expected, "{what}");
        }
    }

    fn of(times: usize, voicemail: bool, became: Became) -> String {
        let at = |minute: i64| Timestamp::from_second(1_795_425_330 + minute * 60).unwrap();
        let missed = Missed {
            number: "+33639984107".into(),
            caller: Some("Jeanne Martin".into()),
            lines: vec!["Accueil".into()],
            calls: vec![],
            first_at: at(0),
            last_at: at(10),
            voicemail,
            tried_by: vec!["Léa Roussel".into(), "Léa Roussel".into()],
            became,
        };
        let last: Call = serde_json::from_value(json!({ "id": 7, "number": { "name": "Accueil" } })).unwrap();
        let rings = Rings {
            missed: &missed,
            times: (0..i64::try_from(times).unwrap()).map(at).collect(),
            last: &last,
            link: Some("https://dashboard.aircall.io/calls/7/timeline".into()),
            voicemail: voicemail.then(|| "https://assets.aircall.io/calls/7/voicemail".into()),
        };
        let text =
            super::missed(&Key::Missed(CallId(7)), &rings, Language::French, &TimeZone::get("Europe/Paris").unwrap());
        format!("{}\n{}", text.title, text.description)
    }

    const TRIED: &str = "Rappelé sans réponse par : Léa Roussel";

    #[test]
    fn what_a_task_says_about_missed_calls() {
        let reached = Reached { call: CallId(9), by: Some("Hugo".into()), line: None, after_s: 3_600 };
        let link = "Dans Aircall : https://dashboard.aircall.io/calls/7/timeline";
        for (found, expected) in [
            (
                of(1, false, Became::Open),
                &[
                    "Rappeler Jeanne Martin",
                    "Appel manqué sur Accueil, 23/11 à 10:15",
                    "Numéro : +33639984107",
                    link,
                    TRIED,
                ][..],
            ),
            (
                of(7, true, Became::CalledBack(reached.clone())),
                &[
                    "Rappeler Jeanne Martin (message vocal)",
                    "7 appels manqués sur Accueil : 23/11 à 10:17, 23/11 à 10:18, 23/11 à 10:19, 23/11 à 10:20, 23/11 à 10:21",
                    "Numéro : +33639984107",
                    "Message vocal : https://assets.aircall.io/calls/7/voicemail",
                    link,
                    TRIED,
                    "Rappelé par Hugo, 23/11 à 11:15",
                ],
            ),
            (
                of(2, false, Became::RangAgain(Reached { by: None, ..reached })),
                &[
                    "Rappeler Jeanne Martin",
                    "2 appels manqués sur Accueil : 23/11 à 10:15, 23/11 à 10:16",
                    "Numéro : +33639984107",
                    link,
                    TRIED,
                    "A rappelé, 23/11 à 11:15",
                ],
            ),
        ] {
            assert_eq!(
                found.lines().collect::<Vec<_>>(),
                [&expected[..1], &["(Aircall missed call 7)"], &expected[1..]].concat()
            );
        }
    }
}
