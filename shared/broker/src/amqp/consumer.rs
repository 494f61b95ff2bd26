//! The consumer loop of every worker.
//!
//! In: deliveries of one work queue. A handler gets a parsed fact and returns an [`Outcome`]; `settle.rs` publishes what
//! follows from it, and acks. A redelivered message is handled while no other is in flight (`prefetch.rs`), so that a message
//! that kills its worker affects no other. While the database or an API is unavailable, deliveries wait and no attempt is
//! counted, but none waits longer than the broker allows. At shutdown the consumer is cancelled, running handlers get
//! [`DRAIN`] to finish, and unfinished messages return to the queue.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use base::{
    db::Database,
    error::{Code, Error, Remedy, Result},
    health::{Condition, Readiness},
    ids::Stage,
    trace,
};
use futures_util::{FutureExt, StreamExt};
use lapin::{
    Channel, Connection,
    message::Delivery,
    options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions},
    types::FieldTable,
};
use ledger::timeline::Timeline;
use tokio::{sync::Semaphore, task::JoinSet, time};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use vendors::{condition_of, sent};

use super::{
    handler::{Handler, Outcome},
    link::Link,
    message::{self, Incoming},
    prefetch::Prefetch,
    publisher::Publisher,
    settle::Settling,
    step,
};
use crate::topology::{self, Names, short};

/// How long running handlers may go on after SIGTERM.
const DRAIN: Duration = Duration::from_secs(8);
/// Far longer than a handler needs even with a slow API, and shorter than the lease on a call (120 s), so that no handler
/// writes after its lease has expired.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(90);
/// For each request to the broker: channel and topology, consume, cancel.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// For the cancel at shutdown, when time is short.
const SHUTDOWN_CANCEL_TIMEOUT: Duration = Duration::from_secs(1);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);
/// How long a delivery is held while the database or an API is unavailable. By default the broker requeues it after 30 minutes
/// and counts that as a delivery. Before that it is deferred, which needs only the broker.
const LONGEST_HOLD: Duration = Duration::from_secs(600);
const DEFER_FOR: Duration = Duration::from_secs(30);
/// A held message is not handled again sooner than this, whatever the API does.
const SHORTEST_HOLD: Duration = Duration::from_secs(1);

pub struct Consumer<H> {
    pub stage: Stage,
    pub names: Names,
    pub link: Link,
    pub publisher: Publisher,
    pub database: Database,
    pub timeline: Timeline,
    /// Has a condition for each API that the handler needs: unmet while the API is unavailable.
    pub readiness: Readiness,
    pub concurrency: u16,
    /// Whether an optional queue is to get messages.
    pub wants: bool,
    pub condition: Condition,
    pub handler: H,
}

/// The state of one channel.
struct Session {
    connection: Arc<Connection>,
    channel: Channel,
    running: JoinSet<()>,
    slots: Arc<Semaphore>,
    shutdown: CancellationToken,
}

impl<H: Handler> Consumer<H> {
    /// Consumes until `shutdown`, through any number of connections.
    pub async fn run(self, shutdown: CancellationToken) {
        let this = Arc::new(self);
        this.condition.unmet("not consuming yet".into());
        while let Some(connection) = this.usable_connection(&shutdown).await {
            let ended = this.clone().session(&connection, &shutdown).await;
            if shutdown.is_cancelled() {
                return;
            }
            let reason = ended.err().map_or_else(|| "the consumer was cancelled".into(), |e| e.to_string());
            this.condition.unmet(format!("not consuming: {reason}"));
            tracing::warn!(stage = this.stage.as_str(), reason, "Consuming stopped; it will restart.");
            time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }

    /// Waits until the broker (for consuming and publishing) and the database are available. `None` at shutdown.
    async fn usable_connection(&self, shutdown: &CancellationToken) -> Option<Arc<Connection>> {
        tokio::select! {
            () = shutdown.cancelled() => None,
            connection = async {
                self.database.available().await;
                self.publisher.available().await;
                self.link.connected().await
            } => connection,
        }
    }

    async fn session(self: Arc<Self>, connection: &Arc<Connection>, shutdown: &CancellationToken) -> lapin::Result<()> {
        let mut session = Session {
            channel: Link::request(connection, REQUEST_TIMEOUT, async {
                let channel = topology::declare(connection, &self.names, Some(self.stage)).await?;
                topology::take_over(&channel, &self.names, self.stage, self.wants).await.map(|()| channel)
            })
            .await?,
            connection: connection.clone(),
            running: JoinSet::new(),
            slots: Arc::new(Semaphore::new(self.concurrency.into())),
            shutdown: shutdown.clone(),
        };
        let mut prefetch = Prefetch::One;
        let ended = loop {
            match self.clone().consume_with(&mut session, prefetch).await {
                Ok(Some(next)) => prefetch = next,
                Ok(None) => break Ok(()),
                Err(e) => break Err(e),
            }
        };
        if shutdown.is_cancelled() {
            self.drain(session.running).await;
        } else {
            // Acks of this session no longer reach the broker. Handlers finish, and their messages are redelivered.
            session.running.detach_all();
        }
        ended
    }

    /// Consumes until a delivery requires another prefetch, which is returned. `None` at shutdown, or if the broker has
    /// cancelled the consumer.
    async fn consume_with(
        self: Arc<Self>,
        session: &mut Session,
        prefetch: Prefetch,
    ) -> lapin::Result<Option<Prefetch>> {
        let mut deliveries = self.start_consumer(session, prefetch).await?;
        self.condition.met();
        tracing::info!(stage = self.stage.as_str(), prefetch = prefetch.count(self.concurrency), "Consuming.");
        let (mut next, mut suspects) = (None, Vec::new());
        loop {
            tokio::select! {
                () = session.shutdown.cancelled() => {
                    let _ = time::timeout(SHUTDOWN_CANCEL_TIMEOUT, cancel(session, &deliveries)).await;
                    return Ok(None);
                }
                () = self.link.lost(&session.connection) => return Err(lost()),
                Some(_) = session.running.join_next(), if !session.running.is_empty() => {}
                delivery = deliveries.next() => match delivery {
                    None => break,
                    Some(Err(e)) => return Err(e),
                    Some(Ok(delivery)) => {
                        if next.is_none() {
                            next = prefetch.change(delivery.redelivered);
                            if next.is_some() {
                                cancel(session, &deliveries).await?;
                            }
                        }
                        match prefetch {
                            Prefetch::Full if delivery.redelivered => suspects.push(delivery),
                            _ => self.clone().spawn_handler(session, delivery),
                        }
                    }
                },
            }
        }
        for suspect in suspects {
            if !self.wait_until_idle(session).await? {
                return Ok(None);
            }
            self.clone().spawn_handler(session, suspect);
        }
        if next == Some(Prefetch::One) && !self.wait_until_idle(session).await? {
            return Ok(None);
        }
        Ok(next)
    }

    fn spawn_handler(self: Arc<Self>, session: &mut Session, delivery: Delivery) {
        let (slots, shutdown) = (session.slots.clone(), session.shutdown.clone());
        session.running.spawn(async move {
            let _slot = slots.acquire_owned().await;
            sent::collect(self.stage.as_str(), self.process(delivery, &shutdown)).await;
        });
    }

    /// Waits until no handler is running; false at shutdown.
    async fn wait_until_idle(&self, session: &mut Session) -> lapin::Result<bool> {
        let all = async { while session.running.join_next().await.is_some() {} };
        tokio::select! {
            () = session.shutdown.cancelled() => Ok(false),
            () = self.link.lost(&session.connection) => Err(lost()),
            () = all => Ok(true),
        }
    }

    async fn start_consumer(&self, session: &Session, prefetch: Prefetch) -> lapin::Result<lapin::Consumer> {
        let (channel, queue) = (&session.channel, short(&self.names.work(self.stage)));
        Link::request(&session.connection, REQUEST_TIMEOUT, async {
            channel.basic_qos(prefetch.count(self.concurrency), BasicQosOptions::default()).await?;
            channel.basic_consume(queue, short(""), BasicConsumeOptions::default(), FieldTable::default()).await
        })
        .await
    }

    async fn drain(&self, mut running: JoinSet<()>) {
        let drained = time::timeout(DRAIN, async { while running.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!(
                stage = self.stage.as_str(),
                messages = running.len(),
                "Some messages were not finished; they return to the queue."
            );
        }
    }

    async fn process(&self, delivery: Delivery, shutdown: &CancellationToken) {
        if message::is_probe(&delivery) {
            let _ = delivery.acker.ack(BasicAckOptions::default()).await;
            return;
        }
        let started = time::Instant::now();
        let (incoming, result) = match Incoming::parse(&delivery) {
            Err(e) => (None, Err(Error::malformed("the message", &e))),
            Ok(mut incoming) => {
                let span = tracing::info_span!(
                    "message",
                    stage = self.stage.as_str(),
                    kind = incoming.event.kind,
                    call_id = incoming.event.call_id.0,
                    trace_id = incoming.trace.trace_id(),
                );
                let step = step::begin_span(self.stage, &self.names, &incoming);
                let work = trace::within(incoming.trace, self.handle(&mut incoming, shutdown));
                let result = work.instrument(span).await;
                step::end_span(step, result.as_ref());
                match result {
                    None => return,
                    Some(result) => (Some(incoming), result),
                }
            }
        };
        let call_id = incoming.as_ref().map(|incoming| incoming.event.call_id);
        let Self { stage, publisher, database, timeline, .. } = self;
        let settling = Settling { stage: *stage, publisher, database, timeline };
        let label = settling.settle(&delivery, incoming.as_ref(), result).await;
        settling.note(call_id, None, 0).await;
        metrics::counter!("callbridge_messages_total", "stage" => self.stage.as_str(), "outcome" => label).increment(1);
        metrics::histogram!("callbridge_message_duration_seconds", "stage" => self.stage.as_str())
            .record(started.elapsed().as_secs_f64());
    }

    /// Runs the handler, and again when the database or the API that was unavailable is back. `None` at shutdown: the message is
    /// not settled, so the broker requeues it.
    async fn handle(&self, incoming: &mut Incoming, shutdown: &CancellationToken) -> Option<Result<Outcome>> {
        let deadline = time::Instant::now() + LONGEST_HOLD;
        if let Some(left) = incoming.waits {
            return Some(Ok(Outcome::Later(left)));
        }
        let defer =
            |code: Code, message: String| Some(Err(Error::new(code, Remedy::Defer { after: DEFER_FOR }, message)));
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return None,
                () = time::sleep_until(deadline) => {
                    return defer(Code::DatabaseUnavailable, "the database is unavailable".into());
                }
                () = self.database.available() => {}
            }
            let attempt = AssertUnwindSafe(time::timeout(HANDLER_TIMEOUT, self.handler.handle(incoming)));
            let result = match attempt.catch_unwind().await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(Error::retry(
                    Code::HandlerTimeout,
                    format!("not finished within {} s", HANDLER_TIMEOUT.as_secs()),
                )),
                Err(_) => Err(Error::retry(Code::HandlerCrashed, "the handler panicked; see the log")),
            };
            match result {
                Err(Error { remedy: Remedy::AwaitDatabase, message, .. }) => {
                    self.database.report_unavailable(&message);
                    incoming.keep();
                }
                Err(Error { remedy: Remedy::AwaitApi, code, message }) => {
                    incoming.keep();
                    tokio::select! {
                        () = shutdown.cancelled() => return None,
                        () = time::sleep_until(deadline) => return defer(code, message),
                        () = self.api_available(code) => {}
                    }
                }
                result => return Some(result),
            }
        }
    }
}

impl<H> Consumer<H> {
    /// Waits until the API that this code blames is available again. What the wait costs does not depend on how many messages
    /// wait: the API's budget looks for all of them (`vendors::budget`).
    async fn api_available(&self, unavailable: Code) {
        time::sleep(SHORTEST_HOLD).await;
        if let Some(api) = condition_of(unavailable) {
            self.readiness.until_met(api).await;
        }
    }
}

/// Cancels the consumer. After the broker's answer nothing more is delivered; earlier deliveries are still in the stream.
async fn cancel(session: &Session, deliveries: &lapin::Consumer) -> lapin::Result<()> {
    let cancelled = session.channel.basic_cancel(deliveries.tag(), BasicCancelOptions::default());
    Link::request(&session.connection, REQUEST_TIMEOUT, cancelled).await
}

fn lost() -> lapin::Error {
    std::io::Error::other("the connection was lost").into()
}
