//! A scenario with every default filled in, in the form a manifest keeps: what exactly was run.
//!
//! Numbers carry their unit in their name. Says nothing of results.

use std::path::PathBuf;

use serde::Serialize;

use super::model::{DemandSource, Fleet, FollowingModel, MapSource, NamedFile, Profile, Scenario};
use crate::city::demand::sumo::Recording;
use crate::city::emergency::{EmergencySpec, IncidentSpec};
use crate::city::scenario::settings::RunSettings;
use crate::primitives::{SimDuration, VehicleClass};

/// A scenario with every default filled in.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Resolved {
    /// Its name.
    pub name: String,
    /// The question it asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The file of the roads.
    pub map: String,
    /// The day, if one is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Clock time from which the city is measured.
    pub start: String,
    /// Time simulated before that [s].
    pub warmup_s: f64,
    /// How long it is measured [s]; none means until everybody has arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_s: Option<f64>,
    /// Length of a step [s].
    pub step_s: f64,
    /// Who travels.
    pub demand: Vec<ResolvedSource>,
    /// How travellers without a given route find their way, in words, where it is not at their departure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<String>,
    /// Changes to the fleet, in words; empty where types are as they come.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fleet: Vec<String>,
    /// Places at the kerb and who found one, in words; empty where nothing is said of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parking: Vec<String>,
    /// The ambulance service, in words; empty without one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub emergencies: Vec<String>,
    /// Incidents written down, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<String>,
    /// Which devices watch the city, in words; empty where it keeps silent.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sensors: Vec<String>,
    /// The weather of the day, in words, where devices could tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weather: Option<String>,
    /// The variant, where it is not the city as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Its measures, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<String>,
    /// Length of an interval of the road table [s].
    pub road_interval_s: f64,
    /// Root of every draw.
    pub seed: u64,
    /// How long a vehicle may be stuck before it is moved [s]; none means for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_resort_after_s: Option<f64>,
}

/// A source of travellers with every default filled in.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResolvedSource {
    /// Trips made up from the map.
    Synthetic {
        /// Vehicles that depart per hour on average, buses not counted [veh/h].
        flow_veh_h: f64,
        /// How departures spread over time.
        profile: &'static str,
        /// Share of trips through the city, 0 to 1.
        through_traffic: f64,
        /// Whether bus lines run.
        buses: bool,
    },
    /// Trips of a matrix between zones.
    Od {
        /// The file of the matrix.
        matrix: String,
        /// The file of the zones.
        zones: String,
        /// When its trips depart; none means all the time at the rate of the measured run.
        #[serde(skip_serializing_if = "Option::is_none")]
        between: Option<[String; 2]>,
        /// What they are made with.
        kind: &'static str,
        /// How departures spread over time.
        profile: &'static str,
        /// Whether departures are at equal distances.
        even: bool,
        /// Factor on every number.
        scale: f64,
        /// Whether zones without a road lie beyond the map.
        rim: bool,
    },
    /// Bus lines from timetables.
    Buses {
        /// The feed.
        gtfs: String,
        /// The day.
        date: String,
        /// Shortest halt [s].
        dwell_s: f64,
        /// Lines; all where none is named.
        lines: Vec<String>,
        /// How far a stop may be from its lane [m].
        within_m: f64,
    },
    /// Trips that were made.
    Trips(String),
    /// Vehicles that were seen.
    Fcd(String),
    /// Files of SUMO.
    Sumo(Vec<String>),
}

impl Resolved {
    /// The whole scenario.
    pub(super) fn of(scenario: &Scenario) -> Self {
        Self {
            name: scenario.name.clone(),
            question: scenario.question.clone(),
            map: match &scenario.map {
                MapSource::City(file) | MapSource::SumoNet(file) | MapSource::Osm(file) => {
                    file.path.display().to_string()
                }
            },
            date: scenario.date.clone(),
            start: scenario.start.to_string(),
            warmup_s: scenario.warmup.as_seconds(),
            run_s: Some(scenario.run.as_seconds()),
            step_s: scenario.step.as_seconds(),
            demand: scenario.demand.iter().map(source).collect(),
            routing: scenario.routing.describe(),
            fleet: fleet(&scenario.fleet),
            parking: Vec::new(),
            emergencies: scenario.emergencies.as_ref().map(emergencies).unwrap_or_default(),
            incidents: scenario.incidents.iter().map(incident).collect(),
            sensors: scenario.sensors.map(|sensors| sensors.describe()).unwrap_or_default(),
            weather: scenario.sensors.map(|_| scenario.weather.describe()),
            variant: None,
            interventions: Vec::new(),
            road_interval_s: scenario.outputs.road_interval.as_seconds(),
            seed: scenario.seed.0,
            last_resort_after_s: Some(scenario.last_resort_after.as_seconds()),
        }
    }

    /// A SUMO configuration; `files` are the configuration, the network, and then those of the demand.
    pub(super) fn of_sumo(name: &str, files: &[PathBuf], settings: &RunSettings) -> Self {
        let shown = |path: &PathBuf| path.display().to_string();
        Self {
            name: name.to_owned(),
            question: None,
            map: files.get(1).map(shown).unwrap_or_default(),
            date: None,
            start: settings.begin.to_string(),
            warmup_s: 0.0,
            run_s: settings.end.map(|end| (end - settings.begin).as_seconds()),
            step_s: settings.step.as_seconds(),
            demand: vec![ResolvedSource::Sumo(files.iter().skip(2).map(shown).collect())],
            routing: None,
            fleet: Vec::new(),
            parking: Vec::new(),
            emergencies: Vec::new(),
            incidents: Vec::new(),
            sensors: Vec::new(),
            weather: None,
            variant: None,
            interventions: Vec::new(),
            road_interval_s: settings.road_interval.as_seconds(),
            seed: settings.seed.0,
            last_resort_after_s: settings.last_resort_after.map(SimDuration::as_seconds),
        }
    }
}

fn source(source: &DemandSource) -> ResolvedSource {
    match source {
        DemandSource::Synthetic(synthetic) => ResolvedSource::Synthetic {
            flow_veh_h: synthetic.flow.as_vehicles_per_hour(),
            profile: profile(synthetic.profile),
            through_traffic: synthetic.through_traffic,
            buses: synthetic.buses,
        },
        DemandSource::Od(od) => ResolvedSource::Od {
            matrix: od.matrix.path.display().to_string(),
            zones: od.zones.path.display().to_string(),
            between: od.span.map(|(from, to)| [from.to_string(), to.to_string()]),
            kind: od.class.map_or("the fleet's mix", VehicleClass::name),
            profile: profile(od.profile),
            even: od.even,
            scale: od.scale,
            rim: od.rim,
        },
        DemandSource::Timetables(timetables) => ResolvedSource::Buses {
            gtfs: timetables.feed.path.display().to_string(),
            date: timetables.date.clone().unwrap_or_default(),
            dwell_s: timetables.dwell.as_seconds(),
            lines: timetables.lines.iter().map(|(line, _)| line.clone()).collect(),
            within_m: timetables.within.as_metres(),
        },
        DemandSource::Recorded(file, Recording::Trips) => ResolvedSource::Trips(file.path.display().to_string()),
        DemandSource::Recorded(file, Recording::Sightings) => ResolvedSource::Fcd(file.path.display().to_string()),
        DemandSource::SumoRoutes(files) | DemandSource::SumoAdditional(files) => {
            ResolvedSource::Sumo(files.iter().map(|NamedFile { path, .. }| path.display().to_string()).collect())
        }
    }
}

const fn profile(profile: Profile) -> &'static str {
    match profile {
        Profile::MorningPeak => "morning-peak",
        Profile::Flat => "flat",
    }
}

fn emergencies(spec: &EmergencySpec) -> Vec<String> {
    let minutes = |span: SimDuration| span.as_seconds() / 60.0;
    vec![
        format!("ambulances: {} at every station", spec.ambulances),
        format!("calls: {} per hour", spec.calls_per_hour),
        format!("random-incidents: {} per hour", spec.incidents_per_hour),
        format!("siren: {}", spec.siren),
        format!("treatment: {} min", minutes(spec.treatment)),
        spec.handover.map_or_else(
            || "handover: by category".to_owned(),
            |handover| format!("handover: {} min", minutes(handover)),
        ),
        format!("bays: {} at every hospital", spec.bays),
    ]
}

fn incident(spec: &IncidentSpec) -> String {
    format!(
        "{} on {} at {} for {}, {} lane(s), {} casualties",
        spec.kind,
        spec.road,
        spec.at,
        spec.duration,
        spec.lanes.unwrap_or(1),
        spec.casualties
    )
}

fn fleet(fleet: &Fleet) -> Vec<String> {
    let mut wishes = Vec::new();
    if let Some(model) = fleet.following {
        let name = match model {
            FollowingModel::Krauss => "krauss",
            FollowingModel::Idm => "idm",
        };
        wishes.push(format!("car-following: {name}"));
    }
    let mut wish = |name: &str, text: Option<String>| wishes.extend(text.map(|text| format!("{name}: {text}")));
    wish("headway", fleet.headway.map(|headway| headway.to_string()));
    wish("gap", fleet.gap.map(|gap| gap.to_string()));
    wish("speed-max", fleet.speed_max.map(|speed| format!("{} km/h", speed.as_kilometres_per_hour())));
    for (name, share) in [
        ("speed-deviation", fleet.speed_deviation),
        ("trucks", fleet.trucks),
        ("vans", fleet.vans),
        ("motorcycles", fleet.motorcycles),
    ] {
        wish(name, share.map(|share| format!("{} %", share * 100.0)));
    }
    wishes
}
