//! A program of the operator's: JSON, signed as Stripe signs its webhooks.

use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::super::message::Message;

/// The header of the signature.
pub(super) const SIGNATURE: &str = "x-callbridge-signature";

pub(super) fn json(message: &Message) -> Value {
    let mut json = json!({
        "kind": message.kind,
        "state": message.state.as_str(),
        "text": message.text,
        "at": message.at,
        "since": message.since,
        "lasted_s": message.lasted.map(|lasted| lasted.as_secs()),
        "details": message.details,
    });
    if let Some(link) = &message.link {
        json["link"] = link.url.as_str().into();
    }
    json
}

/// HMAC-SHA256 of the time, a dot and the body. The time is signed, too, so that nobody can send an old message again later.
pub(super) fn sign(secret: &SecretString, at_s: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let mut signed = hmac::Context::with_key(&key);
    signed.update(format!("{at_s}.").as_bytes());
    signed.update(body);
    let digits: String = signed.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at_s},v1={digits}")
}

#[cfg(test)]
mod tests {
    use base::settings::Language::English;

    use super::*;
    use crate::alerts::message::tests::parked;

    #[test]
    fn has_what_programs_compare() {
        assert_eq!(
            json(&parked(false, English, None)),
            json!({
                "kind": "parked",
                "state": "begun",
                "text": "Callbridge: 2 messages are parked (logger 2). `callbridge dead list` says why.",
                "at": "2026-11-22T23:15:00Z",
                "since": "2026-11-22T23:02:00Z",
                "lasted_s": null,
                "details": { "parked": 2, "by_stage": { "logger": 2 } },
            })
        );
        assert_eq!(
            json(&parked(true, English, Some("https://calls.example.com"))),
            json!({
                "kind": "parked",
                "state": "over",
                "text": "Callbridge: no message is parked any more.",
                "at": "2026-11-22T23:15:00Z",
                "since": "2026-11-22T23:02:00Z",
                "lasted_s": 720,
                "details": { "parked": 0, "by_stage": {} },
                "link": "https://calls.example.com/dead",
            })
        );
    }

    /// As `printf '%s' '1800000000.{"kind":"parked"}' | openssl dgst -sha256 -hmac 'correct horse battery'` computes it.
    #[test]
    fn is_signed_as_other_programs_sign() {
        let signature = sign(&"correct horse battery".into(), 1_800_000_000, br#"{"kind":"parked"}"#);
        assert_eq!(signature, "t=1800000000,v1=40b3d5a9dd31f7a7fd53c35a28861d6d0fa7733d4c26e4204258ce234f25c021");
    }
}
