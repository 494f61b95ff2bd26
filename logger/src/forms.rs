//! A log in either of its forms: a phone call, or a comment where Sellsy does not let us write phone calls.
//!
//! Only the answer to a `POST /phone-calls` says whether it does: 402 if the plan has no phone calls, 403 if a scope or
//! a right is missing. Either holds for every call until a person changes it, so the refusal is remembered for some
//! minutes and no request is spent on asking again. What then happens to a call depends on the setting `LOG_FALLBACK`
//! ([`Allowed`]).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base::{
    error::{Code, Error, Result},
    ids::CallId,
    settings::LogFallback,
};
use jiff::{SignedDuration, Timestamp};
use ledger::form::LogForm;
use serde_json::{Value, json};
use vendors::{
    api::LastCheck,
    proven::{Answers, Breaks, Tags},
    sellsy::{
        Sellsy, WriteError,
        wire::{CommentCreate, Page, PhoneCall, PhoneCallCreate, PhoneCallUpdate, Related},
    },
};

use crate::{block, marker};

/// How long a refusal of phone calls is assumed to hold.
const REMEMBER: Duration = Duration::from_secs(300);
/// A log is made after its call began. Clocks may differ, and Sellsy may read a filter's time in a zone of its own.
const MARGIN: SignedDuration = SignedDuration::from_hours(24);

pub(crate) struct Forms {
    sellsy: Sellsy,
    fallback: LogFallback,
    refusal: Mutex<Option<(Instant, Error)>>,
}

/// The forms that a log may have, as far as is known now.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    pub(crate) fallback: LogFallback,
    /// Why no phone call can be written.
    pub(crate) refusal: Option<Error>,
}

impl Allowed {
    /// The form of a new log, or why there can be none.
    pub(crate) fn new_log(&self) -> Result<LogForm> {
        match &self.refusal {
            None => Ok(LogForm::PhoneCall),
            Some(_) if self.fallback == LogFallback::Comment => Ok(LogForm::Comment),
            Some(e) => Err(Error { message: format!("{} (as an earlier call has shown)", e.message), ..e.clone() }),
        }
    }

    /// The forms that an existing log may have.
    pub(crate) fn existing(&self) -> &'static [LogForm] {
        match self.fallback {
            LogFallback::Comment => &[LogForm::PhoneCall, LogForm::Comment],
            LogFallback::Park => &[LogForm::PhoneCall],
        }
    }

    /// The form to try instead of one that was refused.
    pub(crate) fn instead_of(&self, form: LogForm, e: &Error) -> Option<LogForm> {
        let comment = form == LogForm::PhoneCall && advice(e).is_some() && self.fallback == LogFallback::Comment;
        comment.then_some(LogForm::Comment)
    }
}

/// What a person has to do before Sellsy accepts phone calls, if that is what this refusal means.
fn advice(e: &Error) -> Option<&'static str> {
    match e.code {
        Code::SellsyPlan => Some("add phone calls to the account's plan"),
        Code::SellsyForbidden => {
            Some("give the client the scope phonecalls.write and its staff the right to create phone calls")
        }
        _ => None,
    }
}

impl Forms {
    pub(crate) fn new(sellsy: Sellsy, fallback: LogFallback) -> Self {
        Self { sellsy, fallback, refusal: Mutex::default() }
    }

    /// Whether requests for logs have to wait for the budget.
    pub(crate) fn is_contested(&self) -> bool {
        self.sellsy.is_contested()
    }

    /// What was found out about this account.
    pub(crate) async fn proven(&self) -> Arc<Answers> {
        self.sellsy.proven().await
    }

    pub(crate) fn allowed(&self) -> Allowed {
        let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let refusal = refusal.filter(|(at, _)| at.elapsed() < REMEMBER).map(|(_, e)| e);
        Allowed { fallback: self.fallback, refusal }
    }

    /// Remembers a refusal that holds for every call, and adds what to do about it.
    fn refused(&self, e: Error) -> Error {
        let Some(what) = advice(&e) else { return e };
        let message = format!("{}; {what}, or set LOG_FALLBACK=comment; then replay what was parked", e.message);
        let e = Error { message, ..e };
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), e.clone()));
        e
    }

    /// Sellsy has no idempotency key for either form: the last check must record the caller's intent. Returns the log as Sellsy
    /// has it then, a comment as far as it is like a phone call.
    pub(crate) async fn create(
        &self,
        form: LogForm,
        log: &PhoneCallCreate,
        last_check: &impl LastCheck,
    ) -> Result<PhoneCall, WriteError> {
        match form {
            LogForm::PhoneCall => match self.sellsy.create_phone_call(log, last_check).await {
                Err(WriteError::Refused(e, field)) => Err(WriteError::Refused(self.refused(e), field)),
                answer => answer,
            },
            LogForm::Comment => {
                // The record itself; a comment is attached to one object only.
                let Some(record) = log.related.first().cloned() else { return Err(WriteError::Missing) };
                let (description, created) = (log.description.clone(), log.date.clone());
                let comment = CommentCreate { description, related: [record], created };
                self.sellsy.create_comment(&comment, last_check).await.map(PhoneCall::from)
            }
        }
    }

    /// It can be repeated safely once the one before has surely ended. `stands`: what was read of it. Returns the log as Sellsy has it then, if that is known.
    pub(crate) async fn update(
        &self,
        form: LogForm,
        id: i64,
        update: &PhoneCallUpdate,
        stands: Option<&PhoneCall>,
        last_check: &impl LastCheck,
    ) -> Result<Option<PhoneCall>, WriteError> {
        match (form, &update.description) {
            (LogForm::PhoneCall, _) => {
                // Where all is sent, a text that came back as HTML goes back as the text that it was.
                let is_html = self
                    .proven()
                    .await
                    .texts
                    .is_some_and(|texts| texts.breaks == Breaks::Html || texts.tags == Tags::Escaped);
                let as_text = stands.filter(|_| is_html).map(|stands| PhoneCall {
                    description: stands.description.as_deref().map(block::without_html),
                    ..stands.clone()
                });
                self.sellsy.update_phone_call(id, update, as_text.as_ref().or(stands), last_check).await
            }
            (LogForm::Comment, Some(text)) => {
                let comment = self.sellsy.update_comment(id, text, last_check).await?;
                Ok(comment.map(PhoneCall::from))
            }
            (LogForm::Comment, None) => Ok(None),
        }
    }

    /// The log as it stands; `None` if it does not exist (any more).
    pub(crate) async fn one(&self, form: LogForm, id: i64) -> Result<Option<PhoneCall>> {
        match form {
            LogForm::PhoneCall => self.sellsy.phone_call(id).await,
            LogForm::Comment => Ok(self.sellsy.comment(id).await?.map(PhoneCall::from)),
        }
    }

    /// The call's log on this record, if there is one; of two, the older one.
    ///
    /// The search is narrowed by the time of creation, which is never before the call and which nobody can change. A
    /// person can change the log's date, direction and owner, so these would hide a log. Oldest first, because most logs
    /// are made soon after their call: one request, unless the record has got a hundred logs between the two. Only the
    /// marker decides, so a Sellsy that ignores a filter makes the search longer and not wrong.
    pub(crate) async fn find(
        &self,
        form: LogForm,
        record: &Related,
        call_id: CallId,
        log: &PhoneCallCreate,
    ) -> Result<Option<PhoneCall>> {
        let (filters, mut offset) = (filters(record, log), None);
        loop {
            let page = self.page(form, &filters, offset.as_deref()).await?;
            offset = page.next_offset().map(ToString::to_string);
            let is_ours = |log: &PhoneCall| log.description.as_deref().and_then(marker::first) == Some(call_id);
            let found = page.data.into_iter().find(is_ours);
            if found.is_some() || offset.is_none() {
                return Ok(found);
            }
        }
    }

    /// A page of logs by these filters, in the order of their ids.
    pub(crate) async fn page(&self, form: LogForm, filters: &Value, offset: Option<&str>) -> Result<Page<PhoneCall>> {
        Ok(match form {
            LogForm::PhoneCall => self.sellsy.phone_calls(filters, offset).await?,
            LogForm::Comment => self.sellsy.comments(filters, offset).await?.map(PhoneCall::from),
        })
    }
}

/// What every log of this call on this record meets, of either form. (A comment is created with the date of its call.)
fn filters(record: &Related, log: &PhoneCallCreate) -> Value {
    let mut filters = json!({ "related_objects": [record] });
    let since = log.date.parse::<Timestamp>().and_then(|date| date.checked_sub(MARGIN));
    if let Ok(since) = since {
        filters["created"] = json!({ "start": since.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string() });
    }
    filters
}

/// Digest of what would be written: if it equals the stored one, there is nothing to write.
pub(crate) fn digest(form: LogForm, log: &PhoneCallCreate) -> String {
    let bytes = match form {
        LogForm::PhoneCall => serde_json::to_vec(log).unwrap_or_default(),
        LogForm::Comment => log.description.clone().into_bytes(),
    };
    blake3::hash(&bytes).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use vendors::sellsy::wire::{CallResult, CallSource, RecordKind};

    use super::*;

    #[test]
    fn a_search_is_narrowed_by_what_nobody_can_change() {
        let record = Related { kind: RecordKind::Individual, id: 2001 };
        let log = |date: &str| PhoneCallCreate {
            owner_id: 11,
            date: date.to_owned(),
            result: CallResult::Connected,
            source: CallSource::Incoming,
            related: vec![record.clone()],
            description: String::new(),
            duration: 0,
            topic: None,
        };
        let of_record = json!([{ "type": "individual", "id": 2001 }]);
        for (date, expected) in [
            (
                "2026-11-23T10:15:30+01:00",
                json!({ "related_objects": of_record, "created": { "start": "2026-11-22T09:15:30+00:00" } }),
            ),
            // Without a time that can be read, all logs of the record are searched.
            ("", json!({ "related_objects": of_record })),
        ] {
            assert_eq!(filters(&record, &log(date)), expected, "{date:?}");
        }
    }
}
