//! The ledger and the tables beside it, as tests see them: rows to be looked at, time that passes, things that get lost.
//!
//! All SQL that tests use is here, a function for each statement, so that a change of the tables is met in one place. It is
//! separate from the workers' statements: a test does not rely on the code that it tests.

mod budget;
mod calls;
mod directory;
mod lock;
mod state;
mod time;
mod timeline;

use anyhow::Result;
use tokio_postgres::{
    Client, Row,
    types::{FromSqlOwned, ToSql},
};

use crate::database;

pub use calls::CallRow;
pub use timeline::{DROPPED, Line, PARKED, RECONCILED, REPLAYED, RETRIED, SKIPPED};

/// A connection of its own to the database of one stack.
pub struct Ledger(Client);

type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

impl Ledger {
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        Ok(Self(database::connect(url).await?))
    }

    /// All rows of all tables as text, each table under its name.
    pub async fn dump(&self) -> Result<String> {
        database::dump(&self.0).await
    }

    async fn rows(&self, sql: &str, values: Values<'_>) -> Result<Vec<Row>> {
        Ok(self.0.query(sql, values).await?)
    }

    /// The only column of the only row.
    async fn value<T: FromSqlOwned>(&self, sql: &str, values: Values<'_>) -> Result<T> {
        Ok(self.0.query_one(sql, values).await?.try_get(0)?)
    }

    /// How many rows it was.
    async fn run(&self, sql: &str, values: Values<'_>) -> Result<u64> {
        Ok(self.0.execute(sql, values).await?)
    }

    async fn run_all(&self, statements: &str) -> Result<()> {
        Ok(self.0.batch_execute(statements).await?)
    }
}
