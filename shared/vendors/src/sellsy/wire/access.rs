//! Access to the API: tokens, quotas, the account's staff.

use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::tolerant::{self, discreet_debug, open_enum};

/// The answer of the token endpoint.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenAnswer {
    #[serde(deserialize_with = "secret")]
    pub access_token: SecretString,
    /// Seconds. The documentation contradicts itself about it (1 h, 24 h), so only this value counts.
    #[serde(default, deserialize_with = "tolerant::count")]
    pub expires_in: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::text")]
    pub token_type: Option<String>,
    /// Only for grants with a login in a browser.
    #[serde(default, deserialize_with = "opt_secret")]
    pub refresh_token: Option<SecretString>,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    opt_secret(deserializer)?.ok_or_else(|| serde::de::Error::custom("the token is empty"))
}

fn opt_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretString>, D::Error> {
    Ok(tolerant::text(deserializer)?.map(SecretString::from))
}

/// `GET /quotas`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Quotas {
    #[serde(rename = "api_rate_seconds", default, deserialize_with = "tolerant::opt")]
    pub per_second: Option<QuotaLimit>,
    #[serde(rename = "api_rate_minutes", default, deserialize_with = "tolerant::opt")]
    pub per_minute: Option<QuotaLimit>,
    #[serde(rename = "api_rate_days", default, deserialize_with = "tolerant::opt")]
    pub per_day: Option<QuotaLimit>,
    #[serde(rename = "api_rate_months", default, deserialize_with = "tolerant::opt")]
    pub per_month: Option<QuotaLimit>,
}

/// A limit on requests and how many are used.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct QuotaLimit {
    /// `None` is unlimited.
    #[serde(default, deserialize_with = "tolerant::count")]
    pub limit: Option<u64>,
    #[serde(default, deserialize_with = "tolerant::number")]
    pub used: Option<i64>,
}

open_enum! {
    StaffStatus {
        Ok = "ok",
        Blocked = "blocked",
        Deleted = "deleted",
    }
}

/// A user of the Sellsy account.
#[derive(Clone, Default, PartialEq, Deserialize)]
pub struct Staff {
    #[serde(deserialize_with = "tolerant::id")]
    pub id: i64,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub firstname: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub lastname: Option<String>,
    /// As typed: compare without regard to case.
    #[serde(default, deserialize_with = "tolerant::lenient::text")]
    pub email: Option<String>,
    #[serde(default, deserialize_with = "tolerant::lenient::opt")]
    pub status: Option<StaffStatus>,
}

discreet_debug! {
    Staff { id, status }
}
