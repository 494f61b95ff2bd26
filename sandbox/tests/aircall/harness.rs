//! A listener with the account, a receiver for its webhooks, and a client that checks statuses.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use reqwest::Method;
use sandbox::aircall::{self, Account, Number, Seed, Tag, Team, User};
use serde_json::Value;

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

pub(crate) fn seed() -> Seed {
    let user = |id, name: &str, email: &str| User { id, name: name.into(), email: email.into() };
    Seed {
        api_id: "id".into(),
        api_token: "token".into(),
        requests_per_minute: None,
        users: vec![user(501, "Ada Vent", "ada@callbridge.example"), user(502, "Bo Lune", "Bo@callbridge.example")],
        numbers: vec![Number {
            id: 1001,
            name: "Accueil".into(),
            digits: "+33 1 99 00 10 01".into(),
            country: "FR".into(),
            time_zone: "Europe/Paris".into(),
        }],
        teams: vec![Team { id: 701, name: "Ventes".into() }],
        tags: vec![Tag { id: 1021, name: "VIP".into() }],
    }
}

async fn listen(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// A receiver of webhooks: answers with the statuses in `answers`, then with `otherwise`, and keeps what it answers with success.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) got: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
    pub(crate) answers: Arc<Mutex<Vec<StatusCode>>>,
    pub(crate) otherwise: Arc<Mutex<StatusCode>>,
}

impl Receiver {
    pub(crate) async fn start() -> (Receiver, String) {
        let receiver =
            Receiver { got: Arc::default(), answers: Arc::default(), otherwise: Arc::new(Mutex::new(StatusCode::OK)) };
        let router = Router::new().route("/hook", post(Receiver::receive)).with_state(receiver.clone());
        let url = format!("{}/hook", listen(router).await);
        (receiver, url)
    }

    async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
        let answer = receiver.answers.lock().unwrap().pop();
        let answer = answer.unwrap_or(*receiver.otherwise.lock().unwrap());
        if answer.is_success() {
            receiver.got.lock().unwrap().push((headers, serde_json::from_str(&body).unwrap()));
        }
        answer
    }

    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.got.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }

    pub(crate) fn events(&self) -> Vec<String> {
        self.bodies().iter().map(|body| body["event"].as_str().unwrap().to_owned()).collect()
    }
}

pub(crate) struct Aircall {
    pub(crate) base: String,
    pub(crate) client: reqwest::Client,
}

impl Aircall {
    pub(crate) async fn start(seed: &Seed) -> (Aircall, Account) {
        let account = Account::new(seed);
        let router = Router::new()
            .nest("/aircall", aircall::api(account.clone()))
            .nest("/_sandbox/aircall", aircall::control(account.clone()));
        (Aircall { base: listen(router).await, client: reqwest::Client::new() }, account)
    }

    /// Starts the account, with a receiver registered for all events.
    pub(crate) async fn with_receiver() -> (Aircall, Receiver) {
        let (aircall, account) = Aircall::start(&seed()).await;
        let (receiver, url) = Receiver::start().await;
        account.register_webhook(&url, TOKEN);
        (aircall, receiver)
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.base);
        let mut request = self.client.request(method, url).basic_auth("id", Some("token"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.send(Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.send(Method::POST, path, Some(&body)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        let (status, body) = self.send(Method::PUT, path, Some(&body)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub(crate) async fn play(&self, order: Value) -> u64 {
        self.post("/_sandbox/aircall/calls", order).await["call_id"].as_u64().unwrap()
    }

    /// Waits until a condition on the deliveries holds.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..500 {
            let report = self.get("/_sandbox/aircall/deliveries").await;
            if holds(&report) {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never: {what}");
    }

    pub(crate) async fn until_delivered(&self, events: u64) -> Value {
        self.until("delivered", |report| report["delivered"] == events && report["pending"] == 0).await
    }
}

pub(crate) fn keys(value: &Value) -> Vec<&str> {
    // Their order depends on how serde_json was built.
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}
