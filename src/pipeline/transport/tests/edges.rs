//! The suite of edges over the listener, and over bridges behind a broker; and what only bridges and brokers can go through.

use super::broker::Broker;
use super::*;
use crate::pipeline::transport::conformance_edge::{self, Edge, Moody, options, publish_all, stored};
use crate::pipeline::transport::{Bridge, BridgeOptions, Confirm, Publisher, PublisherOptions, Target};

/// The listener itself.
struct Listening {
    bus: Arc<dyn Bus>,
    runtime: Runtime,
    listener: Option<Listener>,
    port: u16,
}

impl Listening {
    fn edge(bus: Arc<dyn Bus>) -> Box<dyn Edge> {
        let runtime = runtime();
        let address = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::spawn(runtime.handle(), address, Arc::clone(&bus), limits()).unwrap();
        let port = listener.local_addr().port();
        Box::new(Self { bus, runtime, listener: Some(listener), port })
    }
}

impl Edge for Listening {
    fn target(&self) -> Target {
        Target::plain("127.0.0.1", self.port)
    }

    fn restart(&mut self) {
        let listener = self.listener.take().unwrap();
        self.runtime.block_on(listener.shutdown());
        let address = format!("127.0.0.1:{}", self.port).parse().unwrap();
        let again = Listener::spawn(self.runtime.handle(), address, Arc::clone(&self.bus), limits());
        self.listener = Some(again.unwrap());
    }

    fn prefix(&self) -> &'static str {
        "city"
    }
}

pub(super) fn bridge_options(name: &str, prefix: &str) -> BridgeOptions {
    BridgeOptions {
        receive_maximum: 200,
        shutdown_timeout: Duration::from_mins(1),
        ..BridgeOptions::new(name, "ingest", vec![format!("{prefix}/gps/+")])
    }
}

/// A broker and a bridge.
struct Bridged {
    bus: Arc<dyn Bus>,
    runtime: Runtime,
    broker: Arc<Broker>,
    bridge: Option<Bridge>,
}

impl Bridged {
    fn new(bus: Arc<dyn Bus>) -> Self {
        let (runtime, broker) = (runtime(), Arc::new(Broker::start()));
        let mut bridged = Self { bus, runtime, broker, bridge: None };
        bridged.start();
        bridged
    }

    fn start(&mut self) {
        let options = bridge_options("bridge", "city");
        let bridge = Bridge::spawn(self.runtime.handle(), &self.target(), Arc::clone(&self.bus), options).unwrap();
        // Whoever publishes before the first bridge has subscribed speaks to nobody.
        wait_for(|| bridge.stats().subscribed > 0);
        self.bridge = Some(bridge);
    }
}

impl Edge for Bridged {
    fn target(&self) -> Target {
        Target::plain("127.0.0.1", self.broker.port)
    }

    fn restart(&mut self) {
        let bridge = self.bridge.take().unwrap();
        // Once with goodbye and once without, in turn with the broker's connections.
        if bridge.stats().connections % 2 == 1 {
            self.runtime.block_on(bridge.shutdown());
        } else {
            drop(bridge);
        }
        self.broker.die(false);
        self.start();
    }

    fn prefix(&self) -> &'static str {
        "city"
    }
}

/// Waits until something is so.
pub(super) fn wait_for(so: impl Fn() -> bool) {
    let clock = Builder::new_current_thread().enable_time().build().unwrap();
    let ticks = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(2));
        while !so() {
            ticks.tick().await;
        }
    };
    let waited = clock.block_on(async { tokio::time::timeout(Duration::from_mins(1), ticks).await });
    assert!(waited.is_ok(), "it never became so");
}

#[test]
fn the_listener_keeps_what_every_edge_promises() {
    conformance_edge::run(&Listening::edge);
}

#[test]
fn a_bridge_keeps_what_every_edge_promises() {
    conformance_edge::run(&|bus| Box::new(Bridged::new(bus)));
}

/// A broker that forgets everything when it dies loses what it has acknowledged; only the log's own word is worth anything.
#[test]
fn a_broker_that_forgets_costs_nothing_but_time() {
    for (confirm, lost) in [(options("x").confirm, 0), (Confirm::Broker, 300)] {
        let bus = Moody::new(1, 0);
        let bridged = Bridged::new(Arc::clone(&bus) as Arc<dyn Bus>);
        let publishing = runtime();
        let options = PublisherOptions { confirm, partitions: 1, ..options("forgetful") };
        let publisher = Publisher::connect(publishing.handle(), &bridged.target(), &options);
        let sent: Vec<Message> = (0..500).map(|number| conformance_edge::message("city", number)).collect();
        // The bridge takes as many as it may have without acknowledgement; the others lie with the broker.
        bus.hold();
        publish_all(&publisher, &sent);
        publisher.hurry();
        wait_for(|| publisher.counts().acknowledged >= 500);
        wait_for(|| bridged.bridge.as_ref().unwrap().stats().received >= 200);
        bridged.broker.die(true);
        bus.let_go();
        publisher.flush().unwrap();
        wait_for(|| bridged.bridge.as_ref().unwrap().stats().subscribed == 2);
        let found: usize = stored(&*bus).0.values().map(Vec::len).sum();
        assert_eq!(found, 500 - lost, "{confirm:?}");
        let stats = bridged.runtime.block_on(bridged.bridge.unwrap().shutdown());
        assert_eq!((stats.sessions_lost, stats.connections), (2, 2));
    }
}

#[test]
fn bridges_of_a_group_share_the_messages() {
    let bus = Moody::new(2, 0);
    let bridged = Bridged::new(Arc::clone(&bus) as Arc<dyn Bus>);
    let second = Bridge::spawn(
        bridged.runtime.handle(),
        &bridged.target(),
        Arc::clone(&bus) as Arc<dyn Bus>,
        bridge_options("second", "city"),
    )
    .unwrap();
    wait_for(|| second.stats().subscribed > 0);
    let publishing = runtime();
    let publisher = Publisher::connect(publishing.handle(), &bridged.target(), &options("sharing"));
    let sent: Vec<Message> = (0..1000).map(|number| conformance_edge::message("city", number)).collect();
    publish_all(&publisher, &sent);
    publisher.flush().unwrap();
    let first = bridged.runtime.block_on(bridged.bridge.unwrap().shutdown());
    let second = bridged.runtime.block_on(second.shutdown());
    assert!(first.committed >= 300 && second.committed >= 300, "{} and {}", first.committed, second.committed);
    let count = stored(&*bus).0.values().map(Vec::len).sum::<usize>();
    assert_eq!(count, 1000);
    assert_eq!(bridged.broker.kept(), 0, "everything is acknowledged");
}

#[test]
fn a_bridge_says_why_it_is_away() {
    let (runtime, bus) = (runtime(), Moody::new(1, 0));
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let target = Target::plain("127.0.0.1", free);
    let bridge = Bridge::spawn(runtime.handle(), &target, bus, bridge_options("lonely", "city")).unwrap();
    wait_for(|| bridge.stats().away.is_some_and(|away| away.cause.contains("refused") && !away.since.is_zero()));
    let stats = runtime.block_on(bridge.shutdown());
    assert_eq!((stats.connections, stats.received), (0, 0));
}
