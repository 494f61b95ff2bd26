//! What waits for the same statement is handled by one: while a statement runs, those that come meanwhile gather, and the next one takes
//! them all. Nothing waits when nothing runs.
//!
//! One statement for many skips each row that somebody else has locked, so it never waits for one. What it skips runs alone, and so do all if it
//! is refused, because it is not known for which of them: bad data or a blocked row cost nobody else.

use std::{collections::HashMap, sync::LazyLock, time::Duration};

use base::{
    db::{Client, Database, Failure},
    error::{Code, Error, Result},
};
use tokio::{
    sync::{mpsc, oneshot},
    time,
};
use tokio_postgres::Row;

/// As many as a statement should handle.
const MANY: usize = 64;
/// For so long the next statement waits for this one; then it runs beside it. One alone may wait for a lock.
const PATIENCE: Duration = Duration::from_millis(20);

/// Whether a statement waits for a row that is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locked {
    Wait,
    Skip,
}

impl Locked {
    pub(crate) const BOTH: [Self; 2] = [Self::Wait, Self::Skip];
}

/// A statement's two texts, in the order of [`Locked::BOTH`].
pub(crate) type Texts = LazyLock<[String; 2]>;

/// The values of one statement about one call, or about something else that has a key.
pub trait Values: Sized + Send + Sync + 'static {
    /// Two with the same key are not handled by the same statement.
    fn key(&self) -> i64;

    /// Runs the statement for all of these. One row at least for each that was not skipped; the column `of_key` says whose it is.
    fn run(client: &Client, all: &[Self], locked: Locked) -> impl Future<Output = Result<Vec<Row>, Failure>> + Send;
}

/// A statement of this process; clones share it.
pub struct Together<V> {
    database: Database,
    sender: mpsc::UnboundedSender<Waiting<V>>,
}

impl<V> Clone for Together<V> {
    fn clone(&self) -> Self {
        Self { database: self.database.clone(), sender: self.sender.clone() }
    }
}

struct Waiting<V> {
    values: V,
    answer: oneshot::Sender<Answer<V>>,
}

enum Answer<V> {
    Is(Result<Vec<Row>>),
    /// It was not handled with the others.
    RunAlone(V),
}

impl<V: Values> Together<V> {
    pub fn start(database: Database) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(handle(database.clone(), receiver));
        Self { database, sender }
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The statement's rows for these values.
    pub async fn rows(&self, values: V) -> Result<Vec<Row>> {
        let (answer, answered) = oneshot::channel();
        // The task ends only with the process.
        let ending = || Error::retry(Code::DatabaseUnavailable, "the process ends");
        self.sender.send(Waiting { values, answer }).map_err(|_| ending())?;
        match answered.await.map_err(|_| ending())? {
            Answer::Is(result) => result,
            Answer::RunAlone(values) => {
                let client = self.database.client().await?;
                Ok(V::run(&client, &[values], Locked::Wait).await?)
            }
        }
    }

    /// Of a statement that gives one.
    pub async fn row(&self, values: V) -> Result<Option<Row>> {
        self.rows(values).await.map(|mut rows| rows.pop())
    }
}

async fn handle<V: Values>(database: Database, mut receiver: mpsc::UnboundedReceiver<Waiting<V>>) {
    let mut again = None;
    loop {
        let Some(first) = (match again.take() {
            Some(waiting) => Some(waiting),
            None => receiver.recv().await,
        }) else {
            return;
        };
        let mut all = vec![first];
        while all.len() < MANY
            && let Ok(next) = receiver.try_recv()
        {
            // Twice the same: the second statement sees what the first has done.
            if all.iter().any(|waiting| waiting.values.key() == next.values.key()) {
                again = Some(next);
                break;
            }
            all.push(next);
        }
        let _ = time::timeout(PATIENCE, tokio::spawn(answer(database.clone(), all))).await;
    }
}

async fn answer<V: Values>(database: Database, mut all: Vec<Waiting<V>>) {
    let client = match database.client().await {
        Ok(client) => client,
        Err(e) => return all.into_iter().for_each(|waiting| drop(waiting.answer.send(Answer::Is(Err(e.clone()))))),
    };
    // Whoever does not wait any more has not begun.
    all.retain(|waiting| !waiting.answer.is_closed());
    if all.is_empty() {
        return;
    }
    let (values, answers): (Vec<_>, Vec<_>) = all.into_iter().map(|waiting| (waiting.values, waiting.answer)).unzip();
    let locked = if values.len() == 1 { Locked::Wait } else { Locked::Skip };
    let rows = V::run(&client, &values, locked).await;
    drop(client);
    match rows {
        Ok(rows) => {
            let mut of: HashMap<i64, Vec<Row>> = HashMap::new();
            for row in rows {
                of.entry(row.get("of_key")).or_default().push(row);
            }
            for (values, answer) in values.into_iter().zip(answers) {
                let answered = match of.remove(&values.key()) {
                    None if locked == Locked::Skip => Answer::RunAlone(values),
                    rows => Answer::Is(Ok(rows.unwrap_or_default())),
                };
                let _ = answer.send(answered);
            }
        }
        Err(e) if e.is_refusal() && values.len() > 1 => {
            for (values, answer) in values.into_iter().zip(answers) {
                let _ = answer.send(Answer::RunAlone(values));
            }
        }
        // It may have been carried out.
        Err(e) => {
            let e = Error::from(e);
            answers.into_iter().for_each(|answer| drop(answer.send(Answer::Is(Err(e.clone())))));
        }
    }
}
