use std::time::Duration;

use ledger::{
    calls::{Change, Log, Stored},
    insight::Insights,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};
use vendors::{aircall::wire::Call, sellsy::wire::CallSource};

use super::*;
use crate::render;

const CALL: CallId = CallId(5);

fn log(lines: &str) -> PhoneCallCreate {
    PhoneCallCreate {
        owner_id: 11,
        date: "2026-11-23T10:15:30+01:00".into(),
        result: CallResult::Connected,
        source: CallSource::Incoming,
        related: vec![Related { kind: RecordKind::Individual, id: 2001 }],
        description: render::description(CALL, lines),
        duration: 60,
        topic: None,
    }
}

/// As Sellsy answers it.
fn answered(log: &PhoneCallCreate) -> Value {
    json!({ "id": 900, "owner": { "id": log.owner_id, "type": "staff" }, "date": log.date, "result": { "id": log.result },
            "source": log.source, "related": log.related, "description": log.description, "duration": log.duration,
            "created": "2026-11-23T10:20:00+01:00", "updated": "2026-11-23T10:20:00+01:00", "topic": { "id": 1, "name": "Commercial" } })
}

fn phone_call(answer: &Value) -> PhoneCall {
    serde_json::from_value(answer.clone()).unwrap()
}

fn created(log: &PhoneCallCreate) -> AsLeft {
    as_left(CALL, unseen(log, Links::Set), Some(&phone_call(&answered(log))), None)
}

/// A call whose log was written, with this digest.
fn written_as(digest: Option<&str>) -> CallRow {
    let mut row = CallRow::of(CALL, Call::default(), crate::plan::tests::resolution(Some(2001)), Insights::new());
    row.log = Log::Stored(Stored {
        form: LogForm::PhoneCall,
        id: 900,
        digest: digest.map(str::to_owned),
        writes: 1,
        written_age: Duration::ZERO,
        due_in: None,
        links: Links::Set,
        change: Change::Settled,
    });
    row
}

fn row() -> CallRow {
    written_as(Some("d"))
}

const PHONE_CALL: (LogForm, Links) = (LogForm::PhoneCall, Links::Set);

#[test]
fn a_field_that_a_person_changed_is_left_alone() {
    let (before, now) = (log("Appel"), log("Appel\nTags : devis"));
    let left = created(&before);
    for (field, value, part) in [
        ("owner", json!({ "id": 12, "type": "staff" }), Part::Owner),
        ("date", json!("2026-11-23T10:16:00+01:00"), Part::Date),
        ("result", json!({ "id": "transfer", "name": "Transféré" }), Part::Result),
        ("source", json!("outcoming"), Part::Direction),
        ("duration", json!(90), Part::Duration),
        ("related", json!([{ "type": "company", "id": 3001 }]), Part::Links),
        ("topic", json!({ "id": 2, "name": "Support" }), Part::Topic),
    ] {
        let now = PhoneCallCreate { topic: Some(3), ..now.clone() };
        let mut stands = answered(&before);
        stands[field] = value;
        let merged = merge(&row(), Some(&left), &phone_call(&stands), &now, PHONE_CALL);
        assert_eq!((&merged.theirs, &merged.new), (&vec![part], &vec![part]), "{field}");
        let sent = serde_json::to_value(&merged.update).unwrap();
        let key = if field == "owner" { "owner_id" } else { field };
        assert!(sent.get(key).is_none() && sent.as_object().unwrap().len() == 7, "{sent}");
        // It stays the person's, although it is as we left it now, and is said once.
        let left = as_left(CALL, merged, Some(&phone_call(&stands)), Some(left.clone()));
        let again = merge(&row(), Some(&left), &phone_call(&stands), &now, PHONE_CALL);
        assert_eq!((again.theirs, again.new), (vec![part], vec![]), "{field}");
        // Until the person puts it back.
        let back = merge(&row(), Some(&left), &phone_call(&answered(&before)), &before, PHONE_CALL);
        assert!(back.theirs.is_empty(), "{field}: {:?}", back.theirs);
    }
}

#[test]
fn a_field_that_nobody_changed_is_brought_up_to_date() {
    let before = log("Appel");
    let now = PhoneCallCreate { result: CallResult::VoiceMessage, owner_id: 12, topic: Some(3), ..log("Appel") };
    let merged = merge(&row(), Some(&created(&before)), &phone_call(&answered(&before)), &now, PHONE_CALL);
    assert!(merged.theirs.is_empty());
    let sent = serde_json::to_value(&merged.update).unwrap();
    assert_eq!((&sent["result"], &sent["owner_id"], &sent["topic"]), (&json!("msgvocal"), &json!(12), &json!(3)));
}

#[test]
fn nothing_is_sent_when_the_log_is_as_wanted() {
    let now = log("Appel");
    let mut stands = answered(&now);
    assert!(merge(&row(), Some(&created(&now)), &phone_call(&stands), &now, PHONE_CALL).is_as_wanted());
    // Everything but what is a person's.
    stands["result"] = json!({ "id": "transfer", "name": "Transféré" });
    stands["description"] = json!(format!("Pressé.\n{}\nVu.", now.description));
    let merged = merge(&row(), Some(&created(&now)), &phone_call(&stands), &now, PHONE_CALL);
    assert!(merged.is_as_wanted(), "{:?}", merged.update);
    assert_eq!(merged.new, [Part::Text, Part::Result]);
}

#[test]
fn a_person_who_empties_our_block_is_left_in_peace() {
    let (before, now) = (log("Appel"), log("Appel\nTags : devis"));
    for text in ["", "Sans intérêt.", "Aircall call 5\nVu."] {
        let mut stands = answered(&before);
        stands["description"] = json!(text);
        let merged = merge(&row(), Some(&created(&before)), &phone_call(&stands), &now, PHONE_CALL);
        assert_eq!((&merged.update.description, &merged.new), (&None, &vec![Part::Text]), "{text}");
        let left = as_left(CALL, merged, Some(&phone_call(&stands)), Some(created(&before)));
        let again = merge(&row(), Some(&left), &phone_call(&stands), &log("Appel\nTags : a"), PHONE_CALL);
        assert_eq!((again.update.description, again.new), (None, vec![]), "{text}");
    }
}

#[test]
fn without_knowing_what_was_left() {
    let (before, now) = (log("Appel"), PhoneCallCreate { result: CallResult::VoiceMessage, ..log("Appel\nTags : a") });
    let untouched = answered(&before);
    let mut changed = untouched.clone();
    changed["updated"] = json!("2026-11-23T10:40:00+01:00");
    let mut missed = changed.clone();
    missed["result"] = json!({ "id": "noanswer", "name": "" });
    let digest = forms::digest(LogForm::PhoneCall, &before);
    for (stands, digest, theirs) in [
        // Nobody has changed it since it was made.
        (&untouched, None, vec![]),
        // Somebody has: perhaps Callbridge, before the ledger was lost, perhaps a person.
        (&changed, None, vec![Part::Result]),
        (&missed, None, vec![]),
        // A version of Callbridge that kept only a digest has written it last.
        (&changed, Some(digest.as_str()), vec![]),
        (&missed, Some(digest.as_str()), vec![]),
        (&changed, Some("another"), vec![Part::Result]),
    ] {
        let merged = merge(&written_as(digest), None, &phone_call(stands), &now, PHONE_CALL);
        assert_eq!(merged.theirs, theirs, "{stands}, {digest:?}");
        assert_eq!(merged.update.description.as_deref(), Some(now.description.as_str()), "{stands}");
    }
}

#[test]
fn a_call_that_a_person_moved_by_us_is_moved_whatever_was_done_in_sellsy() {
    let before = log("Appel");
    let now = PhoneCallCreate { related: vec![Related { kind: RecordKind::Company, id: 3001 }], ..before.clone() };
    let mut stands = answered(&before);
    stands["related"] = json!([{ "type": "contact", "id": 4001 }]);
    stands["result"] = json!({ "id": "transfer", "name": "" });
    let mut row = row();
    assert!(merge(&row, Some(&created(&before)), &phone_call(&stands), &now, PHONE_CALL).update.related.is_none());
    row.moved = true;
    let merged = merge(&row, Some(&created(&before)), &phone_call(&stands), &now, PHONE_CALL);
    assert_eq!((merged.update.related, merged.theirs), (Some(now.related), vec![Part::Result]));
}

#[test]
fn of_a_comment_only_the_text_counts() {
    let (before, now) = (log("Appel"), log("Appel\nTags : a"));
    let comment = json!({ "id": 9, "description": format!("Oui.\n{}", before.description) });
    let merged = merge(&written_as(None), None, &phone_call(&comment), &now, (LogForm::Comment, Links::Leave));
    assert!(merged.theirs.is_empty());
    assert_eq!(merged.update.description, Some(format!("Oui.\n{}", now.description)));
}

/// What a person does to a text.
#[derive(Clone, Debug)]
enum Edit {
    Before(usize),
    After(usize),
    /// A line of its own, below this line.
    Line(usize),
    /// At the end of this line.
    InLine(usize),
}

fn edit(text: &str, edit: &Edit, words: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let count = lines.len();
    match edit {
        Edit::Before(n) => lines.insert(0, format!("{}{words}", "\n".repeat(n % 2))),
        Edit::After(n) => lines.push(format!("{}{words}", "\n".repeat(n % 2))),
        Edit::Line(n) => lines.insert(n % count + 1, words.to_owned()),
        Edit::InLine(n) => lines[n % count].push_str(&format!(" {words}")),
    }
    lines.join("\n")
}

fn edits() -> impl Strategy<Value = Edit> {
    let n = 0..40_usize;
    prop_oneof![
        n.clone().prop_map(Edit::Before),
        n.clone().prop_map(Edit::After),
        n.clone().prop_map(Edit::Line),
        n.prop_map(Edit::InLine),
    ]
}

proptest! {
    /// A person writes at any place between our writes. Nothing of that is ever lost or doubled, and our block is always current.
    #[test]
    fn no_word_of_a_person_is_lost(
        edits in vec(edits(), 1..8),
        words in vec(select(&["Vu avec Paul.", "42", "Rappeler « Léa » lundi", "a < b & c", "Tags : devis"][..]), 8),
    ) {
        let mut ours = log("Appel entrant\nTags : t0");
        let mut left = created(&ours);
        let mut stands = answered(&ours);
        for (n, (one, words)) in edits.iter().zip(words).enumerate() {
            let words = format!("{words} ({n})");
            let text = edit(stands["description"].as_str().unwrap(), one, &words);
            stands["description"] = json!(text);
            ours = log(&format!("Appel entrant\nTags : t0, t{n}\nNote :\n  numéro {n}"));
            let merged = merge(&row(), Some(&left), &phone_call(&stands), &ours, PHONE_CALL);
            prop_assert!(merged.new.contains(&Part::Text), "{:?}", one);
            stands["description"] = json!(merged.update.description.clone().unwrap());
            left = as_left(CALL, merged, Some(&phone_call(&stands)), Some(left));
            let text = stands["description"].as_str().unwrap();
            prop_assert!(text.contains(&ours.description), "{}", text);
            for earlier in 0..=n {
                prop_assert_eq!(text.matches(&format!("({earlier})")).count(), 1, "{}", text);
            }
        }
    }
}

#[test]
fn only_fields_that_become_other_ones_are_noted_before_they_are_sent() {
    let related = vec![Related { kind: RecordKind::Individual, id: 7 }];
    let left = AsLeft { topic: Some(41), duration: Some(90), related: related.clone(), ..AsLeft::default() };
    let update = |topic, duration| PhoneCallUpdate {
        topic: Some(topic),
        duration: Some(duration),
        related: Some(related.clone()),
        description: Some("another".into()),
        ..PhoneCallUpdate::default()
    };
    assert_eq!(to_send(&update(41, 90), &left), None, "the text has its seal");
    let sent = to_send(&update(42, 90), &left).unwrap();
    assert_eq!(sent, PhoneCallUpdate { topic: Some(42), ..PhoneCallUpdate::default() });
    // What is noted already needs no other statement.
    let noted = AsLeft { sent: vec![sent.clone()], ..left };
    assert_eq!(to_send(&update(42, 90), &noted), None);
    let stands = |topic| AsLeft { topic: Some(topic), ..AsLeft::default() };
    assert!(is_as_sent(Part::Topic, &sent, &stands(42)));
    assert!(!is_as_sent(Part::Topic, &sent, &stands(43)), "a person's");
    assert!(!is_as_sent(Part::Duration, &sent, &stands(42)), "it was not sent");
}
