//! Dead letters as an operator sees them: read without taking them, sent back to work, or dropped.
//!
//! [`Reader`] takes all letters of a stage in hand without acking them; whatever is not replayed or dropped returns to
//! its queue when the reader closes, or when the process dies. A replay is published to the stage's work queue and only
//! then acked, so a crash in between doubles a message and never loses one. Two readers at once would each see a part, and a
//! quorum queue does not heed the flag for an exclusive consumer: whoever opens readers makes sure that nobody else does
//! ([`base::db::Database::lock`]), and a reader waits until its predecessor's letters are back.

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

/// AMQP's largest. "No limit" would be worse: a quorum queue takes that for 2,000.
const MOST_IN_HAND: u16 = u16::MAX;
/// For each answer of the broker, and each letter.
const PATIENCE: Duration = Duration::from_secs(5);
/// A reader that has just closed or been killed holds its letters until the broker has noticed.
const UNTIL_FREE: Duration = Duration::from_secs(5);
const LOOKED_EVERY: Duration = Duration::from_millis(50);
/// RabbitMQ may forget acks that are on their way within it when their channel closes (its issue 10327).
const ACKS_SETTLE: Duration = Duration::from_millis(250);

/// What is known of a letter, without its body.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Letter {
    pub(crate) id: String,
    #[serde(serialize_with = "stage_name")]
    pub(crate) stage: Stage,
    pub(crate) kind: Option<String>,
    /// `None` if it is about no call, or if it is no fact at all.
    pub(crate) call_id: Option<CallId>,
    pub(crate) trace_id: Option<String>,
    pub(crate) code: String,
    pub(crate) error: String,
    pub(crate) attempts: u32,
    pub(crate) first_failure: Option<Timestamp>,
    pub(crate) last_failure: Option<Timestamp>,
}

/// A letter in hand.
pub(crate) struct Held {
    pub(crate) letter: Letter,
    delivery: Delivery,
}

pub(crate) struct Reader {
    connection: Arc<Connection>,
    channel: Channel,
    deliveries: lapin::Consumer,
    stage: Stage,
    /// How many letters there were when it was opened.
    count: u32,
    settled: bool,
}

impl Reader {
    /// The queues must have been declared.
    pub(crate) async fn open(link: &Link, names: &Names, stage: Stage) -> Result<Self> {
        let connection = link.current().ok_or_else(|| unavailable("there is no connection"))?;
        let queue = names.dead(stage);
        let channel = Link::request(&connection, PATIENCE, connection.create_channel()).await.map_err(broker_error)?;
        let count =
            Link::request(&connection, UNTIL_FREE + PATIENCE, free(&channel, &queue)).await.map_err(broker_error)?;
        let count =
            count.ok_or_else(|| unavailable(format!("somebody else reads {queue}; try again when that has ended")))?;
        let deliveries = Link::request(&connection, PATIENCE, consume(&channel, &queue)).await.map_err(broker_error)?;
        Ok(Self { connection, channel, deliveries, stage, count, settled: false })
    }

    /// All letters that lay in the queue when it was opened (at most 65,535), oldest first.
    pub(crate) async fn read(&mut self, mut each: impl FnMut(Held)) -> Result<()> {
        for _ in 0..self.count.min(MOST_IN_HAND.into()) {
            let Ok(Some(delivery)) = time::timeout(PATIENCE, self.deliveries.next()).await else {
                return Err(unavailable("the broker does not hand out all that is parked"));
            };
            let delivery = delivery.map_err(broker_error)?;
            each(Held { letter: Letter::of(self.stage, &delivery), delivery });
        }
        Ok(())
    }

    /// Letters of it were acked.
    pub(crate) fn settled(&mut self) {
        self.settled = true;
    }

    /// What is still in hand returns to the queue.
    pub(crate) async fn close(self) {
        if self.settled {
            time::sleep(ACKS_SETTLE).await;
        }
        let _ = Link::request(&self.connection, PATIENCE, self.channel.close(200, "done".into())).await;
    }
}

/// How many letters wait, as soon as nobody has any in hand: a queue counts only those that wait, and lets those of a consumer
/// that is gone return when it lets go of the consumer. `None` if that takes too long.
async fn free(channel: &Channel, queue: &str) -> lapin::Result<Option<u32>> {
    let give_up = Instant::now() + UNTIL_FREE;
    loop {
        let depth = depth::read(channel, queue).await?;
        if depth.consumers == 0 {
            return Ok(Some(depth.messages));
        }
        if Instant::now() >= give_up {
            return Ok(None);
        }
        time::sleep(LOOKED_EVERY).await;
    }
}

async fn consume(channel: &Channel, queue: &str) -> lapin::Result<lapin::Consumer> {
    channel.basic_qos(MOST_IN_HAND, BasicQosOptions::default()).await?;
    channel.basic_consume(queue.into(), "".into(), BasicConsumeOptions::default(), FieldTable::default()).await
}

impl Held {
    pub(crate) fn body(&self) -> &[u8] {
        &self.delivery.data
    }

    /// Every header, the broker's included.
    pub(crate) fn headers(&self) -> Map<String, Value> {
        plain_table(self.delivery.properties.headers().as_ref())
    }

    /// Back to the work queue with fresh attempts; the letter goes when that is confirmed.
    pub(crate) async fn replay(&self, publisher: &Publisher) -> Result<()> {
        publisher.publish(Destination::Work(self.letter.stage), &message::replayed_copy(&self.delivery)).await?;
        self.drop_letter().await
    }

    pub(crate) async fn drop_letter(&self) -> Result<()> {
        match time::timeout(PATIENCE, self.delivery.acker.ack(BasicAckOptions::default())).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Err(e)) => Err(broker_error(e)),
            Ok(Ok(false)) | Err(_) => Err(unavailable("the connection was lost; the letter returns to its queue")),
        }
    }
}

impl Letter {
    fn of(stage: Stage, delivery: &Delivery) -> Self {
        let properties = &delivery.properties;
        let id = properties.message_id().as_ref().map(|id| id.to_string()).filter(|id| !id.is_empty());
        let noted = Headers::read(delivery);
        let mut letter = Self {
            // Whoever published it gave it no name: the same body has the same one at every look.
            id: id.unwrap_or_else(|| blake3::hash(&delivery.data).to_hex()[..32].to_owned()),
            stage,
            kind: properties.kind().as_ref().map(|kind| kind.to_string()),
            call_id: noted.call_id,
            trace_id: noted.trace_id,
            code: noted.code.unwrap_or_else(|| "UNKNOWN".into()),
            error: noted.error.unwrap_or_else(|| "it does not say why it lies here".into()),
            attempts: noted.attempts,
            first_failure: noted.first_failure,
            last_failure: noted.last_failure,
        };
        // Our own copies have none of the broker's headers; what they tell of is an earlier failure.
        if let Some(at) = parked_by_the_broker(delivery) {
            letter.code = Code::DeliveryLimit.as_str().into();
            letter.error = format!("more than {DELIVERY_LIMIT} deliveries ended without an ack: it kills its worker");
            letter.first_failure = letter.first_failure.or(at);
            letter.last_failure = at;
        }
        letter
    }
}

/// When the broker itself dead-lettered it because of its delivery limit, if it did.
fn parked_by_the_broker(delivery: &Delivery) -> Option<Option<Timestamp>> {
    let Some(AMQPValue::FieldArray(deaths)) = delivery.properties.headers().as_ref()?.inner().get("x-death") else {
        return None;
    };
    deaths.as_slice().iter().find_map(|death| {
        let AMQPValue::FieldTable(death) = death else { return None };
        let is_limit = plain(death.inner().get("reason")?) == "delivery_limit";
        is_limit.then(|| match death.inner().get("time") {
            Some(AMQPValue::Timestamp(at)) => Timestamp::from_second(i64::try_from(*at).ok()?).ok(),
            _ => None,
        })
    })
}

fn plain_table(table: Option<&FieldTable>) -> Map<String, Value> {
    let headers = table.into_iter().flat_map(|table| table.inner());
    headers.map(|(name, value)| (name.to_string(), plain(value))).collect()
}

fn plain(value: &AMQPValue) -> Value {
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
        AMQPValue::FieldArray(list) => list.as_slice().iter().map(plain).collect(),
        AMQPValue::FieldTable(table) => plain_table(Some(table)).into(),
        // Nobody sends these in headers.
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

    fn letter(headers: &[(&str, AMQPValue)]) -> (Letter, Delivery) {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), value.clone());
        }
        let mut delivery = Delivery::mock(1, "".into(), "cb.logger.dead".into(), false, b"{}".to_vec());
        delivery.properties = delivery.properties.with_headers(table);
        (Letter::of(Stage::Logger, &delivery), delivery)
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
    fn a_letter_tells_its_failure_or_that_the_broker_parked_it() {
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
    fn a_replayed_message_starts_afresh_and_says_so() {
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
        let names: Vec<_> = plain_table(copy.properties.headers().as_ref()).keys().cloned().collect();
        assert_eq!(names, ["callbridge-call-id", "callbridge-replayed"]);
        assert_eq!(copy.body, b"{}");
    }
}
