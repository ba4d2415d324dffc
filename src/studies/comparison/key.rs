//! What a run depends on, as two digests: the files it was asked for with, and the city that was made of them.
//!
//! Equal files make an equal run, so a finished run whose files are as they were is taken as it is. When a file has changed,
//! perhaps only by a comment or an expectation, the second digest says whether the city is still the same one.

use std::fmt::{self, Write};

use crate::city::scenario::{InputFile, LoadedScenario};

/// Version of what is kept of a run; another one makes the runs anew.
pub(super) const FORMAT: u32 = 3;

/// The digest of a request: program, files, variant (its name and its city with the scenario's own seed) and seed.
pub(super) fn of_request(program: &str, files: &[InputFile], variant: (&str, &str), seed: u64) -> String {
    let mut digest = Digest::default();
    // A digest takes everything.
    let _ = write!(digest, "{FORMAT}\n{program:?}\n{variant:?}\n{seed}\n");
    for file in files {
        let _ = writeln!(digest, "{}", file.blake3);
    }
    digest.hexadecimal()
}

/// The digest of a city: everything in a loaded scenario that a run can depend on, by its debug form, which names every field
/// and writes numbers so that they read back the same.
pub(super) fn of_city(program: &str, loaded: &LoadedScenario) -> String {
    let mut digest = Digest::default();
    let _ = write!(digest, "{FORMAT}\n{program:?}\n{:?}", loaded.without_words());
    digest.hexadecimal()
}

/// Pieces are gathered up to this size before they are hashed [bytes].
const BLOCK: usize = 1 << 15;

#[derive(Default)]
struct Digest {
    hasher: blake3::Hasher,
    block: String,
}

impl Digest {
    fn hexadecimal(mut self) -> String {
        self.hasher.update(self.block.as_bytes());
        self.hasher.finalize().to_hex()[..32].to_owned()
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.block.push_str(text);
        if self.block.len() >= BLOCK {
            self.hasher.update(self.block.as_bytes());
            self.block.clear();
        }
        Ok(())
    }
}
