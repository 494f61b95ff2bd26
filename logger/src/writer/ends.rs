//! How the work on a row ends: what is noted in the ledger and on the timeline, and what happens to the message and the
//! lease.

use std::time::Duration;

use super::{Draft, Ended, Work, Writer, Wrote};
use crate::{
    forms,
    plan::{self, End, LinksEnd},
};
use base::{
    error::{Code, Error, Result},
    ids::CallId,
    trace::Traceparent,
};
use broker::{
    amqp::Outcome,
    event::{DIRECTORY_CHANGED, RecordHint},
};
use ledger::{
    calls::{self, AsLeft, CallRow, Decision, Written},
    form::LogForm,
    timeline::{self, Entry, SellsyLog, What},
};

impl Writer {
    pub(super) async fn end(&self, work: Work<'_>, draft: Draft, end: End) -> Result<Ended> {
        let Work { claim, row, .. } = work;
        let outcome = match end {
            End::Created { form, id, links } => {
                self.links(work, links).await?;
                let what = What::Logged { log: SellsyLog::new(form, id), related: draft.log.related.clone() };
                return self.written(work, draft, form, id, what).await;
            }
            End::Updated { form, id, links } => {
                self.links(work, links).await?;
                let log = SellsyLog::new(form, id);
                let what = if draft.written.is_as_wanted { What::LogUpToDate(log) } else { What::LogUpdated(log) };
                return self.written(work, draft, form, id, what).await;
            }
            End::Fail(e) => return Err(e),
            End::Nothing { was_due } => {
                if was_due {
                    calls::nothing_due(&self.database.client().await?, claim.lease, row.call_id).await?;
                }
                Outcome::Done
            }
            End::PutOff(wait) => return self.put_off(work, wait).await,
            End::Carry(left) | End::Wait(left) => Outcome::Later(left),
            End::Leave => Outcome::Done,
            End::Deleted { form, id } => {
                self.deleted(row, form, id).await?;
                Outcome::Done
            }
            End::LookUpAgain(e) => {
                self.reopen(work, &e.message).await?;
                Outcome::Done
            }
        };
        self.ended(work, outcome).await
    }

    /// Ends without a write and releases the lease.
    pub(super) async fn ended(&self, work: Work<'_>, outcome: Outcome) -> Result<Ended> {
        let Work { claim, row, .. } = work;
        let client = self.database.client().await?;
        let changed = calls::release(&client, claim.lease, row, claim.last_request().sent()).await?;
        Ok((outcome, changed))
    }

    /// The whole log is in Sellsy: notes that and releases the lease, in one statement.
    async fn written(&self, work: Work<'_>, draft: Draft, form: LogForm, id: i64, what: What) -> Result<Ended> {
        let Draft { log, without_topic, written: Wrote { left, theirs, .. }, .. } = draft;
        let digest = forms::digest(form, &log);
        let left = left.map(|left| AsLeft { digest: digest.clone(), ..left });
        let theirs = Some(theirs).filter(|parts| !parts.is_empty());
        let theirs = theirs.map(|parts| Entry::new("logger", What::ChangedByPerson { parts }));
        let without_topic = without_topic.map(|reason| Entry::new("logger", What::WithoutTopic { reason }));
        let lines = [Some(Entry::new("logger", what)), without_topic, theirs].into_iter().flatten();
        let written = Written { form, sellsy_id: id, digest, left };
        let changed = calls::record_written(&self.records, work.row, written, lines, work.claim.lease, true).await?;
        Ok((Outcome::Done, changed))
    }

    /// Ends without a write as [`Self::ended`] does, until the next time at which logs are changed.
    async fn put_off(&self, work: Work<'_>, wait: Duration) -> Result<Ended> {
        let Work { claim, row, .. } = work;
        let (client, sent) = (self.database.client().await?, claim.last_request().sent());
        let (wait, changed) = calls::put_off(&client, claim.lease, row, sent, wait, self.updates_every).await?;
        Ok((Outcome::Later(wait), changed))
    }

    async fn deleted(&self, row: &CallRow, form: LogForm, id: i64) -> Result<()> {
        let client = self.database.client().await?;
        calls::record_gone(&client, row.call_id).await?;
        let entry = Entry::new("logger", What::LogDeleted(SellsyLog::new(form, id)));
        timeline::add(&client, row.call_id, [entry]).await
    }

    async fn links(&self, work: Work<'_>, links: LinksEnd) -> Result<()> {
        if !matches!(links, LinksEnd::Fine) {
            // The cause may also be the owner, if a staff member has left since the list was fetched.
            self.owners.doubt();
        }
        match links {
            LinksEnd::Fine => Ok(()),
            LinksEnd::LookUpAgain(refused) => self.reopen(work, &refused).await,
            LinksEnd::LeaveAlone(refused) => {
                let client = self.database.client().await?;
                calls::record_links_refused(&client, work.row.call_id).await?;
                let entry = Entry::new("logger", What::LinksRefused { error: refused });
                timeline::add(&client, work.row.call_id, [entry]).await
            }
        }
    }

    /// Sellsy refuses this record or opportunity, which may have been deleted since it was looked up.
    async fn reopen(&self, work: Work<'_>, what: &str) -> Result<()> {
        let (row, client) = (work.row, self.database.client().await?);
        if !calls::reopen(&client, row.call_id).await? {
            // A delayed statement of an earlier attempt has reopened the call: the next attempt sees that in the row.
            return Err(Error::retry(Code::CallBusy, "the caller is being looked up again already"));
        }
        let entry = Entry::new("logger", What::RecordRefused { error: what.into() });
        timeline::add(&client, row.call_id, [entry]).await?;
        drop(client);
        match &row.decision {
            Decision::Final { resolution, .. } | Decision::Reopened(resolution) => match plan::hint(resolution) {
                Some(hint) => self.look_up_again(row.call_id, hint, work.trace).await,
                None => Ok(()),
            },
            Decision::Erased | Decision::Undecided => Ok(()),
        }
    }

    pub(super) async fn look_up_again(&self, call_id: CallId, hint: RecordHint, trace: Traceparent) -> Result<()> {
        self.publisher.fact(DIRECTORY_CHANGED, call_id, &hint, trace).await
    }
}
