//! `cargo xtask wire`, SUMO's part: real SUMO drives, its vehicles are sent over the wire, and what is kept is counted against what it
//! wrote; and a city of ours is exported and driven by SUMO.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::compare;
use crate::root;
use crate::wire::{address_in, citytwin, output, text};

/// The scenario that is driven, and for how long [s].
const SCENE: &str = "ingolstadt1";
const SECONDS: u32 = 600;

/// SUMO's vehicles over the wire; figures if all of them are kept.
pub(crate) fn vehicles(runs: &Path) -> Result<String, String> {
    if !compare::data_is_there() {
        return Ok("left out, because the scenarios of SUMO are not beside the checkout".to_owned());
    }
    let (fcd, kept, sender) = (runs.join("sumo.fcd.xml"), runs.join("sumo-kept"), runs.join("sumo-sent"));
    let scenario = compare::drive(SCENE, &runs.join("sumo-copy"), SECONDS, &fcd)?;
    let vehicles = count(&fcd)?;
    if vehicles == 0 {
        return Err("SUMO drove nobody".to_owned());
    }
    let mut listen = citytwin();
    listen.args(["listen", "--listen", "127.0.0.1:0", "--finish", "--out"]).arg(&kept);
    listen.arg("--scenario").arg(&scenario).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = listen.spawn().map_err(|error| error.to_string())?;
    let mut words = BufReader::new(child.stderr.take().ok_or("no words")?);
    let address = address_in(&mut words)?;
    let mut send = citytwin();
    send.arg("send").arg(&fcd).args(["--target", &format!("mqtt://{address}"), "--as-fast", "--confirm", "end-to-end"]);
    let sent = output(send.arg("--scenario").arg(&scenario).arg("--out").arg(&sender))?;
    drop(Command::new("kill").args(["-INT", &child.id().to_string()]).status());
    let mut told = String::new();
    // Read to its end, so that it is never held up by a full pipe.
    words.read_to_string(&mut told).map_err(|error| error.to_string())?;
    child.wait().map_err(|error| error.to_string())?;
    if !sent.status.success() {
        return Err(text(&sent.stderr));
    }
    let audit = output(citytwin().arg("audit").arg(&sender).arg("--kept-in").arg(&kept))?;
    if !audit.status.success() {
        return Err(text(&audit.stdout));
    }
    if !told.lines().any(|line| line.trim() == format!("stored as records: {vehicles}")) {
        return Err(format!("SUMO wrote {vehicles} vehicles; the listener says {told}"));
    }
    let agreed = output(citytwin().arg("reconcile").arg(&kept).arg("--scenario").arg(&scenario))?;
    if !agreed.status.success() {
        return Err(text(&agreed.stdout));
    }
    Ok(format!("{vehicles} places of vehicles of {SCENE}, all of them kept; live and batch view agree"))
}

/// How far SUMO's arrivals and its mean time on the road may be from ours.
const ARRIVALS_OFF: f64 = 0.02;
const DURATION_OFF: f64 = 0.05;

/// A shipped scenario goes to SUMO, which drives it without a complaint and comes to the same; both sides' figures.
pub(crate) fn exported(runs: &Path) -> Result<String, String> {
    let configuration = runs.join("exported.sumocfg");
    let scenario = root().join("scenarios/morning_hour.yaml");
    let made = output(citytwin().arg("export").arg(scenario).arg("--out").arg(&configuration))?;
    if !made.status.success() {
        return Err(text(&made.stderr));
    }
    let ours = runs.join("exported-ours.xml");
    let run = output(citytwin().arg("run").arg(&configuration).arg("--no-report").arg("--tripinfo").arg(&ours))?;
    if !run.status.success() {
        return Err(text(&run.stderr));
    }
    let (ours, theirs) = (compare::arrived(&ours)?, compare::driven(&configuration)?);
    let off = |ours: f64, theirs: f64| (ours - theirs).abs() / theirs;
    let figures = format!("{} arrive after {:.1} s here, {} after {:.1} s in SUMO", ours.0, ours.1, theirs.0, theirs.1);
    if off(f64::from(ours.0), f64::from(theirs.0)) > ARRIVALS_OFF || off(ours.1, theirs.1) > DURATION_OFF {
        return Err(figures);
    }
    Ok(figures)
}

/// Vehicles in all steps of a file, counted without reading XML.
fn count(fcd: &Path) -> Result<usize, String> {
    let file = std::fs::File::open(fcd).map_err(|error| format!("{}: {error}", fcd.display()))?;
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    Ok(lines.filter(|line| line.trim_start().starts_with("<vehicle ")).count())
}
