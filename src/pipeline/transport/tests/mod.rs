//! The wire as a whole: clients of others against the listener, the publisher against the listener and against bad brokers.

mod broker;
mod edges;
mod hostile;
mod listening;
#[cfg(feature = "server-tests")]
mod mosquitto;
mod publishing;
pub(super) mod raw;
mod secured;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::bus::Bus;
use super::listener::topics::matches;
use super::listener::{Listener, ListenerLimits};
use super::memory::MemoryBus;
use super::message::Message;

/// Everything a test needs to be served.
struct Served {
    runtime: Runtime,
    listener: Listener,
    bus: Arc<dyn Bus>,
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn limits() -> ListenerLimits {
    ListenerLimits { connect_timeout: Duration::from_mins(1), ..ListenerLimits::default() }
}

impl Served {
    fn with(bus: Arc<dyn Bus>, limits: ListenerLimits) -> Self {
        let runtime = runtime();
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::spawn(runtime.handle(), address, Arc::clone(&bus), limits).unwrap();
        Self { runtime, listener, bus }
    }

    fn new(partitions: u16) -> Self {
        Self::with(Arc::new(MemoryBus::new(partitions, 1 << 28)), limits())
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().port()
    }

    /// Waits for connections to end as they should.
    fn shutdown(self) -> super::ListenerStats {
        self.runtime.block_on(self.listener.shutdown())
    }
}

/// Everything in a bus, partition by partition.
fn everything(bus: &dyn Bus) -> Vec<Message> {
    let mut messages = Vec::new();
    for partition in 0..bus.partitions() {
        let mut at = bus.begin(partition);
        while at < bus.end(partition) {
            let read = bus.read(partition, at, 1000, 1 << 20).unwrap();
            at += read.len() as u64;
            messages.extend(read.into_iter().map(|logged| logged.message));
        }
    }
    messages
}
