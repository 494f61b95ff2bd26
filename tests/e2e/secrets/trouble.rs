//! The run: calls of all kinds, and every failure that involves secrets and personal data.

use std::time::Duration;

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{
    Process, Relay, Stack, TOKEN,
    build::{AGENT, After, Requests, aircall, call, note, sellsy, summary, tag, topics, webhook},
    eventually, says,
};
use lapin::{options::QueueBindOptions, types::FieldTable};
use reqwest::Client;
use serde_json::{Value, json};

use super::Needles;
use crate::{CLIENT, SOON};

/// Issued by Sellsy, but not valid for anything.
const ACCESS_TOKEN: &str = "canary-of-an-access-token";
const WEBHOOK_SECRET: &str = "canary-of-the-webhook-secret";
const DATABASE_PASSWORD: &str = "canary-of-the-database";
const AMQP_PASSWORD: &str = "canary-of-the-broker";
const SELLSY_SECRET: &str = "canary-of-another-client";
const WRONG_TOKEN: &str = "canary-of-a-wrong-token";
/// Used in notes, insights and the APIs' errors.
const WORDS: &str = "canary-of-what-was-said";
/// The numbers of an unknown caller, and of one who is only in bodies.
const NOBODY: &str = "+33 6 39 98 99 01";
const IN_BODIES: &str = "+33 6 39 98 98 98";

/// Returns the texts that are not in a file: metrics, readiness, and what `callbridge` prints when it fails.
pub(super) async fn run(stack: &mut Stack, needles: &mut Needles) -> Result<Vec<(String, String)>> {
    for (what, secret) in [
        ("webhook token", TOKEN),
        ("access token", ACCESS_TOKEN),
        ("webhook secret", WEBHOOK_SECRET),
        ("database password", DATABASE_PASSWORD),
        ("broker password", AMQP_PASSWORD),
        ("another client secret", SELLSY_SECRET),
        ("wrong token", WRONG_TOKEN),
        ("broker's login", "guest:guest"),
        ("words", WORDS),
        ("a message as bytes", "Server returned us a message"),
    ] {
        needles.word(what, secret);
    }
    for name in ["AIRCALL_API_ID", "AIRCALL_API_TOKEN", "SELLSY_CLIENT_ID", "SELLSY_CLIENT_SECRET"] {
        needles.word(name, &stack.environment[name]);
    }
    needles.number(NOBODY);
    needles.number(IN_BODIES);

    let relays = (
        Relay::to(&harness::authority(&stack.amqp_url)?).await?,
        Relay::to(&harness::authority(&stack.database_url)?).await?,
    );
    let database_url = with_password(&relays.1.instead_of(&stack.database_url)?, DATABASE_PASSWORD);
    stack.environment.insert("AMQP_URL".into(), relays.0.instead_of(&stack.amqp_url)?);
    stack.environment.insert("DATABASE_URL".into(), database_url);
    stack.environment.insert("SELLSY_WEBHOOK_SECRET".into(), WEBHOOK_SECRET.into());
    stack.environment.insert(crate::ASKING.0.into(), crate::ASKING.1.into());
    let token = json!({ "token_type": "Bearer", "expires_in": 3600, "access_token": ACCESS_TOKEN });
    stack.sandbox.set_faults([sellsy("/oauth2/access-tokens").answers_with(200, token).once()]).await?;
    let workers = stack.start_all().await?;

    calls(stack).await?;
    webhooks(&workers[0], stack).await?;
    answers(stack).await?;
    unroutable(stack).await?;
    let mut texts = outages(stack, &workers, &relays).await?;
    for worker in &workers {
        texts.push((format!("metrics of {}", worker.name), get(worker, "metrics").await?));
    }
    texts.extend(wrong_settings(stack).await?);
    Ok(texts)
}

/// If the server asks for no password, any will do; otherwise the right one is looked for.
fn with_password(url: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    match rest.split_once('@') {
        Some((user, rest)) if !user.contains(':') => format!("{scheme}://{user}:{password}@{rest}"),
        _ => url.to_owned(),
    }
}

async fn get(worker: &Process, path: &str) -> Result<String> {
    Ok(reqwest::get(format!("{}/{path}", worker.url)).await?.text().await?)
}

/// Everything that a call may have, and every kind of caller.
async fn calls(stack: &Stack) -> Result<()> {
    let full = call(CLIENT).lasting(125).paced(10).recorded();
    let full = full.after(1, note(&format!("{WORDS} {IN_BODIES}")).by(AGENT)).after(2, tag("VIP"));
    let full = full.after(3, summary(WORDS).bare()).after(3, topics(&[WORDS]));
    let full = stack.sandbox.play(&full).await?;
    stack.sandbox.play(&call(NOBODY).by_nobody().voicemail()).await?;
    // A company, a contact, an individual with two records, foreign, withheld, internal, unusable.
    for digits in [
        "+33 1 99 00 30 01",
        "+33 6 39 98 40 02",
        "+33 6 39 98 00 04",
        "+44 20 7946 0014",
        "anonymous",
        "12",
        "+33 6 39",
    ] {
        stack.sandbox.play(&call(digits).outbound().lasting(125)).await?;
    }
    stack.sandbox.log_of(full, crate::GATHERED, says(&[WORDS])).await.map(drop)
}

/// Bodies at both webhooks that are refused, parked, or not understood by later stages.
async fn webhooks(ingest: &Process, stack: &Stack) -> Result<()> {
    let event = |token: &str, data: Value| webhook("call.ended", data).with_token(token).body().to_string();
    let data = json!({ "raw_digits": IN_BODIES, "comments": [{ "content": WORDS }] });
    let mut odd = data.clone();
    odd["id"] = json!(3_811_699_001_i64);
    odd["started_at"] = json!({ "who": IN_BODIES });
    odd["user"] = json!([WORDS]);
    let aircall = [
        (401, event(WRONG_TOKEN, data.clone())),
        (400, event(TOKEN, data.clone()).replace('}', "")),
        (400, format!("{{\"{TOKEN}\": \"{IN_BODIES}\", ")),
        (200, event(TOKEN, data.clone())),
        (200, event(TOKEN, json!(format!("{WORDS} {IN_BODIES}")))),
        (200, event(TOKEN, odd)),
    ];
    let post = async |path: &str, body: &str| {
        let request =
            Client::new().post(format!("{}/webhooks/{path}", ingest.url)).header("content-type", "application/json");
        anyhow::Ok(
            request
                .header("x-webhook-signature", "canary-of-a-signature")
                .body(body.to_owned())
                .send()
                .await?
                .status()
                .as_u16(),
        )
    };
    for (status, body) in &aircall {
        assert_eq!(post("aircall", body).await?, *status, "{body}");
    }
    let notice = format!(r#"{{"relatedtype":"people","relatedid":"{IN_BODIES}","who":"{WORDS}"}}"#);
    assert_eq!(post(&format!("sellsy/{WRONG_TOKEN}-and-more"), &notice).await?, 404);
    assert_eq!(post(&format!("sellsy/{WEBHOOK_SECRET}"), &notice).await?, 401);
    let unsigned = Client::new().post(format!("{}/webhooks/sellsy/{WEBHOOK_SECRET}", ingest.url)).body(notice);
    assert_eq!(unsigned.header("content-type", "application/json").send().await?.status(), 200);
    until_parked(stack, Stage::Ingest, 3).await
}

async fn until_parked(stack: &Stack, stage: Stage, letters: u32) -> Result<()> {
    let parked = || async { (stack.depth(&stack.names.dead(stage)).await.ok()? >= letters).then_some(()) };
    eventually(2 * SOON, parked).await.with_context(|| format!("{letters} dead letters of {}", stage.as_str()))
}

/// Both APIs answer wrongly, with bodies full of data that must not be logged.
async fn answers(stack: &Stack) -> Result<()> {
    let body =
        json!({ "error": { "message": format!("{WORDS} {IN_BODIES} camille.moreau@example.com {ACCESS_TOKEN}") } });
    // Never for the probe that follows a failure, which uses GET and the failed request's path.
    let answers =
        |requests: Requests, status| requests.answers_with(status, body.clone()).header("retry-after", "1").once();
    let posts = "POST /phone-calls";
    for faults in [
        vec![answers(sellsy(posts), 500)],
        vec![answers(sellsy(posts), 400)],
        vec![answers(sellsy("POST /opportunities/search"), 401), answers(sellsy("POST /oauth2/access-tokens"), 401)],
        vec![answers(sellsy(posts), 429)],
        vec![sellsy("/opportunities/search").answers_nonsense().once()],
        vec![sellsy(posts).breaks(After).once()],
        // The last one: afterwards nothing is sent there for a while.
        vec![answers(sellsy(posts), 403)],
    ] {
        stack.sandbox.set_faults(faults).await?;
        stack.sandbox.play(&call(CLIENT).lasting(125)).await?;
        stack.sandbox.struck(SOON).await?;
    }
    until_parked(stack, Stage::Logger, 1).await?;
    // Aircall when it is asked for an insight; and Sellsy, for a caller who is not in the directory.
    let refused = answers(aircall("GET /v1/calls/{id}/summary"), 401);
    stack.sandbox.set_faults([refused, answers(sellsy("GET /search"), 500)]).await?;
    let call = call("+33 6 39 98 99 02").lasting(125).after(1, summary(WORDS).bare());
    stack.sandbox.play(&call).await?;
    stack.sandbox.struck(SOON).await
}

/// A fact that no queue accepts: the broker returns it, and it waits in the inbox.
async fn unroutable(stack: &Stack) -> Result<()> {
    let connection = stack.broker().await?;
    let channel = connection.create_channel().await?;
    let (queue, events) = (stack.names.work(Stage::Cards), stack.names.events());
    let (queue, events) = (queue.as_str(), events.as_str());
    channel.queue_unbind(queue.into(), events.into(), "call.created".into(), FieldTable::default()).await?;
    stack.sandbox.play(&call(CLIENT)).await?;
    let ledger = stack.ledger().await?;
    let waiting = || async { (ledger.inbox().await.ok()? > 0).then_some(()) };
    eventually(SOON, waiting).await.context("the event waits in the inbox")?;
    channel
        .queue_bind(
            queue.into(),
            events.into(),
            "call.created".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    connection.close(200, "done".into()).await.context("the broker")
}

/// Database and broker become unavailable during the work, and come back.
async fn outages(
    stack: &Stack,
    workers: &[Process],
    (broker, database): &(Relay, Relay),
) -> Result<Vec<(String, String)>> {
    database.cut();
    stack.sandbox.play(&call(CLIENT)).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    broker.cut();
    stack.sandbox.play(&call(CLIENT)).await?;
    let mut texts = Vec::new();
    for worker in workers {
        let unready = || async { worker.readiness().await.ok().filter(|(ready, _)| !ready) };
        let (_, reasons) = eventually(SOON, unready).await.with_context(|| format!("{} stays ready", worker.name))?;
        texts.push((format!("readiness of {}", worker.name), reasons.to_string()));
    }
    broker.restore();
    database.restore();
    for worker in workers {
        worker.until_ready(SOON).await?;
    }
    stack.sandbox.delivered(2 * SOON).await?;
    Ok(texts)
}

/// The command and a worker with wrong secrets.
async fn wrong_settings(stack: &mut Stack) -> Result<Vec<(String, String)>> {
    let right = stack.environment.clone();
    let mut texts = Vec::new();
    let amqp = format!("amqp://guest:{AMQP_PASSWORD}@{}/%2f", harness::authority(&stack.amqp_url)?);
    let nowhere = format!("postgres://postgres:{DATABASE_PASSWORD}@127.0.0.1:9/callbridge");
    let nonsense = format!("postgres://postgres:{DATABASE_PASSWORD}@[/callbridge?sslmode=perhaps");
    let unknown = format!("postgres://postgres:{DATABASE_PASSWORD}@127.0.0.1/callbridge?sslmode=perhaps");
    for (name, value, arguments) in [
        ("SELLSY_CLIENT_SECRET", SELLSY_SECRET, &["explain", "+33 6 39 98 99 03"][..]),
        ("AMQP_URL", &amqp, &["dead", "list"]),
        ("DATABASE_URL", &nowhere, &["call", "3811600001"]),
        ("DATABASE_URL", &nonsense, &["budget"]),
        ("DATABASE_URL", &unknown, &["budget"]),
        ("AMQP_URL", AMQP_PASSWORD, &["dead", "list"]),
    ] {
        stack.environment.insert(name.into(), value.into());
        let (output, good) = stack.callbridge(arguments).await?;
        assert!(!good, "callbridge {arguments:?} with a wrong {name}: {output}");
        texts.push((format!("callbridge {}", arguments[0]), output));
        stack.environment.clone_from(&right);
    }
    stack.environment.insert("AMQP_URL".into(), amqp);
    stack.environment.insert("SELLSY_CLIENT_SECRET".into(), SELLSY_SECRET.into());
    let worker = stack.start("resolver").await?;
    let reported = || async { worker.output().contains("The broker is unavailable").then_some(()) };
    eventually(SOON, reported).await.context("a resolver that the broker does not let in")?;
    drop(worker);
    Ok(texts)
}
