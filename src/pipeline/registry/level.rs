//! What may follow what, and whether anything may at all.

use serde::{Deserialize, Serialize};

/// Which versions must be able to read which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Level {
    /// Anything may follow anything.
    None,
    /// Whoever reads by the new one can read what the last wrote.
    #[default]
    Backward,
    /// The same, and what all before it wrote.
    BackwardTransitive,
    /// Whoever reads by the last one can read what the new writes.
    Forward,
    /// The same, and whoever reads by any before it.
    ForwardTransitive,
    /// Both ways with the last.
    Full,
    /// Both ways with all.
    FullTransitive,
}

impl Level {
    const ALL: [Self; 7] = [
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
    ];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
        }
    }

    /// The level of a word, in capitals or not.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word().eq_ignore_ascii_case(word))
    }

    /// Whether the new one must read what earlier ones wrote.
    pub(super) const fn looks_back(self) -> bool {
        matches!(self, Self::Backward | Self::BackwardTransitive | Self::Full | Self::FullTransitive)
    }

    /// Whether earlier ones must read what the new one writes.
    pub(super) const fn looks_ahead(self) -> bool {
        matches!(self, Self::Forward | Self::ForwardTransitive | Self::Full | Self::FullTransitive)
    }

    /// Whether all earlier ones count, not just the last.
    pub(super) const fn is_transitive(self) -> bool {
        matches!(self, Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive)
    }
}

/// Whether anything may be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// It may.
    #[default]
    ReadWrite,
    /// It may not.
    ReadOnly,
}

impl Mode {
    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ReadWrite => "READWRITE",
            Self::ReadOnly => "READONLY",
        }
    }

    /// The mode of a word, in capitals or not.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::ReadWrite, Self::ReadOnly].into_iter().find(|mode| mode.word().eq_ignore_ascii_case(word))
    }
}
