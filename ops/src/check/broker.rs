//! RabbitMQ: reachable, its version, and whether the topology is there and consumed.

use base::{ids::Stage, settings::Settings};
use broker::topology::{self, Binding, Names, Purpose, Queue};
use futures_util::future::join_all;

use super::{
    Finding, Verdict,
    inspect::{self, Connection, Found, Trouble},
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
            Err(trouble) => troubled(&trouble),
        }
    })
    .await;
    let Some(connection) = open else {
        let rest = ["broker version", "exchanges, queues and bindings"];
        let rest = rest.map(|what| Verdict::not_checked("the broker cannot be used").of(what));
        return std::iter::once(found).chain(rest).collect();
    };
    let version =
        look("broker version", async { rules::broker_version(inspect::version(&settings.amqp_url).await.as_deref()) });
    let exchanges = topology::exchanges(&names);
    let exchanges = exchanges.iter().map(|exchange| {
        look(format!("exchange {}", exchange.name), async {
            match inspect::exchange(&connection, exchange).await {
                Ok(Found::There { .. }) => Verdict::ok("there"),
                Ok(fault) => at_fault(&fault),
                Err(trouble) => troubled(&trouble),
            }
        })
    });
    let bindings = topology::bindings(&names);
    let queues = topology::queues(&names);
    let queues = queues.iter().map(|queue| one_queue(&connection, queue, &bindings));
    let (version, exchanges, queues) = tokio::join!(version, join_all(exchanges), join_all(queues));
    let _ = connection.close(200, "done".into()).await;
    [found, version].into_iter().chain(exchanges).chain(queues.into_iter().flatten()).collect()
}

/// The queue, and for one that workers consume its bindings.
async fn one_queue(connection: &Connection, queue: &Queue, bindings: &[Binding]) -> Vec<Finding> {
    let mut consumed = false;
    let finding = look(format!("queue {}", queue.name), async {
        match inspect::queue(connection, queue).await {
            Ok(Found::There { messages, consumers }) => {
                consumed = consumers > 0;
                there(queue.purpose, messages, consumers)
            }
            Ok(fault) => at_fault(&fault),
            Err(trouble) => troubled(&trouble),
        }
    })
    .await;
    let Purpose::Work(_) = queue.purpose else { return vec![finding] };
    let what = format!("bindings of {}", queue.name);
    let of_queue = bindings.iter().filter(|binding| binding.queue == queue.name);
    let bound = if consumed {
        look(what, async {
            let kinds = of_queue.clone().count();
            match inspect::unbound(connection, of_queue).await {
                Ok(unbound) if unbound.is_empty() => Verdict::ok(format!("{kinds} kinds of event arrive")),
                Ok(unbound) => {
                    let kinds: Vec<_> = unbound.into_iter().collect();
                    Verdict::failed(format!("these do not arrive: {}", kinds.join(", ")), DECLARE)
                }
                Err(trouble) => troubled(&trouble),
            }
        })
        .await
    } else {
        Verdict::not_checked("nobody consumes the queue").of(what)
    };
    vec![finding, bound]
}

fn there(purpose: Purpose, messages: u32, consumers: u32) -> Verdict {
    let counts = format!("{messages} messages, {consumers} consumers");
    match purpose {
        Purpose::Work(stage) if consumers == 0 => {
            let worker = if stage == Stage::Cards { "resolver" } else { stage.as_str() };
            Verdict::failed(
                format!("{counts}: nobody works on it"),
                format!("start {worker}; if it runs, its /readyz says what it waits for"),
            )
        }
        Purpose::Dead(stage) if messages > 0 => Verdict::warning(
            format!("{messages} messages are parked"),
            format!("`callbridge dead list --stage {}` tells why, and docs/errors.md what to do", stage.as_str()),
        ),
        Purpose::Work(_) => Verdict::ok(counts),
        Purpose::Dead(_) => Verdict::ok("nothing is parked"),
        Purpose::Delay => Verdict::ok(format!("{messages} messages wait")),
    }
}

fn at_fault(fault: &Found) -> Verdict {
    match fault {
        Found::Differs => Verdict::failed(
            "it is there with other arguments than Callbridge needs, so no worker can consume or publish",
            "stop the workers, let the queue run empty, delete it (rabbitmqctl delete_queue), start them again: they \
             declare it anew; or choose another AMQP_NAMESPACE",
        ),
        Found::Missing | Found::There { .. } => Verdict::failed("it is not there", DECLARE),
    }
}

fn troubled(trouble: &Trouble) -> Verdict {
    match trouble {
        Trouble::Refused => Verdict::failed(
            "RabbitMQ refuses this user",
            "set user and password in AMQP_URL right, and give the user its rights (rabbitmqctl set_permissions); \
             guest may log in from the same machine only",
        ),
        Trouble::NoVirtualHost => Verdict::failed(
            "there is no such virtual host, or this user may not use it",
            "create it (rabbitmqctl add_vhost), or set the last part of AMQP_URL right: /%2f is the usual one",
        ),
        Trouble::Unreachable(problem) => Verdict::failed(
            format!("it cannot be reached: {problem}"),
            "start RabbitMQ, or set host and port in AMQP_URL right (amqps:// for TLS)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::State;

    #[test]
    fn judges_queues_by_what_they_are_for() {
        let (work, dead) = (Purpose::Work(Stage::Cards), Purpose::Dead(Stage::Logger));
        for (purpose, messages, consumers, state, cure) in [
            (work, 3, 2, State::Ok, ""),
            (work, 0, 0, State::Failed, "start resolver"),
            (dead, 0, 0, State::Ok, ""),
            (dead, 2, 0, State::Warning, "dead list --stage logger"),
            (Purpose::Delay, 7, 0, State::Ok, ""),
        ] {
            let verdict = there(purpose, messages, consumers);
            assert_eq!(verdict.state, state, "{purpose:?}");
            assert!(verdict.cure.unwrap_or_default().contains(cure), "{purpose:?}");
        }
    }
}
