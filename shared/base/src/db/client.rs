//! A connection to PostgreSQL, and the statements that were prepared on it.

use std::ops::{Deref, DerefMut};

use deadpool_postgres::{ClientWrapper, Object};
use tokio_postgres::{Error, Row, types::ToSql};

/// A connection. It returns to the pool when it is dropped, unless it has left it.
///
/// The methods of [`tokio_postgres::Client`] parse and plan a statement each time it is sent, in two round trips. Those that
/// every call needs are prepared once on each connection, by the methods whose names say so. Only statements whose columns a
/// migration cannot change (no `*`), because workers of two versions run side by side.
pub struct Client(Origin);

enum Origin {
    Pool(Object),
    Own(ClientWrapper),
}

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Client {
    pub(super) fn of_the_pool(connection: Object) -> Self {
        Self(Origin::Pool(connection))
    }

    /// Takes the connection out of the pool: what is done to its session (a lock, a time limit) ends with it.
    #[must_use]
    pub fn out_of_the_pool(self) -> Self {
        match self.0 {
            Origin::Pool(connection) => Self(Origin::Own(Object::take(connection))),
            own @ Origin::Own(_) => Self(own),
        }
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
