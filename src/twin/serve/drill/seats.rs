//! Who sits in a drill: PINs of roles and tokens of people, of which only hashes are kept, so that windows come back after a restart.
//!
//! A line of JSON each, in a file that only its owner reads. PINs are short and people say them aloud: Argon2id, one salt for all of
//! them, so that a try costs one hash however many roles there are. Tokens have 128 random bits: BLAKE3.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};

use crate::api::guard::{NoRandom, random};
use crate::api::port::{Joined, LobbyRole, Refused, SEAT_TOKEN, Seat};
use crate::studies::drill::model::{Drill, Power, Sight};
use crate::twin::clock;

/// The file's name.
const SEATS: &str = "seats.jsonl";
/// Largest file that is read [bytes].
const FILE_MAX: u64 = 8 << 20;
/// Most seats that were ever taken in a drill.
const SEATS_MAX: usize = 10_000;
/// Letters of a PIN beyond this machine: none that is taken for another.
const LETTERS: &[u8] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
const DIGITS: &[u8] = b"0123456789";
/// Longest PIN that is looked at, and longest name [characters].
const PIN_MAX: usize = 32;
const NAME_MAX: usize = 40;
/// Somebody who has been away for so long gives up the seat to whoever comes next.
const AWAY: Duration = Duration::from_mins(1);

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// The salt of PINs.
    Salt(String),
    /// The PIN of a role; a later one takes its place.
    Pin { role: String, hash: String },
    /// Somebody sat down.
    Seat { number: u64, role: String, name: String, hash: String },
    /// Somebody else has the seat since.
    Left { number: u64 },
}

/// Somebody who sits here.
#[derive(Debug)]
struct Taken {
    seat: Seat,
    hash: String,
    /// Shared with everybody who attends.
    here: Arc<()>,
    /// When it was last here.
    seen: Instant,
}

/// A PIN as it is told once.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin {
    /// The role's word.
    pub role: String,
    /// The role's name for people.
    pub title: String,
    /// What they say at the door.
    pub pin: String,
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pin").field("role", &self.role).finish_non_exhaustive()
    }
}

/// The seats of a drill.
#[derive(Debug)]
pub(super) struct Seats {
    drill: Arc<Drill>,
    file: File,
    path: PathBuf,
    salt: [u8; 16],
    /// Hash of the PIN by role.
    pins: Vec<(String, String)>,
    taken: Vec<Taken>,
    last_number: u64,
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // A text takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    if text.len() != 32 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn no_random(error: NoRandom) -> Refused {
    Refused::Failed(error.to_string())
}

/// Draws a word of these letters, each as likely as another.
fn word(letters: &[u8], length: usize) -> Result<String, NoRandom> {
    let mut word = String::new();
    let fair = 256 - 256 % letters.len();
    while word.len() < length {
        let drawn = random()?;
        let fit = drawn.iter().map(|&byte| usize::from(byte)).filter(|byte| *byte < fair);
        word.extend(fit.take(length - word.len()).map(|byte| char::from(letters[byte % letters.len()])));
    }
    Ok(word)
}

/// The file of an existing drill or of a new one, readable by its owner alone.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

impl Seats {
    /// The seats of a drill in a folder, as they were left or empty.
    ///
    /// # Errors
    /// When the file cannot be read or written, in a sentence.
    pub(super) fn open(folder: &Path, drill: &Arc<Drill>) -> Result<Self, String> {
        let path = folder.join(SEATS);
        let cannot = |why: &dyn std::fmt::Display| format!("`{}` cannot be used: {why}", path.display());
        let known = match std::fs::metadata(&path) {
            Ok(about) if about.len() > FILE_MAX => return Err(cannot(&"it is too large")),
            Ok(_) => std::fs::read_to_string(&path).map_err(|error| cannot(&error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(cannot(&error)),
        };
        let whole = known.rfind('\n').map_or(0, |end| end + 1);
        let file = open(&path).map_err(|error| cannot(&error))?;
        // What was being written when the power went is no line.
        file.set_len(whole as u64).map_err(|error| cannot(&error))?;
        let drawn = random().map_err(|error| cannot(&error))?;
        let mut salt = [0; 16];
        salt.copy_from_slice(&drawn[..16]);
        let mut seats = Self {
            drill: Arc::clone(drill),
            file,
            salt,
            pins: Vec::new(),
            taken: Vec::new(),
            last_number: 0,
            path: path.clone(),
        };
        for (number, line) in known[..whole].lines().enumerate() {
            let line: Line = serde_json::from_str(line)
                .map_err(|error| cannot(&format!("line {} says nonsense: {error}", number + 1)))?;
            seats.take_up(line).ok_or_else(|| cannot(&format!("line {} says nonsense", number + 1)))?;
        }
        if whole == 0 {
            seats.write(&Line::Salt(hex(&seats.salt))).map_err(|error| cannot(&error))?;
        }
        Ok(seats)
    }

    fn take_up(&mut self, line: Line) -> Option<()> {
        match line {
            Line::Salt(text) => self.salt = unhex(&text)?,
            Line::Pin { role, hash } => {
                self.pins.retain(|(other, _)| *other != role);
                self.pins.push((role, hash));
            }
            Line::Seat { number, role, name, hash } => {
                let seat = self.seat_for(number, &role, &name)?;
                self.last_number = self.last_number.max(number);
                self.taken.push(Taken { seat, hash, here: Arc::default(), seen: clock::instant() });
            }
            Line::Left { number } => self.taken.retain(|taken| taken.seat.number != number),
        }
        Some(())
    }

    fn seat_for(&self, number: u64, role: &str, name: &str) -> Option<Seat> {
        let role = self.drill.roles.iter().find(|one| one.name == role)?;
        Some(Seat {
            number,
            role: role.name.clone(),
            title: role.title.clone(),
            name: name.to_owned(),
            truth: role.sees.contains(&Sight::Truth),
            clock: role.may.contains(&Power::Clock),
        })
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)?;
        self.file.sync_data()
    }

    fn hashed(&self, pin: &str) -> Result<String, String> {
        let mut hash = [0; 32];
        Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
            .hash_password_into(pin.as_bytes(), &self.salt, &mut hash)
            .map_err(|error| format!("a PIN cannot be hashed: {error}"))?;
        Ok(hex(&hash))
    }

    /// Whether every role that people can play has a PIN.
    pub(super) fn has_pins(&self) -> bool {
        let playable = self.drill.roles.iter().filter(|role| role.seats > 0);
        playable.into_iter().all(|role| self.pins.iter().any(|(name, _)| *name == role.name))
    }

    /// Draws a PIN for every role that people can play: six digits, or eight letters where strangers can try.
    ///
    /// # Errors
    /// When there are no random numbers, or the file cannot be written, in a sentence.
    pub(super) fn draw_pins(&mut self, beyond: bool) -> Result<Vec<Pin>, String> {
        let (letters, length) = if beyond { (LETTERS, 8) } else { (DIGITS, 6) };
        let mut told: Vec<Pin> = Vec::new();
        let drill = Arc::clone(&self.drill);
        for role in drill.roles.iter().filter(|role| role.seats > 0) {
            // Two roles never have the same.
            let pin = loop {
                let pin = word(letters, length).map_err(|error| error.to_string())?;
                if told.iter().all(|other| other.pin != pin) {
                    break pin;
                }
            };
            let hash = self.hashed(&pin)?;
            let line = Line::Pin { role: role.name.clone(), hash };
            self.write(&line).map_err(|error| format!("`{}` cannot be written: {error}", self.path.display()))?;
            self.take_up(line);
            told.push(Pin { role: role.name.clone(), title: role.title.clone(), pin });
        }
        Ok(told)
    }

    /// Seats whoever shows a PIN.
    pub(super) fn join(&mut self, pin: &str, name: &str) -> Result<(Joined, Seat), Refused> {
        let name = name.trim();
        let shown = name.chars().count();
        if shown == 0 || shown > NAME_MAX || name.chars().any(char::is_control) {
            return Err(Refused::Invalid(format!("say what you are called, in 1 to {NAME_MAX} characters")));
        }
        let wrong = || Refused::Unknown("this is the PIN of no role here; ask whoever runs the drill".to_owned());
        let pin: String = pin.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if pin.is_empty() || pin.len() > PIN_MAX {
            return Err(wrong());
        }
        let hash = self.hashed(&pin.to_ascii_uppercase()).map_err(Refused::Failed)?;
        let role =
            self.pins.iter().find(|(_, other)| *other == hash).map(|(role, _)| role.clone()).ok_or_else(wrong)?;
        self.make_room(&role, name)?;
        if self.taken.len() >= SEATS_MAX {
            return Err(Refused::TooMany(format!("{SEATS_MAX} people have sat in this drill; begin another")));
        }
        let mut token = String::from(SEAT_TOKEN);
        token.push_str(&hex(&random().map_err(no_random)?[..16]));
        let number = self.last_number + 1;
        let seat = self.seat_for(number, &role, name).ok_or_else(wrong)?;
        let hash = blake3::hash(token.as_bytes()).to_hex().to_string();
        let line = Line::Seat { number, role, name: name.to_owned(), hash };
        self.write(&line).map_err(|error| {
            Refused::Failed(format!("`{}` cannot be written: {error}; nobody can join", self.path.display()))
        })?;
        self.take_up(line);
        let Seat { role, title, name, .. } = seat.clone();
        Ok((Joined { token, role, title, name }, seat))
    }

    /// Sees to a free seat in a role: one that nobody has, the own one of whoever comes back, or that of somebody who is long away.
    fn make_room(&mut self, role: &str, name: &str) -> Result<(), Refused> {
        self.note_presence();
        let seats = self.drill.roles.iter().find(|one| one.name == role).map_or(0, |role| role.seats);
        let there: Vec<&Taken> = self.taken.iter().filter(|taken| taken.seat.role == role).collect();
        if there.len() < usize::try_from(seats).unwrap_or(usize::MAX) {
            return Ok(());
        }
        let absent = |taken: &&&Taken| Arc::strong_count(&taken.here) == 1;
        let own = there.iter().filter(absent).find(|taken| taken.seat.name == name);
        let long =
            || there.iter().filter(absent).filter(|taken| taken.seen.elapsed() >= AWAY).min_by_key(|taken| taken.seen);
        let Some(number) = own.or_else(long).map(|taken| taken.seat.number) else {
            let names: Vec<&str> = there.iter().map(|taken| taken.seat.name.as_str()).collect();
            return Err(Refused::TooMany(format!(
                "every seat of this role is taken, by {}; whoever comes back takes the same name, and a seat that nobody sits in is free \
                 after a minute",
                names.join(", ")
            )));
        };
        let line = Line::Left { number };
        self.write(&line)
            .map_err(|error| Refused::Failed(format!("`{}` cannot be written: {error}", self.path.display())))?;
        self.take_up(line);
        Ok(())
    }

    /// Takes note of who is here.
    pub(super) fn note_presence(&mut self) {
        let now = clock::instant();
        for taken in self.taken.iter_mut().filter(|taken| Arc::strong_count(&taken.here) > 1) {
            taken.seen = now;
        }
    }

    /// Whoever has the seat of a token.
    pub(super) fn find(&self, token: &str) -> Option<Seat> {
        let hash = blake3::hash(token.as_bytes()).to_hex();
        self.taken.iter().find(|taken| taken.hash == *hash.as_str()).map(|taken| taken.seat.clone())
    }

    /// To be held by whoever attends with a seat; none if it is no longer its.
    pub(super) fn here(&self, seat: &Seat) -> Option<Arc<()>> {
        let taken = self.taken.iter().find(|taken| taken.seat.number == seat.number)?;
        Some(Arc::clone(&taken.here))
    }

    /// Everybody who sits, in the order in which they came.
    pub(super) fn all(&self) -> impl Iterator<Item = &Seat> {
        self.taken.iter().map(|taken| &taken.seat)
    }

    /// The roles that people can play.
    pub(super) fn roles(&self) -> Vec<LobbyRole> {
        let taken = |role: &str| self.taken.iter().filter(|taken| taken.seat.role == role).count();
        let playable = self.drill.roles.iter().filter(|role| role.seats > 0);
        let told = playable.map(|role| LobbyRole {
            role: role.name.clone(),
            title: role.title.clone(),
            seats: role.seats,
            taken: u32::try_from(taken(&role.name)).unwrap_or(u32::MAX),
        });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::{SimDuration, SimTime};
    use crate::studies::drill::model::Role;

    fn drill() -> Arc<Drill> {
        let role = |name: &str, seats, sees: &[Sight]| Role {
            name: name.to_owned(),
            title: name.to_uppercase(),
            seats,
            sees: sees.to_vec(),
            may: vec![Power::Say],
        };
        Arc::new(Drill {
            name: "Test".to_owned(),
            question: None,
            scenario: "x.yaml".into(),
            start: SimTime::ZERO,
            length: SimDuration::seconds(60.0),
            marking: None,
            objectives: Vec::new(),
            roles: vec![
                role("dispatcher", 1, &[Sight::Calls]),
                role("controller", 2, &[Sight::Truth]),
                role("press", 0, &[]),
            ],
            standards: Vec::new(),
            injects: Vec::new(),
        })
    }

    #[test]
    fn seats_outlive_whoever_keeps_them_and_no_secret_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (pins, token) = {
            let mut seats = Seats::open(folder.path(), &drill()).expect("it opens");
            assert!(!seats.has_pins());
            let pins = seats.draw_pins(false).expect("PINs");
            assert!(seats.has_pins());
            assert_eq!(pins.iter().map(|pin| pin.role.as_str()).collect::<Vec<_>>(), ["dispatcher", "controller"]);
            assert!(pins.iter().all(|pin| pin.pin.len() == 6 && pin.pin.bytes().all(|digit| digit.is_ascii_digit())));
            let (joined, seat) = seats.join(&pins[0].pin, " Kim ").expect("a seat");
            assert_eq!((joined.name.as_str(), seat.role.as_str(), seat.truth), ("Kim", "dispatcher", false));
            let shown = format!("{pins:?} {joined:?} {seats:?}");
            assert!(!shown.contains(&pins[0].pin) && !shown.contains(&joined.token), "{shown}");
            (pins, joined.token)
        };
        let path = folder.path().join(SEATS);
        let text = std::fs::read_to_string(&path).expect("a file");
        assert!(pins.iter().all(|pin| !text.contains(&pin.pin)) && !text.contains(&token[5..]), "{text}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
        }
        // The power went while a line was written.
        std::fs::write(&path, format!("{text}{{\"seat\":{{\"num")).expect("written");
        let mut seats = Seats::open(folder.path(), &drill()).expect("it opens");
        assert_eq!(seats.find(&token).map(|seat| seat.name), Some("Kim".to_owned()));
        assert_eq!(seats.find(&format!("{token}0")), None);
        let (joined, seat) = seats.join(&pins[1].pin, "Lee").expect("the same PIN");
        assert_eq!((joined.role.as_str(), seat.number, seat.truth), ("controller", 2, true));
        std::fs::write(&path, format!("{text}nonsense\n")).expect("written");
        let error = Seats::open(folder.path(), &drill()).expect_err("nonsense");
        assert!(error.contains("says nonsense"), "{error}");
    }

    #[test]
    fn a_seat_is_given_up_by_who_is_away_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut seats = Seats::open(folder.path(), &drill()).expect("it opens");
        let pin = seats.draw_pins(true).expect("PINs").swap_remove(0).pin;
        assert!(pin.len() == 8 && pin.bytes().all(|letter| LETTERS.contains(&letter)), "{pin}");
        let spoken = format!("{}-{}", pin[..4].to_lowercase(), &pin[4..]);
        let (first, seat) = seats.join(&spoken, "Kim").expect("a seat");
        let here = seats.here(&seat).expect("it has it");
        assert!(matches!(seats.join(&pin, "Lee"), Err(Refused::TooMany(_))));
        assert!(matches!(seats.join(&pin, "Kim"), Err(Refused::TooMany(_))), "Kim sits there");
        drop(here);
        assert!(matches!(seats.join(&pin, "Lee"), Err(Refused::TooMany(_))), "not for long yet");
        let (second, _) = seats.join(&pin, "Kim").expect("Kim comes back");
        assert_eq!((seats.find(&first.token), seats.here(&seat)), (None, None));
        assert_eq!(seats.find(&second.token).map(|seat| seat.number), Some(2));
        for (wrong, name) in [("", "Kim"), ("00000000", "Kim"), (&*"9".repeat(5_000), "Kim")] {
            assert!(matches!(seats.join(wrong, name), Err(Refused::Unknown(_))));
        }
        for name in ["", "  ", "a\u{1b}[31m", &"x".repeat(41)] {
            assert!(matches!(seats.join(&pin, name), Err(Refused::Invalid(_))), "{name}");
        }
        let roles = seats.roles();
        assert_eq!((roles.len(), roles[0].taken, roles[1].taken), (2, 1, 0));
    }
}
