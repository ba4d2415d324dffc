//! The bench of frames at a tiny size; apart from the others, with which it shares what it measures by.

#[path = "../benches/frames.rs"]
#[allow(dead_code, reason = "the bench has a main of its own")]
mod frames;

#[test]
fn frames_of_a_small_city_are_measured() {
    let cost = frames::frames(200, 1.0, 60.0);
    assert!(cost.vehicles > 50.0 && cost.moving > 10.0, "nobody drives: {cost:?}");
    assert!(cost.delta < cost.key, "changes cost more than everything: {cost:?}");
}
