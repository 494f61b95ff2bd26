//! Facts on RabbitMQ: the topology, confirmed publishes, the consumer loop, and the start and stop of a worker.

pub mod amqp;
pub mod event;
pub mod topology;
pub mod worker;
