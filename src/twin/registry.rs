//! A registry of schemas, served on its own or beside a listener whose messages it describes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::{TwinError, until};
use crate::api::registry;
use crate::api::server::ServeSettings;
use crate::pipeline::registry::{Registry, RegistryError};
use crate::telemetry::SchemaBook;

impl From<RegistryError> for TwinError {
    fn from(error: RegistryError) -> Self {
        Self::Service(error.to_string())
    }
}

/// A registry at work, on a thread of its own.
#[derive(Debug)]
pub struct RegistryServer {
    /// Where it answers.
    pub address: SocketAddr,
    ending: Arc<AtomicBool>,
    failure: Arc<Mutex<Option<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl RegistryServer {
    /// Opens the registry of a folder, or begins one, and serves it; what is registered goes into `book` as well.
    ///
    /// # Errors
    /// When the folder or the address cannot be used, or the settings do not allow it.
    pub fn begin(folder: &Path, book: &Arc<SchemaBook>, server: &ServeSettings) -> Result<Self, TwinError> {
        let registry = Arc::new(Registry::open(folder, book)?);
        let (ending, failure) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
        let (told, where_it_is) = channel();
        let work = {
            let (server, ending, failure) = (server.clone(), Arc::clone(&ending), Arc::clone(&failure));
            move || serve(&registry, &server, &told, &ending, &failure)
        };
        let thread = std::thread::Builder::new().name("registry".to_owned()).spawn(work);
        let thread = thread.map_err(|error| TwinError::Service(format!("cannot start the registry: {error}")))?;
        let mut begun = Self { address: SocketAddr::from(([0; 4], 0)), ending, failure, thread: Some(thread) };
        // The sender goes with the thread: nothing comes from one that could not begin.
        let Ok(address) = where_it_is.recv() else {
            let reason = begun.failure().unwrap_or_else(|| "the registry ended as it began".to_owned());
            return Err(TwinError::Service(reason));
        };
        begun.address = address;
        Ok(begun)
    }

    /// Why it serves no more, if it does not.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for RegistryServer {
    /// Answers what it was asked, and ends.
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(
    registry: &Arc<Registry>,
    server: &ServeSettings,
    told: &Sender<SocketAddr>,
    ending: &Arc<AtomicBool>,
    failure: &Mutex<Option<String>>,
) {
    let ending = Arc::clone(ending);
    // Whoever waits for it is there until it comes.
    let ready = |address| {
        let _ = told.send(address);
    };
    let ended = registry::serve(registry, server, ready, until(move || ending.load(Ordering::SeqCst)));
    if let Err(error) = ended {
        *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}
