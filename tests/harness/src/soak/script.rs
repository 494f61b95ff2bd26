//! A script of calls made from a seed, each with the truth about it: the log that it must end as, if any.
//!
//! Whatever is said about a call (tags, notes, insights) contains a word of its own, such as `qz17t2`, so that a log can be
//! compared with the truth word by word: what is lacking, left over, doubled or another call's shows at once.
//!
//! Most calls have just ended, so that reconciliation leaves them to the webhooks (it gives those five minutes). Some are of half an
//! hour ago; they have happened wholly when they are told of, and of some of them webhooks are lost for ever. Those
//! reconciliation must find. It promises nothing of insights, so none of theirs are lost.

use std::{collections::BTreeSet, time::Duration};

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::callers::{AGENTS, ARCHIVED, CALLERS, Caller};

pub const FIRST_CALL: i64 = 3_811_800_000;

/// A call to play, and what must become of it.
#[derive(Clone, Debug)]
pub struct Call {
    /// From the beginning of the run on.
    pub at: Duration,
    /// The order for the sandbox.
    pub play: Value,
    pub truth: Truth,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    pub call_id: i64,
    /// None: it must not be logged.
    pub log: Option<Log>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    pub related: BTreeSet<(String, i64)>,
    pub owner: i64,
    pub result: &'static str,
    pub source: &'static str,
    pub started_at: i64,
    pub duration: i64,
    /// All words of its own that the log must say, once each.
    pub words: BTreeSet<String>,
    /// What the permanent link leads to.
    pub link: Option<&'static str>,
    pub sentiment: Option<&'static str>,
}

/// How calls are made.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub calls: usize,
    /// They are spread evenly over so long.
    pub over: Duration,
    /// The share of calls of half an hour ago; of half of those webhooks are lost.
    pub old: f64,
}

/// What the seed says; `begins_s` only moves it in time.
pub fn write(rng: &mut Rng, load: Load, begins_s: i64) -> Vec<Call> {
    let pace = load.over / u32::try_from(load.calls.max(1)).unwrap_or(u32::MAX);
    (0..load.calls)
        .map(|n| {
            let at = pace * u32::try_from(n).unwrap_or(u32::MAX);
            let now_s = begins_s + at.as_secs().cast_signed();
            call(rng, n, at, now_s, load.old)
        })
        .collect()
}

fn call(rng: &mut Rng, n: usize, at: Duration, now_s: i64, old: f64) -> Call {
    let is_old = chance(rng, old);
    let shape = Shape::of(rng, is_old);
    let caller = Number::of(rng, shape.inbound);
    let mut story = Story::new(n, &shape);
    story.tell(rng);
    let started_at = if shape.old { now_s - rng.i64(1500..2400) } else { now_s - shape.duration };
    let call_id = FIRST_CALL + i64::try_from(n).unwrap_or_default();
    let mut play = json!({
        "id": call_id,
        "direction": if shape.inbound { "inbound" } else { "outbound" },
        "raw_digits": caller.digits(),
        "number_id": rng.i64(1001..=1003),
        "user_id": shape.agent.map(|(agent, _)| agent),
        "teams": if chance(rng, 0.2) { json!([701]) } else { json!([]) },
        "answered": shape.answered,
        "ring_s": shape.ring_s,
        "duration": shape.duration,
        "voicemail": shape.voicemail,
        "recording": shape.recording,
        "started_at": started_at,
        "at_once": shape.old,
        "after": story.after,
    });
    if shape.old && rng.bool() {
        play["lost"] = lost(rng);
    }
    let log = match caller {
        Number::Known(caller) => Some(story.log(&shape, caller, started_at)),
        Number::Unknown(_) | Number::Withheld => None,
    };
    Call { at, play, truth: Truth { call_id, log } }
}

fn chance(rng: &mut Rng, share: f64) -> bool {
    rng.f64() < share
}

/// What reconciliation promises to make up for.
fn lost(rng: &mut Rng) -> Value {
    match rng.u32(..6) {
        0 | 1 => json!(call_events()),
        2 => json!(["call.ended"]),
        3 => json!(["call.tagged", "call.untagged"]),
        4 => json!(["call.commented"]),
        _ => json!(["call.comm_assets_generated", "call.voicemail_left"]),
    }
}

fn call_events() -> [&'static str; 10] {
    [
        "call.created",
        "call.ringing_on_agent",
        "call.answered",
        "call.hungup",
        "call.ended",
        "call.tagged",
        "call.untagged",
        "call.commented",
        "call.comm_assets_generated",
        "call.voicemail_left",
    ]
}

enum Number {
    Known(&'static Caller),
    Unknown(String),
    Withheld,
}

impl Number {
    fn of(rng: &mut Rng, inbound: bool) -> Self {
        match rng.u32(..100) {
            0..82 => Self::Known(&CALLERS[rng.usize(..CALLERS.len())]),
            82..86 => Self::Unknown(ARCHIVED[rng.usize(..ARCHIVED.len())].to_owned()),
            86..90 if inbound => Self::Withheld,
            // Nobody's; those of the records end in 00 to 41.
            _ => Self::Unknown(format!("+33 6 39 98 {:02} {:02}", rng.u32(50..99), rng.u32(..100))),
        }
    }

    fn digits(&self) -> &str {
        match self {
            Self::Known(caller) => caller.number,
            Self::Unknown(digits) => digits,
            Self::Withheld => "anonymous",
        }
    }
}

/// What sort of call it is.
struct Shape {
    old: bool,
    inbound: bool,
    answered: bool,
    voicemail: bool,
    recording: bool,
    ring_s: i64,
    duration: i64,
    agent: Option<(i64, Option<i64>)>,
}

impl Shape {
    fn of(rng: &mut Rng, old: bool) -> Self {
        let inbound = chance(rng, 0.6);
        let answered = chance(rng, 0.7);
        let ring_s = rng.i64(3..=25);
        let duration = match rng.u32(..20) {
            _ if !answered => ring_s,
            // The bounds of the insights, in and out.
            0 => [60, 61][rng.usize(..2)],
            1 if !old => [10_799, 10_800][rng.usize(..2)],
            2..6 => ring_s + rng.i64(2..=30),
            _ => ring_s + rng.i64(40..=250),
        };
        Self {
            old,
            inbound,
            answered,
            voicemail: !answered && inbound && rng.bool(),
            recording: answered && rng.bool(),
            ring_s,
            duration,
            agent: chance(rng, 0.9).then(|| AGENTS[rng.usize(..AGENTS.len())]),
        }
    }

    fn has_insights(&self) -> bool {
        60 < self.duration && self.duration < 10_800
    }
}

/// What is said about a call after it, and what of that stands in the end.
struct Story {
    n: usize,
    after: Vec<Value>,
    seconds: BTreeSet<i64>,
    words: BTreeSet<String>,
    has_insights: bool,
    recording: bool,
    sentiment: Option<&'static str>,
}

impl Story {
    fn new(n: usize, shape: &Shape) -> Self {
        // At 30 and 33 s Aircall tells of the end and of the voicemail. Of two events in one second nobody could say which is the last.
        let seconds = BTreeSet::from([0, 30, 33]);
        let (has_insights, recording) = (shape.has_insights(), shape.recording);
        Self { n, after: Vec::new(), seconds, words: BTreeSet::new(), has_insights, recording, sentiment: None }
    }

    fn tell(&mut self, rng: &mut Rng) {
        if self.recording && rng.bool() {
            self.add(rng, "call.comm_assets_generated", 31, &json!({}));
        }
        for tag in 0..[0, 0, 1, 1, 2][rng.usize(..5)] {
            self.tag(rng, tag);
        }
        for note in 0..[0, 0, 0, 1, 2][rng.usize(..5)] {
            let word = self.word('n', note);
            let mut fields = json!({ "content": format!("Note {word}.") });
            if rng.bool() {
                fields["user_id"] = json!(AGENTS[rng.usize(..AGENTS.len())].0);
            }
            self.add(rng, "call.commented", 1, &fields);
            self.words.insert(word);
        }
        if chance(rng, 0.4) {
            self.insights(rng);
        }
    }

    fn tag(&mut self, rng: &mut Rng, tag: usize) {
        let word = self.word('t', tag);
        let tagged_at = self.add(rng, "call.tagged", 1, &json!({ "tags": [word] }));
        match rng.u32(..3) {
            // A slip of the finger, or one that is made up for.
            0 => {
                let untagged_at = self.add(rng, "call.untagged", tagged_at + 1, &json!({ "tags": [word] }));
                if rng.bool() {
                    self.add(rng, "call.tagged", untagged_at + 1, &json!({ "tags": [word] }));
                    self.words.insert(word);
                }
            }
            _ => {
                self.words.insert(word);
            }
        }
    }

    fn insights(&mut self, rng: &mut Rng) {
        for (event, letter) in [("summary.created", 's'), ("topics.created", 'p'), ("action_item.created", 'a')] {
            if rng.bool() {
                let word = self.word(letter, 0);
                let content = if letter == 'p' { json!([word]) } else { json!(format!("Insight {word}.")) };
                let bare = chance(rng, 0.3);
                self.add(rng, event, 34, &json!({ "content": content, "bare": bare }));
                if self.has_insights {
                    self.words.insert(word);
                }
            }
        }
        if rng.bool() {
            let (value, word) =
                [("POSITIVE", "positif"), ("NEUTRAL", "neutre"), ("NEGATIVE", "négatif")][rng.usize(..3)];
            self.add(rng, "sentiment.created", 34, &json!({ "value": value }));
            self.sentiment = self.has_insights.then_some(word);
        }
    }

    fn word(&self, letter: char, nth: usize) -> String {
        format!("qz{}{letter}{nth}", self.n)
    }

    /// In a second of its own, not before `earliest` after the hang-up.
    fn add(&mut self, rng: &mut Rng, event: &str, earliest: i64, fields: &Value) -> i64 {
        let mut at_s = earliest + rng.i64(0..60);
        while !self.seconds.insert(at_s) {
            at_s += 1;
        }
        let mut after = Map::from_iter([("event".to_owned(), json!(event)), ("at_s".to_owned(), json!(at_s))]);
        after.extend(fields.as_object().cloned().unwrap_or_default());
        self.after.push(Value::Object(after));
        at_s
    }

    fn log(self, shape: &Shape, caller: &Caller, started_at: i64) -> Log {
        let of = |kind: &str, id: Option<i64>| id.map(|id| (kind.to_owned(), id));
        let related =
            [of(caller.kind, Some(caller.id)), of("company", caller.company), of("opportunity", caller.opportunity)];
        // A missed inbound call forgets on whom it rang.
        let agent = shape.agent.filter(|_| shape.answered || !shape.inbound);
        Log {
            related: related.into_iter().flatten().collect(),
            owner: agent.and_then(|(_, staff)| staff).unwrap_or(caller.owner),
            result: match (shape.answered, shape.voicemail) {
                (true, _) => "connected",
                (false, true) => "msgvocal",
                (false, false) => "noanswer",
            },
            source: if shape.inbound { "incoming" } else { "outcoming" },
            started_at,
            duration: shape.duration,
            words: self.words,
            link: shape.recording.then_some("recording").or(shape.voicemail.then_some("voicemail")),
            sentiment: self.sentiment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_script_every_time_and_another_seed_another() {
        let load = Load { calls: 300, over: Duration::from_secs(10), old: 0.2 };
        let orders = |seed| {
            write(&mut Rng::with_seed(seed), load, 1_795_000_000).into_iter().map(|call| call.play).collect::<Vec<_>>()
        };
        assert_eq!(orders(7), orders(7));
        assert_ne!(orders(7), orders(8));
        let lost = orders(7).iter().filter(|order| order.get("lost").is_some()).count();
        assert!((15..50).contains(&lost), "{lost}");
    }
}
