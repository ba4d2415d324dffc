//! Tidiness as a test: what every file of the project owes its reader, and what must never be left behind.

#[path = "common/source.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod source;

use std::path::{Path, PathBuf};

/// Longest file; what is longer hides a second job.
const LINES_MAX: usize = 600;

/// Words that code must not contain, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("todo!", "finish it, or leave it out"),
    ("unimplemented!", "finish it, or leave it out"),
    ("dbg!", "take it out"),
    ("#[ignore", "a test that cannot pass asserts today's wrong answer and says why"),
    ("#[should_panic", "check the error instead"),
    ("sleep(", "wait for the thing itself"),
    ("if false", "take it out"),
    ("mul_add(", "rounds differently where the processor has no such instruction"),
];

/// Words banned in the rooms whose iteration order is behaviour.
const BANNED_IN_STATE: &[(&str, &str)] = &[
    ("HashMap", "its order is chance; use BTreeMap or a sorted Vec"),
    ("HashSet", "its order is chance; use BTreeSet or a sorted Vec"),
];

/// Clocks, and the rooms that may read them.
const CLOCKS: &[&str] = &["Instant", "SystemTime"];
const CLOCK_ROOMS: &[&str] = &[
    "src/cli",
    "src/studies/experiment",
    "src/api",
    "src/twin",
    "tests/alerts.rs",
    "tests/comparison.rs",
    "tests/drill_serve.rs",
    "tests/parts.rs",
    "tests/serve",
    "benches",
    "xtask",
];

/// Every file of Rust in the project.
fn rust_files() -> Vec<PathBuf> {
    ["src", "tests", "benches", "xtask"].iter().flat_map(|folder| source::files(folder, "rs")).collect()
}

/// What is untidy about one file of Rust.
fn untidy(file: &str, text: &str) -> Vec<String> {
    let code = source::code(text);
    let mut found = Vec::new();
    if !text.starts_with("//! ") {
        found.push(format!("{file}:1: does not open with `//!` and what the file is for"));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        found.push(format!("{file}:{lines}: is longer than {LINES_MAX} lines"));
    }
    let in_state = file.starts_with("src/city") || file.starts_with("src/simulation");
    let no_clock = !CLOCK_ROOMS.iter().any(|room| file.starts_with(room));
    let mut complain = |word: &str, instead: &str| {
        for at in source::places_of(&code, word) {
            found.push(format!("{file}:{}: `{word}`: {instead}", source::line_of(&code, at)));
        }
    };
    for (word, instead) in BANNED {
        complain(word, instead);
    }
    if in_state {
        for (word, instead) in BANNED_IN_STATE {
            complain(word, instead);
        }
    }
    if no_clock {
        for clock in CLOCKS {
            complain(clock, "nobody here knows what time it is; time is passed in");
        }
    }
    found
}

#[test]
fn every_file_is_tidy() {
    let found: Vec<String> = rust_files()
        .iter()
        .flat_map(|file| untidy(&file.to_string_lossy().replace('\\', "/"), &source::text(file)))
        .collect();
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn untidiness_is_found_with_its_line() {
    let check = |file: &str, text: &str, expected: &[&str]| {
        let found = untidy(file, text);
        let heads: Vec<&str> = found.iter().filter_map(|complaint| complaint.split(':').nth(1)).collect();
        assert_eq!(heads, expected, "{found:?}");
    };
    let model = "src/city/network/model.rs";
    check(model, "//! Roads.\nfn f() {}\n", &[]);
    check(model, "fn f() {}\n", &["1"]);
    check(model, "//! Roads.\n\nfn f() { todo!() }\n", &["3"]);
    check(model, "//! Roads.\nuse std::collections::HashMap;\n", &["2"]);
    check("src/studies/report/map.rs", "//! Roads.\nuse std::collections::HashMap;\n", &[]);
    check(model, "//! Roads.\n// A HashMap would be wrong; see todo!().\nconst A: &str = \"dbg!\";\n", &[]);
    check(model, "//! Roads.\nfn f() { std::time::Instant::now(); }\n", &["2"]);
    check("src/cli/run.rs", "//! Runs.\nfn f() { std::time::SystemTime::now(); }\n", &[]);
    check(model, "//! Roads.\ntype CityInstant = u8;\n", &[]);
    check(model, "//! Roads.\n#[test]\n#[ignore]\nfn f() {}\n", &["3"]);
    check(model, &format!("//! Roads.\n{}", "\n".repeat(600)), &["601"]);
}

/// A name of a file in a document: its line, the room the heading above it is about, and the name.
type NamedFile = (usize, String, String);

/// Names in backticks and links of a document that look like files of the project.
fn files_named(text: &str) -> Vec<NamedFile> {
    let mut named = Vec::new();
    let mut in_block = false;
    let mut room = String::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            continue;
        }
        if in_block {
            continue;
        }
        if line.starts_with('#') {
            line.split('`').nth(1).unwrap_or_default().clone_into(&mut room);
            continue;
        }
        let quoted = line.split('`').skip(1).step_by(2);
        let linked = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        named.extend(
            quoted
                .chain(linked)
                .filter(|name| is_file_name(name))
                .map(|name| (number + 1, room.clone(), name.to_owned())),
        );
    }
    named
}

/// Whether a word is meant as a file or folder of the project; what a run writes and what a placeholder stands for is not.
fn is_file_name(name: &str) -> bool {
    let plain = !name.contains([' ', '<', '>', '*', '{', '(', ':', '=', '"', '#', '$']);
    let path = name.contains('/') && !name.starts_with('/') && !name.starts_with("..") && !name.starts_with('-');
    let ending = [".rs", ".md", ".toml", ".yaml"].iter().any(|ending| name.ends_with(ending));
    plain && (path || ending) && !name.starts_with("target/") && name != "/"
}

#[test]
fn documents_name_only_what_exists() {
    let mut documents: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(PathBuf::from).to_vec();
    documents.extend(source::files("docs", "md"));
    let mut missing = Vec::new();
    for document in documents {
        for (line, room, name) in files_named(&source::text(&document)) {
            let name = name.split('#').next().unwrap_or_default().trim_end_matches('/');
            let beside = document.parent().unwrap_or(Path::new("")).join(name);
            let places =
                [Path::new("").join(name), Path::new("src").join(name), Path::new("src").join(room).join(name), beside];
            let exists = |place: &PathBuf| {
                let place = source::root().join(place);
                place.exists() || place.with_extension("rs").exists()
            };
            if !places.iter().any(exists) {
                missing.push(format!("{}:{line}: `{name}` does not exist", document.display()));
            }
        }
    }
    assert!(missing.is_empty(), "\n{}\n", missing.join("\n"));
}

#[test]
fn a_document_that_promises_is_found() {
    let named = |text: &str| {
        files_named(text).into_iter().map(|(line, room, name)| format!("{line} {room}{name}")).collect::<Vec<_>>()
    };
    assert_eq!(
        named("See `simulation/step.rs`\nand [the plan](docs/adr/0001-one-package.md)."),
        ["1 simulation/step.rs", "2 docs/adr/0001-one-package.md"]
    );
    assert_eq!(named("`cargo test`, `a/b c`, `x::y`, `maps/<name>/map.json`, `km/h`"), ["1 km/h"]);
    assert_eq!(named("## `city/`\nits `model.rs`"), ["2 city/model.rs"]);
    assert_eq!(named("```\nnot/read.rs\n```\n`read.rs`"), ["4 read.rs"]);
}
