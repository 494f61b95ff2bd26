//! Lines and rules as versions before 2026-12 wrote them: English sentences, without keys.
//!
//! Read only. No version writes such rows any more, so the sentences here never change. Once the youngest such row is
//! older than every installation's RETENTION_DAYS, this file can be removed: an unknown sentence reads as `Other`, as
//! it was written.

use base::ids::Kind;

use super::reason::Reason;

/// The key of a line.
pub(super) fn key(what: &str) -> &str {
    match what {
        "looked up" => "looked_up",
        "resolved again" => "decided_again",
        "card shown" => "card_shown",
        "no card was shown during the call" => "no_card_shown",
        "log updated" => "log_updated",
        "a log whose creation had ended unclear was found and adopted" => "adopted_unclear",
        "a log that the ledger did not know was found and adopted" => "adopted_unknown",
        "a person has deleted the log in Sellsy; it stays deleted" => "log_deleted",
        "Sellsy does not take the links of the log; they stay as they are there" => "links_refused",
        "refused by Sellsy; the caller is looked up again" => "record_refused",
        "changed; it is written together with what else changes soon" => "put_off",
        "insights found" => "insights_found",
        "replayed by an operator" => "replayed",
        "dropped by an operator" => "dropped",
        key => key,
    }
}

pub(super) fn reason(sentence: String) -> Reason {
    type Prefixed = fn(Box<Reason>) -> Reason;
    const PREFIXES: [(&str, Prefixed); 4] = [
        ("no card: ", Reason::NoCard),
        ("not logged: ", Reason::NotLogged),
        ("not written: ", Reason::NotWritten),
        ("no insights: ", Reason::NoInsights),
    ];
    for (prefix, of) in PREFIXES {
        if let Some(why) = sentence.strip_prefix(prefix) {
            return of(Box::new(known(why).unwrap_or_else(|| Reason::Other(why.into()))));
        }
    }
    known(&sentence).unwrap_or(Reason::Other(sentence))
}

fn known(sentence: &str) -> Option<Reason> {
    Some(match sentence {
        "the only record with this number" => Reason::OnlyRecord,
        "the only record with this number that is not archived" => Reason::OnlyUsableRecord,
        "no usable record has this number" => Reason::NoRecord,
        "every record with this number is archived" => Reason::AllArchived,
        "the number is withheld: there is nobody to look up" => Reason::Withheld,
        "an internal number or a short code: it is not looked up" => Reason::Internal,
        "what was dialled is no phone number: it is not looked up" => Reason::Unusable,
        "the earliest created one that is open or late" => Reason::EarliestOpportunity,
        "no opportunity is open or late" => Reason::NoOpportunity,
        "there is no record" => Reason::NobodyFound,
        "a supplier has no opportunity" => Reason::Supplier,
        "a contact without a company has no opportunity" => Reason::NoCompany,
        "the contact's company is a supplier: no opportunity" => Reason::CompanyIsSupplier,
        "its data were deleted: it is older than RETENTION_DAYS, or somebody asked for it" => Reason::Erased,
        "the call has ended" => Reason::CallEnded,
        "it was shown before" => Reason::ShownBefore,
        "it was shown before, or the call has ended" => Reason::ShownBeforeOrEnded,
        "it has not been resolved yet" => Reason::NotResolved,
        "nobody in Sellsy has its number" => Reason::NobodyInSellsy,
        "the call itself has not arrived yet" => Reason::NotArrived,
        "its record is gone from Sellsy; the caller is looked up again" => Reason::RecordGone,
        "a person has deleted its log in Sellsy" => Reason::LogDeleted,
        "Aircall does not know this call" => Reason::UnknownToAircall,
        "the call was on another number" => Reason::OtherNumber,
        with_details => return self::with_details(with_details),
    })
}

fn with_details(sentence: &str) -> Option<Reason> {
    if let Some(rest) = sentence.strip_prefix("the first of ") {
        let (n, kind) = rest.split_once(" records of kind ")?;
        return Some(Reason::FirstOfKind { n: n.parse().ok()?, kind: Kind::parse(kind)? });
    }
    if let Some((kind, rest)) = sentence.split_once(" before the other kinds") {
        let n = if rest.is_empty() { 1 } else { rest.strip_prefix(", and the first of ")?.parse().ok()? };
        return Some(Reason::KindFirst { kind: Kind::parse(kind)?, n });
    }
    if let Some(rest) = sentence.strip_prefix("Aircall answered ") {
        return Some(Reason::CardRefused { status: rest.strip_suffix(", the call is over")?.into() });
    }
    if let Some(rest) = sentence.strip_prefix("the call lasted ") {
        let (lasted, bound) = rest.split_once(" s, and only calls of ")?;
        let lasted_s = lasted.parse().ok()?;
        return match bound {
            "more than 60 s get them" => Some(Reason::TooShort { lasted_s, more_than_s: 60 }),
            "less than 10,800 s get them" => Some(Reason::TooLong { lasted_s, less_than_s: 10_800 }),
            _ => None,
        };
    }
    if let Some(event) = sentence.strip_suffix(" carries nothing for a log") {
        return Some(Reason::NothingForLog { event: event.into() });
    }
    if let Some(event) = sentence.strip_suffix(" has no content, and Aircall has none either") {
        return Some(Reason::NoContent { event: event.into() });
    }
    let (code, error) = sentence.split_once(": ")?;
    let is_code = code.contains('_') && code.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    is_code.then(|| Reason::Failed { code: code.into(), error: error.into() })
}
