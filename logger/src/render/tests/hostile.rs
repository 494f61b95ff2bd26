//! Nothing that a person can write into a call makes its log look like that of another call, leaves in it a character
//! that must not appear, or takes it over the limit; not even with a template that prints every text as a line of its
//! own.

use proptest::prelude::*;

use super::*;

/// Not the code's own list: some of the characters that the code must not let through.
const HARMFUL: &str =
    "<>\u{ad}\u{200b}\u{200d}\u{200f}\u{202a}\u{202e}\u{2028}\u{2029}\u{2060}\u{2066}\u{2069}\u{feff}\u{e0001}";

const CARELESS: &str = "{{ agent }}\n{{ line }}\n{{ missed_reason_code }}\n{{ teams | join('\n') }}\n{{ forwarded_to }}\n{{ tags | join('\n') }}
{% for note in notes %}{{ note.author }}\n{{ note.text | replace('  ', '') }}\n{% endfor %}{{ summary }}\n{{ topics | join('\n') }}
{{ action_items | join('\n') }}\n{% for c in custom_summaries %}{{ c.name }}\n{% for s in c.sections %}{{ s.name }}\n{{ s.text }}\n{% endfor %}{% endfor %}";

fn careless() -> Renderer {
    let file = std::env::temp_dir().join(format!("callbridge-careless-{}.j2", std::process::id()));
    std::fs::write(&file, CARELESS.replace("\\n", "\n")).unwrap();
    let template = Template::own(&file, Language::French).unwrap();
    std::fs::remove_file(&file).unwrap();
    Renderer { template, ..renderer(Language::French) }
}

/// Texts that are known to cause harm, long ones, and anything else.
fn text() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "Aircall call 3811600002",
        "Aircall call ",
        "3811600001",
        "\n",
        "\r",
        "\r\n",
        "\t",
        "\0",
        "\u{1b}[2J",
        "\u{85}",
        "\u{2028}",
        "\u{2029}",
        "\u{202e}",
        "\u{2066}",
        "\u{200b}",
        "\u{feff}",
        "\u{e0001}",
        "\u{a0}",
        "  ",
        "<script>",
        "&lt;b&gt;",
        "{{ call_id }}",
        "{% endfor %}",
        "[…]",
        "👨‍👩‍👧‍👦",
        "e\u{301}",
        "\u{301}",
        "ﷺ",
    ]);
    let piece = prop_oneof![
        5 => nasty.prop_map(str::to_owned),
        2 => any::<String>(),
        1 => ("[a-zé👍 \n]{1,3}", 1..600_usize).prop_map(|(text, times)| text.repeat(times)),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(text(), 0..14)
}

fn call() -> impl Strategy<Value = (Call, Insights)> {
    let alone = (text(), text(), text(), text(), text());
    let several = (texts(), texts(), texts(), texts(), texts());
    (alone, several).prop_map(|((agent, number, digits, reason, summary), (teams, tags, notes, topics, items))| {
        let at = "2026-11-23T09:20:00Z";
        let named = |texts: &[String]| texts.iter().map(|text| json!({ "name": text })).collect::<Vec<_>>();
        let notes: Vec<_> = notes.iter().map(|n| json!({ "content": n, "posted_by": { "name": agent } })).collect();
        let sections: Vec<_> = items.iter().map(|item| json!({ "name": number, "text": item })).collect();
        let moods: Vec<_> = topics.iter().map(|topic| json!({ "internal": false, "value": topic })).collect();
        let mut insights = json!({
            "summary": { "at": at, "kind": "summary", "text": summary },
            "topics": { "at": at, "kind": "topics", "topics": topics },
            "sentiment": { "at": at, "kind": "sentiment", "participants": moods },
            "custom_summary:a": { "at": at, "kind": "custom_summary", "name": agent, "sections": sections },
        });
        for (n, item) in items.iter().enumerate() {
            insights[format!("action_item:{n}")] =
                json!({ "at": at, "kind": "action_item", "id": n.to_string(), "text": item });
        }
        let call = json!({
            "id": 3_811_600_001_i64, "started_at": 1_795_425_330, "missed_call_reason": reason, "asset": digits,
            "user": { "id": 1, "name": agent }, "transferred_by": { "id": 2, "name": number },
            "external_transferred_to": digits, "number": { "name": number, "digits": digits },
            "teams": named(&teams), "tags": named(&tags), "comments": notes,
        });
        (serde_json::from_value(call).unwrap(), serde_json::from_value(insights).unwrap())
    })
}

fn is_harmless(text: &str) -> Result<(), TestCaseError> {
    prop_assert!(text.chars().count() <= LIMIT, "{} characters", text.chars().count());
    let bad = |c: char| (c.is_control() && c != '\n') || HARMFUL.contains(c);
    prop_assert!(!text.contains(bad), "{text:?}");
    let markers: Vec<_> = text.lines().filter(|line| marker::is_line(line.trim())).collect();
    prop_assert_eq!(markers, [&marker::of(CallId(3_811_600_001))]);
    // However Sellsy gives the text back.
    for between in ["\n", " ", "", "<br>"] {
        let given_back = text.lines().collect::<Vec<_>>().join(between);
        prop_assert_eq!(marker::first(&given_back), Some(CallId(3_811_600_001)), "{:?}", between);
    }
    prop_assert_eq!(text.lines().next(), Some("Aircall call 3811600001"));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_text_of_a_person_can_break_a_log((call, insights) in call()) {
        let row = CallRow::of(CallId(call.id), call, resolution(), insights);
        for renderer in [renderer(Language::French), renderer(Language::English), careless()] {
            let log = renderer.render(&row, &crate::plan::ready(&row).unwrap(), 11).unwrap();
            is_harmless(&log.description)?;
        }
        let again = || rendered(Language::French, row.snapshot.clone().unwrap(), row.insights.clone());
        prop_assert_eq!(again(), again());
    }
}

#[test]
fn a_call_with_too_much_of_everything_loses_no_part_to_the_limit_of_the_whole() {
    let long = "é".repeat(4_000);
    let many: Vec<_> = (0..40).map(|n| format!("{n} {long}")).collect();
    let mut call = json!({
        "id": 3_811_600_001_i64, "started_at": 1_795_425_330, "answered_at": 1_795_425_330, "ended_at": 1_795_999_999, "duration": 900_000,
        "asset": format!("https://assets.aircall.io/{}/recording", "x".repeat(264)),
        "user": { "id": 1, "name": long }, "transferred_by": { "id": 2, "name": long }, "external_transferred_to": long,
        "number": { "name": long, "digits": long },
    });
    for (list, field) in [("teams", "name"), ("tags", "name"), ("comments", "content")] {
        call[list] = many.iter().map(|text| json!({ (field): text, "posted_by": { "name": long } })).collect();
    }
    let at = "2026-11-23T09:20:00Z";
    let moods: Vec<_> = many.iter().map(|text| json!({ "internal": false, "value": text })).collect();
    let mut insights = json!({
        "summary": { "at": at, "kind": "summary", "text": long },
        "topics": { "at": at, "kind": "topics", "topics": many },
        "sentiment": { "at": at, "kind": "sentiment", "participants": moods },
    });
    for (n, text) in many.iter().enumerate() {
        insights[format!("action_item:{n}")] =
            json!({ "at": at, "kind": "action_item", "id": n.to_string(), "text": text });
        insights[format!("custom_summary:{n}")] =
            json!({ "at": at, "kind": "custom_summary", "name": text, "sections": [{ "name": text, "text": text }] });
    }
    let call: Call = serde_json::from_value(call).unwrap();
    let insights: Insights = serde_json::from_value(insights).unwrap();
    for (name, language) in LANGUAGES {
        let text = rendered(language, call.clone(), insights.clone()).description;
        let length = text.chars().count();
        assert!(length < LIMIT, "{name}: {length} characters");
        assert!(length > LIMIT - 2_000, "{name}: {length} characters; the limits of the fields can be wider");
        let last = if language == Language::French { "(IA) :" } else { "(AI):" };
        assert!(text.contains(last) && text.matches(clean::CUT).count() > 60, "{text}");
    }
}
