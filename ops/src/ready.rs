//! `callbridge ready`: one request to `/readyz`, for the health check of a container that has no curl.
//!
//! It runs every few seconds for the lifetime of the worker, inside the worker's limits. It therefore uses neither a proxy nor
//! TLS, which would read a hundred certificates first (decision 17). It asks the process on this machine (`HTTP_LISTEN`) or any
//! other address by plain http, and prints the reason if it is not ready.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use anyhow::{anyhow, bail, ensure};
use base::{client, error::with_causes, say, settings::Needs};
use serde::Deserialize;

/// Shorter than the timeout of the health check, so that the reason still gets through.
const PATIENCE: Duration = Duration::from_secs(3);
/// The part of the answer that is read.
const LARGEST: usize = 64 * 1024;

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge ready\n  callbridge ready http://ingest:8080/readyz";

/// Reads an address that can be asked.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let is_one = text.starts_with("http://") && reqwest::Url::parse(text).is_ok();
    is_one
        .then(|| text.to_owned())
        .ok_or_else(|| "write http://<host>:<port>/readyz: only plain http is asked".to_owned())
}

pub(crate) async fn run(url: Option<String>) -> anyhow::Result<ExitCode> {
    let url = match url {
        Some(url) => url,
        None => match crate::settings(Needs::default()) {
            Ok(settings) => format!("http://{}/readyz", beside(settings.http_listen)),
            Err(problems) => bail!("HTTP_LISTEN is not known:\n{problems}"),
        },
    };
    let (is_ready, words) = match ask(&url).await {
        Ok((status, body)) => (status == 200, in_words(status, &body)),
        Err(e) => (false, format!("not ready: {url}: {}", with_causes(e.as_ref()))),
    };
    say!("{words}");
    Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The address at which a process on this machine reaches this listener.
fn beside(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Status and body.
async fn ask(url: &str) -> anyhow::Result<(u16, Vec<u8>)> {
    ensure!(url.starts_with("http://"), "only http:// is asked");
    let client = client::builder(PATIENCE).no_proxy().tls_certs_only([]).build()?;
    let mut answer = client.get(url).send().await.map_err(no_answer)?;
    let mut body = Vec::new();
    while body.len() < LARGEST
        && let Some(more) = answer.chunk().await.map_err(no_answer)?
    {
        body.extend_from_slice(&more);
    }
    Ok((answer.status().as_u16(), body))
}

fn no_answer(e: reqwest::Error) -> anyhow::Error {
    let problem = match &e {
        e if e.is_timeout() => "no answer in time",
        e if e.is_connect() => "nobody listens there",
        _ => "that is no answer of HTTP",
    };
    anyhow!("{problem}: {}", anyhow::Error::from(e).root_cause())
}

/// The conditions that `/readyz` reports as missing; for other addresses, only the status.
fn in_words(status: u16, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Answer {
        missing: BTreeMap<String, String>,
    }
    if status == 200 {
        return "ready".into();
    }
    match serde_json::from_slice::<Answer>(body) {
        Ok(answer) => {
            let reasons: Vec<_> = answer.missing.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
            format!("not ready: {}", reasons.join("; "))
        }
        Err(_) => format!("not ready: answered with {status}"),
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode, response::Redirect, routing::get};
    use tokio::{io::AsyncWriteExt as _, net::TcpListener};

    use super::*;

    #[test]
    fn what_listens_everywhere_is_asked_on_loopback() {
        for (listen, expected) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("127.0.0.1:9", "127.0.0.1:9"),
            ("10.1.2.3:80", "10.1.2.3:80"),
        ] {
            assert_eq!(beside(listen.parse().unwrap()).to_string(), expected);
        }
    }

    #[test]
    fn an_answer_is_put_into_words() {
        let unready = br#"{"ready":false,"missing":{"broker":"connecting","database":"starting"}}"#;
        assert_eq!(in_words(503, unready), "not ready: broker: connecting; database: starting");
        assert_eq!(in_words(200, b"{}"), "ready");
        assert_eq!(in_words(404, b""), "not ready: answered with 404");
    }

    async fn listening() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (listener, url)
    }

    #[tokio::test]
    async fn whatever_listens_is_asked_once_and_not_for_more_than_it_may_say() {
        let (listener, url) = listening().await;
        let routes = Router::new()
            .route("/readyz", get(async || (StatusCode::SERVICE_UNAVAILABLE, "starting")))
            .route("/elsewhere", get(async || Redirect::to("/readyz")))
            .route("/large", get(async || "x".repeat(10 * LARGEST)));
        tokio::spawn(axum::serve(listener, routes).into_future());
        assert_eq!(ask(&format!("{url}/readyz")).await.unwrap(), (503, b"starting".to_vec()));
        assert_eq!(ask(&format!("{url}/elsewhere")).await.unwrap().0, 303);
        assert!(ask(&format!("{url}/large")).await.unwrap().1.len() < 5 * LARGEST);
    }

    #[tokio::test]
    async fn what_is_no_answer_is_put_into_words() {
        let (listener, closed) = listening().await;
        drop(listener);
        let (listener, other) = listening().await;
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"SSH-2.0-OpenSSH\r\n\r\n").await.unwrap();
        });
        let (_silent, silent) = listening().await;
        for (url, problem) in [
            (closed, "nobody listens there: Connection refused"),
            (other, "that is no answer of HTTP: "),
            (silent, "no answer in time: "),
            ("https://ingest/readyz".into(), "only http:// is asked"),
            ("ingest:8080".into(), "only http:// is asked"),
        ] {
            let found = ask(&url).await.unwrap_err().to_string();
            assert!(found.starts_with(problem), "{url}: {found}");
        }
    }
}
