//! Confluent's framing: a zero byte, the id of the schema, and for Protobuf which message of the schema's file follows.
//!
//! The wire format of the "Confluent Schema Registry" (docs, "Wire format"): the id is big-endian; the message is the path of
//! indexes to it, each a zigzag varint after their number, and a single zero byte means the first message.

use crate::telemetry::json::DecodeError;

/// The first byte of a framed message; no JSON begins with it.
pub(super) const MAGIC: u8 = 0;
/// Bytes before the record, without the path of Protobuf.
const HEAD: usize = 5;
/// Deepest message in a message.
const DEPTH_MAX: usize = 32;

fn damaged(reason: &str) -> DecodeError {
    DecodeError::BadFrame(reason.to_owned())
}

/// Appends the head of a message with the schema of this id.
pub(super) fn begin(id: u32, out: &mut Vec<u8>) {
    out.push(MAGIC);
    out.extend(id.to_be_bytes());
}

/// Appends the path of the first message of a Protobuf file.
pub(super) fn first_message(out: &mut Vec<u8>) {
    out.push(0);
}

/// The id and what follows it.
pub(super) fn split(payload: &[u8]) -> Result<(u32, &[u8]), DecodeError> {
    match payload {
        [MAGIC, a, b, c, d, rest @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), rest)),
        [MAGIC, ..] => Err(damaged(&format!("has {} bytes, fewer than the {HEAD} of a frame", payload.len()))),
        _ => Err(damaged("does not begin with the zero byte of a frame")),
    }
}

/// The path to a message of a Protobuf file, and what follows it.
pub(super) fn path(bytes: &[u8]) -> Result<(Vec<usize>, &[u8]), DecodeError> {
    let mut rest = bytes;
    let count = zigzag(&mut rest)?;
    if count == 0 {
        return Ok((vec![0], rest));
    }
    if !usize::try_from(count).is_ok_and(|count| count <= DEPTH_MAX) {
        return Err(damaged(&format!("says that {count} messages are within each other")));
    }
    let mut path = Vec::new();
    for _ in 0..count {
        let index = zigzag(&mut rest)?;
        path.push(usize::try_from(index).map_err(|_| damaged(&format!("names message {index} of a file")))?);
    }
    Ok((path, rest))
}

fn zigzag(rest: &mut &[u8]) -> Result<i64, DecodeError> {
    let mut number = 0_u64;
    for shift in (0..35).step_by(7) {
        let [byte, after @ ..] = *rest else { return Err(damaged("ends in the path of its message")) };
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    Err(damaged("has an endless number in the path of its message"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_read_as_the_format_has_it() {
        // From the documentation of the format: [1, 0] is 2, 1, 0 in zigzag.
        for (bytes, expected) in [
            (&[0, 9][..], Some((vec![0], 1))),
            (&[4, 2, 0, 9, 9], Some((vec![1, 0], 2))),
            (&[2, 0xac, 0x02], Some((vec![150], 0))),
            (&[], None),
            (&[4, 2], None),
            (&[1], None),
            (&[2, 1], None),
            (&[0xfe, 0xff, 0xff, 0xff, 0x0f], None),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0], None),
        ] {
            let found = path(bytes).ok().map(|(path, rest)| (path, rest.len()));
            assert_eq!(found, expected, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        assert_eq!(split(&[0, 0, 0, 4, 1, 7]), Ok((1025, &[7][..])));
        for bytes in [&[][..], &[0], &[0, 0, 0, 1], &[1, 0, 0, 0, 1, 7], b"{}"] {
            assert_eq!(split(bytes).expect_err("no frame").word(), "bad_frame", "{bytes:?}");
        }
    }
}
