//! Exchanges, queues and bindings as data, declared by every worker at its start.
//!
//! One topic exchange carries the facts, and each stage has a quorum queue (cards a classic one) that binds the kinds that it handles. Each stage
//! also has a queue of dead letters. One set of delay queues serves all stages: a message waits there for the queue's TTL and
//! is then dead-lettered through the default exchange to the queue named by its routing key. Therefore each delay queue has
//! a fanout exchange of its own, so that the routing key can name the queue to return to.
//!
//! The same arguments are valid on RabbitMQ 3.10 and 4.x. Changing one of them on a live broker needs a new queue
//! name (brokers refuse a redeclaration with other arguments), so they are few and explicit.

use std::time::Duration;

use base::ids::Stage;
use lapin::{
    Channel, Connection, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
};

/// A queue that a worker consumes.
pub struct WorkQueue {
    pub stage: Stage,
    pub binds: &'static [&'static str],
    /// Older messages are useless: the broker drops them and does not dead-letter them. Nor does it keep them on disk or on another node.
    pub expires_after: Option<Duration>,
    /// Older messages are another stage's, which can do without this one: no worker of this stage may be running.
    pub given_on_after: Option<(Duration, Stage)>,
    /// Not every installation has a worker for it: the queue gets messages from when one consumes it, until one says that it does not want them.
    pub is_optional: bool,
    /// What is published only if the rules say that there is a worker for it: the queue of one that has not started yet gets it, too.
    pub binds_always: &'static [&'static str],
}

impl WorkQueue {
    const fn of(stage: Stage, binds: &'static [&'static str]) -> Self {
        Self { stage, binds, expires_after: None, given_on_after: None, is_optional: false, binds_always: &[] }
    }
}

pub const WORK_QUEUES: &[WorkQueue] = &[
    WorkQueue { expires_after: Some(Duration::from_secs(30)), ..WorkQueue::of(Stage::Cards, &["call.created"]) },
    // After an upgrade was taken back nobody consumes it, and the resolver decides as before. From this age on a log is looked for before
    // it is created, whoever decides.
    WorkQueue {
        given_on_after: Some((Duration::from_secs(300), Stage::Resolver)),
        ..WorkQueue::of(Stage::Ended, &["call.ended"])
    },
    // Calls that are not decided at once: the logger passes them on.
    WorkQueue::of(Stage::Resolver, &[]),
    WorkQueue::of(Stage::Hints, &["directory.changed", "opportunity.changed"]),
    WorkQueue::of(
        Stage::Logger,
        &[
            "call.resolved",
            "call.tagged",
            "call.untagged",
            "call.transferred",
            "call.external_transferred",
            "call.ivr_option_selected",
            "call.commented",
            "call.voicemail_left",
            "call.comm_assets_generated",
            "call.insights",
        ],
    ),
    WorkQueue::of(
        Stage::Insights,
        &[
            "summary.created",
            "topics.created",
            "sentiment.created",
            "action_item.created",
            "transcription.created",
            "custom_summary.*",
        ],
    ),
    WorkQueue {
        is_optional: true,
        binds_always: &["message.received", "message.sent", "message.status_updated"],
        ..WorkQueue::of(
            Stage::Followups,
            &["call.ended", "call.resolved", "call.tagged", "call.voicemail_left", "call.insights", "followup.due"],
        )
    },
];

/// The delay queues with their TTL, shortest first: one TTL per queue, never a TTL per message.
pub const DELAYS: &[(&str, Duration)] = &[
    ("5s", Duration::from_secs(5)),
    ("30s", Duration::from_secs(30)),
    ("2m", Duration::from_secs(120)),
    ("10m", Duration::from_secs(600)),
    ("1h", Duration::from_secs(3600)),
];

/// Deliveries of one message that may end without an ack (crashes, lost connections) before the broker parks it.
pub const DELIVERY_LIMIT: i64 = 20;
/// For queues of dead letters: to look at a dead letter counts as a delivery, and must never delete it. Without this argument
/// RabbitMQ 4 would drop it after 20 deliveries; its -1 for "no limit" is a limit of 0 in RabbitMQ 3. This number is never
/// reached and means the same in both.
const NO_DELIVERY_LIMIT: i64 = 2_000_000_000;

/// Three a minute come back at most.
const MOST_CHECKS: i64 = 100;

/// The names of exchanges and queues in one `AMQP_NAMESPACE`.
#[derive(Clone, Debug)]
pub struct Names {
    namespace: String,
}

impl Names {
    pub fn new(namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into() }
    }

    pub fn events(&self) -> String {
        format!("{}.events", self.namespace)
    }

    pub fn work(&self, stage: Stage) -> String {
        // Earlier versions had a quorum queue under the name of the stage.
        let name = if stage == Stage::Cards { "ringing" } else { stage.as_str() };
        format!("{}.{name}", self.namespace)
    }

    pub fn dead(&self, stage: Stage) -> String {
        format!("{}.{}.dead", self.namespace, stage.as_str())
    }

    /// The name of a delay's fanout exchange, and of its queue.
    pub fn delay(&self, rung: &str) -> String {
        format!("{}.delay.{rung}", self.namespace)
    }

    /// Where messages come back that only show that a delay queue gives messages back.
    pub fn checked(&self) -> String {
        format!("{}.delay.checked", self.namespace)
    }
}

/// What AMQP's short strings hold: routing keys, message types.
const LONGEST_SHORT_STRING: usize = 255;

/// Whether any queue binds this kind. Other kinds are not published.
pub fn wanted(kind: &str) -> bool {
    if kind.len() > LONGEST_SHORT_STRING {
        return false;
    }
    WORK_QUEUES.iter().flat_map(|q| q.binds.iter().chain(q.binds_always)).any(|bind| match bind.strip_suffix(".*") {
        Some(prefix) => kind.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.') && !rest[1..].contains('.')),
        None => *bind == kind,
    })
}

/// Whether this fact is useless soon, see [`WorkQueue::expires_after`].
pub fn expires(kind: &str) -> bool {
    WORK_QUEUES.iter().any(|queue| queue.expires_after.is_some() && queue.binds.contains(&kind))
}

/// An exchange to declare.
pub struct Exchange {
    pub name: String,
    pub kind: ExchangeKind,
}

/// A queue to declare.
#[derive(Clone)]
pub struct Queue {
    pub name: String,
    pub arguments: FieldTable,
    pub purpose: Purpose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Work(Stage),
    Dead(Stage),
    Delay,
    /// See [`Names::checked`].
    Checked,
}

/// Which messages of an exchange a queue gets.
pub struct Binding {
    pub exchange: String,
    pub queue: String,
    pub key: &'static str,
}

pub fn exchanges(names: &Names) -> Vec<Exchange> {
    let delays = DELAYS.iter().map(|(rung, _)| Exchange { name: names.delay(rung), kind: ExchangeKind::Fanout });
    std::iter::once(Exchange { name: names.events(), kind: ExchangeKind::Topic }).chain(delays).collect()
}

pub fn queues(names: &Names) -> Vec<Queue> {
    let work = WORK_QUEUES.iter().map(|queue| Queue {
        name: names.work(queue.stage),
        arguments: work_arguments(names, queue),
        purpose: Purpose::Work(queue.stage),
    });
    let dead = Stage::ALL.into_iter().map(|stage| {
        let mut arguments = quorum();
        set(&mut arguments, "x-delivery-limit", AMQPValue::LongLongInt(NO_DELIVERY_LIMIT));
        Queue { name: names.dead(stage), arguments, purpose: Purpose::Dead(stage) }
    });
    let delays = DELAYS.iter().map(|(rung, ttl)| {
        let mut arguments = dead_lettering(None);
        set(&mut arguments, "x-message-ttl", millis(*ttl));
        Queue { name: names.delay(rung), arguments, purpose: Purpose::Delay }
    });
    let mut arguments = quorum();
    // If no ingest is running, the oldest go.
    set(&mut arguments, "x-max-length", AMQPValue::LongLongInt(MOST_CHECKS));
    let checked = Queue { name: names.checked(), arguments, purpose: Purpose::Checked };
    work.chain(dead).chain(delays).chain([checked]).collect()
}

pub fn bindings(names: &Names) -> Vec<Binding> {
    let work = WORK_QUEUES.iter().flat_map(|queue| {
        let bind = |key: &&'static str| Binding { exchange: names.events(), queue: names.work(queue.stage), key };
        let binds = if queue.is_optional { &[] } else { queue.binds };
        binds.iter().chain(queue.binds_always).map(bind)
    });
    let delay =
        |(rung, _): &(&str, Duration)| Binding { exchange: names.delay(rung), queue: names.delay(rung), key: "" };
    work.chain(DELAYS.iter().map(delay)).collect()
}

/// Those of queues that get messages from when a worker consumes them.
pub fn optional_bindings(names: &Names) -> impl Iterator<Item = Binding> {
    WORK_QUEUES.iter().filter(|queue| queue.is_optional).flat_map(|queue| {
        queue.binds.iter().map(|key| Binding { exchange: names.events(), queue: names.work(queue.stage), key })
    })
}

/// Bindings of earlier versions, by the stage that gets these facts now: a queue, and the kind that it would get a second time. Until a worker
/// consumes for the new stage, the old one is needed.
const OUTDATED: &[(Stage, &str, &str)] = &[
    (Stage::Hints, "resolver", "directory.changed"),
    (Stage::Ended, "resolver", "call.ended"),
    (Stage::Cards, "cards", "call.created"),
];

/// Declares everything; does nothing if it exists already. A queue whose messages expire is on one node only: while that is down, it cannot be
/// declared, and only who `needs` it must know.
pub async fn declare(connection: &Connection, names: &Names, needs: Option<Stage>) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    for exchange in exchanges(names) {
        let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(short(&exchange.name), exchange.kind, options, FieldTable::default()).await?;
    }
    let on_one_node = |queue: &Queue| {
        WORK_QUEUES.iter().find(|work| queue.purpose == Purpose::Work(work.stage) && work.expires_after.is_some())
    };
    let bindings = bindings(names);
    for queue in queues(names) {
        let bindings = bindings.iter().filter(|binding| binding.queue == queue.name);
        match on_one_node(&queue) {
            None => declare_one(&channel, queue.clone(), bindings).await?,
            Some(work) => {
                // An error closes the channel.
                let own = connection.create_channel().await?;
                let declared = declare_one(&own, queue.clone(), bindings).await;
                match declared {
                    Ok(()) => drop(own.close(200, "declared".into()).await),
                    Err(e) if needs == Some(work.stage) => return Err(e),
                    Err(e) => {
                        tracing::warn!(queue = queue.name, error = %e, "A queue cannot be declared; the others do without it.");
                    }
                }
            }
        }
    }
    Ok(channel)
}

async fn declare_one<'a>(
    channel: &Channel,
    queue: Queue,
    bindings: impl Iterator<Item = &'a Binding>,
) -> lapin::Result<()> {
    channel.queue_declare(short(&queue.name), QueueDeclareOptions::durable(), queue.arguments).await?;
    for Binding { exchange, queue, key } in bindings {
        let options = QueueBindOptions::default();
        channel.queue_bind(short(queue), short(exchange), short(key), options, FieldTable::default()).await?;
    }
    Ok(())
}

/// From now on this stage gets its facts, if it `wants` them, and gets them alone. Unbinding what does not exist does nothing.
pub async fn take_over(channel: &Channel, names: &Names, stage: Stage, wants: bool) -> lapin::Result<()> {
    let work = names.work(stage);
    for Binding { exchange, queue, key } in optional_bindings(names).filter(|binding| binding.queue == work) {
        let (queue, exchange, key, none) = (short(&queue), short(&exchange), short(key), FieldTable::default());
        if wants {
            channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), none).await?;
        } else {
            channel.queue_unbind(queue, exchange, key, none).await?;
        }
    }
    for (_, queue, key) in OUTDATED.iter().filter(|(now, ..)| *now == stage) {
        let (queue, exchange) = (format!("{}.{queue}", names.namespace), names.events());
        channel.queue_unbind(short(&queue), short(&exchange), short(key), FieldTable::default()).await?;
    }
    Ok(())
}

fn work_arguments(names: &Names, queue: &WorkQueue) -> FieldTable {
    let mut arguments;
    if let Some(ttl) = queue.expires_after {
        arguments = of_type("classic");
        set(&mut arguments, "x-message-ttl", millis(ttl));
    } else {
        let to = queue.given_on_after.map_or(names.dead(queue.stage), |(_, stage)| names.work(stage));
        arguments = dead_lettering(Some(&to));
        set(&mut arguments, "x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT));
    }
    if let Some((after, _)) = queue.given_on_after {
        set(&mut arguments, "x-message-ttl", millis(after));
    }
    arguments
}

fn quorum() -> FieldTable {
    of_type("quorum")
}

fn of_type(queue_type: &str) -> FieldTable {
    let mut arguments = FieldTable::default();
    set(&mut arguments, "x-queue-type", AMQPValue::LongString(queue_type.into()));
    arguments
}

/// A quorum queue that loses no message while dead-lettering it: at-least-once requires reject-publish. Without `to`, a
/// dead-lettered message keeps its routing key, by which delay queues return it to its work queue.
fn dead_lettering(to: Option<&str>) -> FieldTable {
    let mut arguments = quorum();
    set(&mut arguments, "x-dead-letter-exchange", AMQPValue::LongString("".into()));
    if let Some(queue) = to {
        set(&mut arguments, "x-dead-letter-routing-key", AMQPValue::LongString(queue.into()));
    }
    set(&mut arguments, "x-dead-letter-strategy", AMQPValue::LongString("at-least-once".into()));
    set(&mut arguments, "x-overflow", AMQPValue::LongString("reject-publish".into()));
    arguments
}

fn set(table: &mut FieldTable, key: &str, value: AMQPValue) {
    table.insert(short(key), value);
}

fn millis(d: Duration) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// Cut where AMQP's type ends: a longer one would panic. What comes from outside is checked before, see [`wanted`].
pub(crate) fn short(s: &str) -> ShortString {
    let end = (0..=s.len().min(LONGEST_SHORT_STRING)).rev().find(|end| s.is_char_boundary(*end)).unwrap_or_default();
    ShortString::from(&s[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_kinds_that_a_queue_binds_are_wanted() {
        for (kind, expected) in [
            ("call.created", true),
            ("call.ended", true),
            ("call.hungup", false),
            ("custom_summary.result_created", true),
            ("custom_summary", false),
            ("custom_summaryx.result", false),
            ("user.opened", false),
            ("", false),
        ] {
            assert_eq!(wanted(kind), expected, "{kind}");
        }
    }

    #[test]
    fn exactly_the_stages_with_a_work_queue_have_one() {
        for stage in Stage::ALL {
            let queues = WORK_QUEUES.iter().filter(|queue| queue.stage == stage).count();
            assert_eq!(queues, usize::from(stage.has_work_queue()), "{stage:?}");
        }
    }

    #[test]
    fn without_a_logger_the_resolver_gets_the_ends_of_calls() {
        let names = Names::new("staging");
        let ended = queues(&names).into_iter().find(|queue| queue.purpose == Purpose::Work(Stage::Ended)).unwrap();
        let argument = |key: &str| ended.arguments.inner().get(key).cloned();
        assert_eq!(argument("x-message-ttl"), Some(AMQPValue::LongLongInt(300_000)));
        let to = AMQPValue::LongString("staging.resolver".into());
        assert_eq!(argument("x-dead-letter-routing-key"), Some(to));
        assert_eq!(argument("x-dead-letter-strategy"), Some(AMQPValue::LongString("at-least-once".into())));
    }

    #[test]
    fn names_carry_the_namespace() {
        let names = Names::new("staging");
        assert_eq!(names.work(Stage::Cards), "staging.ringing");
        assert_eq!(names.work(Stage::Logger), "staging.logger");
        assert_eq!(names.dead(Stage::Ingest), "staging.ingest.dead");
        assert_eq!(names.delay("5s"), "staging.delay.5s");
    }
}
