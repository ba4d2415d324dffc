//! Faults that are found, and health that is left alone.
