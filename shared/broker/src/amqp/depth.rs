//! How many messages a queue holds and who consumes it, as the broker tells without giving any away.

use std::time::Duration;

use base::error::Result;
use lapin::{Channel, options::QueueDeclareOptions, types::FieldTable};
use tokio::time;

use super::{
    failure::{failed, unavailable},
    link::Link,
};
use crate::topology::short;

const PATIENCE: Duration = Duration::from_secs(3);

/// Messages that wait for a consumer, and consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    pub messages: u32,
    pub consumers: u32,
}

/// Of these queues, in their order; they must have been declared.
pub async fn of(link: &Link, queues: &[String]) -> Result<Vec<Depth>> {
    let connection = link.now().ok_or_else(|| unavailable("there is no connection"))?;
    let asked = async {
        let channel = connection.create_channel().await.map_err(failed)?;
        let mut depths = Vec::with_capacity(queues.len());
        for queue in queues {
            depths.push(told(&channel, queue).await.map_err(failed)?);
        }
        let _ = channel.close(200, short("done")).await;
        Ok(depths)
    };
    time::timeout(PATIENCE, asked).await.map_err(|_| unavailable("the broker does not answer"))?
}

/// Of one queue, on a channel that ends if it is not there.
pub async fn told(channel: &Channel, queue: &str) -> lapin::Result<Depth> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let told = channel.queue_declare(short(queue), passive, FieldTable::default()).await?;
    Ok(Depth { messages: told.message_count(), consumers: told.consumer_count() })
}
