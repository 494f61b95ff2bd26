//! The name and the error codes of each API.

use base::{error::Code, ids::Vendor};
use serde_json::{Map, Value};

/// A vendor's name for people, and its error codes.
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    pub(crate) budget: Code,
    pub(crate) credential: Code,
    pub(crate) rate_limited: Code,
    pub(crate) unavailable: Code,
    pub(crate) rejected: Code,
    pub(crate) answer: Code,
    /// Whether an answer has the shape of the API's own errors.
    pub(crate) is_error: fn(&Map<String, Value>) -> bool,
}

impl Profile {
    /// Whether a body has the shape that the vendor documents for its errors.
    pub(crate) fn is_own_error(&self, body: &[u8]) -> bool {
        let fields: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
        (self.is_error)(&fields)
    }
}

pub(crate) fn profile(vendor: Vendor) -> &'static Profile {
    match vendor {
        Vendor::Aircall => &AIRCALL,
        Vendor::Sellsy => &SELLSY,
    }
}

/// The name under which the API with this error code is a condition of a worker's readiness.
pub fn condition_of(unavailable: Code) -> Option<&'static str> {
    [&AIRCALL, &SELLSY].into_iter().find(|profile| profile.unavailable == unavailable).map(|profile| profile.name)
}

static AIRCALL: Profile = Profile {
    name: "Aircall",
    budget: Code::AircallBudget,
    credential: Code::AircallCredential,
    rate_limited: Code::AircallRateLimited,
    unavailable: Code::AircallUnavailable,
    rejected: Code::AircallRejected,
    answer: Code::AircallAnswer,
    is_error: |fields| fields.contains_key("error") || fields.contains_key("message"),
};

static SELLSY: Profile = Profile {
    name: "Sellsy",
    budget: Code::SellsyBudget,
    credential: Code::SellsyCredential,
    rate_limited: Code::SellsyRateLimited,
    unavailable: Code::SellsyUnavailable,
    rejected: Code::SellsyRejected,
    answer: Code::SellsyAnswer,
    is_error: is_error_of_sellsy,
};

/// The errors that OAuth 2 (RFC 6749, section 5.2) knows.
const LOGIN_ERRORS: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// The API's errors are objects, those of the token's address are codes. Gateways also answer with a field of this name, whose
/// text is something else.
fn is_error_of_sellsy(fields: &Map<String, Value>) -> bool {
    match fields.get("error") {
        Some(Value::Object(_)) => true,
        Some(Value::String(code)) => LOGIN_ERRORS.contains(&code.as_str()) || fields.contains_key("error_description"),
        _ => false,
    }
}
