//! A prospect in Sellsy for a caller whom it does not have, by the rules of `[unknown]`.
//!
//! One for a number, whatever calls: the ledger has one row for it. Before it is created, Sellsy is asked once more who has the number. A creation
//! without an answer is looked for by its reference, which names the call. A prospect is in the directory at once, and the calls that wait for its
//! number are logged on it.

use std::time::Duration;

use base::{
    error::{Code, Error, Result},
    ids::{CallId, Kind},
    phone::E164,
    rules::WithUnknown,
    settings::Settings,
};
use broker::amqp::Outcome;
use ledger::{
    followups::{Became, Followup, Over, Task, There},
    resolution::RecordRef,
    timeline::{Entry, Reason, What},
};
use serde_json::json;
use vendors::{
    aircall::wire::{Call, Direction},
    sellsy::{
        Field, WriteError,
        wire::{Individual, IndividualCreate, ThirdKind},
    },
};

use crate::{
    about::About,
    carry::{Carry, Claim, NAME, Until, not_stored, settling},
    plan::{DECIDED_SOON, SETTLES},
    text,
};

/// Sellsy allows 200.
const NAME_LENGTH: usize = 200;

/// Whether the call makes a prospect, if nobody in Sellsy has its number.
pub(crate) fn is_one(call: &Call, settings: &Settings) -> bool {
    let tags: Vec<&str> = call.tags.iter().filter_map(|tag| tag.name.as_deref()).collect();
    let call = WithUnknown {
        outbound: call.direction == Some(Direction::Outbound),
        talk: call.talk_seconds().map(Duration::from_secs),
        tags: &tags,
    };
    settings.rules.unknown.as_ref().is_some_and(|rules| rules.make_prospect(call))
}

impl Carry {
    pub(crate) async fn prospect(&self, row: Followup, claim: Claim<'_>, call: CallId) -> Result<Outcome> {
        let Some((about, now)) = self.about(call).await? else {
            return self.release(claim, Until::Touched, None).await;
        };
        if about.is_old(now) && matches!(row.task, Task::None { .. }) {
            return self.release(claim, Until::Over(Over::NotNeeded), None).await;
        }
        let Some(number) = &row.number else { return self.release(claim, Until::Over(Over::NotNeeded), None).await };
        if let Some(again) = settling(&row.task) {
            return self.release(claim, again, None).await;
        }
        let mut found = None;
        let known = match &row.task {
            Task::There(There { id, .. }) => Some(*id),
            Task::Unclear { .. } | Task::None { may_exist: true } => {
                found = self.made_for(call).await?;
                if let Some(made) = &found {
                    let line = Entry::new(NAME, What::ProspectAdopted { record: reference_to(made.id) });
                    // Somebody may have changed it meanwhile.
                    let is_as_made = made.updated_at.is_some() && made.updated_at == made.created;
                    self.record(claim, &became(made, is_as_made), Some(line)).await?;
                }
                None
            }
            Task::None { may_exist: false } => None,
        };
        if known.is_none() && found.is_none() {
            if !about.is_decided {
                return self.release(claim, Until::Again(DECIDED_SOON), None).await;
            }
            if let Some(why) = why_not(&about, &self.settings) {
                return match (&why, not_stored(&row)) {
                    (Reason::TagTakenOff, again @ Until::Again(_)) => self.release(claim, again, None).await,
                    _ => self.no_prospect(claim, why).await,
                };
            }
            if self.newcomers.has(number).await? {
                return self.no_prospect(claim, Reason::FoundInSellsy).await;
            }
            found = match self.create_prospect(claim, &about, number).await? {
                Created::Prospect(made) => Some(*made),
                Created::Unclear => return self.release(claim, Until::Again(SETTLES), None).await,
            };
        }
        // The process may have died before the directory had it.
        if let (Some(id), None) = (known, &found) {
            found = self.sellsy.individual(id).await?;
        }
        let Some(made) = found else {
            return self.release(claim, Until::Over(Over::Deleted), None).await;
        };
        self.newcomers.add(&made).await?;
        self.release(claim, Until::Over(Over::Done), None).await
    }

    /// By an earlier request, whose answer never came.
    async fn made_for(&self, call: CallId) -> Result<Option<Individual>> {
        let filters = json!({ "reference": [reference(call)] });
        let page = self.sellsy.individuals(&filters, None).await?;
        if page.unreadable > 0 {
            return Err(Error::retry(
                Code::SellsyAnswer,
                "individuals with the reference of a prospect cannot be read",
            ));
        }
        // Others have seen Sellsy ignore filters.
        Ok(page.data.into_iter().find(|one| one.reference.as_deref() == Some(&reference(call))))
    }

    async fn create_prospect(&self, claim: Claim<'_>, about: &About, number: &E164) -> Result<Created> {
        let call = claim.key.call();
        let language = self.settings.rules.lines.of(|| about.call.line()).language;
        let language = language.unwrap_or(self.settings.log_language);
        let Name { first, last } = name(&about.call, number);
        let staff = self.settings.rules.unknown.as_ref().and_then(|rules| rules.staff.clone());
        let staff = staff.or_else(|| about.staff(&self.settings));
        let link = self.settings.aircall.call_link.of(call.0);
        let mut refused = Vec::new();
        loop {
            let owner = self.owners.first_of(staff.as_ref(), about.agent().as_deref(), None).await?;
            let individual = IndividualCreate {
                kind: ThirdKind::Prospect,
                last_name: last.clone(),
                first_name: first.clone(),
                phone_number: Some(number.as_str().to_owned()),
                owner_id: owner,
                reference: reference(call),
                note: text::prospect(&about.call, link.as_deref(), language, &self.settings.time_zone),
            };
            let check = self.before_write(claim, Became::Creating);
            match self.sellsy.create_individual(&individual, &check).await {
                Ok(made) => {
                    let line = Entry::new(NAME, What::ProspectCreated { record: reference_to(made.id) });
                    self.record(claim, &became(&made, true), Some(line)).await?;
                    metrics::counter!("callbridge_followups_total", "what" => "prospect").increment(1);
                    return Ok(Created::Prospect(Box::new(made)));
                }
                Err(WriteError::Unclear(e)) => {
                    tracing::info!(error = %e, "It is unclear whether a prospect was created; it is looked for when the request has surely ended.");
                    return Ok(Created::Unclear);
                }
                Err(WriteError::Refused(e, field)) => {
                    self.record(claim, &Became::NotCreated, None).await?;
                    if field != Some(Field::Owner) || refused.contains(&owner) {
                        return Err(e);
                    }
                    self.owners.refused(owner);
                    refused.push(owner);
                }
                Err(WriteError::Missing) => {
                    self.record(claim, &Became::NotCreated, None).await?;
                    return Err(Error::retry(Code::SellsyRejected, "Sellsy answered 404 to a new prospect"));
                }
            }
        }
    }

    async fn no_prospect(&self, claim: Claim<'_>, why: Reason) -> Result<Outcome> {
        let line = Entry::new(NAME, What::Skipped { reason: Reason::NoProspect(why.into()) });
        self.release(claim, Until::Over(Over::NotNeeded), Some(line)).await
    }
}

enum Created {
    Prospect(Box<Individual>),
    Unclear,
}

fn why_not(about: &About, settings: &Settings) -> Option<Reason> {
    let resolution = about.resolution.as_ref()?;
    match (&resolution.record, &resolution.rule) {
        (Some(_), _) => Some(Reason::FoundInSellsy),
        (None, Reason::NoRecord) if is_one(&about.call, settings) => None,
        (None, Reason::NoRecord) => Some(Reason::TagTakenOff),
        (None, rule) => Some(rule.clone()),
    }
}

/// By which a prospect is found again.
pub fn reference(call: CallId) -> String {
    format!("aircall-{call}")
}

fn reference_to(id: i64) -> RecordRef {
    RecordRef { kind: Kind::Individual, id }
}

/// With when Sellsy changed it last, so that it is seen whether anybody has touched it since; without, somebody may have.
fn became(made: &Individual, is_as_made: bool) -> Became {
    let stands = json!({ "updated": made.updated_at.filter(|_| is_as_made) });
    Became::Written(There { id: made.id, digest: None, stands: Some(stands), writing: None })
}

#[derive(Debug, PartialEq, Eq)]
struct Name {
    first: Option<String>,
    last: String,
}

/// As the agent has noted it (`Nom : …`), as Aircall's contact has it, or the number.
fn name(call: &Call, number: &E164) -> Name {
    let noted = call.comments.iter().rev().filter_map(|note| noted(note.content.as_deref()?)).next();
    noted.or_else(|| of_contact(call)).unwrap_or_else(|| Name { first: None, last: number.as_str().to_owned() })
}

/// The name after `Nom :` or `Name:` at the beginning of a line.
fn noted(note: &str) -> Option<Name> {
    note.lines().find_map(|line| {
        let (label, name) = line.split_once(':')?;
        let is_name = ["nom", "name"].contains(&label.trim().to_lowercase().as_str());
        is_name.then(|| parts(&logger::line(name))).flatten()
    })
}

/// `MARTIN Jeanne` and `Jeanne MARTIN` say which is which; else the first word is the first name.
fn parts(name: &str) -> Option<Name> {
    let words: Vec<&str> = name.split_whitespace().collect();
    let is_capital = |word: &&str| word.chars().count() > 1 && !word.chars().any(char::is_lowercase);
    let (capital, other): (Vec<&str>, Vec<&str>) = words.iter().partition(|word| is_capital(word));
    let (first, last) = match (&words[..], capital.is_empty() || other.is_empty()) {
        ([], _) => return None,
        ([one], _) => (String::new(), (*one).to_owned()),
        (_, false) => (other.join(" "), capital.join(" ")),
        ([first, last @ ..], true) => ((*first).to_owned(), last.join(" ")),
    };
    Some(Name { first: some(&first), last: logger::cut(&last, NAME_LENGTH) })
}

fn of_contact(call: &Call) -> Option<Name> {
    let contact = call.contact.as_ref()?;
    let part = |text: &Option<String>| text.as_deref().and_then(|text| some(&logger::line(text)));
    let (first, last) = (part(&contact.first_name), part(&contact.last_name));
    match (first, last.or_else(|| part(&contact.company_name))) {
        (first, Some(last)) => Some(Name { first, last }),
        (Some(first), None) => Some(Name { first: None, last: first }),
        (None, None) => None,
    }
}

fn some(text: &str) -> Option<String> {
    Some(logger::cut(text, NAME_LENGTH)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_name_of_a_prospect() {
        let number: E164 = "+33639987705".parse().unwrap();
        let contact = |first: &str, last: &str, company: &str| json!({ "first_name": first, "last_name": last, "company_name": company });
        for (notes, contact, first, last) in [
            (&[][..], Value::Null, None, "+33639987705"),
            (&["Veut un devis"], Value::Null, None, "+33639987705"),
            (&["Nom : Jeanne Colin"], Value::Null, Some("Jeanne"), "Colin"),
            (&["Veut un devis.\nnom: COLIN Jeanne Marie"], Value::Null, Some("Jeanne Marie"), "COLIN"),
            (&["NAME : Jeanne de COLIN"], Value::Null, Some("Jeanne de"), "COLIN"),
            (&["Nom : Colin"], contact("Paul", "Petit", ""), None, "Colin"),
            (&["Nom : COLIN JEANNE"], Value::Null, Some("COLIN"), "JEANNE"),
            (&["Nom :  "], contact("Paul", "Petit", ""), Some("Paul"), "Petit"),
            // The last note counts.
            (&["Nom : Durand", "Nom : Colin"], Value::Null, None, "Colin"),
            (&["Prénom : Jeanne"], contact("", "", "Menuiserie Petit"), None, "Menuiserie Petit"),
            (&[], contact("Paul", "", ""), None, "Paul"),
            (&[], contact(" ", "", ""), None, "+33639987705"),
        ] {
            let comments: Vec<_> = notes.iter().map(|note| json!({ "content": note })).collect();
            let call = json!({ "id": 7, "comments": comments, "contact": contact });
            let call: Call = serde_json::from_value(call).unwrap();
            let expected = Name { first: first.map(str::to_owned), last: last.to_owned() };
            assert_eq!(name(&call, &number), expected, "{notes:?}");
        }
    }
}
