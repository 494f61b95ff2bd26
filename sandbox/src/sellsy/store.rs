//! Everything the account holds, by id.
//!
//! The store keeps references valid (a contact's companies, an opportunity's customer) but knows nothing of requests:
//! validation with its messages is up to the endpoints. Iteration is by ascending id. The children hold what has rules of its
//! own: which step is in which pipeline, and which smart-tags a record has.

use std::collections::BTreeMap;

use anyhow::ensure;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::seed::{Opportunity, Record, SearchSettings, Seed, Staff, TaskLabel, Topic};
use super::tasks::Reminder;
use super::texts::Texts;
use super::undocumented::{Pages, Rules};
use pipelines::Pipelines;
use smart_tags::SmartTags;

pub(super) mod pipelines;
pub(super) mod smart_tags;

/// The kinds of record that a caller can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Individual,
    Company,
    Contact,
}

impl Kind {
    pub(super) const ALL: [Kind; 3] = [Kind::Individual, Kind::Company, Kind::Contact];

    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Individual => "individual",
            Kind::Company => "company",
            Kind::Contact => "contact",
        }
    }
}

/// A record to which a phone call, a comment or a task is related, or which has smart-tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub(super) struct Related {
    #[serde(rename = "type")]
    pub(super) kind: RelatedKind,
    pub(super) id: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RelatedKind {
    Opportunity,
    Company,
    Individual,
    Contact,
}

impl RelatedKind {
    pub(super) fn with(self, id: u64) -> Related {
        Related { kind: self, id }
    }
}

impl From<Kind> for RelatedKind {
    fn from(kind: Kind) -> RelatedKind {
        match kind {
            Kind::Individual => RelatedKind::Individual,
            Kind::Company => RelatedKind::Company,
            Kind::Contact => RelatedKind::Contact,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct PhoneCall {
    pub(super) id: u64,
    pub(super) owner_id: u64,
    pub(super) source: String,
    pub(super) result: String,
    pub(super) date: Timestamp,
    pub(super) description: Option<String>,
    pub(super) duration: u64,
    pub(super) topic: Option<u64>,
    pub(super) priority: u8,
    pub(super) related: Vec<Related>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    /// Every write that was accepted, oldest first; for tests, not part of the API.
    pub(super) history: Vec<Write>,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Write {
    pub(super) at_ms: i64,
    pub(super) method: &'static str,
    pub(super) body: Value,
}

impl Write {
    pub(super) fn now(method: &'static str, body: impl Into<Value>) -> Write {
        Write { at_ms: Timestamp::now().as_millisecond(), method, body: body.into() }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) id: u64,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) status: TaskStatus,
    pub(super) is_private: bool,
    pub(super) due_date: Timestamp,
    pub(super) label_id: u64,
    pub(super) owner_id: u64,
    pub(super) assigned_staff_ids: Option<Vec<u64>>,
    pub(super) priority: u8,
    pub(super) reminders: Vec<Reminder>,
    pub(super) related: Vec<Related>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    /// As for phone calls.
    pub(super) history: Vec<Write>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum TaskStatus {
    Todo,
    Done,
}

#[derive(Debug, Clone)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) owner_id: u64,
    pub(super) description: String,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) parent_id: Option<u64>,
    pub(super) related: Vec<Related>,
}

#[derive(Debug)]
pub(super) struct Store {
    pub(super) zone: TimeZone,
    pub(super) search: SearchSettings,
    pub(super) texts: Texts,
    pub(super) rules: Rules,
    pub(super) pages: Pages,
    /// Kinds of webhook events that this account does not have.
    pub(super) without_events: Vec<String>,
    pub(super) topics: Vec<Topic>,
    pub(super) task_labels: Vec<TaskLabel>,
    pub(super) pipelines: Pipelines,
    pub(super) token_staff_id: u64,
    pub(super) staffs: BTreeMap<u64, Staff>,
    individuals: BTreeMap<u64, Record>,
    companies: BTreeMap<u64, Record>,
    contacts: BTreeMap<u64, Record>,
    pub(super) opportunities: BTreeMap<u64, Opportunity>,
    pub(super) phone_calls: BTreeMap<u64, PhoneCall>,
    pub(super) comments: BTreeMap<u64, Comment>,
    pub(super) tasks: BTreeMap<u64, Task>,
    pub(super) smart_tags: SmartTags,
    /// The writes to individuals and opportunities, as for phone calls.
    writes: BTreeMap<Related, Vec<Write>>,
    last_record: BTreeMap<Kind, u64>,
    last_phone_call: u64,
    last_comment: u64,
    last_task: u64,
}

impl Store {
    pub(super) fn new(seed: &Seed, zone: TimeZone) -> anyhow::Result<Store> {
        let mut store = Store {
            zone,
            search: seed.search,
            texts: Texts::default(),
            rules: Rules::default(),
            pages: Pages::default(),
            without_events: Vec::new(),
            topics: seed.topics.clone(),
            task_labels: seed.task_labels.clone(),
            pipelines: Pipelines::new(&seed.pipelines)?,
            token_staff_id: seed.token_staff_id,
            staffs: seed.staffs.iter().map(|staff| (staff.id, staff.clone())).collect(),
            individuals: BTreeMap::new(),
            companies: BTreeMap::new(),
            contacts: BTreeMap::new(),
            opportunities: BTreeMap::new(),
            phone_calls: BTreeMap::new(),
            comments: BTreeMap::new(),
            tasks: BTreeMap::new(),
            smart_tags: SmartTags::default(),
            writes: BTreeMap::new(),
            last_record: BTreeMap::new(),
            last_phone_call: 5_000_000,
            last_comment: 0,
            last_task: 700_000,
        };
        ensure!(store.staffs.contains_key(&seed.token_staff_id), "token_staff_id is not a staff");
        for (kind, records) in
            [(Kind::Individual, &seed.individuals), (Kind::Company, &seed.companies), (Kind::Contact, &seed.contacts)]
        {
            for record in records {
                ensure!(store.record(kind, record.id).is_none(), "{} {} is there twice", kind.name(), record.id);
                store.put_record(kind, record.clone())?;
            }
        }
        for opportunity in &seed.opportunities {
            ensure!(!store.opportunities.contains_key(&opportunity.id), "opportunity {} occurs twice", opportunity.id);
            store.put_opportunity(opportunity.clone())?;
        }
        for tag in &seed.smart_tags {
            let of = store.smart_tags.put(tag)?;
            ensure!(of.iter().all(|one| store.knows(*one)), "smart-tag {} is on a record that is not known", tag.id);
        }
        Ok(store)
    }

    pub(super) fn records(&self, kind: Kind) -> &BTreeMap<u64, Record> {
        match kind {
            Kind::Individual => &self.individuals,
            Kind::Company => &self.companies,
            Kind::Contact => &self.contacts,
        }
    }

    fn records_mut(&mut self, kind: Kind) -> &mut BTreeMap<u64, Record> {
        match kind {
            Kind::Individual => &mut self.individuals,
            Kind::Company => &mut self.companies,
            Kind::Contact => &mut self.contacts,
        }
    }

    pub(super) fn record(&self, kind: Kind, id: u64) -> Option<&Record> {
        self.records(kind).get(&id)
    }

    /// Adds or replaces a record and returns its id.
    pub(super) fn put_record(&mut self, kind: Kind, mut record: Record) -> anyhow::Result<u64> {
        let is_contact = kind == Kind::Contact;
        ensure!(record.kind_type.is_none() == is_contact, "individuals and companies have a type, contacts have none");
        let named = if kind == Kind::Company { &record.name } else { &record.last_name };
        ensure!(named.is_some(), "a company needs a name, a person a last name");
        ensure!((kind == Kind::Company) == record.name.is_some(), "a name is a company's");
        ensure!(is_contact || record.companies.is_empty() && record.individuals.is_empty(), "only contacts are linked");
        for id in &record.companies {
            ensure!(self.companies.contains_key(id), "company {id} is not known");
        }
        for id in &record.individuals {
            ensure!(self.individuals.contains_key(id), "individual {id} is not known");
        }
        let owner = *record.owner_id.get_or_insert(self.token_staff_id);
        ensure!(self.staffs.contains_key(&owner), "staff {owner} is not known");
        record.companies.sort_unstable();
        // An id that no record of this kind has had, not even a deleted one.
        let last = self.last_record.entry(kind).or_default();
        if record.id == 0 {
            record.id = *last + 1;
        }
        let id = record.id;
        *last = id.max(*last);
        self.records_mut(kind).insert(id, record);
        Ok(id)
    }

    pub(super) fn put_opportunity(&mut self, mut opportunity: Opportunity) -> anyhow::Result<u64> {
        let customer = match (opportunity.company_id, opportunity.individual_id) {
            (Some(id), None) => self.companies.contains_key(&id),
            (None, Some(id)) => self.individuals.contains_key(&id),
            _ => false,
        };
        ensure!(customer, "an opportunity belongs to exactly one known company or individual");
        let contacts = opportunity.contact_ids.iter().all(|id| self.contacts.contains_key(id));
        ensure!(contacts, "an opportunity's contacts must be known");
        let owner = *opportunity.owner_id.get_or_insert(self.token_staff_id);
        ensure!(self.staffs.contains_key(&owner), "staff {owner} is not known");
        opportunity.step = opportunity.step.or_else(|| self.pipelines.first_step_of_all());
        let step = opportunity.step.and_then(|step| self.pipelines.find(step));
        ensure!(step.is_some(), "an opportunity is in a known step");
        if opportunity.id == 0 {
            opportunity.id = next_id(&self.opportunities);
        }
        let id = opportunity.id;
        self.opportunities.insert(id, opportunity);
        Ok(id)
    }

    /// Removes a record and what cannot exist without it.
    pub(super) fn remove_record(&mut self, kind: Kind, id: u64) -> bool {
        if self.records_mut(kind).remove(&id).is_none() {
            return false;
        }
        for contact in self.contacts.values_mut() {
            match kind {
                Kind::Company => contact.companies.retain(|company| *company != id),
                Kind::Individual => contact.individuals.retain(|individual| *individual != id),
                Kind::Contact => {}
            }
        }
        let of_record = |opportunity: &&Opportunity| match kind {
            Kind::Company => opportunity.company_id == Some(id),
            Kind::Individual => opportunity.individual_id == Some(id),
            Kind::Contact => false,
        };
        let gone: Vec<u64> = self.opportunities.values().filter(of_record).map(|opportunity| opportunity.id).collect();
        for opportunity in gone {
            self.remove_opportunity(opportunity);
        }
        self.forget(RelatedKind::from(kind).with(id));
        true
    }

    pub(super) fn remove_opportunity(&mut self, id: u64) -> bool {
        self.forget(RelatedKind::Opportunity.with(id));
        self.opportunities.remove(&id).is_some()
    }

    fn forget(&mut self, record: Related) {
        self.smart_tags.forget(record);
        self.writes.remove(&record);
    }

    /// Keeps a write that was accepted.
    pub(super) fn note(&mut self, record: Related, write: Write) {
        self.writes.entry(record).or_default().push(write);
    }

    pub(super) fn history(&self, record: Related) -> &[Write] {
        self.writes.get(&record).map_or(&[], Vec::as_slice)
    }

    /// The companies of a contact, by ascending id.
    pub(super) fn companies_of<'a>(&'a self, contact: &'a Record) -> impl Iterator<Item = &'a Record> {
        contact.companies.iter().filter_map(|id| self.companies.get(id))
    }

    pub(super) fn knows(&self, related: Related) -> bool {
        let Related { kind, id } = related;
        match kind {
            RelatedKind::Opportunity => self.opportunities.contains_key(&id),
            RelatedKind::Company => self.companies.contains_key(&id),
            RelatedKind::Individual => self.individuals.contains_key(&id),
            RelatedKind::Contact => self.contacts.contains_key(&id),
        }
    }

    /// An id that no phone call has had, not even a deleted one.
    pub(super) fn next_phone_call(&mut self) -> u64 {
        self.last_phone_call += 1;
        self.last_phone_call
    }

    /// An id that no comment has had, not even a deleted one.
    pub(super) fn next_comment(&mut self) -> u64 {
        self.last_comment += 1;
        self.last_comment
    }

    /// An id that no task has had, not even a deleted one.
    pub(super) fn next_task(&mut self) -> u64 {
        self.last_task += 1;
        self.last_task
    }

    pub(super) fn default_topic(&self) -> Option<u64> {
        self.topics.iter().find(|topic| topic.is_default).map(|topic| topic.id)
    }
}

fn next_id<T>(map: &BTreeMap<u64, T>) -> u64 {
    map.last_key_value().map_or(1, |(last, _)| last + 1)
}
