//! A quarter of an hour of a working day: who calls, what becomes of it and when, as far as is known of such teams; counted is what
//! it costs in requests, everything included.
//!
//! Of twenty calls, twelve are from people in the directory (three of them missed, one of those with a voicemail), five from
//! numbers that nobody has, three withheld. Of answered calls every one is recorded, half get a tag, a third a note, two thirds the AI's
//! summary, topics and sentiment.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use harness::{
    NO_QUOTAS, Stack,
    build::{Call, call, note, recording, sentiment, summary, tag, topics},
    eventually,
};

use crate::{
    Form,
    people::{self, THOUSAND, national},
    report::{Figure, Reach},
};

const PER_MINUTE: u32 = 20;
const MINUTE: Duration = Duration::from_secs(60);
const LOADED_WITHIN: Duration = Duration::from_secs(120);
/// A second of a played call takes so long; what follows its end comes at real times.
const PACE_MS: u64 = 50;
/// For what is added to the last calls.
const AFTERWARDS: Duration = Duration::from_secs(240);

pub(crate) async fn measure(form: Form) -> Result<Vec<Figure>> {
    let lasts = form.pick(MINUTE / 2, 15 * MINUTE);
    let mut stack = Stack::with_accounts("bench", &people::account(&THOUSAND)?, &NO_QUOTAS).await?;
    stack.environment.insert("LOG_UPDATES_EVERY".into(), "40s".into());
    let workers = stack.start_all().await?;
    stack.directory_loaded(LOADED_WITHIN).await?;
    let before = (stack.sandbox.requests("sellsy").await?, stack.sandbox.requests("aircall").await?);
    let (mut turn, began) = (tokio::time::interval(MINUTE / PER_MINUTE), Instant::now());
    let (mut calls, mut logged) = (0, 0);
    while began.elapsed() < lasts {
        turn.tick().await;
        let (call, is_known) = nth(calls);
        stack.sandbox.play(&call).await?;
        calls += 1;
        logged += usize::from(is_known);
    }
    let all = || async { (stack.sandbox.phone_calls().await.ok()?.len() == logged).then_some(()) };
    eventually(AFTERWARDS, all).await.with_context(|| format!("not all of {logged} calls are logged"))?;
    tokio::time::sleep(AFTERWARDS).await;
    let after = (stack.sandbox.requests("sellsy").await?, stack.sandbox.requests("aircall").await?);
    let per_call = |before: u64, after: u64| (after - before) as f64 / f64::from(u32::try_from(calls).unwrap_or(1));
    let counts = stack.sandbox.get("/counts").await?;
    println!("{calls} calls, {logged} logged: {}", counts["sellsy"]["by_endpoint"]);
    drop(workers);
    stack.down().await?;
    Ok(vec![
        Figure::new("day_sellsy", "Sellsy requests a call, a realistic mix", per_call(before.0, after.0), "")
            .reach(Reach::AtMost(2.2)),
        Figure::new("day_aircall", "Aircall requests a call, the same", per_call(before.1, after.1), ""),
    ])
}

/// The call, and whether somebody in the directory has its number.
fn nth(n: usize) -> (Call, bool) {
    let at = |s: i64| s * 1_000 / i64::try_from(PACE_MS).unwrap_or(1);
    // Spread over all people, so that one calls twice now and then.
    let known = || call(&format!("+33 {}", national(n * 37 % people::count(&THOUSAND)))).paced(PACE_MS);
    let kind = n % 20;
    let call = match kind {
        // Nobody has it; every third of these numbers calls again.
        12..17 => {
            return (
                call(&format!("+33 6 {:08}", 45_000_000 + n - if n.is_multiple_of(3) { 20 } else { 0 }))
                    .lasting(60)
                    .paced(PACE_MS),
                false,
            );
        }
        17.. => return (call("anonymous").lasting(45).paced(PACE_MS), false),
        9 | 10 => return (known().missed().lasting(25), true),
        11 => return (known().voicemail().lasting(40), true),
        _ => known().lasting(120 + 10 * i64::try_from(kind).unwrap_or(0)).recorded().after(at(20), recording()),
    };
    let call = if kind.is_multiple_of(2) { call.after(at(15), tag("Devis")) } else { call };
    let call = if kind % 3 == 1 { call.after(at(50), note("Rappeler lundi.")) } else { call };
    let call = if kind % 3 == 2 {
        call
    } else {
        let call = call.after(at(80), summary("Le client veut un devis."));
        call.after(at(82), topics(&["devis"])).after(at(84), sentiment("NEUTRAL"))
    };
    (call, true)
}
