//! A load at work: messages leave on an open-loop schedule, whatever their target does about them, and the ledger is written first.
//!
//! Open loop: when a message is due follows from its number alone. A target that makes the sender wait makes it late, and how late is
//! measured; nothing is left out to catch up. However a load ends, its figures until then are kept and told.

mod beside;
mod courier;
mod ears;
#[cfg(feature = "actions")]
mod http;
mod looker;
mod sender;
mod source;
mod store;
mod truth;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::beside::Waiting;
use self::ears::Ears;
use self::looker::Looker;
use self::sender::{Done, Sender, Stopped};
use self::truth::Truth;
use super::TwinError;
use super::intake::Folders;
use super::parts::Environment;
use super::wire::threads;
use crate::pipeline::stores::SentTruth;
use crate::pipeline::transport::{PublisherOptions, Witness};
use crate::primitives::random::Seed;
use crate::primitives::text::{self, Findings, Place};
use crate::studies::audit::{Journal, Ledger};
use crate::studies::load::{
    Devices, End, Faults, Found, Load, LoadReport, Measured, Profile, Schedule, StoreAsked, page,
};
use crate::telemetry::TopicMap;

pub use self::courier::LoadTarget;
#[cfg(not(feature = "kafka"))]
pub(super) use self::courier::WITHOUT_KAFKA;
pub use self::source::{LoadSource, read_source};

/// Messages without acknowledgement that are kept, over all connections; at the limit the sender waits.
const OPEN_MAX: usize = 1_000_000;
/// Their bytes.
const OPEN_BYTES_MAX: usize = 256 << 20;
/// Files that a process needs besides its connections.
const FILES_BESIDE: u64 = 64;

/// Figures for programs, and the page for people.
const FILES: [&str; 2] = ["load.json", "report.html"];

/// What load is to be made.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// Folder for ledger and figures.
    pub folder: PathBuf,
    /// Where to send.
    pub target: LoadTarget,
    /// How to send.
    pub publisher: PublisherOptions,
    /// Topics by reading.
    pub topics: TopicMap,
    /// Devices.
    pub devices: u32,
    /// Connections, to which devices are shared out; as many as devices make one each.
    pub connections: u16,
    /// What their names begin with.
    pub name: String,
    /// What is sent when, and what is expected of it.
    pub profile: Profile,
    /// Root of every draw.
    pub seed: u64,
    /// What goes wrong.
    pub faults: Faults,
    /// Whether a client that waits for each answer is to send beside it.
    pub beside: bool,
    /// Where messages come from.
    pub source: LoadSource,
    /// In which store they are looked for.
    pub store: Option<StoreAsked>,
    /// Gives variables of the environment, in which stand user, password and token for the store.
    pub environment: Environment,
    /// Whether what was true is written down beside the ledger.
    pub truth: bool,
}

/// What came of a load.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Everything measured.
    pub report: LoadReport,
    /// Sentences about files of it that could not be written.
    pub unwritten: Vec<String>,
}

/// Where a load is.
#[derive(Debug, Clone)]
pub struct LoadUnderWay {
    /// The phase it is in.
    pub phase: String,
    /// How much of the schedule is over, 0 to 1.
    pub share: f64,
    /// The rate asked for [1/s].
    pub rate: f64,
    /// Messages handed over.
    pub handed: u64,
    /// Messages acknowledged.
    pub acknowledged: u64,
    /// What 99 of 100 messages of the latest moment took [µs].
    pub p99_us: Option<u64>,
    /// Connections that stand.
    pub connections: usize,
}

/// Reads a profile.
///
/// # Errors
/// Everything wrong with it.
pub fn read_profile(path: &Path) -> Result<Profile, Findings> {
    Profile::read(&text::bounded_text(path, File::open, 1, "profile")?, &Place::file(path))
}

/// Sends a load until it is through, cannot go on, or `stop` says so, and waits for the last acknowledgement; `watch` is told where
/// it is.
///
/// # Errors
/// When nothing could be begun: the folder cannot be used, or the system gives neither threads nor files enough. What goes wrong
/// later is told with the figures so far.
pub fn load(
    settings: &LoadSettings,
    watch: &mut dyn FnMut(&LoadUnderWay),
    stop: &dyn Fn() -> bool,
) -> Result<Loaded, TwinError> {
    // What cannot be done is told before anything of an earlier load is taken away.
    enough_files(u64::from(settings.connections))?;
    let sight = settings.store.as_ref().map(|asked| store::open(asked, settings.environment)).transpose()?;
    std::fs::create_dir_all(&settings.folder)
        .map_err(|error| TwinError::Service(format!("cannot make `{}`: {error}", settings.folder.display())))?;
    let folders = Folders::of(&settings.folder);
    Ledger::remove(&folders.ledger)?;
    // Figures of an earlier load would be taken for those of this one.
    for file in FILES {
        drop(std::fs::remove_file(settings.folder.join(file)));
    }
    // So would its truth.
    SentTruth::clear(&folders.truth)?;
    let mut journal = Journal::create(&folders.journal)?;
    let each = options(settings);
    journal.may_have_under_way(each.messages_max as u64 * u64::from(each.partitions))?;
    let truth = settings.truth.then(|| Truth::begin(&folders.truth)).transpose()?;
    let told = settings.source.begin()?;
    let runtime = threads()?;
    let schedule = settings.profile.schedule();
    let searched = settings.profile.search.map_or(0.0, |search| search.hold * 20.0);
    let ears = Arc::new(Ears::new(schedule.seconds() + searched));
    ears.expect(usize::from(settings.connections.max(1)));
    let witness: Arc<dyn Witness> = Arc::clone(&ears) as Arc<_>;
    let courier = settings.target.open(runtime.handle(), &options(settings), &witness)?;
    let (topics, seed) = (settings.topics.clone(), Seed(settings.seed));
    let mut sender = Sender::new(schedule, courier, Arc::clone(&ears), journal, settings, watch, stop);
    sender.truth = truth;
    let (source, fill) = told.unzip();
    let mut end = sender.connect(fill.as_deref());
    // Made before time begins: a million names take a while.
    let devices = Devices::new(seed, if source.is_none() { settings.devices } else { 1 }, &settings.name);
    let begun = sender.begin(|at| match source {
        Some(source) => Load::told(source, topics, seed, settings.faults, at),
        None => Load::new(devices, topics, seed, settings.faults, at),
    });
    let looker = settings.store.as_ref().zip(sight).map(|(asked, sight)| Looker::begin(asked, sight, begun));
    sender.looker = looker.transpose()?;
    let beside = if settings.beside && end.is_ok() {
        let rate = mean_rate(sender.schedule()).clamp(1.0, 1000.0);
        Some(Waiting::begin(runtime.handle(), settings, rate)?)
    } else {
        None
    };
    if end.is_ok() {
        end = sender.all();
    }
    let beside = beside.and_then(Waiting::end);
    let seconds = begun.elapsed().as_secs_f64();
    let seen = sender.last_looks(end.is_ok());
    let mut unwritten = Vec::new();
    if let Err(why) = sender.end_truth()
        && !matches!(end, Err(Stopped::Failed(_)))
    {
        unwritten.push(why);
    }
    let (done, journal) = sender.done();
    let is_answered = done.answered.is_some();
    let measured = ears.with(|recorder| recorder.figures(&done.schedule, done.answered.unwrap_or(seconds)));
    let emitted = journal.ledger().emitted();
    let report = LoadReport { emitted, measured, beside, store: seen, ..report_of(settings, end, done) };
    let found = report.search.as_ref().and_then(|found| found.rate);
    let in_store = report.store.as_ref().map(|store| &store.latency);
    let refused = report.refusals.iter().map(|(_, count)| count).sum();
    let expectations = settings.profile.expect.hold(&report.measured, refused, found, in_store);
    let report = LoadReport { expectations, ..report };
    // A journal that stays says that not everything it holds may have been sent.
    if is_answered && let Err(error) = journal.close(&folders.ledger) {
        unwritten.push(format!("{error}; its journal stays, and the audit reads that"));
    }
    unwritten.extend(write(&report, &settings.folder));
    runtime.shutdown_background();
    Ok(Loaded { report, unwritten })
}

/// What a sender leaves as a report in which nothing is measured yet.
fn report_of(settings: &LoadSettings, end: Result<(), Stopped>, done: Done) -> LoadReport {
    LoadReport {
        name: settings.profile.name.clone().unwrap_or_else(|| settings.name.clone()),
        target: settings.target.to_string(),
        began: done.began.to_string(),
        devices: done.devices,
        connections: settings.connections,
        seed: settings.seed,
        end: match end {
            Ok(()) => End::Completed,
            Err(Stopped::Interrupted) => End::Interrupted,
            Err(Stopped::Failed(why)) => End::Failed(why),
        },
        emitted: 0,
        resent: done.trouble.resent,
        reconnects: done.trouble.reconnects,
        refusals: done.refusals,
        waited_s: done.waited.as_secs_f64(),
        measured: Measured::default(),
        search: done.searching.map(|searching| Found {
            p99_us: settings.profile.search.map_or(0, |search| search.p99_us),
            rate: searching.best(),
            trials: searching.trials().to_vec(),
        }),
        beside: None,
        store: None,
        source: settings.source.to_string(),
        faults: settings.faults,
        fault_counts: done.fault_counts,
        expectations: Vec::new(),
    }
}

/// Messages a second, on the average.
#[expect(clippy::cast_precision_loss, reason = "messages of a load")]
fn mean_rate(schedule: &Schedule) -> f64 {
    schedule.messages() as f64 / schedule.seconds().max(1e-3)
}

/// How messages are sent: what is kept is shared out to the connections.
fn options(settings: &LoadSettings) -> PublisherOptions {
    let connections = settings.connections.max(1);
    PublisherOptions {
        partitions: connections,
        messages_max: (OPEN_MAX / usize::from(connections)).max(128),
        bytes_max: (OPEN_BYTES_MAX / usize::from(connections)).max(64 << 10),
        ..settings.publisher.clone()
    }
}

/// Refuses more connections than the system gives this process files, where it says how many that are.
pub(super) fn enough_files(connections: u64) -> Result<(), TwinError> {
    let Ok(limits) = std::fs::read_to_string("/proc/self/limits") else { return Ok(()) };
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let most = line.and_then(|line| line.split_whitespace().next()).and_then(|word| word.parse::<u64>().ok());
    let needed = connections + FILES_BESIDE;
    match most {
        Some(most) if needed > most => Err(TwinError::Service(format!(
            "{connections} connections need {needed} open files and this process may have {most}: allow it more with \
             `ulimit -n {needed}`, or ask for fewer connections"
        ))),
        _ => Ok(()),
    }
}

/// Writes figures and page; sentences about what could not be written.
fn write(report: &LoadReport, folder: &Path) -> Vec<String> {
    let figures = serde_json::to_vec_pretty(report).map_err(std::io::Error::other);
    let mut unwritten = Vec::new();
    for (name, content) in FILES.into_iter().zip([figures, page(report).map(String::into_bytes)]) {
        let path = folder.join(name);
        let draft = folder.join(format!(".{name}.part"));
        let written =
            content.and_then(|content| std::fs::write(&draft, content)).and_then(|()| std::fs::rename(&draft, &path));
        if let Err(error) = written {
            // Half a file under a name nobody reads is of no use either.
            drop(std::fs::remove_file(&draft));
            unwritten.push(format!("cannot write `{}`: {error}", path.display()));
        }
    }
    unwritten
}

/// Of the messages a load in this folder had made, how many were without acknowledgement when it ended; none where its figures do not say.
pub(super) fn open_at_the_end(folder: &Path) -> Option<u64> {
    let text = std::fs::read(folder.join(FILES[0])).ok()?;
    let figures: serde_json::Value = serde_json::from_slice(&text).ok()?;
    let measured = figures.get("measured")?;
    let number = |key| measured.get(key).and_then(serde_json::Value::as_u64);
    number("sent")?.checked_sub(number("acknowledged")?)
}

/// How long an interrupted load waits for what is on its way.
const LAST_ANSWERS: Duration = Duration::from_secs(5);
