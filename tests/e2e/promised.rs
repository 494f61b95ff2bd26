//! What other programs may rely on (docs/contracts): facts in a queue of their own, and what the workers answer, are as described.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use harness::{Stack, TOKEN, build::call, build::summary, build::tag, eventually, says, workspace};
use lapin::{
    options::{QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::{CLIENT, GATHERED, SOON};

const SECRET: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
const NOTICE: &str =
    r#"{"eventType":"people","event":"updated","timestamp":"1778187955","relatedtype":"people","relatedid":"4001"}"#;

struct Document(Value);

impl Document {
    fn read(name: &str) -> Result<Self> {
        let path = workspace().join("docs/contracts").join(name);
        Ok(Self(serde_json::from_str(&std::fs::read_to_string(&path)?)?))
    }

    /// Why this is not what the schema says.
    fn faults(&self, schema: &Value, value: &Value) -> Result<Vec<String>> {
        ensure!(!schema.is_null(), "there is no schema for {value}");
        let schema = json!({ "components": self.0["components"], "allOf": [schema] });
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema)?;
        Ok(validator.iter_errors(value).map(|error| error.to_string()).collect())
    }
}

#[tokio::test]
async fn a_queue_of_others_gets_the_facts_as_described() -> Result<()> {
    let mut stack = Stack::new("promised_facts").await?;
    stack.environment.insert("SELLSY_WEBHOOK_SECRET".into(), SECRET.into());
    let workers = stack.start_all().await?;
    stack.directory_loaded(SOON).await?;
    let queue = format!("others_{}", stack.name);
    stack.own_queue(&queue);
    let connection = stack.broker().await?;
    let channel = connection.create_channel().await?;
    let durable = QueueDeclareOptions::durable();
    channel.queue_declare(queue.as_str().into(), durable, FieldTable::default()).await?;
    let (events, bind) = (stack.names.events(), QueueBindOptions::default());
    channel.queue_bind(queue.as_str().into(), events.as_str().into(), "#".into(), bind, FieldTable::default()).await?;

    let played = call(CLIENT).lasting(90).after(100, tag("VIP")).after(200, summary("Un devis."));
    let id = stack.sandbox.play(&played).await?;
    let url = format!("{}/webhooks/sellsy/{SECRET}", workers[0].url);
    let noticed = Client::new().post(url).header("content-type", "application/json").body(NOTICE).send().await?;
    ensure!(noticed.status() == 200, "{}", noticed.text().await?);
    stack.sandbox.log_of(id, GATHERED, says(&["Un devis.", "VIP"])).await?;

    let document = Document::read("facts.asyncapi.json")?;
    let messages = &document.0["components"]["messages"];
    let mut kinds = BTreeSet::new();
    for message in stack.take(&queue).await? {
        let fact: Value = serde_json::from_slice(&message.data)?;
        let kind = fact["kind"].as_str().context("a kind")?.to_owned();
        ensure!(message.routing_key.as_str() == kind, "the routing key is the kind: {kind}");
        let faults = document.faults(&messages[&kind]["payload"], &fact)?;
        ensure!(faults.is_empty(), "{kind}: {}", faults.join("\n"));
        let headers = message.properties.headers().as_ref().context("headers")?;
        for name in ["traceparent", "callbridge-call-id"] {
            ensure!(headers.contains_key(name), "{kind}: {name}");
        }
        kinds.insert(kind);
    }
    for kind in ["call.created", "call.ended", "call.tagged", "summary.created", "call.insights", "directory.changed"] {
        ensure!(kinds.contains(kind), "{kind} is missing: {kinds:?}");
    }
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn workers_answer_as_described() -> Result<()> {
    let mut stack = Stack::new("promised_answers").await?;
    stack.environment.insert("SELLSY_WEBHOOK_SECRET".into(), SECRET.into());
    let ingest = stack.start("ingest").await?;
    ingest.until_whole(SOON).await?;
    let document = Document::read("workers.openapi.json")?;
    let (aircall, sellsy) = ("/webhooks/aircall", "/webhooks/sellsy/{secret}");
    let event = format!(r#"{{"event":"call.ended","timestamp":1764000000,"token":"{TOKEN}","data":{{"id":7}}}}"#);
    let large = format!(r#"{{"event":"call.ended","token":"{TOKEN}","data":"{}"}}"#, "x".repeat(1024 * 1024));
    let mut asked = BTreeSet::new();
    for (method, path, kind, body, status) in [
        (Method::POST, aircall, "application/json", event.clone(), 200),
        (Method::POST, aircall, "application/json", event.replace("call.ended", "rocket.launched"), 200),
        (Method::POST, aircall, "application/json", "{}".into(), 400),
        (Method::POST, aircall, "application/json", event.replace(TOKEN, "wrong"), 401),
        (Method::GET, aircall, "application/json", String::new(), 405),
        (Method::POST, aircall, "application/json", large, 413),
        (Method::POST, aircall, "text/plain", event, 415),
        (Method::GET, sellsy, "application/json", String::new(), 200),
        (Method::POST, sellsy, "application/json", NOTICE.to_owned(), 200),
        (Method::POST, sellsy, "text/plain", NOTICE.to_owned(), 415),
        (Method::PUT, sellsy, "application/json", NOTICE.to_owned(), 405),
        (Method::GET, "/healthz", "", String::new(), 200),
        (Method::GET, "/readyz", "", String::new(), 200),
        (Method::GET, "/metrics", "", String::new(), 200),
    ] {
        let url = format!("{}{}", ingest.url, path.replace("{secret}", SECRET));
        let request = Client::new().request(method.clone(), url).header("content-type", kind).body(body);
        let response = request.send().await?;
        let about = format!("{method} {path} {status}");
        ensure!(response.status().as_u16() == status, "{about}: {}", response.status());
        let text = response.text().await?;
        // What another method is answered stands with the one that is right.
        let operations = document.0["paths"][path].as_object().with_context(|| about.clone())?;
        let operation = operations.get(&method.as_str().to_lowercase()).or_else(|| operations.get("post"));
        let operation = operation.with_context(|| about.clone())?;
        let answer = &operation["responses"][status.to_string()]["content"];
        asked.insert(path);
        if answer.get("text/plain").is_some() {
            continue;
        }
        let value: Value = serde_json::from_str(&text).with_context(|| format!("{about}: {text}"))?;
        let faults = document.faults(&answer["application/json"]["schema"], &value)?;
        ensure!(faults.is_empty(), "{about}: {}", faults.join("\n"));
        // A code that is not named there is a code that nobody was told of.
        if let Some(code) = value["error"]["code"].as_str() {
            let says = operation["responses"][status.to_string()]["description"].as_str().unwrap_or_default();
            ensure!(says.contains(code), "{about}: {code} is not described");
        }
    }
    let described: BTreeSet<_> = document.0["paths"].as_object().context("paths")?.keys().map(String::as_str).collect();
    ensure!(asked == described, "{asked:?} of {described:?}");
    // A worker that cannot work says so in the same form.
    let mut other = Stack::new("promised_unready").await?;
    other.environment.insert("AMQP_URL".into(), "amqp://guest:guest@127.0.0.1:9/%2f".into());
    let resolver = other.start("resolver").await?;
    let unready = async || {
        let answer = Client::new().get(format!("{}/readyz", resolver.url)).send().await.ok()?;
        (answer.status() == 503).then_some(answer)
    };
    let answer: Value = eventually(SOON, unready).await.context("it is not ready")?.json().await?;
    let schema = &document.0["paths"]["/readyz"]["get"]["responses"]["503"]["content"]["application/json"]["schema"];
    let faults = document.faults(schema, &answer)?;
    ensure!(faults.is_empty() && answer["missing"]["broker"].is_string(), "{answer}: {faults:?}");
    drop((ingest, resolver));
    other.down().await?;
    stack.down().await
}
