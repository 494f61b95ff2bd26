//! How many messages a queue holds and who consumes it, as the broker tells without giving any away.

use std::time::Duration;

use lapin::{options::QueueDeclareOptions, types::FieldTable};
use tokio::time;

use super::Link;
use crate::{
    error::{Code, Error, Result},
    topology::short,
};

const PATIENCE: Duration = Duration::from_secs(3);

/// Messages that wait for a consumer, and consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    pub messages: u32,
    pub consumers: u32,
}

/// Of these queues, in their order; they must have been declared.
pub async fn of(link: &Link, queues: &[String]) -> Result<Vec<Depth>> {
    let away = |what: &str| Error::retry(Code::BrokerUnavailable, what);
    let connection = link.now().ok_or_else(|| away("there is no connection"))?;
    let asked = async {
        let channel = connection.create_channel().await?;
        let mut depths = Vec::with_capacity(queues.len());
        for queue in queues {
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let told = channel.queue_declare(short(queue), passive, FieldTable::default()).await?;
            depths.push(Depth { messages: told.message_count(), consumers: told.consumer_count() });
        }
        let _ = channel.close(200, short("done")).await;
        Ok(depths)
    };
    time::timeout(PATIENCE, asked).await.map_err(|_| away("the broker does not answer"))?
}
