//! W3C trace context: one call is one trace across all workers.
//!
//! Each stage continues the trace with a new span id. Work that belongs to no call starts a new trace. The header is
//! `traceparent: 00-<32 hex trace id>-<16 hex span id>-01`, see <https://www.w3.org/TR/trace-context/>.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use crate::ids::CallId;

tokio::task_local! {
    /// The trace of the message that is being handled; requests to an API are steps of it.
    static CURRENT: Traceparent;
}

#[derive(Clone, Copy, Debug)]
pub struct Traceparent {
    trace: u128,
    span: u64,
    /// The span id of the step before; 0 for the first.
    parent: u64,
}

impl Traceparent {
    /// Evenly spread, as a sampler expects that keeps a share of the traces by their ids.
    pub fn start() -> Self {
        Self { trace: digest_of(Uuid::now_v7().as_bytes()), span: new_span(), parent: 0 }
    }

    /// A trace whose id is derived from the call's id, so that all work on a call has one trace, whichever webhook starts it.
    pub fn for_call(call_id: CallId) -> Self {
        if call_id == CallId::NONE {
            return Self::start();
        }
        let trace = digest_of(format!("callbridge call {call_id}").as_bytes());
        Self { trace, span: new_span(), parent: 0 }
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: new_span(), parent: self.span, ..self }
    }

    /// 32 hex digits, for log fields and dead letters.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The ids of the trace, of this span and of the span before.
    pub fn ids(self) -> (u128, u64, u64) {
        (self.trace, self.span, self.parent)
    }
}

/// Runs `work`; requests that it sends are steps of `trace`.
pub async fn within<F: Future>(trace: Traceparent, work: F) -> F::Output {
    CURRENT.scope(trace, work).await
}

pub fn current() -> Option<Traceparent> {
    CURRENT.try_get().ok()
}

fn digest_of(bytes: &[u8]) -> u128 {
    let digest = blake3::hash(bytes);
    digest.as_bytes().iter().take(16).fold(0, |trace: u128, byte| trace << 8 | u128::from(*byte))
}

fn new_span() -> u64 {
    // The low half of a v7 UUID is random; zero is not a valid span id.
    (Uuid::now_v7().as_u64_pair().1).max(1)
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.trace, self.span)
    }
}

impl FromStr for Traceparent {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        let mut parts = s.split('-');
        let (_version, trace, span) = (parts.next(), parts.next(), parts.next());
        let (Some(trace), Some(span)) = (trace, span) else { return Err(()) };
        if trace.len() != 32 || span.len() != 16 {
            return Err(());
        }
        match (u128::from_str_radix(trace, 16), u64::from_str_radix(span, 16)) {
            (Ok(trace), Ok(span)) if trace != 0 && span != 0 => Ok(Self { trace, span, parent: 0 }),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_the_rest() {
        let t = Traceparent::start();
        let read: Traceparent = t.to_string().parse().unwrap();
        assert_eq!(read.ids(), t.ids());
        let child = t.child();
        assert_eq!((child.trace_id(), child.ids().2), (t.trace_id(), t.ids().1));
        assert_ne!(child.ids().1, t.ids().1);
        for bad in ["", "00-0-0-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "hello"] {
            assert!(bad.parse::<Traceparent>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sampler_keeps_its_share_of_what_belongs_to_no_call() {
        // As OpenTelemetry's decides: by the lower half, without its lowest bit.
        let is_kept = |trace: u128| ((trace as u64) >> 1) < (1 << 63) / 4;
        let kept = (0..2000).filter(|_| is_kept(Traceparent::start().ids().0)).count();
        assert!((400..600).contains(&kept), "a quarter of 2000 is not {kept}");
    }

    #[test]
    fn a_call_has_one_trace_and_work_without_a_call_shares_none() {
        let [one, again, other] = [7, 7, 8].map(|id| Traceparent::for_call(CallId(id)));
        assert_eq!(one.trace_id(), again.trace_id());
        assert_ne!(one.ids().1, again.ids().1);
        assert_ne!(one.trace_id(), other.trace_id());
        assert_ne!(Traceparent::for_call(CallId::NONE).trace_id(), Traceparent::for_call(CallId::NONE).trace_id());
    }
}
