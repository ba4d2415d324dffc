//! What would be lost if a network went to SUMO and came back.

use super::super::xml::Source;
use super::tests::{T_JUNCTION, signalled};
use super::{read_source, write_network};
use crate::city::network::invented::{self, CitySize};
use crate::city::network::{JunctionKind, Network, Projection, mapfile};
use crate::primitives::random::Seed;

fn read_back(network: &Network) -> Network {
    let text = write_network(network);
    let (again, left_out) =
        read_source(&Source::from_text("written.net.xml", text)).expect("what is written can be read");
    assert!(left_out.left_out().is_empty(), "{:?}", left_out.left_out());
    again
}

/// Fails with what differs instead of with two networks.
fn same(network: &Network, again: &Network) {
    assert_eq!(network.junctions.len(), again.junctions.len());
    for (one, other) in network.junctions.iter().zip(&again.junctions) {
        assert_eq!(one, other);
    }
    for (one, other) in network.edges.iter().zip(&again.edges) {
        assert_eq!(one, other);
    }
    for (one, other) in network.lanes.iter().zip(&again.lanes) {
        assert_eq!(one, other, "{}", network.edge(one.edge).name);
    }
    for (one, other) in network.links.iter().zip(&again.links) {
        assert_eq!(one, other, "from {}", network.lane_name(one.from));
    }
    for (one, other) in network.conflicts.iter().zip(again.conflicts.iter()) {
        assert_eq!(one, other);
    }
    assert!(network == again, "signals, projection, rings or tracks differ");
}

/// The rows of junctions in the order of their links: SUMO has them lane by lane, which maps of this program need not. And a path's
/// length that of its first lane, since SUMO's edges have none of their own; and where nothing is regulated, nobody yields.
fn in_order(mut network: Network) -> Network {
    for edge in network.edges.iter_mut().filter(|edge| edge.is_internal()) {
        edge.length = network.lanes[edge.lanes.start as usize].length;
    }
    for junction in &mut network.junctions {
        if matches!(junction.kind, JunctionKind::Unregulated | JunctionKind::DeadEnd) && !junction.links.is_empty() {
            junction.kind = JunctionKind::Priority;
        }
        junction.links.sort_unstable();
        for (row, &link) in (0..).zip(&junction.links) {
            network.links[link.index()].request = Some(row);
        }
    }
    for link in &mut network.links {
        link.yields_to.sort_unstable();
    }
    network
}

#[test]
fn a_network_of_sumo_comes_back_as_it_was() {
    for text in [T_JUNCTION.to_owned(), signalled()] {
        let network = read_source(&Source::from_text("t.net.xml", text)).expect("it reads").0;
        same(&network, &read_back(&network));
    }
}

#[test]
fn the_invented_city_comes_back_as_it_was() {
    let file = invented::generate(Seed(7), CitySize::CITY);
    let network =
        mapfile::parse("map.json".as_ref(), &mapfile::write(&file)).expect("it reads").map.build().expect("it builds");
    assert!(matches!(network.projection, Projection::Equirectangular { .. }), "it has a place on earth");
    let again = read_back(&network);
    assert_eq!(write_network(&network), write_network(&again), "the second copy is the first");
    same(&in_order(network), &in_order(again));
}

#[test]
fn names_that_xml_reserves_come_back() {
    let text = T_JUNCTION.replace("\"ce\"", "\"c&lt;&quot;e\"").replace("ce_0", "c&lt;&quot;e_0");
    let network = read_source(&Source::from_text("t.net.xml", text)).expect("it reads").0;
    assert!(network.find_edge("c<\"e").is_some());
    same(&network, &read_back(&network));
}
