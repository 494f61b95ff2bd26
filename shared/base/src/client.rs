//! The one way to make an HTTP client: for the APIs, for alerts, for spans, and for `callbridge ready`.
//!
//! It says who asks, gives up when no answer comes in time, and follows no redirect: a credential would go along to wherever the
//! answer points, and a POST would become a GET.

use std::{iter, time::Duration};

use anyhow::Context;
use reqwest::{Client, ClientBuilder, redirect::Policy};

use crate::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// For what is somewhere in the world; `timeout` is from sending to the last byte of the answer.
pub fn new(timeout: Duration) -> anyhow::Result<Client> {
    builder(timeout)
        .build()
        .context("the HTTP client (if this machine has no certificates of CAs: install ca-certificates)")
}

/// For what is beside this process and speaks plain http. No proxy is asked, and no certificate is read: there are a hundred and
/// more of them, too many for a program that runs every few seconds.
pub fn beside(timeout: Duration) -> anyhow::Result<Client> {
    builder(timeout).no_proxy().tls_certs_only(iter::empty()).build().context("the HTTP client")
}

fn builder(timeout: Duration) -> ClientBuilder {
    tls::install_provider();
    Client::builder()
        .user_agent(concat!("callbridge/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        .redirect(Policy::none())
}
