//! A URL with several hosts, such as `amqp://user:password@one:5672,two:5672/`.

/// A URL for each of the hosts, in their order.
pub fn each_host(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return vec![url.to_owned()] };
    // A password may have a slash or a question mark.
    let (login, rest) = rest.split_at(rest.rfind('@').map_or(0, |at| at + 1));
    let (hosts, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    hosts.split(',').map(|host| format!("{scheme}://{login}{}{path}", host.trim())).collect()
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
            ("postgres://u:p?/a@db/name?x=1", vec!["postgres://u:p?/a@db/name?x=1"]),
            ("nonsense", vec!["nonsense"]),
        ] {
            assert_eq!(each_host(url), expected, "{url}");
        }
    }
}
