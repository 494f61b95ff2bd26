//! The one TLS stack: rustls with ring, for the broker, the database and both APIs.

/// Makes ring the process's provider; needed before the first client is built, harmless afterwards.
pub fn install_provider() {
    // An error only says that it was installed before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
