//! `citytwin drill FILE`: a drill that people join on a page, or that bots play alone; and a drill that is made again.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use clap::Args;

use crate::api::assets::Page;
use crate::api::port::Twin;
use crate::api::server::{self, ServeSettings};
use crate::city::scenario::{self, Overrides};
use crate::cli::serve::{AUDIT, Speed, open, server_settings, speed};
use crate::cli::{FAILED, INTERRUPTED, INVALID, complaint, interrupts, network_cache, print, tell, understood};
use crate::primitives::random::Seed;
use crate::studies::drill::file::{self, LoadedDrill};
use crate::studies::experiment::{make_folder, run_folder, run_id};
use crate::twin::{DrillSettings, Drilling, Pin, drill_again, drill_by_bots, until};

/// What `drill FILE` is told.
#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// Drill (.yaml) to run
    pub(super) file: Option<PathBuf>,
    /// Port of the page on this machine
    #[arg(long, default_value_t = 8080, conflicts_with = "listen")]
    port: u16,
    /// Where to serve instead; beyond this machine only with `--access`, which says how it is encrypted
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = crate::cli::address)]
    listen: Vec<SocketAddr>,
    /// File that says how the page is encrypted, and who may come in beside those who join by PIN
    #[arg(long, value_name = "FILE")]
    access: Option<PathBuf>,
    /// Folder of the drill, instead of outputs/<drill>/<run id>; one in which a server was killed is gone on with
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Root of every draw, instead of the scenario's
    #[arg(long, value_parser = crate::cli::seed)]
    seed: Option<u64>,
    /// City seconds for a second on the wall, 0.5 to 60, or `max`
    #[arg(long, value_name = "N|max", default_value = "1", value_parser = speed)]
    speed: Speed,
    /// Let bots alone play it, as fast as possible, without a page
    #[arg(long, conflicts_with_all = ["port", "listen", "access", "speed", "open", "new_pins"])]
    bots: bool,
    /// Draw new PINs in a folder that has some
    #[arg(long)]
    new_pins: bool,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

/// What `drill again` is told.
#[derive(Debug, Args)]
pub(super) struct AgainArguments {
    /// Folder of a drill that was played to its end
    folder: PathBuf,
    /// Folder for what is made again [default: `again` in the drill's folder]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn failed(error: impl std::fmt::Display) -> ExitCode {
    tell(&format!("error: {error}"));
    ExitCode::from(FAILED)
}

/// Runs a drill.
pub(super) fn run(arguments: &RunArguments, page: Page) -> ExitCode {
    let Some(file) = &arguments.file else {
        tell("error: name a drill, such as `citytwin drill scenarios/drills/quince_bridge.yaml`");
        return ExitCode::from(INVALID);
    };
    played(arguments, file, page).unwrap_or_else(|code| code)
}

fn played(arguments: &RunArguments, file: &Path, page: Page) -> Result<ExitCode, ExitCode> {
    let interrupted = interrupts()?;
    let server = if arguments.bots { None } else { Some(server_of(arguments)?) };
    let overrides = Overrides { seed: arguments.seed.map(Seed), threads: Some(1), ..Overrides::default() };
    let loaded = understood(file::load(file, &overrides, network_cache().as_ref()))?;
    complaint::tell_left_out(&loaded.city.left_out);
    for remark in &loaded.remarks {
        tell(&format!("note: {remark}"));
    }
    let folder = folder(arguments, &loaded)?;
    let stop = || interrupted.load(Ordering::SeqCst);
    if let Some(mut server) = server {
        server.page = page;
        server.guard.audit.get_or_insert_with(|| folder.join(AUDIT));
        return serve(arguments, file, &loaded, (&folder, &server), &interrupted);
    }
    let command: Vec<String> = std::env::args().collect();
    let made = drill_by_bots(&folder, (file, &command), &loaded, &stop);
    let branch = made.map_err(|error| if stop() { ExitCode::from(INTERRUPTED) } else { failed(error) })?;
    tell(&format!("the review is {}", branch.join("after-action.html").display()));
    Ok(print(&folder.display().to_string(), ExitCode::SUCCESS))
}

#[expect(clippy::disallowed_methods, reason = "a run is named after the clock on the wall")]
fn folder(arguments: &RunArguments, loaded: &LoadedDrill) -> Result<PathBuf, ExitCode> {
    let folder = if let Some(folder) = &arguments.out {
        make_folder(folder)
    } else {
        let outputs = loaded.city.outputs.dir.clone().unwrap_or_else(|| "outputs".into());
        let id = run_id(SystemTime::now(), loaded.city.settings.seed.0);
        run_folder(&outputs.join(scenario::folder_name(&loaded.drill.name)), &id)
    };
    folder.map_err(failed)
}

fn server_of(arguments: &RunArguments) -> Result<ServeSettings, ExitCode> {
    let mut addresses = arguments.listen.clone();
    if addresses.is_empty() {
        addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)));
    }
    Ok(server_settings(addresses, arguments.access.as_deref(), true)?.0)
}

fn tell_pins(pins: &[Pin], page: &str) {
    tell(&format!("join at {page}#/drill with the PIN of your role; the city waits until the clock is let go"));
    if pins.is_empty() {
        tell("  the PINs are those told when the drill was begun; `--new-pins` draws new ones");
    }
    for pin in pins {
        tell(&format!("  {:<24} {}", pin.title, pin.pin));
    }
}

fn serve(
    arguments: &RunArguments,
    file: &Path,
    loaded: &LoadedDrill,
    (folder, server): (&Path, &ServeSettings),
    interrupted: &Arc<AtomicBool>,
) -> Result<ExitCode, ExitCode> {
    let here = server.addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
    let settings = DrillSettings {
        folder: folder.to_owned(),
        file: file.to_owned(),
        command: std::env::args().collect(),
        speed: arguments.speed.0,
        beyond: !here || server.guard.behind_proxy,
        new_pins: arguments.new_pins,
    };
    let stop = || interrupted.load(Ordering::SeqCst);
    let (drilling, pins) = Drilling::begin(&settings, loaded, &stop).map_err(failed)?;
    let drilling = Arc::new(drilling);
    let scheme = if server.tls.is_some() { "https" } else { "http" };
    let (opens, place) = (arguments.open, folder.display().to_string());
    let ready = move |address: SocketAddr| {
        let page = format!("{scheme}://{address}/");
        tell_pins(&pins, &page);
        tell(&format!("interrupt to end; with `--out {place}` the same command goes on"));
        if opens {
            open(&format!("{page}#/drill"));
        }
    };
    let (watched, flag) = (Arc::clone(&drilling), Arc::clone(interrupted));
    let (mut troubles, mut stood, mut reviewed) = (0, String::new(), false);
    let stopped = until(move || {
        let known = watched.troubles();
        known.iter().skip(troubles).for_each(|trouble| tell(&format!("trouble: {trouble}")));
        troubles = known.len();
        let (phase, branch) = watched.stand();
        let stands = format!("the drill is {phase}, branch {branch}");
        if stands != stood {
            tell(&stands);
            stood = stands;
        }
        let review = watched.review();
        if let Some(review) = review.as_ref().filter(|_| !reviewed) {
            tell(&format!("the review is {}", review.display()));
        }
        reviewed = review.is_some();
        flag.load(Ordering::SeqCst)
    });
    let answered = server::serve(Arc::clone(&drilling) as Arc<dyn Twin>, server, ready, stopped).map_err(failed);
    drilling.end();
    answered?;
    Ok(print(&folder.display().to_string(), ExitCode::SUCCESS))
}

/// Makes a drill again, and says whether the bytes are the same.
pub(super) fn again(arguments: &AgainArguments) -> ExitCode {
    made_again(arguments).unwrap_or_else(|code| code)
}

fn made_again(arguments: &AgainArguments) -> Result<ExitCode, ExitCode> {
    let interrupted = interrupts()?;
    let stop = || interrupted.load(Ordering::SeqCst);
    let out = arguments.out.clone().unwrap_or_else(|| arguments.folder.join("again"));
    let remade = drill_again(&arguments.folder, &out, network_cache().as_ref(), &stop).map_err(failed)?;
    let mut code = ExitCode::SUCCESS;
    for file in &remade {
        tell(&format!("  {} {}", if file.same { "the same:" } else { "DIFFERS: " }, file.path.display()));
        if !file.same {
            code = ExitCode::from(FAILED);
        }
    }
    Ok(print(&out.display().to_string(), code))
}
