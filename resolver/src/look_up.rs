//! From a call's number to a decision: candidates, rules, opportunity.

use shared::{
    aircall::wire::Call,
    error::Result,
    ledger::{
        resolution::{Kind, Opportunity, Resolution, Source},
        timeline::Entry,
    },
    phone::{Caller, E164, Region, classify},
    sellsy::Sellsy,
};

use crate::{live, rules};

/// Opportunities are asked for in order; the first that passes the check is the one.
const OPPORTUNITIES: u32 = 5;

#[derive(Clone)]
pub(crate) struct LookUp {
    sellsy: Sellsy,
    region: Region,
}

impl LookUp {
    pub(crate) fn new(sellsy: Sellsy, region: Region) -> Self {
        Self { sellsy, region }
    }

    pub(crate) async fn resolve(&self, call: &Call) -> Result<Resolution> {
        match classify(call.raw_digits.as_deref(), self.region) {
            Caller::Number(number) => self.number(&number).await,
            Caller::Withheld => Ok(nobody("the number is withheld: there is nobody to look up")),
            Caller::Internal => Ok(nobody("an internal number or a short code: it is not looked up")),
            Caller::Unusable => Ok(nobody("what was dialled is no phone number: it is not looked up")),
        }
    }

    async fn number(&self, number: &E164) -> Result<Resolution> {
        let mut candidates = live::candidates(&self.sellsy, number, self.region).await?;
        rules::sort(&mut candidates);
        let (chosen, rule) = rules::choose(&candidates);
        let mut record = chosen.cloned();
        if let Some(contact) = record.as_mut().filter(|record| record.kind == Kind::Contact) {
            contact.companies = live::companies(&self.sellsy, contact.id).await?;
        }
        let (opportunity, opportunity_rule) = match record.as_ref().map(rules::opportunity_owner) {
            None => (None, "there is no record"),
            Some(Err(why)) => (None, why),
            Some(Ok(owner)) => {
                let found = self.sellsy.opportunities(&owner, &rules::OPPORTUNITY_STATUSES, OPPORTUNITIES).await?;
                let (opportunity, why) = rules::choose_opportunity(&owner, &found);
                (
                    opportunity.map(|o| Opportunity {
                        id: o.id,
                        name: o.name.clone().unwrap_or_default(),
                        status: status(o),
                    }),
                    why,
                )
            }
        };
        Ok(Resolution {
            source: Source::Live,
            record,
            rule,
            opportunity,
            opportunity_rule: opportunity_rule.into(),
            candidates,
        })
    }
}

fn status(opportunity: &shared::sellsy::wire::Opportunity) -> String {
    opportunity.status.as_ref().map(ToString::to_string).unwrap_or_default()
}

fn nobody(why: &str) -> Resolution {
    Resolution {
        source: Source::None,
        record: None,
        rule: why.into(),
        opportunity: None,
        opportunity_rule: "there is no record".into(),
        candidates: Vec::new(),
    }
}

/// The decision as a line of the timeline: ids and reasons, no personal data.
pub(crate) fn entry(what: &'static str, resolution: &Resolution) -> Entry {
    let candidates: Vec<String> = resolution.candidates.iter().map(|c| format!("{} {}", c.kind, c.id)).collect();
    Entry::new("resolver", what)
        .with("record", resolution.record.as_ref().map(|r| format!("{} {}", r.kind, r.id)))
        .with("rule", &resolution.rule)
        .with("opportunity", resolution.opportunity.as_ref().map(|o| o.id))
        .with("opportunity_rule", &resolution.opportunity_rule)
        .with("candidates", candidates)
        .with("source", resolution.source)
}
