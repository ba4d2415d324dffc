//! A load from outside: what it measures of a target that stalls, refuses, breaks or is full, and that its books are right.

#[path = "load/kept.rs"]
mod kept;
#[path = "load/posts.rs"]
mod posts;
#[path = "common/program.rs"]
#[allow(dead_code, reason = "each test uses its part of it")]
mod program;
#[path = "load/proxy.rs"]
mod proxy;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use citytwin::primitives::Timestamp;
use citytwin::primitives::random::Seed;
use citytwin::studies::audit::{Journal, Ledger};
use citytwin::studies::load::{Devices, End, Faults, LoadFault, Search, Shape};
use citytwin::telemetry::{Emission, Fate, PayloadFormat, TopicMap, json};
use citytwin::twin::LoadSettings;
use kept::{Kept, load, load_until, phase, settings};
use program::{command, text};
use proxy::Proxy;

/// One load at a time: two at once would measure each other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whoever waits for each answer before sending again sends nothing while its target is down, and so hardly sees it.
#[test]
fn a_target_that_stalls_shows_it_and_hides_it_from_a_client_that_waits() {
    let _alone = alone();
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let proxy = Proxy::before(kept.address);
    let phases = vec![phase("whole", 9.0, Shape::Constant(500.0))];
    let settings =
        LoadSettings { beside: true, ..settings(folder.path(), &format!("mqtt://{}", proxy.address), phases) };
    // It stalls while the schedule goes on, from its 1,000th message to its 3,500th: for 5 s.
    let report = load(&settings, &mut |now| proxy.stall((1000..3500).contains(&now.handed)));
    assert_eq!((&report.end, report.measured.asked, report.unacknowledged()), (&End::Completed, 4500, 0), "{report}");
    let ours = report.measured.latency.p99_us.expect("everything was acknowledged");
    let beside = report.beside.as_ref().expect("a client beside it").latency;
    let theirs = beside.p99_us.expect("it was answered");
    assert!(ours > 4_000_000, "the stall shows in our p99: {report}");
    assert!(theirs < ours / 10, "and hides in that of a client that waits: {report}");
    assert!(beside.longest_us > Some(4_000_000), "which has seen it once: {report}");
    // Half of the messages were due while it stalled, and the sender did not wait for any of it.
    assert!(report.measured.schedule_error.p99_us < Some(1_000_000), "{report}");
    let slow = report.measured.over_time.iter().filter(|moment| moment.longest_us > Some(500_000)).count();
    assert!(slow >= 4, "{report}");
    assert_eq!(Ledger::read(&folder.path().join("ledger.csv")).expect("a ledger").emitted(), 4500);
    let page = std::fs::read_to_string(folder.path().join("report.html")).expect("a page");
    assert!(page.contains("A client beside it that waits for each answer"));
    let figures = std::fs::read_to_string(folder.path().join("load.json")).expect("figures");
    let figures: serde_json::Value = serde_json::from_str(&figures).expect("figures");
    assert_eq!(figures["measured"]["latency"]["p99_us"], ours);
    assert_eq!(figures["beside"]["latency"]["p99_us"], theirs);
}

#[test]
fn after_a_storm_every_connection_comes_back_and_nothing_is_lost() {
    let _alone = alone();
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let phases = vec![
        phase("calm", 0.5, Shape::Constant(400.0)),
        phase("storm", 1.0, Shape::ReconnectStorm(400.0)),
        phase("again", 1.0, Shape::ReconnectStorm(400.0)),
    ];
    let mut settings = settings(folder.path(), &format!("mqtt://{}", kept.address), phases);
    (settings.devices, settings.connections) = (300, 300);
    let report = load(&settings, &mut |_| ());
    let back = report.measured.reconnecting.expect("storms");
    assert_eq!((report.measured.storms, back.count, report.reconnects), (2, 600, 600), "{report}");
    assert_eq!((report.unacknowledged(), report.emitted), (0, 1000), "{report}");
    let told = kept.told();
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), 1000);
    assert!(told.len() as u64 <= 1000 + report.resent, "{} told, {report}", told.len());
    let phases: Vec<_> = report.measured.phases.iter().map(|phase| (phase.asked, phase.latency.count)).collect();
    assert_eq!(phases, [(200, 200), (400, 400), (400, 400)]);
}

#[test]
fn a_search_ends_with_a_rate_its_target_keeps() {
    let _alone = alone();
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let mut settings = settings(folder.path(), &format!("mqtt://{}", kept.address), Vec::new());
    let search = Search { p99_us: 20_000_000, from: 100.0, to: 400.0, hold: 0.3, within: 0.5 };
    settings.profile.search = Some(search);
    let report = load(&settings, &mut |_| ());
    let found = report.search.as_ref().expect("a search");
    assert_eq!(found.trials.iter().map(|trial| trial.rate).collect::<Vec<_>>(), [100.0, 200.0, 400.0], "{report}");
    assert_eq!((found.rate, report.measured.acknowledged), (Some(400.0), 30 + 60 + 120), "{report}");
    settings.profile.search = Some(Search { p99_us: 1, ..search });
    assert_eq!(load(&settings, &mut |_| ()).search.expect("a search").rate, None);
}

/// What faults hold back stands in the ledger already, so it is sent before the ledger is closed.
#[test]
fn an_interrupted_load_sends_what_it_held_back() {
    let _alone = alone();
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let phases = vec![phase("whole", 60.0, Shape::Constant(500.0))];
    let mut settings = settings(folder.path(), &format!("mqtt://{}", kept.address), phases);
    settings.faults = Faults { reordered: 0.5, ..Faults::default() };
    let (stop, sent) = (Cell::new(false), Cell::new(0));
    let report = load_until(
        &settings,
        &mut |now| {
            sent.set(now.handed);
            stop.set(now.handed > 200);
        },
        &|| stop.get(),
    );
    assert_eq!((&report.end, report.unacknowledged()), (&End::Interrupted, 0), "{report}");
    assert_eq!(Ledger::read(&folder.path().join("ledger.csv")).expect("a ledger").emitted(), report.emitted);
    assert!(report.measured.handed > sent.get(), "something was held back: {report}");
    let told: BTreeSet<_> = kept.told().into_iter().collect();
    assert_eq!(told.len() as u64, report.emitted, "{report}");
}

/// What is under way when a search is interrupted is not lost for that: the journal stays, and says so.
#[test]
fn a_search_that_is_interrupted_calls_nothing_lost_that_is_under_way() {
    let _alone = alone();
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let proxy = Proxy::before(kept.address);
    let mut settings = settings(folder.path(), &format!("mqtt://{}", proxy.address), Vec::new());
    settings.profile.search = Some(Search { p99_us: 20_000_000, from: 100.0, to: 100_000.0, hold: 1.0, within: 0.5 });
    let stop = Cell::new(false);
    let report = load_until(
        &settings,
        &mut |now| {
            proxy.stall(now.acknowledged >= 100);
            stop.set(now.handed > now.acknowledged + 50);
        },
        &|| stop.get(),
    );
    assert!(report.end == End::Interrupted && report.unacknowledged() > 0, "{report}");
    assert!(report.search.as_ref().is_some_and(|found| !found.trials.is_empty()), "{report}");
    assert!(report.measured.seconds > 1.0, "the trials before took so long: {report}");
    assert!(!folder.path().join("ledger.csv").exists() && folder.path().join("ledger.journal").exists());
}

#[test]
fn posts_are_counted_as_answered_batched_and_refused_ones_are_told_apart() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let phases = || vec![phase("whole", 1.0, Shape::Constant(300.0))];
    let (address, bodies) = posts::take(|before| if before == 7 { 503 } else { 204 });
    let report = load(&settings(folder.path(), &format!("http://{address}/in"), phases()), &mut |_| ());
    assert_eq!((report.measured.handed, report.measured.acknowledged, report.unacknowledged()), (300, 299, 1));
    assert_eq!(report.refusals, [("answered with status 503".to_owned(), 1)]);
    let posted = bodies.lock().unwrap().clone();
    assert_eq!(posted.len(), 300);
    assert!(
        posted.iter().all(|(_, body)| serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|v| v.is_object()))
    );
    let connections: BTreeSet<usize> = posted.iter().map(|(connection, _)| *connection).collect();
    assert_eq!(connections.len(), 4, "connections are kept");

    let (address, bodies) = posts::take(|_| 200);
    let mut settings = settings(folder.path(), &format!("http://{address}/in#batch=50"), phases());
    (settings.faults.malformed, settings.connections) = (0.05, 1);
    let report = load(&settings, &mut |_| ());
    assert_eq!((report.measured.acknowledged, &report.end), (300, &End::Completed), "{report}");
    let (mut whole, mut damaged) = (0, 0);
    for (_, body) in bodies.lock().unwrap().iter() {
        match serde_json::from_slice::<serde_json::Value>(body) {
            Ok(serde_json::Value::Array(messages)) => whole += messages.len() as u64,
            _ => damaged += 1,
        }
    }
    assert_eq!(
        (whole + damaged, damaged),
        (300, report.fault_counts.of(LoadFault::Malformed)),
        "what is damaged damages nothing else"
    );
    assert!(damaged > 0);
}

/// A client that waits speaks whatever the load speaks; one whose message is refused does not wait for it.
#[test]
fn a_client_that_waits_stands_beside_posts_as_well() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let (address, bodies) = posts::take(|before| if before == 7 { 503 } else { 204 });
    let phases = vec![phase("whole", 1.0, Shape::Constant(200.0))];
    let settings = LoadSettings { beside: true, ..settings(folder.path(), &format!("http://{address}/in"), phases) };
    let report = load(&settings, &mut |_| ());
    let beside = report.beside.expect("a client beside it").latency;
    let refused = report.refusals.iter().map(|(_, count)| count).sum::<u64>();
    assert!(beside.count > 20 && report.measured.acknowledged + refused == 200, "{:?}", report.refusals);
    assert!(bodies.lock().unwrap().len() as u64 >= 200 + beside.count);
}

/// The same for a target that is not there and one that goes away.
#[test]
fn a_target_that_refuses_costs_no_figures() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for target in [format!("mqtt://{free}"), format!("http://{free}/in")] {
        let mut settings = settings(folder.path(), &target, vec![phase("whole", 0.2, Shape::Constant(100.0))]);
        settings.publisher.give_up = Duration::from_millis(300);
        let report = load(&settings, &mut |_| ());
        let End::Failed(why) = &report.end else { panic!("{report}") };
        assert!(why.contains("cannot reach") && why.contains("see that it runs"), "{why}");
        let figures = std::fs::read_to_string(folder.path().join("load.json")).expect("figures");
        let figures: serde_json::Value = serde_json::from_str(&figures).expect("figures");
        assert_eq!(figures["end"]["how"], "failed");
        assert_eq!(figures["measured"]["acknowledged"], 0);
        let journal = folder.path().join("ledger.journal");
        assert!(!folder.path().join("ledger.csv").exists() && journal.exists());
        // What a load keeps without acknowledgement, which a killed one could not say afterwards.
        assert_eq!(Journal::under_way(&journal).unwrap(), Some(1_000_000));
    }
}

fn program(words: &[&str]) -> (Option<i32>, String, String) {
    let output = command(words).output().expect("the program runs");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_is_expected_decides_how_the_program_ends() {
    let _alone = alone();
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let (profile, out) = (folder.path().join("profile.yaml"), folder.path().join("out"));
    let (profile, out) = (profile.display().to_string(), out.display().to_string());
    let target = format!("mqtt://{}", kept.address);
    for (expect, code, sentence) in [
        ("{ p99: 30 s, lost: 0, achieved: 100 % }", Some(0), "  as expected: p99 at most 30.00 s"),
        ("{ p50: 0.001 ms, lost: 0 }", Some(3), "NOT as expected: p50 at most 1 µs"),
    ] {
        let text = format!("phases: [{{ constant: 100/s, for: 300 ms }}]\nexpect: {expect}\n");
        std::fs::write(&profile, text).expect("a profile");
        let (ended, out, told) =
            program(&["load", "--target", &target, "--out", &out, "--profile", &profile, "--json"]);
        assert_eq!(ended, code, "{told}");
        assert!(told.contains(sentence), "{told}");
        assert!(out.contains("\"acknowledged\": 30"), "{out}");
    }
    // What cannot be is told before anything of the load before is taken away.
    let name = "n".repeat(41);
    std::fs::write(&profile, "devices: 5\nphases: [{ constant: 100/s, for: 300 ms }]\n").expect("a profile");
    for (more, sentence) in [
        (["--name", name.as_str()], "write 1 to 40 characters"),
        (["--source", "recording:nowhere"], "take `devices` out"),
        (["--connections", "10001"], "10000"),
    ] {
        let words = ["load", "--target", &target, "--out", &out, "--profile", &profile, more[0], more[1]];
        let (ended, _, told) = program(&words);
        assert_eq!(ended, Some(2), "{told}");
        assert!(told.contains(sentence), "{told}");
        assert!(folder.path().join("out/load.json").exists());
    }
    let (ended, told, _) = program(&["load", "check", &profile]);
    assert_eq!((ended, told.contains("1 phases, 30 messages")), (Some(0), true), "{told}");
    std::fs::write(&profile, "phases: [{ constant: 5000000/s, for: 1 s }]\nexpect: { p98: 1 s }\n").expect("a profile");
    for words in
        [vec!["load", "check", &profile], vec!["load", "--target", &target, "--out", &out, "--profile", &profile]]
    {
        let (ended, _, told) = program(&words);
        assert_eq!(ended, Some(2), "{told}");
        assert!(told.contains("cannot be `5000000/s`") && told.contains("`p98`"), "{told}");
    }
}

/// A file that may not grow is what a full disk is to whoever writes it.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_the_ledger_is_a_sentence_and_keeps_the_figures() {
    let _alone = alone();
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let out = folder.path().join("out");
    let script = format!(
        "trap '' XFSZ; ulimit -f 256; exec {} load --target mqtt://{} --out {} --rate 20000 --seconds 60 --devices 100",
        env!("CARGO_BIN_EXE_citytwin"),
        kept.address,
        out.display()
    );
    let output = std::process::Command::new("bash").args(["-c", &script]).output().expect("bash runs");
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot write the ledger") && told.contains("these are the figures so far"), "{told}");
    let figures: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("load.json")).expect("figures")).expect("figures");
    assert!(figures["measured"]["sent"].as_u64() > Some(100), "{told}");
    assert!(out.join("report.html").exists());
}

/// What one platform or another writes of the same load; each loses, doubles and damages something.
#[test]
fn an_export_of_any_platform_is_audited_to_the_message() {
    let _alone = alone();
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let sent = folder.path().join("sent");
    let mut settings =
        settings(&sent, &format!("mqtt://{}", kept.address), vec![phase("whole", 0.5, Shape::Constant(1000.0))]);
    settings.devices = 10;
    let report = load(&settings, &mut |_| ());
    assert_eq!((report.unacknowledged(), report.emitted), (0, 500), "{report}");
    let told: Vec<String> = kept.told().into_iter().map(|told| String::from_utf8(told).unwrap()).collect();
    let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let is_of = |line: &str, device: &str| value(line)["device"].as_str().unwrap() == device;
    let device = value(&told[0])["device"].as_str().unwrap().to_owned();
    let rows: Vec<&String> = told.iter().filter(|line| is_of(line, &device)).collect();
    assert_eq!(rows.len(), 50);
    let audit = |name: &str, text: &str, more: &[&str]| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let (sent, path) = (sent.display().to_string(), path.display().to_string());
        let mut words = vec!["audit", &sent, "--export", &path, "--json"];
        words.extend(more);
        let (code, out, told) = program(&words);
        let figures = serde_json::from_str::<serde_json::Value>(&out).unwrap_or_default();
        (code, figures, told)
    };
    let numbers = |figures: &serde_json::Value| {
        ["stored", "unexplained", "doubled", "forged", "damaged"].map(|key| figures["places"]["export"][key].as_u64())
    };
    // Whole, in any order.
    let whole: Vec<String> = told.iter().rev().cloned().collect();
    let (code, figures, said) = audit("whole.jsonl", &whole.join("\n"), &[]);
    assert_eq!((code, numbers(&figures)), (Some(0), [500, 0, 0, 0, 0].map(Some)), "{said}");
    // Sequences 7, 8, 9 and 20 of one device are missing, one of another is there twice, and of a third one says something else.
    let is_left =
        |line: &&String| !(is_of(line, &device) && [7, 8, 9, 20].contains(&value(line)["seq"].as_u64().unwrap()));
    let mut kept_lines: Vec<String> = told.iter().filter(is_left).cloned().collect();
    let others: Vec<usize> = (0..kept_lines.len()).filter(|n| !is_of(&kept_lines[*n], &device)).collect();
    kept_lines.push(kept_lines[others[0]].clone());
    let third = others.iter().find(|n| value(&kept_lines[**n])["device"] != value(&kept_lines[others[0]])["device"]);
    let damaged = *third.unwrap();
    let time = value(&kept_lines[damaged])["timestamp"].as_str().unwrap().to_owned();
    kept_lines[damaged] = kept_lines[damaged].replace(&time, "2001-01-01T00:00:00.000Z");
    let (code, figures, said) = audit("lossy.jsonl", &kept_lines.join("\n"), &[]);
    assert_eq!((code, numbers(&figures)), (Some(1), [496, 4, 1, 0, 1].map(Some)), "{said}");
    assert_eq!(figures["missing"][0]["device"], device);
    assert_eq!(figures["missing"][0]["sequences"], serde_json::json!([[7, 9], [20, 20]]));
    // The same from a table that only counts, under names of its own.
    let row = |line: &String| format!("{},x,{}", value(line)["seq"], value(line)["device"].as_str().unwrap());
    let table = format!("n,other,sensor\n{}\n", kept_lines.iter().map(row).collect::<Vec<_>>().join("\n"));
    let (code, figures, said) = audit("table.csv", &table, &["--columns", "device=sensor,sequence=n"]);
    assert_eq!((code, numbers(&figures)), (Some(1), [496, 4, 1, 0, 0].map(Some)), "{said}");
    // And with the message itself in a column.
    let row = |line: &String| serde_json::json!({ "id": 1, "body": line }).to_string();
    let wrapped = kept_lines.iter().map(row).collect::<Vec<_>>().join("\n");
    let (code, figures, said) = audit("wrapped.jsonl", &wrapped, &["--columns", "payload=body"]);
    assert_eq!((code, numbers(&figures)), (Some(1), [496, 4, 1, 0, 1].map(Some)), "{said}");
    // And as a broker of NGSI-LD gives its entities back.
    let map = TopicMap::new("x").in_format(PayloadFormat::NgsiLd);
    let entity = |line: &String| {
        let record = json::decode(line.as_bytes()).unwrap();
        value(&text(&map.payload(&record, line.as_bytes()))).to_string()
    };
    let entities = kept_lines.iter().map(entity).collect::<Vec<_>>().join("\n");
    let (code, figures, said) = audit("entities.jsonl", &entities, &[]);
    assert_eq!((code, numbers(&figures)), (Some(1), [496, 4, 1, 0, 1].map(Some)), "{said}");
    for (name, content, more, sentence) in [
        ("a.csv", "n,m\n1,2\n", vec![], "has no column `device`; say with `--columns`"),
        ("a.txt", "", vec![], "is none of .csv, .jsonl and .parquet"),
        ("a.parquet", "PAR1", vec![], "is no sound Parquet"),
        ("b.csv", "n,m\n1,2\n", vec!["--columns", "devise=x"], "`devise=x` is not one of"),
    ] {
        let (code, _, said) = audit(name, content, &more);
        assert!(code != Some(0) && said.contains(sentence), "{name}: {said}");
    }
}

/// Devices go wrong as asked, and the platform keeps all of it: nothing of that is to be held against it, and what it loses is found.
#[test]
fn a_platform_that_keeps_what_faults_made_of_a_load_closes_the_books() {
    let _alone = alone();
    let (folder, kept) = (tempfile::tempdir().unwrap(), Kept::new());
    let sent = folder.path().join("sent");
    let mut settings =
        settings(&sent, &format!("mqtt://{}", kept.address), vec![phase("whole", 1.0, Shape::Constant(1000.0))]);
    (settings.devices, settings.truth) = (10, true);
    settings.faults = Faults {
        doubled: 0.05,
        reordered: 0.05,
        malformed: 0.05,
        hostile: 0.05,
        drop_out: 0.05,
        sentinel: 0.05,
        schema_drift: 0.2,
        ..Faults::default()
    };
    let report = load(&settings, &mut |_| ());
    assert_eq!((&report.end, report.emitted), (&End::Completed, 1000), "{report}");
    let of = |fault| report.fault_counts.of(fault);
    let silent = of(LoadFault::DropOut);
    assert!([LoadFault::Doubled, LoadFault::Sentinel, LoadFault::Malformed].into_iter().all(|fault| of(fault) > 10));
    // As a table of bytes would have it, which is how a platform may keep what it does not understand.
    let body = |told: &Vec<u8>| told.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let line = |told: &Vec<u8>| serde_json::json!({ "body": body(told) }).to_string();
    let all = kept.told();
    let audit = |lines: &[String]| {
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, lines.join("\n")).unwrap();
        let (sent, path) = (sent.display().to_string(), path.display().to_string());
        let (code, out, told) = program(&["audit", &sent, "--export", &path, "--columns", "payload=body", "--json"]);
        let figures: serde_json::Value = serde_json::from_str(&out).unwrap_or_default();
        let numbers = ["unexplained", "doubled", "forged", "damaged", "lost"]
            .map(|key| figures["places"]["export"][key].as_u64().unwrap_or(u64::MAX));
        (code, numbers, figures["places"]["export"]["own_copies"].as_u64().unwrap_or_default(), told)
    };
    let lines: Vec<String> = all.iter().map(line).collect();
    // Ten good ones of which there is one each are lost.
    let is_good = |told: &Vec<u8>| {
        json::decode(told).is_ok_and(|record| record.device.as_str().contains("load"))
            && all.iter().filter(|other| *other == told).count() == 1
    };
    let good: Vec<String> = all.iter().filter(|told| is_good(told)).take(10).map(line).collect();
    let left: Vec<String> = lines.iter().filter(|line| !good.contains(line)).cloned().collect();
    assert_eq!(left.len() + 10, lines.len());
    let (code, numbers, own_copies, told) = audit(&lines);
    assert_eq!((code, numbers), (Some(0), [0, 0, 0, 0, silent]), "{told}");
    assert!(own_copies > 10, "{own_copies}");
    let (code, numbers, ..) = audit(&left);
    assert_eq!((code, numbers), (Some(1), [10, 0, 0, 0, silent]));
    // Without the truth it is known how many copies and damaged ones there may be, and not which.
    std::fs::remove_dir_all(sent.join("truth")).unwrap();
    let (code, [unexplained, doubled, forged, damaged, lost], _, told) = audit(&lines);
    assert_eq!(
        (code, [unexplained, forged, damaged, lost], doubled),
        (Some(0), [0, 0, 0, silent], own_copies),
        "{told}"
    );
    let (code, numbers, ..) = audit(&left);
    assert_eq!((code, numbers[0]), (Some(1), 10));
}

/// A load keeps up to a million messages without acknowledgement. Killed, it leaves no figures, and all it had under way is missing.
#[test]
fn what_a_killed_load_had_under_way_is_no_loss_and_more_than_that_is() {
    let (folder, devices) = (tempfile::tempdir().unwrap(), Devices::new(Seed(1), 100, "x"));
    let said = |n: u64| {
        let record = devices.record(n % 100, n / 100, Timestamp::milliseconds(1_780_358_400_000));
        let mut bytes = Vec::new();
        json::encode(&record, &mut bytes);
        (Emission { truth: record.reading.clone(), record, fault: None, fate: Fate::Sent }, bytes)
    };
    let journal_of = |most: Option<u64>| {
        let mut journal = Journal::create(&folder.path().join("ledger.journal")).unwrap();
        if let Some(most) = most {
            journal.may_have_under_way(most).unwrap();
        }
        for n in 0..40_000 {
            let (emission, bytes) = said(n);
            journal.add(&emission, &bytes);
            if n % 500 == 499 {
                journal.commit().unwrap();
            }
        }
    };
    let path = folder.path().join("rows.jsonl");
    // The last 39,000 were on their way, which is more than the spools of a city's wire hold.
    let lines: Vec<String> = (0..1000).map(|n| String::from_utf8(said(n).1).unwrap()).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let (sender, path) = (folder.path().display().to_string(), path.display().to_string());
    for (most, code) in [(None, 1), (Some(1_000_000), 0), (Some(38_000), 1)] {
        journal_of(most);
        let (ended, out, told) = program(&["audit", &sender, "--export", &path]);
        assert_eq!(ended, Some(code), "{most:?}: {out} {told}");
        assert!(out.contains("the sender was cut off"), "{out}");
    }
}
