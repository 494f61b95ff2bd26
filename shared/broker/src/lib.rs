//! Facts on RabbitMQ: the topology, publishes that count, the one consumer loop, and what a worker is made of.

pub mod amqp;
pub mod event;
pub mod topology;
pub mod worker;
