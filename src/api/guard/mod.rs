//! Who may ask for what: keys, tokens of an issuer, logins of browsers, roles, how often, from which page, and the record of who ordered what.
//!
//! One gate stands before every route and is closed unless opened: on this machine alone nobody is asked, but only names of this machine
//! are answered; beyond it nothing starts without keys and encryption. Routes say the least role they need by [`require`]; what they
//! forget to say still needs a trainer to change anything.

mod access;
mod audit;
mod body;
mod caller;
mod clock;
mod door;
mod fetch;
mod gate;
mod headers;
mod issuer;
mod keys;
mod logins;
mod origin;
mod pass;
mod path;
mod rate;
mod seats;
mod settings;
mod tls;
mod who;

use std::net::{IpAddr, SocketAddr};

use actix_web::dev::ServiceRequest;

pub use access::{Access, read_access};
pub use caller::{Caller, Denied, Role, require};
pub use gate::RequestId;
pub use issuer::{IssuerSettings, TokenAlgorithm};
pub use keys::{Key, NewKey, NoRandom, Secret, is_name, new_key, random};
pub use rate::Rate;
pub use seats::Seats;
pub use settings::{Crowding, GuardSettings, Limits, Rates};
pub use tls::{TlsError, TlsFiles};

pub(crate) use gate::gate;
pub(crate) use pass::{Login, Me, configure};
pub(crate) use rate::neighbourhood;
pub(crate) use seats::{FILES, JOIN, LOBBY};
pub(crate) use tls::server as tls_server;

use self::audit::Audit;
use self::clock::Clock;
use self::issuer::Issuer;
use self::logins::Logins;
use self::origin::Origins;
use self::rate::Limiter;

const LOGIN: &str = "/api/v1/login";
const LOGOUT: &str = "/api/v1/logout";
const ME: &str = "/api/v1/me";
/// The form by which people log in.
const DOOR: &str = "/login";

/// Why there is no guard.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// An address cannot be served with these settings.
    #[error("{0}")]
    Settings(String),
    /// The audit log cannot be written.
    #[error("the audit log `{path}` cannot be opened: {what}; name another file under `audit`")]
    Audit {
        /// Which file.
        path: String,
        /// What the system said.
        what: String,
    },
}

/// Stands before every route.
#[derive(Debug)]
pub struct Guard {
    /// Whether nobody is asked who they are.
    open: bool,
    /// Whether browsers speak with us in encryption.
    encrypted: bool,
    keys: Vec<Key>,
    issuer: Option<Issuer>,
    proxies: Vec<IpAddr>,
    rates: Rates,
    limits: Limits,
    origins: Origins,
    logins: Logins,
    limiter: Limiter,
    failures: Limiter,
    /// Whoever has joined the drill that is run, if one is.
    seats: Option<Seats>,
    /// Wrong PINs by address, and who is at the door of the drill now.
    guesses: Limiter,
    at_the_door: tokio::sync::Mutex<()>,
    audit: Option<Audit>,
    clock: Clock,
}

impl Guard {
    /// A guard before these addresses.
    ///
    /// # Errors
    /// When an address is open beyond this machine without keys or encryption, or the audit log cannot be written.
    pub fn new(
        settings: &GuardSettings,
        limits: Limits,
        addresses: &[SocketAddr],
        tls: bool,
    ) -> Result<Self, GuardError> {
        for address in addresses {
            settings.check(*address, tls).map_err(GuardError::Settings)?;
        }
        let open = !settings.asks();
        let opened = settings.audit.as_ref().map(|path| {
            let told =
                |error: std::io::Error| GuardError::Audit { path: path.display().to_string(), what: error.to_string() };
            Audit::open(path).map_err(told)
        });
        let schemes: &[&str] = if tls {
            &["https"]
        } else if settings.behind_proxy {
            &["https", "http"]
        } else {
            &["http"]
        };
        let lower = |texts: &[String]| texts.iter().map(|text| text.to_ascii_lowercase()).collect();
        let only_here = addresses.iter().all(|address| address.ip().to_canonical().is_loopback());
        let origins = Origins {
            allowed: lower(&settings.origins),
            hosts: lower(&settings.hosts),
            // PINs are short: a page under a name that suddenly means this machine must not even try some.
            loopback: open || (!settings.has_keys() && only_here && !settings.behind_proxy),
            schemes,
        };
        Ok(Self {
            open,
            encrypted: tls || settings.behind_proxy,
            keys: settings.keys.clone(),
            issuer: settings.issuer.as_ref().map(Issuer::new).transpose().map_err(GuardError::Settings)?,
            proxies: settings.proxies.iter().map(IpAddr::to_canonical).collect(),
            rates: settings.rates,
            limits,
            origins,
            logins: Logins::default(),
            limiter: Limiter::default(),
            failures: Limiter::default(),
            seats: settings.seats.clone(),
            guesses: Limiter::default(),
            at_the_door: tokio::sync::Mutex::default(),
            audit: opened.transpose()?,
            clock: Clock::new(),
        })
    }

    /// Whether nobody is asked who they are.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Lines of the audit log that could not be written.
    pub fn audit_lost(&self) -> u64 {
        self.audit.as_ref().map_or(0, Audit::lost)
    }

    /// Numbers requests that came without a number.
    fn number(&self) -> impl FnOnce() -> String + use<> {
        let running = self.clock.running_us();
        move || {
            let ms = u64::try_from(Clock::now().as_milliseconds()).unwrap_or(0);
            let random = keys::random().map_or(u128::from(running), |bits| {
                bits[..16].iter().fold(0, |number, byte| number << 8 | u128::from(*byte))
            });
            ulid::Ulid::from_parts(ms, random).to_string()
        }
    }

    /// Where a request comes from; what a proxy says counts where the proxy is believed.
    fn address_of(&self, request: &ServiceRequest) -> IpAddr {
        let peer = request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip().to_canonical());
        if !self.proxies.contains(&peer) {
            return peer;
        }
        let said = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
        let said: Vec<&str> = said.flat_map(|value| value.split(',')).map(str::trim).collect();
        // From the last backwards: what stands further left anybody may have written.
        let mut addresses = said.iter().rev().map_while(|text| text.parse::<IpAddr>().ok()).map(|ip| ip.to_canonical());
        addresses.find(|address| !self.proxies.contains(address)).unwrap_or(peer)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn guard(change: impl FnOnce(&mut GuardSettings)) -> Guard {
        let mut settings = GuardSettings::default();
        change(&mut settings);
        Guard::new(&settings, Limits::default(), &[], false).unwrap()
    }

    #[test]
    fn only_a_proxy_that_is_believed_says_where_a_request_comes_from() {
        let believed =
            guard(|settings| settings.proxies = vec!["10.0.0.2".parse().unwrap(), "10.0.0.3".parse().unwrap()]);
        for (peer, said, expected) in [
            ("10.0.0.2", "203.0.113.7", "203.0.113.7"),
            // Whoever asks may have written the first itself.
            ("10.0.0.2", "127.0.0.1, 203.0.113.7", "203.0.113.7"),
            ("10.0.0.2", "127.0.0.1, 203.0.113.7, 10.0.0.3", "203.0.113.7"),
            ("10.0.0.2", "203.0.113.7, nonsense", "10.0.0.2"),
            ("10.0.0.2", "", "10.0.0.2"),
            ("198.51.100.1", "127.0.0.1", "198.51.100.1"),
        ] {
            let peer = SocketAddr::new(peer.parse().unwrap(), 4_000);
            let request = TestRequest::default().peer_addr(peer).insert_header(("X-Forwarded-For", said));
            let found = believed.address_of(&request.to_srv_request());
            assert_eq!(found.to_string(), expected, "{said}");
        }
    }

    #[test]
    fn requests_have_different_numbers() {
        let guard = guard(|_| ());
        let (one, other) = (guard.number()(), guard.number()());
        assert_ne!(one, other);
        assert_eq!(one.len(), 26);
    }

    /// What a guard knows and remembers can be shown to anybody.
    #[test]
    fn a_guard_shows_no_secret() {
        let made = new_key("ops", Role::Operator).unwrap();
        let hash = made.line.split("sha256:").nth(1).unwrap()[..64].to_owned();
        let guard = guard(|settings| settings.keys = vec![Key::plain("ops", Role::Operator, &made.key).unwrap()]);
        let caller = Caller { name: "ops".into(), role: Role::Operator };
        let (cookie, login) = guard.logins.begin(caller, i64::MAX, 0).unwrap();
        let shown = format!("{guard:?}");
        for secret in [&made.key, &hash, &cookie, &login.token] {
            assert!(!shown.contains(secret.as_str()), "{shown}");
        }
    }
}
