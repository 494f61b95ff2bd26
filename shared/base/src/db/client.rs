//! A connection to PostgreSQL and its prepared statements.

use std::ops::{Deref, DerefMut};

use deadpool_postgres::{ClientWrapper, Object};
use jiff::Timestamp;
use tokio_postgres::{Error, Row, types::ToSql};

/// A connection. It returns to the pool when it is dropped, unless it was detached.
///
/// The methods of [`tokio_postgres::Client`] parse and plan a statement each time it is sent, in two round trips. Statements
/// that every call needs go through the `prepared_` methods, which prepare them once on each connection. A prepared statement
/// must not use `*`: a migration could change its columns, because workers of two versions run side by side.
pub struct Client(Origin);

enum Origin {
    Pool(Object),
    Own(ClientWrapper),
}

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Client {
    pub(super) fn pooled(connection: Object) -> Self {
        Self(Origin::Pool(connection))
    }

    /// Takes the connection out of the pool for good: what is set on its session (a lock, a time limit) ends with it.
    #[must_use]
    pub fn detach(self) -> Self {
        match self.0 {
            Origin::Pool(connection) => Self(Origin::Own(Object::take(connection))),
            own @ Origin::Own(_) => Self(own),
        }
    }

    /// The time by the database's clock, the only one by which stored times are written and compared: those of the machines may
    /// differ.
    pub async fn now(&self) -> Result<Timestamp, Error> {
        Ok(self.prepared_query_one("select clock_timestamp()", &[]).await?.get(0))
    }

    pub async fn prepared_query(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>, Error> {
        self.query(&self.wrapper().prepare_cached(sql).await?, values).await
    }

    pub async fn prepared_query_one(&self, sql: &str, values: Values<'_>) -> Result<Row, Error> {
        self.query_one(&self.wrapper().prepare_cached(sql).await?, values).await
    }

    pub async fn prepared_query_opt(&self, sql: &str, values: Values<'_>) -> Result<Option<Row>, Error> {
        self.query_opt(&self.wrapper().prepare_cached(sql).await?, values).await
    }

    pub async fn prepared_execute(&self, sql: &str, values: Values<'_>) -> Result<u64, Error> {
        self.execute(&self.wrapper().prepare_cached(sql).await?, values).await
    }

    fn wrapper(&self) -> &ClientWrapper {
        match &self.0 {
            Origin::Pool(connection) => connection,
            Origin::Own(connection) => connection,
        }
    }
}

impl Deref for Client {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &Self::Target {
        self.wrapper()
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match &mut self.0 {
            Origin::Pool(connection) => connection,
            Origin::Own(connection) => connection,
        }
    }
}
