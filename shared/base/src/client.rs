//! Builds the HTTP clients for the APIs, alerts, spans and `callbridge ready`.
//!
//! Every client sends our user agent, has a timeout, and follows no redirect: a redirect would send the credential to whatever
//! host the answer names, and would turn a POST into a GET.

use std::time::Duration;

use anyhow::Context;
use reqwest::{Client, ClientBuilder, redirect::Policy};

use crate::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// `timeout` covers the time from sending to the last byte of the answer.
pub fn new(timeout: Duration) -> anyhow::Result<Client> {
    builder(timeout)
        .build()
        .context("the HTTP client (if this machine has no certificates of CAs: install ca-certificates)")
}

/// For a caller that changes more settings of the client.
pub fn builder(timeout: Duration) -> ClientBuilder {
    tls::install_provider();
    Client::builder()
        .user_agent(concat!("callbridge/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .redirect(Policy::none())
}
