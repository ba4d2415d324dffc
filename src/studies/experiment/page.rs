//! Hands a run to the report: what the page tells of, and what it needs to be made again.
//!
//! Only arranges; the page itself is the report's.

use std::io::{self, Write};

use super::gridlock::Gridlock;
use super::manifest::Program;
use super::states::Continued;
use crate::city::network::places::{self, Places};
use crate::city::scenario::LoadedScenario;
use crate::primitives::Point;
use crate::simulation::outcome::Outcome;
use crate::studies::report::telling::Telling;
use crate::studies::report::{self, Area, AreaKind, Backdrop, Place, PlaceKind, ReportInput};

/// How a run came about.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// The program's call.
    pub program: &'a Program,
    /// The saved state it went on from, if any.
    pub continued: Option<&'a Continued>,
}

/// Writes the report page of a run.
pub(super) fn write(
    loaded: &LoadedScenario,
    about: &About<'_>,
    (outcome, gridlock): (&Outcome, Option<&Gridlock>),
    telling: Option<&Telling>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let input = ReportInput {
        title: &loaded.name,
        question: loaded.question.as_deref(),
        network: &loaded.network,
        outcome,
        gridlock,
        telling,
        demand: &loaded.demand,
        manifest: labels(loaded, about),
        backdrop: loaded.places.as_ref().map(backdrop).unwrap_or_default(),
    };
    report::write(&input, out)
}

fn labels(loaded: &LoadedScenario, about: &About<'_>) -> Vec<(String, String)> {
    let program = about.program;
    let mut labels = vec![
        ("Program".to_owned(), format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))),
        ("Command".to_owned(), program.command.join(" ")),
        ("Seed".to_owned(), loaded.settings.seed.0.to_string()),
        ("Threads".to_owned(), loaded.settings.threads.to_string()),
        ("Step".to_owned(), loaded.settings.step.to_string()),
    ];
    if let Some(Continued { path, blake3, time }) = about.continued {
        let state = format!("saved state {} of {time}, BLAKE3 {blake3}", path.display());
        labels.push(("Went on from".to_owned(), state));
    }
    for file in &loaded.files {
        labels.push((file.path.display().to_string(), format!("BLAKE3 {}", file.blake3)));
    }
    for (what, count) in &loaded.left_out {
        labels.push(("Left out".to_owned(), format!("{count} {what}")));
    }
    labels
}

fn backdrop(places: &Places) -> Backdrop {
    let area =
        |kind| move |area: &places::Area| Area { kind, name: Some(area.name.clone()), outline: area.outline.clone() };
    let place = |kind, name: &str, position: Point| Place { kind, name: name.to_owned(), position };
    let mut areas: Vec<Area> = places.quarters.iter().map(area(AreaKind::Quarter)).collect();
    areas.extend(places.parks.iter().map(area(AreaKind::Park)));
    areas.extend(places.water.iter().map(area(AreaKind::Water)));
    let stops = places.bus_stops.iter().map(|stop| place(PlaceKind::Stop, &stop.name, stop.at.point));
    let stations = places.ambulance_stations.iter().map(|site| place(PlaceKind::Station, &site.name, site.at.point));
    let hospitals = places.hospitals.iter().map(|site| place(PlaceKind::Hospital, &site.name, site.at.point));
    Backdrop { areas, places: stops.chain(stations).chain(hospitals).collect() }
}
