//! Access to the console: everyone who knows `CONSOLE_PASSWORD` may use it.
//!
//! The login starts a session, which is kept in memory and in a cookie that scripts and other sites cannot use. Programs
//! may send the password as a bearer token instead. Every form contains the CSRF token of its session, and forms from other
//! sites are also refused. After several wrong passwords nobody can try for a while, because behind a proxy all clients
//! look the same. Existing sessions continue meanwhile.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Extension, Form,
    body::{self, Body},
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use maud::html;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use subtle::ConstantTimeEq;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    MAX_FORM, Shared,
    layout::{self, Visitor},
    texts::Lang,
};

const SESSION_COOKIE: &str = "callbridge_session";
const LANG_COOKIE: &str = "callbridge_lang";
const LIFETIME: Duration = Duration::from_secs(12 * 3600);
const MAX_SESSIONS: usize = 100;
/// With this many wrong passwords, and with each further one, logging in is blocked for a while.
const FREE_FAILURES: u32 = 5;
const MAX_WAIT: Duration = Duration::from_secs(300);

pub(super) struct Sessions {
    password: blake3::Hash,
    /// By the digest of their cookie.
    open: Mutex<HashMap<[u8; 32], Session>>,
    failures: Mutex<Failures>,
}

#[derive(Clone)]
struct Session {
    csrf: String,
    until: Instant,
}

#[derive(Default)]
struct Failures {
    count: u32,
    wait_until: Option<Instant>,
}

enum Verdict {
    Right,
    Wrong,
    /// The password was not compared.
    Wait(Duration),
}

impl Sessions {
    pub(super) fn new(password: &SecretString) -> Self {
        let password = blake3::hash(password.expose_secret().as_bytes());
        Self { password, open: Mutex::default(), failures: Mutex::default() }
    }

    fn check_password(&self, password: &str, now: Instant) -> Verdict {
        let mut failures = locked(&self.failures);
        if let Some(left) =
            failures.wait_until.and_then(|until| until.checked_duration_since(now)).filter(|d| !d.is_zero())
        {
            return Verdict::Wait(left);
        }
        // Digests have the same length, and the time of comparing them reveals nothing about the password.
        let given = blake3::hash(password.as_bytes());
        if bool::from(given.as_bytes().ct_eq(self.password.as_bytes())) {
            *failures = Failures::default();
            return Verdict::Right;
        }
        failures.count += 1;
        if failures.count >= FREE_FAILURES {
            let wait = Duration::from_secs(5) * 2_u32.saturating_pow((failures.count - FREE_FAILURES).min(10));
            failures.wait_until = Some(now + wait.min(MAX_WAIT));
        }
        Verdict::Wrong
    }

    fn begin(&self) -> String {
        // Each has 122 random bits from the operating system.
        let (cookie, csrf) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
        let (mut open, now) = (locked(&self.open), Instant::now());
        open.retain(|_, session| session.until > now);
        while open.len() >= MAX_SESSIONS {
            let oldest = open.iter().min_by_key(|(_, session)| session.until).map(|(key, _)| *key);
            oldest.map(|key| open.remove(&key));
        }
        open.insert(key(&cookie), Session { csrf, until: now + LIFETIME });
        cookie
    }

    fn get(&self, cookie: &str) -> Option<Session> {
        locked(&self.open).get(&key(cookie)).filter(|session| session.until > Instant::now()).cloned()
    }

    fn end(&self, cookie: &str) {
        locked(&self.open).remove(&key(cookie));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(cookie: &str) -> [u8; 32] {
    *blake3::hash(cookie.as_bytes()).as_bytes()
}

/// Runs before every request: finds the session and the language, and refuses forms that are not ours.
pub(super) async fn gate(State(console): State<Shared>, mut request: Request, next: Next) -> Response {
    let asked = requested_language(&request);
    let path = request.uri().path().to_owned();
    let cookie_value = cookie(request.headers(), SESSION_COOKIE);
    let session = cookie_value.as_deref().and_then(|cookie| console.sessions.get(cookie));
    let visitor = Visitor {
        lang: asked.unwrap_or_else(|| language(request.headers())),
        csrf: session.as_ref().map(|session| session.csrf.clone()).unwrap_or_default(),
        address: request.uri().path_and_query().map_or_else(|| path.clone(), ToString::to_string),
        zone: console.settings.time_zone.clone(),
    };
    let is_open = matches!(path.as_str(), "/login" | "/style.css" | "/live.js" | "/icon.svg");
    let posts = request.method() != Method::GET && request.method() != Method::HEAD;
    let mut response = if posts && is_foreign(request.headers()) {
        layout::refused(&visitor, StatusCode::FORBIDDEN, visitor.texts().foreign_form)
    } else if let (Some(token), false) = (bearer(request.headers()), is_open) {
        match console.sessions.check_password(&token, Instant::now()) {
            Verdict::Right => {
                request.extensions_mut().insert(visitor.clone());
                next.run(request).await
            }
            Verdict::Wrong => layout::refused(&visitor, StatusCode::UNAUTHORIZED, visitor.texts().wrong_password),
            Verdict::Wait(left) => too_many_attempts(&visitor, left),
        }
    } else if !is_open && session.is_none() {
        to_login(&visitor, posts)
    } else {
        match if posts && !is_open { with_valid_token(request, &visitor.csrf).await } else { Ok(request) } {
            Ok(mut request) => {
                request.extensions_mut().insert(visitor.clone());
                next.run(request).await
            }
            Err(status) => layout::refused(&visitor, status, visitor.texts().foreign_form),
        }
    };
    set_security_headers(response.headers_mut());
    if let Some(lang) = asked
        && let Ok(value) = format!("{LANG_COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Strict", lang.code()).parse()
    {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

fn to_login(visitor: &Visitor, posts: bool) -> Response {
    if posts {
        return layout::refused(visitor, StatusCode::UNAUTHORIZED, visitor.texts().session_over);
    }
    let next = form_urlencoded::Serializer::new(String::new()).append_pair("next", &visitor.address).finish();
    Redirect::to(&if visitor.address == "/" { "/login".to_owned() } else { format!("/login?{next}") }).into_response()
}

/// Returns the request if its form has the CSRF token of the session.
async fn with_valid_token(request: Request, csrf: &str) -> Result<Request, StatusCode> {
    let (parts, body) = request.into_parts();
    let bytes = body::to_bytes(body, MAX_FORM).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let given = form_urlencoded::parse(&bytes).find(|(name, _)| name == "csrf").map(|(_, value)| value.into_owned());
    let fits = given.is_some_and(|given| bool::from(given.as_bytes().ct_eq(csrf.as_bytes()))) && !csrf.is_empty();
    if fits { Ok(Request::from_parts(parts, Body::from(bytes))) } else { Err(StatusCode::FORBIDDEN) }
}

/// Whether a browser says that the form came from another site.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site != "same-origin" && site != "none";
    }
    let host = text("x-forwarded-host").or_else(|| text("host"));
    match text("origin").and_then(|origin| origin.split_once("://")) {
        Some((_, origin)) => Some(origin) != host,
        None => false,
    }
}

fn set_security_headers(headers: &mut HeaderMap) {
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                  form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// `?lang=fr`
fn requested_language(request: &Request) -> Option<Lang> {
    let query = request.uri().query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "lang")
        .and_then(|(_, code)| Lang::from_code(&code))
}

fn language(headers: &HeaderMap) -> Lang {
    let kept = cookie(headers, LANG_COOKIE).and_then(|code| Lang::from_code(&code));
    kept.unwrap_or_else(|| {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let codes = accepted.split(',').filter_map(|part| part.trim().get(..2));
        codes.filter_map(|code| Lang::from_code(&code.to_ascii_lowercase())).next().unwrap_or(Lang::English)
    })
}

fn too_many_attempts(visitor: &Visitor, left: Duration) -> Response {
    let seconds = left.as_secs() + 1;
    let message = visitor.texts().too_many_failures.replace("{}", &seconds.to_string());
    let mut response = log_in_page(visitor, StatusCode::TOO_MANY_REQUESTS, "/", Some(&message));
    if let Ok(value) = seconds.to_string().parse() {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

#[derive(Deserialize)]
pub(super) struct Destination {
    #[serde(default)]
    next: String,
}

pub(super) async fn form(Extension(visitor): Extension<Visitor>, Query(to): Query<Destination>) -> Response {
    log_in_page(&visitor, StatusCode::OK, &to.next, None)
}

fn log_in_page(visitor: &Visitor, status: StatusCode, next: &str, problem: Option<&str>) -> Response {
    let texts = visitor.texts();
    let body = html! {
        div.login {
            img.mark src="/icon.svg" alt="" width="56" height="56";
            h1 { "Callbridge" }
            p.quiet { (texts.login_intro) }
            form method="post" action="/login" {
                input type="hidden" name="next" value=(next);
                // Password managers need a user name.
                input type="hidden" name="username" value="operator" autocomplete="username";
                label for="password" { (texts.password) }
                input #password type="password" name="password" required autocomplete="current-password" autofocus
                      aria-describedby=[problem.map(|_| "problem")] aria-invalid=[problem.map(|_| "true")];
                @if let Some(problem) = problem { p #problem .problem role="alert" { (problem) } }
                button.primary type="submit" { (texts.log_in) }
            }
        }
    };
    (status, layout::bare(visitor, texts.log_in, &body)).into_response()
}

#[derive(Deserialize)]
pub(super) struct Credentials {
    password: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn log_in(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Form(given): Form<Credentials>,
) -> Response {
    match console.sessions.check_password(&given.password, Instant::now()) {
        Verdict::Wait(left) => too_many_attempts(&visitor, left),
        Verdict::Wrong => {
            tracing::warn!("A login to the console failed: wrong password.");
            let problem = visitor.texts().wrong_password;
            log_in_page(&visitor, StatusCode::UNAUTHORIZED, &given.next, Some(problem))
        }
        Verdict::Right => {
            // Redirect to our own pages only.
            let ours = given.next.starts_with('/') && !given.next.starts_with("//") && !given.next.contains('\\');
            let secure = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
            let cookie = console.sessions.begin();
            let mut response = Redirect::to(if ours { &given.next } else { "/" }).into_response();
            set_session(&mut response, &cookie, LIFETIME, secure);
            response
        }
    }
}

pub(super) async fn log_out(State(console): State<Shared>, headers: HeaderMap) -> Response {
    if let Some(cookie) = cookie(&headers, SESSION_COOKIE) {
        console.sessions.end(&cookie);
    }
    let mut response = Redirect::to("/login").into_response();
    set_session(&mut response, "", Duration::ZERO, false);
    response
}

fn set_session(response: &mut Response, cookie: &str, lifetime: Duration, secure: bool) {
    let secure = if secure { "; Secure" } else { "" };
    let value =
        format!("{SESSION_COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}", lifetime.as_secs());
    if let Ok(value) = value.parse() {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests;
