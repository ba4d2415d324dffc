//! What the signal heads show, as the road reads it: one state per link.

use crate::city::network::{Aspect, Network, RightOfWay, SignalControl};
use crate::primitives::ids::SignalId;

/// What a link tells whoever approaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum LinkState {
    /// Stop.
    Red,
    /// Stop if you can.
    Yellow,
    /// Go: you have priority.
    Priority,
    /// Go if nobody you yield to is coming.
    Yield,
    /// Yield to the right; may deadlock and then draws lots.
    Equal,
    /// Stop, then yield.
    Stop,
    /// Stop, then first come first served.
    AllwayStop,
    /// Zip.
    Zipper,
}

impl LinkState {
    pub(crate) fn is_red(self) -> bool {
        self == Self::Red
    }

    pub(crate) fn is_yellow(self) -> bool {
        self == Self::Yellow
    }

    /// Whether one drives up to the link without expecting to wait.
    pub(crate) fn has_priority(self) -> bool {
        matches!(self, Self::Priority | Self::Zipper)
    }
}

/// The states of all links.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Heads {
    states: Vec<LinkState>,
    /// Whether the last green a link had was one with priority.
    green_major: Vec<bool>,
    /// Links with a signal before a block of a railway, ascending.
    blocks: Vec<u32>,
}

impl Heads {
    /// Every link by its right of way; signalised ones red until their actor speaks.
    pub(crate) fn new(network: &Network) -> Self {
        let states = network
            .links
            .iter()
            .map(|link| if link.signal.is_some() { LinkState::Red } else { by_right_of_way(link.right_of_way) })
            .collect::<Vec<_>>();
        let is_block = |signal: SignalId| matches!(network.signal(signal).programs.last(), Some(program) if program.control == SignalControl::Block);
        let blocks = (0_u32..).zip(&network.links);
        let blocks = blocks.filter(|(_, link)| link.signal.is_some_and(|(signal, _)| is_block(signal)));
        Self { green_major: vec![false; states.len()], blocks: blocks.map(|(id, _)| id).collect(), states }
    }

    /// Shows an aspect on a link.
    pub(crate) fn show(&mut self, link: u32, aspect: Aspect) {
        self.states[link as usize] = match aspect {
            Aspect::Red | Aspect::RedYellow => LinkState::Red,
            Aspect::YellowMinor | Aspect::YellowMajor => LinkState::Yellow,
            Aspect::GreenMajor | Aspect::Off => LinkState::Priority,
            Aspect::GreenMinor | Aspect::OffBlinking => LinkState::Yield,
            Aspect::Stop => LinkState::Stop,
        };
        if matches!(aspect, Aspect::GreenMajor | Aspect::GreenMinor) {
            self.green_major[link as usize] = aspect == Aspect::GreenMajor;
        }
    }

    #[inline]
    pub(crate) fn state(&self, link: u32) -> LinkState {
        self.states[link as usize]
    }

    /// Links with a signal before a block of a railway, ascending.
    pub(crate) fn blocks(&self) -> &[u32] {
        &self.blocks
    }

    /// All states, for the state hash.
    pub(crate) fn states(&self) -> &[LinkState] {
        &self.states
    }
}

fn by_right_of_way(right_of_way: RightOfWay) -> LinkState {
    match right_of_way {
        RightOfWay::Major | RightOfWay::Signal => LinkState::Priority,
        RightOfWay::Minor | RightOfWay::DeadEnd => LinkState::Yield,
        RightOfWay::Equal => LinkState::Equal,
        RightOfWay::Stop => LinkState::Stop,
        RightOfWay::AllwayStop => LinkState::AllwayStop,
        RightOfWay::Zipper => LinkState::Zipper,
    }
}
