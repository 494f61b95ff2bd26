//! The one creation of a log: intent, POST, ledger; or the adoption of what an earlier POST has made. One may have if an
//! intent stands, or if Aircall's list and not a webhook brought the call: then this ledger may not be the first.

use std::time::Duration;

use shared::{
    error::{Code, Error, Remedy, Result},
    ledger::{
        calls,
        form::LogForm,
        timeline::{self, Entry},
    },
    sellsy::WriteError,
};

use super::{Work, Writer};
use crate::{forms, render};

/// How long Sellsy may still be at work on a POST whose answer we did not get; longer than our own timeout (20 s).
const SETTLED: Duration = Duration::from_secs(25);

impl Writer {
    pub(super) async fn create(&self, work: &Work<'_>) -> Result<()> {
        match self.adopt_or_post(work).await {
            Err(e) if e.code == Code::SellsyRejected => {
                // It may also be the owner, if a staff has left since the list was fetched.
                self.owners.forget().await;
                if self.reopen(work, &e.message).await? { Ok(()) } else { Err(e) }
            }
            created => created,
        }
    }

    async fn adopt_or_post(&self, work: &Work<'_>) -> Result<()> {
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

    async fn post(&self, work: &Work<'_>, form: LogForm) -> Result<()> {
        let call_id = work.row.call_id;
        if !calls::record_intent(&*self.database.client().await?, work.lease, call_id, form).await? {
            return Err(Error::retry(Code::CallBusy, "the lease ran out before the log could be written"));
        }
        match self.forms.create(form, &work.log).await {
            Ok(id) => {
                let client = self.database.client().await?;
                let digest = forms::digest(form, &work.log);
                let entry = [Entry::new("logger", "logged").with(form.as_str(), id).with("related", &work.log.related)];
                let written = calls::record_written(&client, call_id, form, id, &digest);
                // Whatever becomes of the line: what stands in Sellsy is written down.
                let (written, told) = tokio::join!(written, timeline::add(&client, call_id, &entry));
                written.and(told)
            }
            // The intent stays: the next try looks first, once Sellsy has surely finished.
            Err(WriteError::Unclear(e)) => {
                calls::renew_intent(&*self.database.client().await?, call_id).await?;
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
    async fn refused(&self, work: &Work<'_>, e: Error) -> Result<()> {
        if work.row.intent_age.is_none() {
            calls::withdraw_intent(&*self.database.client().await?, work.row.call_id).await?;
        }
        Err(e)
    }

    /// Our log on the record, if the creation whose end we never learned made one.
    async fn find(&self, work: &Work<'_>, form: LogForm) -> Result<Option<i64>> {
        let Some(record) = work.log.related.first() else { return Ok(None) };
        self.forms.find(form, record, &render::marker(work.row.call_id)).await
    }

    /// What stands there may be older than what the call has become: it is written again at once.
    async fn adopt(&self, work: &Work<'_>, form: LogForm, id: i64) -> Result<()> {
        let call_id = work.row.call_id;
        let client = self.database.client().await?;
        calls::record_written(&client, call_id, form, id, "").await?;
        let found = match work.row.intent_age {
            Some(_) => "a log whose creation had ended unclear was found and adopted",
            None => "a log that the ledger did not know was found and adopted",
        };
        let entry = Entry::new("logger", found).with(form.as_str(), id);
        timeline::add(&client, call_id, &[entry]).await?;
        drop(client);
        self.update(work, form, id).await
    }
}
