//! Who gets into the console by which way, what each role may do, and what the audit keeps of it.

use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use axum::{
    Form, Json, Router,
    extract::State,
    http::HeaderMap as Headers,
    routing::{get, post},
};
use harness::{CONSOLE_PASSWORD, Process, Stack};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Answer, Visitor, operator, stranger};

const ROLES: [(&str, &str); 4] =
    [("nobody@example.com", "–"), ("vera@example.com", "viewer"), ("otto", "operator"), ("ada@example.com", "admin")];

/// One method of a path, and what it asks of people.
struct Route {
    method: Method,
    path: String,
    role: String,
    act: Option<String>,
}

/// Every route, as the program itself lists them.
async fn routes(stack: &Stack) -> Result<Vec<Route>> {
    let (listed, _) = stack.callbridge(&["console", "--routes"]).await?;
    let route = |line: &str| -> Result<Route> {
        let mut words = line.split_whitespace();
        let mut word = || words.next().context("a word");
        let (method, path, role) = (word()?.parse()?, word()?.to_owned(), word()?.to_owned());
        Ok(Route { method, path, role, act: word().ok().map(str::to_owned) })
    };
    listed.lines().map(route).collect()
}

fn rank(role: &str) -> usize {
    ["–", "viewer", "operator", "admin"].iter().position(|known| *known == role).unwrap_or(usize::MAX)
}

/// A console behind Authelia, without a password of its own.
async fn behind_a_proxy(name: &str) -> Result<(Stack, Process)> {
    let mut stack = Stack::new(name).await?;
    for (name, value) in [
        ("CONSOLE_PASSWORD", ""),
        ("CONSOLE_PROXY", "authelia"),
        ("CONSOLE_PROXY_FROM", "127.0.0.1"),
        ("CONSOLE_ADMINS", "Ada@example.com"),
        ("CONSOLE_OPERATORS", "group:support"),
        ("CONSOLE_VIEWERS", "vera@example.com"),
    ] {
        stack.environment.insert(name.into(), value.into());
    }
    let console = stack.start_console().await?;
    Ok((stack, console))
}

/// The headers with which the proxy names somebody.
fn headers_of(person: &'static str) -> Vec<(&'static str, &'static str)> {
    match person {
        "otto" => vec![("remote-user", "otto"), ("remote-groups", "sales,Support")],
        email => vec![("remote-user", "somebody"), ("remote-email", email)],
    }
}

/// Somebody as the proxy lets them in, with the token of their forms.
async fn proxied(console: &Process, person: &'static str) -> Result<Visitor> {
    let mut visitor = stranger(console)?;
    let answer = visitor.ask(Method::GET, "/", &[], &headers_of(person)).await?;
    if answer.status == StatusCode::OK {
        visitor.cookie = answer.header("set-cookie").split(';').next().context("a cookie")?.to_owned();
        let (_, after) = answer.text.split_once("name=\"csrf\" value=\"").context("a token")?;
        visitor.csrf = after.split('"').next().context("a token")?.to_owned();
    }
    Ok(visitor)
}

async fn audit(stack: &Stack) -> Result<Vec<Value>> {
    let (said, good) = stack.callbridge(&["audit", "--json", "--limit", "1000"]).await?;
    ensure!(good, "{said}");
    Ok(serde_json::from_str(&said)?)
}

/// A table over every route: each role, and nobody, by page and by token, and with a forged form.
#[tokio::test]
async fn nobody_does_more_than_their_role_allows() -> Result<()> {
    let (stack, console) = behind_a_proxy("console_roles").await?;
    let routes = routes(&stack).await?;
    ensure!(routes.len() > 20 && routes.iter().filter(|route| route.act.is_some()).count() > 5);
    let tokens = async |role: &str| -> Result<String> {
        let (said, good) = stack.callbridge(&["tokens", "add", &format!("{role}s-program"), "--role", role]).await?;
        ensure!(good, "{said}");
        said.lines().find(|line| line.starts_with("cb_")).map(str::to_owned).context("a token")
    };
    let mut programs = vec![None];
    for (_, role) in &ROLES[1..] {
        programs.push(Some(format!("Bearer {}", tokens(role).await?)));
    }
    let mut faults = Vec::new();
    for ((person, role), token) in ROLES.iter().zip(&programs) {
        let visitor = proxied(&console, person).await?;
        let program = stranger(&console)?;
        // Without an effect for those who may: nothing is chosen, and no such call is known.
        let form = [("csrf", visitor.csrf.as_str())];
        for route in routes.iter().filter(|route| route.path != "/logout" && !route.path.starts_with("/login")) {
            let path = route.path.replace("{call}", "77").replace("{id}", "77").replace("{name}", "x");
            let allowed = rank(role) >= rank(&route.role);
            let mut check = |way: &str, answer: &Answer, allowed: bool| {
                let refused = [StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED].contains(&answer.status);
                if refused == allowed
                    || answer.status.is_server_error() && answer.status != StatusCode::SERVICE_UNAVAILABLE
                {
                    faults.push(format!("{role} {way} {} {path}: {}", route.method, answer.status));
                }
            };
            let headers = headers_of(person);
            check("page", &visitor.ask(route.method.clone(), &path, &form, &headers).await?, allowed);
            if let Some(token) = token {
                let sent = [("authorization", token.as_str())];
                check("token", &program.ask(route.method.clone(), &path, &[], &sent).await?, allowed);
            }
            if route.method != Method::GET && *role == "admin" {
                let forged = visitor.ask(route.method.clone(), &path, &[("csrf", "x")], &headers).await?;
                check("forged token", &forged, false);
                let elsewhere = [&headers[..], &[("sec-fetch-site", "cross-site")]].concat();
                check("other site", &visitor.ask(route.method.clone(), &path, &form, &elsewhere).await?, false);
            }
        }
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));

    // What was refused for want of a role stands in the audit, and so does what was allowed.
    let audit = audit(&stack).await?;
    for act in routes.iter().filter_map(|route| route.act.as_deref()) {
        let of = |who: &str| audit.iter().find(|kept| kept["act"] == act && kept["who"] == who);
        let refused = of("vera@example.com").with_context(|| format!("{act} of vera"))?;
        ensure!(refused["result"] == "refused" && refused["role"] == "viewer", "{refused}");
        ensure!(of("ada@example.com").is_some_and(|kept| !kept["result"].is_null()), "{act} of ada: {audit:?}");
        let of_program = audit.iter().filter(|kept| kept["act"] == act && kept["who"] == "operators-program");
        let ways: Vec<_> = of_program.map(|kept| kept["way"].clone()).collect();
        let is_for_programs =
            routes.iter().any(|route| route.path.starts_with("/api/") && route.act.as_deref() == Some(act));
        ensure!(ways.contains(&json!("page")) && ways.contains(&json!("json")) == is_for_programs, "{act}: {ways:?}");
    }
    ensure!(audit.iter().all(|kept| kept["who"] != "nobody@example.com"), "who has no role is nobody: {audit:?}");
    let admin = proxied(&console, "ada@example.com").await?;
    let page = admin.ask(Method::GET, "/audit?act=drop", &[], &headers_of("ada@example.com")).await?;
    ensure!(page.text.contains("vera@example.com") && page.text.contains("Refused"), "{}", page.text);
    drop(console);
    stack.down().await
}

#[tokio::test]
async fn only_the_proxy_says_who_somebody_is() -> Result<()> {
    let (mut stack, console) = behind_a_proxy("console_proxy").await?;
    let ada = headers_of("ada@example.com");
    let visitor = proxied(&console, "ada@example.com").await?;
    let page = visitor.ask(Method::GET, "/calls", &[], &ada).await?;
    ensure!(page.status == StatusCode::OK && page.text.contains("ada@example.com"), "{}", page.text);
    // The cookie is nobody's without the proxy's word, and no other person's.
    let answer = visitor.ask(Method::GET, "/calls", &[], &[]).await?;
    ensure!(answer.status == StatusCode::SEE_OTHER, "{}", answer.status);
    let answer = visitor.ask(Method::GET, "/audit", &[], &headers_of("vera@example.com")).await?;
    ensure!(answer.status == StatusCode::FORBIDDEN, "{}", answer.status);
    let form = visitor.ask(Method::GET, "/login", &[], &[]).await?;
    ensure!(form.text.contains("through the company") && !form.text.contains("type=\"password\""), "{}", form.text);

    // A console that knows its proxy by another address, or by a secret, believes nobody else.
    for (name, value, sent, believed) in [
        ("CONSOLE_PROXY_FROM", "10.0.0.0/8", &[][..], false),
        ("CONSOLE_PROXY_SECRET", "0123456789abcdef", &[], false),
        ("CONSOLE_PROXY_SECRET", "0123456789abcdef", &[("x-callbridge-proxy", "0123456789abcdef")], true),
    ] {
        let before = stack.environment.insert(name.into(), value.into());
        let other = stack.start_console().await?;
        let headers = [&ada[..], sent].concat();
        let answer = stranger(&other)?.ask(Method::GET, "/calls", &[], &headers).await?;
        ensure!((answer.status == StatusCode::OK) == believed, "{name} {sent:?}: {}", answer.status);
        match before {
            Some(before) => stack.environment.insert(name.into(), before),
            None => stack.environment.remove(name),
        };
    }
    drop(console);
    stack.down().await
}

/// Two consoles know each other's sessions, a restart ends none, and wrong passwords count at both together.
#[tokio::test]
async fn several_consoles_share_sessions_and_wrong_passwords() -> Result<()> {
    let stack = Stack::new("console_two").await?;
    let (one, two) = (stack.start_console().await?, stack.start_console().await?);
    let mut visitor = operator(&one).await?;
    visitor.url.clone_from(&two.url);
    visitor.get("/calls").await?;
    drop(one);
    let one = stack.start_console().await?;
    visitor.url.clone_from(&one.url);
    let page = visitor.get("/calls").await?;
    ensure!(page.contains("Inès Caron"), "{page}");
    for console in [&one, &two, &one, &two, &one] {
        let answer = stranger(console)?.post("/login", &[("password", "hunter2"), ("name", "hunter2")]).await?;
        ensure!(answer.status == StatusCode::UNAUTHORIZED, "{}", answer.status);
    }
    let answer = stranger(&two)?.post("/login", &[("password", CONSOLE_PASSWORD)]).await?;
    ensure!(answer.status == StatusCode::TOO_MANY_REQUESTS, "{}", answer.status);
    ensure!(visitor.post("/logout", &[]).await?.status == StatusCode::SEE_OTHER);
    visitor.url.clone_from(&two.url);
    ensure!(visitor.ask(Method::GET, "/calls", &[], &[]).await?.status == StatusCode::SEE_OTHER, "out at both");

    let audit = audit(&stack).await?;
    let signed_in: Vec<_> = audit.iter().filter(|kept| kept["act"] == "sign_in").collect();
    ensure!(signed_in.iter().filter(|kept| kept["result"] == "refused").count() == 5, "{signed_in:?}");
    ensure!(signed_in.iter().any(|kept| kept["who"] == "Inès Caron" && kept["result"] == "done"), "{signed_in:?}");
    ensure!(!json!(audit).to_string().contains("hunter2"), "what was typed may be the password: {audit:?}");
    drop((one, two));
    stack.down().await
}

/// An identity provider that signs in whoever comes, as the person of `claims`.
#[derive(Clone, Default)]
struct IdentityProvider {
    url: String,
    claims: Arc<Mutex<Value>>,
    /// What the token endpoint was sent.
    asked: Arc<Mutex<Vec<Value>>>,
}

impl IdentityProvider {
    async fn listen() -> Result<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let provider = Self { url: format!("http://{}", listener.local_addr()?), ..Self::default() };
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(Self::discovery))
            .route("/token", post(Self::token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(provider)
    }

    async fn discovery(State(this): State<Self>) -> Json<Value> {
        let url = &this.url;
        Json(
            json!({ "issuer": url, "authorization_endpoint": format!("{url}/authorize"), "token_endpoint": format!("{url}/token"),
                     "scopes_supported": ["openid", "groups"] }),
        )
    }

    async fn token(
        State(this): State<Self>,
        headers: Headers,
        Form(form): Form<std::collections::BTreeMap<String, String>>,
    ) -> Json<Value> {
        let login = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
        this.asked
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(json!({ "login": login, "form": form }));
        let claims = this.claims.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        Json(json!({ "id_token": format!("e30.{}.c2lnbmF0dXJl", base64url(&claims.to_string())) }))
    }

    fn will_say(&self, claims: Value) {
        *self.claims.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = claims;
    }
}

fn base64url(text: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    text.as_bytes()
        .chunks(3)
        .flat_map(|three| {
            let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
            (0..=three.len()).map(move |n| LETTERS[(bits >> (18 - 6 * n) & 63) as usize] as char)
        })
        .collect()
}

#[tokio::test]
async fn people_sign_in_at_an_identity_provider() -> Result<()> {
    let provider = IdentityProvider::listen().await?;
    let mut stack = Stack::new("console_oidc").await?;
    for (name, value) in [
        ("CONSOLE_PASSWORD", ""),
        ("CONSOLE_OIDC_ISSUER", provider.url.as_str()),
        ("CONSOLE_OIDC_CLIENT_ID", "callbridge"),
        ("CONSOLE_OIDC_CLIENT_SECRET", "hunter2 & more"),
        ("CONSOLE_URL", "https://calls.example.com"),
        ("CONSOLE_OPERATORS", "group:support"),
    ] {
        stack.environment.insert(name.into(), value.into());
    }
    let console = stack.start_console().await?;
    let begin = async || -> Result<(Visitor, reqwest::Url)> {
        let mut visitor = stranger(&console)?;
        let form = visitor.ask(Method::GET, "/login", &[], &[]).await?;
        ensure!(form.text.contains("/login/oidc/start") && !form.text.contains("type=\"password\""), "{}", form.text);
        let sent = visitor.ask(Method::GET, "/login/oidc/start?next=%2Fcalls", &[], &[]).await?;
        ensure!(sent.status == StatusCode::SEE_OTHER, "{} {}", sent.status, sent.text);
        visitor.cookie = sent.header("set-cookie").split(';').next().context("a cookie")?.to_owned();
        Ok((visitor, sent.header("location").parse()?))
    };
    let of = |url: &reqwest::Url, name: &str| {
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let claims = |url: &reqwest::Url| {
        json!({ "iss": provider.url, "aud": "callbridge", "exp": jiff::Timestamp::now().as_second() + 60, "nonce": of(url, "nonce"),
                "sub": "7f3a", "email": "otto@example.com", "groups": ["support"] })
    };

    let (mut visitor, sent) = begin().await?;
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "callbridge"),
        ("redirect_uri", "https://calls.example.com/login/oidc"),
        ("scope", "openid email profile groups"),
        ("code_challenge_method", "S256"),
    ] {
        ensure!(of(&sent, name) == value, "{name}: {sent}");
    }
    provider.will_say(claims(&sent));
    let back = format!("/login/oidc?code=abc&state={}", of(&sent, "state"));
    let answer = visitor.ask(Method::GET, &back, &[], &[]).await?;
    ensure!((answer.status, answer.header("location")) == (StatusCode::SEE_OTHER, "/calls"), "{}", answer.text);
    let used = visitor.ask(Method::GET, &back, &[], &[]).await?;
    ensure!(used.status == StatusCode::UNAUTHORIZED, "an answer counts once: {}", used.status);
    visitor.cookie = answer.header("set-cookie").split(';').next().context("a cookie")?.to_owned();
    let page = visitor.get("/calls").await?;
    ensure!(page.contains("otto@example.com") && page.contains("operator"), "{page}");
    ensure!(visitor.ask(Method::GET, "/audit", &[], &[]).await?.status == StatusCode::FORBIDDEN);
    let asked = provider.asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[0].clone();
    let login = base64url("callbridge:hunter2+%26+more");
    ensure!(
        asked["login"].as_str().is_some_and(|sent| sent.trim_end_matches('=') == format!("Basic {login}")),
        "{asked}"
    );
    ensure!(asked["form"]["code_verifier"].as_str().is_some_and(|verifier| verifier.len() >= 43), "{asked}");

    // Somebody without a role, a token of another sign-in, an answer to another question, a browser that has not begun.
    let odd = |name: &'static str, value: Value, status: StatusCode| (name, value, status);
    for (name, value, status) in [
        odd("groups", json!(["sales"]), StatusCode::FORBIDDEN),
        odd("nonce", json!("x"), StatusCode::UNAUTHORIZED),
        odd("aud", json!("other"), StatusCode::UNAUTHORIZED),
        odd("exp", json!(1), StatusCode::UNAUTHORIZED),
    ] {
        let (visitor, sent) = begin().await?;
        let mut wrong = claims(&sent);
        wrong[name] = value;
        provider.will_say(wrong);
        let answer =
            visitor.ask(Method::GET, &format!("/login/oidc?code=abc&state={}", of(&sent, "state")), &[], &[]).await?;
        ensure!(answer.status == status, "{name}: {} {}", answer.status, answer.text);
        ensure!(answer.headers.get("set-cookie").is_none(), "{name}");
    }
    let (visitor, sent) = begin().await?;
    provider.will_say(claims(&sent));
    let answer = visitor.ask(Method::GET, "/login/oidc?code=abc&state=other", &[], &[]).await?;
    ensure!(answer.status == StatusCode::UNAUTHORIZED, "{}", answer.status);
    let (_, sent) = begin().await?;
    let state = of(&sent, "state");
    let answer = stranger(&console)?.ask(Method::GET, &format!("/login/oidc?code=abc&state={state}"), &[], &[]).await?;
    ensure!(answer.status == StatusCode::UNAUTHORIZED, "{}", answer.status);
    let log = console.output();
    ensure!(!log.contains("hunter2") && !log.contains(&state) && log.contains("ID token"), "{log}");
    drop(console);
    stack.down().await
}

/// Who acts by a command stands in the audit as well, with numbers masked, also if nothing came of it.
#[tokio::test]
async fn what_commands_do_stands_in_the_audit() -> Result<()> {
    let (stack, workers) = Stack::running("audit_commands").await?;
    let ines = ["--by", "Inès Caron"];
    for (arguments, is_good) in [
        (&["pin", "+33 6 39 98 41 07", "individual:2002"][..], true),
        (&["pin", "nonsense", "individual:2002"], false),
        (&["relink", "3811699999", "--to", "individual:2002"], false),
        (&["unpin", "+33 6 39 98 41 07"], true),
        (&["dead", "replay", "--all"], false),
        (&["dead", "replay", "--all", "--dry-run"], false),
        (&["directory", "sync"], true),
        (&["explain", "+33 6 39 98 41 07"], true),
    ] {
        let by = if ["pin", "relink"].contains(&arguments[0]) { &ines[..] } else { &[] };
        let (said, good) = stack.callbridge(&[arguments, by].concat()).await?;
        ensure!(good == is_good, "{arguments:?}: {said}");
    }
    let audit = audit(&stack).await?;
    let told: Vec<_> = audit
        .iter()
        .rev()
        .map(|kept| [&kept["act"], &kept["result"]].map(|value| value.as_str().unwrap_or("–")))
        .collect();
    let expected = [
        ["pin", "done"],
        ["pin", "refused"],
        ["relink", "failed"],
        ["unpin", "done"],
        ["replay", "failed"],
        ["directory_sync", "done"],
    ];
    ensure!(told == expected, "{told:?}");
    ensure!(audit.iter().filter(|kept| kept["who"] == "Inès Caron").count() == 3, "{audit:?}");
    ensure!(audit.iter().all(|kept| kept["way"] == "command"), "{audit:?}");
    let all = json!(audit).to_string();
    ensure!(!all.contains("639984107") && !all.contains("39 98 41"), "{all}");
    drop(workers);
    stack.down().await
}
