//! The one creation of a log: intent, POST, ledger; or the adoption of what an earlier POST has made. One may have if an
//! intent stands, or if Aircall's list and not a webhook brought the call: then this ledger may not be the first.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use base::error::{Code, Error, Remedy, Result};
use broker::amqp::Outcome;
use ledger::{
    calls::{self, Written},
    form::LogForm,
    timeline::{Entry, SellsyLog, What},
};
use vendors::sellsy::WriteError;

use super::{Step, Work, Writer};
use crate::{forms, render};

/// How long Sellsy may still be at work on a POST whose answer we did not get; longer than our own timeout (20 s).
const SETTLED: Duration = Duration::from_secs(25);

impl Writer {
    pub(super) async fn create(&self, work: &Work<'_>) -> Result<Step> {
        match self.adopt_or_post(work).await {
            Err(e) if e.code == Code::SellsyRejected => {
                // It may also be the owner, if a staff has left since the list was fetched.
                self.owners.forget().await;
                if self.reopen(work, &e.message).await? { Ok(Step::Ended(Outcome::Done)) } else { Err(e) }
            }
            created => created,
        }
    }

    async fn adopt_or_post(&self, work: &Work<'_>) -> Result<Step> {
        let row = work.row;
        if row.intent_age.is_some_and(|age| age < SETTLED) {
            let remedy = Remedy::Retry { after: Some(SETTLED) };
            return Err(Error::new(Code::CallBusy, remedy, "a creation ended unclear a moment ago"));
        }
        if row.intent_age.is_some() || row.listed {
            for form in row.form.map_or_else(|| self.forms.possible(), |form| vec![form]) {
                if let Some(id) = self.find(work, form).await? {
                    return self.adopt(work, form, id).await;
                }
            }
        }
        let form = match row.form {
            Some(LogForm::Comment) => LogForm::Comment,
            _ => self.forms.of_new_logs()?,
        };
        match self.post(work, form).await {
            Err(e) => self.post(work, self.forms.instead_of(form, e)?).await,
            posted => posted,
        }
    }

    async fn post(&self, work: &Work<'_>, form: LogForm) -> Result<Step> {
        let (row, hold, call_id) = (work.row, work.hold, work.row.call_id);
        // With the claim, if it is for this form.
        let intended = row.intended && row.form == Some(form) && hold.unsent.load(Relaxed);
        if !intended && !calls::record_intent(&self.database.client().await?, hold.lease, call_id, form).await? {
            return Err(Error::retry(Code::CallBusy, "the lease ran out before the log could be written"));
        }
        hold.unsent.store(false, Relaxed);
        match self.forms.create(form, &work.log).await {
            Ok(id) => {
                let (log, related) = (SellsyLog::new(form, id), work.log.related.clone());
                let line = Entry::new("logger", What::Logged { log, related });
                self.written(work, form, id, line).await
            }
            // The intent stays: the next try looks first, once Sellsy has surely finished.
            Err(WriteError::Unclear(e)) => {
                calls::renew_intent(&self.database.client().await?, call_id).await?;
                Err(Error { remedy: Remedy::Retry { after: Some(SETTLED) }, ..e })
            }
            Err(WriteError::Refused(e)) => self.refused(work, e).await,
            Err(WriteError::Missing) => {
                let message = "the creation was answered 404: the record or the resource is not there";
                self.refused(work, Error::park(Code::SellsyRejected, message)).await
            }
        }
    }

    /// This POST made nothing. An earlier one may have, if its intent still stands.
    async fn refused(&self, work: &Work<'_>, e: Error) -> Result<Step> {
        if work.row.intent_age.is_none() {
            work.hold.unsent.store(true, Relaxed);
            self.withdraw(work.hold, work.row.call_id).await?;
        }
        Err(e)
    }

    /// Our log on the record, if the creation whose end we never learned made one.
    async fn find(&self, work: &Work<'_>, form: LogForm) -> Result<Option<i64>> {
        let Some(record) = work.log.related.first() else { return Ok(None) };
        self.forms.find(form, record, &render::marker(work.row.call_id)).await
    }

    /// What stands there may be older than what the call has become: it is written again at once.
    async fn adopt(&self, work: &Work<'_>, form: LogForm, id: i64) -> Result<Step> {
        let log = SellsyLog::new(form, id);
        let found = match work.row.intent_age {
            Some(_) => What::AdoptedUnclear(log),
            None => What::AdoptedUnknown(log),
        };
        let line = Entry::new("logger", found);
        let written = Written { form, sellsy_id: id, digest: "" };
        calls::record_written(&self.database.client().await?, work.row, written, line, None).await?;
        self.update(work, form, id).await
    }

    /// The whole log stands in Sellsy: that is noted and the lease is given back.
    pub(super) async fn written(&self, work: &Work<'_>, form: LogForm, id: i64, line: Entry) -> Result<Step> {
        let digest = forms::digest(form, &work.log);
        let written = Written { form, sellsy_id: id, digest: &digest };
        let client = self.database.client().await?;
        let changed = calls::record_written(&client, work.row, written, line, Some(work.hold.lease)).await?;
        Ok(Step::Written(changed.map(Box::new)))
    }
}
