//! A connection to PostgreSQL and its prepared statements.

use std::{
    error::Error as _,
    mem,
    ops::{Deref, DerefMut},
    pin::Pin,
    sync::atomic::{
        AtomicBool, AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
    time::Duration,
};

use deadpool_postgres::{ClientWrapper, Object};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use tokio::time;
use tokio_postgres::{
    Row, SimpleQueryMessage, ToStatement,
    error::SqlState,
    types::{Json, ToSql},
};

/// PostgreSQL stops a statement after 15 s. Who has no answer after this will get none: the server's process or the machine hangs, and neither
/// notices the limit nor closes the connection.
const NO_ANSWER_AFTER: Duration = Duration::from_secs(20);

/// A value that was stored as JSON; `None` also if it cannot be read, perhaps because a newer version wrote it. For who reads many rows: one of them must
/// not cost the others.
pub fn readable<T: DeserializeOwned>(row: &Row, column: usize) -> Option<T> {
    row.try_get::<_, Option<Json<T>>>(column).ok().flatten().map(|Json(value)| value)
}

/// Why a statement has no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
    #[error("PostgreSQL has not answered for {} s", NO_ANSWER_AFTER.as_secs())]
    NoAnswer,
}

impl Failure {
    /// PostgreSQL's answer, if that is what it is.
    pub fn code(&self) -> Option<&SqlState> {
        match self {
            Failure::Postgres(e) => e.code(),
            Failure::NoAnswer => None,
        }
    }

    /// The statement has certainly changed nothing: something is wrong with it or with its values, or it waited too long. A server that
    /// goes down, or a pooler that has lost it, may answer although the statement was carried out.
    pub fn is_refusal(&self) -> bool {
        match (self, self.code()) {
            (Failure::NoAnswer, _) => false,
            (_, Some(code)) => {
                *code == SqlState::QUERY_CANCELED
                    || ["22", "23", "40", "42", "54", "55"].iter().any(|class| code.code().starts_with(class))
            }
            // A value that cannot be sent.
            (_, None) => !self.spoils(),
        }
    }

    /// The connection can be used no more, or leads to a server that takes no writes.
    fn spoils(&self) -> bool {
        match self {
            Failure::NoAnswer => true,
            Failure::Postgres(e) => is_of_connection(e) || e.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION),
        }
    }
}

/// There is no answer of the server.
pub(super) fn is_of_connection(e: &tokio_postgres::Error) -> bool {
    e.is_closed() || e.source().is_some_and(|source| source.is::<std::io::Error>())
}

/// A connection. It returns to the pool when it is dropped, unless it was detached, or cannot be relied on any more: a statement has no answer, or
/// the server takes no writes.
///
/// The methods of [`tokio_postgres::Client`] parse and plan a statement each time it is sent, in two round trips. Statements
/// that every call needs go through the `prepared_` methods, which prepare them once on each connection. A prepared statement
/// must not use `*`: a migration could change its columns, because workers of two versions run side by side.
pub struct Client {
    origin: Origin,
    /// Statements that were sent and have no answer; also those for which nobody waits any more.
    unanswered: AtomicUsize,
    spoiled: AtomicBool,
    unlimited: AtomicBool,
}

enum Origin {
    Pool(Object),
    Own(ClientWrapper),
    /// While it is dropped.
    Nowhere,
}

type Statement<'a, T> = Pin<Box<dyn Future<Output = Result<T, tokio_postgres::Error>> + Send + 'a>>;
type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Client {
    pub(super) fn pooled(connection: Object) -> Self {
        Self::of(Origin::Pool(connection))
    }

    fn of(origin: Origin) -> Self {
        Self {
            origin,
            unanswered: AtomicUsize::new(0),
            spoiled: AtomicBool::new(false),
            unlimited: AtomicBool::new(false),
        }
    }

    /// Takes the connection out of the pool for good: what is set on its session (a lock, a time limit) ends with it.
    #[must_use]
    pub fn detach(mut self) -> Self {
        match mem::replace(&mut self.origin, Origin::Nowhere) {
            Origin::Pool(connection) => Self::of(Origin::Own(Object::take(connection))),
            own => Self::of(own),
        }
    }

    /// For statements that may take long, or wait for others: neither PostgreSQL nor this process ends them. The connection serves nothing else.
    pub async fn without_limit(&self) -> Result<(), Failure> {
        self.batch_execute("set statement_timeout = 0").await?;
        self.unlimited.store(true, Relaxed);
        Ok(())
    }

    /// A transaction that is neither committed nor rolled back, because its work was given up or has failed, costs the connection: nobody knows what is
    /// still to come on it.
    pub async fn transaction(&mut self) -> Result<Transaction<'_>, Failure> {
        let Self { origin, unanswered, .. } = self;
        unanswered.fetch_add(1, SeqCst);
        let connection: &mut tokio_postgres::Client = match origin {
            Origin::Pool(connection) => connection,
            Origin::Own(connection) => connection,
            Origin::Nowhere => unreachable!("only while it is dropped"),
        };
        let begun = time::timeout(NO_ANSWER_AFTER, connection.transaction()).await;
        Ok(Transaction { begun: begun.map_err(|_| Failure::NoAnswer)??, unanswered })
    }

    /// The time by the database's clock, the only one by which stored times are written and compared: those of the machines may
    /// differ.
    pub async fn now(&self) -> Result<Timestamp, Failure> {
        Ok(self.prepared_query_one("select clock_timestamp()", &[]).await?.get(0))
    }

    pub async fn prepared_query(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Failure> {
        let statement = self.prepared(sql).await?;
        self.answered(Box::pin(self.raw().query(&statement, values))).await
    }

    pub async fn prepared_query_one(&self, sql: &str, values: Values<'_>) -> Result<Row, Failure> {
        let statement = self.prepared(sql).await?;
        self.answered(Box::pin(self.raw().query_one(&statement, values))).await
    }

    pub async fn prepared_query_opt(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, Failure> {
        let statement = self.prepared(sql).await?;
        self.answered(Box::pin(self.raw().query_opt(&statement, values))).await
    }

    pub async fn prepared_execute(&self, sql: &str, values: Values<'_>) -> Result<u64, Failure> {
        let statement = self.prepared(sql).await?;
        self.answered(Box::pin(self.raw().execute(&statement, values))).await
    }

    pub async fn query<S: ?Sized + ToStatement + Sync>(
        &self,
        sql: &S,
        values: Values<'_>,
    ) -> Result<Vec<Row>, Failure> {
        self.answered(Box::pin(self.raw().query(sql, values))).await
    }

    pub async fn query_one<S: ?Sized + ToStatement + Sync>(&self, sql: &S, values: Values<'_>) -> Result<Row, Failure> {
        self.answered(Box::pin(self.raw().query_one(sql, values))).await
    }

    pub async fn query_opt<S: ?Sized + ToStatement + Sync>(
        &self,
        sql: &S,
        values: Values<'_>,
    ) -> Result<Option<Row>, Failure> {
        self.answered(Box::pin(self.raw().query_opt(sql, values))).await
    }

    pub async fn execute<S: ?Sized + ToStatement + Sync>(&self, sql: &S, values: Values<'_>) -> Result<u64, Failure> {
        self.answered(Box::pin(self.raw().execute(sql, values))).await
    }

    pub async fn batch_execute(&self, sql: &str) -> Result<(), Failure> {
        self.answered(Box::pin(self.raw().batch_execute(sql))).await
    }

    pub async fn simple_query(&self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Failure> {
        self.answered(Box::pin(self.raw().simple_query(sql))).await
    }

    async fn prepared(&self, sql: &str) -> Result<tokio_postgres::Statement, Failure> {
        self.answered(Box::pin(self.raw().prepare_cached(sql))).await
    }

    /// Waits for an answer as long as one may come. If the caller stops waiting before that, the statement stays unanswered.
    ///
    /// The statement is on the heap, because the futures of handlers would grow by its size at each of these awaits.
    async fn answered<T>(&self, statement: Statement<'_, T>) -> Result<T, Failure> {
        self.unanswered.fetch_add(1, SeqCst);
        let answer = if self.unlimited.load(Relaxed) {
            statement.await.map_err(Failure::from)
        } else {
            match time::timeout(NO_ANSWER_AFTER, statement).await {
                Ok(answer) => answer.map_err(Failure::from),
                Err(_) => Err(Failure::NoAnswer),
            }
        };
        match &answer {
            Err(e) if e.spoils() => self.spoiled.store(true, Relaxed),
            _ => drop(self.unanswered.fetch_sub(1, SeqCst)),
        }
        answer
    }

    fn raw(&self) -> &ClientWrapper {
        match &self.origin {
            Origin::Pool(connection) => connection,
            Origin::Own(connection) => connection,
            Origin::Nowhere => unreachable!("only while it is dropped"),
        }
    }
}

/// See [`Client::transaction`].
pub struct Transaction<'a> {
    begun: tokio_postgres::Transaction<'a>,
    unanswered: &'a AtomicUsize,
}

impl Transaction<'_> {
    pub async fn commit(self) -> Result<(), Failure> {
        let committed = time::timeout(NO_ANSWER_AFTER, self.begun.commit()).await;
        committed.map_err(|_| Failure::NoAnswer)??;
        self.unanswered.fetch_sub(1, SeqCst);
        Ok(())
    }

    pub async fn rollback(self) -> Result<(), Failure> {
        let ended = time::timeout(NO_ANSWER_AFTER, self.begun.rollback()).await;
        ended.map_err(|_| Failure::NoAnswer)??;
        self.unanswered.fetch_sub(1, SeqCst);
        Ok(())
    }
}

impl<'a> Deref for Transaction<'a> {
    type Target = tokio_postgres::Transaction<'a>;

    fn deref(&self) -> &Self::Target {
        &self.begun
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let is_reliable =
            !self.spoiled.load(Relaxed) && self.unanswered.load(SeqCst) == 0 && !self.unlimited.load(Relaxed);
        if let Origin::Pool(connection) = mem::replace(&mut self.origin, Origin::Nowhere)
            && !is_reliable
        {
            drop(Object::take(connection));
        }
    }
}

impl Deref for Client {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &Self::Target {
        self.raw()
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match &mut self.origin {
            Origin::Pool(connection) => connection,
            Origin::Own(connection) => connection,
            Origin::Nowhere => unreachable!("only while it is dropped"),
        }
    }
}
