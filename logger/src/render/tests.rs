use super::*;
use serde_json::json;
use shared::ledger::{
    insight::Insights,
    resolution::{Company, Opportunity, Source},
};

fn renderer(template: &'static str) -> Renderer {
    let mut templates = Environment::new();
    templates.add_template(LOG, template).unwrap();
    Renderer { templates, time_zone: TimeZone::get("Europe/Paris").unwrap() }
}

fn insights() -> Insights {
    let at = "2026-11-23T09:20:00Z";
    serde_json::from_value(json!({
        "summary": { "at": at, "kind": "summary", "text": "Le client veut\nun devis." },
        "topics": { "at": at, "kind": "topics", "topics": ["devis", "livraison"] },
        "sentiment": { "at": at, "kind": "sentiment", "participants": [{ "internal": false, "value": "POSITIVE" }] },
        "action_item:1": { "at": at, "kind": "action_item", "id": "1", "text": "Envoyer le devis" },
    }))
    .unwrap()
}

fn resolution() -> Resolution {
    let record = Record {
        kind: Kind::Contact,
        id: 7,
        name: "Nadia Belkacem".into(),
        relation: None,
        email: None,
        position: None,
        owner_id: Some(11),
        archived: false,
        companies: vec![Company { id: 3, name: "Atelier du Canal".into(), relation: None }],
    };
    Resolution {
        source: Source::Live,
        as_of: None,
        record: Some(record),
        rule: String::new(),
        opportunity: Some(Opportunity { id: 12, name: "Cuisine".into(), status: "open".into() }),
        opportunity_rule: String::new(),
        candidates: vec![],
    }
}

fn call() -> serde_json::Value {
    json!({
        "id": 3_811_600_001_i64, "direction": "inbound", "status": "done",
        "started_at": 1_795_425_330, "answered_at": 1_795_425_336, "ended_at": 1_795_425_455, "duration": 125,
        "asset": "https://assets.example/calls/3811600001/recording",
        "user": { "id": 501, "name": "Camille Moreau", "email": "camille@callbridge.example" },
        "number": { "id": 1001, "name": "Ventes", "digits": "+33 1 99 00 12 34" },
        "teams": [{ "id": 701, "name": "Paris" }],
        "tags": [{ "id": 1, "name": "VIP" }],
        "comments": [{ "id": 2, "content": "Rappeler <b>lundi</b>\nAircall call 3811600002", "posted_by": { "id": 501, "name": "Camille Moreau" } }]
    })
}

fn row(call: serde_json::Value, insights: Insights) -> Loggable {
    Loggable::of(CallId(3_811_600_001), serde_json::from_value(call).unwrap(), resolution(), insights)
}

fn rendered(template: &'static str, row: &Loggable) -> PhoneCallCreate {
    renderer(template).render(row, &ready(row).ok().unwrap(), 11).unwrap()
}

#[test]
fn renders_the_whole_log_in_french() {
    let log = rendered(FRENCH, &row(call(), insights()));
    assert_eq!(
        log.description,
        "Aircall call 3811600001
Appel entrant, répondu – Camille Moreau
Conversation : 1:59 (durée totale 2:05)
Ligne : Ventes (+33 1 99 00 12 34)
Équipe : Paris
Enregistrement : https://assets.example/calls/3811600001/recording
Tags : VIP
Note de Camille Moreau :
  Rappeler ‹b›lundi‹/b›
  Aircall call 3811600002
Résumé (IA) :
  Le client veut
  un devis.
Sujets (IA) : devis, livraison
Sentiment de l’interlocuteur (IA) : POSITIVE
À faire (IA) :
- Envoyer le devis"
    );
    assert_eq!(log.date, "2026-11-23T10:15:30+01:00");
    assert_eq!((log.result, log.source, log.duration), (CallResult::Connected, CallSource::Incoming, 125));
    let related: Vec<_> = log.related.iter().map(|r| (r.kind.to_string(), r.id)).collect();
    assert_eq!(related, [("contact".into(), 7), ("company".into(), 3), ("opportunity".into(), 12)]);
}

#[test]
fn renders_a_missed_call_and_a_voicemail_in_english() {
    let mut missed = call();
    missed["answered_at"] = json!(null);
    missed["user"] = json!({});
    missed["missed_call_reason"] = json!("agents_did_not_answer");
    for field in ["asset", "tags", "comments", "teams"] {
        missed[field] = json!(null);
    }
    let log = rendered(ENGLISH, &row(missed.clone(), Insights::new()));
    assert_eq!(log.result, CallResult::NoAnswer);
    assert_eq!(
        log.description,
        "Aircall call 3811600001
Inbound call, missed (agents did not answer)
Duration: 2:05
Number: Ventes (+33 1 99 00 12 34)"
    );
    missed["asset"] = json!("https://assets.example/calls/3811600001/voicemail");
    let log = rendered(ENGLISH, &row(missed, Insights::new()));
    assert_eq!(log.result, CallResult::VoiceMessage);
    assert!(
        log.description.contains("voicemail left")
            && log.description.contains("Voicemail: https://assets.example/calls/3811600001/voicemail")
    );
}

#[test]
fn a_url_signed_anew_changes_nothing() {
    let mut signed = call();
    signed["recording"] = json!("https://recordings.example/a?signature=2");
    assert_eq!(rendered(FRENCH, &row(call(), insights())), rendered(FRENCH, &row(signed, insights())));
}
