//! W3C trace context: one call is one trace across all workers.
//!
//! `ingest` starts a trace for every webhook, each stage goes on with a new span id. The header is
//! `traceparent: 00-<32 hex trace id>-<16 hex span id>-01`, as <https://www.w3.org/TR/trace-context/> has it.

use std::{fmt, str::FromStr};
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent {
    trace: u128,
    span: u64,
}

impl Traceparent {
    pub fn start() -> Self {
        Self { trace: Uuid::now_v7().as_u128(), span: new_span() }
    }

    /// The same trace, one step on.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: new_span(), ..self }
    }

    /// 32 hex digits, for log fields and dead letters.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }
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
            (Ok(trace), Ok(span)) if trace != 0 && span != 0 => Ok(Self { trace, span }),
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
        assert_eq!(t.to_string().parse(), Ok(t));
        assert_eq!(t.child().trace_id(), t.trace_id());
        assert_ne!(t.child(), t);
        for bad in ["", "00-0-0-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "hello"] {
            assert_eq!(bad.parse::<Traceparent>(), Err(()), "{bad}");
        }
    }
}
