//! What a PostgreSQL server's errors mean: whether to wait, and what somebody has to do if not.

use std::error::Error as _;

/// What an error asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// To be waited out: the server is not there, or will take the same again.
    Away,
    /// To be waited out while somebody mends the server: it is full, or takes no writes.
    NotNow,
    /// To be mended here.
    Refused,
}

/// What an error asks for, and the server's words with what to do.
pub(super) fn of(error: &postgres::Error) -> (Verdict, String) {
    if let Some(said) = error.as_db_error() {
        let code = said.code().code();
        let mut reason = format!("{} (SQLSTATE {code})", said.message().replace('\n', " "));
        if let Some(advice) = advice(code) {
            reason.push_str("; ");
            reason.push_str(advice);
        }
        return (verdict(code), reason);
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
    (if ours { Verdict::Refused } else { Verdict::Away }, reason)
}

/// Whether an error says that the session takes no writes. A session may go on saying so when the server takes them again.
pub(super) fn is_read_only(error: &postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code() == "25006")
}

/// What an error with this SQLSTATE asks for.
fn verdict(code: &str) -> Verdict {
    let passes = code.starts_with("08")
        // Deadlocks and the like: the same again succeeds.
        || code.starts_with("40")
        // Going down, coming up, crashed, or somebody cancelled.
        || matches!(code, "57P01" | "57P02" | "57P03" | "57P05" | "57014" | "55P03" | "53300");
    // Disk, memory or another limit is used up; or it is a standby, or was told to take no writes.
    let is_full = code.starts_with("53") || matches!(code, "25006" | "58030");
    match (passes, is_full) {
        (true, _) => Verdict::Away,
        (false, true) => Verdict::NotNow,
        (false, false) => Verdict::Refused,
    }
}

fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" | "28000" => "check user and password in the URL, and the server's pg_hba.conf",
        "3D000" => "create the database, or name another in the URL",
        "42501" => "allow the user to create schemas and tables, or create the schema for it",
        "25006" => "it takes no writes; let it take them again, or name the primary server in the URL",
        "53100" | "58030" => "make room on its disk",
        "53200" => "give it more memory",
        "53300" => "allow it more connections",
        "42P01" | "42703" => "its tables are not ours or were changed; name another schema",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_can_mend_at_the_server_is_waited_for() {
        for (code, expected) in [
            ("08006", Verdict::Away),
            ("40P01", Verdict::Away),
            ("57P03", Verdict::Away),
            ("53300", Verdict::Away),
            ("53100", Verdict::NotNow),
            ("53200", Verdict::NotNow),
            ("25006", Verdict::NotNow),
            ("42501", Verdict::Refused),
            ("22P02", Verdict::Refused),
        ] {
            assert_eq!(verdict(code), expected, "{code}");
            assert!(expected != Verdict::NotNow || advice(code).is_some(), "{code} says what to do");
        }
    }
}
