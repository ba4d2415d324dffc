//! Classes of roads: their rank, and what is usual where tags are silent.
//!
//! Knows `highway=*` and nothing else of a way.

use super::country::Country;

/// A class of roads for motor traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    /// Rank, the higher goes first; the order of the classes.
    pub rank: u8,
    /// Its tag's value.
    pub name: &'static str,
}

/// What is usual of a class.
#[derive(Debug, Clone, Copy)]
struct Usual {
    class: Class,
    /// Lanes of a direction where both share the way.
    lanes: usize,
    /// Lanes of a way for one direction.
    lanes_one_way: usize,
    /// Width of a lane [cm].
    width_cm: u16,
    limit: Limit,
}

/// Which of a country's limits is usual.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Motorway,
    Rural,
    Arterial,
    Urban,
    /// A fixed one [km/h], if the country's urban limit is not lower.
    AtMost(f64),
}

const fn usual(name: &'static str, rank: u8, lanes: [usize; 2], width_cm: u16, limit: Limit) -> Usual {
    Usual { class: Class { rank, name }, lanes: lanes[0], lanes_one_way: lanes[1], width_cm, limit }
}

/// Lane widths: the middle of what design guides have for the class (3.0 m in side streets to 3.75 m on motorways).
const CLASSES: [Usual; 17] = [
    usual("motorway", 14, [2, 2], 375, Limit::Motorway),
    usual("motorway_link", 13, [1, 1], 350, Limit::Rural),
    usual("trunk", 12, [1, 2], 350, Limit::Rural),
    usual("trunk_link", 11, [1, 1], 350, Limit::Arterial),
    usual("primary", 10, [1, 2], 325, Limit::Arterial),
    usual("primary_link", 9, [1, 1], 325, Limit::Arterial),
    usual("secondary", 8, [1, 1], 325, Limit::Arterial),
    usual("secondary_link", 7, [1, 1], 325, Limit::Arterial),
    usual("tertiary", 6, [1, 1], 310, Limit::Urban),
    usual("tertiary_link", 5, [1, 1], 310, Limit::Urban),
    usual("unclassified", 4, [1, 1], 300, Limit::Urban),
    usual("road", 4, [1, 1], 300, Limit::Urban),
    usual("residential", 3, [1, 1], 300, Limit::Urban),
    usual("busway", 3, [1, 1], 325, Limit::Urban),
    usual("bus_guideway", 3, [1, 1], 325, Limit::Urban),
    usual("living_street", 2, [1, 1], 280, Limit::AtMost(20.0)),
    usual("service", 1, [1, 1], 280, Limit::AtMost(20.0)),
];

fn row(class: Class) -> &'static Usual {
    CLASSES.iter().find(|usual| usual.class == class).unwrap_or(&CLASSES[16])
}

impl Class {
    /// The class of a `highway` tag; none for what carries no motor traffic.
    pub(super) fn of(highway: &str) -> Option<Self> {
        CLASSES.iter().find(|usual| usual.class.name == highway).map(|usual| usual.class)
    }

    /// Lanes of one direction where the tags say nothing.
    pub(super) fn lanes(self, one_way: bool) -> usize {
        if one_way { row(self).lanes_one_way } else { row(self).lanes }
    }

    /// Width of a lane where the tags say nothing [m].
    pub(super) fn lane_width(self) -> f64 {
        f64::from(row(self).width_cm) / 100.0
    }

    /// The limit where the tags say nothing [km/h].
    pub(super) fn limit(self, country: &Country) -> f64 {
        match row(self).limit {
            Limit::Motorway => country.motorway,
            Limit::Rural => country.rural,
            Limit::Arterial => country.arterial,
            Limit::Urban => country.urban,
            Limit::AtMost(limit) => country.urban.min(limit),
        }
    }

    /// Whether it leads from one road onto another.
    pub(super) fn is_link(self) -> bool {
        self.name.ends_with("_link")
    }

    /// Whether it is a motorway or leads onto one.
    pub(super) fn is_motorway(self) -> bool {
        matches!(self.name, "motorway" | "motorway_link")
    }

    /// Whether people live along it.
    pub(super) fn is_residential(self) -> bool {
        matches!(self.name, "residential" | "living_street" | "unclassified")
    }

    /// Whether it is for buses only.
    pub(super) fn is_busway(self) -> bool {
        matches!(self.name, "busway" | "bus_guideway")
    }
}
