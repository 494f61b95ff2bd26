//! The steps between reading the row and the end of the work on it.

use std::time::Instant;

use base::error::{Code, Error, Result};
use ledger::{
    calls::{self, AsLeft, CallRow, Links, Log, Written},
    form::LogForm,
    timeline::{Entry, SellsyLog, What},
};
use vendors::sellsy::{
    Field, WriteError,
    wire::{PhoneCallCreate, PhoneCallUpdate},
};

use super::{
    Draft, Work, Writer, Wrote,
    claim::{BeforeWrite, LastRequest},
};
use crate::{
    people,
    plan::{self, Answer, Creation, Intent, Step, Update},
    render::{Accepts, Ready},
};

impl Writer {
    pub(super) async fn render(&self, row: &CallRow, ready: &Ready<'_>) -> Result<PhoneCallCreate> {
        self.renderer.accepts(Accepts::of(&*self.forms.proven().await));
        self.renderer.render(row, ready, self.owner(ready).await?)
    }

    async fn owner(&self, ready: &Ready<'_>) -> Result<i64> {
        let agent = ready.call.user.as_ref().and_then(|user| user.email.as_deref());
        // Also if nobody else can own a log: the names of the staff, which cards show, are kept on the way.
        let owner = self.owners.of(agent, ready.record.owner_id).await;
        match self.forms.proven().await.only_owner() {
            Some(only) if !self.owners.is_refused(only) => Ok(only),
            _ => owner,
        }
    }

    /// Carries out the step. The log may change on the way, if Sellsy refuses its owner or its length.
    pub(super) async fn step(
        &self,
        work: Work<'_>,
        ready: &Ready<'_>,
        draft: &mut Draft,
        step: Step,
    ) -> Result<Answer> {
        Ok(match step {
            Step::Find(forms) => Answer::Found(self.find(work.row, draft, &forms).await),
            Step::Adopt { form, id } => {
                self.adopt(work, form, id).await?;
                Answer::Adopted { form, id }
            }
            Step::Read { form, id } => {
                let written_ago = work.row.stored().map(|stored| stored.written_age).unwrap_or_default();
                let read = self.reader.read(&self.database, &self.forms, form, id, written_ago).await;
                let exists = read.map(|log| {
                    draft.stands = log;
                    draft.stands.is_some()
                });
                Answer::Read { form, id, exists }
            }
            Step::Create(creation) => {
                let answer = self.create(work, ready, draft, &creation).await?;
                Answer::Created { creation, answer }
            }
            Step::Update(update) => {
                let answer = self.update(work, ready, draft, &update).await?;
                Answer::Updated { update, answer }
            }
        })
    }

    /// Our log on the record, if a creation whose outcome we never learned has made one.
    async fn find(&self, row: &CallRow, draft: &mut Draft, forms: &[LogForm]) -> Result<Option<(LogForm, i64)>> {
        let Some(record) = draft.log.related.first() else { return Ok(None) };
        for &form in forms {
            let found = match self.forms.find(form, record, row.call_id, &draft.log).await {
                Ok(None) => self.reader.elsewhere(&self.database, &self.forms, form, row.call_id, &draft.log).await,
                found => found,
            };
            match found {
                Ok(Some(log)) => {
                    let id = log.id;
                    draft.stands = Some(log);
                    return Ok(Some((form, id)));
                }
                Ok(None) => {}
                Err(e) => {
                    self.doubt_owner(&e);
                    return Err(e);
                }
            }
        }
        Ok(None)
    }

    async fn adopt(&self, work: Work<'_>, form: LogForm, id: i64) -> Result<()> {
        let Work { claim, row, .. } = work;
        let log = SellsyLog::new(form, id);
        let found = match row.log {
            Log::Unclear { .. } => What::AdoptedUnclear(log),
            _ => What::AdoptedUnknown(log),
        };
        let line = Entry::new("logger", found);
        // Without a digest the log counts as not written.
        let written = Written { form, sellsy_id: id, digest: String::new(), left: None };
        calls::record_written(&self.records, row, written, [line], claim.lease, false).await?;
        Ok(())
    }

    async fn create(
        &self,
        work: Work<'_>,
        ready: &Ready<'_>,
        draft: &mut Draft,
        creation: &Creation,
    ) -> Result<Result<i64, WriteError>> {
        if creation.refused.is_some() {
            draft.log.related.truncate(1);
        }
        let answer = loop {
            let answer = self.forms.create(creation.form, &draft.log, &self.before_write(work, creation.form)).await;
            remember(work, &answer);
            match answer {
                Err(WriteError::Refused(_, Some(field))) if self.put_right(work.row, ready, draft, field).await? => {}
                answer => break answer,
            }
        };
        match &answer {
            Err(WriteError::Refused(e, _)) => self.doubt_owner(e),
            Err(WriteError::Missing) => self.owners.doubt(),
            Ok(_) | Err(WriteError::Unclear(_)) => {}
        }
        Ok(answer.map(|made| {
            let merged = people::unseen(&draft.log, Links::Set);
            draft.written.left = Some(people::as_left(work.row.call_id, merged, Some(&made), None));
            made.id
        }))
    }

    /// Changes what is ours in the log, and only if it is not as it should be.
    async fn update(
        &self,
        work: Work<'_>,
        ready: &Ready<'_>,
        draft: &mut Draft,
        update: &Update,
    ) -> Result<Result<(), WriteError>> {
        let Update { form, id, links, .. } = *update;
        let digest = work.row.stored().and_then(|stored| stored.digest.as_deref());
        // What the ledger knows may be older than the log: that was adopted and not written since, or written by an older version.
        let left = match (digest, &work.row.left) {
            (None, _) => None,
            (Some(_), Some(left)) => Some(left.clone()),
            (Some(_), None) => calls::as_left(&self.database.client().await?, work.row.call_id).await?,
        };
        let mut left = left.filter(|left| Some(&*left.digest) == digest);
        let mut text = None;
        loop {
            let log = PhoneCallCreate {
                description: text.clone().unwrap_or(draft.log.description.clone()),
                ..draft.log.clone()
            };
            let merged = match &draft.stands {
                Some(stands) => people::merge(work.row, left.as_ref(), stands, &log, (form, links)),
                None => people::unseen(&log, links),
            };
            let answer = if merged.is_as_wanted() {
                // What ended unclear before may have written it.
                work.claim.set(LastRequest::Nothing);
                Ok(draft.stands.clone())
            } else if let Some(refusal) = self.renderer.refusal(form, merged.update.description.as_deref()) {
                // Sellsy would cut it, and with it what a person has written.
                Err(refusal)
            } else {
                let noted = self.note_sent(work, &merged.update, left.as_mut()).await?;
                let (stands, check) = (draft.stands.as_ref(), self.before_write(work, form));
                let answer = self.forms.update(form, id, &merged.update, stands, &check).await;
                remember(work, &answer);
                // It was surely not carried out: from now on that value would be a person's.
                if let (Some(noted), Some(left), Err(WriteError::Refused(..) | WriteError::Missing)) =
                    (noted, left.as_mut(), &answer)
                {
                    left.sent.retain(|sent| *sent != noted);
                    self.keep_sent(work, left).await?;
                }
                answer
            };
            match answer {
                Ok(stands) => {
                    let (theirs, is_as_wanted) = (merged.new.clone(), merged.is_as_wanted());
                    let left = people::as_left(work.row.call_id, merged, stands.as_ref(), left);
                    draft.written = Wrote { left: Some(left), theirs, is_as_wanted };
                    return Ok(Ok(()));
                }
                // A person's text beside ours makes it too long: ours is made shorter, for this log alone.
                Err(WriteError::Refused(_, Some(Field::Description))) if merged.has_more_than(&log.description) => {
                    let shorter = self.renderer.text_below(work.row, ready, log.description.chars().count())?;
                    if shorter.len() >= log.description.len() {
                        return Ok(answer.map(drop));
                    }
                    text = Some(shorter);
                }
                Err(WriteError::Refused(_, Some(field))) if self.put_right(work.row, ready, draft, field).await? => {}
                answer => return Ok(answer.map(drop)),
            }
        }
    }

    /// Before a field becomes another one: if the answer never comes, what stands there is ours all the same.
    async fn note_sent(
        &self,
        work: Work<'_>,
        update: &PhoneCallUpdate,
        left: Option<&mut AsLeft>,
    ) -> Result<Option<PhoneCallUpdate>> {
        let Some(left) = left else { return Ok(None) };
        let Some(sent) = people::to_send(update, left) else { return Ok(None) };
        left.sent.push(sent.clone());
        self.keep_sent(work, left).await?;
        Ok(Some(sent))
    }

    async fn keep_sent(&self, work: Work<'_>, left: &AsLeft) -> Result<()> {
        let client = self.database.client().await?;
        if calls::note_sent(&client, work.claim.lease, work.row.call_id, left).await? {
            return Ok(());
        }
        Err(Error::retry(Code::CallBusy, "the lease ran out before the log could be written"))
    }

    /// Gives the log another owner, a shorter text, or no topic, after Sellsy has refused what it had. False if there is no other.
    async fn put_right(&self, row: &CallRow, ready: &Ready<'_>, draft: &mut Draft, field: Field) -> Result<bool> {
        let log = &mut draft.log;
        match field {
            Field::Label => Ok(false),
            Field::Topic if log.topic.is_none() => Ok(false),
            Field::Topic => {
                draft.without_topic = self.tags.refused(ready.call, log);
                Ok(true)
            }
            Field::Owner => {
                self.owners.refused(log.owner_id);
                let owner_id = self.owner(ready).await?;
                let is_another = owner_id != log.owner_id;
                log.owner_id = owner_id;
                Ok(is_another)
            }
            Field::Description => {
                self.renderer.refused(&log.description);
                let description = self.renderer.text(row, ready)?;
                let is_shorter = description.len() < log.description.len();
                log.description = description;
                Ok(is_shorter)
            }
        }
    }

    fn before_write<'a>(&'a self, work: Work<'a>, form: LogForm) -> BeforeWrite<'a> {
        BeforeWrite { database: &self.database, claim: work.claim, row: work.row, form }
    }

    /// Sellsy may be rejecting the owner, if a staff member has left since the list was fetched.
    fn doubt_owner(&self, e: &Error) {
        if e.code == Code::SellsyRejected {
            self.owners.doubt();
        }
    }
}

/// The ledger learns it with the release of the lease.
fn remember<T>(work: Work<'_>, answer: &Result<T, WriteError>) {
    match plan::intent_after(work.row, answer) {
        Intent::Keep => {}
        Intent::Renew => work.claim.set(LastRequest::UnclearSince(Instant::now())),
        Intent::Withdraw => work.claim.set(LastRequest::Nothing),
    }
}
