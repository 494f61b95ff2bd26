//! What is written is read back, by this version and by others.

use proptest::prelude::*;
use serde_json::json;

use super::{super::resolution::Resolution, *};

fn read_back(what: &What) -> What {
    let (key, detail) = what.columns();
    What::read(&key, detail)
}

#[test]
fn every_line_is_read_as_it_was_written() {
    for what in samples::lines() {
        assert_eq!(read_back(&what), what);
        assert_eq!(serde_json::from_value::<What>(serde_json::to_value(&what).unwrap()).unwrap(), what);
        assert!(what.columns().1.is_object(), "{what:?}");
    }
}

#[test]
fn every_reason_is_read_as_it_was_written() {
    for reason in samples::reasons() {
        let what = What::Skipped { reason };
        assert_eq!(read_back(&what), what);
        let (_, detail) = what.columns();
        assert!(!detail["reason"].as_str().unwrap().is_empty() && detail["reason_key"]["key"].is_string(), "{detail}");
    }
}

/// The condition of the index `timeline_failures`.
#[test]
fn failures_are_stored_under_the_keys_that_are_indexed() {
    for what in samples::lines() {
        assert_eq!(what.failure().is_some(), ["parked", "retried"].contains(&what.columns().0.as_str()), "{what:?}");
    }
}

const DOCUMENT: &str = include_str!("../../../../docs/timeline.md");

#[test]
fn every_key_is_documented_with_its_sentence() {
    let lines = samples::lines().into_iter().filter(|what| !matches!(what, What::Other { .. } | What::Event { .. }));
    let lines = lines.map(|what| (what.columns().0, what.to_string()));
    // Further samples of a variant have other sentences and no row of their own.
    let is_second = |reason: &Reason| {
        let is_other_kind = matches!(reason, Reason::KindNotLogged { outbound, outcome }
            if *outbound || *outcome != base::rules::Outcome::Missed);
        is_other_kind || matches!(reason, Reason::KindFirst { n: 2, .. })
    };
    let reasons = samples::reasons().into_iter().filter(|reason| !is_second(reason)).map(|reason| {
        let key = serde_json::to_value(&reason).unwrap()["key"].as_str().unwrap().to_owned();
        (key, reason.to_string())
    });
    for (key, sentence) in lines.chain(reasons) {
        let row = format!("| `{key}` | {sentence} |");
        assert!(DOCUMENT.contains(&row), "docs/timeline.md lacks the row: {row}");
    }
}

/// Rows that were written by versions without keys.
#[test]
fn old_lines_are_read_as_what_they_tell() {
    let decision = json!({ "record": "contact 7", "rule": "company before the other kinds, and the first of 2", "opportunity": null,
                           "opportunity_rule": "there is no record", "candidates": ["contact 7"], "source": "live", "as_of": null });
    let request = json!({ "api": "sellsy", "request": "GET /staffs", "status": "no answer", "times": 2, "ms": 20_000 });
    for (what, detail, expected) in [
        ("looked up", decision.clone(), "looked_up"),
        ("decided", decision.clone(), "decided"),
        ("resolved again", decision, "decided_again"),
        ("card shown", json!({}), "card_shown"),
        ("no card was shown during the call", json!({}), "no_card_shown"),
        ("skipped", json!({ "reason": "no card: it was shown before" }), "skipped"),
        ("retried", json!({ "code": "CALL_BUSY", "error": "busy", "attempts": 1 }), "retried"),
        ("parked", json!({ "code": "CALL_BUSY", "error": "busy", "attempts": 9 }), "parked"),
        ("logged", json!({ "phone_call": 9, "related": [{ "type": "individual", "id": 7 }] }), "logged"),
        ("log updated", json!({ "comment": 9 }), "log_updated"),
        ("a log whose creation had ended unclear was found and adopted", json!({ "phone_call": 9 }), "adopted_unclear"),
        ("a log that the ledger did not know was found and adopted", json!({ "phone_call": 9 }), "adopted_unknown"),
        ("a person has deleted the log in Sellsy; it stays deleted", json!({ "phone_call": 9 }), "log_deleted"),
        (
            "Sellsy does not take the links of the log; they stay as they are there",
            json!({ "error": "400" }),
            "links_refused",
        ),
        ("refused by Sellsy; the caller is looked up again", json!({ "error": "400" }), "record_refused"),
        ("changed; it is written together with what else changes soon", json!({ "in_s": 20 }), "put_off"),
        ("insights found", json!({ "insights": ["summary"], "fetched": false }), "insights_found"),
        ("replayed by an operator", json!({ "code": "CALL_BUSY", "attempts": 9, "message": "0199" }), "replayed"),
        ("dropped by an operator", json!({ "code": "CALL_BUSY", "attempts": 9, "message": "0199" }), "dropped"),
        ("request", request, "request"),
        ("call.ended", json!({ "occurred_at": "2026-11-23T09:15:30+00:00" }), "call.ended"),
        ("reconciled", json!({ "occurred_at": "2026-11-23T09:15:30+00:00" }), "reconciled"),
    ] {
        let read = What::read(what, detail.clone());
        assert!(!matches!(read, What::Other { .. }), "{what}");
        assert_eq!((read.columns().0.as_str(), read.to_string().as_str()), (expected, what));
        for (name, value) in detail.as_object().unwrap().iter().filter(|(name, _)| *name != "occurred_at") {
            assert_eq!(read.columns().1[name], *value, "{what}: {name}");
        }
    }
}

/// Sentences that were written by versions without keys.
#[test]
fn old_reasons_are_read_as_what_they_tell() {
    for sentence in [
        "the only record with this number",
        "the only record with this number that is not archived",
        "individual before the other kinds",
        "company before the other kinds, and the first of 2",
        "the first of 3 records of kind contact",
        "no usable record has this number",
        "every record with this number is archived",
        "the number is withheld: there is nobody to look up",
        "an internal number or a short code: it is not looked up",
        "what was dialled is no phone number: it is not looked up",
        "the earliest created one that is open or late",
        "no opportunity is open or late",
        "there is no record",
        "a supplier has no opportunity",
        "a contact without a company has no opportunity",
        "the contact's company is a supplier: no opportunity",
        "no card: Aircall answered 404 Not Found, the call is over",
        "no card: SELLSY_UNAVAILABLE: GET /search: no answer",
        "no card: its data were deleted: it is older than RETENTION_DAYS, or somebody asked for it",
        "no card: the call has ended",
        "no card: it was shown before",
        "not logged: no usable record has this number",
        "not written: it has not been resolved yet",
        "not written: nobody in Sellsy has its number",
        "not written: the call itself has not arrived yet",
        "not written: its record is gone from Sellsy; the caller is looked up again",
        "not written: a person has deleted its log in Sellsy",
        "no insights: Aircall does not know this call",
        "no insights: the call was on another number",
        "no insights: the call lasted 60 s, and only calls of more than 60 s get them",
        "no insights: the call lasted 10800 s, and only calls of less than 10,800 s get them",
        "transcription.created carries nothing for a log",
        "summary.created has no content, and Aircall has none either",
    ] {
        let What::Skipped { reason } = What::read("skipped", json!({ "reason": sentence })) else {
            panic!("{sentence}")
        };
        assert!(!format!("{reason:?}").contains("Other("), "{reason:?}");
        assert_eq!(reason.to_string(), sentence);
    }
    // Its words are others now.
    let read = What::read("skipped", json!({ "reason": "no card: it was shown before, or the call has ended" }));
    assert_eq!(read, What::Skipped { reason: Reason::NoCard(Reason::ShownBeforeOrEnded.into()) });
}

/// Workers of two versions run side by side while one replaces the other.
#[test]
fn decisions_are_read_by_versions_before_the_keys_and_after() {
    #[derive(serde::Deserialize)]
    struct Before {
        rule: String,
        opportunity_rule: String,
    }
    let before = json!({
        "source": "none", "record": null, "rule": "the number is withheld: there is nobody to look up",
        "opportunity": null, "opportunity_rule": "there is no record", "candidates": [],
    });
    let resolution: Resolution = serde_json::from_value(before.clone()).unwrap();
    assert_eq!((&resolution.rule, &resolution.opportunity_rule), (&Reason::Withheld, &Reason::NobodyFound));
    let stored = serde_json::to_value(&resolution).unwrap();
    let read: Before = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(
        (before["rule"].as_str(), before["opportunity_rule"].as_str()),
        (Some(&*read.rule), Some(&*read.opportunity_rule))
    );
    assert_eq!(stored["rule_key"], json!({ "key": "withheld" }));
    assert_eq!(serde_json::from_value::<Resolution>(stored).unwrap(), resolution);
}

#[test]
fn what_nobody_here_has_written_is_shown_as_it_is() {
    let unknown = json!({ "reason": "no card: the moon is full", "reason_key": { "key": "moon", "detail": 3 } });
    let reason = Reason::NoCard(Reason::Other("the moon is full".into()).into());
    assert_eq!(What::read("skipped", unknown), What::Skipped { reason });
    for (what, detail) in [
        ("something new", json!({ "n": 3, "occurred_at": "2026-11-23T09:15:30Z" })),
        // Without its details a known line means nothing.
        ("log updated", json!({})),
        ("logged", Value::Null),
    ] {
        assert_eq!(What::read(what, detail.clone()), What::Other { what: what.into(), detail });
    }
}

#[test]
fn programs_read_a_key_beside_the_sentence() {
    let what = What::Skipped { reason: Reason::NotLogged(Reason::Withheld.into()) };
    let line = Line { at: Timestamp::UNIX_EPOCH, stage: "resolver".into(), what };
    let expected = json!({
        "at": "1970-01-01T00:00:00Z", "stage": "resolver", "what": "skipped", "key": "skipped",
        "detail": {
            "reason": "not logged: the number is withheld: there is nobody to look up",
            "reason_key": { "key": "not_logged", "detail": { "key": "withheld" } },
        },
    });
    assert_eq!(serde_json::to_value(&line).unwrap(), expected);
}

fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("call.ended".to_owned()),
        Just("no card: no card: it was shown before".to_owned()),
        Just("contact 7".to_owned()),
        "\\PC*",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let name =
            prop::sample::select(&["key", "detail", "reason", "reason_key", "rule", "record", "status", "x"][..]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name, inner), 0..6).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn anything_is_read_and_stays_what_it_is(
        what in prop_oneof!["\\PC*", prop::sample::select(samples::lines()).prop_map(|what| what.columns().0)],
        detail in any_json(),
    ) {
        let read = What::read(&what, detail);
        let _ = read.to_string();
        prop_assert_eq!(read_back(&read), read);
    }

    /// A detail of another shape than expected.
    #[test]
    fn a_spoilt_line_is_read_all_the_same(what in prop::sample::select(samples::lines()), n in any::<prop::sample::Index>(), other in any_json()) {
        let (key, mut detail) = what.columns();
        let fields = detail.as_object_mut().unwrap();
        if !fields.is_empty() {
            let n = n.index(fields.len());
            if let Some(field) = fields.values_mut().nth(n) {
                *field = other;
            }
        }
        let read = What::read(&key, detail);
        prop_assert_eq!(read_back(&read), read);
    }
}
