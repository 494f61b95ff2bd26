//! The one way to make an HTTP client: for the APIs, for alerts, for spans, and for `callbridge ready`.
//!
//! It says who asks, gives up when no answer comes in time, and follows no redirect: a credential would go along to wherever the
//! answer points, and a POST would become a GET.

use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, ClientBuilder, redirect::Policy};

use crate::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// `timeout` is from sending to the last byte of the answer.
pub fn new(timeout: Duration) -> anyhow::Result<Client> {
    builder(timeout)
        .build()
        .context("the HTTP client (if this machine has no certificates of CAs: install ca-certificates)")
}

/// The same, for a caller that needs less.
pub fn builder(timeout: Duration) -> ClientBuilder {
    tls::install_provider();
    Client::builder()
        .user_agent(concat!("callbridge/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .redirect(Policy::none())
}
