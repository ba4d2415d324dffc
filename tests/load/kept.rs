//! A broker of ours that keeps what it is told, and loads that are aimed at it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use citytwin::pipeline::transport::{Bus, Listener, ListenerLimits, MemoryBus};
use citytwin::studies::load::{Faults, LoadReport, Phase, Profile, Shape};
use citytwin::telemetry::TopicMap;
use citytwin::twin::{self, LoadSettings, LoadSource, LoadTarget, LoadUnderWay, Protocol, PublisherOptions};
use tokio::runtime::{Builder, Runtime};

/// A broker of ours that keeps what it is told.
pub(crate) struct Kept {
    runtime: Option<Runtime>,
    listener: Option<Listener>,
    bus: Arc<MemoryBus>,
    pub(crate) address: SocketAddr,
}

impl Kept {
    pub(crate) fn new() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
        let bus = Arc::new(MemoryBus::new(1, 1 << 28));
        let shared = Arc::clone(&bus) as Arc<dyn Bus>;
        let limits = ListenerLimits { connect_timeout: Duration::from_mins(1), ..ListenerLimits::default() };
        let listener = Listener::spawn(runtime.handle(), "127.0.0.1:0".parse().expect("an address"), shared, limits)
            .expect("a free port");
        let address = listener.local_addr();
        Self { runtime: Some(runtime), listener: Some(listener), bus, address }
    }

    /// Everything it was told, in its order.
    pub(crate) fn told(&self) -> Vec<Vec<u8>> {
        let (mut told, mut at) = (Vec::new(), 0);
        while at < self.bus.end(0) {
            let read = self.bus.read(0, at, 1000, 1 << 20).expect("read");
            at += read.len() as u64;
            told.extend(read.into_iter().map(|logged| logged.message.payload.to_vec()));
        }
        told
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let (Some(runtime), Some(listener)) = (self.runtime.take(), self.listener.take()) {
            runtime.block_on(listener.shutdown());
            runtime.shutdown_background();
        }
    }
}

/// A phase.
pub(crate) fn phase(name: &str, seconds: f64, shape: Shape) -> Phase {
    Phase { name: name.to_owned(), seconds, shape }
}

/// A load of a hundred devices over four connections.
pub(crate) fn settings(folder: &Path, target: &str, phases: Vec<Phase>) -> LoadSettings {
    let mut publisher = PublisherOptions::new(Protocol::V5, 1, "load-test");
    publisher.give_up = Duration::from_secs(20);
    LoadSettings {
        folder: folder.to_owned(),
        target: LoadTarget::parse(target).expect("a target"),
        publisher,
        topics: TopicMap::new("city"),
        devices: 100,
        connections: 4,
        name: "load".to_owned(),
        profile: Profile { phases, ..Profile::default() },
        seed: 1,
        faults: Faults::default(),
        beside: false,
        source: LoadSource::Synthetic,
        store: None,
        environment: |_| None,
        truth: false,
    }
}

/// Makes a load whose files can all be written.
pub(crate) fn load(settings: &LoadSettings, watch: &mut dyn FnMut(&LoadUnderWay)) -> LoadReport {
    load_until(settings, watch, &|| false)
}

/// The same, until it is interrupted.
pub(crate) fn load_until(
    settings: &LoadSettings,
    watch: &mut dyn FnMut(&LoadUnderWay),
    stop: &dyn Fn() -> bool,
) -> LoadReport {
    let loaded = twin::load(settings, watch, stop).expect("a load that begins");
    assert_eq!(loaded.unwritten, Vec::<String>::new());
    loaded.report
}
