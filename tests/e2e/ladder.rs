//! The retry delays, for every stage: a message that always fails waits for each delay once, then only it is parked.

use anyhow::{Context, Result};
use base::ids::Stage;
use broker::topology::DELAYS;
use harness::{
    Stack, TOKEN,
    build::{Fault, aircall, call, sellsy, summary, webhook},
    eventually, says,
};
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// Contact 4001, whose companies have to be requested.
const CONTACT: &str = "+33 6 39 98 40 01";

/// An answer with an undocumented shape: the API is available, and another attempt may help.
fn faults(summary_of: i64) -> [Fault; 4] {
    let odd = json!({ "data": 5, "summary": 5 });
    [
        sellsy("/contacts/4001/companies").answers_with(200, odd.clone()),
        sellsy("/staffs").answers_with(200, odd.clone()),
        aircall(&format!("/v1/calls/{summary_of}/summary")).answers_with(200, odd),
        aircall(&format!("POST /v1/calls/{summary_of}/insight_cards")).answers(500),
    ]
}

#[tokio::test]
async fn what_always_fails_waits_for_every_delay_and_is_parked_at_every_stage() -> Result<()> {
    let (stack, workers) = Stack::running("ladder").await?;
    stack.directory_loaded(SOON).await?;
    let (first, second) = (3_911_600_001, 3_911_600_002);
    stack.sandbox.set_faults(faults(first)).await?;
    // The logger's call and the insight's, then the resolver's. Their cards fail as well.
    stack.sandbox.play(&call(CLIENT).id(first).lasting(90).after(100, summary("Un devis.").bare())).await?;
    stack.sandbox.play(&call(CONTACT).id(second).lasting(90)).await?;
    for (n, (rung, _)) in DELAYS.iter().enumerate() {
        if n > 0 {
            let all = || async { (stack.delayed(rung).await.ok()? == 3).then_some(()) };
            eventually(SOON, all).await.with_context(|| format!("three wait for {rung}"))?;
            stack.delay_ends(rung).await?;
        }
    }
    let groups = || async {
        let (list, _) = stack.callbridge(&["dead", "list", "--json"]).await.ok()?;
        let list: Value = serde_json::from_str(&list).ok()?;
        (list.as_array()?.len() == 3).then_some(list)
    };
    let groups = eventually(SOON, groups).await.context("each stage has parked")?;
    let mut seen: Vec<_> = groups
        .as_array()
        .into_iter()
        .flatten()
        .map(|group| {
            let letter = &group["example"];
            for name in ["error", "first_failure", "last_failure", "trace_id"] {
                assert!(letter[name].is_string(), "{name}: {group}");
            }
            let texts = [&group["stage"], &group["code"]].map(|text| text.as_str().unwrap_or_default().to_owned());
            (texts, letter["call_id"].as_i64(), letter["attempts"].as_u64())
        })
        .collect();
    seen.sort();
    let parked = |stage: &str, code: &str, call| ([stage.to_owned(), code.to_owned()], Some(call), Some(6));
    assert_eq!(
        seen,
        [
            parked("insights", "AIRCALL_ANSWER", first),
            parked("logger", "SELLSY_ANSWER", first),
            parked("resolver", "SELLSY_ANSWER", second),
        ]
    );
    // A card is never retried nor parked; what ingest cannot read is parked at once.
    assert_eq!(stack.depth(&stack.names.dead(Stage::Cards)).await?, 0);
    let odd = webhook("call.ended", Value::Null).with_token(TOKEN);
    let answer = reqwest::Client::new().post(format!("{}/webhooks/aircall", workers[0].url)).json(&odd).send().await?;
    assert!(answer.status().is_success());
    stack.parked(Stage::Ingest, 1, SOON).await?;

    // The cause is fixed, and one command for each stage replays everything.
    stack.sandbox.set_faults([]).await?;
    for stage in ["resolver", "logger", "insights"] {
        let (said, fine) = stack.callbridge(&["dead", "replay", "--stage", stage]).await?;
        assert!(fine && said.contains("1 dead letter replayed."), "{stage}: {said}");
    }
    stack.sandbox.logged(second, SOON).await?;
    stack.sandbox.log_of(first, crate::GATHERED, says(&["Un devis."])).await?;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 2);
    drop(workers);
    stack.down().await
}
