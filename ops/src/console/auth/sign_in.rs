//! The page on which people sign in, and the ways back from it.

use std::time::Duration;

use axum::{
    Extension, Form,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use ledger::audit::{self, Act, Ended};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use super::{
    super::{
        Console, Failed, Page, Shared, layout,
        visitor::{Person, UNNAMED, Visitor, Way},
    },
    SESSION_COOKIE, cookie, is_https,
    oidc::{self, CALLBACK, Returned},
    sessions::{self, Verdict},
};
use crate::access::{Role, role_of};

const LOGIN_COOKIE: &str = "callbridge_login";
const LOGIN_LIFETIME: Duration = Duration::from_secs(600);
const LONGEST_NAME: usize = 60;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Destination {
    next: String,
}

#[derive(Deserialize)]
pub(in crate::console) struct Credentials {
    password: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    next: String,
}

/// A name as one short line.
pub(super) fn short(name: &str) -> String {
    crate::who::named(name, UNNAMED).chars().take(LONGEST_NAME).collect()
}

/// Redirects lead only to our own pages.
fn ours(next: &str) -> &str {
    let ours = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    if ours { next } else { "/" }
}

pub(in crate::console) async fn form(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    Query(to): Query<Destination>,
) -> Response {
    page(&console, &visitor, StatusCode::OK, &to.next, None)
}

fn page(console: &Console, visitor: &Visitor, status: StatusCode, next: &str, problem: Option<&str>) -> Response {
    let texts = visitor.texts();
    let has_password = console.password.is_set();
    let body = html! {
        div.login {
            img.mark src="/icon.svg" alt="" width="56" height="56";
            h1 { "Callbridge" }
            p.quiet { (texts.login_intro) }
            @if let Some(problem) = problem { p #problem .problem role="alert" { (problem) } }
            @if console.provider.is_some() {
                form method="get" action={ (CALLBACK) "/start" } {
                    input type="hidden" name="next" value=(next);
                    button.primary type="submit" autofocus[!has_password] { (texts.sign_in_elsewhere) }
                }
            }
            @if has_password {
                form method="post" action="/login" {
                    input type="hidden" name="next" value=(next);
                    label for="password" { (texts.password) }
                    input #password type="password" name="password" required autocomplete="current-password" autofocus
                          aria-describedby=[problem.map(|_| "problem")] aria-invalid=[problem.map(|_| "true")];
                    label for="name" { (texts.your_name) }
                    input #name name="name" maxlength=(LONGEST_NAME) autocomplete="username" aria-describedby="name-hint";
                    p.hint #name-hint { (texts.name_hint) }
                    button.primary type="submit" { (texts.log_in) }
                }
            }
            @if !has_password && console.provider.is_none() { p { (texts.only_by_proxy) } }
        }
    };
    (status, layout::bare(visitor, texts.log_in, &body)).into_response()
}

pub(super) fn too_many_attempts(console: &Console, visitor: &Visitor, left: Duration) -> Response {
    let seconds = (left.as_secs() + 1).to_string();
    let mut response = if visitor.json {
        layout::refused(visitor, StatusCode::TOO_MANY_REQUESTS, |texts| texts.too_many_for_programs)
    } else {
        let message = visitor.texts().too_many_failures.replace("{}", &seconds);
        page(console, visitor, StatusCode::TOO_MANY_REQUESTS, "/", Some(&message))
    };
    if let Ok(value) = seconds.parse() {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// Signing in and its failures stand in the audit, too. A name that was only typed is not believed: it stands there as one.
async fn kept(console: &Console, person: &Person, ended: Ended, detail: Option<&str>) -> base::error::Result<()> {
    let client = console.database.client().await?;
    let subject = json!({ "by": match person.way { Way::Password => "password", Way::Oidc => "oidc", _ => "proxy" } });
    let act = Act { who: &person.name, role: person.role.as_str(), way: "page", act: "sign_in", subject };
    let id = audit::begin(&client, &act).await?;
    audit::end(&client, id, ended, detail).await
}

async fn signed_in(console: &Console, person: &Person, next: &str, secure: bool) -> Page {
    kept(console, person, Ended::Done, None).await?;
    let (cookie, _) = sessions::begin(&console.database.client().await?, person).await?;
    let mut response = Redirect::to(ours(next)).into_response();
    set_session(&mut response, &cookie, sessions::LIFETIME, secure);
    Ok(response)
}

pub(in crate::console) async fn log_in(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Form(given): Form<Credentials>,
) -> Page {
    let person = Person { name: short(&given.name), role: Role::Admin, way: Way::Password };
    match console.password.check(&console.database, &given.password).await? {
        Verdict::Wait(left) => Ok(too_many_attempts(&console, &visitor, left)),
        Verdict::Wrong => {
            tracing::warn!("Signing in at the console failed: wrong password.");
            // Who that was is not known: not even what was typed as a name is kept, which may be the password.
            let nobody = Person { name: UNNAMED.into(), ..person };
            kept(&console, &nobody, Ended::Refused, Some("wrong password")).await?;
            let problem = visitor.texts().wrong_password;
            Ok(page(&console, &visitor, StatusCode::UNAUTHORIZED, &given.next, Some(problem)))
        }
        Verdict::Right => signed_in(&console, &person, &given.next, is_https(&headers)).await,
    }
}

/// Sends somebody to the identity provider.
pub(in crate::console) async fn to_provider(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Query(to): Query<Destination>,
) -> Page {
    let Some(provider) = &console.provider else { return Ok(layout::not_found(Some(Extension(visitor))).await) };
    let client = console.database.client().await?;
    match provider.send(&client, ours(&to.next)).await {
        Ok(sent) => {
            let mut response = Redirect::to(&sent.address).into_response();
            set_cookie(&mut response, LOGIN_COOKIE, &sent.cookie, LOGIN_LIFETIME, is_https(&headers));
            Ok(response)
        }
        Err(e) => {
            tracing::warn!(error = format!("{e:#}"), "Nobody can sign in at the identity provider.");
            Ok(page(&console, &visitor, StatusCode::BAD_GATEWAY, &to.next, Some(visitor.texts().provider_fails)))
        }
    }
}

/// Somebody comes back from there.
pub(in crate::console) async fn from_provider(
    State(console): State<Shared>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Query(returned): Query<Returned>,
) -> Page {
    let Some(provider) = &console.provider else { return Ok(layout::not_found(Some(Extension(visitor))).await) };
    let client = console.database.client().await?;
    let expected = match cookie(&headers, LOGIN_COOKIE) {
        Some(cookie) => oidc::expected(&client, &cookie).await?,
        None => None,
    };
    drop(client);
    let Some(expected) = expected else {
        let problem = visitor.texts().sign_in_again;
        return Ok(page(&console, &visitor, StatusCode::UNAUTHORIZED, "/", Some(problem)));
    };
    let claim = match provider.receive(&expected, &returned).await {
        Ok(claim) => claim,
        Err(e) => {
            tracing::warn!(error = format!("{e:#}"), "Signing in at the identity provider failed.");
            let problem = visitor.texts().provider_fails;
            return Ok(page(&console, &visitor, StatusCode::UNAUTHORIZED, &expected.next, Some(problem)));
        }
    };
    let names: Vec<&str> = claim.names.iter().map(String::as_str).collect();
    let name = short(&claim.name);
    match role_of(&console.settings.console.people, &names, &claim.groups) {
        Some(role) => {
            signed_in(&console, &Person { name, role, way: Way::Oidc }, &expected.next, is_https(&headers)).await
        }
        None => {
            let person = Person { name, role: Role::Viewer, way: Way::Oidc };
            kept(&console, &person, Ended::Refused, Some("no role")).await?;
            Ok(layout::refused(&visitor, StatusCode::FORBIDDEN, |texts| texts.no_role))
        }
    }
}

pub(in crate::console) async fn log_out(State(console): State<Shared>, headers: HeaderMap) -> Result<Response, Failed> {
    if let Some(cookie) = cookie(&headers, SESSION_COOKIE) {
        sessions::end(&console.database.client().await?, &cookie).await?;
    }
    let mut response = Redirect::to("/login").into_response();
    set_session(&mut response, "", Duration::ZERO, is_https(&headers));
    Ok(response)
}

pub(super) fn set_session(response: &mut Response, value: &str, lifetime: Duration, secure: bool) {
    set_cookie(response, SESSION_COOKIE, value, lifetime, secure);
}

/// Lax, so that a link in a message opens its page for somebody who is signed in: no link changes anything, and forms have a token.
fn set_cookie(response: &mut Response, name: &str, value: &str, lifetime: Duration, secure: bool) {
    let secure = if secure { "; Secure" } else { "" };
    let value = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}", lifetime.as_secs());
    if let Ok(value) = value.parse() {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_to_our_own_pages() {
        for (next, expected) in [
            ("/calls?q=1", "/calls?q=1"),
            ("", "/"),
            ("https://evil.example", "/"),
            ("//evil.example", "/"),
            ("/\\evil", "/"),
        ] {
            assert_eq!(ours(next), expected, "{next}");
        }
    }
}
