//! A TCP relay in front of a service, whose link can break in three ways.
//!
//! Cut: it ends every connection, and accepts a new one only to end it. Stalled: no byte flows any more; connections stay open,
//! and new ones are accepted and hang, as behind a firewall that drops packets. Refusing: it ends every connection, and nothing
//! listens at its address, as if the service did not exist. Bytes in transit when a stall began arrive when it is over.
//! A relay can also freeze the connections that there are, for good, while new ones work: as if their server processes hung. It can be slow, and it can lead to several instances of a service, which take connections in turn.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream, tcp},
    sync::watch,
    time::sleep,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Open,
    Cut,
    Stalled,
    Refusing,
}

#[derive(Clone)]
pub struct Relay {
    /// Where to connect instead of the service.
    pub address: String,
    state: Arc<watch::Sender<State>>,
    services: Arc<Mutex<Vec<String>>>,
    /// The bytes of a client that trigger a stall.
    last_words: Arc<Mutex<Option<&'static [u8]>>>,
    /// How many bytes a second a client's connection carries; 0: as many as it can.
    bytes_per_s: Arc<AtomicU32>,
    /// Connections of an earlier one are frozen.
    generation: Arc<AtomicU32>,
}

/// The most connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

impl Relay {
    /// A relay for `service`, given as host and port.
    pub async fn to(service: &str) -> anyhow::Result<Self> {
        let relay = Self::to_none().await?;
        relay.lead_to(vec![service.to_owned()]);
        Ok(relay)
    }

    /// One for each host of the URL, and the URL with the relays instead.
    pub async fn to_each(url: &str) -> anyhow::Result<(Vec<Self>, String)> {
        let hosts = authority(url)?;
        let mut relays = Vec::new();
        for host in hosts.split(',') {
            relays.push(Self::to(host).await?);
        }
        let addresses: Vec<&str> = relays.iter().map(|relay| relay.address.as_str()).collect();
        let instead = url.replacen(&hosts, &addresses.join(","), 1);
        Ok((relays, instead))
    }

    /// A relay whose service does not exist yet.
    pub async fn to_none() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("the relay")?;
        let address = listener.local_addr()?;
        let relay = Self {
            address: address.to_string(),
            state: Arc::new(watch::Sender::new(State::Open)),
            services: Arc::default(),
            last_words: Arc::default(),
            bytes_per_s: Arc::default(),
            generation: Arc::default(),
        };
        tokio::spawn(relay.clone().serve(address, listener));
        Ok(relay)
    }

    /// Sends new connections to these in turn from now on; one that does not accept is skipped.
    pub fn lead_to(&self, services: Vec<String>) {
        *self.services.lock().unwrap_or_else(PoisonError::into_inner) = services;
    }

    pub fn set(&self, state: State) {
        self.state.send_replace(state);
    }

    /// Stalls when a client has sent these bytes (in one piece, as small frames are): the service receives them, but its answer
    /// does not get through.
    pub fn stall_after(&self, words: &'static [u8]) {
        *self.last_words.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    }

    /// Lets clients send no more than this in a second, each; 0 ends that.
    pub fn slow_down(&self, bytes_per_s: u32) {
        self.bytes_per_s.store(bytes_per_s, Relaxed);
    }

    /// From now on the connections that there are carry nothing, and stay open.
    pub fn freeze(&self) {
        self.generation.fetch_add(1, Relaxed);
    }

    /// How long a client has to wait after so many bytes.
    fn pace(&self, bytes: usize) -> Duration {
        match self.bytes_per_s.load(Relaxed) {
            0 => Duration::ZERO,
            bytes_per_s => Duration::from_secs_f64(bytes as f64 / f64::from(bytes_per_s)),
        }
    }

    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    fn heard(&self, bytes: &[u8]) {
        let mut last = self.last_words.lock().unwrap_or_else(PoisonError::into_inner);
        if last.take_if(|words| bytes.windows(words.len()).any(|window| window == *words)).is_some() {
            self.set(State::Stalled);
        }
    }

    pub fn cut(&self) {
        self.set(State::Cut);
    }

    pub fn restore(&self) {
        self.set(State::Open);
    }

    /// The URL with its host and port replaced by the relay's.
    pub fn instead_of(&self, url: &str) -> anyhow::Result<String> {
        Ok(url.replacen(&authority(url)?, &self.address, 1))
    }

    async fn serve(self, address: SocketAddr, mut listener: TcpListener) -> io::Result<()> {
        let mut state = self.state.subscribe();
        loop {
            tokio::select! {
                client = listener.accept() => {
                    if let Ok((client, _)) = client {
                        tokio::spawn(self.clone().connection(client));
                    }
                    continue;
                }
                _ = state.wait_for(|state| *state == State::Refusing) => {}
            }
            drop(listener);
            // Bound but not listening: a connection is refused, and no other process can take the port.
            let port = TcpSocket::new_v4()?;
            port.set_reuseaddr(true)?;
            port.bind(address)?;
            let _ = state.wait_for(|state| *state != State::Refusing).await;
            listener = port.listen(BACKLOG)?;
        }
    }

    async fn connection(self, client: TcpStream) {
        let mut state = self.state.subscribe();
        tokio::select! {
            biased;
            _ = state.wait_for(|state| matches!(state, State::Cut | State::Refusing)) => {}
            _ = self.carry(client) => {}
        }
    }

    async fn carry(&self, client: TcpStream) -> io::Result<()> {
        let state = self.state.subscribe();
        let generation = self.generation.load(Relaxed);
        let frozen = || self.generation.load(Relaxed) != generation;
        flowing(&mut state.clone()).await;
        let server = self.connect().await?;
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let up = pump(from_client, to_server, state.clone(), frozen, |bytes| {
            self.heard(bytes);
            self.pace(bytes.len())
        });
        tokio::try_join!(up, pump(from_server, to_client, state, frozen, |_| Duration::ZERO)).map(drop)
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let mut failure = io::Error::from(io::ErrorKind::ConnectionRefused);
        let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !services.is_empty() {
            let turn = fastrand::usize(..services.len());
            services.rotate_left(turn);
        }
        for service in services {
            match TcpStream::connect(service).await {
                Ok(server) => return Ok(server),
                Err(e) => failure = e,
            }
        }
        Err(failure)
    }
}

async fn flowing(state: &mut watch::Receiver<State>) {
    let _ = state.wait_for(|state| *state != State::Stalled).await;
}

async fn pump(
    mut from: tcp::OwnedReadHalf,
    mut to: tcp::OwnedWriteHalf,
    mut state: watch::Receiver<State>,
    frozen: impl Fn() -> bool,
    heard: impl Fn(&[u8]) -> Duration,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes).await?;
        // This includes what was read before the stall was noticed.
        flowing(&mut state).await;
        if read == 0 {
            return to.shutdown().await;
        }
        if frozen() {
            continue;
        }
        let pause = heard(&bytes[..read]);
        if !pause.is_zero() {
            sleep(pause).await;
        }
        to.write_all(&bytes[..read]).await?;
    }
}

/// Host and port of a URL such as `amqp://user:password@host:port/path`.
pub fn authority(url: &str) -> anyhow::Result<String> {
    let rest = url.split_once("://").context("a URL")?.1;
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    Ok(authority.rsplit('@').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);
    const A_MOMENT: Duration = Duration::from_millis(200);

    /// A service that sends its name, then echoes what it receives.
    async fn echo(name: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = to.write_all(name.as_bytes()).await;
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        address
    }

    async fn hears(stream: &mut TcpStream, words: &str) {
        let mut heard = vec![0; words.len()];
        timeout(SOON, stream.read_exact(&mut heard)).await.expect("an answer").expect("no end");
        assert_eq!(heard, words.as_bytes());
    }

    async fn ends(stream: &mut TcpStream) {
        let end = timeout(SOON, stream.read(&mut [0; 8])).await.expect("an end");
        assert!(end.is_err() || end.is_ok_and(|read| read == 0));
    }

    #[tokio::test]
    async fn a_frozen_connection_stays_open_and_a_new_one_works() {
        let relay = Relay::to(&echo("a").await).await.unwrap();
        let mut before = TcpStream::connect(&relay.address).await.unwrap();
        hears(&mut before, "a").await;
        relay.freeze();
        before.write_all(b"one").await.unwrap();
        assert!(timeout(A_MOMENT, before.read(&mut [0; 8])).await.is_err(), "no answer and no end");
        hears(&mut TcpStream::connect(&relay.address).await.unwrap(), "a").await;
    }

    #[tokio::test]
    async fn a_stall_keeps_connections_and_loses_no_byte() {
        let relay = Relay::to(&echo("a").await).await.unwrap();
        let mut before = TcpStream::connect(&relay.address).await.unwrap();
        hears(&mut before, "a").await;
        relay.set(State::Stalled);
        before.write_all(b"one").await.unwrap();
        let mut during = TcpStream::connect(&relay.address).await.expect("new ones are taken");
        for stream in [&mut before, &mut during] {
            assert!(timeout(A_MOMENT, stream.read(&mut [0; 8])).await.is_err(), "nothing flows");
        }
        relay.restore();
        hears(&mut before, "one").await;
        hears(&mut during, "a").await;
    }

    #[tokio::test]
    async fn cut_and_refusing_end_connections_and_differ_in_how_new_ones_fare() {
        let relay = Relay::to(&echo("a").await).await.unwrap();
        for state in [State::Cut, State::Refusing, State::Cut, State::Refusing] {
            let mut before = TcpStream::connect(&relay.address).await.unwrap();
            hears(&mut before, "a").await;
            relay.set(state);
            ends(&mut before).await;
            // The listener needs a moment to close.
            sleep(A_MOMENT).await;
            match (TcpStream::connect(&relay.address).await, state) {
                (Ok(mut taken), State::Cut) => ends(&mut taken).await,
                (Err(e), State::Refusing) => assert_eq!(e.kind(), io::ErrorKind::ConnectionRefused),
                (connection, _) => panic!("{state:?}: {connection:?}"),
            }
            relay.restore();
            sleep(A_MOMENT).await;
        }
        hears(&mut TcpStream::connect(&relay.address).await.unwrap(), "a").await;
    }

    #[tokio::test]
    async fn of_several_instances_one_that_is_gone_is_passed_over() {
        let relay = Relay::to_none().await.unwrap();
        ends(&mut TcpStream::connect(&relay.address).await.unwrap()).await;
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
        relay.lead_to(vec![gone, echo("b").await]);
        for _ in 0..8 {
            hears(&mut TcpStream::connect(&relay.address).await.unwrap(), "b").await;
        }
    }
}
