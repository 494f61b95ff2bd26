use ledger::{
    resolution::{Company, Opportunity, Source},
    timeline::Reason,
};

use super::*;

const WEB: &str = "https://www.sellsy.com";

fn links() -> Links {
    Links::default()
}

fn style(language: Language, links: Links) -> Style {
    Style { links, language, time_zone: TimeZone::get("Europe/Paris").unwrap() }
}

fn past(at: &str, inbound: bool, answered: bool, agent: &str) -> PastCall {
    let agent = Some(agent.to_owned()).filter(|agent| !agent.is_empty());
    PastCall { started_at: at.parse().unwrap(), inbound, answered, agent, raw_digits: None, line_country: None }
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
        holds_until: None,
        candidates: vec![],
    }
}

/// The lines as `label|text|link`, read from the JSON that is sent.
fn lines(resolution: &Resolution, links: &Links) -> Vec<String> {
    let card =
        serde_json::to_value(render(resolution, &Known::default(), &style(Language::English, links.clone())).unwrap())
            .unwrap();
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
fn what_helps_in_the_first_seconds() {
    let owner = Some("Inès Caron".to_owned());
    let spoke = past("2026-11-20T13:05:00Z", true, true, "Hugo Lefèvre");
    let dialled = past("2026-11-21T13:05:00Z", false, true, "Inès Caron");
    let rang = |at: &str| past(at, true, false, "");
    let tried = past("2026-11-22T08:00:00Z", false, false, "Inès Caron");
    for (calls, language, expected) in [
        (vec![], Language::French, vec!["Propriétaire|Inès Caron"]),
        (
            vec![dialled.clone(), spoke.clone()],
            Language::French,
            vec![
                "Propriétaire|Inès Caron",
                "Derniers appels|21/11 14:05 Inès Caron (sortant) · 20/11 14:05 Hugo Lefèvre",
            ],
        ),
        // Two missed calls since, and nobody has reached the caller.
        (
            vec![tried, rang("2026-11-21T17:00:00Z"), rang("2026-11-21T16:00:00Z"), spoke],
            Language::French,
            vec![
                "Propriétaire|Inès Caron",
                "Appel manqué|21/11 18:00 (2 fois), sans rappel",
                "Derniers appels|22/11 09:00 sans réponse (sortant) · 21/11 18:00 sans réponse · 21/11 17:00 sans réponse",
            ],
        ),
        // Called back.
        (
            vec![dialled, rang("2026-11-21T10:00:00Z")],
            Language::English,
            vec!["Owner|Inès Caron", "Last calls|21 Nov 14:05 Inès Caron (outbound) · 21 Nov 11:00 unanswered"],
        ),
        (
            vec![rang("2026-11-21T10:00:00Z")],
            Language::English,
            vec!["Owner|Inès Caron", "Missed call|21 Nov 11:00, not called back", "Last calls|21 Nov 11:00 unanswered"],
        ),
    ] {
        let known = Known { calls, owner: owner.clone() };
        let resolution = resolution(record(Kind::Contact, None), None);
        let card = render(&resolution, &known, &style(language, links())).unwrap();
        let lines = card.contents.into_iter().skip(2).map(|line| match line {
            CardLine::ShortText { label, text, .. } => format!("{label}|{text}"),
            CardLine::Title { text, .. } => text,
        });
        assert_eq!(lines.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn labels_are_in_the_language_of_the_logs() {
    let most = Record {
        position: Some("Acheteuse".into()),
        companies: vec![company(3, "Atelier")],
        ..record(Kind::Individual, Some(Relation::Supplier))
    };
    let card =
        render(&resolution(most, Some(opportunity("Cuisine"))), &Known::default(), &style(Language::French, links()));
    let labels = card.unwrap().contents.into_iter().filter_map(|line| match line {
        CardLine::ShortText { label, text, .. } => Some(format!("{label} : {text}")),
        CardLine::Title { .. } => None,
    });
    assert_eq!(
        labels.collect::<Vec<_>>(),
        ["Type : Fournisseur", "Fonction : Acheteuse", "Société : Atelier", "Opportunité : Cuisine"]
    );
}

#[test]
fn nobody_has_no_card() {
    let nobody = Resolution { record: None, ..resolution(record(Kind::Contact, None), Some(opportunity("Cuisine"))) };
    assert_eq!(render(&nobody, &Known::default(), &style(Language::French, links())), None);
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
            let both =
                [past("2026-11-27T09:00:00Z", true, false, &long), past("2026-11-27T09:00:00Z", false, true, &long)];
            let known = Known { calls: both.to_vec(), owner: Some(long.clone()) };
            let style = style(Language::French, links.join(",").parse().unwrap());
            let card = render(&resolution, &known, &style).unwrap();
            assert_eq!(card.contents.len(), 9);
            let size = serde_json::to_vec(&card).unwrap().len();
            assert!(size < 10_000, "{size} bytes with {count} of {unit:?}");
        }
    }
}

#[test]
fn cuts_between_characters() {
    for unit in ["a", "é", "👩"] {
        assert_eq!(cut(&unit.repeat(LONGEST)), unit.repeat(LONGEST));
        assert_eq!(cut(&unit.repeat(LONGEST + 1)), format!("{}…", unit.repeat(LONGEST - 1)));
    }
    assert_eq!(cut(""), "");
}

#[test]
fn a_card_has_what_the_accounts_take() {
    use vendors::proven::{Answers, Card, Page};
    let mut record = record(Kind::Contact, None);
    record.companies = vec![company(3001, "Verrières du Lac")];
    let resolution = resolution(record, Some(opportunity("Vitrines")));
    let style = style(Language::English, links());
    let shown = |sellsy: &Answers, aircall: &Answers| {
        let card = render(&resolution, &Known::default(), &style).unwrap();
        let card = fit(card, &resolution, &style.links, (sellsy, aircall));
        card.contents
            .iter()
            .map(|line| match line {
                CardLine::Title { link, .. } | CardLine::ShortText { link, .. } => link.is_some(),
            })
            .collect::<Vec<_>>()
    };
    let nothing = Answers::default();
    // Title, type, company, opportunity.
    assert_eq!(shown(&nothing, &nothing), [true, false, true, true]);
    let missing = |of: &str| Answers { links: Some([(of.to_owned(), Page::Missing)].into()), ..Answers::default() };
    assert_eq!(shown(&missing("contact"), &nothing), [false, false, true, true]);
    assert_eq!(shown(&missing("company"), &nothing), [true, false, false, true]);
    assert_eq!(shown(&missing("opportunity"), &nothing), [true, false, true, false]);
    let card = |lines, more_refused| Answers {
        card: Some(Card { lines, more_refused, ..Card::default() }),
        ..Answers::default()
    };
    assert_eq!(shown(&nothing, &card(2, true)), [true, false]);
    assert_eq!(shown(&nothing, &card(2, false)).len(), 4, "nobody has tried more");
}
