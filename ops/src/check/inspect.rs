//! Inspects the broker without changing it, for `callbridge check`.
//!
//! AMQP shows little. A passive declaration says whether a queue exists and how many messages and consumers it has. A
//! declaration with the arguments that we need is refused if the queue has others. Only the greeting, before the login,
//! contains the version. Nothing that is missing is declared here. Bindings cannot be listed, so a mandatory message is
//! published: the broker returns it if there is no binding; otherwise the consumer that receives it ignores it
//! (`message::probe`).

use std::{collections::BTreeSet, time::Duration};

use base::settings::each_host;
use broker::{
    amqp::message,
    topology::{Binding, Exchange, Queue},
};
pub(super) use lapin::Connection;
use lapin::{
    Confirmation, ConnectionProperties, ErrorKind,
    options::{BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions},
    types::FieldTable,
    uri::{AMQPScheme, AMQPUri},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The protocol header that opens every AMQP 0-9-1 connection.
const PROTOCOL_HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";

/// Why the broker cannot be used. The text never quotes the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// Wrong user or password, or a missing permission.
    Refused,
    /// The virtual host of the URL does not exist, or this user may not use it.
    NoVirtualHost,
    Unreachable(String),
}

/// Whether an exchange or a queue is as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Missing,
    /// It exists with other arguments.
    OtherArguments,
    Present {
        messages: u32,
        consumers: u32,
    },
}

/// To the first host of the URL that can be used, as a worker does; or the last one's problem.
pub(super) async fn connect(url: &SecretString) -> Result<Connection, Problem> {
    let mut connected = Err(Problem::Unreachable("AMQP_URL has no host".into()));
    for host in each_host(url.expose_secret()) {
        connected = connect_to(uri(&host)?).await;
        if connected.is_ok() {
            break;
        }
    }
    connected
}

async fn connect_to(uri: AMQPUri) -> Result<Connection, Problem> {
    let properties = ConnectionProperties::default().with_connection_name("callbridge check".into());
    match time::timeout(ANSWER_TIMEOUT, Connection::connect_uri(uri, properties)).await {
        Ok(connected) => connected.map_err(|e| problem_of(&e)),
        Err(_) => Err(Problem::Unreachable(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs()))),
    }
}

/// The version in the greeting of the first host that has one; none has, if the connection uses TLS.
pub(super) async fn version(url: &SecretString) -> Option<String> {
    for host in each_host(url.expose_secret()) {
        if let Some(version) = version_of(&host).await {
            return Some(version);
        }
    }
    None
}

async fn version_of(host: &str) -> Option<String> {
    let uri = uri(host).ok().filter(|uri| uri.scheme == AMQPScheme::AMQP)?;
    let greeting = async {
        let mut stream = TcpStream::connect((uri.authority.host.as_str(), uri.authority.port)).await.ok()?;
        stream.write_all(PROTOCOL_HEADER).await.ok()?;
        let mut frame = [0; 7];
        stream.read_exact(&mut frame).await.ok()?;
        let size = u32::from_be_bytes([frame[3], frame[4], frame[5], frame[6]]);
        let mut greeting = vec![0; usize::try_from(size.min(64 * 1024)).ok()?];
        stream.read_exact(&mut greeting).await.ok()?;
        version_in(&greeting)
    };
    time::timeout(ANSWER_TIMEOUT, greeting).await.ok().flatten()
}

/// Finds one field in the table of server properties: a short string as its name, `S`, a long string.
fn version_in(greeting: &[u8]) -> Option<String> {
    let name = b"\x07versionS";
    let at = greeting.windows(name.len()).position(|window| window == name)? + name.len();
    let length = greeting.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)?;
    let text = greeting.get(at + 4..at + 4 + usize::try_from(length).ok()?)?;
    String::from_utf8(text.to_vec()).ok()
}

pub(super) async fn exchange(connection: &Connection, exchange: &Exchange) -> Result<Found, Problem> {
    for passive in [true, false] {
        // A new channel each time, because a refusal closes it.
        let channel = connection.create_channel().await.map_err(|e| problem_of(&e))?;
        let options = ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
        let (name, kind) = (exchange.name.as_str().into(), exchange.kind.clone());
        match result_of(channel.exchange_declare(name, kind, options, FieldTable::default()).await)? {
            Ok(()) => {
                let _ = channel.close(200, "done".into()).await;
            }
            Err(fault) => return Ok(fault),
        }
    }
    Ok(Found::Present { messages: 0, consumers: 0 })
}

pub(super) async fn queue(connection: &Connection, queue: &Queue) -> Result<Found, Problem> {
    let mut found = Found::Missing;
    for passive in [true, false] {
        let channel = connection.create_channel().await.map_err(|e| problem_of(&e))?;
        let options = QueueDeclareOptions { passive, ..QueueDeclareOptions::durable() };
        match result_of(channel.queue_declare(queue.name.as_str().into(), options, queue.arguments.clone()).await)? {
            Ok(queue) => {
                found = Found::Present { messages: queue.message_count(), consumers: queue.consumer_count() };
                let _ = channel.close(200, "done".into()).await;
            }
            Err(fault) => return Ok(fault),
        }
    }
    Ok(found)
}

/// The keys of the bindings that do not route to any queue. Only for queues that have consumers, because these have to
/// discard the probes.
pub(super) async fn unbound<'a>(
    connection: &Connection,
    bindings: impl Iterator<Item = &'a Binding>,
) -> Result<BTreeSet<&'static str>, Problem> {
    let all = async {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut unbound = BTreeSet::new();
        for binding in bindings {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            // A pattern ends in a wildcard: any word matches.
            let key = binding.key.replace('*', "probe").into();
            let probe = channel.basic_publish(binding.exchange.as_str().into(), key, options, b"", message::probe());
            if let Confirmation::Ack(Some(_)) = probe.await?.await? {
                unbound.insert(binding.key);
            }
        }
        channel.close(200, "done".into()).await?;
        Ok(unbound)
    };
    all.await.map_err(|e: lapin::Error| problem_of(&e))
}

fn uri(url: &str) -> Result<AMQPUri, Problem> {
    // The parser's message may quote the URL.
    url.parse().map_err(|_: String| Problem::Unreachable("AMQP_URL is not an AMQP URL".into()))
}

fn result_of<T>(declared: lapin::Result<T>) -> Result<Result<T, Found>, Problem> {
    match declared {
        Ok(present) => Ok(Ok(present)),
        Err(e) => match code(&e) {
            Some(404) => Ok(Err(Found::Missing)),
            Some(406) => Ok(Err(Found::OtherArguments)),
            _ => Err(problem_of(&e)),
        },
    }
}

fn code(e: &lapin::Error) -> Option<u16> {
    match e.kind() {
        ErrorKind::ProtocolError(e) => Some(e.get_id()),
        _ => None,
    }
}

fn problem_of(e: &lapin::Error) -> Problem {
    match code(e) {
        Some(403) => Problem::Refused,
        Some(530) => Problem::NoVirtualHost,
        _ => Problem::Unreachable(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_from_a_greeting() {
        let greeting = b"\x00\x0a\x00\x0a\x00\x09\x00\x00\x00\x20\x07productS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\x063.12.1rest";
        assert_eq!(version_in(greeting).as_deref(), Some("3.12.1"));
        for torn in [&b"\x07versionS\x00\x00"[..], b"\x07versionS\x00\x00\x00\x093.12", b"", b"version"] {
            assert_eq!(version_in(torn), None);
        }
    }
}
