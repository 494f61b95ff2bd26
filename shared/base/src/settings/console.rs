//! Who may use the console, and how people sign in there.

use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

use super::{
    parts::{list, parsed, secret, url},
    problems::Problems,
    raw::Raw,
};

/// How people sign in at the console, and what each of them may do there.
#[derive(Clone, Debug)]
pub struct Access {
    /// Empty: nobody signs in with it.
    pub password: SecretString,
    pub people: People,
    pub proxy: Option<Proxy>,
    pub oidc: Option<Oidc>,
    /// How long what was done by hand is kept.
    pub audit: Duration,
}

/// Names, e-mail addresses and `group:NAME`, each in small letters; `*` means everybody who can sign in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    pub admins: Vec<String>,
    pub operators: Vec<String>,
    pub viewers: Vec<String>,
}

/// A proxy in front of the console that has signed the person in, and says who it is.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub kind: ProxyKind,
    /// From where it connects. Empty: from anywhere, with the secret.
    pub from: Vec<IpNet>,
    pub secret: Option<SecretString>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    Authelia,
    Oauth2Proxy,
    Cloudflare,
}

/// An identity provider.
#[derive(Clone, Debug)]
pub struct Oidc {
    /// Without a trailing slash.
    pub issuer: String,
    pub client_id: String,
    pub client_secret: SecretString,
    /// The claim that holds the groups.
    pub groups: String,
    /// The console's public address.
    pub console_url: String,
}

const NOBODY: &str = "CONSOLE_ADMINS, CONSOLE_OPERATORS and CONSOLE_VIEWERS name nobody: say who may sign in through the proxy or the \
                      identity provider, such as CONSOLE_ADMINS=ines@example.com,group:it";

pub(super) fn access(raw: &Raw, is_needed: bool, console_url: Option<&str>, problems: &mut Problems) -> Option<Access> {
    let proxy = proxy(raw, problems);
    let oidc = oidc(raw, console_url, problems);
    let has_other = matches!(proxy, Some(Some(_))) || matches!(oidc, Some(Some(_)));
    let password = password(problems, raw.console_password.as_deref(), is_needed && !has_other);
    let people = |text: &str| list(text).map(str::to_lowercase).collect::<Vec<_>>();
    let people = People {
        admins: people(&raw.console_admins),
        operators: people(&raw.console_operators),
        viewers: people(&raw.console_viewers),
    };
    if is_needed && has_other && people == People::default() {
        problems.0.push(NOBODY.into());
    }
    let days: Option<std::num::NonZeroU16> =
        parsed(problems, "AUDIT_DAYS", &raw.audit_days, "a number of days from 1 to 65535");
    Some(Access {
        password: password?.into(),
        people,
        proxy: proxy?,
        oidc: oidc?,
        audit: Duration::from_secs(u64::from(days?.get()) * 86_400),
    })
}

/// The password protects the names and numbers of all callers.
fn password(problems: &mut Problems, text: Option<&str>, needed: bool) -> Option<String> {
    let hint = "choose one of at least 12 characters, or let people sign in through a proxy (CONSOLE_PROXY) or an identity provider \
                (CONSOLE_OIDC_ISSUER)";
    let password = secret(problems, "CONSOLE_PASSWORD", text, needed, hint)?;
    if !password.is_empty() && password.chars().count() < 12 {
        problems.0.push("CONSOLE_PASSWORD is too short: it must have at least 12 characters".into());
        return None;
    }
    Some(password)
}

fn proxy(raw: &Raw, problems: &mut Problems) -> Option<Option<Proxy>> {
    let kind = match raw.console_proxy.trim() {
        "" => return Some(None),
        "authelia" => ProxyKind::Authelia,
        "oauth2-proxy" => ProxyKind::Oauth2Proxy,
        "cloudflare" => ProxyKind::Cloudflare,
        _ => {
            problems.0.push("CONSOLE_PROXY must be authelia, oauth2-proxy or cloudflare, or empty".into());
            return None;
        }
    };
    let from: Result<Vec<IpNet>, _> = list(&raw.console_proxy_from).map(network).collect();
    let Ok(from) = from else {
        problems.0.push("CONSOLE_PROXY_FROM must be addresses or networks, such as 127.0.0.1,172.18.0.0/16".into());
        return None;
    };
    let secret = raw.console_proxy_secret.as_deref().map(str::trim).filter(|text| !text.is_empty());
    if secret.is_some_and(|secret| secret.len() < 16) {
        problems.0.push("CONSOLE_PROXY_SECRET must have at least 16 characters".into());
        return None;
    }
    if from.is_empty() && secret.is_none() {
        let missing = "CONSOLE_PROXY_FROM is missing: without the proxy's address (or CONSOLE_PROXY_SECRET), anybody who reaches the \
                       console could claim to be anybody";
        problems.0.push(missing.into());
        return None;
    }
    Some(Some(Proxy { kind, from, secret: secret.map(SecretString::from) }))
}

/// Whether what comes from there can only be from there: over TLS, or from this machine.
pub fn proves_its_origin(address: &str) -> bool {
    reqwest::Url::parse(address).is_ok_and(|url| {
        let is_local = url.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
        url.scheme() == "https" || url.scheme() == "http" && is_local
    })
}

fn network(text: &str) -> Result<IpNet, ()> {
    text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from)).map_err(drop)
}

fn oidc(raw: &Raw, console_url: Option<&str>, problems: &mut Problems) -> Option<Option<Oidc>> {
    let Some(issuer) = raw.console_oidc_issuer.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
        return Some(None);
    };
    let issuer = url(problems, "CONSOLE_OIDC_ISSUER", issuer, &["https", "http"]).filter(|issuer| {
        let is_proven = proves_its_origin(issuer);
        if !is_proven {
            problems.0.push(
                "CONSOLE_OIDC_ISSUER must begin with https://: without TLS anybody on the way could be anybody".into(),
            );
        }
        is_proven
    });
    let hint = "register Callbridge at the identity provider, with the redirect address CONSOLE_URL/login/oidc";
    let client_id = secret(problems, "CONSOLE_OIDC_CLIENT_ID", raw.console_oidc_client_id.as_deref(), true, hint);
    let client_secret =
        secret(problems, "CONSOLE_OIDC_CLIENT_SECRET", raw.console_oidc_client_secret.as_deref(), true, hint);
    if console_url.is_none() {
        problems.0.push("CONSOLE_URL is missing: the identity provider sends people back to it".into());
    }
    Some(Some(Oidc {
        issuer: issuer?,
        client_id: client_id?,
        client_secret: client_secret?.into(),
        groups: raw.console_oidc_groups.trim().to_owned(),
        console_url: console_url?.to_owned(),
    }))
}
