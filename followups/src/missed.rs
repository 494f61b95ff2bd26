//! Missed calls as tasks: which of a caller's calls are one, and when it is due. Pure functions of the calls, the rules and what is known.

use std::{collections::BTreeMap, time::Duration};

use base::{
    db::Client,
    error::Result,
    ids::CallId,
    phone::{self, Caller, E164},
    rules::MissedRules,
    settings::Settings,
};
use jiff::{SignedDuration, Timestamp};
use ledger::{
    followups::{Followup, Key, New, Task},
    missed::{self, Attempt, Became, Missed, Seen},
};
use resolver::region_of;
use vendors::aircall::wire::{Call, Direction};

use crate::about::{self, NEWS};

/// By then its messages have come. What is found later may have been known to a ledger that was lost.
const MOMENTS: SignedDuration = SignedDuration::from_mins(15);
/// As far back as somebody may have called: their tasks are closed when they are reached.
const AS_FAR_BACK: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Other calls of the caller may follow, and are written together with this.
const GATHERED: Duration = Duration::from_secs(60);

/// `None` if it is not known yet what the call is, or if it does not count.
pub fn attempt(seen: &Seen, settings: &Settings) -> Option<Attempt> {
    let call = &seen.call;
    let is_nobodys = seen.rule.as_ref().is_some_and(about::is_nobodys);
    // While somebody speaks with them, they are reached; who only rings may reach nobody.
    if is_nobodys || !(call.has_ended() || call.was_answered()) {
        return None;
    }
    let agent = call.user.as_ref().and_then(|user| user.name.clone().or_else(|| user.email.clone()));
    Some(Attempt {
        call_id: seen.call_id,
        number: number(call, settings)?,
        at: call.started_at.or(call.ended_at)?,
        outbound: call.direction == Some(Direction::Outbound),
        answered_at: call.answered_at,
        voicemail: call.has_voicemail(),
        agent,
        line: call.number.as_ref().and_then(|number| number.name.clone()),
        caller: seen.caller.clone(),
    })
}

/// Of the caller, or of whoever was called.
pub(crate) fn number(call: &Call, settings: &Settings) -> Option<E164> {
    let region = region_of(&settings.rules, &settings.regions, call);
    match phone::classify(call.raw_digits.as_deref(), region) {
        Caller::Number(number) => Some(number),
        _ => None,
    }
}

/// The calls of one caller, or of several.
pub(crate) struct Calls {
    pub(crate) missed: Vec<Missed>,
    pub(crate) seen: BTreeMap<CallId, Seen>,
}

impl Calls {
    pub(crate) fn of(seen: Vec<Seen>, settings: &Settings) -> Self {
        let attempts = seen.iter().filter_map(|seen| attempt(seen, settings)).collect();
        Self { missed: missed::missed(attempts), seen: seen.into_iter().map(|seen| (seen.call_id, seen)).collect() }
    }

    /// Without those of other numbers with the same last digits.
    pub(crate) async fn with(client: &Client, number: &E164, settings: &Settings) -> Result<Self> {
        let since = client.now().await?.saturating_sub(AS_FAR_BACK).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut calls = Self::of(missed::with_digits(client, number.last_digits(), since).await?, settings);
        calls.missed.retain(|missed| missed.number == number.as_str());
        Ok(calls)
    }

    /// Of whom nobody has called back yet, those whom the rules care for.
    pub(crate) fn waiting(&self, rules: &MissedRules) -> impl Iterator<Item = &Missed> {
        self.missed.iter().filter(|missed| {
            let seen = || missed.calls.iter().filter_map(|call| self.seen.get(call));
            missed.became == Became::Open
                && seen().next_back().is_some_and(|last| rules.has_tasks(&last.call.line()))
                && (rules.of_unknown || seen().any(|seen| seen.record.is_some()))
        })
    }

    /// Whose row it is: that of the call which its key names; of the other calls only if that one is none any more.
    pub(crate) fn of_row(&self, row: &Followup) -> Option<&Missed> {
        let anchored = self.missed.iter().find(|missed| missed.calls.contains(&row.key.call()));
        anchored.or_else(|| self.missed.iter().find(|missed| row.calls.iter().any(|call| missed.calls.contains(call))))
    }

    fn rang_at(&self, call: CallId) -> Option<Timestamp> {
        let call = &self.seen.get(&call)?.call;
        call.started_at.or(call.ended_at)
    }

    /// The calls of one stretch that are one task.
    pub(crate) fn together(&self, missed: &Missed, rules: &MissedRules) -> Vec<Vec<CallId>> {
        let rings = missed.calls.iter().filter_map(|call| Some((*call, self.rang_at(*call)?)));
        together(&rings.collect::<Vec<_>>(), rules.together)
    }
}

fn together(rings: &[(CallId, Timestamp)], within: Duration) -> Vec<Vec<CallId>> {
    let within = SignedDuration::try_from(within).unwrap_or(SignedDuration::MAX);
    let mut all: Vec<(Timestamp, Vec<CallId>)> = Vec::new();
    for (call, at) in rings {
        match all.last_mut() {
            Some((first, calls)) if at.duration_since(*first) <= within => calls.push(*call),
            _ => all.push((*at, vec![*call])),
        }
    }
    all.into_iter().map(|(_, calls)| calls).collect()
}

/// What the ledger has to note.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Note {
    Begin(New),
    /// It may have to be brought up to date.
    Touch {
        key: Key,
        calls: Vec<CallId>,
        due_in: Duration,
    },
    /// Two workers have noted the same at once, each with another of its calls: one is enough.
    Drop(Key),
}

/// What follows from these calls of one caller, beside what is known of them already, oldest first.
pub(crate) fn notes(
    calls: &Calls,
    number: &E164,
    known: &[Followup],
    rules: &MissedRules,
    now: Timestamp,
) -> Vec<Note> {
    let mut notes = Vec::new();
    // Calls that were taken for one stretch may turn out to be two: what is known belongs to the first, and the second is another one.
    let mut taken: Vec<&Key> = Vec::new();
    for missed in &calls.missed {
        let before = taken.len();
        for rings in calls.together(missed, rules) {
            // The call that its key names says whose a row is: another row cannot begin with it.
            let is_of_these = |row: &&Followup| {
                if calls.missed.iter().any(|missed| missed.calls.contains(&row.key.call())) {
                    return rings.contains(&row.key.call());
                }
                !taken[..before].contains(&&row.key) && row.calls.iter().any(|call| rings.contains(call))
            };
            let of_these: Vec<_> = known.iter().filter(is_of_these).collect();
            taken.extend(of_these.iter().map(|row| &row.key));
            if of_these.is_empty() {
                notes.extend(begin(calls, missed, &rings, number, rules, now).map(Note::Begin));
            }
            let twins =
                of_these.iter().skip(1).filter(|row| row.over.is_none() && matches!(row.task, Task::None { .. }));
            let twins: Vec<_> = twins.map(|row| &row.key).collect();
            notes.extend(twins.iter().map(|key| Note::Drop((*key).clone())));
            for row in of_these.into_iter().filter(|row| row.over.is_none() && !twins.contains(&&row.key)) {
                let mut all = [&row.calls[..], &rings].concat();
                all.retain(|call| missed.calls.contains(call));
                all.sort_unstable();
                all.dedup();
                let first_at = calls.rang_at(rings[0]).unwrap_or(now);
                let due_in = match (&missed.became, &row.task) {
                    (Became::Open, Task::None { .. }) => wait(first_at, rules, now),
                    (Became::Open, _) => GATHERED,
                    (Became::CalledBack(_) | Became::RangAgain(_), _) => Duration::ZERO,
                };
                notes.push(Note::Touch { key: row.key.clone(), calls: all, due_in });
            }
        }
    }
    notes
}

fn begin(
    calls: &Calls,
    missed: &Missed,
    rings: &[CallId],
    number: &E164,
    rules: &MissedRules,
    now: Timestamp,
) -> Option<New> {
    let (first, last) = (*rings.first()?, calls.seen.get(rings.last()?)?);
    let (first_at, last_at) = (calls.rang_at(first)?, calls.rang_at(last.call_id)?);
    let age = now.duration_since(first_at);
    if missed.became != Became::Open || now.duration_since(last_at) > NEWS || !rules.has_tasks(&last.call.line()) {
        return None;
    }
    // A call that waits for its decision may be somebody's.
    let is_somebodys = rings.iter().filter_map(|call| calls.seen.get(call)).any(|seen| seen.record.is_some());
    if !is_somebodys && !rules.of_unknown {
        return None;
    }
    let after = SignedDuration::try_from(rules.after).unwrap_or(SignedDuration::ZERO);
    Some(New {
        key: Key::Missed(first),
        calls: rings.to_vec(),
        number: Some(number.clone()),
        due_in: wait(first_at, rules, now),
        is_old: age > after + MOMENTS,
    })
}

fn wait(first_at: Timestamp, rules: &MissedRules, now: Timestamp) -> Duration {
    let passed = Duration::try_from(now.duration_since(first_at)).unwrap_or_default();
    rules.after.saturating_sub(passed)
}

#[cfg(test)]
mod tests {
    use base::rules;
    use ledger::followups::Over;
    use serde_json::json;

    use super::*;

    const NUMBER: &str = "+33639984107";

    fn minute(minute: i64) -> Timestamp {
        Timestamp::from_second(1_795_000_000 + minute * 60).unwrap()
    }

    /// `0 <` is a call from the caller at minute 0 that nobody answers, `10 > Léa` one to the caller that is answered; `s` is on the line
    /// Support, `?` of somebody whom Sellsy does not have.
    fn calls(text: &str) -> Calls {
        let seen = (1..).zip(text.split(", ").filter(|text| !text.is_empty())).map(|(id, text)| {
            let mut words = text.split_whitespace();
            let at = minute(words.next().unwrap().parse().unwrap());
            let outbound = words.next().unwrap() == ">";
            let rest: Vec<_> = words.collect();
            let call = json!({
                "id": id, "direction": if outbound { "outbound" } else { "inbound" }, "raw_digits": NUMBER, "status": "done",
                "started_at": at.as_second(), "answered_at": outbound.then(|| at.as_second()), "ended_at": at.as_second() + 30,
                "number": { "name": if rest.contains(&"s") { "Support" } else { "Accueil" } },
            });
            let record = json!({ "kind": "individual", "id": 2001, "name": "Jeanne Martin" });
            Seen {
                call_id: CallId(id),
                call: serde_json::from_value(call).unwrap(),
                rule: None,
                caller: None,
                is_decided: true,
                record: (!rest.contains(&"?")).then(|| serde_json::from_value(record).unwrap()),
            }
        });
        let seen: Vec<_> = seen.collect();
        let attempts = seen.iter().map(|seen| Attempt {
            call_id: seen.call_id,
            number: NUMBER.parse().unwrap(),
            at: seen.call.started_at.unwrap(),
            outbound: seen.call.direction == Some(Direction::Outbound),
            answered_at: seen.call.answered_at,
            voicemail: false,
            agent: None,
            line: None,
            caller: None,
        });
        Calls {
            missed: missed::missed(attempts.collect()),
            seen: seen.iter().map(|seen| (seen.call_id, seen.clone())).collect(),
        }
    }

    /// `1 2` is a row of these calls without a task, `1 2 t` one with, `1 2 x` one that is over.
    fn known(text: &str) -> Vec<Followup> {
        let row = |text: &str| {
            let calls: Vec<_> = text.split_whitespace().filter_map(|id| id.parse().ok().map(CallId)).collect();
            let there = ledger::followups::There { id: 9, digest: None, stands: None, writing: None };
            Followup {
                key: Key::Missed(calls[0]),
                calls,
                number: NUMBER.parse().ok(),
                task: if text.ends_with('t') { Task::There(there) } else { Task::None { may_exist: false } },
                over: text.ends_with('x').then_some(Over::Done),
                unclear: 0,
                age: Duration::ZERO,
            }
        };
        text.split(", ").filter(|text| !text.is_empty()).map(row).collect()
    }

    /// Of a stretch that was taken for one, the first part is over since.
    #[test]
    fn a_row_is_of_the_stretch_of_the_call_that_its_key_names() {
        for (text, rows, expected) in [
            ("0 <, 9 <", "2 1", Some(1)),
            ("0 <, 20 > Léa, 30 <", "3 1", Some(3)),
            ("0 <, 20 > Léa, 30 <", "1 3", Some(1)),
            // The call was none that was missed.
            ("0 > Léa, 30 <", "1 2", Some(2)),
            ("0 > Léa", "1", None),
        ] {
            let of = calls(text).of_row(&known(rows)[0]).map(|missed| missed.calls[0].0);
            assert_eq!(of, expected, "{text} with {rows}");
        }
    }

    fn told(note: &Note) -> String {
        let ids = |calls: &[CallId]| calls.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        match note {
            Note::Begin(new) => {
                let old = if new.is_old { ", perhaps there" } else { "" };
                format!("new {} of {} in {} s{old}", new.key, ids(&new.calls), new.due_in.as_secs())
            }
            Note::Drop(key) => format!("{key} is not needed"),
            Note::Touch { key, calls, due_in } => format!("{key} has {} in {} s", ids(calls), due_in.as_secs()),
        }
    }

    #[test]
    fn what_follows_from_the_calls_of_a_caller() {
        let rules = "[missed]\nafter = \"5m\"\ntogether = \"1h\"\n[missed.lines.\"Support\"]\ntasks = \"off\"";
        let of = |text| rules::parse(text, phone::Region::default()).unwrap().missed.unwrap();
        let (usual, unknown) = (of(rules), of(&format!("{rules}\n").replace("after", "unknown = \"task\"\nafter")));
        for (rules, text, rows, now, expected) in [
            (&usual, "", "", 0, &[][..]),
            (&usual, "0 <", "", 1, &["new missed:1 of 1 in 240 s"]),
            (&usual, "0 <", "", 7, &["new missed:1 of 1 in 0 s"]),
            // Found late: a ledger that was lost may have known it.
            (&usual, "0 <", "", 40, &["new missed:1 of 1 in 0 s, perhaps there"]),
            // No news any more.
            (&usual, "0 <", "", 1_500, &[]),
            // Calls within an hour of the first are one task.
            (&usual, "0 <, 10 <, 60 <", "", 61, &["new missed:1 of 1 2 3 in 0 s, perhaps there"]),
            (&usual, "0 <, 10 <, 61 <", "1 2 t", 62, &["missed:1 has 1 2 in 60 s", "new missed:3 of 3 in 240 s"]),
            // Somebody has spoken with them: before it was known, before there was a task, and afterwards.
            (&usual, "0 <, 3 > Léa", "", 4, &[]),
            (&usual, "0 <, 3 > Léa", "1", 4, &["missed:1 has 1 in 0 s"]),
            (&usual, "0 <, 9 <, 20 > Léa", "1 t", 21, &["missed:1 has 1 2 in 0 s"]),
            // What is over is not opened again.
            (&usual, "0 <, 20 > Léa, 30 <", "1 x", 31, &["new missed:3 of 3 in 240 s"]),
            (&usual, "0 <, 9 <", "1 x", 10, &[]),
            // What was taken for one stretch was two: the call back was known only at its end.
            (&usual, "0 <, 20 > Léa, 30 <", "1 3 t", 31, &["missed:1 has 1 in 0 s", "new missed:3 of 3 in 240 s"]),
            (&usual, "0 <, 20 > Léa, 30 <", "1 3 x", 31, &["new missed:3 of 3 in 240 s"]),
            // The same, and the first call had turned up after the last one, whose row and task it is.
            (&usual, "0 <, 20 > Léa, 30 <", "3 1 t", 31, &["missed:3 has 3 in 60 s"]),
            (&usual, "0 <, 20 > Léa, 30 <", "3 1", 31, &["missed:3 has 3 in 240 s"]),
            // Two workers have noted them at once. Whoever comes second sees both.
            (&usual, "0 <, 9 <", "1, 2", 10, &["missed:2 is not needed", "missed:1 has 1 2 in 0 s"]),
            (&usual, "0 <, 9 <", "1 t, 2", 10, &["missed:2 is not needed", "missed:1 has 1 2 in 60 s"]),
            (&usual, "0 <, 9 <", "1 x, 2", 10, &["missed:2 is not needed"]),
            // An earlier call turns up later.
            (&usual, "0 <, 9 <", "2 t", 10, &["missed:2 has 1 2 in 60 s"]),
            (&usual, "0 <, 9 <", "2", 10, &["missed:2 has 1 2 in 0 s"]),
            // A line without tasks: the last one counts.
            (&usual, "0 < s", "", 1, &[]),
            (&usual, "0 < s, 2 <", "", 3, &["new missed:1 of 1 2 in 120 s"]),
            // Whom Sellsy does not have.
            (&usual, "0 < ?", "", 1, &[]),
            (&usual, "0 < ?, 2 <", "", 3, &["new missed:1 of 1 2 in 120 s"]),
            (&unknown, "0 < ?", "", 1, &["new missed:1 of 1 in 240 s"]),
        ] {
            let number = NUMBER.parse().unwrap();
            let found = notes(&calls(text), &number, &known(rows), rules, minute(now));
            let found: Vec<_> = found.iter().map(told).collect();
            assert_eq!(found, expected, "{text} with {rows} at {now}");
        }
    }
}
