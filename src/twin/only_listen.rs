//! A listener that only listens: what devices say goes into the topic, and whoever consumes that works on it elsewhere.
//!
//! Needs no stores and no folder, so there may be as many as one likes before one topic: each message is acknowledged when the brokers
//! have it, and a device that comes back by another listener is known by its sequence like any other.

use std::sync::Arc;

use super::TwinError;
use super::board::{Board, Order};
use super::edge::edge;
use super::listen::{Heard, Listening, MOMENT, place_of};
use super::service::Supervision;
use super::watch::{Ailing, Watch};
use super::wire::threads;
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
    let (mut watch, mut ailing) = (Watch::new(settings.tell_every, messages(&*log)), Ailing::default());
    while !stop() && board.failure().is_none() {
        board.pause(MOMENT);
        if let Err(error) = ailing.look(&*log, &board) {
            board.fail(error.to_string());
        }
        board.news().iter().for_each(|news| tell(news));
        let words = |messages, rate| format!("{messages} messages in the topic, {rate:.0} a second");
        watch.look(|| messages(&*log), words).iter().for_each(|told| tell(told));
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
