//! The one consumer loop: every worker's queue is read here.
//!
//! A handler gets a parsed fact and returns an [`Outcome`]; `settle.rs` does what follows from it, and acks. A message that came before is handled alone (`pace.rs`), so that one that kills its worker takes no other along.
//! While the database or an API is away nothing is handled: deliveries in hand wait, no attempt is counted, and none
//! is kept so long that the broker loses patience. At shutdown the
//! consumer is cancelled, running handlers get [`DRAIN`] to finish, and what is left returns to the queue.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use base::{
    db::Database,
    error::{Code, Error, Remedy, Result},
    health::Condition,
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
use tokio::{sync::Semaphore, task::JoinSet, time};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use vendors::sent;

use super::{
    handler::{Handler, Outcome},
    link::Link,
    message::{self, Incoming},
    pace::Pace,
    publisher::Publisher,
    settle::Settling,
    step,
};
use crate::topology::{self, Names, short};

/// How long running handlers may go on after SIGTERM.
const DRAIN: Duration = Duration::from_secs(8);
/// Far longer than a handler needs even behind a slow API, and shorter than the lease of the ledger's writers (120 s):
/// nobody writes on after its lease has run out.
const HANDLER_TIMEOUT: Duration = Duration::from_secs(90);
/// For channel and topology, for a consumer, and for its end.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The same at shutdown, when there is no time to lose.
const LAST_CANCEL: Duration = Duration::from_secs(1);
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(500);
/// How long a delivery is kept in hand while something is away; the broker takes it back after 30 minutes by default and
/// counts that. Then it is put aside, which needs nothing but the broker.
const HOLD: Duration = Duration::from_secs(600);
const PUT_ASIDE: Duration = Duration::from_secs(30);
/// How soon a message in hand notices that an API is back.
const LOOK_FOR_API: Duration = Duration::from_secs(1);

pub struct Consumer<H> {
    pub stage: Stage,
    pub names: Names,
    pub link: Link,
    pub publisher: Publisher,
    pub database: Database,
    pub concurrency: u16,
    pub condition: Condition,
    pub handler: H,
}

/// What one channel works on.
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
            tracing::warn!(stage = this.stage.as_str(), reason, "Consuming stopped; it starts again.");
            time::sleep(PAUSE_AFTER_FAILURE).await;
        }
    }

    /// Broker and database must both be there before the first delivery is taken, for what comes of it as well.
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
            channel: Link::answered(connection, ANSWER_TIMEOUT, async {
                let channel = connection.create_channel().await?;
                topology::declare(&channel, &self.names).await.map(|()| channel)
            })
            .await?,
            connection: connection.clone(),
            running: JoinSet::new(),
            slots: Arc::new(Semaphore::new(self.concurrency.into())),
            shutdown: shutdown.clone(),
        };
        let mut pace = Pace::OneByOne;
        let ended = loop {
            match self.clone().stretch(&mut session, pace).await {
                Ok(Some(next)) => pace = next,
                Ok(None) => break Ok(()),
                Err(e) => break Err(e),
            }
        };
        if shutdown.is_cancelled() {
            self.drain(session.running).await;
        } else {
            // Acks of this session go nowhere any more; handlers finish on their own and their messages come again.
            session.running.detach_all();
        }
        ended
    }

    /// Consumes until another pace is called for, `None` at shutdown or when the broker has cancelled the consumer.
    async fn stretch(self: Arc<Self>, session: &mut Session, pace: Pace) -> lapin::Result<Option<Pace>> {
        let mut deliveries = self.set_up(session, pace).await?;
        self.condition.met();
        tracing::info!(stage = self.stage.as_str(), prefetch = pace.prefetch(self.concurrency), "Consuming.");
        let (mut next, mut suspects) = (None, Vec::new());
        loop {
            tokio::select! {
                () = session.shutdown.cancelled() => {
                    let _ = time::timeout(LAST_CANCEL, cancel(session, &deliveries)).await;
                    return Ok(None);
                }
                () = self.link.lost(&session.connection) => return Err(lost()),
                Some(_) = session.running.join_next(), if !session.running.is_empty() => {}
                delivery = deliveries.next() => match delivery {
                    None => break,
                    Some(Err(e)) => return Err(e),
                    Some(Ok(delivery)) => {
                        if next.is_none() {
                            next = pace.after(delivery.redelivered);
                            if next.is_some() {
                                cancel(session, &deliveries).await?;
                            }
                        }
                        match pace {
                            Pace::Full if delivery.redelivered => suspects.push(delivery),
                            _ => self.clone().begin(session, delivery),
                        }
                    }
                },
            }
        }
        for suspect in suspects {
            if !self.idle(session).await? {
                return Ok(None);
            }
            self.clone().begin(session, suspect);
        }
        if next == Some(Pace::OneByOne) && !self.idle(session).await? {
            return Ok(None);
        }
        Ok(next)
    }

    fn begin(self: Arc<Self>, session: &mut Session, delivery: Delivery) {
        let (slots, shutdown) = (session.slots.clone(), session.shutdown.clone());
        session.running.spawn(async move {
            let _slot = slots.acquire_owned().await;
            sent::collect(self.stage.as_str(), self.process(delivery, &shutdown)).await;
        });
    }

    /// Waits until no handler runs any more; false at shutdown.
    async fn idle(&self, session: &mut Session) -> lapin::Result<bool> {
        let all = async { while session.running.join_next().await.is_some() {} };
        tokio::select! {
            () = session.shutdown.cancelled() => Ok(false),
            () = self.link.lost(&session.connection) => Err(lost()),
            () = all => Ok(true),
        }
    }

    async fn set_up(&self, session: &Session, pace: Pace) -> lapin::Result<lapin::Consumer> {
        let (channel, queue) = (&session.channel, short(&self.names.work(self.stage)));
        Link::answered(&session.connection, ANSWER_TIMEOUT, async {
            channel.basic_qos(pace.prefetch(self.concurrency), BasicQosOptions::default()).await?;
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
        let (call_id, result) = match Incoming::parse(&delivery) {
            Err(e) => (None, Err(Error::malformed("the message", &e))),
            Ok(mut incoming) => {
                let span = tracing::info_span!(
                    "message",
                    stage = self.stage.as_str(),
                    kind = incoming.event.kind,
                    call_id = incoming.event.call_id.0,
                    trace_id = incoming.trace.trace_id(),
                );
                let step = step::begin(self.stage, &self.names, &incoming);
                let work = trace::within(incoming.trace, self.handle(&mut incoming, shutdown));
                let result = work.instrument(span).await;
                step::end(step, result.as_ref());
                match result {
                    None => return,
                    Some(result) => (Some(incoming.event.call_id), result),
                }
            }
        };
        let settling = Settling { stage: self.stage, publisher: &self.publisher, database: &self.database };
        let label = settling.settle(&delivery, call_id, result).await;
        settling.note(call_id, None, 0).await;
        metrics::counter!("callbridge_messages_total", "stage" => self.stage.as_str(), "outcome" => label).increment(1);
        metrics::histogram!("callbridge_message_duration_seconds", "stage" => self.stage.as_str())
            .record(started.elapsed().as_secs_f64());
    }

    /// Runs the handler; while the database or an API is away, again and again. `None` at shutdown: the message goes back
    /// untouched.
    async fn handle(&self, incoming: &mut Incoming, shutdown: &CancellationToken) -> Option<Result<Outcome>> {
        let put_aside = time::Instant::now() + HOLD;
        let away =
            |code: Code, message: String| Some(Err(Error::new(code, Remedy::Defer { after: PUT_ASIDE }, message)));
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return None,
                () = time::sleep_until(put_aside) => return away(Code::DatabaseUnavailable, "the database is away".into()),
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
                    // To the handler this is like a delivery that came before: it may meet its own traces.
                    incoming.seen_before = true;
                }
                Err(Error { remedy: Remedy::AwaitApi, code, message }) => {
                    if time::Instant::now() > put_aside {
                        return away(code, message);
                    }
                    incoming.seen_before = true;
                    tokio::select! {
                        () = shutdown.cancelled() => return None,
                        () = time::sleep(LOOK_FOR_API) => {}
                    }
                }
                result => return Some(result),
            }
        }
    }
}

/// From the answer on nothing more is delivered; what was delivered before still comes out of the stream.
async fn cancel(session: &Session, deliveries: &lapin::Consumer) -> lapin::Result<()> {
    let cancelled = session.channel.basic_cancel(deliveries.tag(), BasicCancelOptions::default());
    Link::answered(&session.connection, ANSWER_TIMEOUT, cancelled).await
}

fn lost() -> lapin::Error {
    std::io::Error::other("the connection was lost").into()
}
