//! Where messages come in, as a service: our own listener, or a bridge from a broker; started again at the same place when it dies.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::runtime::Runtime;

use super::TwinError;
use super::board::{Board, Order};
use super::load::enough_files;
use super::parts::{Equipment, Mosquitto};
use super::service::Service;
use crate::pipeline::transport::{Bridge, Bus, BusError, Door, Listener, ListenerLimits};
use crate::telemetry::TopicMap;

/// How often to look whether to end.
const MOMENT: Duration = Duration::from_millis(40);

/// What brings messages in, as far as the service must know it.
enum Edge {
    Listener(Listener),
    Bridge(Bridge),
}

impl Edge {
    fn failure(&self) -> Option<BusError> {
        match self {
            Self::Listener(listener) => listener.failure(),
            Self::Bridge(bridge) => bridge.failure(),
        }
    }

    fn is_serving(&self) -> bool {
        match self {
            Self::Listener(listener) => listener.is_serving(),
            Self::Bridge(bridge) => bridge.is_serving(),
        }
    }

    fn shut_down(self, handle: &Handle) {
        match self {
            Self::Listener(listener) => drop(handle.block_on(listener.shutdown())),
            Self::Bridge(bridge) => drop(handle.block_on(bridge.shutdown())),
        }
    }

    /// Why there is no broker; none while there is one.
    fn away(&self) -> Option<String> {
        match self {
            Self::Listener(_) => None,
            Self::Bridge(bridge) => bridge.stats().away.map(|away| away.cause.clone()),
        }
    }
}

/// The service for whatever the equipment asks for, and where it listens if it does; through `door` this process comes in itself.
///
/// # Errors
/// When the address is taken, or what the equipment names cannot be read.
pub(super) fn edge(
    runtime: &Runtime,
    address: SocketAddr,
    (log, board): (&Arc<dyn Bus>, &Arc<Board>),
    topics: &TopicMap,
    equipment: &Equipment,
    door: Option<&Door>,
) -> Result<(Service, Option<SocketAddr>), TwinError> {
    let (handle, log) = (runtime.handle().clone(), Arc::clone(log));
    if let Some(broker) = equipment.parts.broker() {
        let options = broker.bridge(topics, &equipment.environment)?;
        let target = broker.target.clone();
        let spawn = move || {
            Bridge::spawn(&handle, &target, Arc::clone(&log), options.clone())
                .map(Edge::Bridge)
                .map_err(|error| error.to_string())
        };
        let first = spawn().map_err(TwinError::Service)?;
        return Ok((service("bridge", runtime, board, first, spawn), None));
    }
    let mut security = equipment.parts.security()?;
    security.door = door.cloned();
    let most = equipment.parts.listen.connections;
    most.map_or(Ok(()), |most| enough_files(u64::from(most)))?;
    let limits = move || {
        let usual = ListenerLimits::default();
        most.and_then(|most| usize::try_from(most).ok()).map_or(usual.clone(), |most| ListenerLimits {
            connections: most,
            connections_per_address: most,
            connections_per_user: most,
            ..usual
        })
    };
    // The first is started here, so that a taken address is told before the run, and a port is known.
    let first = Listener::guarded(&handle, address, Arc::clone(&log), limits(), security.clone())?;
    let bound = first.local_addr();
    let spawn = move || {
        let listener = Listener::guarded(&handle, bound, Arc::clone(&log), limits(), security.clone());
        listener.map(Edge::Listener).map_err(|error| error.to_string())
    };
    Ok((service("listener", runtime, board, Edge::Listener(first), spawn), Some(bound)))
}

fn service(
    name: &str,
    runtime: &Runtime,
    board: &Arc<Board>,
    first: Edge,
    spawn: impl Fn() -> Result<Edge, String> + Send + Sync + 'static,
) -> Service {
    let (handle, heed, waiting) = (runtime.handle().clone(), Arc::clone(board), Mutex::new(Some(first)));
    let work = move || {
        let ready = waiting.lock().ok().and_then(|mut first| first.take());
        let edge = ready.map_or_else(&spawn, Ok)?;
        let mut away = None;
        loop {
            // A log that is merely full or busy takes more once its consumers have read on.
            if let Some(error) = edge.failure().filter(BusError::is_final) {
                return Err(error.to_string());
            }
            if !edge.is_serving() {
                // A run that fails before it begins leaves at once, and takes the threads away that serve.
                assert!(heed.order() == Order::Leave, "its task has ended by itself");
                return Ok(());
            }
            if heed.order() != Order::Work {
                edge.shut_down(&handle);
                return Ok(());
            }
            let now = edge.away();
            if now.is_some() != away.is_some() {
                if let Some(cause) = &now {
                    let sentence = format!("the broker is away: {cause}; devices keep what they have to say");
                    heed.ails("broker", sentence.clone());
                    heed.say(sentence);
                } else {
                    heed.mends("broker");
                    heed.say("the broker answers".to_owned());
                }
            }
            away = now;
            heed.pause(MOMENT);
        }
    };
    Service::new(name, board, Arc::new(work))
}

/// The broker's name for people.
pub(super) fn in_words(broker: &Mosquitto) -> String {
    format!("fetching from {} as `{}` of the group `{}`", broker.target, broker.name, broker.group)
}
