//! `DATABASE_URL`, with what libpq knows and tokio-postgres does not.

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres::Config;

use crate::{
    settings::{each_host, login_length},
    tls,
};

/// The parser's own message may quote the URL, and the URL may hold a password.
const INVALID: &str = "DATABASE_URL is not a valid postgres:// URL, or has an unknown option; several hosts are written \
                       postgres://user:password@host1:5432,host2:5432/name; sslmode is disable, prefer, require or verify-full \
                       (the last two verify), sslrootcert names a file; a password that is not only letters and digits \
                       goes into DATABASE_PASSWORD, as it is";

pub(super) struct Parsed {
    pub(super) config: Config,
    pub(super) roots: RootCertStore,
}

/// Whether a setting is a URL for PostgreSQL; what is wrong with it otherwise.
pub(crate) fn check(url: &str) -> Result<(), String> {
    each_host(url).iter().try_for_each(|host| parse(host).map(drop))
}

pub(super) fn parse(url: &str) -> Result<Parsed, String> {
    let scheme = url.find("://").map_or(0, |at| at + "://".len());
    let login = scheme + login_length(&url[scheme..]);
    let (base, options) = url[login..].find('?').map_or((url, ""), |at| (&url[..login + at], &url[login + at + 1..]));
    let (mut kept, mut file) = (Vec::new(), None);
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            // Every connection with TLS is verified here, certificate and name.
            Some(("sslmode", "verify-full" | "verify-ca")) => kept.push("sslmode=require"),
            Some(("sslrootcert", "system")) => {}
            Some(("sslrootcert", path)) => file = Some(percent_decoded(path)),
            // Writing is what workers do: this is the only sensible value, and is always so.
            Some(("target_session_attrs", "read-write" | "primary" | "any")) => {}
            // Of one host; with several, each would have the addresses of all.
            Some(("hostaddr", addresses)) if addresses.contains(',') => return Err(INVALID.into()),
            _ => kept.push(option),
        }
    }
    if !base.starts_with("postgres://") && !base.starts_with("postgresql://") {
        return Err(INVALID.into());
    }
    // The library takes the first `@` for the end of the login.
    let (scheme, rest) = base.split_at(scheme);
    let (login, hosts) = rest.split_at(login_length(rest).saturating_sub(1));
    let base = format!("{scheme}{}{hosts}", login.replace('@', "%40"));
    let url = if kept.is_empty() { base } else { format!("{base}?{}", kept.join("&")) };
    let config = url.parse().map_err(|_| INVALID.to_owned())?;
    let roots = match file {
        None => tls::roots(),
        Some(path) => roots_of(&path)?,
    };
    Ok(Parsed { config, roots })
}

fn roots_of(path: &str) -> Result<RootCertStore, String> {
    let named = "sslrootcert of DATABASE_URL";
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| format!("{named}: {path}: {e}"))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates.filter_map(Result::ok));
    if roots.is_empty() { Err(format!("{named}: {path}: there is no certificate in PEM form")) } else { Ok(roots) }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, others @ ..] = rest {
        let hex = |digit: &u8| char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        rest = others;
        match others {
            [high, low, after @ ..] if *first == b'%' && hex(high).is_some() && hex(low).is_some() => {
                bytes.push(hex(high).unwrap_or_default() * 16 + hex(low).unwrap_or_default());
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libpq_takes_is_taken() {
        for url in [
            "postgres://u:p@db/name",
            "postgresql://u:p@one:5432,two:5433/name?target_session_attrs=read-write",
            "postgres://u:p@db/name?sslmode=verify-full",
            "postgres://u:p@db/name?sslmode=verify-ca&connect_timeout=3",
            "postgres://u:p@db/name?sslrootcert=system&sslmode=require",
            "postgres://u:p%3Fa&&b@[::1]:5432/name?sslmode=disable",
            "postgres://u:p?a&&b@db/name",
            "postgres://db/name?user=u@tenant&sslmode=verify-full",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        let hosts =
            |url| parse(url).map(|parsed| (parsed.config.get_hosts().len(), parsed.config.get_ports().to_vec()));
        assert_eq!(hosts("postgres://u:p@one:5432,two:5433/name"), Ok((2, vec![5432, 5433])));
        for (login, password) in
            [("u:p@q", "p@q"), ("u:p/q", "p/q"), ("u:p?q", "p?q"), ("u:p%40q", "p@q"), ("u:p#q", "p#q")]
        {
            let parsed = parse(&format!("postgres://{login}@one/name?sslmode=disable")).map(|parsed| parsed.config);
            let found = parsed.map(|config| (config.get_password().map(<[u8]>::to_vec), config.get_hosts().len()));
            assert_eq!(found, Ok((Some(password.as_bytes().to_vec()), 1)), "{login}");
        }
    }

    #[test]
    fn a_path_is_decoded() {
        for (text, path) in
            [("/a%20b.pem", "/a b.pem"), ("/a+b#c.pem", "/a+b#c.pem"), ("/100%", "/100%"), ("/%zz", "/%zz")]
        {
            assert_eq!(percent_decoded(text), path);
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for url in [
            "mysql://u:secret@db/name",
            "postgres://u:secret@db/name?sslmode=perhaps",
            "postgres://u:secret@db/name?colour=red",
            "postgres://u:secret@one,two/name?hostaddr=10.0.0.1,10.0.0.2",
            "postgres://u:secret@db/name?sslrootcert=/nowhere/at-all.pem",
        ] {
            let problem = check(url).unwrap_err();
            assert!(!problem.contains("secret"), "{problem}");
        }
        assert!(
            check("postgres://u:p@db/name?sslrootcert=/nowhere/at-all.pem")
                .unwrap_err()
                .contains("/nowhere/at-all.pem")
        );
    }
}
