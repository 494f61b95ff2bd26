//! What the broker itself does on this machine: publishes with confirmation and nothing else, one queue of our kind.

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use harness::Stack;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable, ShortString},
};
use tokio::task::JoinSet;

use crate::load::WINDOW;

/// What lapin gives for a publish; its type has no public name.
trait Confirm: Future<Output = lapin::Result<Confirmation>> + Send + 'static {}
impl<F: Future<Output = lapin::Result<Confirmation>> + Send + 'static> Confirm for F {}

pub(crate) struct Bare {
    connection: Connection,
    queue: String,
}

impl Bare {
    /// With a queue that is removed with the stack.
    pub(crate) async fn open(stack: &Stack) -> Result<Self> {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect(&stack.amqp_url, properties).await.context("the broker")?;
        let queue = format!("{}.bare", stack.name);
        stack.own_queue(&queue);
        let bare = Self { connection, queue };
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        bare.connection.create_channel().await?.queue_declare(bare.name(), options, arguments).await?;
        Ok(bare)
    }

    fn name(&self) -> ShortString {
        self.queue.as_str().into()
    }

    async fn channel(&self) -> Result<Channel> {
        let channel = self.connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(channel)
    }

    /// Confirmed publishes in a second, [`WINDOW`] of them under way.
    pub(crate) async fn publishes_per_s(&self, body: impl Fn(i64) -> String, lasts: Duration) -> Result<f64> {
        let channel = self.channel().await?;
        let (began, mut sent, mut confirmed) = (Instant::now(), 0, 0);
        let mut under_way = std::collections::VecDeque::with_capacity(WINDOW);
        while began.elapsed() < lasts {
            if under_way.len() == WINDOW
                && let Some(first) = under_way.pop_front()
            {
                confirmed_by_the_broker(first).await?;
                confirmed += 1;
            }
            under_way.push_back(self.publish(&channel, &body(sent)).await?);
            sent += 1;
        }
        for rest in under_way {
            confirmed_by_the_broker(rest).await?;
            confirmed += 1;
        }
        Ok(f64::from(confirmed) / began.elapsed().as_secs_f64())
    }

    /// From publish to confirmation at so many a second.
    pub(crate) async fn at_rate(
        &self,
        per_s: u32,
        body: impl Fn(i64) -> String,
        lasts: Duration,
    ) -> Result<Vec<Duration>> {
        let channel = self.channel().await?;
        let turn = Duration::from_secs(1) / per_s;
        let begin = Instant::now();
        let (mut due, mut confirms, mut n) = (begin, JoinSet::new(), 0);
        while due < begin + lasts {
            let message = body(n);
            tokio::time::sleep_until(due.into()).await;
            let sent = Instant::now();
            let confirm = self.publish(&channel, &message).await?;
            confirms.spawn(async move { confirmed_by_the_broker(confirm).await.map(|()| sent.elapsed()) });
            (due, n) = (due + turn, n + 1);
        }
        let mut took = Vec::new();
        while let Some(confirm) = confirms.join_next().await {
            took.push(confirm??);
        }
        Ok(took)
    }

    async fn publish(&self, channel: &Channel, body: &str) -> Result<impl Confirm + use<>> {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let persistent = BasicProperties::default().with_delivery_mode(2);
        Ok(channel.basic_publish("".into(), self.name(), options, body.as_bytes(), persistent).await?)
    }

    /// How many messages a second are consumed from a queue with this many, each acked on its own, eight in flight.
    pub(crate) async fn consumes_per_s(&self, waiting: usize, body: impl Fn(i64) -> String) -> Result<f64> {
        self.channel().await?.queue_purge(self.name(), lapin::options::QueuePurgeOptions::default()).await?;
        let channel = self.channel().await?;
        let mut under_way = std::collections::VecDeque::with_capacity(WINDOW);
        for n in 0..waiting {
            if under_way.len() == WINDOW
                && let Some(first) = under_way.pop_front()
            {
                confirmed_by_the_broker(first).await?;
            }
            under_way.push_back(self.publish(&channel, &body(i64::try_from(n)?)).await?);
        }
        for rest in under_way {
            confirmed_by_the_broker(rest).await?;
        }
        let channel = self.channel().await?;
        channel.basic_qos(8, BasicQosOptions::default()).await?;
        let began = Instant::now();
        let consumer =
            channel.basic_consume(self.name(), "".into(), BasicConsumeOptions::default(), FieldTable::default());
        let mut deliveries = pin!(consumer.await?);
        for _ in 0..waiting {
            let delivery = deliveries.next().await.context("a delivery")??;
            delivery.ack(BasicAckOptions::default()).await?;
        }
        Ok(waiting as f64 / began.elapsed().as_secs_f64())
    }
}

async fn confirmed_by_the_broker(confirm: impl Confirm) -> Result<()> {
    anyhow::ensure!(matches!(confirm.await?, Confirmation::Ack(None)), "the broker did not confirm");
    Ok(())
}
