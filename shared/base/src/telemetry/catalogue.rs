//! Every metric there is: name, kind, labels and what it says. The code, `docs/metrics.md`, the dashboard and the alert rules
//! are compared with this list by a test. Labels are of few values, all known here or in the lists they name; none holds
//! an id or anything of a person.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    /// With buckets from a millisecond to 90 s.
    Histogram,
}

#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help }
}

const fn histogram(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels, help }
}

pub const METRICS: &[Metric] = &[
    histogram(
        "callbridge_api_request_duration_seconds",
        &["api", "endpoint"],
        "From sending a request to the last byte of its answer",
    ),
    counter(
        "callbridge_api_requests_total",
        &["api", "endpoint", "status"],
        "Requests to Aircall and Sellsy by what they were answered; none means that no answer came",
    ),
    gauge(
        "callbridge_budget_limit_requests",
        &["api", "window"],
        "Requests that the budget allows in a second, a minute or a day; the same in every process",
    ),
    gauge(
        "callbridge_budget_paused",
        &["api"],
        "1 while nobody sends, because the API refused a request or is away; the same in every process",
    ),
    gauge(
        "callbridge_budget_used_requests",
        &["api", "window"],
        "Requests taken in the last second, minute or day; the same in every process",
    ),
    histogram(
        "callbridge_budget_wait_seconds",
        &["api", "lane"],
        "How long a request waited for its turn in the budget",
    ),
    gauge("callbridge_budget_waiting", &["api", "lane"], "Requests that wait for their turn in this process"),
    gauge(
        "callbridge_directory_read_timestamp_seconds",
        &[],
        "When changes in Sellsy were last read into the phone directory, as UNIX time; of the resolver that has the turn",
    ),
    counter(
        "callbridge_failures_total",
        &["stage", "code"],
        "Failed attempts by error code, those included that are tried again",
    ),
    counter(
        "callbridge_http_turned_away_total",
        &[],
        "Connections that were not taken, because as many as may be were open and at work",
    ),
    histogram(
        "callbridge_message_age_seconds",
        &["stage"],
        "How old a fact was when its handling began for the first time",
    ),
    histogram("callbridge_message_duration_seconds", &["stage"], "Handling of a message, until it was acknowledged"),
    counter(
        "callbridge_messages_total",
        &["stage", "outcome"],
        "Handled messages: done, skipped, put off, tried again or parked",
    ),
    counter("callbridge_publish_failures_total", &[], "Publishes that the broker did not confirm"),
    gauge(
        "callbridge_queue_messages",
        &["stage", "queue"],
        "Messages that are ready in a queue: work or dead; looked at by every ingest",
    ),
    counter(
        "callbridge_reconciled_total",
        &["lack"],
        "Calls brought in from Aircall's list, by what no webhook had brought",
    ),
    gauge(
        "callbridge_webhook_active",
        &[],
        "1 if Aircall has an active webhook for this installation, 0 if not; asked for every RECONCILE_EVERY",
    ),
    gauge(
        "callbridge_webhook_last_timestamp_seconds",
        &["source"],
        "When this process last accepted a webhook, or when it started, as UNIX time",
    ),
    counter("callbridge_webhooks_total", &["source", "result"], "Webhooks by what became of them"),
];

/// Tells the recorder what each metric means; it shows that with the values.
pub(super) fn describe() {
    for metric in METRICS {
        let unit = if metric.name.ends_with("_seconds") { Unit::Seconds } else { Unit::Count };
        match metric.kind {
            Kind::Counter => describe_counter!(metric.name, unit, metric.help),
            Kind::Gauge => describe_gauge!(metric.name, unit, metric.help),
            Kind::Histogram => describe_histogram!(metric.name, unit, metric.help),
        }
    }
}

/// The table of `docs/metrics.md`.
pub fn table() -> String {
    let mut table = "| name | kind | labels | what it says |\n| --- | --- | --- | --- |\n".to_owned();
    for Metric { name, kind, labels, help } in METRICS {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let kind = format!("{kind:?}").to_lowercase();
        table += &format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", "));
    }
    table
}
