//! One Sellsy account: directory, opportunities, smart-tags, phone calls, comments, tasks, staffs, quotas, and the login that
//! opens them.
//!
//! Requests come in as the documentation of API v2 describes them and are answered in its shapes. What the documentation leaves
//! open is read in the way that is hardest for a client. Every request passes `gate` first (quota, token, scope). By `control`
//! a test looks inside, and acts as a person in Sellsy's own pages would. `notices` sends webhooks. All state is in one store
//! behind one mutex, which no endpoint holds while it waits.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::Context;
use axum::routing::{get, post};
use axum::{Router, middleware};
use jiff::tz::TimeZone;

use auth::Tokens;
use gate::Quota;
use notices::Notices;
use store::{RelatedKind, Store};

pub use seed::Seed;

mod auth;
mod body;
mod comments;
mod control;
mod directory;
mod errors;
mod fields;
mod filters;
mod gate;
mod individuals;
mod metas;
mod notices;
mod opportunities;
mod pages;
mod paging;
mod phone_calls;
mod registered;
mod related;
mod request;
mod search;
mod seed;
mod smart_tags;
mod staffs;
mod store;
mod tasks;
mod texts;
mod undocumented;
mod views;
mod webhooks;

/// A handle on the account; clones share all state.
#[derive(Debug, Clone)]
pub struct Account(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Mutex<Store>,
    quota: Mutex<Quota>,
    tokens: Mutex<Tokens>,
    notices: Notices,
}

impl Account {
    pub fn new(seed: &Seed) -> anyhow::Result<Account> {
        let zone = TimeZone::get(&seed.time_zone).with_context(|| format!("time zone {}", seed.time_zone))?;
        Ok(Account(Arc::new(Inner {
            store: Mutex::new(Store::new(seed, zone)?),
            quota: Mutex::new(Quota::new(&seed.quotas)),
            tokens: Mutex::new(Tokens::new(seed)),
            notices: Notices::new(),
        })))
    }

    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        crate::lock(&self.0.store)
    }

    fn quota(&self) -> std::sync::MutexGuard<'_, Quota> {
        crate::lock(&self.0.quota)
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, Tokens> {
        crate::lock(&self.0.tokens)
    }

    fn notices(&self) -> &Notices {
        &self.0.notices
    }
}

/// The API's routes, to be nested at its base URL.
pub fn api(account: Account) -> Router {
    Router::new()
        .route("/search", get(search::search))
        .route("/individuals", post(individuals::create))
        .route("/individuals/search", post(directory::search_individuals))
        .route("/individuals/{id}", get(directory::get_individual).put(individuals::update).delete(individuals::delete))
        .route("/individuals/{id}/smart-tags", smart_tags::of(RelatedKind::Individual))
        .route("/companies/search", post(directory::search_companies))
        .route("/companies/{id}", get(directory::get_company))
        .route("/companies/{id}/smart-tags", smart_tags::of(RelatedKind::Company))
        .route("/contacts/search", post(directory::search_contacts))
        .route("/contacts/{id}", get(directory::get_contact))
        .route("/contacts/{id}/companies", get(directory::companies_of_contact))
        .route("/contacts/{id}/smart-tags", smart_tags::of(RelatedKind::Contact))
        .route("/opportunities/search", post(opportunities::search))
        .route("/opportunities/pipelines", get(opportunities::pipelines))
        .route("/opportunities/steps/search", post(opportunities::search_steps))
        .route("/opportunities/{id}", get(opportunities::get).patch(opportunities::change))
        .route("/opportunities/{id}/smart-tags", smart_tags::of(RelatedKind::Opportunity))
        .route("/phone-calls", get(phone_calls::list).post(phone_calls::create))
        .route("/phone-calls/search", post(phone_calls::search))
        .route("/phone-calls/{id}", get(phone_calls::get).put(phone_calls::update).delete(phone_calls::delete))
        .route("/comments", post(comments::create))
        .route("/comments/search", post(comments::search))
        .route("/comments/{id}", get(comments::get).put(comments::update))
        .route("/tasks", post(tasks::create))
        .route("/tasks/labels", get(tasks::labels))
        .route("/tasks/search", post(tasks::search))
        .route("/tasks/{id}", get(tasks::get).put(tasks::update).delete(tasks::delete))
        .route("/staffs", get(staffs::list))
        .route("/staffs/search", post(staffs::search))
        .route("/staffs/{id}", get(staffs::get))
        .route("/activities/crm/metas", get(metas::metas))
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/events", get(webhooks::events))
        .route("/webhooks/{id}", get(webhooks::get).put(webhooks::update).delete(webhooks::delete))
        .route("/quotas", get(quotas))
        .fallback(async || errors::Error::not_found())
        .method_not_allowed_fallback(async || errors::Error::method_not_allowed())
        .layer(middleware::from_fn_with_state(account.clone(), gate::gate))
        .with_state(account)
}

/// The token endpoint, which Sellsy has on a host of its own.
pub fn login(account: Account) -> Router {
    Router::new().route("/access-tokens", post(auth::access_tokens)).with_state(account)
}

/// The application's pages, which people open.
pub fn pages(account: Account) -> Router {
    pages::router().with_state(account)
}

pub fn control(account: Account) -> Router {
    control::router().with_state(account)
}

async fn quotas(axum::extract::State(account): axum::extract::State<Account>) -> axum::Json<serde_json::Value> {
    axum::Json(account.quota().report(Instant::now()))
}
