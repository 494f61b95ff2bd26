//! The two calls of a transfer from one line of the company to another: for Aircall they are two calls, and nothing in their data connects
//! them but numbers and times.

use std::sync::LazyLock;

use base::{db::Client, error::Result};

/// How long after a transfer its second call may come in.
const WITHIN: &str = "interval '2 hours'";

/// Digits alone: Aircall writes the same number in several ways.
fn digits(number: &str) -> String {
    format!("regexp_replace({number}, '\\D', '', 'g')")
}

/// Whether a call was transferred a short time ago and its other call is not known; asked often, and an index of few rows answers.
pub async fn any_unpaired(client: &Client) -> Result<bool> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select exists (select from calls
              where forwarded_to is not null and other_call is null and forwarded_at > now() - {WITHIN} and erased_at is null)"
        )
    });
    Ok(client.prepared_query_one(&SQL, &[]).await?.get(0))
}

/// Finds the other calls of transfers: inbound on the line to which the first call was transferred, from the same caller or from the line of the
/// first, and begun while that lasted. Only if there is exactly one such call; both are handed to the logger again. Returns how many pairs.
pub async fn pair(client: &Client) -> Result<u64> {
    // Times in snapshots are seconds. The second call is found by what the console searches by.
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let line = |call: &str| {
            digits(&format!(
                "coalesce({call}.snapshot->'number'->>'e164_digits', {call}.snapshot->'number'->>'digits')"
            ))
        };
        let ended = "case when jsonb_typeof(a.snapshot->'ended_at') = 'number' then to_timestamp((a.snapshot->>'ended_at')::float8) end";
        format!(
            "with found as (
                 select a.call_id as one, min(b.call_id) as other
                   from calls a cross join lateral calls_searched_of(a) as_is
                  cross join lateral (select call_id from console_calls
                               where started_at between as_is.started_at and coalesce({ended}, a.forwarded_at) + interval '1 minute'
                                 and caller_backwards in (as_is.caller_backwards, reverse({})) offset 0) s
                   join calls b
                     on b.call_id = s.call_id and b.call_id <> a.call_id and b.other_call is null and b.erased_at is null
                    and b.snapshot->>'direction' = 'inbound' and {} = {}
                  where a.forwarded_to is not null and a.other_call is null and a.forwarded_at > now() - {WITHIN} and a.erased_at is null
                  group by a.call_id having count(*) = 1),
                  certain as (select one, other from found f where (select count(*) from found g where g.other = f.other) = 1),
                  pairs as (select one, other from certain union all select other, one from certain)
             update calls set other_call = pairs.other, wanted = wanted + 1,
                    hand_on_at = case when sellsy_id is not null then now() else hand_on_at end
               from pairs where call_id = pairs.one",
            line("a"),
            line("b"),
            digits("a.forwarded_to")
        )
    });
    Ok(client.prepared_execute(&SQL, &[]).await? / 2)
}
