//! A listener that only listens: what devices say goes into the topic, and whoever consumes that works on it elsewhere.
//!
//! Needs no stores and no folder, so there may be as many as one likes before one topic: each message is acknowledged when the brokers
//! have it, and a device that comes back by another listener is known by its sequence like any other.

use std::sync::Arc;
use std::time::Instant;

use super::board::{Board, Order};
use super::edge::edge;
use super::listen::{Heard, Listening, MOMENT, place_of, resident_bytes};
use super::service::Supervision;
use super::wire::threads;
use super::{TwinError, clock};
use crate::pipeline::transport::Bus;

/// Listens until `stop` says so.
///
/// # Errors
/// When the address or the topic cannot be used, or the brokers refuse; what has been acknowledged is in the topic then.
pub(super) fn only_listen(
    settings: &Listening,
    ready: &mut dyn FnMut(&str),
    tell: &mut dyn FnMut(&str),
    stop: &dyn Fn() -> bool,
) -> Result<Heard, TwinError> {
    let (runtime, equipment, board) = (threads()?, &settings.equipment, Arc::<Board>::default());
    let log = equipment.parts.log(&settings.folder, Vec::new(), &equipment.environment)?;
    let (service, address) = edge(&runtime, settings.address, (&log, &board), &settings.topics, equipment, None)?;
    let supervision = Supervision::start(vec![service])
        .map_err(|error| TwinError::Service(format!("cannot start the supervisor: {error}")))?;
    ready(&place_of(&equipment.parts, address));
    let mut watch = Watch { begun: clock::instant(), last: (clock::instant(), messages(&*log)) };
    while !stop() && board.failure().is_none() {
        board.pause(MOMENT);
        board.news().iter().for_each(|news| tell(news));
        if settings.tell_every.is_some_and(|every| watch.last.0.elapsed() >= every) {
            watch.tell(&*log, tell);
        }
    }
    board.give(Order::Hush);
    board.wait_for(1);
    drop(supervision);
    board.news().iter().for_each(|news| tell(news));
    match board.failure() {
        Some(sentence) => Err(TwinError::Service(sentence)),
        None => {
            Ok(Heard { only_listened: true, messages: messages(&*log), restarts: board.restarts(), ..Heard::default() })
        }
    }
}

/// Messages in the topic, whoever handed them in.
fn messages(log: &dyn Bus) -> u64 {
    (0..log.partitions()).map(|partition| log.end(partition)).sum()
}

/// Tells from time to time how it goes.
struct Watch {
    begun: Instant,
    last: (Instant, u64),
}

impl Watch {
    fn tell(&mut self, log: &dyn Bus, tell: &mut dyn FnMut(&str)) {
        let (messages, since) = (messages(log), self.last.0.elapsed());
        #[expect(clippy::cast_precision_loss, reason = "messages of some seconds")]
        let rate = messages.saturating_sub(self.last.1) as f64 / since.as_secs_f64();
        let memory = resident_bytes().map_or_else(String::new, |bytes| format!("; {} MB resident", bytes / 1_000_000));
        tell(&format!(
            "after {:.0} s: {messages} messages in the topic, {rate:.0} a second{memory}",
            self.begun.elapsed().as_secs_f64()
        ));
        self.last = (clock::instant(), messages);
    }
}
