//! Logs and metrics of a worker.
//!
//! A log line is a sentence that is understood alone, and fields with dotted or unit-bearing names. Phone numbers, bodies
//! and secrets never reach it: numbers are [`crate::phone::E164`], which prints itself masked, and secrets are `secrecy`
//! types. We do not control what libraries log, so [`is_safe`] drops lines that would show messages, parameters of
//! statements or passwords, whatever RUST_LOG says. Metrics are Prometheus', listed in [`catalogue`] and served by
//! [`crate::health`]; spans go to OpenTelemetry ([`spans`]).

pub mod catalogue;
pub mod spans;

use std::{io::IsTerminal, sync::OnceLock};

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::settings::{LogFormat, Settings};

/// Bounds in seconds, from a local query to a slow API.
const DURATIONS_S: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 90.0];

/// The crates that a worker consists of, as log targets name them.
const OUR_CRATES: [&str; 9] =
    ["base", "broker", "followups", "ingest", "insights", "ledger", "logger", "resolver", "vendors"];

/// Targets with a lower limit than other libraries: at most this level is logged.
const LIMITED_TARGETS: [(&str, LevelFilter); 3] = [
    // Logs the body of every message that no queue accepts, at level warn.
    ("lapin::returned_messages", LevelFilter::OFF),
    // Logs statements with their parameters.
    ("tokio_postgres", LevelFilter::WARN),
    // Logs every migration that need not be applied.
    ("refinery_core", LevelFilter::WARN),
];

/// Installs the log for the whole process, and the spans if a collector is set.
pub fn start(settings: &Settings, worker: &'static str) -> anyhow::Result<()> {
    let wanted = EnvFilter::try_new(&settings.rust_log).context("RUST_LOG")?;
    let filter = wanted.and(filter_fn(|line| is_safe(line.target(), line.level())));
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = match settings.log_format {
        LogFormat::Text => layer.with_ansi(colours(&std::io::stderr())).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let log = tracing_subscriber::registry().with(layer.with_filter(filter));
    log.try_init().map_err(|e| anyhow::anyhow!("the log could not be started: {e}"))?;
    match &settings.otlp_endpoint {
        Some(endpoint) => spans::start(endpoint, worker),
        None => Ok(()),
    }
}

/// Only on a terminal, and not with `NO_COLOR` (<https://no-color.org>).
pub fn colours(stream: &impl IsTerminal) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !no_color && stream.is_terminal()
}

/// At level trace, libraries log what they transfer: frames with bodies and, at login, the password.
fn is_safe(target: &str, level: &Level) -> bool {
    let of = |module: &str| target.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    if let Some((_, most)) = LIMITED_TARGETS.iter().find(|(module, _)| of(module)) {
        return level <= most;
    }
    *level < Level::TRACE || OUR_CRATES.iter().any(|ours| of(ours))
}

/// The current UNIX time in seconds, for gauges that hold a point in time.
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
        // If a test has installed a recorder of its own, that one stays.
        let _ = metrics::set_global_recorder(recorder);
        catalogue::describe();
        handle
    };
    METRICS.get_or_init(install).clone()
}
