//! The standing end of the wire on its own: listens for whatever devices there are, until told to stop.
//!
//! What it keeps is the same as what a run keeps, without ledger and truth: nobody here knows what was sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::TwinError;
use super::board::{Order, Tally};
use super::intake::{Intake, PARTITIONS};
use super::service::Supervision;
use super::telling::quarantined_by_reason;
use super::wire::{listening, threads};
use crate::city::network::Network;
use crate::pipeline::transport::Bus;
use crate::telemetry::{ReadingKind, TopicMap};

/// How often to look whether to stop.
const MOMENT: Duration = Duration::from_millis(50);

/// Where and for what to listen.
#[derive(Debug, Clone)]
pub struct Listening {
    /// Where everything is kept.
    pub folder: PathBuf,
    /// Address and port.
    pub address: SocketAddr,
    /// Topics by reading.
    pub topics: TopicMap,
    /// The roads readings are matched to, if they are known.
    pub network: Option<Arc<Network>>,
}

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// Messages in the log, those of earlier times included.
    pub messages: u64,
    /// Records in the history.
    pub stored: u64,
    /// Messages in quarantine, by reason; the same bytes under the same topic count once.
    pub quarantined: BTreeMap<String, u64>,
    /// What the workers saw besides records that were new.
    pub tally: Tally,
    /// How many times each service had to be started again.
    pub restarts: BTreeMap<String, u32>,
}

/// Listens until `stop` says so; `ready` hears the address once clients may connect.
///
/// # Errors
/// When the folder or the address cannot be used, or log or stores fail; what has been acknowledged is on disk then.
pub fn listen(
    settings: &Listening,
    ready: &mut dyn FnMut(SocketAddr),
    stop: &dyn Fn() -> bool,
) -> Result<Heard, TwinError> {
    let runtime = threads()?;
    let topics = Arc::new(settings.topics.clone());
    let intake = Intake::open(&settings.folder, "listener", &topics, settings.network.as_deref())?;
    let mut services = intake.services(None);
    let (service, address) = listening(&runtime, settings.address, &intake)?;
    services.push(service);
    let supervision = Supervision::start(services)
        .map_err(|error| TwinError::Service(format!("cannot start the supervisor: {error}")))?;
    ready(address);
    while !stop() && intake.board.failure().is_none() {
        intake.board.pause(MOMENT);
    }
    // First the listener, so that nothing is acknowledged that no worker reads.
    intake.end(Order::Hush, 1)?;
    intake.end(Order::Leave, u32::from(PARTITIONS) + 1)?;
    drop(supervision);
    let mut stored = 0;
    for &kind in ReadingKind::ALL {
        intake.stores.scan(kind, &mut |_| {
            stored += 1;
            ControlFlow::Continue(())
        })?;
    }
    Ok(Heard {
        stored,
        messages: (0..PARTITIONS).map(|partition| intake.log.end(partition)).sum(),
        quarantined: quarantined_by_reason(&intake.stores)?,
        tally: intake.board.tally(),
        restarts: intake.board.restarts(),
    })
}
