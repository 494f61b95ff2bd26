//! `callbridge ready`: one request to `/readyz`, for whoever watches over a container and has no curl in it.
//!
//! It runs every few seconds for ever, beside the worker and inside its limits. So it is one request by hand, without TLS or
//! an HTTP client, which would read a hundred certificates first. It asks the process beside it (`HTTP_LISTEN`) or any
//! other address by plain http, and says why not if not.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail};
use base::settings::{Needs, Settings};
use serde::Deserialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Less than the watcher's own patience, so that it hears the reason.
const PATIENCE: Duration = Duration::from_secs(3);
/// Of the answer.
const LARGEST: u64 = 64 * 1024;

pub(crate) const EXAMPLES: &str = "Examples:\n  callbridge ready\n  callbridge ready http://ingest:8080/readyz";

pub(crate) async fn run(url: Option<String>) -> anyhow::Result<ExitCode> {
    let url = match url {
        Some(url) => url,
        None => match Settings::from_environment(Needs::default()) {
            Ok(settings) => format!("http://{}/readyz", beside(settings.http_listen)),
            Err(problems) => bail!("HTTP_LISTEN is not known:\n{problems}"),
        },
    };
    let answer = timeout(PATIENCE, ask(&url)).await;
    let (is_ready, words) = match answer.context("no answer in time").and_then(|answer| answer) {
        Ok((status, body)) => (status == 200, told(status, &body)),
        Err(e) => (false, format!("not ready: {url}: {e:#}")),
    };
    println!("{words}");
    Ok(if is_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where a process on this machine reaches what listens there.
fn beside(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Status and body.
async fn ask(url: &str) -> anyhow::Result<(u16, String)> {
    let (authority, path) = parts(url)?;
    let mut stream = TcpStream::connect(&authority).await.context("nobody listens there")?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(LARGEST).read_to_end(&mut answer).await?;
    read(&String::from_utf8_lossy(&answer)).context("that is no answer of HTTP")
}

/// `host:port` and the path.
fn parts(url: &str) -> anyhow::Result<(String, String)> {
    let rest = url.strip_prefix("http://").with_context(|| format!("{url}: only http:// is asked"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
    Ok((authority, format!("/{path}")))
}

fn read(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// What `/readyz` lacks; other addresses say nothing more than their status.
fn told(status: u16, body: &str) -> String {
    #[derive(Deserialize)]
    struct Answer {
        missing: std::collections::BTreeMap<String, String>,
    }
    if status == 200 {
        return "ready".into();
    }
    match serde_json::from_str::<Answer>(body) {
        Ok(answer) => {
            let reasons: Vec<_> = answer.missing.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
            format!("not ready: {}", reasons.join("; "))
        }
        Err(_) => format!("not ready: answered with {status}"),
    }
}

#[cfg(test)]
mod tests {
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
    fn addresses_are_plain_http() {
        for (url, expected) in [
            ("http://ingest:8080/readyz", Some(("ingest:8080", "/readyz"))),
            ("http://[::1]:8080/a/b?c", Some(("[::1]:8080", "/a/b?c"))),
            ("http://ingest", Some(("ingest:80", "/"))),
            ("https://ingest/readyz", None),
            ("ingest:8080", None),
        ] {
            let found = parts(url).ok();
            assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())), "{url}");
        }
    }

    #[test]
    fn an_answer_is_told_in_words() {
        let unready = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 53\r\n\r\n\
                       {\"ready\":false,\"missing\":{\"broker\":\"connecting\",\"database\":\"starting\"}}";
        let (status, body) = read(unready).unwrap();
        assert_eq!(told(status, &body), "not ready: broker: connecting; database: starting");
        let (status, body) = read("HTTP/1.1 200 OK\r\n\r\n{}").unwrap();
        assert_eq!(told(status, &body), "ready");
        let (status, body) = read("HTTP/1.1 404 Not Found\r\n\r\n").unwrap();
        assert_eq!(told(status, &body), "not ready: answered with 404");
        assert!(read("").is_none() && read("SSH-2.0\r\n\r\n").is_none());
    }
}
