//! The gravity model: how many trips lead between places, from how many begin and end in each and how far apart they are.
//!
//! Doubly constrained (Wilson 1967, "A statistical theory of spatial distribution models", Transportation Research 1, 253):
//! `T_ij = A_i O_i B_j D_j f(c_ij)`, with `A` and `B` found by scaling rows and columns in turn (Furness 1965, "Time function
//! iteration", Traffic Engineering and Control 7, 458). Knows no map.

/// How the wish to travel falls with the time it takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Deterrence {
    /// `exp(-β c)`, β [1/min].
    Exponential(f64),
    /// `c^-α`; times below a minute count as a minute.
    Power(f64),
}

impl Deterrence {
    /// Reads `exponential:0.15` or `power:2`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        const HELP: &str = "write `exponential:0.15` (per minute) or `power:2`, the number from 0 to 10";
        let (kind, number) = text.split_once(':').ok_or(HELP)?;
        let number = number.trim().parse::<f64>().ok().filter(|number| (0.0..=10.0).contains(number)).ok_or(HELP)?;
        match kind.trim() {
            "exponential" => Ok(Self::Exponential(number)),
            "power" => Ok(Self::Power(number)),
            _ => Err(HELP.to_owned()),
        }
    }

    /// The factor of a travel time [min].
    fn of(self, minutes: f64) -> f64 {
        match self {
            Self::Exponential(beta) => libm::exp(-beta * minutes),
            Self::Power(alpha) => libm::pow(minutes.max(1.0), -alpha),
        }
    }
}

/// Trips distributed between places.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Trips from each place to each, row by row.
    pub trips: Vec<f64>,
    /// Mean time of a trip on empty roads [min]; zero without trips.
    pub mean_minutes: f64,
    /// Rounds of balancing made.
    pub rounds: u32,
    /// How far the worst row or column is from its total, as a share of all trips.
    pub error: f64,
}

/// The most rounds of balancing.
const ROUNDS_MAX: u32 = 500;
/// Rows and columns closer than this to their totals are balanced, as a share of all trips.
const CLOSE: f64 = 1e-7;

/// Distributes the trips that begin and end in places, `minutes` apart row by row; none where no trip may be.
///
/// Ends are scaled to the same total as beginnings. Places that nothing leads to or from stay without trips, so that totals may not
/// be reached where there are many such pairs; [`Distribution::error`] says by how much.
pub fn distribute(
    origins: &[f64],
    destinations: &[f64],
    minutes: &[Option<f64>],
    deterrence: Deterrence,
) -> Distribution {
    let width = destinations.len();
    let (total, ends): (f64, f64) = (origins.iter().sum(), destinations.iter().sum());
    let mut trips: Vec<f64> = minutes.iter().map(|one| one.map_or(0.0, |minutes| deterrence.of(minutes))).collect();
    if total <= 0.0 || ends <= 0.0 {
        trips.fill(0.0);
        return Distribution { trips, mean_minutes: 0.0, rounds: 0, error: 0.0 };
    }
    let columns: Vec<f64> = destinations.iter().map(|one| one / ends * total).collect();
    let (mut rounds, mut error) = (0, f64::INFINITY);
    while rounds < ROUNDS_MAX && error > CLOSE {
        error = 0.0;
        let mut sums = vec![0.0; width];
        for row in trips.chunks(width) {
            for (sum, cell) in sums.iter_mut().zip(row) {
                *sum += cell;
            }
        }
        let scales: Vec<f64> =
            columns.iter().zip(&sums).map(|(wanted, sum)| if *sum > 0.0 { wanted / sum } else { 0.0 }).collect();
        if rounds > 0 {
            error = columns.iter().zip(&sums).map(|(wanted, sum)| (wanted - sum).abs() / total).fold(0.0, f64::max);
        }
        for (row, wanted) in trips.chunks_mut(width).zip(origins) {
            let sum: f64 = row.iter().zip(&scales).map(|(cell, scale)| cell * scale).sum();
            let own = if sum > 0.0 { wanted / sum } else { 0.0 };
            for (cell, scale) in row.iter_mut().zip(&scales) {
                *cell *= scale * own;
            }
        }
        if rounds == 0 {
            error = f64::INFINITY;
        }
        rounds += 1;
    }
    let all: f64 = trips.iter().sum();
    let times: f64 = trips.iter().zip(minutes).map(|(trips, minutes)| trips * minutes.unwrap_or(0.0)).sum();
    Distribution { mean_minutes: if all > 0.0 { times / all } else { 0.0 }, trips, rounds, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_come_out_as_asked() {
        let (origins, destinations) = ([500.0, 300.0, 200.0], [100.0, 100.0, 1800.0]);
        let minutes: Vec<Option<f64>> = [1.0, 8.0, 15.0, 8.0, 1.0, 9.0, 15.0, 9.0, 2.0].into_iter().map(Some).collect();
        for deterrence in [Deterrence::Exponential(0.15), Deterrence::Power(2.0)] {
            let made = distribute(&origins, &destinations, &minutes, deterrence);
            for i in 0..3 {
                let row: f64 = made.trips[i * 3..i * 3 + 3].iter().sum();
                let column: f64 = (0..3).map(|k| made.trips[k * 3 + i]).sum();
                assert!((row - origins[i]).abs() < 1e-3 && (column - destinations[i] / 2.0).abs() < 1e-3, "{made:?}");
            }
            assert!(made.error < 1e-6 && made.rounds < 100, "{made:?}");
        }
    }

    /// Worked by hand: with both totals alike and β = ln 2 per minute, cells fall by half with every minute.
    #[test]
    fn two_places_alike_share_by_their_distance() {
        let minutes: Vec<Option<f64>> = [0.0, 1.0, 1.0, 0.0].into_iter().map(Some).collect();
        let made = distribute(&[30.0, 30.0], &[1.0, 1.0], &minutes, Deterrence::Exponential(libm::log(2.0)));
        for (cell, wanted) in made.trips.iter().zip([20.0, 10.0, 10.0, 20.0]) {
            assert!((cell - wanted).abs() < 1e-6, "{made:?}");
        }
        assert!((made.mean_minutes - 1.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn pairs_without_a_way_get_nothing_and_that_is_told() {
        let made = distribute(&[10.0, 10.0], &[1.0, 1.0], &[None, Some(1.0), None, Some(1.0)], Deterrence::Power(1.0));
        assert!(made.trips[0].abs() < 1e-12 && made.trips[2].abs() < 1e-12);
        assert!((made.error - 0.5).abs() < 1e-9, "{made:?}");
        assert_eq!(distribute(&[0.0], &[1.0], &[Some(1.0)], Deterrence::Power(1.0)).trips, [0.0]);
    }

    #[test]
    fn deterrence_is_read_or_explained() {
        assert_eq!(Deterrence::parse("exponential:0.15"), Ok(Deterrence::Exponential(0.15)));
        assert_eq!(Deterrence::parse("power: 2"), Ok(Deterrence::Power(2.0)));
        for text in ["", "exponential", "power:-1", "linear:1", "power:inf"] {
            assert!(Deterrence::parse(text).is_err(), "{text}");
        }
    }
}
