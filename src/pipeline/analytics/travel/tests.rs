//! Travel times that a stopwatch would have shown.

use super::*;

fn window(partition: u16, traversals: u64, ms: i64, speeds: &[i64]) -> TravelWindow {
    let mut sums = TravelSums { traversals, traversal_ms: ms, ..TravelSums::default() };
    for speed in speeds {
        sums.add_fix(*speed);
    }
    TravelWindow::of(&"Elm Street".into(), Timestamp::default(), Some(partition), (500.0, 50.0), sums)
}

#[test]
fn a_border_is_passed_in_proportion_to_the_way() {
    let (a, b) = (RoadRef::default(), RoadRef::default());
    assert_eq!(border((a, 70.0, 1000), (b, 10.0, 5000), 100.0), Some(4000));
    assert_eq!(border((a, 100.0, 1000), (b, 0.0, 5000), 100.0), Some(3000));
    assert_eq!(border((a, 70.0, 1000), (b, 10.0, 32_000), 100.0), None);
    assert_eq!(border((a, 70.0, 1000), (b, 400.0, 5000), 100.0), None);
}

#[test]
fn traversals_tell_better_than_speeds_and_parts_add_up() {
    // One traversal is chance; 36 km/h over 500 m take 50 s.
    let (one, two) = (window(0, 1, 80_000, &[36_000]), window(1, 2, 130_000, &[36_000]));
    assert_eq!((one.travel_s, one.free_s), (Some(50.0), 36.0));
    let whole = merge_travel(&[two.clone(), one.clone()]).expect("parts");
    assert_eq!(merge_travel(&[one, two]), Some(whole.clone()));
    assert_eq!((whole.travel_s, whole.partition), (Some(70.0), None));
    assert_eq!(window(0, 0, 0, &[0, 0]).travel_s, None);
    let roads = [("Elm Street".into(), 500.0, 36.0), ("Oak Street".into(), 100.0, 10.0)];
    let along = corridor(&"c".into(), Timestamp::default(), &roads, &[whole]);
    assert_eq!((along.travel_s, along.free_s, along.told, along.roads), (80.0, 46.0, 1, 2));
}
