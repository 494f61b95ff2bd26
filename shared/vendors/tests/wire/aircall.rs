//! Aircall: hazards of the envelope, of calls and of insights.

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use vendors::aircall::wire::*;

use super::member;

const CALL_ENDED: &str = include_str!("../fixtures/aircall/call_ended.json");
const CALL_CREATED: &str = include_str!("../fixtures/aircall/call_created.json");
const CALL_GET: &str = include_str!("../fixtures/aircall/call_get.json");
const INSIGHTS: &str = include_str!("../fixtures/aircall/insights.json");
const REST: &str = include_str!("../fixtures/aircall/rest.json");

fn call(body: &str) -> Call {
    Envelope::parse(body.as_bytes()).unwrap().call().unwrap()
}

#[test]
fn the_envelope_is_read_without_its_data() {
    let envelope = Envelope::parse(CALL_ENDED.as_bytes()).unwrap();
    assert_eq!((&*envelope.resource, &*envelope.event), ("call", "call.ended"));
    assert_eq!(envelope.timestamp.unwrap().as_second(), 1_795_000_342);
    assert_eq!(envelope.token.as_ref().unwrap().expose_secret(), "not-a-real-token-0001");
    assert_eq!((envelope.call_id(), envelope.number_id()), (Some(3_811_606_146), Some(1234)));
    assert!(CALL_ENDED.contains(envelope.data.get()), "the data is the bytes that were sent");
}

#[test]
fn debug_shows_neither_secrets_nor_people() {
    let envelope = Envelope::parse(CALL_ENDED.as_bytes()).unwrap();
    let webhook: One<Webhook> = member(REST, "webhook");
    let summary: Summary = envelope_of("webhook_summary");
    let shown = format!("{envelope:?} {:?} {webhook:?} {summary:?}", envelope.call().unwrap());
    for hidden in ["not-a-real-token", "Agathe", "example.com", "39 98", "Rappeler", "devis"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    assert!(shown.contains("3811606146"), "{shown}");
}

#[test]
fn a_body_that_is_no_event_is_refused() {
    for body in [
        "",
        "[]",
        "{}",
        r#"["call","call.ended",1,"t",{}]"#,
        r#"{"event":"call.ended"}"#,
        r#"{"data":{}}"#,
        r#"{"event":7,"data":{}}"#,
    ] {
        assert!(Envelope::parse(body.as_bytes()).is_err(), "{body}");
    }
    let odd = Envelope::parse(br#"{"event":"call.ended","data":null}"#).unwrap();
    assert!(odd.call().is_err(), "known event, odd payload: the envelope parses and the call does not");
    assert_eq!(odd.call_id(), None);
}

#[test]
fn spellings_of_a_call_become_one() {
    let call = call(CALL_ENDED);
    assert_eq!(call.id, 3_811_606_146);
    assert_eq!(call.direction, Some(Direction::Inbound));
    assert_eq!(call.status, Some(Status::Other("parked_by_robot".to_owned())));
    assert_eq!(call.answered_at.unwrap().to_string(), "2026-11-18T11:06:52.5Z");
    assert_eq!(call.ended_at.unwrap().as_second(), 1_795_000_312);
    assert_eq!((call.duration, call.talk_seconds()), (Some(312), Some(299)));
    assert_eq!(call.voicemail, None, "an empty text is none");
    assert_eq!((&call.contact, &call.assigned_to), (&None, &None), "an empty object is none");
    assert_eq!(call.user.as_ref().unwrap().id, Some(456));
    assert_eq!(call.tags.len(), 2, "an empty entry is none");
    assert_eq!(call.tags[1].tagged_by, None, "Aircall itself set the tag");
    assert_eq!(call.comments[0].content.as_deref(), Some("Rappeler lundi\nà 9 h"));
    assert_eq!(call.participants[1].kind, Some(ParticipantKind::Other("hologram".to_owned())));
    assert!(call.was_answered() && call.has_ended() && !call.archived);
}

#[test]
fn absent_null_and_empty_objects_are_none() {
    let created = call(CALL_CREATED);
    assert_eq!((&created.user, &created.contact, &created.number), (&None, &None, &None));
    assert_eq!((created.raw_digits.as_deref(), created.started_at), (None, None));
    assert!(created.tags.is_empty() && !created.was_answered() && !created.has_ended());

    let One { item: fetched } = serde_json::from_str::<One<Call>>(CALL_GET).unwrap();
    assert_eq!(fetched.uuid(), Some("CA00000000000000000000000000000002"));
    assert_eq!(fetched.missed_call_reason, Some(MissedReason::AgentsDidNotAnswer));
    assert_eq!(fetched.automatic_callback_call_id, Some(3_811_606_100));
    assert_eq!(fetched.conference_participants.len(), 1);
    assert_eq!(fetched.ivr_options_selected[0].key.as_deref(), Some("1"));
    assert!(fetched.archived && fetched.has_ended() && fetched.talk_seconds().is_none());
}

#[test]
fn a_snapshot_reads_back_as_it_was() {
    let One { item: fetched } = serde_json::from_str::<One<Call>>(CALL_GET).unwrap();
    for call in [call(CALL_ENDED), call(CALL_CREATED), fetched] {
        let stored: Value = serde_json::to_value(&call).unwrap();
        let back: Call = serde_json::from_value(stored.clone()).unwrap();
        assert!(back == call, "{stored}");
        assert_eq!(serde_json::to_value(&back).unwrap(), stored);
    }
    assert_eq!(
        serde_json::to_value(call(CALL_CREATED)).unwrap(),
        json!({"id": 3_811_606_147_i64, "direction": "outbound", "status": "initial", "duration": 0}),
        "empty fields are not stored",
    );
}

#[test]
fn an_id_is_needed_and_nothing_else() {
    assert!(serde_json::from_str::<Call>(r#"{"id": 1}"#).is_ok());
    for body in ["{}", r#"{"id": null}"#, r#"{"id": "abc"}"#, r#"{"id": -1}"#, r#"{"id": 1, "user": [1]}"#] {
        assert!(serde_json::from_str::<Call>(body).is_err(), "{body}");
    }
}

fn envelope_of<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let file: Value = serde_json::from_str(INSIGHTS).unwrap();
    let body = file[name].to_string();
    Envelope::parse(body.as_bytes()).unwrap().data_as().unwrap()
}

#[test]
fn insights_name_their_call_in_different_places() {
    let file: Value = serde_json::from_str(INSIGHTS).unwrap();
    for (name, number) in [("webhook_summary", None), ("webhook_realtime", Some(1234))] {
        let body = file[name].to_string();
        let envelope = Envelope::parse(body.as_bytes()).unwrap();
        assert_eq!((envelope.call_id(), envelope.number_id()), (Some(3_811_606_146), number), "{name}");
    }
    let summary: Summary = envelope_of("webhook_summary");
    assert_eq!(summary.content.as_deref(), Some("Demande de devis."));
}

#[test]
fn insights_of_webhooks_and_of_rest_are_the_same() {
    let hook: Sentiment = member(INSIGHTS, "webhook_sentiment");
    let One { item: rest }: One<Sentiment> = member(INSIGHTS, "rest_sentiment");
    assert_eq!((hook.call_id, rest.call_id), (Some(3_811_606_146), Some(3_811_606_146)));
    for sentiment in [&hook, &rest] {
        assert_eq!(sentiment.participants[0].kind(), Some(&ParticipantKind::External));
        assert_eq!(sentiment.participants[0].value, Some(Mood::Positive));
    }
    assert_eq!(hook.participants[1].value, Some(Mood::Other("PUZZLED".to_owned())));

    let hook: ActionItems = member(INSIGHTS, "webhook_action_item");
    let rest: ActionItems = member(INSIGHTS, "rest_action_items");
    assert_eq!((hook.items.len(), rest.items.len()), (1, 2));
    assert!(hook.items[0] == rest.items[0] && hook.call_id == rest.call_id);
}

#[test]
fn topics_and_custom_summaries() {
    let One { item: topics }: One<Topics> = member(INSIGHTS, "rest_topics");
    assert_eq!(topics.content, ["devis", "délai"]);
    let custom: CustomSummary = member(INSIGHTS, "rest_custom_summary");
    assert_eq!((custom.name(), custom.sections.len()), (Some("BANT"), 2));
    assert_eq!(custom.sections[1].content, None);
}

#[test]
fn lists_and_webhooks() {
    let calls: Listing<Call> = member(REST, "calls_empty");
    assert!(calls.items.is_empty() && calls.meta.next_page_link.is_none());
    let webhooks: Listing<Webhook> = member(REST, "webhooks_without_links");
    assert_eq!((webhooks.items.len(), webhooks.meta.total), (1, Some(1)));
    let One { item: webhook }: One<Webhook> = member(REST, "webhook");
    assert_eq!(webhook.token.unwrap().expose_secret(), "not-a-real-token-0002");
}

#[test]
fn the_card_is_written_as_aircall_reads_it() {
    let card = InsightCard {
        contents: vec![
            CardLine::Title {
                text: "Rosalie Fictive".to_owned(),
                link: Some("https://go.example/people/51".to_owned()),
            },
            CardLine::ShortText { label: "Société".to_owned(), text: "Atelier Fictif".to_owned(), link: None },
        ],
    };
    let written = json!({"contents": [
        {"type": "title", "text": "Rosalie Fictive", "link": "https://go.example/people/51"},
        {"type": "shortText", "label": "Société", "text": "Atelier Fictif"},
    ]});
    assert_eq!(serde_json::to_value(&card).unwrap(), written);
    assert!(serde_json::from_value::<InsightCard>(written).unwrap() == card);
}
