use super::*;
use serde_json::{Value, json};

mod documented;

fn call(fields: &Value) -> Call {
    let mut call = json!({ "id": 3_811_600_001_i64 });
    call.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(call).unwrap()
}

fn described(fields: &Value) -> Value {
    serde_json::to_value(context(&call(fields), &Insights::new(), &crate::style(Language::English))).unwrap()
}

#[test]
fn answered_before_voicemail_before_missed() {
    use Outcome::{Connected, Missed, Voicemail};
    let page = |path: &str| json!({ "asset": format!("https://assets.aircall.io/calls/1/{path}") });
    for (fields, expected) in [
        (json!({}), Missed),
        (json!({ "missed_call_reason": "short_abandoned" }), Missed),
        (json!({ "status": "done", "duration": 300 }), Missed),
        (json!({ "answered_at": 1_795_425_336 }), Connected),
        // What Aircall's list of calls contains for some answered calls.
        (json!({ "answered_at": 1_795_425_336, "missed_call_reason": "agents_did_not_answer" }), Connected),
        (json!({ "answered_at": 1_795_425_336, "voicemail": "https://x.example/v" }), Connected),
        (json!({ "voicemail": "https://x.example/v" }), Voicemail),
        (page("voicemail"), Voicemail),
        (page("voicemail/"), Voicemail),
        (page("voicemail/info"), Voicemail),
        (page("recording"), Missed),
        (page("recording/info"), Missed),
    ] {
        assert_eq!(outcome(&call(&fields)), expected, "{fields}");
    }
}

#[test]
fn the_page_is_that_of_the_recording_or_of_the_voicemail_and_nothing_else() {
    let page = "https://assets.aircall.io/calls/1";
    let long = format!("{page}/{}/recording", "x".repeat(300));
    for (fields, recording, voicemail) in [
        (json!({}), None, None),
        (json!({ "asset": format!("{page}/recording"), "answered_at": 1 }), Some("recording"), None),
        (json!({ "asset": format!("{page}/recording/info"), "answered_at": 1 }), Some("recording/info"), None),
        (json!({ "asset": format!("{page}/voicemail") }), None, Some("voicemail")),
        (json!({ "asset": format!("{page}/info"), "voicemail": "https://x.example/v" }), None, Some("info")),
        (json!({ "recording": "https://x.example/r", "answered_at": 1 }), None, None),
        (json!({ "voicemail": "https://x.example/v" }), None, None),
        (json!({ "direct_link": "https://api.aircall.io/v1/calls/1" }), None, None),
        (json!({ "asset": "javascript:alert(1)" }), None, None),
        (json!({ "asset": "https://assets.aircall.io/a b" }), None, None),
        (json!({ "asset": long, "answered_at": 1 }), None, None),
    ] {
        let described = described(&fields);
        let expected = |path: Option<&str>| path.map_or(Value::Null, |path| json!(format!("{page}/{path}")));
        assert_eq!(described["recording"], expected(recording), "{fields}");
        assert_eq!(described["voicemail"], expected(voicemail), "{fields}");
    }
}

#[test]
fn times_as_people_read_them() {
    for (seconds, expected) in [
        (0, "0:00"),
        (9, "0:09"),
        (60, "1:00"),
        (3_599, "59:59"),
        (3_600, "1:00:00"),
        (3_661, "1:01:01"),
        (360_000, "100:00:00"),
    ] {
        assert_eq!(clock(seconds), expected);
    }
}

#[test]
fn talk_time_is_from_the_answer_to_the_end() {
    for (fields, talk, total) in [
        (json!({}), Value::Null, Value::Null),
        (json!({ "duration": 0 }), Value::Null, json!("0:00")),
        (json!({ "duration": 65, "ended_at": 165 }), Value::Null, json!("1:05")),
        (json!({ "duration": 65, "answered_at": 105, "ended_at": 165 }), json!("1:00"), json!("1:05")),
        (json!({ "answered_at": 105 }), Value::Null, Value::Null),
        // Clocks that disagree.
        (json!({ "duration": 65, "answered_at": 170, "ended_at": 165 }), Value::Null, json!("1:05")),
    ] {
        let described = described(&fields);
        assert_eq!((&described["talk"], &described["total"]), (&talk, &total), "{fields}");
    }
}

#[test]
fn a_transfer_counts_if_somebody_else_had_the_call_in_the_end() {
    let (lea, hugo) = (json!({ "id": 1, "name": "Léa" }), json!({ "id": 2, "name": "Hugo" }));
    let ines = json!({ "id": 3, "name": "Inès" });
    for (by, to, agent, expected) in [
        (&lea, &hugo, &hugo, json!("Léa")),
        // To a team: Aircall names its first user, but another member answered the call.
        (&lea, &hugo, &ines, json!("Léa")),
        // The transfer failed.
        (&lea, &hugo, &lea, Value::Null),
        // Nobody answered the call, or it is not known who did.
        (&lea, &hugo, &json!({}), Value::Null),
        (&lea, &hugo, &json!({ "name": "Hugo" }), Value::Null),
        (&json!({}), &hugo, &hugo, Value::Null),
        (&json!({ "id": 1 }), &hugo, &hugo, Value::Null),
    ] {
        let fields = json!({ "transferred_by": by, "transferred_to": to, "user": agent });
        assert_eq!(described(&fields)["transferred_by"], expected, "{fields}");
    }
}

#[test]
fn the_companys_number() {
    for (number, expected) in [
        (json!({}), Value::Null),
        (json!({ "name": "Ventes", "digits": "+33 1 99 00 12 34" }), json!("Ventes (+33 1 99 00 12 34)")),
        (json!({ "name": "Ventes", "e164_digits": "+33199001234" }), json!("Ventes (+33199001234)")),
        (json!({ "name": "Ventes" }), json!("Ventes")),
        (json!({ "digits": "+33 1 99 00 12 34" }), json!("+33 1 99 00 12 34")),
        (json!({ "name": "+33 1 99 00 12 34", "digits": "+33 1 99 00 12 34" }), json!("+33 1 99 00 12 34")),
        (json!({ "name": "\u{200b}", "digits": "+33 1 99 00 12 34" }), json!("+33 1 99 00 12 34")),
    ] {
        assert_eq!(described(&json!({ "number": number }))["line"], expected, "{number}");
    }
}

#[test]
fn a_reason_is_given_only_for_calls_that_nobody_answered() {
    let reason = |fields: &Value| {
        let described = described(fields);
        (described["missed_reason"].clone(), described["missed_reason_code"].clone())
    };
    let missed = json!({ "missed_call_reason": "out_of_opening_hours" });
    assert_eq!(reason(&missed), (json!("outside opening hours"), json!("out_of_opening_hours")));
    let answered = json!({ "missed_call_reason": "out_of_opening_hours", "answered_at": 1 });
    assert_eq!(reason(&answered), (Value::Null, Value::Null));
}

#[test]
fn a_huge_note_leaves_the_others_whole() {
    let notes = json!({ "comments": [{ "content": "x".repeat(50_000) }, { "content": "Rappeler lundi" }] });
    let described = described(&notes);
    let texts: Vec<_> = described["notes"].as_array().unwrap().iter().map(|n| n["text"].as_str().unwrap()).collect();
    assert_eq!(texts[1], "  Rappeler lundi");
    assert!(texts[0].ends_with("x […]") && texts[0].chars().count() + texts[1].chars().count() == NOTES.1);
}

#[test]
fn shows_the_voice_menu_and_a_conference() {
    let user = json!({ "type": "user", "id": 502, "name": "Hugo Lefèvre" });
    let outside = json!({ "type": "external", "phone_number": "+33 6 39 98 40 02" });
    for (fields, menu, people) in [
        (json!({}), json!([]), json!([])),
        (
            json!({ "ivr_options_selected": [{ "id": 3, "title": " Ventes ", "key": "1" }, { "key": "4" }, {}, { "id": "x" }] }),
            json!(["1 – Ventes", "4", "x"]),
            json!([]),
        ),
        // Two people are a call.
        (json!({ "participants": [user, outside] }), json!([]), json!([])),
        (
            json!({ "participants": [user, outside, { "type": "contact", "name": "Nadia" }] }),
            json!([]),
            json!(["Hugo Lefèvre", "+33 6 39 98 40 02", "Nadia"]),
        ),
        // The name of the field in Aircall's list of calls.
        (
            json!({ "conference_participants": [user, user, user] }),
            json!([]),
            json!(["Hugo Lefèvre", "Hugo Lefèvre", "Hugo Lefèvre"]),
        ),
    ] {
        let shown = described(&fields);
        assert_eq!((&shown["menu"], &shown["participants"]), (&menu, &people), "{fields}");
    }
}
