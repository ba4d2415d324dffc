//! Which junction or signal a measure means.
//!
//! By its id, or by two streets that meet there: "High Street / Back Lane".

use std::collections::BTreeSet;

use crate::city::network::Network;
use crate::primitives::ids::{JunctionId, SignalId};
use crate::primitives::text::{Findings, Problem, closest};

use super::model::Written;

/// The junction that is meant.
pub(super) fn junction(network: &Network, wanted: &Written, findings: &mut Findings) -> Option<JunctionId> {
    let name = wanted.text.trim();
    let by_id = network.junctions.iter().position(|junction| junction.name == name).map(JunctionId::new);
    let found = by_id.or_else(|| crossing(network, name));
    if found.is_none() {
        let names = network.junctions.iter().map(|junction| junction.name.as_str());
        complain(network, wanted, "junction", closest(name, names), findings);
    }
    found
}

/// The signal that is meant: by its own id, or by its junction.
pub(super) fn signal(network: &Network, wanted: &Written, findings: &mut Findings) -> Option<SignalId> {
    let name = wanted.text.trim();
    let by_id = network.signals.iter().position(|signal| signal.name == name).map(SignalId::new);
    let found = by_id.or_else(|| {
        let by_name = network.junctions.iter().position(|junction| junction.name == name).map(JunctionId::new);
        let junction = by_name.or_else(|| crossing(network, name))?;
        network.junction(junction).links.iter().find_map(|&link| network.link(link).signal).map(|(signal, _)| signal)
    });
    if found.is_none() {
        let names = network.signals.iter().map(|signal| signal.name.as_str());
        complain(network, wanted, "signal", closest(name, names), findings);
    }
    found
}

/// The first junction at which two streets meet.
fn crossing(network: &Network, name: &str) -> Option<JunctionId> {
    let (one, other) = name.split_once('/')?;
    let ends = |street: &str| -> Vec<JunctionId> {
        let street = street.trim();
        let of_street = network.roads().filter(|(_, edge)| edge.street.as_deref() == Some(street));
        of_street.flat_map(|(_, edge)| [edge.from, edge.to]).collect()
    };
    let others = ends(other);
    ends(one).into_iter().filter(|junction| others.contains(junction)).min()
}

fn complain(network: &Network, wanted: &Written, what: &str, like: Option<&str>, findings: &mut Findings) {
    let help = streets(network, &wanted.text, what).or_else(|| like.map(|like| format!("did you mean `{like}`?")));
    let usual = || format!("name a {what} of the map, or two streets that meet there: `High Street / Back Lane`");
    let message = format!("there is no {what} `{}`", wanted.text);
    findings.problem(Problem::new(wanted.place.clone(), message).help(help.unwrap_or_else(usual)));
}

/// What to do where two streets are named: mend a name, or name others that meet.
fn streets(network: &Network, name: &str, what: &str) -> Option<String> {
    let (one, other) = name.split_once('/')?;
    let all: BTreeSet<&str> = network.roads().filter_map(|(_, edge)| edge.street.as_deref()).collect();
    let [one, other] = [one.trim(), other.trim()];
    let Some(unknown) = [one, other].into_iter().find(|street| !all.contains(street)) else {
        return Some(format!("`{one}` and `{other}` meet at no {what}"));
    };
    let like = closest(unknown, all.iter().copied());
    Some(like.map_or_else(
        || format!("there is no street `{unknown}`"),
        |like| format!("there is no street `{unknown}`: did you mean `{like}`?"),
    ))
}
