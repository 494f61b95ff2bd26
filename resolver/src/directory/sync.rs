//! Keeps the directory in step with Sellsy.
//!
//! One replica at a time does this (an advisory lock on a connection of its own, released when that connection ends).
//! For each kind a pass reads every record page by page. Its position is stored after each page, so the next process
//! continues there after a crash. Records that a finished pass has not seen no longer exist in Sellsy and are removed.
//! Once a kind has been loaded, each turn first reads what has changed since the last one. A new pass follows once a
//! day, because nothing reports deletions. Requests are sent one after the other: calls have priority.

use std::time::Duration;

use base::{
    db::{Client, Database},
    error::{Code, Result},
    ids::Kind,
    phone::Regions,
    telemetry,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time;
use tokio_util::sync::CancellationToken;
use vendors::sellsy::{Sellsy, wire::Page};

use super::store::{self, End, Progress};
use crate::{
    opportunities::Opportunities,
    record::{self, Listed},
    rematch::Rematch,
};

const KINDS: [Kind; 3] = [Kind::Individual, Kind::Company, Kind::Contact];
const PASS_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// How soon another pass begins after one that did not load the kind, because Sellsy listed far too little.
const UNTIL_LOADED_EVERY: SignedDuration = SignedDuration::from_mins(10);
/// The pause after a turn in which something failed.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// How soon a requested turn begins.
const LOOK_FOR_REQUESTS: Duration = Duration::from_secs(1);

pub(crate) struct Sync {
    pub(crate) database: Database,
    pub(crate) sellsy: Sellsy,
    pub(crate) regions: Regions,
    pub(crate) every: Duration,
    pub(crate) rematch: Rematch,
    pub(crate) opportunities: Opportunities,
}

/// A page of one kind.
struct Read {
    listed: Vec<Listed>,
    /// Rows that could not be read.
    unreadable: u64,
    next: Option<String>,
    total: Option<i64>,
}

impl Sync {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            let turn = async {
                self.database.available().await;
                match self.turn().await {
                    Ok(()) => self.pause().await,
                    Err(e) => {
                        tracing::warn!(error = %e, "The directory could not be synchronised; it is tried again.");
                        time::sleep(AFTER_FAILURE.min(self.every)).await;
                    }
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = turn => {}
            }
        }
    }

    /// Waits until the next turn is due or somebody requests one.
    async fn pause(&self) {
        let asked = async {
            loop {
                time::sleep(LOOK_FOR_REQUESTS).await;
                if let Ok(client) = self.database.client().await
                    && store::is_requested(&client).await.unwrap_or(false)
                {
                    return;
                }
            }
        };
        let _ = time::timeout(self.every, asked).await;
    }

    async fn turn(&self) -> Result<()> {
        let Some(mut client) = self.database.lock("directory", Duration::ZERO).await? else { return Ok(()) };
        let mut outcome = Ok(());
        for kind in KINDS {
            if let Err(e) = self.kind(&mut client, kind).await {
                let noted = store::note_problem(&client, kind, &e.to_string()).await;
                outcome = outcome.and(noted).and(Err(e));
            }
        }
        if let Err(e) = self.opportunities.pass_if_due(&mut client).await {
            outcome = outcome.and(Err(e));
        }
        if outcome.is_ok() {
            metrics::gauge!("callbridge_directory_read_timestamp_seconds").set(telemetry::now_s());
        }
        outcome
    }

    async fn kind(&self, client: &mut Client, kind: Kind) -> Result<()> {
        let began = client.now().await?;
        let all = store::progress(client).await?;
        let progress = all.into_iter().find(|p| p.kind == kind.to_string()).unwrap_or_default();
        if progress.loaded_at.is_some() {
            self.changes(client, kind, &progress, began).await?;
        }
        let due = match (progress.pass_started_at, progress.pass_ended_at) {
            (None, _) => true,
            (Some(_), Some(ended)) => {
                let every = if progress.loaded_at.is_some() { PASS_EVERY } else { UNTIL_LOADED_EVERY };
                progress.is_pass_requested() || began.duration_since(ended) > every
            }
            // The pass that is under way is finished first.
            (Some(_), None) => false,
        };
        if due {
            store::begin_pass(client, kind).await?;
            self.pass(client, kind, None).await?;
        } else if progress.pass_ended_at.is_none() {
            self.pass(client, kind, progress.pass_cursor.clone()).await?;
            if progress.is_pass_requested() {
                store::begin_pass(client, kind).await?;
                self.pass(client, kind, None).await?;
            }
        }
        store::end_turn(client, kind, began).await
    }

    /// Reads from `cursor` to the end.
    async fn pass(&self, client: &mut Client, kind: Kind, mut cursor: Option<String>) -> Result<()> {
        loop {
            let read = match self.read(kind, &json!({}), cursor.as_deref()).await {
                Err(e) if e.code == Code::SellsyRejected && cursor.is_some() => {
                    tracing::warn!(%kind, "Sellsy does not take the pass's place any more; it begins again.");
                    store::begin_pass(client, kind).await?;
                    cursor = None;
                    continue;
                }
                read => read?,
            };
            let transaction = client.transaction().await?;
            store::put(&transaction, &read.listed).await?;
            let (next, rows) = (read.next.as_deref(), read.listed.len());
            store::note_page(&transaction, kind, next, rows, read.unreadable, read.total).await?;
            let ended = if read.next.is_none() { Some(store::end_pass(&transaction, kind).await?) } else { None };
            transaction.commit().await?;
            self.rematch.numbers(&read.listed).await?;
            match ended {
                None => {}
                Some(End::Removed(gone)) => {
                    tracing::info!(%kind, gone, "The directory has read all records of a kind.");
                    return Ok(());
                }
                Some(End::RemovedAsAccepted(gone)) => {
                    tracing::warn!(%kind, gone, "A pass of the directory saw far fewer records than were known. An operator had accepted that, so the others were removed.");
                    return Ok(());
                }
                Some(End::Kept(too_few)) => {
                    tracing::warn!(%kind, problem = %too_few, "A pass of the directory saw too few records.");
                    return Ok(());
                }
            }
            cursor = read.next;
        }
    }

    /// Reads what has changed since the last turn. Archived records are requested explicitly: whether the answer
    /// includes them otherwise is not documented, and one that was archived must stop matching.
    async fn changes(&self, client: &mut Client, kind: Kind, progress: &Progress, asked_at: Timestamp) -> Result<()> {
        let since = progress.changes_until.unwrap_or(asked_at).strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        let filters: &[Value] = match kind {
            Kind::Contact => &[json!({ "updated": { "start": since } })],
            Kind::Individual | Kind::Company => &[
                json!({ "updated_at": { "start": since } }),
                json!({ "updated_at": { "start": since }, "is_archived": true }),
            ],
        };
        for filter in filters {
            let mut cursor: Option<String> = None;
            loop {
                let read = self.read(kind, filter, cursor.as_deref()).await?;
                let transaction = client.transaction().await?;
                store::put(&transaction, &read.listed).await?;
                transaction.commit().await?;
                self.rematch.numbers(&read.listed).await?;
                cursor = read.next;
                if cursor.is_none() {
                    break;
                }
            }
        }
        store::note_changes(client, kind, asked_at).await
    }

    async fn read(&self, kind: Kind, filters: &Value, offset: Option<&str>) -> Result<Read> {
        let regions = &self.regions;
        Ok(match kind {
            Kind::Individual => {
                let page = self.sellsy.individuals(filters, offset).await?;
                listed(&page, |individual| record::from_individual(individual, regions))
            }
            Kind::Company => {
                let page = self.sellsy.companies(filters, offset).await?;
                listed(&page, |company| record::from_company(company, regions))
            }
            Kind::Contact => {
                let page = self.sellsy.contacts(filters, offset).await?;
                listed(&page, |contact| record::from_contact(contact, regions))
            }
        })
    }
}

fn listed<T>(page: &Page<T>, to: impl Fn(&T) -> Listed) -> Read {
    Read {
        listed: page.data.iter().map(to).collect(),
        unreadable: page.unreadable,
        next: page.next_offset().map(ToString::to_string),
        total: page.pagination.total.and_then(|total| i64::try_from(total).ok()),
    }
}
