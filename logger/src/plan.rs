//! What to do about the log of a call: one pure function, [`plan`].
//!
//! Input: the call's row and how far the work on it has come. Output: the next step, or how the work ends. The writer
//! carries that out and comes back with the answer, until the work has ended. First, [`ready`] says whether there is anything to log. Nothing here queries a database or an
//! API: ages and waiting times come with the row, and what Sellsy lets us write comes as [`Allowed`]. `plan/cases.md`
//! is the table of all cases.
//!
//! The rules: nothing is written while an earlier request may still be carried out; a log that may exist is looked for
//! before one is created; a log that a person has deleted stays deleted; a change of a log waits for others
//! (`gather.rs`); a log is read before it is changed, because people write in it; the text of a log matters more than its links.

use std::time::Duration;

use base::error::{Code, Error, Remedy, Result};
use broker::event::RecordHint;
use ledger::{
    calls::{CallRow, Change, Decision, FIRST_WITHIN, Links, Log, Stored},
    form::LogForm,
    resolution::Resolution,
    timeline::Reason,
};
use vendors::sellsy::{WriteError, wire::PhoneCallCreate};

use crate::{
    forms::{self, Allowed},
    gather,
    render::{self, Ready},
};

/// How long after its unclear end a request may still be carried out: twice as long as we wait for an answer. Something
/// between us and Sellsy may have kept it.
const SETTLED: Duration = Duration::from_secs(40);

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The call's first decision, a moment ago, and no handler has begun with this message: the call cannot have a log yet,
    /// even if the ledger is older than Sellsy.
    FirstDecision,
    Decision,
    Other,
}

impl News {
    /// Only messages of a decision create a log soon after it.
    pub(crate) fn is_decision(self) -> bool {
        matches!(self, News::FirstDecision | News::Decision)
    }
}

/// What a plan depends on apart from the row.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The message may be the one that carries a delayed change.
    pub(crate) carries: bool,
    pub(crate) news: News,
    pub(crate) allowed: Allowed,
    /// There are more requests than the quota allows.
    pub(crate) contested: bool,
}

/// How far the work on a call has come that is [`ready`].
pub(crate) enum Progress<'a> {
    /// This is the log that it should have.
    Rendered(&'a PhoneCallCreate),
    /// A step for that log was carried out.
    Answered(Answer),
}

/// The result of a step.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A log of ours, if there is one.
    Found(Result<Option<(LogForm, i64)>>),
    Adopted {
        form: LogForm,
        id: i64,
    },
    /// Whether the log is still there.
    Read {
        form: LogForm,
        id: i64,
        exists: Result<bool>,
    },
    Created {
        creation: Creation,
        answer: Result<i64, WriteError>,
    },
    Updated {
        update: Update,
        answer: Result<(), WriteError>,
    },
}

#[derive(Debug)]
pub(crate) enum Action {
    Step(Step),
    End(End),
}

#[derive(Debug)]
pub(crate) enum Step {
    /// Look for a log of ours on the record, in each of these forms.
    Find(Vec<LogForm>),
    /// Note in the ledger that this log is ours.
    Adopt {
        form: LogForm,
        id: i64,
    },
    /// Record the intent, then send the POST.
    Create(Creation),
    /// See what stands in the log, because a person may have changed it.
    Read {
        form: LogForm,
        id: i64,
    },
    Update(Update),
}

#[derive(Clone, Debug)]
pub(crate) struct Creation {
    pub(crate) form: LogForm,
    /// Why Sellsy has just refused the same with its links, a company or an opportunity: now on the record alone.
    pub(crate) refused: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) form: LogForm,
    pub(crate) id: i64,
    pub(crate) links: Links,
    /// Why Sellsy has just refused the same update with links.
    pub(crate) refused: Option<String>,
}

/// How the work on a log ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The log is as it should be. `was_due`: the delayed change needs no write after all.
    Nothing {
        was_due: bool,
    },
    /// The change waits this long for others, and this message carries it.
    PutOff(Duration),
    /// The change was delayed before, and this message carries it on.
    Carry(Duration),
    /// Another message carries it: the change was delayed before, or the log is about to be created.
    Leave,
    /// A request may still be carried out: try again after this time.
    Wait(Duration),
    Created {
        form: LogForm,
        id: i64,
        links: LinksEnd,
    },
    Updated {
        form: LogForm,
        id: i64,
        links: LinksEnd,
    },
    /// A person has deleted the log.
    Deleted {
        form: LogForm,
        id: i64,
    },
    /// Sellsy has refused the creation: the record may have been deleted since the caller was looked up.
    LookUpAgain(Error),
    Fail(Error),
}

/// The outcome for the links of a log.
#[derive(Debug)]
pub(crate) enum LinksEnd {
    /// They were written, or were to be left alone.
    Fine,
    /// Refused: the caller is looked up again to find others.
    LookUpAgain(String),
    /// Refused again: they are left alone from now on.
    LeaveAlone(String),
}

/// What to do with the intent after a request that writes a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    Keep,
    /// The request may still be carried out, and that time counts from now.
    Renew,
    /// Nothing was written.
    Withdraw,
}

/// What to do next.
pub(crate) fn plan(row: &CallRow, context: &Context, progress: Progress<'_>) -> Action {
    match progress {
        Progress::Rendered(log) => rendered(row, context, log),
        Progress::Answered(answer) => answered(row, context, answer),
    }
}

/// Whether the call can be logged, or why there is nothing to write.
pub(crate) fn ready(row: &CallRow) -> Result<Ready<'_>, Reason> {
    let resolution = match &row.decision {
        Decision::Erased => return Err(Reason::Erased),
        Decision::Undecided => return Err(Reason::NotResolved),
        Decision::Reopened(resolution) | Decision::Final { resolution, .. } => resolution,
    };
    let nobody = || Some(&resolution.rule).filter(|rule| rule.is_a_rule()).cloned().unwrap_or(Reason::NobodyInSellsy);
    let record = resolution.record.as_ref().ok_or_else(nobody)?;
    let call = row.snapshot.as_ref().ok_or(Reason::NotArrived)?;
    match (&row.log, &row.decision) {
        (Log::Deleted, _) => Err(Reason::LogDeleted),
        // The text of an existing log is kept up to date meanwhile.
        (Log::Stored(_), _) => Ok(Ready { call, record, resolution }),
        (_, Decision::Reopened(_)) => Err(Reason::RecordGone),
        _ => Ok(Ready { call, record, resolution }),
    }
}

/// Whether this message is done, because the writer that has held the call's lease since `held_for` will see the change.
/// That writer may have died if the message was delivered before: its own may be among those. But if the message has
/// waited since it was last refused, and the lease is younger, then another writer has taken the call over meanwhile.
pub(crate) fn not_claimed(seen_before: bool, waited: Duration, held_for: Duration) -> Result<()> {
    let busy = || Error::retry(Code::CallBusy, "another worker holds this call, or held it when it died");
    if seen_before && held_for >= waited { Err(busy()) } else { Ok(()) }
}

/// The record about which the resolver has to be asked once more: the worker that had this message before may have died
/// before asking.
pub(crate) fn hint_again(row: &CallRow, seen_before: bool) -> Option<RecordHint> {
    match &row.decision {
        Decision::Reopened(resolution) if seen_before => hint(resolution),
        _ => None,
    }
}

/// The record that the call was resolved to.
pub(crate) fn hint(resolution: &Resolution) -> Option<RecordHint> {
    resolution.record.as_ref().map(|record| RecordHint { kind: record.kind, id: record.id })
}

/// Even if this request has written nothing, an earlier one may have.
pub(crate) fn intent_after<T>(row: &CallRow, answer: &Result<T, WriteError>) -> Intent {
    let unclear_before = match &row.log {
        Log::Unclear { .. } => true,
        Log::Stored(stored) => matches!(stored.change, Change::Unclear { .. }),
        Log::None | Log::Intended(_) | Log::Unknown | Log::Deleted => false,
    };
    match answer {
        Ok(_) => Intent::Keep,
        Err(WriteError::Unclear(_)) => Intent::Renew,
        Err(WriteError::Refused(..) | WriteError::Missing) if unclear_before => Intent::Keep,
        Err(WriteError::Refused(..) | WriteError::Missing) => Intent::Withdraw,
    }
}

fn rendered(row: &CallRow, context: &Context, log: &PhoneCallCreate) -> Action {
    let find_any = || Action::Step(Step::Find(context.allowed.existing().to_vec()));
    match &row.log {
        Log::Intended(_) => create_soon(row, context),
        Log::None => match (context.news, row.decided_age) {
            (News::FirstDecision, age) if age.is_none_or(|age| age < FIRST_WITHIN) => create_soon(row, context),
            // The message of the first decision is on its way, and needs no search. If it is lost, the call is handed on.
            (News::Other, Some(age)) if age < FIRST_WITHIN => Action::End(End::Leave),
            _ => find_any(),
        },
        Log::Unknown => find_any(),
        Log::Unclear { age, .. } if *age < SETTLED => Action::End(End::Wait(SETTLED - *age)),
        Log::Unclear { form: Some(form), .. } => Action::Step(Step::Find(vec![*form])),
        Log::Unclear { form: None, .. } => find_any(),
        Log::Stored(stored) => stored_log(row, context, stored, log),
        // Never rendered, so this is not reached.
        Log::Deleted => Action::End(End::Leave),
    }
}

/// The log of the first decision: at once, or with what is added to the call in its first minute and a half if requests wait for the budget. The message
/// comes back as if nothing had been done with it, so that no search is needed then.
fn create_soon(row: &CallRow, context: &Context) -> Action {
    let left = row.decided_age.and_then(gather::wait_for_new);
    match left.filter(|_| context.contested && context.news == News::FirstDecision) {
        None => create(row, context),
        Some(after) => {
            let message =
                "requests wait for the budget, so the log waits for what is added to the call soon after its end";
            Action::End(End::Fail(Error::new(Code::SellsyBudget, Remedy::Defer { after }, message)))
        }
    }
}

/// Is the log as it should be, and if not, is it time to write it?
fn stored_log(row: &CallRow, context: &Context, stored: &Stored, log: &PhoneCallCreate) -> Action {
    let (form, id) = (stored.form, stored.id);
    if let Change::Unclear { age } = stored.change {
        // The log may say what it said before, or what the request said: only another write makes that certain.
        let left = SETTLED.saturating_sub(age);
        return if left.is_zero() { read(form, id) } else { Action::End(End::Wait(left)) };
    }
    // Somebody waits for it.
    if row.moved || row.asked {
        return read(form, id);
    }
    if stored.digest.as_ref() == Some(&forms::digest(form, log)) {
        return Action::End(End::Nothing { was_due: stored.due_in.is_some() });
    }
    match stored.due_in {
        // Adopted and not written since.
        None if stored.digest.is_none() => read(form, id),
        None => Action::End(End::PutOff(gather::wait(stored.writes, stored.written_age, context.contested))),
        Some(Duration::ZERO) => read(form, id),
        Some(left) if context.carries => Action::End(End::Carry(left)),
        Some(_) => Action::End(End::Leave),
    }
}

fn read(form: LogForm, id: i64) -> Action {
    Action::Step(Step::Read { form, id })
}

fn answered(row: &CallRow, context: &Context, answer: Answer) -> Action {
    match answer {
        Answer::Found(Ok(Some((form, id)))) => Action::Step(Step::Adopt { form, id }),
        Answer::Found(Ok(None)) => create(row, context),
        Answer::Found(Err(e)) => Action::End(refused_on_record(row, e)),
        // Its text may be older than the call's present state: it is written again at once. The search has shown it.
        Answer::Adopted { form, id } | Answer::Read { form, id, exists: Ok(true) } => update(row, form, id),
        Answer::Read { form, id, exists: Ok(false) } => Action::End(End::Deleted { form, id }),
        Answer::Read { exists: Err(e), .. } => Action::End(End::Fail(e)),
        Answer::Created { creation, answer } => created(row, context, creation, answer),
        Answer::Updated { update, answer } => updated(row, update, answer),
    }
}

fn create(row: &CallRow, context: &Context) -> Action {
    let form = match row.log {
        // A call whose log was to be a comment keeps that form.
        Log::Intended(LogForm::Comment) | Log::Unclear { form: Some(LogForm::Comment), .. } => Ok(LogForm::Comment),
        _ => context.allowed.new_log(),
    };
    match form {
        Ok(form) => Action::Step(Step::Create(Creation { form, refused: None })),
        Err(e) => Action::End(End::Fail(e)),
    }
}

fn created(row: &CallRow, context: &Context, creation: Creation, answer: Result<i64, WriteError>) -> Action {
    let Creation { form, refused } = creation;
    let e = match answer {
        Ok(id) => {
            let links = refused.map_or(LinksEnd::Fine, LinksEnd::LeaveAlone);
            return Action::End(End::Created { form, id, links });
        }
        // The next attempt looks first, once Sellsy has certainly finished.
        Err(WriteError::Unclear(e)) => return Action::End(End::Fail(e)),
        Err(WriteError::Refused(e, _)) => e,
        Err(WriteError::Missing) => {
            Error::park(Code::SellsyRejected, "the creation was answered 404: the record or the resource is not there")
        }
    };
    if let Some(form) = context.allowed.instead_of(form, &e) {
        return Action::Step(Step::Create(Creation { form, refused }));
    }
    // The caller was looked up again, and Sellsy still refuses: perhaps not the record, but what else the log is linked to.
    if e.code == Code::SellsyRejected && is_second_decision(row) && refused.is_none() && has_links(row) {
        return Action::Step(Step::Create(Creation { form, refused: Some(e.message) }));
    }
    Action::End(refused_on_record(row, e))
}

fn is_second_decision(row: &CallRow) -> bool {
    matches!(row.decision, Decision::Final { again: true, .. })
}

/// Whether the log is linked to more than the record.
fn has_links(row: &CallRow) -> bool {
    let links = |ready: Ready<'_>| render::related(ready.record, ready.resolution.opportunity.as_ref().map(|o| o.id));
    ready(row).is_ok_and(|ready| links(ready).len() > 1)
}

/// There is no log, and Sellsy accepts none on this record. The caller is looked up again once.
fn refused_on_record(row: &CallRow, e: Error) -> End {
    match row.decision {
        Decision::Final { again: false, .. } if e.code == Code::SellsyRejected => End::LookUpAgain(e),
        _ => End::Fail(e),
    }
}

/// Without links if logs of this form have none, if Sellsy refuses them, or if others are being looked for.
fn update(row: &CallRow, form: LogForm, id: i64) -> Action {
    let links = match (form, &row.decision) {
        (LogForm::PhoneCall, Decision::Final { .. }) => row.stored().map_or(Links::Set, |stored| stored.links),
        _ => Links::Leave,
    };
    Action::Step(Step::Update(Update { form, id, links, refused: None }))
}

/// A record or an opportunity that the log is linked to may no longer exist. Sellsy then refuses the whole update, so
/// it is sent without links. Only if that is answered 404 is the log itself gone.
fn updated(row: &CallRow, update: Update, answer: Result<(), WriteError>) -> Action {
    let Update { form, id, links, refused } = update;
    let without_links =
        |refused: String| Action::Step(Step::Update(Update { form, id, links: Links::Leave, refused: Some(refused) }));
    match (links, answer) {
        (_, Ok(())) => Action::End(End::Updated { form, id, links: links_end(row, refused) }),
        (Links::Set, Err(WriteError::Missing)) => without_links("PUT /phone-calls/{id}: answered 404".to_owned()),
        (Links::Set, Err(WriteError::Refused(e, _))) if e.code == Code::SellsyRejected => without_links(e.message),
        (Links::Leave, Err(WriteError::Missing)) => Action::End(End::Deleted { form, id }),
        // After an unclear end, the next attempt writes once Sellsy has certainly finished.
        (_, Err(WriteError::Unclear(e) | WriteError::Refused(e, _))) => Action::End(End::Fail(e)),
    }
}

fn links_end(row: &CallRow, refused: Option<String>) -> LinksEnd {
    match (refused, &row.decision) {
        (None, _) => LinksEnd::Fine,
        (Some(why), Decision::Final { again: false, .. }) => LinksEnd::LookUpAgain(why),
        (Some(why), _) => LinksEnd::LeaveAlone(why),
    }
}

#[cfg(test)]
pub(crate) mod tests;
