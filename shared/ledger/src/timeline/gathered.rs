//! Lines that nothing waits for: gathered for a moment, and written by one statement whose commit does not wait for the disk.
//!
//! A line that reports what its own statement stores is not gathered. A process that ends in an orderly way writes what it has gathered. One that is
//! killed loses the lines of its last moment, and so does a database that crashes: the call's story lacks them, its row and its log
//! do not (docs/decisions/0026).

use std::time::Duration;

use base::{
    db::{Database, Failure},
    error::Error,
    ids::CallId,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{self, Instant},
};

use tokio_postgres::error::SqlState;

use super::{Entry, Lines};

/// A person who reads a call's story does not notice it.
const GATHERED_FOR: Duration = Duration::from_millis(50);
/// As many as a statement should write.
const MANY: usize = 500;
/// While the database is unavailable no message is handled, so few lines wait for it. More than these would be a mistake.
const MOST: usize = 20_000;
const MANY_REFUSED: usize = 10;
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How long the end of a process waits for them.
const LAST_LINES_WITHIN: Duration = Duration::from_secs(2);

/// Of this process; clones write to the same.
#[derive(Clone)]
pub struct Timeline(mpsc::UnboundedSender<Message>);

enum Message {
    Lines { call_id: CallId, lines: Vec<Entry>, since: Instant },
    Flush(oneshot::Sender<()>),
}

/// Lines of some calls, and since when they wait.
type Waiting = Vec<(CallId, Entry, Instant)>;

impl Timeline {
    pub fn start(database: Database) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(write(database, receiver));
        Self(sender)
    }

    /// These lines, preceded by the requests that the current message has caused so far. They are written soon.
    pub fn add(&self, call_id: CallId, entries: impl IntoIterator<Item = Entry>) {
        let lines = Lines::of(entries).all;
        if !lines.is_empty() {
            // The task ends only with the process.
            let _ = self.0.send(Message::Lines { call_id, lines, since: Instant::now() });
        }
    }

    /// Returns when all lines that were added before are written, or if that takes long: at the end of a process.
    pub async fn flush(&self) {
        let (written, waits) = oneshot::channel();
        if self.0.send(Message::Flush(written)).is_ok() {
            let _ = time::timeout(LAST_LINES_WITHIN, waits).await;
        }
    }
}

async fn write(database: Database, mut receiver: mpsc::UnboundedReceiver<Message>) {
    let (mut waiting, mut flushes) = (Waiting::new(), Vec::new());
    while let Some(first) = receiver.recv().await {
        let until = Instant::now() + GATHERED_FOR;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Lines { call_id, lines, since } => {
                    waiting.extend(lines.into_iter().map(|line| (call_id, line, since)));
                }
                Message::Flush(written) => flushes.push(written),
            }
            let enough = waiting.len() >= MANY || !flushes.is_empty();
            next = if enough { None } else { time::timeout_at(until, receiver.recv()).await.ok().flatten() };
        }
        while let Err(trouble) = store(&database, &waiting).await {
            match trouble {
                // Something is wrong with one of them.
                Trouble::Lines(_) => {
                    one_by_one(&database, &waiting).await;
                    break;
                }
                Trouble::Database => {
                    waiting.truncate(MOST);
                    time::sleep(PAUSE_AFTER_FAILURE).await;
                    database.available().await;
                }
            }
        }
        waiting.clear();
        for written in flushes.drain(..) {
            let _ = written.send(());
        }
    }
}

/// Those that the database refuses are left out, and all others after some of these.
async fn one_by_one(database: &Database, waiting: &Waiting) {
    let (mut refused, mut n) = (0, 0);
    while let Some(line) = waiting.get(n) {
        match store(database, std::slice::from_ref(line)).await {
            Ok(()) => n += 1,
            Err(Trouble::Database) => {
                time::sleep(PAUSE_AFTER_FAILURE).await;
                database.available().await;
            }
            Err(Trouble::Lines(e)) if refused == MANY_REFUSED => {
                tracing::warn!(lines = waiting.len() - n, error = %e, "Lines of timelines could not be written, and are left out.");
                return;
            }
            Err(Trouble::Lines(e)) => {
                (refused, n) = (refused + 1, n + 1);
                tracing::warn!(call_id = line.0.0, error = %e, "A line of the timeline could not be written, and is left out.");
            }
        }
    }
}

/// Why lines are not written.
enum Trouble {
    /// PostgreSQL does not take what is in them.
    Lines(Error),
    /// It is away, full, read-only, blocked: it is tried again.
    Database,
}

impl From<Failure> for Trouble {
    fn from(e: Failure) -> Self {
        // Data exceptions, constraints, limits of the program.
        let is_theirs = |code: &SqlState| ["22", "23", "54"].iter().any(|class| code.code().starts_with(class));
        match e.code() {
            Some(code) if is_theirs(code) => Self::Lines(e.into()),
            _ => Self::Database,
        }
    }
}

async fn store(database: &Database, waiting: &[(CallId, Entry, Instant)]) -> Result<(), Trouble> {
    if waiting.is_empty() {
        return Ok(());
    }
    // The setting holds until the end of this statement's transaction.
    let sql = "with unsynced as (select set_config('synchronous_commit', 'off', true))
               insert into timeline (call_id, stage, what, detail, at)
               select call_id, stage, what, detail, clock_timestamp() - make_interval(secs => age)
                 from unnest($1::bigint[], $2::text[], $3::text[], $4::jsonb[], $5::float8[]) with ordinality
                          as t (call_id, stage, what, detail, age, n), unsynced
                order by n";
    let client = database.client().await.map_err(|_| Trouble::Database)?;
    let calls: Vec<i64> = waiting.iter().map(|(call_id, ..)| call_id.0).collect();
    let stages: Vec<&str> = waiting.iter().map(|(_, line, _)| line.stage).collect();
    let (whats, details): (Vec<_>, Vec<_>) = waiting.iter().map(|(_, line, _)| line.what.columns()).unzip();
    let ages: Vec<f64> = waiting.iter().map(|(_, line, since)| (line.age + since.elapsed()).as_secs_f64()).collect();
    client.prepared_execute(sql, &[&calls, &stages, &whats, &details, &ages]).await?;
    Ok(())
}
