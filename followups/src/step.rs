//! The step of a call's opportunity, as the call's tags mean: only from the steps that the rule names, and only forward.
//!
//! An opportunity that is there already is not written, so this can be done again at any time: after an answer that never came, it is.

use base::{
    error::Result,
    ids::CallId,
    rules::{StepRef, StepRule},
};
use broker::amqp::Outcome;
use ledger::{
    followups::{self, Became, Followup, Over, Task},
    timeline::{Entry, Reason, What},
};
use vendors::sellsy::{
    WriteError,
    wire::{Named, OpportunityStatus, Step},
};

use crate::{
    carry::{Carry, Claim, HELD, NAME, Until, not_stored, settling},
    plan::{DECIDED_SOON, SETTLES},
};

impl Carry {
    pub(crate) async fn step(&self, row: &Followup, claim: Claim<'_>, call: CallId, tag: &str) -> Result<Outcome> {
        let rule = self.settings.rules.tags.acts_of(tag).and_then(|acts| acts.step.as_ref());
        let Some((about, now)) = self.about(call).await? else {
            return self.release(claim, Until::Touched, None).await;
        };
        let over = Until::Over(Over::NotNeeded);
        let (Some(rule), Some(_)) = (rule, about.tagged_at(tag)) else {
            return match not_stored(row) {
                Until::Touched => self.no_step(claim, Until::Touched, Reason::TagTakenOff).await,
                again => self.release(claim, again, None).await,
            };
        };
        if about.is_old(now) && matches!(row.task, Task::None { .. }) {
            return self.release(claim, over, None).await;
        }
        if !about.is_decided {
            return self.release(claim, Until::Again(DECIDED_SOON), None).await;
        }
        let opportunity = about.resolution.as_ref().and_then(|resolution| resolution.opportunity.as_ref());
        let Some(opportunity) = opportunity.map(|opportunity| opportunity.id) else {
            return self.release(claim, Until::Touched, None).await;
        };
        if let Some(again) = settling(&row.task) {
            return self.release(claim, again, None).await;
        }
        let mut client = self.database.client().await?;
        // Another tag may move it as well.
        let is_reserved =
            followups::reserve(&mut client, claim.key, claim.lease, &format!("step:{opportunity}")).await?;
        drop(client);
        if !is_reserved {
            return self.release(claim, Until::Again(HELD), None).await;
        }
        let Some(stands) = self.sellsy.opportunity(opportunity).await? else {
            return self.no_step(claim, over, Reason::OpportunityGone).await;
        };
        if !matches!(stands.status, Some(OpportunityStatus::Open | OpportunityStatus::Late)) {
            return self.no_step(claim, over, Reason::OpportunityClosed).await;
        }
        let mut found = to(rule, stands.step.as_ref(), &self.steps.all().await?);
        if found.as_ref().is_err_and(depends_on_steps) {
            // They may have changed since the list was read.
            self.steps.forget().await;
            found = to(rule, stands.step.as_ref(), &self.steps.all().await?);
        }
        let (step, name) = match found {
            Ok(to) => to,
            Err(Reason::AlreadyThere) if matches!(row.task, Task::Unclear { .. }) => {
                let step = stands.step.and_then(|step| step.name).unwrap_or_default();
                let line = Entry::new(NAME, What::StepMoved { opportunity, step });
                return self.release(claim, Until::Over(Over::Done), Some(line)).await;
            }
            Err(why) => return self.no_step(claim, over, why).await,
        };
        let check = self.before_write(claim, Became::Creating);
        match self.sellsy.move_opportunity(opportunity, step, &check).await {
            Ok(()) => {
                metrics::counter!("callbridge_followups_total", "what" => "step").increment(1);
                let line = Entry::new(NAME, What::StepMoved { opportunity, step: name });
                self.release(claim, Until::Over(Over::Done), Some(line)).await
            }
            Err(WriteError::Unclear(_)) => self.release(claim, Until::Again(SETTLES), None).await,
            Err(WriteError::Refused(e, _)) => {
                self.record(claim, &Became::NotCreated, None).await?;
                self.steps.forget().await;
                Err(e)
            }
            Err(WriteError::Missing) => {
                self.record(claim, &Became::NotCreated, None).await?;
                self.no_step(claim, over, Reason::OpportunityGone).await
            }
        }
    }

    async fn no_step(&self, claim: Claim<'_>, until: Until, why: Reason) -> Result<Outcome> {
        let line = Entry::new(NAME, What::Skipped { reason: Reason::NoStep(why.into()) });
        self.release(claim, until, Some(line)).await
    }
}

fn depends_on_steps(why: &Reason) -> bool {
    matches!(why, Reason::StepUnknown { .. } | Reason::StepAmbiguous { .. } | Reason::StepBackwards { .. })
}

/// The step to which an opportunity is moved that is in this one, with its name.
fn to(rule: &StepRule, now: Option<&Named>, steps: &[Step]) -> Result<(i64, String), Reason> {
    let (now_id, now_name) = now.map_or((0, None), |now| (now.id.unwrap_or_default(), now.name.as_deref()));
    if rule.to.is(now_id, now_name) {
        return Err(Reason::AlreadyThere);
    }
    let Some(from) = rule.from.iter().find(|from| from.is(now_id, now_name)) else {
        return Err(Reason::InAnotherStep { step: now_name.unwrap_or_default().to_owned() });
    };
    // The other one is of another pipeline, to which the rule's step may not belong.
    if steps.iter().filter(|step| from.is(step.id, step.name.as_deref())).count() > 1 {
        return Err(Reason::StepAmbiguous { step: now_name.unwrap_or_default().to_owned() });
    }
    let such: Vec<&Step> = steps.iter().filter(|step| rule.to.is(step.id, step.name.as_deref())).collect();
    let named = match &rule.to {
        StepRef::Id(id) => id.to_string(),
        StepRef::Name(name) => name.clone(),
    };
    let [target] = such[..] else {
        return Err(if such.is_empty() {
            Reason::StepUnknown { step: named }
        } else {
            Reason::StepAmbiguous { step: named }
        });
    };
    let name = target.name.clone().unwrap_or(named);
    let rank_now = steps.iter().find(|step| step.id == now_id).and_then(|step| step.rank);
    match (rank_now, target.rank) {
        (Some(rank_now), Some(rank)) if rank > rank_now => Ok((target.id, name)),
        _ => Err(Reason::StepBackwards { step: name }),
    }
}

#[cfg(test)]
mod tests {
    use base::rules;

    use super::*;

    #[test]
    fn an_opportunity_moves_forward_from_the_steps_of_the_rule() {
        let step = |id, name: &str, rank| Step { id, name: Some(name.into()), rank: Some(rank) };
        let steps = [
            step(1, "Premier contact", 1),
            step(2, "Qualification", 2),
            step(3, "Proposition", 3),
            step(4, "Signature", 4),
            step(11, "Demande", 1),
            step(12, "Signature", 2),
            Step { id: 5, name: Some("Relance".into()), rank: None },
            step(13, "Relance", 1),
        ];
        let move_to = |rule: &str, now: i64| {
            let text = format!("[tags]\n\"Devis\" = {{ {rule} }}");
            let rules = rules::parse(&text, base::phone::Region::default()).unwrap();
            let rule = rules.tags.acts_of("devis").and_then(|acts| acts.step.clone()).unwrap();
            let now = steps.iter().find(|step| step.id == now);
            let now = now.map(|step| Named { id: Some(step.id), name: step.name.clone() });
            match to(&rule, now.as_ref(), &steps) {
                Ok((id, name)) => format!("{id} {name}"),
                Err(why) => why.to_string(),
            }
        };
        let forward = "step = \" proposition \", from = [\"Premier contact\", \"Qualification\"]";
        for (rule, now, expected) in [
            (forward, 1, "3 Proposition"),
            (forward, 2, "3 Proposition"),
            (forward, 3, "it is there already"),
            (forward, 4, "it is in the step “Signature”, from which the rule does not move it (RULES)"),
            (forward, 0, "it is in the step “”, from which the rule does not move it (RULES)"),
            ("step = \"Qualification\", from = 4", 4, "the step “Qualification” does not come after its step"),
            ("step = \"Devis\", from = \"Qualification\"", 2, "Sellsy has no step “Devis” (RULES)"),
            (
                "step = \"Signature\", from = \"Proposition\"",
                3,
                "Sellsy has several steps “Signature”: write the id of one (RULES)",
            ),
            ("step = 12, from = [11]", 11, "12 Signature"),
            ("step = 3, from = \"Relance\"", 5, "Sellsy has several steps “Relance”: write the id of one (RULES)"),
            ("step = 3, from = 5", 5, "the step “Proposition” does not come after its step"),
            ("step = 99, from = [11]", 11, "Sellsy has no step “99” (RULES)"),
        ] {
            assert_eq!(move_to(rule, now), expected, "{rule} {now}");
        }
    }
}
