//! The delay ladder, for every stage: what always fails waits on each rung once and is parked from the last, alone.

use anyhow::{Context, Result};
use base::ids::Stage;
use broker::topology::DELAYS;
use harness::{Stack, TOKEN, eventually};
use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{BasicAckOptions, BasicGetOptions, BasicPublishOptions},
};
use serde_json::{Value, json};

use crate::{CLIENT, SOON};

/// Contact 4001, whose companies have to be asked for.
const CONTACT: &str = "+33 6 39 98 40 01";

/// An answer of a shape that is not documented: the API is not away, and to try again may help.
fn faults(summary_of: i64) -> Value {
    let odd = json!({ "kind": "status", "status": 200, "body": { "data": 5, "summary": 5 } });
    json!([
        { "api": "sellsy", "path": "/contacts/4001/companies", "do": odd },
        { "api": "sellsy", "path": "/staffs", "do": odd },
        { "api": "aircall", "path": format!("/v1/calls/{summary_of}/summary"), "do": odd },
        { "api": "aircall", "method": "POST", "path": format!("/v1/calls/{summary_of}/insight_cards"), "do": { "kind": "status", "status": 500 } },
    ])
}

async fn play(stack: &Stack, id: i64, digits: &str, after: Value) -> Result<i64> {
    let call = json!({ "id": id, "direction": "inbound", "raw_digits": digits, "number_id": 1001, "user_id": 501, "answered": true, "duration": 90, "after": after });
    stack.sandbox.play(&call).await
}

/// As if the rung's time had passed: what waits there goes back to where its routing key says.
async fn pass(stack: &Stack, rung: &str) -> Result<()> {
    let connection = Connection::connect(&stack.amqp_url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let queue = stack.names.delay(rung);
    while let Some(message) = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await? {
        let properties: BasicProperties = message.properties.clone();
        let to = message.routing_key.clone();
        channel.basic_publish("".into(), to, BasicPublishOptions::default(), &message.data, properties).await?.await?;
        message.ack(BasicAckOptions::default()).await?;
    }
    Ok(connection.close(200, "done".into()).await?)
}

#[tokio::test]
async fn what_always_fails_climbs_every_rung_and_is_parked_at_every_stage() -> Result<()> {
    let (stack, workers) = Stack::running("ladder").await?;
    stack.directory_loaded(SOON).await?;
    let (first, second) = (3_911_600_001, 3_911_600_002);
    stack.sandbox.set_faults(&faults(first)).await?;
    // The logger's call and the insight's, then the resolver's. Their cards fail as well.
    play(
        &stack,
        first,
        CLIENT,
        json!([{ "event": "summary.created", "at_s": 100, "content": "Un devis.", "bare": true }]),
    )
    .await?;
    play(&stack, second, CONTACT, json!([])).await?;
    for (n, (rung, _)) in DELAYS.iter().enumerate() {
        if n > 0 {
            let queue = stack.names.delay(rung);
            let all = || async { (stack.depth(&queue).await.ok()? == 3).then_some(()) };
            eventually(SOON, all).await.with_context(|| format!("three wait for {rung}"))?;
            pass(&stack, rung).await?;
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
    // A card is never tried again nor parked; what ingest cannot read is parked at once.
    assert_eq!(stack.depth(&stack.names.dead(Stage::Cards)).await?, 0);
    let odd = json!({ "event": "call.ended", "timestamp": 1_764_000_000, "token": TOKEN, "data": null });
    let answer = reqwest::Client::new().post(format!("{}/webhooks/aircall", workers[0].url)).json(&odd).send().await?;
    assert!(answer.status().is_success());
    let parked = || async { (stack.depth(&stack.names.dead(Stage::Ingest)).await.ok()? == 1).then_some(()) };
    eventually(SOON, parked).await.context("ingest has parked it")?;

    // The cause is mended, and one command brings all of it to its end.
    stack.sandbox.set_faults(&json!([])).await?;
    for stage in ["resolver", "logger", "insights"] {
        let (said, fine) = stack.callbridge(&["dead", "replay", "--stage", stage]).await?;
        assert!(fine && said.contains("1 message replayed."), "{stage}: {said}");
    }
    stack.sandbox.log_of(second, SOON, |_| true).await?;
    let says = |log: &Value| log["description"].as_str().is_some_and(|text| text.contains("Un devis."));
    stack.sandbox.log_of(first, crate::GATHERED, says).await?;
    assert_eq!(stack.sandbox.phone_calls().await?.len(), 2);
    drop(workers);
    stack.down().await
}
