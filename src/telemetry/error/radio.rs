//! What the radio does to a message: it loses them in bursts, by gateway, and damages one in a great many.
//!
//! Loss is a Gilbert-Elliott channel (Gilbert 1960; Elliott 1963, Bell Syst. Tech. J. 39 and 42): a good and a bad state, each with
//! a chance of loss of its own. Devices of one gateway share its state, because they are given the same dice.

use super::sojourn::Sojourn;
use super::{Dice, chance};
use crate::primitives::random::KeyedRng;
use crate::telemetry::record::Fate;

/// Mean time between two bursts, and how long they last [s].
const BETWEEN_BURSTS: f64 = 1800.0;
const BURST: f64 = 60.0;
/// Chance of loss outside a burst and within.
const LOSS_GOOD: f64 = 0.005;
const LOSS_BURST: f64 = 0.5;

/// The channel between a device and its gateway.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Channel {
    severity: f64,
    bursts: Sojourn,
}

impl Channel {
    /// A channel; `gateway` are the dice of the gateway it goes through, `now` the time [s].
    pub fn new(severity: f64, gateway: Dice, now: f64) -> Self {
        let bursts = if severity > 0.0 {
            Sojourn::new(gateway, BETWEEN_BURSTS, BURST * severity, now)
        } else {
            Sojourn::never(gateway)
        };
        Self { severity, bursts }
    }

    /// What becomes of a message sent `now` [s].
    pub fn send(&mut self, now: f64, rng: &mut KeyedRng) -> Fate {
        let loss = if self.bursts.is_bad(now) { LOSS_BURST } else { LOSS_GOOD };
        if rng.unit() < chance(loss, self.severity) { Fate::Lost } else { Fate::Sent }
    }
}

/// Share of messages lost over a long time.
pub fn loss_mean(severity: f64) -> f64 {
    let burst = BURST * severity;
    let bad = burst / (BETWEEN_BURSTS + burst);
    chance(LOSS_GOOD, severity) * (1.0 - bad) + chance(LOSS_BURST, severity) * bad
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::random::{Purpose, Seed};

    #[test]
    fn messages_are_lost_in_bursts_and_as_many_as_stated() {
        let gateway = |owner| Dice { seed: Seed(5), purpose: Purpose::RadioBurst, owner };
        let (mut lost, mut after_a_loss, mut all) = (0_u32, 0_u32, 0_u32);
        for owner in 0..400 {
            let mut channel = Channel::new(1.0, gateway(owner), 0.0);
            let mut before = Fate::Sent;
            for n in 0..600 {
                let mut rng = Seed(5).stream(Purpose::RadioLoss, owner, n);
                #[expect(clippy::cast_precision_loss, reason = "below 600")]
                let fate = channel.send(n as f64 * 10.0, &mut rng);
                all += 1;
                lost += u32::from(fate == Fate::Lost);
                after_a_loss += u32::from(fate == Fate::Lost && before == Fate::Lost);
                before = fate;
            }
        }
        let share = f64::from(lost) / f64::from(all);
        assert!((share - loss_mean(1.0)).abs() < 0.003, "{share} of {}", loss_mean(1.0));
        let again = f64::from(after_a_loss) / f64::from(lost);
        assert!(again > 0.2, "after a loss the next is lost with chance {again}");
    }
}
