//! Unmatched calls are resolved again when a record with their number appears.

use std::sync::Arc;

use base::{error::Result, phone::E164};

use ledger::calls;

use crate::{calls::Calls, record::Listed};

#[derive(Clone)]
pub(crate) struct Rematch {
    pub(crate) calls: Arc<Calls>,
    pub(crate) days: f64,
}

impl Rematch {
    /// Resolves the unmatched calls from these records' numbers again.
    pub(crate) async fn numbers(&self, listed: &[Listed]) -> Result<()> {
        let usable = listed.iter().filter(|listed| !listed.record.archived);
        let numbers: Vec<&str> = usable.flat_map(|listed| &listed.numbers).map(E164::as_str).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        let client = self.calls.database.client().await?;
        let waiting = calls::waiting_for(&client, &numbers, self.days).await?;
        drop(client);
        for call_id in waiting {
            self.calls.resolve_again(call_id).await?;
        }
        Ok(())
    }
}
