//! How the two vendors reach ingest: a host name of the user's own behind a proxy that terminates TLS, or a tunnel for a trial.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::{Context, bail};
use base::{client, tell};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::mpsc,
    time::timeout,
};

const UNTIL_OPEN: Duration = Duration::from_secs(30);
const UNTIL_ANSWERED: Duration = Duration::from_secs(10);

/// A program that opens a tunnel without an account of its own being set up here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Tunnel {
    Cloudflared,
    Ngrok,
}

impl Tunnel {
    pub(crate) const ALL: [Tunnel; 2] = [Tunnel::Cloudflared, Tunnel::Ngrok];

    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Cloudflared => "cloudflared",
            Self::Ngrok => "ngrok",
        }
    }

    pub(crate) fn is_installed(self) -> bool {
        find(self.program()).is_some()
    }

    fn arguments(self, port: u16) -> Vec<String> {
        match self {
            Self::Cloudflared => vec!["tunnel".into(), "--url".into(), format!("http://127.0.0.1:{port}")],
            Self::Ngrok => ["http", &port.to_string(), "--log=stdout", "--log-format=logfmt"].map(Into::into).into(),
        }
    }

    /// The address in a line of its output.
    fn address_in(self, line: &str) -> Option<String> {
        let from = line.find("https://").filter(|at| self == Self::Cloudflared || line[..*at].ends_with("url="))?;
        let address = line[from..].split(|c: char| c.is_whitespace() || c == '|' || c == '"').next()?;
        // Cloudflared also prints where its terms are.
        let is_ours = self == Self::Ngrok || address.ends_with(".trycloudflare.com");
        is_ours.then(|| address.trim_end_matches('/').to_owned())
    }
}

/// Open until this is dropped.
pub(crate) struct Open {
    pub(crate) address: String,
    _process: Child,
}

pub(crate) async fn open(tunnel: Tunnel, port: u16) -> anyhow::Result<Open> {
    let Some(program) = find(tunnel.program()) else { bail!("{} is not installed", tunnel.program()) };
    let mut process = Command::new(program)
        .args(tunnel.arguments(port))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} cannot be started", tunnel.program()))?;
    let (lines, mut said) = mpsc::channel(100);
    if let Some(out) = process.stdout.take() {
        tokio::spawn(read(out, lines.clone()));
    }
    if let Some(beside) = process.stderr.take() {
        tokio::spawn(read(beside, lines));
    }
    let address = async {
        while let Some(line) = said.recv().await {
            if let Some(address) = tunnel.address_in(&line) {
                return Some(address);
            }
        }
        None
    };
    let address = timeout(UNTIL_OPEN, address).await.ok().flatten();
    let address =
        address.with_context(|| format!("{} has opened no tunnel; run it by hand to see why", tunnel.program()))?;
    Ok(Open { address, _process: process })
}

/// To its end, or its program would wait for somebody who reads.
async fn read(from: impl tokio::io::AsyncRead + Unpin, to: mpsc::Sender<String>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = to.try_send(line);
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The address of ingest's host, https://calls.example.com.
pub(crate) fn host(text: &str) -> Result<String, String> {
    let wrong = || "it must be https://<your host>, without a path".to_owned();
    let rest = text.trim().trim_end_matches('/');
    let host = rest.strip_prefix("https://").or_else(|| rest.strip_prefix("http://127.0.0.1:")).ok_or_else(wrong)?;
    let is_host = !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
    if is_host { Ok(rest.to_owned()) } else { Err(wrong()) }
}

pub(crate) fn explain_proxies(host: &str, port: u16) {
    let name = host.trim_start_matches("https://");
    tell!(
        "\nA proxy on this machine terminates TLS and forwards the webhooks to ingest. With Caddy:\n\n    \
         {name} {{\n        handle /webhooks/* {{\n            reverse_proxy 127.0.0.1:{port}\n        }}\n        respond 404\n    }}\n\n  \
         With nginx, in the server of this host:\n\n    location /webhooks/ {{\n        proxy_pass http://127.0.0.1:{port};\n        \
         proxy_http_version 1.1;\n        client_max_body_size 2m;\n    }}\n\n  With Docker Compose: DOMAIN={name} in .env, and docker compose --profile proxy up -d.\n"
    );
}

/// Whether ingest answers there, and not somebody else; why not otherwise.
pub(crate) async fn answers(host: &str) -> Result<(), String> {
    let client = client::builder(UNTIL_ANSWERED).build().map_err(|e| e.to_string())?;
    let url = format!("{host}/webhooks/aircall");
    let asked = client.post(&url).header("content-type", "application/json").body("{}").send().await;
    let answer =
        asked.map_err(|e| format!("{url} cannot be reached: {}", base::error::with_causes(&e.without_url())))?;
    let status = answer.status();
    let said: Value = answer.json().await.unwrap_or_default();
    // What ingest says to a body that is no event.
    if said["error"]["code"] == "NOT_AN_EVENT" {
        Ok(())
    } else {
        Err(format!("{url} answers with {status}, and that is not ingest"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_says_its_address() {
        for (tunnel, line, expected) in [
            (
                Tunnel::Cloudflared,
                "2026-11-30T09:00:00Z INF |  https://some-words-here.trycloudflare.com   |",
                Some("https://some-words-here.trycloudflare.com"),
            ),
            (Tunnel::Cloudflared, "INF Thank you for trying. See https://www.cloudflare.com/website-terms/", None),
            (
                Tunnel::Ngrok,
                "t=2026-11-30 lvl=info msg=\"started tunnel\" addr=http://localhost:8080 url=https://1a2b.ngrok.app",
                Some("https://1a2b.ngrok.app"),
            ),
            (Tunnel::Ngrok, "lvl=info msg=\"see https://ngrok.com/docs\"", None),
        ] {
            assert_eq!(tunnel.address_in(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn a_host_has_no_path() {
        for (text, expected) in [
            ("https://calls.example.com", Some("https://calls.example.com")),
            (" https://calls.example.com:8443/ ", Some("https://calls.example.com:8443")),
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
            ("http://calls.example.com", None),
            ("calls.example.com", None),
            ("https://calls.example.com/webhooks/aircall", None),
            ("https://", None),
        ] {
            assert_eq!(host(text).ok().as_deref(), expected, "{text}");
        }
    }
}
