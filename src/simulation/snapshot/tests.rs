//! Nothing that lives in a city is forgotten when it is taken apart: a fork has the same resources and the same kinds of
//! entities, as many of each.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::path::Path;

use bevy_ecs::component::ComponentId;
use bevy_ecs::prelude::*;

use crate::city::scenario::{self, Overrides};
use crate::simulation::City;
use crate::simulation::step::Clockwork;

/// How many entities there are of each set of components, resources among them; a component is known by its type and its size.
fn census(world: &World) -> BTreeMap<Vec<(Option<TypeId>, usize)>, u32> {
    let mut census: BTreeMap<_, u32> = BTreeMap::new();
    for archetype in world.archetypes().iter().filter(|archetype| !archetype.is_empty()) {
        let known =
            |id: ComponentId| world.components().get_info(id).map(|info| (info.type_id(), info.layout().size()));
        let mut components: Vec<_> = archetype.iter_components().filter_map(known).collect();
        components.sort_unstable();
        *census.entry(components).or_default() += archetype.len();
    }
    census
}

#[test]
fn a_fork_forgets_no_part_of_a_city() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/emergencies.yaml");
    let loaded = scenario::load(&path, &Overrides::default()).expect("a sound scenario");
    let plan = loaded.emergencies.as_ref().expect("it has emergencies");
    let mut city = City::assemble(&loaded.network, &loaded.demand, loaded.settings);
    city.bring_emergencies(&loaded.network, plan);
    if let Some(sensors) = &loaded.sensors {
        city.install_sensors(&loaded.network, &loaded.demand, sensors, &loaded.weather);
    }
    city.open_control_room(&loaded.network, plan);
    for _ in 0..40 {
        city.step();
    }
    let mut fork = city.fork();
    city.step();
    fork.step();
    let (known, forked) = (census(&city.world), census(&fork.world));
    assert!(known.len() > 20, "a census that sees nothing finds nothing missing: {known:#?}");
    assert_eq!(known, forked, "the first has what the second has not");
    assert_eq!(fork.world.resource::<Clockwork>().number, 41);
}
