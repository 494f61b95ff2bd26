//! The webhook of the Sellsy account: creating or repairing it, so that changed records are read at once.
//!
//! Its address ends in a secret, which is also the key by which it signs. Sellsy shows both to whoever may read webhooks, so a webhook that
//! is there already can be kept. Which events there are depends on the account: those of clients, prospects, suppliers, people and
//! opportunities are wanted, as far as it has them.

use base::error::{Code, Error, Result};
use secrecy::{ExposeSecret, SecretString};
use vendors::sellsy::{
    Sellsy, WriteError,
    wire::{Webhook, WebhookEvent, WebhookEvents, WebhookRequest},
};

use crate::webhooks::Installed;

/// What Sellsy's webhooks call the records of the directory, and their opportunities.
const OF: [&str; 5] = ["client", "prospect", "supplier", "people", "opportunity"];

/// Creates or repairs the webhook below this address, `https://…/webhooks/sellsy`. A new one gets the secret that nobody has had yet. Returns
/// its id and its secret.
pub async fn install(sellsy: &Sellsy, address: &str, unused: SecretString) -> Result<(Installed, i64, SecretString)> {
    let wanted = wanted(&sellsy.webhook_events().await?);
    if wanted.is_empty() {
        let problem =
            "Sellsy has no events of clients, prospects, people or opportunities for webhooks of this account";
        return Err(Error::park(Code::SellsyAnswer, problem));
    }
    let all = sellsy.webhooks().await?;
    let ours = all.iter().filter_map(|webhook| Some((webhook, secret_of(webhook, address)?)));
    // Of several, the one that needs the fewest changes.
    let Some((found, secret)) = ours.min_by_key(|(webhook, secret)| !is_right(webhook, secret, &wanted)) else {
        let request = request(address, &unused, &wanted, true);
        let made = sellsy.create_webhook(&request).await.map_err(reason)?;
        return Ok((Installed::Created, made.id, unused));
    };
    if is_right(found, &secret, &wanted) {
        return Ok((Installed::WasThere, found.id, secret));
    }
    sellsy.update_webhook(found.id, &request(address, &secret, &wanted, false)).await.map_err(reason)?;
    let added = wanted.into_iter().filter(|event| !has(found, event)).collect();
    Ok((Installed::Repaired { enabled: !found.is_enabled, added }, found.id, secret))
}

/// Deletes those below this address, and returns their ids.
pub async fn remove(sellsy: &Sellsy, address: &str) -> Result<Vec<i64>> {
    let mut removed = Vec::new();
    for webhook in sellsy.webhooks().await? {
        if secret_of(&webhook, address).is_some() {
            sellsy.delete_webhook(webhook.id).await.map_err(reason)?;
            removed.push(webhook.id);
        }
    }
    Ok(removed)
}

/// Of every record that is wanted, all events: whatever happens to it, it is read again.
fn wanted(events: &[WebhookEvents]) -> Vec<String> {
    let of = |kind: &WebhookEvents| {
        let id = kind.id.clone().filter(|id| OF.contains(&id.as_str()))?;
        Some(kind.events.iter().flatten().map(move |(event, _)| format!("{id}.{event}")).collect::<Vec<_>>())
    };
    events.iter().filter_map(of).flatten().collect()
}

/// The end of its address, if that is below this one.
fn secret_of(webhook: &Webhook, address: &str) -> Option<SecretString> {
    let endpoint = webhook.endpoint.as_ref().filter(|_| webhook.kind.as_deref() == Some("http"))?.expose_secret();
    let secret = endpoint.strip_prefix(address.trim_end_matches('/'))?.strip_prefix('/')?.trim_end_matches('/');
    (secret.len() >= 16 && !secret.contains(['/', '?', '#', '%'])).then(|| secret.into())
}

fn is_right(webhook: &Webhook, secret: &SecretString, wanted: &[String]) -> bool {
    // Where Sellsy does not show the key, nothing says that it is another one.
    let signs = webhook.sign_key.as_ref().is_none_or(|key| key.expose_secret() == secret.expose_secret());
    webhook.is_enabled && webhook.json_content_type && signs && wanted.iter().all(|event| has(webhook, event))
}

fn has(webhook: &Webhook, event: &str) -> bool {
    webhook.configuration.iter().any(|has| has.id == event && has.is_enabled)
}

fn request(address: &str, secret: &SecretString, wanted: &[String], is_new: bool) -> WebhookRequest {
    WebhookRequest {
        // Only a new one has a kind: it cannot be changed.
        kind: is_new.then_some("http"),
        name: "Callbridge",
        endpoint: format!("{}/{}", address.trim_end_matches('/'), secret.expose_secret()).into(),
        is_enabled: true,
        object_in_payload: false,
        // Nobody knows what Sellsy signs otherwise.
        json_content_type: true,
        sign_key: secret.clone(),
        configuration: wanted.iter().map(|id| WebhookEvent { id: id.clone(), is_enabled: true }).collect(),
    }
}

fn reason(e: WriteError) -> Error {
    match e {
        WriteError::Unclear(e) | WriteError::Refused(e, _) => e,
        WriteError::Missing => Error::retry(Code::SellsyAnswer, "the webhook was deleted meanwhile"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ADDRESS: &str = "https://calls.example.com/webhooks/sellsy";
    const SECRET: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

    fn webhook(changes: &Value) -> Webhook {
        let mut webhook = json!({
            "id": 7, "type": "http", "endpoint": format!("{ADDRESS}/{SECRET}"), "is_enabled": true, "json_content_type": true,
            "sign_key": SECRET, "configuration": [{ "id": "people.updated", "is_enabled": true }],
        });
        for (name, value) in changes.as_object().unwrap() {
            webhook[name] = value.clone();
        }
        serde_json::from_value(webhook).unwrap()
    }

    #[test]
    fn what_the_account_can_report_of_records_is_wanted() {
        let events = json!([
            { "id": "people", "description": "Contacts", "events": { "created": "Création", "updated": "Modification" } },
            { "id": "task", "events": { "created": "Création" } },
            { "id": "opportunity", "events": { "status": "Statut" }, "parent": null },
            { "id": null, "events": null },
        ]);
        let events: Vec<WebhookEvents> = serde_json::from_value(events).unwrap();
        assert_eq!(wanted(&events), ["people.created", "people.updated", "opportunity.status"]);
    }

    #[test]
    fn ours_are_those_below_our_address() {
        for (endpoint, ours) in [
            (format!("{ADDRESS}/{SECRET}"), true),
            (format!("{ADDRESS}/{SECRET}/"), true),
            (format!("{ADDRESS}/short"), false),
            (format!("{ADDRESS}x/{SECRET}"), false),
            (format!("https://other.example.com/webhooks/sellsy/{SECRET}"), false),
            (ADDRESS.to_owned(), false),
        ] {
            let secret = secret_of(&webhook(&json!({ "endpoint": endpoint })), ADDRESS);
            assert_eq!(
                secret.map(|secret| secret.expose_secret().to_owned()),
                ours.then(|| SECRET.to_owned()),
                "{endpoint}"
            );
        }
        assert!(secret_of(&webhook(&json!({ "type": "slack" })), ADDRESS).is_none());
    }

    #[test]
    fn what_is_right_is_left() {
        let wanted = ["people.updated".to_owned()];
        for (changes, right) in [
            (json!({}), true),
            (json!({ "sign_key": null }), true),
            (json!({ "sign_key": "another key that signs" }), false),
            (json!({ "is_enabled": false }), false),
            (json!({ "json_content_type": false }), false),
            (json!({ "configuration": [] }), false),
            (json!({ "configuration": [{ "id": "people.updated", "is_enabled": false }] }), false),
        ] {
            assert_eq!(is_right(&webhook(&changes), &SECRET.into(), &wanted), right, "{changes}");
        }
    }
}
