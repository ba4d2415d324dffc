//! The socket `/ws/drill`: what a role sees, at once and as it changes, and what somebody does, answered when it is written down.
//!
//! A view replaces the one before it, so that whoever is slow sees fewer and never older ones; answers come in order.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload, ServiceConfig};
use actix_web::{Error, HttpRequest, HttpResponse, ResponseError as _, rt, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::{MissedTickBehavior, interval};

use super::routes::{asked, seat_of};
use crate::api::port::{Attendance, ClockOrder, Done, Refused, Seat, Twin};
use crate::api::problem::Problem;
use crate::api::socket::{self, Client, Cut, Ear, Hub, PROTOCOL};

/// How often a view is shown at most.
const VIEW_EVERY: Duration = Duration::from_millis(250);
/// Longest id of something that is done [bytes].
const ID_MAX: usize = 64;
/// Deepest nesting of what is said; nothing that is done here has more than four levels.
const DEPTH_MAX: usize = 16;

/// Serves `/ws/drill`.
pub(super) fn configure(service: &mut ServiceConfig) {
    service.route("/ws/drill", web::get().to(drill));
}

async fn drill(
    request: HttpRequest,
    body: Payload,
    hub: Data<Hub>,
    twin: Data<dyn Twin>,
) -> Result<HttpResponse, Error> {
    let refused = |status, detail: &str| Problem::new(status, detail).at(request.path()).error_response();
    let Some(seat) = seat_of(&request) else {
        let detail = "here sits only who has joined the drill; offer the protocol `bearer.` and the token of joining";
        return Ok(refused(StatusCode::FORBIDDEN, detail));
    };
    let (twin, sits) = (twin.into_inner(), seat.clone());
    let attends = asked(Arc::clone(&twin), move |drill| Ok(drill.attend(&sits))).await;
    let Ok(Some(attendance)) = attends else {
        return Ok(refused(StatusCode::UNAUTHORIZED, "somebody else has this seat by now; join again"));
    };
    let address = request.peer_addr().map(|address| address.ip());
    let ticket = match hub.into_inner().admit(address) {
        Ok(ticket) => ticket,
        Err(full) => return Ok(socket::turned_away(full)),
    };
    let (response, session, stream) = actix_ws::handle_with_protocols(&request, body, &[PROTOCOL])?;
    let cut = request.conn_data::<Cut>().cloned();
    let (client, player) = (Arc::clone(&ticket.client), Player { twin, seat });
    rt::spawn(async move {
        tokio::select! {
            () = show(&client, attendance) => {}
            () = socket::speak(ticket, (session, stream), cut, &player) => {}
        }
    });
    Ok(response)
}

/// Shows a client what its role sees, for ever.
async fn show(client: &Client, mut attendance: Attendance) {
    let mut moments = interval(VIEW_EVERY);
    moments.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told_over = false;
    loop {
        moments.tick().await;
        let view = Arc::clone(&attendance.views.borrow_and_update());
        client.show(format!("{{\"type\":\"view\",\"view\":{view}}}").into());
        let over = *attendance.over.borrow_and_update();
        if over && !told_over {
            client.answer(Told::Over.text());
        }
        told_over = over;
        let changed = tokio::select! {
            changed = attendance.views.changed() => changed,
            changed = attendance.over.changed() => changed,
        };
        if changed.is_err() {
            // The drill has ended; the server will say so.
            std::future::pending::<()>().await;
        }
    }
}

/// What a player says, before it is known to make sense.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(default)]
    id: Option<&'a str>,
    #[serde(borrow, default)]
    action: Option<&'a RawValue>,
    #[serde(default)]
    order: Option<ClockOrder>,
    #[serde(default)]
    to_s: Option<f64>,
    #[serde(default)]
    call: Option<u32>,
    #[serde(default)]
    n: Option<i64>,
}

/// What a player wants.
#[derive(Debug, PartialEq)]
enum Wish {
    Act(String),
    Clock(ClockOrder),
    Rewind(f64),
    Recommend(u32),
}

/// What a player is told, but for what its role sees.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Told<'a> {
    Done { id: &'a str, number: u64, time_s: f64, said: &'a str },
    Refused { id: &'a str, detail: &'a str },
    Recommended { id: &'a str, call: u32, units: &'a RawValue },
    Over,
    Pong { n: i64 },
}

impl Told<'_> {
    fn text(&self) -> String {
        let written = serde_json::to_string(self);
        debug_assert!(written.is_ok(), "plain fields always become JSON");
        written.unwrap_or_default()
    }
}

/// Somebody who plays.
struct Player {
    twin: Arc<dyn Twin>,
    seat: Seat,
}

/// Whether a text is nested too deeply; brackets in texts count too, which nobody needs so many of.
fn is_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    text.bytes().any(|byte| {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEPTH_MAX
    })
}

/// What somebody says, or why it cannot be understood: a ping, or an id and a wish.
fn heard(text: &str) -> Result<Result<i64, (String, Wish)>, String> {
    if is_deep(text) {
        return Err(format!("this is nested deeper than {DEPTH_MAX} levels; write it flatter"));
    }
    let said: Said<'_> = serde_json::from_str(text)
        .map_err(|error| format!("this cannot be understood: {error}; see `docs/drill.md`"))?;
    if said.kind == "ping" {
        return Ok(Ok(said.n.unwrap_or_default()));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let id = said.id.filter(|id| (1..=ID_MAX).contains(&id.len()) && id.bytes().all(plain));
    let id = id.ok_or_else(|| {
        format!("what is done needs an `id` of its own: 1 to {ID_MAX} letters, digits, `-`, `_`, `.`, `:`")
    })?;
    let missing = |what: &str| format!("`{}` needs `{what}`", said.kind.escape_debug());
    let wish = match said.kind {
        "act" => Wish::Act(said.action.ok_or_else(|| missing("action"))?.get().to_owned()),
        "clock" => Wish::Clock(said.order.ok_or_else(|| missing("order"))?),
        "rewind" => Wish::Rewind(said.to_s.ok_or_else(|| missing("to_s"))?),
        "recommend" => Wish::Recommend(said.call.ok_or_else(|| missing("call"))?),
        other => {
            let other: String = other.chars().take(40).collect();
            return Err(format!("`{}` is nothing that is done here; see `docs/drill.md`", other.escape_debug()));
        }
    };
    Ok(Err((id.to_owned(), wish)))
}

impl Ear for Player {
    // A thousand characters of four bytes, each written as an escape.
    const MESSAGE_MAX: usize = 16 << 10;

    async fn hear(&self, client: &Arc<Client>, text: &str) -> Result<(), String> {
        match heard(text)? {
            Ok(n) => client.answer(Told::Pong { n }.text()),
            Err((id, wish)) => client.answer(self.answer(&id, wish).await),
        }
        Ok(())
    }
}

impl Player {
    async fn answer(&self, id: &str, wish: Wish) -> String {
        let (seat, key) = (self.seat.clone(), id.to_owned());
        if let Wish::Recommend(call) = wish {
            let units = asked(Arc::clone(&self.twin), move |drill| drill.recommend(&seat, call)).await;
            let units = units.and_then(|units| {
                RawValue::from_string(units).map_err(|_| Refused::Failed("nothing can be recommended".to_owned()))
            });
            return match units {
                Ok(units) => Told::Recommended { id, call, units: &units }.text(),
                Err(refused) => Told::Refused { id, detail: &refused.to_string() }.text(),
            };
        }
        let done: Result<Done, Refused> = asked(Arc::clone(&self.twin), move |drill| match wish {
            Wish::Act(action) => drill.act(&seat, &key, &action),
            Wish::Clock(order) => drill.clock(&seat, &key, order),
            Wish::Rewind(to_s) => drill.rewind(&seat, &key, to_s),
            // Answered above.
            Wish::Recommend(_) => Err(Refused::Invalid("nothing is to be done".to_owned())),
        })
        .await;
        match done {
            Ok(Done { number, time_s, said }) => Told::Done { id, number, time_s, said: &said }.text(),
            Err(refused) => Told::Refused { id, detail: &refused.to_string() }.text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_players_say_is_understood() {
        let wish = |text: &str| heard(text).expect(text).expect_err(text).1;
        assert_eq!(heard(r#"{"type":"ping","n":3}"#), Ok(Ok(3)));
        let said = wish(r#"{"type":"act","id":"a-1","action":{"do":"assign","unit":"A1","call":3}}"#);
        assert_eq!(said, Wish::Act(r#"{"do":"assign","unit":"A1","call":3}"#.to_owned()));
        assert_eq!(wish(r#"{"type":"clock","id":"1","order":"pause"}"#), Wish::Clock(ClockOrder::Pause));
        for (order, expected) in [
            (r#"{"speed":null}"#, ClockOrder::Speed(None)),
            (r#"{"speed":2.5}"#, ClockOrder::Speed(Some(2.5))),
            (r#"{"step":10}"#, ClockOrder::Step(10)),
        ] {
            assert_eq!(wish(&format!(r#"{{"type":"clock","id":"1","order":{order}}}"#)), Wish::Clock(expected));
        }
        assert_eq!(wish(r#"{"type":"rewind","id":"1","to_s":25200}"#), Wish::Rewind(25_200.0));
        assert_eq!(wish(r#"{"type":"recommend","id":"1","call":3}"#), Wish::Recommend(3));
    }

    #[test]
    fn what_makes_no_sense_is_answered_with_a_sentence() {
        let deep = format!(r#"{{"type":"act","id":"1","action":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
        let long = format!(r#"{{"type":"clock","id":"{}","order":"pause"}}"#, "a".repeat(65));
        for (text, needle) in [
            ("", "cannot be understood"),
            ("null", "cannot be understood"),
            (r#"{"type":"act","id":"1","action":{},"as":"controller"}"#, "cannot be understood"),
            (r#"{"type":"act","action":{}}"#, "needs an `id`"),
            (r#"{"type":"act","id":"","action":{}}"#, "needs an `id`"),
            (r#"{"type":"act","id":"a b","action":{}}"#, "needs an `id`"),
            (long.as_str(), "needs an `id`"),
            (r#"{"type":"act","id":"1"}"#, "`act` needs `action`"),
            (r#"{"type":"clock","id":"1","order":"back"}"#, "cannot be understood"),
            (r#"{"type":"clock","id":"1","order":{"step":-1}}"#, "cannot be understood"),
            (r#"{"type":"rewind","id":"1","to_s":"now"}"#, "cannot be understood"),
            (r#"{"type":"shout","id":"1"}"#, "`shout` is nothing that is done here"),
            (deep.as_str(), "nested deeper"),
        ] {
            let error = heard(text).expect_err(text);
            assert!(error.contains(needle), "{text}: {error}");
        }
    }
}
