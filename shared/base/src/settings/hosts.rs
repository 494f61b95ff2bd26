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

/// The URL with this password for its user, or what is wrong. Whatever characters it has, they are written so that a URL can hold them.
pub(super) fn with_password(url: &str, password: &str) -> Result<String, &'static str> {
    let Some((scheme, rest)) = url.split_once("://") else { return Err("is no URL") };
    let (login, hosts) = rest.split_at(login_length(rest));
    let user = login.trim_end_matches('@');
    if user.is_empty() {
        return Err("names no user, whose password it could be: write user@ before the host");
    }
    if user.contains(':') {
        return Err("has a password already: remove one of the two");
    }
    Ok(format!("{scheme}://{}:{}@{hosts}", encoded(user, true), encoded(password, false)))
}

/// The URL with what its login has written so that a URL can hold it; escapes that are there stay.
pub(super) fn tidy(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (login, hosts) = rest.split_at(login_length(rest));
    let Some(login) = login.strip_suffix('@') else { return url.to_owned() };
    let login = match login.split_once(':') {
        Some((user, password)) => format!("{}:{}", encoded(user, true), encoded(password, true)),
        None => encoded(login, true),
    };
    format!("{scheme}://{login}@{hosts}")
}

/// Everything but letters, digits and `-._~` as `%41`.
fn encoded(text: &str, keeps_escapes: bool) -> String {
    let bytes = text.as_bytes();
    let is_escape = |at: usize| {
        let digits = bytes.get(at + 1..at + 3);
        keeps_escapes && bytes[at] == b'%' && digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let one = |at: usize| match bytes[at] {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || is_escape(at) => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    (0..bytes.len()).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_of_any_characters_finds_its_place() {
        for (url, password, expected) in [
            ("amqp://callbridge@rabbitmq:5672/%2f", "plain", Ok("amqp://callbridge:plain@rabbitmq:5672/%2f")),
            ("amqp://u@one,two/", "/#%@:?", Ok("amqp://u:%2F%23%25%40%3A%3F@one,two/")),
            (
                "postgres://u@db/name?sslmode=require",
                "it's 50%41",
                Ok("postgres://u:it%27s%2050%2541@db/name?sslmode=require"),
            ),
            ("postgres://u@db/name", "é", Ok("postgres://u:%C3%A9@db/name")),
            ("postgres://u:p@db/name", "q", Err("has a password already: remove one of the two")),
            ("postgres://db/name", "q", Err("names no user, whose password it could be: write user@ before the host")),
            ("nonsense", "q", Err("is no URL")),
        ] {
            assert_eq!(with_password(url, password), expected.map(ToOwned::to_owned), "{url} {password}");
        }
    }

    #[test]
    fn what_a_login_has_is_written_so_that_a_url_can_hold_it() {
        for (url, expected) in [
            ("amqp://u:p@one/%2f", "amqp://u:p@one/%2f"),
            ("amqp://u:12/#@one:5672/v", "amqp://u:12%2F%23@one:5672/v"),
            ("amqp://u:a@b%@one/", "amqp://u:a%40b%25@one/"),
            ("amqp://u:a%40b@one/", "amqp://u:a%40b@one/"),
            ("amqp://one/v", "amqp://one/v"),
        ] {
            assert_eq!(tidy(url), expected, "{url}");
        }
    }

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
