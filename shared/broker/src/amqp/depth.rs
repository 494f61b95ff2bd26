//! How many messages and consumers a queue has, by a passive declaration, which takes no message. And all the messages of a small one.

use std::time::Duration;

use base::error::Result;
use lapin::{
    Channel,
    options::{BasicGetOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::time;

use super::{
    failure::{broker_error, unavailable},
    link::Link,
};
use crate::topology::short;

const PATIENCE: Duration = Duration::from_secs(3);

/// The messages that wait for a consumer, and the consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    pub messages: u32,
    pub consumers: u32,
}

/// Reads the depth of each queue, in the given order; all of them must exist.
pub async fn read_all(link: &Link, queues: &[String]) -> Result<Vec<Depth>> {
    let connection = link.open().map_err(unavailable)?;
    let depths = async {
        let channel = connection.create_channel().await.map_err(broker_error)?;
        let mut depths = Vec::with_capacity(queues.len());
        for queue in queues {
            depths.push(read(&channel, queue).await.map_err(broker_error)?);
        }
        let _ = channel.close(200, short("done")).await;
        Ok(depths)
    };
    time::timeout(PATIENCE, depths).await.map_err(|_| unavailable("the broker does not answer"))?
}

/// Takes the bodies of all messages.
pub(super) async fn take_all(link: &Link, queue: &str) -> Result<Vec<Vec<u8>>> {
    let connection = link.open().map_err(unavailable)?;
    let all = async {
        let channel = connection.create_channel().await.map_err(broker_error)?;
        let mut all = Vec::new();
        while let Some(message) =
            channel.basic_get(short(queue), BasicGetOptions { no_ack: true }).await.map_err(broker_error)?
        {
            all.push(message.delivery.data);
        }
        let _ = channel.close(200, short("done")).await;
        Ok(all)
    };
    time::timeout(PATIENCE, all).await.map_err(|_| unavailable("the broker does not answer"))?
}

/// Reads the depth of one queue. If the queue does not exist, the broker closes the channel.
pub async fn read(channel: &Channel, queue: &str) -> lapin::Result<Depth> {
    let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(short(queue), passive, FieldTable::default()).await?;
    Ok(Depth { messages: queue.message_count(), consumers: queue.consumer_count() })
}
