//! A URL with several hosts, such as `amqp://user:password@one:5672,two:5672/`.

/// A URL for each of the hosts, in their order.
pub fn each_host(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    let (login, rest) = rest.split_at(login_length(rest));
    let (hosts, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    hosts.split(',').map(|host| format!("{scheme}://{login}{}{path}", host.trim())).collect()
}

/// Of what follows the scheme, up to the hosts. A password may have a slash or a question mark, and an option an `@`.
pub(crate) fn login_length(rest: &str) -> usize {
    let authority = rest.find(['/', '?']).unwrap_or(rest.len());
    let at = rest[..authority]
        .rfind('@')
        .or_else(|| rest.rfind('@').filter(|at| rest[..*at].contains(':') && !rest[..*at].contains('=')));
    at.map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_the_rest_of_the_url() {
        for (url, expected) in [
            ("amqp://u:p@one/%2f", vec!["amqp://u:p@one/%2f"]),
            (
                "amqp://u:p,q@one:1,two:2/v?heartbeat=5",
                vec!["amqp://u:p,q@one:1/v?heartbeat=5", "amqp://u:p,q@two:2/v?heartbeat=5"],
            ),
            ("amqps://one, two", vec!["amqps://one", "amqps://two"]),
            ("amqp://[::1]:5672,[::2]:5672", vec!["amqp://[::1]:5672", "amqp://[::2]:5672"]),
            ("postgres://one:1,two/v?user=u@t", vec!["postgres://one:1/v?user=u@t", "postgres://two/v?user=u@t"]),
            ("amqp://u:p@one,two/v@w", vec!["amqp://u:p@one/v@w", "amqp://u:p@two/v@w"]),
            ("postgres://u:p?/a@db/name?x=1", vec!["postgres://u:p?/a@db/name?x=1"]),
            ("nonsense", vec!["nonsense"]),
        ] {
            assert_eq!(each_host(url), expected, "{url}");
        }
    }
}
