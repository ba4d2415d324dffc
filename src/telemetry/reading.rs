//! What devices report: one flat struct for each kind of reading, with units, ranges and a sentence for every field.
//!
//! Field names follow what city platforms call them; the unit is in the name where platforms disagree about it.

use serde::{Deserialize, Serialize};

use super::field::{Column, Field, Text, Value, words};

words! {
    /// What a satellite receiver makes of its signals.
    Fix {
        /// No position: in a tunnel, or still searching.
        None = "none",
        /// A position on the ground and a height.
        ThreeD = "3d",
    }
    /// What the sky does.
    Sky {
        /// Nothing falls.
        Dry = "dry",
        /// Rain.
        Rain = "rain",
        /// Snow.
        Snow = "snow",
        /// Fog.
        Fog = "fog",
    }
    /// How bad an incident or an alarm is.
    Severity {
        /// Somebody may die.
        Critical = "critical",
        /// Serious.
        High = "high",
        /// Noticeable.
        Medium = "medium",
        /// A nuisance.
        Low = "low",
    }
    /// How far an incident on the road has come.
    IncidentStatus {
        /// It has happened.
        Reported = "reported",
        /// The lanes are free again.
        Cleared = "cleared",
    }
    /// How far an emergency call has come.
    CallStatus {
        /// It rings.
        Received = "received",
        /// Somebody answered.
        Answered = "answered",
        /// It waits for a unit.
        Queued = "queued",
        /// A unit has been chosen.
        Dispatched = "dispatched",
        /// The unit drives.
        EnRoute = "en_route",
        /// The unit stands at the address.
        AtScene = "at_scene",
        /// The crew is with the patient.
        WithPatient = "with_patient",
        /// The patient is on the way to hospital.
        Transporting = "transporting",
        /// The unit stands at the hospital.
        AtHospital = "at_hospital",
        /// The hospital has taken the patient over.
        HandedOver = "handed_over",
        /// The unit is free again.
        Closed = "closed",
    }
    /// What an ambulance does.
    UnitStatus {
        /// At its station, free.
        AtStation = "at_station",
        /// Its crew gets ready.
        Dispatched = "dispatched",
        /// It drives to a call.
        EnRoute = "en_route",
        /// It stands at the address.
        AtScene = "at_scene",
        /// It brings a patient to hospital.
        Transporting = "transporting",
        /// It hands a patient over.
        AtHospital = "at_hospital",
        /// It drives home, free.
        Returning = "returning",
    }
}

/// Defines the kinds of readings and everything that treats them alike.
macro_rules! readings {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $prefix:literal {
        $($field:ident: $type:ty, $unit:literal, $low:expr, $high:expr, $says:literal;)*
    })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            pub struct $name {
                $(#[doc = $says] #[doc = concat!("[", $unit, "]")]
                #[serde(skip_serializing_if = "Field::is_missing")]
                pub $field: $type,)*
            }

            impl $name {
                /// Its columns, in order.
                pub const COLUMNS: &'static [Column] = &[$(Column {
                    name: stringify!($field),
                    unit: $unit,
                    holds: <$type as Field>::HOLDS,
                    optional: <$type as Field>::OPTIONAL,
                    says: $says,
                    words: <$type as Field>::WORDS,
                    range: $low..=$high,
                },)*];

                /// Its values, in the order of its columns.
                pub fn values(&self) -> Vec<Value<'_>> {
                    vec![$(self.$field.value(),)*]
                }

                /// The reading with these values; none unless there is one of the right type for every column.
                pub fn from_values(values: &[Value<'_>]) -> Option<Self> {
                    let mut values = values.iter();
                    let reading = Self { $($field: Field::from_value(values.next()?)?,)* };
                    values.next().is_none().then_some(reading)
                }
            }
        )*

        /// What kind of reading a record carries.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReadingKind { $($(#[$doc])* $name,)* }

        impl ReadingKind {
            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its word in the field `type`.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The kind with this word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$name),)* _ => None }
            }

            /// How the ids of its devices begin.
            pub const fn device_prefix(self) -> &'static str {
                match self { $(Self::$name => $prefix,)* }
            }

            /// Its columns, in order.
            pub const fn columns(self) -> &'static [Column] {
                match self { $(Self::$name => $name::COLUMNS,)* }
            }
        }

        /// A reading of any kind.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Reading { $($(#[$doc])* $name($name),)* }

        impl Reading {
            /// Which kind it is.
            pub const fn kind(&self) -> ReadingKind {
                match self { $(Self::$name(_) => ReadingKind::$name,)* }
            }

            /// Its values, in the order of its kind's columns.
            pub fn values(&self) -> Vec<Value<'_>> {
                match self { $(Self::$name(reading) => reading.values(),)* }
            }

            /// The reading of a kind with these values; none unless they fit its columns.
            pub fn from_values(kind: ReadingKind, values: &[Value<'_>]) -> Option<Self> {
                match kind { $(ReadingKind::$name => $name::from_values(values).map(Self::$name),)* }
            }

            /// Appends the fields as one JSON object.
            pub(super) fn write_json(&self, out: &mut Vec<u8>) {
                let written = match self { $(Self::$name(reading) => serde_json::to_writer(&mut *out, reading),)* };
                debug_assert!(written.is_ok(), "flat fields always become JSON");
            }

            /// Reads the fields of a kind from one JSON object; other fields are passed over.
            pub(super) fn read_json(kind: ReadingKind, json: &[u8]) -> Result<Self, serde_json::Error> {
                Ok(match kind { $(ReadingKind::$name => Self::$name(serde_json::from_slice(json)?),)* })
            }
        }

        $(impl From<$name> for Reading {
            fn from(reading: $name) -> Self {
                Self::$name(reading)
            }
        })*
    };
}

readings! {
    /// Where a vehicle's tracker believes the vehicle is.
    Position = "position", "gps" {
        vehicle_id: Text, "", 0.0, 0.0, "The vehicle that carries the tracker.";
        vehicle_class: Text, "", 0.0, 0.0, "What kind of vehicle it is, in SUMO's words.";
        ignition: bool, "", 0.0, 0.0, "Whether the engine runs; a parked vehicle's tracker goes on for a while.";
        fix: Fix, "", 0.0, 0.0, "What the receiver makes of its signals; without a fix there is no position.";
        latitude: Option<f64>, "deg", -90.0, 90.0, "Latitude, WGS 84.";
        longitude: Option<f64>, "deg", -180.0, 180.0, "Longitude, WGS 84.";
        speed: Option<f64>, "km/h", 0.0, 400.0, "Speed over ground, from the Doppler shift.";
        direction: Option<f64>, "deg", 0.0, 360.0, "Heading, clockwise from north; missing when nearly standing.";
        hdop: Option<f64>, "", 0.0, 100.0, "Horizontal dilution of precision.";
    }
    /// What an induction loop counted in one period.
    LoopCount = "loop", "loop" {
        road_id: Text, "", 0.0, 0.0, "The road it lies in.";
        lane: u32, "", 0.0, 64.0, "The lane, from the kerb, beginning with 0.";
        latitude: f64, "deg", -90.0, 90.0, "Latitude, WGS 84.";
        longitude: f64, "deg", -180.0, 180.0, "Longitude, WGS 84.";
        period_s: u32, "s", 1.0, 86_400.0, "Length of the period that ends at the timestamp.";
        count: u32, "veh", 0.0, 100_000.0, "Vehicles whose front passed.";
        occupancy: f64, "%", 0.0, 100.0, "Share of the period in which a vehicle stood over it.";
        speed: Option<f64>, "km/h", 0.0, 400.0, "Mean speed of the vehicles counted; missing if there was none.";
    }
    /// What a counting camera saw in one period, over all lanes of its road.
    CameraCount = "camera", "cam" {
        road_id: Text, "", 0.0, 0.0, "The road it looks at.";
        latitude: f64, "deg", -90.0, 90.0, "Latitude, WGS 84.";
        longitude: f64, "deg", -180.0, 180.0, "Longitude, WGS 84.";
        period_s: u32, "s", 1.0, 86_400.0, "Length of the period that ends at the timestamp.";
        cars: u32, "veh", 0.0, 100_000.0, "Passenger cars and taxis.";
        vans: u32, "veh", 0.0, 100_000.0, "Delivery vans.";
        trucks: u32, "veh", 0.0, 100_000.0, "Trucks, with and without trailer.";
        buses: u32, "veh", 0.0, 100_000.0, "Buses and coaches.";
        motorcycles: u32, "veh", 0.0, 100_000.0, "Motorcycles and mopeds.";
        others: u32, "veh", 0.0, 100_000.0, "Everything else on wheels.";
        speed: Option<f64>, "km/h", 0.0, 400.0, "Mean speed of what was counted; missing if there was nothing.";
    }
    /// What an air-quality station measured.
    Air = "air", "air" {
        latitude: f64, "deg", -90.0, 90.0, "Latitude, WGS 84.";
        longitude: f64, "deg", -180.0, 180.0, "Longitude, WGS 84.";
        pm2_5: f64, "ug/m3", 0.0, 10_000.0, "Fine particles below 2.5 um.";
        pm10: f64, "ug/m3", 0.0, 10_000.0, "Particles below 10 um.";
        no2: f64, "ug/m3", 0.0, 10_000.0, "Nitrogen dioxide.";
        o3: f64, "ug/m3", 0.0, 10_000.0, "Ozone.";
        co: f64, "mg/m3", 0.0, 1_000.0, "Carbon monoxide.";
        temperature: f64, "degC", -90.0, 70.0, "Temperature inside the housing.";
        humidity: f64, "%", 0.0, 100.0, "Relative humidity inside the housing.";
    }
    /// What a weather station measured.
    Weather = "weather", "wx" {
        latitude: f64, "deg", -90.0, 90.0, "Latitude, WGS 84.";
        longitude: f64, "deg", -180.0, 180.0, "Longitude, WGS 84.";
        sky: Sky, "", 0.0, 0.0, "What falls, or hangs.";
        temperature: f64, "degC", -90.0, 70.0, "Air temperature.";
        humidity: f64, "%", 0.0, 100.0, "Relative humidity.";
        wind_speed: f64, "m/s", 0.0, 150.0, "Mean wind speed.";
        wind_direction: f64, "deg", 0.0, 360.0, "Where the wind comes from, clockwise from north.";
        precipitation: f64, "mm/h", 0.0, 500.0, "Rain, or melted snow.";
        visibility: f64, "m", 0.0, 100_000.0, "How far one sees.";
    }
    /// Whether a parking bay is taken.
    Parking = "parking", "bay" {
        road_id: Text, "", 0.0, 0.0, "The road beside it.";
        latitude: f64, "deg", -90.0, 90.0, "Latitude, WGS 84.";
        longitude: f64, "deg", -180.0, 180.0, "Longitude, WGS 84.";
        occupied: bool, "", 0.0, 0.0, "Whether a vehicle stands in it.";
        battery_v: f64, "V", 0.0, 24.0, "Voltage of its battery.";
    }
    /// What a signal controller shows.
    Signal = "signal", "tls" {
        junction_id: Text, "", 0.0, 0.0, "The junction it controls.";
        latitude: f64, "deg", -90.0, 90.0, "Latitude, WGS 84.";
        longitude: f64, "deg", -180.0, 180.0, "Longitude, WGS 84.";
        phase: u32, "", 0.0, 10_000.0, "Number of the phase that begins at the timestamp, from 0.";
        state: Text, "", 0.0, 0.0, "What each link is shown, one letter a link: G, g, y, r, s, o.";
    }
    /// Something that blocks the road.
    Incident = "incident", "inc" {
        incident_id: Text, "", 0.0, 0.0, "The incident.";
        incident_kind: Text, "", 0.0, 0.0, "What happened: crash, breakdown, roadworks and so on.";
        status: IncidentStatus, "", 0.0, 0.0, "How far it has come.";
        severity: Severity, "", 0.0, 0.0, "How bad it is.";
        road_id: Text, "", 0.0, 0.0, "The road it is on.";
        latitude: f64, "deg", -90.0, 90.0, "Latitude, WGS 84.";
        longitude: f64, "deg", -180.0, 180.0, "Longitude, WGS 84.";
        lanes_blocked: u32, "", 0.0, 64.0, "How many lanes are closed.";
        casualties: u32, "", 0.0, 10_000.0, "People hurt.";
    }
    /// What becomes of an emergency call.
    Call = "call", "call" {
        call_id: Text, "", 0.0, 0.0, "The call.";
        status: CallStatus, "", 0.0, 0.0, "How far it has come.";
        severity: Severity, "", 0.0, 0.0, "How urgent it is.";
        latitude: f64, "deg", -90.0, 90.0, "Latitude of the address, WGS 84.";
        longitude: f64, "deg", -180.0, 180.0, "Longitude of the address, WGS 84.";
        incident_id: Option<Text>, "", 0.0, 0.0, "The incident on the road it is about, if it is about one.";
        unit_id: Option<Text>, "", 0.0, 0.0, "The unit that answers it, once there is one.";
        hospital_id: Option<Text>, "", 0.0, 0.0, "The hospital the patient is brought to, once there is one.";
    }
    /// What an ambulance does and where it is.
    Unit = "unit", "amb" {
        unit_id: Text, "", 0.0, 0.0, "The ambulance.";
        status: UnitStatus, "", 0.0, 0.0, "What it does.";
        siren: bool, "", 0.0, 0.0, "Whether it drives with blue light and siren.";
        latitude: f64, "deg", -90.0, 90.0, "Latitude, WGS 84.";
        longitude: f64, "deg", -180.0, 180.0, "Longitude, WGS 84.";
        speed: f64, "km/h", 0.0, 400.0, "Speed over ground.";
        call_id: Option<Text>, "", 0.0, 0.0, "The call it answers, if it answers one.";
    }
    /// How full a hospital's emergency department is.
    Hospital = "hospital", "hosp" {
        hospital_id: Text, "", 0.0, 0.0, "The hospital.";
        latitude: f64, "deg", -90.0, 90.0, "Latitude, WGS 84.";
        longitude: f64, "deg", -180.0, 180.0, "Longitude, WGS 84.";
        bays: u32, "", 0.0, 100_000.0, "Bays for patients brought by ambulance.";
        bays_taken: u32, "", 0.0, 100_000.0, "Bays in use.";
        ambulances_waiting: u32, "", 0.0, 100_000.0, "Ambulances that wait for a bay.";
    }
    /// Where a device's message is a heartbeat or a fault it knows of.
    Health = "health", "dev" {
        battery_v: Option<f64>, "V", 0.0, 1_000.0, "Voltage of its battery, if it has one.";
        uptime_s: u32, "s", 0.0, 4_294_967_295.0, "Time since it was switched on.";
        message: Option<Text>, "", 0.0, 0.0, "What it complains of.";
    }
}

impl Reading {
    /// The first field outside what it may hold, as a sentence; none if all are within.
    ///
    /// Numbers must be finite and within their column's range, texts no longer than [`super::field::TEXT_MAX`].
    pub fn out_of_range(&self) -> Option<String> {
        for (column, value) in self.kind().columns().iter().zip(self.values()) {
            let (low, high) = (column.range.start(), column.range.end());
            #[expect(clippy::cast_precision_loss, reason = "fields are u32 at most")]
            let number = match value {
                Value::Number(number) => number,
                Value::Whole(number) => number as f64,
                Value::Text(text) if text.len() > super::field::TEXT_MAX => {
                    return Some(format!(
                        "{} has {} bytes, more than {}",
                        column.name,
                        text.len(),
                        super::field::TEXT_MAX
                    ));
                }
                _ => continue,
            };
            if !number.is_finite() || !column.range.contains(&number) {
                return Some(format!("{} {number} is not between {low} and {high} {}", column.name, column.unit));
            }
        }
        None
    }
}
