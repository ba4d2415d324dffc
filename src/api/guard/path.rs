//! Paths that can be read in one way only.
//!
//! Whoever decides by the path who may come in, and whoever finds the route by it, must read the same path. What could be written
//! plainly and is not (`%61pi` for `api`), what changes the folder (`..`, `//`, `\`), and what others decode a second time (`%25`) is
//! therefore refused before anybody looks at it.

/// Longest path with its query [bytes].
pub(super) const URI_BYTES_MAX: usize = 8 << 10;

/// What the paths begin with where whoever asks is asked who it is; the last five are those of a registry of schemas.
const GUARDED: [&str; 8] = ["api", "ws", "metrics", "schemas", "subjects", "config", "mode", "compatibility"];

/// What is wrong with a path, if anything is.
pub(super) fn fault(path: &str) -> Option<&'static str> {
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Some("the path does not begin with `/`");
    }
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if byte == b'%' {
            let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
            let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else {
                return Some("the path has a `%` without two digits of base 16; write `%23` for `#` and so on");
            };
            let meant = u8::try_from(high << 4 | low).unwrap_or_default();
            if meant.is_ascii_alphanumeric() || b"-._~/\\%".contains(&meant) {
                return Some(
                    "the path has letters, dots, `/` or `%` written as numbers; write them as they are, or leave them out",
                );
            }
            if meant.is_ascii_control() {
                return Some("the path has control characters; leave them out");
            }
            at += 3;
            continue;
        }
        if byte == b'\\' || byte.is_ascii_control() {
            return Some("the path has a `\\` or control characters; leave them out");
        }
        at += 1;
    }
    let mut inner = path[1..].split('/').peekable();
    while let Some(segment) = inner.next() {
        if segment == "." || segment == ".." || (segment.is_empty() && inner.peek().is_some()) {
            return Some("the path has `.`, `..` or nothing between two `/`; write it without");
        }
    }
    None
}

/// Whether a path without fault belongs to what is asked who it is; the rest are the files of the page, and health for probes.
pub(super) fn is_guarded(path: &str) -> bool {
    path != "/api/health" && path[1..].split('/').next().is_some_and(|root| GUARDED.contains(&root))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_pass() {
        for path in [
            "/",
            "/api/v1/cities/01J/assets",
            "/assets/index-1a2b.js",
            "/api/traffic/live/-12%233",
            "/api/traffic/live/Rue%20de%20l%27%C3%A9cole",
            "/api/v1/sessions/",
            "/api/gtfs-realtime/vehicle-positions.pb",
            "/a..b",
        ] {
            assert_eq!(fault(path), None, "{path}");
        }
    }

    #[test]
    fn whatever_could_be_read_in_two_ways_is_refused() {
        for path in [
            "",
            "api",
            "*",
            "/api/v1/finished/../secret",
            "/api/v1/finished/..%2f..%2fetc%2fpasswd",
            "/api/v1/finished/%2e%2e/secret",
            "/api/v1/finished/%252e%252e",
            "/api/v1/finished/..\\secret",
            "/api/v1/finished/%5c..",
            "/%61pi/v1/sessions",
            "//api/v1/sessions",
            "/./api",
            "/x/..",
            "/api/%00",
            "/api/%0d%0aSet-Cookie:%20a",
            "/api/%7F",
            "/api/%",
            "/api/%4",
            "/api/%zz",
            "/api/\u{1}",
        ] {
            assert!(fault(path).is_some(), "{path}");
        }
    }

    #[test]
    fn the_page_is_public_and_nothing_behind_it() {
        for (path, guarded) in [
            ("/", false),
            ("/assets/index.js", false),
            ("/health/ready", false),
            ("/api", true),
            ("/api/health", false),
            ("/api/health/more", true),
            ("/ws/realtime", true),
            ("/metrics", true),
            ("/subjects/a/versions", true),
            ("/config", true),
            ("/schemas/ids/1", true),
            ("/apis", false),
        ] {
            assert_eq!(is_guarded(path), guarded, "{path}");
        }
    }
}
