//! Reading `.osm`: the XML of OpenStreetMap, plain or gzip.
//!
//! Takes what the API, Overpass, JOSM and osmium write; objects marked as deleted are left out. Knows the form of the file, no
//! tag's meaning.

use super::BoundingBox;
use super::raw::{Extract, Member, MemberKind, Tags, WAY_NODES_MAX};
use crate::city::network::xml::{Element, Item, Source, walk};
use crate::primitives::text::{Findings, Problem};

/// Members of a relation that are read; others of the file may have thousands, and none of them is a restriction or a hospital.
const MEMBERS_READ: usize = 256;

/// The object being read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Open {
    Nothing,
    Node(i64, f64, f64),
    Way(i64),
    Relation(i64),
}

/// Reads a file's text.
///
/// # Errors
/// What is wrong with it, with line and column.
pub(super) fn read(source: &Source) -> Result<Extract, Findings> {
    let mut reader = Reader {
        extract: Extract::default(),
        open: Open::Nothing,
        tags: Tags::default(),
        nodes: Vec::new(),
        members: Vec::new(),
        root: false,
        stopped: false,
    };
    let mut findings = Findings::default();
    pass(source, &mut reader, &mut findings);
    if findings.is_ok() && reader.extract.wants_outlines() {
        pass(source, &mut reader, &mut findings);
        reader.extract.take_outlines();
    }
    if findings.is_ok() && !reader.root {
        let problem = Problem::new(source.place.clone(), "the file is XML, but not OpenStreetMap's: there is no <osm>");
        findings.problem(problem.help("export the area as `.osm` or `.osm.pbf`"));
    }
    if findings.is_ok() { Ok(reader.extract) } else { Err(findings) }
}

/// Goes through a file once.
fn pass(source: &Source, reader: &mut Reader, findings: &mut Findings) {
    walk(source, findings, |item, findings| {
        if reader.stopped {
            return false;
        }
        match item {
            Item::Open(element) => reader.opens(element, findings),
            Item::Close(name) => {
                if let Err(problem) = reader.closes(name, source) {
                    reader.stopped = true;
                    findings.problem(problem);
                }
                true
            }
        }
    });
}

struct Reader {
    extract: Extract,
    open: Open,
    tags: Tags,
    nodes: Vec<i64>,
    members: Vec<Member>,
    root: bool,
    stopped: bool,
}

impl Reader {
    /// Whether what is inside is wanted.
    fn opens(&mut self, element: &Element<'_>, findings: &mut Findings) -> bool {
        match (element.depth, element.name) {
            (0, "osm") => {
                self.root = true;
                return true;
            }
            (0, _) => return false,
            (1, "bounds") => self.extract.bounds = bounds(element).or(self.extract.bounds),
            (1, "node" | "way" | "relation") => {
                self.tags.clear();
                self.nodes.clear();
                self.members.clear();
                self.open = if is_deleted(element) { Open::Nothing } else { object(element, findings) };
                return self.open != Open::Nothing;
            }
            (2, "tag") => {
                if let (Some(key), Some(value)) = (element.get("k"), element.get("v")) {
                    self.tags.push(key, value);
                }
            }
            (2, "nd") => {
                if let Some(id) = id_of(element, "ref", findings)
                    && self.nodes.len() <= WAY_NODES_MAX
                {
                    self.nodes.push(id);
                }
            }
            (2, "member") if self.members.len() < MEMBERS_READ => self.member(element),
            _ => {}
        }
        false
    }

    fn member(&mut self, element: &Element<'_>) {
        let kind = match element.get("type") {
            Some("node") => MemberKind::Node,
            Some("way") => MemberKind::Way,
            _ => MemberKind::Relation,
        };
        if let Some(id) = element.get("ref").and_then(|id| id.trim().parse().ok()) {
            self.members.push(Member { kind, id, role: element.get("role").unwrap_or_default().into() });
        }
    }

    fn closes(&mut self, name: &str, source: &Source) -> Result<(), Problem> {
        let place = &source.place;
        match (self.open, name) {
            (Open::Node(id, lon, lat), "node") => self.extract.node(id, (lon, lat), &mut self.tags, place)?,
            (Open::Way(id), "way") => self.extract.way(id, &mut self.nodes, &mut self.tags, place)?,
            (Open::Relation(id), "relation") => {
                self.extract.relation(id, &mut self.members, &mut self.tags, place)?;
            }
            _ => return Ok(()),
        }
        self.open = Open::Nothing;
        Ok(())
    }
}

fn is_deleted(element: &Element<'_>) -> bool {
    element.get("visible") == Some("false") || element.get("action") == Some("delete")
}

fn object(element: &Element<'_>, findings: &mut Findings) -> Open {
    let Some(id) = id_of(element, "id", findings) else { return Open::Nothing };
    match element.name {
        "way" => Open::Way(id),
        "relation" => Open::Relation(id),
        _ => {
            let lon = element.number("lon", findings);
            let lat = element.number("lat", findings);
            // Without a place it is counted as odd when it closes.
            Open::Node(id, lon.unwrap_or(f64::INFINITY), lat.unwrap_or(f64::INFINITY))
        }
    }
}

fn id_of(element: &Element<'_>, name: &str, findings: &mut Findings) -> Option<i64> {
    let text = element.required(name, findings)?;
    let id = text.trim().parse().ok();
    if id.is_none() {
        let message = format!("'{name}' of <{}> is not a whole number: '{text}'", element.name);
        findings.problem(element.problem(message));
    }
    id
}

fn bounds(element: &Element<'_>) -> Option<BoundingBox> {
    let number = |name: &str| element.get(name)?.trim().parse::<f64>().ok();
    BoundingBox::new(number("minlon")?, number("minlat")?, number("maxlon")?, number("maxlat")?)
}
