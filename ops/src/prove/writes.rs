//! What only writing shows: a test log on a record that the user has named, which is deleted again, also if a run before this one has died.

use std::sync::{Mutex, PoisonError};

use base::error::{Code, Error, Result};
use jiff::Timestamp;
use ledger::resolution::RecordRef;
use serde_json::json;
use vendors::{
    proven::{Longest, Owner, Put},
    sellsy::{
        Field, WriteError,
        wire::{CallResult, CallSource, PhoneCall, PhoneCallCreate, PhoneCallUpdate, RecordKind, Related, StaffStatus},
    },
};

use super::{Asked, Found, texts};

/// Seconds; unlike what a log has without one.
const DURATION: u64 = 61;
/// Characters. What people write beside our text, which has 16,000 at most, hardly makes more.
const LONGEST: usize = 40_000;
/// The limit is found out as exactly as this.
const EXACT: usize = 32;
/// A text that every account should take.
const SHORT: usize = 100;

/// As many colleagues are tried as owners before all are taken to be refused.
const OTHERS: usize = 3;

pub(super) async fn all(asked: &Asked<'_>, record: &RecordRef, found: &mut Found) -> anyhow::Result<()> {
    let voids = asked.sellsy.voids_older_token().await;
    found.sellsy.new_token_voids = found.take("new_token_voids", voids);
    let related = Related { kind: RecordKind::from(record.kind.as_str().to_owned()), id: record.id };
    let now = asked.database.client().await?.now().await?;
    let test = Test { asked, now, related, made: Mutex::default() };
    if let Err(e) = test.delete_all().await {
        found.open(
            "texts",
            format!("logs of that record cannot be searched, or an earlier test log not deleted: {}", e.message),
        );
        return Ok(());
    }
    test.ask(found).await;
    if let Err(e) = test.delete_all().await {
        let kind = &test.related.kind;
        anyhow::bail!(
            "a test log could not be deleted ({}): delete the logs that begin with \"{}\" on {kind} {} in Sellsy, or run this again",
            e.message,
            texts::MARK,
            record.id
        );
    }
    Ok(())
}

struct Test<'a> {
    asked: &'a Asked<'a>,
    now: Timestamp,
    related: Related,
    /// The logs that were written: a search may not show them yet.
    made: Mutex<Vec<i64>>,
}

impl Test<'_> {
    async fn ask(&self, found: &mut Found) {
        let Some(own) = found.take("owner", self.asked.sellsy.own_staff().await) else { return };
        let id = match self.write_log(own.id).await {
            Ok(made) => made.id,
            Err(e) => return found.open("texts", format!("the test log was not written: {}", reason(e))),
        };
        let stands = self.read(id).await;
        let Some(stands) = found.take("texts", stands) else { return };
        match texts::compare(stands.description.as_deref().unwrap_or_default()) {
            Some(texts) => found.sellsy.texts = Some(texts),
            None => found.open("texts", "the text came back as another one"),
        }
        if stands.duration == Some(DURATION) {
            let put = self.put(id).await;
            found.sellsy.put = found.take("put", put);
        } else {
            found.open("put", "the duration of the test log came back as another one");
        }
        let longest = self.longest(id).await;
        found.sellsy.description = found.take("description", longest);
        self.owner(own.id, found).await;
    }

    async fn write_log(&self, owner_id: i64) -> std::result::Result<PhoneCall, WriteError> {
        let log = PhoneCallCreate {
            owner_id,
            date: self.now.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
            result: CallResult::Connected,
            source: CallSource::Incoming,
            related: vec![self.related.clone()],
            description: texts::sent(),
            duration: DURATION,
            topic: None,
        };
        let made = self.asked.sellsy.create_phone_call(&log, &()).await?;
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(made.id);
        Ok(made)
    }

    async fn read(&self, id: i64) -> Result<PhoneCall> {
        let log = self.asked.sellsy.phone_call(id).await?;
        log.ok_or_else(|| Error::park(Code::SellsyAnswer, "the test log is not there any more"))
    }

    /// Whether a field stays that a `PUT` leaves out.
    async fn put(&self, id: i64) -> Result<Put> {
        let text = format!("{}\nchanged", texts::sent());
        let change = PhoneCallUpdate { description: Some(text), ..PhoneCallUpdate::default() };
        self.asked.sellsy.put_phone_call(id, &change).await.map_err(error)?;
        Ok(if self.read(id).await?.duration == Some(DURATION) { Put::Partial } else { Put::Whole })
    }

    async fn longest(&self, id: i64) -> Result<Longest> {
        let mut fits = SHORT;
        // Otherwise it is not the length that is refused.
        if self.keeps(id, fits).await? != Kept::All {
            return Err(Error::park(Code::SellsyAnswer, "a short text was not kept as it was sent"));
        }
        match self.keeps(id, LONGEST).await? {
            Kept::All => return Ok(Longest { most: None, cuts: false }),
            Kept::Cut(most) => return Ok(Longest { most: Some(most), cuts: true }),
            Kept::Refused => {}
        }
        let mut refused = LONGEST;
        while refused - fits > EXACT {
            let middle = usize::midpoint(fits, refused);
            match self.keeps(id, middle).await? {
                Kept::All => fits = middle,
                Kept::Cut(most) => return Ok(Longest { most: Some(most), cuts: true }),
                Kept::Refused => refused = middle,
            }
        }
        Ok(Longest { most: Some(fits), cuts: false })
    }

    async fn keeps(&self, id: i64, length: usize) -> Result<Kept> {
        let text = texts::of_length(length);
        let change = PhoneCallUpdate { description: Some(text.clone()), ..PhoneCallUpdate::default() };
        match self.asked.sellsy.put_phone_call(id, &change).await {
            Ok(()) => {}
            Err(WriteError::Refused(e, field)) if is_about(&e, field, Field::Description) => return Ok(Kept::Refused),
            Err(e) => return Err(error(e)),
        }
        let stands = self.read(id).await?.description.unwrap_or_default();
        texts::kept(&text, &stands)
            .ok_or_else(|| Error::park(Code::SellsyAnswer, "the text came back as another one"))
            .map(|kept| if kept == length { Kept::All } else { Kept::Cut(kept) })
    }

    /// Whether somebody else can own a log. Of one colleague it may have other reasons that he cannot.
    async fn owner(&self, own: i64, found: &mut Found) {
        let Some(staffs) = found.take("owner", self.asked.sellsy.staffs().await) else { return };
        let is_able = |status: &Option<StaffStatus>| matches!(status, None | Some(StaffStatus::Ok));
        let others: Vec<_> =
            staffs.iter().filter(|staff| staff.id != own && is_able(&staff.status)).take(OTHERS).collect();
        // With nobody else there is nothing to ask.
        let mut refused = 0;
        for other in &others {
            match self.write_log(other.id).await {
                Ok(made) => match made.owner.map(|owner| owner.id) {
                    Some(owner) if owner == other.id => {
                        found.sellsy.owner = Some(Owner::Anybody);
                        return;
                    }
                    Some(owner) if owner == own => refused += 1,
                    _ => return found.open("owner", "the owner of the test log came back as another one"),
                },
                Err(WriteError::Refused(e, field))
                    if e.code == Code::SellsyForbidden || is_about(&e, field, Field::Owner) =>
                {
                    refused += 1;
                }
                Err(e) => return found.open("owner", reason(e)),
            }
        }
        if refused > 0 {
            found.sellsy.owner = Some(Owner::Only { id: own });
        }
    }

    /// All test logs of the record: those of this run, and what earlier ones have left.
    async fn delete_all(&self) -> Result<()> {
        let filters = json!({ "related_objects": [self.related] });
        let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut offset, mut ours) = (None::<String>, made);
        loop {
            let page = self.asked.sellsy.phone_calls(&filters, offset.as_deref()).await?;
            offset = page.next_offset().map(ToString::to_string);
            let is_ours = |log: &&PhoneCall| log.description.as_deref().is_some_and(texts::is_marked);
            ours.extend(page.data.iter().filter(is_ours).map(|log| log.id));
            if offset.is_none() {
                break;
            }
        }
        ours.sort_unstable();
        ours.dedup();
        for id in ours {
            self.asked.sellsy.delete_phone_call(id).await.map_err(error)?;
        }
        Ok(())
    }
}

#[derive(PartialEq, Eq)]
enum Kept {
    All,
    Cut(usize),
    Refused,
}

/// Sellsy names this field, or says nothing but that the request is too large.
fn is_about(e: &Error, field: Option<Field>, about: Field) -> bool {
    field == Some(about) || about == Field::Description && e.message.contains(" 413")
}

fn error(e: WriteError) -> Error {
    match e {
        WriteError::Unclear(e) | WriteError::Refused(e, _) => e,
        WriteError::Missing => Error::park(Code::SellsyRejected, "there is no such record or log"),
    }
}

fn reason(e: WriteError) -> String {
    error(e).message
}
