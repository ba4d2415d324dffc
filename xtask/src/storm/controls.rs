//! Controls: something is really lost, doubled or changed, and the audit must say so, with the exact number.
//!
//! An audit that always closes would make every other cell of the storm worthless. So here a message disappears between a device and
//! the keeper although its acknowledgement comes, a digit changes on the way, rows of the database are taken, copied and changed behind
//! its back, and devices trust a broker that dies. A cell stands if and only if the audit fails with the number that is known from
//! elsewhere.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::cast::{Keeper, Verdict, audit, pass, until};
use super::embedded::load;
use super::forger::{Crime, Forger};
use super::rumqttd::Rumqttd;
use super::servers::{Cast, Servers, Work};
use super::{Fault, Outcome, Scene};
use crate::services::Server;

/// Nothing has arrived for so long: nothing more will.
const QUIET: Duration = Duration::from_secs(5);
/// Longest name, life and number of a record in the log [bytes].
const NAME_BYTES_MAX: usize = 300;

/// All of them.
pub(super) fn faults(servers: &Arc<Servers>, quick: bool) -> Vec<Fault> {
    let make = |name: &str, run: Work| {
        let servers = Arc::clone(servers);
        Fault { name: format!("control/{name}"), run: Box::new(move |scene| run(&servers, scene)) }
    };
    let mut faults = vec![
        make("one message lost on its way", Box::new(|_, scene| forged(scene, Crime::Drop))),
        make("one digit changed on its way", Box::new(|_, scene| forged(scene, Crime::Flip))),
        make("rows of the database taken or copied or changed", Box::new(doctored)),
        make("a broker that dies is trusted", Box::new(trusted)),
    ];
    if !quick {
        // It has to be installed, which takes minutes.
        faults.push(make("a broker that forgets is trusted", Box::new(|_, scene| forgotten(scene))));
    }
    faults
}

/// What an audit says of a place: unexplained, doubled, forged, damaged.
fn found(verdict: &Verdict, place: &str) -> [i64; 4] {
    ["unexplained", "doubled", "forged", "damaged"].map(|name| verdict.get(&format!("{place}.{name}")).unwrap_or(-1))
}

/// It must not close, and say just this of each place.
fn caught(verdict: &Verdict, expected: &[(&str, [i64; 4])]) -> Outcome {
    let wrong = expected.iter().find(|(place, figures)| found(verdict, place) != *figures);
    match wrong {
        None if !verdict.closes => Ok(format!("caught: {}", verdict.line())),
        None => Err(format!("the audit closes: {}", verdict.line())),
        Some((place, figures)) => Err(format!(
            "{place} should be {figures:?} (unexplained, doubled, forged, damaged), the audit says {:?}; {}",
            found(verdict, place),
            verdict.line()
        )),
    }
}

/// Between device and keeper sits somebody who commits one crime.
fn forged(scene: &Scene, crime: Crime) -> Outcome {
    let mut keeper = Keeper::start(&scene.keeper(), None, None, None)?;
    let forger = Forger::before(
        keeper.address.ok_or("it does not say where it listens")?,
        crime,
        50 + scene.dice("which", 500),
    )?;
    let mut sender = load(scene, &format!("mqtt://{}", forger.address()), "", None)?;
    if !sender.wait()?.success() || !keeper.player.interrupt()?.success() {
        return Err(format!("{:?} {:?}", sender.said(), keeper.player.said()));
    }
    if forger.crimes() != 1 {
        return Err(format!("{} crimes were committed, not one", forger.crimes()));
    }
    let figures = match crime {
        Crime::Drop => [1, 0, 0, 0],
        Crime::Flip => [0, 0, 0, 1],
    };
    caught(&audit(&scene.sender(), &scene.keeper(), None)?, &[("stores", figures), ("log", figures)])
}

/// Rows of three devices are doctored in the database: one taken, one copied, one changed; everything else is as it was.
fn doctored(servers: &Servers, scene: &Scene) -> Outcome {
    let mut cast = Cast::new(servers, scene, None)?;
    let mut sender = cast.sender("--confirm end-to-end")?;
    if !sender.wait()?.success() {
        return Err(format!("{:?}", sender.said()));
    }
    let verdict = cast.audit()?;
    if !verdict.closes {
        return Err(format!("before anything was done: {}", verdict.line()));
    }
    doctor(servers, &format!("{}.position", Servers::name(scene)))?;
    let verdict = audit(&scene.sender(), &scene.keeper(), Some(&cast.parts))?;
    caught(&verdict, &[("database", [1, 1, 0, 1]), ("stores", [0; 4]), ("log", [0; 4])])
}

/// Takes the first row of a table's first device, changes that of the second, and copies that of the third.
fn doctor(servers: &Servers, table: &str) -> Result<(), String> {
    let first_of = |n: u64| {
        format!(
            "(device, epoch, sequence) IN (SELECT device, epoch, sequence FROM {table} WHERE device = \
             (SELECT DISTINCT device FROM {table} ORDER BY device OFFSET {n} LIMIT 1) ORDER BY epoch, sequence LIMIT 1)"
        )
    };
    let columns = servers.services.sql(&format!(
        "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute \
         WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
    ))?;
    let key = servers.services.sql(&format!(
        "SELECT quote_ident(conname) FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'p'"
    ))?;
    // Which devices are meant is settled before a row is taken.
    let (taken, changed, copied) = (first_of(0), first_of(1), first_of(2));
    for statement in [
        format!("ALTER TABLE {table} DROP CONSTRAINT {key}"),
        format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE {copied}"),
        format!("UPDATE {table} SET latitude = latitude + 0.001 WHERE {changed}"),
        format!("DELETE FROM {table} WHERE {taken}"),
    ] {
        servers.services.sql(&statement)?;
    }
    Ok(())
}

/// Devices are content with the broker's acknowledgement, nobody has fetched their messages yet, and the broker dies with what it
/// holds in memory, as one with default persistence does.
fn trusted(servers: &Servers, scene: &Scene) -> Outcome {
    let mut cast = Cast::new(servers, scene, None)?;
    // Who hears a confirmation knows that the broker knows the keeper, and keeps messages for it from now on.
    proven(&cast, "before")?;
    let ended = cast.keeper.player.interrupt()?;
    if !ended.success() {
        return Err(format!("the keeper ended with {ended}: {:?}", cast.keeper.player.said()));
    }
    let mut sender = cast.sender("--confirm broker")?;
    if !sender.wait()?.success() {
        return Err(format!("{:?}", sender.said()));
    }
    servers.services.kill(Server::Mosquitto)?;
    servers.services.start(Server::Mosquitto)?;
    cast.restart()?;
    // Whatever the broker still had comes before this.
    proven(&cast, "after")?;
    let verdict = cast.audit()?;
    let emitted = verdict.get("stores.emitted").unwrap_or(0);
    let sent = acknowledged(scene)?;
    if sent == 0 || emitted != sent {
        return Err(format!("the broker acknowledged {sent} messages, the ledger holds {emitted}"));
    }
    let gone = [sent, 0, 0, 0];
    caught(&verdict, &[("stores", gone), ("log", gone), ("database", gone)])
}

/// Devices are content with the acknowledgement of a broker that keeps little, and the keeper stands still meanwhile. What is lost
/// is counted here, in the bytes of the log.
fn forgotten(scene: &Scene) -> Outcome {
    let broker = Rumqttd::start(&scene.folder)?;
    let parts = scene.folder.join("parts.yaml");
    let url = format!("mqtt://{}", broker.address());
    let text = format!("bus: {{ mosquitto: {{ url: '{url}', group: storm, name: storm-keeper }} }}\n");
    std::fs::write(&parts, text).map_err(|error| format!("{}: {error}", parts.display()))?;
    let mut keeper = Keeper::start(&scene.keeper(), None, Some(&parts), None)?;
    // Only what comes after the subscription can be forgotten: somebody else speaks until the keeper hears it.
    let before = Scene { folder: scene.folder.join("before"), seed: scene.seed, seconds: 1 };
    std::fs::create_dir_all(&before.folder).map_err(|error| error.to_string())?;
    until("the keeper to hear anything", || {
        let spoken = load(&before, &url, "--name before", None).and_then(|mut sender| sender.wait());
        spoken.is_err() || arrived(scene).is_ok_and(|arrived| !arrived.is_empty())
    })?;
    let known = settled(scene)?;
    keeper.player.freeze(true)?;
    let mut sender = load(scene, &url, "--confirm broker --give-up 60", None)?;
    let ended = sender.wait();
    keeper.player.freeze(false)?;
    if !ended?.success() {
        return Err(format!("the sender failed: {:?}", sender.said()));
    }
    let log = settled(scene)?;
    if !keeper.player.interrupt()?.success() {
        return Err(format!("the keeper failed: {:?}", keeper.player.said()));
    }
    let (sent, kept) = (acknowledged(scene)?, log.difference(&known).count());
    let lost = sent - i64::try_from(kept).unwrap_or(i64::MAX);
    if sent == 0 || lost <= 0 {
        return Err(format!("nothing was lost: {sent} messages acknowledged, {kept} in the log"));
    }
    let verdict = audit(&scene.sender(), &scene.keeper(), Some(&parts))?;
    let gone = [lost, 0, 0, 0];
    let figures = caught(&verdict, &[("stores", gone), ("log", gone)])?;
    Ok(format!("{figures}; {sent} acknowledged by rumqttd, {kept} of them in the log's bytes"))
}

/// Waits until nothing more arrives; everything that has.
fn settled(scene: &Scene) -> Result<BTreeSet<Vec<u8>>, String> {
    let mut before = arrived(scene)?;
    loop {
        pass(QUIET);
        let now = arrived(scene)?;
        if now.len() == before.len() {
            return Ok(now);
        }
        before = now;
    }
}

/// Every record in the bytes of the keeper's log, by what stands between its device and its time; each once.
fn arrived(scene: &Scene) -> Result<BTreeSet<Vec<u8>>, String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![scene.keeper().join("log")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                found.extend(names(&bytes));
            }
        }
    }
    Ok(found)
}

/// Who said what for the which time, of every record among these bytes: from `"device":` up to `,"timestamp":`.
fn names(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (first, last) = (b"\"device\":".as_slice(), b",\"timestamp\":".as_slice());
    let at = |bytes: &[u8], words: &[u8]| bytes.windows(words.len()).position(|window| window == words);
    let (mut rest, mut names) = (bytes, Vec::new());
    while let Some(begin) = at(rest, first) {
        rest = &rest[begin + first.len()..];
        let name = &rest[..rest.len().min(NAME_BYTES_MAX)];
        names.extend(at(name, last).map(|end| name[..end].to_vec()));
    }
    names
}

/// A few messages by other devices, each of them confirmed by the keeper.
fn proven(cast: &Cast<'_>, name: &str) -> Result<(), String> {
    let scene = Scene { folder: cast.scene.folder.join(name), seed: cast.scene.seed, seconds: 1 };
    std::fs::create_dir_all(&scene.folder).map_err(|error| error.to_string())?;
    let url = servers_url(cast)?;
    let mut sender = load(&scene, &url, &format!("--confirm end-to-end --give-up 60 --name {name}"), None)?;
    if sender.wait()?.success() { Ok(()) } else { Err(format!("{name}: {:?}", sender.said())) }
}

fn servers_url(cast: &Cast<'_>) -> Result<String, String> {
    cast.servers.services.url(Server::Mosquitto).ok_or_else(|| String::from("Mosquitto has no port"))
}

/// Messages a sender has handed over; one that ends well has an acknowledgement of each.
fn acknowledged(scene: &Scene) -> Result<i64, String> {
    let path = scene.folder.join("load.json");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    super::cast::number(&text, "sent").ok_or_else(|| format!("{}: no `sent`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn records_are_found_among_other_bytes() {
        let log = b"\x00\x01gps{\"type\":\"health\",\"device\":\"a-1\",\"epoch\":0,\"seq\":7,\"timestamp\":\"x\"}\xff\"device\":\"cut\",\"epo\
            {\"device\":\"b\",\"epoch\":1,\"seq\":0,\"timestamp\":\"y\"}";
        let found: Vec<String> = names(log).iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(found.first().map(String::as_str), Some("\"a-1\",\"epoch\":0,\"seq\":7"));
        assert_eq!(found.last().map(String::as_str), Some("\"b\",\"epoch\":1,\"seq\":0"));
    }
}
