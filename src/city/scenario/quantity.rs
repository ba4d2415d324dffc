//! The written quantities of a scenario file as types: what the file says, and what an editor may be told about it.
//!
//! A quantity keeps its text until the check reads it, so that one wrong unit does not hide the next mistake. Knows nothing of
//! which keys exist.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;

use super::tree::Spot;
use super::units::{
    CONCENTRATION, DISTANCE, DURATION, FLOW, RAINFALL, RATE, SHARE, SPEED, TEMPERATURE, Units, Unreadable, read_clock,
};
use crate::primitives::{Distance, Flow, SimDuration, SimTime, Speed};

/// A value and where it stands in the file.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    /// The value.
    pub value: T,
    /// Where it begins.
    pub spot: Spot,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<T>::deserialize(deserializer)?;
        Ok(Self { value: spanned.value, spot: Spot::of(spanned.referenced) })
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

/// What [`WrittenClock`] is called in the schema.
const CLOCK: &str = "a clock time";

/// What is wrong with a text that the schema says is a quantity, `x-quantity`.
pub(crate) fn unreadable(quantity: &str, text: &str) -> Option<Unreadable> {
    if quantity == CLOCK {
        return read_clock(text).err();
    }
    let all = [DURATION, SHARE, SPEED, DISTANCE, FLOW, RATE, TEMPERATURE, RAINFALL, CONCENTRATION];
    let units = all.into_iter().find(|units| units.what == quantity)?;
    units.read(text).err()
}

macro_rules! written {
    ($(#[$doc:meta])* $name:ident, $units:expr, $quantity:ty, $read:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(transparent)]
        pub(crate) struct $name(String);

        impl $name {
            /// The quantity it names.
            ///
            /// # Errors
            /// When there is no number, no unit or an unknown one.
            pub(crate) fn read(&self) -> Result<$quantity, Unreadable> {
                let units: Units = $units;
                units.read(&self.0).map($read)
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let units: Units = $units;
                json_schema!({
                    "type": "string",
                    "pattern": units.pattern(),
                    "examples": units.examples,
                    "x-quantity": units.what,
                })
            }
        }
    };
}

written!(
    /// A duration, "5 min".
    WrittenDuration,
    DURATION,
    SimDuration,
    SimDuration::seconds
);
written!(
    /// A share as a fraction of 1, "5 %".
    WrittenShare,
    SHARE,
    f64,
    |share| share
);
written!(
    /// A speed, "30 km/h".
    WrittenSpeed,
    SPEED,
    Speed,
    Speed::metres_per_second
);
written!(
    /// A distance, "250 m".
    WrittenDistance,
    DISTANCE,
    Distance,
    Distance::metres
);
written!(
    /// A flow, "1200 veh/h".
    WrittenFlow,
    FLOW,
    Flow,
    Flow::vehicles_per_hour
);

written!(
    /// How often, "6 per hour".
    WrittenRate,
    RATE,
    f64,
    |per_hour| per_hour
);

written!(
    /// A temperature [°C], "17 °C".
    WrittenTemperature,
    TEMPERATURE,
    f64,
    |degrees| degrees
);
written!(
    /// A rainfall [mm/h], "2 mm/h".
    WrittenRainfall,
    RAINFALL,
    f64,
    |rainfall| rainfall
);

written!(
    /// A concentration [µg/m³], "20 ug/m3".
    WrittenConcentration,
    CONCENTRATION,
    f64,
    |micrograms| micrograms
);

/// A clock time, with or without its day: "07:00", "2026-03-10T07:00".
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct WrittenClock(String);

impl WrittenClock {
    /// The day, if one is given, and the time since its midnight.
    ///
    /// # Errors
    /// When it is not a clock time.
    pub(crate) fn read(&self) -> Result<(Option<String>, SimTime), Unreadable> {
        read_clock(&self.0).map(|(date, seconds)| (date, SimTime::seconds(seconds)))
    }
}

impl JsonSchema for WrittenClock {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "WrittenClock".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[T ])?[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?$",
            "examples": ["07:00", "07:00:30", "2026-03-10T07:00"],
            "x-quantity": CLOCK,
        })
    }
}
