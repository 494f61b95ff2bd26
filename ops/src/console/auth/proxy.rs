//! A proxy in front of the console has signed the person in, and says who it is in headers of its own.
//!
//! Anybody can send such headers. So they count only if the request comes from the proxy's address, or with the secret that it was given.

use std::net::IpAddr;

use axum::http::HeaderMap;
use base::settings::{Proxy, ProxyKind};
use secrecy::ExposeSecret;

use super::sessions::same;

const SECRET: &str = "x-callbridge-proxy";

/// What the proxy says of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// As people know them: the e-mail address, or else the user's name.
    pub(super) name: String,
    /// All names by which they may be listed.
    pub(super) names: Vec<String>,
    pub(super) groups: Vec<String>,
}

/// The headers of each proxy: the user's names, the best known first, and the groups.
fn headers_of(kind: ProxyKind) -> (&'static [&'static str], Option<&'static str>) {
    match kind {
        // https://www.authelia.com/integration/trusted-header-sso/introduction/
        ProxyKind::Authelia => (&["remote-email", "remote-user"], Some("remote-groups")),
        // `pass_user_headers`, which is on by default. `auth_request` of nginx gets others, which nginx has to hand on by these names.
        ProxyKind::Oauth2Proxy => (&["x-forwarded-email", "x-forwarded-user"], Some("x-forwarded-groups")),
        // Behind Cloudflare Tunnel, which alone may reach the console: then the signature needs no check.
        ProxyKind::Cloudflare => (&["cf-access-authenticated-user-email"], None),
    }
}

/// Whether a request is the proxy's.
fn is_trusted(proxy: &Proxy, from: IpAddr, headers: &HeaderMap) -> bool {
    let from = from.to_canonical();
    let at_home = proxy.from.is_empty() || proxy.from.iter().any(|network| network.contains(&from));
    let knows = proxy.secret.as_ref().is_none_or(|secret| same(text(headers, SECRET), secret.expose_secret()));
    at_home && knows && (!proxy.from.is_empty() || proxy.secret.is_some())
}

pub(super) fn claim(proxy: &Proxy, from: Option<IpAddr>, headers: &HeaderMap) -> Option<Claim> {
    if !from.is_some_and(|from| is_trusted(proxy, from, headers)) {
        return None;
    }
    let (names, groups) = headers_of(proxy.kind);
    let names: Vec<String> =
        names.iter().map(|name| text(headers, name)).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let groups = groups.map(|name| text(headers, name)).unwrap_or_default();
    let groups = groups.split(',').map(str::trim).filter(|group| !group.is_empty()).map(str::to_owned).collect();
    Some(Claim { name: names.first()?.clone(), names, groups })
}

/// A header that came twice says nothing: one of the two may be the client's own.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default().trim(),
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(of: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in of {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn proxy(kind: ProxyKind, from: &[&str], secret: Option<&str>) -> Proxy {
        let from = from.iter().map(|network| network.parse().unwrap()).collect();
        Proxy { kind, from, secret: secret.map(Into::into) }
    }

    #[test]
    fn each_proxy_names_people_in_its_own_headers() {
        for (kind, of, name, groups) in [
            (
                ProxyKind::Authelia,
                &[("remote-user", "ines"), ("remote-email", "ines@example.com"), ("remote-groups", "it, sales")][..],
                Some("ines@example.com"),
                &["it", "sales"][..],
            ),
            (ProxyKind::Authelia, &[("remote-user", "ines")], Some("ines"), &[]),
            (ProxyKind::Authelia, &[("x-forwarded-email", "ines@example.com")], None, &[]),
            (
                ProxyKind::Oauth2Proxy,
                &[("x-forwarded-email", "ines@example.com"), ("x-forwarded-groups", "it")],
                Some("ines@example.com"),
                &["it"],
            ),
            (
                ProxyKind::Cloudflare,
                &[("cf-access-authenticated-user-email", "ines@example.com")],
                Some("ines@example.com"),
                &[],
            ),
            (
                ProxyKind::Cloudflare,
                &[("cf-access-authenticated-user-email", "a@b.c"), ("cf-access-authenticated-user-email", "d@b.c")],
                None,
                &[],
            ),
            (ProxyKind::Cloudflare, &[], None, &[]),
        ] {
            let claim = claim(&proxy(kind, &["127.0.0.1/32"], None), Some("127.0.0.1".parse().unwrap()), &headers(of));
            assert_eq!(claim.as_ref().map(|claim| claim.name.as_str()), name, "{kind:?} {of:?}");
            assert_eq!(claim.map(|claim| claim.groups).unwrap_or_default(), groups, "{kind:?} {of:?}");
        }
    }

    #[test]
    fn only_the_proxy_is_believed() {
        let says = [("remote-user", "ines"), ("x-callbridge-proxy", "0123456789abcdef")];
        for (from, secret, peer, sent, believed) in [
            (&["10.0.0.0/8"][..], None, "10.1.2.3", &says[..1], true),
            (&["10.0.0.0/8"], None, "::ffff:10.1.2.3", &says[..1], true),
            (&["10.0.0.0/8"], None, "192.168.0.1", &says[..1], false),
            (&["10.0.0.0/8"], Some("0123456789abcdef"), "10.1.2.3", &says[..1], false),
            (&["10.0.0.0/8"], Some("0123456789abcdef"), "10.1.2.3", &says[..], true),
            (&[], Some("0123456789abcdef"), "192.168.0.1", &says[..], true),
            (&[], Some("0123456789abcdeF"), "192.168.0.1", &says[..], false),
            (&[], None, "127.0.0.1", &says[..], false),
        ] {
            let proxy = proxy(ProxyKind::Authelia, from, secret);
            let claim = claim(&proxy, Some(peer.parse().unwrap()), &headers(sent));
            assert_eq!(claim.is_some(), believed, "{from:?} {secret:?} {peer}");
        }
        assert_eq!(claim(&proxy(ProxyKind::Authelia, &["10.0.0.0/8"], None), None, &headers(&says)), None);
    }
}
