//! A call, as far as something follows from it.

use base::{
    db::Client,
    error::Result,
    ids::{CallId, Kind},
    rules::{StaffRef, folded},
    settings::Settings,
};
use jiff::{SignedDuration, Timestamp};
use ledger::{
    calls::{self, Decision},
    insight::Insights,
    resolution::{Record, Resolution},
    timeline::Reason,
};
use vendors::{
    aircall::wire::{Call, Tag},
    sellsy::wire::{RecordKind, Related},
};

/// What is older is no news: nobody waits for it any more, and a backfill does nothing.
pub(crate) const NEWS: SignedDuration = SignedDuration::from_hours(24);
/// From being noted to being carried out, also if a vendor was away.
const LATE: SignedDuration = SignedDuration::from_hours(12);

pub(crate) struct About {
    pub(crate) call: Call,
    pub(crate) insights: Insights,
    pub(crate) resolution: Option<Resolution>,
    /// The resolution is final.
    pub(crate) is_decided: bool,
}

/// `None` if the ledger does not have the call any more, or yet, and if it is nobody's business: between colleagues, or ignored by the rules.
pub(crate) async fn call(client: &Client, call_id: CallId) -> Result<Option<About>> {
    let Some(row) = calls::look(client, call_id).await? else { return Ok(None) };
    let (resolution, is_decided) = match row.decision {
        Decision::Erased => return Ok(None),
        Decision::Undecided => (None, false),
        Decision::Reopened(resolution) => (Some(resolution), false),
        Decision::Final { resolution, .. } => (Some(resolution), true),
    };
    let is_nobodys = resolution.as_ref().is_some_and(|resolution| is_nobodys(&resolution.rule));
    let about = |call| About { call, insights: row.insights, resolution, is_decided };
    Ok(row.snapshot.filter(|_| !is_nobodys).map(about))
}

/// Of a call that the rules ignore, or between colleagues.
pub(crate) fn is_nobodys(rule: &Reason) -> bool {
    matches!(rule, Reason::Internal | Reason::OwnLine | Reason::Ignored)
}

pub(crate) fn related(record: &Record) -> Related {
    let kind = match record.kind {
        Kind::Individual => RecordKind::Individual,
        Kind::Company => RecordKind::Company,
        Kind::Contact => RecordKind::Contact,
    };
    Related { kind, id: record.id }
}

impl About {
    pub(crate) fn record(&self) -> Option<&Record> {
        self.resolution.as_ref()?.record.as_ref()
    }

    pub(crate) fn agent(&self) -> Option<String> {
        self.call.user.as_ref().and_then(|user| user.email.clone())
    }

    /// Whom the rules name for its agent.
    pub(crate) fn staff(&self, settings: &Settings) -> Option<StaffRef> {
        settings.rules.agents.staff_of(self.call.user.as_ref()?.email.as_deref()?).cloned()
    }

    /// It is no news any more: people may have done, or undone, what would follow.
    pub(crate) fn is_old(&self, now: Timestamp) -> bool {
        let ended = self.call.ended_at.or(self.call.started_at);
        ended.is_none_or(|at| now.duration_since(at) > NEWS + LATE)
    }

    fn tag(&self, tag: &str) -> Option<&Tag> {
        self.call.tags.iter().find(|of| of.name.as_deref().is_some_and(|name| folded(name) == tag))
    }

    /// Since when it has the tag; `None` if it was taken off again.
    pub(crate) fn tagged_at(&self, tag: &str) -> Option<Timestamp> {
        let tag = self.tag(tag)?;
        Some(tag.tagged_at.or(self.call.ended_at).or(self.call.started_at).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    /// As it is written in Aircall.
    pub(crate) fn name_of(&self, tag: &str) -> String {
        self.tag(tag).and_then(|tag| tag.name.clone()).unwrap_or_else(|| tag.to_owned())
    }
}
