//! Injects that wait for each other in a circle, so that none of them ever comes.

use super::super::model::{Effect, Inject, Measure};
use super::raw::Raw;
use crate::primitives::text::Findings;

/// The injects that one waits for, each once.
fn waits_for(inject: &Inject) -> Vec<usize> {
    let when = inject.trigger.when.iter().filter_map(|condition| match condition.of {
        Measure::Delivered(other) | Measure::Met(other) | Measure::Missed(other) => Some(other),
        _ => None,
    });
    let cleared = inject.effects.iter().filter_map(|effect| match effect {
        Effect::Clear { inject } => Some(*inject),
        _ => None,
    });
    let mut all: Vec<usize> = inject.trigger.unless.into_iter().chain(when).chain(cleared).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Tells every circle, once, at the first of its injects.
pub(super) fn circles(injects: &[Inject], raws: &[Raw], findings: &mut Findings) {
    let arcs: Vec<Vec<usize>> = injects.iter().map(waits_for).collect();
    // What waits for nothing that is left can come; what is left in the end waits in a circle, or for one.
    let mut left: Vec<bool> = vec![true; injects.len()];
    loop {
        let free = |at: usize| left[at] && !arcs[at].iter().any(|other| left[*other]);
        let freed: Vec<usize> = (0..injects.len()).filter(|at| free(*at)).collect();
        if freed.is_empty() {
            break;
        }
        for at in freed {
            left[at] = false;
        }
    }
    let mut told = vec![false; injects.len()];
    for begin in (0..injects.len()).filter(|at| left[*at]) {
        // Every one that is left waits for one that is left: the way leads into a circle.
        let mut way = Vec::new();
        let mut at = begin;
        while !way.contains(&at) {
            way.push(at);
            let Some(next) = arcs[at].iter().copied().find(|other| left[*other]) else { break };
            at = next;
        }
        let circle = &way[way.iter().position(|one| *one == at).unwrap_or(0)..];
        if circle.iter().any(|one| told[*one]) {
            continue;
        }
        for one in circle {
            told[*one] = true;
        }
        let names: Vec<String> =
            circle.iter().chain(circle.first()).map(|one| format!("`{}`", injects[*one].id)).collect();
        let message = match circle {
            [_] => format!("{} waits for itself", names[0]),
            _ => names.join(" waits for "),
        };
        let message = if circle.len() > 2 { format!("a circle: {message}") } else { message };
        let help = "let one of them come at a time, without waiting for the others";
        findings.problem(raws[circle[0]].origin.wrong(message, help));
    }
}
