//! What only writing shows: a test log on a record that the user has named, which is deleted again, also if a run before this one has died.

use base::error::{Error, Result};
use jiff::Timestamp;
use ledger::resolution::RecordRef;
use serde_json::json;
use vendors::{
    proven::{Longest, Owner, Put},
    sellsy::{
        WriteError,
        wire::{CallResult, CallSource, PhoneCallCreate, PhoneCallUpdate, RecordKind, Related, StaffStatus},
    },
};

use super::{Asked, Found, texts};

/// Seconds; unlike what a log has without one.
const DURATION: u64 = 61;
/// Characters. What people write beside our text, which has 16,000 at most, hardly makes more.
const LONGEST: usize = 40_000;
/// The limit is found out as exactly as this.
const EXACT: usize = 32;

pub(super) async fn all(asked: &Asked<'_>, record: &RecordRef, found: &mut Found) -> anyhow::Result<()> {
    let voids = asked.sellsy.voids_older_token().await;
    found.sellsy.new_token_voids = found.take("new_token_voids", voids);
    let related = Related { kind: RecordKind::from(record.kind.as_str().to_owned()), id: record.id };
    let now = asked.database.client().await?.now().await?;
    let test = Test { asked, now, related };
    if let Err(e) = test.delete_all().await {
        found.open("texts", format!("logs of that record cannot be searched: {}", e.message));
        return Ok(());
    }
    test.ask(found).await;
    if let Err(e) = test.delete_all().await {
        let kind = &test.related.kind;
        anyhow::bail!(
            "the test log could not be deleted ({}): delete the logs that begin with \"{}\" on {kind} {} in Sellsy, or run this again",
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
}

impl Test<'_> {
    async fn ask(&self, found: &mut Found) {
        let sellsy = &self.asked.sellsy;
        let Some(own) = found.take("owner", sellsy.own_staff().await) else { return };
        let id = match sellsy.create_phone_call(&self.log(own.id), &()).await {
            Ok(made) => made.id,
            Err(e) => return found.open("texts", format!("the test log was not written: {}", reason(e))),
        };
        let read = self.text(id).await;
        if let Some(came_back) = found.take("texts", read) {
            match texts::compare(&came_back.unwrap_or_default()) {
                Some(texts) => found.sellsy.texts = Some(texts),
                None => found.open("texts", "the text came back as another one"),
            }
        }
        let put = self.put(id).await;
        found.sellsy.put = found.take("put", put);
        let longest = self.longest(id).await;
        found.sellsy.description = found.take("description", longest);
        self.owner(own.id, found).await;
    }

    fn log(&self, owner_id: i64) -> PhoneCallCreate {
        PhoneCallCreate {
            owner_id,
            date: self.now.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string(),
            result: CallResult::Connected,
            source: CallSource::Incoming,
            related: vec![self.related.clone()],
            description: texts::sent(),
            duration: DURATION,
            topic: None,
        }
    }

    async fn text(&self, id: i64) -> Result<Option<String>> {
        Ok(self.asked.sellsy.phone_call(id).await?.and_then(|log| log.description))
    }

    /// Whether a field stays that a `PUT` leaves out.
    async fn put(&self, id: i64) -> Result<Put> {
        let text = format!("{}\nchanged", texts::sent());
        let change = PhoneCallUpdate { description: Some(text), ..PhoneCallUpdate::default() };
        self.asked.sellsy.put_phone_call(id, &change).await.map_err(error)?;
        let stands = self.asked.sellsy.phone_call(id).await?;
        let stays = stands.is_some_and(|log| log.duration == Some(DURATION));
        Ok(if stays { Put::Partial } else { Put::Whole })
    }

    async fn longest(&self, id: i64) -> Result<Longest> {
        match self.keeps(id, LONGEST).await? {
            Kept::All => return Ok(Longest { most: None, cuts: false }),
            Kept::Cut(most) => return Ok(Longest { most: Some(most), cuts: true }),
            Kept::Refused => {}
        }
        let (mut fits, mut refused) = (texts::sent().chars().count(), LONGEST);
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
        // Without blanks and line breaks, of which something else may become. Some letters take two bytes, as in French.
        let mark = format!("{}:", texts::MARK);
        let text: String = mark.chars().chain("abcdefghié".chars().cycle()).take(length).collect();
        let change = PhoneCallUpdate { description: Some(text), ..PhoneCallUpdate::default() };
        match self.asked.sellsy.put_phone_call(id, &change).await {
            Ok(()) => {}
            Err(WriteError::Refused(e, _)) if e.code == base::error::Code::SellsyRejected => return Ok(Kept::Refused),
            Err(e) => return Err(error(e)),
        }
        let stands = self.text(id).await?.unwrap_or_default();
        // An entity is one letter.
        let stands = stands.replace("&eacute;", "é").replace("&nbsp;", " ").replace("<p>", "").replace("</p>", "");
        let kept = stands.trim_end().chars().count();
        Ok(if kept >= length { Kept::All } else { Kept::Cut(kept) })
    }

    /// Whether somebody else can own a log.
    async fn owner(&self, own: i64, found: &mut Found) {
        let Some(staffs) = found.take("owner", self.asked.sellsy.staffs().await) else { return };
        let is_able = |status: &Option<StaffStatus>| matches!(status, None | Some(StaffStatus::Ok));
        let other = staffs.iter().find(|staff| staff.id != own && is_able(&staff.status));
        let Some(other) = other else {
            return found.open("owner", "Sellsy shows this client no other staff member");
        };
        match self.asked.sellsy.create_phone_call(&self.log(other.id), &()).await {
            Ok(made) => {
                let owner = made.owner.map(|owner| owner.id);
                let is_other = owner == Some(other.id);
                found.sellsy.owner = Some(if is_other { Owner::Anybody } else { Owner::Only { id: own } });
            }
            Err(WriteError::Refused(e, field)) if is_refusal(&e, field) => {
                found.sellsy.owner = Some(Owner::Only { id: own });
            }
            Err(e) => found.open("owner", reason(e)),
        }
    }

    /// All test logs of the record, also those of earlier runs.
    async fn delete_all(&self) -> Result<()> {
        let filters = json!({ "related_objects": [self.related] });
        let (mut offset, mut ours) = (None::<String>, Vec::new());
        loop {
            let page = self.asked.sellsy.phone_calls(&filters, offset.as_deref()).await?;
            offset = page.next_offset().map(ToString::to_string);
            let is_ours = |text: &Option<String>| {
                text.as_deref().is_some_and(|text| text.trim_start_matches("<p>").starts_with(texts::MARK))
            };
            ours.extend(page.data.iter().filter(|log| is_ours(&log.description)).map(|log| log.id));
            if offset.is_none() {
                break;
            }
        }
        for id in ours {
            self.asked.sellsy.delete_phone_call(id).await.map_err(error)?;
        }
        Ok(())
    }
}

enum Kept {
    All,
    Cut(usize),
    Refused,
}

fn is_refusal(e: &Error, field: Option<vendors::sellsy::Field>) -> bool {
    use base::error::Code::{SellsyForbidden, SellsyRejected};
    field == Some(vendors::sellsy::Field::Owner) || matches!(e.code, SellsyForbidden | SellsyRejected)
}

fn error(e: WriteError) -> Error {
    match e {
        WriteError::Unclear(e) | WriteError::Refused(e, _) => e,
        WriteError::Missing => Error::park(base::error::Code::SellsyRejected, "there is no such record or log"),
    }
}

fn reason(e: WriteError) -> String {
    error(e).message
}
