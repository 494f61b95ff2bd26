//! What the agent sees while the phone rings: who calls, from which company, and what is being sold to them.

use base::{ids::Kind, settings::Links};
use ledger::resolution::{Company, Record, Relation, Resolution};
use vendors::aircall::wire::{CardLine, InsightCard};

use crate::rules;

/// The longest text of a line, in characters. The whole card must stay under 10 kB: with the title there are at most
/// six lines, and a character takes at most six bytes.
const LONGEST: usize = 200;

/// The page of a record in Sellsy.
pub fn page_of(record: &Record, links: &Links) -> String {
    links.record(record.kind, record.relation.map(third_type), record.id)
}

fn page_of_company(company: &Company, links: &Links) -> String {
    links.record(Kind::Company, company.relation.map(third_type), company.id)
}

fn third_type(relation: Relation) -> &'static str {
    match relation {
        Relation::Client => "client",
        Relation::Prospect => "prospect",
        Relation::Supplier => "supplier",
    }
}

/// The card for a caller; `None` when nobody was found.
pub(crate) fn render(resolution: &Resolution, links: &Links) -> Option<InsightCard> {
    let record = resolution.record.as_ref()?;
    let mut contents = vec![CardLine::Title { text: cut(named(&record.name)), link: Some(page_of(record, links)) }];
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
    if let Some(company) = rules::company_of(record) {
        line("Company", named(&company.name), Some(page_of_company(company, links)));
    }
    if let Some(opportunity) = &resolution.opportunity {
        line("Opportunity", named(&opportunity.name), Some(links.opportunity(opportunity.id)));
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

/// A line must not be empty, so a record without a name still gets a text to click on.
fn named(name: &str) -> &str {
    if name.is_empty() { "Sellsy" } else { name }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.into();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
