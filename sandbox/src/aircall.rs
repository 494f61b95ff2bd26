//! One Aircall account on loopback: its REST API, its webhooks and the calls that are played on it.
//!
//! In come REST requests (`api`), orders to play calls, messages, conversations or single events (`control`) and the records of
//! the data file (`Seed`). Out go REST answers in the vendor's shapes and webhook deliveries that behave like the
//! vendor's: at least once, retried with back-off, given up after too many failures. Everything is kept in memory.
//!
//! It must not be more lenient than the vendor: what the reference calls wrong is refused, and what it leaves open is read in
//! the stricter way. It knows nothing of Sellsy or of the workers under test.

mod call;
mod card_rules;
mod cards;
mod control;
mod conversation;
mod delivery;
mod delivery_settings;
mod directory;
mod gate;
mod insights;
mod messages;
mod order;
mod play;
mod problem;
mod random;
mod rest;
mod scenario;
mod seed;
mod state;
mod webhooks;
mod webhooks_api;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;

pub use control::control;
pub use seed::{Number, Seed, Tag, Team, User};

/// A handle on the account; clones share all state.
#[derive(Clone)]
pub struct Account {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<state::State>,
    engine: delivery::Engine,
    gate: gate::Gate,
}

impl Account {
    pub fn new(seed: &Seed) -> Account {
        let directory = directory::Directory::new(seed);
        let inner = Inner {
            state: Mutex::new(state::State::new(directory, seed.tags.clone())),
            engine: delivery::Engine::new(),
            gate: gate::Gate::new(seed),
        };
        Account { inner: Arc::new(inner) }
    }

    /// Registers a webhook for all events, as a person would in the Dashboard.
    pub fn register_webhook(&self, url: &str, token: &str) {
        self.inner.engine.board().webhooks.register(url, token);
    }

    fn state(&self) -> MutexGuard<'_, state::State> {
        crate::lock(&self.inner.state)
    }

    fn engine(&self) -> &delivery::Engine {
        &self.inner.engine
    }

    fn gate(&self) -> &gate::Gate {
        &self.inner.gate
    }
}

/// The REST API: routes `/v1/…` and `/v2/…`.
pub fn api(account: Account) -> Router {
    let guard = axum::middleware::from_fn_with_state(account.clone(), gate::guard);
    rest::routes()
        .merge(cards::routes())
        .merge(webhooks_api::routes())
        // Only for routes that exist: for an unknown path, the vendor's edge answers 404 without asking for a credential.
        .route_layer(guard)
        .fallback(problem::unknown_path)
        .method_not_allowed_fallback(problem::unknown_path)
        .with_state(account)
}
