//! Access from drawn zones in a comparison: what a run says of it, who loses it, and what is told of that.

use super::*;
use crate::studies::comparison::access::Whose;

/// Two zones where people live, one of them with jobs too, and one with jobs only.
const ZONES: &str = r#"{"type":"FeatureCollection","features":[
{"type":"Feature","geometry":null,"properties":{"id":"west <i>","roads":["west--a"],"people":100,"jobs":0,"income":{"low":80,"high":20}}},
{"type":"Feature","geometry":null,"properties":{"id":"up","roads":["a--up","up--b"],"people":100,"jobs":20,"income":{"low":10,"high":90}}},
{"type":"Feature","geometry":null,"properties":{"id":"east","roads":["b--east"],"people":0,"jobs":80}},
{"type":"Feature","geometry":null,"properties":{"id":"nobody","roads":["mid--b"],"people":0,"jobs":0}}
]}"#;

const KEYS: &str = "interventions:\n  slow:\n    - change-speed: { road: west--a, limit: 5 km/h }\n\
                    variants: { base: [], slow: [slow], same: [] }\n\
                    compare:\n  measures: [access]\n  access: { zones: zones.geojson, within: [3 min, 30 min], groups: [income] }\n";

fn compared(folder: &Path, out: &Path, jobs: usize) -> (Completed, Vec<Vec<Record>>) {
    let file = fork::scenario(folder, KEYS);
    std::fs::write(folder.join("zones.geojson"), ZONES).expect("zones");
    let loaded = scenario::load(&file, &Overrides::default()).unwrap_or_else(|wrong| panic!("{:?}", wrong.problems()));
    let variants = ["base", "slow", "same"].map(|name| Variant::of(&loaded.variant(name).expect("a variant")));
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
    let _hold = Hold::take(out, None).expect("nobody else");
    let records = sweep.whole().expect("runs");
    (complete(&plan, &records, &loaded.network, out).expect("a comparison"), records)
}

/// At 5 km/h the first 300 m take 216 s: nobody of the west gets anywhere within three minutes any more.
#[test]
fn who_lives_behind_a_slow_road_gets_to_less() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let (completed, records) = compared(folder.path(), &out, 1);
    let result = &completed.analysis.variants[1];
    let of = |whose: Whose, limit: usize| {
        result.access.iter().find(|line| line.whose == whose && line.limit == limit).expect("it is there")
    };
    let west = of(Whose::Zone(0), 0);
    assert!(west.base.value > 0.05 && west.variant.value.abs() < 1e-9, "{west:?}");
    let up = of(Whose::Zone(1), 0);
    assert!(up.difference.value > 0.0, "fewer from the west are in its way where the roads meet: {up:?}");
    // Everybody is half of each; groups by how many of them live there.
    let mean = |weights: [f64; 2]| {
        (weights[0] * west.difference.value + weights[1] * up.difference.value) / weights.iter().sum::<f64>()
    };
    for (whose, weights) in
        [(Whose::Everybody, [100.0, 100.0]), (Whose::Group(0, 1), [80.0, 10.0]), (Whose::Group(0, 0), [20.0, 90.0])]
    {
        let told = of(whose.clone(), 0);
        assert!((told.difference.value - mean(weights)).abs() < 1e-9, "{told:?}");
    }
    assert!(result.access.iter().all(|line| line.whose != Whose::Zone(2)), "nobody lives in the east");
    assert!((of(Whose::Zone(0), 1).variant.value - 1.0).abs() < 1e-9, "half an hour is enough");
    // The measure is everybody's, by the first limit.
    let measured: f64 = records[1].iter().map(|run| run.measures["access"]).sum::<f64>() / 2.0;
    assert!((measured - of(Whose::Everybody, 0).variant.value * 100.0).abs() < 1e-6, "{measured}");
    assert!(records[0][0].measures.contains_key("access-gini"));
    assert!(!records[0][0].measures.contains_key("access-hospital"), "the map knows no hospital");
    // Everybody sets out in the west, four fifths of them of low income.
    let gains = &result.group_gains;
    assert_eq!(gains.iter().map(|one| one.0).collect::<Vec<_>>(), [(0, 0), (0, 1)]);
    assert!((gains[1].1.trips / gains[0].1.trips - 4.0).abs() < 1e-9, "{gains:?}");
    assert!(gains[1].1.change.value > 0.0, "they are slower");
    assert!(completed.analysis.variants[2].is_same(), "who changes nothing differs by nothing");
}

#[test]
fn access_is_told_and_is_the_same_on_any_number_of_cores() {
    let folder = tempfile::tempdir().expect("a folder");
    let [one, two] = ["one", "two"].map(|name| folder.path().join(name));
    assert_eq!(compared(folder.path(), &one, 1).1, compared(folder.path(), &two, 2).1);
    assert_eq!(bytes(&one), bytes(&two));
    let page = std::fs::read_to_string(one.join("report.html")).expect("a page");
    for part in ["id=\"access\"", "west &lt;i&gt;", "income low", "slow: jobs within reach", "class=\"zones\""] {
        assert!(page.contains(part), "{part} is missing");
    }
    assert!(!page.contains("<i>"));
    let json = std::fs::read(one.join("comparison.json")).expect("JSON");
    let json: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    let access = json["variants"][1]["access"].as_array().expect("lines");
    // Everybody, two groups and two zones where people live, by two limits.
    assert_eq!(access.len(), 10);
    assert_eq!(access[0]["within_s"], 180.0);
    assert_eq!(access[6]["zone"], "west <i>");
    assert_eq!(json["variants"][1]["gains_by_group"][1]["group"], "income low");
}
