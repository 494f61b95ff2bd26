//! Notes in the ledger what follows from a call that a message is about. The message carries nothing that counts: the calls in the ledger do.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use base::{
    db::{Client, Database},
    error::Result,
    ids::CallId,
    phone::E164,
    settings::Settings,
};
use broker::{
    amqp::{Incoming, Outcome},
    event::CALL_INSIGHTS,
};
use jiff::Timestamp;
use ledger::{
    calls,
    followups::{self, Key, New},
    insight::{Content, Insight},
    missed,
};
use tokio::time;
use vendors::aircall::wire::Call;

use crate::missed::{Calls, NEWS, Note, attempt, notes, number};

/// The logger gets the same message, and stores its call meanwhile.
const STORED_WITHIN_MS: [u64; 5] = [100, 200, 400, 800, 1_500];
/// The insight is stored meanwhile, and others of its call come.
const ITEMS_DUE_IN: Duration = Duration::from_secs(10);

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
        if self.settings.rules.missed.is_some()
            && let Some(number) = self.number(call_id).await?
        {
            self.note_missed(&self.database.client().await?, &number).await?;
        }
        Ok(Outcome::Done)
    }

    /// The number of a call that is over and decided; if that takes longer, the ledger's turn finds it.
    async fn number(&self, call_id: CallId) -> Result<Option<E164>> {
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
        Ok(stored.and_then(|(call, _)| number(&call, &self.settings)))
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
        let call = key.call();
        let new = New { key, calls: vec![call], number: None, due_in: ITEMS_DUE_IN, is_old };
        if !followups::begin(client, &new).await? {
            followups::touch(client, &new.key, &new.calls, ITEMS_DUE_IN).await?;
        }
        Ok(())
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
        Ok(oldest)
    }
}
