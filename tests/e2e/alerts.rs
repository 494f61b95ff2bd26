//! Alerts: each receiver is told once, by all replicas together, that something is wrong, and once that it is over.

mod receivers;
mod weekly;

use std::time::Duration;

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{
    Process, Stack,
    build::{aircall, call, sellsy},
    eventually,
};
use lapin::{
    BasicProperties,
    options::{BasicConsumeOptions, BasicPublishOptions, BasicQosOptions},
    types::FieldTable,
};
use receivers::{MailServer, Posted, verify};
use serde_json::{Value, json};

use crate::{
    CLIENT, SOON,
    ca::{Begins, Ca},
};

/// The time between two looks, and some more.
const A_LOOK: Duration = Duration::from_secs(35);
/// Of the addresses of receivers, all but the webhook's secret: whatever is logged or told must not have it.
const SECRET: &str = "sesame";
const SIGNING: &str = "a secret of the webhook";

fn settings<'a>(stack: &mut Stack, settings: impl IntoIterator<Item = (&'a str, String)>) {
    stack.environment.extend(settings.into_iter().map(|(name, value)| (name.to_owned(), value)));
}

/// So many processes of ingest, without reconciliation, which would correct what a test pretends of the webhook.
async fn ingests(stack: &mut Stack, count: usize) -> Result<Vec<Process>> {
    let id = stack.environment.remove("AIRCALL_API_ID").context("an id")?;
    let mut ingests = Vec::new();
    for _ in 0..count {
        ingests.push(stack.start("ingest").await?);
    }
    for ingest in &ingests {
        ingest.until_ready(SOON).await?;
    }
    stack.environment.insert("AIRCALL_API_ID".into(), id);
    Ok(ingests)
}

/// Nothing of a person or a secret is in what was told or logged.
fn assert_discreet(told: &str, workers: &[Process]) {
    // Without the times, whose digits could match anything.
    for secret in [SECRET, SIGNING, "39 98", "4107", "Camille", "Moreau"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
    for worker in workers {
        let output = worker.output();
        for secret in [SECRET, SIGNING, "ops@example.com", "p%40ss"] {
            assert!(!output.contains(secret), "{secret} is in the log of {}:\n{output}", worker.name);
        }
    }
}

#[tokio::test]
#[ignore = "nightly: three minutes and a half"]
async fn each_receiver_is_told_once_and_one_that_fails_holds_back_no_other() -> Result<()> {
    let mut stack = Stack::new("alerts_receivers").await?;
    let ((posted, url), (mail, server)) = (Posted::listen().await?, MailServer::listen().await?);
    // The mail server speaks TLS, with a certificate that only this file makes trusted.
    let ca = Ca::new()?;
    let smtp = ca.relay(&format!("smtp://ops%40example.com:p%40ss%2Fword@{server}"), "smtps", Begins::AtOnce).await?;
    let trusted = ca.write(&stack.logs.join("ca.pem"))?;
    settings(
        &mut stack,
        [
            ("SSL_CERT_FILE", trusted),
            ("ALERT_WEBHOOK_URL", format!("{url}/hooks/{SECRET}")),
            ("ALERT_WEBHOOK_SECRET", SIGNING.into()),
            ("ALERT_SLACK_URL", format!("{url}/slack/{SECRET}")),
            ("ALERT_TEAMS_URL", format!("{url}/teams/{SECRET}")),
            ("ALERT_SMTP_URL", smtp),
            ("ALERT_MAIL_FROM", "Callbridge <calls@example.com>".into()),
            ("ALERT_MAIL_TO", "a@example.com, b@example.com".into()),
            ("ALERT_KINDS", "webhook_disabled; teams:webhook_disabled,parked".into()),
            ("CONSOLE_URL", "https://calls.example.com".into()),
        ],
    );
    let (hook, slack, teams) = (format!("/hooks/{SECRET}"), format!("/slack/{SECRET}"), format!("/teams/{SECRET}"));
    posted.refuse(&slack, 2);
    let ingests = ingests(&mut stack, 3).await?;
    let ledger = stack.ledger().await?;
    ledger.disable_webhook().await?;

    let counts = || [posted.on(&hook).len(), posted.on(&slack).len(), posted.on(&teams).len(), mail.all().len()];
    let told = |times: usize| {
        let counts = &counts;
        async move {
            let all = || async { (counts() == [times; 4]).then_some(()) };
            eventually(4 * SOON, all).await.with_context(|| format!("{times} each: {:?}", counts()))
        }
    };
    // The others need not wait for Slack.
    let others = || async { (counts() == [1, 0, 1, 1]).then_some(()) };
    eventually(2 * SOON, others).await.with_context(|| format!("all but one: {:?}", counts()))?;
    told(1).await?;
    let alert = &posted.on(&hook)[0];
    verify(alert, SIGNING)?;
    assert!(verify(alert, "another secret").is_err());
    assert_eq!(alert.json["kind"], "webhook_disabled");
    assert_eq!((&alert.json["state"], &alert.json["lasted_s"]), (&json!("begun"), &Value::Null));
    assert_eq!(alert.json["details"], json!({ "active": false }));
    assert_eq!(alert.json["link"], "https://calls.example.com/");
    let text = alert.json["text"].as_str().context("a text")?;
    assert!(
        text.starts_with("Callbridge : Aircall n’a pas de webhook actif")
            && text.contains("callbridge webhook install"),
        "{text}"
    );
    assert_eq!(posted.on(&slack)[0].json["text"], text);
    let card = &posted.on(&teams)[0].json["attachments"][0];
    assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
    assert_eq!(card["content"]["body"][1]["text"], text.replace('`', ""));
    let email = &mail.all()[0];
    // Of "\0ops@example.com\0p@ss/word".
    assert_eq!(email.login, "PLAIN AG9wc0BleGFtcGxlLmNvbQBwQHNzL3dvcmQ=");
    assert_eq!(email.from, "FROM:<calls@example.com>");
    assert_eq!(email.to, ["TO:<a@example.com>", "TO:<b@example.com>"]);
    for line in [
        "From: Callbridge <calls@example.com>\r\n",
        "To: a@example.com, b@example.com\r\n",
        "Subject: Callbridge : Aircall =?utf-8?b?",
        "Auto-Submitted: auto-generated\r\n",
        "https://calls.example.com/\r\n",
    ] {
        assert!(email.text.contains(line), "{line} in {}", email.text);
    }

    // It is over only after a minute.
    ledger.enable_webhook().await?;
    tokio::time::sleep(A_LOOK).await;
    assert_eq!(counts(), [1; 4]);
    ledger.alerts_age().await?;
    told(2).await?;
    let over = &posted.on(&hook)[1];
    verify(over, SIGNING)?;
    assert_eq!((&over.json["state"], &over.json["details"]), (&json!("over"), &json!({ "active": true })));
    assert_eq!(over.json["since"], alert.json["since"], "the same since which it was told that it had begun");
    assert!(over.json["lasted_s"].as_i64().is_some_and(|lasted| lasted >= 0), "{over:?}");
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!(counts(), [2; 4], "and nothing after that");
    let told: String = posted.all().iter().map(|post| post.json.to_string()).collect();
    assert_discreet(&told, &ingests);
    let failed = ingests.iter().filter(|ingest| ingest.output().contains("An alert could not be sent")).count();
    assert!(failed > 0, "an operator can see that Slack has refused");
    drop(ingests);
    stack.down().await
}

#[tokio::test]
#[ignore = "nightly"]
async fn who_has_to_act_is_alerted_once() -> Result<()> {
    let (posted, url) = Posted::listen().await?;
    let hook = format!("/hooks/{SECRET}");
    posted.refuse(&hook, 1);
    let mut stack = Stack::new("alerts").await?;
    settings(
        &mut stack,
        [
            ("ALERT_WEBHOOK_URL", format!("{url}{hook}")),
            ("SELLSY_REQUESTS_PER_DAY", "100000".into()),
            ("LOG_LANGUAGE", "en".into()),
        ],
    );
    let mut workers = ingests(&mut stack, 3).await?;
    for worker in ["resolver", "logger", "insights"] {
        workers.push(stack.start(worker).await?);
    }
    stack.directory_loaded(SOON).await?;
    stack.sandbox.deliver_to(&workers[0].url).await?;
    stack.sandbox.set_faults([sellsy("POST /phone-calls").answers(403)]).await?;
    let park = async |letters: u32| {
        stack.sandbox.play(&call(CLIENT)).await?;
        stack.parked(Stage::Logger, letters, 2 * SOON).await
    };
    park(1).await?;
    let alert = posted.until("parked", "begun", 1).await?;
    assert_eq!(alert["details"], json!({ "parked": 1, "by_stage": { "logger": 1 } }));
    assert!(alert["text"].as_str().is_some_and(|text| text.contains("callbridge dead list")), "{alert}");
    assert!(alert["at"].as_str().is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok()), "{alert}");
    assert_eq!(posted.all()[0].signature, None, "without a secret nothing is signed");

    // While the first alert is recent, others of its kind wait; other kinds do not.
    park(2).await?;
    let ledger = stack.ledger().await?;
    ledger.spend_sellsy(200_000).await?;
    ledger.disable_webhook().await?;
    let budget = posted.until("budget_exhausted", "begun", 1).await?;
    assert_eq!(budget["details"]["day_used_up"], json!(["sellsy"]));
    assert_eq!(posted.until("webhook_disabled", "begun", 1).await?["details"], json!({ "active": false }));
    assert_eq!(posted.of("parked", "begun").len(), 1);
    ledger.alerts_age().await?;
    assert_eq!(posted.until("parked", "begun", 2).await?["details"]["parked"], 2);
    tokio::time::sleep(A_LOOK).await;
    let kinds: Vec<_> = posted.all().iter().map(|post| post.json["kind"].clone()).collect();
    assert_eq!(kinds.len(), 4, "what stays as it is causes no further alert: {kinds:?}");

    // All of it ends.
    stack.sandbox.set_faults([]).await?;
    ledger.spend_sellsy(0).await?;
    ledger.enable_webhook().await?;
    let (said, good) = stack.callbridge(&["dead", "drop", "--all", "--yes"]).await?;
    assert!(good, "{said}");
    tokio::time::sleep(A_LOOK).await;
    ledger.alerts_age().await?;
    for (kind, details) in [
        ("parked", json!({ "parked": 0, "by_stage": {} })),
        ("budget_exhausted", json!({ "day_used_up": [], "waiting_long": [] })),
        ("webhook_disabled", json!({ "active": true })),
    ] {
        let over = posted.until(kind, "over", 1).await?;
        assert_eq!(over["details"], details);
        assert!(over["lasted_s"].as_i64().is_some_and(|lasted| lasted >= 0), "{over}");
    }
    assert_eq!(posted.all().len(), 7);
    let told: String = posted
        .all()
        .iter()
        .map(|post| json!([post.json["kind"], post.json["text"], post.json["details"]]).to_string())
        .collect();
    assert_discreet(&told, &workers);
    drop(workers);
    stack.down().await
}

/// And an ingest that ends meanwhile forgets nothing.
#[tokio::test]
#[ignore = "nightly"]
async fn a_worker_that_is_gone_and_its_queue_are_told_of() -> Result<()> {
    let (posted, url) = Posted::listen().await?;
    let mut stack = Stack::new("alerts_gone").await?;
    settings(
        &mut stack,
        [
            ("ALERT_WEBHOOK_URL", format!("{url}/hooks/{SECRET}")),
            ("ALERT_KINDS", "worker_gone,queue_stands".into()),
            ("LOG_LANGUAGE", "en".into()),
        ],
    );
    let mut workers = stack.start_all().await?;
    let ledger = stack.ledger().await?;
    // All workers run: nothing is told, also if a minute had passed.
    tokio::time::sleep(A_LOOK).await;
    ledger.alerts_age().await?;
    tokio::time::sleep(A_LOOK).await;
    assert!(posted.all().is_empty(), "{:?}", posted.all());

    // The logger dies. While others have just been started, that is no alert yet, whereas nobody takes the end of a call.
    workers[2].kill().await?;
    ledger.replicas_age("logger").await?;
    ledger.just_started("resolver").await?;
    stack.sandbox.play(&call(CLIENT)).await?;
    let alone = posted.until("queue_stands", "begun", 1).await?;
    assert_eq!(alone["details"], json!({ "waiting": { "ended": 1 }, "no_consumer": ["ended"], "not_falling": [] }));
    ledger.just_started("resolver").await?;
    ledger.suspicions_age(120).await?;
    tokio::time::sleep(A_LOOK).await;
    assert!(posted.of("worker_gone", "begun").is_empty(), "{:?}", posted.all());
    ledger.run_for_long().await?;
    let gone = posted.until("worker_gone", "begun", 1).await?;
    assert_eq!(gone["details"], json!({ "workers": ["logger"] }));
    assert!(gone["text"].as_str().is_some_and(|text| text.contains("no process of logger")), "{gone}");

    // Another ingest knows what was told.
    workers[0].kill().await?;
    workers[0] = stack.start("ingest").await?;
    workers[2] = stack.start("logger").await?;
    stack.sandbox.deliver_to(&workers[0].url).await?;
    tokio::time::sleep(2 * A_LOOK).await;
    ledger.alerts_age().await?;
    let over = posted.until("worker_gone", "over", 1).await?;
    assert_eq!(over["details"], json!({ "workers": [] }));
    assert_eq!(over["since"], gone["since"]);
    posted.until("queue_stands", "over", 1).await?;
    assert_eq!(posted.of("worker_gone", "begun").len(), 1);

    // A consumer that takes a message and never acks it.
    let (channel, queue) = (stack.broker().await?.create_channel().await?, stack.names.work(Stage::Followups));
    for _ in 0..3 {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        channel.basic_publish("".into(), queue.as_str().into(), options, b"{}", properties).await?.await?;
    }
    channel.basic_qos(1, BasicQosOptions::default()).await?;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let consumer = channel.basic_consume(queue.as_str().into(), "idle".into(), options, arguments).await?;
    let seen = async |subject: &str| {
        let is_seen = || async {
            let sql = "select count(*) from troubles where subject = $1 and since is not null";
            let connection = stack.connection().await.ok()?;
            (connection.query_one(sql, &[&subject]).await.ok()?.get::<_, i64>(0) > 0).then_some(())
        };
        eventually(3 * SOON, is_seen).await.with_context(|| format!("{subject} is not seen"))
    };
    seen("not_falling:followups").await?;
    ledger.alerts_age().await?;
    let still = posted.until("queue_stands", "begun", 2).await?;
    assert_eq!(
        still["details"],
        json!({ "waiting": { "followups": 2 }, "no_consumer": [], "not_falling": ["followups"] })
    );
    drop(consumer);
    drop(workers);
    stack.down().await
}

#[tokio::test]
#[ignore = "nightly"]
async fn a_directory_that_is_stale_and_an_api_that_refuses_are_told_of() -> Result<()> {
    let (posted, url) = Posted::listen().await?;
    let mut stack = Stack::new("alerts_refused").await?;
    settings(
        &mut stack,
        [
            ("ALERT_WEBHOOK_URL", format!("{url}/hooks/{SECRET}")),
            ("ALERT_KINDS", "directory_stale,api_refused".into()),
            ("LOG_LANGUAGE", "en".into()),
            ("DIRECTORY_SYNC_EVERY", "5s".into()),
            ("RECONCILE_EVERY", "5s".into()),
        ],
    );
    let workers = stack.start_all().await?;
    let ledger = stack.ledger().await?;
    tokio::time::sleep(A_LOOK).await;
    ledger.alerts_age().await?;
    tokio::time::sleep(A_LOOK).await;
    assert!(posted.all().is_empty(), "{:?}", posted.all());

    stack
        .sandbox
        .set_faults([sellsy("POST /companies/search").answers(401), aircall("GET /v1/calls").answers(401)])
        .await?;
    let stale = posted.until("directory_stale", "begun", 1).await?;
    assert_eq!(stale["details"]["failing"], json!(["company"]), "{stale}");
    let both = || async {
        let all = posted.of("api_refused", "begun");
        all.iter().any(|alert| alert["details"]["apis"] == json!(["aircall", "sellsy"])).then_some(())
    };
    if eventually(2 * SOON, both).await.is_none() {
        // The second one was found a moment later, and is told of ten minutes after the first.
        ledger.alerts_age().await?;
        eventually(3 * SOON, both).await.with_context(|| format!("both: {:?}", posted.all()))?;
    }
    let begun = posted.of("api_refused", "begun").len();

    stack.sandbox.set_faults([]).await?;
    tokio::time::sleep(2 * A_LOOK).await;
    ledger.alerts_age().await?;
    posted.until("directory_stale", "over", 1).await?;
    assert_eq!(posted.until("api_refused", "over", 1).await?["details"], json!({ "apis": [] }));
    assert_eq!((posted.of("directory_stale", "begun").len(), posted.of("api_refused", "begun").len()), (1, begun));

    // Nobody reads changes any more.
    let unread = "update directory_sync set changes_until = now() - interval '1 hour'";
    drop(workers);
    let ingest = ingests(&mut stack, 1).await?;
    stack.connection().await?.batch_execute(unread).await?;
    tokio::time::sleep(A_LOOK).await;
    ledger.alerts_age().await?;
    let stale = posted.until("directory_stale", "begun", 2).await?;
    assert_eq!(stale["details"], json!({ "unread": ["company", "contact", "individual"], "failing": [] }));
    drop(ingest);
    stack.down().await
}
