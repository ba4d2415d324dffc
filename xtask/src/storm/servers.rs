//! Faults on real parts: devices, Mosquitto, our keeper with its log and history, Redis, PostgreSQL; each of them goes wrong in turn.
//!
//! The servers are the storm's own, below those of `cargo xtask services`. Every scene begins with an empty broker, an empty Redis and
//! a schema of its own. Senders wait for the keeper's own confirmation, so that it does not matter what the broker forgets; afterwards
//! log, history, database and live state must all say what was sent.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::cast::{Keeper, Player, Verdict, audit, pass, until};
use super::embedded::load;
use super::proxy::{FAILURES, Mood, Proxy};
use super::{Fault, Outcome, Scene};
use crate::services::{Server, Services};

/// The keeper's edges: where it is made to die, and after how many times there at most.
const EDGES: [(&str, u64); 12] = [
    ("log/gathered", 200),
    ("log/synced", 200),
    ("log/shown", 200),
    ("bridge/committed", 400),
    ("worker/taken", 100),
    ("worker/shown", 20),
    ("keep/history", 4),
    ("keep/records", 4),
    ("keep/live", 4),
    ("keep/tables", 4),
    ("keep/quarantine", 4),
    ("keep/checkpoint", 4),
];
/// How long a server that is killed stays away, at least and at most [ms].
const AWAY: (u64, u64) = (200, 2000);
/// How long a server that does not answer stays so, in a quick storm and in a slow one [s].
const SILENT: (u64, u64) = (5, 60);
/// What a sender is told besides its load: it waits for the keeper's word, however long that takes.
const PATIENT: &str = "--confirm end-to-end --give-up 300";

/// What is done in a scene with servers.
pub(super) type Work = Box<dyn Fn(&Servers, &Scene) -> Outcome + Send + Sync>;

/// The storm's own servers, started when first asked for and stopped at the end.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) services: Services,
}

impl Servers {
    /// Those of a quick storm and of a slow one are not the same: one may run beside the other.
    fn new(quick: bool) -> Arc<Self> {
        Arc::new(Self { services: Services::new().below(if quick { "storm-quick" } else { "storm" }) })
    }

    /// Servers that run and hold nothing.
    pub(super) fn fresh(&self) -> Result<(), String> {
        self.services.up(&Server::STORM)?;
        self.services.restart(Server::Mosquitto, false)?;
        self.services.empty_redis()
    }

    /// A file of parts for a scene, with names of its own; `broker` stands in the place of Mosquitto's address.
    pub(super) fn parts(&self, scene: &Scene, broker: Option<SocketAddr>) -> Result<PathBuf, String> {
        let url = |server| self.services.url(server).ok_or_else(|| String::from("a server has no port"));
        let broker = broker.map_or_else(|| url(Server::Mosquitto), |address| Ok(format!("mqtt://{address}")))?;
        let (name, file) = (Self::name(scene), scene.folder.join("parts.yaml"));
        let text = format!(
            "bus: {{ mosquitto: {{ url: '{broker}', group: {name}, name: {name} }} }}\nlive: {{ redis: {{ url: '{}', prefix: {name} }} }}\n\
             records: {{ postgres: {{ url: '{}', schema: {name} }} }}\n",
            url(Server::Redis)?,
            url(Server::Postgres)?,
        );
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(file)
    }

    /// What a scene's schema, prefix and group are called.
    pub(super) fn name(scene: &Scene) -> String {
        let name = scene.folder.parent().and_then(|folder| folder.file_name()).unwrap_or_default();
        let plain: String = name.to_string_lossy().chars().filter(char::is_ascii_alphanumeric).take(24).collect();
        format!("s{}_{}", scene.seed, plain.to_lowercase())
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if let Err(reason) = self.services.down() {
            eprintln!("storm: {reason}");
        }
    }
}

/// Everybody in a scene with real parts.
pub(super) struct Cast<'a> {
    pub(super) servers: &'a Servers,
    pub(super) scene: &'a Scene,
    pub(super) parts: PathBuf,
    pub(super) keeper: Keeper,
}

impl<'a> Cast<'a> {
    /// A keeper on fresh servers.
    pub(super) fn new(servers: &'a Servers, scene: &'a Scene, dies_at: Option<&str>) -> Result<Self, String> {
        servers.fresh()?;
        let parts = servers.parts(scene, None)?;
        let keeper = Keeper::start(&scene.keeper(), None, Some(&parts), dies_at)?;
        Ok(Self { servers, scene, parts, keeper })
    }

    /// Another keeper goes on where the last one ended.
    pub(super) fn restart(&mut self) -> Result<(), String> {
        self.keeper.player.kill();
        self.keeper = Keeper::start(&self.scene.keeper(), None, Some(&self.parts), None)?;
        Ok(())
    }

    /// A sender at the broker.
    pub(super) fn sender(&self, words: &str) -> Result<Player, String> {
        let url = self.servers.services.url(Server::Mosquitto).ok_or("Mosquitto has no port")?;
        load(self.scene, &url, words, None)
    }

    /// Ends the keeper in order, and audits.
    pub(super) fn audit(&mut self) -> Result<Verdict, String> {
        let ended = self.keeper.player.interrupt()?;
        if !ended.success() {
            return Err(format!("the keeper ended with {ended}: {:?}", self.keeper.player.said()));
        }
        audit(&self.scene.sender(), &self.scene.keeper(), Some(&self.parts))
    }

    /// Waits for the sender, ends the keeper, and judges.
    fn judge(&mut self, mut sender: Player) -> Outcome {
        let ended = sender.wait()?;
        if !ended.success() {
            return Err(format!("the sender ended with {ended}: {:?}", sender.said()));
        }
        judged(&self.audit()?)
    }
}

impl Drop for Cast<'_> {
    fn drop(&mut self) {
        self.keeper.player.kill();
        let name = Servers::name(self.scene);
        // A server that does not answer is made anew for the next scene, if it can be.
        drop(
            self.servers
                .services
                .sql(&format!("SET client_min_messages TO error; DROP SCHEMA IF EXISTS {name} CASCADE")),
        );
    }
}

/// It must close everywhere, and everywhere there must be something.
fn judged(verdict: &Verdict) -> Outcome {
    let seen = ["stores", "log", "database"].map(|place| verdict.get(&format!("{place}.emitted")).unwrap_or(0));
    let alive = verdict.get("live.right").unwrap_or(0);
    if verdict.closes && alive > 0 && seen.into_iter().all(|emitted| emitted > 0) {
        Ok(verdict.line())
    } else {
        Err(format!("{}; {alive} live, emitted {seen:?}", verdict.line()))
    }
}

/// All of them, or one for each server.
pub(super) fn faults(quick: bool) -> Vec<Fault> {
    let servers = Servers::new(quick);
    let make = |name: &str, run: Work| {
        let servers = Arc::clone(&servers);
        Fault { name: format!("servers/{name}"), run: Box::new(move |scene| run(&servers, scene)) }
    };
    let mut faults = vec![
        make("nothing goes wrong", Box::new(|servers, scene| during(servers, scene, |_| Ok(String::new())))),
        make("Mosquitto killed", killed(Server::Mosquitto, true)),
        make("Redis killed with its data gone", killed(Server::Redis, false)),
        make("Redis loses everything after the last word", Box::new(forgets)),
        make("PostgreSQL killed", killed(Server::Postgres, true)),
    ];
    faults.extend(super::controls::faults(&servers, quick));
    if quick {
        return faults;
    }
    faults.extend([
        make("Mosquitto killed with its data gone", killed(Server::Mosquitto, false)),
        make("Redis killed", killed(Server::Redis, true)),
        make("keeper killed", Box::new(keeper_killed)),
        make("everybody killed", Box::new(everybody_killed)),
    ]);
    for server in Server::STORM {
        faults.push(make(&format!("{} silent for {} s", server.name(), SILENT.0), silent(server, SILENT.0)));
    }
    faults.extend(EDGES.map(|(edge, most)| {
        make(
            &format!("keeper dies at {edge}"),
            Box::new(move |servers, scene| dies_at(servers, scene, edge, 1 + scene.dice("n", most))),
        )
    }));
    for (word, mood) in FAILURES {
        faults.push(make(
            &format!("network before Mosquitto {word}"),
            Box::new(move |servers, scene| through_proxy(servers, scene, mood)),
        ));
    }
    for server in Server::STORM {
        faults.push(make(&format!("{} silent for {} s", server.name(), SILENT.1), silent(server, SILENT.1)));
    }
    faults
}

/// A load, and meanwhile something; then the books must close.
fn during(servers: &Servers, scene: &Scene, meanwhile: impl Fn(&mut Cast<'_>) -> Result<String, String>) -> Outcome {
    let mut cast = Cast::new(servers, scene, None)?;
    let sender = cast.sender(PATIENT)?;
    let told = meanwhile(&mut cast)?;
    let figures = cast.judge(sender)?;
    Ok(if told.is_empty() { figures } else { format!("{figures}; {told}") })
}

/// Some moment of the load.
fn moment(scene: &Scene) {
    pass(Duration::from_millis(500 + scene.dice("when", scene.seconds * 500)));
}

/// A server is killed, and comes back after a while with what it had, or without.
fn killed(server: Server, with_data: bool) -> Work {
    Box::new(move |servers, scene| {
        during(servers, scene, |cast| {
            moment(scene);
            cast.servers.services.kill(server)?;
            let away = AWAY.0 + scene.dice("away", AWAY.1 - AWAY.0);
            pass(Duration::from_millis(away));
            if !with_data {
                cast.servers.services.empty(server)?;
            }
            cast.servers.services.start(server)?;
            Ok(format!("away {away} ms"))
        })
    })
}

/// A server answers nobody for a while, without closing a connection.
fn silent(server: Server, seconds: u64) -> Work {
    Box::new(move |servers, scene| {
        during(servers, scene, |cast| {
            moment(scene);
            cast.servers.services.freeze(server, true)?;
            pass(Duration::from_secs(seconds));
            cast.servers.services.freeze(server, false)?;
            cast.servers.services.wait_ready(server)?;
            Ok(format!("silent {seconds} s"))
        })
    })
}

/// Redis comes back empty when no device speaks any more: what it knew can only come from the history.
fn forgets(servers: &Servers, scene: &Scene) -> Outcome {
    let mut cast = Cast::new(servers, scene, None)?;
    let mut sender = cast.sender(PATIENT)?;
    let ended = sender.wait()?;
    if !ended.success() {
        return Err(format!("the sender ended with {ended}: {:?}", sender.said()));
    }
    servers.services.kill(Server::Redis)?;
    servers.services.empty(Server::Redis)?;
    servers.services.start(Server::Redis)?;
    judged(&cast.audit()?)
}

fn keeper_killed(servers: &Servers, scene: &Scene) -> Outcome {
    during(servers, scene, |cast| {
        moment(scene);
        cast.restart()?;
        Ok(String::new())
    })
}

/// Keeper and servers in turn, in quick succession.
fn everybody_killed(servers: &Servers, scene: &Scene) -> Outcome {
    during(servers, scene, |cast| {
        for server in Server::STORM {
            pass(Duration::from_millis(100 + scene.dice(server.name(), 500)));
            cast.servers.services.kill(server)?;
        }
        cast.restart_among_ruins()?;
        Ok(String::new())
    })
}

impl Cast<'_> {
    /// The keeper is killed while no server runs, and all come back.
    fn restart_among_ruins(&mut self) -> Result<(), String> {
        self.keeper.player.kill();
        self.servers.services.up(&Server::STORM)?;
        self.restart()
    }
}

/// The keeper dies at one of its edges, and another goes on.
fn dies_at(servers: &Servers, scene: &Scene, edge: &str, n: u64) -> Outcome {
    let mut cast = Cast::new(servers, scene, Some(&format!("{edge}:{n}")))?;
    let mut sender = cast.sender(PATIENT)?;
    // A short load may be over before the edge was come to so often: then nothing has died, and that is said.
    until("a death or the load's end", || !cast.keeper.player.is_alive() || !sender.is_alive())?;
    let died = !cast.keeper.player.is_alive();
    if died {
        cast.restart()?;
    }
    until("the load's end", || !sender.is_alive())?;
    if !cast.keeper.player.interrupt()?.success() && died {
        return Err(format!("the keeper failed twice: {:?}", cast.keeper.player.said()));
    }
    // Without its fail point, whatever it came to while it put things away.
    cast.restart()?;
    let figures = cast.judge(sender)?;
    Ok(if died { format!("{figures}; died at the {n}.") } else { format!("{figures}; not come to {n} times") })
}

/// Devices and keeper reach Mosquitto through a network that fails for a while.
fn through_proxy(servers: &Servers, scene: &Scene, mood: Option<Mood>) -> Outcome {
    servers.fresh()?;
    let port = servers.services.port(Server::Mosquitto).ok_or("Mosquitto has no port")?;
    let proxy = Proxy::before(SocketAddr::from(([127, 0, 0, 1], port)))?;
    let parts = servers.parts(scene, Some(proxy.address()))?;
    let keeper = Keeper::start(&scene.keeper(), None, Some(&parts), None)?;
    let mut cast = Cast { servers, scene, parts, keeper };
    let sender = load(scene, &format!("mqtt://{}", proxy.address()), PATIENT, None)?;
    moment(scene);
    proxy.fail(mood, scene);
    let figures = cast.judge(sender)?;
    Ok(format!("{figures}; {} connections cut", proxy.cuts()))
}
