//! RabbitMQ: whether it is reachable, its version, and whether the topology exists and is consumed.

use base::{ids::Stage, settings::Settings};
use broker::topology::{self, Binding, Names, Purpose, Queue};
use futures_util::future::join_all;

use super::{
    Finding, Verdict,
    inspect::{self, Connection, Found, Problem},
    look, rules,
};

const DECLARE: &str = "start any worker: all of them declare every exchange, queue and binding";

pub(super) async fn findings(settings: &Settings) -> Vec<Finding> {
    let names = Names::new(settings.amqp_namespace.clone());
    let mut open = None;
    let found = look("broker", async {
        match inspect::connect(&settings.amqp_url).await {
            Ok(connection) => {
                open = Some(connection);
                Verdict::ok("connected")
            }
            Err(problem) => problem_verdict(&problem),
        }
    })
    .await;
    let Some(connection) = open else {
        let rest = ["broker version", "exchanges, queues and bindings"];
        let rest = rest.map(|what| Verdict::not_checked("the broker cannot be used").about(what));
        return std::iter::once(found).chain(rest).collect();
    };
    let version =
        look("broker version", async { rules::broker_version(inspect::version(&settings.amqp_url).await.as_deref()) });
    let exchanges = topology::exchanges(&names);
    let exchanges = exchanges.iter().map(|exchange| {
        look(format!("exchange {}", exchange.name), async {
            match inspect::exchange(&connection, exchange).await {
                Ok(Found::Present { .. }) => Verdict::ok("present"),
                Ok(fault) => fault_verdict(&fault),
                Err(problem) => problem_verdict(&problem),
            }
        })
    });
    let mut bindings = topology::bindings(&names);
    if settings.rules.have_followups() {
        bindings.extend(topology::optional_bindings(&names));
    }
    let queues = topology::queues(&names);
    // Without a rule that asks for it, nothing is routed to the queue of follow-ups.
    let is_needed = |queue: &Queue| queue.purpose != Purpose::Work(Stage::Followups) || settings.rules.have_followups();
    let queues = queues.iter().map(|queue| check_queue(&connection, queue, &bindings, is_needed(queue)));
    let (version, exchanges, queues) = tokio::join!(version, join_all(exchanges), join_all(queues));
    let _ = connection.close(200, "done".into()).await;
    [found, version].into_iter().chain(exchanges).chain(queues.into_iter().flatten()).collect()
}

/// Checks a queue, and the bindings of a work queue.
async fn check_queue(connection: &Connection, queue: &Queue, bindings: &[Binding], is_needed: bool) -> Vec<Finding> {
    let mut consumed = false;
    let finding = look(format!("queue {}", queue.name), async {
        match inspect::queue(connection, queue).await {
            Ok(Found::Present { messages, consumers }) => {
                consumed = consumers > 0;
                queue_verdict(queue.purpose, messages, consumers, is_needed)
            }
            Ok(fault) => fault_verdict(&fault),
            Err(problem) => problem_verdict(&problem),
        }
    })
    .await;
    let Purpose::Work(_) = queue.purpose else { return vec![finding] };
    let what = format!("bindings of {}", queue.name);
    let of_queue = bindings.iter().filter(|binding| binding.queue == queue.name);
    // Workers pass messages on to some queues, to which nothing is routed.
    if !is_needed || of_queue.clone().next().is_none() {
        return vec![finding];
    }
    let bound = if consumed {
        look(what, async {
            let kinds = of_queue.clone().count();
            match inspect::unbound(connection, of_queue).await {
                Ok(unbound) if unbound.is_empty() => Verdict::ok(format!("{kinds} kinds of event are routed to it")),
                Ok(unbound) => {
                    let kinds: Vec<_> = unbound.into_iter().collect();
                    Verdict::failed(format!("these kinds of event are not routed to it: {}", kinds.join(", ")), DECLARE)
                }
                Err(problem) => problem_verdict(&problem),
            }
        })
        .await
    } else {
        Verdict::not_checked("the queue has no consumer").about(what)
    };
    vec![finding, bound]
}

fn queue_verdict(purpose: Purpose, messages: u32, consumers: u32, is_needed: bool) -> Verdict {
    let counts = format!("{messages} messages, {consumers} consumers");
    match purpose {
        Purpose::Work(_) if !is_needed && messages == 0 => Verdict::ok(format!("{counts}: no rule in RULES needs it")),
        Purpose::Work(stage) if consumers == 0 => Verdict::failed(
            format!("{counts}: no worker consumes it"),
            format!("start {}; if it is running, its /readyz says what it waits for", stage.worker()),
        ),
        Purpose::Dead(stage) if messages > 0 => Verdict::warning(
            format!("{messages} dead letters"),
            format!("`callbridge dead list --stage {}` says why, and docs/errors.md what to do", stage.as_str()),
        ),
        Purpose::Work(_) => Verdict::ok(counts),
        Purpose::Dead(_) => Verdict::ok("no dead letters"),
        Purpose::Delay => Verdict::ok(format!("{messages} messages waiting")),
        Purpose::Checked => Verdict::ok(format!("{messages} checks have come back")),
    }
}

fn fault_verdict(fault: &Found) -> Verdict {
    match fault {
        Found::OtherArguments => Verdict::failed(
            "it exists with other arguments than Callbridge needs, so no worker can consume or publish",
            "stop the workers, let the queue run empty, delete it (rabbitmqctl delete_queue), and start them again: they \
             declare it again; or choose another AMQP_NAMESPACE",
        ),
        Found::Missing | Found::Present { .. } => Verdict::failed("it does not exist", DECLARE),
    }
}

fn problem_verdict(problem: &Problem) -> Verdict {
    match problem {
        Problem::Refused => Verdict::failed(
            "RabbitMQ refuses this user",
            "correct user and password in AMQP_URL, and give the user permissions (rabbitmqctl set_permissions); \
             guest can only log in from the same machine",
        ),
        Problem::NoVirtualHost => Verdict::failed(
            "there is no such virtual host, or this user may not use it",
            "create it (rabbitmqctl add_vhost), or correct the last part of AMQP_URL: /%2f is the default",
        ),
        Problem::Unreachable(reason) => Verdict::failed(
            format!("it cannot be reached: {reason}"),
            "start RabbitMQ, or correct host and port in AMQP_URL (amqps:// for TLS)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;

    #[test]
    fn judges_queues_by_their_purpose() {
        let (work, dead) = (Purpose::Work(Stage::Cards), Purpose::Dead(Stage::Logger));
        let followups = Purpose::Work(Stage::Followups);
        for (purpose, messages, consumers, is_needed, state, cure) in [
            (work, 3, 2, true, State::Ok, ""),
            (work, 0, 0, true, State::Failed, "start resolver"),
            (followups, 0, 0, false, State::Ok, ""),
            (followups, 0, 0, true, State::Failed, "start followups"),
            // It was used, and its worker was removed: it would grow without end.
            (followups, 9, 0, false, State::Failed, "start followups"),
            (dead, 0, 0, true, State::Ok, ""),
            (dead, 2, 0, true, State::Warning, "dead list --stage logger"),
            (Purpose::Delay, 7, 0, true, State::Ok, ""),
        ] {
            let verdict = queue_verdict(purpose, messages, consumers, is_needed);
            assert_eq!(verdict.state, state, "{purpose:?}");
            assert!(verdict.cure.unwrap_or_default().contains(cure), "{purpose:?}");
        }
    }
}
