//! The standing end of the wire on its own: listens for whatever devices there are, until told to stop.
//!
//! What it keeps is the same as what a run keeps, without ledger and truth: nobody here knows what was sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Runtime;

use super::TwinError;
use super::board::{Order, Tally};
use super::control::{self, ControlRoom};
use super::edge::{edge, in_words};
use super::housekeeping;
use super::intake::Intake;
use super::latency::Latency;
use super::only_listen::only_listen;
use super::parts::{Equipment, PartsFile};
use super::reconcile::Daily;
use super::service::{Service, Supervision};
use super::telling::quarantined_by_reason;
use super::watch::Watch;
use super::wire::threads;
use super::worker::Pace;
use crate::city::network::Network;
use crate::pipeline::alerting::Deliverer;
use crate::pipeline::stores::StoreError;
use crate::primitives::SimDuration;
use crate::telemetry::TopicMap;

/// How often to look whether to stop.
pub(super) const MOMENT: Duration = Duration::from_millis(50);

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
    /// Which parts it runs on.
    pub equipment: Equipment,
    /// How often to tell how it goes; never if none.
    pub tell_every: Option<Duration>,
    /// How often what was made of the messages is kept for good, instead of every five seconds.
    pub keep_every: Option<Duration>,
    /// Whether nothing more will come after the end, so that windows are closed that are still open.
    pub finish: bool,
    /// Whether to wait while another process keeps the folder, and to go on where it was when it has ended, however it ends.
    pub standby: bool,
}

/// What was heard.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Whether messages were only handed in, and are worked on elsewhere: then nothing else is known of them here.
    pub only_listened: bool,
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
    /// From a device's clock to the live state.
    pub shown: Latency,
    /// From a device's clock to the stores.
    pub kept: Latency,
}

/// Listens until `stop` says so; `ready` hears where, once clients may connect, `tell` what people should know meanwhile.
///
/// # Errors
/// When the folder or the address cannot be used, or log or stores fail; what has been acknowledged is on disk then.
pub fn listen(
    settings: &Listening,
    ready: &mut dyn FnMut(&str),
    tell: &mut dyn FnMut(&str),
    stop: &dyn Fn() -> bool,
) -> Result<Heard, TwinError> {
    if settings.equipment.parts.works_in_group() {
        return only_listen(settings, ready, tell, stop);
    }
    let Some(standing) = stand(settings, tell, stop)? else { return Ok(Heard::default()) };
    ready(&standing.place);
    let intake = &standing.intake;
    let mut watch = Watch::new(settings.tell_every, intake.messages());
    while !stop() && intake.board.failure().is_none() {
        intake.board.pause(MOMENT);
        intake.board.news().iter().for_each(|news| tell(news));
        let words = |messages, rate| {
            let behind: u64 = intake.behind().unwrap_or(0);
            format!("{messages} messages, {rate:.0} a second, {behind} of them not kept yet")
        };
        watch.look(|| intake.messages(), words).iter().for_each(|told| tell(told));
    }
    let intake = standing.end(settings.finish)?;
    intake.board.news().iter().for_each(|news| tell(news));
    heard(&intake)
}

/// Opens the folder, after waiting for another process if that is asked for; none if told to stop meanwhile.
fn stand(
    settings: &Listening,
    tell: &mut dyn FnMut(&str),
    stop: &dyn Fn() -> bool,
) -> Result<Option<Standing>, TwinError> {
    let mut told = false;
    loop {
        match Standing::begin(settings) {
            // The system gives the lock away with the process that holds it: no clock, and nobody's word, decides that it has ended.
            Err(TwinError::Store(StoreError::InUse(folder))) if settings.standby => {
                if stop() {
                    return Ok(None);
                }
                if !told {
                    tell(&format!("standing by: another process keeps `{}`", folder.display()));
                    told = true;
                }
                std::thread::park_timeout(MOMENT);
            }
            begun => return begun.map(Some),
        }
    }
}

/// What was heard, once every service has ended.
pub(super) fn heard(intake: &Intake) -> Result<Heard, TwinError> {
    let (shown, kept) = intake.board.latencies();
    Ok(Heard {
        only_listened: false,
        stored: intake.stores.pieces()?.iter().map(|piece| piece.rows).sum(),
        messages: intake.messages(),
        quarantined: quarantined_by_reason(&intake.stores)?,
        tally: intake.board.tally(),
        restarts: intake.board.restarts(),
        shown,
        kept,
    })
}

/// The standing end of the wire at work.
#[derive(Debug)]
pub(super) struct Standing {
    /// What it keeps.
    pub intake: Intake,
    /// Where it listens, in words.
    pub place: String,
    supervision: Supervision,
    /// Services that end when the last message has been taken.
    ending: u32,
    /// Serves the sockets.
    _runtime: Runtime,
}

impl Standing {
    /// Opens the folder, listens, and starts every service.
    ///
    /// # Errors
    /// When the folder or the address cannot be used.
    pub(super) fn begin(settings: &Listening) -> Result<Self, TwinError> {
        let runtime = threads()?;
        let topics = Arc::new(settings.topics.clone());
        let mut intake = Intake::open(
            &settings.folder,
            &identity(&settings.equipment),
            &topics,
            settings.network.as_deref(),
            &settings.equipment,
        )?;
        intake.pace = Pace { keep: settings.keep_every.or(Pace::LIVE.keep), ..Pace::LIVE };
        intake.silent_after = silent_after(&settings.equipment);
        let mut services = intake.services(None);
        let edge_of = (&intake.log, &intake.board);
        let (service, address) = edge(&runtime, settings.address, edge_of, &topics, &settings.equipment, None)?;
        services.push(service);
        let seconds = second_stage(&intake, &settings.equipment)?;
        let ending = u32::from(intake.partitions()) + 1 + u32::try_from(seconds.len()).unwrap_or(u32::MAX);
        services.extend(seconds);
        let supervision = Supervision::start(services)
            .map_err(|error| TwinError::Service(format!("cannot start the supervisor: {error}")))?;
        let place = place_of(&settings.equipment.parts, address);
        Ok(Self { intake, place, supervision, ending, _runtime: runtime })
    }

    /// Takes what is left, closes open windows if nothing more will come (`finish`), and ends every service.
    ///
    /// # Errors
    /// When a service has given up.
    pub(super) fn end(self, finish: bool) -> Result<Intake, TwinError> {
        // First the listener, so that nothing is acknowledged that no worker reads.
        self.intake.end(Order::Hush, 1)?;
        let last = if finish { Order::Finish } else { Order::Leave };
        self.intake.end(last, self.ending)?;
        drop(self.supervision);
        Ok(self.intake)
    }
}

/// Where messages come in, in words.
pub(super) fn place_of(parts: &PartsFile, address: Option<SocketAddr>) -> String {
    let Some(address) = address else { return parts.broker().map(in_words).unwrap_or_default() };
    let behind = parts.kafka().map_or_else(String::new, |kafka| format!(" before {}", kafka.place()));
    format!("listening on {}{behind}", parts.listen.url(address))
}

/// What the folder is for: offsets of one topic mean nothing in another, nor among another number of partitions.
pub(super) fn identity(equipment: &Equipment) -> String {
    match equipment.parts.kafka() {
        Some(kafka) => format!("listener before the topic {} of {} partitions", kafka.topic, kafka.partitions),
        None => "listener".to_owned(),
    }
}

/// After how long a silent device may be forgotten: when nothing that it has said is kept any more, and two days to be sure of the
/// days' edges. What it sends again then is older than anything kept, and goes as it comes; so no record is there twice.
pub(super) fn silent_after(equipment: &Equipment) -> Option<SimDuration> {
    let (keep, beside) = (equipment.parts.keep, equipment.parts.records.is_some());
    let life = if beside { keep.history?.max(keep.records?) } else { keep.history? };
    Some(SimDuration::milliseconds(life.as_milliseconds().saturating_add(2 * 86_400_000)))
}

/// The services that look at the whole city, and those that carry what they find outside.
fn second_stage(intake: &Intake, equipment: &Equipment) -> Result<Vec<Service>, TwinError> {
    let (room, board) = (ControlRoom::live(intake), Arc::clone(&intake.board));
    let mut services = vec![Service::new("control room", &intake.board, Arc::new(move || room.run(&board)))];
    let (daily, board) = (Daily::new(intake), Arc::clone(&intake.board));
    services.push(Service::new("batch view", &intake.board, Arc::new(move || daily.run(&board))));
    services.extend(deliveries(intake, equipment, true)?);
    services.push(housekeeping(intake, equipment));
    Ok(services)
}

/// The service that carries notices outside, if there is anywhere to carry them; the actions of the rules only if it `tells`.
pub(super) fn deliveries(intake: &Intake, equipment: &Equipment, tells: bool) -> Result<Option<Service>, TwinError> {
    let tells_by_rules = tells && !intake.rules.actions.is_empty();
    if !tells_by_rules && intake.subscribers.is_none() {
        return Ok(None);
    }
    let rules = if tells { Arc::clone(&intake.rules) } else { Arc::default() };
    let mut deliverer = Deliverer::new(&rules, &equipment.environment)
        .map_err(|reasons| TwinError::Service(format!("the actions of the alert rules: {}", reasons.join("; "))))?;
    if let Some(subscribers) = &intake.subscribers {
        deliverer = deliverer.following(Arc::clone(subscribers), !tells);
    }
    let (deliverer, stores, board) = (Mutex::new(deliverer), Arc::clone(&intake.stores), Arc::clone(&intake.board));
    let work = move || control::deliver(&deliverer, &stores, &board);
    Ok(Some(Service::new("deliveries", &intake.board, Arc::new(work))))
}

/// The service that keeps the history in few pieces, and forgets what is old.
pub(super) fn housekeeping(intake: &Intake, equipment: &Equipment) -> Service {
    let (stores, board, keep) = (Arc::clone(&intake.stores), Arc::clone(&intake.board), equipment.parts.keep);
    let partitions = intake.partitions();
    let work = move || {
        housekeeping::keep_tidy(&stores, &keep, partitions, &board);
        Ok(())
    };
    Service::new("housekeeping", &intake.board, Arc::new(work))
}
