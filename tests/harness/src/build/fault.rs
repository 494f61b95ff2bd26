//! Faults of an API: `sellsy("POST /phone-calls").answers(403).once()`.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Fault(Value);

/// Whether the request fails before or after the API has carried it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    Before,
    After,
}

/// Requests to Sellsy: `POST /phone-calls`, or `/staffs` for any method, or `*` for all.
pub fn sellsy(requests: &str) -> Requests {
    Requests::of("sellsy", requests)
}

pub fn aircall(requests: &str) -> Requests {
    Requests::of("aircall", requests)
}

/// The requests that a fault applies to; its methods choose the fault.
pub struct Requests {
    api: &'static str,
    method: String,
    path: String,
}

impl Requests {
    fn of(api: &'static str, requests: &str) -> Self {
        let (method, path) = requests.split_once(' ').unwrap_or(("*", requests));
        Self { api, method: method.to_owned(), path: path.to_owned() }
    }

    fn fault(self, action: &Value) -> Fault {
        Fault(json!({ "api": self.api, "method": self.method, "path": self.path, "do": action }))
    }

    /// An error in the shape that the API itself gives its errors.
    pub fn answers(self, status: u16) -> Fault {
        let error = match self.api {
            "sellsy" => json!({ "error": { "code": status, "message": "Refusé", "context": null, "details": [] } }),
            _ => json!({ "error": "Refused", "troubleshoot": "A fault of the sandbox" }),
        };
        self.answers_with(status, error)
    }

    /// A string is answered as plain text.
    pub fn answers_with(self, status: u16, body: impl Into<Value>) -> Fault {
        self.fault(&json!({ "kind": "status", "status": status, "body": body.into() }))
    }

    /// An answer that the sandbox knows by this name, such as `firewall`: see `sandbox/src/observe/answers.rs`.
    pub fn answers_as(self, name: &str) -> Fault {
        self.fault(&json!({ "kind": "answer", "name": name }))
    }

    /// JSON that does not have the documented shape.
    pub fn answers_nonsense(self) -> Fault {
        self.fault(&json!({ "kind": "wrong_json" }))
    }

    /// Handled as usual, after a delay.
    pub fn takes(self, latency: Duration) -> Fault {
        self.fault(&json!({ "kind": "latency", "ms": u64::try_from(latency.as_millis()).unwrap_or(u64::MAX) }))
    }

    /// No answer ever comes.
    pub fn hangs(self, when: When) -> Fault {
        self.fault(&json!({ "kind": "hang", "when": when }))
    }

    /// The connection breaks instead of an answer.
    pub fn breaks(self, when: When) -> Fault {
        self.fault(&json!({ "kind": "cut", "when": when }))
    }

    /// The connection breaks, and the request is carried out so much later.
    pub fn breaks_and_is_late(self, late: Duration) -> Fault {
        self.late(late, false)
    }

    /// No answer ever comes, and the request is carried out so much later.
    pub fn hangs_and_is_late(self, late: Duration) -> Fault {
        self.late(late, true)
    }

    fn late(self, late: Duration, hang: bool) -> Fault {
        let ms = u64::try_from(late.as_millis()).unwrap_or(u64::MAX);
        self.fault(&json!({ "kind": "late", "ms": ms, "hang": hang }))
    }
}

impl Fault {
    /// For the next request only.
    pub fn once(mut self) -> Self {
        self.0["times"] = json!(1);
        self
    }

    /// For this share of the requests.
    pub fn sometimes(mut self, share: f64) -> Self {
        self.0["probability"] = json!(share);
        self
    }

    /// The API carries the request out; only its answer is replaced.
    pub fn although_done(mut self) -> Self {
        self.0["do"]["handled"] = json!(true);
        self
    }

    /// The answer has this header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0["do"]["headers"][name] = json!(value);
        self
    }
}
