//! A city that somebody looks at, invented for tests: its scenes are what the test says, and its clients speak over real sockets.

#[path = "crossing.rs"]
mod crossing;
#[path = "watcher.rs"]
mod watcher;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::web::Data;
use citytwin::api::port::{
    Command, Done, Facts, Finished, Opening, Pipeline, Refused, Sample, Scene, Session, SessionInfo, SessionKind,
    Subject, Twin,
};
use citytwin::api::server::{Parts, ServeSettings, serve_parts};
use citytwin::api::socket::{Hub, HubSettings, configure};
use citytwin::city::network::Network;
use citytwin::city::network::places::Places;
use citytwin::pipeline::stores::Stores;
use citytwin::pipeline::stores::tables::Tables;
pub(crate) use crossing::{cross, scene, traffic};
use tokio::sync::{oneshot, watch};
use tungstenite::http::Response;
pub(crate) use watcher::{Heard, Watcher};

/// A session whose scenes the test makes.
#[derive(Debug)]
struct Invented {
    id: String,
    kind: SessionKind,
    scenes: watch::Receiver<Arc<Scene>>,
}

impl Session for Invented {
    fn info(&self) -> SessionInfo {
        let scene = self.scenes.borrow();
        SessionInfo {
            id: self.id.clone(),
            kind: self.kind,
            name: format!("session {}", self.id),
            parent: None,
            begin_s: 0.0,
            end_s: None,
            time_s: scene.time.as_seconds(),
            step_s: 1.0,
            midnight_ms: 0,
            over: scene.over,
            paused: scene.paused,
            speed: scene.speed,
            speed_reached: 1.0,
            simulated: true,
            branch: None,
        }
    }

    fn scenes(&self) -> watch::Receiver<Arc<Scene>> {
        self.scenes.clone()
    }

    fn command(&self, _: &Command) -> Result<Done, Refused> {
        Err(Refused::NotNow("this city does as the test says".to_owned()))
    }

    fn facts(&self, _: &Subject) -> Result<Option<Facts>, Refused> {
        Ok(None)
    }

    fn samples(&self) -> Vec<Sample> {
        Vec::new()
    }

    fn commands(&self) -> Vec<Done> {
        Vec::new()
    }
}

/// A twin whose sessions the test makes.
#[derive(Debug)]
pub(crate) struct Invention {
    network: Arc<Network>,
    stores: Arc<Stores>,
    sessions: Mutex<Vec<Arc<Invented>>>,
}

impl Invention {
    /// A session from now on, with its first scene; it ends when what is returned is dropped and it is closed.
    pub(crate) fn begin(&self, id: &str, first: Scene) -> watch::Sender<Arc<Scene>> {
        let (sender, scenes) = watch::channel(Arc::new(first));
        let kind = if id == "live" { SessionKind::Live } else { SessionKind::Fork };
        let session = Invented { id: id.to_owned(), kind, scenes };
        self.sessions.lock().expect("nobody panics here").push(Arc::new(session));
        sender
    }

    fn all(&self) -> Vec<Arc<Invented>> {
        self.sessions.lock().expect("nobody panics here").clone()
    }
}

impl Twin for Invention {
    fn name(&self) -> &'static str {
        "Crossing"
    }

    fn network(&self) -> &Arc<Network> {
        &self.network
    }

    fn places(&self) -> Option<&Places> {
        None
    }

    fn stores(&self) -> &Arc<Stores> {
        &self.stores
    }

    fn pipeline(&self) -> Pipeline {
        Pipeline::default()
    }

    fn sessions(&self) -> Vec<SessionInfo> {
        self.all().iter().map(|session| session.info()).collect()
    }

    fn session(&self, id: &str) -> Option<Arc<dyn Session>> {
        let found = self.all().into_iter().find(|session| session.id == id)?;
        Some(found)
    }

    fn open(&self, _: &Opening) -> Result<SessionInfo, Refused> {
        Err(Refused::NotNow("sessions are opened by the test".to_owned()))
    }

    fn close(&self, id: &str) -> Result<(), Refused> {
        self.sessions.lock().expect("nobody panics here").retain(|session| session.id != id);
        Ok(())
    }

    fn finished(&self) -> Result<Vec<Finished>, Refused> {
        Ok(Vec::new())
    }

    fn file_of(&self, id: &str, _: &str) -> Result<PathBuf, Refused> {
        Err(Refused::Unknown(format!("there is no `{id}`")))
    }
}

/// A server of an invented twin, which ends with this.
pub(crate) struct Served {
    pub(crate) twin: Arc<Invention>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// Serves from now on, with a live session that shows `first`.
    pub(crate) fn start(settings: HubSettings, first: Scene) -> (Self, watch::Sender<Arc<Scene>>) {
        Self::start_for(&[], settings, first)
    }

    /// The same, where pages of these origins are welcome as well.
    pub(crate) fn start_for(
        origins: &[&str],
        settings: HubSettings,
        first: Scene,
    ) -> (Self, watch::Sender<Arc<Scene>>) {
        let twin = Invention { network: cross(), stores: Arc::new(Stores::in_memory()), sessions: Mutex::default() };
        let twin = Arc::new(twin);
        let live = twin.begin("live", first);
        let hub = Arc::new(Hub::new(Arc::clone(&twin) as Arc<dyn Twin>, settings));
        let shared = Arc::clone(&hub);
        let parts = Parts::default().with(move |service| {
            service.app_data(Data::from(Arc::clone(&shared)));
            configure(service);
        });
        let mut serving = ServeSettings::new(vec![SocketAddr::from(([127, 0, 0, 1], 0))]);
        serving.guard.origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        serving.connections.ending = Duration::from_secs(1);
        let (stop, stopped) = oneshot::channel();
        let (tell, listening) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let ready = |address| tell.send(address).expect("the test waits");
            let stop = async {
                let _ = stopped.await;
            };
            serve_parts(parts, &serving, ready, stop).expect("the server ends well");
        });
        let address = listening.recv().expect("the server listens");
        (Self { twin, hub, address, stop: Some(stop), thread: Some(thread) }, live)
    }

    /// The tables of its stores.
    pub(crate) fn twin_stores(&self) -> &dyn Tables {
        self.twin.stores.tables()
    }

    /// Somebody connects.
    pub(crate) fn connect(&self) -> Watcher {
        self.try_connect(None).unwrap_or_else(|answer| panic!("refused: {answer:?}"))
    }

    /// Somebody tries to connect, from a page of this origin if one is named.
    pub(crate) fn try_connect(&self, origin: Option<&str>) -> Result<Watcher, Box<Response<Option<Vec<u8>>>>> {
        Watcher::connect(self.address, origin)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.hub.close("the test is over");
        // It may have ended by itself.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server broke down");
        }
    }
}
