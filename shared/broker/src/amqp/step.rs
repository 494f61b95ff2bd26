//! The span of a handled message in its call's trace, and the age of the message. Attributes follow OpenTelemetry's conventions for
//! messaging; its name does not (`process callbridge.logger`), because which fact it was is what one looks for in a trace.

use base::{
    error::Result,
    ids::Stage,
    telemetry::spans::{Span, SpanKind},
};

use super::{handler::Outcome, message::Incoming};
use crate::topology::Names;

pub(super) fn begin_span(stage: Stage, names: &Names, incoming: &Incoming) -> Span {
    let event = &incoming.event;
    if !incoming.seen_before {
        metrics::histogram!("callbridge_message_age_seconds", "stage" => stage.as_str())
            .record(event.age().as_secs_f64());
    }
    let mut step = Span::begin(SpanKind::Consumer, || format!("{} {}", stage.as_str(), event.kind), incoming.trace);
    step.set("messaging.system", "rabbitmq");
    step.set("messaging.operation.name", "process");
    step.set("messaging.operation.type", "process");
    step.set("messaging.destination.name", names.work(stage));
    step.set("messaging.rabbitmq.destination.routing_key", incoming.routing_key.clone());
    step.set("messaging.message.id", event.id.to_string());
    step.set("messaging.message.body.size", i64::try_from(incoming.bytes).unwrap_or(i64::MAX));
    step.set("callbridge.call_id", event.call_id.0);
    step.set("callbridge.attempts", i64::from(incoming.attempts));
    step
}

/// `None` is a message that was not handled because of shutdown.
pub(super) fn end_span(mut step: Span, result: Option<&Result<Outcome>>) {
    match result {
        None => step.set("callbridge.outcome", "shutdown"),
        Some(Ok(Outcome::Done)) => step.set("callbridge.outcome", "done"),
        Some(Ok(Outcome::Skip(_))) => step.set("callbridge.outcome", "skipped"),
        Some(Ok(Outcome::Later(_))) => step.set("callbridge.outcome", "put_off"),
        Some(Ok(Outcome::PassOn(_))) => step.set("callbridge.outcome", "passed_on"),
        Some(Err(e)) => step.fail(e.code.as_str()),
    }
}
