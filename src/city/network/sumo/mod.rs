//! SUMO's road networks (`.net.xml`, plain or gzip) as a [`Network`].
//!
//! Writes them as well, for whoever goes on in SUMO. Reads in two rounds: `raw` gathers elements with their lines, the others resolve names and build the columns. What only
//! ships or people on foot use is left out and counted. Knows no demand.

mod build;
mod junctions;
mod raw;
pub(crate) mod signals;
mod write;
mod write_signals;

pub use write::write_network;

use std::path::Path;

use crate::primitives::text::{Findings, Problem};
use crate::primitives::{ClassSet, VehicleClass};

use super::assembly::assemble;
use super::model::Network;
use super::xml::{Source, suggest};

/// Reads a network file; the findings beside the network say what was left out of it.
///
/// # Errors
/// Every problem of the file at once: not readable, not XML, unknown names, wrong numbers, contradictions.
pub fn read_network(path: &Path) -> Result<(Network, Findings), Findings> {
    let mut findings = Findings::default();
    match Source::open(path) {
        Ok(source) => read_source(&source),
        Err(problem) => {
            findings.problem(problem);
            Err(findings)
        }
    }
}

pub(crate) fn read_source(source: &Source) -> Result<(Network, Findings), Findings> {
    let mut findings = Findings::default();
    let mut raw = raw::gather(source, &mut findings);
    // A file that is not XML to its end would only give follow-up complaints about names.
    if !findings.is_ok() {
        return Err(findings);
    }
    let (parts, single_tracks) = build::build(&mut raw, &mut findings);
    if !findings.is_ok() {
        return Err(findings);
    }
    let roundabouts = std::mem::take(&mut raw.roundabouts);
    drop(raw);
    let mut network = assemble(parts);
    network.roundabouts = roundabouts.iter().filter_map(|name| network.find_edge(name)).collect();
    network.single_tracks = single_tracks;
    Ok((network, findings))
}

/// The classes an `allow`-like and a `disallow`-like list leave.
pub(crate) fn parse_classes(
    allow: Option<&str>,
    disallow: Option<&str>,
    mut complain: impl FnMut(Problem),
    place: impl Fn(String) -> Problem,
) -> ClassSet {
    let mut list = |text: &str| {
        let mut set = ClassSet::EMPTY;
        for word in text.split([' ', '|', ',']).filter(|word| !word.is_empty()) {
            match word {
                "all" => set = ClassSet::ALL,
                // Spelled out by old networks; both stand for what every lane is used for anyway.
                "none" | "ignoring" => {}
                _ => {
                    if let Some(class) = VehicleClass::from_name(word) {
                        set = set.union(ClassSet::of(&[class]));
                    } else {
                        let names = VehicleClass::ALL.iter().map(|class| class.name());
                        complain(suggest(place(format!("unknown vehicle class '{word}'")), word, names));
                    }
                }
            }
        }
        set
    };
    match (allow, disallow) {
        (Some(allow), _) => list(allow),
        (None, Some(disallow)) => list(disallow).complement(),
        (None, None) => ClassSet::ALL,
    }
}

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod write_tests;
