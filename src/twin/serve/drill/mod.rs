//! A drill that is run: a city with its director on a thread of its own, people who sit in it, and what it leaves in its folder.
//!
//! ```text
//! manifest.json  drill.yaml  injects.csv   what it was made of
//! seats.jsonl                              PINs and tokens, hashed; for its owner's eyes only
//! start.state  baseline.json               the city at T+0, and what bots alone achieve from there
//! branch-1/actions.jsonl                   what people did: the only input there is, on the disk before anybody is answered
//! branch-1/log.jsonl  state/               what happened, and states to go on from; both can be made again
//! branch-1/after-action.html  .json  cap/  the review
//! ```
//!
//! Whoever is killed loses nothing that was answered: the next one takes the latest state that is whole, and does again what was done
//! after it. Going back makes another branch and touches no file of the one before.

mod after;
mod again;
mod book;
mod journal;
mod orders;
mod play;
mod player;
mod seats;
mod shared;
mod states;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

pub use self::again::{Remade, again, by_bots};
pub(super) use self::player::Asked;
pub use self::seats::Pin;

use self::book::{Book, Head, Wish};
use self::play::Play;
use self::player::Beginning;
use self::seats::Seats;
use self::shared::{Shared, Stand};
use super::LIVE;
use super::cast::Cast;
use super::desk::{Desk, Reply, Request};
use super::scenes::{Going, Scenes};
use super::stage::locked;
use crate::api::port::{
    Attendance, ClockOrder, Done, Drill, Finished, Joined, Lobby, Opening, Pipeline, Refused, Seat, Session,
    SessionInfo, SessionKind, Twin,
};
use crate::city::network::Network;
use crate::city::network::places::Places;
use crate::pipeline::stores::Stores;
use crate::studies::drill::file::LoadedDrill;
use crate::studies::drill::model::Action;
use crate::studies::experiment::{Prepared, make_folder, write_file};
use crate::twin::{TwinError, clock};

/// Files of a branch that are given out, by name.
const FILES: [&str; 4] = [after::PAGE, after::FIGURES, journal::LOG, book::ACTIONS];
/// Name of the file that says what a drill was made of.
const MANIFEST: &str = "manifest.json";

/// How a drill is run.
#[derive(Debug, Clone)]
pub struct DrillSettings {
    /// Its folder; one in which a server was killed is gone on with.
    pub folder: PathBuf,
    /// The drill's file, as it was named.
    pub file: PathBuf,
    /// How the program was called.
    pub command: Vec<String>,
    /// City seconds for a second on the wall; none is as fast as possible.
    pub speed: Option<f64>,
    /// Whether somebody beyond this machine can come to the door: PINs are longer then.
    pub beyond: bool,
    /// Whether PINs are drawn anew where there are some.
    pub new_pins: bool,
}

/// A drill that is run.
#[derive(Debug)]
pub struct Drilling {
    cast: Arc<Cast>,
    stores: Arc<Stores>,
    desk: Arc<Desk>,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What a drill was made of.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Manifest {
    /// The program and its version.
    program: String,
    command: Vec<String>,
    drill: String,
    /// The drill's file, whole.
    file: PathBuf,
    seed: u64,
    inputs: Vec<super::diary::Input>,
}

fn wrong(sentence: String) -> TwinError {
    TwinError::Service(sentence)
}

/// Writes what a drill is made of, where that does not stand there yet.
fn write_down(folder: &Path, file: &Path, command: &[String], loaded: &LoadedDrill) -> Result<(), String> {
    make_folder(folder).map_err(|error| error.to_string())?;
    let path = folder.join(MANIFEST);
    if path.exists() {
        return Ok(());
    }
    let copy = |from: &Path, name: &str| {
        let bytes = std::fs::read(from).map_err(|error| format!("`{}` cannot be read: {error}", from.display()))?;
        write_file(&folder.join(name), |out| out.write_all(&bytes)).map_err(|error| error.to_string())
    };
    copy(file, "drill.yaml")?;
    let is_sheet = |path: &Path| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    // The drill's own files stand before those of its scenario.
    let own = loaded.files.len().saturating_sub(loaded.city.files.len());
    if let Some(sheet) = loaded.files.iter().take(own).map(|file| &file.path).find(|path| is_sheet(path)) {
        copy(sheet, "injects.csv")?;
    }
    let head = Head::of(loaded);
    let manifest = Manifest {
        program: head.program,
        command: command.to_vec(),
        drill: head.drill,
        file: std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned()),
        seed: head.seed,
        inputs: head.inputs,
    };
    let written = write_file(&path, |out| Ok(serde_json::to_writer_pretty(out, &manifest)?));
    written.map_err(|error| error.to_string())
}

impl Drilling {
    /// Begins a drill, or goes on with one; and the PINs that were drawn, which nobody can tell again.
    ///
    /// # Errors
    /// When the folder holds something else or cannot be used, or the city cannot be made.
    pub fn begin(
        settings: &DrillSettings,
        loaded: &LoadedDrill,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<(Self, Vec<Pin>), TwinError> {
        let folder = &settings.folder;
        let head = Head::of(loaded);
        write_down(folder, &settings.file, &settings.command, loaded).map_err(wrong)?;
        let book = Book::open(folder, &head).map_err(wrong)?;
        let mut seats = Seats::open(folder, &loaded.drill).map_err(wrong)?;
        let draws = settings.new_pins || !seats.has_pins();
        let pins = if draws { seats.draw_pins(settings.beyond).map_err(wrong)? } else { Vec::new() };
        let prepared = Prepared::of(&loaded.city, interrupted).map_err(|error| wrong(error.to_string()))?;
        let cast = Arc::new(Cast::of(prepared));
        let mut play = Play::begin(&cast, &loaded.drill);
        play.director.set_branch(book.head().branch);
        let stand = Stand { phase: "preparing", branch: book.head().branch, folder: book.folder().to_owned() };
        let shared = Arc::new(Shared::new(&loaded.drill, folder, seats, stand));
        let mut scenes = Scenes::default();
        let going = Going { speed: settings.speed, paused: false, over: false };
        let first = scenes.make(&play.stage, going, clock::instant());
        let info = info(&cast, &play, settings.speed);
        let (desk, requests) = Desk::new(info, Vec::new(), Arc::clone(play.stage.samples()), first);
        let desk_too = Arc::clone(&desk);
        let speed = settings.speed;
        let beginning = Beginning { play, book, shared: Arc::clone(&shared), desk: desk_too, requests, scenes, speed };
        let thread = Mutex::new(Some(player::begin(beginning).map_err(wrong)?));
        Ok((Self { cast, stores: Arc::new(Stores::in_memory()), desk, shared, thread }, pins))
    }

    /// What people should hear of that is wrong.
    pub fn troubles(&self) -> Vec<String> {
        self.shared.troubles()
    }

    /// What it is doing, in a word as the lobby has it, and on which branch.
    pub fn stand(&self) -> (&'static str, u32) {
        let stand = self.shared.stand();
        (stand.phase, stand.branch)
    }

    /// Where its review is, once it is written.
    pub fn review(&self) -> Option<PathBuf> {
        self.shared.over.borrow().then(|| self.shared.stand().folder.join(after::PAGE))
    }

    /// Ends it in an orderly way: where it is now is written down.
    pub fn end(&self) {
        self.shared.stop();
        self.desk.end();
        if let Some(thread) = locked(&self.thread).take() {
            // Should it have died, that was told.
            drop(thread.join());
        }
    }

    fn ask<T>(&self, asked: impl FnOnce(Reply<T>) -> Asked) -> Result<T, Refused> {
        self.desk.ask(|reply| Request::Drill(Box::new(asked(reply))))
    }

    fn wish(&self, seat: &Seat, id: &str, wish: Wish) -> Result<Done, Refused> {
        let (seat, id) = (seat.clone(), id.to_owned());
        self.ask(|reply| Asked::Do { seat, id, wish, reply })
    }
}

fn info(cast: &Cast, play: &Play, speed: Option<f64>) -> SessionInfo {
    let settings = cast.loaded().settings;
    let (begin, end) = (cast.begin(), play.drill().start + play.drill().length);
    SessionInfo {
        id: LIVE.to_owned(),
        kind: SessionKind::Live,
        name: play.drill().name.clone(),
        parent: None,
        begin_s: begin.as_seconds(),
        end_s: Some(end.as_seconds()),
        time_s: play.time().as_seconds(),
        step_s: settings.step.as_seconds(),
        midnight_ms: settings.midnight.as_milliseconds(),
        over: false,
        paused: false,
        speed,
        speed_reached: 0.0,
        // It is changed by what stands in its log, and by nothing else.
        simulated: false,
        branch: None,
    }
}

impl Drill for Drilling {
    fn lobby(&self) -> Lobby {
        let drill = &self.shared.drill;
        let stand = self.shared.stand();
        let marking = drill.marking.as_deref().map_or_else(|| "EXERCISE".to_owned(), |more| format!("EXERCISE {more}"));
        Lobby {
            name: drill.name.clone(),
            question: drill.question.clone(),
            marking,
            phase: stand.phase,
            branch: stand.branch,
            baseline: self.shared.baseline(),
            roles: locked(&self.shared.seats).roles(),
        }
    }

    fn join(&self, pin: &str, name: &str) -> Result<Joined, Refused> {
        let joined = locked(&self.shared.seats).join(pin, name).map(|(joined, _)| joined)?;
        // From now on the role is its; the token is given out when that is written down.
        self.ask(Asked::Joined)?;
        Ok(joined)
    }

    fn seat(&self, token: &str) -> Option<Seat> {
        locked(&self.shared.seats).find(token)
    }

    fn attend(&self, seat: &Seat) -> Option<Attendance> {
        let here = locked(&self.shared.seats).here(seat)?;
        let mut views = self.shared.views(&seat.role)?;
        // What was shown before somebody looked may be old.
        let role = seat.role.clone();
        self.ask(|reply| Asked::Look { role, reply }).ok()?;
        views.mark_changed();
        Some(Attendance { views, over: self.shared.over.subscribe(), here })
    }

    fn act(&self, seat: &Seat, id: &str, action: &str) -> Result<Done, Refused> {
        let action: Action = serde_json::from_str(action)
            .map_err(|error| Refused::Invalid(format!("this is no action: {error}; see `docs/drill.md`")))?;
        self.wish(seat, id, Wish::Act(action))
    }

    fn clock(&self, seat: &Seat, id: &str, order: ClockOrder) -> Result<Done, Refused> {
        self.wish(seat, id, Wish::Clock(order))
    }

    fn rewind(&self, seat: &Seat, id: &str, to_s: f64) -> Result<Done, Refused> {
        self.wish(seat, id, Wish::Rewind(to_s))
    }

    fn recommend(&self, seat: &Seat, call: u32) -> Result<String, Refused> {
        let role = seat.role.clone();
        self.ask(|reply| Asked::Recommend { role, call, reply })
    }

    fn file(&self, seat: &Seat, name: &str) -> Result<PathBuf, Refused> {
        let Some(name) = FILES.into_iter().find(|file| *file == name) else {
            return Err(Refused::Unknown(format!("a drill gives out {}", FILES.join(", "))));
        };
        let stand = self.shared.stand();
        if !seat.truth && stand.phase != "over" {
            let sentence = "what happened is told when the drill is over";
            return Err(Refused::NotNow(sentence.to_owned()));
        }
        let path = stand.folder.join(name);
        let review = [after::PAGE, after::FIGURES].contains(&name);
        if !path.exists() || (review && !*self.shared.over.borrow()) {
            let sentence = format!("`{name}` is written when the drill is over and the bots have played it too");
            return Err(Refused::NotNow(sentence));
        }
        Ok(path)
    }
}

impl Twin for Drilling {
    fn name(&self) -> &str {
        &self.cast.loaded().name
    }

    fn network(&self) -> &Arc<Network> {
        self.cast.network()
    }

    fn places(&self) -> Option<&Places> {
        self.cast.loaded().places.as_ref()
    }

    fn stores(&self) -> &Arc<Stores> {
        &self.stores
    }

    fn pipeline(&self) -> Pipeline {
        Pipeline { troubles: self.shared.troubles(), ..Pipeline::default() }
    }

    fn sessions(&self) -> Vec<SessionInfo> {
        vec![self.desk.info()]
    }

    fn session(&self, id: &str) -> Option<Arc<dyn Session>> {
        (id == LIVE).then(|| Arc::clone(&self.desk) as Arc<dyn Session>)
    }

    fn open(&self, _: &Opening) -> Result<SessionInfo, Refused> {
        Err(Refused::NotNow("in a drill no other city is opened; the controller can go back in it".to_owned()))
    }

    fn close(&self, id: &str) -> Result<(), Refused> {
        Err(if id == LIVE {
            Refused::Invalid("the city of a drill cannot be ended; end the drill".to_owned())
        } else {
            Refused::Unknown("a drill has one city, `live`".to_owned())
        })
    }

    fn finished(&self) -> Result<Vec<Finished>, Refused> {
        Ok(Vec::new())
    }

    fn file_of(&self, _: &str, _: &str) -> Result<PathBuf, Refused> {
        Err(Refused::Unknown("the files of a drill are under `/api/v1/drill/files`".to_owned()))
    }

    fn drill(&self) -> Option<&dyn Drill> {
        Some(self)
    }
}

impl Drop for Drilling {
    /// It is told to end; nobody waits.
    fn drop(&mut self) {
        self.shared.stop();
        self.desk.end();
    }
}
