//! What can happen to three brokers and two databases, and how `scripts/services.sh cluster` makes it happen.

use std::{fmt, time::Duration};

use anyhow::{Context, Result};
use tokio::time::sleep;

use crate::Services;

/// A standby that takes over has everything, or lacks what was committed for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standby {
    Synchronous,
    Behind { seconds: u32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeFault {
    /// kill -9 of the broker that leads most queues; it starts again when the fault is over.
    LeaderKilled,
    /// The same, and what it has stored is gone; it joins anew.
    BrokerLost,
    /// The broker that leads most queues and the others do not see each other.
    BrokerCutOff,
    /// One of them is short of memory, which stops publishing on all.
    Alarm,
    /// kill -9 of the primary, and the standby takes over; the other becomes its standby when the fault is over.
    PrimaryKilled(Standby),
    /// The primary takes no writes.
    ReadOnly,
    /// Every broker is restarted, one after the other, and the databases change places.
    Rolled,
}

pub const NODE_FAULTS: [NodeFault; 8] = [
    NodeFault::LeaderKilled,
    NodeFault::BrokerLost,
    NodeFault::BrokerCutOff,
    NodeFault::Alarm,
    NodeFault::PrimaryKilled(Standby::Synchronous),
    NodeFault::PrimaryKilled(Standby::Behind { seconds: 1 }),
    NodeFault::ReadOnly,
    NodeFault::Rolled,
];

impl NodeFault {
    /// From the beginning to the end. One at a time: with two brokers less, nothing could go on.
    pub(super) async fn inject(self, lasts: Duration) -> Result<()> {
        let services = Services::get().await?;
        let order = async |words: &[&str]| services.order_for(&[&["cluster"], words].concat()).await;
        let leader = order(&["leader"]).await.context("which broker leads the queues")?;
        let behind;
        let (begin, end): (&[&str], &[&str]) = match self {
            Self::LeaderKilled => (&["kill", &leader], &["start", &leader]),
            Self::BrokerLost => (&["kill", &leader], &["lose", &leader]),
            Self::BrokerCutOff => (&["cut", &leader], &["heal", &leader]),
            Self::Alarm => (&["alarm", "1"], &["calm", "1"]),
            Self::PrimaryKilled(Standby::Synchronous) => {
                order(&["synchronous"]).await?;
                (&["fail-over"], &["standby"])
            }
            Self::PrimaryKilled(Standby::Behind { seconds }) => {
                behind = seconds.to_string();
                (&["fail-over", &behind], &["standby"])
            }
            Self::ReadOnly => (&["read-only"], &["read-write"]),
            Self::Rolled => return order(&["roll"]).await.map(drop),
        };
        order(begin).await?;
        sleep(lasts).await;
        order(end).await.map(drop)
    }

    /// The ledger is older afterwards.
    pub fn loses_seconds(self) -> bool {
        matches!(self, Self::PrimaryKilled(Standby::Behind { .. }))
    }

    /// It lasts as long as it takes.
    pub fn has_its_time(self) -> bool {
        self == Self::Rolled
    }
}

impl fmt::Display for NodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeaderKilled => write!(f, "the broker that leads the queues killed (kill -9)"),
            Self::BrokerLost => write!(f, "the same, its data lost, joined anew"),
            Self::BrokerCutOff => write!(f, "the broker that leads the queues cut off from the others"),
            Self::Alarm => write!(f, "one of three brokers short of memory"),
            Self::PrimaryKilled(Standby::Synchronous) => {
                write!(f, "the primary killed (kill -9), a synchronous standby promoted")
            }
            Self::PrimaryKilled(Standby::Behind { seconds }) => {
                write!(f, "the primary killed (kill -9) with its last {seconds} s, an asynchronous standby promoted")
            }
            Self::ReadOnly => write!(f, "the primary takes no writes"),
            Self::Rolled => write!(f, "every broker restarted, primary and standby changed"),
        }
    }
}
