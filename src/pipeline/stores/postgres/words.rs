//! What a PostgreSQL server's errors mean: whether to wait, and what somebody has to do if not.

use std::error::Error as _;

/// Whether an error passes by itself, and the server's words with what to do.
pub(super) fn of(error: &postgres::Error) -> (bool, String) {
    if let Some(said) = error.as_db_error() {
        let code = said.code().code();
        let mut reason = format!("{} (SQLSTATE {code})", said.message().replace('\n', " "));
        if let Some(advice) = advice(code) {
            reason.push_str("; ");
            reason.push_str(advice);
        }
        return (passes(code), reason);
    }
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_words = inner.to_string();
        if !reason.contains(&inner_words) {
            reason.push_str(": ");
            reason.push_str(&inner_words);
        }
        cause = inner.source();
    }
    let reason = reason.replace('\n', " ");
    // What we did wrong is wrong the next time too; what happened on the way need not happen again.
    let ours =
        ["authentication error", "invalid configuration", "error serializing", "error deserializing", "certificate"];
    let ours = ours.iter().any(|words| reason.contains(words)) || reason.contains("server does not support TLS");
    (!ours, reason)
}

/// Whether an error with this SQLSTATE passes by itself.
fn passes(code: &str) -> bool {
    code.starts_with("08")
        // Deadlocks and the like: the same again succeeds.
        || code.starts_with("40")
        // Going down, coming up, crashed, or somebody cancelled.
        || matches!(code, "57P01" | "57P02" | "57P03" | "57P05" | "57014" | "55P03" | "53300")
}

fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" | "28000" => "check user and password in the URL, and the server's pg_hba.conf",
        "3D000" => "create the database, or name another in the URL",
        "42501" => "allow the user to create schemas and tables, or create the schema for it",
        "25006" => "it takes no writes; name the primary server",
        "53100" => "make room on its disk",
        "53200" => "give it more memory",
        "42P01" | "42703" => "its tables are not ours or were changed; name another schema",
        _ => return None,
    })
}
