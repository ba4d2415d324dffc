//! `citytwin serve`: a city alive on a page, with everything that can be asked of it and ordered behind an API.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use clap::Args;

use super::choice::Choice;
use super::publishing::topics;
use super::{complaint, run};
use crate::api::assets::Page;
use crate::api::guard::{Access, read_access};
use crate::api::port::Twin;
use crate::api::server::{self, ServeSettings as ServerSettings};
use crate::city::scenario::{self, LoadedScenario};
use crate::primitives::text::Place;
use crate::studies::experiment::{Program, make_folder, run_folder, run_id, user_cpu_seconds};
use crate::twin::{Listening, Protocol, RealCity, ServeSettings, Served, WireSettings, until};

/// Who ordered what, in the folder of what is served, unless the file of access names another file.
pub(super) const AUDIT: &str = "audit.jsonl";

/// What `serve` is told.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct Arguments {
    /// Scenario (.yaml) or SUMO configuration (.sumocfg) to bring to life
    #[arg(required_unless_present = "real", conflicts_with = "real")]
    file: Option<PathBuf>,
    /// Serve a real city instead: listen for its devices and keep what they tell in this folder
    #[arg(long, value_name = "DIR")]
    real: Option<PathBuf>,
    /// The scenario on whose roads a real city is shown; nothing in it runs
    #[arg(long, value_name = "FILE", requires = "real")]
    scenario: Option<PathBuf>,
    /// Port of the page and the API on this machine
    #[arg(long, default_value_t = 8080, conflicts_with = "listen")]
    port: u16,
    /// Where to serve instead; beyond this machine only with `--access`
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = super::address)]
    listen: Vec<SocketAddr>,
    /// File that says who may come in, and how it is encrypted; `citytwin key` makes its keys
    #[arg(long, value_name = "FILE")]
    access: Option<PathBuf>,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
    /// City seconds for a second on the wall, 0.5 to 60, or `max`
    #[arg(long, value_name = "N|max", default_value = "1", value_parser = speed)]
    speed: Speed,
    /// Let the city stand still at first
    #[arg(long)]
    paused: bool,
    #[command(flatten)]
    choice: Choice,
    /// Folder for the run's files, instead of outputs/<scenario>/<run id>; one in which a server was killed is gone on with
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Folder in which finished runs and comparisons lie, to be looked at and replayed [default: outputs]
    #[arg(long, value_name = "DIR")]
    outputs: Option<PathBuf>,
    /// File that says which parts to run on: embedded ones, Mosquitto, Redis, PostgreSQL
    #[arg(long, value_name = "FILE")]
    parts: Option<PathBuf>,
    /// Where the built-in MQTT listener listens [default: what the file of parts says; else any free port of this machine, and
    /// 127.0.0.1:1883 for a real city]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = super::address)]
    mqtt: Option<SocketAddr>,
    /// Let a simulated city carry its alerts outside, as the rules of the file of parts say
    #[arg(long)]
    tell: bool,
    /// Write no report page at the end
    #[arg(long)]
    no_report: bool,
}

/// City seconds for a second on the wall; none is as fast as possible.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Speed(pub(super) Option<f64>);

/// Reads a speed of the command line.
pub(super) fn speed(word: &str) -> Result<Speed, String> {
    if word == "max" {
        return Ok(Speed(None));
    }
    let factor = word.parse().ok().filter(|factor| (0.5..=60.0).contains(factor));
    factor.map(|factor| Speed(Some(factor))).ok_or_else(|| "write a number from 0.5 to 60, or `max`".to_owned())
}

/// Serves until interrupted.
pub(super) fn serve(arguments: &Arguments, page: Page) -> ExitCode {
    let served = match (&arguments.file, &arguments.real) {
        (Some(file), _) => simulated(arguments, file, page),
        (None, Some(folder)) => real(arguments, folder, page),
        // The command line does not let this through.
        (None, None) => Err(ExitCode::from(super::INVALID)),
    };
    served.unwrap_or_else(|code| code)
}

/// Says what went wrong; the code to end with.
fn failed(error: impl std::fmt::Display) -> ExitCode {
    super::tell(&format!("error: {error}"));
    ExitCode::from(super::FAILED)
}

fn load(arguments: &Arguments, file: &std::path::Path) -> Result<LoadedScenario, ExitCode> {
    super::understood(arguments.choice.load(file, super::network_cache().as_ref()))
}

#[expect(clippy::disallowed_methods, reason = "a run is named after the clock on the wall")]
fn simulated(arguments: &Arguments, file: &std::path::Path, page: Page) -> Result<ExitCode, ExitCode> {
    let interrupted = super::interrupts()?;
    let (mut server, access) = server_settings(addresses(arguments), arguments.access.as_deref(), false)?;
    server.page = page;
    let mut equipment = super::equipment(arguments.parts.as_deref())?;
    equipment.webhooks = Some(access.webhooks());
    let mqtt = arguments.mqtt.or(equipment.parts.listen.address).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let place = Place::file(arguments.parts.clone().unwrap_or_else(|| "command line".into()));
    super::understood(equipment.check(&place, mqtt))?;
    let began = SystemTime::now();
    let loaded = load(arguments, file)?;
    let topics = super::understood(super::topics_of(&loaded))?;
    complaint::tell_left_out(&loaded.left_out);
    let command = std::env::args().collect();
    let program = Program { command, began, loading_cpu_s: user_cpu_seconds(), from: None };
    let outputs = arguments.outputs.clone().or_else(|| loaded.outputs.dir.clone()).unwrap_or_else(|| "outputs".into());
    let folder = match &arguments.out {
        Some(folder) => make_folder(folder),
        None => run_folder(&outputs.join(scenario::folder_name(&loaded.name)), &run_id(began, loaded.settings.seed.0)),
    };
    let folder = folder.map_err(failed)?;
    server.guard.audit.get_or_insert_with(|| folder.join(AUDIT));
    let mut wire = WireSettings::in_folder(&folder, topics);
    wire.listen = mqtt;
    wire.protocol = if loaded.telemetry.mqtt5 { Protocol::V5 } else { Protocol::V311 };
    wire.name = format!("citytwin-{}", std::process::id());
    wire.equipment = equipment;
    let destination = run::wished(&loaded, Some(folder.clone()), !arguments.no_report);
    let mut settings = ServeSettings::new(wire, destination, program);
    settings.tells = arguments.tell;
    (settings.speed, settings.paused) = (arguments.speed.0, arguments.paused);
    (settings.outputs, settings.cache) = (Some(outputs), super::network_cache());
    let stop = || interrupted.load(Ordering::SeqCst);
    let served = Arc::new(Served::begin(&settings, &loaded, &stop).map_err(failed)?);
    let news = Arc::clone(&served);
    let answered =
        answer((arguments, &server), Arc::clone(&served) as Arc<dyn Twin>, &interrupted, move || (news.news(), None));
    super::tell("what the city told is being kept; interrupt once more to leave it as it is");
    let ended = served.end().map_err(failed)?;
    let code = match ended {
        Some((finished, wire)) => run::tell_finished(&finished, Some(&wire), ExitCode::SUCCESS),
        None => ExitCode::SUCCESS,
    };
    answered?;
    Ok(super::print(&folder.display().to_string(), code))
}

fn real(arguments: &Arguments, folder: &std::path::Path, page: Page) -> Result<ExitCode, ExitCode> {
    let interrupted = super::interrupts()?;
    let (mut server, access) = server_settings(addresses(arguments), arguments.access.as_deref(), false)?;
    server.page = page;
    let mut equipment = super::equipment(arguments.parts.as_deref())?;
    equipment.webhooks = Some(access.webhooks());
    let parts = &equipment.parts;
    let loaded = arguments.scenario.as_ref().map(|file| load(arguments, file)).transpose()?;
    let topics = topics(parts.topics.as_deref(), parts.city.as_deref(), loaded.as_ref())?;
    let name = parts.city.clone().or_else(|| loaded.as_ref().map(|loaded| loaded.name.clone()));
    let mqtt = arguments.mqtt.or(parts.listen.address).unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 1883)));
    let place = Place::file(arguments.parts.clone().unwrap_or_else(|| "command line".into()));
    super::understood(equipment.check(&place, mqtt))?;
    let places = loaded.as_ref().and_then(|loaded| loaded.places.clone());
    let settings = Listening {
        folder: folder.to_owned(),
        address: mqtt,
        topics,
        network: loaded.map(|loaded| loaded.network),
        equipment,
        tell_every: None,
        keep_every: None,
        finish: false,
        standby: false,
    };
    let outputs = arguments.outputs.clone().or_else(|| Some("outputs".into()));
    let name = name.unwrap_or_else(|| "city".to_owned());
    let city = Arc::new(RealCity::begin(&name, &settings, places, outputs).map_err(failed)?);
    super::tell(city.place());
    server.guard.audit.get_or_insert_with(|| folder.join(AUDIT));
    let news = Arc::clone(&city);
    let answered = answer((arguments, &server), Arc::clone(&city) as Arc<dyn Twin>, &interrupted, move || {
        (news.news(), news.failure())
    });
    let heard = city.end(false).map_err(failed)?;
    answered?;
    if let Some(heard) = heard {
        super::tell(&format!("{} messages in the log, {} stored as records", heard.messages, heard.stored));
        super::tell(&super::tally(heard.tally));
    }
    Ok(super::print(&folder.display().to_string(), ExitCode::SUCCESS))
}

/// Where is served.
fn addresses(arguments: &Arguments) -> Vec<SocketAddr> {
    if arguments.listen.is_empty() {
        return vec![SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port))];
    }
    arguments.listen.clone()
}

/// Where is served, and who may come in, besides those who come `by_pin`.
pub(super) fn server_settings(
    addresses: Vec<SocketAddr>,
    access: Option<&std::path::Path>,
    by_pin: bool,
) -> Result<(ServerSettings, Access), ExitCode> {
    let mut settings = ServerSettings::new(addresses);
    let access = match access {
        Some(file) => super::understood(read_access(file, &|name| std::env::var(name).ok()))?,
        None => Access::default(),
    };
    settings.connections.crowding = access.crowding;
    (settings.guard, settings.tls) = (access.guard.clone(), access.tls.clone());
    settings.guard.by_pin = by_pin;
    // Found out before the city is brought to life.
    for address in &settings.addresses {
        settings.guard.check(*address, settings.tls.is_some()).map_err(|sentence| {
            super::tell(&format!("error: {sentence}"));
            ExitCode::from(super::INVALID)
        })?;
    }
    Ok((settings, access))
}

/// Answers until interrupted or the twin has failed; says meanwhile what people should hear.
fn answer(
    (arguments, settings): (&Arguments, &ServerSettings),
    twin: Arc<dyn Twin>,
    interrupted: &Arc<AtomicBool>,
    news: impl Fn() -> (Vec<String>, Option<String>) + 'static,
) -> Result<(), ExitCode> {
    let opens = arguments.open;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let ready = move |address: SocketAddr| {
        let page = format!("{scheme}://{address}/");
        super::tell(&format!("the city is at {page}; interrupt to end"));
        if opens {
            open(&page);
        }
    };
    let interrupted = Arc::clone(interrupted);
    let stop = until(move || {
        let (news, failure) = news();
        for news in &news {
            super::tell(news);
        }
        failure.is_some() || interrupted.load(Ordering::SeqCst)
    });
    server::serve(twin, settings, ready, stop).map_err(failed)
}

/// Opens a page in the browser; where there is none, its address has been told.
pub(super) fn open(page: &str) {
    let (program, words): (&str, &[&str]) = if cfg!(target_os = "macos") {
        ("open", &[])
    } else if cfg!(target_os = "windows") {
        ("explorer", &[])
    } else {
        ("xdg-open", &[])
    };
    let mut command = Command::new(program);
    command.args(words).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if command.spawn().is_err() {
        super::tell(&format!("no browser could be opened; open {page} yourself"));
    }
}
