use serde_json::json;

use super::*;

const NOW_S: i64 = 1_795_425_330;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A call that ended an hour ago, with these fields replaced or added.
fn call(fields: &serde_json::Value) -> Call {
    let mut call = json!({
        "id": 3_811_600_001_i64, "status": "done", "started_at": NOW_S - 3700, "answered_at": NOW_S - 3690, "ended_at": NOW_S - 3600,
        "tags": [{ "id": 1, "name": "VIP" }], "comments": [{ "id": 7, "content": "x" }], "recording": "https://a/1", "asset": "https://b/1",
    });
    call.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(call).unwrap()
}

fn known(fields: &serde_json::Value) -> Known {
    let snapshot_at = Some(at(NOW_S - 3570));
    Known { snapshot: Some(call(fields)), snapshot_at, resolved: true, ..Known::default() }
}

#[test]
fn finds_what_is_missing() {
    let lacks = Verdict::Lacks;
    let listed = call(&json!({}));
    let check = |known: Option<Known>, expected: Verdict, what: &str| {
        assert_eq!(judge(&listed, known.as_ref(), at(NOW_S), true), expected, "{what}");
        // What was brought in once is not brought in again as long as the list shows the same.
        let again = Known { reconciled_view: Some(view(&listed)), ..known.unwrap_or_default() };
        assert_eq!(judge(&listed, Some(&again), at(NOW_S), true), Verdict::Settled, "{what}, again");
        let other = Known { reconciled_view: Some("other".into()), ..again };
        assert_eq!(judge(&listed, Some(&other), at(NOW_S), true), expected, "{what}, after another view");
    };
    check(None, lacks(Lack::Call), "nothing is known");
    check(Some(Known::default()), lacks(Lack::Call), "only an insight is known");
    check(Some(Known { resolved: false, ..known(&json!({})) }), lacks(Lack::End), "call.ended was lost");
    check(Some(known(&json!({}))), Verdict::Settled, "all is known");
    let unlogged = Known { unlogged: true, ..known(&json!({})) };
    assert_eq!(judge(&listed, Some(&unlogged), at(NOW_S), false), Verdict::Settled, "a turn leaves it to its message");
    check(Some(unlogged), lacks(Lack::Log), "there is no log");
    check(Some(Known { erased: true, ..Known::default() }), Verdict::Settled, "its data were deleted");
    for (fields, expected) in [
        (json!({ "tags": [] }), lacks(Lack::Tags)),
        (json!({ "tags": [{ "id": 1, "name": "VIP", "tagged_at": NOW_S }] }), Verdict::Settled),
        (json!({ "tags": [{ "name": "VIP" }, { "name": "Gone" }] }), lacks(Lack::Tags)),
        (json!({ "comments": [] }), lacks(Lack::Notes)),
        (json!({ "comments": [{ "id": 7 }, { "id": 8 }] }), Verdict::Settled),
        (json!({ "recording": null }), lacks(Lack::Recording)),
        (json!({ "recording": "https://a/2" }), Verdict::Settled),
        (json!({ "asset": null }), lacks(Lack::Recording)),
        (json!({ "voicemail": "https://a/3" }), Verdict::Settled),
    ] {
        check(Some(known(&fields)), expected, &fields.to_string());
    }
    let just_updated = Known { snapshot_at: Some(at(NOW_S - 299)), ..known(&json!({ "tags": [] })) };
    check(Some(just_updated), Verdict::Open, "a webhook came a moment ago");
}

#[test]
fn what_was_brought_in_and_has_not_arrived_is_brought_in_again() {
    let listed = call(&json!({}));
    for (brought, seen, expected) in [
        (1000, Some(1002), Verdict::Settled),
        // A webhook came later.
        (1000, Some(900), Verdict::Settled),
        (1000, None, Verdict::Lacks(Lack::Call)),
        (1000, Some(1300), Verdict::Lacks(Lack::Tags)),
        // It may be on its way.
        (299, None, Verdict::Open),
        (299, Some(1300), Verdict::Open),
        (300, Some(1300), Verdict::Lacks(Lack::Tags)),
    ] {
        let known = Known {
            reconciled_view: Some(view(&listed)),
            reconciled_at: Some(at(NOW_S - brought)),
            snapshot: seen.map(|_| call(&json!({ "tags": [] }))),
            snapshot_at: seen.map(|seen| at(NOW_S - seen)),
            resolved: true,
            ..Known::default()
        };
        assert_eq!(judge(&listed, Some(&known), at(NOW_S), true), expected, "{brought} {seen:?}");
        let parked = Known { parked: true, ..known };
        assert_eq!(judge(&listed, Some(&parked), at(NOW_S), true), Verdict::Settled, "its message is parked");
    }
}

#[test]
fn gives_webhooks_time_to_arrive() {
    for (fields, expected) in [
        (json!({ "status": "answered", "ended_at": null }), Verdict::Open),
        (json!({ "ended_at": NOW_S - 299 }), Verdict::Open),
        (json!({ "ended_at": NOW_S + 60 }), Verdict::Open),
        (json!({ "ended_at": NOW_S - 300 }), Verdict::Lacks(Lack::Call)),
    ] {
        assert_eq!(judge(&call(&fields), None, at(NOW_S), true), expected, "{fields}");
    }
}

/// Reads Aircall's list of calls that started at these moments, in ascending order: 50 a page, and no page beyond 10,000 calls.
fn read_all(started: &[i64], includes_from: bool) -> (BTreeSet<usize>, u32) {
    let (mut seen, mut requests) = (BTreeSet::new(), 0);
    let mut next = Some(Place::beginning(started[0] - 1));
    while let Some(place) = next {
        requests += 1;
        let in_list = |s: i64| if includes_from { s >= place.from } else { s > place.from };
        let list: Vec<usize> = (0..started.len()).filter(|n| in_list(started[*n])).collect();
        let page = place.page.as_ref().map_or(0, |query| query.parse::<usize>().unwrap());
        assert!(page < 200, "beyond the end of a list");
        let shown: Vec<usize> = list.iter().skip(page * 50).take(50).copied().collect();
        seen.extend(&shown);
        let link =
            (list.len().min(10_000) > (page + 1) * 50).then(|| format!("https://elsewhere/v1/calls?{}", page + 1));
        next = place.after(shown.last().map(|n| started[*n]), link.as_deref());
        assert!(requests < 2_000, "it never ends");
    }
    (seen, requests)
}

#[test]
fn reads_a_list_of_any_length() {
    for includes_from in [true, false] {
        for (what, started) in [
            ("one", vec![NOW_S]),
            ("a page", vec![NOW_S; 50]),
            ("one more", (0..51).map(|n| NOW_S + n).collect()),
            ("23,456 calls, three in a second", (0..23_456).map(|n| NOW_S + n / 3).collect::<Vec<_>>()),
            ("9,999 calls in two seconds", (0..9_999).map(|n| NOW_S + n / 5_000).collect()),
        ] {
            let (seen, requests) = read_all(&started, includes_from);
            assert_eq!(seen.len(), started.len(), "{what}");
            let fewest = started.len().div_ceil(50);
            assert!(requests as usize <= fewest + fewest / 2 + 1, "{what}: {requests} requests");
        }
    }
}
