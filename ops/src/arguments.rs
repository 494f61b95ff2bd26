//! What people type after a command, read at the edge.
//!
//! What needs nothing else is read by clap, before anything is connected to. The rest depends on the settings or on the time; there a mistake is
//! a [`Wrong`]. Either way the exit code is 2, and a sentence says what to write. None repeats a phone number.

use std::fmt;

use base::{
    db::Client,
    ids::CallId,
    phone::{self, E164},
    settings::Settings,
};
use jiff::{Span, Timestamp, civil::DateTime, tz::TimeZone};

/// An argument that cannot be meant so: exit code 2.
#[derive(Debug)]
pub(crate) struct Wrong(pub(crate) String);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Wrong {}

const CALL_ID: &str = "write Aircall's id of the call, digits such as 3811600001: the log in Sellsy begins with it (Aircall call 3811600001), and `callbridge calls` lists it";

/// Aircall's id of a call.
pub(crate) fn call_id(text: &str) -> Result<CallId, String> {
    let id = text.trim().parse().ok().filter(|id| *id > 0);
    id.map(CallId).ok_or_else(|| CALL_ID.to_owned())
}

/// The same, or the id of a conversation of text messages.
pub(crate) fn story_id(text: &str) -> Result<CallId, String> {
    let id = text.trim().parse().ok().map(CallId).filter(|id| *id != CallId::NONE);
    id.ok_or_else(|| format!("{CALL_ID}; or the id of a conversation, as `callbridge messages` shows it"))
}

/// A phone number, as its owner would write it.
pub(crate) fn number(settings: &Settings, typed: &str) -> Result<E164, Wrong> {
    phone::parse(typed, settings.regions.first()).ok_or_else(|| {
        let says = "that is not a phone number: write it with + and the country code, or as dialled in DEFAULT_REGION";
        Wrong(says.to_owned())
    })
}

/// A point in time, as people name it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum When {
    At(Timestamp),
    /// In `TIME_ZONE`.
    Local(DateTime),
    Ago(Span),
}

/// Reads a date, a date and time, or how long ago.
pub(crate) fn when(text: &str) -> Result<When, String> {
    let text = text.trim();
    let at = || text.parse().ok().map(When::At);
    let local = || text.parse().ok().map(When::Local);
    // `7d ago` is as long ago as `7d`.
    let ago = || text.parse().ok().map(|span: Span| When::Ago(span.abs()));
    at().or_else(local).or_else(ago).ok_or_else(|| {
        "it must be a date such as 2026-11-01, a date and time such as 2026-11-01T08:00, or how long ago, such as 7d".to_owned()
    })
}

impl When {
    pub(crate) fn at(self, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, Wrong> {
        let at = match self {
            Self::At(at) => Some(at),
            Self::Local(at) => zone.to_timestamp(at).ok(),
            // In UTC, as Aircall counts its six months: `6mo` must not be an hour too long after a change of the clocks.
            Self::Ago(span) => now.to_zoned(TimeZone::UTC).checked_sub(span).ok().map(|at| at.timestamp()),
        };
        at.ok_or_else(|| Wrong("that is too long ago: no calendar reaches as far".to_owned()))
    }
}

/// What `--since` means; nothing has happened since a time to come.
pub(crate) async fn since(client: &Client, settings: &Settings, when: When) -> anyhow::Result<Timestamp> {
    let now = client.now().await?;
    let since = when.at(&settings.time_zone, now)?;
    if since > now {
        return Err(Wrong("--since must be a time that has passed".to_owned()).into());
    }
    Ok(since)
}

/// Where Aircall delivers, and where Sellsy does.
pub(crate) const WEBHOOK_PATH: &str = "/webhooks/aircall";
pub(crate) const SELLSY_PATH: &str = "/webhooks/sellsy";

/// The address of ingest for Aircall, or for Sellsy. They deliver over TLS; only a sandbox delivers on the machine itself.
pub(crate) fn webhook_url(text: &str) -> Result<String, String> {
    let is_path =
        |path: &str| [WEBHOOK_PATH, SELLSY_PATH].contains(&format!("/{}", path.trim_end_matches('/')).as_str());
    match over_tls(text).and_then(|rest| rest.split_once('/')) {
        Some((host, path)) if !host.is_empty() && is_path(path) => Ok(text.trim_end_matches('/').to_owned()),
        _ => Err(format!("it must be https://<your host>{WEBHOOK_PATH}, or https://<your host>{SELLSY_PATH}")),
    }
}

fn over_tls(text: &str) -> Option<&str> {
    text.strip_prefix("https://").or_else(|| text.strip_prefix("http://127.0.0.1:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_by_its_id() {
        for (text, call, story) in [
            ("3811600001", Some(3_811_600_001), Some(3_811_600_001)),
            (" 7 ", Some(7), Some(7)),
            ("-123456789", None, Some(-123_456_789)),
            ("0", None, None),
            ("abc", None, None),
            ("99999999999999999999", None, None),
            ("", None, None),
        ] {
            assert_eq!(call_id(text).ok().map(|id| id.0), call, "{text:?}");
            assert_eq!(story_id(text).ok().map(|id| id.0), story, "{text:?}");
        }
        assert!(call_id("abc").unwrap_err().contains("callbridge calls"));
    }

    #[test]
    fn a_time_is_a_date_or_how_long_ago() {
        let now: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Paris").unwrap();
        for (text, expected) in [
            ("2026-11-01", Some("2026-10-31T23:00:00Z")),
            ("2026-11-01T08:00", Some("2026-11-01T07:00:00Z")),
            ("2026-11-01T08:00:00Z", Some("2026-11-01T08:00:00Z")),
            ("7d", Some("2026-11-16T09:00:00Z")),
            ("7d ago", Some("2026-11-16T09:00:00Z")),
            ("36h", Some("2026-11-21T21:00:00Z")),
            ("6mo", Some("2026-05-23T09:00:00Z")),
            ("last week", None),
            ("soon", None),
            ("7", None),
            ("", None),
            ("19000y", None),
        ] {
            let at = when(text).ok().and_then(|when| when.at(&zone, now).ok()).map(|at| at.to_string());
            assert_eq!(at.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn accepts_only_urls_where_ingest_can_listen() {
        for (url, good) in [
            ("https://calls.example.com/webhooks/aircall", true),
            ("https://calls.example.com:8443/webhooks/aircall/", true),
            ("http://127.0.0.1:8080/webhooks/aircall", true),
            ("https://calls.example.com/webhooks/sellsy", true),
            ("https://calls.example.com/webhooks/sellsy/a-secret-of-it", false),
            ("http://calls.example.com/webhooks/aircall", false),
            ("https://calls.example.com/", false),
            ("https:///webhooks/aircall", false),
            ("calls.example.com/webhooks/aircall", false),
        ] {
            assert_eq!(webhook_url(url).is_ok(), good, "{url}");
        }
    }
}
