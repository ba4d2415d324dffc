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

use super::quantity::{At, WrittenClock, WrittenSpeed};
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
    /// A file of GeoJSON with polygons, relative to the scenario file.
    File(At<String>),
    /// The corners of one polygon: `[[11.34, 44.49], [11.35, 44.49], [11.35, 44.50]]`.
    Polygon(At<Vec<At<Vec<f64>>>>),
}

/// A drawn line.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum LineKey {
    /// A file of GeoJSON with lines, relative to the scenario file.
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
}
