//! What stays of a call after several views: the table of [`Snapshot`]'s documentation, and generated histories in any order.

use std::collections::BTreeSet;

use super::*;
use crate::snapshot::merge::{Joined, Parts};

type View = (&'static str, i64, Value);

fn joined(views: &[View]) -> Joined {
    let views = views.iter().map(|(kind, second, fields)| (*kind, at(*second), call(fields))).collect::<Vec<_>>();
    fold(views.iter())
}

/// Each view is joined with what was stored, as the ledger does.
fn fold<'a>(sent: impl IntoIterator<Item = &'a Sent>) -> Joined {
    let views = sent.into_iter().map(|(kind, at, call)| Joined::of(&Snapshot::new(kind, *at, call)));
    views.reduce(|stored, view| read_back(&stored).join(view)).unwrap()
}

fn read_back(joined: &Joined) -> Joined {
    let parts = joined.parts().map(|parts| serde_json::to_value(parts).unwrap());
    let parts: Option<Parts> = parts.map(|parts| serde_json::from_value(parts).unwrap());
    Joined::stored(joined.call(), joined.base, parts.unwrap_or_default())
}

type Stored = (Value, Option<Value>, Place);

fn stored(joined: &Joined) -> Stored {
    (joined.call(), joined.parts().map(|parts| serde_json::to_value(parts).unwrap()), joined.base)
}

fn names(call: &Value) -> BTreeSet<String> {
    let tags = call["tags"].as_array().into_iter().flatten();
    tags.map(|tag| tag["name"].as_str().unwrap().to_owned()).collect()
}

fn tags(of: &[(&str, i64)]) -> Value {
    json!({ "tags": of.iter().map(|(name, at)| tag(name, NOW_S + at)).collect::<Vec<_>>() })
}

/// As Aircall's list has them: without dates.
fn listed(of: &[&str]) -> Value {
    json!({ "ended_at": NOW_S - 9, "tags": of.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>() })
}

#[test]
fn only_what_removes_tags_takes_them_away() {
    let cases: &[(&str, &[View], &[&str])] = &[
        (
            "an event without it",
            &[("call.tagged", NOW_S, tags(&[("A", 0)])), ("call.ended", NOW_S + 9, tags(&[]))],
            &["A"],
        ),
        ("its removal", &[("call.tagged", NOW_S, tags(&[("A", 0)])), ("call.untagged", NOW_S + 9, tags(&[]))], &[]),
        (
            "the removal of another",
            &[("call.tagged", NOW_S, tags(&[("A", 0), ("B", 0)])), ("call.untagged", NOW_S + 9, tags(&[("B", 0)]))],
            &["B"],
        ),
        (
            "a removal, and an old body with a new time",
            &[
                ("call.tagged", NOW_S, tags(&[("A", 0)])),
                ("call.untagged", NOW_S + 5, tags(&[])),
                ("call.commented", NOW_S + 9, tags(&[("A", 0)])),
            ],
            &[],
        ),
        (
            "added again",
            &[
                ("call.tagged", NOW_S, tags(&[("A", 0)])),
                ("call.untagged", NOW_S + 5, tags(&[])),
                ("call.tagged", NOW_S + 6, tags(&[("A", 6)])),
            ],
            &["A"],
        ),
        (
            "a late removal of before",
            &[("call.tagged", NOW_S + 6, tags(&[("A", 6)])), ("call.untagged", NOW_S + 5, tags(&[]))],
            &["A"],
        ),
        (
            "an untagged of the same second, and a later event that shows it",
            &[
                ("call.tagged", NOW_S + 5, tags(&[("A", 5)])),
                ("call.untagged", NOW_S + 5, tags(&[])),
                ("call.commented", NOW_S + 7, tags(&[("A", 5)])),
            ],
            &["A"],
        ),
        (
            "the list, after its removal was lost",
            &[
                ("reconciled", NOW_S, listed(&["A"])),
                ("call.tagged", NOW_S + 3, tags(&[("B", 3)])),
                ("reconciled", NOW_S + 9, listed(&["A"])),
            ],
            &["A"],
        ),
        (
            "the list of before it was added",
            &[("reconciled", NOW_S, listed(&["A"])), ("call.tagged", NOW_S + 3, tags(&[("B", 3)]))],
            &["A", "B"],
        ),
        (
            "only a list that has it, and an event without",
            &[("reconciled", NOW_S, listed(&["A"])), ("call.commented", NOW_S + 3, tags(&[]))],
            &["A"],
        ),
    ];
    for (what, views, expected) in cases {
        let found = names(&joined(views).call());
        assert_eq!(found, expected.iter().map(|name| (*name).to_owned()).collect(), "{what}");
        let backwards: Vec<View> = views.iter().rev().cloned().collect();
        assert_eq!(stored(&joined(views)), stored(&joined(&backwards)), "{what}, backwards");
    }
}

#[test]
fn what_a_call_has_it_keeps() {
    let ended = json!({
        "status": "done", "answered_at": NOW_S - 60, "ended_at": NOW_S - 30, "duration": 60, "user": { "id": 501 },
        "transferred_by": { "id": 502 }, "recording": "https://example/1", "asset": "https://example/a", "comments": [{ "id": 7 }],
    });
    let poor = json!({ "status": "done", "ended_at": NOW_S - 30, "duration": 60 });
    let ringing = json!({ "status": "initial", "user": { "id": 503 } });
    let call = joined(&[("call.ended", NOW_S, ended.clone()), ("call.tagged", NOW_S + 5, poor)]).call();
    for field in ["answered_at", "transferred_by", "recording", "asset", "comments"] {
        assert_eq!(call[field], ended[field], "{field}");
    }
    assert_eq!(call["user"], Value::Null, "whose phone rang may change");
    let call = joined(&[("call.ended", NOW_S, ended.clone()), ("call.created", NOW_S + 5, ringing)]).call();
    for field in ["status", "ended_at", "duration", "user", "asset"] {
        assert_eq!(call[field], ended[field], "{field}");
    }
    let link = |second: i64, link: &str| ("call.ended", second, json!({ "ended_at": NOW_S - 30, "recording": link }));
    let links = [
        link(NOW_S, "https://example/1"),
        link(NOW_S + 5, "https://example/2"),
        ("call.ended", NOW_S + 9, json!({ "ended_at": NOW_S - 30 })),
    ];
    assert_eq!(joined(&links).call()["recording"], "https://example/2", "the newest link");
    assert_eq!(
        joined(&[links[2].clone(), links[0].clone(), links[1].clone()]).call()["recording"],
        "https://example/2"
    );
}

#[test]
fn a_view_alone_is_stored_as_it_came() {
    let fields = json!({ "ended_at": NOW_S, "tags": [tag("B", NOW_S), tag("A", NOW_S)], "comments": [{ "id": 9 }, { "id": 7 }] });
    let call = call(&fields);
    let joined = Joined::of(&Snapshot::new("call.ended", at(NOW_S), &call));
    assert_eq!((joined.call(), joined.parts()), (serde_json::to_value(&call).unwrap(), None));
}

/// A tag that is removed in the second in which it was added: an old body that shows it later cannot be distinguished from one that shows a
/// tag which was added once more.
fn has_a_slip(sent: &[Sent]) -> bool {
    sent.windows(2).any(|pair| {
        let [(_, _, before), (_, at, after)] = pair else { return false };
        before.tags.iter().any(|tag| !after.tags.contains(tag) && tag.tagged_at == Some(*at))
    })
}

/// Old bodies that Aircall sends again as if they were new, each some seconds after the last event.
fn restamped(sent: &[Sent], again: &[(usize, i64)]) -> Vec<Sent> {
    let last = sent[sent.len() - 1].1;
    let stale = again.iter().map(|(index, seconds)| {
        let call = sent[index % sent.len()].2.clone();
        let kind = if call.has_ended() { "call.ended" } else { "call.created" };
        (kind, at(last.as_second() + seconds), call)
    });
    sent.iter().cloned().chain(stale).collect()
}

fn lives_with_old_bodies() -> impl Strategy<Value = (Vec<Sent>, Vec<Sent>)> {
    let again = vec((0..24_usize, 1..9_i64), 0..4);
    (lives(), again).prop_map(|(life, again)| {
        let sent = events_of(&life, false);
        let all = restamped(&sent, &again);
        (sent, all)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_depends_on_order_or_repeats(
        (sent, order) in (lives(), vec((0..24_usize, 1..9_i64), 0..4))
            .prop_map(|(life, again)| restamped(&events_of(&life, true), &again)).prop_flat_map(shuffled),
    ) {
        let in_order = stored(&fold(&sent));
        let views: Vec<&Sent> = order.iter().map(|index| &sent[*index]).collect();
        prop_assert_eq!(&in_order, &stored(&fold(views.iter().copied())));
        // Two halves, joined only in the end.
        let (one, other) = views.split_at(views.len() / 2);
        if !one.is_empty() {
            prop_assert_eq!(&in_order, &stored(&fold(one.iter().copied()).join(fold(other.iter().copied()))));
        }
    }

    #[test]
    fn old_bodies_change_nothing((sent, all) in lives_with_old_bodies().prop_filter("a slip", |(sent, _)| !has_a_slip(sent))) {
        let says = |call: &Call| {
            let tags: BTreeSet<_> = call.tags.iter().map(|tag| (tag.id, tag.tagged_at)).collect();
            let notes: BTreeSet<_> = call.comments.iter().map(|note| note.id).collect();
            (call.ended_at, call.answered_at, notes, call.asset.clone(), call.voicemail.is_some(), tags)
        };
        let known: Call = serde_json::from_value(fold(&all).call()).unwrap();
        prop_assert_eq!(says(&known), says(&sent[sent.len() - 1].2));
    }
}
