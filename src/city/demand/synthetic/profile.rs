//! How trips spread over the day.

use crate::primitives::SimTime;

/// Relative intensity of departures over the day: straight lines between corners, repeated every day.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Hour of the day and intensity, hours increasing from 0 to 24.
    corners: Vec<(f64, f64)>,
}

impl Profile {
    /// The same at every hour.
    pub fn flat() -> Self {
        Self { corners: vec![(0.0, 1.0), (24.0, 1.0)] }
    }

    /// A weekday in a town: a sharp peak around 07:45, a broad one around 16:45, little at night. An assumed shape, not one
    /// fitted to counts; a study with counts gives its own by [`Profile::through`].
    pub fn weekday() -> Self {
        let corners = [
            (0.0, 0.1),
            (4.5, 0.05),
            (6.0, 0.4),
            (7.75, 1.0),
            (9.0, 0.7),
            (12.0, 0.6),
            (15.0, 0.75),
            (16.75, 0.95),
            (18.0, 0.75),
            (20.0, 0.4),
            (24.0, 0.1),
        ];
        Self { corners: corners.to_vec() }
    }

    /// A profile through corners of hour and intensity; none unless hours rise from 0 to 24 and no intensity is negative.
    pub fn through(corners: Vec<(f64, f64)>) -> Option<Self> {
        let rises = corners.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let whole_day = corners.first().is_some_and(|c| c.0.abs() < 1e-9)
            && corners.last().is_some_and(|c| (c.0 - 24.0).abs() < 1e-9);
        let sound = corners.iter().all(|c| c.1.is_finite() && c.1 >= 0.0);
        (rises && whole_day && sound).then_some(Self { corners })
    }

    /// Intensity at an instant, relative to the others.
    pub fn intensity(&self, time: SimTime) -> f64 {
        let hour = (time.as_seconds() / 3600.0).rem_euclid(24.0);
        let pair = self.corners.windows(2).find(|pair| hour <= pair[1].0);
        pair.map_or(0.0, |pair| {
            let ((a, low), (b, high)) = (pair[0], pair[1]);
            low + (high - low) * (hour - a) / (b - a)
        })
    }

    /// The instant before which the share `part` of the trips between two instants has begun; evenly if the profile is zero.
    pub(super) fn quantile(&self, begin: SimTime, end: SimTime, part: f64) -> SimTime {
        const PIECES: u32 = 240;
        let (from, span) = (begin.as_seconds(), (end - begin).as_seconds());
        let at = |piece: f64| SimTime::seconds(from + span * piece / f64::from(PIECES));
        let weights: Vec<f64> = (0..PIECES).map(|piece| self.intensity(at(f64::from(piece) + 0.5))).collect();
        let total: f64 = weights.iter().sum();
        if total <= 0.0 {
            return at(part * f64::from(PIECES));
        }
        let mut left = part * total;
        for (piece, weight) in (0..PIECES).zip(weights) {
            if left < weight {
                return at(f64::from(piece) + left / weight);
            }
            left -= weight;
        }
        at(f64::from(PIECES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peak that comes at the wrong hour sends the city to work at noon.
    #[test]
    fn half_of_a_symmetric_peak_is_past_at_its_top() {
        let tent =
            Profile::through(vec![(0.0, 0.0), (7.0, 0.0), (8.0, 1.0), (9.0, 0.0), (24.0, 0.0)]).expect("it is sound");
        let (begin, end) = (SimTime::seconds(7.0 * 3600.0), SimTime::seconds(9.0 * 3600.0));
        assert!((tent.quantile(begin, end, 0.5).as_seconds() - 8.0 * 3600.0).abs() < 1.0);
        assert!((tent.quantile(begin, end, 0.125).as_seconds() - 7.5 * 3600.0).abs() < 5.0);
        assert_eq!(Profile::through(vec![(0.0, 1.0), (3.0, -1.0), (24.0, 1.0)]), None);
    }
}
