//! Calls that a rule has left out, and that it does not leave out any more.

use std::sync::LazyLock;

use base::{db::Client, error::Result, ids::CallId};
use jiff::Timestamp;

use super::overdue::LATER;

/// The keys of the reasons that look at the end of a call ([`crate::timeline::Reason::looks_at_end`]).
pub(crate) const BY_END: &str = "('kind_not_logged', 'out_of_hours')";

/// More has become known of a call that a rule left out for its end: it is decided anew. Returns the time of its view; `None` if it
/// was not left out for that, or if somebody else has noticed before.
pub async fn undecide(client: &Client, call_id: CallId) -> Result<Option<Timestamp>> {
    // Without the old decision, so that it cannot be taken for a look-up that is fresh.
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "update calls set resolution = null, looked_up_at = null, resolved_at = null, unmatched_number = null, hand_on_at = {LATER}
              where call_id = $1 and resolved_at is not null and sellsy_id is null and gone_at is null and erased_at is null
                and relinked_at is null and resolution->'rule_key'->>'key' in {BY_END}
          returning snapshot_at"
        )
    });
    let row = client.prepared_query_opt(&SQL, &[&call_id.0]).await?;
    Ok(row.map(|row| row.get::<_, Option<Timestamp>>(0).unwrap_or_default()))
}
