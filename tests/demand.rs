//! Travel demand through the front door: matrices in scenarios, projects made of maps, and what is said when something does not fit.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the program in `folder`.
fn citytwin(folder: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_citytwin")).args(words).current_dir(folder).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder").flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Streets of a square grid, 4 by 4, 200 m apart, of which the second from the south is a main road that leads beyond the map.
fn town() -> String {
    let place = |column: i32, row: i32| (10.0 + f64::from(column) * 0.0028, 50.0 + f64::from(row) * 0.0018);
    let mut osm = String::from(
        "<osm version=\"0.6\">\n<bounds minlon=\"9.9985\" minlat=\"49.999\" maxlon=\"10.0099\" maxlat=\"50.0064\"/>\n",
    );
    for row in 0..4 {
        for column in -1..5 {
            let (lon, lat) = place(column, row);
            let _ = writeln!(osm, "<node id=\"{}\" lon=\"{lon:.6}\" lat=\"{lat:.6}\"/>", 100 * (row + 1) + column + 1);
        }
    }
    let mut way = |id: i32, nodes: &[i32], kind: &str, name: &str| {
        let refs: String = nodes.iter().fold(String::new(), |refs, node| refs + &format!("<nd ref=\"{node}\"/>"));
        let tags = format!("<tag k=\"highway\" v=\"{kind}\"/><tag k=\"name\" v=\"{name}\"/>");
        let _ = writeln!(osm, "<way id=\"{id}\">{refs}{tags}</way>");
    };
    for row in 0..4 {
        let inner: Vec<i32> = (0..4).map(|column| 100 * (row + 1) + column + 1).collect();
        if row == 1 {
            let whole: Vec<i32> = (-1..5).map(|column| 100 * (row + 1) + column + 1).collect();
            way(10 + row, &whole, "secondary", "Market Road");
        } else {
            way(10 + row, &inner, "residential", &format!("Row {row}"));
        }
    }
    for column in 0..4 {
        let nodes: Vec<i32> = (0..4).map(|row| 100 * (row + 1) + column + 1).collect();
        way(20 + column, &nodes, "residential", &format!("Column {column}"));
    }
    osm + "</osm>\n"
}

#[test]
fn a_project_made_of_a_map_runs_and_compares_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("town.osm"), town()).expect("a file");
    let output = citytwin(folder.path(), &["new", "town.osm", "--out", "town"]);
    let told = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "town\n".to_owned()), "{told}");
    for part in ["guessed:", "trips in the hour", "people and", "citytwin run town/scenario.yaml"] {
        assert!(told.contains(part), "{part} is missing in:\n{told}");
    }
    assert_eq!(names(folder.path()), ["town", "town.osm"], "and no unfinished folder");
    let project = folder.path().join("town");
    assert_eq!(names(&project), ["README.md", "map", "matrix.csv", "scenario.yaml", "zones.geojson"]);
    assert!(
        read(&project, "README.md").contains("guessed:") && read(&project, "scenario.yaml").contains("Market Road")
    );
    let zones: serde_json::Value = serde_json::from_str(&read(&project, "zones.geojson")).expect("JSON");
    let gates =
        zones["features"].as_array().expect("a list").iter().filter(|zone| zone["properties"]["roads"].is_array());
    assert_eq!(gates.count(), 2, "the main road leaves the map twice");
    let checked = citytwin(&project, &["check", "scenario.yaml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    let run = citytwin(&project, &["run", "scenario.yaml", "--json", "--wire", "off", "--no-report"]);
    let summary: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    let (loaded, arrived) =
        (summary["loaded"].as_u64().expect("a number"), summary["arrived"].as_u64().expect("a number"));
    assert!(loaded > 50 && arrived * 10 > loaded * 8, "{summary:#}");
    assert_eq!(summary["last_resort_moves"].as_u64().unwrap_or(0), 0, "{summary:#}");
    let compared = citytwin(&project, &["compare", "scenario.yaml", "--seeds", "1..3", "--out", "held"]);
    assert_eq!(compared.status.code(), Some(0), "{}", text(&compared.stderr));
    assert!(names(&project.join("held")).contains(&"report.html".to_owned()));
}

#[test]
fn a_project_is_made_whole_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("town.osm", &town());
    write("sea.osm", "<osm version=\"0.6\"><node id=\"1\" lon=\"1\" lat=\"2\"/></osm>");
    write("broken.osm", "<osm version=\"0.6\"><node id=");
    write("people.csv", "lon,lat,people,jobs\n10.001,50.001,many,3\n10.001,50.001,5,-3\n");
    write("away.csv", "lon,lat,people,jobs\n40.0,50.001,20,3\n");
    std::fs::create_dir(folder.path().join("here")).expect("a folder");
    let before = names(folder.path());
    for (words, parts) in [
        (&["new", "town.osm", "--out", "here"][..], &["here: is there already", "choose another name"][..]),
        (&["new", "sea.osm", "--out", "x"], &["no road for motor traffic"]),
        (&["new", "broken.osm", "--out", "x"], &["broken.osm"]),
        (&["new", "missing.osm", "--out", "x"], &["missing.osm: cannot open the file"]),
        (&["new", "town.osm", "--out", "x", "--country", "XX"], &["no rules for a country `XX`"]),
        (
            &["new", "town.osm", "--out", "x", "--points", "people.csv"],
            &["people.csv:2", "`many`", "people.csv:3", "negative", "2 problems"],
        ),
        (&["new", "town.osm", "--out", "x", "--points", "away.csv"], &["no point lies in any zone", "longitude first"]),
        (&["new", "town.osm", "--out", "x", "--bbox", "1,2,3"], &["west,south,east,north"]),
        (&["new", "town.osm"], &["--out"]),
        (&["gravity", "town.osm", "--points", "away.csv", "--out", "x"], &["--trips-per-person"]),
        (
            &["gravity", "town.osm", "--points", "away.csv", "--out", "x", "--trips-per-person", "-1"],
            &["unexpected argument"],
        ),
        (
            &[
                "gravity",
                "town.osm",
                "--points",
                "away.csv",
                "--out",
                "x",
                "--trips-per-person",
                "1",
                "--deterrence",
                "linear:1",
            ],
            &["exponential:0.15"],
        ),
        (
            &["gravity", "town.osm", "--points", "people.csv", "--out", "x", "--trips-per-person", "1"],
            &["people.csv:2"],
        ),
    ] {
        let output = citytwin(folder.path(), words);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {told}");
        for part in parts {
            assert!(told.contains(part), "{part} is missing for {words:?} in:\n{told}");
        }
        assert_eq!(names(folder.path()), before, "{words:?}");
    }
}

#[test]
fn people_and_jobs_become_a_matrix_that_a_scenario_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("town.osm", &town());
    // Homes in the south-west, work in the north-east, and a point in the sea.
    write("people.csv", "lon,lat,people,jobs\n10.0005,50.0002,400,10\n10.008,50.0052,20,300\n10.5,50.0,100,0\n");
    let words = [
        "gravity",
        "town.osm",
        "--points",
        "people.csv",
        "--out",
        "trips",
        "--trips-per-person",
        "0.25",
        "--cell",
        "250 m",
    ];
    let output = citytwin(folder.path(), &words);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("105 trips between 2 zones") && told.contains("left out: 1 points"), "{told}");
    let scenario = "citytwin: 1\nname: Trips\nmap: { osm: town.osm }\ntime: { start: 07:00, run: 5 min }\ndemand:\n  \
        - od: { matrix: trips/matrix.csv, zones: trips/zones.geojson, kind: car, departures: even }\n\
        outputs: { road-interval: 1 min }\n";
    write("a.yaml", scenario);
    let run = citytwin(folder.path(), &["run", "a.yaml", "--json", "--wire", "off", "--no-report"]);
    let summary: serde_json::Value =
        serde_json::from_slice(&run.stdout).unwrap_or_else(|_| panic!("{}", text(&run.stderr)));
    assert_eq!(summary["loaded"], 105, "{summary:#}");
}

#[test]
fn a_matrix_that_does_not_fit_is_explained_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("town.osm", &town());
    let square = |name: &str, west: f64, east: f64| {
        format!(
            "{{\"type\":\"Feature\",\"properties\":{{\"id\":\"{name}\"}},\"geometry\":{{\"type\":\"Polygon\",\"coordinates\":\
             [[[{west},49.99],[{east},49.99],[{east},50.01],[{west},50.01],[{west},49.99]]]}}}}"
        )
    };
    let zones = [square("west", 9.99, 10.004), square("east", 10.004, 10.02), square("sea", 11.0, 11.1)].join(",\n");
    write("zones.geojson", &format!("{{\"type\":\"FeatureCollection\",\"features\":[\n{zones}\n]}}\n"));
    write("am.csv", "origin,destination,trips\nwest,east,10\nwset,east,4\nsea,west,2\n");
    write("worse.csv", "origin,destination,trips\nwest,east,NaN\nwest,east,1\nwest,west,-4\n");
    let scenario = |source: &str| {
        format!(
            "citytwin: 1\nname: Trips\nmap: {{ osm: town.osm }}\ntime: {{ start: 07:00, run: 5 min }}\ndemand:\n  - od: {source}\n"
        )
    };
    for (source, parts) in [
        (
            "{ matrix: am.csv, zones: zones.geojson }",
            &[
                "am.csv:3",
                "the zone `wset` is not drawn",
                "did you mean `west`?",
                "am.csv:4",
                "the zone `sea` has trips but no road",
                "rim: true",
                "2 problems",
            ][..],
        ),
        (
            "{ matrix: worse.csv, zones: zones.geojson }",
            &["worse.csv:2", "worse.csv:3", "given in line 2 already", "worse.csv:4", "3 problems"],
        ),
        ("{ matrix: am.csv, zones: am.csv }", &["is no GeoJSON"]),
        ("{ matrix: zone.geojson, zones: zones.geojson }", &["there is no file", "did you mean `zones.geojson`?"]),
        ("{ matrix: am.csv, zones: zones.geojson, id: NAME }", &["the zone has no `NAME`", "3 problems"]),
        (
            "{ matrix: am.csv, zones: zones.geojson, kind: boat }",
            &["`boat` is no kind of vehicle that drives on roads"],
        ),
        ("{ matrix: am.csv, zones: zones.geojson, from: 07:00 }", &["`from` and `to` belong together"]),
        (
            "{ matrix: am.csv, zones: zones.geojson, from: 09:00, to: 10:00 }",
            &["none of these trips departs within the run"],
        ),
        ("{ matrix: am.csv, zones: zones.geojson, from: 08:00, to: 07:00 }", &["not after `from`"]),
        ("{ matrix: am.csv, zones: zones.geojson, scale: -1 }", &["`scale` cannot be -1"]),
        ("{ matrix: am.csv, zone: zones.geojson }", &["unknown key `zone`", "did you mean `zones`?"]),
    ] {
        write("a.yaml", &scenario(source));
        let output = citytwin(folder.path(), &["run", "a.yaml"]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{source}: {told}");
        for part in parts {
            assert!(told.contains(part), "{part} is missing for {source} in:\n{told}");
        }
    }
    assert!(!names(folder.path()).contains(&"outputs".to_owned()), "nothing was written");
    write("am.csv", "origin,destination,trips\nwest,east,10\nsea,west,2\n");
    write("a.yaml", &scenario("{ matrix: am.csv, zones: zones.geojson, rim: true }"));
    let output = citytwin(folder.path(), &["check", "a.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let schema = text(&citytwin(folder.path(), &["schema"]).stdout);
    assert!(schema.contains("origin,destination,trips"));
    let explained = text(&citytwin(folder.path(), &["explain", "a.yaml"]).stdout);
    assert!(explained.contains("rim: true") && explained.contains("a.yaml:6"), "{explained}");
}

/// Rows of a table by the names of its columns.
fn rows(text: &str) -> Vec<Fields> {
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let head = lines.next().expect("a heading");
    lines.map(|fields| head.iter().cloned().zip(fields).collect()).collect()
}

type Fields = std::collections::BTreeMap<String, String>;

fn number(row: &Fields, key: &str) -> f64 {
    row[key].parse().expect("a number")
}

/// A folder with an hour of a town that was run and counted, `counts.csv`, and with another matrix, `wrong.csv`, in a scenario.
fn counted_hour() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    write("town.osm", &town());
    let made = citytwin(folder.path(), &["new", "town.osm", "--out", "town"]);
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    let truth = read(folder.path(), "town/matrix.csv");
    let scenario = |matrix: &str| {
        format!(
            "citytwin: 1\nname: Counted\nmap: {{ city: town/map }}\ntime: {{ start: 07:00, run: 75 min }}\ndemand:\n  \
             - od: {{ matrix: {matrix}, zones: town/zones.geojson, from: 07:00, to: 08:00, kind: car }}\noutputs: {{ road-interval: 75 min }}\n"
        )
    };
    write("truth.yaml", &scenario("town/matrix.csv"));
    let words = ["run", "truth.yaml", "--out", "hour", "--wire", "off", "--no-report"];
    let run = citytwin(folder.path(), &words);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let mut counts = String::from("road,from,to,vehicles\n");
    for row in rows(&read(folder.path(), "hour/roads.csv")) {
        // The main road and some of the others are counted; all trips are over by the end.
        if row["edge"].len() % 2 == 0 || row["street"] == "Market Road" {
            let _ = writeln!(
                counts,
                "{},07:00,08:00,{}",
                row["edge"],
                number(&row, "entered_veh") + number(&row, "departed_veh")
            );
        }
    }
    write("counts.csv", &counts);
    let mut wrong = String::from("origin,destination,trips\n");
    for row in rows(&truth) {
        let factor = if row["origin"].starts_with("gate") { 2.5 } else { 0.3 };
        let _ = writeln!(wrong, "{},{},{}", row["origin"], row["destination"], factor * number(&row, "trips"));
    }
    write("wrong.csv", &wrong);
    write("wrong.yaml", &scenario("wrong.csv"));
    folder
}

/// A matrix that nobody knows makes an hour of traffic; from a wrong one and the hour's counts the truth comes back.
#[test]
fn a_wrong_matrix_is_put_right_by_counts() {
    let folder = counted_hour();
    let fitted = citytwin(folder.path(), &["fit", "wrong.yaml", "--counts", "counts.csv", "--out", "fitted"]);
    let told = text(&fitted.stderr);
    assert_eq!((fitted.status.code(), text(&fitted.stdout)), (Some(0), "fitted\n".to_owned()), "{told}");
    let table = rows(&read(folder.path(), "fitted/counts.csv"));
    let good = |key: &str| table.iter().filter(|row| number(row, key) < 5.0).count() * 100 / table.len();
    assert!(good("geh_before") < 85 && good("geh_after") >= 85, "{} {}\n{told}", good("geh_before"), good("geh_after"));
    assert!(told.contains("GEH below 5") && told.contains("trips before"), "{told}");
    let cells = |text: &str| -> std::collections::BTreeMap<(String, String), f64> {
        rows(text)
            .iter()
            .map(|row| ((row["origin"].clone(), row["destination"].clone()), number(row, "trips")))
            .collect()
    };
    let truth = cells(&read(folder.path(), "town/matrix.csv"));
    let off = |text: &str| {
        let found = cells(text);
        let square =
            |(pair, trips): (&(String, String), &f64)| (found.get(pair).copied().unwrap_or(0.0) - trips).powi(2);
        truth.iter().map(square).sum::<f64>().sqrt()
    };
    let (before, after) = (off(&read(folder.path(), "wrong.csv")), off(&read(folder.path(), "fitted/matrix.csv")));
    assert!(after < 0.5 * before, "{after} of {before}\n{told}");
    let with = citytwin(folder.path(), &["new", "town.osm", "--out", "again", "--counts", "counts.csv"]);
    assert_eq!(with.status.code(), Some(0), "{}", text(&with.stderr));
    assert!(read(folder.path(), "again/README.md").contains("fitted to counts.csv"));
    assert!(folder.path().join("again/counts.csv").exists());
}

#[test]
fn counts_that_do_not_fit_are_explained_and_nothing_is_left() {
    let folder = counted_hour();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    let counts = read(folder.path(), "counts.csv");
    write(
        "bad.csv",
        "road,from,to,vehicles\nnowhere,07:00,08:00,5\nMarket Road,07:00,08:00,5\n11#0,08:00,07:00,5\n11#0,7 am,08:00,-5\n",
    );
    write("late.csv", &counts.replace("07:00,08:00", "18:00,19:00"));
    write(
        "none.yaml",
        "citytwin: 1\nname: None\nmap: { city: town/map }\ntime: { start: 07:00, run: 5 min }\ndemand:\n  - synthetic: { vehicles: 5 }\n",
    );
    for (words, parts) in [
        (
            &["fit", "wrong.yaml", "--counts", "bad.csv", "--out", "x"][..],
            &["no road `nowhere`", "`Market Road` has", "pieces", "not after", "`7 am`", "negative"][..],
        ),
        (&["fit", "wrong.yaml", "--counts", "late.csv", "--out", "x"], &["no count lies between"]),
        (&["fit", "none.yaml", "--counts", "counts.csv", "--out", "x"], &["has no matrix to fit"]),
        (&["fit", "wrong.yaml", "--counts", "counts.csv", "--out", "x", "--matrix", "2"], &["has no matrix 2, only 1"]),
        (&["fit", "wrong.yaml", "--counts", "counts.csv", "--out", "town"], &["is there already"]),
    ] {
        let output = citytwin(folder.path(), words);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {told}");
        for part in parts {
            assert!(told.contains(part), "{part} is missing for {words:?} in:\n{told}");
        }
        assert!(!folder.path().join("x").exists());
    }
}

/// Ways may be those of the run that was counted, or answer to the fitted traffic; either way the counts are met. What other demand puts on them
/// is not the matrix's.
#[test]
fn ways_in_a_fit_answer_to_traffic() {
    let folder = counted_hour();
    let fit = |words: &[&str], out: &str| {
        let all = [&["fit"], words, &["--counts", "counts.csv", "--out", out]].concat();
        let fitted = citytwin(folder.path(), &all);
        assert_eq!(fitted.status.code(), Some(0), "{}", text(&fitted.stderr));
        let table = rows(&read(folder.path(), &format!("{out}/counts.csv")));
        let good = table.iter().filter(|row| number(row, "geh_after") < 5.0).count() * 100 / table.len();
        (good, text(&fitted.stderr))
    };
    let (good, told) = fit(&["wrong.yaml", "--times", "hour"], "by-run");
    assert!(good >= 85 && told.contains("ways by the times of"), "{good}\n{told}");
    let (good, told) = fit(&["wrong.yaml", "--lane-capacity", "600"], "by-volume");
    assert!(good >= 85 && told.contains("relative gap"), "{good}\n{told}");
    let mut lorries = String::from("origin,destination,trips\n");
    for row in rows(&read(folder.path(), "wrong.csv")).iter().take(20) {
        let _ = writeln!(lorries, "{},{},1", row["origin"], row["destination"]);
    }
    std::fs::write(folder.path().join("lorries.csv"), lorries).expect("a file");
    let second =
        "\n  - od: { matrix: lorries.csv, zones: town/zones.geojson, from: 07:00, to: 08:00, kind: truck }\noutputs";
    let both = read(folder.path(), "wrong.yaml").replace("\noutputs", second);
    std::fs::write(folder.path().join("both.yaml"), both).expect("a file");
    let (good, told) = fit(&["both.yaml", "--matrix", "1"], "beside");
    assert!(good >= 85 && told.contains("other demand, 20 vehicles, is taken off"), "{good}\n{told}");
    let refused =
        citytwin(folder.path(), &["fit", "wrong.yaml", "--counts", "counts.csv", "--times", "town", "--out", "no"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("roads.csv") && !folder.path().join("no").exists());
}

/// Of the ways that somebody drove those are chosen that the counts ask for, and a scenario takes them.
#[test]
fn given_routes_are_driven_as_often_as_counts_say() {
    let folder = counted_hour();
    let exported = citytwin(folder.path(), &["export", "truth.yaml", "--out", "truth.sumocfg"]);
    assert_eq!(exported.status.code(), Some(0), "{}", text(&exported.stderr));
    let words = ["fit", "truth.yaml", "--routes", "truth.rou.xml", "--counts", "counts.csv", "--out", "chosen"];
    let chosen = citytwin(folder.path(), &words);
    let told = text(&chosen.stderr);
    assert_eq!(chosen.status.code(), Some(0), "{told}");
    let table = rows(&read(folder.path(), "chosen/counts.csv"));
    let good = table.iter().filter(|row| number(row, "geh_after") < 5.0).count() * 100 / table.len();
    assert!(good >= 85 && told.contains("vehicles on") && told.contains("GEH below 5"), "{good}\n{told}");
    let again = read(folder.path(), "wrong.yaml");
    let source = again.lines().find(|line| line.contains("- od:")).expect("a matrix");
    let scenario = again.replace(source, "  - sumo-routes: { files: [chosen/routes.rou.xml] }");
    std::fs::write(folder.path().join("chosen.yaml"), scenario).expect("a file");
    let checked = citytwin(folder.path(), &["check", "chosen.yaml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", text(&checked.stderr));
    // Counts of turns that nobody can make are refused, and nothing is left.
    std::fs::write(folder.path().join("turns.csv"), "from,to,begin,end,vehicles\nnowhere,elsewhere,07:00,08:00,4\n")
        .expect("a file");
    let wrong = citytwin(folder.path(), &[&words[..7], &["no", "--turns", "turns.csv"]].concat());
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong.stderr));
    assert!(text(&wrong.stderr).contains("there is no road `nowhere`") && !folder.path().join("no").exists());
}
