//! The requests by which `callbridge prove` finds out what no document says. The workers make none of them.

use base::error::Result;
use reqwest::StatusCode;

use super::{ExchangeError, Sellsy, WriteError, limits};
use crate::{
    budget::Span,
    proven::Quota,
    sellsy::{
        endpoints,
        wire::{PhoneCallUpdate, Staff},
    },
};

impl Sellsy {
    /// What an answer says about the quota, and the limit of a minute that the account has, if the client may read that.
    pub async fn quota(&self) -> Result<Quota> {
        let answer = self.send(&endpoints::STAFFS, None, &[("limit", "1".to_owned())], None).await?;
        let limits = match self.quotas().await {
            Ok(quotas) => limits(&quotas),
            Err(_) => Vec::new(),
        };
        let per_minute = limits.iter().find(|(span, _)| *span == Span::Minute).map(|(_, limit)| *limit);
        Ok(Quota { per_minute, ..answer.quota })
    }

    /// `GET /staffs/me`: whose client this is.
    pub async fn own_staff(&self) -> Result<Staff> {
        self.send(&endpoints::OWN_STAFF, None, &[], None).await?.json()
    }

    /// `PUT /phone-calls/{id}` with nothing but these changes, to see what becomes of the rest.
    pub async fn put_phone_call(&self, id: i64, changes: &PhoneCallUpdate) -> Result<(), WriteError> {
        self.write(&endpoints::UPDATE_PHONE_CALL, Some(id), changes, &()).await.map(drop)
    }

    /// `DELETE /phone-calls/{id}`; one that is gone already is deleted, too.
    pub async fn delete_phone_call(&self, id: i64) -> Result<(), WriteError> {
        self.delete(&endpoints::DELETE_PHONE_CALL, id).await
    }

    /// Fetches another token, and says whether the one before is void now.
    pub async fn voids_older_token(&self) -> Result<bool> {
        use secrecy::ExposeSecret;
        let older = self.tokens.current(&self.api).await?;
        self.tokens.renew(&self.api).await?;
        let url = format!("{}{}", self.base, endpoints::STAFFS.path);
        let request = self.api.request(&endpoints::STAFFS, &url).bearer_auth(older.expose_secret());
        match self.api.send(&endpoints::STAFFS, request.query(&[("limit", "1")])).await {
            Ok(_) => Ok(false),
            Err(failure) if failure.status == Some(StatusCode::UNAUTHORIZED) => Ok(true),
            Err(failure) => Err(ExchangeError::Request(failure).into()),
        }
    }
}
