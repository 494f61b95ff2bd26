//! Tells one receiver what is wrong, and what is over. Each has a task of its own.

use std::time::Duration;

use base::{
    db::Database,
    error::Result,
    settings::{AlertChannel, AlertKind},
};
use jiff::Timestamp;
use tokio::time;

use super::{
    message::{self, Message, State},
    receivers::Receiver,
    standing,
    told::{self, Told},
    words::Words,
};
use crate::troubles::{self, Trouble};

const EVERY: Duration = Duration::from_secs(10);

pub(super) struct Delivery {
    pub(super) database: Database,
    pub(super) receiver: Receiver,
    /// What the receiver wants to know of.
    pub(super) kinds: Vec<AlertKind>,
    pub(super) words: Words,
}

impl Delivery {
    pub(super) async fn run(self) {
        loop {
            // First somebody looks: what is stored may be from before all replicas were stopped.
            time::sleep(EVERY).await;
            self.database.available().await;
            if let Err(e) = self.tell().await {
                tracing::warn!(receiver = self.channel().as_str(), error = %e, "What is to be told is not known; it is retried.");
            }
        }
    }

    fn channel(&self) -> AlertChannel {
        self.receiver.channel()
    }

    async fn tell(&self) -> Result<()> {
        let client = self.database.client().await?;
        let (now, troubles) = (client.now().await?, troubles::all(&client).await?);
        let told = told::all(&client, self.channel()).await?;
        // Sending takes long.
        drop(client);
        for kind in &self.kinds {
            self.tell_of(*kind, &troubles, &told.get(kind).copied().unwrap_or_default(), now).await?;
        }
        Ok(())
    }

    async fn tell_of(&self, kind: AlertKind, troubles: &[Trouble], told: &Told, now: Timestamp) -> Result<()> {
        let standing = standing::standing(kind, troubles, now);
        if let Some(level) = told.has_fallen_to(&standing) {
            told::note_fallen(&self.database.client().await?, self.channel(), kind, level).await?;
        }
        let Some(due) = told.due(&standing, now) else { return Ok(()) };
        if !told::claim(&self.database.client().await?, self.channel(), kind, told).await? {
            return Ok(());
        }
        let message = message::message(kind, due, &standing::wrong(kind, troubles), &self.words, now);
        match self.receiver.send(&message).await {
            Ok(()) => {
                self.say_sent(&message);
                told::note_sent(&self.database.client().await?, self.channel(), kind, due).await
            }
            Err(problem) => {
                let again_in_s = told::note_failure(&self.database.client().await?, self.channel(), kind).await?;
                let again_in_s = again_in_s.round();
                let (receiver, kind) = (self.channel().as_str(), kind.as_str());
                tracing::warn!(receiver, kind, problem, again_in_s, "An alert could not be sent; it is retried.");
                Ok(())
            }
        }
    }

    fn say_sent(&self, message: &Message) {
        let (receiver, kind, over) = (self.channel().as_str(), message.kind, message.state == State::Over);
        tracing::info!(receiver, kind, over, "An alert was sent.");
    }
}
