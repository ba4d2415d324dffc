//! Benches at a tiny size, so that they cannot rot between the days somebody measures.

#[path = "../benches/engine.rs"]
#[allow(dead_code, reason = "the bench has a main of its own")]
mod engine;

#[test]
fn the_engine_bench_runs_and_repeats() {
    let (once, again) = (engine::grid(2), engine::grid(2));
    assert!(once.updates > 1000, "the town is empty: {} updates", once.updates);
    assert_eq!(once.state_hash, again.state_hash);
}
