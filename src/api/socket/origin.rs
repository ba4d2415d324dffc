//! From which page a socket comes: a page of somebody else must not see the city with the rights of whoever looks at it.
//!
//! A browser says by `Origin` where the page came from, and no script can write it. Programs say nothing.

use actix_web::http::header::{self, HeaderMap};

/// Whether a socket may be opened by whoever these headers come from: a program, a page of this server, or one of those allowed (as
/// `https://board.example.org`).
pub(in crate::api) fn is_welcome(headers: &HeaderMap, allowed: &[String]) -> bool {
    let mut said = headers.get_all(header::ORIGIN);
    let Some(origin) = said.next() else { return true };
    let (Ok(origin), None) = (origin.to_str(), said.next()) else { return false };
    if allowed.iter().any(|other| other.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let mut hosts = headers.get_all(header::HOST);
    let (Some(Ok(host)), None) = (hosts.next().map(|host| host.to_str()), hosts.next()) else { return false };
    let Some((scheme, place)) = origin.split_once("://") else { return false };
    let port = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    // The usual port is left out by most, but not by all.
    let bare = |place: &str| place.strip_suffix(port).unwrap_or(place).to_ascii_lowercase();
    !place.is_empty() && bare(place) == bare(host)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(said: &[(HeaderName, &'static str)]) -> HeaderMap {
        said.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn pages_of_others_are_not_welcome() {
        let allowed = ["https://board.example.org".to_owned()];
        let cases = [
            ("city.example:8080", "http://city.example:8080", true),
            ("city.example", "https://city.example", true),
            ("city.example:443", "https://CITY.example", true),
            ("city.example", "http://city.example:80", true),
            ("[::1]:8080", "http://[::1]:8080", true),
            ("city.example", "https://board.example.org", true),
            ("city.example:8080", "http://city.example", false),
            ("city.example", "https://city.example:80", false),
            ("city.example", "https://evil.example", false),
            ("city.example", "https://city.example.evil.example", false),
            ("city.example", "https://evil.example/city.example", false),
            ("city.example", "null", false),
            ("city.example", "", false),
            ("city.example", "file://city.example", false),
            ("", "http://", false),
        ];
        for (host, origin, welcome) in cases {
            let said = headers(&[(header::HOST, host), (header::ORIGIN, origin)]);
            assert_eq!(is_welcome(&said, &allowed), welcome, "{origin} at {host}");
        }
        assert!(is_welcome(&headers(&[(header::HOST, "city.example")]), &[]), "a program says nothing");
        let mut twice = headers(&[(header::HOST, "a.example"), (header::ORIGIN, "http://a.example")]);
        twice.append(header::ORIGIN, HeaderValue::from_static("http://evil.example"));
        assert!(!is_welcome(&twice, &[]), "who says two things is not believed");
    }
}
