//! How often a reader is sent frames: as often as it asks, less often where it does not keep up, and again more often after it has.

/// Scenes from one frame to the next, from the briskest pace to the slowest: ten, five, two and one a second of ten scenes.
const STEPS: [u64; 4] = [1, 2, 5, 10];
/// Frames acknowledged in time before a brisker pace is tried; twice as many after every time that it was too much, up to the last.
const TRIAL: u32 = 20;
const TRIAL_MAX: u32 = 640;

/// The pace of one reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// The briskest it asked for, and where it is.
    asked: usize,
    at: usize,
    /// Frames it acknowledged since it last fell behind.
    in_time: u32,
    /// Frames it has to acknowledge before a brisker pace.
    trial: u32,
}

impl Pace {
    /// At most so many frames a second.
    pub(super) const fn new(rate: u8) -> Self {
        let asked = match rate {
            10.. => 0,
            5..10 => 1,
            2..5 => 2,
            _ => 3,
        };
        Self { asked, at: asked, in_time: 0, trial: TRIAL }
    }

    /// Whether a frame of this scene is due. Readers of one pace get the same scenes, so that they share what is made of them.
    pub(super) const fn is_due(&self, scene: u64) -> bool {
        scene.is_multiple_of(STEPS[self.at])
    }

    /// A frame was due while too many were under way.
    pub(super) fn fell_behind(&mut self) {
        if self.at + 1 < STEPS.len() {
            self.at += 1;
            if self.in_time < self.trial {
                self.trial = (self.trial * 2).min(TRIAL_MAX);
            }
        }
        self.in_time = 0;
    }

    /// A frame was acknowledged.
    pub(super) fn kept_up(&mut self) {
        self.in_time += 1;
        if self.in_time >= self.trial {
            self.in_time = 0;
            if self.at > self.asked {
                self.at -= 1;
            } else {
                self.trial = TRIAL;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames_of(pace: Pace) -> usize {
        (0..10).filter(|&scene| pace.is_due(scene)).count()
    }

    #[test]
    fn who_asks_for_less_gets_less() {
        for (rate, frames) in [(0, 1), (1, 1), (2, 2), (4, 2), (5, 5), (9, 5), (10, 10), (255, 10)] {
            assert_eq!(frames_of(Pace::new(rate)), frames, "{rate}");
        }
    }

    #[test]
    fn who_cannot_keep_up_is_sent_less_and_tried_again_ever_later() {
        let mut pace = Pace::new(10);
        for frames in [5, 2, 1, 1] {
            pace.fell_behind();
            assert_eq!(frames_of(pace), frames);
        }
        let until_brisker = |pace: &mut Pace| {
            let before = frames_of(*pace);
            let mut acknowledged = 0;
            while frames_of(*pace) == before {
                pace.kept_up();
                acknowledged += 1;
                assert!(acknowledged <= TRIAL_MAX);
            }
            acknowledged
        };
        let first = until_brisker(&mut pace);
        pace.fell_behind();
        let second = until_brisker(&mut pace);
        assert_eq!(second, first * 2);
        // Nobody gets more than was asked for.
        let mut pace = Pace::new(5);
        (0..TRIAL_MAX * 3).for_each(|_| pace.kept_up());
        assert_eq!(frames_of(pace), 5);
    }
}
