//! From which page a request comes, and under which name the server was called.
//!
//! A browser sends `Origin` with whatever changes something and with every socket that leads elsewhere, and no script can write it. A
//! name that suddenly means this machine (DNS rebinding) stands in `Host`.

use actix_web::dev::ServiceRequest;
use actix_web::http::uri::Authority;
use actix_web::http::{Method, header};

use crate::api::problem::Problem;

/// Origins that may read answers, and names under which the server may be called.
#[derive(Debug, Clone, Default)]
pub(super) struct Origins {
    /// Like `https://board.example.org`, lower case.
    pub(super) allowed: Vec<String>,
    /// Names without port, lower case; none for any.
    pub(super) hosts: Vec<String>,
    /// Whether only names of this machine will do.
    pub(super) loopback: bool,
    /// What the page's own address begins with.
    pub(super) schemes: &'static [&'static str],
}

/// What a request says of the page it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    /// Nothing: a program, or a page of our own that only reads.
    Unsaid,
    /// Our own page.
    Here,
    /// A page that may read answers: its origin.
    Allowed(String),
    /// Any other page.
    Foreign,
}

/// The name of a host without its port, lower case; none if it is none.
pub(super) fn name_of(host: &str) -> Option<String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (inner, port) = rest.split_once(']')?;
            inner.parse::<std::net::Ipv6Addr>().ok()?;
            (inner, port)
        }
        None => match host.find(':') {
            Some(at) => host.split_at(at),
            None => (host, ""),
        },
    };
    let port_fits = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    (port_fits && !name.is_empty() && name.len() <= 253 && name.chars().all(plain)).then(|| name.to_ascii_lowercase())
}

/// Whether a name can only mean this machine (RFC 6761, section 6.3).
fn is_loopback(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let number = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    number || name == "localhost" || name.ends_with(".localhost")
}

/// Whether an address may be spoken to in trust: by https, or by http on this machine; without a password in it.
pub(super) fn is_web_address(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some(name) = name_of(authority) else { return false };
    scheme == "https" || (scheme == "http" && is_loopback(&name))
}

impl Origins {
    /// The host that was called, if it may be.
    pub(super) fn host(&self, request: &ServiceRequest) -> Result<String, Problem> {
        let wrong = |detail: &str| Problem::bad(detail).hanging_up();
        let mut said = request.headers().get_all(header::HOST);
        let (first, more) = (said.next(), said.next());
        if more.is_some() {
            return Err(wrong("there is more than one `Host`; send one"));
        }
        let first = first.map(|value| value.to_str().map_err(|_| wrong("`Host` is no name"))).transpose()?;
        let line = request.uri().authority().map(Authority::as_str);
        let host = match (first, line) {
            (Some(host), Some(line)) if !host.eq_ignore_ascii_case(line) => {
                return Err(wrong("`Host` and the request's own line name two hosts; send one"));
            }
            (Some(host), _) | (None, Some(host)) => host,
            (None, None) => return Err(wrong("there is no `Host`; send the name you called")),
        };
        let name = name_of(host).ok_or_else(|| wrong("`Host` is no name; send the name you called, and the port"))?;
        if self.loopback && !is_loopback(&name) {
            return Err(Problem::new(
                actix_web::http::StatusCode::MISDIRECTED_REQUEST,
                "here nobody is asked who they are, so only this machine's own names are answered; call `localhost` or `127.0.0.1`, or \
                 configure keys",
            ));
        }
        if !self.hosts.is_empty() && !self.hosts.contains(&name) {
            return Err(Problem::new(
                actix_web::http::StatusCode::MISDIRECTED_REQUEST,
                "this is not the name of this server; call one of the names under `hosts` in the file of access",
            ));
        }
        Ok(host.to_ascii_lowercase())
    }

    /// From which page a request to a host comes.
    pub(super) fn from(&self, request: &ServiceRequest, host: &str) -> From {
        let mut said = request.headers().get_all(header::ORIGIN);
        let (first, more) = (said.next(), said.next());
        let Some(first) = first else {
            // Every browser of the last years says at least how far away the page is.
            let site = request.headers().get("sec-fetch-site").and_then(|value| value.to_str().ok());
            return if matches!(site, Some("cross-site" | "same-site")) { From::Foreign } else { From::Unsaid };
        };
        let Some(origin) = first.to_str().ok().filter(|_| more.is_none()) else { return From::Foreign };
        let origin = origin.to_ascii_lowercase();
        let here = origin.split_once("://").is_some_and(|(scheme, of)| self.schemes.contains(&scheme) && of == host);
        if here {
            From::Here
        } else if self.allowed.contains(&origin) {
            From::Allowed(origin)
        } else {
            From::Foreign
        }
    }
}

/// Whether a request only asks.
pub(super) fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a request asks what it may ask from another origin.
pub(super) fn is_preflight(request: &ServiceRequest) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ORIGIN)
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Whether a request wants a socket.
pub(super) fn is_socket(request: &ServiceRequest) -> bool {
    let upgrade = request.headers().get(header::UPGRADE);
    upgrade.is_some() || request.path() == "/ws" || request.path().starts_with("/ws/")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn local() -> Origins {
        let allowed = vec!["https://board.example.org".to_owned()];
        Origins { allowed, loopback: true, schemes: &["http"], ..Origins::default() }
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for (host, expected) in [
            ("localhost:8080", Some(true)),
            ("LOCALHOST", Some(true)),
            ("localhost.", Some(true)),
            ("127.0.0.1:8080", Some(true)),
            ("127.9.9.9", Some(true)),
            ("[::1]:80", Some(true)),
            ("page.localhost", Some(true)),
            ("localhost.evil.example", Some(false)),
            ("127.0.0.1.evil.example:8080", Some(false)),
            ("evil.example", Some(false)),
            ("0.0.0.0:8080", Some(false)),
            ("10.0.0.1", Some(false)),
            ("", None),
            ("localhost:", None),
            ("localhost:http", None),
            ("a b", None),
            ("user@localhost", None),
            ("[::1", None),
            ("localhost/..", None),
        ] {
            assert_eq!(name_of(host).map(|name| is_loopback(&name)), expected, "{host}");
        }
    }

    #[test]
    fn a_rebound_name_is_not_answered() {
        let of = |host: &str| {
            let request = TestRequest::default().insert_header(("Host", host)).to_srv_request();
            local().host(&request).map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(of("LocalHost:8080"), Ok("localhost:8080".to_owned()));
        assert_eq!(of("rebound.example:8080"), Err(421));
        assert_eq!(of("rebound.example\\@localhost"), Err(400));
        let none = TestRequest::default().to_srv_request();
        assert_eq!(local().host(&none).map_err(|problem| problem.status().as_u16()), Err(400));
        let two = TestRequest::default().append_header(("Host", "localhost")).append_header(("Host", "localhost"));
        assert!(local().host(&two.to_srv_request()).is_err());
        let named = Origins { hosts: vec!["city.example.org".to_owned()], ..Origins::default() };
        let request = TestRequest::default().insert_header(("Host", "other.example.org")).to_srv_request();
        assert!(named.host(&request).is_err());
        let request = TestRequest::default().insert_header(("Host", "City.example.org:443")).to_srv_request();
        assert!(named.host(&request).is_ok());
    }

    #[test]
    fn pages_from_elsewhere_are_known_as_such() {
        for (origin, expected) in [
            ("http://localhost:8080", From::Here),
            ("https://board.example.org", From::Allowed("https://board.example.org".to_owned())),
            ("https://localhost:8080", From::Foreign),
            ("http://localhost:8081", From::Foreign),
            ("http://localhost", From::Foreign),
            ("http://localhost:8080.evil.example", From::Foreign),
            ("https://board.example.org.evil.example", From::Foreign),
            ("http://board.example.org", From::Foreign),
            ("null", From::Foreign),
            ("", From::Foreign),
        ] {
            let request = TestRequest::default().insert_header(("Origin", origin)).to_srv_request();
            assert_eq!(local().from(&request, "localhost:8080"), expected, "{origin}");
        }
        let unsaid = TestRequest::default().to_srv_request();
        assert_eq!(local().from(&unsaid, "localhost:8080"), From::Unsaid);
        let site = TestRequest::default().insert_header(("Sec-Fetch-Site", "cross-site")).to_srv_request();
        assert_eq!(local().from(&site, "localhost:8080"), From::Foreign);
        let two = TestRequest::default().append_header(("Origin", "http://localhost:8080"));
        let two = two.append_header(("Origin", "http://evil.example")).to_srv_request();
        assert_eq!(local().from(&two, "localhost:8080"), From::Foreign);
    }
}
