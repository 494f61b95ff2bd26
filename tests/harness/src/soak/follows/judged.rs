//! Whether Sellsy holds what follows from the calls of a script, and its text messages, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    super::{
        callers::CALLERS,
        script::Truth,
        verdict::{Found, Verdict, words},
    },
    DEVIS, FROM, Facts, Held, Ordered, TO, Text, VIP, Whose, digits,
};

/// Adds to the verdict what is wrong with all this.
pub(in crate::soak) fn judge(truths: &[Truth], ordered: &Ordered, found: &Found, verdict: &mut Verdict) {
    let made: BTreeSet<&str> = truths.iter().filter_map(|truth| truth.facts.makes_prospect()).collect();
    let judged = Judged { made, found, held: &found.held };
    judged.prospects(verdict);
    let mut tasks = Tasks::of(&found.held.tasks, verdict);
    judged.missed(truths, &mut tasks, verdict);
    judged.of_calls(truths, &mut tasks, verdict);
    verdict.strange.extend(tasks.rest());
    judged.smart_tags(truths, &ordered.before, verdict);
    judged.steps(truths, &ordered.before, verdict);
    judged.comments(&ordered.texts, verdict);
}

struct Judged<'a> {
    /// The numbers of strangers who are prospects.
    made: BTreeSet<&'a str>,
    found: &'a Found,
    held: &'a Held,
}

/// Tasks by their marker: for missed calls by the call, others by the call and what they follow from.
struct Tasks<'a> {
    missed: BTreeMap<i64, Vec<&'a Value>>,
    others: BTreeMap<(i64, &'static str), Vec<&'a Value>>,
}

impl<'a> Tasks<'a> {
    fn of(tasks: &'a [Value], verdict: &mut Verdict) -> Self {
        let mut all = Self { missed: BTreeMap::new(), others: BTreeMap::new() };
        for task in tasks {
            let text = task["description"].as_str().unwrap_or_default();
            let call = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<i64>().ok();
            if let Some(call) = text.strip_prefix("(Aircall missed call ").and_then(call) {
                all.missed.entry(call).or_default().push(task);
                continue;
            }
            let rest = text.strip_prefix("(Aircall call ").unwrap_or_default();
            let of = [", action item ", ", tag "]
                .into_iter()
                .find(|of| rest.find(of).is_some_and(|at| rest[..at].chars().all(|c| c.is_ascii_digit())));
            match (call(rest), of) {
                (Some(call), Some(of)) => all.others.entry((call, of)).or_default().push(task),
                _ => verdict.strange.push(format!("task {} is of nothing", task["id"])),
            }
        }
        all
    }

    fn rest(self) -> Vec<String> {
        let missed = self
            .missed
            .into_iter()
            .map(|(call, tasks)| format!("{} tasks for call {call}, which was not missed", tasks.len()));
        let others =
            self.others.into_iter().map(|((call, of), tasks)| format!("{} tasks for call {call}{of}", tasks.len()));
        missed.chain(others).collect()
    }
}

impl Judged<'_> {
    /// The record of whom the call is with.
    fn record(&self, facts: &Facts) -> Option<(String, i64)> {
        match facts.whose {
            Whose::Caller(caller) => Some((caller.kind.to_owned(), caller.id)),
            Whose::Stranger => {
                let number = facts.number.as_deref().filter(|number| self.made.contains(number))?;
                Some(("individual".to_owned(), self.held.prospect(number).unwrap_or_default()))
            }
            Whose::Nobody => None,
        }
    }

    fn prospects(&self, verdict: &mut Verdict) {
        for number in &self.made {
            match self.held.prospects.get(*number).map_or(0, Vec::len) {
                0 => verdict.lost.push(format!("the prospect {number}")),
                1 => {}
                n => verdict.doubled.push(format!("{n} prospects {number}")),
            }
        }
        let strange = self.held.prospects.keys().filter(|number| !self.made.contains(number.as_str()));
        verdict.strange.extend(strange.map(|number| format!("a prospect {number}")));
    }

    /// In the order in which it was known what a call is, the calls that nobody answered up to one that somebody did are one task.
    fn missed(&self, truths: &[Truth], tasks: &mut Tasks<'_>, verdict: &mut Verdict) {
        let mut by_number: BTreeMap<&str, Vec<&Truth>> = BTreeMap::new();
        for truth in truths.iter().filter(|truth| self.record(&truth.facts).is_some()) {
            if let Some(number) = &truth.facts.number {
                by_number.entry(number).or_default().push(truth);
            }
        }
        for calls in by_number.values_mut() {
            calls.sort_by_key(|call| (call.facts.answered_at.unwrap_or(call.facts.started_at), call.call_id));
            let mut open: Vec<&Truth> = Vec::new();
            for call in calls.iter() {
                match (call.facts.answered_at, call.facts.outbound) {
                    (Some(_), _) => self.stretch(&std::mem::take(&mut open), false, tasks, verdict),
                    (None, false) => open.push(call),
                    (None, true) => {}
                }
            }
            self.stretch(&open, true, tasks, verdict);
        }
    }

    /// Somebody who was reached before there was a task leaves none.
    fn stretch(&self, calls: &[&Truth], is_open: bool, tasks: &mut Tasks<'_>, verdict: &mut Verdict) {
        let Some(first) = calls.first() else { return };
        let all: Vec<&Value> = calls.iter().filter_map(|call| tasks.missed.remove(&call.call_id)).flatten().collect();
        let what = format!("the missed calls {:?}", calls.iter().map(|call| call.call_id).collect::<Vec<_>>());
        let (status, other) = if is_open { ("todo", "done") } else { ("done", "todo") };
        match all.as_slice() {
            [] if is_open => verdict.lost.push(format!("the task for {what}")),
            [] => {}
            [task] => {
                if task["status"] != status {
                    verdict.wrong.push(format!("the task {} for {what} is {other}", task["id"]));
                }
                let expected: Vec<_> = self.record(&first.facts).into_iter().collect();
                if related(task) != expected {
                    verdict.wrong.push(format!("the task {} for {what} is on {:?}", task["id"], related(task)));
                }
            }
            several => verdict.doubled.push(format!("{} tasks for {what}", several.len())),
        }
    }

    /// One for an action item, one for the tag.
    fn of_calls(&self, truths: &[Truth], tasks: &mut Tasks<'_>, verdict: &mut Verdict) {
        for Truth { call_id, facts, .. } in truths {
            let record = self.record(facts);
            let tagged = record.is_some() && facts.tags.contains(DEVIS);
            for (of, is_wanted) in [(", action item ", facts.item.is_some()), (", tag ", tagged)] {
                if !is_wanted {
                    continue;
                }
                match tasks.others.remove(&(*call_id, of)).unwrap_or_default().as_slice() {
                    [] => verdict.lost.push(format!("the task for call {call_id}{of}")),
                    [task] => {
                        // A stranger may have become a prospect after the task was created.
                        let is_late = matches!(facts.whose, Whose::Stranger) && related(task).is_empty();
                        if !is_late && related(task) != record.iter().cloned().collect::<Vec<_>>() {
                            verdict.wrong.push(format!("the task {} is on {:?}", task["id"], related(task)));
                        }
                        let text = task["description"].as_str().unwrap_or_default();
                        let says = facts.item.iter().filter(|_| of != ", tag ").map(String::as_str).collect::<Vec<_>>();
                        if words(text) != says || task["status"] != "todo" {
                            verdict.wrong.push(format!("the task {} says {:?}", task["id"], words(text)));
                        }
                    }
                    several => verdict.doubled.push(format!("{} tasks for call {call_id}{of}", several.len())),
                }
            }
        }
    }

    fn smart_tags(&self, truths: &[Truth], before: &Held, verdict: &mut Verdict) {
        let tagged = truths.iter().filter(|truth| truth.facts.tags.contains(VIP));
        let tagged: BTreeSet<_> = tagged.filter_map(|truth| self.record(&truth.facts)).collect();
        for (record, tags) in &self.held.smart_tags {
            let mut expected = before.smart_tags.get(record).cloned().unwrap_or_default();
            expected.extend(tagged.contains(record).then(|| VIP.to_owned()));
            let (mut expected, mut tags) = (expected, tags.clone());
            expected.sort();
            tags.sort();
            if expected != tags {
                verdict.wrong.push(format!("{record:?} has the smart-tags {tags:?} and not {expected:?}"));
            }
        }
    }

    fn steps(&self, truths: &[Truth], before: &Held, verdict: &mut Verdict) {
        let tagged = truths.iter().filter(|truth| truth.facts.tags.contains(DEVIS));
        let opportunity = |truth: &Truth| match truth.facts.whose {
            Whose::Caller(caller) => caller.opportunity,
            Whose::Stranger | Whose::Nobody => None,
        };
        let tagged: BTreeSet<i64> = tagged.filter_map(opportunity).collect();
        for (id, step) in &self.held.steps {
            let was = before.steps.get(id).map(String::as_str).unwrap_or_default();
            let expected = if tagged.contains(id) && FROM.contains(&was) { TO } else { was };
            if step != expected {
                verdict.wrong.push(format!("the opportunity {id} is in the step {step} and not {expected}"));
            }
        }
    }

    fn comments(&self, texts: &[Text], verdict: &mut Verdict) {
        /// On which record, with what.
        #[derive(Default)]
        struct Conversation<'a> {
            related: Vec<(String, i64)>,
            texts: Vec<&'a Text>,
        }
        let mut expected: BTreeMap<String, Conversation<'_>> = BTreeMap::new();
        for text in texts {
            let caller = CALLERS.iter().find(|caller| digits(caller.number) == text.number);
            let record = match caller {
                Some(caller) => Some((caller.kind.to_owned(), caller.id)),
                None if self.made.contains(text.number.as_str()) => {
                    Some(("individual".to_owned(), self.held.prospect(&text.number).unwrap_or_default()))
                }
                None => None,
            };
            if let Some(record) = record {
                let marker = format!("(Aircall messages {} {})", text.number, text.day);
                let conversation = expected.entry(marker).or_default();
                conversation.related = vec![record];
                conversation.texts.push(text);
            }
        }
        for comment in &self.found.comments {
            let text = comment["description"].as_str().unwrap_or_default();
            // Sellsy may have given it back without line breaks.
            let marker = text.split_inclusive(')').next().unwrap_or_default();
            match expected.remove(marker) {
                Some(Conversation { related: record, texts }) => {
                    if related(comment) != record {
                        verdict.wrong.push(format!("the comment {marker} is on {:?}", related(comment)));
                    }
                    verdict.wrong.extend(
                        texts
                            .iter()
                            .filter_map(|one| misses(text, one))
                            .map(|why| format!("the comment {marker}: {why}")),
                    );
                    let known: BTreeSet<&str> = texts.iter().map(|text| text.word.as_str()).collect();
                    let strange = words(text).into_iter().filter(|word| !known.contains(word));
                    verdict.strange.extend(strange.map(|word| format!("{word} in the comment {marker}")));
                }
                // A second one of the same conversation is one, too.
                None => verdict.strange.push(format!("comment {} {marker}", comment["id"])),
            }
        }
        verdict.lost.extend(expected.into_keys().map(|marker| format!("the comment {marker}")));
    }
}

/// A line for it, and another one if it did not arrive, unless that was known at once.
fn misses(text: &str, one: &Text) -> Option<String> {
    let lines: Vec<&str> = lines(text).into_iter().filter(|line| words(line).contains(&one.word.as_str())).collect();
    let failed = lines.iter().filter(|line| line.contains("non remis")).count();
    let is_right = match one.fails_after {
        None => lines.len() == 1 && failed == 0,
        Some(_) => failed == 1 && lines.len() <= 2,
    };
    (!is_right).then(|| format!("{} is there {} times, {failed} of them as not delivered", one.word, lines.len()))
}

/// Each begins with its time.
fn lines(text: &str) -> Vec<&str> {
    let is_time = |at: usize| {
        let of = |range: std::ops::Range<usize>| text.as_bytes().get(range).unwrap_or_default();
        let two_digits = |range| matches!(of(range), [a, b] if a.is_ascii_digit() && b.is_ascii_digit());
        two_digits(at..at + 2) && of(at + 2..at + 3) == b":" && two_digits(at + 3..at + 5) && of(at + 5..at + 6) == b" "
    };
    let mut times: Vec<usize> = (0..text.len()).filter(|at| is_time(*at)).collect();
    times.push(text.len());
    times.windows(2).map(|range| &text[range[0]..range[1]]).collect()
}

fn related(object: &Value) -> Vec<(String, i64)> {
    let all = object["related"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter_map(|one| Some((one["type"].as_str()?.to_owned(), one["id"].as_i64()?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(call_id: i64, started_at: i64, answered: bool, outbound: bool) -> Truth {
        let facts = Facts {
            number: Some("+33639984107".into()),
            whose: Whose::Caller(&CALLERS[0]),
            outbound,
            started_at,
            answered_at: answered.then_some(started_at + 5),
            ended_at: started_at + 60,
            tags: BTreeSet::new(),
            item: None,
        };
        Truth { call_id, log: None, facts }
    }

    fn task(id: i64, text: &str, status: &str) -> Value {
        let related = json!([{ "type": "individual", "id": 2001 }]);
        json!({ "id": id, "description": text, "status": status, "related": related })
    }

    fn comment(text: &str) -> Value {
        json!({ "id": 9, "description": text, "related": [{ "type": "individual", "id": 2001 }] })
    }

    /// Lost, doubled, wrong, strange.
    fn counts(truths: &[Truth], texts: &[Text], tasks: Vec<Value>, comments: Vec<Value>) -> [usize; 4] {
        let found = Found { comments, held: Held { tasks, ..Held::default() }, ..Found::default() };
        let mut verdict = Verdict::default();
        judge(truths, &Ordered { texts: texts.to_vec(), before: Held::default() }, &found, &mut verdict);
        [&verdict.lost, &verdict.doubled, &verdict.wrong, &verdict.strange].map(Vec::len)
    }

    #[test]
    fn missed_calls_are_one_task_that_is_done_when_somebody_was_reached() {
        let (one, two) = (call(1, 100, false, false), call(2, 200, false, false));
        let (back, tried) = (call(3, 300, true, true), call(4, 250, false, true));
        let of = |id: i64, status: &str| task(id, &format!("(Aircall missed call {id})\nNuméro"), status);
        for (truths, tasks, expected) in [
            (vec![one.clone(), two.clone()], vec![of(1, "todo")], [0, 0, 0, 0]),
            (vec![one.clone(), two.clone()], vec![of(2, "todo")], [0, 0, 0, 0]),
            (vec![one.clone(), two.clone()], vec![], [1, 0, 0, 0]),
            (vec![one.clone(), two], vec![of(1, "todo"), of(2, "todo")], [0, 1, 0, 0]),
            (vec![one.clone(), tried.clone()], vec![of(1, "todo")], [0, 0, 0, 0]),
            (vec![one.clone(), back.clone()], vec![of(1, "done")], [0, 0, 0, 0]),
            (vec![one.clone(), back.clone()], vec![], [0, 0, 0, 0]),
            (vec![one.clone(), back.clone()], vec![of(1, "todo")], [0, 0, 1, 0]),
            (
                vec![one.clone(), back.clone(), call(5, 400, false, false)],
                vec![of(1, "done"), of(5, "todo")],
                [0, 0, 0, 0],
            ),
            (vec![tried, back], vec![of(4, "todo")], [0, 0, 0, 1]),
            (vec![one], vec![of(1, "todo"), task(7, "Rappeler", "todo")], [0, 0, 0, 1]),
        ] {
            assert_eq!(counts(&truths, &[], tasks.clone(), Vec::new()), expected, "{truths:?} {tasks:?}");
        }
    }

    #[test]
    fn an_action_item_and_a_tag_are_one_task_each() {
        let mut truth = call(1, 100, true, false);
        truth.facts.tags.insert(DEVIS);
        truth.facts.item = Some("qz1a0".into());
        let item = task(1, "(Aircall call 1, action item 7)\nInsight qz1a0.", "todo");
        let tag = task(2, "(Aircall call 1, tag 0a1b2c3d)\nTag", "todo");
        let of = |tasks: &[&Value]| {
            counts(std::slice::from_ref(&truth), &[], tasks.iter().map(|task| (*task).clone()).collect(), Vec::new())
        };
        assert_eq!(of(&[&item, &tag]), [0, 0, 0, 0]);
        assert_eq!(of(&[&item]), [1, 0, 0, 0]);
        assert_eq!(of(&[&item, &item, &tag]), [0, 1, 0, 0]);
        let other = task(1, "(Aircall call 1, action item 7)\nInsight qz2a0.", "todo");
        assert_eq!(of(&[&other, &tag]), [0, 0, 1, 0]);
    }

    #[test]
    fn a_conversation_is_one_comment_with_each_message_once() {
        let text = |n: i64, fails: bool| Text {
            at: std::time::Duration::ZERO,
            id: String::new(),
            order: Value::Null,
            fails_after: fails.then_some(std::time::Duration::from_secs(1)),
            number: "+33639984107".into(),
            day: "2026-11-30".into(),
            word: format!("qzm{n}"),
        };
        let texts = [text(1, false), text(2, true)];
        let head = "(Aircall messages +33639984107 2026-11-30)\nMessages";
        let of = |lines: &str| counts(&[], &texts, Vec::new(), vec![comment(&format!("{head}\n{lines}"))]);
        assert_eq!(of("09:15 a qzm1\n09:16 b non remis qzm2"), [0, 0, 0, 0]);
        assert_eq!(of("09:15 a qzm1.09:16 b non remis qzm2"), [0, 0, 0, 0]);
        assert_eq!(of("09:15 a qzm1\n09:16 b qzm2\n09:17 c non remis qzm2"), [0, 0, 0, 0]);
        assert_eq!(of("09:15 a qzm1\n09:16 b qzm2"), [0, 0, 1, 0]);
        assert_eq!(of("09:15 a qzm1\n09:15 a qzm1\n09:17 c non remis qzm2"), [0, 0, 1, 0]);
        assert_eq!(of("09:15 a qzm1\n09:17 c non remis qzm2\n09:18 d qzm3"), [0, 0, 0, 1]);
        assert_eq!(counts(&[], &texts, Vec::new(), Vec::new()), [1, 0, 0, 0]);
        let twice = vec![comment(&format!("{head}\n09:15 a qzm1\n09:16 b non remis qzm2")), comment(head)];
        assert_eq!(counts(&[], &texts, Vec::new(), twice), [0, 0, 0, 1]);
    }
}
