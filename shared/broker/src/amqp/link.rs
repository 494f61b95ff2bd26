//! One supervised connection to the broker.
//!
//! A task connects, publishes the connection through a watch channel, notices when it is lost (an event from lapin or
//! the status watchdog, whichever comes first) and reconnects, for ever. So no task waits inside lapin for a connection
//! that will never come back.

use std::{
    io,
    net::Shutdown,
    os::fd::{AsFd, OwnedFd},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base::{health::Condition, settings::each_host, tls};
use futures_util::StreamExt;
use lapin::{
    AsyncTcpStream, Connection, ConnectionProperties, Event,
    tcp::{AMQPUriTcpExt, OwnedTLSConfig},
    uri::AMQPUri,
};
use secrecy::{ExposeSecret, SecretString};
use socket2::{SockRef, TcpKeepalive};
use tokio::{net::TcpStream, sync::watch, time};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For TCP and TLS. Shorter, so that whatever is open when the time is up can be shut down.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// In bytes. Most of our messages fit into one frame; longer ones are split. lapin allocates two ring buffers of 32 frames
/// for each connection, which with the broker's default of 128 kB would be 8 MB in constant use.
const FRAME_MAX: u32 = 16 * 1024;
/// What an alarm of the broker looks like from here: it takes no messages on connections that have published one.
const BLOCKED: &str = "the broker takes no messages now: it is short of memory or disk";
/// Half-open connections are noticed after two missed heartbeats.
const HEARTBEAT_S: u16 = 10;
/// For a peer that is gone while nothing is being sent. As for the database.
const KEEPALIVE: Duration = Duration::from_secs(10);
const WATCHDOG: Duration = Duration::from_millis(250);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub struct Link {
    current: watch::Receiver<Option<Arc<Connection>>>,
}

impl Link {
    /// Starts to connect and returns at once. RabbitMQ's management page shows `name`.
    pub fn start(url: &SecretString, name: String, condition: Condition, shutdown: CancellationToken) -> Self {
        let (announce, current) = watch::channel(None);
        tokio::spawn(supervise(url.clone(), name, condition, announce, shutdown));
        Self { current }
    }

    /// The connection, if it is up right now.
    pub fn current(&self) -> Option<Arc<Connection>> {
        self.current.borrow().clone().filter(|c| c.status().connected())
    }

    /// The same, to publish on; or why there is none.
    pub fn open(&self) -> Result<Arc<Connection>, &'static str> {
        let connection = self.current().ok_or("there is no connection")?;
        if connection.status().blocked() { Err(BLOCKED) } else { Ok(connection) }
    }

    /// Waits until there is a connection. `None` if the supervisor has ended, i.e. at shutdown.
    pub async fn connected(&self) -> Option<Arc<Connection>> {
        let mut current = self.current.clone();
        loop {
            if let Some(connection) = current.borrow_and_update().clone().filter(|c| c.status().connected()) {
                return Some(connection);
            }
            current.changed().await.ok()?;
        }
    }

    /// Waits for the answer to a request on `connection`. If none comes within `patience`, closes the connection.
    ///
    /// To give up only the request would not be enough: the broker may still carry it out. If a `ConsumeOk` comes too late, there
    /// is a consumer that nobody reads, and it holds as many messages as its prefetch while the connection lives.
    pub async fn request<T>(
        connection: &Arc<Connection>,
        patience: Duration,
        request: impl Future<Output = Result<T, lapin::Error>>,
    ) -> Result<T, lapin::Error> {
        if let Ok(answer) = time::timeout(patience, request).await {
            return answer;
        }
        // Neither this nor a close would be read before the alarm is over, and another connection would be blocked as soon. Each of them would stay, with
        // a thread. What is carried out then is a channel of a publisher, which consumes nothing.
        if connection.status().blocked() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, BLOCKED).into());
        }
        let unanswered = connection.clone();
        // The watchdog notices the close. If the broker does not answer this either, it frees everything after missed heartbeats.
        tokio::spawn(async move { unanswered.close(320, "no answer in time".into()).await });
        Err(io::Error::new(io::ErrorKind::TimedOut, "the broker does not answer").into())
    }

    /// Returns when `connection` is no longer the current one.
    pub async fn lost(&self, connection: &Arc<Connection>) {
        let mut current = self.current.clone();
        let same = |c: &Option<Arc<Connection>>| c.as_ref().is_some_and(|c| Arc::ptr_eq(c, connection));
        let _ = current.wait_for(|c| !same(c)).await;
    }
}

async fn supervise(
    url: SecretString,
    name: String,
    condition: Condition,
    announce: watch::Sender<Option<Arc<Connection>>>,
    shutdown: CancellationToken,
) {
    let mut pause = FIRST_PAUSE;
    let mut warned = false;
    let hosts = each_host(url.expose_secret());
    // Links begin with different nodes of a cluster, and go on with the next one.
    let mut turn = usize::from(Uuid::now_v7().as_bytes()[15]);
    loop {
        let host = &hosts[turn % hosts.len()];
        turn = turn.wrapping_add(1);
        let socket = Socket::default();
        let attempt = tokio::select! {
            () = shutdown.cancelled() => return,
            attempt = time::timeout(CONNECT_TIMEOUT, connect(host, &name, &socket)) => attempt,
        };
        socket.release(matches!(attempt, Ok(Ok(_))));
        let problem = match attempt {
            Ok(Ok(connection)) => {
                (pause, warned) = (FIRST_PAUSE, false);
                tracing::info!(link = name, "The broker is connected.");
                let connection = Arc::new(connection);
                announce.send_replace(Some(connection.clone()));
                condition.met();
                let problem = tokio::select! {
                    () = shutdown.cancelled() => {
                        // The users of the link have finished by now: close cleanly, but do not wait for ever.
                        let _ = time::timeout(Duration::from_secs(1), connection.close(200, "shutdown".into())).await;
                        return;
                    }
                    problem = broken(&connection, &condition) => problem,
                };
                announce.send_replace(None);
                problem
            }
            Ok(Err(e)) => tls::explain(e.to_string()),
            Err(_) => format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()),
        };
        condition.unmet(format!("the broker cannot be reached: {problem}"));
        if !warned {
            tracing::warn!(link = name, error = problem, "The broker is unavailable; waiting for it to come back.");
            warned = true;
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}

async fn connect(url: &str, name: &str, socket: &Socket) -> Result<Connection, lapin::Error> {
    let mut uri: AMQPUri = url.parse().map_err(|e: String| {
        // The parser's message may quote the URL, and the URL holds the password.
        let _ = e;
        io::Error::new(io::ErrorKind::InvalidInput, "AMQP_URL is not a valid amqp(s):// URL")
    })?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT_S);
    uri.query.frame_max.get_or_insert(FRAME_MAX);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let socket = socket.clone();
    let runtime = lapin::runtime::default_runtime()?;
    Connection::connector(
        uri,
        runtime,
        async move |uri: AMQPUri, runtime| {
            let config = OwnedTLSConfig::default();
            let stream = uri.connect_with_config_async(config.as_ref(), &runtime);
            let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "the connection could not be opened in time");
            let stream = time::timeout(OPEN_TIMEOUT, stream).await.map_err(silent)??;
            socket.keep(match &stream {
                AsyncTcpStream::Plain(stream) => stream.get_ref(),
                AsyncTcpStream::Rustls(stream) => stream.get_ref().0.get_ref(),
                _ => return Err(io::Error::other("a connection of an unknown kind").into()),
            })?;
            Ok(stream)
        },
        properties,
    )
    .await
}

/// The socket of the connection that lapin is opening. lapin has a thread for each, which waits for the broker's first frames for ever, and ends
/// when the socket is shut down.
#[derive(Clone, Default)]
struct Socket(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    socket: Option<OwnedFd>,
    /// Nobody waits for the connection any more, or it is in use: lapin may not open another one.
    is_released: bool,
}

impl Socket {
    fn keep(&self, stream: &TcpStream) -> io::Result<()> {
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
        SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_released {
            return Err(io::Error::other("the connection is not waited for any more"));
        }
        kept.socket = Some(stream.as_fd().try_clone_to_owned()?);
        Ok(())
    }

    /// Of a connection that is not used it ends the thread.
    fn release(&self, is_used: bool) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.is_released = true;
        if let Some(socket) = kept.socket.take().filter(|_| !is_used) {
            let _ = SockRef::from(&socket).shutdown(Shutdown::Both);
        }
    }
}

/// Waits until the connection is unusable; returns the reason. Meanwhile the condition says whether the broker takes messages.
async fn broken(connection: &Connection, condition: &Condition) -> String {
    let mut events = std::pin::pin!(connection.events_listener());
    let mut watchdog = time::interval(WATCHDOG);
    loop {
        tokio::select! {
            event = events.next() => match event {
                // Errors of one channel, such as a missing queue, also arrive here.
                Some(Event::Error(e)) if !connection.status().connected() => return e.to_string(),
                Some(Event::ConnectionBlocked(reason)) => {
                    condition.unmet(BLOCKED.into());
                    tracing::warn!(reason, "The broker has blocked publishing (a memory or disk alarm).");
                }
                Some(Event::ConnectionUnblocked) => {
                    condition.met();
                    tracing::info!("The broker accepts publishes again.");
                }
                Some(_) => {}
                None => return "the connection was closed".into(),
            },
            _ = watchdog.tick() => {
                if !connection.status().connected() {
                    return "the connection was closed".into();
                }
            }
        }
    }
}
