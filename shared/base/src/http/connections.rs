//! The open connections of the HTTP server: what each waits for, which are overdue, and which one gives way to a new one.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    task::AbortHandle,
};

use super::{HEAD_TIMEOUT, IDLE_TIMEOUT, MOST_CONNECTIONS};

/// What happens next on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The client sends the head of a request, or should.
    Head,
    /// The client sends a body.
    Body,
    /// We answer.
    Answer,
    /// The client may send another request.
    Idle,
}

impl Phase {
    /// Whether the client has taken too long. The routes limit how long a body may take.
    fn is_overdue(self, waited: Duration) -> bool {
        match self {
            Phase::Head => waited > HEAD_TIMEOUT,
            Phase::Idle => waited > IDLE_TIMEOUT,
            Phase::Body | Phase::Answer => false,
        }
    }
}

/// The phase of a connection, and since when it is in it.
#[derive(Clone, Debug)]
pub(super) struct Progress(Arc<Mutex<(Phase, Instant)>>);

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Mutex::new((Phase::Head, Instant::now()))))
    }
}

impl Progress {
    pub(super) fn enter(&self, phase: Phase) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (phase, Instant::now());
    }

    fn now(&self) -> (Phase, Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes have come: after a pause, they begin the next head.
    fn received(&self) {
        if self.now().0 == Phase::Idle {
            self.enter(Phase::Head);
        }
    }
}

/// All of them, oldest first.
#[derive(Default)]
pub(super) struct Connections(Vec<Connection>);

struct Connection {
    task: AbortHandle,
    progress: Progress,
}

impl Connections {
    pub(super) fn add(&mut self, task: AbortHandle, progress: Progress) {
        self.0.push(Connection { task, progress });
    }

    /// Closes the connections whose client has taken too long.
    pub(super) fn end_overdue(&mut self) {
        for connection in &self.0 {
            let (phase, since) = connection.progress.now();
            if phase.is_overdue(since.elapsed()) {
                connection.task.abort();
            }
        }
        self.0.retain(|connection| !connection.task.is_finished());
    }

    /// If there are too many, closes the one whose client has kept us waiting longest; false if we are to answer all of them.
    ///
    /// A proper client sends head and body at once, so it has never waited long.
    pub(super) fn make_room(&mut self) -> bool {
        self.0.retain(|connection| !connection.task.is_finished());
        if self.0.len() < MOST_CONNECTIONS {
            return true;
        }
        let phases = self.0.iter().map(|connection| connection.progress.now());
        let Some(slowest) = slowest(phases) else { return false };
        self.0.remove(slowest).task.abort();
        true
    }
}

/// Which of them has waited longest for its client.
fn slowest(phases: impl Iterator<Item = (Phase, Instant)>) -> Option<usize> {
    let waiting = phases.enumerate().filter(|(_, (phase, _))| *phase != Phase::Answer);
    waiting.min_by_key(|(_, (_, since))| *since).map(|(index, _)| index)
}

/// A socket that notes when bytes come.
pub(super) struct Watched {
    stream: TcpStream,
    progress: Progress,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, progress: Progress) -> Self {
        Self { stream, progress }
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.progress.received();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// A body that notes when it has come as a whole.
pub(super) struct Arriving {
    body: Incoming,
    progress: Progress,
}

impl Arriving {
    pub(super) fn new(body: Incoming, progress: Progress) -> Self {
        Self { body, progress }
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || frame.is_ready() && self.body.is_end_stream() {
            self.progress.enter(Phase::Answer);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_that_we_have_waited_for_longest_gives_way() {
        use Phase::{Answer, Body, Head, Idle};
        let start = Instant::now();
        for (what, phases, expected) in [
            ("nobody", &[][..], None),
            ("all are answered", &[(Answer, 0), (Answer, 1)], None),
            ("an old slow body before a new connection", &[(Answer, 0), (Body, 1), (Head, 2)], Some(1)),
            ("an idle one that has waited longer", &[(Body, 3), (Idle, 1), (Head, 2)], Some(1)),
            ("the next head on a kept connection is new", &[(Head, 9), (Body, 8), (Head, 7)], Some(2)),
        ] {
            let phases = phases.iter().map(|(phase, s)| (*phase, start + Duration::from_secs(*s)));
            assert_eq!(slowest(phases), expected, "{what}");
        }
    }

    #[test]
    fn a_head_has_seconds_and_a_pause_is_longer_than_that_of_proxies() {
        for (phase, waited_s, overdue) in [
            (Phase::Head, 4, false),
            (Phase::Head, 6, true),
            (Phase::Idle, 61, false),
            (Phase::Idle, 76, false),
            (Phase::Idle, 121, false),
            (Phase::Idle, 181, true),
            (Phase::Body, 999, false),
            (Phase::Answer, 999, false),
        ] {
            assert_eq!(phase.is_overdue(Duration::from_secs(waited_s)), overdue, "{phase:?} for {waited_s} s");
        }
    }

    #[test]
    fn the_first_byte_after_a_pause_begins_a_head_and_no_further_byte_extends_its_time() {
        let progress = Progress::default();
        let accepted = progress.now();
        progress.received();
        assert_eq!(progress.now(), accepted, "a connection's first head counts from its beginning");
        for phase in [Phase::Body, Phase::Answer] {
            progress.enter(phase);
            progress.received();
            assert_eq!(progress.now().0, phase);
        }
        progress.enter(Phase::Idle);
        progress.received();
        let head = progress.now();
        assert_eq!(head.0, Phase::Head);
        progress.received();
        assert_eq!(progress.now(), head);
    }
}
