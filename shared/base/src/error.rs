//! What can go wrong while a message is handled, and what the consumer loop should do about it.
//!
//! Every failure carries a stable [`Code`]: it is the dead letter's reason, a metric's label and a heading in
//! `docs/errors.md`. It also carries a [`Remedy`], because only the code that fails knows whether waiting helps. The
//! message of an error never holds a phone number, a body or a secret.

use std::{fmt, time::Duration};

/// A stable name for each failure that can park or delay a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    AircallBudget,
    AircallCredential,
    AircallRateLimited,
    AircallUnavailable,
    AircallRejected,
    AircallAnswer,
    SellsyBudget,
    SellsyCredential,
    SellsyForbidden,
    SellsyPlan,
    SellsyRateLimited,
    SellsyUnavailable,
    SellsyRejected,
    SellsyAnswer,
    SellsyNoOwner,
    InsightsBeforeCall,
    CallBusy,
    LogTemplate,
    MessageMalformed,
    WebhookPayload,
    BrokerUnavailable,
    DatabaseUnavailable,
    DatabaseRejected,
    HandlerCrashed,
    HandlerTimeout,
    DeliveryLimit,
}

impl Code {
    /// Every code, for the test that compares them with `docs/errors.md`.
    pub const ALL: [Code; 26] = [
        Code::AircallBudget,
        Code::AircallCredential,
        Code::AircallRateLimited,
        Code::AircallUnavailable,
        Code::AircallRejected,
        Code::AircallAnswer,
        Code::SellsyBudget,
        Code::SellsyCredential,
        Code::SellsyForbidden,
        Code::SellsyPlan,
        Code::SellsyRateLimited,
        Code::SellsyUnavailable,
        Code::SellsyRejected,
        Code::SellsyAnswer,
        Code::SellsyNoOwner,
        Code::InsightsBeforeCall,
        Code::CallBusy,
        Code::LogTemplate,
        Code::MessageMalformed,
        Code::WebhookPayload,
        Code::BrokerUnavailable,
        Code::DatabaseUnavailable,
        Code::DatabaseRejected,
        Code::HandlerCrashed,
        Code::HandlerTimeout,
        Code::DeliveryLimit,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Code::AircallBudget => "AIRCALL_BUDGET",
            Code::AircallCredential => "AIRCALL_CREDENTIAL",
            Code::AircallRateLimited => "AIRCALL_RATE_LIMITED",
            Code::AircallUnavailable => "AIRCALL_UNAVAILABLE",
            Code::AircallRejected => "AIRCALL_REJECTED",
            Code::AircallAnswer => "AIRCALL_ANSWER",
            Code::SellsyBudget => "SELLSY_BUDGET",
            Code::SellsyCredential => "SELLSY_CREDENTIAL",
            Code::SellsyForbidden => "SELLSY_FORBIDDEN",
            Code::SellsyPlan => "SELLSY_PLAN",
            Code::SellsyRateLimited => "SELLSY_RATE_LIMITED",
            Code::SellsyUnavailable => "SELLSY_UNAVAILABLE",
            Code::SellsyRejected => "SELLSY_REJECTED",
            Code::SellsyAnswer => "SELLSY_ANSWER",
            Code::SellsyNoOwner => "SELLSY_NO_OWNER",
            Code::InsightsBeforeCall => "INSIGHTS_BEFORE_CALL",
            Code::CallBusy => "CALL_BUSY",
            Code::LogTemplate => "LOG_TEMPLATE",
            Code::MessageMalformed => "MESSAGE_MALFORMED",
            Code::WebhookPayload => "WEBHOOK_PAYLOAD",
            Code::BrokerUnavailable => "BROKER_UNAVAILABLE",
            Code::DatabaseUnavailable => "DATABASE_UNAVAILABLE",
            Code::DatabaseRejected => "DATABASE_REJECTED",
            Code::HandlerCrashed => "HANDLER_CRASHED",
            Code::HandlerTimeout => "HANDLER_TIMEOUT",
            Code::DeliveryLimit => "DELIVERY_LIMIT",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What helps against a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Retry with growing delays, and park after the last; `after` is the shortest delay that the API asked for.
    Retry { after: Option<Duration> },
    /// Retry later without counting an attempt: nothing is wrong with the message.
    Defer { after: Duration },
    /// Waiting does not help; a person has to look.
    Park,
    /// The database is unavailable for all messages: keep this one and handle none until it is back.
    AwaitDatabase,
    /// An API is unavailable for all messages: keep this one and try again until the API is back.
    AwaitApi,
}

/// A failure: its code, a sentence for the operator, and what helps.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    pub code: Code,
    pub message: String,
    pub remedy: Remedy,
}

impl Error {
    pub fn new(code: Code, remedy: Remedy, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), remedy }
    }

    pub fn retry(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Remedy::Retry { after: None }, message)
    }

    /// What was asked for is only not there because of our own database, which is away or busy.
    pub fn is_of_database(&self) -> bool {
        self.code == Code::DatabaseUnavailable
    }

    /// JSON of the wrong shape: the message says where, and never quotes the JSON.
    pub fn malformed(what: &str, e: &serde_json::Error) -> Self {
        let (line, column) = (e.line(), e.column());
        Self::park(
            Code::MessageMalformed,
            format!("{what} is not of the expected shape (line {line}, column {column})"),
        )
    }

    pub fn park(code: Code, message: impl Into<String>) -> Self {
        Self::new(code, Remedy::Park, message)
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error with its causes, in one line. Many a library has the text of the cause in its own: that is said once.
pub fn with_causes(e: &(dyn std::error::Error + 'static)) -> String {
    let mut text = e.to_string();
    for cause in std::iter::successors(e.source(), |e| e.source()).map(ToString::to_string) {
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Caused {
        text: &'static str,
        source: Option<Box<Caused>>,
    }

    #[test]
    fn a_cause_is_said_once() {
        for (chain, expected) in [
            (&["no answer"][..], "no answer"),
            (&["the pool failed", "no answer"], "the pool failed: no answer"),
            (&["the pool failed: no answer", "no answer"], "the pool failed: no answer"),
            (&["the pool failed: no answer", "no answer", "refused"], "the pool failed: no answer: refused"),
            (
                &["outer", "the pool failed: no answer: refused", "no answer: refused", "refused"],
                "outer: the pool failed: no answer: refused",
            ),
        ] {
            let mut errors = chain.iter().rev();
            let last = errors.next().map(|text| Caused { text, source: None }).unwrap();
            let first = errors.fold(last, |source, text| Caused { text, source: Some(source.into()) });
            assert_eq!(with_causes(&first), expected);
        }
    }
}
