//! Who it is that asks: by key, by a token of the issuer, by the cookie of a login, or because nobody is asked.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::dev::ServiceRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use super::Guard;
use super::caller::{Caller, Role};
use super::clock::Clock;
use super::keys;
use super::logins::Login;
use super::origin::is_socket;
use super::rate::{Rate, Who, neighbourhood};
use super::settings::Rates;
use crate::api::port::Seat;
use crate::api::problem::Problem;

/// Longest key or token [bytes].
const SHOWN_MAX: usize = 16 << 10;

/// How somebody is known.
#[derive(Debug, Clone)]
pub(super) enum Manner {
    /// Nobody is asked on this machine.
    Open,
    /// By a key.
    Key,
    /// By a token of the issuer.
    Token,
    /// By a login on the page.
    Page(Login),
    /// By a seat in a drill.
    Seat(Seat),
}

/// Somebody who is known.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) caller: Caller,
    pub(super) manner: Manner,
    /// Until when this holds, in Unix milliseconds.
    pub(super) until_ms: i64,
}

impl Identity {
    /// Whose requests are counted together.
    pub(super) fn counted(&self) -> Who {
        let kind = match &self.manner {
            Manner::Open => "open",
            Manner::Key => "key",
            Manner::Token => "token",
            Manner::Page(_) => "page",
            // People of one name are several.
            Manner::Seat(seat) => return Who::Name("seat", seat.number.to_string().into()),
        };
        Who::Name(kind, Arc::clone(&self.caller.name))
    }

    pub(super) fn rate(&self, rates: &Rates) -> Rate {
        match self.manner {
            Manner::Open => rates.open,
            Manner::Key | Manner::Token => rates.of(self.caller.role),
            Manner::Page(_) | Manner::Seat(_) => rates.page,
        }
    }
}

/// What a page says before a key that it can send with a socket in no other way: as one of the protocols it offers.
const OFFERED: &str = "bearer.";

/// The key among the protocols that a socket offers; it is taken out, so that nobody behind the gate answers with it.
fn offered(headers: &mut HeaderMap) -> Option<String> {
    let said = headers.get(header::SEC_WEBSOCKET_PROTOCOL)?.to_str().ok()?.to_owned();
    let (keys, rest): (Vec<&str>, Vec<&str>) =
        said.split(',').map(str::trim).partition(|protocol| protocol.starts_with(OFFERED));
    let key = keys.first()?.strip_prefix(OFFERED)?.to_owned();
    headers.remove(header::SEC_WEBSOCKET_PROTOCOL);
    if let Ok(rest) = HeaderValue::from_str(&rest.join(", "))
        && !rest.is_empty()
    {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, rest);
    }
    Some(key)
}

/// What somebody shows to be known, besides a cookie.
fn shown(request: &mut ServiceRequest) -> Result<Option<String>, Problem> {
    if is_socket(request)
        && let Some(key) = offered(request.headers_mut())
    {
        return Ok(Some(key));
    }
    let headers = request.headers();
    let unread = || {
        Problem::unauthorised(
            "send `Authorization: Bearer` and a key or a token, `X-API-Key` and a key, or `Authorization: Basic` with a key as password",
        )
    };
    let (mut bearers, mut keys) = (headers.get_all(header::AUTHORIZATION), headers.get_all("x-api-key"));
    let text = match (bearers.next(), keys.next(), bearers.next(), keys.next()) {
        (None, None, None, None) => return Ok(None),
        (Some(value), None, None, None) => match value.to_str().map_err(|_| unread())?.split_once(' ') {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("basic") => {
                return basic(rest.trim()).map(Some).ok_or_else(unread);
            }
            _ => return Err(unread()),
        },
        (None, Some(value), None, None) => value.to_str().map_err(|_| unread())?.trim(),
        _ => return Err(Problem::bad("more than one key or token is shown; send one")),
    };
    if text.is_empty() || text.len() > SHOWN_MAX {
        return Err(unread());
    }
    Ok(Some(text.to_owned()))
}

/// The key that stands as the password of a login, which is all that most clients of a registry can show; the user's name is
/// theirs to choose.
fn basic(login: &str) -> Option<String> {
    use base64::Engine as _;
    if login.len() > SHOWN_MAX {
        return None;
    }
    let login = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(login).ok()?).ok()?;
    let (_, key) = login.split_once(':')?;
    (!key.is_empty()).then(|| key.to_owned())
}

impl Guard {
    /// Who sends a request; none if nobody says, and everybody is asked.
    pub(super) async fn who(&self, request: &mut ServiceRequest, address: IpAddr) -> Result<Option<Identity>, Problem> {
        if self.open {
            let caller = Caller { name: "this machine".into(), role: Role::Admin };
            return Ok(Some(Identity { caller, manner: Manner::Open, until_ms: i64::MAX }));
        }
        if let Some(shown) = shown(request)? {
            if let Some(seated) = self.seated(&shown) {
                return seated.map(Some);
            }
            return self.prove(&shown, address).await.map(Some);
        }
        let Some(cookie) = request.cookie(self.cookie_name()) else { return Ok(None) };
        let login = self.logins.find(cookie.value(), Clock::now().as_milliseconds());
        Ok(login.map(|login| Identity {
            caller: login.caller.clone(),
            until_ms: login.until_ms,
            manner: Manner::Page(login),
        }))
    }

    /// Who shows a key. An address that shows too many wrong ones is not looked at for a while.
    pub(super) async fn prove(&self, shown: &str, address: IpAddr) -> Result<Identity, Problem> {
        let place = Who::Address(neighbourhood(address));
        let now = self.clock.running_us();
        if let Some(wait) = self.failures.peek(place.clone(), self.rates.failures, now).wait_s {
            let detail = format!("too many wrong keys came from this address; wait {wait} s");
            return Err(Problem::too_many(wait, detail));
        }
        let proved = self.proved(shown).await;
        if proved.as_ref().is_err_and(|problem| problem.status() == StatusCode::UNAUTHORIZED) {
            self.failures.take(place, self.rates.failures, now);
        }
        proved
    }

    async fn proved(&self, shown: &str) -> Result<Identity, Problem> {
        if let Some(issuer) = self.issuer.as_ref().filter(|_| !shown.starts_with(keys::PREFIX)) {
            let (caller, until_ms) = issuer.prove(shown, self.clock.running_us()).await?;
            return Ok(Identity { caller, manner: Manner::Token, until_ms });
        }
        let key = keys::find(&self.keys, shown)
            .ok_or_else(|| Problem::unauthorised("this key is not known here; `citytwin key` makes one"))?;
        let caller = Caller { name: Arc::clone(&key.name), role: key.role };
        Ok(Identity { caller, manner: Manner::Key, until_ms: i64::MAX })
    }
}
