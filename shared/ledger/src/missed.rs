//! Missed calls, and what became of them: a pure function of the calls with a number.

use std::sync::LazyLock;

use base::{
    db::{self, Client},
    error::Result,
    ids::CallId,
    phone::E164,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use vendors::aircall::wire::Call;

use crate::{
    calls::with_number,
    resolution::Record,
    timeline::{Reason, stored},
};

/// A call of which it is known whether somebody answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub call_id: CallId,
    pub number: E164,
    pub at: Timestamp,
    pub outbound: bool,
    /// When somebody answered: an agent, or whoever was called.
    pub answered_at: Option<Timestamp>,
    pub voicemail: bool,
    pub agent: Option<String>,
    pub line: Option<String>,
    /// Who called, as the call was decided.
    pub caller: Option<String>,
}

/// The calls in which somebody rang and reached nobody, up to the one in which they spoke with somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missed {
    pub number: String,
    pub caller: Option<String>,
    /// On which they rang, the last one last.
    pub lines: Vec<String>,
    /// Oldest first.
    pub calls: Vec<CallId>,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub voicemail: bool,
    /// Who called back since and reached nobody, each time.
    pub tried_by: Vec<String>,
    pub became: Became,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "became", rename_all = "snake_case")]
pub enum Became {
    /// Nobody has spoken with them yet.
    Open,
    /// Somebody called them, and they answered.
    CalledBack(Reached),
    /// They rang again, and somebody answered.
    RangAgain(Reached),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reached {
    pub call: CallId,
    pub by: Option<String>,
    pub line: Option<String>,
    /// From the first missed call until they spoke.
    pub after_s: i64,
}

impl Became {
    pub fn reached(&self) -> Option<&Reached> {
        match self {
            Self::Open => None,
            Self::CalledBack(reached) | Self::RangAgain(reached) => Some(reached),
        }
    }
}

impl Missed {
    /// Who called back, or answered, or has tried to.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        let by = self.became.reached().and_then(|reached| reached.by.as_deref());
        self.tried_by.iter().map(String::as_str).chain(by)
    }
}

/// A call as far as [`missed`] has to know it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub call_id: CallId,
    /// Only what is needed of it.
    pub call: Call,
    /// Why it was decided as it is, and the name of its record.
    pub rule: Option<Reason>,
    pub caller: Option<String>,
    /// Nobody will be found any more, or this one stays.
    pub is_decided: bool,
    pub record: Option<Record>,
}

#[derive(Deserialize)]
struct Decided {
    #[serde(flatten, with = "stored::rule")]
    rule: Reason,
    record: Option<Record>,
}

/// The calls that began since then, in no order.
pub async fn since(client: &Client, since: Timestamp) -> Result<Vec<Seen>> {
    // The view finds calls by the time of their start.
    let sql = select("select call_id from console_calls where started_at >= $1");
    Ok(client.query(&sql, &[&since]).await?.iter().filter_map(one).collect())
}

/// Those of them with a number that reached nobody once meanwhile. Of the others nothing can be missed, and they are most.
pub async fn of_who_reached_nobody(client: &Client, since: Timestamp) -> Result<Vec<Seen>> {
    // By the last digits, because a number can be written in several ways: as many as the shortest numbers have without their country code.
    let sql = select(
        "with called as materialized (
             select v.call_id, left(v.caller_backwards, 6) as digits,
                    (select snapshot->>'direction' is distinct from 'outbound' and snapshot->>'answered_at' is null
                       from calls c where c.call_id = v.call_id) as rang
               from console_calls v where v.started_at >= $1 and v.caller_backwards is not null)
         select call_id from called where digits in (select digits from called where rang)",
    );
    Ok(client.query(&sql, &[&since]).await?.iter().filter_map(one).collect())
}

/// The calls with a number whose last digits are these, that began since then, in no order.
pub async fn with_digits(client: &Client, digits: &str, since: Timestamp) -> Result<Vec<Seen>> {
    static SQL: LazyLock<String> = LazyLock::new(|| select(&format!("{} and started_at >= $2", with_number("$1"))));
    Ok(client.prepared_query(&SQL, &[&digits, &since]).await?.iter().filter_map(one).collect())
}

/// The statement whose rows [`one`] reads. `ids` selects the calls.
pub(crate) fn select(ids: &str) -> String {
    // A row has much more than this: notes, insights, all candidates.
    format!(
        "select c.call_id, jsonb_strip_nulls(to_jsonb(s) || jsonb_build_object('id', c.call_id)),
                case when resolution is not null then jsonb_build_object('rule', r.rule, 'rule_key', r.rule_key, 'record', r.record) end,
                resolved_at is not null
           from calls c,
                lateral jsonb_to_record(c.snapshot) s(direction jsonb, status jsonb, started_at jsonb, answered_at jsonb, ended_at jsonb,
                                                      raw_digits jsonb, voicemail jsonb, asset jsonb, number jsonb, \"user\" jsonb),
                lateral jsonb_to_record(coalesce(c.resolution, '{{}}')) r(rule jsonb, rule_key jsonb, record jsonb)
          where call_id = any(array({ids})) and snapshot is not null and erased_at is null"
    )
}

/// `None` if the call cannot be read, perhaps because a newer version wrote it.
pub(crate) fn one(row: &Row) -> Option<Seen> {
    let decided: Option<Decided> = db::readable(row, 2);
    let (rule, record) = decided.map_or((None, None), |decided| (Some(decided.rule), decided.record));
    Some(Seen {
        call_id: CallId(row.get(0)),
        call: db::readable(row, 1)?,
        rule,
        caller: record.as_ref().map(|record| record.name.clone()),
        is_decided: row.get(3),
        record,
    })
}

/// What was missed, oldest first. A call that is not among these reaches nobody.
pub fn missed(mut calls: Vec<Attempt>) -> Vec<Missed> {
    // By the moment in which it was known what they are: two calls can cross each other. Of the same second, the one with the lower id came first.
    let known = |call: &Attempt| (call.answered_at.unwrap_or(call.at), call.call_id);
    calls.sort_by(|a, b| a.number.cmp(&b.number).then_with(|| known(a).cmp(&known(b))));
    let mut missed: Vec<Missed> = calls.chunk_by(|a, b| a.number == b.number).flat_map(of_number).collect();
    missed.sort_by_key(|missed| (missed.first_at, missed.calls[0]));
    missed
}

fn of_number(calls: &[Attempt]) -> Vec<Missed> {
    let mut done: Vec<Missed> = Vec::new();
    let mut open: Option<Missed> = None;
    for call in calls {
        match (call.answered_at, &mut open) {
            (Some(answered_at), was_open) => {
                if let Some(mut missed) = was_open.take() {
                    missed.became = reached(call, answered_at.duration_since(missed.first_at).as_secs());
                    missed.caller = missed.caller.or_else(|| call.caller.clone());
                    done.push(missed);
                }
            }
            (None, Some(missed)) if call.outbound => missed.tried_by.extend(call.agent.clone()),
            (None, None) if call.outbound => {}
            (None, Some(missed)) => again(missed, call),
            (None, None) => open = Some(first(call)),
        }
    }
    done.extend(open);
    done
}

fn first(call: &Attempt) -> Missed {
    Missed {
        number: call.number.as_str().to_owned(),
        caller: call.caller.clone(),
        lines: call.line.iter().cloned().collect(),
        calls: vec![call.call_id],
        first_at: call.at,
        last_at: call.at,
        voicemail: call.voicemail,
        tried_by: Vec::new(),
        became: Became::Open,
    }
}

fn again(missed: &mut Missed, call: &Attempt) {
    missed.calls.push(call.call_id);
    missed.last_at = call.at;
    missed.voicemail |= call.voicemail;
    if let Some(line) = &call.line {
        missed.lines.retain(|known| known != line);
        missed.lines.push(line.clone());
    }
    missed.caller = call.caller.clone().or_else(|| missed.caller.take());
}

fn reached(call: &Attempt, after_s: i64) -> Became {
    let reached =
        Reached { call: call.call_id, by: call.agent.clone(), line: call.line.clone(), after_s: after_s.max(0) };
    if call.outbound { Became::CalledBack(reached) } else { Became::RangAgain(reached) }
}

#[cfg(test)]
mod tests {
    use base::phone;

    use super::*;

    /// `10 < Léa 20` is a call from the caller at minute 10 that Léa answers 20 s later, `10 > Léa` one that Léa makes and nobody answers, `10 < v` a voicemail.
    fn calls(text: &str) -> Vec<Attempt> {
        let number = phone::parse("+33 6 39 98 41 07", phone::Region::default()).unwrap();
        let call = |(id, text): (i64, &str)| {
            let mut words = text.split_whitespace();
            let minute: i64 = words.next().unwrap().parse().unwrap();
            let outbound = words.next().unwrap() == ">";
            let agent = words.next().filter(|word| *word != "v").map(str::to_owned);
            let answered = words.next().map(|s| s.parse::<i64>().unwrap());
            let at = Timestamp::from_second(minute * 60).unwrap();
            Attempt {
                call_id: CallId(id),
                number: number.clone(),
                at,
                outbound,
                answered_at: answered.map(|s| Timestamp::from_second(minute * 60 + s).unwrap()),
                voicemail: text.ends_with('v'),
                agent,
                line: None,
                caller: None,
            }
        };
        (1..).zip(text.split(", ").filter(|text| !text.is_empty())).map(call).collect()
    }

    fn told(missed: &Missed) -> String {
        let became = match &missed.became {
            Became::Open => "open".to_owned(),
            Became::CalledBack(r) => format!("called back by {} after {} s", r.by.as_deref().unwrap_or("?"), r.after_s),
            Became::RangAgain(r) => format!("answered by {} after {} s", r.by.as_deref().unwrap_or("?"), r.after_s),
        };
        let voicemail = if missed.voicemail { ", voicemail" } else { "" };
        let tried: Vec<_> = missed.tried_by.iter().map(|by| format!(", tried by {by}")).collect();
        format!("{}{voicemail}{}: {became}", missed.calls.len(), tried.concat())
    }

    #[test]
    fn what_became_of_missed_calls() {
        for (text, expected) in [
            ("", &[][..]),
            ("0 <", &["1: open"]),
            ("0 < Léa 5", &[]),
            ("0 > Léa", &[]),
            ("0 <, 1 <, 3 < v", &["3, voicemail: open"]),
            ("0 <, 10 > Léa 8", &["1: called back by Léa after 608 s"]),
            (
                "0 <, 10 > Léa, 20 > Hugo, 30 > Léa 0",
                &["1, tried by Léa, tried by Hugo: called back by Léa after 1800 s"],
            ),
            ("0 <, 2 <, 9 < Hugo 60", &["2: answered by Hugo after 600 s"]),
            // What was over is not opened again.
            ("0 <, 5 > Léa 0, 60 <", &["1: called back by Léa after 300 s", "1: open"]),
            ("0 > Léa, 5 <", &["1: open"]),
            // They crossed: Léa was dialling when the caller rang.
            ("10 > Léa 40, 10 <", &["1: called back by Léa after 40 s"]),
            // In any order.
            ("10 > Léa 8, 0 <", &["1: called back by Léa after 608 s"]),
        ] {
            let found: Vec<_> = missed(calls(text)).iter().map(told).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn numbers_do_not_mix_and_the_oldest_comes_first() {
        let mut all = calls("5 <, 9 > Léa 0");
        let mut other = calls("1 <")[0].clone();
        other.number = phone::parse("+33 1 99 00 12 34", phone::Region::default()).unwrap();
        all.push(other);
        let found: Vec<_> = missed(all).iter().map(told).collect();
        assert_eq!(found, ["1: open", "1: called back by Léa after 240 s"]);
    }
}
