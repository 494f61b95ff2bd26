//! What the agent sees while the phone rings: who calls, from where, and what is being sold to them.

use shared::{
    aircall::wire::{CardLine, InsightCard},
    ledger::resolution::{Kind, Record, Relation, Resolution},
};

/// The longest text of a line. The whole card must stay under 10 kB; about five lines of this length are far below.
const LONGEST: usize = 200;

/// Pages of Sellsy's web application, seen in public code and not documented: keep them in this one table.
fn page(web_url: &str, what: &str, id: i64) -> String {
    let path = match what {
        "individual" => "individuals",
        "company" => "companies",
        "contact" => "people",
        _ => "opportunities",
    };
    format!("{web_url}/{path}/{id}")
}

/// The card for a caller; `None` when nobody was found.
pub(crate) fn render(resolution: &Resolution, web_url: &str) -> Option<InsightCard> {
    let record = resolution.record.as_ref()?;
    let mut contents = vec![CardLine::Title {
        text: cut(if record.name.is_empty() { "Sellsy" } else { &record.name }),
        link: Some(page(web_url, &record.kind.to_string(), record.id)),
    }];
    let mut line = |label: &str, text: &str, link: Option<String>| {
        contents.push(CardLine::ShortText { label: label.into(), text: cut(text), link });
    };
    if let Some(email) = &record.email {
        line("E-mail", email, None);
    }
    line("Type", type_of(record), None);
    if let Some(position) = &record.position {
        line("Position", position, None);
    }
    if let Some(company) = record.companies.first() {
        line("Company", &company.name, Some(page(web_url, "company", company.id)));
    }
    if let Some(opportunity) = &resolution.opportunity {
        line("Opportunity", &opportunity.name, Some(page(web_url, "opportunity", opportunity.id)));
    }
    Some(InsightCard { contents })
}

fn type_of(record: &Record) -> &'static str {
    match (record.relation, record.kind) {
        (Some(Relation::Client), _) => "Client",
        (Some(Relation::Prospect), _) => "Prospect",
        (Some(Relation::Supplier), _) => "Supplier",
        (None, Kind::Contact) => "Contact",
        (None, Kind::Company) => "Company",
        (None, Kind::Individual) => "Individual",
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.into();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::ledger::resolution::{Company, Opportunity, Source};

    #[test]
    fn shows_who_calls_and_stays_small() {
        let record = Record {
            kind: Kind::Contact,
            id: 7,
            name: "Nadia Belkacem".repeat(100),
            relation: None,
            email: Some("nadia@atelier.example".into()),
            position: Some("Acheteuse".into()),
            owner_id: None,
            archived: false,
            companies: vec![Company { id: 3, name: "Atelier du Canal".into(), relation: None }],
        };
        let resolution = Resolution {
            source: Source::Live,
            record: Some(record),
            rule: String::new(),
            opportunity: Some(Opportunity { id: 12, name: "Cuisine".into(), status: "open".into() }),
            opportunity_rule: String::new(),
            candidates: vec![],
        };
        let card = serde_json::to_value(render(&resolution, "https://go.sellsy.com").unwrap()).unwrap();
        let lines: Vec<String> = card["contents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|l| {
                format!(
                    "{}|{}|{}",
                    l["label"].as_str().unwrap_or("-"),
                    &l["text"].as_str().unwrap()[..7],
                    l["link"].as_str().unwrap_or("-")
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "-|Nadia B|https://go.sellsy.com/people/7",
                "E-mail|nadia@a|-",
                "Type|Contact|-",
                "Position|Acheteu|-",
                "Company|Atelier|https://go.sellsy.com/companies/3",
                "Opportunity|Cuisine|https://go.sellsy.com/opportunities/12",
            ]
        );
        assert!(card.to_string().len() < 10_000);
        assert_eq!(render(&Resolution { record: None, ..resolution }, ""), None);
    }
}
