//! The requests for what follows from a call beside its log: tasks, smart-tags, steps of opportunities, prospects.

use base::error::Result;
use serde_json::{Value, json};

use super::{ExchangeError, PAGE_SIZE, Sellsy, WriteError, is_missing};
use crate::{
    api::LastCheck,
    sellsy::{
        endpoints,
        wire::{
            Individual, IndividualCreate, Page, RecordKind, Related, SmartTag, SmartTagRef, Step, Task, TaskCreate,
            TaskLabel, TaskUpdate,
        },
    },
};

impl Sellsy {
    /// `GET /tasks/labels`, in the order of their ranks.
    pub async fn task_labels(&self) -> Result<Vec<TaskLabel>> {
        let query = [("limit", PAGE_SIZE.to_string()), ("order", "rank".into()), ("direction", "asc".into())];
        let page: Page<TaskLabel> = self.send(&endpoints::TASK_LABELS, None, &query, None).await?.list()?;
        Ok(page.data)
    }

    /// `POST /tasks/search`: a page sorted by id, starting at `offset`. Tasks cannot be searched by their text.
    pub async fn tasks(&self, filters: &Value, offset: Option<&str>) -> Result<Page<Task>> {
        self.page(&endpoints::SEARCH_TASKS, filters, offset).await
    }

    /// `POST /tasks`. As with phone calls, the last check must store the caller's intent.
    pub async fn create_task(&self, task: &TaskCreate, last_check: &impl LastCheck) -> Result<Task, WriteError> {
        let answer = self.write(&endpoints::CREATE_TASK, None, task, last_check).await?;
        answer.json().map_err(WriteError::Unclear)
    }

    /// `PUT /tasks/{id}`. Returns the task as Sellsy has it then, if that can be read.
    pub async fn update_task(
        &self,
        id: i64,
        changes: &TaskUpdate,
        last_check: &impl LastCheck,
    ) -> Result<Option<Task>, WriteError> {
        let answer = self.write(&endpoints::UPDATE_TASK, Some(id), changes, last_check).await?;
        Ok(answer.json().ok())
    }

    /// `GET /tasks/{id}`; `None` if it does not exist (any more).
    pub async fn task(&self, id: i64) -> Result<Option<Task>> {
        self.one(&endpoints::TASK, id).await
    }

    /// `POST /individuals`. As with phone calls, the last check must store the caller's intent.
    pub async fn create_individual(
        &self,
        individual: &IndividualCreate,
        last_check: &impl LastCheck,
    ) -> Result<Individual, WriteError> {
        let answer = self.write(&endpoints::CREATE_INDIVIDUAL, None, individual, last_check).await?;
        answer.json().map_err(WriteError::Unclear)
    }

    /// `DELETE /individuals/{id}`.
    pub async fn delete_individual(&self, id: i64, last_check: &impl LastCheck) -> Result<(), WriteError> {
        let answer = self.exchange_checked(&endpoints::DELETE_INDIVIDUAL, Some(id), &[], None, last_check).await;
        answer.map(drop).map_err(WriteError::from)
    }

    /// `GET …/{id}/smart-tags`; `None` if the record or opportunity does not exist (any more). It is one page; no parameter is documented
    /// that gets the next one.
    pub async fn smart_tags(&self, of: &Related) -> Result<Option<Page<SmartTag>>> {
        let endpoint = match of.kind {
            RecordKind::Company => endpoints::SMART_TAGS_OF_COMPANY,
            RecordKind::Contact => endpoints::SMART_TAGS_OF_CONTACT,
            RecordKind::Opportunity => endpoints::SMART_TAGS_OF_OPPORTUNITY,
            _ => endpoints::SMART_TAGS_OF_INDIVIDUAL,
        };
        match self.exchange(&endpoint, Some(of.id), &[], None).await {
            Ok(answer) => Ok(Some(answer.list()?)),
            Err(ExchangeError::Request(f)) if is_missing(&f) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// `POST …/{id}/smart-tags`, which probably replaces all that are there: its document describes unlinking under the same endpoint.
    pub async fn set_smart_tags(
        &self,
        of: &Related,
        smart_tags: &[SmartTagRef],
        last_check: &impl LastCheck,
    ) -> Result<(), WriteError> {
        let endpoint = match of.kind {
            RecordKind::Company => endpoints::TAG_COMPANY,
            RecordKind::Contact => endpoints::TAG_CONTACT,
            RecordKind::Opportunity => endpoints::TAG_OPPORTUNITY,
            _ => endpoints::TAG_INDIVIDUAL,
        };
        self.write(&endpoint, Some(of.id), &smart_tags, last_check).await.map(drop)
    }

    /// `POST /opportunities/steps/search`: the steps of all pipelines. Which pipeline a step belongs to is not said.
    pub async fn steps(&self) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        let mut offset: Option<String> = None;
        loop {
            let page: Page<Step> = self.page(&endpoints::SEARCH_STEPS, &json!({}), offset.as_deref()).await?;
            offset = page.next_offset().map(ToString::to_string);
            steps.extend(page.data);
            if offset.is_none() {
                return Ok(steps);
            }
        }
    }

    /// `PATCH /opportunities/{id}`: moves it to another step. `only` says which fields of the body count, and is required.
    pub async fn move_opportunity(&self, id: i64, step: i64, last_check: &impl LastCheck) -> Result<(), WriteError> {
        let (only, body) = ([("only[]", "step".to_owned())], json!({ "step": step }));
        let answer =
            self.exchange_checked(&endpoints::CHANGE_OPPORTUNITY, Some(id), &only, Some(&body), last_check).await;
        answer.map(drop).map_err(WriteError::from)
    }
}
