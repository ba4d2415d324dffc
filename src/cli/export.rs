//! `citytwin export`: maps for OpenStreetMap, SUMO, map programs and as pictures, and whole scenarios for SUMO.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::import::{drawn, form_of, just, told};
use super::{INVALID, complaint};
use crate::city::network::osm::{self, ImportSettings};
use crate::city::network::sumo::{read_network, write_network};
use crate::city::network::{Network, geojson, mapfile};
use crate::city::scenario::{self, Overrides};
use crate::primitives::text::{Findings, Place, Problem};

/// What a map can be written as, by ending.
const MAP_FORMS: [&str; 5] = ["osm", "net.xml", "geojson", "svg", "png"];

/// What `export` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Map: a map.json or the folder that holds it, a SUMO network (.net.xml), or a file of OpenStreetMap; or a scenario
    map: PathBuf,
    /// File to write, by its ending. Of a map: .osm for OpenStreetMap's XML, .net.xml for SUMO, .geojson, .svg or .png for a
    /// picture. Of a scenario: .sumocfg, with the network, the routes and what stands at the kerb beside it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Variant of the scenario, instead of the city as it is
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
}

/// Exports.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    exported(arguments).unwrap_or_else(|code| code)
}

fn exported(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    if is_scenario(&arguments.map) {
        super::understood(form_of(&arguments.out, &["sumocfg"]))?;
        return scenario_exported(arguments);
    }
    let form = super::understood(form_of(&arguments.out, &MAP_FORMS))?;
    if arguments.variant.is_some() {
        let problem = Problem::new(Place::file("command line"), "`--variant` is for scenarios, and this is a map");
        return super::understood(Err(just(problem.help("leave it out, or name a scenario"))));
    }
    let network = super::understood(network_of(&arguments.map))?;
    match form {
        "osm" => written(&arguments.out, &osm::write(&network))?,
        "net.xml" => written(&arguments.out, &write_network(&network))?,
        "geojson" => {
            let text = geojson::write(&network).ok_or_else(|| {
                let message = "the map has no place on earth, and GeoJSON knows nothing else";
                just(Problem::new(Place::file(&arguments.map), message).help("write it as .net.xml, .svg or .png"))
            });
            written(&arguments.out, &super::understood(text)?)?;
        }
        _ => drawn(&network, &arguments.out)?,
    }
    super::tell(&format!("written to {}", arguments.out.display()));
    Ok(ExitCode::SUCCESS)
}

fn is_scenario(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ["yaml", "yml", "sumocfg"].iter().any(|known| ending == *known))
}

/// A scenario as files of SUMO, side by side; the configuration comes last, so that what it names is there.
fn scenario_exported(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    let cache = super::network_cache();
    let loaded = scenario::load_with(&arguments.map, &Overrides::default(), cache.as_ref());
    let loaded = loaded.and_then(|loaded| match &arguments.variant {
        Some(name) => loaded.variant(name),
        None => Ok(loaded),
    });
    let loaded = loaded.map_err(|findings| {
        complaint::tell(&findings);
        ExitCode::from(INVALID)
    })?;
    let stem = arguments.out.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = arguments.out.parent().unwrap_or(Path::new(""));
    let made = loaded.to_sumo(&stem);
    for (name, text) in &made.files {
        let path = folder.join(name);
        if loaded.files.iter().any(|file| same_file(&file.path, &path)) {
            let problem =
                Problem::new(Place::file(&path), "the scenario is read from this file, and would be written over");
            return super::understood(Err(just(problem.help("choose another folder or name for `--out`"))));
        }
        written(&path, text)?;
    }
    complaint::tell_left_out(&loaded.left_out);
    complaint::tell_left_out(made.left_out.left_out());
    let vehicles = loaded.demand.vehicles.len();
    super::tell(&format!("{vehicles} vehicles; written to {} and beside it", arguments.out.display()));
    Ok(ExitCode::SUCCESS)
}

fn same_file(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).ok().zip(fs::canonicalize(other).ok()).is_some_and(|(one, other)| one == other)
}

/// Writes a file whole or not at all.
fn written(path: &Path, text: &str) -> Result<(), ExitCode> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let done = fs::write(&part, text).and_then(|()| fs::rename(&part, path));
    if done.is_err() {
        // Nothing to be done about what cannot be taken away either.
        let _ = fs::remove_file(&part);
    }
    told(done, path)
}

/// The network of a map in whatever form.
pub(super) fn network_of(path: &Path) -> Result<Network, Findings> {
    let path = if path.is_dir() { path.join("map.json") } else { path.to_owned() };
    let name = path.to_string_lossy();
    if name.ends_with(".json") {
        let text = fs::read_to_string(&path)
            .map_err(|error| just(Problem::new(Place::file(path.clone()), format!("cannot be read: {error}"))))?;
        return mapfile::parse(&path, &text)?.map.build();
    }
    if name.ends_with(".net.xml") || name.ends_with(".net.xml.gz") {
        return read_network(&path).map(|(network, _)| network);
    }
    osm::import(&path, &ImportSettings::default())?.file.map.build()
}
