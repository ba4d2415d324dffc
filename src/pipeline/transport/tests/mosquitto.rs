//! The suite of edges against a real Mosquitto, and what its death costs those who trust its acknowledgement.
//!
//! `CITYTWIN_TEST_MQTT` names a broker (host:port) for the suite. The deaths need one of their own, which is started from
//! `mosquitto` in the path, with its data in a folder that is thrown away.

use std::process::{Child, Command, Stdio};

use super::edges::{bridge_options, wait_for};
use super::*;
use crate::pipeline::transport::conformance_edge::{self, Edge, Moody, options, publish_all, stored};
use crate::pipeline::transport::{Bridge, Confirm, Publisher, PublisherOptions, Target};

/// A broker named in the environment, and a bridge.
struct Named {
    target: Target,
    prefix: String,
    bus: Arc<dyn Bus>,
    runtime: Runtime,
    bridge: Option<Bridge>,
}

impl Named {
    fn start(&mut self) {
        let options = bridge_options(&format!("bridge-{}", self.prefix), &self.prefix);
        let bridge = Bridge::spawn(self.runtime.handle(), &self.target, Arc::clone(&self.bus), options).unwrap();
        wait_for(|| bridge.stats().subscribed > 0);
        self.bridge = Some(bridge);
    }
}

impl Edge for Named {
    fn target(&self) -> Target {
        self.target.clone()
    }

    fn restart(&mut self) {
        drop(self.bridge.take());
        self.start();
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }
}

#[test]
fn mosquitto_and_a_bridge_keep_what_every_edge_promises() {
    let address = std::env::var("CITYTWIN_TEST_MQTT").expect("set CITYTWIN_TEST_MQTT to mqtt://host:port of a broker");
    let target = Target::parse(&address).expect("a broker's address");
    let number = std::cell::Cell::new(0);
    conformance_edge::run(&|bus| {
        number.set(number.get() + 1);
        let prefix = format!("suite-{}-{}", std::process::id(), number.get());
        let mut named = Named { target: target.clone(), prefix, bus, runtime: runtime(), bridge: None };
        named.start();
        Box::new(named)
    });
}

/// A Mosquitto of our own.
struct Mosquitto {
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Mosquitto {
    fn start(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = folder.path().display();
        let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let settings = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {at}/\nuser {user}\n{more}\n"
        );
        std::fs::write(folder.path().join("mosquitto.conf"), settings).unwrap();
        let child = Self::spawn(folder.path());
        Self { folder, port, child }
    }

    fn spawn(folder: &std::path::Path) -> Child {
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(folder.join("mosquitto.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("`mosquitto` must be installed for this test")
    }

    /// `kill -9`, and back with what it had written down, or without.
    fn die(&mut self, forget: bool) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        if forget {
            let _ = std::fs::remove_file(self.folder.path().join("mosquitto.db"));
        }
        self.child = Self::spawn(self.folder.path());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Mosquitto is killed twice, with the bridge away and there; those who trust its word lose, and the test says how much.
#[test]
fn a_killed_mosquitto_loses_what_it_acknowledged_and_nothing_that_was_confirmed() {
    for (forget, confirm) in
        [(false, Confirm::Broker), (true, Confirm::Broker), (false, options("x").confirm), (true, options("x").confirm)]
    {
        let mut mosquitto = Mosquitto::start("max_queued_messages 0");
        let target = Target::plain("127.0.0.1", mosquitto.port);
        let (bus, runtime) = (Moody::new(2, 0), runtime());
        let spawn = || {
            let bus = Arc::clone(&bus) as Arc<dyn Bus>;
            Bridge::spawn(runtime.handle(), &target, bus, bridge_options("bridge", "city")).unwrap()
        };
        let bridge = spawn();
        wait_for(|| bridge.stats().subscribed > 0);
        let options = PublisherOptions { confirm, ..options("killed") };
        let publisher = Publisher::connect(runtime.handle(), &target, &options);
        let sent: Vec<Message> = (0..3000).map(|number| conformance_edge::message("city", number)).collect();
        let (first, rest) = sent.split_at(1000);
        publish_all(&publisher, first);
        publisher.flush().unwrap();
        // With the bridge away it only has its session at the broker.
        runtime.block_on(bridge.shutdown());
        let (second, third) = rest.split_at(1000);
        publish_all(&publisher, second);
        publisher.hurry();
        wait_for(|| publisher.counts().acknowledged >= 2000);
        mosquitto.die(forget);
        let bridge = spawn();
        wait_for(|| bridge.stats().subscribed > 0);
        publish_all(&publisher, third);
        publisher.hurry();
        wait_for(|| bridge.stats().received > 100);
        mosquitto.die(forget);
        publisher.flush().unwrap();
        let counts = runtime.block_on(publisher.close()).unwrap();
        let connections = bridge.stats().subscribed;
        wait_for(|| bridge.stats().subscribed >= connections.max(2));
        let stats = runtime.block_on(bridge.shutdown());
        let found: usize = stored(&*bus).0.values().map(Vec::len).sum();
        let lost = 3000 - found;
        #[expect(clippy::print_stderr, reason = "the figures are what the test is run for")]
        {
            eprintln!("forget {forget}, {confirm:?}: {lost} of 3000 lost; {counts:?}; {stats:?}");
        }
        if confirm == Confirm::Broker {
            assert!(lost > 0, "a broker that keeps its word would make confirmations needless");
        } else {
            assert_eq!(lost, 0);
        }
    }
}
