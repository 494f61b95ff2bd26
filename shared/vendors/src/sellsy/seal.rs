//! Encrypts an access token for the database, with a key that only holders of the client secret can derive.

use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, Salt},
    rand::{SecureRandom, SystemRandom},
};
use secrecy::{ExposeSecret, SecretString};

/// Separates this use of the secret from any other.
const PURPOSE: &[u8] = b"callbridge access token 1";

pub(super) struct Seal(Option<LessSafeKey>);

impl Seal {
    /// The key also depends on the client's id and the token's address: another client's token cannot be opened.
    pub(super) fn new(client_secret: &SecretString, client_id: &SecretString, auth_url: &str) -> Self {
        let info = [client_id.expose_secret().as_bytes(), auth_url.as_bytes()];
        let key = Salt::new(HKDF_SHA256, PURPOSE).extract(client_secret.expose_secret().as_bytes());
        Self(key.expand(&info, &AES_256_GCM).ok().map(|key| LessSafeKey::new(UnboundKey::from(key))))
    }

    /// A random nonce, then the encrypted text. `None` if this machine has no random numbers.
    pub(super) fn seal(&self, text: &SecretString) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = text.expose_secret().as_bytes().to_vec();
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        self.0.as_ref()?.seal_in_place_append_tag(nonce_used, Aad::empty(), &mut sealed).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }

    /// `None` if it was sealed with another secret, or has been changed.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<SecretString> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
        let (nonce, mut text) = (Nonce::try_assume_unique_for_key(nonce).ok()?, text.to_vec());
        let text = self.0.as_ref()?.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
        Some(std::str::from_utf8(text).ok()?.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(secret: &str, id: &str, url: &str) -> Seal {
        Seal::new(&secret.into(), &id.into(), url)
    }

    #[test]
    fn only_the_same_client_opens_a_token() {
        let token = SecretString::from("an-access-token");
        let sealed = seal("secret", "id", "https://login.example").seal(&token).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"access"));
        let open = |secret, id, url| seal(secret, id, url).open(&sealed).map(|text| text.expose_secret().to_owned());
        assert_eq!(open("secret", "id", "https://login.example").as_deref(), Some("an-access-token"));
        for (secret, id, url) in [
            ("other", "id", "https://login.example"),
            ("secret", "other", "https://login.example"),
            ("secret", "id", "https://other.example"),
        ] {
            assert_eq!(open(secret, id, url), None, "{secret} {id} {url}");
        }
        let again = seal("secret", "id", "https://login.example").seal(&token).unwrap();
        assert_ne!(sealed, again, "each with a nonce of its own");
    }

    #[test]
    fn what_was_changed_or_cut_is_not_opened() {
        let seal = seal("secret", "id", "url");
        let sealed = seal.seal(&"an-access-token".into()).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(seal.open(&changed).is_none(), "byte {at}");
            assert!(seal.open(&sealed[..at]).is_none(), "{at} bytes");
        }
    }
}
