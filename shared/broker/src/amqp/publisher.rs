//! Confirmed publishes: confirm mode is on, `mandatory` is set, and only `Ack` without a returned message is success.
//!
//! A publisher never waits for an unavailable broker: it fails at once, and the caller decides (ingest writes to the inbox,
//! the consumer loop keeps its delivery). A confirmation that does not come in time is a failure too; the message may then
//! exist twice, which every stage tolerates.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base::{
    error::Result,
    ids::{CallId, Stage},
    trace::Traceparent,
};
use lapin::{
    Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use serde::Serialize;
use tokio::{
    sync::OwnedMutexGuard,
    time::{self, Instant},
};

use super::{
    depth,
    failure::{broker_error, unavailable},
    link::Link,
    message::Outgoing,
};
use crate::{
    event::Event,
    topology::{self, Names, short},
};

/// For opening the channel and declaring the topology. A busy broker needs some seconds to create new queues.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
const REOPEN_AFTER: Duration = Duration::from_millis(250);

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination<'a> {
    /// The exchange of facts; the routing key is the kind.
    Events { kind: &'a str },
    /// A delay queue; from there the message returns to the stage's work queue.
    Delay { rung: &'a str, back_to: Stage },
    /// A stage's queue of dead letters.
    Dead(Stage),
    /// Only the work queue of this stage, for a replayed dead letter.
    Work(Stage),
}

/// A channel in confirm mode and its connection.
type Open = (Arc<Connection>, Channel);

#[derive(Clone)]
pub struct Publisher {
    link: Link,
    names: Names,
    timeout: Duration,
    open: Arc<Mutex<Option<Open>>>,
    /// Held while a channel is opened.
    opening: Arc<tokio::sync::Mutex<()>>,
}

impl Publisher {
    /// `timeout` bounds everything from opening the channel to the confirmation.
    pub fn new(link: Link, names: Names, timeout: Duration) -> Self {
        Self { link, names, timeout, open: Arc::default(), opening: Arc::default() }
    }

    /// Declares the topology and opens the channel before the first publish needs it.
    pub async fn prepare(&self) -> Result<()> {
        self.channel().await.map(drop)
    }

    /// Returns as soon as there is a channel to publish on.
    pub async fn available(&self) {
        while self.link.connected().await.is_some() && self.prepare().await.is_err() {
            time::sleep(REOPEN_AFTER).await;
        }
    }

    /// Publishes a fact of our own kind, for all queues that bind the kind.
    pub async fn fact(&self, kind: &str, call_id: CallId, payload: &impl Serialize, trace: Traceparent) -> Result<()> {
        let message = Outgoing::event(&Event::with_payload(kind, call_id, payload)?, trace)?;
        self.publish(Destination::Events { kind }, &message).await
    }

    pub async fn publish(&self, to: Destination<'_>, message: &Outgoing) -> Result<()> {
        let deadline = Instant::now() + self.timeout;
        let published = match time::timeout_at(deadline, self.channel()).await {
            Ok(Ok(channel)) => self.publish_on(&channel, deadline, to, message).await,
            Ok(Err(e)) => Err(e),
            Err(_) => Err(unavailable(format!("no channel within {} ms", self.timeout.as_millis()))),
        };
        if published.is_err() {
            metrics::counter!("callbridge_publish_failures_total").increment(1);
        }
        published
    }

    /// How many dead letters there are, by stage.
    pub async fn count_dead(&self) -> Result<Vec<(Stage, u32)>> {
        self.depths(Stage::ALL.to_vec(), |stage| self.names.dead(stage)).await
    }

    /// How many messages wait in the work queues, by stage.
    pub async fn count_waiting(&self) -> Result<Vec<(Stage, u32)>> {
        let stages = Stage::ALL.into_iter().filter(|stage| stage.has_work_queue());
        self.depths(stages.collect(), |stage| self.names.work(stage)).await
    }

    async fn depths(&self, stages: Vec<Stage>, queue: impl Fn(Stage) -> String) -> Result<Vec<(Stage, u32)>> {
        let queues: Vec<_> = stages.iter().map(|stage| queue(*stage)).collect();
        let depths = depth::read_all(&self.link, &queues).await?;
        Ok(stages.into_iter().zip(depths).map(|(stage, depth)| (stage, depth.messages)).collect())
    }

    async fn publish_on(
        &self,
        channel: &Channel,
        deadline: Instant,
        to: Destination<'_>,
        message: &Outgoing,
    ) -> Result<()> {
        match time::timeout_at(deadline, self.send(channel, to, message)).await {
            Ok(sent) => sent,
            Err(_) => {
                // A channel that did not confirm in time is not used for the next message.
                self.open().take_if(|(_, open)| open == channel);
                Err(unavailable(format!("no confirmation within {} ms", self.timeout.as_millis())))
            }
        }
    }

    async fn send(&self, channel: &Channel, to: Destination<'_>, message: &Outgoing) -> Result<()> {
        let (exchange, routing_key) = self.address(to);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (exchange, key) = (short(&exchange), short(&routing_key));
        let promise = channel.basic_publish(exchange, key, options, &message.body, message.properties.clone()).await;
        match promise.map_err(broker_error)?.await.map_err(broker_error)? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => {
                Err(unavailable(format!("no queue takes {routing_key}; the topology is incomplete")))
            }
            Confirmation::Nack(_) => Err(unavailable("the broker refused the message")),
            Confirmation::NotRequested => Err(unavailable("confirm mode is off")),
        }
    }

    fn address(&self, to: Destination<'_>) -> (String, String) {
        match to {
            Destination::Events { kind } => (self.names.events(), kind.to_owned()),
            Destination::Delay { rung, back_to } => (self.names.delay(rung), self.names.work(back_to)),
            Destination::Dead(stage) => (String::new(), self.names.dead(stage)),
            Destination::Work(stage) => (String::new(), self.names.work(stage)),
        }
    }

    async fn channel(&self) -> Result<Channel> {
        let connection = self.link.current().ok_or_else(|| unavailable("there is no connection"))?;
        if let Some(channel) = self.usable(&connection) {
            return Ok(channel);
        }
        let opening = self.opening.clone().lock_owned().await;
        if let Some(channel) = self.usable(&connection) {
            return Ok(channel);
        }
        // In a separate task: the publish times out long before, and the next one would have to declare all queues again.
        let opened = tokio::spawn(self.clone().open_channel(connection, opening));
        opened.await.map_err(|_| unavailable("the channel was not opened"))?
    }

    async fn open_channel(self, connection: Arc<Connection>, _opening: OwnedMutexGuard<()>) -> Result<Channel> {
        let opening = async {
            let channel = connection.create_channel().await?;
            topology::declare(&channel, &self.names).await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(channel)
        };
        let channel = Link::request(&connection, OPEN_TIMEOUT, opening).await.map_err(broker_error)?;
        *self.open() = Some((connection, channel.clone()));
        Ok(channel)
    }

    /// The open channel, if it belongs to this connection and is usable.
    fn usable(&self, connection: &Arc<Connection>) -> Option<Channel> {
        let open = self.open();
        let usable = |(of, channel): &&Open| Arc::ptr_eq(of, connection) && channel.status().connected();
        open.as_ref().filter(usable).map(|(_, channel)| channel.clone())
    }

    fn open(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
