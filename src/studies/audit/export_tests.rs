//! What a platform exported: every test has it lose, damage or double something, or do nothing that is to be held against it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::marks::Mark;
use super::tests::{account, emission, emissions, encoded, ledger};
use super::{Account, Allowed, Audit, Balance, ExportColumns, Line, Marks, balance_of_export};
use crate::telemetry::{Emission, Fate, PayloadFormat, ReadingKind, SchemaFormat, TopicMap};

/// A folder in which a platform leaves its export.
struct Platform {
    folder: tempfile::TempDir,
    emissions: Vec<Emission>,
}

impl Platform {
    /// One that was sent three bays' records.
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), emissions: emissions() }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("room");
        path
    }

    /// What was sent whole, a line each, but for what `change` makes of it: nothing, or another line.
    fn lines(&self, change: impl Fn(&Emission, String) -> Option<String>) -> Vec<String> {
        let of = |emission: &Emission| change(emission, String::from_utf8(encoded(&emission.record)).expect("text"));
        self.emissions.iter().filter(|emission| emission.fate != Fate::Lost).filter_map(of).collect()
    }

    fn read(&self, path: &Path, columns: &str, allowed: Allowed) -> Balance {
        let columns = match columns {
            "" => ExportColumns::default(),
            columns => ExportColumns::parse(columns).expect("columns"),
        };
        balance_of_export(&ledger(&self.emissions), path, &columns, allowed).expect("can be read")
    }

    fn jsonl(&self, lines: &[String]) -> Balance {
        self.read(&self.file("export.jsonl", &lines.join("\n")), "", Allowed::default())
    }

    /// What the truth says of the messages; those with a sequence in `doubled` were sent twice.
    fn marked(&self, doubled: &[u64]) -> Allowed {
        let mut marks = Marks::default();
        for Emission { record, fate, .. } in &self.emissions {
            let line = Line { device: record.device.clone(), kind: record.kind(), epoch: record.epoch };
            let has_copy = doubled.contains(&record.sequence);
            marks.note(line, record.sequence, Mark { fate: *fate, has_copy });
        }
        Allowed { marks, ..Allowed::default() }
    }
}

fn is_of_bay_2(emission: &Emission, sequences: std::ops::Range<u64>) -> bool {
    emission.record.device.as_str() == "bay-2" && sequences.contains(&emission.record.sequence)
}

fn with_sentinel(line: &str) -> String {
    let mut object: serde_json::Value = serde_json::from_str(line).expect("an object");
    object["battery_v"] = (-9999).into();
    object.to_string()
}

fn without_a_value(line: &str) -> String {
    let mut object: serde_json::Value = serde_json::from_str(line).expect("an object");
    object["latitude"] = serde_json::Value::Null;
    object.to_string()
}

/// What was damaged on purpose is not there, as where it was cut off.
fn whole(emission: &Emission, line: String) -> Option<String> {
    (emission.fate == Fate::Sent).then_some(line)
}

#[test]
fn a_platform_without_fault_closes_and_its_rows_were_compared() {
    let platform = Platform::new();
    let balance = platform.jsonl(&platform.lines(whole));
    assert!(balance.closes() && balance.missing.is_empty(), "{balance}");
    assert_eq!((balance.compared, balance.counted, balance.total.quarantined), (180, 0, 9));
    // With what was damaged as it was sent, which names whose it is.
    let sent = |emission: &Emission, line: String| {
        Some(if emission.fate == Fate::Garbled { with_sentinel(&line) } else { line })
    };
    let balance = platform.jsonl(&platform.lines(sent));
    assert!(balance.closes(), "{balance}");
    assert_eq!((balance.compared, balance.counted, balance.total.quarantined), (180, 9, 0));
}

/// They name device and sequence, and would be as good as counted.
#[test]
fn records_that_cannot_be_read_any_more_are_damaged() {
    let platform = Platform::new();
    let harm = |emission: &Emission, line: String| {
        let line = whole(emission, line)?;
        Some(if is_of_bay_2(emission, 0..70) { without_a_value(&line) } else { line })
    };
    let lines = platform.lines(harm);
    for (name, columns, lines) in [
        ("export.jsonl", "", lines.clone()),
        (
            "payload.jsonl",
            "payload=body",
            lines.iter().map(|line| serde_json::json!({"body": line}).to_string()).collect(),
        ),
    ] {
        let balance = platform.read(&platform.file(name, &lines.join("\n")), columns, Allowed::default());
        let expected = Account { emitted: 70, stored: 60, quarantined: 0, lost: 7, damaged: 1, ..Account::default() };
        assert_eq!(account(&balance, "bay-2"), Account { quarantined: 0, ..expected }, "{balance}");
        assert!(account(&balance, "bay-1").closes() && !balance.closes(), "{balance}");
        assert!(balance.to_string().contains("not as sent"), "{balance}");
    }
    // Rows of somebody's own, which name a record and say nothing else, are counted.
    let rows = platform.lines(|emission, line| {
        whole(emission, line)?;
        let (device, seq) = (emission.record.device.as_str(), emission.record.sequence);
        Some(serde_json::json!({"device": device, "seq": seq, "value": 7}).to_string())
    });
    let balance = platform.jsonl(&rows);
    assert!(balance.closes(), "{balance}");
    assert_eq!((balance.compared, balance.counted), (0, 180));
    assert!(
        balance.to_string().contains("0 rows were compared with what was sent, 180 were only counted"),
        "{balance}"
    );
}

#[test]
fn a_message_damaged_on_purpose_that_came_through_hides_no_loss() {
    let platform = Platform::new();
    // All three of bay-2 that were damaged on purpose are there, and three good ones are not.
    let harm = |emission: &Emission, line: String| match emission.fate {
        Fate::Garbled => Some(with_sentinel(&line)),
        _ => (!is_of_bay_2(emission, 3..6)).then_some(line),
    };
    let balance = platform.jsonl(&platform.lines(harm));
    assert_eq!(
        (account(&balance, "bay-2").unexplained(), account(&balance, "bay-1").unexplained()),
        (3, 0),
        "{balance}"
    );
    // In columns nobody sees which they are, unless the truth says it.
    let row = |emission: &Emission, line: String| {
        harm(emission, line)?;
        Some(format!("{},{}", emission.record.device.as_str(), emission.record.sequence))
    };
    let path = platform.file("export.csv", &format!("device,seq\n{}", platform.lines(row).join("\n")));
    let balance = platform.read(&path, "", platform.marked(&[]));
    assert_eq!((balance.total.unexplained(), account(&balance, "bay-2").unexplained()), (3, 3), "{balance}");
    assert_eq!(
        (&balance.missing[0].runs, balance.missing[0].excused),
        (&vec![(3, 5)], 0),
        "nothing that was never sent"
    );
    let balance = platform.read(&path, "", Allowed::default());
    assert!(balance.closes(), "{balance}");
    assert!(balance.to_string().contains("3 that the load damaged on purpose are missing, and may be"), "{balance}");
}

#[test]
fn copies_that_the_load_sent_itself_are_not_held_against_a_platform() {
    let platform = Platform::new();
    let twice = |extra: bool| {
        let mut lines = platform.lines(whole);
        lines.extend(platform.lines(|emission, line| {
            let is_copied = [5, 41].contains(&emission.record.sequence) || (extra && is_of_bay_2(emission, 6..7));
            whole(emission, line).filter(|_| is_copied)
        }));
        platform.file("export.jsonl", &lines.join("\n"))
    };
    let balance = platform.read(&twice(false), "", platform.marked(&[5, 41]));
    assert!(balance.closes() && balance.own_copies == 6, "{balance}");
    let balance = platform.read(&twice(true), "", platform.marked(&[5, 41]));
    assert!(!balance.closes() && balance.total.doubled == 1, "{balance}");
    // Without the truth it is only known how many there may be.
    let at_most = |copies_max| Allowed { copies_max, ..Allowed::default() };
    assert!(platform.read(&twice(false), "", at_most(6)).closes());
    let balance = platform.read(&twice(true), "", at_most(6));
    assert!(!balance.closes() && balance.to_string().contains("the load may itself have sent 6 twice"), "{balance}");
    assert!(platform.read(&twice(true), "", at_most(u64::MAX)).closes());
}

/// A file with the messages in binary, beside a column that nobody asked for.
fn binary(path: &Path, payloads: &[Vec<u8>]) {
    let schema = "message rows { required int64 arrived; required binary body; }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    let mut writer =
        SerializedFileWriter::new(File::create(path).expect("room"), schema, Arc::default()).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    let mut column = group.next_column().expect("a column").expect("two are left");
    column.typed::<Int64Type>().write_batch(&vec![7; payloads.len()], None, None).expect("room");
    column.close().expect("written");
    let bodies: Vec<ByteArray> = payloads.iter().map(|payload| payload.clone().into()).collect();
    let mut column = group.next_column().expect("a column").expect("one is left");
    column.typed::<ByteArrayType>().write_batch(&bodies, None, None).expect("room");
    column.close().expect("written");
    group.close().expect("written");
    writer.close().expect("written");
}

#[test]
fn messages_in_a_binary_form_are_read_out_of_parquet() {
    let platform = Platform::new();
    let map = TopicMap::new("x").in_format(PayloadFormat::Framed(SchemaFormat::Avro));
    let sent = platform.emissions.iter().filter(|emission| emission.fate == Fate::Sent);
    let payloads: Vec<Vec<u8>> = sent.map(|one| map.payload(&one.record, &encoded(&one.record))).collect();
    assert!(payloads.iter().all(|payload| std::str::from_utf8(payload).is_err()), "it is no text");
    let path = platform.folder.path().join("export.parquet");
    binary(&path, &payloads);
    let balance = platform.read(&path, "payload=body", Allowed::default());
    assert!(balance.closes() && balance.compared == 180, "{balance}");
}

#[test]
fn what_was_never_sent_is_not_listed_as_missing() {
    let platform = Platform::new();
    let left = |emission: &Emission, line: String| {
        let is_there = emission.record.sequence < 60 && !is_of_bay_2(emission, 10..20);
        whole(emission, line).filter(|_| is_there)
    };
    let path = platform.file("export.jsonl", &platform.lines(left).join("\n"));
    let cut_off = Allowed { cut_off: Some(100), ..platform.marked(&[]) };
    let balance = platform.read(&path, "", cut_off);
    assert_eq!((balance.missing.len(), &balance.missing[0].runs), (1, &vec![(10, 18)]), "{balance}");
    assert_eq!((balance.total.unsent, balance.total.unexplained()), (24, 9), "{balance}");
    // Where it is not known which ones were never sent, it is known how many.
    let balance = platform.read(&path, "", Allowed { cut_off: Some(100), ..Allowed::default() });
    let missing = &balance.missing[0];
    let listed: u64 = missing.runs.iter().map(|(first, last)| last - first + 1).sum();
    assert_eq!(balance.total.unexplained(), i64::try_from(listed - missing.excused).expect("small"), "{missing:?}");
    assert!(missing.runs.iter().all(|(_, last)| *last < 60), "the end was never sent: {missing:?}");
    assert!(balance.to_string().contains("of them were never sent, or damaged on purpose"), "{balance}");
}

#[test]
fn a_list_of_what_is_missing_that_is_cut_says_so() {
    let mut platform = Platform::new();
    let mut all = Vec::new();
    for sequence in 0..300 {
        all.push(emission("bay-1", 1, sequence, Fate::Sent));
    }
    all.extend((0..120).map(|bay| emission(&format!("gone-{bay}"), 0, 0, Fate::Sent)));
    platform.emissions = all;
    let odd = |emission: &Emission, line: String| {
        (emission.record.device.as_str() == "bay-1" && emission.record.sequence % 2 == 1).then_some(line)
    };
    let balance = platform.jsonl(&platform.lines(odd));
    assert_eq!((balance.missing.len(), balance.missing_more), (100, 21));
    assert_eq!((balance.missing[0].runs.len(), balance.missing[0].more_runs), (100, 50));
    assert!(balance.to_string().contains("missing of bay-1 (parking, epoch 1): 0 2 4 6 8 ..."), "{balance}");
    let audit = Audit { balances: vec![("export", balance)], ..Audit::default() }.json();
    assert_eq!((&audit["missing_of_more_lines"], &audit["missing"][0]["more_runs"]), (&21.into(), &50.into()));
}

/// Of the sum of a thousand fingerprints nothing follows where one of them is missing: how many rows that concerns has to be known.
#[test]
fn rows_beside_a_missing_one_are_only_counted_and_that_is_said() {
    let platform = Platform::new();
    let harm = |emission: &Emission, line: String| whole(emission, line).filter(|_| !is_of_bay_2(emission, 5..6));
    let balance = platform.jsonl(&platform.lines(harm));
    assert_eq!((balance.compared, balance.counted), (120, 59), "{balance}");
    let audit = Audit { balances: vec![("export", balance)], ..Audit::default() }.json();
    assert_eq!(audit["places"]["export"]["only_counted"], 59);
}

#[test]
fn a_row_without_a_value_ends_no_audit() {
    let platform = Platform::new();
    let text = "seq,other,device\n0,x,bay-1\n1,x\n,x,bay-1\n2,x,bay-1\n";
    let balance = platform.read(&platform.file("export.csv", text), "", Allowed::default());
    assert_eq!((balance.total.stored, balance.strange_messages), (2, 2), "{balance}");
    assert!(balance.to_string().contains("2 rows are no records"), "{balance}");
}

#[test]
fn the_truth_of_another_load_is_not_believed() {
    use crate::pipeline::stores::{SentRow, SentTruth};
    let folder = tempfile::tempdir().expect("a folder");
    let all: Vec<Emission> = emissions();
    let mut truth = SentTruth::create(folder.path()).expect("room");
    for emission in &all {
        let faults = if emission.record.sequence == 8 { "doubled late" } else { "" };
        let row = SentRow { emission: emission.clone(), faults: faults.to_owned(), due_us: 0, sent_us: None };
        truth.add(&row).expect("room");
    }
    truth.finish().expect("room");
    let marks = Marks::read(folder.path(), &ledger(&all)).expect("can be read");
    assert_eq!((marks.lines.len(), marks.doubled), (3, 3));
    let device = "bay-2".parse().expect("an id");
    let of = &marks.lines[&Line { device, kind: ReadingKind::Parking, epoch: 0 }];
    let fate = |sequence| of.get(&sequence).map(|mark: &Mark| (mark.fate, mark.has_copy));
    assert_eq!((fate(9), fate(22)), (Some((Fate::Lost, false)), Some((Fate::Garbled, false))));
    assert_eq!((fate(8), fate(0)), (Some((Fate::Sent, true)), None));
    assert_eq!(Marks::read(folder.path(), &ledger(&all[..100])).expect("can be read"), Marks::default());
}
