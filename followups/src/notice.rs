//! Notes in the ledger what follows from a call that a message is about. The message carries nothing that counts: the calls in the ledger do.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use base::{
    db::{Client, Database},
    error::Result,
    ids::CallId,
    phone::E164,
    rules::folded,
    settings::Settings,
};
use broker::{
    amqp::{Incoming, Outcome},
    event::CALL_INSIGHTS,
};
use jiff::Timestamp;
use ledger::{
    calls::{self, Known},
    followups::{self, Key, New},
    insight::{Content, Insight},
    messages, missed,
    timeline::Reason,
};
use tokio::time;
use vendors::aircall::wire::{Call, Tag};

use crate::{
    about::NEWS,
    missed::{Calls, Note, attempt, notes, number},
    prospect,
};

const CALL_TAGGED: &str = "call.tagged";

/// The logger gets the same message, and stores its call meanwhile.
const STORED_WITHIN_MS: [u64; 5] = [100, 200, 400, 800, 1_500];
/// The insight or the tag is stored meanwhile, and others of its call come.
const DUE_IN: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub(crate) struct Notice {
    pub(crate) database: Database,
    pub(crate) settings: Arc<Settings>,
}

impl Notice {
    pub(crate) async fn take(&self, message: &Incoming) -> Result<Outcome> {
        let call_id = message.event.call_id;
        if message.event.kind == CALL_INSIGHTS {
            if self.settings.rules.action_items.is_some()
                && let Ok(Insight { content: Content::ActionItem { id, .. }, .. }) = message.event.payload()
            {
                let client = self.database.client().await?;
                self.note_item(&client, Key::ActionItem { call: call_id, item: id }, false).await?;
            }
            return Ok(Outcome::Done);
        }
        let rules = &self.settings.rules;
        let by_tags = rules.unknown.is_some() || rules.tags.acts().next().is_some();
        // A tag changes nothing about a missed call.
        let is_of_interest = by_tags || rules.missed.is_some() && message.event.kind != CALL_TAGGED;
        let Some((call, known)) = (if is_of_interest { self.ended(call_id).await? } else { None }) else {
            return Ok(Outcome::Done);
        };
        let client = self.database.client().await?;
        if rules.missed.is_some()
            && let Some(number) = number(&call, &self.settings)
        {
            self.note_missed(&client, &number).await?;
        }
        if by_tags {
            // The tag of this message may not be stored yet.
            let carried: Option<Call> = message.event.payload().ok();
            let tags = call.tags.iter().chain(carried.iter().flat_map(|call| &call.tags));
            self.note_tags(&client, call_id, &call, tags).await?;
            let is_nobody = known.is_some_and(|known| known.is_final && known.resolution.rule == Reason::NoRecord);
            let is_one = || carried.iter().chain([&call]).any(|call| prospect::is_one(call, &self.settings));
            if is_nobody && is_one() {
                self.note_prospect(&client, call_id, &call, false).await?;
            }
        }
        Ok(Outcome::Done)
    }

    /// A call that is over, as soon as it is decided; if that takes longer, the ledger's turn finds it.
    async fn ended(&self, call_id: CallId) -> Result<Option<(Call, Option<Known>)>> {
        let mut stored = None;
        for pause in STORED_WITHIN_MS {
            stored = {
                let client = self.database.client().await?;
                let known = calls::known(&client, call_id).await?;
                calls::snapshot(&client, call_id).await?.filter(Call::has_ended).map(|call| (call, known))
            };
            match &stored {
                Some((_, Some(known))) if known.is_final => break,
                _ => time::sleep(Duration::from_millis(pause)).await,
            }
        }
        Ok(stored)
    }

    /// What the tags of a call do. One that comes again may find a record or an opportunity now.
    async fn note_tags<'a>(
        &self,
        client: &Client,
        call_id: CallId,
        call: &Call,
        tags: impl Iterator<Item = &'a Tag>,
    ) -> Result<()> {
        if !self.is_news(client, call).await? {
            return Ok(());
        }
        for key in keys(call_id, tags, &self.settings) {
            self.begin_or_touch(client, key, None, DUE_IN, false).await?;
        }
        Ok(())
    }

    async fn note_prospect(&self, client: &Client, call_id: CallId, call: &Call, is_old: bool) -> Result<()> {
        let Some(rules) = &self.settings.rules.unknown else { return Ok(()) };
        let Some(number) = number(call, &self.settings) else { return Ok(()) };
        if self.is_news(client, call).await? {
            self.begin_or_touch(client, Key::Prospect(call_id), Some(number), rules.after, is_old).await?;
        }
        Ok(())
    }

    /// A backfill does nothing that a person may have done, or undone, since.
    async fn is_news(&self, client: &Client, call: &Call) -> Result<bool> {
        let now = client.now().await?;
        let ended = call.ended_at.or(call.started_at);
        Ok(ended.is_some_and(|at| now.duration_since(at) <= NEWS))
    }

    pub(crate) async fn begin_or_touch(
        &self,
        client: &Client,
        key: Key,
        number: Option<E164>,
        due_in: Duration,
        is_old: bool,
    ) -> Result<()> {
        let new = New { calls: vec![key.call()], key, number, due_in, is_old };
        if !followups::begin(client, &new).await? {
            followups::touch(client, &new.key, &new.calls, due_in).await?;
        }
        Ok(())
    }

    pub(crate) async fn note_missed(&self, client: &Client, number: &E164) -> Result<()> {
        let Some(rules) = &self.settings.rules.missed else { return Ok(()) };
        let calls = Calls::with(client, number, &self.settings).await?;
        // Once more after something has begun: another worker may have begun with another of these calls meanwhile.
        for _ in 0..2 {
            let known = followups::of_number(client, number).await?;
            let mut has_begun = false;
            for note in notes(&calls, number, &known, rules, client.now().await?) {
                match note {
                    Note::Begin(new) => has_begun |= followups::begin(client, &new).await?,
                    Note::Touch { key, calls, due_in } => followups::touch(client, &key, &calls, due_in).await?,
                    Note::Drop(key) => followups::drop_twin(client, &key).await?,
                }
            }
            if !has_begun {
                break;
            }
        }
        Ok(())
    }

    /// An item that comes again may say something else.
    async fn note_item(&self, client: &Client, key: Key, is_old: bool) -> Result<()> {
        self.begin_or_touch(client, key, None, DUE_IN, is_old).await
    }

    /// What messages should have noted, and did not: they were lost, or came before their call. Returns since when the oldest caller waits
    /// whom nobody has called back.
    pub(crate) async fn catch_up(&self, client: &Client, since: Timestamp) -> Result<Option<Timestamp>> {
        let mut oldest = None;
        if let Some(rules) = &self.settings.rules.missed {
            let calls = Calls::of(missed::since(client, since).await?, &self.settings);
            oldest = calls.waiting(rules).map(|missed| missed.first_at).min();
            let noted: BTreeSet<CallId> =
                followups::of_missed(client, since).await?.into_iter().flat_map(|row| row.calls).collect();
            let open: BTreeSet<E164> = followups::open_numbers(client).await?.into_iter().collect();
            let now = client.now().await?;
            let numbers: BTreeSet<E164> = calls
                .waiting(rules)
                .filter(|missed| now.duration_since(missed.last_at) <= NEWS)
                .filter(|missed| missed.calls.iter().any(|call| !noted.contains(call)))
                .filter_map(|missed| missed.number.parse().ok())
                .collect();
            // Also of those who were missed before, and are reached now.
            let reached = calls.seen.values().filter_map(|seen| attempt(seen, &self.settings));
            let reached: BTreeSet<E164> = reached
                .filter(|attempt| attempt.answered_at.is_some())
                .map(|attempt| attempt.number)
                .filter(|number| open.contains(number))
                .collect();
            for number in numbers.union(&reached) {
                self.note_missed(client, number).await?;
            }
        }
        if self.settings.rules.action_items.is_some() {
            let items = followups::recent_action_items(client).await?;
            let keys: Vec<String> = items.iter().map(ToString::to_string).collect();
            let known: BTreeSet<String> = followups::known(client, &keys).await?.into_iter().collect();
            for item in items.into_iter().filter(|item| !known.contains(&item.to_string())) {
                self.note_item(client, item, true).await?;
            }
        }
        if self.settings.rules.unknown.is_some() || self.settings.rules.tags.acts().next().is_some() {
            self.catch_up_on_tags(client).await?;
        }
        if self.settings.rules.messages.is_some() {
            for key in messages::left_unwritten(client).await? {
                let number = if let Key::Messages { number, .. } = &key { Some(number.clone()) } else { None };
                self.begin_or_touch(client, key, number, DUE_IN, true).await?;
            }
        }
        Ok(oldest)
    }

    async fn catch_up_on_tags(&self, client: &Client) -> Result<()> {
        for recent in followups::recent_calls(client).await? {
            let followups::Recent { call_id, call, is_nobody, known } = recent;
            for key in keys(call_id, call.tags.iter(), &self.settings) {
                if !known.contains(&key.to_string()) {
                    self.begin_or_touch(client, key, None, DUE_IN, true).await?;
                }
            }
            let key = Key::Prospect(call_id).to_string();
            if is_nobody && !known.contains(&key) && prospect::is_one(&call, &self.settings) {
                self.note_prospect(client, call_id, &call, true).await?;
            }
        }
        Ok(())
    }
}

/// What these tags do, by the rules.
fn keys<'a>(call: CallId, tags: impl Iterator<Item = &'a Tag>, settings: &Settings) -> BTreeSet<Key> {
    let mut keys = BTreeSet::new();
    for name in tags.filter_map(|tag| tag.name.as_deref()) {
        let (tag, Some(acts)) = (folded(name), settings.rules.tags.acts_of(name)) else { continue };
        keys.extend(acts.task.as_ref().map(|_| Key::Tag { call, tag: tag.clone() }));
        keys.extend(acts.smart_tags.as_ref().map(|_| Key::SmartTags { call, tag: tag.clone() }));
        keys.extend(acts.step.as_ref().map(|_| Key::Step { call, tag: tag.clone() }));
    }
    keys
}
