//! The fields of a `PATCH`, each checked against the documentation and against the account's records.
//!
//! The schema is closed. `only` lists the fields that are read, and others that are in the body are ignored: the documentation
//! calls it required in words although its schema does not, so a request without it is refused here. A step must be in the
//! opportunity's pipeline, or in the one that the same request names. A pipeline without a step means its first step, which is
//! not documented. `origin` is checked but not kept: no rule depends on it.

use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::sellsy::body::{self, Reader, set};
use crate::sellsy::errors::{Error, Problems};
use crate::sellsy::request::Parameters;
use crate::sellsy::seed::{Opportunity, Status};
use crate::sellsy::store::Store;

const FIELDS: [&str; 10] =
    ["name", "owner_id", "status", "pipeline", "step", "amount", "probability", "origin", "due_date", "note"];
const LONGEST_NAME: usize = 250;

/// The fields that the query names.
pub(super) fn only(parameters: &Parameters) -> Result<Vec<&str>, Error> {
    let only = parameters.list("only");
    let mut problems = Problems::default();
    if only.is_empty() {
        problems.missing("only");
    } else if only.iter().any(|name| !FIELDS.contains(name)) {
        problems.invalid("only", body::NOT_A_CHOICE);
    }
    problems.into_result().map(|()| only)
}

#[derive(Debug, Default)]
pub(super) struct Changes {
    name: Option<String>,
    owner_id: Option<u64>,
    status: Option<Status>,
    step: Option<u64>,
    amount: Option<String>,
    probability: Option<u8>,
    due_date: Option<Option<Date>>,
    note: Option<String>,
}

impl Changes {
    pub(super) fn parse(
        body: &Map<String, Value>,
        only: &[&str],
        before: &Opportunity,
        store: &Store,
    ) -> Result<Changes, Error> {
        // What is unknown stays in, to be refused.
        let is_read = |name: &String| only.contains(&name.as_str()) || !FIELDS.contains(&name.as_str());
        let body: Map<String, Value> = body.clone().into_iter().filter(|(name, _)| is_read(name)).collect();
        let mut read = Reader::new(&body, &[]);
        read.refuse_unknown(&FIELDS);
        let current = before.step.and_then(|step| store.pipelines.find(step)).map(|(pipeline, _)| pipeline.id);
        let pipeline = read.field("pipeline", |value| pipeline_id(value, store));
        let step = read.field("step", |value| step_id(value, pipeline.or(current), store));
        let other = pipeline.filter(|wanted| Some(*wanted) != current);
        let first = other.and_then(|pipeline| store.pipelines.first_step(pipeline));
        let changes = Changes {
            name: read.field("name", name),
            owner_id: read.field("owner_id", |value| body::staff(value, store)),
            status: read.field("status", body::choice),
            step: step.or(first),
            amount: read.field("amount", amount),
            probability: read.field("probability", probability),
            due_date: read.field("due_date", body::or_null(date)),
            note: read.field("note", body::text),
        };
        read.field("origin", body::text);
        read.into_result()?;
        Ok(changes)
    }

    pub(super) fn apply(self, opportunity: &mut Opportunity) {
        set(&mut opportunity.name, self.name);
        set(&mut opportunity.status, self.status);
        set(&mut opportunity.amount, self.amount);
        set(&mut opportunity.probability, self.probability);
        set(&mut opportunity.due_date, self.due_date);
        set(&mut opportunity.note, self.note);
        opportunity.owner_id = self.owner_id.or(opportunity.owner_id);
        opportunity.step = self.step.or(opportunity.step);
    }
}

fn pipeline_id(value: &Value, store: &Store) -> Result<u64, &'static str> {
    let id = body::integer(value)?;
    store.pipelines.first_step(id).map(|_| id).ok_or("Ce pipeline n'existe pas")
}

/// `pipeline`: where the step must be.
fn step_id(value: &Value, pipeline: Option<u64>, store: &Store) -> Result<u64, &'static str> {
    let id = body::integer(value)?;
    let (of, _) = store.pipelines.find(id).ok_or("Cette étape n'existe pas")?;
    (Some(of.id) == pipeline).then_some(id).ok_or("Cette étape n'est pas dans le pipeline de l'opportunité")
}

fn name(value: &Value) -> Result<String, &'static str> {
    let name = body::text(value)?;
    let length = name.chars().count();
    if (1..=LONGEST_NAME).contains(&length) { Ok(name) } else { Err("Cette chaîne est vide ou trop longue") }
}

/// A number when written, and a text when read.
fn amount(value: &Value) -> Result<String, &'static str> {
    let amount = value.as_f64().filter(|amount| *amount >= 0.0).ok_or("Cette valeur doit être un nombre positif")?;
    Ok(format!("{amount:.2}"))
}

/// Any number when written, and an integer when read.
fn probability(value: &Value) -> Result<u8, &'static str> {
    let probability = value.as_f64().filter(|percent| (0.0..=100.0).contains(percent));
    probability.map(|percent| percent.round() as u8).ok_or("Cette valeur doit être comprise entre 0 et 100")
}

fn date(value: &Value) -> Result<Date, &'static str> {
    let text = value.as_str().filter(|text| text.len() == "2026-12-31".len());
    text.and_then(|text| text.parse().ok()).ok_or("Cette valeur doit être une date")
}
