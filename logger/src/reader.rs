//! Reads logs before they are changed, many with one request; and finds those that people have moved to other records.
//!
//! Changes of logs become due together ([`ledger::calls::put_off`]). The first writer that needs its log searches Sellsy by the time at which that log
//! was made, for all the logs that are to be changed now and were made around the same time. The others find theirs here. What was read serves
//! one change, and only for some seconds: what a person saves between our reading and our writing would be lost, as Sellsy has no conditional write.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use base::{db::Database, error::Result, ids::CallId};
use jiff::{SignedDuration, Timestamp};
use ledger::{calls, form::LogForm};
use serde_json::json;
use tokio::sync::Mutex;
use vendors::sellsy::wire::{PhoneCall, PhoneCallCreate};

use crate::{forms::Forms, marker};

/// How long what was read is used. The messages of changes that are due at the same time come within some seconds, because of the delay queues.
const FRESH: Duration = Duration::from_secs(10);
/// Changes that are due within this time are read along.
const SOON_S: f64 = 6.0;
const MOST: i64 = 1000;
/// Logs that were made further apart are not searched together: others may lie between them.
const SPAN: SignedDuration = SignedDuration::from_mins(30);
/// Sellsy shows times in whole seconds.
const MARGIN: SignedDuration = SignedDuration::from_secs(2);

/// A log is made soon after its call, so one that was moved to another record is looked for among those that were made then.
const MADE_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// How much further a search looks, because the next one is about a call of the same time: a ledger is missing many calls, or none.
const FURTHER: SignedDuration = SignedDuration::from_mins(30);
const PAGES: usize = 3;
/// How long the result of such a search is used.
const KEPT: Duration = Duration::from_secs(60);

const MOMENT: Duration = Duration::from_secs(10);

/// Logs that were read, and when the request for them was sent.
#[derive(Default)]
struct Read(HashMap<(LogForm, i64), (Instant, PhoneCall)>);

impl Read {
    fn extend(&mut self, form: LogForm, sent: Instant, logs: Vec<PhoneCall>) {
        self.0.extend(logs.into_iter().map(|log| ((form, log.id), (sent, log))));
    }

    /// Each serves one change. Of no use is what was read before the log was written for the last time: another replica may have written it, and
    /// what stood before would be taken for what a person has done since, or for what is wanted.
    fn take(&mut self, form: LogForm, id: i64, written_ago: Duration) -> Option<PhoneCall> {
        self.0.retain(|_, (at, _)| at.elapsed() < FRESH);
        let (at, log) = self.0.remove(&(form, id))?;
        (at.elapsed() < written_ago).then_some(log)
    }
}

#[derive(Default)]
pub(crate) struct Reader {
    /// Held during a search, so that one is made and the others wait for it.
    read: Mutex<Read>,
    /// The last search for logs on any record.
    searched: Mutex<Option<Searched>>,
}

/// All logs that were made in some time.
struct Searched {
    form: LogForm,
    from: Timestamp,
    to: Timestamp,
    at: Instant,
    logs: HashMap<CallId, PhoneCall>,
}

impl Searched {
    fn covers(&self, form: LogForm, from: Timestamp, to: Timestamp) -> bool {
        // What is looked for was made at least 40 s ago: a log younger than that is not looked for, so a search of a moment ago has it too.
        let is_whole = to <= self.to || self.at.elapsed() < MOMENT;
        self.form == form && self.from <= from && from <= self.to && is_whole && self.at.elapsed() < KEPT
    }
}

impl Reader {
    /// The log as it stands; `None` if it does not exist (any more). `written_ago`: when it was written for the last time, or later than that.
    pub(crate) async fn read(
        &self,
        database: &Database,
        forms: &Forms,
        form: LogForm,
        id: i64,
        written_ago: Duration,
    ) -> Result<Option<PhoneCall>> {
        let mut read = self.read.lock().await;
        if let Some(log) = read.take(form, id, written_ago) {
            return Ok(Some(log));
        }
        let due = calls::to_change(&database.client().await?, form, SOON_S, MOST).await?;
        if let Some(made) = due.iter().find(|(one, _)| *one == id).map(|(_, made)| *made) {
            for (from, to) in spans(made, due.iter().map(|(_, made)| *made)) {
                let filters = json!({ "created": { "start": time(from - MARGIN), "end": time(to + MARGIN) } });
                // What an answer says may be as old as its request.
                let sent = Instant::now();
                let page = forms.page(form, &filters, None).await?;
                read.extend(form, sent, page.data);
                // It was asked for just now, under the lease of its call.
                if let Some(log) = read.take(form, id, Duration::MAX) {
                    return Ok(Some(log));
                }
            }
        }
        drop(read);
        // When it was made is not known, or a search does not show it: it may have been deleted, and only its own address says so.
        forms.one(form, id).await
    }
}

impl Reader {
    /// The log of a call that is not on its record: a person may have moved it to another one. Only logs that were made soon after their call
    /// are found, because all logs of that time have to be searched.
    pub(crate) async fn elsewhere(
        &self,
        database: &Database,
        forms: &Forms,
        form: LogForm,
        call_id: CallId,
        log: &PhoneCallCreate,
    ) -> Result<Option<PhoneCall>> {
        let Ok(began) = log.date.parse::<Timestamp>() else { return Ok(None) };
        // A comment is made with the date of its call.
        let (from, to) = (began - MARGIN, began + seconds(log.duration) + MADE_WITHIN);
        let mut searched = self.searched.lock().await;
        if !searched.as_ref().is_some_and(|searched| searched.covers(form, from, to)) {
            // What is made from now on is not seen either.
            let now = database.client().await?.now().await?;
            let found = search(forms, form, from, to + FURTHER).await?;
            *searched = Some(Searched { to: found.to.min(now), ..found });
        }
        let found = searched.as_ref().and_then(|searched| searched.logs.get(&call_id)).map(|log| log.id);
        drop(searched);
        // As it stands now: what was found may be a minute old, and a person may have written in it since.
        match found {
            Some(id) => forms.one(form, id).await,
            None => Ok(None),
        }
    }
}

/// At most [`PAGES`]: in an account with more logs than that, one that was moved may not be found, and is not searched for again and again.
async fn search(forms: &Forms, form: LogForm, from: Timestamp, to: Timestamp) -> Result<Searched> {
    let filters = json!({ "created": { "start": time(from), "end": time(to) } });
    let (mut logs, mut offset, at) = (HashMap::new(), None::<String>, Instant::now());
    for _ in 0..PAGES {
        let rows = forms.page(form, &filters, offset.as_deref()).await?;
        offset = rows.next_offset().map(ToString::to_string);
        for log in rows.data {
            if let Some(call_id) = log.description.as_deref().and_then(marker::first) {
                logs.entry(call_id).or_insert(log);
            }
        }
        if offset.is_none() {
            break;
        }
    }
    Ok(Searched { form, from, to, at, logs })
}

fn seconds(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX).min(86_400))
}

/// The times to search for a log that was made at `made`, along with others: first as many as possible; then, because one page may not reach that far,
/// from this log on.
fn spans(made: Timestamp, all: impl Iterator<Item = Timestamp>) -> Vec<(Timestamp, Timestamp)> {
    let near = all.filter(|at| at.duration_since(made).abs() <= SPAN);
    let (from, to) = near.fold((made, made), |(from, to), at| (from.min(at), to.max(at)));
    let mut spans = vec![(from, to)];
    if from < made {
        spans.push((made, to));
    }
    spans
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_the_last_write_is_not_what_stands() {
        for (read_s, written_s, is_used) in [
            (3, 60, true),
            // Another replica has written it since.
            (3, 2, false),
            (3, 3, false),
            // When it was written is not known.
            (3, 0, false),
            // A person may have written in it since.
            (10, 60, false),
        ] {
            let mut read = Read::default();
            let sent = Instant::now().checked_sub(Duration::from_secs(read_s)).unwrap();
            read.extend(LogForm::PhoneCall, sent, vec![PhoneCall { id: 5, ..PhoneCall::default() }]);
            let written_ago = Duration::from_secs(written_s);
            assert_eq!(read.take(LogForm::PhoneCall, 5, written_ago).is_some(), is_used, "{read_s} {written_s}");
            assert_eq!(read.take(LogForm::PhoneCall, 5, Duration::MAX), None, "it serves one change");
        }
    }

    #[test]
    fn logs_that_were_made_around_the_same_time_are_searched_together() {
        let at = |s: i64| Timestamp::from_second(1_795_425_330 + s).unwrap();
        for (made, all, expected) in [
            (0, vec![0], vec![(0, 0)]),
            (0, vec![0, 60, 1800], vec![(0, 1800)]),
            (60, vec![0, 60, 1801], vec![(0, 1801), (60, 1801)]),
            // Too far apart.
            (4000, vec![0, 60, 4000, 4100, 9000], vec![(4000, 4100)]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(from, to)| (at(from), at(to))).collect();
            assert_eq!(spans(at(made), all.iter().map(|s| at(*s))), expected, "{made} of {all:?}");
        }
    }
}
