//! Decides a call that the statement which took its view in could not decide, and takes the lease of its log.

use base::{
    db::{Client, Failure},
    error::Result,
    ids::CallId,
};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};
use uuid::Uuid;

use super::{
    JustDecided,
    overdue::LATER,
    row::ROW,
    writing::{ClaimSql, Claimed, Claiming, Lease, Sent, claimed},
};
use crate::{
    form::LogForm,
    resolution::Resolution,
    together::{Locked, Texts, Together, Values},
};

/// The values of [`decide_and_claim`]'s statement.
#[derive(Debug)]
pub struct Decide {
    call_id: CallId,
    resolution: Resolution,
    lease: Lease,
    ours: Vec<Uuid>,
    sent: Sent,
    form: Option<LogForm>,
}

/// Makes this the resolution by which the call is logged, and asks for the lease of its log, as [`super::take_in_and_claim`] does for the card's
/// look-up. `None` if it was decided before, or its data were deleted.
pub async fn decide_and_claim(
    decisions: &Together<Decide>,
    call_id: CallId,
    resolution: Resolution,
    claiming: &Claiming<'_>,
) -> Result<Option<(Claimed, Box<JustDecided>)>> {
    let Claiming { lease, sent, form, .. } = *claiming;
    let decide = Decide { call_id, resolution: resolution.clone(), lease, ours: claiming.ours(), sent, form };
    let Some(row) = decisions.row(decide).await? else { return Ok(None) };
    let by = JustDecided { resolution, looked_up_at: row.get("looked_up_at"), card_shown: row.get("card_shown") };
    Ok(Some((claimed(&row), Box::new(by))))
}

impl Values for Decide {
    fn key(&self) -> i64 {
        self.call_id.0
    }

    async fn run(client: &Client, all: &[Self], locked: Locked) -> Result<Vec<Row>, Failure> {
        static SQL: Texts = Texts::new(|| Locked::BOTH.map(Decide::sql));
        let ids: Vec<i64> = all.iter().map(|decide| decide.call_id.0).collect();
        let resolutions: Vec<_> = all.iter().map(|decide| Json(&decide.resolution)).collect();
        // A lease is of one call, so those of all are those of each.
        let ours: Vec<Uuid> = all.iter().flat_map(|decide| &decide.ours).copied().collect();
        let leases: Vec<Uuid> = all.iter().map(|decide| decide.lease.0).collect();
        let forms: Vec<_> = all.iter().map(|decide| decide.form.map(LogForm::as_str)).collect();
        let unsent: Vec<bool> = all.iter().map(|decide| decide.sent.is_nothing()).collect();
        let unclear: Vec<_> = all.iter().map(|decide| decide.sent.unclear_s()).collect();
        let values: [&(dyn ToSql + Sync); 7] = [&ids, &resolutions, &ours, &leases, &forms, &unsent, &unclear];
        client.prepared_query(&SQL[locked as usize], &values).await
    }
}

impl Decide {
    fn sql(locked: Locked) -> String {
        let claiming = ClaimSql { lease: "v.by", form: "v.log_as", unsent: "v.unsent", unclear: "v.unclear" };
        let (held, own) =
            ("(lease_until > now() and lease <> all($3)) is true", "coalesce(lease = any($3::uuid[]), false)");
        // The conditions about the decision are true of this one.
        let creates = claiming.creatable(own, "snapshot is not null");
        let free = match locked {
            Locked::Wait => "true",
            Locked::Skip => {
                "c.call_id in (select call_id from calls where call_id = any($1) for no key update skip locked)"
            }
        };
        format!(
            "update calls c set resolution = v.found, looked_up_at = now(), resolved_at = now(), wanted = wanted + 1, hand_on_at = {LATER}, {}
               from unnest($1::bigint[], $2::jsonb[], $4::uuid[], $5::text[], $6::bool[], $7::float8[]) as v (id, found, by, log_as, unsent, unclear)
              where c.call_id = any($1) and c.call_id = v.id and resolved_at is null and erased_at is null and {free}
          returning c.call_id as of_key, {ROW}, card_at is not null as card_shown, {}",
            claiming.sets(held, own, &creates, "false"),
            claiming.gives()
        )
    }
}
