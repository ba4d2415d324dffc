//! The front door: one file per verb; no logic of any kind.
