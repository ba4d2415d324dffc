//! Routes whose frequencies are known are found again by counts.

use super::*;
use crate::city::demand::od::geh;
use crate::primitives::random::Purpose;

/// The road from one corner of a grid of `SIDE` × `SIDE` corners to a neighbour: 0 to the east, 1 to the north.
const SIDE: usize = 5;

fn road(x: usize, y: usize, way: usize) -> EdgeId {
    EdgeId::new((y * SIDE + x) * 2 + way)
}

/// All the ways from the south-west corners to north-east ones that go east and north in up to three pieces.
fn candidates() -> Vec<Candidate> {
    let mut list = Vec::new();
    for (x0, y0) in [(0, 0), (1, 0), (0, 1), (0, 2)] {
        for (x1, y1) in [(4, 4), (3, 4), (4, 3), (4, 2)] {
            for bend in x0..=x1 {
                let mut edges: Vec<EdgeId> = (x0..bend).map(|x| road(x, y0, 0)).collect();
                edges.extend((y0..y1).map(|y| road(bend, y, 1)));
                edges.extend((bend..x1).map(|x| road(x, y1, 0)));
                list.push(Candidate { edges, weight: 1.0 });
            }
        }
    }
    list
}

fn hour(hour: f64) -> SimTime {
    SimTime::seconds(hour * 3600.0)
}

fn counted(roads: Vec<EdgeId>, next: Option<EdgeId>, vehicles: f64) -> Count {
    Count { name: format!("{roads:?} {next:?}"), roads, next, from: hour(7.0), to: hour(8.0), vehicles, line: 2 }
}

fn on(candidates: &[Candidate], times: &[u32], edge: EdgeId) -> f64 {
    let pass = |one: &Candidate| f64::from(u8::from(one.edges.contains(&edge)));
    candidates.iter().zip(times).map(|(one, times)| pass(one) * f64::from(*times)).sum()
}

/// Known numbers of vehicles on 72 routes; three of four roads and four turns are counted. All counts are met to a vehicle, the number of all
/// vehicles is found to 1 %, and roads that nobody counted are wrong by less than 0.6 of what they are with equal frequencies. Single
/// routes come out only a little better than that: far more mixes than one put the same on every road.
#[test]
fn known_frequencies_are_found_again() {
    let candidates = candidates();
    let draw = |at: usize| Seed(11).stream(Purpose::OdTrips, 1, at as u64).unit();
    let number = |at: usize| [0.2, 0.35, 0.5, 0.7, 0.85].iter().filter(|bound| draw(at) > **bound).count();
    let truth: Vec<u32> = (0..candidates.len()).map(|at| [0, 0, 3, 8, 20, 45][number(at)]).collect();
    let all: Vec<EdgeId> = (0..SIDE * SIDE * 2).map(EdgeId::new).collect();
    let driven: Vec<EdgeId> = all.into_iter().filter(|edge| on(&candidates, &truth, *edge) > 0.0).collect();
    let is_counted =
        |wanted: bool| driven.iter().enumerate().filter(move |(at, _)| (at % 4 != 3) == wanted).map(|(_, edge)| edge);
    let mut counts: Vec<Count> =
        is_counted(true).map(|edge| counted(vec![*edge], None, on(&candidates, &truth, *edge))).collect();
    for x in 0..SIDE - 1 {
        let pair = (road(x, 0, 0), road(x + 1, 0, 1));
        let turn = |one: &Candidate| one.edges.windows(2).any(|two| (two[0], two[1]) == pair);
        let vehicles: u32 = candidates.iter().zip(&truth).filter(|(one, _)| turn(one)).map(|(_, times)| *times).sum();
        counts.push(counted(vec![pair.0], Some(pair.1), f64::from(vehicles)));
    }
    let sampled = sample(&candidates, &counts, Seed(1), &Place::file("counts.csv")).expect("it fits");
    let [one] = &sampled[..] else { panic!("one interval") };
    for (count, (after, before)) in counts.iter().zip(one.after.iter().zip(&one.before)) {
        assert!(
            (after - count.vehicles).abs() <= 1.0,
            "{}: {after} of {}, {before} before",
            count.name,
            count.vehicles
        );
    }
    let sum = |times: &[u32]| f64::from(times.iter().sum::<u32>());
    assert!((sum(&one.times) / sum(&truth) - 1.0).abs() < 0.01, "{} of {}", sum(&one.times), sum(&truth));
    let routes = u32::try_from(candidates.len()).expect("a small number");
    let equal = vec![truth.iter().sum::<u32>().div_ceil(routes); candidates.len()];
    let apart = |times: &[u32]| {
        let off = |edge: &EdgeId| (on(&candidates, times, *edge) - on(&candidates, &truth, *edge)).abs();
        is_counted(false).map(off).sum::<f64>()
    };
    assert!(apart(&one.times) < 0.6 * apart(&equal), "{} and {}", apart(&one.times), apart(&equal));
    let off = |times: &[u32]| times.iter().zip(&truth).map(|(one, other)| one.abs_diff(*other)).sum::<u32>();
    assert!(f64::from(off(&one.times)) < 0.95 * f64::from(off(&equal)), "{} and {}", off(&one.times), off(&equal));
    // The same seed makes the same choice.
    let again = sample(&candidates, &counts, Seed(1), &Place::file("counts.csv")).expect("it fits");
    assert_eq!(again, sampled);
}

#[test]
fn counts_that_contradict_each_other_are_met_in_the_middle() {
    let (west, east, side) = (EdgeId::new(0), EdgeId::new(1), EdgeId::new(2));
    let candidates =
        vec![Candidate { edges: vec![west, east], weight: 1.0 }, Candidate { edges: vec![side], weight: 1.0 }];
    let mut counts = vec![
        counted(vec![west], None, 100.0),
        counted(vec![east], None, 400.0),
        counted(vec![EdgeId::new(9)], None, 7.0),
    ];
    let place = Place::file("counts.csv");
    let sampled = sample(&candidates, &counts, Seed(1), &place).expect("it fits");
    let one = &sampled[0];
    // By the inverse of their variances: (100 / 100 + 400 / 400) / (1 / 100 + 1 / 400) = 160.
    assert_eq!((one.times.as_slice(), one.unpassed.as_slice(), one.uncounted), (&[160, 0][..], &[2][..], 1));
    assert!(geh(one.best[0], 100.0) > 5.0 && geh(one.best[1], 400.0) > 5.0);
    counts[1].from = hour(7.5);
    let wrong = sample(&candidates, &counts, Seed(1), &place).expect_err("overlap");
    assert_eq!(wrong.problems()[0].message, "counts from 07:30:00 to 08:00:00 overlap those from 07:00:00 to 08:00:00");
    let wrong = sample(&candidates, &counts[2..], Seed(1), &place).expect_err("nothing passes");
    assert_eq!(wrong.problems()[0].message, "no route passes any count");
}
