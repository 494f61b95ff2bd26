//! What was done for a call and how long it took, as spans for OpenTelemetry (OTLP over HTTP).
//!
//! Nothing is collected unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set. A [`Span`] is one step of the trace in a message's
//! header ([`Traceparent`]), and has the ids of that header. Finished spans go through a bounded channel to one task that
//! sends them in batches; an unavailable collector loses spans, never calls. Attributes hold ids and names only, no personal
//! data.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use anyhow::Context;
pub use opentelemetry::trace::SpanKind;
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId, Value,
    trace::{SpanContext, Status, TraceState},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks},
};
use tokio::{sync::mpsc, time};

use crate::{client, trace::Traceparent};

/// Finished spans that may wait to be sent; more than a busy worker finishes between two batches.
const QUEUE_SIZE: usize = 8192;
const BATCH: usize = 512;
const EVERY: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(5);

static FINISHED: OnceLock<mpsc::Sender<Item>> = OnceLock::new();

enum Item {
    Span(Box<SpanData>),
    /// Is answered when all spans before it have been sent.
    Flush(tokio::sync::oneshot::Sender<()>),
}

/// Starts collecting spans and sending them to `endpoint`, a base URL to which `/v1/traces` is added.
pub(crate) fn start(endpoint: &str, worker: &'static str) -> anyhow::Result<()> {
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(client::new(TIMEOUT)?)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(TIMEOUT)
        .build()
        .context("OTEL_EXPORTER_OTLP_ENDPOINT")?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let service = Resource::builder().with_service_name(format!("callbridge-{worker}")).with_attribute(version);
    exporter.set_resource(&service.build());
    let (sender, finished) = mpsc::channel(QUEUE_SIZE);
    if FINISHED.set(sender).is_ok() {
        tokio::spawn(send(exporter, finished));
    }
    Ok(())
}

/// Waits until all finished spans are sent, at most one second.
pub async fn flush() {
    if let Some(finished) = FINISHED.get() {
        let (sent, wait) = tokio::sync::oneshot::channel();
        if finished.try_send(Item::Flush(sent)).is_ok() {
            let _ = time::timeout(Duration::from_secs(1), wait).await;
        }
    }
}

async fn send(exporter: SpanExporter, mut finished: mpsc::Receiver<Item>) {
    let mut lost = false;
    let mut received = Vec::with_capacity(BATCH);
    while finished.recv_many(&mut received, BATCH).await > 0 {
        let (mut batch, mut waiting) = (Vec::new(), Vec::new());
        for item in received.drain(..) {
            match item {
                Item::Span(span) => batch.push(*span),
                Item::Flush(done) => waiting.push(done),
            }
        }
        let count = batch.len();
        let exported = if batch.is_empty() { Ok(()) } else { exporter.export(batch).await };
        match exported {
            Err(_) if !lost => {
                tracing::warn!(spans = count, "Spans cannot be sent to OTEL_EXPORTER_OTLP_ENDPOINT; they are lost.");
            }
            Ok(()) if lost && count > 0 => tracing::info!("Spans are sent again."),
            _ => {}
        }
        lost = exported.is_err() || (lost && count == 0);
        if waiting.is_empty() && count < BATCH {
            time::sleep(EVERY).await;
        }
        for done in waiting {
            let _ = done.send(());
        }
    }
}

/// A step of a trace, from [`Span::begin`] until it is dropped. Does nothing if spans are not collected.
pub struct Span(Option<Box<SpanData>>);

impl Span {
    /// Begins the step with the ids in `trace`.
    pub fn begin(kind: SpanKind, name: impl FnOnce() -> String, trace: Traceparent) -> Self {
        if FINISHED.get().is_none() {
            return Self(None);
        }
        let (trace, span, parent) = trace.ids();
        let (trace, span) = (TraceId::from_bytes(trace.to_be_bytes()), SpanId::from_bytes(span.to_be_bytes()));
        let now = SystemTime::now();
        Self(Some(Box::new(SpanData {
            span_context: SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::default()),
            parent_span_id: SpanId::from_bytes(parent.to_be_bytes()),
            parent_span_is_remote: kind == SpanKind::Consumer,
            span_kind: kind,
            name: name().into(),
            start_time: now,
            end_time: now,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::builder("callbridge").build(),
        })))
    }

    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.attributes.push(KeyValue::new(key, value));
        }
    }

    /// Marks the step as failed; `code` is an error code or a status.
    pub fn fail(&mut self, code: &str) {
        self.set("error.type", code.to_owned());
        if let Some(span) = &mut self.0 {
            span.status = Status::error(code.to_owned());
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let (Some(mut span), Some(finished)) = (self.0.take(), FINISHED.get()) {
            span.end_time = SystemTime::now();
            // If the channel is full, the collector is slow or unavailable, which has been logged.
            let _ = finished.try_send(Item::Span(span));
        }
    }
}
