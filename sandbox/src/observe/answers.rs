//! Answers by name that an API does not document, and refusals that are hard to provoke: what gateways, firewalls and odd
//! quotas send instead.
//!
//! A fault of the kind `answer` names one of them. Bodies follow the two vendors' error shapes where the vendor itself speaks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Api;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Named {
    /// A redirect to a page that says "back soon".
    Maintenance,
    /// A firewall's HTML page with 403.
    Firewall,
    /// A gateway's HTML page with 404.
    PageNotFound,
    /// A gateway's 404 in JSON, without the vendor's envelope.
    RouteNotFound,
    /// The backend is unavailable.
    Backend,
    /// Success with an empty body that claims to be HTML.
    Empty,
    /// The vendor understood the request and refuses its content.
    Rejected,
    /// The plan does not include it.
    Plan,
    /// The credential lacks a right.
    Forbidden,
    /// The owner may not own the log.
    OwnerRefused,
    /// The description is too long.
    TooLong,
    /// A linked company is gone.
    CompanyGone,
    /// 429 whose reset is a number of seconds from now.
    ResetSpan,
    /// 429 whose reset lies in the past.
    ResetPast,
    /// 429 with `Retry-After: 0`.
    RetryAfterZero,
    /// 429 with a wait of thousands of years.
    RetryAfterHuge,
    /// 429 that says nothing.
    Limited,
}

impl Named {
    pub fn name(self) -> &'static str {
        match self {
            Named::Maintenance => "maintenance",
            Named::Firewall => "firewall",
            Named::PageNotFound => "page_not_found",
            Named::RouteNotFound => "route_not_found",
            Named::Backend => "backend",
            Named::Empty => "empty",
            Named::Rejected => "rejected",
            Named::Plan => "plan",
            Named::Forbidden => "forbidden",
            Named::OwnerRefused => "owner_refused",
            Named::TooLong => "too_long",
            Named::CompanyGone => "company_gone",
            Named::ResetSpan => "reset_span",
            Named::ResetPast => "reset_past",
            Named::RetryAfterZero => "retry_after_zero",
            Named::RetryAfterHuge => "retry_after_huge",
            Named::Limited => "limited",
        }
    }

    /// Status, body (a string is sent as it is) and headers.
    pub(super) fn answer(self, api: Api) -> (u16, Value, BTreeMap<String, String>) {
        let page = |status, title: &str| (status, Value::from(format!("<html><h1>{title}</h1></html>")), headers(&[]));
        let refusal = |status, field: &str, detail: &str| (status, error(api, status, field, detail), headers(&[]));
        let limited = |name: &str, value: &str| (429, error(api, 429, "", ""), headers(&[(name, value)]));
        match self {
            Named::Maintenance => {
                let there = [("location", "https://maintenance.example/"), ("content-type", "text/html")];
                (302, Value::from("<html><h1>Back soon</h1></html>"), headers(&there))
            }
            Named::Firewall => page(403, "Request blocked"),
            Named::PageNotFound => page(404, "Not Found"),
            Named::RouteNotFound => (404, json!({"error": "no route", "status": 404}), headers(&[])),
            Named::Backend => page(503, "Service Unavailable"),
            Named::Empty => (200, Value::Null, headers(&[("content-type", "text/html")])),
            Named::Rejected => refusal(400, "contents", "Cette valeur n'est pas valide"),
            Named::Plan => refusal(402, "", ""),
            Named::Forbidden => refusal(403, "", ""),
            Named::OwnerRefused => refusal(400, "owner_id", "Ce collaborateur ne peut pas être choisi"),
            Named::TooLong => refusal(400, "description", "Cette chaîne est trop longue"),
            Named::CompanyGone => refusal(400, "related", "Cet objet n'existe pas"),
            Named::ResetSpan => limited("x-aircallapi-reset", "2"),
            Named::ResetPast => limited("x-aircallapi-reset", "1600000000"),
            Named::RetryAfterZero => limited("retry-after", "0"),
            Named::RetryAfterHuge => limited("retry-after", "99999999999"),
            Named::Limited => (429, error(api, 429, "", ""), headers(&[])),
        }
    }
}

fn headers(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The error in the vendor's own words; `field` is the field that it refuses, if any.
fn error(api: Api, status: u16, field: &str, detail: &str) -> Value {
    let details = if field.is_empty() { json!([]) } else { json!({ field: detail }) };
    match api {
        Api::Aircall => json!({"error": "Refused", "troubleshoot": "A fault of the sandbox"}),
        Api::Sellsy => {
            json!({"error": {"code": status, "message": "Refusé", "context": null, "details": details}})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_vendors_own_refusals_have_its_envelope() {
        for (named, own) in [
            (Named::Firewall, false),
            (Named::PageNotFound, false),
            (Named::RouteNotFound, false),
            (Named::Maintenance, false),
            (Named::Rejected, true),
            (Named::Forbidden, true),
            (Named::RetryAfterZero, true),
        ] {
            let (_, body, _) = named.answer(Api::Sellsy);
            assert_eq!(body["error"].is_object(), own, "{}", named.name());
        }
    }
}
