use ledger::{
    resolution::{Company, Opportunity, Source},
    timeline::Reason,
};

use super::*;

const WEB: &str = "https://www.sellsy.com";

fn links() -> Links {
    Links::default()
}

fn record(kind: Kind, relation: Option<Relation>) -> Record {
    Record {
        kind,
        id: 7,
        name: "Nadia Belkacem".into(),
        relation,
        email: None,
        position: None,
        owner_id: None,
        archived: false,
        companies: vec![],
    }
}

fn company(id: i64, name: &str) -> Company {
    Company { id, name: name.into(), relation: None }
}

fn opportunity(name: &str) -> Opportunity {
    Opportunity { id: 12, name: name.into(), status: "open".into() }
}

fn resolution(record: Record, opportunity: Option<Opportunity>) -> Resolution {
    Resolution {
        source: Source::Live,
        as_of: None,
        record: Some(record),
        rule: Reason::OnlyRecord,
        opportunity,
        opportunity_rule: Reason::EarliestOpportunity,
        candidates: vec![],
    }
}

/// The lines as `label|text|link`, read from the JSON that is sent.
fn lines(resolution: &Resolution, links: &Links) -> Vec<String> {
    let card = serde_json::to_value(render(resolution, links).unwrap()).unwrap();
    let lines = card["contents"].as_array().unwrap().iter();
    lines
        .map(|line| {
            let label = if line["type"] == "title" { "=" } else { line["label"].as_str().unwrap() };
            format!("{label}|{}|{}", line["text"].as_str().unwrap(), line["link"].as_str().unwrap_or("-"))
        })
        .collect()
}

#[test]
fn lines_and_links_of_each_kind_and_type() {
    let types = [
        (None, None),
        (Some(Relation::Client), Some("Client")),
        (Some(Relation::Prospect), Some("Prospect")),
        (Some(Relation::Supplier), Some("Supplier")),
    ];
    for (kind, path, without_type) in [
        (Kind::Individual, "thirds", "Individual"),
        (Kind::Company, "thirds", "Company"),
        (Kind::Contact, "peoples", "Contact"),
    ] {
        for (relation, shown) in types {
            if kind == Kind::Contact && relation.is_some() {
                continue;
            }
            let path = match (kind, shown) {
                (Kind::Contact, _) => path.to_owned(),
                (_, shown) => format!("{path}/{}", shown.unwrap_or("client").to_lowercase()),
            };
            let title = format!("=|Nadia Belkacem|{WEB}/{path}/7");
            let type_line = format!("Type|{}|-", shown.unwrap_or(without_type));
            let least = record(kind, relation);
            assert_eq!(lines(&resolution(least.clone(), None), &links()), [title.clone(), type_line.clone()]);

            let email = Some("nadia@atelier.example".into());
            let most = Record { email, position: Some("Acheteuse".into()), ..least };
            assert_eq!(
                lines(&resolution(most, Some(opportunity("Cuisine"))), &links()),
                [
                    title,
                    "E-mail|nadia@atelier.example|-".into(),
                    type_line,
                    "Position|Acheteuse|-".into(),
                    format!("Opportunity|Cuisine|{WEB}/prospection/opportunities/12"),
                ]
            );
        }
    }
}

#[test]
fn a_contact_shows_the_company_that_it_stands_for() {
    let companies = vec![company(90, "Atelier du Canal"), company(3, "Menuiserie Roux")];
    let contact = Record { companies, ..record(Kind::Contact, None) };
    assert_eq!(
        lines(
            &resolution(contact, Some(opportunity("Cuisine"))),
            &"company=http://localhost:4010/sellsy/{type}/{id}".parse().unwrap()
        ),
        [
            "=|Nadia Belkacem|https://www.sellsy.com/peoples/7",
            "Type|Contact|-",
            "Company|Atelier du Canal|http://localhost:4010/sellsy/client/90",
            "Opportunity|Cuisine|https://www.sellsy.com/prospection/opportunities/12",
        ]
    );
}

/// Aircall refuses a card with an empty line.
#[test]
fn without_a_name_there_is_still_something_to_click_on() {
    let contact = Record { name: String::new(), companies: vec![company(3, "")], ..record(Kind::Contact, None) };
    assert_eq!(
        lines(&resolution(contact, Some(opportunity(""))), &links()),
        [
            "=|Sellsy|https://www.sellsy.com/peoples/7",
            "Type|Contact|-",
            "Company|Sellsy|https://www.sellsy.com/thirds/client/3",
            "Opportunity|Sellsy|https://www.sellsy.com/prospection/opportunities/12",
        ]
    );
}

#[test]
fn nobody_has_no_card() {
    let nobody = Resolution { record: None, ..resolution(record(Kind::Contact, None), Some(opportunity("Cuisine"))) };
    assert_eq!(render(&nobody, &links()), None);
}

#[test]
fn stays_below_ten_kilobytes() {
    // One byte, two, four, four in a family of seven characters, and those that JSON writes with two bytes and with
    // six.
    for unit in ["a", "é", "𝔸", "👩‍👩‍👧‍👦", "\"", "\\", "\u{1}", "\u{0}"] {
        for count in [1, 50, 200, 10_000] {
            let long = unit.repeat(count);
            let contact = Record {
                id: i64::MAX,
                name: long.clone(),
                email: Some(long.clone()),
                position: Some(long.clone()),
                owner_id: Some(i64::MAX),
                companies: (0..50).map(|index| company(i64::MAX - index, &long)).collect(),
                ..record(Kind::Contact, None)
            };
            let mut resolution = resolution(contact.clone(), Some(Opportunity { id: i64::MAX, ..opportunity(&long) }));
            resolution.candidates = vec![contact];
            let page = format!("{WEB}/{}/{{id}}", "a".repeat(200));
            let links = ["individual", "company", "contact", "opportunity"].map(|kind| format!("{kind}={page}"));
            let card = render(&resolution, &links.join(",").parse().unwrap()).unwrap();
            assert_eq!(card.contents.len(), 6);
            let size = serde_json::to_vec(&card).unwrap().len();
            assert!(size < 10_000, "{size} bytes with {count} of {unit:?}");
        }
    }
}

#[test]
fn cuts_between_characters() {
    for unit in ["a", "é", "👩"] {
        assert_eq!(cut(&unit.repeat(200)), unit.repeat(200));
        assert_eq!(cut(&unit.repeat(201)), format!("{}…", unit.repeat(199)));
    }
    assert_eq!(cut(""), "");
}
