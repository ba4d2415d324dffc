//! `citytwin import`: maps from OpenStreetMap, with the list of what was guessed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::city::network::Network;
use crate::city::network::mapfile;
use crate::city::network::osm::{self, BoundingBox, ImportSettings};
use crate::city::network::picture::Picture;
use crate::primitives::text::{Findings, Place, Problem};
use crate::studies::experiment::reason;

/// Longer side of a picture [pixels].
const PICTURE_SIZE: u32 = 2000;

/// What `import` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File of OpenStreetMap: .osm, .osm.gz or .osm.pbf
    file: PathBuf,
    /// Folder for `map.json` and the list of guesses, `guesses.json`
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only this part of the file [°]
    #[arg(long, value_name = "WEST,SOUTH,EAST,NORTH", value_parser = BoundingBox::parse, allow_hyphen_values = true)]
    bbox: Option<BoundingBox>,
    /// One drives on the left, whatever the country's rule
    #[arg(long)]
    left_hand: bool,
    /// Country whose rules fill gaps, as two letters [default: by the addresses in the file, or where it lies]
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// Draw the map, as .svg or .png
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    /// Write over a map that is there
    #[arg(long)]
    force: bool,
    /// Print the list of guesses as JSON on standard output
    #[arg(long)]
    json: bool,
}

/// Imports.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    import(arguments).unwrap_or_else(|code| code)
}

fn import(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    let map = arguments.out.join("map.json");
    if map.exists() && !arguments.force {
        let problem = Problem::new(Place::file(map), "there is a map already");
        return super::understood(Err(just(problem.help("choose another folder, or add `--force`"))));
    }
    if let Some(picture) = &arguments.picture {
        super::understood(form_of(picture, &["svg", "png"]))?;
    }
    let folder = arguments.out.file_name().or_else(|| arguments.file.file_stem());
    let settings = ImportSettings {
        name: folder.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        area: arguments.bbox,
        left_hand: arguments.left_hand.then_some(true),
        country: arguments.country.clone(),
    };
    let imported = super::understood(osm::import(&arguments.file, &settings))?;
    let network = super::understood(imported.file.map.build())?;
    told(fs::create_dir_all(&arguments.out), &arguments.out)?;
    let guesses = arguments.out.join("guesses.json");
    told(fs::write(&map, mapfile::write(&imported.file)), &map)?;
    told(fs::write(&guesses, imported.report.to_json() + "\n"), &guesses)?;
    if let Some(picture) = &arguments.picture {
        drawn(&network, picture)?;
    }
    super::tell(imported.report.to_text().trim_end());
    super::tell(&format!("the map is {}; all guesses with their examples are in {}", map.display(), guesses.display()));
    if arguments.json {
        return Ok(super::print(&imported.report.to_json(), ExitCode::SUCCESS));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn drawn(network: &Network, path: &Path) -> Result<(), ExitCode> {
    let picture = Picture::of(network);
    let bytes = if path.extension().is_some_and(|ending| ending == "png") {
        picture.png(PICTURE_SIZE)
    } else {
        picture.svg(PICTURE_SIZE).into_bytes()
    };
    told(fs::write(path, bytes), path)
}

/// The ending of a file, one of those known.
pub(super) fn form_of(path: &Path, known: &[&'static str]) -> Result<&'static str, Findings> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let ends = |form: &&'static str| name.strip_suffix(*form).is_some_and(|stem| stem.len() > 1 && stem.ends_with('.'));
    let found = known.iter().copied().find(|form| ends(form));
    found.ok_or_else(|| {
        let problem = Problem::new(Place::file(path), "the ending of the file does not say what to write");
        just(problem.help(format!("end it in one of: .{}", known.join(", ."))))
    })
}

pub(super) fn told(written: std::io::Result<()>, path: &Path) -> Result<(), ExitCode> {
    written.map_err(|error| {
        super::tell(&format!("error: cannot write `{}`: {}", path.display(), reason(&error)));
        ExitCode::from(super::FAILED)
    })
}

pub(super) fn just(problem: Problem) -> Findings {
    let mut findings = Findings::default();
    findings.problem(problem);
    findings
}
