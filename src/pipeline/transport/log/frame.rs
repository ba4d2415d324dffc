//! The bytes of a log: a segment's head, then frames; a frame is one commit's messages of one partition.
//!
//! ```text
//! segment  magic 8 | base offset u64 | frame | frame | ...
//! frame    magic u32 | body length u32 | first offset u64 | messages u32 | CRC of body u32 | CRC of the 24 bytes before u32 | body
//! body     (topic length u16 | payload length u32 | topic | payload) per message
//! ```
//!
//! All little-endian, CRC-32 as in IEEE 802.3. A frame is written only after the one before it is durable. So a frame that is
//! not whole at the end of the last segment was never acknowledged, and one that is not whole with another behind it had been.

use std::sync::Arc;

use bytes::Bytes;

use super::super::message::{Logged, Message, PAYLOAD_BYTES_MAX, TOPIC_BYTES_MAX};

/// What a segment's first 8 bytes say: the format and its version.
pub(super) const SEGMENT_MAGIC: [u8; 8] = *b"ctwnlog\x01";
/// Length of a segment's head [bytes].
pub(super) const SEGMENT_HEAD: usize = 16;
/// Length of a frame's head [bytes].
pub(super) const FRAME_HEAD: usize = 28;
/// A frame's body ends after the message that reaches this length [bytes].
pub(super) const FRAME_BODY_FULL: usize = 256 * 1024;
/// No body is longer [bytes].
const FRAME_BODY_MAX: usize = FRAME_BODY_FULL + MESSAGE_HEAD + TOPIC_BYTES_MAX + PAYLOAD_BYTES_MAX;
const FRAME_MAGIC: u32 = 0x4652_414D;
const MESSAGE_HEAD: usize = 6;

/// What a frame's head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Length of the body [bytes].
    pub(super) body: usize,
    /// Offset of the first message.
    pub(super) first: u64,
    /// Number of messages.
    pub(super) count: u32,
    crc: u32,
}

impl Head {
    /// Offset after the last message.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }

    /// Length of the whole frame [bytes].
    pub(super) fn frame(&self) -> usize {
        FRAME_HEAD + self.body
    }
}

/// Length of messages in a log, at most [bytes].
pub(super) fn encoded_max(messages: &[Message]) -> u64 {
    let bodies: usize = messages.iter().map(|message| MESSAGE_HEAD + message.bytes()).sum();
    let frames = bodies / FRAME_BODY_FULL + 1;
    (bodies + frames * FRAME_HEAD) as u64
}

/// A segment's head.
pub(super) fn segment_head(base: u64) -> [u8; SEGMENT_HEAD] {
    let mut head = [0; SEGMENT_HEAD];
    head[..8].copy_from_slice(&SEGMENT_MAGIC);
    head[8..].copy_from_slice(&base.to_le_bytes());
    head
}

/// Appends messages as frames; the first has the offset `first`.
pub(super) fn encode<'a>(messages: impl Iterator<Item = &'a Message>, mut first: u64, out: &mut Vec<u8>) {
    let mut messages = messages.peekable();
    while messages.peek().is_some() {
        let head_at = out.len();
        out.extend_from_slice(&[0; FRAME_HEAD]);
        let body_at = out.len();
        let mut count = 0_u32;
        while out.len() - body_at < FRAME_BODY_FULL {
            let Some(Message { topic, payload }) = messages.next() else { break };
            // Both lengths were checked against their limits when the messages came in.
            out.extend_from_slice(&u16::try_from(topic.len()).unwrap_or(u16::MAX).to_le_bytes());
            out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(topic.as_bytes());
            out.extend_from_slice(payload);
            count += 1;
        }
        let body = u32::try_from(out.len() - body_at).unwrap_or(u32::MAX);
        let crc = crc32fast::hash(&out[body_at..]);
        let mut head = [0; FRAME_HEAD];
        head[..4].copy_from_slice(&FRAME_MAGIC.to_le_bytes());
        head[4..8].copy_from_slice(&body.to_le_bytes());
        head[8..16].copy_from_slice(&first.to_le_bytes());
        head[16..20].copy_from_slice(&count.to_le_bytes());
        head[20..24].copy_from_slice(&crc.to_le_bytes());
        let of_head = crc32fast::hash(&head[..24]);
        head[24..].copy_from_slice(&of_head.to_le_bytes());
        out[head_at..body_at].copy_from_slice(&head);
        first += u64::from(count);
    }
}

/// The head at the beginning of `bytes`; None where there is no whole and sound one.
pub(super) fn head(bytes: &[u8]) -> Option<Head> {
    let head = bytes.get(..FRAME_HEAD)?;
    if number(head, 0) != FRAME_MAGIC || crc32fast::hash(&head[..24]) != number(head, 24) {
        return None;
    }
    let first = u64::from_le_bytes(head[8..16].try_into().ok()?);
    let body = usize::try_from(number(head, 4)).ok().filter(|body| *body <= FRAME_BODY_MAX)?;
    Some(Head { body, first, count: number(head, 16), crc: number(head, 20) })
}

fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].try_into().map_or(0, u32::from_le_bytes)
}

/// The body after a head if it is whole and sound; `bytes` begins with the head.
pub(super) fn body(head: &Head, bytes: &[u8]) -> Option<std::ops::Range<usize>> {
    let range = FRAME_HEAD..head.frame();
    (crc32fast::hash(bytes.get(range.clone())?) == head.crc).then_some(range)
}

/// The first place at or after `from` where a whole and sound frame of messages from `first` on begins.
pub(super) fn next_sound(bytes: &[u8], from: usize, first: u64) -> Option<usize> {
    let magic = FRAME_MAGIC.to_le_bytes();
    (from..bytes.len().saturating_sub(FRAME_HEAD)).find(|at| {
        let rest = &bytes[*at..];
        rest[..4] == magic && head(rest).is_some_and(|head| head.first >= first && body(&head, rest).is_some())
    })
}

/// The messages of a body, offset by offset; stops with None at what is no message.
pub(super) fn messages(head: &Head, body: Bytes) -> impl Iterator<Item = Option<Logged>> {
    let mut rest = body;
    (head.first..head.end()).map(move |offset| {
        let lengths = rest.get(..MESSAGE_HEAD)?;
        let topic = usize::from(u16::from_le_bytes([lengths[0], lengths[1]]));
        let payload = usize::try_from(number(lengths, 2)).ok()?;
        let end = MESSAGE_HEAD.checked_add(topic)?.checked_add(payload)?;
        if rest.len() < end {
            return None;
        }
        let whole = rest.split_to(end);
        let topic: Arc<str> = std::str::from_utf8(&whole[MESSAGE_HEAD..MESSAGE_HEAD + topic]).ok()?.into();
        let payload = whole.slice(MESSAGE_HEAD + topic.len()..);
        Some(Logged { offset, message: Message { topic, payload } })
    })
}
