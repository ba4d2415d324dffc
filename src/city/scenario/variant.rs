//! From what was loaded to a city ready to run, with the interventions of a variant or without any.
//!
//! Everything a scenario's files say is read once and never altered; each variant is made from that. One without interventions is the
//! city as it is, to the last bit. Reads no file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::load::{InputFile, LoadedScenario};
use super::model::Scenario;
use super::resolved::Resolved;
use super::settings::RunSettings;
use crate::city::demand::Demand;
use crate::city::emergency::{EmergencyPlan, resolve};
use crate::city::intervention::{Intervention, plan};
use crate::city::network::Network;
use crate::city::network::places::Places;
use crate::primitives::text::{Findings, Place, Problem, closest};

/// What all variants of a scenario are made from.
#[derive(Debug, Clone)]
pub(super) struct Base {
    pub scenario: Scenario,
    pub settings: RunSettings,
    pub network: Arc<Network>,
    pub places: Option<Places>,
    /// Who travels, before ambulances and weather.
    pub demand: Arc<Demand>,
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
    let network = Arc::clone(&base.network);
    let plan = plan(&network, chosen, (scenario.begin(), scenario.end()))?;
    let mut demand = Arc::clone(&base.demand);
    let emergencies = emergencies(base, &network, &mut demand)?;
    let driving = scenario.weather.driving();
    if driving != super::driving::Driving::DRY {
        driving.apply(Arc::make_mut(&mut demand));
    }
    let mut resolved = Resolved::of(scenario);
    if !chosen.is_empty() {
        resolved.variant = Some(name.to_owned());
        resolved.interventions.clone_from(&plan.resolved);
    }
    Ok(LoadedScenario {
        name: scenario.name.clone(),
        question: scenario.question.clone(),
        network,
        places: base.places.clone(),
        demand,
        emergencies,
        plan: Arc::new(plan),
        variant: name.to_owned(),
        variants: scenario.variants.clone(),
        settings: base.settings,
        measured_from: scenario.start,
        telemetry: scenario.telemetry.clone(),
        sensors: scenario.sensors,
        weather: scenario.weather,
        comparison: scenario.comparison.clone(),
        outputs: scenario.outputs.clone(),
        resolved,
        files: base.files.clone(),
        left_out: base.left_out.clone(),
        base: Some(Arc::clone(base)),
    })
}

/// The plan of the scenario's emergencies, if it has any; a row of the demand for every ambulance.
fn emergencies(
    base: &Base,
    network: &Network,
    demand: &mut Arc<Demand>,
) -> Result<Option<Arc<EmergencyPlan>>, Findings> {
    let scenario = &base.scenario;
    if scenario.emergencies.is_none() && scenario.incidents.is_empty() {
        return Ok(None);
    }
    let span = (scenario.begin(), scenario.end());
    let (spec, incidents) = (scenario.emergencies.as_ref(), scenario.incidents.as_slice());
    let demand = Arc::make_mut(demand);
    let plan = resolve(network, base.places.as_ref(), spec, incidents, span, scenario.seed, demand)?;
    Ok(Some(Arc::new(plan)))
}

/// The name of the city as it is.
pub(super) fn base_name(scenario: &Scenario) -> String {
    let base = scenario.variants.iter().find(|variant| variant.interventions.is_empty());
    base.map_or_else(|| "base".to_owned(), |variant| variant.name.clone())
}
