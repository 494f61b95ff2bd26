//! Reads and changes the queues of a stack from outside. Each function opens its own connection.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use base::{ids::Stage, settings::each_host};
use broker::topology::DELAYS;
use lapin::{
    Channel, Connection, ConnectionProperties,
    message::Delivery,
    options::{
        BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
        QueuePurgeOptions,
    },
    types::FieldTable,
};

use super::Stack;
use crate::eventually;

/// To the first of the URL's hosts that takes the connection.
pub(crate) async fn connect(url: &str) -> Result<Connection> {
    let mut last = Err(anyhow!("no broker in the URL"));
    for host in each_host(url) {
        last = Connection::connect(&host, ConnectionProperties::default()).await.context("RabbitMQ");
        if last.is_ok() {
            break;
        }
    }
    last
}

impl Stack {
    pub async fn broker(&self) -> Result<Connection> {
        connect(&self.amqp_url).await
    }

    /// The number of messages that are ready in a queue; unacknowledged ones are not counted.
    pub async fn depth(&self, queue: &str) -> Result<u32> {
        let connection = self.broker().await?;
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let channel = connection.create_channel().await?;
        let depth = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?.message_count();
        connection.close(200, "done".into()).await?;
        Ok(depth)
    }

    /// The stages that have dead letters, and how many.
    pub async fn dead_letters(&self) -> Result<Vec<(Stage, u32)>> {
        let mut all = Vec::new();
        for stage in Stage::ALL {
            let depth = self.depth(&self.names.dead(stage)).await?;
            all.extend((depth > 0).then_some((stage, depth)));
        }
        Ok(all)
    }

    /// Waits until a stage has exactly this many dead letters.
    pub async fn parked(&self, stage: Stage, letters: u32, within: Duration) -> Result<()> {
        let queue = self.names.dead(stage);
        let parked = || async { (self.depth(&queue).await.ok()? == letters).then_some(()) };
        eventually(within, parked).await.with_context(|| format!("{letters} dead letters of {}", stage.as_str()))
    }

    /// All messages of a queue; they are put back afterwards.
    pub async fn peek(&self, queue: &str) -> Result<Vec<Delivery>> {
        self.got(queue, false).await
    }

    /// All messages of a queue, removed from it.
    pub async fn take(&self, queue: &str) -> Result<Vec<Delivery>> {
        self.got(queue, true).await
    }

    async fn got(&self, queue: &str, no_ack: bool) -> Result<Vec<Delivery>> {
        let connection = self.broker().await?;
        let channel = connection.create_channel().await?;
        let mut all = Vec::new();
        while let Some(message) = channel.basic_get(queue.into(), BasicGetOptions { no_ack }).await? {
            all.push(message.delivery);
        }
        connection.close(200, "done".into()).await?;
        Ok(all)
    }

    /// Removes all messages of a queue, like a broker that lost its disk.
    pub async fn purge(&self, queue: &str) -> Result<()> {
        let connection = self.broker().await?;
        let channel = connection.create_channel().await?;
        channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await?;
        Ok(connection.close(200, "done".into()).await?)
    }

    /// Pretends that the delay of every message in the delay queues is over.
    pub async fn delays_end(&self) -> Result<()> {
        for (rung, _) in DELAYS {
            self.delay_ends(rung).await?;
        }
        Ok(())
    }

    /// The number of messages that wait in the queue of this rung, without the one that only shows that it gives messages back.
    pub async fn delayed(&self, rung: &str) -> Result<i64> {
        let checks = "select count(*) from delay_checks where delay = $1 and waits_since is not null";
        let checks: i64 = self.connection().await?.query_one(checks, &[&rung]).await?.get(0);
        Ok(i64::from(self.depth(&self.names.delay(rung)).await?) - checks)
    }

    /// Pretends that the delay of this rung is over: its messages go back to the queue in their routing key.
    pub async fn delay_ends(&self, rung: &str) -> Result<()> {
        let connection = self.broker().await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        send_back(&channel, &self.names.delay(rung)).await?;
        Ok(connection.close(200, "done".into()).await?)
    }
}

async fn send_back(channel: &Channel, queue: &str) -> Result<()> {
    while let Some(message) = channel.basic_get(queue.into(), BasicGetOptions::default()).await? {
        let message = message.delivery;
        let (body, properties, options) = (&message.data, message.properties.clone(), BasicPublishOptions::default());
        let publish = channel.basic_publish("".into(), message.routing_key.clone(), options, body, properties);
        publish.await?.await?;
        message.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}
