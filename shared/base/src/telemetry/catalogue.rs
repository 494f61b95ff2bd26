//! Every metric: name, kind, labels and meaning. A test compares the code, `docs/metrics.md`, the dashboard and the alert
//! rules with this list. A label has few values, all known in advance; none holds an id or personal data.

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
        "Requests to Aircall and Sellsy by the status of the answer; none means that no answer came",
    ),
    gauge(
        "callbridge_budget_contested",
        &["api"],
        "1 while requests for logs or insights have waited for their turn again and again within the last minute; the same in every process",
    ),
    gauge(
        "callbridge_budget_limit_requests",
        &["api", "window"],
        "Requests that the budget allows in a second, a minute, a day or a month; the same in every process",
    ),
    gauge(
        "callbridge_budget_paused",
        &["api"],
        "1 while no process sends, because the API refused a request or is unavailable; the same in every process",
    ),
    gauge(
        "callbridge_budget_used_requests",
        &["api", "window"],
        "Requests taken in the last second, minute, day or month; the same in every process",
    ),
    histogram("callbridge_budget_wait_seconds", &["api", "lane"], "How long a request waited for the budget"),
    gauge("callbridge_budget_waiting", &["api", "lane"], "Requests that wait for the budget in this process"),
    counter(
        "callbridge_database_busy_total",
        &[],
        "How often no connection of the pool was free within 5 s; the message came back 2 s later. If that goes on, PostgreSQL is slow",
    ),
    gauge(
        "callbridge_delay_held_seconds",
        &["delay"],
        "How long a delay queue has held a message past its time; measured by every ingest",
    ),
    gauge(
        "callbridge_directory_read_timestamp_seconds",
        &[],
        "When changes in Sellsy were last read into the phone directory, as UNIX time; only from the resolver that read them",
    ),
    counter(
        "callbridge_failures_total",
        &["stage", "code"],
        "Failed attempts by error code, including those that are retried",
    ),
    counter(
        "callbridge_followups_total",
        &["what"],
        "Prospects that were created, smart-tags that were added, opportunities that were moved to another step, comments with text messages that were created or updated",
    ),
    counter(
        "callbridge_http_turned_away_total",
        &[],
        "Connections that were refused, because the most that are allowed were open, each with a request that was being answered",
    ),
    histogram(
        "callbridge_message_age_seconds",
        &["stage"],
        "How old a fact was when its handling began for the first time",
    ),
    histogram("callbridge_message_duration_seconds", &["stage"], "Handling of a message, until it was acknowledged"),
    counter("callbridge_messages_total", &["stage", "outcome"], "Handled messages by outcome"),
    gauge(
        "callbridge_missed_call_oldest_seconds",
        &[],
        "How long the oldest caller of the last three days waits whom nobody has called back; looked up every five minutes, by one replica of followups at a time",
    ),
    counter("callbridge_publish_failures_total", &[], "Publishes that the broker did not confirm"),
    gauge(
        "callbridge_queue_messages",
        &["stage", "queue"],
        "Messages that are ready in a queue: work or dead; measured by every ingest",
    ),
    counter(
        "callbridge_reconciled_total",
        &["lack"],
        "Calls brought in from Aircall's list, by what no webhook had brought",
    ),
    counter(
        "callbridge_tasks_total",
        &["follows", "outcome"],
        "Tasks in Sellsy that were created, updated or closed, by what they follow from",
    ),
    counter(
        "callbridge_text_messages_total",
        &["result"],
        "Events of text messages: stored, or left out: without a number, by the rules, or erased",
    ),
    counter(
        "callbridge_unreadable_rows_total",
        &["api", "endpoint"],
        "Rows of lists that could not be read and were left out; the same row counts each time its list is read",
    ),
    gauge(
        "callbridge_webhook_active",
        &[],
        "1 if Aircall has an active webhook for this installation, 0 if not; checked every RECONCILE_EVERY",
    ),
    gauge(
        "callbridge_webhook_last_timestamp_seconds",
        &["source"],
        "When this process last accepted a webhook, or when it started, as UNIX time",
    ),
    counter("callbridge_webhooks_total", &["source", "result"], "Webhooks by result"),
];

/// Registers the meaning of each metric, which Prometheus shows as its help.
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
