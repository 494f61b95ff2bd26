use super::*;
use base::settings::Language;
use ledger::{
    insight::Insights,
    resolution::{Company, Opportunity, Source},
    timeline::Reason,
};
use serde::Deserialize;
use serde_json::json;

mod hostile;

const LANGUAGES: [(&str, Language); 2] = [("fr", Language::French), ("en", Language::English)];

fn renderer(language: Language) -> Renderer {
    let time_zone = TimeZone::get("Europe/Paris").unwrap();
    Renderer::with(Template::shipped(language).unwrap(), crate::style(language), time_zone)
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
        rule: Reason::OnlyRecord,
        opportunity: Some(Opportunity { id: 12, name: "Cuisine".into(), status: "open".into() }),
        opportunity_rule: Reason::EarliestOpportunity,
        holds_until: None,
        candidates: vec![],
    }
}

fn rendered(language: Language, call: Call, insights: Insights) -> PhoneCallCreate {
    let row = CallRow::of(CallId(call.id), call, resolution(), insights);
    renderer(language).render(&row, &crate::plan::ready(&row).unwrap(), 11).unwrap()
}

fn full() -> (Call, Insights) {
    let example = crate::template::examples().unwrap().remove(0);
    (example.call, example.insights)
}

#[derive(Deserialize)]
struct Case {
    snapshot: String,
    call: Call,
    #[serde(default)]
    insights: Insights,
}

/// To accept intended changes: `INSTA_UPDATE=always cargo test --workspace logs_of_all_kinds`.
#[test]
fn logs_of_all_kinds_of_calls() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("tests/cases.json")).unwrap();
    let names = ["answered", "outbound_no_answer", "voicemail", "passed_on_outside", "missed_bare"];
    let examples = crate::template::examples().unwrap();
    assert_eq!(examples.len(), names.len());
    let examples = examples.into_iter().zip(names).map(|(e, name)| (name.to_owned(), e.call, e.insights));
    let all: Vec<_> = examples.chain(cases.into_iter().map(|c| (c.snapshot, c.call, c.insights))).collect();
    for (name, call, insights) in all {
        let logs = LANGUAGES.map(|(_, language)| rendered(language, call.clone(), insights.clone()));
        let [log, _] = &logs;
        let facts = format!("{}, {}, {} s, {}", log.result, log.source, log.duration, log.date);
        let [fr, en] = logs.each_ref().map(|log| &log.description);
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(name, format!("{facts}\n---- fr ----\n{fr}\n---- en ----\n{en}"));
        });
    }
}

#[test]
fn is_linked_to_the_record_its_company_and_the_opportunity() {
    let (call, insights) = full();
    let log = rendered(Language::French, call, insights);
    let related: Vec<_> = log.related.iter().map(|r| (r.kind.to_string(), r.id)).collect();
    assert_eq!(related, [("contact".into(), 7), ("company".into(), 3), ("opportunity".into(), 12)]);
}

#[test]
fn the_date_is_local_time_with_its_offset() {
    for (zone, at, expected) in [
        ("Europe/Paris", "2026-01-15T09:00:00Z", "2026-01-15T10:00:00+01:00"),
        ("Europe/Paris", "2026-07-15T09:00:00Z", "2026-07-15T11:00:00+02:00"),
        // The hour that is skipped in March.
        ("Europe/Paris", "2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00"),
        ("Europe/Paris", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00"),
        // The hour that comes twice in October.
        ("Europe/Paris", "2026-10-25T00:30:00Z", "2026-10-25T02:30:00+02:00"),
        ("Europe/Paris", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00+01:00"),
        // Another day in that time zone.
        ("America/New_York", "2026-11-01T03:15:00Z", "2026-10-31T23:15:00-04:00"),
        ("Asia/Kolkata", "2026-12-31T18:30:00Z", "2027-01-01T00:00:00+05:30"),
        ("UTC", "2026-06-01T00:00:00Z", "2026-06-01T00:00:00+00:00"),
    ] {
        assert_eq!(local(at.parse().unwrap(), &TimeZone::get(zone).unwrap()), expected, "{zone} {at}");
    }
}

#[test]
fn a_call_without_a_start_is_dated_by_its_end_and_one_without_both_is_parked() {
    let (mut call, _) = full();
    call.started_at = None;
    assert_eq!(rendered(Language::French, call.clone(), Insights::new()).date, "2026-11-23T10:17:35+01:00");
    call.ended_at = None;
    let row = CallRow::of(CallId(call.id), call, resolution(), Insights::new());
    let e = renderer(Language::French).render(&row, &crate::plan::ready(&row).unwrap(), 11).unwrap_err();
    assert_eq!(e.code, Code::MessageMalformed);
}

#[test]
fn a_url_signed_anew_changes_nothing_and_is_never_shown() {
    let (call, insights) = full();
    let signed = |n: u32| {
        let mut call = serde_json::to_value(&call).unwrap();
        call["recording"] = json!(format!("https://recordings.example/a?signature={n}"));
        call["voicemail"] = json!(format!("https://recordings.example/b?signature={n}"));
        rendered(Language::French, serde_json::from_value(call).unwrap(), insights.clone())
    };
    assert_eq!(signed(1), signed(2));
    assert!(!signed(1).description.contains("signature"));
}

#[test]
fn the_marker_is_the_first_line_whatever_a_template_makes() {
    for (filled_in, expected) in [
        ("", "Aircall call 5"),
        ("\n\n  \n", "Aircall call 5"),
        ("Appel\n", "Aircall call 5\nAppel"),
        ("\n\nAppel\r\n\r\nsuite  ", "Aircall call 5\nAppel\n\nsuite"),
        // The operator's template may write the marker too; the log has it only once.
        ("Aircall call 5\nAppel", "Aircall call 5\nAppel"),
        ("Appel\n  Aircall call 5\t\nsuite", "Aircall call 5\nAppel\nsuite"),
        // The marker of another call is quoted, so it is no marker any more.
        ("Appel\nAircall call 6", "Aircall call 5\nAppel\n“Aircall call 6”"),
        ("\u{a0}Aircall call 55 \r\n", "Aircall call 5\n\u{a0}“Aircall call 55”"),
        ("voir Aircall call 6", "Aircall call 5\nvoir Aircall call 6"),
        // Without the line break, a digit after the marker would be one of its own.
        ("2 appels", "Aircall call 5\n– 2 appels"),
        ("\n28/11/2026\nAppel", "Aircall call 5\n– 28/11/2026\nAppel"),
        (" 2 appels", "Aircall call 5\n 2 appels"),
        ("Aircall call six", "Aircall call 5\nAircall call six"),
        ("a\u{0}b\u{1b}\tc", "Aircall call 5\na b  c"),
    ] {
        let expected = format!("{expected}\n{}", block::end(expected, CallId(5)));
        assert_eq!(description(CallId(5), filled_in), expected, "{filled_in:?}");
    }
}

#[test]
fn what_is_too_long_as_a_whole_is_cut_at_its_end() {
    let text = description(CallId(5), &"é".repeat(LIMIT));
    assert_eq!(text.chars().count(), LIMIT);
    let (text, end) = text.rsplit_once('\n').unwrap();
    assert!(text.starts_with("Aircall call 5\néé") && text.ends_with("é […]"));
    assert_eq!(end, block::end(text, CallId(5)));
}

#[test]
fn a_text_that_was_refused_is_made_shorter_and_keeps_what_matters() {
    let note = |n: u32| json!({ "id": n, "content": "Le devis comprend la pose. ".repeat(100) });
    let asset = "https://assets.aircall.io/calls/5/recording";
    let fields = json!({ "id": 5, "direction": "inbound", "started_at": 1_795_425_330, "answered_at": 1_795_425_336,
                         "ended_at": 1_795_425_430, "duration": 100, "asset": asset, "comments": [note(1), note(2)] });
    let call: Call = serde_json::from_value(fields).unwrap();
    let row = CallRow::of(CallId(5), call, crate::plan::tests::resolution(Some(7)), Insights::new());
    let ready = crate::plan::ready(&row).unwrap();
    let renderer = renderer(Language::French);
    let mut texts = vec![renderer.text(&row, &ready).unwrap()];
    for _ in 0..2 {
        renderer.refused(texts.last().unwrap());
        texts.push(renderer.text(&row, &ready).unwrap());
    }
    let lengths: Vec<_> = texts.iter().map(|text| text.chars().count()).collect();
    assert!(lengths[0] > 3_000 && lengths[1] < 1_200 && lengths[2] < 500, "{lengths:?}");
    for text in &texts {
        assert!(text.starts_with("Aircall call 5\n") && text.contains(asset) && text.contains("Le devis"), "{text}");
    }
    // There is nothing shorter.
    renderer.refused(texts.last().unwrap());
    assert_eq!(renderer.text(&row, &ready).unwrap(), texts[2]);
}

#[test]
fn a_text_is_as_the_account_takes_it() {
    use vendors::proven::{Longest, Texts};
    let proven = |breaks, tags, most| {
        let description = Some(Longest { most, cuts: false });
        Accepts::of(&Answers { texts: Some(Texts { breaks, tags }), description, ..Answers::default() })
    };
    for (accepts, expected) in [
        (Accepts::default(), "Aircall call 5\nAppel <B12>\n\n28/11/2026"),
        (proven(Breaks::Kept, Tags::Kept, None), "Aircall call 5\nAppel <B12>\n\n28/11/2026"),
        (proven(Breaks::Html, Tags::Escaped, None), "Aircall call 5\nAppel <B12>\n\n28/11/2026"),
        (proven(Breaks::Lost, Tags::Kept, None), "Aircall call 5\n· Appel <B12>\n· 28/11/2026"),
        (proven(Breaks::Blanks, Tags::Stripped, None), "Aircall call 5\n· Appel ‹B12›\n· 28/11/2026"),
    ] {
        let expected = format!("{expected}\n{}", block::end(expected, CallId(5)));
        assert_eq!(described(CallId(5), "Appel <B12>\n\n28/11/2026", LIMIT, accepts), expected, "{accepts:?}");
    }
}

#[test]
fn a_text_has_at_once_the_length_that_the_account_takes() {
    let note = |n: u32| json!({ "id": n, "content": "Le devis comprend la pose. ".repeat(100) });
    let fields = json!({ "id": 5, "direction": "inbound", "started_at": 1_795_425_330, "ended_at": 1_795_425_430,
                         "duration": 100, "comments": [note(1), note(2)] });
    let row = CallRow::of(
        CallId(5),
        serde_json::from_value(fields).unwrap(),
        crate::plan::tests::resolution(Some(7)),
        Insights::new(),
    );
    let ready = crate::plan::ready(&row).unwrap();
    let renderer = renderer(Language::French);
    for longest in [20_000, 3_000, 700, 300, 120] {
        let description = Some(vendors::proven::Longest { most: Some(longest), cuts: true });
        renderer.accepts(Accepts::of(&Answers { description, ..Answers::default() }));
        let text = renderer.text(&row, &ready).unwrap();
        assert!(text.chars().count() <= longest, "{} of {longest}", text.chars().count());
        assert!(text.starts_with("Aircall call 5\n") && text.ends_with(')'), "whole: {text}");
        assert!(renderer.refusal(LogForm::PhoneCall, Some(&text)).is_none());
        assert!(renderer.refusal(LogForm::PhoneCall, Some(&"x".repeat(longest + 1))).is_some());
        assert!(renderer.refusal(LogForm::Comment, Some(&"x".repeat(longest + 1))).is_none(), "that was not asked");
    }
}
