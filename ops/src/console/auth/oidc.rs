//! Signing in at an identity provider: OpenID Connect, the code flow with PKCE, for a client that has a secret.
//!
//! The ID token comes straight from the provider's token endpoint over TLS, which proves its origin (OpenID Connect Core, 3.1.3.7, 6), so its
//! signature is not checked. The crate `openidconnect` would check it, and brings `rsa`, whose advisory has no fixed version
//! (docs/decisions/0038-how-people-sign-in.md).

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use base::{
    client,
    db::Client,
    error::Result,
    settings::{Oidc, proves_its_origin},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;

use super::{
    proxy::Claim,
    sessions::{digest, random, same},
};

const TIMEOUT: Duration = Duration::from_secs(10);
/// How long somebody may take to sign in over there.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long what the provider says of itself is believed.
const KNOWN_FOR: Duration = Duration::from_secs(3600);
/// Two clocks differ.
const TOLERANCE_S: i64 = 60;
pub(super) const CALLBACK: &str = "/login/oidc";

pub(in crate::console) struct Provider {
    settings: Oidc,
    http: reqwest::Client,
    known: Mutex<Option<(Instant, Discovery)>>,
}

/// What the provider says of itself.
#[derive(Clone, Debug, Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    scopes_supported: Vec<String>,
}

/// Somebody who is sent to the provider: the cookie that they will come back with, and the address.
pub(super) struct Sent {
    pub(super) cookie: String,
    pub(super) address: String,
}

/// What is expected back.
pub(super) struct Expected {
    state: String,
    nonce: String,
    verifier: String,
    pub(super) next: String,
}

/// What came back in the address.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Returned {
    code: String,
    state: String,
    error: String,
}

impl Provider {
    pub(in crate::console) fn new(settings: &Oidc) -> anyhow::Result<Self> {
        Ok(Self { settings: settings.clone(), http: client::new(TIMEOUT)?, known: Mutex::default() })
    }

    fn redirect(&self) -> String {
        format!("{}{CALLBACK}", self.settings.console_url)
    }

    async fn discovery(&self) -> anyhow::Result<Discovery> {
        let mut known = self.known.lock().await;
        if let Some((_, discovery)) = known.as_ref().filter(|(at, _)| at.elapsed() < KNOWN_FOR) {
            return Ok(discovery.clone());
        }
        let address = format!("{}/.well-known/openid-configuration", self.settings.issuer);
        let answer = self.http.get(address).send().await.map_err(reqwest::Error::without_url)?;
        let discovery: Discovery = answer.error_for_status()?.json().await.map_err(reqwest::Error::without_url)?;
        ensure!(
            discovery.issuer.trim_end_matches('/') == self.settings.issuer,
            "the identity provider calls itself otherwise than CONSOLE_OIDC_ISSUER does"
        );
        ensure!(
            proves_its_origin(&discovery.token_endpoint),
            "the identity provider's token endpoint is not reached over TLS, so nothing proves where an ID token comes from"
        );
        *known = Some((Instant::now(), discovery.clone()));
        Ok(discovery)
    }

    pub(super) async fn send(&self, client: &Client, next: &str) -> anyhow::Result<Sent> {
        let discovery = self.discovery().await.context("the identity provider does not say how to sign in")?;
        let expected = Expected {
            state: random(),
            nonce: random(),
            verifier: format!("{}{}", random(), random()),
            next: next.to_owned(),
        };
        let cookie = random();
        let sql = "with old as (delete from console_logins where until < now())
                   insert into console_logins (key, state, nonce, verifier, next, until)
                   values ($1, $2, $3, $4, $5, now() + make_interval(secs => $6))";
        let Expected { state, nonce, verifier, next } = &expected;
        client.execute(sql, &[&digest(&cookie), state, nonce, verifier, next, &PATIENCE.as_secs_f64()]).await?;
        // Some providers give the groups only if they are asked for, and others refuse a scope that they do not know.
        let has_groups = discovery.scopes_supported.iter().any(|scope| scope == "groups");
        let scope = if has_groups { "openid email profile groups" } else { "openid email profile" };
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes()));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.redirect())
            .append_pair("scope", scope)
            .append_pair("state", state)
            .append_pair("nonce", nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .finish();
        let mark = if discovery.authorization_endpoint.contains('?') { '&' } else { '?' };
        Ok(Sent { cookie, address: format!("{}{mark}{query}", discovery.authorization_endpoint) })
    }

    /// Who has come back. Errors hold nothing that a browser sent.
    pub(super) async fn receive(&self, expected: &Expected, returned: &Returned) -> anyhow::Result<Claim> {
        ensure!(returned.error.is_empty(), "the identity provider has refused it");
        ensure!(same(&returned.state, &expected.state), "the answer is to another question than ours");
        let discovery = self.discovery().await?;
        let Oidc { client_id, client_secret, .. } = &self.settings;
        let redirect = self.redirect();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", returned.code.as_str()),
            ("redirect_uri", redirect.as_str()),
            ("code_verifier", expected.verifier.as_str()),
        ];
        let methods = &discovery.token_endpoint_auth_methods_supported;
        let takes = |method: &str| methods.iter().any(|known| known == method);
        let mut request = self.http.post(&discovery.token_endpoint);
        if takes("client_secret_post") && !takes("client_secret_basic") {
            form.extend([("client_id", client_id.as_str()), ("client_secret", client_secret.expose_secret())]);
        } else {
            // RFC 6749, 2.3.1: both are encoded before they are joined.
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(encoded(client_id), Some(encoded(client_secret.expose_secret())));
        }
        let answer = request.form(&form).send().await.map_err(reqwest::Error::without_url)?;
        ensure!(answer.status().is_success(), "the identity provider's token endpoint answered {}", answer.status());
        let answer: Value = answer.json().await.map_err(reqwest::Error::without_url)?;
        let claims =
            answer["id_token"].as_str().and_then(claims_of).context("the identity provider sent no ID token")?;
        verified(&claims, &self.settings, &expected.nonce, Timestamp::now().as_second()).map_err(anyhow::Error::msg)
    }
}

/// Who comes back with this cookie; once.
pub(super) async fn expected(client: &Client, cookie: &str) -> Result<Option<Expected>> {
    let sql = "delete from console_logins where key = $1 and until > now() returning state, nonce, verifier, next";
    let row = client.query_opt(sql, &[&digest(cookie)]).await?;
    Ok(row.map(|row| Expected { state: row.get(0), nonce: row.get(1), verifier: row.get(2), next: row.get(3) }))
}

/// The middle one of a token's three parts.
fn claims_of(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?).ok()
}

/// OpenID Connect Core, 3.1.3.7. People are listed by an e-mail address that the provider has verified, or by `sub`; what they may change
/// themselves, such as `preferred_username`, is only shown.
fn verified(claims: &Value, settings: &Oidc, nonce: &str, now: i64) -> std::result::Result<Claim, &'static str> {
    let text = |name: &str| claims[name].as_str().unwrap_or_default().trim();
    if text("iss").trim_end_matches('/') != settings.issuer {
        return Err("the ID token is of another issuer");
    }
    let audience: Vec<&str> = match &claims["aud"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is_party = claims["azp"].is_null() || text("azp") == settings.client_id;
    if !audience.contains(&settings.client_id.as_str()) || !is_party {
        return Err("the ID token is for another client");
    }
    if claims["exp"].as_i64().is_none_or(|exp| exp + TOLERANCE_S < now) {
        return Err("the ID token has expired");
    }
    if nonce.is_empty() || !same(text("nonce"), nonce) {
        return Err("the ID token belongs to another sign-in");
    }
    if text("sub").is_empty() {
        return Err("the ID token names nobody");
    }
    let is_verified = !matches!(&claims["email_verified"], Value::Bool(false)) && text("email_verified") != "false";
    let email = Some(text("email")).filter(|email| is_verified && !email.is_empty());
    let shown = [email.unwrap_or_default(), text("preferred_username"), text("name"), text("sub")];
    let name = shown.into_iter().find(|name| !name.is_empty()).unwrap_or_default().to_owned();
    let names = email.into_iter().chain([text("sub")]).map(str::to_owned).collect();
    let groups = match &claims[settings.groups.as_str()] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(one) => one.split(',').map(|group| group.trim().to_owned()).collect(),
        _ => Vec::new(),
    };
    Ok(Claim { name, names, groups })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings() -> Oidc {
        Oidc {
            issuer: "https://login.example.com".into(),
            client_id: "callbridge".into(),
            client_secret: "hunter2".into(),
            groups: "groups".into(),
            console_url: "https://calls.example.com".into(),
        }
    }

    #[test]
    fn a_token_must_be_for_us_of_now_and_of_this_sign_in() {
        let good = json!({ "iss": "https://login.example.com/", "aud": "callbridge", "exp": 1000, "nonce": "n", "sub": "7f3a",
                           "email": "Ines@example.com", "email_verified": true, "groups": ["it"], "preferred_username": "ines" });
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        for (claims, expected) in [
            (good.clone(), Ok("Ines@example.com")),
            (with("aud", json!(["other", "callbridge"])), Ok("Ines@example.com")),
            (with("exp", json!(950)), Ok("Ines@example.com")),
            (with("email_verified", json!(false)), Ok("ines")),
            (with("email_verified", json!("false")), Ok("ines")),
            (with("email", json!(null)), Ok("ines")),
            (with("iss", json!("https://evil.example")), Err("the ID token is of another issuer")),
            (with("iss", json!(null)), Err("the ID token is of another issuer")),
            (with("aud", json!("other")), Err("the ID token is for another client")),
            (with("aud", json!(null)), Err("the ID token is for another client")),
            (with("azp", json!("other")), Err("the ID token is for another client")),
            (with("exp", json!(939)), Err("the ID token has expired")),
            (with("exp", json!(null)), Err("the ID token has expired")),
            (with("nonce", json!("m")), Err("the ID token belongs to another sign-in")),
            (with("nonce", json!(null)), Err("the ID token belongs to another sign-in")),
            (with("sub", json!("")), Err("the ID token names nobody")),
        ] {
            let claim = verified(&claims, &settings(), "n", 1000);
            assert_eq!(claim.as_ref().map(|claim| claim.name.as_str()).map_err(|e| *e), expected, "{claims}");
        }
        let unverified = verified(&with("email_verified", json!(false)), &settings(), "n", 1000).unwrap();
        assert_eq!(unverified.names, ["7f3a"], "what people may choose themselves lists nobody");
        assert_eq!(verified(&good, &settings(), "n", 1000).unwrap().groups, ["it"]);
    }

    #[test]
    fn claims_are_the_middle_part() {
        let token = |claims: &str| format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(claims_of(&token(r#"{"sub":"7"}"#)), Some(json!({ "sub": "7" })));
        for odd in ["", "a.b", "e30.!!.x", &token("nonsense")] {
            assert_eq!(claims_of(odd), None, "{odd}");
        }
    }
}
