//! A comparison as a whole: what must be the same, what is made once, and what a page may hold.
//!
//! ```text
//!   A ──west (300 m)──> J ──east (300 m)──> B      cars by chance, a bus now and then
//! ```

mod access;
mod passengers;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::city::scenario::{self, LoadedScenario, Overrides, fork};
use crate::primitives::random::Seed;
use crate::primitives::text::Findings;

const NET: &str = r#"<net version="1.20">
    <edge id=":J_0" function="internal"><lane id=":J_0_0" index="0" speed="13.9" length="4" shape="298,-1.6 302,-1.6"/></edge>
    <edge id="west" from="A" to="J" priority="1"><lane id="west_0" index="0" speed="13.9" length="298" shape="0,-1.6 298,-1.6"/></edge>
    <edge id="east" from="J" to="B" priority="1"><lane id="east_0" index="0" speed="13.9" length="298" shape="302,-1.6 600,-1.6"/></edge>
    <junction id="A" type="dead_end" x="0" y="0" incLanes="" intLanes="" shape="0,0"/>
    <junction id="J" type="priority" x="300" y="0" incLanes="west_0" intLanes=":J_0_0" shape="298,0 302,0">
        <request index="0" response="0" foes="0" cont="0"/></junction>
    <junction id="B" type="dead_end" x="600" y="0" incLanes="east_0" intLanes="" shape="600,0"/>
    <connection from="west" to="east" fromLane="0" toLane="0" via=":J_0_0" dir="s" state="M"/>
    <connection from=":J_0" to="east" fromLane="0" toLane="0" dir="s" state="M"/></net>"#;

const ROUTES: &str = r#"<routes>
    <vType id="car" vClass="passenger"/><vType id="bus" vClass="bus"/><route id="through" edges="west east"/>
    <flow id="cars" type="car" route="through" begin="0" end="200" probability="0.2"/>
    <flow id="buses" type="bus" route="through" begin="0" end="200" period="70"/></routes>"#;

/// A scenario in a folder of its own, with the keys of `more`.
fn street(folder: &Path, more: &str) -> PathBuf {
    std::fs::write(folder.join("street.net.xml"), NET).expect("a net");
    std::fs::write(folder.join("street.rou.xml"), ROUTES).expect("routes");
    let file = folder.join("street.yaml");
    let text = format!(
        "citytwin: 1\nname: Street <b>\nquestion: Does \"it\" help & whom?\nmap: {{ sumo-net: street.net.xml }}\n\
         time: {{ start: 00:00, run: 5 min }}\ndemand:\n  - sumo-routes: {{ files: [street.rou.xml] }}\n\
         outputs: {{ road-interval: 1 min }}\nseed: 7\n{more}"
    );
    std::fs::write(&file, text).expect("a scenario");
    file
}

/// Variants that the tests know: `slow` and `slower` are the street with other top speeds.
fn dressed(file: &Path, variant: &str, seed: u64) -> Result<LoadedScenario, Findings> {
    let overrides = Overrides { seed: Some(Seed(seed)), ..Overrides::default() };
    let mut loaded = scenario::load(file, &overrides)?;
    let limit = match variant {
        "slow" => 8.0,
        "slower <i>" => 5.0,
        _ => return Ok(loaded),
    };
    let demand = std::sync::Arc::make_mut(&mut loaded.demand);
    for kind in &mut demand.kinds {
        kind.speed_max = crate::primitives::Speed::metres_per_second(limit);
    }
    Ok(loaded)
}

fn design(file: &Path, variants: &[&str], seeds: Option<Vec<u64>>) -> (Design, LoadedScenario) {
    let loaded = scenario::load(file, &Overrides::default()).unwrap_or_else(|wrong| panic!("{:?}", wrong.problems()));
    let variant =
        |name: &&str| Variant { name: (*name).to_owned(), changes: vec![format!("is {name}")], city: String::new() };
    let variants = variants.iter().map(variant).collect();
    (Design::new(PathBuf::from("street.yaml"), &loaded, variants, seeds), loaded)
}

/// What a sweep did.
#[derive(Debug, Default)]
struct Seen {
    made: usize,
    planned: Vec<(usize, usize)>,
}

/// Makes a comparison; interrupted after so many runs, if any.
fn compare(
    (file, design, base): (&Path, &Design, &LoadedScenario),
    folder: &Path,
    jobs: usize,
    stop_after: Option<usize>,
) -> (Result<Completed, SweepError>, Seen) {
    let seen = Mutex::new(Seen::default());
    let finished = AtomicUsize::new(0);
    let result = {
        let load = |variant: &str, seed: u64| dressed(file, variant, seed);
        let sweep = Sweep {
            design,
            folder,
            jobs,
            identity: "a test",
            load: &load,
            interrupted: &|| stop_after.is_some_and(|most| finished.load(Ordering::SeqCst) >= most),
            tell: &|told| match told {
                Told::Planned { runs, kept } => seen.lock().expect("one thread").planned.push((runs, kept)),
                Told::Finished => {
                    finished.fetch_add(1, Ordering::SeqCst);
                    seen.lock().expect("one thread").made += 1;
                }
                Told::Advanced(_) => {}
            },
        };
        Hold::take(folder, None)
            .and_then(|_hold| sweep.whole())
            .and_then(|records| complete(design, &records, &base.network, folder))
    };
    (result, seen.into_inner().expect("one thread"))
}

fn bytes(folder: &Path) -> Vec<Vec<u8>> {
    FILES.iter().map(|name| std::fs::read(folder.join(name)).expect(name)).collect()
}

/// Common random numbers: who changes nothing differs by nothing, not merely by little.
#[test]
fn a_variant_that_changes_nothing_differs_by_exactly_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = street(folder.path(), "");
    let (design, base) = design(&file, &["base", "same"], Some(vec![3, 4, 5]));
    let (completed, _) = compare((&file, &design, &base), &folder.path().join("out"), 2, None);
    let completed = completed.expect("a comparison");
    let lines = &completed.analysis.variants[1].lines;
    assert!(lines.len() > 30, "{}", lines.len());
    for line in lines {
        assert_eq!(line.finding, Finding::Same, "{}", line.measure);
        assert!(line.paired.difference.ends.is_none_or(|(low, high)| high <= low), "{}", line.measure);
    }
    let gains = &completed.analysis.variants[1].gains[0];
    assert_eq!((gains.faster.value, gains.slower.value, gains.change.value), (0.0, 0.0, 0.0));
    assert!(gains.trips > 20.0);
    assert_eq!(completed.verdicts, ["same: exactly the same in every run and every measure."]);
    // The runs themselves differ by their seeds, or there would be nothing to compare.
    let base = lines[0].paired.base.ends.expect("three runs");
    assert!(base.1 > base.0);
}

/// What is observed is measured, on the page and in the files, and is exactly the same where nothing changes.
#[test]
fn what_is_observed_keeps_the_law_of_no_difference() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let file = street(folder.path(), "");
    let plain = design(&file, &["base", "same"], Some(vec![3, 4]));
    let (completed, seen) = compare((&file, &plain.0, &plain.1), &out, 2, None);
    let unobserved = completed.expect("a comparison").analysis.variants[1].lines.len();
    assert_eq!(seen.made, 4);
    let file = street(folder.path(), "compare: { observe: [queues, headways, safety, noise] }\n");
    let (design, base) = design(&file, &["base", "same", "slow"], Some(vec![3, 4]));
    let (completed, seen) = compare((&file, &design, &base), &out, 2, None);
    assert_eq!(seen.made, 6, "runs that nobody watched were taken for watched ones");
    let completed = completed.expect("a comparison");
    let names = |place: usize| -> Vec<String> {
        completed.analysis.variants[place].lines.iter().map(|line| line.measure.to_string()).collect()
    };
    // The street has no stop and nobody who waits at its end: there are no headways, and its queues have no length.
    assert_eq!(names(1).len(), unobserved + 10);
    for name in [
        "queue-length",
        "queue-longest",
        "queued-vehicles",
        "spill-back",
        "critical-following",
        "close-following",
        "critical-crossing",
        "close-crossing",
        "noise-power",
    ] {
        assert!(names(2).contains(&name.to_owned()), "{name}");
    }
    assert!(completed.analysis.variants[1].is_same());
    // Watching changes nothing of what is watched.
    let states = |name: &str| -> Vec<String> {
        let rows = csv::Reader::from_path(out.join("runs.csv")).expect("runs").into_records().flatten();
        rows.filter(|row| &row[0] == name).map(|row| row[3].to_owned()).collect()
    };
    assert_eq!(states("base"), states("same"));
}

/// Stated engines and prices make measures, which are exactly the same where nothing changes.
#[test]
fn what_is_stated_is_reckoned_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let keys = "compare: { effects: { engines: { car: petrol-euro-6, bus: diesel-euro-vi }, value-of-time: { car: 36 EUR/h, bus: \
                0 EUR/h }, fuel-price: 2 EUR/kg, co2-price: 100 EUR/t } }\n";
    let file = street(folder.path(), keys);
    let (design, base) = design(&file, &["base", "same", "slow"], Some(vec![3, 4]));
    let completed = compare((&file, &design, &base), &out, 2, None).0.expect("a comparison");
    assert!(completed.analysis.variants[1].is_same());
    let value = |name: &str| {
        let line = completed.analysis.variants[2].lines.iter().find(|line| line.measure.to_string() == name);
        line.unwrap_or_else(|| panic!("no {name}")).paired.variant.value
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6 * b.abs(), "{a} is not {b}");
    near(value("exhaust-covered"), 100.0);
    near(value("fuel"), value("fuel.car") + value("fuel.bus"));
    near(value("fuel-cost"), 2.0 * value("fuel"));
    near(value("exhaust-cost"), 0.1 * value("co2"));
    near(value("cost"), value("time-cost") + value("fuel-cost") + value("exhaust-cost"));
    // Between petrol of 1.8 and diesel of 2 atoms of hydrogen.
    let carbon = value("co2") / value("fuel");
    assert!((3.137..3.184).contains(&carbon), "{carbon}");
    let page = std::fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("Money is in EUR"));
}

/// The air beside the roads follows the traffic, and is told with what it is held against.
#[test]
fn the_air_beside_the_roads_is_observed() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let keys = "weather: { sky: dry, wind: 2 m/s, wind-from: 200 }\ncompare: { observe: [air], effects: { engines: { car: diesel-euro-5 }, \
                primary-no2: 30 %, background: { no2: 20 ug/m3, ozone: 60 ug/m3, pm2-5: 9 ug/m3 } } }\n";
    let file = street(folder.path(), keys);
    let (design, base) = design(&file, &["base", "same", "slow"], Some(vec![3, 4]));
    let completed = compare((&file, &design, &base), &out, 2, None).0.expect("a comparison");
    assert!(completed.analysis.variants[1].is_same());
    let lines = &completed.analysis.variants[2].lines;
    let line = |name: &str| lines.iter().find(|line| line.measure.to_string() == name);
    let value = |name: &str| line(name).unwrap_or_else(|| panic!("no {name}")).paired.variant.value;
    // About 720 cars an hour of 0.6 g/km; and five minutes are no hour to be held against a limit.
    assert!((1.0..60.0).contains(&value("nox-highest")), "{}", value("nox-highest"));
    assert!(value("nox-roadside") <= value("nox-highest") && value("no2-highest") > 20.0);
    assert!(line("no2-over-hour").is_none() && line("pm2-5-over-day").is_none());
    let roads = &completed.analysis.variants[0].air;
    assert_eq!(roads.keys().collect::<Vec<_>>(), ["east", "west"]);
    let page = std::fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("id=\"air\"") && page.contains("ozone limiting method"));
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("comparison.json")).expect("JSON")).expect("JSON");
    assert!(json["variants"][0]["air_at_10_m"][1]["no2_highest_hour_ug_m3"].as_f64().is_some_and(|no2| no2 > 20.0));
}

/// What was counted is held against the base alone, and stands on the page and in the files.
#[test]
fn the_base_is_held_against_what_was_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a table");
    write("counts.csv", "road,begin,end,count\nwest,00:00,00:05,40\neast,01:00,02:00,900\n");
    // 298 m and 4 m and 298 m at 13.9 m/s.
    write("times.csv", "from,to,begin,end,seconds\nwest,east,00:00,00:05,43\n:J_0,east,00:00,00:05,22\n");
    let keys = "calibration: { counts: counts.csv, travel-times: times.csv }\n";
    let wrong =
        scenario::load(&street(folder.path(), keys), &Overrides::default()).expect_err("a path across a junction");
    assert!(
        wrong.problems()[0].to_string().contains("times.csv:3:1: there is no road `:J_0`"),
        "{:?}",
        wrong.problems()
    );
    write("times.csv", "from,to,begin,end,seconds\nwest,east,00:00,00:05,43\n");
    let file = street(folder.path(), keys);
    let (design, base) = design(&file, &["base", "slow"], Some(vec![3, 4]));
    let completed = compare((&file, &design, &base), &out, 2, None).0.expect("a comparison");
    let fit = completed.analysis.fit.expect("tables");
    assert_eq!((fit.flows.len(), fit.journeys.len(), fit.outside), (1, 1, 1));
    // Every run's departures by chance, and those with a timetable: about 0.2 · 200 + 3 in five minutes.
    assert!((20.0 * 12.0..70.0 * 12.0).contains(&fit.flows[0].modelled), "{fit:?}");
    // Everybody sets out on the first road, and is not timed.
    assert_eq!((fit.journeys[0].modelled_s, fit.criteria.len()), (None, 5));
    let page = std::fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("id=\"calibration\"") && page.contains("GEH by hour"));
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("comparison.json")).expect("JSON")).expect("JSON");
    assert_eq!(json["calibration"]["flows"][0]["road"], "west");
}

const EXPECTED: &str = "compare: { measures: [travel-time, travel-time.bus.p95], noticeable: 5 s }\nexpect:\n  \
    - { variant: base, measure: travel-time, value: \"< 10 min\" }\n  \
    - { variant: base, measure: travel-time.bus, value: \"> 1 h\" }\n  \
    - { variant: base, measure: ambulance-response, value: \"<= 8 min\" }\n";

#[test]
fn what_is_slower_is_found_worse_and_expectations_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = street(folder.path(), EXPECTED);
    let (design, base) = design(&file, &["base", "slow"], Some(vec![1, 2, 3, 4]));
    let (completed, _) = compare((&file, &design, &base), &folder.path().join("out"), 2, None);
    let completed = completed.expect("a comparison");
    let line = |name: &str| {
        let lines = &completed.analysis.variants[1].lines;
        lines.iter().find(|line| line.measure.to_string() == name).unwrap_or_else(|| panic!("no {name}")).clone()
    };
    assert_eq!((line("travel-time").finding, line("network-speed").finding), (Finding::Worse, Finding::Worse));
    assert!(line("travel-time").paired.difference.value > 20.0, "{:?}", line("travel-time").paired);
    assert!(line("travel-time").p_worse.is_some_and(|p| p > 0.99));
    assert!(completed.analysis.variants[1].gains[0].slower.value > 0.5);
    let verdicts: Vec<Verdict> = completed.gates.iter().map(|gate| gate.verdict).collect();
    assert_eq!(verdicts, [Verdict::Holds, Verdict::Fails, Verdict::Unsaid]);
    assert!(completed.verdicts[0].contains("travel time +"), "{}", completed.verdicts[0]);
}

/// As many jobs as there are, stopped and gone on with, or at one go: it comes to the same bytes, and no run is made twice.
#[test]
fn an_interrupted_comparison_goes_on_and_comes_to_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = street(folder.path(), EXPECTED);
    let (design, base) = design(&file, &["base", "slow", "slower <i>"], Some(vec![1, 2]));
    let what = (file.as_path(), &design, &base);
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    let (whole, seen) = compare(what, &one, 3, None);
    whole.expect("a comparison");
    assert_eq!((seen.made, seen.planned), (6, vec![(6, 0)]));

    let (stopped, seen) = compare(what, &two, 1, Some(2));
    assert!(matches!(stopped, Err(SweepError::Interrupted)), "{stopped:?}");
    assert_eq!(seen.made, 2);
    assert!(!two.join("comparison.json").exists());
    let (went_on, seen) = compare(what, &two, 2, None);
    went_on.expect("a comparison");
    assert_eq!((seen.made, seen.planned), (4, vec![(4, 2)]));
    assert_eq!(bytes(&one), bytes(&two));

    // A record cut short, as no kill leaves one, is no record.
    let record = std::fs::read_dir(two.join("runs")).expect("runs").flatten().map(|entry| entry.path());
    let record = record.filter(|path| !path.to_string_lossy().contains("details")).min().expect("a record");
    std::fs::write(&record, "{").expect("damage");
    let (mended, seen) = compare(what, &two, 2, None);
    mended.expect("a comparison");
    assert_eq!((seen.made, bytes(&one) == bytes(&two)), (1, true));
}

/// What the city is made of counts, not how the file looks: a comment makes nothing anew, another fleet everything.
#[test]
fn runs_are_made_anew_when_the_city_is_another_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let run = |more: &str| {
        let file = street(folder.path(), more);
        let (design, base) = design(&file, &["base", "slow"], Some(vec![1, 2]));
        let details = |out: &Path| {
            let entries = std::fs::read_dir(out.join("runs")).map(|entries| entries.flatten().collect::<Vec<_>>());
            let times = entries.unwrap_or_default().into_iter().map(|entry| (entry.file_name(), entry.metadata()));
            let mut times: Vec<_> =
                times.map(|(name, about)| (name, about.and_then(|about| about.modified()).ok())).collect();
            times.retain(|(name, _)| name.to_string_lossy().contains("details"));
            times.sort();
            times
        };
        let before = details(&out);
        compare((&file, &design, &base), &out, 2, None).0.expect("a comparison");
        before == details(&out)
    };
    assert!(!run(""), "nothing was there");
    assert!(run("# a comment\ncompare: { noticeable: 1 s }\n"), "a comment made runs anew");
    assert!(!run("fleet: { headway: 3 s }\n"), "another fleet was taken for the same city");
}

#[test]
fn runs_are_added_until_the_intervals_are_narrow() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = |precision: &str| {
        format!("compare: {{ min-runs: 2, max-runs: 5, precision: {precision}, measures: [travel-time] }}\n")
    };
    let runs = |precision: &str| {
        let file = street(folder.path(), &rules(precision));
        let (design, base) = design(&file, &["base", "slow"], None);
        let completed = compare((&file, &design, &base), &folder.path().join("out"), 2, None).0.expect("a comparison");
        (completed.analysis.seeds, completed.rule)
    };
    let (seeds, rule) = runs("100 %");
    assert_eq!((seeds, rule.contains("(reached)")), (vec![7, 8], true), "{rule}");
    let (seeds, rule) = runs("0.1 %");
    assert_eq!((seeds, rule.contains("(not reached")), (vec![7, 8, 9, 10, 11], true), "{rule}");
}

#[test]
fn shares_work_side_by_side_and_nobody_else_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = street(folder.path(), "");
    let (design, base) = design(&file, &["base", "slow"], Some(vec![1, 2]));
    let out = folder.path().join("out");
    let [first, second] = [Share { number: 1, of: 2 }, Share { number: 2, of: 2 }];
    {
        let _one = Hold::take(&out, Some(first)).expect("a share");
        let _two = Hold::take(&out, Some(second)).expect("another share");
        assert!(matches!(Hold::take(&out, Some(first)), Err(SweepError::Busy(_))), "the same share twice");
        assert!(matches!(Hold::take(&out, None), Err(SweepError::Busy(_))), "the whole beside a share");
    }
    let finished = AtomicUsize::new(0);
    let load = |variant: &str, seed: u64| dressed(&file, variant, seed);
    for share in [first, second] {
        let sweep = Sweep {
            design: &design,
            folder: &out,
            jobs: 1,
            identity: "a test",
            load: &load,
            interrupted: &|| false,
            tell: &|told| {
                finished.fetch_add(usize::from(told == Told::Finished), Ordering::SeqCst);
            },
        };
        sweep.share(share).expect("a share");
        assert_eq!(finished.load(Ordering::SeqCst), 2 * share.number as usize);
    }
    let (gathered, seen) = compare((&file, &design, &base), &out, 1, None);
    gathered.expect("a comparison");
    assert_eq!((seen.made, seen.planned), (0, vec![(0, 4)]));
}

/// Names come from files by anybody; nothing of them may act in the browser, and nothing of the page may load anything.
#[test]
fn the_page_holds_everything_and_lets_nothing_act() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = street(folder.path(), EXPECTED);
    let (design, base) = design(&file, &["base", "slower <i>"], Some(vec![1, 2]));
    let out = folder.path().join("out");
    compare((&file, &design, &base), &out, 2, None).0.expect("a comparison");
    let page = std::fs::read_to_string(out.join("report.html")).expect("a page");
    for part in [
        "Street &lt;b&gt;",
        "Does &quot;it&quot; help &amp; whom?",
        "slower &lt;i&gt;",
        "id=\"validity\"",
        "id=\"changed\"",
        "id=\"measures\"",
        "id=\"map-svg\"",
        "id=\"over-time\"",
        "id=\"gains\"",
        "id=\"again\"",
        "does not hold",
        "cannot be said",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    for part in ["<b>", "slower <i>", "http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(part), "{part} is on the page");
    }
    assert!(page.len() < 5 << 20);
    let json = std::fs::read(out.join("comparison.json")).expect("JSON");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(json["variants"][1]["name"], "slower <i>");
    assert_eq!(json["again"]["command"], "citytwin compare street.yaml --seeds 1,2");
    let mut csv = csv::Reader::from_path(out.join("runs.csv")).expect("runs");
    assert_eq!(csv.records().filter_map(Result::ok).count(), 4);
}

/// Also where everybody's way is looked for in many iterations, and the record says what came of it.
#[test]
fn equilibria_of_the_same_city_differ_by_exactly_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let rule = |iterations: u32| {
        format!("routing: equilibrium\nequilibrium: {{ gap: 0.1 %, iterations: {iterations}, interval: 1 min }}\n")
    };
    let file = fork::scenario(folder.path(), &rule(2));
    let out = folder.path().join("out");
    let (plan, base) = design(&file, &["base", "same"], Some(vec![3, 4]));
    let (completed, seen) = compare((&file, &plan, &base), &out, 2, None);
    let completed = completed.expect("a comparison");
    assert_eq!(completed.verdicts, ["same: exactly the same in every run and every measure."]);
    assert_eq!(seen.made, 4);
    let page = std::fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("Runs short of the equilibrium <span class=\"value\">4 of 4"), "a flag asks for attention");
    let runs = super::record::read(&out, "base", 3).expect("a record");
    assert_eq!(runs.convergence.expect("ways were looked for").iterations.len(), 2);
    // Another rule is another run.
    fork::scenario(folder.path(), &rule(1));
    let (plan, base) = design(&file, &["base", "same"], Some(vec![3, 4]));
    let (completed, seen) = compare((&file, &plan, &base), &out, 2, None);
    completed.expect("a comparison");
    assert_eq!(seen.planned, [(4, 0)], "nothing kept fits");
    assert_eq!(
        super::record::read(&out, "base", 3).and_then(|one| one.convergence).map(|one| one.iterations.len()),
        Some(1)
    );
}

/// What advice is given by is learnt once for a variant, is told, and is part of what a run is known by.
#[test]
fn predictions_are_learnt_once_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let keys = |days: u32| {
        format!(
            "interventions:\n  live:\n    - rerouting-advice: {{ share: 100 %, every: 1 min }}\n  predicted:\n    \
             - rerouting-advice: {{ share: 100 %, every: 1 min, times: predicted, days: {days} }}\n\
             variants: {{ none: [], live: [live], predicted: [predicted] }}\ncompare: {{ against: none }}\n"
        )
    };
    let out = folder.path().join("out");
    let compared = |days: u32, jobs: usize, out: &Path| {
        let file = fork::scenario(folder.path(), &keys(days));
        let loaded = scenario::load(&file, &Overrides::default()).expect("it loads");
        let variants = ["none", "live", "predicted"].map(|name| Variant::of(&loaded.variant(name).expect("a variant")));
        let plan = Design::new(PathBuf::from("fork.yaml"), &loaded, variants.to_vec(), Some(vec![3, 4]));
        let load = |variant: &str, seed: u64| {
            let overrides = Overrides { seed: Some(Seed(seed)), ..Overrides::default() };
            scenario::load(&file, &overrides)?.variant(variant)
        };
        let sweep = Sweep {
            design: &plan,
            folder: out,
            jobs,
            identity: "a test",
            load: &load,
            interrupted: &|| false,
            tell: &|_| {},
        };
        let hold = Hold::take(out, None).expect("nobody else");
        let records = sweep.whole().expect("runs");
        complete(&plan, &records, &loaded.network, out).expect("a comparison");
        drop(hold);
        records
    };
    let records = compared(2, 1, &out);
    let predicted: Vec<_> = records[2].iter().map(|run| run.prediction.expect("it was learnt")).collect();
    assert_eq!(predicted[0], predicted[1], "for every seed the same days");
    assert!(records[0].iter().chain(&records[1]).all(|run| run.prediction.is_none()));
    assert_ne!(records[1][0].state, records[2][0].state, "other travel times, other ways");
    assert_ne!(records[0][0].state, records[2][0].state, "advice is followed");
    let page = std::fs::read_to_string(out.join("report.html")).expect("a page");
    assert!(page.contains("Predicted delays are off by"));
    let again = compared(2, 2, &folder.path().join("again"));
    assert_eq!(again, records, "also side by side");
    let other = compared(1, 1, &out);
    assert_ne!(other[2][0].city, records[2][0].city, "other days are another run");
    assert_eq!(other[0][0].city, records[0][0].city);
}
