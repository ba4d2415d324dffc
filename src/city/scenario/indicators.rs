//! What a comparison can be about: every measure with its unit, its definition, its source, and which way is better.
//!
//! The one table of names: scenario files are checked against it, the studies compute what it says, and `docs/comparison.md`
//! prints it. A measure is written `quantity[.group][.statistic]`: `travel-time`, `travel-time.bus`, `travel-time.bus.p95`.
//! Knows no result.

mod asked;
mod table;

use std::fmt;

pub use table::QUANTITIES;

use crate::primitives::VehicleClass;
use crate::primitives::text::closest;

/// What a measure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Seconds per kilometre.
    SecondsPerKilometre,
    /// Metres.
    Metres,
    /// Kilometres per hour.
    KilometresPerHour,
    /// Vehicle-kilometres.
    VehicleKilometres,
    /// Vehicle-hours.
    VehicleHours,
    /// Hours of people.
    PersonHours,
    /// Vehicles.
    Vehicles,
    /// Vehicles per hour.
    VehiclesPerHour,
    /// Times per trip.
    PerTrip,
    /// Hundredths of all.
    PerCent,
    /// A ratio without a unit.
    Ratio,
    /// Kilograms.
    Kilograms,
    /// Grams.
    Grams,
    /// Decibels, weighted by A.
    Decibels,
    /// Times per hour.
    PerHour,
    /// Micrograms per cubic metre.
    MicrogramsPerCubicMetre,
    /// Money, in the currency of the scenario's prices.
    Money,
}

impl Unit {
    /// How it is written behind a number; empty for a ratio.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::SecondsPerKilometre => "s/km",
            Self::Metres => "m",
            Self::KilometresPerHour => "km/h",
            Self::VehicleKilometres => "veh km",
            Self::VehicleHours => "veh h",
            Self::PersonHours => "person h",
            Self::Vehicles => "veh",
            Self::VehiclesPerHour => "veh/h",
            Self::PerTrip => "per trip",
            Self::PerCent => "%",
            Self::Ratio => "",
            Self::Kilograms => "kg",
            Self::Grams => "g",
            Self::Decibels => "dB(A)",
            Self::PerHour => "per h",
            Self::MicrogramsPerCubicMetre => "µg/m³",
            Self::Money => "money",
        }
    }

    /// Decimals that make sense of a figure.
    pub const fn decimals(self) -> usize {
        match self {
            Self::Vehicles | Self::VehiclesPerHour | Self::Money => 0,
            Self::PerTrip => 2,
            Self::Ratio => 3,
            Self::Seconds
            | Self::SecondsPerKilometre
            | Self::Metres
            | Self::KilometresPerHour
            | Self::PerCent
            | Self::VehicleKilometres
            | Self::VehicleHours
            | Self::PersonHours
            | Self::Kilograms
            | Self::Grams
            | Self::PerHour
            | Self::MicrogramsPerCubicMetre
            | Self::Decibels => 1,
        }
    }
}

/// Which way a measure is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Neither; it is told for context.
    Neither,
}

impl Better {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::Neither => "neither",
        }
    }
}

/// Which vehicles a measure is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Everybody but emergency vehicles, which have a measure of their own.
    All,
    /// Cars and taxis.
    Car,
    /// Buses and coaches.
    Bus,
    /// Delivery vans.
    Van,
    /// Trucks, with or without trailer.
    Truck,
    /// Motorcycles and mopeds.
    Motorcycle,
    /// Bicycles and scooters.
    Bicycle,
    /// Police, fire engines, ambulances.
    Emergency,
    /// Everything on rails.
    Rail,
    /// Everybody else.
    Other,
}

impl Group {
    /// Every group, in order.
    pub const ALL: [Self; 10] = [
        Self::All,
        Self::Car,
        Self::Bus,
        Self::Van,
        Self::Truck,
        Self::Motorcycle,
        Self::Bicycle,
        Self::Emergency,
        Self::Rail,
        Self::Other,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Car => "car",
            Self::Bus => "bus",
            Self::Van => "van",
            Self::Truck => "truck",
            Self::Motorcycle => "motorcycle",
            Self::Bicycle => "bicycle",
            Self::Emergency => "emergency",
            Self::Rail => "rail",
            Self::Other => "other",
        }
    }

    /// What people call its members.
    pub const fn label(self) -> &'static str {
        match self {
            Self::All => "all vehicles",
            Self::Car => "cars",
            Self::Bus => "buses",
            Self::Van => "vans",
            Self::Truck => "trucks",
            Self::Motorcycle => "motorcycles",
            Self::Bicycle => "bicycles",
            Self::Emergency => "emergency vehicles",
            Self::Rail => "trains and trams",
            Self::Other => "other vehicles",
        }
    }

    /// The group of a vehicle class; never [`Group::All`].
    pub const fn of(class: VehicleClass) -> Self {
        match class {
            VehicleClass::Passenger
            | VehicleClass::Private
            | VehicleClass::Hov
            | VehicleClass::Taxi
            | VehicleClass::Evehicle => Self::Car,
            VehicleClass::Bus | VehicleClass::Coach => Self::Bus,
            VehicleClass::Delivery => Self::Van,
            VehicleClass::Truck | VehicleClass::Trailer => Self::Truck,
            VehicleClass::Motorcycle | VehicleClass::Moped => Self::Motorcycle,
            VehicleClass::Bicycle | VehicleClass::Scooter => Self::Bicycle,
            VehicleClass::Emergency => Self::Emergency,
            class if class.is_rail() => Self::Rail,
            _ => Self::Other,
        }
    }
}

/// What of a distribution is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statistic {
    /// The mean, or the figure itself where there is only one per run.
    Mean,
    /// Half are below it.
    Median,
    /// Nine in ten are below it.
    P90,
    /// Nineteen in twenty are below it.
    P95,
}

impl Statistic {
    /// Every statistic, in order.
    pub const ALL: [Self; 4] = [Self::Mean, Self::Median, Self::P90, Self::P95];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Median => "median",
            Self::P90 => "p90",
            Self::P95 => "p95",
        }
    }
}

/// What a comparison has to ask for before a quantity is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it is measured in every run.
    Nothing,
    /// Queues are observed.
    Queues,
    /// Headways of buses are observed.
    Headways,
    /// Followers and leaders are observed.
    Safety,
    /// Noise is observed.
    Noise,
    /// It is stated what engines there are.
    Engines,
    /// The air is observed, and it is stated what engines there are.
    Air,
    /// The same, and what it takes to tell nitrogen dioxide is stated.
    Dioxide,
    /// The same, and the fine particles of the background are stated.
    Particles,
    /// It is stated what something is worth.
    Prices,
    /// The scenario says how many places there are at the kerb.
    Parking,
    /// It is stated from where and in which time people are to get somewhere.
    Access,
    /// It is stated how many people are in vehicles.
    Aboard,
    /// It is stated how many people get on buses.
    Boardings,
}

impl Needs {
    /// The keys of `compare:`, or of the scenario, that ask for it; none where it is always there.
    pub const fn key(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Queues => Some("observe: [queues]"),
            Self::Headways => Some("observe: [headways]"),
            Self::Safety => Some("observe: [safety]"),
            Self::Noise => Some("observe: [noise]"),
            Self::Engines => Some("effects: { engines: .. }"),
            Self::Air => Some("observe: [air], effects: { engines: .. }"),
            Self::Dioxide => {
                Some("observe: [air], effects: { engines: .., background: { no2: .., ozone: .. }, primary-no2: .. }")
            }
            Self::Particles => Some("observe: [air], effects: { engines: .., background: { pm2-5: .. } }"),
            Self::Prices => Some("effects: { value-of-time: .., fuel-price: .., .. }"),
            Self::Parking => Some("parking: { kerbs: .., .. }"),
            Self::Access => Some("access: { within: [..] }"),
            Self::Aboard => Some("passengers: { aboard: .. }"),
            Self::Boardings => Some("passengers: { boardings: .. }"),
        }
    }
}

/// Something that is measured in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    /// Its name in files.
    pub name: &'static str,
    /// What people call it.
    pub label: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// Which way is better.
    pub better: Better,
    /// Which statistics there are.
    pub statistics: &'static [Statistic],
    /// Whether it is there for each group of vehicles.
    pub by_group: bool,
    /// Its definition.
    pub about: &'static str,
    /// Whose definition it is.
    pub source: &'static str,
    /// What has to be asked for.
    pub needs: Needs,
}

/// A measure: a quantity, of whom, and which statistic of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Measure {
    /// Its place in [`QUANTITIES`].
    quantity: usize,
    /// Of whom.
    pub group: Group,
    /// Which statistic.
    pub statistic: Statistic,
}

impl Measure {
    /// The quantity that is measured.
    pub const fn quantity(self) -> &'static Quantity {
        &QUANTITIES[self.quantity]
    }

    /// Every measure there is, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        QUANTITIES.iter().enumerate().flat_map(|(at, quantity)| {
            let groups = if quantity.by_group { &Group::ALL[..] } else { &Group::ALL[..1] };
            groups.iter().flat_map(move |&group| {
                quantity.statistics.iter().map(move |&statistic| Self { quantity: at, group, statistic })
            })
        })
    }

    /// A measure by its name.
    ///
    /// # Errors
    /// What is wrong with the name, and what to do.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let mut parts = text.trim().split('.');
        let name = parts.next().unwrap_or_default();
        let Some(at) = QUANTITIES.iter().position(|quantity| quantity.name == name) else {
            let help = closest(name, QUANTITIES.iter().map(|quantity| quantity.name)).map_or_else(
                || format!("there are {}", listed(QUANTITIES.iter().map(|quantity| quantity.name))),
                |like| format!("did you mean `{like}`?"),
            );
            return Err((format!("there is no measure `{}`", name.escape_debug()), help));
        };
        let quantity = &QUANTITIES[at];
        let mut measure = Self { quantity: at, group: Group::All, statistic: Statistic::Mean };
        let (mut has_group, mut has_statistic) = (false, false);
        for part in parts {
            let group = Group::ALL.into_iter().find(|group| group.name() == part);
            let statistic = Statistic::ALL.into_iter().find(|statistic| statistic.name() == part);
            match (group, statistic) {
                (Some(group), _) if quantity.by_group && !has_group && !has_statistic => {
                    (measure.group, has_group) = (group, true);
                }
                (_, Some(statistic)) if quantity.statistics.contains(&statistic) && !has_statistic => {
                    (measure.statistic, has_statistic) = (statistic, true);
                }
                _ => return Err((format!("`{name}` has no `{}`", part.escape_debug()), Self::help(quantity, part))),
            }
        }
        Ok(measure)
    }

    /// What may stand behind a quantity's name.
    fn help(quantity: &Quantity, part: &str) -> String {
        let groups = if quantity.by_group { &Group::ALL[..] } else { &[] };
        let names: Vec<&str> =
            groups.iter().map(|group| group.name()).chain(quantity.statistics.iter().map(|one| one.name())).collect();
        closest(part, names.iter().copied()).map_or_else(
            || format!("a group may be followed by a statistic; there are {}", listed(names.iter().copied())),
            |like| format!("did you mean `{like}`?"),
        )
    }

    /// What people call it: "Travel time of buses, 95th percentile".
    pub fn label(self) -> String {
        let quantity = self.quantity();
        let group = match self.group {
            Group::All => String::new(),
            group => format!(" of {}", group.label()),
        };
        let statistic = match self.statistic {
            Statistic::Mean => "",
            Statistic::Median => ", median",
            Statistic::P90 => ", 90th percentile",
            Statistic::P95 => ", 95th percentile",
        };
        format!("{}{group}{statistic}", quantity.label)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.quantity().name)?;
        if self.group != Group::All {
            write!(f, ".{}", self.group.name())?;
        }
        if self.statistic != Statistic::Mean {
            write!(f, ".{}", self.statistic.name())?;
        }
        Ok(())
    }
}

/// Names one after the other.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_name_reads_back() {
        let names: BTreeSet<String> = Measure::all().map(|measure| measure.to_string()).collect();
        assert_eq!(names.len(), Measure::all().count(), "two measures share a name");
        for measure in Measure::all() {
            assert_eq!(Measure::parse(&measure.to_string()), Ok(measure));
        }
        let long = Measure::parse("travel-time.all.mean").expect("the long form");
        assert_eq!(long.to_string(), "travel-time");
    }

    #[test]
    fn a_wrong_name_is_told_what_was_meant() {
        let cases = [
            ("travel-tme", "there is no measure `travel-tme`", "did you mean `travel-time`?"),
            ("travel-time.buss", "`travel-time` has no `buss`", "did you mean `bus`?"),
            ("throughput.bus", "`throughput` has no `bus`", "there are `mean`"),
            ("travel-time.p95.bus", "`travel-time` has no `bus`", "did you mean `bus`?"),
            ("", "there is no measure ``", "there are `travel-time`"),
        ];
        for (text, message, help) in cases {
            let (told, why) = Measure::parse(text).expect_err(text);
            assert_eq!(told, message);
            assert!(why.contains(help), "{text}: {why}");
        }
    }

    #[test]
    fn every_vehicle_has_a_group() {
        for &class in VehicleClass::ALL {
            assert_ne!(Group::of(class), Group::All, "{class}");
        }
        assert_eq!((Group::of(VehicleClass::Coach), Group::of(VehicleClass::Tram)), (Group::Bus, Group::Rail));
    }
}
