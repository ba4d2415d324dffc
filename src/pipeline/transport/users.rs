//! Who may connect, with which password, and to which topics: the users file.
//!
//! ```text
//! # name : argon2id hash, or - for certificates only : may publish to : may subscribe to
//! bus-17:$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA:gps_data/{user}:
//! operator:-::#
//! gateway:$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA
//! ```
//!
//! Filters are separated by commas and `{user}` (or `%u`) stands for the name. A field that is left out allows everything, an
//! empty one nothing. Passwords are hashed with Argon2id (Biryukov, Dinu, Khovratovich, Josefsson 2021, RFC 9106), which costs
//! 20 ms and 19 MiB on purpose; what has been found right once is remembered as a keyed hash for as long as the process lives, so
//! that a whole fleet may come back at once. Knows no connection.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

use super::listener::topics::is_filter;
use super::tls;

/// Longest users file [bytes].
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Longest name [bytes].
const NAME_BYTES_MAX: usize = 128;
/// Longest password that is looked at [bytes]; a longer one is wrong.
const PASSWORD_BYTES_MAX: usize = 1024;
/// Most memory [KiB] and passes a hash may ask for; more would let one login stop the others.
const COST_MAX: (u32, u32) = (256 * 1024, 16);
/// Logins remembered; beyond it all are forgotten and proved again.
const REMEMBERED_MAX: usize = 65_536;

/// Why there are no users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsersError {
    /// The file cannot be read.
    #[error("the users file `{}` cannot be read: {what}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        what: String,
    },
    /// A line is wrong.
    #[error("`{}`, line {line}: {what}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong, and what to write.
        what: String,
    },
    /// The system has no random numbers, or no memory for the hash.
    #[error("the password cannot be hashed: {0}")]
    Hash(String),
}

/// What a user may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rights {
    /// Filters; none allows everything.
    publish: Option<Vec<String>>,
    subscribe: Option<Vec<String>>,
}

impl Rights {
    /// Whether messages may be published to a topic.
    pub(super) fn may_publish(&self, topic: &str) -> bool {
        self.publish.as_ref().is_none_or(|filters| filters.iter().any(|filter| covers(filter, topic)))
    }

    /// Whether everything a valid filter asks for may be seen. The topic of one's own confirmations nobody else can guess.
    pub(super) fn may_subscribe(&self, filter: &str) -> bool {
        let own = filter.starts_with(super::CONFIRMATION_PREFIX) && !filter.contains(['+', '#']);
        own || self.subscribe.as_ref().is_none_or(|allowed| allowed.iter().any(|allowed| covers(allowed, filter)))
    }
}

/// Whether everything that matches a filter (or is this topic) matches another filter as well.
fn covers(wide: &str, narrow: &str) -> bool {
    let mut narrow = narrow.split('/');
    for level in wide.split('/') {
        match (level, narrow.next()) {
            ("#", _) => return true,
            ("+", Some(name)) if name != "#" => {}
            (level, Some(name)) if level == name => {}
            _ => return false,
        }
    }
    narrow.next().is_none()
}

#[derive(Debug)]
struct User {
    /// None where only a certificate lets the user in.
    hash: Option<String>,
    rights: Arc<Rights>,
}

/// Everybody who may connect.
pub struct Users {
    known: BTreeMap<String, User>,
    /// Stands in for those who are not known, so that they take as long.
    stranger: String,
    /// Of user and password together, for logins that were right.
    remembered: Mutex<BTreeSet<[u8; 32]>>,
    /// Drawn anew by every process.
    key: [u8; 32],
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl Users {
    /// Reads a users file.
    ///
    /// # Errors
    /// When it cannot be read, or a line is wrong: its number and what to write.
    pub fn load(path: &Path) -> Result<Self, UsersError> {
        let file = |what: String| UsersError::File { path: path.to_owned(), what };
        let length = std::fs::metadata(path).map_err(|error| file(error.to_string()))?.len();
        if length > FILE_BYTES_MAX {
            return Err(file(format!("it has {length} bytes, more than {FILE_BYTES_MAX}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| file(error.to_string()))?;
        Self::parse(&text).map_err(|problem| match problem {
            Problem::Line(line, what) => UsersError::Line { path: path.to_owned(), line, what },
            Problem::Hash(error) => error,
        })
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        let mut known = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, user) = user_of(line).map_err(|what| Problem::Line(number + 1, what))?;
            if known.insert(name.to_owned(), user).is_some() {
                return Err(Problem::Line(number + 1, format!("`{name}` is there already; keep one of the lines")));
            }
        }
        let mut key = [0; 32];
        random(&mut key).map_err(Problem::Hash)?;
        // As costly as the costliest, so that no name is known by how soon it is turned away.
        let params = known.values().filter_map(|user: &User| params_of(user.hash.as_deref()?));
        let params = params.max_by_key(|params| u64::from(params.m_cost()) * u64::from(params.t_cost()));
        let stranger = hash_with("nobody", params.unwrap_or_default()).map_err(Problem::Hash)?;
        Ok(Self { known, stranger, remembered: Mutex::default(), key })
    }

    /// How many users any text names: for those who throw any text at it.
    pub(super) fn read_any(text: &str) -> usize {
        text.lines().filter(|line| user_of(line).is_ok()).count()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether there are none, so that nobody comes in.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// What a user may do whose certificate says who it is; None if it is not known.
    pub(super) fn certified(&self, name: &str) -> Option<Arc<Rights>> {
        self.known.get(name).map(|user| Arc::clone(&user.rights))
    }

    /// What a user may do whose password has been right before; None if that has to be found out.
    pub(super) fn remembers(&self, name: &str, password: &[u8]) -> Option<Arc<Rights>> {
        let mark = self.mark(name, password);
        let remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner).contains(&mark);
        if remembered { self.certified(name) } else { None }
    }

    /// What a user may do with this password; None if one or the other is wrong, which takes the same time. Takes tens of
    /// milliseconds: not for the threads of an async runtime.
    pub(super) fn verify(&self, name: &str, password: &[u8]) -> Option<Arc<Rights>> {
        let user = self.known.get(name);
        let hash = user.and_then(|user| user.hash.as_ref()).unwrap_or(&self.stranger);
        let fits = password.len() <= PASSWORD_BYTES_MAX;
        let password = if fits { password } else { &[] };
        let right =
            PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok());
        let user = user.filter(|user| right && fits && user.hash.is_some())?;
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(self.mark(name, password));
        Some(Arc::clone(&user.rights))
    }

    fn mark(&self, name: &str, password: &[u8]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(password);
        *hasher.finalize().as_bytes()
    }
}

enum Problem {
    Line(usize, String),
    Hash(UsersError),
}

fn user_of(line: &str) -> Result<(&str, User), String> {
    let mut fields = line.split(':');
    let (name, hash) = (fields.next().unwrap_or_default().trim(), fields.next().map(str::trim));
    let Some(hash) = hash else {
        return Err("a line is `name:hash`; `citytwin password` makes the hash".to_owned());
    };
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(|c| c.is_control() || "+#/".contains(c)) {
        return Err(format!("a name has 1 to {NAME_BYTES_MAX} bytes without `+`, `#` and `/`"));
    }
    let hash = if hash == "-" { None } else { Some(checked(hash)?) };
    let rights = Rights { publish: filters(name, fields.next())?, subscribe: filters(name, fields.next())? };
    if fields.next().is_some() {
        return Err("there are more than four fields; a filter cannot hold a `:`".to_owned());
    }
    Ok((name, User { hash, rights: Arc::new(rights) }))
}

/// A hash that can be computed, at a price that can be paid.
fn checked(hash: &str) -> Result<String, String> {
    let make = "`citytwin password` makes the hash";
    // What is wrong with it is not shown: people write passwords here.
    let parsed = PasswordHash::new(hash).map_err(|_| format!("the second field is no hash of a password; {make}"))?;
    if parsed.algorithm.as_str() != "argon2id" {
        return Err(format!("the hash is not of Argon2id; {make}"));
    }
    let params =
        argon2::Params::try_from(&parsed).map_err(|_| format!("the hash has parameters Argon2id has not; {make}"))?;
    if params.m_cost() > COST_MAX.0 || params.t_cost() > COST_MAX.1 {
        let (memory, passes) = COST_MAX;
        return Err(format!("the hash costs more than {memory} KiB or {passes} passes; {make}"));
    }
    Ok(hash.to_owned())
}

fn filters(name: &str, field: Option<&str>) -> Result<Option<Vec<String>>, String> {
    let Some(field) = field else { return Ok(None) };
    let mut filters = Vec::new();
    for filter in field.split(',').map(str::trim).filter(|filter| !filter.is_empty()) {
        let filter = filter.replace("{user}", name).replace("%u", name);
        if !is_filter(&filter) {
            return Err(format!("`{filter}` is no topic filter; `+` and `#` stand for whole levels, `#` last"));
        }
        filters.push(filter);
    }
    Ok(Some(filters))
}

fn random(bytes: &mut [u8]) -> Result<(), UsersError> {
    let filled = tls::provider().secure_random.fill(bytes);
    filled.map_err(|_| UsersError::Hash("the system has no random numbers".to_owned()))
}

/// The Argon2id hash of a password with a new salt, as a users file holds it.
///
/// # Errors
/// When the system has no random numbers, or no 19 MiB of memory.
pub fn hash_password(password: &str) -> Result<String, UsersError> {
    hash_with(password, Params::default())
}

fn params_of(hash: &str) -> Option<Params> {
    Params::try_from(&PasswordHash::new(hash).ok()?).ok()
}

fn hash_with(password: &str, params: Params) -> Result<String, UsersError> {
    let mut salt = [0; 16];
    random(&mut salt)?;
    let hash =
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| UsersError::Hash(error.to_string()))
}

/// A hash that costs next to nothing, for tests.
#[cfg(test)]
pub(super) fn cheap_hash(password: &str) -> String {
    hash_with(password, Params::new(Params::MIN_M_COST, 1, 1, None).unwrap()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_right_or_wrong() {
        let hash = hash_password("über-secret").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(cheap_hash("x"), cheap_hash("x"), "every hash has its own salt");
        let hash = cheap_hash("über-secret");
        let users = Users::parse(&format!("# a comment\n\nbus:{hash}:gps_data/{{user}},a/+:\ncert:-\n")).ok().unwrap();
        assert_eq!(users.len(), 2);
        assert!(users.remembers("bus", "über-secret".as_bytes()).is_none());
        for (name, password) in
            [("bus", "x"), ("stranger", "über-secret"), ("cert", ""), ("cert", "-"), ("stranger", "nobody")]
        {
            assert!(users.verify(name, password.as_bytes()).is_none(), "{name} {password}");
            assert!(users.remembers(name, password.as_bytes()).is_none());
        }
        let rights = users.verify("bus", "über-secret".as_bytes()).unwrap();
        assert_eq!(users.remembers("bus", "über-secret".as_bytes()).as_deref(), Some(&*rights));
        assert!(users.remembers("bu", "süber-secret".as_bytes()).is_none());
        assert!(rights.may_publish("gps_data/bus") && rights.may_publish("a/b"));
        assert!(!rights.may_publish("gps_data/other") && !rights.may_subscribe("gps_data/bus"));
        assert!(users.certified("cert").unwrap().may_publish("anything"));
        assert!(!format!("{users:?}").contains("argon2"));
    }

    #[test]
    fn bad_lines_are_told_with_what_to_write() {
        let good = hash_password("x").unwrap();
        let costly = good.replace("m=19456", "m=1000000");
        let cases = [
            ("bus".to_owned(), "`citytwin password` makes the hash"),
            ("bus:hunter2".to_owned(), "no hash of a password"),
            (format!("bus:{costly}"), "costs more than"),
            (format!("bus:{}", good.replace("argon2id", "argon2i")), "not of Argon2id"),
            (format!("b/us:{good}"), "a name has"),
            (format!("bus:{good}:a/#/b"), "no topic filter"),
            (format!("bus:{good}:a:b:c"), "more than four fields"),
            (format!("bus:{good}\nbus:{good}"), "is there already"),
        ];
        for (text, sentence) in cases {
            let Err(Problem::Line(_, what)) = Users::parse(&text) else { unreachable!("{text}") };
            assert!(what.contains(sentence) && !what.contains("hunter2"), "{text}: {what}");
        }
    }

    #[test]
    fn a_filter_is_allowed_where_all_it_asks_for_is() {
        for (wide, narrow, expected) in [
            ("#", "#", true),
            ("a/#", "a", true),
            ("a/#", "a/+/c", true),
            ("a/+", "a/b", true),
            ("a/+", "a/+", true),
            ("a/+", "a/#", false),
            ("a/b", "a/+", false),
            ("a/b", "#", false),
            ("a/+/c", "a/b", false),
        ] {
            assert_eq!(covers(wide, narrow), expected, "{wide} {narrow}");
        }
        let none = Rights { publish: Some(Vec::new()), subscribe: Some(Vec::new()) };
        assert!(none.may_subscribe("citytwin/ack/a/1") && !none.may_subscribe("citytwin/ack/#"));
        assert!(!none.may_publish("a"));
    }
}
