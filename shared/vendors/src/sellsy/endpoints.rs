//! The Sellsy endpoints that Callbridge uses, and the requests that show whether a client is allowed to use them.

use serde_json::{Value, json};

use crate::api::{Endpoint, endpoint};

pub(super) const QUOTAS: Endpoint = endpoint!(GET "/quotas");
pub(super) const SEARCH: Endpoint = endpoint!(GET "/search");
pub(super) const SEARCH_CONTACTS: Endpoint = endpoint!(POST "/contacts/search");
pub(super) const SEARCH_INDIVIDUALS: Endpoint = endpoint!(POST "/individuals/search");
pub(super) const SEARCH_COMPANIES: Endpoint = endpoint!(POST "/companies/search");
pub(super) const COMPANIES_OF_CONTACT: Endpoint = endpoint!(GET "/contacts/{id}/companies");
pub(super) const INDIVIDUAL: Endpoint = endpoint!(GET "/individuals/{id}");
pub(super) const COMPANY: Endpoint = endpoint!(GET "/companies/{id}");
pub(super) const CONTACT: Endpoint = endpoint!(GET "/contacts/{id}");
pub(super) const SEARCH_OPPORTUNITIES: Endpoint = endpoint!(POST "/opportunities/search");
pub(super) const OPPORTUNITY: Endpoint = endpoint!(GET "/opportunities/{id}");
pub(super) const STAFFS: Endpoint = endpoint!(GET "/staffs");
pub(super) const OWN_STAFF: Endpoint = endpoint!(GET "/staffs/me");
pub(super) const METAS: Endpoint = endpoint!(GET "/activities/crm/metas");
pub(super) const SEARCH_PHONE_CALLS: Endpoint = endpoint!(POST "/phone-calls/search");
pub(super) const PHONE_CALL: Endpoint = endpoint!(GET "/phone-calls/{id}");
pub(super) const CREATE_PHONE_CALL: Endpoint = endpoint!(POST "/phone-calls");
pub(super) const UPDATE_PHONE_CALL: Endpoint = endpoint!(PUT "/phone-calls/{id}");
pub(super) const DELETE_PHONE_CALL: Endpoint = endpoint!(DELETE "/phone-calls/{id}", any_body: true);
pub(super) const SEARCH_COMMENTS: Endpoint = endpoint!(POST "/comments/search");
pub(super) const COMMENT: Endpoint = endpoint!(GET "/comments/{id}");
pub(super) const CREATE_COMMENT: Endpoint = endpoint!(POST "/comments");
pub(super) const UPDATE_COMMENT: Endpoint = endpoint!(PUT "/comments/{id}");
pub(super) const TASK_LABELS: Endpoint = endpoint!(GET "/tasks/labels");
pub(super) const SEARCH_TASKS: Endpoint = endpoint!(POST "/tasks/search");
pub(super) const TASK: Endpoint = endpoint!(GET "/tasks/{id}");
pub(super) const CREATE_TASK: Endpoint = endpoint!(POST "/tasks");
pub(super) const UPDATE_TASK: Endpoint = endpoint!(PUT "/tasks/{id}");
pub(super) const CREATE_INDIVIDUAL: Endpoint = endpoint!(POST "/individuals");
/// Only to see whether it is allowed.
pub(super) const CHANGE_INDIVIDUAL: Endpoint = endpoint!(PUT "/individuals/{id}");
pub(super) const DELETE_INDIVIDUAL: Endpoint = endpoint!(DELETE "/individuals/{id}", any_body: true);
pub(super) const SMART_TAGS_OF_INDIVIDUAL: Endpoint = endpoint!(GET "/individuals/{id}/smart-tags");
pub(super) const SMART_TAGS_OF_COMPANY: Endpoint = endpoint!(GET "/companies/{id}/smart-tags");
pub(super) const SMART_TAGS_OF_CONTACT: Endpoint = endpoint!(GET "/contacts/{id}/smart-tags");
pub(super) const SMART_TAGS_OF_OPPORTUNITY: Endpoint = endpoint!(GET "/opportunities/{id}/smart-tags");
pub(super) const TAG_INDIVIDUAL: Endpoint = endpoint!(POST "/individuals/{id}/smart-tags");
pub(super) const TAG_COMPANY: Endpoint = endpoint!(POST "/companies/{id}/smart-tags");
pub(super) const TAG_CONTACT: Endpoint = endpoint!(POST "/contacts/{id}/smart-tags");
pub(super) const TAG_OPPORTUNITY: Endpoint = endpoint!(POST "/opportunities/{id}/smart-tags");
pub(super) const SEARCH_STEPS: Endpoint = endpoint!(POST "/opportunities/steps/search");
pub(super) const CHANGE_OPPORTUNITY: Endpoint = endpoint!(PATCH "/opportunities/{id}");
pub(super) const WEBHOOKS: Endpoint = endpoint!(GET "/webhooks");
pub(super) const WEBHOOK_EVENTS: Endpoint = endpoint!(GET "/webhooks/events");
pub(super) const CREATE_WEBHOOK: Endpoint = endpoint!(POST "/webhooks");
pub(super) const UPDATE_WEBHOOK: Endpoint = endpoint!(PUT "/webhooks/{id}", any_body: true);
pub(super) const DELETE_WEBHOOK: Endpoint = endpoint!(DELETE "/webhooks/{id}", any_body: true);
pub(super) const GET_TOKEN: Endpoint = endpoint!(POST "/oauth2/access-tokens");

/// The address that shows whether Sellsy is available: the id of one staff member. All clients may read it, because logs need an
/// owner, and it is in the account's data, while a gateway may know the quotas by itself.
pub(super) fn outage_probe(base: &str) -> String {
    format!("{base}{}?limit=1&field[]=id", STAFFS.path)
}

/// An id that no record has, so that a change request changes nothing.
pub(super) const NOTHING: i64 = 999_999_999_999;

/// The cheapest request to an endpoint that requires the endpoint's scope. It writes nothing: a change request names an id
/// that does not exist, which Sellsy answers with 404 (or 400).
#[derive(Clone, Debug)]
pub struct Probe {
    pub(super) endpoint: Endpoint,
    /// It names an object that does not exist.
    pub(super) of_nothing: bool,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Value>,
}

impl Probe {
    pub fn quotas() -> Self {
        Self { endpoint: QUOTAS, of_nothing: false, query: Vec::new(), body: None }
    }

    pub fn metas() -> Self {
        Self { endpoint: METAS, of_nothing: false, query: Vec::new(), body: None }
    }

    pub fn staffs() -> Self {
        Self { endpoint: STAFFS, of_nothing: false, query: limit_one(), body: None }
    }

    pub fn search() -> Self {
        let query = [("q", "callbridge".to_owned()), ("type[]", "company".to_owned())];
        Self { endpoint: SEARCH, of_nothing: false, query: query.into_iter().chain(limit_one()).collect(), body: None }
    }

    pub fn individuals() -> Self {
        Self::of_search(SEARCH_INDIVIDUALS)
    }

    pub fn companies() -> Self {
        Self::of_search(SEARCH_COMPANIES)
    }

    pub fn contacts() -> Self {
        Self::of_search(SEARCH_CONTACTS)
    }

    pub fn opportunities() -> Self {
        Self::of_search(SEARCH_OPPORTUNITIES)
    }

    pub fn phone_calls() -> Self {
        Self::of_search(SEARCH_PHONE_CALLS)
    }

    pub fn comments() -> Self {
        Self::of_search(SEARCH_COMMENTS)
    }

    pub fn tasks() -> Self {
        Self::of_search(SEARCH_TASKS)
    }

    pub fn writing_tasks() -> Self {
        Self::of_change(UPDATE_TASK)
    }

    pub fn writing_individuals() -> Self {
        Self::of_change(CHANGE_INDIVIDUAL)
    }

    pub fn writing_opportunities() -> Self {
        Self::of_change(CHANGE_OPPORTUNITY)
    }

    pub fn smart_tags() -> Self {
        Self { endpoint: SMART_TAGS_OF_INDIVIDUAL, of_nothing: true, query: Vec::new(), body: None }
    }

    pub fn writing_smart_tags() -> Self {
        Self { body: Some(json!([])), ..Self::of_change(TAG_INDIVIDUAL) }
    }

    pub fn writing_phone_calls() -> Self {
        Self::of_change(UPDATE_PHONE_CALL)
    }

    pub fn writing_comments() -> Self {
        Self::of_change(UPDATE_COMMENT)
    }

    pub fn webhooks() -> Self {
        Self { endpoint: WEBHOOKS, of_nothing: false, query: limit_one(), body: None }
    }

    pub fn writing_webhooks() -> Self {
        Self::of_change(UPDATE_WEBHOOK)
    }

    fn of_search(endpoint: Endpoint) -> Self {
        Self { endpoint, of_nothing: false, query: limit_one(), body: Some(json!({ "filters": {} })) }
    }

    fn of_change(endpoint: Endpoint) -> Self {
        Self { endpoint, of_nothing: true, query: Vec::new(), body: Some(json!({})) }
    }
}

fn limit_one() -> Vec<(&'static str, String)> {
    vec![("limit", "1".to_owned())]
}
