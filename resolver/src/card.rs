//! What the agent sees while the phone rings: who calls, from which company, and what is being sold to them.

mod words;

use base::{
    ids::Kind,
    settings::{Language, Links},
};
use jiff::tz::TimeZone;
use ledger::{
    calls::PastCall,
    resolution::{Company, Record, Relation, Resolution},
};
use vendors::{
    aircall::wire::{CardLine, InsightCard},
    proven::Answers,
    sellsy::wire::{RecordKind, Related},
};

use crate::rules;
use words::Words;

/// The longest text of a line, in characters. The whole card must stay under 10 kB: with the title there are at most
/// nine lines, and a character takes at most six bytes.
const LONGEST: usize = 130;
const LAST_CALLS: usize = 3;

/// The page of a record in Sellsy.
pub fn page_of(record: &Record, links: &Links) -> String {
    links.record(record.kind, record.relation.map(third_type), record.id)
}

/// The page of what a log is linked to, if it has one.
pub fn page_of_related(related: &Related, links: &Links) -> Option<String> {
    match related.kind.of_record() {
        Some(kind) => Some(links.record(kind, None, related.id)),
        None => (related.kind == RecordKind::Opportunity).then(|| links.opportunity(related.id)),
    }
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

/// How cards look.
#[derive(Clone)]
pub(crate) struct Style {
    pub(crate) links: Links,
    pub(crate) language: Language,
    pub(crate) time_zone: TimeZone,
}

/// What is known of the caller beside the record.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Earlier calls with the number that are over, newest first.
    pub(crate) calls: Vec<PastCall>,
    /// The name of the staff who owns the record.
    pub(crate) owner: Option<String>,
}

/// The card for a caller; `None` when nobody was found.
pub(crate) fn render(resolution: &Resolution, known: &Known, style: &Style) -> Option<InsightCard> {
    let record = resolution.record.as_ref()?;
    let (links, words) = (&style.links, Words::of(style.language));
    let mut contents = vec![CardLine::Title { text: cut(named(&record.name)), link: Some(page_of(record, links)) }];
    let mut line = |label: &str, text: &str, link: Option<String>| {
        contents.push(CardLine::ShortText { label: label.into(), text: cut(text), link });
    };
    if let Some(email) = &record.email {
        line(words.email, email, None);
    }
    line(words.kind, words.kind_of(record.relation, record.kind), None);
    if let Some(position) = &record.position {
        line(words.position, position, None);
    }
    if let Some(company) = rules::company_of(record) {
        line(words.company, named(&company.name), Some(page_of_company(company, links)));
    }
    if let Some(opportunity) = &resolution.opportunity {
        line(words.opportunity, named(&opportunity.name), Some(links.opportunity(opportunity.id)));
    }
    if let Some(owner) = known.owner.as_deref().filter(|owner| !owner.is_empty()) {
        line(words.owner, owner, None);
    }
    if let Some(missed) = missed(&known.calls, words, style) {
        line(words.missed, &missed, None);
    }
    let last: Vec<_> = known.calls.iter().take(LAST_CALLS).map(|call| in_short(call, words, style)).collect();
    if !last.is_empty() {
        line(words.last_calls, &last.join(" · "), None);
    }
    Some(InsightCard { contents })
}

/// The card as these accounts take it: without links to pages that Sellsy does not have there, and with no more lines than Aircall shows.
pub(crate) fn fit(
    mut card: InsightCard,
    resolution: &Resolution,
    links: &Links,
    (sellsy, aircall): (&Answers, &Answers),
) -> InsightCard {
    let record = resolution.record.as_ref();
    let opportunity = resolution.opportunity.as_ref().map(|opportunity| links.opportunity(opportunity.id));
    let is_dead = |link: &str| match record {
        _ if opportunity.as_deref() == Some(link) => sellsy.is_missing("opportunity"),
        Some(record) if page_of(record, links) == link => sellsy.is_missing(record.kind.as_str()),
        _ => sellsy.is_missing(Kind::Company.as_str()),
    };
    for line in &mut card.contents {
        let (CardLine::Title { link, .. } | CardLine::ShortText { link, .. }) = line;
        *link = link.take().filter(|link| !is_dead(link));
    }
    if let Some(limits) = aircall.card.filter(|limits| limits.more_refused && limits.lines > 0) {
        card.contents.truncate(limits.lines);
    }
    card
}

/// The caller's calls that nobody answered since the last one in which they spoke with somebody.
fn missed(calls: &[PastCall], words: &Words, style: &Style) -> Option<String> {
    let since: Vec<_> = calls.iter().take_while(|call| !call.answered).filter(|call| call.inbound).collect();
    let at = words.time(since.first()?.started_at, &style.time_zone);
    let times = if since.len() > 1 { format!(" ({} {})", since.len(), words.times) } else { String::new() };
    Some(format!("{at}{times}, {}", words.not_called_back))
}

/// When, and who took it.
fn in_short(call: &PastCall, words: &Words, style: &Style) -> String {
    let at = words.time(call.started_at, &style.time_zone);
    let who = if call.answered { call.agent.as_deref().unwrap_or("–") } else { words.unanswered };
    let who: String = who.chars().take(30).collect();
    if call.inbound { format!("{at} {who}") } else { format!("{at} {who} ({})", words.outbound) }
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
