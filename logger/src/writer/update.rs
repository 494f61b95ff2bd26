//! The log is there: it is brought up to date, as far as Sellsy lets us.
//!
//! A record or an opportunity that the log hangs on may be gone by now, and Sellsy then refuses the whole update. The
//! text matters more than the links: it is written without them, which leaves them as they are in Sellsy, and the caller
//! is looked up again for other links. If Sellsy does not take those either, the links are left alone from then on.
//! Only when an update without links is answered 404, the log itself is gone: a person deleted it, and it stays deleted.

use base::error::{Code, Result};
use broker::amqp::Outcome;
use ledger::{
    calls,
    form::LogForm,
    timeline::{self, Entry, SellsyLog, What},
};
use vendors::sellsy::WriteError;

use super::{Step, Work, Writer};
use crate::forms::Links;

impl Writer {
    pub(super) async fn update(&self, work: &Work<'_>, form: LogForm, id: i64) -> Result<Step> {
        let row = work.row;
        let mut refused = None;
        if form == LogForm::PhoneCall && !row.links_refused && !row.undecided {
            match self.forms.update(form, id, &work.log, Links::Set).await {
                Ok(()) => return self.updated(work, form, id).await,
                Err(WriteError::Missing) => refused = Some("PUT /phone-calls/{id}: answered 404".to_owned()),
                Err(WriteError::Refused(e)) if e.code == Code::SellsyRejected => refused = Some(e.message),
                // An update may be repeated, whatever became of it.
                Err(WriteError::Unclear(e) | WriteError::Refused(e)) => return Err(e),
            }
        }
        match self.forms.update(form, id, &work.log, Links::Leave).await {
            Ok(()) => {
                if let Some(refused) = refused {
                    self.mend_links(work, &refused).await?;
                }
                self.updated(work, form, id).await
            }
            Err(WriteError::Missing) => self.gone(work, form, id).await,
            Err(WriteError::Unclear(e) | WriteError::Refused(e)) => Err(e),
        }
    }

    async fn updated(&self, work: &Work<'_>, form: LogForm, id: i64) -> Result<Step> {
        self.written(work, form, id, Entry::new("logger", What::LogUpdated(SellsyLog::new(form, id)))).await
    }

    async fn gone(&self, work: &Work<'_>, form: LogForm, id: i64) -> Result<Step> {
        let call_id = work.row.call_id;
        let client = self.database.client().await?;
        calls::record_gone(&client, call_id).await?;
        let entry = Entry::new("logger", What::LogDeleted(SellsyLog::new(form, id)));
        timeline::add(&client, call_id, [entry]).await?;
        Ok(Step::Ended(Outcome::Done))
    }

    async fn mend_links(&self, work: &Work<'_>, refused: &str) -> Result<()> {
        // It may also be the owner, if a staff has left since the list was fetched.
        self.owners.forget().await;
        if self.reopen(work, refused).await? {
            return Ok(());
        }
        let client = self.database.client().await?;
        calls::record_links_refused(&client, work.row.call_id).await?;
        let entry = Entry::new("logger", What::LinksRefused { error: refused.into() });
        timeline::add(&client, work.row.call_id, [entry]).await
    }
}
