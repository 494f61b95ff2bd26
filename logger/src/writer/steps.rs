//! The steps between reading the row and the end of the work on it.

use std::sync::atomic::Ordering::Relaxed;

use base::error::{Code, Error, Result};
use ledger::{
    calls::{self, CallRow, Log, Written},
    form::LogForm,
    timeline::{Entry, SellsyLog, What},
};
use vendors::sellsy::{WriteError, wire::PhoneCallCreate};

use super::{Claim, Work, Writer};
use crate::{
    plan::{self, Answer, Intent, Step},
    render::Ready,
};

impl Writer {
    pub(super) async fn render(&self, row: &CallRow, ready: &Ready<'_>) -> Result<PhoneCallCreate> {
        let agent = ready.call.user.as_ref().and_then(|user| user.email.as_deref());
        let owner_id = self.owners.of(agent, ready.record.owner_id).await?;
        self.renderer.render(row, ready, owner_id)
    }

    pub(super) async fn step(&self, work: Work<'_>, log: &PhoneCallCreate, step: Step) -> Result<Answer> {
        Ok(match step {
            Step::Find(forms) => Answer::Found(self.find(work.row, log, &forms).await),
            Step::Adopt { form, id } => {
                self.adopt(work.row, form, id).await?;
                Answer::Adopted { form, id }
            }
            Step::Create(form) => Answer::Created { form, answer: self.create(work, log, form).await? },
            Step::Update(update) => {
                let answer = self.forms.update(update.form, update.id, log, update.links).await;
                Answer::Updated { update, answer }
            }
        })
    }

    /// Our log on the record, if a creation whose outcome we never learned has made one.
    async fn find(&self, row: &CallRow, log: &PhoneCallCreate, forms: &[LogForm]) -> Result<Option<(LogForm, i64)>> {
        let Some(record) = log.related.first() else { return Ok(None) };
        for &form in forms {
            match self.forms.find(form, record, row.call_id, log).await {
                Ok(Some(id)) => return Ok(Some((form, id))),
                Ok(None) => {}
                Err(e) => {
                    self.doubt_owner(&e).await;
                    return Err(e);
                }
            }
        }
        Ok(None)
    }

    async fn adopt(&self, row: &CallRow, form: LogForm, id: i64) -> Result<()> {
        let log = SellsyLog::new(form, id);
        let found = match row.log {
            Log::Unclear { .. } => What::AdoptedUnclear(log),
            _ => What::AdoptedUnknown(log),
        };
        let line = Entry::new("logger", found);
        // Without a digest the log counts as not written.
        let written = Written { form, sellsy_id: id, digest: "" };
        calls::record_written(&self.database.client().await?, row, written, line, None).await?;
        Ok(())
    }

    async fn create(&self, work: Work<'_>, log: &PhoneCallCreate, form: LogForm) -> Result<Result<i64, WriteError>> {
        let Work { claim, row, .. } = work;
        // The claim has recorded the intent, if it is for this form.
        let intended = row.log == Log::Intended(form) && claim.unsent.load(Relaxed);
        if !intended && !calls::record_intent(&self.database.client().await?, claim.lease, row.call_id, form).await? {
            return Err(Error::retry(Code::CallBusy, "the lease ran out before the log could be written"));
        }
        claim.unsent.store(false, Relaxed);
        let answer = self.forms.create(form, log).await;
        match plan::intent_after(row, &answer) {
            Intent::Keep => {}
            Intent::Renew => calls::renew_intent(&self.database.client().await?, row.call_id).await?,
            Intent::Withdraw => {
                claim.unsent.store(true, Relaxed);
                self.withdraw(claim, row).await?;
            }
        }
        match &answer {
            Err(WriteError::Refused(e)) => self.doubt_owner(e).await,
            Err(WriteError::Missing) => self.owners.forget().await,
            Ok(_) | Err(WriteError::Unclear(_)) => {}
        }
        Ok(answer)
    }

    /// Sellsy may be rejecting the owner, if a staff member has left since the list was fetched.
    async fn doubt_owner(&self, e: &Error) {
        if e.code == Code::SellsyRejected {
            self.owners.forget().await;
        }
    }

    /// Withdraws an intent for which nothing was sent. After a failure this happens when the lease is released.
    pub(super) async fn withdraw(&self, claim: &Claim, row: &CallRow) -> Result<()> {
        if claim.unsent.load(Relaxed) {
            calls::withdraw_intent(&self.database.client().await?, claim.lease, row.call_id).await?;
            claim.unsent.store(false, Relaxed);
        }
        Ok(())
    }
}
