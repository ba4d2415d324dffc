//! SUMO's configuration files (`.sumocfg`): network, demand, clock and seed in one.
//!
//! Options that only write or draw are passed over; those that would change what happens and that we do not have are counted
//! as left out. Runs nothing and writes nothing.

use std::path::{Path, PathBuf};

use crate::city::demand::Demand;
use crate::city::demand::sumo::{ProgramChange, ReadSettings, parse_depart_lane, parse_depart_speed, read_demand};
use crate::city::network::Network;
use crate::city::network::cache::NetworkCache;
use crate::city::network::sumo::read_network;
use crate::city::network::sumo::signals::show_heads;
use crate::city::network::xml::{Element, Item, Source, parse_flag, parse_time, walk};
use crate::city::scenario::settings::RunSettings;
use crate::primitives::random::Seed;
use crate::primitives::text::{Findings, Place, Problem, closest};
use crate::primitives::{SimDuration, SimTime};

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
    load_with(path, seed, begin, end, None)
}

/// The same, with the network from a cache where it has been read before.
///
/// # Errors
/// As [`load`].
pub fn load_with(
    path: &Path,
    seed: Option<Seed>,
    begin: Option<SimTime>,
    end: Option<SimTime>,
    cache: Option<&NetworkCache>,
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
        let place = options.end_place.take().unwrap_or_else(|| source.place.clone());
        findings.problem(Problem::new(place, "the run ends before it begins").help("change the begin or the end"));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    options.look_for_files(folder, &mut findings);
    let Some(network_file) = options.network.as_ref().map(|file| folder.join(file)) else {
        // A file that could not be read to its end has been complained about.
        if !findings.is_ok() {
            return Err(findings.advised(HELP));
        }
        let problem = Problem::new(source.place.clone(), "the configuration names no network");
        findings.problem(problem.help("add <net-file value=\"...\"/> to its <input>"));
        return Err(findings);
    };
    if findings.problems().iter().any(|problem| problem.message.starts_with(MISSING)) {
        return Err(findings.advised(HELP));
    }
    let mut files = vec![path.to_path_buf(), network_file.clone()];
    let demand_files: Vec<PathBuf> =
        options.additional.iter().chain(&options.routes).map(|file| folder.join(file)).collect();
    files.extend(demand_files.iter().cloned());
    let mut network = match cache.map_or_else(|| read_network(&network_file), |cache| cache.read(&network_file)) {
        Ok((network, left_out)) => {
            findings.absorb(left_out);
            network
        }
        Err(found) => {
            findings.absorb(found);
            return Err(findings.advised(HELP));
        }
    };
    let settings = ReadSettings {
        begin: options.settings.begin,
        end: options.settings.end,
        seed: options.settings.seed,
        ..options.reading
    };
    let read = match read_demand(&demand_files, &network, &settings) {
        Ok((read, left_out)) => {
            findings.absorb(left_out);
            read
        }
        Err(found) => {
            findings.absorb(found);
            return Err(findings.advised(HELP));
        }
    };
    apply_programs(read.programs, &mut network, &mut findings);
    if !findings.is_ok() {
        return Err(findings.advised(HELP));
    }
    Ok(LoadedSumo { network, demand: read.demand, settings: options.settings, files, not_due: read.not_due, findings })
}

/// What to do where a reader has nothing better to say.
const HELP: &str = "mend this, or make the file anew with SUMO's tools";
/// How the complaint about a file that is not there begins.
const MISSING: &str = "there is no file";

/// Gives signals the programs of additional files; the last one runs.
pub fn apply_programs(programs: Vec<ProgramChange>, network: &mut Network, findings: &mut Findings) {
    for ProgramChange { signal, mut program, place } in programs {
        let Some(known) = network.signals.iter_mut().find(|known| known.name == signal) else {
            let problem = Problem::new(place, format!("a program is for an unknown signal '{signal}'"));
            let names = network.signals.iter().map(|known| known.name.as_str());
            findings.problem(match closest(&signal, names) {
                Some(likely) => problem.help(format!("did you mean '{likely}'?")),
                None => problem,
            });
            continue;
        };
        show_heads(&mut program, known.links.len());
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
    reading: ReadSettings,
    /// Files in the order they are named, and where.
    named: Vec<(String, Place)>,
    /// Where the end stands.
    end_place: Option<Place>,
}

fn read_options(source: &Source, findings: &mut Findings) -> Options {
    let mut options = Options {
        network: None,
        routes: Vec::new(),
        additional: Vec::new(),
        settings: RunSettings::default(),
        reading: ReadSettings::default(),
        named: Vec::new(),
        end_place: None,
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
#[rustfmt::skip]
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
    /// Notes every file that is not there.
    fn look_for_files(&self, folder: &Path, findings: &mut Findings) {
        for (file, place) in &self.named {
            let path = folder.join(file);
            if !path.exists() {
                let help = super::check::neighbour(&path, "are relative to the configuration");
                findings.problem(Problem::new(place.clone(), format!("{MISSING} `{}`", path.display())).help(help));
            }
        }
    }

    /// Takes in one option.
    fn take(&mut self, element: &Element<'_>, value: &str, findings: &mut Findings) {
        match element.name {
            "net-file" | "net" | "n" => self.named.push((value.trim().to_owned(), element.place())),
            "route-files" | "routes" | "r" | "additional-files" | "additional" | "a" => {
                self.named.extend(file_list(value).map(|file| (file, element.place())));
            }
            "end" | "e" => self.end_place = Some(element.place()),
            _ => {}
        }
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
                self.reading.impatience_after = span.unwrap_or(SimTime::MAX - SimTime::ZERO);
            }
            "seed" => match value.trim().parse::<i64>() {
                Ok(seed) => settings.seed = Seed(seed.cast_unsigned()),
                Err(_) => findings.problem(element.problem(format!("the seed is not a whole number: '{value}'"))),
            },
            "ignore-route-errors" => self.reading.ignore_route_errors = parse_flag(value).unwrap_or(false),
            "default.departlane" => match parse_depart_lane(value) {
                Some(lane) => self.reading.depart_lane = lane,
                None => findings.problem(element.problem(format!("unknown lane to depart on: '{value}'"))),
            },
            "default.departspeed" => match parse_depart_speed(value) {
                Some(speed) => self.reading.depart_speed = speed,
                None => findings.problem(element.problem(format!("unknown speed to depart at: '{value}'"))),
            },
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
        "scale" | "weights.random-factor" => number == Some(1.0),
        "default.action-step-length" | "random-depart-offset" | "device.rerouting.probability" => number == Some(0.0),
        "collision.action" => value == "teleport",
        "collision.mingap-factor" => number == Some(-1.0),
        "weights.minor-penalty" => number == Some(1.5),
        "weights.turnaround-penalty" => number == Some(5.0),
        "default.carfollowmodel" | "carfollow.model" => value == "Krauss",
        "default.emergencydecel" => value == "default",
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use tempfile::TempDir;

    use super::*;
    use crate::city::network::sumo::tests::signalled;

    const ROUTES: &str = r#"<routes><trip id="t" depart="10" from="wc" to="ce"/></routes>"#;

    /// A folder with a configuration whose options are given, and the files it names.
    fn folder(options: &str, routes: &str) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("it can be written");
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(signalled().as_bytes()).expect("memory has room");
        fs::write(folder.path().join("t.net.xml.gz"), packer.finish().expect("memory has room"))
            .expect("it can be written");
        write("t.rou.xml", routes);
        let night = r#"<additional><tlLogic id="C" programID="night" offset="0"><phase duration="9" state="GrrrGG"/></tlLogic></additional>"#;
        write("night.add.xml", night);
        let text = format!("<configuration><input><net-file value=\"t.net.xml.gz\"/>{options}</configuration>");
        write("t.sumocfg", &text);
        let path = folder.path().join("t.sumocfg");
        (folder, path)
    }

    #[test]
    fn a_configuration_leads_to_everything_a_run_needs() {
        let options = r#"<route-files value="t.rou.xml"/><additional-files value="night.add.xml, "/></input>
            <time><begin value="0"/><end value="01:00:00"/><step-length value="0.5"/></time><processing><time-to-teleport value="-1"/><max-depart-delay value="0"/><lateral-resolution value="0.8"/><collision.action value="teleport"/></processing>
            <random_number><seed value="7"/></random_number><output><tripinfo-output value="out.xml"/></output><gui_only><gui-settings-file value="none.xml"/></gui_only>"#;
        let (_folder, path) = folder(options, ROUTES);
        let loaded = load(&path, None, None, None).expect("it loads");
        let settings = loaded.settings;
        assert_eq!((settings.end, settings.step), (Some(SimTime::seconds(3600.0)), SimDuration::seconds(0.5)));
        assert_eq!((settings.seed, settings.last_resort_after), (Seed(7), None));
        assert_eq!(settings.depart_delay_max, Some(SimDuration::ZERO));
        assert_eq!(loaded.network.signals[0].programs.last().map(|program| program.name.as_str()), Some("night"));
        assert_eq!(loaded.demand.vehicles.len(), 1);
        let names: Vec<_> = loaded.files.iter().map(|file| file.file_name().and_then(|name| name.to_str())).collect();
        assert_eq!(names, [Some("t.sumocfg"), Some("t.net.xml.gz"), Some("night.add.xml"), Some("t.rou.xml")]);
        let left_out: Vec<&String> = loaded.findings.left_out().keys().collect();
        assert_eq!(left_out, ["option lateral-resolution=\"0.8\""]);
    }

    #[test]
    fn the_caller_has_the_last_word() {
        let (_folder, path) =
            folder(r#"<route-files value="t.rou.xml"/></input><time><end value="5"/></time>"#, ROUTES);
        let loaded =
            load(&path, Some(Seed(9)), Some(SimTime::seconds(2.0)), Some(SimTime::seconds(60.0))).expect("it loads");
        assert_eq!((loaded.settings.seed, loaded.settings.begin), (Seed(9), SimTime::seconds(2.0)));
        assert_eq!((loaded.demand.vehicles.len(), loaded.not_due), (1, 0));
        assert_eq!(
            load(&path, None, None, None).expect("it loads").not_due,
            1,
            "the file's own end comes before the trip"
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_file() {
        for (options, routes, words) in [
            (r#"<route-files value="no.rou.xml"/></input>"#, ROUTES, "no.rou.xml`"),
            (r#"<route-files value="t.rou.xml"/></input>"#, "<routes><trip", "t.rou.xml:1:9: not well-formed XML"),
            (r#"</input><time><begin value="x"/></time>"#, ROUTES, "t.sumocfg:1:"),
            (r#"</input><time><begin value="9"/><end value="9"/></time>"#, ROUTES, "the run ends before it begins"),
            (
                r#"<additional-files value="t.rou.xml"/></input><random_number><seed value="x"/></random_number>"#,
                ROUTES,
                "the seed is not a whole number",
            ),
        ] {
            let (_folder, path) = folder(options, routes);
            let findings = load(&path, None, None, None).expect_err(words);
            assert!(
                findings.problems().iter().any(|problem| problem.to_string().contains(words)),
                "{words}: {:?}",
                findings.problems()
            );
        }
        let (folder, _) = folder("</input>", ROUTES);
        let findings = load(&folder.path().join("t.rou.xml"), None, None, None).expect_err("it is no configuration");
        assert!(findings.problems()[0].message.contains("is no configuration"));
    }
}
