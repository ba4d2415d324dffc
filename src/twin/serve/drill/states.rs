//! States of a drill on the disk: city and director at one instant, so that a server that was killed is soon where it was.
//!
//! A state says how many actions are in it and how long the derived log was; those on the way hold none of their own instant.
//! It vouches for its bytes by a hash, is written beside its place and renamed; the two latest are kept.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use serde::{Deserialize, Serialize};

use super::play::Play;
use crate::primitives::SimTime;
use crate::studies::experiment::write_file;

/// Form of the first line.
const FORM: u32 = 1;
/// States kept of a branch.
const KEPT: usize = 2;
/// Largest state that is read [bytes].
const STATE_MAX: u64 = 2 << 30;

/// Where a state stands in its drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Its instant.
    pub time: SimTime,
    /// How many actions are in it.
    pub actions: usize,
    /// How long the derived log was [bytes].
    pub log: u64,
}

/// The first line of a state.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    form: u32,
    mark: Mark,
    /// Bytes of the director's state, which comes first, and of the city's.
    director: usize,
    city: usize,
    /// BLAKE3 of both, hexadecimal.
    blake3: String,
}

/// Writes a state whole.
fn write(path: &Path, mark: Mark, play: &Play) -> Result<(), String> {
    let director = play.director.save();
    let mut city = Vec::new();
    play.city().save(&mut city).map_err(|error| error.to_string())?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&director).update(&city);
    let blake3 = hasher.finalize().to_hex().to_string();
    let head = Head { form: FORM, mark, director: director.len(), city: city.len(), blake3 };
    let written = write_file(path, |out| {
        serde_json::to_writer(&mut *out, &head)?;
        out.write_all(b"\n")?;
        out.write_all(&director)?;
        out.write_all(&city)
    });
    written.map_err(|error| error.to_string())
}

/// Puts a drill into a state; where that stands. The drill is as it was where the state is not whole or not of it.
pub(super) fn restore(path: &Path, play: &mut Play) -> Result<Mark, String> {
    let cannot = |why: String| format!("`{}` cannot be gone on from: {why}", path.display());
    let bad = |error: io::Error| cannot(error.to_string());
    let mut file = BufReader::new(File::open(path).map_err(bad)?).take(STATE_MAX);
    let mut line = String::new();
    file.by_ref().take(4_096).read_line(&mut line).map_err(bad)?;
    let head: Head = serde_json::from_str(&line).map_err(|error| cannot(error.to_string()))?;
    if head.form != FORM {
        return Err(cannot(format!("it is in form {} and this program reads form {FORM}", head.form)));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(bad)?;
    if head.director.checked_add(head.city) != Some(bytes.len())
        || blake3::hash(&bytes).to_hex().as_str() != head.blake3
    {
        return Err(cannot("it is damaged".to_owned()));
    }
    let (director, city) = bytes.split_at(head.director);
    play.restore(director, city).map_err(cannot)?;
    if play.time() != head.mark.time {
        return Err(cannot("it is of another instant than it says".to_owned()));
    }
    Ok(head.mark)
}

fn folder_in(branch: &Path) -> PathBuf {
    branch.join("state")
}

/// Where the state of an instant stands.
pub(super) fn place(branch: &Path, time: SimTime) -> PathBuf {
    folder_in(branch).join(format!("{:012}.state", time.as_milliseconds()))
}

/// The states of a branch, the latest first.
pub(super) fn listed(branch: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder_in(branch)).into_iter().flatten().flatten();
    let mut found: Vec<(i64, PathBuf)> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some((name.strip_suffix(".state")?.parse().ok()?, entry.path()))
        })
        .collect();
    found.sort_unstable_by_key(|(time, _)| -time);
    found.into_iter().map(|(_, path)| path).collect()
}

/// A state that is to be written.
struct Order {
    path: PathBuf,
    /// The branch whose older states may go; none for one that stays.
    branch: Option<PathBuf>,
    mark: Mark,
    play: Play,
}

/// Writes states on a thread of its own, so that the city does not wait for the disk.
#[derive(Debug)]
pub(super) struct Keeper {
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Begins to keep; `trouble` is told what cannot be written.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn begin(trouble: impl Fn(String) + Send + 'static) -> io::Result<Self> {
        let (orders, waiting) = sync_channel::<Order>(1);
        let work = move || {
            while let Ok(order) = waiting.recv() {
                let done = keep(&order);
                if let Err(sentence) = done {
                    trouble(format!("`{}` cannot be written: {sentence}", order.path.display()));
                }
            }
        };
        let thread = thread::Builder::new().name("drill states".to_owned()).spawn(work)?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    /// Keeps the latest state of a branch; left out where the disk has not yet taken the one before.
    pub(super) fn keep(&self, branch: &Path, mark: Mark, play: &Play) {
        self.order(
            Order { path: place(branch, mark.time), branch: Some(branch.to_owned()), mark, play: play.fork() },
            false,
        );
    }

    /// Keeps a state under a name of its own, and waits for room to do so.
    pub(super) fn keep_at(&self, path: &Path, mark: Mark, play: &Play) {
        self.order(Order { path: path.to_owned(), branch: None, mark, play: play.fork() }, true);
    }

    fn order(&self, order: Order, waits: bool) {
        let Some(orders) = &self.orders else { return };
        if let Err(TrySendError::Full(order)) = orders.try_send(order)
            && waits
        {
            // Where nobody reads any more, the program ends.
            drop(orders.send(order));
        }
    }
}

impl Drop for Keeper {
    /// What is being written is written to its end.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn keep(order: &Order) -> Result<(), String> {
    if let Some(folder) = order.path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    }
    write(&order.path, order.mark, &order.play)?;
    if let Some(branch) = &order.branch {
        for old in listed(branch).into_iter().skip(KEPT) {
            std::fs::remove_file(&old).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}
