//! The assertion at the end of every soak: what Sellsy holds is exactly what the script expects.
//!
//! Every call whose caller has a record is logged exactly once, on that record (with its company and its opportunity), under
//! the right owner, with its final tags, notes, insights and link. No other call is logged, Sellsy holds nothing else, and no
//! call got two cards. It reads only the sandbox and the script, never the ledger or the workers' code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{
    follows::{self, Held, Ordered},
    script::{Log, Truth},
};
use crate::Sandbox;

/// What the sandbox holds in the end.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub logs: Vec<Value>,
    pub comments: Vec<Value>,
    pub cards: Vec<Value>,
    /// What follows from calls.
    pub held: Held,
}

impl Found {
    pub async fn at(sandbox: &Sandbox, follows: bool) -> Result<Self> {
        let list = |value: Value| value.as_array().cloned().context("a list");
        let comments = sandbox.get("/sellsy").await?["comments"].take();
        let cards = sandbox.get("/aircall/insight-cards").await?;
        let held = if follows { Held::at(sandbox).await? } else { Held::default() };
        Ok(Self { logs: sandbox.phone_calls().await?, comments: list(comments)?, cards: list(cards)?, held })
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    pub sent: usize,
    /// How many calls must be logged, and how many are, whatever their logs contain.
    pub expected: usize,
    pub logged: usize,
    pub lost: Vec<String>,
    pub doubled: Vec<String>,
    pub wrong: Vec<String>,
    /// Logs, comments and cards that should not exist.
    pub strange: Vec<String>,
    /// Dead letters, filled in by the code that reads the queues.
    pub parked: Vec<String>,
}

/// `ordered`: if what follows from calls is part of it.
pub fn judge(truths: &[Truth], ordered: Option<&Ordered>, found: &Found) -> Verdict {
    let truths = &follows::with_prospects(truths, &found.held);
    let mut by_call: BTreeMap<i64, Vec<&Value>> = BTreeMap::new();
    let mut verdict = Verdict { sent: truths.len(), ..Verdict::default() };
    for log in &found.logs {
        match calls_of(log).as_slice() {
            [call] => by_call.entry(*call).or_default().push(log),
            marks => verdict.strange.push(format!("log {} is of the calls {marks:?}", log["id"])),
        }
    }
    for truth in truths {
        let logs = by_call.remove(&truth.call_id).unwrap_or_default();
        verdict.look_at(truth, &logs);
    }
    verdict.strange.extend(by_call.keys().map(|call| format!("call {call} was never made, and is logged")));
    match ordered {
        Some(ordered) => follows::judge(truths, ordered, found, &mut verdict),
        None => verdict.strange.extend(found.comments.iter().map(|comment| format!("comment {}", comment["id"]))),
    }
    verdict.strange.extend(cards_too_many(&found.cards));
    verdict
}

impl Verdict {
    fn look_at(&mut self, truth: &Truth, logs: &[&Value]) {
        let call = truth.call_id;
        let Some(expected) = &truth.log else {
            self.strange.extend(logs.iter().map(|log| format!("call {call} has no record, and log {}", log["id"])));
            return;
        };
        self.expected += 1;
        self.logged += usize::from(!logs.is_empty());
        match logs {
            [] => self.lost.push(format!("call {call}")),
            [log] => {
                let differences = differences(expected, log, call);
                if !differences.is_empty() {
                    self.wrong.push(format!("call {call}: {}", differences.join("; ")));
                }
            }
            several => {
                let ids: Vec<_> = several.iter().map(|log| log["id"].to_string()).collect();
                self.doubled.push(format!("call {call}: logs {}", ids.join(", ")));
            }
        }
    }

    pub fn is_clean(&self) -> bool {
        self.problems().all(|(_, problems)| problems.is_empty())
    }

    pub fn all_are_logged(&self) -> bool {
        self.logged == self.expected
    }

    fn problems(&self) -> impl Iterator<Item = (&'static str, &Vec<String>)> {
        let names = ["lost", "doubled", "wrong", "strange", "parked"];
        names.into_iter().zip([&self.lost, &self.doubled, &self.wrong, &self.strange, &self.parked])
    }
}

/// What is wrong, the first ten of each sort.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} calls, {} of {} logged", self.sent, self.logged, self.expected)?;
        for (name, problems) in self.problems().filter(|(_, problems)| !problems.is_empty()) {
            writeln!(f, "{name}: {}", problems.len())?;
            for problem in problems.iter().take(10) {
                writeln!(f, "  {problem}")?;
            }
        }
        Ok(())
    }
}

/// The calls of a log, by the line that each log has exactly once.
fn calls_of(log: &Value) -> Vec<i64> {
    let text = log["description"].as_str().unwrap_or_default();
    text.lines().filter_map(|line| line.strip_prefix("Aircall call ")?.parse().ok()).collect()
}

fn differences(expected: &Log, log: &Value, call: i64) -> Vec<String> {
    let mut differences = Vec::new();
    let mut compare = |what: &str, expected: String, found: String| {
        if expected != found {
            differences.push(format!("{what}: {found} and not {expected}"));
        }
    };
    let text = log["description"].as_str().unwrap_or_default();
    let started_at = log["date"].as_str().and_then(|date| date.parse::<jiff::Timestamp>().ok());
    compare("related", format!("{:?}", expected.related), format!("{:?}", related(log)));
    compare("owner", expected.owner.to_string(), log["owner"]["id"].to_string());
    compare("result", expected.result.into(), log["result"]["id"].as_str().unwrap_or_default().into());
    compare("source", expected.source.into(), log["source"].as_str().unwrap_or_default().into());
    compare("duration", expected.duration.to_string(), log["duration"].to_string());
    compare(
        "start",
        expected.started_at.to_string(),
        started_at.map_or_else(String::new, |at| at.as_second().to_string()),
    );
    compare("words", format!("{:?}", Vec::from_iter(&expected.words)), format!("{:?}", words(text)));
    compare("link", expected.link.unwrap_or("none").into(), link(text, call));
    compare("sentiment", expected.sentiment.unwrap_or("none").into(), sentiment(text));
    differences
}

/// A link that is there twice makes the whole list count as unreadable.
fn related(log: &Value) -> BTreeSet<(String, i64)> {
    let all = log["related"].as_array().map(Vec::as_slice).unwrap_or_default();
    let one = |related: &Value| Some((related["type"].as_str()?.to_owned(), related["id"].as_i64()?));
    let set: BTreeSet<_> = all.iter().filter_map(one).collect();
    if set.len() == all.len() { set } else { BTreeSet::from([("not what can be read".into(), 0)]) }
}

/// The words that only the script can have put there, sorted, each as often as it occurs.
pub(super) fn words(text: &str) -> Vec<&str> {
    let mut words: Vec<_> =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.starts_with("qz")).collect();
    words.sort_unstable();
    words
}

fn link(text: &str, call: i64) -> String {
    let prefix = "https://assets.aircall.io/calls/";
    let ends: Vec<_> = text.split(prefix).skip(1).filter_map(|rest| rest.split_whitespace().next()).collect();
    let own = |end: &&str| end.strip_prefix(&format!("{call}/")).map(ToOwned::to_owned);
    match ends.as_slice() {
        [] => "none".into(),
        [end] => own(end).unwrap_or_else(|| format!("another call's, {end}")),
        several => format!("{several:?}"),
    }
}

fn sentiment(text: &str) -> String {
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("Sentiment ")).collect();
    match lines.as_slice() {
        [] => "none".into(),
        [line] => line.rsplit(" : ").next().unwrap_or_default().to_owned(),
        several => format!("{several:?}"),
    }
}

fn cards_too_many(cards: &[Value]) -> Vec<String> {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for card in cards {
        *counts.entry(card["call_id"].as_i64().unwrap_or_default()).or_default() += 1;
    }
    counts
        .iter()
        .filter(|(_, count)| **count > 1)
        .map(|(call, count)| format!("call {call} has {count} cards"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CALL: i64 = 17;
    const UNMATCHED: i64 = 18;

    fn truths() -> Vec<Truth> {
        let log = Log {
            related: BTreeSet::from([("contact".into(), 4001), ("company".into(), 3001), ("opportunity".into(), 6102)]),
            owner: 101,
            result: "connected",
            source: "incoming",
            started_at: 1_795_425_330,
            duration: 125,
            words: ["qz0t0", "qz0n0", "qz0s0"].map(str::to_owned).into(),
            link: Some("recording"),
            sentiment: Some("positif"),
        };
        let facts = follows::Facts {
            number: None,
            whose: follows::Whose::Nobody,
            outbound: false,
            started_at: 0,
            answered_at: None,
            ended_at: 0,
            tags: BTreeSet::new(),
            item: None,
        };
        vec![
            Truth { call_id: CALL, log: Some(log), facts: facts.clone() },
            Truth { call_id: UNMATCHED, log: None, facts },
        ]
    }

    fn found() -> Found {
        let text = "Aircall call 17\nAppel entrant, répondu\nEnregistrement : https://assets.aircall.io/calls/17/recording\n\
                    Tags : qz0t0\nNote :\nNote qz0n0.\nRésumé (IA) :\nInsight qz0s0.\nSentiment de l’interlocuteur (IA) : positif";
        let log = json!({
            "id": 5000001, "owner": { "id": 101, "type": "staff" }, "source": "incoming", "duration": 125,
            "description": text, "date": "2026-11-23T10:15:30+01:00", "result": { "id": "connected" },
            "related": [{ "type": "contact", "id": 4001 }, { "type": "company", "id": 3001 }, { "type": "opportunity", "id": 6102 }],
        });
        Found { logs: vec![log], cards: vec![json!({ "call_id": CALL })], ..Found::default() }
    }

    fn rewritten(from: &str, to: &str) -> Found {
        let mut found = found();
        let text = found.logs[0]["description"].as_str().unwrap();
        assert!(text.contains(from));
        found.logs[0]["description"] = json!(text.replace(from, to));
        found
    }

    #[test]
    fn what_is_right_is_clean() {
        let verdict = judge(&truths(), None, &found());
        assert!(verdict.is_clean() && verdict.all_are_logged(), "{verdict}");
        assert_eq!((verdict.sent, verdict.expected), (2, 1));
    }

    #[test]
    fn whatever_else_is_there_is_found() {
        let check = |what: &str, found: Found, expected: [usize; 4]| {
            let verdict = judge(&truths(), None, &found);
            let counts = [&verdict.lost, &verdict.doubled, &verdict.wrong, &verdict.strange].map(Vec::len);
            assert_eq!(counts, expected, "{what}: {verdict}");
        };
        check("a log dropped", Found { logs: Vec::new(), ..found() }, [1, 0, 0, 0]);
        check("a log doubled", Found { logs: [found().logs, found().logs].concat(), ..found() }, [0, 1, 0, 0]);
        check("a comment", Found { comments: found().logs, ..found() }, [0, 0, 0, 1]);
        check("a second card", Found { cards: [found().cards, found().cards].concat(), ..found() }, [0, 0, 0, 1]);
        for (what, field, value) in [
            ("owner", "owner", json!({ "id": 102 })),
            ("result", "result", json!({ "id": "noanswer" })),
            ("direction", "source", json!("outcoming")),
            ("duration", "duration", json!(124)),
            ("date", "date", json!("2026-11-23T10:15:31+01:00")),
            (
                "opportunity lost",
                "related",
                json!([{ "type": "contact", "id": 4001 }, { "type": "company", "id": 3001 }]),
            ),
            (
                "record of another",
                "related",
                json!([{ "type": "contact", "id": 4002 }, { "type": "company", "id": 3001 }, { "type": "opportunity", "id": 6102 }]),
            ),
        ] {
            let mut found = found();
            found.logs[0][field] = value;
            check(what, found, [0, 0, 1, 0]);
        }
        for (what, from, to) in [
            ("tag removed", "Tags : qz0t0\n", ""),
            ("tag left over", "qz0t0", "qz0t0, qz0t1"),
            ("note twice", "Note qz0n0.", "Note qz0n0.\nNote qz0n0."),
            ("another call's note", "qz0n0", "qz1n0"),
            ("summary lost", "Insight qz0s0.", ""),
            ("link lost", "https://assets.aircall.io/calls/17/recording", ""),
            ("another call's link", "calls/17/", "calls/18/"),
            ("another sentiment", "positif", "neutre"),
        ] {
            check(what, rewritten(from, to), [0, 0, 1, 0]);
        }
        check("an unmatched call logged", rewritten("call 17", "call 18"), [1, 0, 0, 1]);
        check("a call never made", rewritten("call 17", "call 19"), [1, 0, 0, 1]);
        check("no marker", rewritten("Aircall call 17", ""), [1, 0, 0, 1]);
    }
}
