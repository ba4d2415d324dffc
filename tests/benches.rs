//! Benches at a tiny size, so that they cannot rot between the days somebody measures.

#[path = "../benches/engine.rs"]
#[allow(dead_code, reason = "the bench has a main of its own")]
mod engine;

#[path = "../benches/coverage.rs"]
#[allow(dead_code, reason = "the bench has a main of its own")]
mod coverage;

/// Two experiments say nothing of coverage; they say that the bench still measures what it names.
#[test]
fn the_coverage_bench_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kept.txt");
    let covered = coverage::coverage(2, Some(&file));
    // One that is kept is not made again: with another result in its place that one counts. What was cut off is made again.
    let text = std::fs::read_to_string(&file).expect("what was kept");
    let first = text.lines().next().expect("the first experiment");
    std::fs::write(&file, format!("{first}\n1 1 2 1 2 1 2 1 2 1 2\n2 1 2 1")).expect("a file");
    let resumed = coverage::coverage(2, Some(&file));
    let alone = coverage::coverage(1, None);
    assert_eq!(resumed, alone, "the second was taken from the file, and covers nothing");
    assert_eq!(covered.len(), 5);
    assert!(covered.iter().all(|(_, count)| *count <= 2) && covered.iter().any(|(_, count)| *count > 0), "{covered:?}");
}

#[test]
fn the_town_bench_runs_and_repeats() {
    let (once, again) = (engine::town(2), engine::town(2));
    assert!(once.updates > 1000, "the town is empty: {} updates", once.updates);
    assert_eq!(once.state_hash, again.state_hash);
}

#[test]
fn every_station_finds_a_cost() {
    let small = [
        engine::town_throughput(2),
        engine::grid_throughput(3),
        engine::growth(4),
        engine::parsing(3000),
        engine::telling(3),
        engine::forking(60),
    ];
    for measured in small {
        assert!(measured.cost.is_finite() && measured.cost > 0.0, "{measured:?}");
    }
}

#[test]
fn the_million_run_is_sound_when_it_is_small() {
    let run = |threads| {
        let grid = engine::grid::Grid { signals: 6, block: 200.0, blocks: 2, vehicles: 900, horizon: 60.0 };
        engine::million_vehicles(&grid, 90.0, threads)
    };
    let (one, two) = (run(1), run(2));
    assert!(one.running > 200, "nobody drives");
    assert_eq!(one.state_hash, two.state_hash);
    assert_eq!(one.laws, citytwin::simulation::outcome::LawCounts::default());
}
