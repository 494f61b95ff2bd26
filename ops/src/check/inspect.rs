//! Looks at the broker without changing it, for `callbridge check`.
//!
//! AMQP shows little: a passive declaration tells whether a queue exists and how many messages and consumers it has, a
//! declaration with the arguments that we need is refused if the queue has others, and only the greeting, before anybody
//! has logged in, tells the version. What is not there is never declared here. Bindings cannot be listed; a message that
//! must be routed comes back if there is none, and the one that is not returned is forgotten by the consumer that gets it
//! (`message::probe`).

use std::{collections::BTreeSet, time::Duration};

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

const PATIENCE: Duration = Duration::from_secs(10);
/// What opens every conversation in AMQP 0-9-1.
const HELLO: &[u8] = b"AMQP\x00\x00\x09\x01";

/// Why the broker cannot be used. No text quotes the URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Wrong user or password, or no right to this.
    Refused,
    /// The URL's virtual host does not exist or is not open to this user.
    NoVirtualHost,
    Unreachable(String),
}

/// What an exchange or a queue is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Missing,
    /// It is there with other arguments.
    Differs,
    There {
        messages: u32,
        consumers: u32,
    },
}

pub(super) async fn connect(url: &SecretString) -> Result<Connection, Trouble> {
    let properties = ConnectionProperties::default().with_connection_name("callbridge check".into());
    match time::timeout(PATIENCE, Connection::connect_uri(uri(url)?, properties)).await {
        Ok(connected) => connected.map_err(|e| trouble(&e)),
        Err(_) => Err(Trouble::Unreachable(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

/// What the broker's greeting says of its version; `None` if it says nothing, or if there is TLS before it.
pub(super) async fn version(url: &SecretString) -> Option<String> {
    let uri = uri(url).ok().filter(|uri| uri.scheme == AMQPScheme::AMQP)?;
    let greeting = async {
        let mut stream = TcpStream::connect((uri.authority.host.as_str(), uri.authority.port)).await.ok()?;
        stream.write_all(HELLO).await.ok()?;
        let mut frame = [0; 7];
        stream.read_exact(&mut frame).await.ok()?;
        let size = u32::from_be_bytes([frame[3], frame[4], frame[5], frame[6]]);
        let mut greeting = vec![0; usize::try_from(size.min(64 * 1024)).ok()?];
        stream.read_exact(&mut greeting).await.ok()?;
        version_in(&greeting)
    };
    time::timeout(PATIENCE, greeting).await.ok().flatten()
}

/// The server's properties are a table; of its fields only this one is looked for: a short name, `S`, a long string.
fn version_in(greeting: &[u8]) -> Option<String> {
    let name = b"\x07versionS";
    let at = greeting.windows(name.len()).position(|window| window == name)? + name.len();
    let length = greeting.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)?;
    let text = greeting.get(at + 4..at + 4 + usize::try_from(length).ok()?)?;
    String::from_utf8(text.to_vec()).ok()
}

pub(super) async fn exchange(connection: &Connection, exchange: &Exchange) -> Result<Found, Trouble> {
    for passive in [true, false] {
        // A refusal closes the channel.
        let channel = connection.create_channel().await.map_err(|e| trouble(&e))?;
        let options = ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
        let (name, kind) = (exchange.name.as_str().into(), exchange.kind.clone());
        match found(channel.exchange_declare(name, kind, options, FieldTable::default()).await)? {
            Ok(()) => {
                let _ = channel.close(200, "done".into()).await;
            }
            Err(fault) => return Ok(fault),
        }
    }
    Ok(Found::There { messages: 0, consumers: 0 })
}

pub(super) async fn queue(connection: &Connection, queue: &Queue) -> Result<Found, Trouble> {
    let mut there = Found::Missing;
    for passive in [true, false] {
        let channel = connection.create_channel().await.map_err(|e| trouble(&e))?;
        let options = QueueDeclareOptions { passive, ..QueueDeclareOptions::durable() };
        match found(channel.queue_declare(queue.name.as_str().into(), options, queue.arguments.clone()).await)? {
            Ok(queue) => {
                there = Found::There { messages: queue.message_count(), consumers: queue.consumer_count() };
                let _ = channel.close(200, "done".into()).await;
            }
            Err(fault) => return Ok(fault),
        }
    }
    Ok(there)
}

/// The keys of those bindings that do not lead to any queue. Only for queues that somebody consumes: the probes are
/// forgotten by consumers.
pub(super) async fn unbound<'a>(
    connection: &Connection,
    bindings: impl Iterator<Item = &'a Binding>,
) -> Result<BTreeSet<&'static str>, Trouble> {
    let all = async {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let mut unbound = BTreeSet::new();
        for binding in bindings {
            let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
            // A pattern ends in a word of any kind.
            let key = binding.key.replace('*', "probe").into();
            let probe = channel.basic_publish(binding.exchange.as_str().into(), key, options, b"", message::probe());
            if let Confirmation::Ack(Some(_)) = probe.await?.await? {
                unbound.insert(binding.key);
            }
        }
        channel.close(200, "done".into()).await?;
        Ok(unbound)
    };
    all.await.map_err(|e: lapin::Error| trouble(&e))
}

fn uri(url: &SecretString) -> Result<AMQPUri, Trouble> {
    // The parser's message may quote the URL.
    url.expose_secret().parse().map_err(|_: String| Trouble::Unreachable("AMQP_URL is no AMQP URL".into()))
}

fn found<T>(declared: lapin::Result<T>) -> Result<Result<T, Found>, Trouble> {
    match declared {
        Ok(there) => Ok(Ok(there)),
        Err(e) => match code(&e) {
            Some(404) => Ok(Err(Found::Missing)),
            Some(406) => Ok(Err(Found::Differs)),
            _ => Err(trouble(&e)),
        },
    }
}

fn code(e: &lapin::Error) -> Option<u16> {
    match e.kind() {
        ErrorKind::ProtocolError(e) => Some(e.get_id()),
        _ => None,
    }
}

fn trouble(e: &lapin::Error) -> Trouble {
    match code(e) {
        Some(403) => Trouble::Refused,
        Some(530) => Trouble::NoVirtualHost,
        _ => Trouble::Unreachable(e.to_string()),
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
