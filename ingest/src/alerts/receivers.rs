//! Whom alerts go to, and how each of them wants them.

mod mail;
mod slack;
mod teams;
mod webhook;

use std::time::Duration;

use base::{
    client,
    settings::{AlertChannel, Alerts},
    tls,
};
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::message::Message;
use mail::Mail;

/// Of one attempt.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) enum Receiver {
    Webhook { http: reqwest::Client, url: SecretString, secret: Option<SecretString> },
    Slack { http: reqwest::Client, url: SecretString },
    Teams { http: reqwest::Client, url: SecretString },
    Mail(Box<Mail>),
}

/// Those that the settings name.
pub(super) fn of(settings: &Alerts) -> anyhow::Result<Vec<Receiver>> {
    let http = client::new(TIMEOUT)?;
    let mut all = Vec::new();
    if let Some(url) = settings.webhook_url.clone() {
        all.push(Receiver::Webhook { http: http.clone(), url, secret: settings.webhook_secret.clone() });
    }
    if let Some(url) = settings.slack_url.clone() {
        all.push(Receiver::Slack { http: http.clone(), url });
    }
    if let Some(url) = settings.teams_url.clone() {
        all.push(Receiver::Teams { http, url });
    }
    if let Some(mail) = &settings.mail {
        all.push(Receiver::Mail(Box::new(Mail::new(mail)?)));
    }
    Ok(all)
}

impl Receiver {
    pub(super) fn channel(&self) -> AlertChannel {
        match self {
            Self::Webhook { .. } => AlertChannel::Webhook,
            Self::Slack { .. } => AlertChannel::Slack,
            Self::Teams { .. } => AlertChannel::Teams,
            Self::Mail(_) => AlertChannel::Mail,
        }
    }

    /// The error is for the log: it quotes no address, and nothing of what the receiver said but a number.
    pub(super) async fn send(&self, message: &Message) -> Result<(), String> {
        match self {
            Self::Webhook { http, url, secret } => {
                let body = body(&webhook::json(message))?;
                let signature = secret.as_ref().map(|secret| webhook::sign(secret, message.at.as_second(), &body));
                post(http, url, body, signature.map(|signature| (webhook::SIGNATURE, signature))).await
            }
            Self::Slack { http, url } => post(http, url, body(&slack::json(message))?, None).await,
            Self::Teams { http, url } => post(http, url, body(&teams::json(message))?, None).await,
            Self::Mail(mail) => mail.send(message).await,
        }
    }
}

fn body(json: &Value) -> Result<Vec<u8>, String> {
    serde_json::to_vec(json).map_err(|e| e.to_string())
}

async fn post(
    http: &reqwest::Client,
    url: &SecretString,
    body: Vec<u8>,
    header: Option<(&str, String)>,
) -> Result<(), String> {
    let mut request = http.post(url.expose_secret()).header(CONTENT_TYPE, "application/json").body(body);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    let answer = request.send().await.map_err(|e| tls::explain(chain(&e.without_url())))?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("it answered {status}")) }
}

/// An error and its causes, which say what is wrong with a connection.
fn chain(e: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(e), |e| e.source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}
