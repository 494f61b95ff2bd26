//! One odd item costs itself: the rest of its list is read.

use serde_json::{Value, json};
use vendors::{
    aircall::wire::{Call, Envelope, Listing, Summary, Topics},
    sellsy::wire::{Contact, Individual, Offset, Opportunity, Page},
};

fn page(rows: &[Value]) -> Page<Individual> {
    let pagination = json!({ "limit": 100, "count": rows.len(), "total": rows.len() });
    serde_json::from_value(json!({ "data": rows, "pagination": pagination })).unwrap()
}

#[test]
fn an_odd_field_costs_itself() {
    let good = json!({ "id": 1, "type": "client", "first_name": "Paul", "mobile_number": "01 99 00 57 57" });
    let odd = |field: &str, value: Value| {
        let mut row = good.clone();
        row["id"] = json!(2);
        row[field] = value;
        row
    };
    for (field, value) in [
        ("owner", json!({ "id": 0, "type": "staff" })),
        ("owner", Value::Null),
        ("owner", json!([7])),
        ("owner", json!("nobody")),
        ("updated_at", json!("-0001-11-30T00:00:00+00:09")),
        ("updated_at", json!(-62_169_984_000_i64)),
        ("updated_at", json!({ "date": "2020-05-29" })),
        ("created", json!("0000-00-00 00:00:00")),
        ("created", json!("2020-05-29 11:22:03")),
        ("phone_number", json!({ "raw": "01 99 00 58 58" })),
        ("last_name", json!(["Ricard"])),
        ("type", json!(7)),
    ] {
        let read = page(&[good.clone(), odd(field, value.clone())]);
        assert_eq!(read.data.len(), 2, "{field} {value}");
        assert_eq!(read.data[1].mobile_number.as_deref(), Some("01 99 00 57 57"), "{field} {value}");
    }
    let read = page(&[odd("updated_at", json!("2020-05-29 11:22:03"))]);
    assert_eq!(read.data[0].updated_at.map(|at| at.to_string()).as_deref(), Some("2020-05-29T11:22:03Z"));
}

#[test]
fn a_row_without_a_usable_id_is_left_out_of_its_page() {
    let rows = [json!({ "id": 0 }), json!({ "id": "x" }), json!("row"), json!([1]), json!({ "id": 7 })];
    let read = page(&rows);
    assert_eq!(read.data.iter().map(|row| row.id).collect::<Vec<_>>(), [7]);
    let opportunities: Page<Opportunity> = serde_json::from_value(json!({ "data": [
        { "id": 8, "related": "none", "contact_ids": "none", "amount": "12", "pipeline": 3, "step": [1] },
        { "id": null },
    ] }))
    .unwrap();
    assert_eq!(opportunities.data.len(), 1);
    let calls: Listing<Call> = serde_json::from_value(json!({ "calls": [
        { "id": 1 }, { "id": 2, "comments": "none" }, { "id": 3 },
    ] }))
    .unwrap();
    assert_eq!(calls.items.iter().map(|call| call.id).collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn a_page_without_count_ends_where_its_rows_end() {
    let rows: Vec<Value> = (1..=2).map(|id| json!({ "id": id })).collect();
    let full = json!({ "data": rows, "pagination": { "limit": 2, "total": 5, "offset": "next" } });
    let full: Page<Contact> = serde_json::from_value(full).unwrap();
    assert_eq!(full.next_offset(), Some(&Offset::Seek("next".to_owned())));
    let odd = json!({ "data": [{ "id": 1 }, { "id": 0 }], "pagination": { "limit": 2, "offset": "next" } });
    let odd: Page<Contact> = serde_json::from_value(odd).unwrap();
    assert_eq!(odd.next_offset(), Some(&Offset::Seek("next".to_owned())), "a row that is left out counts");
}

#[test]
fn an_insight_is_read_as_far_as_it_can_be() {
    for (content, expected) in [
        (json!(["Le client veut un devis.", "Rappeler."]), Some("Le client veut un devis.\nRappeler.")),
        // Written in alphabetical order, which is the one that a JSON library without an order of its own keeps.
        (json!({ "a_summary": "Devis.", "next": ["Rappeler.", 7] }), Some("Devis.\nRappeler.\n7")),
        (json!("Devis."), Some("Devis.")),
        (json!([]), None),
        (json!(true), None),
    ] {
        let read: Summary = serde_json::from_value(json!({ "call_id": "1", "content": content })).unwrap();
        assert_eq!(read.content.as_deref(), expected, "{content}");
    }
    let topics: Topics = serde_json::from_value(json!({ "content": [{ "name": "devis" }, "prix", null] })).unwrap();
    assert_eq!(topics.content, ["devis", "prix"]);
}

#[test]
fn times_without_a_zone_are_read_as_utc_and_odd_ones_as_none() {
    let read = |time: Value| {
        let call: Call = serde_json::from_value(json!({ "id": 1, "started_at": time })).unwrap();
        call.started_at.map(|at| at.to_string())
    };
    for (time, expected) in [
        (json!("2026-11-28T10:00:00"), Some("2026-11-28T10:00:00Z")),
        (json!("2026-11-28 10:00:00"), Some("2026-11-28T10:00:00Z")),
        (json!("2026-11-28T10:00:00+01:00"), Some("2026-11-28T09:00:00Z")),
        (json!("yesterday"), None),
        (json!("9999-12-31T23:59:59Z"), None),
        (json!(true), None),
        (json!(9_000_000_000_000_000_i64), None),
    ] {
        assert_eq!(read(time.clone()).as_deref(), expected, "{time}");
    }
    let odd = Envelope::parse(br#"{"event":"call.ended","timestamp":"soon","data":{"id":1}}"#);
    assert_eq!(odd.unwrap().timestamp, None);
}

/// What the console's indexes hold must fit into them.
#[test]
fn very_long_names_and_numbers_are_cut() {
    let long = "É".repeat(5000);
    let call: Call =
        serde_json::from_value(json!({ "id": 1, "raw_digits": "1".repeat(9000), "user": { "id": 1, "name": long } }))
            .unwrap();
    assert!(call.raw_digits.is_some_and(|digits| digits.len() <= 1000));
    assert!(call.user.and_then(|user| user.name).is_some_and(|name| name.chars().count() == 250));
}
