//! What a comparison can be about: every measure with its unit, its definition, its source, and which way is better.
//!
//! The one table of names: scenario files are checked against it, the studies compute what it says, and `docs/comparison.md`
//! prints it. A measure is written `quantity[.group][.statistic]`: `travel-time`, `travel-time.bus`, `travel-time.bus.p95`.
//! Knows no result.

use std::fmt;

use crate::primitives::VehicleClass;
use crate::primitives::text::closest;

/// What a measure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Seconds per kilometre.
    SecondsPerKilometre,
    /// Kilometres per hour.
    KilometresPerHour,
    /// Vehicle-kilometres.
    VehicleKilometres,
    /// Vehicle-hours.
    VehicleHours,
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
}

impl Unit {
    /// How it is written behind a number; empty for a ratio.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::SecondsPerKilometre => "s/km",
            Self::KilometresPerHour => "km/h",
            Self::VehicleKilometres => "veh km",
            Self::VehicleHours => "veh h",
            Self::Vehicles => "veh",
            Self::VehiclesPerHour => "veh/h",
            Self::PerTrip => "per trip",
            Self::PerCent => "%",
            Self::Ratio => "",
        }
    }

    /// Decimals that make sense of a figure.
    pub const fn decimals(self) -> usize {
        match self {
            Self::Vehicles | Self::VehiclesPerHour => 0,
            Self::Seconds | Self::SecondsPerKilometre | Self::KilometresPerHour | Self::PerCent => 1,
            Self::VehicleKilometres | Self::VehicleHours => 1,
            Self::PerTrip => 2,
            Self::Ratio => 3,
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

/// Something that is measured in a run.
#[derive(Debug, PartialEq, Eq)]
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
}

const SPREAD: &[Statistic] = &Statistic::ALL;
const TAIL: &[Statistic] = &[Statistic::Mean, Statistic::P95];
const ONE: &[Statistic] = &[Statistic::Mean];

const fn quantity(
    (name, label): (&'static str, &'static str),
    unit: Unit,
    better: Better,
    (statistics, by_group): (&'static [Statistic], bool),
    about: &'static str,
    source: &'static str,
) -> Quantity {
    Quantity { name, label, unit, better, statistics, by_group, about, source }
}

/// The table.
pub const QUANTITIES: [Quantity; 23] = [
    quantity(
        ("travel-time", "Travel time"),
        Unit::Seconds,
        Better::Lower,
        (SPREAD, true),
        "time on the road of a finished trip, planned stops included",
        "SUMO tripinfo `duration`",
    ),
    quantity(
        ("time-loss", "Time lost"),
        Unit::Seconds,
        Better::Lower,
        (SPREAD, true),
        "time a finished trip lost against driving at the wished speed, planned stops left out",
        "SUMO tripinfo `timeLoss`",
    ),
    quantity(
        ("time-loss-per-km", "Time lost per kilometre"),
        Unit::SecondsPerKilometre,
        Better::Lower,
        (ONE, true),
        "time lost by all finished trips together over the distance they drove",
        "ratio of sums, not mean of ratios",
    ),
    quantity(
        ("waiting-time", "Waiting time"),
        Unit::Seconds,
        Better::Lower,
        (TAIL, true),
        "time of a finished trip at 0.1 m/s or less, planned stops left out",
        "SUMO tripinfo `waitingTime`",
    ),
    quantity(
        ("stops", "Halts"),
        Unit::PerTrip,
        Better::Lower,
        (ONE, true),
        "how many times a finished trip came to a halt, planned stops left out",
        "SUMO tripinfo `waitingCount`",
    ),
    quantity(
        ("depart-delay", "Departure delay"),
        Unit::Seconds,
        Better::Lower,
        (TAIL, true),
        "time a finished trip waited for room to enter the road",
        "SUMO tripinfo `departDelay`",
    ),
    quantity(
        ("speed", "Speed of trips"),
        Unit::KilometresPerHour,
        Better::Higher,
        (ONE, true),
        "distance driven by all finished trips together over their time on the road",
        "space-mean speed",
    ),
    quantity(
        ("travel-time-index", "Travel-time index"),
        Unit::Ratio,
        Better::Lower,
        (ONE, true),
        "mean over finished trips of moving time over free-flow time; free-flow time is moving time less time lost",
        "FHWA-HOP-06-070, by trip instead of by section",
    ),
    quantity(
        ("planning-time-index", "Planning-time index"),
        Unit::Ratio,
        Better::Lower,
        (ONE, true),
        "95th percentile over finished trips of moving time over free-flow time",
        "FHWA-HOP-06-070, by trip instead of by section",
    ),
    quantity(
        ("buffer-index", "Buffer index"),
        Unit::Ratio,
        Better::Lower,
        (ONE, true),
        "by how much the 95th percentile of moving time over free-flow time exceeds its mean, as a share of the mean",
        "FHWA-HOP-06-070, by trip instead of by section",
    ),
    quantity(
        ("arrived", "Trips finished"),
        Unit::Vehicles,
        Better::Higher,
        (ONE, true),
        "trips begun after the warm-up and finished before the end",
        "counted",
    ),
    quantity(
        ("throughput", "Arrivals per hour"),
        Unit::VehiclesPerHour,
        Better::Higher,
        (ONE, false),
        "vehicles that arrived in the measured time, whenever they set out, per hour",
        "counted on the roads",
    ),
    quantity(
        ("vehicle-distance", "Distance driven"),
        Unit::VehicleKilometres,
        Better::Neither,
        (ONE, false),
        "distance driven by everybody in the measured time, unfinished trips included",
        "Edie 1963",
    ),
    quantity(
        ("vehicle-time", "Time on the road"),
        Unit::VehicleHours,
        Better::Lower,
        (ONE, false),
        "time spent on the road by everybody in the measured time, unfinished trips and planned stops included",
        "Edie 1963",
    ),
    quantity(
        ("vehicle-delay", "Time lost on the road"),
        Unit::VehicleHours,
        Better::Lower,
        (ONE, false),
        "time lost against the wished speed by everybody in the measured time, unfinished trips included",
        "summed over the roads",
    ),
    quantity(
        ("network-speed", "Speed on the road"),
        Unit::KilometresPerHour,
        Better::Higher,
        (ONE, false),
        "distance driven over time spent, by everybody in the measured time",
        "Edie 1963",
    ),
    quantity(
        ("signal-delay", "Simulated control delay"),
        Unit::Seconds,
        Better::Lower,
        (ONE, false),
        "time lost on the last road before a signal per vehicle that left it, over all such roads",
        "simulated; not the control delay of HCM chapter 19, which is calculated",
    ),
    quantity(
        ("los-ef", "Served at level E or F"),
        Unit::PerCent,
        Better::Lower,
        (ONE, false),
        "share of the vehicles at signals whose approach has a simulated control delay of more than 55 s/veh",
        "limits of HCM 6th edition, exhibit 19-8, on simulated control delay over the measured time",
    ),
    quantity(
        ("ambulance-response", "Ambulance response"),
        Unit::Seconds,
        Better::Lower,
        (&[Statistic::Mean, Statistic::Median, Statistic::P90], false),
        "time from the ringing of the telephone to the ambulance standing at the address, of calls that were reached",
        "the calls' chains of times",
    ),
    quantity(
        ("calls-reached", "Calls reached"),
        Unit::PerCent,
        Better::Higher,
        (ONE, false),
        "share of the calls of the measured time that an ambulance reached before the end",
        "the calls' chains of times",
    ),
    quantity(
        ("unfinished", "Unfinished trips"),
        Unit::Vehicles,
        Better::Lower,
        (ONE, false),
        "vehicles on the road at the end",
        "counted",
    ),
    quantity(
        ("backlog", "Backlog"),
        Unit::Vehicles,
        Better::Lower,
        (ONE, false),
        "vehicles that were due and had found no room to enter at the end",
        "counted",
    ),
    quantity(
        ("last-resort-moves", "Last-resort moves"),
        Unit::Vehicles,
        Better::Lower,
        (ONE, false),
        "vehicles that were stuck and had to be moved, which no real vehicle can be",
        "counted; SUMO calls them teleports",
    ),
];

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
