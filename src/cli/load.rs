//! `citytwin load`: many devices tell somebody's platform what they see, on a schedule, with a ledger of what was sent.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::publishing::{Publishing, topics};
use crate::primitives::SimDuration;
use crate::studies::load::{
    CONNECTIONS_MAX, DEVICES_MAX, End, Faults, Profile, RATE_MAX, Shape, SourceAsked, StoreAsked, duration,
};
use crate::twin::{self, LoadSettings, LoadTarget, LoadUnderWay, Loaded};

/// Most characters before a device's number; names are cut at 64, and two would become one.
const NAME_MAX: usize = 40;

/// What `load` is told.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    ends: Option<Ends>,
    #[command(flatten)]
    sending: Sending,
}

/// What is done with a profile besides sending it.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Check a profile and say what it would send, without sending it
    Check {
        /// The profile
        file: PathBuf,
    },
}

/// Where it is sent to, and where it is written down; apart from the rest, because a check needs neither.
#[derive(Debug, Args)]
struct Ends {
    /// Where to send: `mqtt://host:port`, `mqtts://`, `http://host:port/path` (`#batch=100` behind it for up to so many in a
    /// request), `kafka://host:9092,host:9092/topic` or `kafkas://` (docs/load.md says what may stand behind `?`); user and password
    /// come from `CITYTWIN_MQTT_USER` and `CITYTWIN_MQTT_PASSWORD`, or `CITYTWIN_KAFKA_USER` and `CITYTWIN_KAFKA_PASSWORD`
    #[arg(long, value_name = "URL", value_parser = LoadTarget::parse)]
    target: LoadTarget,
    /// Folder for ledger, figures (load.json) and report (report.html)
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// What is sent, and how.
#[derive(Debug, Args)]
struct Sending {
    #[command(flatten)]
    publishing: Publishing,
    /// Load profile (.yaml): phases, search, faults and what is expected; what it says goes before the command line
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Devices
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(DEVICES_MAX)))]
    devices: u32,
    /// Connections, to which devices are shared out; as many as devices make one for each [default: 4; 1 to Kafka]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(CONNECTIONS_MAX)))]
    connections: Option<u16>,
    /// Messages a second, over all devices
    #[arg(long, default_value_t = 1000.0, value_parser = rate, conflicts_with = "profile")]
    rate: f64,
    /// How long, in seconds
    #[arg(long, default_value_t = 10.0, value_parser = seconds, conflicts_with = "profile")]
    seconds: f64,
    /// Root of every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What the devices' names begin with; two loads at one target need two names
    #[arg(long, default_value = "load", value_parser = name)]
    name: String,
    /// A client beside the load that waits for each answer before it sends again, to see what such a client does not
    #[arg(long, value_name = "closed-loop", value_parser = ["closed-loop"])]
    beside: Option<String>,
    /// Where messages come from: `synthetic`, `city:scenario.yaml` or `recording:` and the folder of a run or a file [default: what
    /// the profile says, or synthetic]
    #[arg(long, value_name = "SOURCE", value_parser = SourceAsked::parse)]
    source: Option<SourceAsked>,
    /// Look for messages in a store: `http://host:port` (our API), `postgres://`, `redis://` or `parquet://folder`; user, password and
    /// token come from `CITYTWIN_STORE_USER`, `CITYTWIN_STORE_PASSWORD` and `CITYTWIN_STORE_TOKEN`
    #[arg(long, value_name = "URL", value_parser = StoreAsked::parse)]
    store: Option<StoreAsked>,
    /// Write nothing down of what was true
    #[arg(long)]
    no_truth: bool,
    #[command(flatten)]
    wrongs: Wrongs,
    /// Mapping file: a topic for each reading type
    #[arg(long, value_name = "FILE")]
    topics: Option<PathBuf>,
    /// Print the figures as one JSON object
    #[arg(long)]
    json: bool,
}

/// What goes wrong with messages.
#[derive(Debug, Args)]
struct Wrongs {
    /// Share of messages that are sent twice, 0 to 1
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    doubled: f64,
    /// Share of messages that are overtaken by later ones
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    reordered: f64,
    /// Share of messages that come ten minutes late
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    late: f64,
    /// Share of messages that are cut off in the middle
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    malformed: f64,
    /// For each message of a device, the share of hostile ones that strangers send
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    hostile: f64,
    /// From this second on all devices' clocks are wrong, by `--clock-step-by` seconds
    #[arg(long, value_name = "SECONDS", requires = "clock_step_by")]
    clock_step_at: Option<f64>,
    /// By how many seconds the clocks are wrong then
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true, requires = "clock_step_at")]
    clock_step_by: Option<f64>,
    /// Share of devices whose clocks are an hour ahead all the time
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    wrong_clocks: f64,
}

impl Wrongs {
    fn faults(&self) -> Faults {
        let clock_step = self.clock_step_at.zip(self.clock_step_by);
        Faults {
            doubled: self.doubled,
            reordered: self.reordered,
            late: self.late,
            malformed: self.malformed,
            hostile: self.hostile,
            clock_step: clock_step.map(|(at, by)| (SimDuration::seconds(at), SimDuration::seconds(by))),
            wrong_clocks: self.wrong_clocks,
            ..Faults::default()
        }
    }
}

fn rate(word: &str) -> Result<f64, String> {
    let wrong = format!("write a number of messages a second, above 0 and at most {RATE_MAX}");
    word.parse().ok().filter(|rate| (0.001..=RATE_MAX).contains(rate)).ok_or(wrong)
}

fn seconds(word: &str) -> Result<f64, String> {
    let wrong = "write a number of seconds, above 0 and at most 604800";
    word.parse().ok().filter(|seconds| (0.001..=604_800.0).contains(seconds)).ok_or_else(|| wrong.to_owned())
}

fn share(word: &str) -> Result<f64, String> {
    word.parse().ok().filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| "write a share from 0 to 1".to_owned())
}

/// Sends it, or checks a profile.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let done = match (&arguments.verb, &arguments.ends) {
        (Some(Verb::Check { file }), _) => super::understood(twin::read_profile(file))
            .map(|profile| super::print(&profile.to_string(), ExitCode::SUCCESS)),
        (None, Some(ends)) => send(ends, &arguments.sending),
        (None, None) => {
            super::tell("error: say where to send with `--target`, and with `--out` where the ledger is to be");
            Err(ExitCode::from(super::INVALID))
        }
    };
    done.unwrap_or_else(|code| code)
}

fn send(ends: &Ends, arguments: &Sending) -> Result<ExitCode, ExitCode> {
    let settings = settings(ends, arguments)?;
    let interrupted = super::interrupts()?;
    let bar = bar();
    let loaded =
        twin::load(&settings, &mut |now| show(&bar, now), &|| interrupted.load(Ordering::SeqCst)).map_err(|error| {
            super::tell(&format!("error: {error}"));
            ExitCode::from(super::FAILED)
        });
    bar.finish_and_clear();
    let Loaded { report, unwritten } = loaded?;
    super::tell(&report.to_string());
    for sentence in &unwritten {
        super::tell(&format!("error: {sentence}"));
    }
    let code = match &report.end {
        End::Interrupted => ExitCode::from(super::INTERRUPTED),
        End::Failed(_) => ExitCode::from(super::FAILED),
        End::Completed if !unwritten.is_empty() => ExitCode::from(super::FAILED),
        End::Completed if !report.holds() => ExitCode::from(super::compare::UNMET),
        End::Completed => ExitCode::SUCCESS,
    };
    // Where the figures have no file, they are told here, so that a full disk does not take them.
    let text =
        if arguments.json || !unwritten.is_empty() { super::json(&report) } else { ends.out.display().to_string() };
    Ok(super::print(&text, code))
}

/// A line on a terminal, nothing elsewhere.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}") {
        bar.set_style(style);
    }
    bar
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share from 0 to 1")]
fn show(bar: &ProgressBar, now: &LoadUnderWay) {
    bar.set_position((now.share * 1000.0) as u64);
    bar.set_message(format!(
        "{}: {:.0}/s asked, {} sent, {} open, p99 {}, {} connections",
        crate::primitives::text::harmless(&now.phase),
        now.rate,
        now.handed,
        now.handed.saturating_sub(now.acknowledged),
        duration(now.p99_us),
        now.connections
    ));
}

/// Reads what names begin with: with a device's number behind it, it has to fit into a name.
fn name(word: &str) -> Result<String, String> {
    let is_short = (1..=NAME_MAX).contains(&word.len());
    if is_short { Ok(word.to_owned()) } else { Err(format!("write 1 to {NAME_MAX} characters")) }
}

/// Whether a source of the command line can do what the profile asks.
fn fits(profile: &Profile, source: &SourceAsked) -> Result<(), ExitCode> {
    if *source == SourceAsked::Synthetic || profile.source.is_some() {
        return Ok(());
    }
    let about_one_road = profile.phases.iter().find(|phase| matches!(phase.shape, Shape::HotRoad(..)));
    let sentence = match about_one_road {
        Some(phase) => {
            format!(
                "`--source` says itself who speaks, and the phase `{}` of the profile is about one road",
                phase.name
            )
        }
        None if profile.devices.is_some() => {
            "`--source` says itself how many devices there are; take `devices` out of the profile".to_owned()
        }
        None => return Ok(()),
    };
    super::tell(&format!("error: {sentence}"));
    Err(ExitCode::from(super::INVALID))
}

fn settings(ends: &Ends, arguments: &Sending) -> Result<LoadSettings, ExitCode> {
    let profile = match &arguments.profile {
        Some(file) => super::understood(twin::read_profile(file))?,
        None => Profile::constant(arguments.rate, arguments.seconds),
    };
    let mut publisher = arguments.publishing.options(&arguments.name, ends.target.is_encrypted())?;
    publisher.credentials = super::run::credentials(ends.target.login());
    let source = profile.source.clone().or_else(|| arguments.source.clone()).unwrap_or_default();
    fits(&profile, &source)?;
    let source = super::understood(twin::read_source(&source))?;
    let connections = profile.connections.or(arguments.connections).unwrap_or_else(|| ends.target.usual_connections());
    if connections > ends.target.connections_max() {
        let (target, most) = (&ends.target, ends.target.connections_max());
        super::tell(&format!(
            "error: {target} takes at most {most} connections of a load, and {connections} are asked for"
        ));
        return Err(ExitCode::from(super::INVALID));
    }
    Ok(LoadSettings {
        source,
        store: profile.store.clone().or_else(|| arguments.store.clone()),
        environment: |name| std::env::var(name).ok(),
        truth: profile.truth.unwrap_or(!arguments.no_truth),
        folder: ends.out.clone(),
        publisher,
        target: ends.target.clone(),
        topics: topics(arguments.topics.as_deref(), None, None)?,
        devices: profile.devices.unwrap_or(arguments.devices),
        connections,
        name: arguments.name.clone(),
        seed: profile.seed.unwrap_or(arguments.seed),
        faults: profile.faults.unwrap_or_else(|| arguments.wrongs.faults()),
        profile,
        beside: arguments.beside.is_some(),
    })
}
