//! Unmatched calls are resolved again when a record with their number appears, and conversations of text messages are due again.

use std::sync::Arc;

use base::{
    error::{Code, Error, Remedy, Result},
    ids::Stage,
};

use ledger::{calls, messages};

use crate::{calls::Calls, record::Listed};

#[derive(Clone)]
pub(crate) struct Rematch {
    pub(crate) calls: Arc<Calls>,
    pub(crate) days: f64,
}

impl Rematch {
    /// Resolves the unmatched calls from these records' numbers again.
    pub(crate) async fn numbers(&self, listed: &[Listed]) -> Result<()> {
        let usable = listed.iter().filter(|listed| self.calls.look_up.counts(&listed.record));
        let numbers: Vec<&str> =
            usable.flat_map(|listed| &listed.numbers.read).map(|read| read.number.as_str()).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        self.waiting_for(&numbers).await
    }

    /// Resolves the unmatched calls from these numbers again.
    pub(crate) async fn waiting_for(&self, numbers: &[&str]) -> Result<()> {
        let client = self.calls.database.client().await?;
        let waiting = calls::waiting_for(&client, numbers, self.days).await?;
        if self.calls.rules.messages.is_some() {
            messages::waiting_for(&client, numbers, self.days).await?;
        }
        drop(client);
        for call_id in waiting {
            match self.calls.resolve_again(call_id).await {
                // One call that always fails must not stop the records behind it. It keeps waiting for its number: each pass of
                // the directory, and each change of a record with this number, tries again.
                Err(e) if concerns_this_call(&e) => {
                    tracing::error!(%call_id, error = %e, "A call could not be resolved again; the next pass tries again.");
                    let (stage, code) = (Stage::Resolver.as_str(), e.code.as_str());
                    metrics::counter!("callbridge_failures_total", "stage" => stage, "code" => code).increment(1);
                }
                resolved => {
                    resolved?;
                }
            }
        }
        Ok(())
    }
}

/// Sellsy answered, and may answer the same each time. An outage, a limit or a lost database concern all calls.
fn concerns_this_call(e: &Error) -> bool {
    let by_sellsy = matches!(e.code, Code::SellsyAnswer | Code::SellsyUnavailable);
    e.remedy == Remedy::Park || by_sellsy && matches!(e.remedy, Remedy::Retry { .. })
}
