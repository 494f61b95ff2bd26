//! `callbridge check`: a healthy installation is reported as healthy, and each broken one by its fault and the cure.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use base::ids::Stage;
use harness::{
    Stack, WORKERS, authority,
    build::{Before, aircall, sellsy},
};
use jiff::{SignedDuration, Timestamp};
use lapin::{
    options::{QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::SOON;

/// No process listens there: the discard port, which none of our machines has open.
const NOBODY: &str = "127.0.0.1:9";

/// One expected finding: what, state, part of the result, part of the cure.
type Expected<'a> = (&'a str, &'a str, &'a str, &'a str);

async fn check(stack: &Stack) -> Result<(Value, bool)> {
    let (said, fine) = stack.callbridge(&["check", "--json"]).await?;
    for secret in ["sandbox-aircall-token", "sandbox-sellsy-secret", "sesame", harness::TOKEN, "guest:"] {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
    Ok((serde_json::from_str(&said).with_context(|| said.clone())?, fine))
}

/// Asserts that exactly this is found, and that the command fails unless the finding is a warning.
async fn finds(stack: &Stack, case: &str, (what, state, says, cure): Expected<'_>) -> Result<Value> {
    let (report, fine) = check(stack).await.with_context(|| case.to_owned())?;
    let findings = report["findings"].as_array().context("findings")?.clone();
    let finding =
        findings.iter().find(|f| f["what"] == what).with_context(|| format!("{case}: {what} in {report:#}"))?;
    assert_eq!(finding["state"], state, "{case}: {finding}");
    let text = |name: &str| finding[name].as_str().unwrap_or_default();
    assert!(text("says").contains(says), "{case}: {says} in {finding}");
    assert!(text("cure").contains(cure) && (state == "not_checked" || !cure.is_empty()), "{case}: {cure} in {finding}");
    let others_failed = findings.iter().filter(|f| f["what"] != what && f["state"] == "failed").count();
    assert_eq!(others_failed, 0, "{case}: nothing else is wrong: {report:#}");
    assert_eq!((fine, &report["works"]), (state == "warning", &json!(state == "warning")), "{case}");
    Ok(report)
}

/// What failed is first, then what could not be checked, warnings, and what is well.
fn worst_first(report: &Value) -> Result<()> {
    let order = ["failed", "not_checked", "warning", "ok"];
    let states = report["findings"].as_array().into_iter().flatten().map(|finding| finding["state"].as_str());
    let places: Option<Vec<_>> = states.map(|state| order.iter().position(|known| Some(*known) == state)).collect();
    let places = places.with_context(|| format!("a state of its own in {report:#}"))?;
    anyhow::ensure!(places.is_sorted() && places.contains(&0), "{report:#}");
    Ok(())
}

/// A PostgreSQL that refuses every password.
async fn refusing_database() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("postgres://callbridge:sesame@{}/callbridge?sslmode=disable", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed\0\0";
            let length = u32::try_from(fields.len() + 4).unwrap_or_default();
            let answer = [b"E".as_slice(), &length.to_be_bytes(), fields].concat();
            let _ = client.read(&mut [0; 1024]).await;
            let _ = client.write_all(&answer).await;
        }
    });
    Ok(url)
}

/// Faults that are settings of the command alone.
async fn wrong_settings(stack: &mut Stack) -> Result<()> {
    let (broker, database) = (authority(&stack.amqp_url)?, authority(&stack.database_url)?);
    let elsewhere = |url: &str, host: &str| url.replacen(host, NOBODY, 1);
    let other_database = stack.database_url.replacen(&stack.name, "cb_nowhere", 1);
    let (queue, missing) = (format!("exchange {}.events", stack.name), format!("exchange {}x.events", stack.name));
    assert_ne!(queue, missing);
    let api = stack.sandbox.url().to_owned();
    let cases: Vec<(&str, String, Expected<'_>)> = vec![
        (
            "AMQP_URL",
            format!("amqp://guest:sesame@{broker}/%2f"),
            ("broker", "failed", "refuses this user", "password in AMQP_URL"),
        ),
        (
            "AMQP_URL",
            stack.amqp_url.replacen("/%2f", "/nowhere", 1),
            ("broker", "failed", "virtual host", "last part of AMQP_URL"),
        ),
        ("AMQP_URL", elsewhere(&stack.amqp_url, &broker), ("broker", "failed", "cannot be reached", "start RabbitMQ")),
        (
            "DATABASE_URL",
            elsewhere(&stack.database_url, &database),
            ("database", "failed", "cannot be reached", "start PostgreSQL"),
        ),
        ("DATABASE_URL", refusing_database().await?, ("database", "failed", "28P01", "password in DATABASE_URL")),
        ("DATABASE_URL", other_database, ("database", "failed", "no such database", "createdb")),
        ("AIRCALL_API_TOKEN", "sesame".into(), ("Aircall", "failed", "AIRCALL_CREDENTIAL", "AIRCALL_API_TOKEN")),
        (
            "AIRCALL_API_TOKEN",
            String::new(),
            (
                "setting AIRCALL_API_TOKEN",
                "failed",
                "missing: resolver and insights do not start",
                "set AIRCALL_API_ID",
            ),
        ),
        ("SELLSY_CLIENT_ID", String::new(), ("setting SELLSY_CLIENT_ID", "failed", "missing", "Developer portal")),
        (
            "AIRCALL_API_URL",
            format!("http://{NOBODY}"),
            ("Aircall", "failed", "no connection", "check AIRCALL_API_URL"),
        ),
        ("AIRCALL_API_URL", format!("{api}/aircall/v1"), ("Aircall", "failed", "404", "check AIRCALL_API_URL")),
        ("SELLSY_CLIENT_SECRET", "sesame".into(), ("Sellsy", "failed", "SELLSY_CREDENTIAL", "SELLSY_CLIENT_SECRET")),
        ("SELLSY_AUTH_URL", format!("http://{NOBODY}"), ("Sellsy", "failed", "no connection", "check SELLSY_AUTH_URL")),
        (
            "SELLSY_DEFAULT_OWNER_ID",
            "4".into(),
            ("Sellsy default owner", "failed", "no staff member 4", "SELLSY_DEFAULT_OWNER_ID"),
        ),
        ("LOG_TEMPLATE", "/nowhere/log.j2".into(), ("log template", "failed", "cannot be read", "LOG_TEMPLATE")),
        (
            "TIME_ZONE",
            "Mars/Olympus".into(),
            ("setting TIME_ZONE", "failed", "must be an IANA time zone", "set a valid TIME_ZONE"),
        ),
        (
            "AIRCALL_WEBHOOK_TOKENS",
            String::new(),
            ("Aircall webhook", "failed", "there is no token of a webhook", "callbridge webhook install"),
        ),
    ];
    let healthy: BTreeMap<_, _> = stack.environment.clone();
    for (name, value, expected) in cases {
        stack.environment.insert(name.into(), value.clone());
        let report = finds(stack, &format!("{name}={value}"), expected).await?;
        worst_first(&report)?;
        if value.is_empty() && name != "AIRCALL_WEBHOOK_TOKENS" {
            assert!(!report.to_string().contains("complete"), "{name} is missing: {report:#}");
        }
        stack.environment.clone_from(&healthy);
    }
    assert_eq!(stack.ledger().await?.paused_apis().await?, 0, "a wrong address here is no outage for the workers");
    Ok(())
}

async fn wrong_topology(stack: &mut Stack) -> Result<()> {
    let connection = stack.broker().await?;
    let channel = connection.create_channel().await?;
    let (queue, events) = (stack.names.work(Stage::Ended), stack.names.events());
    let key = "call.ended";
    channel.queue_unbind(queue.as_str().into(), events.as_str().into(), key.into(), FieldTable::default()).await?;
    let what = format!("bindings of {queue}");
    finds(stack, "unbound", (&what, "failed", "not routed to it: call.ended", "start any worker")).await?;
    let bind = QueueBindOptions::default();
    channel.queue_bind(queue.as_str().into(), events.as_str().into(), key.into(), bind, FieldTable::default()).await?;

    // Another namespace, which contains only a queue of the wrong kind.
    let namespace = format!("{}x", stack.name);
    let wrong = format!("{namespace}.logger");
    stack.own_queue(&wrong);
    channel.queue_declare(wrong.as_str().into(), QueueDeclareOptions::durable(), FieldTable::default()).await?;
    stack.environment.insert("AMQP_NAMESPACE".into(), namespace.clone());
    let (report, fine) = check(stack).await?;
    stack.environment.insert("AMQP_NAMESPACE".into(), stack.name.clone());
    assert!(!fine);
    for (what, says, cure) in [
        (format!("queue {wrong}"), "other arguments", "delete it"),
        (format!("queue {namespace}.resolver"), "does not exist", "start any worker"),
        (format!("queue {namespace}.delay.5s"), "does not exist", "start any worker"),
        (format!("exchange {namespace}.events"), "does not exist", "start any worker"),
    ] {
        let found = report["findings"].as_array().into_iter().flatten().find(|f| f["what"] == what.as_str());
        let found = found.with_context(|| format!("{what} in {report:#}"))?.to_string();
        assert!(found.contains(says) && found.contains(cure), "{what}: {found}");
    }
    let nothing = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let looked = connection.create_channel().await?;
    let made = looked.queue_declare(format!("{namespace}.resolver").into(), nothing, FieldTable::default()).await;
    assert!(made.is_err(), "looking creates nothing");
    connection.close(200, "done".into()).await?;
    Ok(())
}

/// Changes the webhook as a person with the credential would.
pub(crate) async fn webhook(stack: &Stack, change: &Value) -> Result<()> {
    let http = reqwest::Client::new();
    let url = format!("{}/aircall/v1/webhooks", stack.sandbox.url());
    let with =
        |request: reqwest::RequestBuilder| request.basic_auth("sandbox-aircall-id", Some("sandbox-aircall-token"));
    let all: Value = with(http.get(&url)).send().await?.json().await?;
    let id = all["webhooks"][0]["webhook_id"].as_str().context("a webhook")?;
    let mut body = json!({ "url": all["webhooks"][0]["url"], "events": ingest_events(), "active": true });
    for (name, value) in change.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    let answer = with(http.put(format!("{url}/{id}"))).json(&body).send().await?;
    anyhow::ensure!(answer.status().is_success(), "{}", answer.text().await?);
    Ok(())
}

fn ingest_events() -> Vec<&'static str> {
    ingest::webhooks::needed(&base::rules::Rules::default())
}

async fn wrong_vendors(stack: &Stack) -> Result<()> {
    webhook(stack, &json!({ "active": false })).await?;
    finds(stack, "disabled", ("Aircall webhook", "failed", "disabled", "callbridge webhook install")).await?;
    let but_ended: Vec<_> = ingest_events().into_iter().filter(|event| *event != "call.ended").collect();
    webhook(stack, &json!({ "events": but_ended })).await?;
    finds(
        stack,
        "lacking",
        ("Aircall webhook", "failed", "are not delivered: call.ended", "callbridge webhook install"),
    )
    .await?;
    webhook(stack, &json!({})).await?;

    stack.sandbox.control(Method::PUT, "/sellsy/quotas", Some(&json!({ "minute": 5000 }))).await?;
    let says = "SELLSY_REQUESTS_PER_MINUTE is 60000, Sellsy allows 5000";
    finds(stack, "quota", ("Sellsy quotas", "warning", says, "SELLSY_REQUESTS_PER_MINUTE to 5000")).await?;
    stack.sandbox.control(Method::PUT, "/sellsy/quotas", Some(&json!({}))).await?;

    let an_hour_ago = Timestamp::now() - SignedDuration::from_hours(1);
    let date = an_hour_ago.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (case, fault, expected) in [
        (
            "scope",
            sellsy("POST /opportunities/search").answers(403),
            ("Sellsy scope opportunities.read", "failed", "403", "scope"),
        ),
        (
            "writing",
            sellsy("PUT /phone-calls/{id}").answers(403),
            ("Sellsy scope phonecalls.write", "failed", "403", "scope"),
        ),
        ("quotas", sellsy("GET /quotas").answers(403), ("Sellsy quotas", "warning", "cannot be read", "accounts.read")),
        (
            "clock",
            aircall("/v1/ping").answers_with(200, json!({ "ping": "pong" })).header("date", &date),
            ("clock of Aircall", "failed", "s ahead", "NTP"),
        ),
        (
            "hang",
            aircall("/v1/webhooks").hangs(Before),
            ("Aircall webhook", "failed", "no answer within 20 s", "AIRCALL_API_URL"),
        ),
    ] {
        stack.sandbox.set_faults([fault]).await?;
        finds(stack, case, expected).await?;
        stack.sandbox.set_faults([]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_healthy_installation_is_well_and_each_fault_has_its_cure() -> Result<()> {
    let (mut stack, mut workers) = Stack::running("check").await?;
    let (report, fine) = check(&stack).await?;
    let findings = report["findings"].as_array().context("findings")?;
    assert!(fine && findings.iter().all(|f| f["state"] == "ok"), "{report:#}");
    assert!(findings.len() > 40, "{report:#}");
    let (table, fine) = stack.callbridge(&["check"]).await?;
    assert!(fine && table.contains("Everything works. 0 failed, ") && !table.contains('\u{1b}'), "{table}");

    wrong_settings(&mut stack).await?;
    wrong_topology(&mut stack).await?;
    wrong_vendors(&stack).await?;
    let ledger = stack.ledger().await?;
    ledger.hide_last_migration().await?;
    finds(&stack, "migrations", ("migrations", "failed", "are applied", "start any worker")).await?;
    ledger.show_all_migrations().await?;

    let insights = WORKERS.iter().position(|worker| *worker == "insights").context("insights")?;
    workers.remove(insights).terminate(SOON).await?;
    let what = format!("queue {}", stack.names.work(Stage::Insights));
    finds(&stack, "no worker", (&what, "failed", "no worker consumes it", "start insights")).await?;

    assert_eq!(stack.dead_letters().await?, [], "no probe is parked");
    assert_eq!(stack.sandbox.count("sellsy", "POST /phone-calls").await?, 0);
    assert!(stack.sandbox.phone_calls().await?.is_empty(), "and none is written");
    drop(workers);
    stack.down().await
}
