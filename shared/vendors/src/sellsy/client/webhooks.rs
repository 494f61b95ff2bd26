//! The requests about the account's webhooks. The workers make none of them: they are for the commands.

use base::error::Result;

use super::{PAGE_SIZE, Sellsy, WriteError};
use crate::sellsy::{
    endpoints,
    wire::{Page, Webhook, WebhookEvents, WebhookRequest},
};

impl Sellsy {
    /// `GET /webhooks`: all of the account.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>> {
        let mut all = Vec::new();
        let mut offset: Option<String> = None;
        loop {
            let mut query = vec![("limit", PAGE_SIZE.to_string())];
            query.extend(offset.take().map(|offset| ("offset", offset)));
            let page: Page<Webhook> = self.send(&endpoints::WEBHOOKS, None, &query, None).await?.list()?;
            offset = page.next_offset().map(ToString::to_string);
            all.extend(page.data);
            if offset.is_none() {
                return Ok(all);
            }
        }
    }

    /// `GET /webhooks/events`: what a webhook of this account can report.
    pub async fn webhook_events(&self) -> Result<Vec<WebhookEvents>> {
        self.send(&endpoints::WEBHOOK_EVENTS, None, &[], None).await?.json()
    }

    /// `POST /webhooks`.
    pub async fn create_webhook(&self, webhook: &WebhookRequest) -> Result<Webhook, WriteError> {
        let answer = self.write(&endpoints::CREATE_WEBHOOK, None, webhook, &()).await?;
        answer.json().map_err(WriteError::Unclear)
    }

    /// `PUT /webhooks/{id}`.
    pub async fn update_webhook(&self, id: i64, webhook: &WebhookRequest) -> Result<(), WriteError> {
        self.write(&endpoints::UPDATE_WEBHOOK, Some(id), webhook, &()).await.map(drop)
    }

    /// `DELETE /webhooks/{id}`; one that is gone already is deleted, too.
    pub async fn delete_webhook(&self, id: i64) -> Result<(), WriteError> {
        self.delete(&endpoints::DELETE_WEBHOOK, id).await
    }
}
