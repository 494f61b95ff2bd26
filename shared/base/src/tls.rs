//! The one TLS stack: rustls with ring, for the broker, the database and both APIs.
//!
//! All of them trust the same certificates: those of the machine, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name
//! in their place. A wrong certificate is a setting that somebody has to mend, so [`explain`] says how.

use rustls::RootCertStore;

use crate::settings::Problems;

/// Makes ring the process's provider; needed before the first client is built, harmless afterwards.
pub fn install_provider() {
    // An error only says that it was installed before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Certificates that were named and cannot be read would otherwise show as servers that nobody trusts.
pub fn check() -> Result<(), Problems> {
    let named: Vec<_> =
        ["SSL_CERT_FILE", "SSL_CERT_DIR"].into_iter().filter(|n| std::env::var_os(n).is_some()).collect();
    if named.is_empty() {
        return Ok(());
    }
    let named = named.join(" and ");
    let loaded = rustls_native_certs::load_native_certs();
    match loaded.errors.first() {
        Some(e) => Err(Problems::one(format!("{named}: {e}"))),
        None if loaded.certs.is_empty() => Err(Problems::one(format!("{named}: there is no certificate in PEM form"))),
        None => Ok(()),
    }
}

/// The certificates that are trusted.
pub(crate) fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Why a connection failed and, if it was over TLS, what to do. By its words: three libraries wrap rustls' errors, each
/// in its own way.
pub fn explain(problem: String) -> String {
    let what_to_do = if problem.contains("invalid peer certificate") {
        "the certificate must name the host and be signed by a CA that this machine trusts; SSL_CERT_FILE names others"
    } else if problem.contains("InvalidContentType") {
        "what answers on this port does not speak TLS"
    } else {
        return problem;
    };
    format!("{problem}: {what_to_do}")
}
