//! A script of calls made from a seed, each with its expected result: the log that it must end as, if any.
//!
//! Everything added to a call (tags, notes, insights) contains a unique word such as `qz17t2`. A log can therefore be compared
//! with the expected result word by word: anything missing, extra, doubled or from another call shows at once.
//!
//! Most calls have just ended, so that reconciliation leaves them to the webhooks (it gives those five minutes). Some are half
//! an hour old: they are over before their first webhook, and some of them lose webhooks for ever. Reconciliation must find
//! those. It promises nothing about insights, so no webhook of an insight is lost.

use std::{collections::BTreeSet, time::Duration};

use fastrand::Rng;

use super::{
    callers::{AGENTS, ARCHIVED, CALLERS, Caller},
    follows::{self, Facts, Whose},
};
use crate::build::{self, action_item, recording, sentiment, summary, tag, topics, untag};

pub const FIRST_CALL: i64 = 3_811_800_000;

/// A call to play, and its expected result.
#[derive(Clone, Debug)]
pub struct Call {
    /// Measured from the beginning of the run.
    pub at: Duration,
    pub play: build::Call,
    pub truth: Truth,
}

#[derive(Clone, Debug)]
pub struct Truth {
    pub call_id: i64,
    /// None if the call must not be logged.
    pub log: Option<Log>,
    /// For what follows from it.
    pub facts: Facts,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    pub related: BTreeSet<(String, i64)>,
    pub owner: i64,
    pub result: &'static str,
    pub source: &'static str,
    pub started_at: i64,
    pub duration: i64,
    /// All unique words that the log must contain, once each.
    pub words: BTreeSet<String>,
    /// The target of the permanent link.
    pub link: Option<&'static str>,
    pub sentiment: Option<&'static str>,
}

/// How calls are made.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub calls: usize,
    /// The calls are spread evenly over this time.
    pub over: Duration,
    /// The share of calls that are half an hour old; half of those lose webhooks.
    pub old: f64,
    /// Whether what follows from calls, and text messages, are part of it.
    pub follows: bool,
}

/// The calls of a seed; `begins_s` only shifts them in time.
pub fn write(rng: &mut Rng, load: Load, begins_s: i64) -> Vec<Call> {
    let pace = load.over / u32::try_from(load.calls.max(1)).unwrap_or(u32::MAX);
    let mut calls: Vec<Call> = (0..load.calls)
        .map(|n| {
            let at = pace * u32::try_from(n).unwrap_or(u32::MAX);
            let now_s = begins_s + at.as_secs().cast_signed();
            call(rng, n, at, now_s, load)
        })
        .collect();
    // A stranger's calls are logged if one of them makes a prospect.
    let made: BTreeSet<String> =
        calls.iter().filter_map(|call| call.truth.facts.makes_prospect()).map(str::to_owned).collect();
    for Call { truth, .. } in &mut calls {
        let is_made = load.follows && truth.facts.number.as_ref().is_some_and(|number| made.contains(number));
        if matches!(truth.facts.whose, Whose::Stranger) && !is_made {
            truth.log = None;
        }
    }
    calls
}

fn call(rng: &mut Rng, n: usize, at: Duration, now_s: i64, load: Load) -> Call {
    let is_old = chance(rng, load.old);
    let shape = Shape::of(rng, is_old);
    let caller = Number::of(rng, shape.inbound);
    let mut story = Story::new(n, &shape, shape.played(caller.digits()));
    story.add_events(rng);
    if load.follows {
        story.tags_that_act(rng);
    }
    let started_at = if shape.old { now_s - rng.i64(1500..2400) } else { now_s - shape.duration };
    let call_id = FIRST_CALL + i64::try_from(n).unwrap_or_default();
    let mut play = story.call.clone().id(call_id).on(rng.i64(1001..=1003)).started_at(started_at);
    if chance(rng, 0.2) {
        play = play.for_teams(&[701]);
    }
    if shape.old {
        play = play.at_once();
        if rng.bool() {
            play = play.losing(lost(rng));
        }
    }
    let (number, whose) = caller.whose();
    let facts = Facts {
        number,
        whose,
        outbound: !shape.inbound,
        started_at,
        answered_at: shape.answered.then_some(started_at + shape.ring_s),
        ended_at: started_at + shape.duration,
        tags: story.acting.clone(),
        item: story.item.clone(),
    };
    let log = match whose {
        Whose::Caller(caller) => Some(story.log(&shape, caller, started_at)),
        Whose::Stranger => Some(story.log(&shape, &PROSPECT, started_at)),
        Whose::Nobody => None,
    };
    Call { at, play, truth: Truth { call_id, log, facts } }
}

fn chance(rng: &mut Rng, share: f64) -> bool {
    rng.f64() < share
}

/// Its id is known when there is one.
const PROSPECT: Caller =
    Caller { number: "", kind: "individual", id: 0, company: None, opportunity: None, owner: follows::STAFF };

/// The events that reconciliation promises to make up for.
fn lost(rng: &mut Rng) -> &'static [&'static str] {
    match rng.u32(..6) {
        0 | 1 => &CALL_EVENTS,
        2 => &["call.ended"],
        3 => &["call.tagged", "call.untagged"],
        4 => &["call.commented"],
        _ => &["call.comm_assets_generated", "call.voicemail_left"],
    }
}

const CALL_EVENTS: [&str; 10] = [
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
];

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
            // Numbers without a record; those of the records end in 00 to 41.
            _ => Self::Unknown(format!("+33 6 39 98 {:02} {:02}", rng.u32(50..99), rng.u32(..100))),
        }
    }

    /// In E.164, and whose it is.
    fn whose(&self) -> (Option<String>, Whose) {
        match self {
            Self::Known(caller) => (Some(follows::digits(caller.number)), Whose::Caller(caller)),
            Self::Unknown(digits) if ARCHIVED.contains(&digits.as_str()) => {
                (Some(follows::digits(digits)), Whose::Nobody)
            }
            Self::Unknown(digits) => (Some(follows::digits(digits)), Whose::Stranger),
            Self::Withheld => (None, Whose::Nobody),
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
            // Just inside and outside the duration limits for insights.
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

    fn played(&self, digits: &str) -> build::Call {
        let mut call = build::call(digits).ringing(self.ring_s).lasting(self.duration);
        if !self.inbound {
            call = call.outbound();
        }
        call = match self.agent {
            Some((agent, _)) => call.by(agent),
            None => call.by_nobody(),
        };
        match (self.answered, self.voicemail) {
            (false, true) => call.voicemail(),
            (false, false) => call.missed(),
            (true, _) if self.recording => call.recorded(),
            (true, _) => call,
        }
    }

    fn has_insights(&self) -> bool {
        60 < self.duration && self.duration < 10_800
    }
}

/// The events after a call, and which of them the final log must show.
struct Story {
    n: usize,
    call: build::Call,
    seconds: BTreeSet<i64>,
    words: BTreeSet<String>,
    has_insights: bool,
    recording: bool,
    sentiment: Option<&'static str>,
    /// Those that do something.
    acting: BTreeSet<&'static str>,
    /// The word of its action item.
    item: Option<String>,
}

impl Story {
    fn new(n: usize, shape: &Shape, call: build::Call) -> Self {
        // The webhooks for the end and the voicemail are at 30 and 33 s. The order of two events in one second is unknown.
        let seconds = BTreeSet::from([0, 30, 33]);
        let (has_insights, recording) = (shape.has_insights(), shape.recording);
        let (words, acting) = (BTreeSet::new(), BTreeSet::new());
        Self { n, call, seconds, words, has_insights, recording, sentiment: None, acting, item: None }
    }

    fn add_events(&mut self, rng: &mut Rng) {
        if self.recording && rng.bool() {
            self.add(rng, 31, recording());
        }
        for nth in 0..[0, 0, 1, 1, 2][rng.usize(..5)] {
            self.tags(rng, nth);
        }
        for nth in 0..[0, 0, 0, 1, 2][rng.usize(..5)] {
            let word = self.word('n', nth);
            let mut note = build::note(&format!("Note {word}."));
            if rng.bool() {
                note = note.by(AGENTS[rng.usize(..AGENTS.len())].0);
            }
            self.add(rng, 1, note);
            self.words.insert(word);
        }
        if chance(rng, 0.4) {
            self.insights(rng);
        }
    }

    fn tags(&mut self, rng: &mut Rng, nth: usize) {
        let word = self.word('t', nth);
        let tagged_at = self.add(rng, 1, tag(&word));
        match rng.u32(..3) {
            // A tag added by mistake and removed, or added once more.
            0 => {
                let untagged_at = self.add(rng, tagged_at + 1, untag(&word));
                if rng.bool() {
                    self.add(rng, untagged_at + 1, tag(&word));
                    self.words.insert(word);
                }
            }
            _ => {
                self.words.insert(word);
            }
        }
    }

    fn tags_that_act(&mut self, rng: &mut Rng) {
        for name in [follows::DEVIS, follows::VIP] {
            if chance(rng, 0.1) {
                self.add(rng, 1, tag(name));
                self.acting.insert(name);
            }
        }
    }

    fn insights(&mut self, rng: &mut Rng) {
        for letter in ['s', 'p', 'a'] {
            if rng.bool() {
                let word = self.word(letter, 0);
                let insight = match letter {
                    's' => summary(&format!("Insight {word}.")),
                    'p' => topics(&[&word]),
                    _ => action_item(&format!("Insight {word}.")),
                };
                let insight = if chance(rng, 0.3) { insight.bare() } else { insight };
                self.add(rng, 34, insight);
                if self.has_insights {
                    self.item = self.item.take().or_else(|| (letter == 'a').then(|| word.clone()));
                    self.words.insert(word);
                }
            }
        }
        if rng.bool() {
            let (value, word) =
                [("POSITIVE", "positif"), ("NEUTRAL", "neutre"), ("NEGATIVE", "négatif")][rng.usize(..3)];
            self.add(rng, 34, sentiment(value));
            self.sentiment = self.has_insights.then_some(word);
        }
    }

    fn word(&self, letter: char, nth: usize) -> String {
        format!("qz{}{letter}{nth}", self.n)
    }

    /// In a second that no other event uses, at least `earliest` after the hang-up.
    fn add(&mut self, rng: &mut Rng, earliest: i64, event: build::Event) -> i64 {
        let mut at_s = earliest + rng.i64(0..60);
        while !self.seconds.insert(at_s) {
            at_s += 1;
        }
        self.call = self.call.clone().after(at_s, event);
        at_s
    }

    fn log(self, shape: &Shape, caller: &Caller, started_at: i64) -> Log {
        let of = |kind: &str, id: Option<i64>| id.map(|id| (kind.to_owned(), id));
        let related =
            [of(caller.kind, Some(caller.id)), of("company", caller.company), of("opportunity", caller.opportunity)];
        // A missed inbound call does not keep whom it rang.
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
    use serde_json::json;

    use super::*;

    #[test]
    fn a_seed_makes_the_same_script_every_time_and_another_seed_another() {
        let load = Load { calls: 300, over: Duration::from_secs(10), old: 0.2, follows: true };
        let orders = |seed| {
            write(&mut Rng::with_seed(seed), load, 1_795_000_000).into_iter().map(|call| call.play).collect::<Vec<_>>()
        };
        assert_eq!(orders(7), orders(7));
        assert_ne!(orders(7), orders(8));
        let lost = orders(7).iter().filter(|order| json!(order).get("lost").is_some()).count();
        assert!((15..50).contains(&lost), "{lost}");
    }
}
