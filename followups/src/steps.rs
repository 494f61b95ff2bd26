//! The steps of the account's pipelines, which are read once and kept.

use std::{sync::Arc, time::Duration};

use base::error::Result;
use tokio::{sync::Mutex, time::Instant};
use vendors::sellsy::{Sellsy, wire::Step};

const KEEP: Duration = Duration::from_secs(3600);

pub(crate) struct Steps {
    sellsy: Sellsy,
    known: Mutex<Option<(Instant, Arc<Vec<Step>>)>>,
}

impl Steps {
    pub(crate) fn new(sellsy: Sellsy) -> Self {
        Self { sellsy, known: Mutex::default() }
    }

    pub(crate) async fn all(&self) -> Result<Arc<Vec<Step>>> {
        let mut known = self.known.lock().await;
        if let Some((at, steps)) = &*known
            && at.elapsed() < KEEP
        {
            return Ok(steps.clone());
        }
        let steps = Arc::new(self.sellsy.steps().await?);
        *known = Some((Instant::now(), steps.clone()));
        Ok(steps)
    }

    /// A step may be new.
    pub(crate) async fn forget(&self) {
        *self.known.lock().await = None;
    }
}
