//! One run: load, simulate, write.
