//! Who sits in a drill: what a token of a seat opens, and how often somebody may be wrong about a PIN.
//!
//! Whoever is not shown the city as it is finds everything closed but the drill itself: what a dispatcher would not know must not come
//! by another way. A token has 128 random bits and is not guessed; PINs are short, so wrong ones of an address are counted.

use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::{HttpMessage as _, http::StatusCode};
use tokio::sync::MutexGuard;

use super::Guard;
use super::caller::{Caller, Role};
use super::gate::Address;
use super::path;
use super::rate::{Who, neighbourhood};
use super::who::{Identity, Manner};
use crate::api::port::{SEAT_TOKEN, Twin};
use crate::api::problem::Problem;

/// What everybody may know of a drill.
pub(crate) const LOBBY: &str = "/api/v1/drill";
/// Where one joins it.
pub(crate) const JOIN: &str = "/api/v1/drill/join";
/// What it leaves.
pub(crate) const FILES: &str = "/api/v1/drill/files/";
/// The roads of its town.
const MAP: &str = "/api/v1/drill/map";
/// Where it is played.
const SOCKET: &str = "/ws/drill";

/// The seats of a drill, by their tokens.
#[derive(Debug, Clone)]
pub struct Seats(Arc<dyn Twin>);

impl Seats {
    /// Those of the drill that a twin runs, if it runs one.
    pub fn of(twin: &Arc<dyn Twin>) -> Option<Self> {
        twin.drill().map(|_| Self(Arc::clone(twin)))
    }
}

/// Whether whoever is known in this manner may look at what is there.
pub(super) fn may_look(manner: &Manner, path: &str) -> Result<(), Problem> {
    let Manner::Seat(seat) = manner else { return Ok(()) };
    let of_drill = [LOBBY, JOIN, MAP, SOCKET].contains(&path) || path.starts_with(FILES);
    if seat.truth || of_drill || !path::is_guarded(path) {
        return Ok(());
    }
    let title = &seat.title;
    Err(Problem::forbidden(format!("this is not for the role {title}: in a drill it knows what `/ws/drill` shows it")))
}

/// Somebody at the door of a drill; nobody else is there meanwhile.
pub(crate) struct AtTheDoor<'a> {
    guard: &'a Guard,
    who: Who,
    _alone: MutexGuard<'a, ()>,
}

impl AtTheDoor<'_> {
    /// The PIN was wrong.
    pub(crate) fn was_wrong(&self) {
        self.guard.guesses.take(self.who.clone(), self.guard.rates.guesses, self.guard.clock.running_us());
    }
}

impl Guard {
    /// Whoever has the seat of a token; none where what is shown is no such token, or no drill is run.
    pub(super) fn seated(&self, shown: &str) -> Option<Result<Identity, Problem>> {
        let seats = self.seats.as_ref().filter(|_| shown.starts_with(SEAT_TOKEN))?;
        let Some(seat) = seats.0.drill().and_then(|drill| drill.seat(shown)) else {
            return Some(Err(Problem::unauthorised("nobody sits here by this token; join the drill by its PIN")));
        };
        // The city of a drill is changed by what stands in its log, which no other route writes.
        let role = if seat.truth && seat.clock { Role::Trainer } else { Role::Viewer };
        let caller = Caller { name: format!("{} ({})", seat.name, seat.role).into(), role };
        Some(Ok(Identity { caller, manner: Manner::Seat(seat), until_ms: i64::MAX }))
    }

    /// Lets somebody come to the door of a drill, one after the other, and not for a while where an address was wrong too often.
    pub(crate) async fn door(&self, request: &HttpRequest) -> Result<AtTheDoor<'_>, Problem> {
        let address = request.extensions().get::<Address>().copied();
        let address = address.ok_or_else(|| {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the server was put together without its guard")
        })?;
        let who = Who::Address(neighbourhood(address.0));
        let patience = || match self.guesses.peek(who.clone(), self.rates.guesses, self.clock.running_us()).wait_s {
            Some(wait) => {
                Err(Problem::too_many(wait, format!("too many wrong PINs came from this address; wait {wait} s")))
            }
            None => Ok(()),
        };
        patience()?;
        let alone = self.at_the_door.lock().await;
        patience()?;
        Ok(AtTheDoor { guard: self, who, _alone: alone })
    }
}
