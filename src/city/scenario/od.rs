//! Origin-destination matrices as a source of travellers: its keys, the rules between them, and what they load.

use schemars::JsonSchema;
use serde::Deserialize;

use super::check::Checker;
use super::file::ProfileKey;
use super::model::{NamedFile, Profile, Scenario};
use super::quantity::{At, WrittenClock};
use crate::city::demand::fleet::{FleetShare, kind, town_mix};
use crate::city::demand::od::{self, Matrix, OdSpec, Spread, Zones};
use crate::city::demand::{Demand, synthetic};
use crate::city::network::Network;
use crate::city::network::places::Places;
use crate::city::routing::Router;
use crate::primitives::text::{Findings, Place, closest};
use crate::primitives::{SimTime, VehicleClass};

/// A matrix of trips between zones.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct OdKey {
    /// Trips as CSV, relative to the scenario file: a row for each pair, `origin,destination,trips`, or a square with the zones in its
    /// heading.
    pub matrix: At<String>,
    /// Zones as `GeoJSON`, relative to the scenario file: polygons in longitude and latitude, or in metres where the map has no place
    /// on earth.
    pub zones: At<String>,
    /// Property of the zones that the matrix names them by. The first of `id`, `zone`, `name` and `zone_id` that all of them have
    /// unless given.
    pub id: Option<At<String>>,
    /// Clock time from which the trips of the matrix depart; give it with `to`. Without both the matrix stands for a time as long as
    /// `run`, and the warm-up gets as many per hour.
    pub from: Option<At<WrittenClock>>,
    /// Clock time by which they have departed.
    pub to: Option<At<WrittenClock>>,
    /// What they are made with: `car`, `van`, `truck`, `motorcycle`, `bicycle`, or another of SUMO's classes. The mix of `fleet` unless
    /// given.
    pub kind: Option<At<String>>,
    /// How departures spread over the time. `flat` unless given.
    pub profile: Option<At<ProfileKey>>,
    /// How regular they are. `random` unless given.
    pub departures: Option<At<DeparturesKey>>,
    /// Factor on every number of the matrix. 1 unless given.
    pub scale: Option<At<f64>>,
    /// Whether zones without a road lie beyond the map, and their trips come and go by the roads at its border. They do not unless it
    /// says `true`.
    pub rim: Option<At<bool>>,
}

/// How regular departures are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DeparturesKey {
    /// Each at a moment of its own, as a Poisson process has them.
    Random,
    /// At equal distances by the profile.
    Even,
}

/// A checked source.
#[derive(Debug, Clone, PartialEq)]
pub struct OdSource {
    /// Where the scenario asks for it.
    pub place: Place,
    /// The matrix.
    pub matrix: NamedFile,
    /// The zones.
    pub zones: NamedFile,
    /// The property that names zones, if one is given.
    pub id: Option<String>,
    /// When its trips depart, first and last [s]; none means all the time at the rate of the measured run.
    pub span: Option<(SimTime, SimTime)>,
    /// The one class they are made with, if it is not the fleet's mix.
    pub class: Option<VehicleClass>,
    /// How departures spread over time.
    pub profile: Profile,
    /// Whether departures are at equal distances.
    pub even: bool,
    /// Factor on every number.
    pub scale: f64,
    /// Whether zones without a road lie beyond the map.
    pub rim: bool,
}

/// Words for classes beside the names of SUMO.
const WORDS: [(&str, VehicleClass); 4] = [
    ("car", VehicleClass::Passenger),
    ("van", VehicleClass::Delivery),
    ("lorry", VehicleClass::Truck),
    ("cycle", VehicleClass::Bicycle),
];

impl Checker<'_> {
    /// A matrix of trips between zones.
    pub(super) fn od(&mut self, key: &OdKey, place: Place, run: (SimTime, SimTime)) -> Option<OdSource> {
        let (matrix, zones) = (self.named(&key.matrix), self.named(&key.zones));
        let span = self.od_span(key, run);
        let class = self.od_class(key.kind.as_ref());
        let scale = key.scale.as_ref().map_or(1.0, |scale| scale.value);
        if let Some(key) = &key.scale
            && !(0.0..=100.0).contains(&scale)
        {
            self.wrong(key.spot, format!("`scale` cannot be {scale}"), "a factor from 0 to 100");
            return None;
        }
        let id = key.id.as_ref().map(|id| id.value.trim().to_owned()).filter(|id| !id.is_empty());
        Some(OdSource {
            place,
            matrix,
            zones,
            id,
            span: span?,
            class: class?,
            profile: match key.profile.as_ref().map(|profile| profile.value) {
                Some(ProfileKey::MorningPeak) => Profile::MorningPeak,
                Some(ProfileKey::Flat) | None => Profile::Flat,
            },
            even: key.departures.as_ref().is_some_and(|departures| departures.value == DeparturesKey::Even),
            scale,
            rim: key.rim.as_ref().is_some_and(|rim| rim.value),
        })
    }

    /// When the trips depart; the inner none means all the time, the outer one that something is wrong.
    #[expect(clippy::option_option, reason = "whether it can be read, and whether it is given")]
    fn od_span(&mut self, key: &OdKey, run: (SimTime, SimTime)) -> Option<Option<(SimTime, SimTime)>> {
        match (&key.from, &key.to) {
            (None, None) => Some(None),
            (Some(from), Some(to)) => {
                let (_, begin) = self.read(from.spot, from.value.read())?;
                let (_, end) = self.read(to.spot, to.value.read())?;
                if begin >= end {
                    self.wrong(to.spot, format!("`to` is {end}, not after `from`, {begin}"), "write the earlier first");
                    return None;
                }
                if begin >= run.1 || end <= run.0 {
                    let message = format!("none of these trips departs within the run, {} to {}", run.0, run.1);
                    self.wrong(from.spot, message, "change `from` and `to`, or `time`");
                    return None;
                }
                Some(Some((begin, end)))
            }
            (Some(one), None) | (None, Some(one)) => {
                self.wrong(one.spot, "`from` and `to` belong together", "give both, or neither for the whole run");
                None
            }
        }
    }

    /// What the trips are made with; the inner none means the fleet's mix, the outer one that something is wrong.
    #[expect(clippy::option_option, reason = "whether it can be read, and whether it is given")]
    fn od_class(&mut self, key: Option<&At<String>>) -> Option<Option<VehicleClass>> {
        let Some(key) = key else { return Some(None) };
        let word = key.value.trim();
        let common = WORDS.iter().find(|(name, _)| *name == word).map(|(_, class)| *class);
        let on_road = |class: &VehicleClass| !class.is_rail() && !class.is_off_road() && class.is_moved();
        if let Some(class) = common.or_else(|| VehicleClass::from_name(word)).filter(on_road) {
            return Some(Some(class));
        }
        let classes = VehicleClass::ALL.iter().filter(|class| on_road(class)).map(|class| class.name());
        let help = closest(word, WORDS.iter().map(|(name, _)| *name).chain(classes)).map_or_else(
            || "for example `car`, `van`, `truck`, `motorcycle` or `bicycle`".to_owned(),
            |like| format!("did you mean `{like}`?"),
        );
        self.wrong(key.spot, format!("`{word}` is no kind of vehicle that drives on roads"), help);
        None
    }
}

/// Makes the travellers of a matrix; `number` counts the matrices of the scenario from 0.
pub(super) fn travellers(
    scenario: &Scenario,
    (source, number): (&OdSource, usize),
    (network, places): (&Network, Option<&Places>),
) -> Result<(Demand, Findings), Findings> {
    let mut findings = Findings::default();
    let matrix = Matrix::read(&source.matrix.path).map_err(|wrong| findings.absorb(wrong)).ok();
    let zones = Zones::read(&source.zones.path, source.id.as_deref()).map_err(|wrong| findings.absorb(wrong)).ok();
    let (Some(matrix), Some(zones)) = (matrix, zones) else { return Err(findings) };
    let window = (scenario.begin(), scenario.end());
    let (span, longer) = source.span.map_or_else(
        || (window, (scenario.warmup + scenario.run).as_seconds() / scenario.run.as_seconds()),
        |span| (span, 1.0),
    );
    let spec = OdSpec {
        place: source.place.clone(),
        number,
        from: span.0,
        to: span.1,
        window,
        fleet: source.class.map_or_else(|| super::fleet::mix(&scenario.fleet), one_kind),
        profile: match source.profile {
            Profile::MorningPeak => synthetic::Profile::weekday(),
            Profile::Flat => synthetic::Profile::flat(),
        },
        spread: if source.even { Spread::Even } else { Spread::Random },
        scale: source.scale * longer,
        rim: source.rim,
        seed: scenario.seed,
    };
    od::demand(network, &Router::new(network), places, (&matrix, &zones), &spec)
}

/// A fleet of one kind: that of a town's mix, or one with the defaults of its class.
fn one_kind(class: VehicleClass) -> Vec<FleetShare> {
    let usual = town_mix().into_iter().find(|share| share.kind.class == class);
    let kind = usual.map_or_else(|| kind(class.name(), class), |share| share.kind);
    vec![FleetShare { kind, weight: 1.0 }]
}

/// Whether a source takes its vehicles from the scenario's fleet.
pub(super) const fn has_mix(key: &OdKey) -> bool {
    key.kind.is_none()
}
