//! An audit that finds nothing wrong must also find what is: every test here does one known harm.

use super::{Account, Balance, Ledger, balance};
use crate::pipeline::stores::{Batch, Keeper as _, Quarantined, Stores};
use crate::primitives::Timestamp;
use crate::telemetry::reading::Parking;
use crate::telemetry::{DeviceId, Emission, Fate, Reading, ReadingKind, Record, SchemaBook, json};

/// Three bays with 70 records each; every tenth is lost, every 23rd garbled.
pub(super) fn emissions() -> Vec<Emission> {
    let mut emissions = Vec::new();
    for sequence in 0..70 {
        for bay in ["bay-1", "bay-2", "bay-3"] {
            let fate = match sequence {
                n if n % 10 == 9 => Fate::Lost,
                n if n % 23 == 22 => Fate::Garbled,
                _ => Fate::Sent,
            };
            emissions.push(emission(bay, 0, sequence, fate));
        }
    }
    emissions
}

pub(super) fn emission(device: &str, epoch: u32, sequence: u64, fate: Fate) -> Emission {
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let reading = Reading::Parking(Parking {
        road_id: "kerb".into(),
        latitude: 51.5 + sequence as f64 * 1e-9,
        longitude: -0.1,
        occupied: sequence.is_multiple_of(3),
        battery_v: 3.3,
    });
    let time = Timestamp::milliseconds(1_780_358_400_000 + i64::try_from(sequence).expect("small") * 5000);
    let device: DeviceId = device.parse().expect("an id");
    let record = Record { device, epoch, sequence, time, reading: reading.clone() };
    Emission { record, truth: reading, fault: None, fate }
}

pub(super) fn encoded(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    json::encode(record, &mut bytes);
    bytes
}

pub(super) fn ledger(emissions: &[Emission]) -> Ledger {
    let mut ledger = Ledger::default();
    for emission in emissions {
        ledger.add(emission, &encoded(&emission.record));
    }
    ledger
}

fn garbage(device: &str, payload: Vec<u8>) -> Quarantined {
    Quarantined {
        partition: 0,
        offset: 0,
        topic: format!("parking-data/{device}"),
        payload,
        reason: String::from("not_a_record"),
        sentence: String::new(),
    }
}

/// What a pipeline without fault keeps of them.
fn kept(emissions: &[Emission]) -> (Vec<Record>, Vec<Quarantined>) {
    let of = |fate| emissions.iter().filter(move |emission| emission.fate == fate);
    let records = of(Fate::Sent).map(|emission| emission.record.clone()).collect();
    let quarantined = of(Fate::Garbled).map(|emission| garbage(emission.record.device.as_str(), b"{\"ty".to_vec()));
    (records, quarantined.collect())
}

/// The balance of these records and messages, out of embedded stores.
fn audit(ledger: &Ledger, records: Vec<Record>, mut quarantined: Vec<Quarantined>) -> Balance {
    let folder = tempfile::tempdir().expect("a folder");
    let stores = Stores::open(folder.path()).expect("a fresh folder");
    let to = (records.len() + quarantined.len()) as u64;
    for (n, message) in quarantined.iter_mut().enumerate() {
        message.offset = n as u64;
    }
    stores.keep(&Batch { to, records, quarantined, ..Batch::default() }).expect("can be kept");
    balance(ledger, &stores, &SchemaBook::default(), None).expect("can be read")
}

pub(super) fn account(balance: &Balance, device: &str) -> Account {
    let found = balance.devices.iter().find(|(line, _)| line.device.as_str() == device);
    *found.expect("in the ledger").1
}

/// Does one harm to what was kept, and says what of bay-2 does not close; nothing else may.
fn harmed(harm: impl FnOnce(&mut Vec<Record>, &mut Vec<Quarantined>)) -> (Account, Balance) {
    let emissions = emissions();
    let (mut records, mut quarantined) = kept(&emissions);
    harm(&mut records, &mut quarantined);
    let balance = audit(&ledger(&emissions), records, quarantined);
    for other in ["bay-1", "bay-3"] {
        assert!(account(&balance, other).closes(), "{other} was not harmed\n{balance}");
    }
    (account(&balance, "bay-2"), balance)
}

fn fifth_of_bay_2(records: &[Record]) -> usize {
    let is_it = |record: &Record| record.device.as_str() == "bay-2" && record.sequence == 5;
    records.iter().position(is_it).expect("there")
}

#[test]
fn a_pipeline_without_fault_balances() {
    let (bay, balance) = harmed(|_, _| ());
    assert!(balance.closes(), "{balance}");
    let (lost, quarantined) = (7, 3);
    let expected = Account { emitted: 70, stored: 60, quarantined, lost, ..Account::default() };
    assert_eq!(bay, expected);
    assert_eq!(balance.total, Account { emitted: 210, stored: 180, quarantined: 9, lost: 21, ..Account::default() });
    assert_eq!(balance.kinds.get(&ReadingKind::Parking), Some(&balance.total));
    assert!(balance.to_string().contains("closes for each of 3 devices"), "{balance}");
}

#[test]
fn a_record_that_is_missing_is_missed() {
    let (bay, balance) = harmed(|records, _| drop(records.remove(fifth_of_bay_2(records))));
    assert_eq!((bay.unexplained(), bay.doubled, bay.damaged), (1, 0, 0));
    assert!(!balance.closes());
    assert!(balance.to_string().contains("bay-2 (parking, epoch 0): 1 of 70 missing"), "{balance}");
}

#[test]
fn a_record_that_is_there_twice_is_found() {
    let (bay, balance) = harmed(|records, _| records.push(records[fifth_of_bay_2(records)].clone()));
    assert_eq!((bay.unexplained(), bay.doubled, bay.damaged), (0, 1, 0));
    assert!(balance.to_string().contains("bay-2 (parking, epoch 0): 1 doubled"), "{balance}");
}

#[test]
fn a_single_bit_that_changed_is_found() {
    let (bay, balance) = harmed(|records, _| {
        let fifth = fifth_of_bay_2(records);
        if let Reading::Parking(parking) = &mut records[fifth].reading {
            parking.latitude = f64::from_bits(parking.latitude.to_bits() ^ 1);
        }
    });
    assert_eq!((bay.unexplained(), bay.doubled, bay.damaged), (0, 0, 1));
    assert!(balance.to_string().contains("all there, but not as sent"), "{balance}");
}

#[test]
fn a_sequence_that_changed_is_a_loss_and_a_forgery() {
    let (bay, _) = harmed(|records, _| {
        let fifth = fifth_of_bay_2(records);
        records[fifth].sequence = 1000;
    });
    assert_eq!((bay.unexplained(), bay.forged, bay.damaged), (1, 1, 0));
}

#[test]
fn a_garbled_message_that_left_no_trace_is_missed() {
    let (bay, _) = harmed(|_, quarantined| {
        let at = quarantined.iter().position(|message| message.topic.ends_with("bay-2")).expect("there");
        quarantined.remove(at);
    });
    assert_eq!((bay.unexplained(), bay.quarantined), (1, 2));
}

/// Otherwise rubbish under a device's topic could stand in for a record that was lost.
#[test]
fn rubbish_in_a_devices_name_hides_no_loss() {
    let (bay, balance) = harmed(|records, quarantined| {
        records.remove(fifth_of_bay_2(records));
        quarantined.push(garbage("bay-2", b"rubbish".to_vec()));
        quarantined.push(garbage("nobody", b"rubbish".to_vec()));
        quarantined.push(garbage("bay-2", encoded(&records[0])));
    });
    assert_eq!((bay.unexplained(), bay.quarantined), (1, 3));
    assert_eq!(balance.strange_messages, 3);
}

#[test]
fn a_record_refused_whole_is_accounted_for() {
    let (bay, balance) = harmed(|records, quarantined| {
        let refused = records.remove(fifth_of_bay_2(records));
        quarantined.push(garbage("bay-2", encoded(&refused)));
    });
    assert_eq!((bay.unexplained(), bay.quarantined, bay.damaged), (0, 4, 0));
    assert!(balance.closes());
}

#[test]
fn strangers_are_listed_and_do_not_weigh() {
    let (_, balance) = harmed(|records, _| {
        records.push(emission("bay-9", 0, 0, Fate::Sent).record);
        records.push(emission("bay-2", 7, 0, Fate::Sent).record);
    });
    assert!(balance.closes());
    assert_eq!(
        balance.strangers.iter().map(|(name, rows)| (name.as_str(), *rows)).collect::<Vec<_>>(),
        [("bay-2", 1), ("bay-9", 1)]
    );
}

#[test]
fn one_devices_loss_is_not_made_good_by_anothers_surplus() {
    let emissions = emissions();
    let (mut records, quarantined) = kept(&emissions);
    records.remove(fifth_of_bay_2(&records));
    records.push(emission("bay-1", 0, 9, Fate::Sent).record);
    let balance = audit(&ledger(&emissions), records, quarantined);
    assert_eq!(balance.total.unexplained(), 0, "the sums agree");
    assert!(!balance.closes(), "the books do not");
    assert_eq!(account(&balance, "bay-1").unexplained(), -1, "a record the radio lost has come in");
}

#[test]
fn a_device_that_began_anew_has_a_line_for_each_beginning() {
    let mut all = emissions();
    all.extend((0..5).map(|sequence| emission("bay-2", 1, sequence, Fate::Sent)));
    let (records, quarantined) = kept(&all);
    let balance = audit(&ledger(&all), records, quarantined);
    assert!(balance.closes(), "{balance}");
    assert_eq!(balance.devices.len(), 4);
}

#[test]
fn the_ledger_is_read_as_it_was_written_and_a_bad_line_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.csv");
    let all = ledger(&emissions());
    all.write(&path).expect("can be written");
    assert_eq!(Ledger::read(&path).expect("can be read"), all);
    let text = std::fs::read_to_string(&path).expect("text");
    assert!(text.starts_with(
        "device,kind,epoch,block,sequence_end,emitted,lost,garbled,sent\nbay-1,parking,0,0,70,70,7,3,60:"
    ));
    for (from, to, needle) in [
        (",70,70,7,", ",70,71,7,", ":2: not a line"),
        ("bay-2", "bay 2", ":3: not a line"),
        ("bay-2", "bay-1", ":3: a line that stands here twice"),
        ("epoch", "era", ":1: not the columns"),
    ] {
        std::fs::write(&path, text.replace(from, to)).expect("can be written");
        let error = Ledger::read(&path).expect_err(to).to_string();
        assert!(error.contains(needle), "{error}");
    }
}

/// The records of ten sequences a day, and stores that keep them but for one, with the first three days gone by age.
fn aged(lost: Option<u64>) -> (Ledger, Stores) {
    let mut emissions = emissions();
    for emission in &mut emissions {
        let days = i64::try_from(emission.record.sequence / 10).expect("small");
        let midnight = 1_780_358_400_000;
        emission.record.time = Timestamp::milliseconds(midnight + days * 86_400_000);
    }
    let (mut records, mut quarantined) = kept(&emissions);
    records.retain(|record| record.device.as_str() != "bay-2" || Some(record.sequence) != lost);
    let stores = Stores::in_memory();
    let to = (records.len() + quarantined.len()) as u64;
    for (n, message) in quarantined.iter_mut().enumerate() {
        message.offset = n as u64;
    }
    stores.keep(&Batch { to, records, quarantined, ..Batch::default() }).expect("can be kept");
    let before = Timestamp::milliseconds(1_780_358_400_000 + 3 * 86_400_000);
    // Of each device 30 sequences, of which three were lost and one garbled.
    assert_eq!(stores.forget_history(before).expect("can be taken away"), 3 * 26);
    (ledger(&emissions), stores)
}

#[test]
fn what_is_gone_by_age_is_told_from_what_is_lost() {
    let (ledger, stores) = aged(None);
    let audited = balance(&ledger, &stores, &SchemaBook::default(), None).expect("can be read");
    assert!(audited.closes(), "{audited}");
    assert_eq!((audited.total.gone, account(&audited, "bay-2").gone), (78, 26));
    assert!(audited.to_string().contains("78 gone by age"), "{audited}");
    // One more is missing than went, wherever it was.
    let (ledger, stores) = aged(Some(44));
    let audited = balance(&ledger, &stores, &SchemaBook::default(), None).expect("can be read");
    assert!(!audited.closes(), "{audited}");
    assert_eq!((audited.total.unexplained(), audited.total.gone), (1, 78));
    // A sender that was cut off explains what is missing at the end, not what went at the beginning.
    let (ledger, stores) = aged(None);
    let audited = balance(&ledger, &stores, &SchemaBook::default(), Some(100)).expect("can be read");
    assert_eq!((audited.total.gone, audited.total.unsent), (78, 0));
}

#[test]
fn a_sender_that_was_cut_off_explains_no_more_than_it_had_under_way() {
    let emissions = emissions();
    let (mut records, mut quarantined) = kept(&emissions);
    // Of every device the last ten are missing; of them one was lost by the radio, and one damaged.
    records.retain(|record| record.sequence < 60);
    for (n, message) in quarantined.iter_mut().enumerate() {
        message.offset = n as u64;
    }
    let to = (records.len() + quarantined.len()) as u64;
    let stores = Stores::in_memory();
    stores.keep(&Batch { to, records, quarantined, ..Batch::default() }).expect("can be kept");
    let audited = |most| balance(&ledger(&emissions), &stores, &SchemaBook::default(), most).expect("can be read");
    assert!(!audited(None).closes());
    assert_eq!(audited(Some(24)).total.unsent, 24);
    assert!(audited(Some(24)).closes(), "{}", audited(Some(24)));
    assert!(!audited(Some(23)).closes());
    assert!(audited(Some(23)).to_string().contains("the sender can have had 23 under way"), "{}", audited(Some(23)));
}
