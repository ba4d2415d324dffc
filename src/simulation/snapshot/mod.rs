//! The state of a running city, taken apart and put together again: what a saved state and a fork are made of.
//!
//! One way serves both: [`state::State`] borrows everything that moves; a saved state is its bytes behind a [`header`], a fork
//! its clone in a new world. What assembly makes the same way every time (map, demand, guides, places of devices) is in neither:
//! forks share it, and a saved state is put into a city assembled from the same scenario. Knows no file and no scenario; what is
//! told and not yet taken belongs to the city that told it and goes along with nobody.

mod actors;
pub(crate) mod header;
pub(crate) mod origin;
mod state;
#[cfg(test)]
mod tests;

use std::io::{self, BufWriter, Write};

use super::City;
use header::{Header, MAGIC, SCHEMA};
use state::State;

/// Bytes of the checksum at the end.
const CHECKSUM: usize = blake3::OUT_LEN;
/// Bytes before the header: what the file is, and the number of its form.
const LEAD: usize = MAGIC.len() + size_of::<u32>();
/// Small pieces are gathered into blocks of this size before they are hashed or written [bytes].
const BLOCK: usize = 1 << 16;

/// Why a saved state was refused; the city it was to be put into is left as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Something else altogether.
    #[error("it is no saved state of a city; name a file that `--save-at` wrote")]
    NotAState,
    /// The form of the bytes is of another time.
    #[error("it is in form {found} and this program reads form {SCHEMA}; continue it with the version that saved it")]
    Form {
        /// Its form.
        found: u32,
    },
    /// Bytes are missing or changed.
    #[error("it is cut short or damaged: its contents do not match their checksum; save it again")]
    Damaged,
    /// Another version of the program saved it.
    #[error(
        "it was saved by version {found} of the program and this is {}; continue it with the version that saved it",
        env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// The other version.
        found: String,
    },
    /// What the city is made of is not the same.
    #[error("it was saved in a city {what}; continue it as the run was made, with the same files and switches")]
    Foreign {
        /// What differs.
        what: &'static str,
    },
    /// A setting of the run is not the same.
    #[error("it was saved by a run with {what} {theirs} and this one has {ours}; use the same")]
    Setting {
        /// Which, in words.
        what: &'static str,
        /// What the state says.
        theirs: String,
        /// What this run says.
        ours: String,
    },
    /// It is whole, but does not describe this city.
    #[error("it is whole but does not describe a state of this city; save it again with this version of the program")]
    Unfit,
}

/// Writes the state of a city and its checksum.
pub(crate) fn save(city: &City, out: &mut dyn Write) -> io::Result<()> {
    let mut tee = Tee { out, hasher: blake3::Hasher::new() };
    {
        let mut block = BufWriter::with_capacity(BLOCK, &mut tee);
        block.write_all(MAGIC)?;
        block.write_all(&SCHEMA.to_le_bytes())?;
        postcard::to_io(&Header::of(city), &mut block).map_err(io::Error::other)?;
        postcard::to_io(&State::of(city), &mut block).map_err(io::Error::other)?;
        block.flush()?;
    }
    let checksum = tee.hasher.finalize();
    tee.out.write_all(checksum.as_bytes())
}

/// Puts a saved state into a city made the same way; on an error the city is as it was.
pub(crate) fn restore(city: &mut City, bytes: &[u8]) -> Result<(), StateError> {
    let lead = bytes.get(..LEAD).ok_or(StateError::NotAState)?;
    let (magic, schema) = lead.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err(StateError::NotAState);
    }
    let found = <[u8; 4]>::try_from(schema).map(u32::from_le_bytes).map_err(|_| StateError::NotAState)?;
    if found != SCHEMA {
        return Err(StateError::Form { found });
    }
    let end = bytes.len().checked_sub(CHECKSUM).filter(|&end| end >= LEAD).ok_or(StateError::Damaged)?;
    let (contents, checksum) = bytes.split_at(end);
    if blake3::hash(contents).as_bytes() != checksum {
        return Err(StateError::Damaged);
    }
    let (header, rest) = postcard::take_from_bytes::<Header>(&contents[LEAD..]).map_err(|_| StateError::Unfit)?;
    header.admit(city)?;
    let (state, rest) = postcard::take_from_bytes::<State<'static>>(rest).map_err(|_| StateError::Unfit)?;
    if !rest.is_empty() || !header.is_of_state(&state) || !state.fits(city) {
        return Err(StateError::Unfit);
    }
    let mut restored = state.put_together(city);
    // A state that does not come out as it went in is no state of this city.
    if !header.is_of(&restored) {
        return Err(StateError::Unfit);
    }
    std::mem::swap(city, &mut restored);
    Ok(())
}

/// A second city that is where this one is, and shares with it what does not change.
pub(crate) fn fork(city: &City) -> City {
    State::of(city).put_together(city)
}

/// A hash of everything that moves and everything that is counted; devices, which change nothing, left out.
pub(crate) fn city_hash(city: &City) -> origin::Mark {
    State::of(city).city_hash()
}

/// Writes on and hashes what it writes.
struct Tee<'a> {
    out: &'a mut dyn Write,
    hasher: blake3::Hasher,
}

impl Write for Tee<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
