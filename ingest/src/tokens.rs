//! Whose webhooks are accepted: those with a token of the settings, and those that a command has made and noted in the database.
//!
//! The table `webhook_tokens` holds no token, only its SHA-256: a webhook of Aircall shows its token in each body, one of Sellsy
//! in its path, and what is shown is digested and compared. So a copy of the database lets nobody send webhooks. Several tokens
//! are valid at the same time, which is how they are replaced. [`keys`](crate::keys) is what ingest knows of the table while it runs.

use base::{
    db::Client,
    error::Result,
    ids::Vendor,
    settings::{Aircall, Sellsy},
};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};

/// SHA-256 of a token.
pub type Digest = [u8; 32];

/// The tokens of one vendor's webhooks that count.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// Of the settings, in clear.
    pub(crate) set: Vec<SecretString>,
    /// Noted by a command.
    pub(crate) noted: Vec<Digest>,
}

impl Tokens {
    pub fn set_for_aircall(settings: &Aircall) -> Self {
        Self { set: settings.webhook_tokens.clone(), noted: Vec::new() }
    }

    pub fn set_for_sellsy(settings: &Sellsy) -> Self {
        Self { set: settings.webhook_secret.iter().cloned().collect(), noted: Vec::new() }
    }

    /// With those that commands have noted.
    pub async fn with_noted(self, client: &Client, vendor: Vendor) -> Result<Self> {
        Ok(Self { noted: noted(client, vendor).await?.into_iter().map(|noted| noted.digest).collect(), ..self })
    }

    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.noted.is_empty()
    }

    pub fn len(&self) -> usize {
        self.set.len() + self.noted.len()
    }

    /// Compares with every one, so that the time it takes does not reveal which one came close.
    pub fn has(&self, token: &str) -> bool {
        let of_settings = self.set.iter().map(|known| known.expose_secret().as_bytes().ct_eq(token.as_bytes()));
        let digest = digest_of(token);
        let noted = self.noted.iter().map(|known| known.as_slice().ct_eq(&digest));
        let any = of_settings.chain(noted).fold(Choice::from(0), |any, this| any | this);
        // An empty one is nobody's.
        bool::from(any) && !token.is_empty()
    }
}

fn digest_of(token: &str) -> Digest {
    let mut bytes = Digest::default();
    bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    bytes
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    pub digest: Digest,
    pub webhook_id: String,
}

pub async fn noted(client: &Client, vendor: Vendor) -> Result<Vec<Noted>> {
    let sql = "select digest, webhook_id from webhook_tokens where vendor = $1 order by stored_at, digest";
    let rows = client.query(sql, &[&vendor.as_str()]).await?;
    let of = |row: &tokio_postgres::Row| {
        // What is no digest is nobody's.
        let digest = row.get::<_, Vec<u8>>(0).try_into().ok()?;
        Some(Noted { digest, webhook_id: row.get(1) })
    };
    Ok(rows.iter().filter_map(of).collect())
}

/// Has the webhook with this token accepted. False if it was noted before.
pub async fn note(client: &Client, vendor: Vendor, token: &SecretString, webhook_id: &str) -> Result<bool> {
    let sql = "insert into webhook_tokens (vendor, digest, webhook_id) values ($1, $2, $3) on conflict do nothing";
    let digest = digest_of(token.expose_secret());
    Ok(client.execute(sql, &[&vendor.as_str(), &digest.as_slice(), &webhook_id]).await? > 0)
}

/// The webhook is gone: nothing is accepted any more with what was its token.
pub async fn forget(client: &Client, vendor: Vendor, webhook_id: &str) -> Result<u64> {
    let sql = "delete from webhook_tokens where vendor = $1 and webhook_id = $2";
    Ok(client.execute(sql, &[&vendor.as_str(), &webhook_id]).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_counts_if_it_is_set_or_noted() {
        let tokens = Tokens { set: vec!["one".into(), "two".into()], noted: vec![digest_of("three")] };
        for (token, expected) in
            [("one", true), ("two", true), ("three", true), ("four", false), ("", false), ("thre", false)]
        {
            assert_eq!(tokens.has(token), expected, "{token}");
        }
        let hex = digest_of("three").map(|byte| format!("{byte:02x}")).concat();
        // printf three | sha256sum
        assert_eq!(hex, "8b5b9db0c13db24256c829aa364aa90c6d2eba318b9232a4ab9313b954d3555f");
        assert!(!tokens.has(&hex), "what the table holds opens nothing");
        let empty = Tokens { set: vec!["".into()], noted: vec![digest_of("")] };
        assert!(!empty.has(""));
    }
}
