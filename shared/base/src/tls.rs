//! The one TLS stack: rustls with ring, for the broker, the database and both APIs.
//!
//! All of them trust the same certificates: the machine's, or instead those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
//! An operator has to fix a wrong certificate, so [`explain`] says how.

use rustls::RootCertStore;

use crate::settings::Problems;

/// Makes ring the provider of this process. Required before the first client is built; may be called again.
pub fn install_provider() {
    // An error only means that it is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Checks the files that the settings name. Unreadable certificates would otherwise look like untrusted servers.
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

/// The trusted certificates.
pub(crate) fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Adds to the reason of a failed TLS connection what to do about it. Compares words of the text, because three libraries
/// wrap rustls' errors, each in its own way.
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
