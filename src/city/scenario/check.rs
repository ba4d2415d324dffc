//! From the file's types to a checked scenario: quantities are read and the rules between keys held, all problems at once.
//!
//! Knows the rules, not the city: whether a map fits the demand is found when they are loaded.

mod sensors;

use std::path::{Component, Path, PathBuf};

use super::file::{
    FilesKey, FleetKey, FollowingKey, MapKey, MqttKey, OutputsKey, ProfileKey, ScenarioFile, SeriesKey, SourceKey,
    SyntheticKey, TablesKey, TelemetryKey, TimeKey,
};
use super::measures::Beside;
use super::model::{
    DemandSource, Fleet, FollowingModel, MapSource, NamedFile, Outputs, Profile, Scenario, Series, Synthetic,
    TableFormat, Telemetry,
};
use super::quantity::{At, WrittenDuration, WrittenShare};
use super::tree::Spot;
use super::units::Unreadable;
use crate::city::demand::sumo::Recording;
use crate::primitives::random::Seed;
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{Flow, SimDuration, SimTime};

/// The longest run [s]: a week.
const RUN_MAX: SimDuration = SimDuration::milliseconds(7 * 24 * 3_600_000);
/// The most vehicles a synthetic source may ask for.
const VEHICLES_MAX: f64 = 2_000_000.0;
/// Files of a run's folder that an output cannot replace.
const RESERVED: [&str; 16] = [
    "manifest.json",
    "trips.csv",
    "roads.csv",
    "report.html",
    "calls.csv",
    "incidents.csv",
    "ledger.csv",
    "balance.csv",
    "log",
    "stores",
    "tables",
    "truth",
    "trips.parquet",
    "roads.parquet",
    "calls.parquet",
    "incidents.parquet",
];

/// The checked scenario; only as good as `findings` says.
pub(super) fn check(file: ScenarioFile, place: &Place, findings: &mut Findings) -> Scenario {
    let mut checker = Checker { place, findings, beside: Beside::default(), with_parking: file.parking.is_some() };
    checker.grammar(&file);
    let name = checker.name(&file.name);
    let before = checker.findings.problems().len();
    let (date, start, warmup, run, step) = checker.time(&file.time.value);
    // Where the times are wrong, nothing else is held against them.
    let timed = checker.findings.problems().len() == before;
    let span = if timed {
        (start - warmup, start + run)
    } else {
        (SimTime::ZERO - RUN_MAX, SimTime::ZERO + RUN_MAX + RUN_MAX)
    };
    let map = checker.map(&file.map.value);
    let fleet = file.fleet.as_ref().map(|fleet| checker.fleet(&fleet.value)).unwrap_or_default();
    let mut demand = Vec::new();
    for source in &file.demand.value {
        demand.extend(checker.source(source, start, warmup, run));
    }
    checker.days_of_timetables(&mut demand, date.as_deref());
    checker.demand_fits(&file, &map, &demand);
    let routing = checker.routing(file.routing.as_ref(), file.equilibrium.as_ref(), step);
    let telemetry = file.telemetry.as_ref().map(|key| checker.telemetry(&key.value)).unwrap_or_default();
    let outputs = checker.outputs(file.outputs.as_ref().map(|outputs| &outputs.value), step);
    checker.whole_intervals(&file.time.value, warmup, outputs.road_interval);
    let incidents = checker.incidents(&file, span);
    let emergencies = file.emergencies.as_ref().map(|key| checker.emergencies(key));
    let last_resort_after = match &file.last_resort_after {
        Some(key) => checker.duration(key, "`last-resort-after`", step),
        None => SimDuration::seconds(300.0),
    };
    let sensors = checker.sensors(file.sensors.as_ref().map(|sensors| &sensors.value), step);
    let weather = checker.weather(file.weather.as_ref().map(|weather| &weather.value));
    checker.beside.rules_of_incidents(span, &file);
    let (interventions, beside) = checker.interventions(&file);
    let parking = checker.parking(file.parking.as_ref());
    checker.parking_is_known(&interventions);
    let variants = checker.variants(&file, &interventions);
    let comparison = checker.comparison(file.compare.as_ref(), file.expect.as_ref(), &variants);
    let calibration = file.calibration.as_ref().map(|key| checker.calibration(key)).unwrap_or_default();
    Scenario {
        name,
        question: file.question.map(|question| question.value.trim().to_owned()),
        map,
        date,
        start,
        warmup,
        run,
        step,
        demand,
        routing,
        fleet,
        parking,
        telemetry,
        incidents,
        emergencies,
        outputs,
        sensors,
        weather,
        comparison,
        calibration,
        parents: Vec::new(),
        interventions,
        beside,
        variants,
        seed: Seed(file.seed.map_or(42, |seed| seed.value)),
        last_resort_after,
    }
}

pub(super) struct Checker<'a> {
    pub(super) place: &'a Place,
    findings: &'a mut Findings,
    /// What the measures of the intervention that is being read do beside the roads.
    pub(super) beside: Beside,
    /// Whether the file speaks of places at the kerb.
    pub(super) with_parking: bool,
}

impl Checker<'_> {
    /// Whether the file is of the grammar this program reads.
    fn grammar(&mut self, file: &ScenarioFile) {
        if file.citytwin.value != 1 {
            let message = format!("this program reads version 1 of the grammar, not {}", file.citytwin.value);
            self.wrong(file.citytwin.spot, message, "write `citytwin: 1`");
        }
        if let Some(extends) = &file.extends {
            self.wrong(
                extends.spot,
                "`extends` is no key of a scenario here",
                "write it as text at the beginning of a line, in a scenario's own file",
            );
        }
    }

    pub(super) fn wrong(&mut self, spot: Spot, message: impl Into<String>, help: impl Into<String>) {
        self.findings.problem(Problem::new(spot.of_file(self.place), message).help(help));
    }

    pub(super) fn complain(&mut self, problem: Problem) {
        self.findings.problem(problem);
    }

    pub(super) fn read<T>(&mut self, spot: Spot, value: Result<T, Unreadable>) -> Option<T> {
        value.map_err(|unreadable| self.wrong(spot, unreadable.message, unreadable.help)).ok()
    }

    fn name(&mut self, name: &At<String>) -> String {
        let text = name.value.trim();
        if text.is_empty() || folder_name(text).is_empty() {
            self.wrong(name.spot, "the scenario's name is empty", "give it a name; its results are kept under it");
        } else if text.chars().count() > 100 {
            self.wrong(name.spot, "the scenario's name is too long", "at most 100 characters");
        }
        text.to_owned()
    }

    /// A duration that is a positive whole number of steps; on a problem, one step.
    pub(super) fn duration(&mut self, key: &At<WrittenDuration>, what: &str, step: SimDuration) -> SimDuration {
        let Some(duration) = self.read(key.spot, key.value.read()) else { return step };
        if duration <= SimDuration::ZERO {
            self.wrong(key.spot, format!("{what} must be longer than nothing"), format!("at least one step, {step}"));
            return step;
        }
        if !divides(step, duration) {
            let message = format!("{what} of {duration} is not a whole number of steps of {step}");
            self.wrong(key.spot, message, "change it or `step`");
            return step;
        }
        duration
    }

    fn time(&mut self, time: &TimeKey) -> (Option<String>, SimTime, SimDuration, SimDuration, SimDuration) {
        let step = time.step.as_ref().map_or(SimDuration::seconds(1.0), |key| {
            let step = self.read(key.spot, key.value.read()).unwrap_or(SimDuration::seconds(1.0));
            let whole = SimDuration::seconds(1.0);
            if !(SimDuration::seconds(0.1)..=whole).contains(&step) || !divides(step, whole) {
                self.wrong(
                    key.spot,
                    format!("a step cannot be {step} long"),
                    "from 0.1 s to 1 s, and a whole number of steps in a second: 0.1 s, 0.2 s, 0.25 s, 0.5 s or 1 s",
                );
                return whole;
            }
            step
        });
        let clock = self.read(time.start.spot, time.start.value.read());
        let known = clock.is_some();
        let (date, start) = clock.unwrap_or_default();
        let run = self.duration(&time.run, "`run`", step);
        if run > RUN_MAX {
            self.wrong(time.run.spot, "a run lasts at most seven days", "make it shorter");
        }
        let mut warmup = SimDuration::ZERO;
        if let Some(key) = &time.warmup {
            warmup = self.duration(key, "`warmup`", step);
            if known && warmup > start - SimTime::ZERO {
                self.wrong(key.spot, "the warm-up would begin before midnight", "start later or warm up for less time");
                warmup = SimDuration::ZERO;
            }
        }
        (date, start, warmup, run, step)
    }

    /// The warm-up is cut off the road table by whole intervals.
    fn whole_intervals(&mut self, time: &TimeKey, warmup: SimDuration, interval: SimDuration) {
        // A warm-up that could not be read has been complained about, and what stands in for it means nothing.
        if let Some(key) = &time.warmup
            && key.value.read().is_ok_and(|written| written == warmup)
            && !divides(interval, warmup)
        {
            let message = format!("a warm-up of {warmup} is not a whole number of road intervals of {interval}");
            self.wrong(key.spot, message, "change it or `road-interval`");
        }
    }

    pub(super) fn named(&mut self, path: &At<String>) -> NamedFile {
        let place = path.spot.of_file(self.place);
        // What a parent names lies beside the parent.
        let folder = place.file.parent().unwrap_or(Path::new(""));
        let file = NamedFile { path: folder.join(path.value.trim()), place: place.clone() };
        if path.value.trim().is_empty() {
            self.wrong(path.spot, "the file's name is empty", "paths are relative to the scenario file");
        } else if !file.path.exists() {
            let message = format!("there is no file `{}`", file.path.display());
            self.wrong(path.spot, message, neighbour(&file.path, RELATIVE));
        }
        file
    }

    fn map(&mut self, map: &MapKey) -> MapSource {
        match map {
            MapKey::SumoNet(path) => MapSource::SumoNet(self.named(path)),
            MapKey::Osm(path) => MapSource::Osm(self.named(path)),
            MapKey::City(path) => {
                let mut file = self.named(path);
                if file.path.is_dir() {
                    file.path = file.path.join("map.json");
                    if !file.path.exists() {
                        let message = format!("there is no file `{}`", file.path.display());
                        self.wrong(path.spot, message, "name the folder that holds `map.json`");
                    }
                }
                MapSource::City(file)
            }
        }
    }

    fn source(
        &mut self,
        source: &At<SourceKey>,
        start: SimTime,
        warmup: SimDuration,
        run: SimDuration,
    ) -> Option<DemandSource> {
        let place = source.spot.of_file(self.place);
        match &source.value {
            SourceKey::Od(key) => self.od(key, place, (start - warmup, start + run)).map(DemandSource::Od),
            SourceKey::Synthetic(key) => self.synthetic(key, place, warmup, run).map(DemandSource::Synthetic),
            SourceKey::Buses(key) => self.timetables(key, place).map(DemandSource::Timetables),
            SourceKey::SumoRoutes(key) => Some(DemandSource::SumoRoutes(self.files(key))),
            SourceKey::Trips(key) => Some(DemandSource::Recorded(self.named(&key.tripinfo), Recording::Trips)),
            SourceKey::Fcd(key) => Some(DemandSource::Recorded(self.named(&key.file), Recording::Sightings)),
            SourceKey::SumoAdditional(key) => Some(DemandSource::SumoAdditional(self.files(key))),
        }
    }

    fn files(&mut self, key: &FilesKey) -> Vec<NamedFile> {
        if key.files.value.is_empty() {
            self.wrong(key.files.spot, "no file is named", "write `files: [first.rou.xml]`");
        }
        let mut files = Vec::new();
        for path in &key.files.value {
            let file = self.named(path);
            if file.path.is_dir() {
                self.wrong(path.spot, format!("`{}` is a folder", file.path.display()), "name its files one by one");
            }
            files.push(file);
        }
        files
    }

    fn synthetic(
        &mut self,
        key: &SyntheticKey,
        place: Place,
        warmup: SimDuration,
        run: SimDuration,
    ) -> Option<Synthetic> {
        let profile = match key.profile.as_ref().map(|profile| profile.value) {
            Some(ProfileKey::MorningPeak) => Profile::MorningPeak,
            Some(ProfileKey::Flat) | None => Profile::Flat,
        };
        let through_traffic = self.share(key.through_traffic.as_ref(), "`through-traffic`").unwrap_or(0.15);
        let buses = key.buses.as_ref().is_none_or(|buses| buses.value);
        let flow = self.synthetic_flow(key, &place, warmup, run)?;
        Some(Synthetic { place, flow, profile, through_traffic, buses })
    }

    /// How much traffic a synthetic source asks for, scaled.
    fn synthetic_flow(
        &mut self,
        key: &SyntheticKey,
        place: &Place,
        warmup: SimDuration,
        run: SimDuration,
    ) -> Option<Flow> {
        let scale = key.scale.as_ref().map_or(1.0, |scale| scale.value);
        if let Some(key) = &key.scale
            && !(0.0..=100.0).contains(&scale)
        {
            self.wrong(key.spot, format!("`scale` cannot be {scale}"), "a factor from 0 to 100");
            return None;
        }
        let spot = Spot { line: place.line, column: place.column };
        // A number of vehicles is meant for the measured run; the warm-up gets as many per hour.
        let flow = match (&key.vehicles, &key.flow) {
            (Some(vehicles), None) => Flow::vehicles_per_hour(f64::from(vehicles.value) / run.as_seconds() * 3600.0),
            (None, Some(flow)) => self.read(flow.spot, flow.value.read())?,
            (Some(_), Some(flow)) => {
                self.wrong(flow.spot, "`vehicles` and `flow` are both given", "keep one of the two");
                return None;
            }
            (None, None) => {
                self.wrong(spot, "synthetic demand needs `vehicles` or `flow`", "for example `vehicles: 3500`");
                return None;
            }
        };
        let flow = flow * scale;
        let vehicles = flow.as_vehicles_per_hour() * (warmup + run).as_seconds() / 3600.0;
        if !(0.0..=VEHICLES_MAX).contains(&vehicles) {
            self.wrong(spot, format!("synthetic demand cannot be {vehicles:.0} vehicles"), "from 0 to 2,000,000");
            return None;
        }
        Some(flow)
    }

    pub(super) fn share(&mut self, key: Option<&At<WrittenShare>>, what: &str) -> Option<f64> {
        let key = key?;
        let share = self.read(key.spot, key.value.read())?;
        if !(0.0..=1.0).contains(&share) {
            let per_cent = (share * 1e5).round() / 1e3;
            self.wrong(key.spot, format!("{what} cannot be {per_cent} %"), "a share of all is from 0 % to 100 %");
            return None;
        }
        Some(share)
    }

    fn fleet(&mut self, key: &FleetKey) -> Fleet {
        let mut fleet = Fleet {
            following: key.car_following.as_ref().map(|following| match following.value {
                FollowingKey::Krauss => FollowingModel::Krauss,
                FollowingKey::Idm => FollowingModel::Idm,
            }),
            trucks: self.share(key.trucks.as_ref(), "`trucks`"),
            vans: self.share(key.vans.as_ref(), "`vans`"),
            motorcycles: self.share(key.motorcycles.as_ref(), "`motorcycles`"),
            speed_deviation: self.share(key.speed_deviation.as_ref(), "`speed-deviation`"),
            ..Fleet::default()
        };
        fleet.headway = key.headway.as_ref().and_then(|key| {
            let headway = self.read(key.spot, key.value.read())?.as_seconds();
            self.within(key.spot, "`headway`", headway, 0.1, 10.0, "s").then(|| SimDuration::seconds(headway))
        });
        fleet.gap = key.gap.as_ref().and_then(|key| {
            let gap = self.read(key.spot, key.value.read())?;
            self.within(key.spot, "`gap`", gap.as_metres(), 0.1, 20.0, "m").then_some(gap)
        });
        fleet.speed_max = key.speed_max.as_ref().and_then(|key| {
            let speed = self.read(key.spot, key.value.read())?;
            self.within(key.spot, "`speed-max`", speed.as_kilometres_per_hour(), 5.0, 300.0, "km/h").then_some(speed)
        });
        let shares = [&key.trucks, &key.vans, &key.motorcycles];
        let sum: f64 = [fleet.trucks, fleet.vans, fleet.motorcycles].into_iter().flatten().sum();
        if sum > 1.0 + 1e-9
            && let Some(last) = shares.into_iter().flatten().next_back()
        {
            self.wrong(
                last.spot,
                format!("the fleet's shares add up to {:.0} %", sum * 100.0),
                "at most 100 %; cars are the rest",
            );
        }
        fleet
    }

    pub(super) fn within(&mut self, spot: Spot, what: &str, value: f64, low: f64, high: f64, unit: &str) -> bool {
        // Without a tolerance, 5 km/h read as 1.388… m/s and back could fall just outside.
        let inside = value >= low - 1e-9 && value <= high + 1e-9;
        if !inside {
            let said = |number: f64| format!("{} {unit}", (number * 1000.0).round() / 1000.0).trim_end().to_owned();
            self.wrong(
                spot,
                format!("{what} cannot be {}", said(value)),
                format!("from {} to {}", said(low), said(high)),
            );
        }
        inside
    }

    /// Rules between the demand, the map and the fleet.
    fn demand_fits(&mut self, file: &ScenarioFile, map: &MapSource, demand: &[DemandSource]) {
        if file.demand.value.is_empty() {
            self.wrong(file.demand.spot, "nobody travels", "name at least one source under `demand`");
        }
        if let MapSource::SumoNet(_) = map {
            for source in demand {
                if let DemandSource::Synthetic(synthetic) = source {
                    let problem = Problem::new(
                        synthetic.place.clone(),
                        "a SUMO network has no homes and jobs to make trips from",
                    )
                    .help("use `sumo-routes`, or a `city` or `osm` map");
                    self.findings.problem(problem);
                }
            }
        }
        let synthetic = file.demand.value.iter().any(|source| match &source.value {
            SourceKey::Synthetic(_) => true,
            SourceKey::Od(key) => super::od::has_mix(key),
            SourceKey::Buses(_)
            | SourceKey::SumoRoutes(_)
            | SourceKey::SumoAdditional(_)
            | SourceKey::Trips(_)
            | SourceKey::Fcd(_) => false,
        });
        let fleet = file.fleet.as_ref().map(|fleet| &fleet.value);
        if let Some(fleet) = fleet.filter(|_| !synthetic) {
            for key in [&fleet.trucks, &fleet.vans, &fleet.motorcycles].into_iter().flatten() {
                self.wrong(key.spot, "without synthetic demand this share changes nothing", "remove it");
            }
        }
    }

    fn telemetry(&mut self, key: &TelemetryKey) -> Telemetry {
        Telemetry {
            wire: key.wire.as_ref().is_none_or(|wire| wire.value),
            topics: key.topics.as_ref().map(|topics| self.named(topics)),
            mqtt5: key.mqtt.as_ref().is_some_and(|mqtt| mqtt.value == MqttKey::V5),
        }
    }

    fn outputs(&mut self, key: Option<&OutputsKey>, step: SimDuration) -> Outputs {
        let Some(key) = key else { return Outputs::default() };
        let mut taken: Vec<PathBuf> = RESERVED.iter().map(PathBuf::from).collect();
        let edgedata_every = key
            .edgedata
            .as_ref()
            .and_then(|series| series.value.every.as_ref())
            .map(|every| self.duration(every, "`every`", step));
        let road_interval = match &key.road_interval {
            Some(interval) => self.duration(interval, "`road-interval`", step),
            None => edgedata_every.unwrap_or(Outputs::default().road_interval),
        };
        if let (Some(every), Some(series)) = (edgedata_every, &key.edgedata)
            && !divides(road_interval, every)
            && let Some(spot) = series.value.every.as_ref().map(|every| every.spot)
        {
            let message = format!("edge data every {every} is not a whole number of road intervals of {road_interval}");
            self.wrong(spot, message, "change it or `road-interval`");
        }
        let dir = key.dir.as_ref().map_or(Outputs::default().dir, |dir| Some(PathBuf::from(dir.value.trim())));
        let tripinfo = key.tripinfo.as_ref().map(|file| self.output(file, &mut taken));
        let summary = key.summary.as_ref().map(|file| self.output(file, &mut taken));
        let fcd = key.fcd.as_ref().map(|series| {
            let SeriesKey { file, every } = &series.value;
            let every = every.as_ref().map_or(step, |every| self.duration(every, "`every`", step));
            Series { file: self.output(file, &mut taken), every }
        });
        let edgedata = key.edgedata.as_ref().map(|series| Series {
            file: self.output(&series.value.file, &mut taken),
            every: edgedata_every.unwrap_or(road_interval),
        });
        let tables = match key.tables.as_ref().map(|tables| tables.value) {
            Some(TablesKey::Parquet) => TableFormat::Parquet,
            Some(TablesKey::Csv) | None => TableFormat::Csv,
        };
        Outputs { dir, tripinfo, summary, fcd, edgedata, road_interval, tables }
    }

    /// A file in the run's folder: a plain relative path that nobody else writes.
    fn output(&mut self, file: &At<String>, taken: &mut Vec<PathBuf>) -> PathBuf {
        let path = PathBuf::from(file.value.trim());
        let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || path.as_os_str().is_empty() {
            let message = format!("`{}` is not a file in the run's folder", file.value);
            self.wrong(file.spot, message, "write a plain name such as `tripinfo.xml`; `dir` or `--out` says where");
        } else if taken.contains(&path) {
            self.wrong(file.spot, format!("`{}` is written by another output", path.display()), "give it another name");
        }
        taken.push(path.clone());
        path
    }
}

/// Whether `whole` is a multiple of `part`.
fn divides(part: SimDuration, whole: SimDuration) -> bool {
    part > SimDuration::ZERO && whole.as_milliseconds() % part.as_milliseconds() == 0
}

/// A name fit for a folder: letters and digits of any script, everything else a hyphen.
pub(super) fn folder_name(name: &str) -> String {
    let mut folder = String::new();
    for c in name.to_lowercase().chars() {
        if c.is_alphanumeric() {
            folder.push(c);
        } else if !folder.ends_with('-') && !folder.is_empty() {
            folder.push('-');
        }
    }
    folder.trim_end_matches('-').to_owned()
}

/// What to do about a missing file: the file beside it that is most like it, and a word on paths where there is one to say.
pub(super) fn neighbour(path: &Path, about_paths: &str) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else {
        return format!("there is no folder `{}`", folder.display());
    };
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let wanted = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match (crate::primitives::text::closest(&wanted, names.iter().map(String::as_str)), about_paths) {
        (Some(name), "") => format!("did you mean `{name}`?"),
        (Some(name), about) => format!("did you mean `{name}`? Paths {about}"),
        (None, "") => "look at the path".to_owned(),
        (None, about) => format!("paths {about}"),
    }
}

/// What paths in a scenario are relative to.
const RELATIVE: &str = "are relative to the scenario file";
