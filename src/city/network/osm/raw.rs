//! What a file of OpenStreetMap holds, as far as roads care: nodes, ways that are highways, turn restrictions, and hospitals (whose outlines may take a second reading).
//!
//! Exists so that both readers fill the same thing and the same limits hold for both. Knows no tag's meaning beyond which
//! objects are worth keeping.

use std::collections::BTreeMap;

use super::BoundingBox;
use super::guesses::OsmObject;
use super::sites::{self, RawSite};
use crate::primitives::text::{Findings, Place, Problem};

/// The most nodes kept of one file; Germany has some 400 million, a large city with its surroundings 20.
pub(super) const NODES_MAX: usize = 100_000_000;
/// The most ways and the most restrictions kept.
pub(super) const WAYS_MAX: usize = 5_000_000;
/// The most nodes of one way; OpenStreetMap allows 2,000.
pub(super) const WAY_NODES_MAX: usize = 20_000;
/// The most hospitals and stations of ambulances kept.
const SITES_MAX: usize = 100_000;
/// The most members of a restriction.
pub(super) const MEMBERS_MAX: usize = 64;
/// The most tags kept of one object; more are rubbish.
const TAGS_MAX: usize = 512;
/// The longest value of a tag that is kept [bytes]; OpenStreetMap allows 255 characters.
const TAG_LENGTH_MAX: usize = 4096;
/// Coordinates are kept in units of this many degrees, as OpenStreetMap does.
const UNITS_PER_DEGREE: f64 = 1e7;

/// Tags of one object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tags(Vec<(Box<str>, Box<str>)>);

impl Tags {
    /// Adds a tag, unless it is absurd.
    pub(super) fn push(&mut self, key: &str, value: &str) {
        if self.0.len() < TAGS_MAX && key.len() <= TAG_LENGTH_MAX && value.len() <= TAG_LENGTH_MAX {
            self.0.push((key.into(), value.trim().into()));
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| &**k == key).map(|(_, value)| &**value)
    }

    /// Whether a key has this value.
    pub(super) fn is(&self, key: &str, value: &str) -> bool {
        self.get(key) == Some(value)
    }

    /// The first value that is there of several keys.
    pub(super) fn first(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| self.get(key))
    }

    /// Whether a key says yes in any of the usual ways.
    pub(super) fn yes(&self, key: &str) -> bool {
        matches!(self.get(key), Some("yes" | "true" | "1"))
    }

    /// Every tag.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Takes everything out.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A way that is a highway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawWay {
    pub id: i64,
    pub nodes: Vec<i64>,
    pub tags: Tags,
}

/// What kind of object a relation's member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberKind {
    Node,
    Way,
    Relation,
}

/// A member of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub kind: MemberKind,
    pub id: i64,
    pub role: Box<str>,
}

/// A turn restriction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawRestriction {
    pub id: i64,
    pub members: Vec<Member>,
    pub tags: Tags,
}

/// What was read of a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Extract {
    /// Node, and its longitude and latitude in ten-millionths of a degree; sorted by [`Extract::seal`].
    nodes: Vec<(i64, i32, i32)>,
    /// Tags of nodes that say something about traffic.
    pub tagged: BTreeMap<i64, Tags>,
    /// Highways.
    pub ways: Vec<RawWay>,
    /// Turn restrictions.
    pub restrictions: Vec<RawRestriction>,
    /// Hospitals and stations of ambulances.
    pub sites: Vec<RawSite>,
    /// The rectangle the file says it covers.
    pub bounds: Option<BoundingBox>,
    /// How often the file's addresses name each country.
    pub countries: BTreeMap<String, u64>,
    /// Objects that were read twice or have no place on earth.
    pub odd: u64,
    /// Outlines of hospitals mapped as relations, which name ways that have gone by: looked for when the file is read a second time.
    outlines: BTreeMap<i64, Vec<i64>>,
    /// Whether that is now.
    second: bool,
}

/// Keys by which a node says something about traffic.
const NODE_KEYS: [&str; 6] = ["highway", "barrier", "railway", "crossing", "traffic_signals", "traffic_sign"];

impl Extract {
    /// Keeps a node.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn node(
        &mut self,
        id: i64,
        (lon, lat): (f64, f64),
        tags: &mut Tags,
        place: &Place,
    ) -> Result<(), Problem> {
        if self.second {
            return Ok(());
        }
        if !(lon.abs() <= 180.0 && lat.abs() <= 90.0) {
            self.odd += 1;
            return Ok(());
        }
        if self.nodes.len() == NODES_MAX {
            return Err(too_many(place, "nodes", NODES_MAX));
        }
        self.note_country(tags);
        self.note_site(OsmObject::Node(id), (&[id], Vec::new()), tags);
        self.nodes.push((id, to_units(lon), to_units(lat)));
        if NODE_KEYS.iter().any(|key| tags.get(key).is_some()) {
            self.tagged.insert(id, std::mem::take(tags));
        }
        Ok(())
    }

    /// Keeps a way if it is a highway.
    ///
    /// # Errors
    /// When there are too many, or it is too long.
    pub(super) fn way(&mut self, id: i64, nodes: &mut Vec<i64>, tags: &mut Tags, place: &Place) -> Result<(), Problem> {
        if self.second {
            if let Some(outline) = self.outlines.get_mut(&id).filter(|_| nodes.len() <= WAY_NODES_MAX) {
                outline.clone_from(nodes);
            }
            return Ok(());
        }
        self.note_country(tags);
        if tags.get("highway").is_none() {
            self.note_site(OsmObject::Way(id), (nodes, Vec::new()), tags);
            return Ok(());
        }
        if nodes.len() > WAY_NODES_MAX {
            return Err(Problem::new(place.clone(), format!("way {id} has more than {WAY_NODES_MAX} nodes")));
        }
        if self.ways.len() == WAYS_MAX {
            return Err(too_many(place, "roads", WAYS_MAX));
        }
        self.ways.push(RawWay { id, nodes: std::mem::take(nodes), tags: std::mem::take(tags) });
        Ok(())
    }

    /// Keeps a relation if it is a turn restriction or a hospital.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn relation(
        &mut self,
        id: i64,
        members: &mut Vec<Member>,
        tags: &mut Tags,
        place: &Place,
    ) -> Result<(), Problem> {
        if self.second {
            return Ok(());
        }
        if !is_restriction(tags) {
            let of = |kind: MemberKind| members.iter().filter(move |one| one.kind == kind && &*one.role != "inner");
            let nodes: Vec<i64> = of(MemberKind::Node).map(|one| one.id).collect();
            self.note_site(OsmObject::Relation(id), (&nodes, of(MemberKind::Way).map(|one| one.id).collect()), tags);
            return Ok(());
        }
        if self.restrictions.len() == WAYS_MAX {
            return Err(too_many(place, "restrictions", WAYS_MAX));
        }
        if members.len() > MEMBERS_MAX {
            self.odd += 1;
            return Ok(());
        }
        self.restrictions.push(RawRestriction { id, members: std::mem::take(members), tags: std::mem::take(tags) });
        Ok(())
    }

    /// Keeps a hospital or a station of ambulances.
    fn note_site(&mut self, object: OsmObject, (nodes, ways): (&[i64], Vec<i64>), tags: &Tags) {
        let Some(kind) = sites::kind_of(tags) else { return };
        if self.sites.len() == SITES_MAX || nodes.len() > WAY_NODES_MAX {
            self.odd += 1;
            return;
        }
        let name = tags.get("name").filter(|name| !name.is_empty()).map(str::to_owned);
        self.sites.push(RawSite { object, kind, name, nodes: nodes.to_vec(), ways });
    }

    /// Whether the file has to be read again, for outlines whose ways had gone by before they were asked for.
    pub(super) fn wants_outlines(&mut self) -> bool {
        let ways = self.sites.iter().flat_map(|site| &site.ways);
        self.outlines = ways.map(|&way| (way, Vec::new())).collect();
        self.second = !self.outlines.is_empty();
        self.second
    }

    /// Gives the outlines that were found to whom they belong.
    pub(super) fn take_outlines(&mut self) {
        for site in &mut self.sites {
            let ways = std::mem::take(&mut site.ways);
            site.nodes.extend(ways.iter().filter_map(|way| self.outlines.get(way)).flatten());
        }
        self.outlines.clear();
        self.second = false;
    }

    fn note_country(&mut self, tags: &Tags) {
        let named = tags.first(&["addr:country", "is_in:country_code", "ISO3166-1:alpha2"]);
        if let Some(code) = named.filter(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic())) {
            *self.countries.entry(code.to_ascii_uppercase()).or_default() += 1;
        }
    }

    /// Sorts what was read, each object once.
    pub(super) fn seal(&mut self) {
        let before = self.nodes.len() + self.ways.len() + self.restrictions.len();
        self.sites.sort_by_key(|site| site.object);
        self.sites.dedup_by_key(|site| site.object);
        self.nodes.sort_by_key(|node| node.0);
        self.nodes.dedup_by_key(|node| node.0);
        self.ways.sort_by_key(|way| way.id);
        self.ways.dedup_by_key(|way| way.id);
        self.restrictions.sort_by_key(|relation| relation.id);
        self.restrictions.dedup_by_key(|relation| relation.id);
        let after = self.nodes.len() + self.ways.len() + self.restrictions.len();
        self.odd += u64::try_from(before - after).unwrap_or(u64::MAX);
    }

    /// Longitude and latitude of a node [°].
    pub(super) fn place_of(&self, id: i64) -> Option<(f64, f64)> {
        let at = self.nodes.binary_search_by_key(&id, |node| node.0).ok()?;
        let (_, lon, lat) = self.nodes[at];
        Some((f64::from(lon) / UNITS_PER_DEGREE, f64::from(lat) / UNITS_PER_DEGREE))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "180 degrees are 1.8 billion units, which fit")]
fn to_units(degrees: f64) -> i32 {
    (degrees * UNITS_PER_DEGREE).round() as i32
}

/// Whether a relation is a turn restriction.
fn is_restriction(tags: &Tags) -> bool {
    tags.get("type").is_some_and(|kind| kind == "restriction" || kind.starts_with("restriction:"))
}

/// Whether a relation is worth its members.
pub(super) fn is_wanted(tags: &Tags) -> bool {
    is_restriction(tags) || sites::kind_of(tags).is_some()
}

fn too_many(place: &Place, what: &str, most: usize) -> Problem {
    Problem::new(place.clone(), format!("the file has more than {most} {what}")).help("cut out a smaller area first")
}

/// One problem as findings.
pub(super) fn just(problem: Problem) -> Findings {
    let mut findings = Findings::default();
    findings.problem(problem);
    findings
}
