//! Sellsy: hazards of pages, records, phone calls and access.

use secrecy::ExposeSecret;
use serde_json::json;
use vendors::sellsy::wire::*;

use super::member;

const RECORDS: &str = include_str!("../fixtures/sellsy/records.json");
const ACCESS: &str = include_str!("../fixtures/sellsy/access.json");

#[test]
fn phones_are_none_when_empty_and_stay_as_typed_otherwise() {
    let page: Page<Contact> = member(RECORDS, "contacts");
    let [rosalie, other] = &page.data[..] else { panic!("two contacts") };
    assert_eq!((rosalie.phone_number.as_deref(), rosalie.email.as_deref()), (None, None));
    assert_eq!(rosalie.phones().collect::<Vec<_>>(), ["06.39.98.12.34"], "a fax number is not a caller's");
    assert_eq!(rosalie.updated.unwrap().to_string(), "2026-09-01T06:00:00Z");
    assert_eq!((other.id, other.is_archived, other.phones().count()), (52, true, 0));
    assert_eq!(other.owner.as_ref().unwrap().kind, RecordKind::Other("thirdcontact".to_owned()));
}

#[test]
fn paging_ends_on_a_short_page() {
    let full: Page<Contact> = member(RECORDS, "contacts");
    assert_eq!(full.next_offset(), Some(&Offset::Seek("WyI1MiJd".to_owned())));
    assert_eq!(full.pagination.total, Some(3));

    let short: Page<Company> = member(RECORDS, "companies_by_row");
    assert_eq!(short.pagination.offset, Some(Offset::Row(100)));
    assert_eq!(short.next_offset(), None);
    let mut of_an_account_with_short_pages = short.clone();
    of_an_account_with_short_pages.can_be_short = true;
    assert!(of_an_account_with_short_pages.next_offset().is_some(), "it is over when a page is empty");
    of_an_account_with_short_pages.data.clear();
    assert_eq!(of_an_account_with_short_pages.next_offset(), None);
    assert_eq!(short.data[0].kind, Some(ThirdKind::Other("partner".to_owned())));
}

#[test]
fn a_search_row_points_to_its_record() {
    let page: Page<SearchRow> = member(RECORDS, "search");
    let [contact, individual] = &page.data[..] else { panic!("two rows") };
    assert_eq!((&contact.object.kind, contact.object.id), (&RecordKind::Contact, 51));
    assert_eq!(contact.companies[0].id, Some(61));
    assert_eq!(contact.phones().collect::<Vec<_>>(), ["06.39.98.12.34"]);
    assert_eq!(individual.object.sub_type, Some(ThirdKind::Client));
    assert!(individual.is_archived && individual.companies.is_empty());
}

#[test]
fn opportunities() {
    let opportunity: Opportunity = member(RECORDS, "opportunity");
    assert_eq!(opportunity.status, Some(OpportunityStatus::Late));
    assert_eq!((opportunity.company_id, opportunity.individual_id), (Some(61), None));
    assert!(opportunity.contact_ids.is_empty());
    assert_eq!(opportunity.related, [Related { kind: RecordKind::Company, id: 61 }]);
    assert_eq!(opportunity.amount.unwrap().value.as_deref(), Some("1200.00"));
}

#[test]
fn a_phone_call_is_read_from_objects_and_written_as_words() {
    let read: PhoneCall = member(RECORDS, "phone_call");
    assert_eq!((&read.result, &read.source), (&Some(CallResult::Connected), &Some(CallSource::Incoming)));
    assert_eq!(read.date.unwrap().to_string(), "2026-11-18T11:06:40Z");
    assert_eq!((read.contact_id, read.topic.unwrap().id), (Some(51), 5));
    for (word, result) in
        [(json!("msgvocal"), CallResult::VoiceMessage), (json!("astral"), CallResult::Other("astral".into()))]
    {
        let read: PhoneCall = serde_json::from_value(json!({"id": 1, "result": word, "topic": null})).unwrap();
        assert_eq!((read.result, read.topic), (Some(result), None));
    }

    let write = PhoneCallCreate {
        owner_id: 901,
        date: "2026-11-18T12:06:40+01:00".to_owned(),
        result: CallResult::VoiceMessage,
        source: CallSource::Outgoing,
        related: vec![Related { kind: RecordKind::Contact, id: 51 }, Related { kind: RecordKind::Company, id: 61 }],
        description: "Aircall call 3811606146".to_owned(),
        duration: 312,
        topic: None,
    };
    let written = json!({
        "owner_id": 901, "date": "2026-11-18T12:06:40+01:00", "result": "msgvocal", "source": "outcoming",
        "related": [{"type": "contact", "id": 51}, {"type": "company", "id": 61}],
        "description": "Aircall call 3811606146", "duration": 312,
    });
    assert_eq!(serde_json::to_value(&write).unwrap(), written);
    assert!(serde_json::from_value::<PhoneCallCreate>(written).unwrap() == write);
}

#[test]
fn tokens_quotas_and_staff() {
    let token: TokenAnswer = member(ACCESS, "token");
    assert_eq!((token.access_token.expose_secret(), token.expires_in), ("not-a-real-access-token", Some(86_400)));
    assert!(!format!("{token:?}").contains("not-a-real"));
    assert!(serde_json::from_str::<TokenAnswer>(r#"{"access_token": ""}"#).is_err());

    let quotas: Quotas = member(ACCESS, "quotas");
    assert_eq!(quotas.per_second.unwrap().limit, Some(5));
    assert_eq!(quotas.per_minute.unwrap().used, Some(-2), "negative when overshot");
    assert_eq!((quotas.per_day.unwrap().limit, quotas.per_month), (None, None));
    let staff: Staff = member(ACCESS, "staff");
    assert_eq!(staff.status, Some(StaffStatus::Other("on_leave".to_owned())));
}

#[test]
fn notices_come_as_json_and_as_a_form() {
    let json: serde_json::Value = member(ACCESS, "notice");
    let expected: Notice = member(ACCESS, "notice");
    assert_eq!((expected.relatedtype.as_deref(), expected.relatedid), (Some("people"), Some(51)));
    assert_eq!(Notice::parse(json.to_string().as_bytes()).unwrap(), expected);

    let form: String = form_urlencoded::Serializer::new(String::new()).append_pair("notif", &json.to_string()).finish();
    assert_eq!(Notice::parse(form.as_bytes()).unwrap(), expected);
    for body in ["", "ping=1", "notif=7%", "{"] {
        assert!(Notice::parse(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn debug_shows_no_people() {
    let contacts: Page<Contact> = member(RECORDS, "contacts");
    let rows: Page<SearchRow> = member(RECORDS, "search");
    let call: PhoneCall = member(RECORDS, "phone_call");
    let shown = format!("{contacts:?} {rows:?} {call:?}");
    for hidden in ["Rosalie", "Fictif", "39.98", "example.com", "Aircall call"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}
