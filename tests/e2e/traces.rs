//! One call is one trace: what an OpenTelemetry collector receives of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use base::ids::Stage;
use harness::{
    Stack,
    build::{call, summary},
    eventually, says,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as Any},
    trace::v1::{Span, status::StatusCode},
};
use prost::Message;
use tokio::net::TcpListener;

use crate::{CLIENT, GATHERED, SOON};

/// By service.
type Received = Arc<Mutex<Vec<(String, Span)>>>;

async fn take(State(received): State<Received>, headers: HeaderMap, body: Bytes) {
    if headers.get("x-key").is_some_and(|key| key != "of-the-collector") {
        return;
    }
    let Ok(request) = ExportTraceServiceRequest::decode(body) else { return };
    let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
    for resource in request.resource_spans {
        let service = resource.resource.map(|of| text(&of.attributes, "service.name")).unwrap_or_default();
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        received.extend(spans.map(|span| (service.clone(), span)));
    }
}

async fn collector() -> Result<(String, Received)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let received = Received::default();
    let routes = Router::new().route("/v1/traces", post(take)).with_state(received.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok((url, received))
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    match attributes.iter().find(|of| of.key == key).and_then(|of| of.value.as_ref()?.value.as_ref()) {
        Some(Any::StringValue(text)) => text.clone(),
        Some(Any::IntValue(n)) => n.to_string(),
        _ => String::new(),
    }
}

#[tokio::test]
async fn all_that_is_done_for_a_call_is_one_trace() -> Result<()> {
    let (url, received) = collector().await?;
    let mut stack = Stack::new("traces").await?;
    stack.environment.insert("OTEL_EXPORTER_OTLP_ENDPOINT".into(), url);
    let workers = stack.start_all().await?;
    stack.directory_loaded(SOON).await?;
    let first = stack.sandbox.play(&call(CLIENT).lasting(90).after(100, summary("Un devis."))).await?;
    let second = stack.sandbox.play(&call(CLIENT).lasting(90)).await?;
    stack.sandbox.log_of(first, GATHERED, says(&["Un devis."])).await?;
    stack.sandbox.logged(second, SOON).await?;

    let of = |call: i64| {
        let received = received.lock().unwrap();
        let of_call =
            received.iter().filter(|(_, span)| text(&span.attributes, "callbridge.call_id") == call.to_string());
        let traces: BTreeSet<_> = of_call.map(|(_, span)| span.trace_id.clone()).collect();
        let spans: Vec<_> = received.iter().filter(|(_, span)| traces.contains(&span.trace_id)).cloned().collect();
        (traces, spans)
    };
    // Each process sends its spans independently, so the last step may arrive before others. An insight may be there before the
    // log is, and then it is part of the first write.
    let steps = [
        "ingest call.ended",
        "ingest summary.created",
        "ended call.ended",
        "POST /phone-calls",
        "insights summary.created",
        "logger call.insights",
    ];
    let whole = || async {
        let (_, spans) = of(first);
        steps.iter().all(|step| spans.iter().any(|(_, span)| span.name == *step)).then_some(())
    };
    eventually(SOON, whole).await.context("spans up to the insight")?;
    let (traces, spans) = of(first);
    assert_eq!(traces.len(), 1, "one trace");
    assert!(of(second).0.is_disjoint(&traces), "another call, another trace");

    // Each step is a child of the one that caused it.
    let by_id: BTreeMap<_, _> = spans.iter().map(|(service, span)| (span.span_id.clone(), (service, span))).collect();
    let caused_by = |name: &str| {
        let (_, span) =
            spans.iter().find(|(_, span)| span.name == name).with_context(|| format!("{name} is missing"))?;
        let parent = by_id.get(&span.parent_span_id).map(|(service, span)| (service.as_str(), span.name.as_str()));
        anyhow::Ok(parent)
    };
    assert_eq!(caused_by("ingest call.ended")?, None);
    assert_eq!(caused_by("ended call.ended")?, Some(("callbridge-ingest", "ingest call.ended")));
    // Without a card in time, the call is passed on to the resolver.
    if spans.iter().any(|(_, span)| span.name == "resolver call.ended") {
        assert_eq!(caused_by("resolver call.ended")?, Some(("callbridge-ingest", "ingest call.ended")));
        assert_eq!(caused_by("logger call.resolved")?, Some(("callbridge-resolver", "resolver call.ended")));
    }
    let writer = caused_by("POST /phone-calls")?.context("the log was written for a message")?;
    let writers = ["ended call.ended", "logger call.resolved", "logger call.insights"];
    assert!(writers.map(|name| ("callbridge-logger", name)).contains(&writer));
    assert_eq!(caused_by("insights summary.created")?, Some(("callbridge-ingest", "ingest summary.created")));
    assert_eq!(caused_by("logger call.insights")?, Some(("callbridge-insights", "insights summary.created")));
    for (_, span) in &spans {
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano, "{}", span.name);
        let failed = span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error);
        // An insight may arrive before its call ends, and then comes back; a card may come after the end (405).
        let why = text(&span.attributes, "error.type");
        let expected = ["INSIGHTS_BEFORE_CALL", "405"].contains(&why.as_str());
        assert!(!failed || expected, "{}: {:?}", span.name, span.status);
    }
    // The conventions: numbers are numbers, and each message says what, where and how large it is.
    let attribute = |name: &str, key: &str| {
        let span = spans.iter().find(|(_, span)| span.name == name).map(|(_, span)| span);
        span.and_then(|span| span.attributes.iter().find(|of| of.key == key)?.value.as_ref()?.value.clone())
    };
    let number = |name: &str, key: &str| match attribute(name, key) {
        Some(Any::IntValue(number)) => Some(number),
        _ => None,
    };
    let word = |name: &str, key: &str| match attribute(name, key) {
        Some(Any::StringValue(word)) => word,
        other => format!("{other:?}"),
    };
    assert_eq!(number("POST /phone-calls", "http.response.status_code"), Some(201));
    assert!(number("ended call.ended", "messaging.message.body.size").is_some_and(|bytes| bytes > 100));
    let events = stack.names.events();
    for (name, operation, destination) in
        [("ingest call.ended", "send", events), ("ended call.ended", "process", stack.names.work(Stage::Ended))]
    {
        assert_eq!(word(name, "messaging.system"), "rabbitmq");
        assert_eq!(word(name, "messaging.operation.type"), operation);
        assert_eq!(word(name, "messaging.rabbitmq.destination.routing_key"), "call.ended");
        assert_eq!(word(name, "messaging.destination.name"), destination);
        assert_eq!(word(name, "messaging.message.id").len(), 36);
    }
    // No personal data: neither the caller's number nor the conversation.
    let all = format!("{spans:?}");
    assert!(!all.contains("639984107") && !all.contains("devis"));
    drop(workers);
    stack.down().await
}

/// A span has the ids of its header, so which ones are kept must be decided alike everywhere.
#[tokio::test]
async fn the_variables_of_opentelemetry_mean_what_they_mean_everywhere() -> Result<()> {
    let (url, received) = collector().await?;
    let mut stack = Stack::new("traces_variables").await?;
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("{url}/").as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=of-the-collector"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=phones,deployment.environment.name=test"),
        ("OTEL_SERVICE_NAME", "telephones"),
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
    ] {
        stack.environment.insert(name.into(), value.into());
    }
    let workers = stack.start_all().await?;
    let mut calls = Vec::new();
    for _ in 0..12 {
        calls.push(stack.sandbox.play(&call(CLIENT).at_once()).await?);
    }
    for call in &calls {
        stack.sandbox.logged(*call, SOON).await?;
    }
    let steps_of = |call: i64| {
        let received = received.lock().unwrap_or_else(PoisonError::into_inner);
        let of_call = received.iter().filter(|(service, span)| {
            service == "telephones" && text(&span.attributes, "callbridge.call_id") == call.to_string()
        });
        of_call.map(|(_, span)| span.name.clone()).collect::<BTreeSet<_>>()
    };
    let is_whole =
        |steps: &BTreeSet<String>| ["ingest call.ended", "ended call.ended"].iter().all(|step| steps.contains(*step));
    let whole = || async { calls.iter().any(|call| is_whole(&steps_of(*call))).then_some(()) };
    eventually(SOON, whole).await.context("the spans of some call")?;
    // Those of the others are sent within a fifth of a second, if at all.
    tokio::time::sleep(Duration::from_secs(2)).await;
    // Each call's trace is kept or is not, as a whole.
    for call in &calls {
        let steps = steps_of(*call);
        ensure!(steps.is_empty() || is_whole(&steps), "{call}: {steps:?}");
    }
    let kept = calls.iter().filter(|call| !steps_of(**call).is_empty()).count();
    ensure!(kept < calls.len(), "about half of the traces are kept, not {kept}");
    drop(workers);
    stack.down().await
}

#[tokio::test]
async fn an_unavailable_collector_costs_no_call() -> Result<()> {
    let mut stack = Stack::new("no_collector").await?;
    stack.environment.insert("OTEL_EXPORTER_OTLP_ENDPOINT".into(), "http://127.0.0.1:9".into());
    let mut workers = stack.start_all().await?;
    let call = stack.sandbox.play(&call(CLIENT)).await?;
    stack.sandbox.logged(call, SOON).await?;
    let mut logger = workers.remove(2);
    let said = || async { logger.output().contains("Spans cannot be sent").then_some(()) };
    eventually(SOON, said).await.context("it is said once")?;
    logger.terminate(SOON).await?;
    drop(workers);
    stack.down().await
}
