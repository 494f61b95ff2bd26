//! Logs and metrics of a worker.
//!
//! A log line is a sentence that stands alone and fields with dotted or unit-bearing names. Phone numbers, bodies and
//! secrets never reach it: numbers are [`crate::phone::E164`], which shows itself masked, and secrets are `secrecy`
//! types. Metrics are Prometheus', listed in [`catalogue`] and served by [`crate::health`]; spans go to OpenTelemetry ([`spans`]).

pub mod catalogue;
pub mod spans;

use std::sync::OnceLock;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

/// Bounds in seconds, from a local query to a slow API.
const DURATIONS_S: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 90.0];

/// Installs the log, and the spans if they are wanted, for the whole process.
pub fn start(settings: &Settings, worker: &'static str) -> anyhow::Result<()> {
    // Two libraries that tell of every migration that need not be applied; RUST_LOG may name them all the same.
    let filter = format!("refinery_core=warn,tokio_postgres=warn,{}", settings.rust_log);
    let filter = EnvFilter::try_new(filter).context("RUST_LOG")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    }
    .map_err(|e| anyhow::anyhow!("the log could not be started: {e}"))?;
    match &settings.otlp_endpoint {
        Some(endpoint) => spans::start(endpoint, worker),
        None => Ok(()),
    }
}

/// For gauges that hold a moment: now as UNIX time.
pub fn now_s() -> f64 {
    jiff::Timestamp::now().as_millisecond() as f64 / 1000.0
}

/// The process's metrics; the first call installs their recorder.
pub fn metrics() -> PrometheusHandle {
    static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
    let install = || {
        let builder = PrometheusBuilder::new();
        // Fails only for an empty list of bounds.
        let builder = builder
            .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), DURATIONS_S)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        // Another recorder, installed by whoever embeds us, wins.
        let _ = metrics::set_global_recorder(recorder);
        catalogue::describe();
        handle
    };
    METRICS.get_or_init(install).clone()
}
