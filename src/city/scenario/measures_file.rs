//! The keys of interventions and variants, as types.
//!
//! Every measure that concerns roads chooses them by the same keys; a macro writes them into each, because whatever flattens one
//! type into another loses the line and column of what is inside. Knows no rules between keys.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_saphyr::Spanned;

use super::file::IncidentKey;
use super::parking::ParkingKey;
use super::quantity::{At, WrittenClock, WrittenDistance, WrittenDuration, WrittenShare, WrittenSpeed};
use super::sensors_file::WeatherKey;
use super::tree::Spot;

/// Values by name, in the order of the file.
#[derive(Debug, Clone)]
pub(super) struct ByName<T>(pub Vec<(At<String>, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByName<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = ByName<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names with their values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<ByName<T>, A::Error> {
                let mut list = Vec::new();
                while let Some((key, value)) = entries.next_entry::<Spanned<String>, T>()? {
                    list.push((At { spot: Spot::of(key.referenced), value: key.value }, value));
                }
                Ok(ByName(list))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for ByName<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ByName_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let values = generator.subschema_for::<T>();
        json_schema!({ "type": "object", "additionalProperties": values })
    }
}

/// Bundles of measures by name.
pub(super) type InterventionsKey = ByName<At<Vec<At<MeasureKey>>>>;

/// Lists of interventions by the name of the variant.
pub(super) type VariantsKey = ByName<At<Vec<At<String>>>>;

/// A drawn area.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum AreaKey {
    /// A file of `GeoJSON` with polygons, relative to the scenario file.
    File(At<String>),
    /// The corners of one polygon: `[[11.34, 44.49], [11.35, 44.49], [11.35, 44.50]]`.
    Polygon(At<Vec<At<Vec<f64>>>>),
}

/// A drawn line.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum LineKey {
    /// A file of `GeoJSON` with lines, relative to the scenario file.
    File(At<String>),
    /// The points of one line: `[[11.34, 44.49], [11.35, 44.49]]`.
    Points(At<Vec<At<Vec<f64>>>>),
}

/// What chooses roads in a measure.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoadKeys<'a> {
    pub road: Option<&'a At<String>>,
    pub roads: Option<&'a At<Vec<At<String>>>>,
    pub near: Option<&'a At<Vec<f64>>>,
    pub within: Option<&'a At<AreaKey>>,
    pub along: Option<&'a At<LineKey>>,
}

/// When a measure holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeKeys<'a> {
    pub from: Option<&'a At<WrittenClock>>,
    pub to: Option<&'a At<WrittenClock>>,
}

macro_rules! on_roads {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub(super) struct $name {
            /// A street's name, the id of an edge (of SUMO too), or `osm:` with the id of a way.
            pub road: Option<At<String>>,
            /// Several of them.
            pub roads: Option<At<Vec<At<String>>>>,
            /// Of streets with one name only the one nearest to this point: `[longitude, latitude]`, or metres east and north on a
            /// map without a place on earth.
            pub near: Option<At<Vec<f64>>>,
            /// Only roads with their middle in this area; without names, all of them.
            pub within: Option<At<AreaKey>>,
            /// Only roads that follow this line; without names, all of them.
            pub along: Option<At<LineKey>>,
            /// Time of day from which it holds. Always unless given.
            pub from: Option<At<WrittenClock>>,
            /// Time of day at which it ends; given with `from`.
            pub to: Option<At<WrittenClock>>,
            $($(#[$field_doc])* pub $field: $type,)*
        }

        impl $name {
            /// What chooses the roads.
            pub(super) const fn choice(&self) -> RoadKeys<'_> {
                RoadKeys {
                    road: self.road.as_ref(),
                    roads: self.roads.as_ref(),
                    near: self.near.as_ref(),
                    within: self.within.as_ref(),
                    along: self.along.as_ref(),
                }
            }

            /// When it holds.
            pub(super) const fn times(&self) -> TimeKeys<'_> {
                TimeKeys { from: self.from.as_ref(), to: self.to.as_ref() }
            }
        }
    };
}

pub(super) use on_roads;

on_roads! {
    /// Roads that are closed, or some of their lanes.
    CloseRoadKey {
        /// Lanes to close, counted from 0 at the kerb. All unless given.
        lanes: Option<At<Vec<u32>>>,
        /// Who may go on using them, such as `bus`, `bicycle` or `emergency`. Nobody unless given.
        except: Option<At<Vec<At<String>>>>,
    }
}

on_roads! {
    /// Another speed limit.
    ChangeSpeedKey {
        /// The limit.
        limit: At<WrittenSpeed>,
    }
}

on_roads! {
    /// A lane for some classes only.
    ReserveLaneKey {
        /// Which lane: `kerb`, `middle` or its number, 0 at the kerb. `kerb` unless given.
        lane: Option<At<String>>,
        /// For whom, such as `[bus, cycle, emergency]`.
        allow: At<Vec<At<String>>>,
    }
}

on_roads! {
    /// A neighbourhood without through traffic. The roads chosen are for those whose trip begins or ends there.
    LowTrafficKey {
        /// Streets that are closed by modal filters: nobody drives past, whoever lives there either.
        filters: Option<At<Vec<At<String>>>>,
        /// Who may use all of it as ever, such as `bus` or `emergency`; cycles always may.
        except: Option<At<Vec<At<String>>>>,
    }
}

/// A turn at a junction.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct BanTurnKey {
    /// The road one comes from: a street's name, the id of an edge, or `osm:` with the id of a way.
    pub out_of: At<String>,
    /// The road one turns into.
    pub into: At<String>,
    /// Who may go on turning. Nobody unless given.
    pub except: Option<At<Vec<At<String>>>>,
    /// Time of day from which it holds. Always unless given.
    pub from: Option<At<WrittenClock>>,
    /// Time of day at which it ends; given with `from`.
    pub to: Option<At<WrittenClock>>,
}

on_roads! {
    /// One more lane. Always there: `from` and `to` are refused.
    AddLaneKey {
        /// `kerb` or `middle`. `middle` unless given.
        lane: Option<At<String>>,
        /// For whom. For those of the lane beside it unless given.
        allow: Option<At<Vec<At<String>>>>,
    }
}

on_roads! {
    /// One lane fewer. Always so: `from` and `to` are refused; `close-road` with `lanes` can be timed.
    RemoveLaneKey {
        /// Which lane: `kerb`, `middle` or its number, 0 at the kerb. `middle` unless given.
        lane: Option<At<String>>,
    }
}

/// A turn that the map bans.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AllowTurnKey {
    /// The road one comes from: a street's name, the id of an edge, or `osm:` with the id of a way.
    pub out_of: At<String>,
    /// The road one turns into.
    pub into: At<String>,
}

/// Another plan of a signal.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RetimeKey {
    /// The signal: its id, its junction's, or two streets that meet there: `High Street / Back Lane`.
    pub signal: At<String>,
    /// Length of the cycle. What the greens make it unless given.
    pub cycle: Option<At<WrittenDuration>>,
    /// Green of each stage, in order. In the proportions there are unless given.
    pub greens: Option<At<Vec<At<WrittenDuration>>>>,
    /// Shift of the cycle against midnight. As it is unless given.
    pub offset: Option<At<WrittenDuration>>,
}

/// A green wave.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct CoordinateKey {
    /// The signals in driving order, each by its id, its junction's, or two streets that meet there.
    pub signals: At<Vec<At<String>>>,
    /// The speed at which one meets green.
    pub speed: At<WrittenSpeed>,
    /// Cycle of all. The longest of theirs unless given.
    pub cycle: Option<At<WrittenDuration>>,
}

/// Signals that go with the traffic.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AdaptiveKey {
    /// The signals, each by its id, its junction's, or two streets that meet there.
    pub signals: At<Vec<At<String>>>,
    /// The longest gap between vehicles that still extends a green. 3 s unless given.
    pub gap: Option<At<WrittenDuration>>,
}

/// A signal where there was none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AddSignalKey {
    /// The junction: its id, or two streets that meet there: `High Street / Back Lane`.
    pub junction: At<String>,
    /// Whether it goes with the traffic. It runs by the clock unless it says `true`.
    pub adaptive: Option<At<bool>>,
}

/// A roundabout in the place of a junction.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RoundaboutKey {
    /// The junction: its id, or two streets that meet there: `High Street / Back Lane`.
    pub junction: At<String>,
    /// Radius of the middle of its lane. 15 m unless given.
    pub radius: Option<At<WrittenDistance>>,
}

on_roads! {
    /// More or fewer trips.
    ScaleDemandKey {
        /// Factor on the number of trips, 0 to 10.
        factor: At<f64>,
        /// Only by these classes. By all unless given; buses by timetable are never meant.
        classes: Option<At<Vec<At<String>>>>,
    }
}

on_roads! {
    /// Something new to which and from which people travel: homes, a shop, a stadium. The other ends of its trips are drawn from
    /// those of everybody else.
    NewDevelopmentKey {
        /// Trips by car between `from` and `to`, or within the whole run.
        trips: At<u32>,
        /// Share of them that leave. 50 % unless given.
        leaving: Option<At<WrittenShare>>,
    }
}

/// A new bus line.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AddLineKey {
    /// Its name.
    pub line: At<String>,
    /// Where it halts, in order: bus stops by their id, or roads, in the middle of which it then halts at the kerb.
    pub stops: At<Vec<At<String>>>,
    /// Time between two buses.
    pub headway: At<WrittenDuration>,
    /// How long a bus halts at every stop. 20 s unless given.
    pub dwell: Option<At<WrittenDuration>>,
    /// Time of day at which the first bus sets out. The beginning of the run unless given.
    pub from: Option<At<WrittenClock>>,
    /// Time of day from which none sets out any more; given with `from`.
    pub to: Option<At<WrittenClock>>,
}

/// Another timetable of a bus line.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ChangeLineKey {
    /// Its name.
    pub line: At<String>,
    /// Time between two buses. As it is unless given.
    pub headway: Option<At<WrittenDuration>>,
    /// How long a bus halts at every stop. As it is unless given.
    pub dwell: Option<At<WrittenDuration>>,
    /// Time of day from which buses set out by the new timetable. Always unless given.
    pub from: Option<At<WrittenClock>>,
    /// Time of day from which they do so by the old one again; given with `from`.
    pub to: Option<At<WrittenClock>>,
}

on_roads! {
    /// Whoever drives into a zone pays. Buses, cycles and ambulances never do.
    CongestionChargeKey {
        /// What driving in costs, in any money.
        price: At<f64>,
        /// What an hour is worth to a driver, in the same money.
        value_of_time: At<f64>,
        /// How the number of trips into the zone answers to their cost: the exponent of the cost, from -10 to 0. With 0 nobody stays
        /// at home.
        elasticity: At<f64>,
        /// Who else does not pay.
        except: Option<At<Vec<At<String>>>>,
    }
}

/// By which travel times advice is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AdviceTimesKey {
    /// Those of now.
    Live,
    /// Those to be expected when one gets there, learnt on earlier days.
    Predicted,
}

/// Advice to drivers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AdviceKey {
    /// Share of drivers who follow.
    pub share: At<WrittenShare>,
    /// How often each looks for a faster way. 5 min unless given.
    pub every: Option<At<WrittenDuration>>,
    /// By which travel times. `live` unless given.
    pub times: Option<At<AdviceTimesKey>>,
    /// On how many earlier days predictions are learnt, with `times: predicted`; each is a whole run, and one more is. 3 unless given.
    pub days: Option<At<u32>>,
    /// Time of day from which it is given. Always unless given.
    pub from: Option<At<WrittenClock>>,
    /// Time of day at which it ends; given with `from`.
    pub to: Option<At<WrittenClock>>,
}

/// One thing that is done to the city.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum MeasureKey {
    /// Closes roads or some of their lanes to everybody but some classes. Drivers hear of it and take another way.
    CloseRoad(CloseRoadKey),
    /// Sets another speed limit.
    ChangeSpeed(ChangeSpeedKey),
    /// Reserves a lane for some classes: a bus lane, a cycle lane, a lane for ambulances.
    ReserveLane(ReserveLaneKey),
    /// Bans a turn at a junction.
    BanTurn(BanTurnKey),
    /// Keeps through traffic out of a neighbourhood: drawn or listed roads for residents, or modal filters.
    LowTrafficNeighbourhood(LowTrafficKey),
    /// Makes a turn possible that the map bans; needs a `city` map.
    AllowTurn(AllowTurnKey),
    /// Adds a lane; needs a `city` map, whose junctions are then built anew.
    AddLane(AddLaneKey),
    /// Takes a lane away; needs a `city` map, whose junctions are then built anew.
    RemoveLane(RemoveLaneKey),
    /// Gives a signal another plan.
    RetimeSignal(RetimeKey),
    /// Makes a green wave of several signals.
    CoordinateSignals(CoordinateKey),
    /// Lets signals end their greens early or late with the traffic on their detectors.
    MakeAdaptive(AdaptiveKey),
    /// Puts up a signal with a plan by Webster; needs a `city` map.
    AddSignal(AddSignalKey),
    /// Builds a roundabout; needs a `city` map.
    Roundabout(RoundaboutKey),
    /// Makes more or fewer trips.
    ScaleDemand(ScaleDemandKey),
    /// Adds trips to and from something new.
    NewDevelopment(NewDevelopmentKey),
    /// Adds a bus line.
    AddBusLine(AddLineKey),
    /// Changes the timetable of a bus line.
    ChangeBusLine(ChangeLineKey),
    /// Makes whoever drives into a zone pay.
    CongestionCharge(CongestionChargeKey),
    /// Tells drivers the fastest way by the travel times now.
    ReroutingAdvice(AdviceKey),
    /// Another weather than the scenario's, for the whole run.
    Weather(WeatherKey),
    /// Something that blocks a road: a crash, roadworks, an event.
    Incident(IncidentKey),
    /// Changes the number of places at the kerb, or their price.
    Parking(ParkingKey),
}

impl MeasureKey {
    /// When a measure on the demand holds; never timed for those that are built, and for those that have no such keys.
    pub(super) const fn times(&self) -> TimeKeys<'_> {
        match self {
            Self::ScaleDemand(key) => key.times(),
            Self::NewDevelopment(key) => key.times(),
            Self::CongestionCharge(key) => key.times(),
            Self::Parking(key) => key.times(),
            Self::AddBusLine(key) => TimeKeys { from: key.from.as_ref(), to: key.to.as_ref() },
            Self::ChangeBusLine(key) => TimeKeys { from: key.from.as_ref(), to: key.to.as_ref() },
            Self::ReroutingAdvice(key) => TimeKeys { from: key.from.as_ref(), to: key.to.as_ref() },
            _ => TimeKeys { from: None, to: None },
        }
    }
}
