//! Why a record was chosen for a caller: every candidate in order, what the rule chose, and the opportunity.

use base::{ids::CallId, settings::Links};
use jiff::Timestamp;
use ledger::resolution::{Record, Relation, Resolution, Source};
use maud::{Markup, html};
use resolver::page_of;

use super::{
    by_hand,
    format::{kind_name, span, when},
    layout::{Visitor, pill},
    reasons,
};

fn relation_name(visitor: &Visitor, relation: Relation) -> &'static str {
    let texts = visitor.texts();
    match relation {
        Relation::Client => texts.client,
        Relation::Prospect => texts.prospect,
        Relation::Supplier => texts.supplier,
    }
}

fn record_link(links: &Links, record: &Record) -> Markup {
    outside(&page_of(record, links), if record.name.is_empty() { "Sellsy" } else { &record.name })
}

/// A link to a page outside the console.
pub(super) fn outside(address: &str, name: &str) -> Markup {
    html! { a.outside href=(address) rel="noreferrer" target="_blank" { (name) } }
}

/// Of a call that has ended, or of a number.
pub(super) fn explain(
    visitor: &Visitor,
    resolution: &Resolution,
    looked_up_at: Timestamp,
    links: &Links,
    call: Option<CallId>,
) -> Markup {
    let texts = visitor.texts();
    let opportunity = resolution.opportunity.as_ref();
    html! {
        dl.facts {
            dt { (texts.record) }
            dd {
                @match &resolution.record {
                    None => { strong { (texts.nobody) } }
                    Some(record) => { strong { (record_link(links, record)) } " " span.quiet { (about(visitor, record)) } }
                }
                p.because { (texts.because) " " (reasons::sentence(visitor, &resolution.rule)) }
            }
            dt { (texts.opportunity) }
            dd {
                @match opportunity {
                    None => { strong { (texts.none) } }
                    Some(opportunity) => {
                        strong { (outside(&links.opportunity(opportunity.id), &opportunity.name)) }
                        " " span.quiet { (opportunity.id) ", " (status(visitor, &opportunity.status)) }
                    }
                }
                p.because { (texts.because) " " (reasons::sentence(visitor, &resolution.opportunity_rule)) }
            }
            dt { (texts.looked_up) }
            dd { (when(visitor, looked_up_at)) ", " (source(visitor, resolution, looked_up_at)) }
        }
        @if !resolution.candidates.is_empty() {
            h3 { (texts.candidates) }
            ol.candidates {
                @for candidate in &resolution.candidates {
                    @let chosen = resolution.record.as_ref().is_some_and(|r| (r.kind, r.id) == (candidate.kind, candidate.id));
                    li class=[chosen.then_some("chosen")] {
                        (record_link(links, candidate)) " "
                        span.quiet { (about(visitor, candidate)) } " "
                        @if chosen { (pill("logged", texts.chosen)) }
                        @if candidate.archived { (pill("unmatched", texts.archived)) }
                        @if let Some(call) = call { (by_hand::buttons(visitor, call, candidate, chosen)) }
                    }
                }
            }
            p.quiet { (texts.rule_in_short) }
        }
    }
}

/// The statuses that a call can be logged on; any other is shown in Sellsy's own word.
fn status(visitor: &Visitor, status: &str) -> Markup {
    html! {
        @match status {
            "open" => { (visitor.texts().open) }
            "late" => { (visitor.texts().late) }
            other => { span lang="en" { (other) } }
        }
    }
}

/// The age of what was read is that at the look-up.
fn source(visitor: &Visitor, resolution: &Resolution, looked_up_at: Timestamp) -> String {
    let texts = visitor.texts();
    match (resolution.source, resolution.as_of) {
        (Source::Directory, Some(as_of)) => {
            let age = span(visitor.lang, looked_up_at.duration_since(as_of).as_secs());
            format!("{}, {}", texts.in_directory, texts.read_from_sellsy.replace("{}", &age))
        }
        (Source::Directory, None) => texts.in_directory.into(),
        (Source::Live, _) => texts.asked_sellsy.into(),
        (Source::Remembered, _) => texts.remembered.into(),
        (Source::None, _) => texts.not_looked_up.into(),
    }
}

/// Kind, id, what the record is to the company, and whom a contact works for.
fn about(visitor: &Visitor, record: &Record) -> String {
    let relation =
        record.relation.map(|relation| format!(", {}", relation_name(visitor, relation))).unwrap_or_default();
    let companies: Vec<&str> = record.companies.iter().map(|company| company.name.as_str()).collect();
    let of =
        if companies.is_empty() { String::new() } else { format!(", {} {}", visitor.texts().of, companies.join(", ")) };
    format!("{} {}{relation}{of}", kind_name(visitor, record.kind), record.id)
}
