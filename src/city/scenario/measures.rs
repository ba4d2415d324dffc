//! The rules of `interventions` and `variants`: quantities read, names held against each other.
//!
//! Whether a road exists is found when a variant is laid out on the map.

use super::check::Checker;
use super::emergencies::with_ambulances;
use super::file::ScenarioFile;
use super::measures_file::{AreaKey, BanTurnKey, LineKey, LowTrafficKey, MeasureKey, RoadKeys, TimeKeys};
use super::quantity::{At, WrittenClock};
use super::sensors::Weather;
use crate::city::emergency::IncidentSpec;
use crate::city::intervention::{Area, Deed, Intervention, LaneWish, Measure, RoadChoice, Window, Written};
use crate::primitives::text::closest;
use crate::primitives::{ClassSet, SimTime, VehicleClass};

/// The most interventions and variants of a scenario, and measures of an intervention.
const MANY: usize = 200;
/// The most corners of an area or points of a line.
pub(super) const CORNERS_MAX: usize = 10_000;
/// What a scenario compares with unless it says otherwise: the city as it is.
const BASE: &str = "base";

/// Interventions that are tried together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// The interventions, in the order of the file; none for the city as it is.
    pub interventions: Vec<String>,
}

/// What an intervention does beside the roads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Beside {
    /// Its weather, if it has one.
    pub weather: Option<Weather>,
    /// Its incidents.
    pub incidents: Vec<IncidentSpec>,
    /// What is simulated.
    pub(super) span: (SimTime, SimTime),
    /// Whether somebody comes for casualties.
    pub(super) ambulances: bool,
}

impl Beside {
    /// Notes what incidents of interventions are held against.
    pub(super) fn rules_of_incidents(&mut self, span: (SimTime, SimTime), file: &ScenarioFile) {
        (self.span, self.ambulances) = (span, with_ambulances(file));
    }
}

/// What is wrong has been noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

/// Words for classes that people use beside the names of SUMO.
const WORDS: [(&str, &[VehicleClass]); 8] = [
    ("car", &[VehicleClass::Passenger, VehicleClass::Private, VehicleClass::Hov, VehicleClass::Evehicle]),
    ("cycle", &[VehicleClass::Bicycle]),
    ("ambulance", &[VehicleClass::Emergency]),
    ("van", &[VehicleClass::Delivery]),
    ("lorry", &[VehicleClass::Truck, VehicleClass::Trailer]),
    ("heavy", &[VehicleClass::Truck, VehicleClass::Trailer, VehicleClass::Coach]),
    ("public", &[VehicleClass::Bus, VehicleClass::Tram]),
    ("everybody", VehicleClass::ALL),
];

impl Checker<'_> {
    /// The interventions of a scenario.
    pub(super) fn interventions(&mut self, file: &ScenarioFile) -> (Vec<Intervention>, Vec<Beside>) {
        let Some(key) = &file.interventions else { return (Vec::new(), Vec::new()) };
        let (mut interventions, mut beside) = (Vec::new(), Vec::new());
        if key.value.0.len() > MANY {
            self.wrong(key.spot, "there are too many interventions", format!("at most {MANY}"));
            return (interventions, beside);
        }
        for (name, list) in &key.value.0 {
            if list.value.is_empty() {
                let message = format!("the intervention `{}` does nothing", name.value);
                self.wrong(name.spot, message, "name its measures, for example `- close-road: {road: Station Road}`");
            } else if list.value.len() > MANY {
                self.wrong(list.spot, "there are too many measures", format!("at most {MANY} in an intervention"));
                continue;
            }
            let measures = list.value.iter().filter_map(|measure| self.measure(measure)).collect();
            let place = name.spot.of_file(self.place);
            let bare = Beside { weather: None, incidents: Vec::new(), ..self.beside.clone() };
            beside.push(std::mem::replace(&mut self.beside, bare));
            interventions.push(Intervention { name: name.value.trim().to_owned(), place, measures });
        }
        (interventions, beside)
    }

    /// The variants of a scenario; `base`, the city as it is, is always the first where none is named so.
    pub(super) fn variants(&mut self, file: &ScenarioFile, interventions: &[Intervention]) -> Vec<Variant> {
        let base = Variant { name: BASE.to_owned(), interventions: Vec::new() };
        let Some(key) = &file.variants else {
            // Without variants every intervention is one of its own.
            let alone = |one: &Intervention| Variant { name: one.name.clone(), interventions: vec![one.name.clone()] };
            return std::iter::once(base).chain(interventions.iter().map(alone)).collect();
        };
        if key.value.0.len() > MANY {
            self.wrong(key.spot, "there are too many variants", format!("at most {MANY}"));
            return vec![base];
        }
        let mut variants = Vec::new();
        let mut used = std::collections::BTreeSet::new();
        let mut all_known = true;
        for (name, list) in &key.value.0 {
            if name.value.trim().is_empty() || name.value.chars().any(|c| c.is_control() || c == ':' || c == '/') {
                let message = format!("`{}` cannot be the name of a variant", name.value.escape_debug());
                self.wrong(name.spot, message, "letters, digits, hyphens and spaces");
            }
            let mut chosen: Vec<String> = Vec::new();
            for wanted in &list.value {
                all_known &= self.choose(wanted, interventions, &mut chosen);
            }
            used.extend(chosen.iter().cloned());
            variants.push(Variant { name: name.value.trim().to_owned(), interventions: chosen });
        }
        // One that is in no variant may be the one that another name was meant for.
        if all_known
            && let Some((name, _)) = file
                .interventions
                .iter()
                .flat_map(|key| &key.value.0)
                .find(|(name, _)| !used.contains(name.value.trim()))
        {
            let message = format!("no variant has the intervention `{}`", name.value.trim());
            self.wrong(name.spot, message, "name it in a variant, or remove it");
        }
        if !variants.iter().any(|variant| variant.interventions.is_empty()) {
            variants.insert(0, base);
        }
        variants
    }

    /// Whether there is such an intervention.
    fn choose(&mut self, wanted: &At<String>, interventions: &[Intervention], chosen: &mut Vec<String>) -> bool {
        let name = wanted.value.trim();
        let known = || interventions.iter().map(|one| one.name.as_str());
        if !known().any(|one| one == name) {
            let all = known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let help = match (closest(name, known()), all.as_str()) {
                (Some(like), _) => format!("did you mean `{like}`?"),
                (None, "") => "write it under `interventions`".to_owned(),
                (None, all) => format!("there are {all}"),
            };
            self.wrong(wanted.spot, format!("there is no intervention `{name}`"), help);
            return false;
        } else if chosen.iter().any(|one| one == name) {
            self.wrong(wanted.spot, format!("`{name}` is in the variant twice"), "name it once");
        } else {
            chosen.push(name.to_owned());
        }
        true
    }

    fn measure(&mut self, measure: &At<MeasureKey>) -> Option<Measure> {
        let (deed, times) = match &measure.value {
            MeasureKey::CloseRoad(key) => {
                let roads = self.roads(measure, key.choice());
                let except = self.classes(key.except.as_ref());
                let lanes = key.lanes.as_ref().map(|lanes| lanes.value.clone()).unwrap_or_default();
                (Deed::Close { roads: roads?, lanes, except: except? }, key.times())
            }
            MeasureKey::ChangeSpeed(key) => {
                let roads = self.roads(measure, key.choice());
                let limit = self.read(key.limit.spot, key.limit.value.read())?;
                let fits = self.within(key.limit.spot, "`limit`", limit.as_kilometres_per_hour(), 5.0, 200.0, "km/h");
                (Deed::Speed { roads: roads?, limit: fits.then_some(limit)? }, key.times())
            }
            MeasureKey::ReserveLane(key) => {
                let roads = self.roads(measure, key.choice());
                let lane = self.lane_wish(key.lane.as_ref());
                let allow = self.classes(Some(&key.allow))?;
                if allow.is_empty() {
                    self.wrong(key.allow.spot, "the lane is for nobody", "name who may use it, or use `close-road`");
                    return None;
                }
                (Deed::Reserve { roads: roads?, lane: lane?, allow }, key.times())
            }
            MeasureKey::BanTurn(key) => {
                let except = self.classes(key.except.as_ref());
                let (out_of, into) = self.turn(key)?;
                (
                    Deed::BanTurn { out_of, into, except: except? },
                    TimeKeys { from: key.from.as_ref(), to: key.to.as_ref() },
                )
            }
            MeasureKey::LowTrafficNeighbourhood(key) => (self.low_traffic(measure, key)?, key.times()),
            other => (self.building(measure, other)?, other.times()),
        };
        let window = self.window(times).ok()?;
        Some(Measure { place: measure.spot.of_file(self.place), deed, window })
    }

    /// Which lane is to be reserved.
    pub(super) fn lane_wish(&mut self, key: Option<&At<String>>) -> Option<LaneWish> {
        let Some(key) = key else { return Some(LaneWish::Kerb) };
        match key.value.trim() {
            "kerb" => Some(LaneWish::Kerb),
            "middle" => Some(LaneWish::Middle),
            number => {
                let index = number.parse().ok().map(LaneWish::Index);
                if index.is_none() {
                    self.wrong(
                        key.spot,
                        format!("`{number}` is no lane"),
                        "`kerb`, `middle` or a number, 0 at the kerb",
                    );
                }
                index
            }
        }
    }

    /// One road by its name.
    pub(super) fn one_road(&mut self, name: &At<String>) -> Option<RoadChoice> {
        let keys = RoadKeys { road: Some(name), roads: None, near: None, within: None, along: None };
        self.roads(name, keys)
    }

    fn turn(&mut self, key: &BanTurnKey) -> Option<(RoadChoice, RoadChoice)> {
        let (out_of, into) = (self.one_road(&key.out_of), self.one_road(&key.into));
        Some((out_of?, into?))
    }

    fn low_traffic(&mut self, measure: &At<MeasureKey>, key: &LowTrafficKey) -> Option<Deed> {
        let keys = key.choice();
        let none = keys.road.is_none() && keys.roads.is_none() && keys.within.is_none() && keys.along.is_none();
        let filters = match &key.filters {
            Some(list) => {
                let keys = RoadKeys { road: None, roads: Some(list), near: None, within: None, along: None };
                Some(self.roads(measure, keys)?)
            }
            None => None,
        };
        let roads = if none && filters.is_some() { None } else { Some(self.roads(measure, keys)?) };
        let except = self.classes(key.except.as_ref())?;
        Some(Deed::Calm { roads, filters, except })
    }

    /// Which roads are chosen.
    pub(super) fn roads<T>(&mut self, measure: &At<T>, keys: RoadKeys<'_>) -> Option<RoadChoice> {
        let mut names: Vec<Written> = Vec::new();
        let listed = keys.roads.into_iter().flat_map(|list| &list.value);
        for name in keys.road.into_iter().chain(listed) {
            if name.value.trim().is_empty() {
                self.wrong(name.spot, "the road's name is empty", "write a street's name or the id of an edge");
                return None;
            }
            names.push(Written { text: name.value.trim().to_owned(), place: name.spot.of_file(self.place) });
        }
        if let Some(list) = keys.roads.filter(|list| list.value.is_empty() || list.value.len() > CORNERS_MAX) {
            self.wrong(list.spot, "the list of roads is empty or too long", format!("from 1 to {CORNERS_MAX} names"));
            return None;
        }
        let near = match keys.near {
            Some(near) => Some(self.point(near.spot, &near.value)?),
            None => None,
        };
        let within = match keys.within {
            Some(area) => Some(self.area(area)?),
            None => None,
        };
        let along = match keys.along {
            Some(line) => self.line(line)?,
            None => Vec::new(),
        };
        if let Some(near) = keys.near.filter(|_| names.is_empty()) {
            self.wrong(near.spot, "`near` chooses among streets of one name, and none is named", "add `road`");
            return None;
        }
        if names.is_empty() && within.is_none() && along.is_empty() {
            let help = "name a `road` or `roads`, or draw them with `within` or `along`";
            self.wrong(measure.spot, "the measure names no road", help);
            return None;
        }
        Some(RoadChoice { place: measure.spot.of_file(self.place), names, near, within, along })
    }

    pub(super) fn point(&mut self, spot: super::tree::Spot, numbers: &[f64]) -> Option<[f64; 2]> {
        match numbers {
            &[x, y] if x.is_finite() && y.is_finite() => Some([x, y]),
            _ => {
                self.wrong(spot, "a point is two numbers", "[longitude, latitude], or metres east and north");
                None
            }
        }
    }

    pub(super) fn points(&mut self, list: &At<Vec<At<Vec<f64>>>>, least: usize) -> Option<Vec<[f64; 2]>> {
        if !(least..=CORNERS_MAX).contains(&list.value.len()) {
            let few = if list.value.len() < least { "few" } else { "many" };
            let message = format!("{} points are too {few}", list.value.len());
            self.wrong(list.spot, message, format!("from {least} to {CORNERS_MAX}"));
            return None;
        }
        list.value.iter().map(|point| self.point(point.spot, &point.value)).collect()
    }

    pub(super) fn area(&mut self, key: &At<AreaKey>) -> Option<Area> {
        match &key.value {
            AreaKey::Polygon(corners) => Some(Area { rings: vec![self.points(corners, 3)?] }),
            AreaKey::File(path) => {
                let drawn = self.drawing(path)?;
                if drawn.rings.is_empty() {
                    self.wrong(path.spot, "the file has no polygon", "draw one, or name another file");
                    return None;
                }
                Some(Area { rings: drawn.rings })
            }
        }
    }

    fn line(&mut self, key: &At<LineKey>) -> Option<Vec<[f64; 2]>> {
        match &key.value {
            LineKey::Points(points) => self.points(points, 2),
            LineKey::File(path) => {
                let drawn = self.drawing(path)?;
                if drawn.line.len() < 2 {
                    self.wrong(path.spot, "the file has no line", "draw one, or name another file");
                    return None;
                }
                Some(drawn.line)
            }
        }
    }

    /// Classes by their names or by common words; nobody where nothing is given.
    pub(super) fn classes(&mut self, key: Option<&At<Vec<At<String>>>>) -> Option<ClassSet> {
        let mut set = ClassSet::EMPTY;
        let mut known = true;
        for name in key.into_iter().flat_map(|key| &key.value) {
            let word = name.value.trim();
            let common = WORDS.iter().find(|(common, _)| *common == word).map(|(_, classes)| ClassSet::of(classes));
            let class = VehicleClass::from_name(word).map(|class| ClassSet::of(&[class]));
            let Some(classes) = common.or(class) else {
                let words =
                    WORDS.iter().map(|(word, _)| *word).chain(VehicleClass::ALL.iter().map(|class| class.name()));
                let help = closest(word, words).map_or_else(
                    || "for example `car`, `bus`, `cycle`, `truck`, `emergency`".to_owned(),
                    |like| format!("did you mean `{like}`?"),
                );
                self.wrong(name.spot, format!("`{word}` is no kind of vehicle"), help);
                known = false;
                continue;
            };
            set = set.union(classes);
        }
        known.then_some(set)
    }

    /// Between which times of the day something holds; none where it always does.
    pub(super) fn window(&mut self, keys: TimeKeys<'_>) -> Result<Option<Window>, Refused> {
        let mut read = |key: &At<WrittenClock>| -> Option<SimTime> {
            let (date, time) = self.read(key.spot, key.value.read())?;
            if date.is_some() {
                self.wrong(key.spot, "a measure holds every day and has no date", "write the clock time only");
                return None;
            }
            Some(time)
        };
        match (keys.from, keys.to) {
            (None, None) => Ok(None),
            (Some(from), Some(to)) => {
                let (from, end) = (read(from).ok_or(Refused)?, read(to).ok_or(Refused)?);
                if from == end {
                    self.wrong(to.spot, "the measure ends when it begins", "leave both out if it always holds");
                    return Err(Refused);
                }
                Ok(Some(Window { from, to: end }))
            }
            (Some(one), None) | (None, Some(one)) => {
                self.wrong(one.spot, "`from` and `to` belong together", "give both, or neither if it always holds");
                Err(Refused)
            }
        }
    }
}
