//! SUMO's configuration files (`.sumocfg`): network, demand, clock and seed in one.
//!
//! Options that only write or draw are passed over; those that would change what happens and that we do not have are counted
//! as left out. Runs nothing and writes nothing.

use std::path::{Path, PathBuf};

use crate::city::demand::Demand;
use crate::city::demand::sumo::{ProgramChange, ReadSettings, read_demand};
use crate::city::network::Network;
use crate::city::network::sumo::read_network;
use crate::city::network::xml::{Element, Item, Source, parse_flag, parse_time, walk};
use crate::primitives::random::Seed;
use crate::primitives::text::{Findings, Problem, closest};
use crate::primitives::{SimDuration, SimTime};
use crate::simulation::settings::RunSettings;

/// Everything a configuration file leads to.
#[derive(Debug, Clone)]
pub struct LoadedSumo {
    /// The roads, with the signal programs of the additional files.
    pub network: Network,
    /// Who travels.
    pub demand: Demand,
    /// How the run is to be made.
    pub settings: RunSettings,
    /// Every file read: the configuration, the network, then additional and route files in SUMO's order.
    pub files: Vec<PathBuf>,
    /// Vehicles of the files that depart before the begin or not before the end.
    pub not_due: usize,
    /// No problem, but what was left out, by name and count.
    pub findings: Findings,
}

/// Loads the scenario of a configuration file; seed, begin and end go before what it says itself.
///
/// # Errors
/// Every problem of all its files at once. The network's problems come before those of the demand, which cannot be read
/// without it.
pub fn load(
    path: &Path,
    seed: Option<Seed>,
    begin: Option<SimTime>,
    end: Option<SimTime>,
) -> Result<LoadedSumo, Findings> {
    let mut findings = Findings::default();
    let source = match Source::open(path) {
        Ok(source) => source,
        Err(problem) => {
            findings.problem(problem);
            return Err(findings);
        }
    };
    let mut options = read_options(&source, &mut findings);
    options.settings.seed = seed.unwrap_or(options.settings.seed);
    options.settings.begin = begin.unwrap_or(options.settings.begin);
    options.settings.end = end.or(options.settings.end);
    if options.settings.end.is_some_and(|end| end <= options.settings.begin) {
        findings.problem(Problem::new(source.place.clone(), "the run ends before it begins"));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let Some(network_file) = options.network.as_ref().map(|file| folder.join(file)) else {
        let problem = Problem::new(source.place.clone(), "the configuration names no network");
        findings.problem(problem.help("add <net-file value=\"...\"/> to its <input>"));
        return Err(findings);
    };
    let mut files = vec![path.to_path_buf(), network_file.clone()];
    let demand_files: Vec<PathBuf> =
        options.additional.iter().chain(&options.routes).map(|file| folder.join(file)).collect();
    files.extend(demand_files.iter().cloned());
    let mut network = match read_network(&network_file) {
        Ok((network, left_out)) => {
            findings.absorb(left_out);
            network
        }
        Err(found) => {
            findings.absorb(found);
            return Err(findings);
        }
    };
    let settings = ReadSettings {
        begin: options.settings.begin,
        end: options.settings.end,
        seed: options.settings.seed,
        impatience_after: options.impatience_after,
        ignore_route_errors: options.ignore_route_errors,
    };
    let read = match read_demand(&demand_files, &network, &settings) {
        Ok((read, left_out)) => {
            findings.absorb(left_out);
            read
        }
        Err(found) => {
            findings.absorb(found);
            return Err(findings);
        }
    };
    apply_programs(read.programs, &mut network, &mut findings);
    if !findings.is_ok() {
        return Err(findings);
    }
    Ok(LoadedSumo { network, demand: read.demand, settings: options.settings, files, not_due: read.not_due, findings })
}

/// Gives signals the programs of additional files; the last one runs.
pub fn apply_programs(programs: Vec<ProgramChange>, network: &mut Network, findings: &mut Findings) {
    for ProgramChange { signal, program, place } in programs {
        let Some(known) = network.signals.iter_mut().find(|known| known.name == signal) else {
            let problem = Problem::new(place, format!("a program is for an unknown signal '{signal}'"));
            let names = network.signals.iter().map(|known| known.name.as_str());
            findings.problem(match closest(&signal, names) {
                Some(likely) => problem.help(format!("did you mean '{likely}'?")),
                None => problem,
            });
            continue;
        };
        let heads = program.phases.first().map_or(0, |phase| phase.aspects.len());
        if heads < known.links.len() {
            let message = format!(
                "program '{}' of signal '{signal}' shows {heads} states to {} heads",
                program.name,
                known.links.len()
            );
            findings.problem(Problem::new(place, message));
        } else if known.programs.iter().any(|other| other.name == program.name) {
            let message = format!("signal '{signal}' already has a program '{}'", program.name);
            findings.problem(Problem::new(place, message).help("give it another programID"));
        } else {
            known.programs.push(program);
        }
    }
}

/// What a configuration says.
struct Options {
    network: Option<String>,
    routes: Vec<String>,
    additional: Vec<String>,
    settings: RunSettings,
    impatience_after: SimDuration,
    ignore_route_errors: bool,
}

fn read_options(source: &Source, findings: &mut Findings) -> Options {
    let mut options = Options {
        network: None,
        routes: Vec::new(),
        additional: Vec::new(),
        settings: RunSettings::default(),
        impatience_after: ReadSettings::default().impatience_after,
        ignore_route_errors: false,
    };
    walk(source, findings, |item, findings| {
        let Item::Open(element) = item else { return true };
        match (element.depth, element.get("value").or(element.get("v"))) {
            (0, _) if matches!(element.name, "net" | "routes" | "additional") => {
                findings.problem(element.problem(format!("<{}> is no configuration", element.name)));
                return false;
            }
            (0, _) => {}
            (1, None) if is_quiet_section(element.name) => return false,
            (_, Some(value)) => options.take(element, value, findings),
            (_, None) => {}
        }
        true
    });
    options
}

/// Sections whose options never change what happens.
fn is_quiet_section(name: &str) -> bool {
    matches!(name, "output" | "report" | "gui_only" | "traci_server" | "mesoscopic" | "emissions" | "fcd_device")
}

/// Options outside those sections that only write, draw or choose between ways to the same result.
const QUIET: &[&str] = &[
    "gui-settings-file",
    "start",
    "quit-on-end",
    "delay",
    "window-size",
    "window-pos",
    "demo",
    "breakpoints",
    "verbose",
    "no-step-log",
    "no-warnings",
    "log",
    "message-log",
    "error-log",
    "duration-log.disable",
    "duration-log.statistics",
    "xml-validation",
    "xml-validation.net",
    "xml-validation.routes",
    "precision",
    "precision.geo",
    "human-readable-time",
    "output-prefix",
    "summary",
    "tripinfo",
    "netstate-dump",
    "statistic-output",
    "routing-algorithm",
    "threads",
    "device.rerouting.threads",
    "route-steps",
    "remote-port",
    "num-clients",
    "print-options",
    "help",
    "version",
    "aggregate-warnings",
    "write-license",
    "default.carfollowmodel",
    "pedestrian.model",
    "random-depart-offset",
    "thread-rngs",
    "load-state.offset",
    "collision.check-junctions",
    "ignore-accidents",
    "no-duration-log",
    "step-log.period",
];

impl Options {
    /// Takes in one option.
    fn take(&mut self, element: &Element<'_>, value: &str, findings: &mut Findings) {
        let settings = &mut self.settings;
        match element.name {
            "net-file" | "net" | "n" => {
                if self.network.replace(value.trim().to_string()).is_some() {
                    findings.problem(element.problem("the configuration names two networks"));
                }
            }
            "route-files" | "routes" | "r" => self.routes.extend(file_list(value)),
            "additional-files" | "additional" | "a" => self.additional.extend(file_list(value)),
            "begin" | "b" => settings.begin = time(element, value, findings).unwrap_or(settings.begin),
            "end" | "e" => settings.end = time(element, value, findings).filter(|end| *end >= SimTime::ZERO),
            "step-length" => {
                let step = time(element, value, findings).map(|step| step - SimTime::ZERO);
                settings.step = step.unwrap_or(settings.step);
                if settings.step <= SimDuration::ZERO {
                    findings.problem(element.problem(format!("a step of {value} s is not positive")));
                }
            }
            "time-to-teleport" => settings.last_resort_after = patience(element, value, findings, false),
            "max-depart-delay" => settings.depart_delay_max = patience(element, value, findings, true),
            "time-to-impatience" => {
                let span = patience(element, value, findings, false);
                self.impatience_after = span.unwrap_or(SimTime::MAX - SimTime::ZERO);
            }
            "seed" => match value.trim().parse::<i64>() {
                Ok(seed) => settings.seed = Seed(seed.cast_unsigned()),
                Err(_) => findings.problem(element.problem(format!("the seed is not a whole number: '{value}'"))),
            },
            "ignore-route-errors" => self.ignore_route_errors = parse_flag(value).unwrap_or(false),
            name if QUIET.contains(&name) || name.ends_with("-output") || name.contains("-output.") => {}
            name => {
                // Switched off, or at SUMO's default.
                let off = parse_flag(value) == Some(false) || matches!(value.trim(), "" | "-1");
                if !off && !is_default(name, value.trim()) {
                    findings.unsupported(format!("option {name}=\"{value}\""), 1);
                }
            }
        }
    }
}

/// Whether an option is written out with the value SUMO would have taken anyway.
fn is_default(name: &str, value: &str) -> bool {
    let number = value.parse::<f64>().ok();
    match name {
        "scale" | "default.action-step-length" => number == Some(1.0),
        "collision.action" => value == "teleport",
        "collision.mingap-factor" => number == Some(-1.0),
        "weights.minor-penalty" => number == Some(1.5),
        "device.rerouting.probability" => number == Some(0.0),
        _ => false,
    }
}

fn file_list(value: &str) -> impl Iterator<Item = String> {
    value.split([',', ' ', '\t', '\n', ';']).filter(|file| !file.is_empty()).map(str::to_string)
}

fn time(element: &Element<'_>, value: &str, findings: &mut Findings) -> Option<SimTime> {
    let time = parse_time(value);
    if time.is_none() {
        let problem = element.problem(format!("'{}' is not a time: '{value}'", element.name));
        findings.problem(problem.help("write seconds or HH:MM:SS"));
    }
    time
}

/// A span that may be switched off by a negative number, and by zero unless zero means something.
fn patience(element: &Element<'_>, value: &str, findings: &mut Findings, zero: bool) -> Option<SimDuration> {
    let span = time(element, value, findings)? - SimTime::ZERO;
    (span > SimDuration::ZERO || (zero && span == SimDuration::ZERO)).then_some(span)
}
