//! Confirmed publishes: confirm mode is on, `mandatory` is set, and only `Ack` without a returned message is success.
//!
//! A channel carries one message at a time. When the broker returns a message because no queue takes it, the confirmation that
//! follows does not say so; lapin passes the return on with whatever it confirms next, which on a shared channel may be
//! another message (decision 0020). A publisher opens as many channels as it publishes messages at the same time.
//!
//! A publisher never waits for an unavailable broker: it fails at once, and the caller decides (ingest writes to the inbox,
//! the consumer loop keeps its delivery). A confirmation that does not come in time is a failure too; the message may then
//! exist twice, which every stage tolerates.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base::{
    error::{Error, Result},
    ids::{CallId, Stage},
    trace::Traceparent,
};
use lapin::{
    Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use serde::Serialize;
use tokio::{
    sync::{OwnedMutexGuard, Semaphore},
    time::{self, Instant},
};

use super::{
    depth::{self, Depth},
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
/// And so messages in flight. Further ones wait for their turn, within their timeout.
const MOST_CHANNELS: usize = 32;
/// When no queue takes a message, the topology is declared again: somebody may have removed a queue or a binding. At most this
/// often, because it may also be a kind that no queue binds.
const DECLARE_AGAIN_AFTER: Duration = Duration::from_secs(2);

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination<'a> {
    /// The exchange of facts; the routing key is the kind.
    Events { kind: &'a str },
    /// A delay queue; from there the message returns to the stage's work queue.
    Delay { rung: &'a str, back_to: Stage },
    /// A delay queue; from there the message goes where checks come back.
    Check { delay: &'a str },
    /// A stage's queue of dead letters.
    Dead(Stage),
    /// Only the work queue of this stage, for a replayed dead letter.
    Work(Stage),
}

/// Why a message is not published, as far as is known.
#[derive(Debug)]
pub enum Unpublished {
    /// No queue takes it. The broker is well.
    NoQueue(Error),
    /// The broker is unavailable or slow, or has refused the message.
    Unavailable(Error),
}

impl From<Unpublished> for Error {
    fn from(unpublished: Unpublished) -> Self {
        match unpublished {
            Unpublished::NoQueue(e) | Unpublished::Unavailable(e) => e,
        }
    }
}

/// The channels in confirm mode that carry no message right now.
#[derive(Default)]
struct Idle {
    /// The connection that the channels belong to.
    on: Option<Arc<Connection>>,
    /// When the topology was declared on it.
    declared: Option<Instant>,
    channels: Vec<Channel>,
}

#[derive(Clone)]
pub struct Publisher {
    link: Link,
    names: Names,
    timeout: Duration,
    idle: Arc<Mutex<Idle>>,
    places: Arc<Semaphore>,
    /// Held while a channel is opened.
    opening: Arc<tokio::sync::Mutex<()>>,
}

impl Publisher {
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// `timeout` bounds everything from opening the channel to the confirmation.
    pub fn new(link: Link, names: Names, timeout: Duration) -> Self {
        let places = Arc::new(Semaphore::new(MOST_CHANNELS));
        Self { link, names, timeout, idle: Arc::default(), places, opening: Arc::default() }
    }

    /// The same publisher with another timeout.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Declares the topology and opens the channel before the first publish needs it.
    pub async fn prepare(&self) -> Result<()> {
        let connection = self.connection()?;
        let channel = self.channel(&connection).await?;
        self.put_back(&connection, channel);
        Ok(())
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
        Ok(self.try_publish(to, message).await?)
    }

    /// The same for callers to whom the reason matters.
    pub async fn try_publish(&self, to: Destination<'_>, message: &Outgoing) -> Result<(), Unpublished> {
        let deadline = Instant::now() + self.timeout;
        let published = self.publish_before(deadline, to, message).await;
        if published.is_err() {
            metrics::counter!("callbridge_publish_failures_total").increment(1);
        }
        published
    }

    /// How many dead letters there are, by stage.
    pub async fn count_dead(&self) -> Result<Vec<(Stage, u32)>> {
        let depths = self.depths(Stage::ALL.to_vec(), |stage| self.names.dead(stage)).await?;
        Ok(depths.into_iter().map(|(stage, depth)| (stage, depth.messages)).collect())
    }

    /// How many messages wait in the work queues, and for how many consumers, by stage.
    pub async fn waiting(&self) -> Result<Vec<(Stage, Depth)>> {
        let stages = Stage::ALL.into_iter().filter(|stage| stage.has_work_queue());
        self.depths(stages.collect(), |stage| self.names.work(stage)).await
    }

    /// The bodies of the checks that have come back. They are taken, and lost if the caller does nothing with them.
    pub async fn checks_back(&self) -> Result<Vec<Vec<u8>>> {
        depth::take_all(&self.link, &self.names.checked()).await
    }

    async fn depths(&self, stages: Vec<Stage>, queue: impl Fn(Stage) -> String) -> Result<Vec<(Stage, Depth)>> {
        let queues: Vec<_> = stages.iter().map(|stage| queue(*stage)).collect();
        let depths = depth::read_all(&self.link, &queues).await?;
        Ok(stages.into_iter().zip(depths).collect())
    }

    async fn publish_before(
        &self,
        deadline: Instant,
        to: Destination<'_>,
        message: &Outgoing,
    ) -> Result<(), Unpublished> {
        let too_late = |lacking: &str| {
            Unpublished::Unavailable(unavailable(format!("no {lacking} within {} ms", self.timeout.as_millis())))
        };
        let connection = self.connection().map_err(Unpublished::Unavailable)?;
        let channel = async {
            let place = self.places.acquire().await.map_err(|_| unavailable("the publisher is closed"))?;
            Ok((self.channel(&connection).await?, place))
        };
        let channel = time::timeout_at(deadline, channel).await.map_err(|_| too_late("channel"))?;
        let (channel, _place) = channel.map_err(Unpublished::Unavailable)?;
        // A channel that did not confirm in time is not used for another message.
        let sent = time::timeout_at(deadline, self.send(&channel, to, message)).await;
        let sent = sent.map_err(|_| too_late("confirmation"))?;
        if matches!(sent, Err(Unpublished::NoQueue(_))) {
            self.declare_again(DECLARE_AGAIN_AFTER);
        }
        self.put_back(&connection, channel);
        sent
    }

    /// The channel must carry nothing else: that is how we know that a returned message is this one.
    async fn send(&self, channel: &Channel, to: Destination<'_>, message: &Outgoing) -> Result<(), Unpublished> {
        let (exchange, routing_key) = self.address(to);
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (exchange, key) = (short(&exchange), short(&routing_key));
        let confirmed = async {
            channel.basic_publish(exchange, key, options, &message.body, message.properties.clone()).await?.await
        };
        let refused = |why: &str| Err(Unpublished::Unavailable(unavailable(why)));
        match confirmed.await.map_err(|e| Unpublished::Unavailable(broker_error(e)))? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => Err(Unpublished::NoQueue(unavailable(format!(
                "no queue takes {routing_key}; the topology is incomplete"
            )))),
            Confirmation::Nack(_) => refused("the broker refused the message"),
            Confirmation::NotRequested => refused("confirm mode is off"),
        }
    }

    fn address(&self, to: Destination<'_>) -> (String, String) {
        match to {
            Destination::Events { kind } => (self.names.events(), kind.to_owned()),
            Destination::Delay { rung, back_to } => (self.names.delay(rung), self.names.work(back_to)),
            Destination::Check { delay } => (self.names.delay(delay), self.names.checked()),
            Destination::Dead(stage) => (String::new(), self.names.dead(stage)),
            Destination::Work(stage) => (String::new(), self.names.work(stage)),
        }
    }

    fn connection(&self) -> Result<Arc<Connection>> {
        self.link.open().map_err(unavailable)
    }

    /// A channel that carries nothing.
    async fn channel(&self, connection: &Arc<Connection>) -> Result<Channel> {
        loop {
            if let Some(channel) = self.take(connection) {
                return Ok(channel);
            }
            let opening = self.opening.clone().lock_owned().await;
            if let Some(channel) = self.take(connection) {
                return Ok(channel);
            }
            // In a separate task: if this publish times out before, the next one finds the channel open and all queues declared.
            let opened = tokio::spawn(self.clone().open_channel(connection.clone(), opening));
            opened.await.map_err(|_| unavailable("the channel was not opened"))??;
        }
    }

    async fn open_channel(self, connection: Arc<Connection>, _opening: OwnedMutexGuard<()>) -> Result<()> {
        let is_declared = self.idle().is_declared_on(&connection);
        let opening = async {
            let channel = if is_declared {
                connection.create_channel().await?
            } else {
                topology::declare(&connection, &self.names, None).await?
            };
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(channel)
        };
        let channel = Link::request(&connection, OPEN_TIMEOUT, opening).await.map_err(broker_error)?;
        let mut idle = self.idle();
        if !idle.are_on(&connection) {
            *idle = Idle { on: Some(connection), ..Idle::default() };
        }
        if !is_declared {
            idle.declared = Some(Instant::now());
        }
        idle.channels.push(channel);
        Ok(())
    }

    fn take(&self, connection: &Arc<Connection>) -> Option<Channel> {
        let mut idle = self.idle();
        if !idle.is_declared_on(connection) {
            return None;
        }
        std::iter::from_fn(|| idle.channels.pop()).find(|channel| channel.status().connected())
    }

    fn put_back(&self, connection: &Arc<Connection>, channel: Channel) {
        if !channel.status().connected() {
            // The broker has closed it: an exchange may be missing.
            self.declare_again(Duration::ZERO);
            return;
        }
        let mut idle = self.idle();
        if idle.are_on(connection) && idle.channels.len() < MOST_CHANNELS {
            idle.channels.push(channel);
        }
    }

    /// Has the next channel declare the topology, unless that was done less than `after` ago.
    fn declare_again(&self, after: Duration) {
        self.idle().declared.take_if(|at| at.elapsed() >= after);
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle {
    fn is_declared_on(&self, connection: &Arc<Connection>) -> bool {
        self.are_on(connection) && self.declared.is_some()
    }

    fn are_on(&self, connection: &Arc<Connection>) -> bool {
        self.on.as_ref().is_some_and(|on| Arc::ptr_eq(on, connection))
    }
}
