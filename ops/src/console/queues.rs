//! The depths of an installation's queues: work to be done, dead letters, and messages that wait for a retry.
//!
//! The broker does not report how old a message is, and peeking would count as a delivery. So the overview shows ages from
//! the ledger: how long the oldest call has waited for the worker of the queue.

use base::{error::Result, ids::Stage};
use broker::{
    amqp::depth::{self, Depth},
    topology::DELAYS,
};

use crate::dead::DeadLetters;

/// The queues of a stage.
pub(super) struct StageQueues {
    pub(super) stage: Stage,
    /// `None` for ingest, which has no work queue.
    pub(super) work: Option<Depth>,
    pub(super) parked: u32,
}

pub(super) struct Queues {
    pub(super) stages: Vec<StageQueues>,
    /// Messages in each delay queue.
    pub(super) delayed: Vec<(&'static str, u32)>,
}

impl Queues {
    pub(super) fn as_json(&self) -> serde_json::Value {
        let stages = self.stages.iter().map(|queue| {
            let work = queue
                .work
                .as_ref()
                .map(|work| serde_json::json!({ "messages": work.messages, "consumers": work.consumers }));
            serde_json::json!({ "stage": queue.stage.as_str(), "work": work, "dead_letters": queue.parked })
        });
        serde_json::json!({ "stages": stages.collect::<Vec<_>>(), "delayed": self.delayed })
    }

    /// Dead letters by stage.
    pub(super) fn dead(&self) -> Vec<(Stage, i64)> {
        self.stages.iter().map(|queue| (queue.stage, queue.parked.into())).collect()
    }
}

pub(super) async fn load(dead_letters: &DeadLetters) -> Result<Queues> {
    let (names, working) = (&dead_letters.names, Stage::ALL.into_iter().filter(|stage| stage.has_work_queue()));
    let work = depth::read_all(&dead_letters.link, &working.clone().map(|stage| names.work(stage)).collect::<Vec<_>>())
        .await?;
    let work: Vec<(Stage, Depth)> = working.zip(work).collect();
    let parked = depth::read_all(&dead_letters.link, &Stage::ALL.map(|stage| names.dead(stage))).await?;
    let delays: Vec<String> = DELAYS.iter().map(|(rung, _)| names.delay(rung)).collect();
    let delayed = depth::read_all(&dead_letters.link, &delays).await?;
    let queue = |(stage, parked): (Stage, Depth)| StageQueues {
        stage,
        work: work.iter().find(|(of, _)| *of == stage).map(|(_, depth)| *depth),
        parked: parked.messages,
    };
    Ok(Queues {
        stages: Stage::ALL.into_iter().zip(parked).map(queue).collect(),
        delayed: DELAYS.iter().zip(delayed).map(|((rung, _), depth)| (*rung, depth.messages)).collect(),
    })
}
