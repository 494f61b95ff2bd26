//! Who may see a page, or do what its buttons do.
//!
//! People sign in by the password ([`sessions`]), by a proxy that has done so ([`proxy`]), or at an identity provider ([`oidc`]). Then a session in a
//! cookie knows them, which scripts cannot read and other sites' forms do not send. Programs send a token, or the password. [`gate`] runs before
//! every route: each says which role it needs, every form has the CSRF token of its session, and forms from other sites are refused. What changes
//! something stands in the audit, whatever comes of it.

mod kept;
mod oidc;
mod proxy;
mod sessions;
mod sign_in;

use std::net::{IpAddr, SocketAddr};

use axum::{
    body::{self, Body},
    extract::{ConnectInfo, FromRequestParts, RawPathParams, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use self::sessions::{Session, Verdict};
use super::{
    Console, Failed, MAX_FORM, Shared, fields, layout,
    texts::Lang,
    visitor::{Person, Said, UNNAMED, Visitor, Way},
};
use crate::{
    access::{Role, role_of},
    tokens,
};
pub(super) use kept::{ActId, GoesOn, end as act_ended};
pub(super) use oidc::Provider;
pub(super) use sessions::Password;
pub(super) use sign_in::{form, from_provider, log_in, log_out, to_provider};

const SESSION_COOKIE: &str = "callbridge_session";
const LANG_COOKIE: &str = "callbridge_lang";

/// What a route asks of those who use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needed {
    /// Nothing: signing in, and what its page is made of.
    Nothing,
    Looks(Role),
    /// It changes something, and stands in the audit by this name.
    Acts(Role, &'static str),
}

impl Needed {
    pub(super) fn role(self) -> Option<Role> {
        match self {
            Needed::Nothing => None,
            Needed::Looks(role) | Needed::Acts(role, _) => Some(role),
        }
    }
}

/// Somebody is let in.
struct Admitted {
    visitor: Visitor,
    request: Request,
    /// A session that has begun with this request.
    cookie: Option<String>,
}

/// Runs before every request.
pub(super) async fn gate(State((console, needed)): State<(Shared, Needed)>, request: Request, next: Next) -> Response {
    let asked = requested_language(&request);
    let path = request.uri().path().to_owned();
    let visitor = Visitor {
        lang: asked.unwrap_or_else(|| language(request.headers())),
        csrf: String::new(),
        address: request.uri().path_and_query().map_or_else(|| path.clone(), ToString::to_string),
        zone: console.settings.time_zone.clone(),
        person: None,
        json: path.starts_with("/api/"),
    };
    let secure = is_https(request.headers());
    let mut response = match admit(&console, needed, visitor, request).await {
        Ok(Admitted { visitor, request, cookie }) => {
            let mut response = carry_out(&console, needed, visitor, request, next).await;
            if let Some(cookie) = cookie {
                sign_in::set_session(&mut response, &cookie, sessions::LIFETIME, secure);
            }
            response
        }
        Err(refusal) => *refusal,
    };
    set_security_headers(response.headers_mut());
    if let Some(lang) = asked
        && let Ok(value) = format!("{LANG_COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Strict", lang.code()).parse()
    {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// Whether the request may go on. A response is large, and seldom one of these.
async fn admit(
    console: &Console,
    needed: Needed,
    mut visitor: Visitor,
    request: Request,
) -> Result<Admitted, Box<Response>> {
    let posts = request.method() != Method::GET && request.method() != Method::HEAD;
    if posts && is_foreign(request.headers()) {
        return Err(layout::refused(&visitor, StatusCode::FORBIDDEN, |texts| texts.foreign_form).into());
    }
    // PostgreSQL takes no text with it, and nobody types it.
    if request.uri().query().is_some_and(|query| query.contains("%00")) {
        return Err(layout::refused(&visitor, StatusCode::BAD_REQUEST, |texts| texts.invalid_form).into());
    }
    let Some(role) = needed.role() else { return Ok(Admitted { visitor, request, cookie: None }) };
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(from)| from.ip());
    let (session, cookie) = match identify(console, &visitor, request.headers(), from).await? {
        Identity::Nobody => return Err(to_login(&visitor, posts).into()),
        Identity::Program(person) => {
            visitor.person = Some(person);
            (None, None)
        }
        Identity::Session(session, cookie) => {
            visitor.csrf.clone_from(&session.csrf);
            visitor.person = Some(session.person.clone());
            (Some(session), cookie)
        }
    };
    let request = match session.filter(|_| posts) {
        None => request,
        Some(session) => match with_valid_token(request, &session.csrf).await {
            Ok(request) => request,
            Err(status) => return Err(layout::refused(&visitor, status, |texts| texts.foreign_form).into()),
        },
    };
    if !visitor.may(role) {
        let refusal = layout::refused(&visitor, StatusCode::FORBIDDEN, |texts| texts.not_your_role);
        return Err(kept::refused(console, needed, &visitor, request, refusal).await.into());
    }
    Ok(Admitted { visitor, request, cookie })
}

async fn carry_out(console: &Console, needed: Needed, visitor: Visitor, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(visitor.clone());
    let response = match needed {
        Needed::Acts(_, act) => kept::carried_out(console, act, &visitor, request, next).await,
        _ => next.run(request).await,
    };
    if !visitor.json {
        return response;
    }
    let goes_on = response.extensions().get::<GoesOn>().is_some();
    let said = response.extensions().get::<Said>().map(|Said(text)| text.clone());
    fields::as_json(response, goes_on, said)
}

enum Identity {
    Nobody,
    Program(Person),
    /// With its cookie, if it has just begun.
    Session(Session, Option<String>),
}

impl From<Failed> for Box<Response> {
    fn from(failed: Failed) -> Self {
        Box::new(failed.into_response())
    }
}

async fn identify(
    console: &Console,
    visitor: &Visitor,
    headers: &HeaderMap,
    from: Option<IpAddr>,
) -> Result<Identity, Box<Response>> {
    if let Some(token) = bearer(headers) {
        return by_token(console, visitor, &token).await;
    }
    let client = console.database.client().await.map_err(Failed::from)?;
    let claim = by_proxy(console, from, headers);
    let session = match cookie(headers, SESSION_COOKIE) {
        Some(cookie) => sessions::get(&client, &cookie).await.map_err(Failed::from)?,
        None => None,
    };
    match (session, claim) {
        // What the proxy says counts each time: somebody else may sit there now, or have another role.
        (Some(session), claim) if session.person.way == Way::Proxy => match claim {
            Some(Some(person)) if person == session.person => Ok(Identity::Session(session, None)),
            Some(Some(person)) => begin(&client, &person).await,
            Some(None) => Err(stranger(visitor).into()),
            None => Ok(Identity::Nobody),
        },
        (Some(session), _) => Ok(Identity::Session(session, None)),
        (None, Some(Some(person))) => begin(&client, &person).await,
        (None, Some(None)) => Err(stranger(visitor).into()),
        (None, None) => Ok(Identity::Nobody),
    }
}

async fn begin(client: &base::db::Client, person: &Person) -> Result<Identity, Box<Response>> {
    let (cookie, session) = sessions::begin(client, person).await.map_err(Failed::from)?;
    Ok(Identity::Session(session, Some(cookie)))
}

/// Whom the proxy names; `Some(None)`: somebody who has no role here.
fn by_proxy(console: &Console, from: Option<IpAddr>, headers: &HeaderMap) -> Option<Option<Person>> {
    let access = &console.settings.console;
    let claim = proxy::claim(access.proxy.as_ref()?, from, headers)?;
    let names: Vec<&str> = claim.names.iter().map(String::as_str).collect();
    let role = role_of(&access.people, &names, &claim.groups);
    Some(role.map(|role| Person { name: sign_in::short(&claim.name), role, way: Way::Proxy }))
}

/// Signed in elsewhere, and listed nowhere here.
fn stranger(visitor: &Visitor) -> Response {
    layout::refused(visitor, StatusCode::FORBIDDEN, |texts| texts.no_role)
}

/// A program's token, or the password, with which one may do everything.
async fn by_token(console: &Console, visitor: &Visitor, token: &str) -> Result<Identity, Box<Response>> {
    let client = console.database.client().await.map_err(Failed::from)?;
    if let Some((name, role)) = tokens::owner(&client, token).await.map_err(Failed::from)? {
        return Ok(Identity::Program(Person { name, role, way: Way::Token }));
    }
    drop(client);
    match console.password.check(&console.database, token).await.map_err(Failed::from)? {
        Verdict::Right => Ok(Identity::Program(Person { name: UNNAMED.into(), role: Role::Admin, way: Way::Password })),
        Verdict::Wrong => Err(layout::refused(visitor, StatusCode::UNAUTHORIZED, |texts| texts.wrong_token).into()),
        Verdict::Wait(left) => Err(sign_in::too_many_attempts(console, visitor, left).into()),
    }
}

fn to_login(visitor: &Visitor, posts: bool) -> Response {
    if posts || visitor.json {
        return layout::refused(visitor, StatusCode::UNAUTHORIZED, |texts| texts.session_over);
    }
    let next = form_urlencoded::Serializer::new(String::new()).append_pair("next", &visitor.address).finish();
    Redirect::to(&if visitor.address == "/" { "/login".to_owned() } else { format!("/login?{next}") }).into_response()
}

/// Returns the request if its form has the CSRF token of the session; JSON has it in a header.
async fn with_valid_token(request: Request, csrf: &str) -> Result<Request, StatusCode> {
    let (parts, body) = request.into_parts();
    let bytes = body::to_bytes(body, MAX_FORM).await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;
    let in_form =
        || form_urlencoded::parse(&bytes).find(|(name, _)| name == "csrf").map(|(_, value)| value.into_owned());
    let in_header = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let fits = in_header.or_else(in_form).is_some_and(|given| sessions::same(&given, csrf)) && !csrf.is_empty();
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

fn is_https(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
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

/// The names and values in a route's path.
async fn path_of(request: Request) -> (Request, Vec<(String, String)>) {
    let (mut parts, body) = request.into_parts();
    let params = RawPathParams::from_request_parts(&mut parts, &()).await;
    let pairs = params.map(|params| params.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect());
    (Request::from_parts(parts, body), pairs.unwrap_or_default())
}

#[cfg(test)]
mod tests;
