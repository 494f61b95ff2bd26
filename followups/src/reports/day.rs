//! The figures of a day: a pure function of its calls. docs/reports.md says the same for people.

use std::collections::{BTreeMap, BTreeSet};

use base::ids::{CallId, Kind};
use jiff::tz::TimeZone;
use ledger::{
    insight::Sentiment,
    reports::{DayCall, Figures, Part, Sums},
    resolution::Record,
};
use vendors::aircall::wire::Direction;

use crate::about::is_nobodys;

/// What is longer is no topic.
const TOPIC: usize = 60;
const NAME: usize = 120;

/// `not_called_back` are the missed calls with whose caller nobody has spoken since.
pub(super) fn figures(calls: &[DayCall], not_called_back: &BTreeSet<CallId>, zone: &TimeZone) -> Figures {
    let mut figures = Figures::default();
    for call in calls.iter().filter(|call| counts(call)) {
        let sums = sums(call, not_called_back.contains(&call.seen.call_id));
        for (part, key, name) in parts(call, zone) {
            if let Some(name) = name.map(|name| shortened(name, NAME)).filter(|name| !name.is_empty()) {
                // Calls come in the order in which they began: the last name is the newest.
                figures.names.insert((part, key.clone()), name);
            }
            let of_part = figures.sums.entry((part, key)).or_default();
            *of_part = *of_part + sums;
        }
    }
    figures
}

/// Calls that go on are counted when they are over. Those between colleagues, and those that the rules ignore, are nobody's business.
fn counts(call: &DayCall) -> bool {
    call.seen.call.has_ended() && !call.seen.rule.as_ref().is_some_and(is_nobodys)
}

fn sums(of: &DayCall, not_called_back: bool) -> Sums {
    let call = &of.seen.call;
    let one = |is: bool| i64::from(is);
    let (inbound, answered) = (call.direction != Some(Direction::Outbound), call.was_answered());
    let waited_s = call.started_at.zip(call.answered_at).map(|(from, to)| to.duration_since(from).as_secs().max(0));
    let waited_s = waited_s.filter(|_| inbound);
    let within = |seconds: i64| one(waited_s.is_some_and(|waited_s| waited_s <= seconds));
    let is_known = of.seen.record.is_some() && !of.made_its_record;
    let is_first = !is_known && !of.has_called_before && has_number(of);
    let mood = mood(&of.moods);
    Sums {
        inbound: one(inbound),
        answered: one(inbound && answered),
        missed: one(inbound && !answered),
        voicemail: one(inbound && !answered && call.has_voicemail()),
        not_called_back: one(inbound && !answered && not_called_back),
        waited_s: waited_s.unwrap_or(0),
        within_10_s: within(10),
        within_20_s: within(20),
        within_30_s: within(30),
        within_60_s: within(60),
        outbound: one(!inbound),
        reached: one(!inbound && answered),
        talked_s: call.talk_seconds().and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0),
        tagged: one(!call.tags.is_empty()),
        noted: one(!call.comments.is_empty()),
        with_insights: one(of.has_insights),
        known: one(inbound && is_known),
        first_contact: one(inbound && is_first),
        positive: one(mood == Some(Mood::Positive)),
        neutral: one(mood == Some(Mood::Neutral)),
        negative: one(mood == Some(Mood::Negative)),
    }
}

fn has_number(of: &DayCall) -> bool {
    of.seen.call.raw_digits.as_deref().is_some_and(|raw| raw.chars().filter(char::is_ascii_digit).count() > 3)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mood {
    Neutral,
    Positive,
    Negative,
}

/// Of the caller, not of the colleague. Of several, a bad mood counts before a good one, and a good one before none.
fn mood(all: &[Sentiment]) -> Option<Mood> {
    let one = |sentiment: &Sentiment| match sentiment.value.as_str() {
        "POSITIVE" => Some(Mood::Positive),
        "NEUTRAL" => Some(Mood::Neutral),
        "NEGATIVE" => Some(Mood::Negative),
        _ => None,
    };
    all.iter().filter(|sentiment| !sentiment.internal).filter_map(one).max()
}

/// What the call is counted for, by which key, and what that is called.
fn parts<'a>(of: &'a DayCall, zone: &TimeZone) -> Vec<(Part, String, Option<&'a str>)> {
    let call = &of.seen.call;
    let mut parts = vec![(Part::All, String::new(), None)];
    if let Some(at) = call.started_at.or(call.ended_at) {
        parts.push((Part::Hour, at.to_zoned(zone.clone()).hour().to_string(), None));
    }
    let mut add = |part: Part, id: Option<i64>, name: Option<&'a str>| {
        if let Some(id) = id {
            parts.push((part, id.to_string(), name));
        }
    };
    if let Some(line) = &call.number {
        add(Part::Line, line.id, line.name.as_deref());
    }
    let mut teams = BTreeSet::new();
    for team in call.teams.iter().filter(|team| team.id.is_some_and(|id| teams.insert(id))) {
        add(Part::Team, team.id, team.name.as_deref());
    }
    // Who did not answer is not told of a missed call.
    if let Some(agent) =
        call.user.as_ref().filter(|_| call.was_answered() || call.direction == Some(Direction::Outbound))
    {
        add(Part::Agent, agent.id, agent.name.as_deref().or(agent.email.as_deref()));
    }
    if let Some((id, name)) = of.seen.record.as_ref().and_then(company) {
        add(Part::Company, Some(id), Some(name));
    }
    if let Some(opportunity) = &of.opportunity {
        add(Part::Opportunity, Some(opportunity.id), Some(&opportunity.name));
    }
    let topics: BTreeMap<String, &str> =
        of.topics.iter().map(|topic| topic.trim()).map(|topic| (topic.to_lowercase(), topic)).collect();
    let is_topic = |topic: &str| !topic.is_empty() && topic.chars().count() <= TOPIC;
    let topics = topics.into_iter().filter(|(key, _)| is_topic(key));
    parts.extend(topics.map(|(key, topic)| (Part::Topic, key, Some(topic))));
    parts
}

/// On which company the call is logged.
fn company(record: &Record) -> Option<(i64, &str)> {
    match record.kind {
        Kind::Company => Some((record.id, &record.name)),
        Kind::Contact => record.companies.first().map(|company| (company.id, company.name.as_str())),
        Kind::Individual => None,
    }
}

fn shortened(text: &str, most: usize) -> String {
    text.trim().chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use ledger::missed::Seen;
    use serde_json::{Value, json};

    use super::*;

    /// A call at 09:15:30 in Paris. `in 8 70` waits 8 s and lasts 70 more, `in` is missed, `out 8 70` is made by an agent; what else it has follows.
    fn call(id: i64, text: &str) -> DayCall {
        let started: Timestamp = "2026-11-23T08:15:30Z".parse().unwrap();
        let (started, mut words) = (started.as_second(), text.split_whitespace().peekable());
        let outbound = words.next() == Some("out");
        let mut number = || words.next_if(|word| word.parse::<i64>().is_ok()).map(|word| word.parse::<i64>().unwrap());
        let (wait, talk) = (number(), number());
        let has: Vec<&str> = words.collect();
        let has = |what: &str| has.contains(&what);
        let answered = wait.map(|wait| started + wait);
        let wire = json!({
            "id": id, "direction": if outbound { "outbound" } else { "inbound" },
            "status": if has("ringing") { "initial" } else { "done" }, "started_at": started, "answered_at": answered,
            "ended_at": (!has("ringing")).then(|| answered.unwrap_or(started) + talk.unwrap_or(30)),
            "raw_digits": if has("withheld") { "anonymous" } else { "+33 6 39 98 41 07" },
            "asset": has("voicemail").then_some("https://assets.example.com/calls/7/voicemail"),
            "number": { "id": 401, "name": "Accueil" },
            "user": (outbound || answered.is_some()).then(|| json!({ "id": 501, "name": "Élodie Marchand" })),
            "teams": if has("teams") { json!([{ "id": 701, "name": "Vente" }, { "id": 702, "name": "SAV" }, { "id": 701 }]) } else { json!([]) },
            "tags": if has("tag") { json!([{ "name": "VIP" }, { "name": "Devis" }]) } else { json!([]) },
            "comments": if has("note") { json!([{ "id": 1 }]) } else { json!([]) },
        });
        let record = |kind: &str, id: i64| json!({ "kind": kind, "id": id, "name": "Atelier Verdier" });
        let record: Option<Value> = match () {
            () if has("company") => Some(record("company", 3001)),
            () if has("contact") => {
                let mut contact = record("contact", 4002);
                contact["companies"] =
                    json!([{ "id": 3002, "name": "Brasserie du Canal" }, { "id": 3006, "name": "Autre" }]);
                Some(contact)
            }
            () if has("individual") || has("new") => Some(record("individual", 2001)),
            () => None,
        };
        let mood = |who: &str, internal: bool| -> Vec<Sentiment> {
            let values = ["POSITIVE", "NEUTRAL", "NEGATIVE", "MIXED"].into_iter();
            let said = values.filter(|value| has(&format!("{who}:{value}")));
            said.map(|value| Sentiment { internal, value: value.into() }).collect()
        };
        let opportunity = json!({ "id": 6001, "name": "Cuisine sur mesure", "status": "open" });
        DayCall {
            seen: Seen {
                call_id: CallId(id),
                call: serde_json::from_value(wire).unwrap(),
                rule: has("colleague").then_some(ledger::timeline::Reason::Internal),
                caller: None,
                is_decided: true,
                record: record.map(|record| serde_json::from_value(record).unwrap()),
            },
            opportunity: has("opportunity").then(|| serde_json::from_value(opportunity).unwrap()),
            has_insights: has("insights"),
            topics: if has("topics") {
                vec![" Devis ".into(), "devis".into(), String::new(), "x".repeat(61)]
            } else {
                Vec::new()
            },
            moods: [mood("caller", false), mood("agent", true)].concat(),
            has_called_before: has("again"),
            made_its_record: has("new"),
        }
    }

    fn of(calls: &[&str], open: &[i64]) -> Figures {
        let calls: Vec<_> = (1..).zip(calls).map(|(id, text)| call(id, text)).collect();
        let open = open.iter().map(|id| CallId(*id)).collect();
        figures(&calls, &open, &TimeZone::get("Europe/Paris").unwrap())
    }

    /// The sums that are not zero.
    fn told(sums: &Sums) -> String {
        let all = Sums::NAMES.into_iter().zip(sums.values()).filter(|(_, value)| *value != 0);
        all.map(|(name, value)| format!("{name} {value}")).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn what_a_call_counts_for() {
        let waited = "within_10_s 1, within_20_s 1, within_30_s 1, within_60_s 1";
        for (text, open, expected) in [
            ("in 8 70 again", false, format!("inbound 1, answered 1, waited_s 8, {waited}, talked_s 70")),
            ("in 10 1 again", false, format!("inbound 1, answered 1, waited_s 10, {waited}, talked_s 1")),
            ("in 11 1 again", false, format!("inbound 1, answered 1, waited_s 11, {}, talked_s 1", &waited[15..])),
            ("in 60 1 again", false, "inbound 1, answered 1, waited_s 60, within_60_s 1, talked_s 1".into()),
            ("in 61 1 again", false, "inbound 1, answered 1, waited_s 61, talked_s 1".into()),
            ("in again", false, "inbound 1, missed 1".into()),
            ("in voicemail again", true, "inbound 1, missed 1, voicemail 1, not_called_back 1".into()),
            ("out", false, "outbound 1".into()),
            ("out 9 70", true, "outbound 1, reached 1, talked_s 70".into()),
            // It is known what it is when it is over.
            ("in ringing", false, String::new()),
            ("in 8 70 colleague", false, String::new()),
            ("in again tag note insights", false, "inbound 1, missed 1, tagged 1, noted 1, with_insights 1".into()),
            // Who calls.
            ("in individual", false, "inbound 1, missed 1, known 1".into()),
            ("in individual again", false, "inbound 1, missed 1, known 1".into()),
            ("in new", false, "inbound 1, missed 1, first_contact 1".into()),
            ("in", false, "inbound 1, missed 1, first_contact 1".into()),
            ("in withheld", false, "inbound 1, missed 1".into()),
            ("out individual", false, "outbound 1".into()),
            // The caller's mood.
            ("out caller:POSITIVE agent:NEGATIVE", false, "outbound 1, positive 1".into()),
            ("out caller:NEUTRAL caller:POSITIVE", false, "outbound 1, positive 1".into()),
            ("out caller:NEGATIVE caller:POSITIVE", false, "outbound 1, negative 1".into()),
            ("out caller:NEUTRAL", false, "outbound 1, neutral 1".into()),
            ("out caller:MIXED agent:POSITIVE", false, "outbound 1".into()),
        ] {
            let figures = of(&[text], if open { &[1] } else { &[] });
            let all = figures.sums.get(&(Part::All, String::new())).copied().unwrap_or_default();
            assert_eq!(told(&all), expected, "{text}");
        }
    }

    #[test]
    fn what_a_call_is_counted_for() {
        for (text, expected) in [
            ("in", "all , hour 9, line 401 Accueil"),
            ("in 8 70", "all , hour 9, line 401 Accueil, agent 501 Élodie Marchand"),
            ("out", "all , hour 9, line 401 Accueil, agent 501 Élodie Marchand"),
            ("in teams", "all , hour 9, line 401 Accueil, team 701 Vente, team 702 SAV"),
            (
                "in company opportunity",
                "all , hour 9, line 401 Accueil, company 3001 Atelier Verdier, opportunity 6001 Cuisine sur mesure",
            ),
            ("in contact", "all , hour 9, line 401 Accueil, company 3002 Brasserie du Canal"),
            // A person is none.
            ("in individual", "all , hour 9, line 401 Accueil"),
            ("in topics", "all , hour 9, line 401 Accueil, topic devis devis"),
            ("in colleague", ""),
        ] {
            let figures = of(&[text], &[]);
            let one = |(part, key): &(Part, String)| {
                let name = figures.names.get(&(*part, key.clone())).map(|name| format!(" {name}")).unwrap_or_default();
                format!("{} {key}{name}", part.as_str())
            };
            let told: Vec<_> = figures.sums.keys().map(one).collect();
            assert_eq!(told.join(", "), expected, "{text}");
        }
    }

    #[test]
    fn calls_add_up() {
        let figures =
            of(&["in 8 70 teams company tag", "in", "out 9 30 company", "in colleague", "in 2 5 company"], &[2]);
        let sums = |part, key: &str| told(&figures.sums[&(part, key.to_owned())]);
        assert_eq!(
            sums(Part::All, ""),
            "inbound 3, answered 2, missed 1, not_called_back 1, waited_s 10, within_10_s 2, within_20_s 2, within_30_s 2, within_60_s 2, \
             outbound 1, reached 1, talked_s 105, tagged 1, known 2, first_contact 1"
        );
        assert_eq!(sums(Part::Hour, "9"), sums(Part::All, ""));
        assert_eq!(figures.sums[&(Part::Company, "3001".into())].talked_s, 105);
        assert_eq!(figures.sums[&(Part::Agent, "501".into())].calls(), 3);
        assert_eq!(figures.sums[&(Part::Team, "702".into())].calls(), 1);
    }
}
