//! `citytwin new` and `citytwin gravity`: a project from a file of OpenStreetMap, and a matrix from where people live and work.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use crate::city::demand::od::{Deterrence, Zones, read_settlements};
use crate::city::network::osm::BoundingBox;
use crate::city::project::{self, GravityWish, Project, Wish};
use crate::city::scenario::{self, Overrides};
use crate::primitives::text::{Findings, Place, Problem};
use crate::primitives::{Distance, units};

/// What `new` is told.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File of OpenStreetMap: .osm, .osm.gz or .osm.pbf
    file: PathBuf,
    /// Folder to make; there must be none of that name yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the place [default: that of the folder]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Only this part of the file [°]
    #[arg(long, value_name = "WEST,SOUTH,EAST,NORTH", value_parser = BoundingBox::parse, allow_hyphen_values = true)]
    bbox: Option<BoundingBox>,
    /// One drives on the left, whatever the country's rule
    #[arg(long)]
    left_hand: bool,
    /// Country whose rules fill gaps, as two letters [default: by the addresses in the file, or where it lies]
    #[arg(long, value_name = "CODE")]
    country: Option<String>,
    /// Where people live and work, as CSV: lon,lat,people,jobs [default: guessed from the length of streets]
    #[arg(long, value_name = "FILE")]
    points: Option<PathBuf>,
    /// Counts that the trips are fitted to, as CSV: road,from,to,vehicles; of 06:50 to 07:50
    #[arg(long, value_name = "FILE")]
    counts: Option<PathBuf>,
}

/// Makes a project.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    make(arguments).unwrap_or_else(|code| code)
}

fn make(arguments: &Arguments) -> Result<ExitCode, ExitCode> {
    super::understood(refuse_existing(&arguments.out))?;
    let wish = Wish {
        file: arguments.file.clone(),
        name: arguments.name.clone().unwrap_or_else(|| project::name_of(&arguments.out)),
        area: arguments.bbox,
        left_hand: arguments.left_hand.then_some(true),
        country: arguments.country.clone(),
        points: arguments.points.clone(),
        counts: arguments.counts.clone(),
    };
    let made = super::understood(project::make(&wish))?;
    let folder = Draft::new(&arguments.out)?;
    folder.write(&made)?;
    // A project that does not load is none: nothing of it is left.
    super::understood(scenario::load(&folder.place.join("scenario.yaml"), &Overrides::default()).map(drop))?;
    folder.keep(&arguments.out)?;
    for line in &made.told {
        super::tell(line);
    }
    let scenario = arguments.out.join("scenario.yaml");
    super::tell(&format!(
        "next: citytwin run {0}; citytwin compare {0}; README.md says what to replace",
        scenario.display()
    ));
    Ok(super::print(&arguments.out.display().to_string(), ExitCode::SUCCESS))
}

/// What `gravity` is told.
#[derive(Debug, Args)]
pub(super) struct GravityArguments {
    /// Map: a map.json or the folder that holds it, a SUMO network (.net.xml), or a file of OpenStreetMap
    map: PathBuf,
    /// Where people live and work, as CSV: lon,lat,people,jobs, or x and y where the map has no place on earth
    #[arg(long, value_name = "FILE")]
    points: PathBuf,
    /// Folder to make for `matrix.csv` and `zones.geojson`; there must be none of that name yet
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Zones as .geojson [default: a grid]
    #[arg(long, value_name = "FILE")]
    zones: Option<PathBuf>,
    /// Property that names the zones [default: the first of `id`, `zone`, `name` and `zone_id` that all have]
    #[arg(long, value_name = "NAME", requires = "zones")]
    id: Option<String>,
    /// Side of the cells of a grid, such as `300 m` [default: about 15 along the map, 100 m to 1 km]
    #[arg(long, value_name = "LENGTH", value_parser = cell_side, conflicts_with = "zones")]
    cell: Option<f64>,
    /// Trips by car that each person begins in the time of the matrix
    #[arg(long, value_name = "NUMBER", value_parser = rate)]
    trips_per_person: f64,
    /// How the wish to travel falls with minutes: `exponential:0.15` or `power:2`
    #[arg(long, value_name = "FORM:NUMBER", value_parser = Deterrence::parse, default_value = "exponential:0.15")]
    deterrence: Deterrence,
}

/// Makes a matrix and its zones.
pub(super) fn gravity(arguments: &GravityArguments) -> ExitCode {
    distributed(arguments).unwrap_or_else(|code| code)
}

fn distributed(arguments: &GravityArguments) -> Result<ExitCode, ExitCode> {
    super::understood(refuse_existing(&arguments.out))?;
    let points = super::understood(read_settlements(&arguments.points))?;
    let zones = arguments.zones.as_ref().map(|file| Zones::read(file, arguments.id.as_deref()));
    let zones = super::understood(zones.transpose())?;
    let network = super::understood(super::export::network_of(&arguments.map))?;
    let wish = GravityWish {
        points,
        zones,
        cell: arguments.cell.map(Distance::metres),
        trips_per_person: arguments.trips_per_person,
        deterrence: arguments.deterrence,
    };
    let made = super::understood(project::by_gravity(&network, &wish))?;
    let folder = Draft::new(&arguments.out)?;
    folder.write(&made)?;
    folder.keep(&arguments.out)?;
    for line in &made.told {
        super::tell(line);
    }
    Ok(super::print(&arguments.out.display().to_string(), ExitCode::SUCCESS))
}

/// A length of the command line [m].
fn cell_side(text: &str) -> Result<f64, String> {
    let metres = units::DISTANCE.read(text).map_err(|wrong| format!("{}; {}", wrong.message, wrong.help))?;
    if (10.0..=100_000.0).contains(&metres) { Ok(metres) } else { Err("from 10 m to 100 km".to_owned()) }
}

/// Trips of a person.
fn rate(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| *number > 0.0 && *number <= 100.0);
    number.ok_or_else(|| "a number above 0 and at most 100, such as 0.2".to_owned())
}

/// A folder that is made is made whole, so nothing may be there.
pub(super) fn refuse_existing(out: &Path) -> Result<(), Findings> {
    let problem = |message: &str, help: &str| {
        let mut findings = Findings::default();
        findings.problem(Problem::new(Place::file(out), message).help(help));
        Err(findings)
    };
    if out.file_name().is_none() {
        return problem("is no name for a folder", "write `--out town`");
    }
    if fs::symlink_metadata(out).is_ok() {
        return problem("is there already", "choose another name, or remove it first");
    }
    Ok(())
}

/// A folder under another name beside its place, which goes unless it is kept.
pub(super) struct Draft {
    place: PathBuf,
}

impl Draft {
    pub(super) fn new(out: &Path) -> Result<Self, ExitCode> {
        let name = out.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let place = out.with_file_name(format!(".{name}.{}.unfinished", std::process::id()));
        if let Some(parent) = out.parent() {
            super::import::told(fs::create_dir_all(parent), parent)?;
        }
        super::import::told(fs::create_dir(&place), &place)?;
        Ok(Self { place })
    }

    pub(super) fn write(&self, project: &Project) -> Result<(), ExitCode> {
        for (name, text) in &project.files {
            let path = self.place.join(name);
            if let Some(folder) = path.parent() {
                super::import::told(fs::create_dir_all(folder), folder)?;
            }
            super::import::told(fs::write(&path, text), &path)?;
        }
        Ok(())
    }

    /// Gives it its name.
    pub(super) fn keep(&self, out: &Path) -> Result<(), ExitCode> {
        super::understood(refuse_existing(out))?;
        super::import::told(fs::rename(&self.place, out), out)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once it has its name there is nothing here; otherwise nothing can be done about a folder that will not go.
        drop(fs::remove_dir_all(&self.place));
    }
}
