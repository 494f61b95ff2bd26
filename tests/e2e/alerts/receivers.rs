//! Receivers of alerts: one that takes what is posted, in place of a program, Slack and Teams, and a mail server.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use harness::eventually;
use ring::hmac;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
};

use crate::SOON;

/// Takes JSON under any path.
#[derive(Clone, Default)]
pub(crate) struct Posted(Arc<Mutex<State_>>);

#[derive(Default)]
struct State_ {
    taken: Vec<Post>,
    /// How many more requests each path refuses.
    refuses: BTreeMap<String, usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) path: String,
    pub(crate) signature: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) json: Value,
}

impl Posted {
    pub(crate) async fn listen() -> Result<(Self, String)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let posted = Self::default();
        let routes = Router::new().fallback(take).with_state(posted.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok((posted, url))
    }

    fn lock(&self) -> MutexGuard<'_, State_> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn refuse(&self, path: &str, times: usize) {
        self.lock().refuses.insert(path.into(), times);
    }

    pub(crate) fn all(&self) -> Vec<Post> {
        self.lock().taken.clone()
    }

    pub(crate) fn on(&self, path: &str) -> Vec<Post> {
        self.all().into_iter().filter(|post| post.path == path).collect()
    }

    /// What the program's address got of a kind: `begun` or `over`.
    pub(crate) fn of(&self, kind: &str, state: &str) -> Vec<Value> {
        let posts = self.all().into_iter().map(|post| post.json);
        posts.filter(|json| json["kind"] == kind && json["state"] == state).collect()
    }

    /// The last of so many of a kind, once they are there, and no more than that.
    pub(crate) async fn until(&self, kind: &str, state: &str, count: usize) -> Result<Value> {
        let there = || async { (self.of(kind, state).len() >= count).then_some(()) };
        eventually(6 * SOON, there).await.with_context(|| format!("{count} {kind} {state}: {:?}", self.all()))?;
        let of_kind = self.of(kind, state);
        assert_eq!(of_kind.len(), count, "no more than that: {of_kind:?}");
        of_kind.last().cloned().context("an alert")
    }
}

async fn take(State(posted): State<Posted>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let path = uri.path().to_owned();
    let mut state = posted.lock();
    if let Some(left) = state.refuses.get_mut(&path).filter(|left| **left > 0) {
        *left -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let is_json = headers.get("content-type").is_some_and(|kind| kind == "application/json");
    let Some(json) = serde_json::from_slice(&body).ok().filter(|_| is_json) else { return StatusCode::BAD_REQUEST };
    let signature = headers.get("X-Callbridge-Signature").and_then(|value| value.to_str().ok()).map(str::to_owned);
    state.taken.push(Post { path, signature, body: body.to_vec(), json });
    StatusCode::ACCEPTED
}

/// As docs/operating.md says that a program verifies it: the time is recent, and the digest is that of the time, a dot and the body.
pub(crate) fn verify(post: &Post, secret: &str) -> Result<()> {
    let header = post.signature.as_ref().context("a signature")?;
    let part = |name: &str| header.split(',').find_map(|part| part.strip_prefix(name)).map(str::to_owned);
    let (t, v1) = (part("t=").context("t")?, part("v1=").context("v1")?);
    let age_s = jiff::Timestamp::now().as_second() - t.parse::<i64>()?;
    anyhow::ensure!((-60..300).contains(&age_s), "it is {age_s} s old");
    let digits = |at: usize| v1.get(2 * at..2 * at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let digest: Vec<u8> = (0..v1.len() / 2).map_while(digits).collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [t.as_bytes(), b".", &post.body].concat();
    hmac::verify(&key, &signed, &digest).map_err(|_| anyhow::anyhow!("the signature {header} is not of {signed:?}"))
}

/// A server that takes every e-mail of who logs in.
#[derive(Clone, Default)]
pub(crate) struct MailServer(Arc<Mutex<Vec<Email>>>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Email {
    /// As the client sent it: base64.
    pub(crate) login: String,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) text: String,
}

impl MailServer {
    pub(crate) async fn listen() -> Result<(Self, String)> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let server = Self::default();
        let taking = server.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let taking = taking.clone();
                tokio::spawn(async move { taking.serve(client).await });
            }
        });
        Ok((server, address))
    }

    pub(crate) fn all(&self) -> Vec<Email> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn serve(&self, client: TcpStream) -> Result<()> {
        let mut client = BufStream::new(client);
        say(&mut client, "220 mail.test ESMTP").await?;
        let mut email = Email::default();
        loop {
            let mut line = String::new();
            if client.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            let answer = match line.split_once(' ').unwrap_or((line, "")) {
                ("EHLO", _) => "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN",
                ("AUTH", login) => {
                    email.login = login.into();
                    "235 welcome"
                }
                ("MAIL", from) => {
                    email.from = from.into();
                    "250 ok"
                }
                ("RCPT", to) => {
                    email.to.push(to.into());
                    "250 ok"
                }
                ("DATA", _) => {
                    say(&mut client, "354 go on").await?;
                    email.text = text(&mut client).await?;
                    let whole = std::mem::take(&mut email);
                    email.login.clone_from(&whole.login);
                    self.0.lock().unwrap_or_else(PoisonError::into_inner).push(whole);
                    "250 taken"
                }
                ("QUIT", _) => {
                    say(&mut client, "221 bye").await?;
                    return Ok(());
                }
                ("NOOP" | "RSET", _) => "250 ok",
                _ => "500 what?",
            };
            say(&mut client, answer).await?;
        }
    }
}

async fn say(client: &mut BufStream<TcpStream>, answer: &str) -> Result<()> {
    client.write_all(format!("{answer}\r\n").as_bytes()).await?;
    Ok(client.flush().await?)
}

/// Up to a line that is a dot.
async fn text(client: &mut BufStream<TcpStream>) -> Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        anyhow::ensure!(client.read_line(&mut line).await? > 0, "a torn e-mail");
        if line == ".\r\n" {
            return Ok(text);
        }
        text.push_str(line.strip_prefix("..").map_or(&line, |_| &line[1..]));
    }
}
