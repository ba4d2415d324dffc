//! Places drawn in a few lines: nodes as `id east north tags`, ways as `id nodes tags`, restrictions as `id from via to kind tags`.
//!
//! Metres are turned into degrees around 0° north, 0° east.

use std::fmt::Write as _;

/// Metres in a degree of the equator of WGS 84.
const METRES: f64 = 111_319.490_793;

/// One object: its id, what it consists of, and tags.
#[derive(Debug, Clone)]
pub(super) struct Drawn {
    pub id: i64,
    pub parts: Vec<String>,
    pub tags: Vec<(String, String)>,
}

/// A member of a restriction: type, id, role.
pub(super) type DrawnMember = (&'static str, i64, &'static str);

/// A place.
#[derive(Debug, Clone)]
pub(super) struct Drawing {
    /// Nodes with longitude and latitude [°].
    pub nodes: Vec<(Drawn, f64, f64)>,
    pub ways: Vec<(Drawn, Vec<i64>)>,
    pub relations: Vec<(Drawn, Vec<DrawnMember>)>,
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

fn objects(text: &str, parts: usize) -> Vec<Drawn> {
    let line = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        let id = words.next().map_or(0, |id| number(&id));
        let all: Vec<String> = words.collect();
        let (parts, tags) = all.split_at(parts.min(all.len()));
        let tags = tags.iter().filter_map(|tag| tag.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned()));
        Drawn { id, parts: parts.to_vec(), tags: tags.collect() }
    };
    text.lines().filter(|text| !text.trim().is_empty()).map(line).collect()
}

/// Reads a drawing.
pub(super) fn drawing(nodes: &str, ways: &str, relations: &str) -> Drawing {
    let degrees = |metres: &str| number::<f64>(metres) / METRES;
    let nodes = objects(nodes, 2).into_iter().map(|node| {
        let (lon, lat) = (degrees(&node.parts[0]), degrees(&node.parts[1]));
        (node, lon, lat)
    });
    let ways = objects(ways, 1).into_iter().map(|way| {
        let nodes = way.parts[0].split(',').map(number).collect();
        (way, nodes)
    });
    let relations = objects(relations, 4).into_iter().map(|mut relation| {
        let via = relation.parts[1].clone();
        let kind = if via.starts_with('n') { "node" } else { "way" };
        let members = vec![
            ("way", number(&relation.parts[0]), "from"),
            (kind, number(&via[1..]), "via"),
            ("way", number(&relation.parts[2]), "to"),
        ];
        let rule = relation.parts[3].clone();
        let (key, value) = rule.split_once('=').unwrap_or(("restriction", &rule));
        relation.tags.push((key.to_owned(), value.to_owned()));
        relation.tags.push(("type".to_owned(), "restriction".to_owned()));
        (relation, members)
    });
    Drawing { nodes: nodes.collect(), ways: ways.collect(), relations: relations.collect() }
}

impl Drawing {
    /// The drawing as `.osm`.
    pub(super) fn xml(&self) -> String {
        let mut text = "<?xml version='1.0'?>\n<osm version=\"0.6\">\n".to_owned();
        let tags = |text: &mut String, tags: &[(String, String)]| {
            for (key, value) in tags {
                let _ = write!(text, "<tag k=\"{key}\" v=\"{value}\"/>");
            }
        };
        for (node, lon, lat) in &self.nodes {
            let _ = write!(text, "<node id=\"{}\" lat=\"{lat:.9}\" lon=\"{lon:.9}\">", node.id);
            tags(&mut text, &node.tags);
            text.push_str("</node>\n");
        }
        for (way, nodes) in &self.ways {
            let _ = write!(text, "<way id=\"{}\">", way.id);
            for node in nodes {
                let _ = write!(text, "<nd ref=\"{node}\"/>");
            }
            tags(&mut text, &way.tags);
            text.push_str("</way>\n");
        }
        for (relation, members) in &self.relations {
            let _ = write!(text, "<relation id=\"{}\">", relation.id);
            for (kind, id, role) in members {
                let _ = write!(text, "<member type=\"{kind}\" ref=\"{id}\" role=\"{role}\"/>");
            }
            tags(&mut text, &relation.tags);
            text.push_str("</relation>\n");
        }
        text.push_str("</osm>\n");
        text
    }
}
