//! SUMO's results read back: trips that were made and vehicles that were seen become travellers; counts and times of roads a table.
//!
//! Files of SUMO and of this program are alike. What a file does not say is left out and counted, never guessed in silence. Runs nothing.

mod measured;
mod sightings;
mod trips;

use crate::city::network::Network;
use crate::city::network::xml::{Element, Source};
use crate::primitives::Distance;
use crate::primitives::text::Findings;

use super::ReadSettings;
use super::rows::{RawArrival, Rows};

pub(super) use sightings::no_way;

pub use measured::{RoadRow, is_result, read_roads};
pub use trips::{TripRow, read_trips};

/// Vehicles slower than this begin their trip at rest [m/s]; SUMO's `haltingSpeedThreshold`.
const AT_REST: f64 = 0.1;
/// How near to a lane's end an arrival is at its end [m]: files have two decimals.
const AT_END: f64 = 0.011;

/// A file of results that travellers are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recording {
    /// Trips from departure to arrival: `<tripinfos>`.
    Trips,
    /// Where vehicles were, second by second: `<fcd-export>`.
    Sightings,
}

impl Recording {
    /// Gathers the travellers of a file.
    pub(super) fn gather(
        self,
        source: &Source,
        network: &Network,
        settings: &ReadSettings,
        rows: &mut Rows,
        findings: &mut Findings,
    ) {
        match self {
            Self::Trips => trips::gather(source, network, settings, rows, findings),
            Self::Sightings => sightings::gather(source, network, settings, rows, findings),
        }
    }
}

/// Whether the file is one of these by its first element; otherwise that is noted.
fn is_root(element: &Element<'_>, wanted: &str, findings: &mut Findings) -> bool {
    if element.name == wanted {
        return true;
    }
    let help = match element.name {
        "tripinfos" => "name it as `- trips: { tripinfo: ... }`",
        "fcd-export" => "name it as `- fcd: { file: ... }`",
        "routes" | "additional" => {
            "name routes as `- sumo-routes: { files: [...] }`, also those that SUMO writes as vehroute-output"
        }
        _ => "is it another file of SUMO's results?",
    };
    findings.problem(element.problem(format!("<{}> where <{wanted}> begins such a file", element.name)).help(help));
    false
}

/// Where a trip ends that reached this place of a lane of this length [m].
fn arrival(at: f64, length: Distance) -> RawArrival {
    if at >= length.as_metres() - AT_END { RawArrival::End } else { RawArrival::At(at.max(0.0)) }
}

#[cfg(test)]
mod tests;
