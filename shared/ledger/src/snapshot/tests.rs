//! A table of pairs for the order of views, and generated call histories for what follows from that order.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use super::*;

mod merging;

/// The second in which the events of the table happen.
const NOW_S: i64 = 1_795_000_000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn call(fields: &Value) -> Call {
    let mut call = json!({ "id": 3_811_600_001_i64, "started_at": NOW_S - 90 });
    call.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(call).unwrap()
}

fn tag(name: &str, tagged_at: i64) -> Value {
    json!({ "id": 1022, "name": name, "tagged_at": tagged_at })
}

#[track_caller]
fn newer((kind, fields): (&str, Value), (newer_kind, newer_fields): (&str, Value)) {
    let (one, other) = (call(&fields), call(&newer_fields));
    let (one, other) = (Snapshot::new(kind, at(NOW_S), &one), Snapshot::new(newer_kind, at(NOW_S), &other));
    assert!(one.place() < other.place(), "{newer_kind} {newer_fields} is not newer than {kind} {fields}");
}

#[test]
fn the_time_of_the_event_decides() {
    let (ended, ringing) = (json!({ "ended_at": NOW_S }), json!({}));
    let rich = json!({ "ended_at": NOW_S, "comments": [{ "id": 1 }] });
    for (poor, seconds, expected) in
        [(&ended, 1, true), (&ended, 0, false), (&ended, -1, false), (&ringing, 1, false), (&ringing, -1, false)]
    {
        let (poor, rich) = (call(poor), call(&rich));
        let poor = Snapshot::new("call.created", at(NOW_S + seconds), &poor);
        let rich = Snapshot::new("call.commented", at(NOW_S), &rich);
        assert_eq!(poor.place() > rich.place(), expected, "{seconds} s later, ended or not");
    }
}

/// Notes, recordings and the like are never lost, so the view that has them is the newer one.
#[test]
fn within_a_second_the_richer_view_is_newer() {
    let ended = json!({ "answered_at": NOW_S - 60, "ended_at": NOW_S - 30 });
    let with = |name: &str, value: Value| {
        let mut fields = ended.clone();
        fields[name] = value;
        fields
    };
    let note = |id: i64| json!({ "id": id, "content": "Rappeler" });
    newer(("call.created", json!({})), ("call.answered", json!({ "answered_at": NOW_S })));
    newer(("call.answered", json!({ "answered_at": NOW_S })), ("call.ended", ended.clone()));
    newer(("call.untagged", json!({})), ("call.created", json!({ "status": "done" })));
    newer(("call.untagged", ended.clone()), ("call.commented", with("comments", json!([note(1)]))));
    newer(
        ("call.commented", with("comments", json!([note(1)]))),
        ("call.commented", with("comments", json!([note(1), note(2)]))),
    );
    // A tag of the same second does not outweigh the recording.
    newer(
        ("call.tagged", with("tags", json!([tag("VIP", NOW_S)]))),
        ("call.ended", with("asset", json!("https://assets.example/1/recording"))),
    );
    // Alike except for a newly signed link, or for the agent.
    let (first, again) = (with("voicemail", json!("https://example/1")), with("voicemail", json!("https://example/2")));
    newer(("call.ended", first), ("call.voicemail_left", again));
    newer(("call.created", json!({})), ("call.ringing_on_agent", json!({ "user": { "id": 501 } })));
    newer(("a view without an event", ended.clone()), ("call.ended", ended));
}

#[test]
fn within_a_second_tags_come_and_go() {
    let tags =
        |tags: &[(&str, i64)]| json!({ "tags": tags.iter().map(|(name, at)| tag(name, *at)).collect::<Vec<_>>() });
    let undated =
        |tags: &[&str]| json!({ "tags": tags.iter().map(|name| json!({ "id": 1, "name": name })).collect::<Vec<_>>() });
    let (before, now) = (NOW_S - 5, NOW_S);
    for (kind, one, newer_kind, other) in [
        // Added one after the other.
        ("call.tagged", tags(&[("A", now)]), "call.tagged", tags(&[("A", now), ("B", now)])),
        ("call.ended", tags(&[]), "call.tagged", tags(&[("A", now)])),
        // Removed: whatever the events are, only the later view can lack the old tag.
        ("call.tagged", tags(&[("A", before)]), "call.untagged", tags(&[])),
        ("call.commented", tags(&[("A", before)]), "call.voicemail_left", tags(&[])),
        // A replaced by B, in either order.
        ("call.tagged", tags(&[("A", before), ("B", now)]), "call.untagged", tags(&[("B", now)])),
        ("call.untagged", tags(&[("C", before)]), "call.untagged", tags(&[])),
        // Added and removed again.
        ("call.tagged", tags(&[("A", now)]), "call.untagged", tags(&[])),
        ("call.tagged", tags(&[("A", now), ("B", now)]), "call.untagged", tags(&[("B", now)])),
        ("call.untagged", tags(&[("B", now)]), "call.untagged", tags(&[])),
        // A note that is saved with the tag does not say whether the tag was removed.
        ("call.commented", tags(&[("A", now)]), "call.untagged", tags(&[])),
        // Without dates no tag is known to be old: tags are added one after the other, and only an event removes them.
        ("call.tagged", undated(&["A"]), "call.tagged", undated(&["A", "B"])),
        ("call.tagged", undated(&["A"]), "call.untagged", undated(&[])),
    ] {
        newer((kind, one), (newer_kind, other));
    }
}

#[test]
fn counts_beyond_what_a_call_can_have_stay_in_their_place() {
    let notes = |count: usize| json!({ "comments": vec![json!({ "id": 1 }); count] });
    newer(("call.commented", notes(62)), ("call.commented", notes(1000)));
    newer(("call.commented", notes(1000)), ("call.ended", json!({ "ended_at": NOW_S })));
}

/// What may happen to a call next; what cannot happen is left out.
#[derive(Clone, Copy, Debug)]
enum Next {
    Second,
    Answer,
    End,
    Asset,
    Voicemail,
    Note,
    Archive,
    Tag(u8),
    Untag(u8),
}

fn lives() -> impl Strategy<Value = Vec<Next>> {
    let tags = (0..4_u8).prop_flat_map(|tag| select(vec![Next::Tag(tag), Next::Tag(tag), Next::Untag(tag)]));
    let rest = select(vec![Next::Answer, Next::End, Next::Asset, Next::Voicemail, Next::Note, Next::Archive]);
    vec(prop_oneof![3 => Just(Next::Second), 5 => tags, 4 => rest], 0..24)
}

/// One of a call's events, as Aircall builds it.
type Sent = (&'static str, Timestamp, Call);

/// The events of a history, in their true order. In a second in which a tag was removed none is added, unless they may
/// be `mixed`: in such a second nobody can know what came last.
fn events_of(life: &[Next], mixed: bool) -> Vec<Sent> {
    let (mut now, mut untagged_at) = (NOW_S, None);
    let mut sent: Vec<Sent> = vec![("call.created", at(now), call(&json!({})))];
    for next in life {
        let mut call = sent[sent.len() - 1].2.clone();
        let kind = match next {
            Next::Second => None,
            Next::Answer if !call.was_answered() && !call.has_ended() => {
                call.answered_at = Some(at(now));
                Some("call.answered")
            }
            Next::End if !call.has_ended() => {
                call.ended_at = Some(at(now));
                Some("call.ended")
            }
            Next::Asset if call.has_ended() => {
                call.asset = Some("https://assets.example/1/recording".into());
                Some("call.comm_assets_generated")
            }
            Next::Voicemail if call.has_ended() && !call.was_answered() => {
                call.voicemail = Some(format!("https://example/{}", sent.len()));
                Some("call.voicemail_left")
            }
            Next::Note if call.comments.len() < 5 => {
                let comment = json!({ "id": sent.len() + 1, "content": "Rappeler" });
                call.comments.push(serde_json::from_value(comment).unwrap());
                Some("call.commented")
            }
            Next::Archive => {
                call.archived = true;
                Some("call.archived")
            }
            Next::Tag(id) if !has(&call, *id) && (mixed || untagged_at != Some(now)) => {
                let tag = json!({ "id": id + 1, "name": format!("tag {id}"), "tagged_at": now });
                call.tags.push(serde_json::from_value(tag).unwrap());
                Some("call.tagged")
            }
            Next::Untag(id) if has(&call, *id) => {
                call.tags.retain(|tag| tag.id != Some(i64::from(id + 1)));
                untagged_at = Some(now);
                Some("call.untagged")
            }
            _ => continue,
        };
        match kind {
            Some(kind) => sent.push((kind, at(now), call)),
            None => now += 1,
        }
    }
    sent
}

fn has(call: &Call, id: u8) -> bool {
    call.tags.iter().any(|tag| tag.id == Some(i64::from(id + 1)))
}

/// The view that remains if each one replaces an older one, and its place.
fn kept<'a>(sent: impl IntoIterator<Item = &'a Sent>) -> (Snapshot<'a>, String) {
    let views = sent.into_iter().map(|(kind, at, call)| Snapshot::new(kind, *at, call));
    let kept = views.reduce(|kept, next| if next.place() > kept.place() { next } else { kept }).unwrap();
    let text = serde_json::to_string(kept.call).unwrap();
    (kept, text)
}

/// Each event at least once, some more often, in any order.
fn shuffled(sent: Vec<Sent>) -> impl Strategy<Value = (Vec<Sent>, Vec<usize>)> {
    let all: Vec<usize> = (0..sent.len()).collect();
    let again = vec(0..sent.len(), 0..=sent.len());
    let order = again.prop_flat_map(move |again| Just([all.clone(), again].concat()).prop_shuffle());
    (Just(sent), order)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn every_order_with_repeats_ends_alike(
        (sent, order) in lives().prop_map(|life| events_of(&life, true)).prop_flat_map(shuffled),
    ) {
        let (in_order, shuffled) = (kept(&sent), kept(order.iter().map(|index| &sent[*index])));
        prop_assert_eq!(in_order.0.place(), shuffled.0.place());
        prop_assert_eq!(in_order.1, shuffled.1);
    }

    /// The stored view is what the last event said.
    #[test]
    fn the_last_event_is_kept(sent in lives().prop_map(|life| events_of(&life, false))) {
        let says = |call: &Call| {
            let tags: BTreeSet<_> = call.tags.iter().map(|tag| tag.id).collect();
            (call.has_ended(), call.was_answered(), call.comments.len(), call.asset.is_some(), call.voicemail.is_some(), tags)
        };
        prop_assert_eq!(says(kept(&sent).0.call), says(&sent[sent.len() - 1].2));
    }
}
