//! From what was loaded to a city ready to run, with the interventions of a variant or without any.
//!
//! Everything a scenario's files say is read once and never altered; each variant is made from that. One without interventions is the
//! city as it is, to the last bit. Reads no file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::access::Access;
use super::calibration::Calibration;
use super::driving::Driving;
use super::load::{InputFile, LoadedScenario};
use super::measures::Beside;
use super::model::Scenario;
use super::resolved::Resolved;
use super::sensors::Weather;
use super::settings::RunSettings;
use crate::city::demand::{Demand, VehicleKind};
use crate::city::emergency::{EmergencyPlan, IncidentSpec, Spot, resolve};
use crate::city::intervention::parking::{Parked, Setting, park};
use crate::city::intervention::{Intervention, Plan, Transplant, plan, rebuild, travellers};
use crate::city::network::Network;
use crate::city::network::bare::BareMap;
use crate::city::network::places::Places;
use crate::primitives::VehicleClass;
use crate::primitives::text::{Findings, Place, Problem, closest};

/// What all variants of a scenario are made from.
#[derive(Debug, Clone)]
pub(super) struct Base {
    pub scenario: Scenario,
    pub settings: RunSettings,
    pub network: Arc<Network>,
    pub places: Option<Places>,
    /// What the roads were built from; none for a SUMO network.
    pub map: Option<BareMap>,
    /// Who travels, before ambulances and weather.
    pub demand: Arc<Demand>,
    /// What was counted and measured, if tables are named.
    pub calibration: Option<Arc<Calibration>>,
    /// From where people get to how many jobs, if that is asked for.
    pub access: Option<Arc<Access>>,
    pub files: Vec<InputFile>,
    pub left_out: BTreeMap<String, u64>,
}

impl LoadedScenario {
    /// The same scenario with the interventions of one of its variants, made from the city as it is; whatever variant this one is
    /// makes no difference.
    ///
    /// # Errors
    /// When there is no such variant, and everything in its interventions that does not fit the city, at once.
    pub fn variant(&self, name: &str) -> Result<Self, Findings> {
        let Some(variant) = self.variants.iter().find(|variant| variant.name == name) else {
            let names = || self.variants.iter().map(|variant| variant.name.as_str());
            let help = closest(name, names()).map_or_else(
                || format!("there are {}", names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
                |like| format!("did you mean `{like}`?"),
            );
            let place = self.files.first().map_or_else(|| Place::file("scenario"), |file| Place::file(&file.path));
            let mut findings = Findings::default();
            findings.problem(Problem::new(place, format!("there is no variant `{name}`")).help(help));
            return Err(findings);
        };
        let Some(base) = &self.base else { return Ok(self.clone()) };
        let chosen: Vec<&Intervention> = variant
            .interventions
            .iter()
            .filter_map(|name| base.scenario.interventions.iter().find(|one| one.name == *name))
            .collect();
        dress(base, name, &chosen)
    }
}

/// A city ready to run.
pub(super) fn dress(base: &Arc<Base>, name: &str, chosen: &[&Intervention]) -> Result<LoadedScenario, Findings> {
    let scenario = &base.scenario;
    let built = rebuild(&base.network, base.map.as_ref(), chosen)?;
    let network = built.network;
    let mut plan = plan(&network, chosen, (scenario.begin(), scenario.end()))?;
    plan.resolved.splice(0..0, built.resolved);
    let mut demand = Arc::clone(&base.demand);
    // Emergencies are drawn on the roads as they are, so that they are the same in every variant.
    let beside = || chosen.iter().filter_map(|one| beside_of(scenario, &one.name));
    let incidents: Vec<IncidentSpec> = beside().flat_map(|one| one.incidents.iter().cloned()).collect();
    let mut emergencies = emergencies(base, &incidents, &mut demand)?;
    if emergencies.as_ref().is_some_and(|plan| !plan.units.is_empty()) {
        refuse_unreachable(&plan, &network, chosen)?;
    }
    if !chosen.is_empty() {
        let span = (scenario.begin(), scenario.end());
        let said = travellers(&base.network, &mut demand, chosen, scenario.seed, span)?;
        plan.resolved.extend(said);
    }
    let parked = find_places(base, chosen, (&mut plan, &network), &mut demand)?;
    let mut access = base.access.clone();
    if built.anew {
        let transplant = Transplant::new(&base.network, &network);
        let (moved, stranded) = transplant.demand(&demand);
        refuse_stranded(&stranded, chosen)?;
        demand = Arc::new(moved);
        if let Some(plan) = &mut emergencies {
            transplant_plan(&transplant, Arc::make_mut(plan));
        }
        access = access.map(|access| Arc::new(access.moved(&transplant)));
    }
    let weather = beside().filter_map(|one| one.weather).next_back().unwrap_or(scenario.weather);
    let dry = let_drive_in(&weather, &mut demand);
    let mut resolved = Resolved::of(scenario);
    resolved.parking = parked.as_ref().map(|parked| parked.describe()).unwrap_or_default();
    if !chosen.is_empty() {
        resolved.variant = Some(name.to_owned());
        resolved.interventions.clone_from(&plan.resolved);
        resolved.weather = scenario.sensors.map(|_| weather.describe());
    }
    Ok(LoadedScenario {
        name: scenario.name.clone(),
        question: scenario.question.clone(),
        network,
        places: base.places.clone(),
        demand,
        emergencies,
        plan: Arc::new(plan),
        parked,
        variant: name.to_owned(),
        variants: scenario.variants.clone(),
        routing: scenario.routing,
        forecast: None,
        settings: base.settings,
        measured_from: scenario.start,
        telemetry: scenario.telemetry.clone(),
        sensors: scenario.sensors,
        weather,
        dry,
        comparison: scenario.comparison.clone(),
        calibration: base.calibration.clone(),
        access,
        outputs: scenario.outputs.clone(),
        resolved,
        files: base.files.clone(),
        left_out: base.left_out.clone(),
        base: Some(Arc::clone(base)),
    })
}

/// Lets everybody drive as the weather wants it; how the types drive on a dry day, where that is otherwise.
fn let_drive_in(weather: &Weather, demand: &mut Arc<Demand>) -> Option<Arc<[VehicleKind]>> {
    let driving = weather.driving();
    (driving != Driving::DRY).then(|| {
        let dry = demand.kinds.clone().into();
        driving.apply(Arc::make_mut(demand));
        dry
    })
}

/// Lets everybody look for a place at the kerb, where the scenario speaks of them.
fn find_places(
    base: &Base,
    chosen: &[&Intervention],
    (plan, network): (&mut Plan, &Network),
    demand: &mut Arc<Demand>,
) -> Result<Option<Arc<Parked>>, Findings> {
    let scenario = &base.scenario;
    let Some(parking) = &scenario.parking else { return Ok(None) };
    let setting = Setting {
        network: &base.network,
        parking,
        interventions: chosen,
        closures: &plan.closures(network),
        seed: scenario.seed,
        span: (scenario.begin(), scenario.end()),
    };
    let (said, parked) = park(&setting, demand)?;
    plan.resolved.extend(said);
    Ok(Some(Arc::new(parked)))
}

/// What an intervention does beside the roads.
fn beside_of<'a>(scenario: &'a Scenario, name: &str) -> Option<&'a Beside> {
    let at = scenario.interventions.iter().position(|one| one.name == name)?;
    scenario.beside.get(at)
}

/// Refuses what keeps ambulances from patients.
fn refuse_unreachable(plan: &Plan, network: &Network, chosen: &[&Intervention]) -> Result<(), Findings> {
    let (Some((road, since)), Some(one)) = (plan.out_of_reach(network), chosen.first()) else { return Ok(()) };
    let message = format!("from {since} on no ambulance would get to {road} and away from there");
    let mut findings = Findings::default();
    let help = "add `emergency` to `except` of what closes roads or turns; what blocks ambulances too is an `incident`";
    findings.problem(Problem::new(one.place.clone(), message).help(help));
    Err(findings)
}

/// Refuses what leaves travellers without a way.
fn refuse_stranded(stranded: &[String], chosen: &[&Intervention]) -> Result<(), Findings> {
    let (Some(first), Some(one)) = (stranded.first(), chosen.first()) else { return Ok(()) };
    let message = format!("{} travellers would have no way, the first of them `{first}`", stranded.len());
    let mut findings = Findings::default();
    findings.problem(
        Problem::new(one.place.clone(), message).help("what is built cuts off the roads they begin or end on"),
    );
    Err(findings)
}

/// Puts everything of a plan where it is on the new roads.
fn transplant_plan(to: &Transplant<'_>, plan: &mut EmergencyPlan) {
    let spot = |spot: &mut Spot| {
        let Some(lane) = to.lane(spot.lane, VehicleClass::Emergency) else { return };
        let position = to.place(spot.lane, lane, spot.position);
        *spot = Spot { edge: to.edge(spot.edge).unwrap_or(spot.edge), lane, position };
    };
    plan.bases.iter_mut().for_each(|base| spot(&mut base.spot));
    plan.hospitals.iter_mut().for_each(|hospital| spot(&mut hospital.spot));
    plan.calls.iter_mut().for_each(|call| spot(&mut call.spot));
    for incident in &mut plan.incidents {
        let Some(&first) = incident.lanes.first() else { continue };
        let lanes: std::collections::BTreeSet<_> =
            incident.lanes.iter().filter_map(|&lane| to.lane(lane, VehicleClass::Passenger)).collect();
        if let Some(&lane) = lanes.first() {
            incident.position = to.place(first, lane, incident.position).max(incident.length);
            incident.edge = to.edge(incident.edge).unwrap_or(incident.edge);
            incident.lanes = lanes.into_iter().collect();
        }
    }
}

/// The plan of the scenario's emergencies, if it has any; a row of the demand for every ambulance.
fn emergencies(
    base: &Base,
    more: &[IncidentSpec],
    demand: &mut Arc<Demand>,
) -> Result<Option<Arc<EmergencyPlan>>, Findings> {
    let scenario = &base.scenario;
    let incidents: Vec<IncidentSpec> = scenario.incidents.iter().chain(more).cloned().collect();
    if scenario.emergencies.is_none() && incidents.is_empty() {
        return Ok(None);
    }
    let span = (scenario.begin(), scenario.end());
    let spec = scenario.emergencies.as_ref();
    let demand = Arc::make_mut(demand);
    let plan = resolve(&base.network, base.places.as_ref(), spec, &incidents, span, scenario.seed, demand)?;
    Ok(Some(Arc::new(plan)))
}

/// The name of the city as it is.
pub(super) fn base_name(scenario: &Scenario) -> String {
    let base = scenario.variants.iter().find(|variant| variant.interventions.is_empty());
    base.map_or_else(|| "base".to_owned(), |variant| variant.name.clone())
}
