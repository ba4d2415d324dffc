//! One connection: hears what its client says and sends what is put on its desk, for as long as both sides keep to the rules.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix_ws::{
    AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Closed, MessageStream, ProtocolError, Session,
};
use tokio::time::{Instant, timeout, timeout_at};

use super::Cut;
use super::client::{Client, Parcel};
use super::hub::{Hub, Ticket, Wish};
use super::words::{self, Said, Told};

/// Messages a client may send in a second, and as many more at once if it was quiet before.
const MESSAGES_A_SECOND: u32 = 20;
/// A client is asked whether it is there this many times before its silence is too long.
const ASKED: u32 = 3;
/// How long a last word may take.
const LAST_WORD: Duration = Duration::from_secs(2);

/// What is made of what a client says.
pub(in crate::api) trait Ear {
    /// Longest message of a client [bytes].
    const MESSAGE_MAX: usize;
    /// Does what a client says; an error is why it is to be sent away.
    fn hear(&self, client: &Arc<Client>, text: &str) -> impl Future<Output = Result<(), String>>;
}

/// The ear of those who look at the city.
pub(super) struct Looking(pub(super) Arc<Hub>);

impl Ear for Looking {
    const MESSAGE_MAX: usize = 4 << 10;

    async fn hear(&self, client: &Arc<Client>, text: &str) -> Result<(), String> {
        let hub = &self.0;
        match words::heard(text)? {
            Said::Subscribe { session, bounds, rate, format } => {
                let bounds = words::rectangle(bounds)?;
                hub.subscribe(client, Wish { session, bounds, rate, format }).await;
            }
            Said::Bounds { bounds } => hub.look(client, words::rectangle(bounds)?),
            Said::Ack { tick } => client.desk().acknowledge(tick),
            Said::Ping { n } => client.answer(Told::Pong { n }.text()),
        }
        Ok(())
    }
}

/// Speaks with a client until one of both has enough.
pub(in crate::api) async fn speak<E: Ear>(
    ticket: Ticket,
    (session, stream): (Session, MessageStream),
    cut: Option<Cut>,
    ear: &E,
) {
    let stream = stream.max_frame_size(E::MESSAGE_MAX).aggregate_continuations().max_continuation_size(E::MESSAGE_MAX);
    let (hub, client) = (Arc::clone(&ticket.hub), Arc::clone(&ticket.client));
    let farewell = session.clone();
    let sending = send(&hub, &client, session);
    tokio::pin!(sending);
    let dismissed = tokio::select! {
        _ = &mut sending => return,
        dismissed = hear(&hub, &client, stream, ear) => dismissed,
    };
    let told = match dismissed {
        Some((code, reason)) => {
            hub.count_dismissed();
            client.dismiss(code, &reason);
            timeout(LAST_WORD, sending).await.is_ok()
        }
        None => timeout(LAST_WORD, farewell.close(None)).await.is_ok(),
    };
    drop(ticket);
    if !told && let Some(cut) = cut {
        cut.cut();
    }
}

/// Sends what is put on the desk, in order, and waits for the client as long as it takes: the desk does not grow meanwhile.
async fn send(hub: &Hub, client: &Client, mut session: Session) -> Result<(), Closed> {
    let ask_every = hub.settings().silence_max / ASKED;
    let mut ask = Instant::now() + ask_every;
    loop {
        let parcels = client.desk().take(hub.signals());
        if parcels.is_empty() {
            let _ = timeout_at(ask, client.wake.notified()).await;
        }
        for parcel in parcels {
            match parcel {
                Parcel::Text(text) => session.text(&*text).await?,
                Parcel::Binary(bytes) => session.binary(bytes).await?,
                Parcel::Pong(bytes) => session.pong(&bytes).await?,
                Parcel::Close(code, reason) => {
                    return session.close(Some(CloseReason { code, description: Some(reason) })).await;
                }
            }
        }
        if Instant::now() >= ask {
            session.ping(b"").await?;
            ask = Instant::now() + ask_every;
        }
    }
}

/// Hears what a client says until it leaves, or for what it is to be sent away.
async fn hear<E: Ear>(
    hub: &Hub,
    client: &Arc<Client>,
    mut stream: AggregatedMessageStream,
    ear: &E,
) -> Option<(CloseCode, String)> {
    let mut allowance = Allowance::new(Instant::now());
    let silence = hub.settings().silence_max;
    loop {
        let Ok(message) = timeout(silence, stream.recv()).await else {
            return Some((CloseCode::Policy, format!("nothing was heard for {} seconds", silence.as_secs_f64())));
        };
        let message = match message? {
            Ok(message) => message,
            Err(ProtocolError::Overflow) => {
                let reason = format!("a message may have {} bytes", E::MESSAGE_MAX);
                return Some((CloseCode::Size, reason));
            }
            Err(ProtocolError::Io(_)) => return None,
            Err(error) => return Some((CloseCode::Protocol, error.to_string())),
        };
        if !allowance.allows(Instant::now()) {
            let reason = format!("more than {MESSAGES_A_SECOND} messages a second; wait between them");
            return Some((CloseCode::Policy, reason));
        }
        let done = match message {
            AggregatedMessage::Text(text) => ear.hear(client, &text).await,
            AggregatedMessage::Ping(bytes) => {
                client.desk().pong = Some(bytes);
                client.wake.notify_one();
                Ok(())
            }
            AggregatedMessage::Pong(_) => Ok(()),
            AggregatedMessage::Binary(_) => {
                return Some((CloseCode::Unsupported, "say it as JSON text".to_owned()));
            }
            AggregatedMessage::Close(_) => return None,
        };
        if let Err(reason) = done {
            return Some((CloseCode::Policy, reason));
        }
    }
}

/// How many messages a client may still send.
#[derive(Debug)]
struct Allowance {
    left: f64,
    at: Instant,
}

impl Allowance {
    const MOST: f64 = 2.0 * MESSAGES_A_SECOND as f64;

    const fn new(now: Instant) -> Self {
        Self { left: Self::MOST, at: now }
    }

    /// Whether another message is allowed now.
    fn allows(&mut self, now: Instant) -> bool {
        let earned = now.duration_since(self.at).as_secs_f64() * f64::from(MESSAGES_A_SECOND);
        self.left = (self.left + earned).min(Self::MOST) - 1.0;
        self.at = now;
        self.left >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_too_loud_is_noticed_and_who_is_not_is_not() {
        let start = Instant::now();
        let heard = |every_ms: u64, messages: u64| {
            let mut allowance = Allowance::new(start);
            (1..=messages).filter(|n| !allowance.allows(start + Duration::from_millis(n * every_ms))).count()
        };
        assert_eq!(heard(50, 10_000), 0, "twenty a second are allowed for ever");
        assert_eq!(heard(0, 40), 0, "and forty at once");
        assert_eq!(heard(0, 41), 1);
        assert!(heard(25, 100) > 0, "forty a second are not");
    }
}
