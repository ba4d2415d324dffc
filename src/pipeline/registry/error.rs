//! Why a registry refuses, with the numbers by which clients of Confluent's know it.

use std::path::Path;

/// Why a registry refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// There is no such subject.
    #[error("Subject '{0}' not found.")]
    NoSubject(String),
    /// The subject has no such version.
    #[error("Version {1} not found for subject '{0}'.")]
    NoVersion(String, String),
    /// No schema has this id, or the subject does not have this schema.
    #[error("Schema not found")]
    NoSchema,
    /// The subject was deleted already, and may be asked for with `deleted=true`.
    #[error("Subject '{0}' was soft deleted. Set permanent=true to delete permanently")]
    SubjectDeleted(String),
    /// A subject goes for good only after it was deleted.
    #[error("Subject '{0}' was not deleted first before being permanently deleted")]
    SubjectNotDeleted(String),
    /// The version was deleted already.
    #[error("Subject '{0}' Version {1} was soft deleted. Set permanent=true to delete permanently")]
    VersionDeleted(String, u32),
    /// A version goes for good only after it was deleted.
    #[error("Subject '{0}' Version {1} was not deleted first before being permanently deleted")]
    VersionNotDeleted(String, u32),
    /// The subject has no level of its own.
    #[error("Subject '{0}' does not have subject-level compatibility configured")]
    NoLevel(String),
    /// The subject has no mode of its own.
    #[error("Subject '{0}' does not have subject-level mode configured")]
    NoMode(String),
    /// What is sent is no schema, or not of this kind.
    #[error("Invalid schema: {0}")]
    BadSchema(String),
    /// What is asked for is no version.
    #[error(
        "The specified version '{0}' is not a valid version id. Allowed values are between [1, 2^31-1] and the string \"latest\""
    )]
    BadVersion(String),
    /// There is no such level.
    #[error(
        "Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, forward_transitive, and \
         full_transitive"
    )]
    BadLevel,
    /// There is no such mode, or it is not offered.
    #[error("Invalid mode. Valid values here are READWRITE and READONLY")]
    BadMode,
    /// The mode forbids it, or a limit is reached.
    #[error("{0}")]
    NotPermitted(String),
    /// Somebody refers to it.
    #[error("One or more references exist to the schema {{subject={0},version={1}}}; delete them first")]
    Referenced(String, u32),
    /// A name no subject can have.
    #[error("The specified subject '{0}' is not a valid subject: it has 1 to 249 characters, none of control")]
    BadSubject(String),
    /// What is sent is no request.
    #[error("{0}")]
    BadRequest(String),
    /// It may not follow what is there.
    #[error(
        "Schema being registered is incompatible with an earlier schema for subject \"{subject}\", details: {reasons:?}"
    )]
    Incompatible {
        /// The subject.
        subject: String,
        /// Every reason found.
        reasons: Vec<String>,
    },
    /// The folder cannot be read or written; what was there stays.
    #[error("the registry in `{folder}` {what}")]
    Disk {
        /// Where.
        folder: String,
        /// What went wrong and what to do.
        what: String,
    },
}

impl RegistryError {
    /// A trouble with the folder.
    pub(super) fn disk(folder: &Path, what: impl std::fmt::Display) -> Self {
        Self::Disk { folder: folder.display().to_string(), what: what.to_string() }
    }

    /// Its number, as clients of Confluent's registry know it; the first three digits are the status of the answer.
    pub const fn code(&self) -> u32 {
        match self {
            Self::NoSubject(_) => 40401,
            Self::NoVersion(..) => 40402,
            Self::NoSchema => 40403,
            Self::SubjectDeleted(_) => 40404,
            Self::SubjectNotDeleted(_) => 40405,
            Self::VersionDeleted(..) => 40406,
            Self::VersionNotDeleted(..) => 40407,
            Self::NoLevel(_) => 40408,
            Self::NoMode(_) => 40409,
            Self::BadSchema(_) => 42201,
            Self::BadVersion(_) => 42202,
            Self::BadLevel => 42203,
            Self::BadMode => 42204,
            Self::NotPermitted(_) => 42205,
            Self::Referenced(..) => 42206,
            Self::BadSubject(_) => 42208,
            Self::BadRequest(_) => 422,
            Self::Incompatible { .. } => 409,
            Self::Disk { .. } => 50001,
        }
    }

    /// The status of the answer.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Incompatible { .. } => 409,
            Self::Disk { .. } => 500,
            Self::BadRequest(_)
            | Self::BadSchema(_)
            | Self::BadVersion(_)
            | Self::BadLevel
            | Self::BadMode
            | Self::NotPermitted(_)
            | Self::Referenced(..)
            | Self::BadSubject(_) => 422,
            _ => 404,
        }
    }
}
