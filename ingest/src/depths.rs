//! How much lies in the queues, as metrics.
//!
//! Every replica looks, so whoever asks takes one of them (`max`). Looking takes nothing: a passive declaration tells
//! the number of messages that are ready.

use std::time::Duration;

use shared::{amqp::Publisher, topology::Stage};
use tokio::time;

const EVERY: Duration = Duration::from_secs(15);

pub(crate) async fn watch(publisher: Publisher) {
    let mut every = time::interval(EVERY);
    loop {
        every.tick().await;
        for stage in Stage::ALL {
            let names = publisher.names();
            let work = stage.has_work_queue().then(|| ("work", names.work(stage)));
            for (queue, name) in work.into_iter().chain([("dead", names.dead(stage))]) {
                // Without an answer the last number stands; that the broker is away is told elsewhere.
                if let Ok(messages) = publisher.depth(&name).await {
                    metrics::gauge!("callbridge_queue_messages", "stage" => stage.as_str(), "queue" => queue)
                        .set(f64::from(messages));
                }
            }
        }
    }
}
