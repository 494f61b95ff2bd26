//! Records that something else than people in Sellsy has made, in the directory at once: calls that wait for their number are decided.

use std::sync::Arc;

use base::{
    db::Database,
    error::Result,
    phone::{E164, Regions},
    settings::{Matching, Settings},
};
use broker::amqp::Publisher;
use ledger::timeline::Timeline;
use vendors::sellsy::{Sellsy, wire::Individual};

use crate::{
    calls::Calls,
    directory::store,
    live,
    look_up::LookUp,
    record::{self, Listed},
    rematch::Rematch,
};

pub struct Newcomers {
    sellsy: Sellsy,
    regions: Regions,
    matching: Matching,
    database: Database,
    rematch: Rematch,
}

impl Newcomers {
    pub fn new(
        sellsy: Sellsy,
        settings: &Settings,
        database: Database,
        timeline: Timeline,
        publisher: Publisher,
    ) -> Self {
        let rules = settings.rules.clone();
        let look_up = LookUp::new(sellsy.clone(), settings, database.clone()).with_rules(rules.clone(), None);
        let time_zone = settings.time_zone.clone();
        let calls = Calls { database: database.clone(), timeline, publisher, look_up, rules, time_zone };
        Self {
            sellsy,
            regions: settings.regions.clone(),
            matching: settings.matching,
            database,
            rematch: Rematch { calls: Arc::new(calls), days: settings.rematch_days },
        }
    }

    /// Whether Sellsy has anybody with this number by now, whom the directory then has, too. Whether Sellsy's search finds numbers at once, nobody
    /// knows; a webhook of Sellsy's may have told the directory meanwhile.
    pub async fn has(&self, number: &E164) -> Result<bool> {
        let found = live::candidates(&self.sellsy, number, &self.regions, self.matching).await?;
        self.keep(&found).await?;
        let is_known = !store::with_number(&self.database.client().await?, number).await?.is_empty();
        if is_known && found.is_empty() {
            self.rematch.waiting_for(&[number.as_str()]).await?;
        }
        Ok(is_known || !found.is_empty())
    }

    pub async fn add(&self, individual: &Individual) -> Result<()> {
        self.keep(&[record::from_individual(individual, &self.regions)]).await
    }

    async fn keep(&self, listed: &[Listed]) -> Result<()> {
        if listed.is_empty() {
            return Ok(());
        }
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await?;
        store::put(&transaction, listed).await?;
        transaction.commit().await?;
        drop(client);
        self.rematch.numbers(listed).await
    }
}
