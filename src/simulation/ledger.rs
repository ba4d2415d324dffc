//! The books of the emergencies: every call with its chain of times, every incident, and the laws they are under.
//!
//! Written from the diary alone: what nobody noted did not happen.

use bevy_ecs::prelude::*;

use super::actors::emergency::Order;
use super::outcome::{Call, Happened, Happening, Incident, IncidentChange, Stage};
use crate::city::emergency::{EmergencyPlan, PlannedIncident};
use crate::primitives::SimTime;

/// The books.
#[derive(Resource, Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Ledger {
    /// Every call there can be, by number, and whether it has come in.
    calls: Vec<Call>,
    incidents: Vec<Incident>,
    /// What happened in the last step.
    pub latest: Vec<Happened>,
    raised: u64,
    closed: u64,
    /// Stages noted out of order.
    pub disorder: u64,
}

impl Ledger {
    /// Books for the calls and incidents of a plan; `orders` are all calls, by number.
    pub(crate) fn new(plan: &EmergencyPlan, orders: &[Order]) -> Self {
        let calls = orders.iter().map(call).collect();
        let incidents = (0_u32..).zip(&plan.incidents).map(|(number, planned)| incident(number, planned)).collect();
        Self { calls, incidents, ..Self::default() }
    }

    /// How many incidents it has books for; the number of the next.
    pub(crate) fn incidents_known(&self) -> u32 {
        u32::try_from(self.incidents.len()).unwrap_or(u32::MAX)
    }

    /// How many calls it has books for; the number of the next.
    pub(crate) fn calls_known(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }

    /// Books for one more incident and the calls that it will make.
    pub(crate) fn expect_incident(&mut self, number: u32, planned: &PlannedIncident, orders: &[Order]) {
        self.incidents.push(incident(number, planned));
        self.calls.extend(orders.iter().map(call));
    }

    /// Books for one more call.
    pub(crate) fn expect_call(&mut self, order: &Order) {
        self.calls.push(call(order));
    }

    /// Every incident there are books for, by number, begun or not.
    pub(crate) fn all_incidents(&self) -> &[Incident] {
        &self.incidents
    }

    /// Every call there are books for, by number, come in or not.
    pub(crate) fn all_calls(&self) -> &[Call] {
        &self.calls
    }

    /// Writes down what happened in a step.
    pub(crate) fn take(&mut self, happened: Vec<Happened>) {
        for Happened { at, what } in &happened {
            match *what {
                Happening::Call { call, stage, unit, hospital } => self.stage(*at, call, stage, unit, hospital),
                Happening::Incident { incident, change } => {
                    let entry = &mut self.incidents[incident as usize];
                    match change {
                        IncidentChange::Began => entry.began = Some(*at),
                        IncidentChange::Cleared => entry.cleared = Some(*at),
                        IncidentChange::Held => {}
                    }
                }
                Happening::Unit { .. } | Happening::Hospital { .. } => {}
            }
        }
        self.latest = happened;
    }

    fn stage(&mut self, at: SimTime, call: u32, stage: Stage, unit: Option<u32>, hospital: Option<u32>) {
        let call = &mut self.calls[call as usize];
        if stage == Stage::Queue && is_taken_back(&call.chain) {
            // Its ambulance was called away: it waits again, since it was first understood.
            (call.chain[Stage::Dispatch as usize], call.chain[Stage::EnRoute as usize]) = (None, None);
            call.unit = None;
            return;
        }
        if !is_in_order(&call.chain, at, stage) {
            debug_assert!(false, "LAW-7: {stage:?} at {at} after {:?}", call.chain);
            self.disorder += 1;
        }
        call.chain[stage as usize] = Some(at);
        call.unit = unit.or(call.unit);
        call.hospital = hospital.or(call.hospital);
        self.raised += u64::from(stage == Stage::Call);
        self.closed += u64::from(stage == Stage::Clear);
    }

    /// Calls that came in, and those that are over.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.raised, self.closed)
    }

    /// Calls that came in, in that order.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let mut calls: Vec<Call> = self.calls.iter().filter(|call| call.at(Stage::Call).is_some()).cloned().collect();
        calls.sort_by_key(|call| (call.at(Stage::Call), call.number));
        calls
    }

    /// Incidents that began, in that order.
    pub(crate) fn incidents(&self) -> Vec<Incident> {
        let mut incidents: Vec<Incident> =
            self.incidents.iter().filter(|incident| incident.began.is_some()).cloned().collect();
        incidents.sort_by_key(|incident| (incident.began, incident.number));
        incidents
    }
}

/// Whether somebody was sent to a call and has not arrived yet, so that it may come to wait again.
fn is_taken_back(chain: &[Option<SimTime>]) -> bool {
    let latest = chain.iter().rposition(Option::is_some);
    latest.is_some_and(|latest| latest == Stage::Dispatch as usize || latest == Stage::EnRoute as usize)
}

/// LAW-7: a stage comes once, after the one before it and not earlier; only the way to hospital may be left out, as a whole.
/// A call whose ambulance is called away begins anew from where it waits.
pub(crate) fn is_in_order(chain: &[Option<SimTime>], at: SimTime, stage: Stage) -> bool {
    let latest = chain.iter().rposition(Option::is_some);
    let Some(latest) = latest else { return stage == Stage::Call };
    let follows = latest + 1 == stage as usize || (latest == Stage::Patient as usize && stage == Stage::Clear);
    follows && chain[latest].is_some_and(|before| before <= at)
}

fn call(order: &Order) -> Call {
    Call {
        number: order.call,
        category: order.category,
        edge: order.spot.edge,
        lane: order.spot.lane,
        position: order.spot.position,
        incident: order.incident,
        unit: None,
        hospital: None,
        chain: [None; Stage::ALL.len()],
    }
}

fn incident(number: u32, planned: &PlannedIncident) -> Incident {
    Incident {
        number,
        kind: planned.kind,
        edge: planned.edge,
        lanes: planned.lanes.clone(),
        position: planned.position,
        length: planned.length,
        casualties: planned.casualties,
        began: None,
        cleared: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A response time would be computed from a chain that runs backwards or has a hole.
    #[test]
    fn a_chain_runs_forward_and_has_no_holes() {
        let at = SimTime::seconds;
        let mut chain = [None; Stage::ALL.len()];
        assert!(!is_in_order(&chain, at(1.0), Stage::Answer), "nobody answers before it rings");
        for (n, stage) in (0_i32..).zip(&Stage::ALL[..7]) {
            assert!(is_in_order(&chain, at(f64::from(n)), *stage));
            chain[*stage as usize] = Some(at(f64::from(n)));
        }
        assert!(!is_in_order(&chain, at(5.0), Stage::Depart), "earlier than the stage before");
        assert!(!is_in_order(&chain, at(9.0), Stage::Hospital), "at the hospital without having left");
        assert!(!is_in_order(&chain, at(9.0), Stage::Patient), "twice");
        assert!(is_in_order(&chain, at(9.0), Stage::Depart));
        assert!(is_in_order(&chain, at(9.0), Stage::Clear), "the patient stays at home");
    }
}
