//! What the agent sees while the phone rings: who calls, from which company, and what is being sold to them.

use base::ids::Kind;
use ledger::resolution::{Record, Relation, Resolution};
use vendors::aircall::wire::{CardLine, InsightCard};

use crate::rules;

/// The longest text of a line, in characters. The whole card must stay under 10 kB: with the title there are at most
/// six lines, and a character takes at most six bytes.
const LONGEST: usize = 200;

/// Pages of Sellsy's web application that the card and the console link to.
#[derive(Clone, Copy)]
pub enum Page {
    Individual,
    Company,
    Contact,
    Opportunity,
}

impl Page {
    /// These paths were found in public code and are not documented: this is the only place that knows them.
    pub fn link(self, web_url: &str, id: i64) -> String {
        let path = match self {
            Page::Individual => "individuals",
            Page::Company => "companies",
            Page::Contact => "people",
            Page::Opportunity => "opportunities",
        };
        format!("{web_url}/{path}/{id}")
    }
}

impl From<Kind> for Page {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Individual => Page::Individual,
            Kind::Company => Page::Company,
            Kind::Contact => Page::Contact,
        }
    }
}

/// The card for a caller; `None` when nobody was found.
pub(crate) fn render(resolution: &Resolution, web_url: &str) -> Option<InsightCard> {
    let record = resolution.record.as_ref()?;
    let mut contents = vec![CardLine::Title {
        text: cut(named(&record.name)),
        link: Some(Page::from(record.kind).link(web_url, record.id)),
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
    if let Some(company) = rules::company_of(record) {
        line("Company", named(&company.name), Some(Page::Company.link(web_url, company.id)));
    }
    if let Some(opportunity) = &resolution.opportunity {
        line("Opportunity", named(&opportunity.name), Some(Page::Opportunity.link(web_url, opportunity.id)));
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
