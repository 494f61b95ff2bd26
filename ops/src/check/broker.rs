//! RabbitMQ: whether it is reachable, its version, and whether the topology exists and is consumed.

use base::{ids::Stage, settings::Settings};
use broker::topology::{self, Binding, Names, Purpose, Queue};
use futures_util::future::join_all;

use super::{
    Finding, Verdict,
    inspect::{self, Connection, Found, Problem},
    look, rules,
    said::{name, quoted},
    texts,
};

pub(super) async fn findings(settings: &Settings) -> Vec<Finding> {
    let names = Names::new(settings.amqp_namespace.clone());
    let mut open = None;
    let found = look(texts::BROKER, async {
        match inspect::connect(&settings.amqp_url).await {
            Ok(connection) => {
                open = Some(connection);
                Verdict::ok(texts::CONNECTED)
            }
            Err(problem) => problem_verdict(&problem),
        }
    })
    .await;
    let Some(connection) = open else {
        let rest = [texts::BROKER_VERSION, texts::TOPOLOGY];
        let rest = rest.map(|what| Verdict::not_checked(texts::BROKER_SILENT).about(what));
        return std::iter::once(found).chain(rest).collect();
    };
    let version = look(texts::BROKER_VERSION, async {
        rules::broker_version(inspect::version(&settings.amqp_url).await.as_deref())
    });
    let exchanges = topology::exchanges(&names);
    let exchanges = exchanges.iter().map(|exchange| {
        look(texts::EXCHANGE.with([name(&exchange.name)]), async {
            match inspect::exchange(&connection, exchange).await {
                Ok(Found::Present { .. }) => Verdict::ok(texts::PRESENT),
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
    let finding = look(texts::QUEUE.with([name(&queue.name)]), async {
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
    let what = texts::BINDINGS.with([name(&queue.name)]);
    let of_queue = bindings.iter().filter(|binding| binding.queue == queue.name);
    // Workers pass messages on to some queues, to which nothing is routed.
    if !is_needed || of_queue.clone().next().is_none() {
        return vec![finding];
    }
    let bound = if consumed {
        look(what, async {
            let kinds = of_queue.clone().count();
            match inspect::unbound(connection, of_queue).await {
                Ok(unbound) if unbound.is_empty() => Verdict::ok(texts::ROUTED.with([name(kinds)])),
                Ok(unbound) => {
                    let kinds: Vec<_> = unbound.into_iter().collect();
                    Verdict::failed(texts::NOT_ROUTED.with([name(kinds.join(", "))]), texts::DECLARE)
                }
                Err(problem) => problem_verdict(&problem),
            }
        })
        .await
    } else {
        Verdict::not_checked(texts::NO_CONSUMER).about(what)
    };
    vec![finding, bound]
}

fn queue_verdict(purpose: Purpose, messages: u32, consumers: u32, is_needed: bool) -> Verdict {
    let counts = [name(messages), name(consumers)];
    match purpose {
        Purpose::Work(_) if !is_needed && messages == 0 => Verdict::ok(texts::NO_RULE_NEEDS_IT.with(counts)),
        Purpose::Work(stage) if consumers == 0 => {
            Verdict::failed(texts::NOT_CONSUMED.with(counts), texts::NOT_CONSUMED_CURE.with([name(stage.worker())]))
        }
        Purpose::Dead(stage) if messages > 0 => Verdict::warning(
            if messages == 1 { texts::ONE_DEAD_LETTER.into() } else { texts::DEAD_LETTERS.with([name(messages)]) },
            texts::DEAD_LETTERS_CURE.with([name(stage.as_str())]),
        ),
        Purpose::Work(_) => Verdict::ok(texts::COUNTS.with(counts)),
        Purpose::Dead(_) => Verdict::ok(texts::NO_DEAD_LETTERS),
        Purpose::Delay => Verdict::ok(texts::DELAYED.with([name(messages)])),
        Purpose::Checked => Verdict::ok(texts::CHECKS_CAME_BACK.with([name(messages)])),
    }
}

fn fault_verdict(fault: &Found) -> Verdict {
    match fault {
        Found::OtherArguments => Verdict::failed(texts::OTHER_ARGUMENTS, texts::OTHER_ARGUMENTS_CURE),
        Found::Missing | Found::Present { .. } => Verdict::failed(texts::DOES_NOT_EXIST, texts::DECLARE),
    }
}

fn problem_verdict(problem: &Problem) -> Verdict {
    match problem {
        Problem::Refused => Verdict::failed(texts::BROKER_REFUSES, texts::BROKER_REFUSES_CURE),
        Problem::NoVirtualHost => Verdict::failed(texts::NO_VHOST, texts::NO_VHOST_CURE),
        Problem::Unreachable(reason) => {
            Verdict::failed(texts::UNREACHABLE.with([quoted(reason)]), texts::BROKER_UNREACHABLE_CURE)
        }
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
            assert!(verdict.cure.unwrap_or_default().english.contains(cure), "{purpose:?}");
        }
    }
}
