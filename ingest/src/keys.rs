//! What ingest knows of the tokens while it runs: those of the settings, and the last reading of the table `webhook_tokens`.
//!
//! The table is read every few seconds, and at once when a webhook comes with a token that nobody knows: its webhook may be a second
//! old. Strangers send such tokens too, so one process reads it for that at most once a second, for all that wait meanwhile. As long as the
//! table could not be read since the start, an unknown token may be a good one: the answer is 503, and the sender sends it again.
//! Without any token ingest is not ready, and says which command makes one.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use axum::http::StatusCode;
use base::{
    db::Database,
    error::{Error, Result},
    health::Condition,
    ids::Vendor,
};
use tokio::{
    sync::Mutex,
    time::{self, Instant},
};

use crate::{
    door::Refusal,
    tokens::{self, Digest, Tokens},
};

const READ_EVERY: Duration = Duration::from_secs(10);
/// While there is no token at all, or the table has not been read yet.
const READ_AT_FIRST_EVERY: Duration = Duration::from_secs(1);
/// For a token that nobody knows, at most so often.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// For one reading, while a webhook waits for its answer.
const READ_TIMEOUT: Duration = Duration::from_millis(1400);

const HOW: &str = "callbridge setup makes Aircall's webhook and notes its token, and so does \
                   callbridge webhook install --url https://<your host>/webhooks/aircall";

pub(crate) struct Keys {
    /// Of the settings.
    aircall: Tokens,
    sellsy: Tokens,
    /// As last read; `None` until then.
    noted: RwLock<Option<Noted>>,
    /// When the last reading because of an unknown token began.
    again: Mutex<Option<Instant>>,
    database: Database,
    condition: Condition,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Noted {
    aircall: Vec<Digest>,
    sellsy: Vec<Digest>,
}

impl Keys {
    pub(crate) fn new(aircall: Tokens, sellsy: Tokens, database: Database, condition: Condition) -> Self {
        if !aircall.is_empty() {
            condition.met();
        }
        Self { aircall, sellsy, noted: RwLock::default(), again: Mutex::default(), database, condition }
    }

    pub(crate) fn aircall(&self) -> Tokens {
        Tokens { noted: self.noted().unwrap_or_default().aircall, ..self.aircall.clone() }
    }

    pub(crate) fn sellsy(&self) -> Tokens {
        Tokens { noted: self.noted().unwrap_or_default().sellsy, ..self.sellsy.clone() }
    }

    fn noted(&self) -> Option<Noted> {
        self.noted.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the table regularly.
    pub(crate) async fn watch(self: std::sync::Arc<Self>) {
        let mut told = false;
        loop {
            self.database.available().await;
            if let Err(e) = self.read().await {
                tracing::debug!(error = %e, "The tokens of webhooks could not be read.");
            }
            let none = self.noted().is_none() || self.aircall().is_empty();
            if none && self.noted().is_some() && !std::mem::replace(&mut told, true) {
                tracing::warn!(
                    what_to_do = HOW,
                    "There is no token yet: every webhook of Aircall is refused until there is one."
                );
            }
            time::sleep(if none { READ_AT_FIRST_EVERY } else { READ_EVERY }).await;
        }
    }

    /// A token came that nobody knows. `Err` is the answer if it may be a good one all the same.
    pub(crate) async fn look_again(&self) -> std::result::Result<(), Refusal> {
        let came = Instant::now();
        let mut again = self.again.lock().await;
        // Otherwise the reading that was waited for has begun later than this token came.
        if again.is_none_or(|began| began < came) {
            if let Some(began) = *again {
                time::sleep_until(began + AGAIN_AFTER).await;
            }
            *again = Some(Instant::now());
            let _ = time::timeout(READ_TIMEOUT, self.read()).await;
        }
        drop(again);
        if self.noted().is_some() {
            return Ok(());
        }
        let message = "the tokens of webhooks cannot be read from the database; send it again";
        Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", message).later())
    }

    async fn read(&self) -> Result<()> {
        let client = self.database.client().await?;
        let of = async |vendor| {
            let noted = tokens::noted(&client, vendor).await?;
            Ok::<_, Error>(noted.into_iter().map(|noted| noted.digest).collect())
        };
        let read = Noted { aircall: of(Vendor::Aircall).await?, sellsy: of(Vendor::Sellsy).await? };
        let has_any = !(self.aircall.is_empty() && read.aircall.is_empty());
        *self.noted.write().unwrap_or_else(PoisonError::into_inner) = Some(read);
        if has_any {
            self.condition.met();
        } else {
            self.condition.unmet(format!("there is no token of a webhook of Aircall yet: {HOW}"));
        }
        Ok(())
    }
}
