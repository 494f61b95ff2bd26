//! The ledger and the tables beside it, as tests use them: read rows, let time pass, lose data.
//!
//! All SQL of the tests is here, one function per statement, so that a change of the tables needs changes in one place. It is
//! written independently of the workers' statements: a test must not rely on the code that it tests.

mod budget;
mod calls;
mod cost;
mod directory;
mod followups;
mod lock;
mod reports;
mod searched;
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
pub use cost::Cost;
pub use timeline::{DROPPED, Line, PARKED, RECONCILED, REPLAYED, RETRIED, SKIPPED};

/// A separate connection to the database of one stack.
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

    /// Returns the number of affected rows.
    async fn run(&self, sql: &str, values: Values<'_>) -> Result<u64> {
        Ok(self.0.execute(sql, values).await?)
    }

    async fn run_all(&self, statements: &str) -> Result<()> {
        Ok(self.0.batch_execute(statements).await?)
    }
}
