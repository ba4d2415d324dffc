//! The files a log writes: append, sync, cut back; and the same with a disk that fails on demand, for tests.
//!
//! Reading goes past this: what has been written is read like any file. Knows no format.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// A file that grows at its end.
pub(super) trait Tape: Send + fmt::Debug {
    /// Writes all of it at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when everything appended would survive a loss of power.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to this length [bytes]; the next append begins there.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

/// Where tapes come from.
pub(super) trait Disk: Send + Sync + fmt::Debug {
    /// A new, empty file.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Tape>>;
    /// A file that is there, cut to this length [bytes].
    fn reopen(&self, path: &Path, bytes: u64) -> io::Result<Box<dyn Tape>>;
}

/// The machine's own disk.
#[derive(Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Tape>> {
        let file = File::options().write(true).create_new(true).open(path)?;
        if let Some(folder) = path.parent() {
            sync_folder(folder)?;
        }
        Ok(Box::new(file))
    }

    fn reopen(&self, path: &Path, bytes: u64) -> io::Result<Box<dyn Tape>> {
        let mut file = File::options().write(true).open(path)?;
        file.cut(bytes)?;
        file.sync()?;
        Ok(Box::new(file))
    }
}

impl Tape for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)?;
        self.seek(SeekFrom::Start(bytes)).map(drop)
    }
}

/// Makes the names in a folder survive a loss of power.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Folders can be opened and synced on Unix; elsewhere the file's own sync has to do.
    if cfg!(unix) { fs::File::open(folder)?.sync_all() } else { Ok(()) }
}

/// A disk that runs full, or whose syncs wait or fail, as a test wants.
#[cfg(test)]
pub(in super::super) mod faulty {
    use std::sync::{Arc, Condvar, Mutex};

    use super::{Disk, File, Path, Tape, fs, io};

    /// What the disk shall do; shared with the test.
    #[derive(Debug, Default)]
    pub(in super::super::super) struct Faults {
        state: Mutex<State>,
        changed: Condvar,
    }

    #[derive(Debug, Default)]
    struct State {
        room: Option<u64>,
        sync_fails: bool,
        sync_held: bool,
        waiting: usize,
    }

    impl Faults {
        /// The disk has room for so many more bytes.
        pub(in super::super::super) fn room(&self, bytes: Option<u64>) {
            self.state.lock().unwrap().room = bytes;
        }

        /// Syncs fail from now on.
        pub(in super::super::super) fn fail_syncs(&self) {
            self.state.lock().unwrap().sync_fails = true;
        }

        /// Syncs do not return until told.
        pub(in super::super::super) fn hold_syncs(&self, held: bool) {
            self.state.lock().unwrap().sync_held = held;
            self.changed.notify_all();
        }

        /// Returns once a sync is being held.
        pub(in super::super::super) fn wait_until_held(&self) {
            let state = self.state.lock().unwrap();
            drop(self.changed.wait_while(state, |state| state.waiting == 0).unwrap());
        }
    }

    #[derive(Debug)]
    pub(in super::super) struct FaultyDisk(pub(in super::super) Arc<Faults>);

    #[derive(Debug)]
    struct FaultyTape {
        file: File,
        faults: Arc<Faults>,
    }

    impl Disk for FaultyDisk {
        fn create(&self, path: &Path) -> io::Result<Box<dyn Tape>> {
            if self.0.state.lock().unwrap().room == Some(0) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let file = fs::File::options().write(true).create_new(true).open(path)?;
            Ok(Box::new(FaultyTape { file, faults: Arc::clone(&self.0) }))
        }

        fn reopen(&self, path: &Path, bytes: u64) -> io::Result<Box<dyn Tape>> {
            let mut file = fs::File::options().write(true).open(path)?;
            file.cut(bytes)?;
            Ok(Box::new(FaultyTape { file, faults: Arc::clone(&self.0) }))
        }
    }

    impl Tape for FaultyTape {
        fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
            let mut state = self.faults.state.lock().unwrap();
            // As the real thing: what still fits is written, then comes the error.
            let fits = state.room.map_or(bytes.len(), |room| bytes.len().min(usize::try_from(room).unwrap()));
            state.room = state.room.map(|room| room - fits as u64);
            drop(state);
            self.file.append(&bytes[..fits])?;
            if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }

        fn sync(&mut self) -> io::Result<()> {
            let mut state = self.faults.state.lock().unwrap();
            state.waiting += 1;
            self.faults.changed.notify_all();
            state = self.faults.changed.wait_while(state, |state| state.sync_held).unwrap();
            state.waiting -= 1;
            if state.sync_fails { Err(io::Error::other("input/output error")) } else { Ok(()) }
        }

        fn cut(&mut self, bytes: u64) -> io::Result<()> {
            self.file.cut(bytes)
        }
    }
}
