//! Somebody wants to know who called, now: the caller is looked up by the same code as at the call's end, and a call that waits for a record is decided
//! by what is found. What was decided before stays as it is; people move a call themselves.

use base::{db::Database, error::Result, ids::CallId, phone::Caller};
use jiff::tz::TimeZone;
use ledger::{
    calls,
    resolution::Resolution,
    timeline::{self, Decision, Entry, What},
};
use vendors::aircall::wire::Call;

use crate::{directory::store, look_up::LookUp};

/// What was found.
#[derive(Debug)]
pub struct Now {
    pub found: Resolution,
    /// It is the call's decision from now on, also if it is again that nobody has its number.
    pub decides: bool,
}

pub async fn decide_now(
    database: &Database,
    look_up: &LookUp,
    zone: &TimeZone,
    call_id: CallId,
    call: &Call,
) -> Result<Now> {
    let number = match look_up.number_of(call) {
        Caller::Number(number) => Some(number),
        Caller::Withheld | Caller::Internal | Caller::Unusable => None,
    };
    if let Some(number) = &number {
        store::forget_miss(&database.client().await?, number).await?;
    }
    let found = look_up.whole(call, zone).await?;
    let client = database.client().await?;
    let waits = number.as_ref().filter(|_| !found.rule.is_a_rule());
    let decided = calls::decide_again(&client, call_id, &found, waits).await?;
    if decided.is_some() {
        timeline::add(&client, call_id, [Entry::new("operator", What::DecidedAgain(Decision::from(&found)))]).await?;
        calls::hurry(&client, call_id).await?;
    }
    Ok(Now { found, decides: decided.is_some() })
}
