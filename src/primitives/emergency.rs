//! The words of emergencies: how urgent a call is, and what blocks a road.

use std::fmt;

/// How urgent a medical call is: the categories of the Ambulance Response Programme of NHS England.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Category {
    /// Life-threatening.
    C1,
    /// Emergency: stroke, chest pain, serious injury.
    C2,
    /// Urgent.
    C3,
    /// Less urgent.
    C4,
}

impl Category {
    /// Every category, the most urgent first.
    pub const ALL: [Self; 4] = [Self::C1, Self::C2, Self::C3, Self::C4];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::C1 => "C1",
            Self::C2 => "C2",
            Self::C3 => "C3",
            Self::C4 => "C4",
        }
    }

    /// Whether the ambulance drives to the scene with blue light and siren.
    pub const fn hurries(self) -> bool {
        matches!(self, Self::C1 | Self::C2)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What blocks a road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum IncidentKind {
    /// Vehicles have collided; people may be hurt.
    Crash,
    /// A vehicle has broken down.
    Breakdown,
    /// The road is being worked on.
    Roadworks,
    /// Something lies on the road.
    Obstruction,
}

impl IncidentKind {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Breakdown => "breakdown",
            Self::Roadworks => "roadworks",
            Self::Obstruction => "obstruction",
        }
    }
}

impl fmt::Display for IncidentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
