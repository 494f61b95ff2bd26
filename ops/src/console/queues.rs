//! The queues of an installation: what is to be done, what is parked, what waits to be tried again.
//!
//! A message's age the broker does not tell, and peeking would count as a delivery. So the overview shows ages from the
//! ledger: how long the oldest call has been waiting for what the queue's worker does.

use base::{error::Result, ids::Stage};
use broker::{
    amqp::depth::{self, Depth},
    topology::DELAYS,
};

use crate::dead::Desk;

/// Of a stage.
pub(super) struct Queue {
    pub(super) stage: Stage,
    /// Ingest has no work queue.
    pub(super) work: Option<Depth>,
    pub(super) parked: u32,
}

pub(super) struct Queues {
    pub(super) stages: Vec<Queue>,
    /// By rung.
    pub(super) delayed: Vec<(&'static str, u32)>,
}

impl Queues {
    pub(super) fn parked(&self) -> u32 {
        self.stages.iter().map(|queue| queue.parked).sum()
    }
}

pub(super) async fn look(desk: &Desk) -> Result<Queues> {
    let (names, working) = (&desk.names, Stage::ALL.into_iter().filter(|stage| stage.has_work_queue()));
    let work = depth::read_all(&desk.link, &working.clone().map(|stage| names.work(stage)).collect::<Vec<_>>()).await?;
    let work: Vec<(Stage, Depth)> = working.zip(work).collect();
    let parked = depth::read_all(&desk.link, &Stage::ALL.map(|stage| names.dead(stage))).await?;
    let delays: Vec<String> = DELAYS.iter().map(|(rung, _)| names.delay(rung)).collect();
    let delayed = depth::read_all(&desk.link, &delays).await?;
    let queue = |(stage, parked): (Stage, Depth)| Queue {
        stage,
        work: work.iter().find(|(of, _)| *of == stage).map(|(_, depth)| *depth),
        parked: parked.messages,
    };
    Ok(Queues {
        stages: Stage::ALL.into_iter().zip(parked).map(queue).collect(),
        delayed: DELAYS.iter().zip(delayed).map(|((rung, _), depth)| (*rung, depth.messages)).collect(),
    })
}
