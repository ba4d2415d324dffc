//! The city alive.

pub mod outcome;
pub mod settings;

use std::sync::Arc;

use crate::city::demand::Demand;
use crate::city::network::Network;
use crate::primitives::SimTime;

use outcome::{CityInstant, Outcome, VehicleInstant};
use settings::RunSettings;

/// The running city: advances one step at a time.
#[derive(Debug)]
pub struct City;

impl City {
    /// Brings a city on paper to life.
    pub fn assemble(_network: Arc<Network>, _demand: Arc<Demand>, _settings: RunSettings) -> Self {
        unimplemented!()
    }

    /// The instant the next step begins.
    pub fn time(&self) -> SimTime {
        unimplemented!()
    }

    /// Whether the run is over: its end is reached, or nobody is left.
    pub fn is_over(&self) -> bool {
        unimplemented!()
    }

    /// Advances one step.
    pub fn step(&mut self) {
        unimplemented!()
    }

    /// The city as it is now.
    pub fn instant(&self) -> CityInstant {
        unimplemented!()
    }

    /// Every vehicle on the road now, by lane and then from the lane's start.
    pub fn vehicles(&self) -> Vec<VehicleInstant> {
        unimplemented!()
    }

    /// Ends the run and hands out what it leaves.
    pub fn finish(self, _interrupted: bool) -> Outcome {
        unimplemented!()
    }
}
