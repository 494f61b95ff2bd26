//! A quarter of an hour of a working day: who calls, what becomes of it and when, as far as is known of such teams; counted is what
//! it costs in requests, everything included.
//!
//! Of twenty calls, twelve are from people in the directory (three of them missed, one of those with a voicemail), five from
//! numbers that nobody has, three withheld. Of answered calls every one is recorded, half get a tag, a third a note, two thirds the AI's
//! summary, topics and sentiment.
//!
//! The same once more with all rules about what follows from calls ([`with_rules`]): every summary then comes with an action item, a third of those who were
//! missed are called back, and there is a text message for three calls.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use base::say;
use harness::{
    Line, NO_QUOTAS, Stack,
    build::{Call, action_item, call, note, recording, sentiment, summary, tag, topics},
    eventually,
};

use reqwest::Method;
use serde_json::{Value, json};

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

const RULES: &str = r#"
[tags]
"Devis" = { task = "Préparer le devis", smart_tags = "Devis" }
[missed]
[action_items]
[unknown]
longer_than = "30s"
[messages]
"#;

pub(crate) async fn measure(form: Form) -> Result<Vec<Figure>> {
    let day = play(form, false).await?;
    let (sellsy, aircall) = day.per_call();
    Ok(vec![
        Figure::new("day_sellsy", "Sellsy requests a call, a realistic mix", sellsy, "").reach(Reach::AtMost(2.2)),
        Figure::new("day_aircall", "Aircall requests a call, the same", aircall, ""),
    ])
}

pub(crate) async fn with_rules(form: Form) -> Result<Vec<Figure>> {
    let day = play(form, true).await?;
    let (sellsy, aircall) = day.per_call();
    let figures = vec![
        Figure::new("rules_sellsy", "Sellsy requests a call, all rules on", sellsy, ""),
        Figure::new("rules_aircall", "Aircall requests a call, the same", aircall, ""),
    ];
    for (rule, (done, requests)) in &day.by_rule {
        say!("{rule}: {done} lines in stories, {requests} requests");
        let per_call = *requests as f64 / day.calls as f64;
        say!("  {per_call:.3} a call");
    }
    Ok(figures)
}

struct Day {
    calls: usize,
    sellsy: u64,
    aircall: u64,
    /// What was done by a rule, and the requests for it.
    by_rule: BTreeMap<String, (u64, u64)>,
}

impl Day {
    fn per_call(&self) -> (f64, f64) {
        let calls = self.calls.max(1) as f64;
        (self.sellsy as f64 / calls, self.aircall as f64 / calls)
    }
}

async fn play(form: Form, with_rules: bool) -> Result<Day> {
    let lasts = form.pick(MINUTE / 2, 15 * MINUTE);
    let mut stack = Stack::with_accounts("bench", &people::account(&THOUSAND)?, &NO_QUOTAS).await?;
    stack.environment.insert("LOG_UPDATES_EVERY".into(), "40s".into());
    if with_rules {
        let file = stack.logs.join("rules.toml");
        std::fs::write(&file, RULES)?;
        stack.environment.insert("RULES".into(), file.display().to_string());
    }
    let mut workers = stack.start_all().await?;
    if with_rules {
        workers.push(stack.start("followups").await?);
    }
    stack.directory_loaded(LOADED_WITHIN).await?;
    let before = (stack.sandbox.requests("sellsy").await?, stack.sandbox.requests("aircall").await?);
    let (mut turn, began) = (tokio::time::interval(MINUTE / PER_MINUTE), Instant::now());
    let (mut calls, mut logged) = (0, 0);
    while began.elapsed() < lasts {
        turn.tick().await;
        let (call, is_logged) = nth(calls, with_rules);
        stack.sandbox.play(&call).await?;
        if let Some(text) = Some(calls).filter(|_| with_rules).and_then(text) {
            stack.sandbox.control(Method::POST, "/aircall/messages", Some(&text)).await?;
        }
        calls += 1;
        logged += usize::from(is_logged);
    }
    let all = || async { (stack.sandbox.phone_calls().await.ok()?.len() == logged).then_some(()) };
    eventually(AFTERWARDS, all).await.with_context(|| format!("not all of {logged} calls are logged"))?;
    tokio::time::sleep(AFTERWARDS).await;
    let after = (stack.sandbox.requests("sellsy").await?, stack.sandbox.requests("aircall").await?);
    let counts = stack.sandbox.get("/counts").await?;
    say!("{calls} calls, {logged} logged: {}", counts["sellsy"]["by_endpoint"]);
    let by_rule = by_rule(&stack.ledger().await?.whole_timeline().await?);
    drop(workers);
    stack.down().await?;
    Ok(Day { calls, sellsy: after.0 - before.0, aircall: after.1 - before.1, by_rule })
}

/// A request belongs to the next line of its story that says what was done.
fn by_rule(lines: &[Line]) -> BTreeMap<String, (u64, u64)> {
    let mut waiting: BTreeMap<i64, u64> = BTreeMap::new();
    let mut rules: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.stage == "followups") {
        let requests = waiting.entry(line.call).or_default();
        if line.is("request") {
            *requests += line.detail["times"].as_u64().unwrap_or(1);
            continue;
        }
        let rule = match (line.detail["follows"].as_str(), line.what.split('_').next()) {
            (Some(follows), _) => format!("task of a {}", follows.replace('_', " ")),
            (None, Some("smart")) => "smart-tags".into(),
            (None, Some("prospect")) => "prospects".into(),
            (None, Some("comment")) => "messages".into(),
            (None, _) => "nothing to be done".into(),
        };
        let of_rule = rules.entry(rule).or_default();
        of_rule.0 += 1;
        of_rule.1 += std::mem::take(requests);
    }
    let rest = waiting.values().sum();
    if rest > 0 {
        rules.insert("the rest".into(), (0, rest));
    }
    rules
}

/// Two messages of one conversation for six calls.
fn text(n: usize) -> Option<Value> {
    let (direction, with) = match n % 6 {
        0 => ("received", n),
        1 => ("sent", n - 1),
        _ => return None,
    };
    let number = format!("+33 {}", national(with * 37 % people::count(&THOUSAND)));
    Some(json!({ "direction": direction, "number": number, "body": "Je rappelle demain." }))
}

/// The call, and whether it is logged: somebody in the directory has its number, or the rules make a prospect.
fn nth(n: usize, with_rules: bool) -> (Call, bool) {
    let at = |s: i64| s * 1_000 / i64::try_from(PACE_MS).unwrap_or(1);
    // Spread over all people, so that one calls twice now and then.
    let nth_known = |n: usize| call(&format!("+33 {}", national(n * 37 % people::count(&THOUSAND)))).paced(PACE_MS);
    let known = || nth_known(n);
    let kind = n % 20;
    if with_rules && kind == 8 && n > 20 {
        // Who was missed a minute ago, by the first of three.
        return (nth_known(n - 19).outbound().lasting(120), true);
    }
    let call = match kind {
        // Nobody has it; every third of these numbers calls again.
        12..17 => {
            return (
                call(&format!("+33 6 {:08}", 45_000_000 + n - if n.is_multiple_of(3) { 20 } else { 0 }))
                    .lasting(60)
                    .paced(PACE_MS),
                with_rules,
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
        let call = if with_rules { call.after(at(86), action_item("Envoyer le devis.")) } else { call };
        call.after(at(82), topics(&["devis"])).after(at(84), sentiment("NEUTRAL"))
    };
    (call, true)
}
