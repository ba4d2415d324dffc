//! `citytwin schema`: the grammar of scenario files for editors.

use std::process::ExitCode;

use crate::city::scenario;

/// Prints the schema.
pub(super) fn schema() -> ExitCode {
    super::print(&super::json(&scenario::schema()), ExitCode::SUCCESS)
}
