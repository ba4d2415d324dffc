//! Who passes which road and how fast, and how loud that makes it.
//!
//! Sound power is CNOSSOS-EU's (`studies/effects`), from the flow and the mean speed of each category of vehicles on each road, both
//! as they were driven: a vehicle seen in a second has driven its speed times that second. What signals do to engines and tyres near
//! them is left out, for it depends on where along the road one listens. A road is one carriageway in one direction.

use crate::city::demand::Demand;
use crate::city::network::Network;
use crate::primitives::ids::EdgeId;
use crate::primitives::{Distance, Speed};
use crate::simulation::outcome::VehicleInstant;
use crate::studies::effects::{Category, Flow, category_of, equivalent_level, power_per_metre, weighted_power};

/// The categories, in the order of the sums.
const CATEGORIES: [Category; 5] =
    [Category::Light, Category::Medium, Category::Heavy, Category::Moped, Category::Motorcycle];
/// How far from the middle of a carriageway its level is told [m].
const BESIDE: f64 = 10.0;

/// How loud the roads are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Noise {
    /// Sound power of all roads and junctions together [dB(A) re 1 pW]; none where nobody drove.
    pub power: Option<f64>,
    /// Level beside each road, 10 m from the middle of its carriageway, of that alone [dB(A)], in the order of the network.
    pub roads: Vec<(EdgeId, f64)>,
}

/// Of each category, vehicle-seconds [s] and distance driven [m].
type Sums = [(f64, f64); CATEGORIES.len()];

#[derive(Debug)]
pub(super) struct Watch {
    edge_of: Vec<EdgeId>,
    /// Length of an edge [m], and whether it is a path across a junction.
    edges: Vec<(f64, bool)>,
    /// Place of a vehicle's category, by its row; none for those who make no noise here.
    category: Vec<Option<u8>>,
    sums: Vec<Sums>,
    looks: u32,
}

impl Watch {
    pub(super) fn new(network: &Network, demand: &Demand) -> Self {
        let place = |category| CATEGORIES.iter().position(|one| *one == category).and_then(|at| u8::try_from(at).ok());
        let of = |kind| category_of(demand.kind(kind).class).and_then(place);
        Self {
            edge_of: network.lanes.iter().map(|lane| lane.edge).collect(),
            edges: network.edges.iter().map(|edge| (edge.length.as_metres(), edge.is_internal())).collect(),
            category: demand.vehicles.iter().map(|vehicle| of(vehicle.kind)).collect(),
            sums: vec![Sums::default(); network.edges.len()],
            looks: 0,
        }
    }

    pub(super) fn look(&mut self, vehicles: &[VehicleInstant]) {
        self.looks += 1;
        for one in vehicles {
            let Some(Some(category)) = self.category.get(one.vehicle.index()) else { continue };
            let sum = &mut self.sums[self.edge_of[one.lane.index()].index()][usize::from(*category)];
            sum.0 += 1.0;
            sum.1 += one.speed;
        }
    }

    pub(super) fn finish(self) -> Noise {
        let hours = f64::from(self.looks) / 3600.0;
        let mut noise = Noise::default();
        let mut power = 0.0;
        for (edge, (sums, &(length, is_internal))) in self.sums.iter().zip(&self.edges).enumerate() {
            let flows: Vec<Flow> = CATEGORIES
                .into_iter()
                .zip(sums)
                .filter(|(_, sum)| sum.1 > 0.0 && length > 0.0)
                .map(|(category, &(seconds, metres))| Flow {
                    category,
                    per_hour: metres / length / hours,
                    speed: Speed::metres_per_second(metres / seconds),
                    to_signals: None,
                })
                .collect();
            let Some(of_metre) = power_per_metre(&flows) else { continue };
            power += libm::pow(10.0, weighted_power(&of_metre) / 10.0) * length;
            if !is_internal {
                noise.roads.push((EdgeId::new(edge), equivalent_level(&of_metre, Distance::metres(BESIDE))));
            }
        }
        noise.power = (power > 0.0).then(|| 10.0 * libm::log10(power));
        noise
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{crossing, seen, travellers};
    use super::*;

    /// A car at 36 km/h that is on a road of 100 m for ten of twenty seconds is 1 veh / 20 s = 180 veh/h: nine of them would be nine times
    /// the power, 9.54 dB more.
    #[test]
    fn a_road_is_as_loud_as_the_flow_that_passes_it() {
        let network = crossing();
        let watched = |count: usize| {
            let mut watch = Watch::new(&network, &travellers(9));
            for second in 0..20 {
                let cars: Vec<_> = (0..count).map(|car| seen(car, 0, 50.0, 10.0)).collect();
                watch.look(if second < 10 { &cars } else { &[] });
            }
            watch.finish()
        };
        let one = watched(1);
        let flow = Flow {
            category: Category::Light,
            per_hour: 180.0,
            speed: Speed::kilometres_per_hour(36.0),
            to_signals: None,
        };
        let of_metre = power_per_metre(&[flow]).expect("a car");
        let (road, level) = one.roads[0];
        assert_eq!((network.edge(road).name.as_str(), one.roads.len()), ("west", 1));
        assert!((level - equivalent_level(&of_metre, Distance::metres(10.0))).abs() < 1e-9);
        // 100 m of it are 20 dB more than a metre.
        let power = one.power.expect("a car");
        assert!((power - weighted_power(&of_metre) - 20.0).abs() < 1e-9);
        let nine = watched(9).power.expect("cars");
        assert!((nine - power - 10.0 * 9.0_f64.log10()).abs() < 1e-9);
        assert_eq!(watched(0), Noise::default());
    }
}
