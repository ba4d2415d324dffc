//! The small change of the socket's binary messages: variable-length numbers, columns, and raw deflate with a limit.

use std::io::Read as _;

use flate2::read::DeflateDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};

/// Largest payload a reader inflates [bytes]: some six million vehicles.
pub(super) const INFLATED_MAX: usize = 64 << 20;

/// Why a message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// It ends in the middle of something.
    #[error("the message ends too early")]
    Short,
    /// It is of another kind or version.
    #[error("the message is of another kind or version")]
    Unknown,
    /// It says something that cannot be: numbers out of order, counts that do not fit, a delta of a tile that is not shown.
    #[error("the message contradicts itself or what is shown")]
    Contradiction,
    /// What is packed in it cannot be unpacked, or is too large.
    #[error("a payload cannot be inflated")]
    Packed,
}

/// Writes a number in sevens of bits, the lowest first.
pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Small numbers of either sign as small numbers without: 0, -1, 1, -2, 2 become 0, 1, 2, 3, 4.
pub(super) const fn zigzag(number: i32) -> u32 {
    (number.cast_unsigned() << 1) ^ (number >> 31).cast_unsigned()
}

/// The number [`zigzag`] was given.
pub(super) const fn unzigzag(number: u32) -> i32 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Reads a message from its beginning.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// At the beginning.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next so many bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], BadFrame> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(BadFrame::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BadFrame> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(BadFrame::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, BadFrame> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, BadFrame> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, BadFrame> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn f32(&mut self) -> Result<f32, BadFrame> {
        self.array().map(f32::from_le_bytes)
    }

    pub(super) fn f64(&mut self) -> Result<f64, BadFrame> {
        self.array().map(f64::from_le_bytes)
    }

    /// A count of things that take at least a byte each, so that nobody makes room for what cannot come.
    pub(super) fn count(&mut self) -> Result<usize, BadFrame> {
        let count = self.u32()? as usize;
        if count > self.0.len() { Err(BadFrame::Short) } else { Ok(count) }
    }

    pub(super) fn varint(&mut self) -> Result<u32, BadFrame> {
        let mut number = 0_u32;
        for shift in (0..35).step_by(7) {
            let byte = self.u8()?;
            let seven = u32::from(byte & 0x7f);
            if shift == 28 && seven > 0xf {
                return Err(BadFrame::Contradiction);
            }
            number |= seven << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(BadFrame::Contradiction)
    }

    /// So many numbers that grow, each written as its difference to the one before, the first to 0.
    pub(super) fn ascending(&mut self, count: usize) -> Result<Vec<u32>, BadFrame> {
        let mut numbers = Vec::with_capacity(count);
        let mut last = 0_u32;
        for place in 0..count {
            let step = self.varint()?;
            last = last.checked_add(step).ok_or(BadFrame::Contradiction)?;
            if place > 0 && step == 0 {
                return Err(BadFrame::Contradiction);
            }
            numbers.push(last);
        }
        Ok(numbers)
    }

    pub(super) fn u16s(&mut self, count: usize) -> Result<Vec<u16>, BadFrame> {
        let bytes = self.take(count.checked_mul(2).ok_or(BadFrame::Short)?)?;
        Ok(bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect())
    }

    /// Nothing may be left.
    pub(super) const fn end(&self) -> Result<(), BadFrame> {
        if self.0.is_empty() { Ok(()) } else { Err(BadFrame::Contradiction) }
    }
}

/// Writes numbers that grow, each as its difference to the one before, the first to 0.
pub(super) fn put_ascending(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = u32>) {
    let mut last = 0;
    for number in numbers {
        put_varint(out, number.wrapping_sub(last));
        last = number;
    }
}

/// Packs payloads one after the other; its tables are made once.
#[derive(Debug)]
pub(super) struct Packer(Compress);

impl Packer {
    /// Packs fast rather than small: of the levels, the second is the first that makes codes of its own for every payload, which are all
    /// that columns of small numbers gain from.
    pub(super) fn new() -> Self {
        Self(Compress::new(Compression::new(2), false))
    }

    /// A payload as raw deflate (RFC 1951).
    pub(super) fn pack(&mut self, raw: &[u8]) -> Vec<u8> {
        self.0.reset();
        let mut packed = Vec::with_capacity(raw.len() / 2 + 64);
        loop {
            let read = usize::try_from(self.0.total_in()).unwrap_or(usize::MAX);
            let rest = raw.get(read..).unwrap_or_default();
            match self.0.compress_vec(rest, &mut packed, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => return packed,
                Ok(Status::Ok | Status::BufError) => packed.reserve(packed.len().max(64)),
                Err(error) => {
                    debug_assert!(false, "memory is packed into memory: {error}");
                    return packed;
                }
            }
        }
    }
}

/// What [`Packer::pack`] was given.
pub(super) fn unpack(packed: &[u8]) -> Result<Vec<u8>, BadFrame> {
    let mut raw = Vec::with_capacity((packed.len() * 3).min(INFLATED_MAX));
    let limit = u64::try_from(INFLATED_MAX).unwrap_or(u64::MAX);
    let mut inflater = DeflateDecoder::new(packed).take(limit + 1);
    inflater.read_to_end(&mut raw).map_err(|_| BadFrame::Packed)?;
    let whole = inflater.into_inner().total_in() == packed.len() as u64;
    if whole && raw.len() <= INFLATED_MAX { Ok(raw) } else { Err(BadFrame::Packed) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(number: u32, signed: i32) {
            let mut out = Vec::new();
            put_varint(&mut out, number);
            prop_assert!(out.len() <= 5);
            let mut reader = Reader::new(&out);
            prop_assert_eq!(reader.varint(), Ok(number));
            prop_assert_eq!(reader.end(), Ok(()));
            prop_assert_eq!(unzigzag(zigzag(signed)), signed);
        }

        #[test]
        fn payloads_come_back(raw in prop::collection::vec(any::<u8>(), 0..5000), times in 1_usize..40) {
            let raw = raw.repeat(times);
            let mut packer = Packer::new();
            let first = packer.pack(&raw);
            prop_assert_eq!(&packer.pack(&raw), &first, "a packer remembers nothing");
            prop_assert_eq!(unpack(&first), Ok(raw));
        }

        #[test]
        fn whatever_comes_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = unpack(&bytes);
            let mut reader = Reader::new(&bytes);
            if let Ok(count) = reader.count() {
                let _ = reader.ascending(count);
            }
        }
    }

    #[test]
    fn small_numbers_of_either_sign_are_small() {
        assert_eq!([0, -1, 1, -2, 2].map(zigzag), [0, 1, 2, 3, 4]);
        assert_eq!(zigzag(i32::MIN), u32::MAX);
    }

    #[test]
    fn a_bomb_is_not_unpacked() {
        let mut packer = Packer::new();
        let bomb = packer.pack(&vec![0; INFLATED_MAX + 1]);
        assert!(bomb.len() < 1 << 20);
        assert_eq!(unpack(&bomb), Err(BadFrame::Packed));
        let cut = packer.pack(&[7; 3000]);
        assert_eq!(unpack(&cut[..cut.len() - 1]), Err(BadFrame::Packed));
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        for bytes in [&[0xff, 0xff, 0xff, 0xff, 0x1f][..], &[0x80, 0x80, 0x80, 0x80, 0x80, 0][..], &[0x80][..]] {
            assert!(Reader::new(bytes).varint().is_err(), "{bytes:?}");
        }
        // Twice the same, and past the last number there is.
        assert!(Reader::new(&[3, 0]).ascending(2).is_err());
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f, 1]).ascending(2).is_err());
    }
}
