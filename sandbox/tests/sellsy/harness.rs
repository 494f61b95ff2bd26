//! A sandbox on a free port, and a client that sends requests as a program would.

use std::time::Duration;

use reqwest::{Method, Response};
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/account.toml");

pub(crate) struct Client {
    pub(crate) base: String,
    http: reqwest::Client,
    token: String,
    _shutdown: DropGuard,
}

/// Without quotas, so that only the tests of quotas depend on them.
pub(crate) fn unlimited() -> Options {
    Options {
        sellsy_per_second: Some(0),
        sellsy_per_minute: Some(0),
        sellsy_per_day: Some(0),
        ..Options::with_data(DATA)
    }
}

impl Client {
    pub(crate) async fn start(options: Options) -> Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::bind(&options).await.unwrap();
        let base = format!("http://{}", sandbox.address().unwrap());
        let shutdown = CancellationToken::new();
        tokio::spawn(sandbox.serve(shutdown.clone()));
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).no_proxy().build().unwrap();
        let mut client = Client { base, http, token: String::new(), _shutdown: shutdown.drop_guard() };
        client.log_in().await;
        client
    }

    pub(crate) async fn log_in(&mut self) {
        let body = json!({
            "grant_type": "client_credentials",
            "client_id": "sandbox-sellsy-client",
            "client_secret": "sandbox-sellsy-secret",
        });
        let answer = self.send(Method::POST, "/sellsy/oauth2/access-tokens", Some(body)).await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        answer["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Response> {
        let request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        match body {
            Some(body) => request.json(&body).send().await,
            None => request.send().await,
        }
    }

    /// A request to the API; returns the status and the body.
    pub(crate) async fn api(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let answer = self.send(method, &format!("/sellsy/v2{path}"), body).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.api(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn find(&self, path: &str, filters: Value) -> Value {
        let (status, body) = self.api(Method::POST, path, Some(json!({"filters": filters}))).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// A request to `/_sandbox/…`, which must succeed.
    pub(crate) async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.send(method, &format!("/_sandbox{path}"), body).await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) async fn fault(&self, fault: Value) {
        self.control(Method::PUT, "/faults", Some(json!({"faults": [fault]}))).await;
    }
}

pub(crate) fn ids(page: &Value) -> Vec<u64> {
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}
