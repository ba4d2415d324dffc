//! Rows that changed, as one object: table, key, and what the row is now, or that it is gone.
//!
//! Each number is four bytes, the least first; a text or a row is its length and its bytes; a row that is gone has the length of all
//! ones. All of it is packed with gzip, whose checksum tells a damaged one.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// A row's table and key.
pub(super) type Place = (String, String);
/// What rows are now; none if one is gone.
pub(super) type Delta = BTreeMap<Place, Option<Vec<u8>>>;

/// Largest one, unpacked [bytes]: what a batch and everything beside it may make, many times over.
pub(super) const BYTES_MAX: usize = 1 << 30;
const GONE: u32 = u32::MAX;

/// Its length, unpacked [bytes].
pub(super) fn weight(delta: &Delta) -> usize {
    delta.iter().map(|((table, key), row)| table.len() + key.len() + row.as_ref().map_or(0, Vec::len) + 12).sum()
}

/// Packs rows, unless they have more than `max` bytes: nobody would read them again.
pub(super) fn encode(delta: &Delta, max: usize) -> Result<Vec<u8>, String> {
    let length = weight(delta);
    if length > max {
        return Err(format!("rows that count together have {length} bytes, more than {max}; keep batches more often"));
    }
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    for ((table, key), row) in delta {
        add(&mut packer, table.as_bytes())?;
        add(&mut packer, key.as_bytes())?;
        match row {
            Some(row) => add(&mut packer, row)?,
            None => packer.write_all(&GONE.to_le_bytes()).map_err(|error| error.to_string())?,
        }
    }
    packer.finish().map_err(|error| error.to_string())
}

fn add(packer: &mut GzEncoder<Vec<u8>>, bytes: &[u8]) -> Result<(), String> {
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length != GONE).ok_or("a row is too long")?;
    let written = packer.write_all(&length.to_le_bytes()).and_then(|()| packer.write_all(bytes));
    written.map_err(|error| error.to_string())
}

pub(super) fn decode(bytes: &[u8]) -> Result<Delta, String> {
    let mut all = Vec::new();
    let read = GzDecoder::new(bytes).take(BYTES_MAX as u64 + 1).read_to_end(&mut all);
    read.map_err(|error| error.to_string())?;
    if all.len() > BYTES_MAX {
        return Err(format!("it has more than {BYTES_MAX} bytes"));
    }
    let mut rest = all.as_slice();
    let mut delta = Delta::new();
    while !rest.is_empty() {
        let (table, key) = (text(&mut rest)?, text(&mut rest)?);
        let row = taken(&mut rest)?.map(<[u8]>::to_vec);
        delta.insert((table, key), row);
    }
    Ok(delta)
}

fn text(rest: &mut &[u8]) -> Result<String, String> {
    let bytes = taken(rest)?.ok_or("a name is missing")?;
    String::from_utf8(bytes.to_vec()).map_err(|_| String::from("a name is no text"))
}

/// The next bytes; none if they say that a row is gone.
fn taken<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, String> {
    let short = || String::from("it ends in the middle of a row");
    let (length, behind) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let length = u32::from_le_bytes(*length);
    if length == GONE {
        *rest = behind;
        return Ok(None);
    }
    let length = usize::try_from(length).map_err(|_| short())?;
    let (bytes, behind) = behind.split_at_checked(length).ok_or_else(short)?;
    *rest = behind;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked_and_what_was_cut_is_refused(
            rows in proptest::collection::btree_map(("[a-z~]{1,8}", "\\PC{0,12}"), proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)), 0..30),
            cut in 0_usize..400,
        ) {
            let packed = encode(&rows, weight(&rows)).expect("short rows");
            prop_assert!(rows.is_empty() || encode(&rows, weight(&rows) - 1).is_err());
            prop_assert_eq!(decode(&packed), Ok(rows));
            if cut < packed.len() {
                prop_assert!(decode(&packed[..cut]).is_err());
            }
        }
    }
}
