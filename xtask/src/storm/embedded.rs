//! Faults on the embedded parts: a sender, our listener, our log and stores, and nothing else.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::cast::{Keeper, Player, Verdict, audit, pass, until};
use super::proxy::{FAILURES, Mood, Proxy};
use super::{Fault, Outcome, Scene};

/// The keeper's edges: where it is made to die, and after how many times there at most.
const EDGES: [(&str, u64); 12] = [
    ("log/gathered", 400),
    ("log/written", 400),
    ("log/synced", 400),
    ("log/shown", 400),
    ("worker/taken", 200),
    ("worker/shown", 20),
    ("keep/history", 4),
    ("keep/records", 4),
    ("keep/live", 4),
    ("keep/tables", 4),
    ("keep/quarantine", 4),
    ("keep/checkpoint", 4),
];

/// Most messages a sender that dies may have been about to send, by its ledger; more would be losses that nobody explains.
const UNSENT_MAX: i64 = 200;

/// The sender's edges.
const SENDERS_EDGES: [(&str, u64); 2] = [("ledger/written", 200), ("gateway/handed", 200)];

/// All of them.
pub(super) fn faults() -> Vec<Fault> {
    let mut faults = vec![
        fault("nothing goes wrong", |scene| closes(scene, "", |_, _| Ok(()))),
        fault("keeper killed", |scene| {
            closes(scene, "", |keeper, scene| {
                pass(Duration::from_millis(500 + scene.dice("when", 2500)));
                restart(keeper, scene)
            })
        }),
        fault("keeper killed three times", |scene| {
            closes(scene, "", |keeper, scene| {
                (0..3).try_for_each(|n| {
                    pass(Duration::from_millis(200 + scene.dice(&format!("when {n}"), 1000)));
                    restart(keeper, scene)
                })
            })
        }),
        fault("sender killed", |scene| cut_off(scene, None)),
        fault("messages doubled", |scene| closes(scene, "--doubled 0.1", |_, _| Ok(()))),
        fault("messages out of order", |scene| closes(scene, "--reordered 0.1", |_, _| Ok(()))),
        fault("messages ten minutes late", |scene| closes(scene, "--late 0.1", |_, _| Ok(()))),
        fault("1 % malformed", |scene| closes(scene, "--malformed 0.01", |_, _| Ok(()))),
        fault("hostile payloads", |scene| closes(scene, "--hostile 0.05", |_, _| Ok(()))),
        fault("clocks an hour ahead", |scene| closes(scene, "--clock-step-at 1 --clock-step-by 3600", |_, _| Ok(()))),
        fault("clocks an hour back", |scene| closes(scene, "--clock-step-at 1 --clock-step-by -3600", |_, _| Ok(()))),
        fault("a few clocks an hour ahead", few_clocks_ahead),
        fault("everything at once and killed", |scene| {
            let words = "--doubled 0.02 --reordered 0.02 --late 0.02 --malformed 0.01 --hostile 0.01";
            closes(scene, words, |keeper, scene| {
                pass(Duration::from_millis(300 + scene.dice("when", 2500)));
                restart(keeper, scene)
            })
        }),
        fault("disk full under the log", disk_full),
    ];
    faults.extend(EDGES.map(|(edge, most)| {
        fault(&format!("keeper dies at {edge}"), move |scene| dies_at(scene, edge, 1 + scene.dice("n", most)))
    }));
    faults.extend(SENDERS_EDGES.map(|(edge, most)| {
        fault(&format!("sender dies at {edge}"), move |scene| {
            cut_off(scene, Some(&format!("{edge}:{}", 1 + scene.dice("n", most))))
        })
    }));
    faults.extend(
        FAILURES.map(|(word, mood)| fault(&format!("network {word}"), move |scene| through_proxy(scene, mood))),
    );
    faults
}

fn fault(name: &str, run: impl Fn(&Scene) -> Outcome + Send + Sync + 'static) -> Fault {
    Fault { name: format!("embedded/{name}"), run: Box::new(run) }
}

/// Starts a load against an address.
pub(super) fn load(scene: &Scene, target: &str, more: &str, dies_at: Option<&str>) -> Result<Player, String> {
    let (out, seed, seconds) =
        (scene.sender().display().to_string(), scene.seed.to_string(), scene.seconds.to_string());
    let mut words = vec!["load", "--target", target, "--out", &out, "--seed", &seed, "--seconds", &seconds];
    words.extend(["--devices", "200", "--rate", "1000", "--json"]);
    words.extend(more.split_whitespace());
    Player::start(&words, dies_at, &scene.folder.join("load.json"))
}

/// The verdict as an outcome: it must close, and something must have been sent.
pub(super) fn judged(verdict: &Verdict) -> Outcome {
    let emitted = verdict.get("stores.emitted").unwrap_or(0);
    if verdict.closes && emitted > 0 { Ok(verdict.line()) } else { Err(verdict.line()) }
}

/// Ends sender and keeper in order, and audits.
fn judge(scene: &Scene, mut sender: Player, keeper: &mut Keeper) -> Outcome {
    let ended = sender.wait()?;
    if !ended.success() {
        let (sent, kept) = (sender.said(), keeper.player.said());
        return Err(format!("the sender ended with {ended}: {sent:?}; the keeper said {kept:?}"));
    }
    let ended = keeper.player.interrupt()?;
    if !ended.success() {
        return Err(format!("the keeper ended with {ended}: {:?}", keeper.player.said()));
    }
    judged(&audit(&scene.sender(), &scene.keeper(), None)?)
}

/// A load during which something is done; afterwards the books must close.
fn closes(scene: &Scene, words: &str, meanwhile: impl Fn(&mut Keeper, &Scene) -> Result<(), String>) -> Outcome {
    let mut keeper = Keeper::start(&scene.keeper(), None, None, None)?;
    let sender = load(scene, &target(&keeper)?, words, None)?;
    meanwhile(&mut keeper, scene)?;
    judge(scene, sender, &mut keeper)
}

/// What a few devices say comes from the future. It is held back, as one might be right and all others slow, and refused when nobody has
/// agreed by the end: the books have to close over what was refused of batches that were kept long before.
fn few_clocks_ahead(scene: &Scene) -> Outcome {
    let mut keeper = Keeper::start_with(&scene.keeper(), None, None, None, &["--finish"])?;
    let sender = load(scene, &target(&keeper)?, "--wrong-clocks 0.03", None)?;
    let figures = judge(scene, sender, &mut keeper)?;
    if figures.contains("quarantined 0,") { Err(format!("nothing was refused: {figures}")) } else { Ok(figures) }
}

fn target(keeper: &Keeper) -> Result<String, String> {
    keeper
        .address
        .map(|address| format!("mqtt://{address}"))
        .ok_or_else(|| "it does not say where it listens".to_owned())
}

/// Takes the keeper away and starts it again at the same place.
fn restart(keeper: &mut Keeper, scene: &Scene) -> Result<(), String> {
    keeper.player.kill();
    *keeper = Keeper::start(&scene.keeper(), keeper.address, None, None)?;
    Ok(())
}

/// The keeper dies at one of its edges, and is started again.
fn dies_at(scene: &Scene, edge: &str, n: u64) -> Outcome {
    let mut keeper = Keeper::start(&scene.keeper(), None, None, Some(&format!("{edge}:{n}")))?;
    let mut sender = load(scene, &target(&keeper)?, "", None)?;
    // A short load may be over before the edge was come to so often: then nothing has died, and that is said.
    until("a death or the load's end", || !keeper.player.is_alive() || !sender.is_alive())?;
    let died = !keeper.player.is_alive();
    if died {
        restart(&mut keeper, scene)?;
    }
    let ended = sender.wait()?;
    if !ended.success() {
        return Err(format!("the sender ended with {ended}: {:?}", sender.said()));
    }
    if !keeper.player.interrupt()?.success() {
        // It came to the edge while it put things away.
        restart(&mut keeper, scene)?;
    }
    let figures = judge(scene, sender, &mut keeper)?;
    Ok(if died { format!("{figures}; died at the {n}.") } else { format!("{figures}; not come to {n} times") })
}

/// The sender is killed, or dies at one of its edges; what it has sent must be there, and nothing else.
fn cut_off(scene: &Scene, dies_at: Option<&str>) -> Outcome {
    let mut keeper = Keeper::start(&scene.keeper(), None, None, None)?;
    let mut sender = load(scene, &target(&keeper)?, "", dies_at)?;
    if dies_at.is_some() {
        let _ = sender.wait()?;
    } else {
        pass(Duration::from_millis(300 + scene.dice("when", 2000)));
        sender.kill();
    }
    let ended = keeper.player.interrupt()?;
    if !ended.success() {
        return Err(format!("the keeper ended with {ended}: {:?}", keeper.player.said()));
    }
    let verdict = audit(&scene.sender(), &scene.keeper(), None)?;
    let (unsent, emitted) = (verdict.get("stores.unsent").unwrap_or(0), verdict.get("stores.emitted").unwrap_or(0));
    // What was under way when it died: a fifth of a second of the load, which is acknowledged within milliseconds.
    if verdict.closes && emitted > 0 && unsent <= UNSENT_MAX { Ok(verdict.line()) } else { Err(verdict.line()) }
}

/// Between sender and keeper the network fails for a while.
fn through_proxy(scene: &Scene, mood: Option<Mood>) -> Outcome {
    let mut keeper = Keeper::start(&scene.keeper(), None, None, None)?;
    let proxy = Proxy::before(keeper.address.ok_or("it does not say where it listens")?)?;
    let sender = load(scene, &format!("mqtt://{}", proxy.address()), "", None)?;
    pass(Duration::from_millis(300 + scene.dice("when", 1000)));
    proxy.fail(mood, scene);
    let figures = judge(scene, sender, &mut keeper)?;
    Ok(format!("{figures}; {} connections cut", proxy.cuts()))
}

/// The disk under the keeper fills up; it says so, and goes on when there is room.
fn disk_full(scene: &Scene) -> Outcome {
    let disk = scene.keeper();
    std::fs::create_dir_all(&disk).map_err(|error| error.to_string())?;
    let mount = |options: &str| quietly(Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&disk));
    if !mount("size=3m") {
        return Ok("left out: mounting a small disk needs root".to_owned());
    }
    let outcome = fill(scene, &disk);
    quietly(Command::new("umount").arg("-l").arg(&disk));
    outcome
}

fn fill(scene: &Scene, disk: &Path) -> Outcome {
    let inside = disk.join("in");
    let mut keeper = Keeper::start(&inside, None, None, None)?;
    let sender = load(scene, &target(&keeper)?, "--hostile 0.5", None)?;
    until("a full disk", || !keeper.player.is_alive())?;
    let said = keeper.player.said();
    if !said.iter().any(|line| line.contains("No space left") || line.contains("disk is full")) {
        return Err(format!("on a full disk it said {said:?}"));
    }
    if !quietly(Command::new("mount").args(["-o", "remount,size=256m"]).arg(disk)) {
        return Err("cannot make room".to_owned());
    }
    let mut keeper = Keeper::start(&inside, keeper.address, None, None)?;
    let mut sender = sender;
    if !sender.wait()?.success() || !keeper.player.interrupt()?.success() {
        return Err(format!("{:?} {:?}", sender.said(), keeper.player.said()));
    }
    judged(&audit(&scene.sender(), &inside, None)?)
}

/// Runs something without a word; whether it succeeded.
pub(super) fn quietly(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}
