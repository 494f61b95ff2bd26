//! One comment for the text messages with one number on one day, on the record of whom it means; by the rules of `[messages]`.
//!
//! A conversation with somebody whom Sellsy does not have waits, as calls do: the directory makes it due when a record with the number appears.
//!
//! A comment is only added to: it is read, and what it lacks is written below what stands there. So it can be done again at any time, after an answer
//! that never came and after a ledger that was lost, and what people have written in it stays.

use base::{
    error::{Code, Error, Result},
    phone::E164,
    settings::Settings,
};
use broker::amqp::Outcome;
use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use ledger::{
    followups::{Became, Followup, Over, Task, There},
    messages::{self, Stored},
    resolution::RecordRef,
    timeline::{CommentLine, Entry, Reason, What},
};
use serde_json::{Value, json};
use vendors::sellsy::{
    Field, WriteError,
    wire::{CommentCreate, Related},
};

use crate::{
    about,
    carry::{Carry, Claim, NAME, Until, settling},
    comment::{self, LONGEST, Style},
    plan::SETTLES,
    text,
};

/// A comment has the time of its first message, and Sellsy may read a filter's time in a zone of its own.
const EARLIER: SignedDuration = SignedDuration::from_hours(24);
/// A text that is refused at this length is refused for another reason.
const SHORTEST: usize = 500;

impl Carry {
    pub(crate) async fn conversation(
        &self,
        row: &Followup,
        claim: Claim<'_>,
        number: &E164,
        day: Date,
    ) -> Result<Outcome> {
        if self.settings.rules.messages.is_none() {
            return self.release(claim, Until::Touched, None).await;
        }
        let all = messages::of(&self.database.client().await?, claim.key).await?;
        let (Some(earliest), Some(last)) = (all.first(), all.last()) else {
            return self.release(claim, Until::Over(Over::NotNeeded), None).await;
        };
        if let Some(again) = settling(&row.task) {
            return self.release(claim, again, None).await;
        }
        if let Task::There(there) = &row.task {
            return self.add(claim, there, &all).await;
        }
        let found = self.look_up.person(number, last.message.country).await?;
        let Some(record) = found.record else {
            let until = if found.rule == Reason::Ignored { Until::Over(Over::NotNeeded) } else { Until::Touched };
            let reason = Reason::NoComment(found.rule.into());
            return self.release(claim, until, Some(Entry::new(NAME, What::Skipped { reason }))).await;
        };
        let related = about::related(&record);
        if matches!(row.task, Task::Unclear { .. } | Task::None { may_exist: true })
            && let Some(id) = self.comment_of(claim, &related, day).await?
        {
            let line = Entry::new(NAME, What::CommentAdopted { comment: id });
            self.record(claim, &Became::Found(id), Some(line)).await?;
            return self.add(claim, &There { id, digest: None, stands: None, writing: None }, &all).await;
        }
        let record = RecordRef { kind: record.kind, id: record.id };
        self.create_comment(claim, record, related, &all, earliest.message.sent_at).await
    }

    /// On the record, or on another one: the number may have meant somebody else then.
    async fn comment_of(&self, claim: Claim<'_>, related: &Related, day: Date) -> Result<Option<i64>> {
        let begins = day.to_zoned(TimeZone::UTC).map_or(Timestamp::UNIX_EPOCH, |at| at.timestamp());
        let since = begins.saturating_sub(EARLIER).unwrap_or(begins);
        let filters = json!({ "related_objects": [related], "created": { "start": since.to_string() } });
        match self.comment_by(claim, &filters).await? {
            Some(id) => Ok(Some(id)),
            None => self.comment_by(claim, &json!({ "created": filters["created"] })).await,
        }
    }

    /// Comments cannot be searched by their text.
    async fn comment_by(&self, claim: Claim<'_>, filters: &Value) -> Result<Option<i64>> {
        let mut offset: Option<String> = None;
        loop {
            let page = self.sellsy.comments(filters, offset.as_deref()).await?;
            let is_ours = |text: &Option<String>| text.as_deref().is_some_and(|text| text::has_marker(text, claim.key));
            if let Some(comment) = page.data.iter().find(|comment| is_ours(&comment.description)) {
                return Ok(Some(comment.id));
            }
            offset = page.next_offset().map(ToString::to_string);
            if offset.is_none() {
                return Ok(None);
            }
        }
    }

    async fn create_comment(
        &self,
        claim: Claim<'_>,
        record: RecordRef,
        related: Related,
        all: &[Stored],
        earliest: Timestamp,
    ) -> Result<Outcome> {
        let created = earliest.to_zoned(self.settings.time_zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
        let mut longest = LONGEST;
        loop {
            let description = comment::first(claim.key, all, self.style(), longest);
            let comment = CommentCreate {
                description: description.clone(),
                related: [related.clone()],
                created: created.clone(),
            };
            let check = self.before_write(claim, Became::Creating);
            match self.sellsy.create_comment(&comment, &check).await {
                Ok(made) => {
                    let line = CommentLine { comment: made.id, messages: all.len() };
                    let there = became(made.id, &description);
                    let line = Entry::new(NAME, What::CommentCreated(line));
                    self.record(claim, &Became::Written(there), Some(line)).await?;
                    count("comment");
                    return self.written(claim, all).await;
                }
                Err(WriteError::Unclear(e)) => {
                    tracing::info!(error = %e, "It is unclear whether a comment was created; it is looked for when the request has surely ended.");
                    return self.release(claim, Until::Again(SETTLES), None).await;
                }
                Err(WriteError::Refused(e, field)) => {
                    self.record(claim, &Became::NotCreated, None).await?;
                    match field {
                        Some(Field::Description) if longest > SHORTEST => longest /= 2,
                        // The directory may have a record that is gone.
                        None if e.code == Code::SellsyRejected && !self.look_up.read_again(record).await? => {
                            return self.release(claim, Until::Again(std::time::Duration::ZERO), None).await;
                        }
                        _ => return Err(e),
                    }
                }
                Err(WriteError::Missing) => {
                    self.record(claim, &Became::NotCreated, None).await?;
                    self.look_up.read_again(record).await?;
                    return Err(Error::retry(Code::SellsyRejected, "Sellsy answered 404 to a new comment"));
                }
            }
        }
    }

    /// Brings the comment up to date.
    async fn add(&self, claim: Claim<'_>, there: &There, all: &[Stored]) -> Result<Outcome> {
        let id = there.id;
        if !all.iter().any(Stored::is_unwritten) {
            return self.release(claim, Until::Touched, None).await;
        }
        let Some(comment) = self.sellsy.comment(id).await? else { return self.comment_is_gone(claim, id).await };
        let read = comment.description.unwrap_or_default();
        // Sellsy may give a text back without its line breaks. If nobody has changed it, it is as it was sent.
        let sent = [&there.writing, &there.stands].into_iter().flatten().filter_map(|sent| sent.as_str());
        // With tags in it, it may say more than what is visible: a link, a picture.
        let sent = sent.map(str::to_owned).find(|sent| !read.contains('<') && comment::are_alike(sent, &read));
        let stands = sent.unwrap_or_else(|| logger::without_html(&read));
        let missing = comment::missing(&stands, all, self.style());
        let (lacks, mut longest) = (missing.len(), LONGEST);
        loop {
            let text = comment::with(&stands, missing.iter().copied(), self.style(), longest).filter(|_| lacks > 0);
            let Some(text) = text else { return self.written(claim, all).await };
            let check = self.before_write(claim, Became::Changing { from: json!(stands), to: json!(text) });
            match self.sellsy.update_comment(id, &text, &check).await {
                Ok(_) => {
                    let line = What::CommentUpdated(CommentLine { comment: id, messages: lacks });
                    count("comment_updated");
                    self.record(claim, &Became::Written(became(id, &text)), Some(Entry::new(NAME, line))).await?;
                    return self.written(claim, all).await;
                }
                Err(WriteError::Unclear(e)) => {
                    tracing::info!(error = %e, "It is unclear whether a comment was changed; it is read when the request has surely ended.");
                    return self.hold(claim).await;
                }
                Err(WriteError::Missing) => return self.comment_is_gone(claim, id).await,
                Err(WriteError::Refused(_, Some(Field::Description))) if longest > SHORTEST => longest /= 2,
                Err(WriteError::Refused(e, _)) => return Err(e),
            }
        }
    }

    /// All of these stand in the comment as they are, or it says that it is full.
    async fn written(&self, claim: Claim<'_>, all: &[Stored]) -> Result<Outcome> {
        let written: Vec<_> = all.iter().map(|stored| (stored.id.clone(), stored.message.written_as())).collect();
        messages::are_written(&self.database.client().await?, &written).await?;
        self.release(claim, Until::Touched, None).await
    }

    async fn comment_is_gone(&self, claim: Claim<'_>, id: i64) -> Result<Outcome> {
        let line = Entry::new(NAME, What::CommentDeleted { comment: id });
        self.release(claim, Until::Over(Over::Deleted), Some(line)).await
    }

    fn style(&self) -> Style<'_> {
        let Settings { log_language: language, time_zone: zone, rules, .. } = &*self.settings;
        Style { language: *language, zone, lines: &rules.lines }
    }
}

/// With the text that was sent.
fn became(id: i64, text: &str) -> There {
    There { id, digest: None, stands: Some(json!(text)), writing: None }
}

fn count(what: &'static str) {
    metrics::counter!("callbridge_followups_total", "what" => what).increment(1);
}
