//! Sellsy's notices: each change of an individual, a company or a contact, and each new status of an opportunity, sends a notice to the
//! address that a test has set, and to the webhooks of the API that report it, whether a person or the API made it. Of smart-tags and steps no event is known, so they send none.
//!
//! A notice says what happened to which record, not what the record contains, and its values are strings, as recorded. The
//! recordings differ in `relatedtype`: `people` is a contact; for everything else this sandbox sends `third`, which says
//! least. In JSON mode, `X-Webhook-Signature` is the SHA-1 of `sign_key || body`. In form mode (`notif=` and the JSON) nobody
//! knows what Sellsy signs, so there is no signature here. How Sellsy retries is unknown too: here it is three times, with
//! growing pauses. Notices of one record may arrive in another order.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::json;
use sha1::{Digest, Sha1};

use super::registered::Registered;
use super::seed::{Type, now};
use super::store::Kind;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Before the second attempt; each later pause is twice as long.
const PAUSE: Duration = Duration::from_millis(500);
const TRIES: u32 = 4;
/// The account's id in a notice.
const CORP_ID: &str = "929";

/// Where notices go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    url: String,
    #[serde(default)]
    sign_key: String,
    /// JSON mode; otherwise form mode, which is Sellsy's default.
    #[serde(default)]
    json: bool,
}

#[derive(Debug)]
pub(super) struct Notices {
    client: Client,
    webhook: Mutex<Option<Webhook>>,
    registered: Mutex<Vec<Registered>>,
}

/// What happened to a record.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    Created,
    Updated,
    Deleted,
}

impl Notices {
    pub(super) fn new() -> Notices {
        Notices {
            client: crate::webhook_client("Sellsy", ANSWER_WITHIN),
            webhook: Mutex::new(None),
            registered: Mutex::default(),
        }
    }

    pub(super) fn webhook(&self) -> MutexGuard<'_, Option<Webhook>> {
        crate::lock(&self.webhook)
    }

    /// Those of the API.
    pub(super) fn registered(&self) -> MutexGuard<'_, Vec<Registered>> {
        crate::lock(&self.registered)
    }

    /// Sends a notice of a change by this staff.
    pub(super) fn send(&self, kind: Kind, kind_type: Option<Type>, id: u64, change: Change, staff: u64) {
        let event_type = match (kind, kind_type) {
            (Kind::Contact, _) => "people",
            (_, Some(Type::Prospect)) => "prospect",
            (_, Some(Type::Supplier)) => "supplier",
            (_, Some(Type::Client) | None) => "client",
        };
        let event = match change {
            Change::Created => "created",
            Change::Updated => "updated",
            Change::Deleted => "deleted",
        };
        self.deliver([event_type, event, if kind == Kind::Contact { "people" } else { "third" }], id, staff);
    }

    /// An opportunity has another status, the only event of opportunities that is known to exist.
    pub(super) fn send_status(&self, opportunity: u64, staff: u64) {
        self.deliver(["opportunity", "status", "opportunity"], opportunity, staff);
    }

    fn deliver(&self, [event_type, event, related]: [&str; 3], id: u64, staff: u64) {
        let notice = json!({
            "eventType": event_type,
            "event": event,
            "timestamp": now().as_second().to_string(),
            "ownerid": staff.to_string(),
            "ownertype": "staff",
            "corpid": CORP_ID,
            "relatedtype": related,
            "relatedid": id.to_string(),
        });
        let name = format!("{event_type}.{event}");
        let mut webhooks: Vec<Webhook> = self.webhook().iter().cloned().collect();
        webhooks.extend(self.registered().iter().filter(|one| one.reports(&name)).map(Webhook::of));
        for webhook in webhooks {
            tokio::spawn(deliver(webhook.request(&self.client, &notice.to_string()), format!("{name} {id}")));
        }
    }
}

impl Webhook {
    fn of(one: &Registered) -> Webhook {
        Webhook { url: one.url.clone(), sign_key: one.sign_key.clone(), json: one.json }
    }

    fn request(&self, client: &Client, notice: &str) -> RequestBuilder {
        let request = client.post(&self.url);
        if !self.json {
            return request.form(&[("notif", notice)]);
        }
        let request = request.header(CONTENT_TYPE, "application/json").body(notice.to_owned());
        if self.sign_key.is_empty() {
            return request;
        }
        request.header("x-webhook-signature", sign(&self.sign_key, notice))
    }
}

async fn deliver(request: RequestBuilder, what: String) {
    for attempt in 1..=TRIES {
        let Some(request) = request.try_clone() else { return };
        let status = request.send().await.map(|answer| answer.status());
        if status.as_ref().is_ok_and(|status| status.is_success()) {
            return;
        }
        tracing::info!(what, attempt, ?status, "A notice was not accepted.");
        if attempt < TRIES {
            tokio::time::sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
        }
    }
}

fn sign(key: &str, body: &str) -> String {
    let digest = Sha1::new().chain_update(key).chain_update(body).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: bool, sign_key: &str) -> (reqwest::Request, String) {
        let webhook = Webhook { url: "http://127.0.0.1:1/".into(), sign_key: sign_key.into(), json };
        let notices = Notices::new();
        let request = webhook.request(&notices.client, r#"{"event":"updated"}"#).build().unwrap();
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
        let body = String::from_utf8(body.to_vec()).unwrap();
        (request, body)
    }

    #[test]
    fn signs_in_json_mode_only() {
        let (signed, body) = request(true, "key");
        assert_eq!(signed.headers()["content-type"], "application/json");
        assert_eq!(body, r#"{"event":"updated"}"#);
        // printf '%s' 'key{"event":"updated"}' | sha1sum
        assert_eq!(signed.headers()["x-webhook-signature"], "5a44d03fe1b70f975ca50456d98d0a932dc25bdf");

        let (form, body) = request(false, "key");
        assert_eq!(form.headers()["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(body, "notif=%7B%22event%22%3A%22updated%22%7D");
        for unsigned in [form, request(true, "").0] {
            assert!(!unsigned.headers().contains_key("x-webhook-signature"));
        }
    }
}
