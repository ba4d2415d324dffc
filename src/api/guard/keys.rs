//! Keys of programs: made once, shown once, kept as a hash.
//!
//! A key is 256 random bits, so guessing one takes as long with a fast hash as with a slow one: for ever. Argon2 and its like are for
//! what people think of; here they would only let anybody spend the server's time with wrong keys. SHA-256 (FIPS 180-4) it is.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::caller::Role;

/// What every key begins with, so that scanners for forgotten secrets know one.
pub(super) const PREFIX: &str = "citytwin_";
/// What stands before a hash in a file, so that another hash can follow one day.
const SCHEME: &str = "sha256:";
/// Longest name [bytes].
pub(super) const NAME_BYTES_MAX: usize = 64;

/// Bits nobody can guess.
pub type Secret = [u8; 32];

/// There are no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random numbers; try again, and look at its log if it stays so")]
pub struct NoRandom;

/// Somebody who may ask, and the hash of its key.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    /// Its name, as logs have it.
    pub name: Arc<str>,
    /// What it may do.
    pub role: Role,
    hash: [u8; 32],
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

impl Key {
    /// From a hash as [`new_key`] makes it: `sha256:` and 64 digits of base 16.
    pub fn hashed(name: &str, role: Role, hash: &str) -> Option<Self> {
        let digits = hash.strip_prefix(SCHEME)?.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            *byte = digit(0)? << 4 | digit(1)?;
        }
        Some(Self { name: name.into(), role, hash: bytes })
    }

    /// From the key itself, as it stands in an environment variable; none if it is none of [`new_key`].
    pub fn plain(name: &str, role: Role, key: &str) -> Option<Self> {
        let secret = key.strip_prefix(PREFIX)?;
        let right = secret.len() == 64 && secret.bytes().all(|c| c.is_ascii_hexdigit());
        right.then(|| Self { name: name.into(), role, hash: hash_of(key) })
    }
}

/// Whether a name can be a key's: letters, digits, `-`, `_`, `.`.
pub fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c))
}

/// A new key, and the line of the file of access that knows it.
pub struct NewKey {
    /// The key; it is nowhere else.
    pub key: String,
    /// Its line under `keys:`.
    pub line: String,
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("line", &self.line).finish_non_exhaustive()
    }
}

/// Makes a key for a name that [`is_name`].
///
/// # Errors
/// When the system has no random numbers.
pub fn new_key(name: &str, role: Role) -> Result<NewKey, NoRandom> {
    let key = format!("{PREFIX}{}", digits(&random()?));
    let hash = digits(&hash_of(&key));
    Ok(NewKey { line: format!("  - {{ name: {name}, role: {role}, hash: \"{SCHEME}{hash}\" }}"), key })
}

/// The key somebody shows, if it is one of these. Takes as long for every wrong key.
pub(super) fn find<'a>(keys: &'a [Key], shown: &str) -> Option<&'a Key> {
    let hash = hash_of(shown);
    let mut found = None;
    for key in keys {
        if bool::from(key.hash.ct_eq(&hash)) {
            found = Some(key);
        }
    }
    found
}

/// 256 random bits.
///
/// # Errors
/// When the system has no random numbers.
pub fn random() -> Result<Secret, NoRandom> {
    let mut bytes = [0; 32];
    default_provider().secure_random.fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

/// Digits of base 16.
pub(super) fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The hash under which a secret is kept.
pub(super) fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_by_itself_only() {
        let made = new_key("wall", Role::Viewer).unwrap();
        let other = new_key("wall", Role::Viewer).unwrap();
        assert_ne!(made.key, other.key);
        let hash = made.line.split('"').nth(1).unwrap();
        let keys = [Key::hashed("wall", Role::Viewer, hash).unwrap()];
        assert_eq!(find(&keys, &made.key).map(|key| &*key.name), Some("wall"));
        for wrong in [other.key.as_str(), "", hash, &made.key[1..], &made.key.to_uppercase()] {
            assert_eq!(find(&keys, wrong), None);
        }
        assert_eq!(Key::plain("wall", Role::Viewer, &made.key), Some(keys[0].clone()));
        assert_eq!(Key::plain("wall", Role::Viewer, "citytwin_short"), None);
    }

    /// FIPS 180-4's example of "abc".
    #[test]
    fn the_hash_is_sha_256() {
        assert_eq!(digits(&hash_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for text in
            ["", "sha256:", "md5:00", &format!("sha256:{}", "g".repeat(64)), &format!("sha256:{}", "0".repeat(63))]
        {
            assert_eq!(Key::hashed("a", Role::Admin, text), None, "{text}");
        }
    }

    #[test]
    fn neither_key_nor_hash_is_shown() {
        let made = new_key("wall", Role::Viewer).unwrap();
        let key = Key::plain("wall", Role::Viewer, &made.key).unwrap();
        let shown = format!("{made:?} {key:?}");
        assert!(!shown.contains(&made.key) && !shown.contains(&made.key[9..20]), "{shown}");
        assert!(!format!("{key:?}").contains("hash: ["), "{key:?}");
    }
}
