//! Reads dead letters without removing them, replays them, or removes them.
//!
//! [`Reader`] consumes all dead letters of a stage without acking them. What is not replayed or dropped returns to its
//! queue when the reader closes, or when the process dies. A replay is published to the stage's work queue and only then
//! acked, so a crash in between may duplicate a message but never loses one.
//!
//! Two readers at once would each see only a part, and a quorum queue ignores the flag for an exclusive consumer. So the
//! caller must make sure that it is the only one ([`base::db::Database::lock`]), and a reader waits until the dead
//! letters of its predecessor have been requeued.

use std::{sync::Arc, time::Duration};

use base::{
    error::{Code, Result},
    ids::{CallId, Stage},
};
use broker::{
    amqp::{
        Destination, Link, Publisher, broker_error, depth,
        message::{self, Headers},
        unavailable,
    },
    topology::{DELIVERY_LIMIT, Names},
};
use futures_util::StreamExt;
use jiff::Timestamp;
use lapin::{
    Channel, Connection,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions},
    types::{AMQPValue, FieldTable},
};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::{self, Instant};

/// AMQP's maximum. "No limit" would be less: a quorum queue treats it as 2,000.
const MAX_UNACKED: u16 = u16::MAX;
/// For each answer of the broker, and each dead letter.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for the previous consumer: after it was closed or killed, the broker needs a moment to notice.
const FREE_TIMEOUT: Duration = Duration::from_secs(5);
const POLL_EVERY: Duration = Duration::from_millis(50);
/// RabbitMQ may lose acks that it is still processing when their channel closes (its issue 10327).
const ACKS_SETTLE: Duration = Duration::from_millis(250);

/// What is known about a dead letter, without its body.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct DeadLetter {
    pub(crate) id: String,
    #[serde(serialize_with = "stage_name")]
    pub(crate) stage: Stage,
    pub(crate) kind: Option<String>,
    /// `None` if it is about no call, or is not a fact at all.
    pub(crate) call_id: Option<CallId>,
    pub(crate) trace_id: Option<String>,
    pub(crate) code: String,
    pub(crate) error: String,
    pub(crate) attempts: u32,
    pub(crate) first_failure: Option<Timestamp>,
    pub(crate) last_failure: Option<Timestamp>,
}

/// A dead letter that was delivered to us and is not acked.
pub(crate) struct UnackedLetter {
    pub(crate) letter: DeadLetter,
    delivery: Delivery,
}

pub(crate) struct Reader {
    connection: Arc<Connection>,
    channel: Channel,
    deliveries: lapin::Consumer,
    stage: Stage,
    /// How many dead letters there were when it was opened.
    count: u32,
    /// Some of its dead letters were acked.
    has_acks: bool,
}

impl Reader {
    /// Waits until nobody else consumes the queue. The queues must have been declared.
    pub(crate) async fn open(link: &Link, names: &Names, stage: Stage) -> Result<Self> {
        let connection = link.open().map_err(unavailable)?;
        let queue = names.dead(stage);
        let channel =
            Link::request(&connection, ANSWER_TIMEOUT, connection.create_channel()).await.map_err(broker_error)?;
        let count = Link::request(&connection, FREE_TIMEOUT + ANSWER_TIMEOUT, wait_until_free(&channel, &queue))
            .await
            .map_err(broker_error)?;
        let count =
            count.ok_or_else(|| unavailable(format!("another consumer reads {queue}; try again when it has ended")))?;
        let deliveries =
            Link::request(&connection, ANSWER_TIMEOUT, consume(&channel, &queue)).await.map_err(broker_error)?;
        Ok(Self { connection, channel, deliveries, stage, count, has_acks: false })
    }

    /// Reads all dead letters that were in the queue when the reader was opened (at most 65,535), oldest first.
    pub(crate) async fn read(&mut self, mut each: impl FnMut(UnackedLetter)) -> Result<()> {
        for _ in 0..self.count.min(MAX_UNACKED.into()) {
            let Ok(Some(delivery)) = time::timeout(ANSWER_TIMEOUT, self.deliveries.next()).await else {
                return Err(unavailable("the broker does not deliver all dead letters"));
            };
            let delivery = delivery.map_err(broker_error)?;
            each(UnackedLetter { letter: DeadLetter::from_delivery(self.stage, &delivery), delivery });
        }
        Ok(())
    }

    /// Notes that some dead letters were acked, so that closing gives the broker time to process the acks.
    pub(crate) fn note_acks(&mut self) {
        self.has_acks = true;
    }

    /// Closes the reader; what was not acked returns to the queue.
    pub(crate) async fn close(self) {
        if self.has_acks {
            time::sleep(ACKS_SETTLE).await;
        }
        let _ = Link::request(&self.connection, ANSWER_TIMEOUT, self.channel.close(200, "done".into())).await;
    }
}

/// Waits until the queue has no consumer, and returns how many dead letters it then has. A queue does not count unacked
/// messages, and requeues those of a lost consumer in the moment when it drops the consumer. `None` if that takes too long.
async fn wait_until_free(channel: &Channel, queue: &str) -> lapin::Result<Option<u32>> {
    let deadline = Instant::now() + FREE_TIMEOUT;
    loop {
        let depth = depth::read(channel, queue).await?;
        if depth.consumers == 0 {
            return Ok(Some(depth.messages));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        time::sleep(POLL_EVERY).await;
    }
}

async fn consume(channel: &Channel, queue: &str) -> lapin::Result<lapin::Consumer> {
    channel.basic_qos(MAX_UNACKED, BasicQosOptions::default()).await?;
    channel.basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default()).await
}

impl UnackedLetter {
    pub(crate) fn body(&self) -> &[u8] {
        &self.delivery.data
    }

    /// Every header, the broker's included.
    pub(crate) fn headers(&self) -> Map<String, Value> {
        table_to_json(self.delivery.properties.headers().as_ref())
    }

    /// Publishes it to the work queue with the attempts at zero, and acks the dead letter once that is confirmed.
    pub(crate) async fn replay(&self, publisher: &Publisher) -> Result<()> {
        publisher.publish(Destination::Work(self.letter.stage), &message::replayed_copy(&self.delivery)).await?;
        self.remove().await
    }

    /// Acks it, which removes it from its queue.
    pub(crate) async fn remove(&self) -> Result<()> {
        match time::timeout(ANSWER_TIMEOUT, self.delivery.acker.ack(BasicAckOptions::default())).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Err(e)) => Err(broker_error(e)),
            Ok(Ok(false)) | Err(_) => Err(unavailable("the connection was lost; the dead letter returns to its queue")),
        }
    }
}

impl DeadLetter {
    fn from_delivery(stage: Stage, delivery: &Delivery) -> Self {
        let properties = &delivery.properties;
        let id = properties.message_id().as_ref().map(|id| id.to_string()).filter(|id| !id.is_empty());
        let noted = Headers::read(delivery);
        let mut letter = Self {
            // If the publisher set no message id, a digest of the body gives the same id at every reading.
            id: id.unwrap_or_else(|| blake3::hash(&delivery.data).to_hex()[..32].to_owned()),
            stage,
            kind: properties.kind().as_ref().map(|kind| kind.to_string()),
            call_id: noted.call_id,
            trace_id: noted.trace_id,
            code: noted.code.unwrap_or_else(|| "UNKNOWN".into()),
            error: noted.error.unwrap_or_else(|| "the message does not say why it was parked".into()),
            attempts: noted.attempts,
            first_failure: noted.first_failure,
            last_failure: noted.last_failure,
        };
        // Copies that we published have no headers of the broker. If they are there, our own headers are of an earlier failure.
        if let Some(at) = parked_by_the_broker(delivery) {
            letter.code = Code::DeliveryLimit.as_str().into();
            letter.error = format!("more than {DELIVERY_LIMIT} deliveries ended without an ack: it kills its worker");
            letter.first_failure = letter.first_failure.or(at);
            letter.last_failure = at;
        }
        letter
    }
}

/// Whether the broker itself dead-lettered it because of the delivery limit, and if it says so, when.
fn parked_by_the_broker(delivery: &Delivery) -> Option<Option<Timestamp>> {
    let Some(AMQPValue::FieldArray(deaths)) = delivery.properties.headers().as_ref()?.inner().get("x-death") else {
        return None;
    };
    deaths.as_slice().iter().find_map(|death| {
        let AMQPValue::FieldTable(death) = death else { return None };
        let is_limit = to_json(death.inner().get("reason")?) == "delivery_limit";
        is_limit.then(|| match death.inner().get("time") {
            Some(AMQPValue::Timestamp(at)) => Timestamp::from_second(i64::try_from(*at).ok()?).ok(),
            _ => None,
        })
    })
}

fn table_to_json(table: Option<&FieldTable>) -> Map<String, Value> {
    let headers = table.into_iter().flat_map(|table| table.inner());
    headers.map(|(name, value)| (name.to_string(), to_json(value))).collect()
}

fn to_json(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(b) => (*b).into(),
        AMQPValue::ShortShortInt(n) => (*n).into(),
        AMQPValue::ShortShortUInt(n) => (*n).into(),
        AMQPValue::ShortInt(n) => (*n).into(),
        AMQPValue::ShortUInt(n) => (*n).into(),
        AMQPValue::LongInt(n) => (*n).into(),
        AMQPValue::LongUInt(n) => (*n).into(),
        AMQPValue::LongLongInt(n) => (*n).into(),
        AMQPValue::Timestamp(n) => (*n).into(),
        AMQPValue::ShortString(s) => s.to_string().into(),
        AMQPValue::LongString(s) => s.to_string().into(),
        AMQPValue::FieldArray(list) => list.as_slice().iter().map(to_json).collect(),
        AMQPValue::FieldTable(table) => table_to_json(Some(table)).into(),
        // No program sends these in headers.
        AMQPValue::Float(_) | AMQPValue::Double(_) | AMQPValue::DecimalValue(_) => Value::Null,
        AMQPValue::ByteArray(_) | AMQPValue::Void => Value::Null,
    }
}

fn stage_name<S: serde::Serializer>(stage: &Stage, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(stage.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(headers: &[(&str, AMQPValue)]) -> (DeadLetter, Delivery) {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), value.clone());
        }
        let mut delivery = Delivery::mock(1, "".into(), "cb.logger.dead".into(), false, b"{}".to_vec());
        delivery.properties = delivery.properties.with_headers(table);
        (DeadLetter::from_delivery(Stage::Logger, &delivery), delivery)
    }

    fn long(text: &str) -> AMQPValue {
        AMQPValue::LongString(text.into())
    }

    fn death(reason: &str) -> AMQPValue {
        let mut death = FieldTable::default();
        death.insert("reason".into(), long(reason));
        death.insert("time".into(), AMQPValue::Timestamp(1_795_425_330));
        AMQPValue::FieldArray(vec![AMQPValue::FieldTable(death)].into())
    }

    #[test]
    fn a_dead_letter_has_its_failure_or_says_that_the_broker_parked_it() {
        let failed = [("callbridge-error-code", long("SELLSY_PLAN")), ("callbridge-call-id", long("7"))];
        let (ours, _) = letter(&failed);
        assert_eq!((ours.code.as_str(), ours.call_id), ("SELLSY_PLAN", Some(CallId(7))));
        let (expired, _) = letter(&[failed[0].clone(), ("x-death", death("expired"))]);
        assert_eq!(expired.code, "SELLSY_PLAN");
        let (killer, _) = letter(&[failed[0].clone(), ("x-death", death("delivery_limit"))]);
        assert_eq!(killer.code, "DELIVERY_LIMIT");
        assert_eq!(killer.last_failure.unwrap().to_string(), "2026-11-23T09:15:30Z");
        let (strange, _) = letter(&[]);
        assert_eq!((strange.code.as_str(), strange.id.len()), ("UNKNOWN", 32));
    }

    #[test]
    fn a_replayed_message_has_no_attempts_and_says_that_it_was_replayed() {
        let note = AMQPValue::LongLongInt(6);
        let headers = [
            ("callbridge-attempts", note),
            ("callbridge-error-code", long("SELLSY_PLAN")),
            ("callbridge-first-failure", long("2026-11-23T09:15:30Z")),
            ("callbridge-call-id", long("7")),
            ("x-death", death("delivery_limit")),
        ];
        let (_, delivery) = letter(&headers);
        let copy = message::replayed_copy(&delivery);
        let names: Vec<_> = table_to_json(copy.properties.headers().as_ref()).keys().cloned().collect();
        assert_eq!(names, ["callbridge-call-id", "callbridge-replayed"]);
        assert_eq!(copy.body, b"{}");
    }
}
