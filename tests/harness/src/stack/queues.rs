//! The queues of a stack, read and changed from outside. Each function opens a connection of its own.

use std::time::Duration;

use anyhow::{Context, Result};
use base::ids::Stage;
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

impl Stack {
    pub async fn broker(&self) -> Result<Connection> {
        Connection::connect(&self.amqp_url, ConnectionProperties::default()).await.context("RabbitMQ")
    }

    /// How many messages wait in a queue; those in flight are not counted.
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

    /// Waits until a stage has exactly so many dead letters.
    pub async fn parked(&self, stage: Stage, letters: u32, within: Duration) -> Result<()> {
        let queue = self.names.dead(stage);
        let parked = || async { (self.depth(&queue).await.ok()? == letters).then_some(()) };
        eventually(within, parked).await.with_context(|| format!("{letters} dead letters of {}", stage.as_str()))
    }

    /// All messages of a queue; they are back in it afterwards.
    pub async fn peek(&self, queue: &str) -> Result<Vec<Delivery>> {
        self.got(queue, false).await
    }

    /// All messages of a queue, taken out of it.
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

    /// Removes all messages of a queue, like a broker that has lost its disk.
    pub async fn purge(&self, queue: &str) -> Result<()> {
        let connection = self.broker().await?;
        let channel = connection.create_channel().await?;
        channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await?;
        Ok(connection.close(200, "done".into()).await?)
    }

    /// As if the time of every message in a delay queue were up.
    pub async fn delays_end(&self) -> Result<()> {
        for (rung, _) in DELAYS {
            self.delay_ends(rung).await?;
        }
        Ok(())
    }

    /// As if the time of this rung had passed: what waits there goes back to where its routing key says.
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
