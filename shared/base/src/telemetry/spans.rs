//! What was done for a call and how long it took, as spans for OpenTelemetry (OTLP over HTTP).
//!
//! Nothing is collected unless `OTEL_EXPORTER_OTLP_ENDPOINT` is set. A [`Span`] is one step of the trace in a message's
//! header ([`Traceparent`]), and has the ids of that header. All the rest is OpenTelemetry's SDK: which spans are kept, in which batches
//! they are sent, and how, so its variables (`OTEL_…`) mean here what they mean everywhere. An unavailable collector loses spans, never
//! calls. Attributes hold ids and names only, no personal data.

use std::{
    cell::Cell,
    env,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
pub use opentelemetry::trace::SpanKind;
use opentelemetry::{
    Context, InstrumentationScope, Key, KeyValue, SpanId, TraceFlags, TraceId, Value,
    trace::{Span as _, SpanContext, Status, TraceContextExt, TraceState, Tracer, TracerProvider},
};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{IdGenerator, Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanExporter as Exporter},
};
use tokio::{runtime::Handle, task, time};

use crate::{client, trace::Traceparent};

/// Of one request, unless `OTEL_EXPORTER_OTLP_TIMEOUT` says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);
/// At the end, for the spans that are not sent yet.
const LAST: Duration = Duration::from_secs(1);

static COLLECTED: OnceLock<(SdkTracerProvider, SdkTracer)> = OnceLock::new();

thread_local! {
    /// The ids of the span that is about to begin on this thread.
    static NEXT: Cell<(u128, u64)> = const { Cell::new((0, 0)) };
}

/// Gives each span the ids that stand in the message's header already.
#[derive(Debug)]
struct OfTheHeader;

impl IdGenerator for OfTheHeader {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from_bytes(NEXT.get().0.to_be_bytes())
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from_bytes(NEXT.get().1.to_be_bytes())
    }
}

/// Starts collecting spans and sending them to `endpoint`, a base URL to which `/v1/traces` is added.
pub(crate) fn start(endpoint: &str, worker: &'static str) -> anyhow::Result<()> {
    if env::var("OTEL_SDK_DISABLED").is_ok_and(|is| is.eq_ignore_ascii_case("true")) {
        return Ok(());
    }
    let of_traces = env::var("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").ok().filter(|url| !url.is_empty());
    let endpoint = of_traces.unwrap_or_else(|| format!("{}/v1/traces", endpoint.trim_end_matches('/')));
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(client::new(timeout())?)
        .with_endpoint(endpoint)
        .build()
        .context("OTEL_EXPORTER_OTLP_ENDPOINT, or another variable of OpenTelemetry")?;
    let worker = [
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("callbridge.worker", worker),
        KeyValue::new("service.name", service_name(worker)),
    ];
    let resource = Resource::builder().with_attributes(worker).build();
    let mut provider = SdkTracerProvider::builder()
        .with_batch_exporter(OnRuntime {
            exporter: Arc::new(exporter),
            runtime: Handle::current(),
            fails: AtomicBool::new(false),
        })
        .with_id_generator(OfTheHeader)
        .with_resource(resource);
    if let Some(sampler) =
        sampler(env::var("OTEL_TRACES_SAMPLER").ok().as_deref(), env::var("OTEL_TRACES_SAMPLER_ARG").ok().as_deref())
    {
        provider = provider.with_sampler(sampler);
    }
    let provider = provider.build();
    let tracer = provider
        .tracer_with_scope(InstrumentationScope::builder("callbridge").with_version(env!("CARGO_PKG_VERSION")).build());
    let _ = COLLECTED.set((provider, tracer));
    Ok(())
}

/// The SDK leaves it to the client.
fn timeout() -> Duration {
    let set = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
    let ms = set.into_iter().find_map(|name| env::var(name).ok()?.trim().parse().ok());
    ms.map_or(TIMEOUT, Duration::from_millis)
}

/// What `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` says, in this order, or else ours.
fn service_name(worker: &str) -> String {
    let named = env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    let detected = Resource::builder().build().get(&Key::new("service.name")).map(|name| name.to_string());
    let detected = detected.filter(|name| !name.starts_with("unknown_service"));
    named.or(detected).unwrap_or_else(|| format!("callbridge-{worker}"))
}

/// Every header says that its trace is kept, so a sampler that follows the span before would keep all but the first. The id of a call's trace
/// is the same everywhere, so each process can decide by it, and all decide alike.
fn sampler(name: Option<&str>, argument: Option<&str>) -> Option<Sampler> {
    match name?.strip_prefix("parentbased_")? {
        "always_on" => Some(Sampler::AlwaysOn),
        "always_off" => Some(Sampler::AlwaysOff),
        "traceidratio" => {
            Some(Sampler::TraceIdRatioBased(argument.and_then(|ratio| ratio.parse().ok()).unwrap_or(1.0)))
        }
        _ => None,
    }
}

/// Waits until all finished spans are sent, at most one second.
pub async fn flush() {
    if let Some((provider, _)) = COLLECTED.get() {
        // The SDK blocks.
        let _ = time::timeout(LAST, task::spawn_blocking(|| provider.force_flush())).await;
    }
}

/// The SDK sends from a thread of its own; our HTTP client needs the runtime.
#[derive(Debug)]
struct OnRuntime {
    exporter: Arc<SpanExporter>,
    runtime: Handle,
    fails: AtomicBool,
}

impl Exporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (count, exporter) = (batch.len(), self.exporter.clone());
        let sent = self.runtime.spawn(async move { exporter.export(batch).await }).await;
        let sent = sent.unwrap_or_else(|e| Err(OTelSdkError::InternalFailure(e.to_string())));
        match (self.fails.swap(sent.is_err(), Ordering::Relaxed), sent.is_err()) {
            (false, true) => {
                tracing::warn!(spans = count, "Spans cannot be sent to OTEL_EXPORTER_OTLP_ENDPOINT; they are lost.");
            }
            (true, false) => tracing::info!("Spans are sent again."),
            _ => {}
        }
        sent
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Some(exporter) = Arc::get_mut(&mut self.exporter) {
            exporter.set_resource(resource);
        }
    }
}

/// A step of a trace, from [`Span::begin`] until it is dropped. Does nothing if spans are not collected.
pub struct Span(Option<Box<opentelemetry_sdk::trace::Span>>);

impl Span {
    /// Begins the step with the ids in `trace`.
    pub fn begin(kind: SpanKind, name: impl FnOnce() -> String, trace: Traceparent) -> Self {
        let Some((_, tracer)) = COLLECTED.get() else { return Self(None) };
        let (trace, span, parent) = trace.ids();
        NEXT.set((trace, span));
        let before = SpanContext::new(
            TraceId::from_bytes(trace.to_be_bytes()),
            SpanId::from_bytes(parent.to_be_bytes()),
            TraceFlags::SAMPLED,
            kind == SpanKind::Consumer,
            TraceState::default(),
        );
        // The first step has none before it, which the SDK sees by its id.
        let before = Context::new().with_remote_span_context(before);
        Self(Some(Box::new(tracer.span_builder(name()).with_kind(kind).start_with_context(tracer, &before))))
    }

    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Marks the step as failed; `code` is an error code or a status.
    pub fn fail(&mut self, code: &str) {
        self.set("error.type", code.to_owned());
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(code.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_span_before_is_decided_by_the_trace() {
        for (name, argument, expected) in [
            (None, None, "None"),
            (Some("traceidratio"), Some("0.5"), "None"),
            (Some("parentbased_always_off"), None, "Some(AlwaysOff)"),
            (Some("parentbased_traceidratio"), Some("0.25"), "Some(TraceIdRatioBased(0.25))"),
            (Some("parentbased_traceidratio"), Some("a lot"), "Some(TraceIdRatioBased(1.0))"),
        ] {
            assert_eq!(format!("{:?}", sampler(name, argument)), expected);
        }
    }
}
