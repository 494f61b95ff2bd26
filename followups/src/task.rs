//! Brings one task to what it should be, as [`plan`] says. A creation without an answer is looked for by its marker, and a change that ended unclear
//! is known by how the task stands then.

use base::error::{Code, Error, Result};
use broker::amqp::Outcome;
use jiff::SignedDuration;
use ledger::{
    followups::{Became, Followup, Key, Over, Task, There},
    timeline::{Entry, Reason, TaskLine, What},
};
use serde_json::{Value, json};
use vendors::sellsy::{
    Field, WriteError,
    wire::{self, TaskCreate, TaskUpdate},
};

use crate::{
    carry::{Carry, Claim, NAME, Until, not_stored},
    face::{self, Face},
    plan::{self, Action, Found, SETTLES},
    text, wanted,
    wanted::Wanted,
};

/// Sellsy's clock may be behind, and a task is created after its call began.
const EARLIER: SignedDuration = SignedDuration::from_mins(10);

/// What the work on a row goes on with.
struct Work<'a> {
    claim: Claim<'a>,
    wanted: &'a Wanted,
    digest: String,
}

impl Carry {
    pub(crate) async fn task(&self, row: Followup, claim: Claim<'_>) -> Result<Outcome> {
        let wanted = wanted::of(&self.database.client().await?, &row, &self.settings).await?;
        let Some(wanted) = wanted else {
            // The logger has not stored the insight or the tag yet, or nobody is known on whose record a tag's task belongs.
            let is_late = match claim.key {
                Key::ActionItem { .. } => self.settings.rules.action_items.is_some(),
                Key::Tag { .. } => true,
                _ => false,
            };
            return self.release(claim, if is_late { not_stored(&row) } else { Until::Touched }, None).await;
        };
        let work = Work { claim, wanted: &wanted, digest: wanted.digest() };
        let (mut task, mut found, mut stands) = (row.task, None, None);
        loop {
            let Wanted { is_open, is_decided, .. } = wanted;
            match plan::plan(&task, plan::Wanted { is_open, is_decided, digest: &work.digest }, found) {
                Action::Search => match self.search(&work).await? {
                    None => found = Some(Found::Nothing),
                    Some(id) => {
                        let line = self.line(&work, id, What::TaskAdopted);
                        self.record(claim, &Became::Found(id), Some(line)).await?;
                        task = Task::There(There { id, digest: None, stands: None, writing: None });
                    }
                },
                Action::Create => {
                    if let Some(ended) = self.create(&work).await? {
                        return Ok(ended);
                    }
                    // It is over meanwhile, or a person may have changed it: the ledger says what is next.
                    return self.release(claim, Until::Touched, None).await;
                }
                Action::Read => {
                    let Task::There(there) = &task else { return self.release(claim, Until::Touched, None).await };
                    found = Some(match self.sellsy.task(there.id).await? {
                        None => Found::Gone,
                        Some(read) => {
                            let whose = face::whose(&read, is_open, there.stands.as_ref(), there.writing.as_ref());
                            stands = Some(Face::of(&read));
                            Found::Task(whose)
                        }
                    });
                }
                Action::Update => {
                    let (Task::There(there), Some(stands)) = (&task, &stands) else {
                        return self.release(claim, Until::Touched, None).await;
                    };
                    match self.update(&work, there.id, stands).await? {
                        Updated::Written(there) => task = Task::There(there),
                        Updated::Gone => found = Some(Found::Gone),
                        Updated::Unclear => return self.hold(claim).await,
                    }
                }
                Action::Rest => return self.release(claim, Until::Touched, None).await,
                Action::Again(after) => return self.release(claim, Until::Again(after), None).await,
                Action::End(over) => {
                    let line = self.last_line(&work, &task, over);
                    return self.release(claim, Until::Over(over), Some(line)).await;
                }
            }
        }
    }

    /// A task of ours that the ledger does not know: on the record, or on another one. The caller may have been decided otherwise since, or a person
    /// has moved the task.
    async fn search(&self, work: &Work<'_>) -> Result<Option<i64>> {
        let since = work.wanted.since.saturating_sub(EARLIER).unwrap_or(work.wanted.since);
        let mut filters = json!({ "created": { "start": since.to_string() } });
        let related = work.wanted.related();
        if !related.is_empty() {
            filters["related_objects"] = json!(related);
            if let Some(id) = self.search_by(&filters, work.claim.key).await? {
                return Ok(Some(id));
            }
            filters = json!({ "created": filters["created"] });
        }
        self.search_by(&filters, work.claim.key).await
    }

    /// Tasks cannot be searched by their text.
    async fn search_by(&self, filters: &Value, key: &Key) -> Result<Option<i64>> {
        let mut offset: Option<String> = None;
        loop {
            let page = self.sellsy.tasks(filters, offset.as_deref()).await?;
            let is_ours =
                |task: &&wire::Task| task.description.as_deref().is_some_and(|text| text::has_marker(text, key));
            if let Some(task) = page.data.iter().find(is_ours) {
                return Ok(Some(task.id));
            }
            offset = page.next_offset().map(ToString::to_string);
            if offset.is_none() {
                return Ok(None);
            }
        }
    }

    /// `None` when it was created. What is unclear, and what was refused for good, ends the work.
    async fn create(&self, work: &Work<'_>) -> Result<Option<Outcome>> {
        let Wanted { text, staff, agent, label, due, record, .. } = work.wanted;
        let text = text.sealed(false);
        let record_owner = record.as_ref().and_then(|record| record.owner_id);
        let (mut tried_another_label, mut refused) = (false, Vec::new());
        loop {
            let owner = self.owners.first_of(staff.as_ref(), agent.as_deref(), record_owner).await?;
            let task = TaskCreate {
                title: text.title.clone(),
                description: text.description.clone(),
                label_id: self.labels.of(label.as_deref()).await?,
                due_date: due.to_zoned(self.settings.time_zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
                owner_id: owner,
                assigned_staff_ids: vec![owner],
                related: work.wanted.related(),
            };
            let check = self.before_write(work.claim, Became::Creating);
            match self.sellsy.create_task(&task, &check).await {
                Ok(made) => {
                    let there = There {
                        id: made.id,
                        digest: Some(work.digest.clone()),
                        stands: Some(Face::of(&made).stored()),
                        writing: None,
                    };
                    let line = self.line(work, made.id, What::TaskCreated);
                    self.record(work.claim, &Became::Written(there), Some(line)).await?;
                    metrics::counter!("callbridge_tasks_total", "follows" => work.wanted.follows.as_str(), "outcome" => "created")
                        .increment(1);
                    return Ok(None);
                }
                Err(WriteError::Unclear(e)) => {
                    tracing::info!(error = %e, "It is unclear whether a task was created; it is looked for when the request has surely ended.");
                    return self.release(work.claim, Until::Again(SETTLES), None).await.map(Some);
                }
                Err(WriteError::Refused(e, field)) => {
                    self.record(work.claim, &Became::NotCreated, None).await?;
                    match field {
                        // The next in line.
                        Some(Field::Owner) if !refused.contains(&owner) => {
                            self.owners.refused(owner);
                            refused.push(owner);
                        }
                        Some(Field::Label) if !tried_another_label => {
                            tried_another_label = true;
                            self.labels.forget().await;
                        }
                        _ => return Err(e),
                    }
                }
                Err(WriteError::Missing) => {
                    self.record(work.claim, &Became::NotCreated, None).await?;
                    return Err(Error::retry(Code::SellsyRejected, "Sellsy answered 404 to a new task"));
                }
            }
        }
    }

    async fn update(&self, work: &Work<'_>, id: i64, stands: &Face) -> Result<Updated> {
        let Wanted { text, is_open, .. } = work.wanted;
        let text = text.sealed(!is_open);
        let becomes = stands.with(&text, !is_open);
        let changes = TaskUpdate {
            title: text.title,
            description: text.description,
            status: if *is_open { "todo" } else { "done" },
        };
        let check = self.before_write(work.claim, Became::Changing { from: stands.stored(), to: becomes.stored() });
        match self.sellsy.update_task(id, &changes, &check).await {
            Ok(changed) => {
                let stands = changed.as_ref().map_or(becomes, Face::of);
                let there =
                    There { id, digest: Some(work.digest.clone()), stands: Some(stands.stored()), writing: None };
                // That it is done is said when the work ends.
                let line = is_open.then(|| self.line(work, id, What::TaskUpdated));
                self.record(work.claim, &Became::Written(there.clone()), line).await?;
                let outcome = if *is_open { "updated" } else { "done" };
                metrics::counter!("callbridge_tasks_total", "follows" => work.wanted.follows.as_str(), "outcome" => outcome)
                    .increment(1);
                Ok(Updated::Written(there))
            }
            Err(WriteError::Unclear(_)) => Ok(Updated::Unclear),
            Err(WriteError::Missing) => Ok(Updated::Gone),
            Err(WriteError::Refused(e, _)) => Err(e),
        }
    }

    fn line(&self, work: &Work<'_>, task: i64, what: fn(TaskLine) -> What) -> Entry {
        Entry::new(NAME, what(TaskLine { task, follows: work.wanted.follows }))
    }

    fn last_line(&self, work: &Work<'_>, task: &Task, over: Over) -> Entry {
        let Task::There(There { id, .. }) = task else {
            return Entry::new(NAME, What::Skipped { reason: Reason::NoTask(Reason::SpokenWith.into()) });
        };
        let line = TaskLine { task: *id, follows: work.wanted.follows };
        let what = match over {
            Over::Deleted => What::TaskDeleted(line),
            Over::LeftAlone | Over::NotNeeded => What::TaskLeftAlone(line),
            Over::Done => match work.wanted.spoke {
                Some(spoke) => What::TaskDone { task: line, spoke },
                None => What::TaskUpdated(line),
            },
        };
        Entry::new(NAME, what)
    }
}

enum Updated {
    Written(There),
    Gone,
    Unclear,
}
