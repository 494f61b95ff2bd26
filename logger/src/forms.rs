//! A log in either of its forms: a phone call, or a comment where Sellsy does not let us write phone calls.
//!
//! Only the answer to a `POST /phone-calls` says whether it does: 402 if the plan has no phone calls, 403 if a scope or
//! a right is missing. Either holds for every call until a person changes it, so the refusal is remembered for some
//! minutes and no request is spent on asking again. What then happens to a call depends on the setting `LOG_FALLBACK`
//! ([`Allowed`]).

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use base::{
    error::{Code, Error, Result},
    settings::LogFallback,
};
use ledger::{calls::Links, form::LogForm};
use vendors::{
    api::LastCheck,
    sellsy::{
        Sellsy, WriteError,
        wire::{CommentCreate, PhoneCallCreate, Related},
    },
};

/// How long a refusal of phone calls is assumed to hold.
const REMEMBER: Duration = Duration::from_secs(300);
/// How many of a record's newest phone calls or comments are searched for one of ours.
const LOOK_BACK: u32 = 100;

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

    /// Sellsy has no idempotency key for either form: the last check must record the caller's intent.
    pub(crate) async fn create(
        &self,
        form: LogForm,
        log: &PhoneCallCreate,
        last_check: &impl LastCheck,
    ) -> Result<i64, WriteError> {
        match form {
            LogForm::PhoneCall => match self.sellsy.create_phone_call(log, last_check).await {
                Ok(call) => Ok(call.id),
                Err(WriteError::Refused(e)) => Err(WriteError::Refused(self.refused(e))),
                Err(e) => Err(e),
            },
            LogForm::Comment => {
                // The record itself; a comment is attached to one object only.
                let Some(record) = log.related.first().cloned() else { return Err(WriteError::Missing) };
                let (description, created) = (log.description.clone(), log.date.clone());
                let comment = CommentCreate { description, related: [record], created };
                self.sellsy.create_comment(&comment, last_check).await.map(|comment| comment.id)
            }
        }
    }

    /// Always sends the whole log, so it can be repeated safely once the one before has surely ended.
    pub(crate) async fn update(
        &self,
        form: LogForm,
        id: i64,
        log: &PhoneCallCreate,
        links: Links,
        last_check: &impl LastCheck,
    ) -> Result<(), WriteError> {
        match (form, links) {
            (LogForm::PhoneCall, Links::Set) => self.sellsy.update_phone_call(id, log, last_check).await,
            (LogForm::PhoneCall, Links::Leave) => {
                self.sellsy.update_phone_call_without_links(id, log, last_check).await
            }
            (LogForm::Comment, _) => self.sellsy.update_comment(id, &log.description, last_check).await,
        }
    }

    /// The newest log on this record with a line that consists of `marker` alone.
    pub(crate) async fn find(&self, form: LogForm, record: &Related, marker: &str) -> Result<Option<i64>> {
        let logs: Vec<(i64, Option<String>)> = match form {
            LogForm::PhoneCall => {
                let calls = self.sellsy.newest_phone_calls(record, LOOK_BACK).await?;
                calls.into_iter().map(|call| (call.id, call.description)).collect()
            }
            LogForm::Comment => {
                let comments = self.sellsy.newest_comments(record, LOOK_BACK).await?;
                comments.into_iter().map(|comment| (comment.id, comment.description)).collect()
            }
        };
        let ours = |text: &Option<String>| {
            text.as_deref().is_some_and(|text| text.lines().any(|line| line.trim_end() == marker))
        };
        Ok(logs.into_iter().find(|(_, text)| ours(text)).map(|(id, _)| id))
    }
}

/// Digest of what would be written: if it equals the stored one, there is nothing to write.
pub(crate) fn digest(form: LogForm, log: &PhoneCallCreate) -> String {
    let bytes = match form {
        LogForm::PhoneCall => serde_json::to_vec(log).unwrap_or_default(),
        LogForm::Comment => log.description.clone().into_bytes(),
    };
    blake3::hash(&bytes).to_hex().to_string()
}
