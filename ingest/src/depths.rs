//! The number of messages in each queue, as a metric. Every replica reports the same numbers, so a query takes one of them
//! (`max`).

use std::time::Duration;

use base::ids::Stage;
use broker::amqp::Publisher;
use tokio::time;

const EVERY: Duration = Duration::from_secs(15);

pub(crate) async fn watch(publisher: Publisher) {
    let mut every = time::interval(EVERY);
    loop {
        every.tick().await;
        // On a new broker the queues are not there yet.
        publisher.available().await;
        // Without an answer the gauges keep their last values; other code reports that the broker is unavailable.
        let waiting = publisher.waiting().await.unwrap_or_default();
        set_gauges("work", waiting.into_iter().map(|(stage, depth)| (stage, depth.messages)).collect());
        set_gauges("dead", publisher.count_dead().await.unwrap_or_default());
    }
}

fn set_gauges(queue: &'static str, depths: Vec<(Stage, u32)>) {
    for (stage, messages) in depths {
        metrics::gauge!("callbridge_queue_messages", "stage" => stage.as_str(), "queue" => queue)
            .set(f64::from(messages));
    }
}
