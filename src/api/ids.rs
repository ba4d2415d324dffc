//! Ids that outlive a restart, and places to go on from in a long list.
//!
//! The id of a city, a device or a subscription is a ULID made of what it is: its 128 bits are the first of a BLAKE3 hash over the
//! words that name it, so the same thing has the same id in every run and on every machine. They do not sort by time; alerts, which do,
//! have their ids from the pipeline.

use ulid::Ulid;

/// What a cursor looks like.
pub(crate) const CURSOR_PATTERN: &str = "^[A-Za-z0-9_-]{9,}$";
/// Bytes of a cursor that check the others.
const CHECK: usize = 4;

/// The id of what these words name.
pub(crate) fn id(words: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("citytwin 2026 ids of resources");
    for word in words {
        hasher.update(&(word.len() as u64).to_le_bytes());
        hasher.update(word.as_bytes());
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Ulid::from_bytes(bytes).to_string()
}

/// Whether a text is a ULID as they are written here: 26 capital letters and digits.
pub(crate) fn is_ulid(text: &str) -> bool {
    text.len() == 26
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        && Ulid::from_string(text).is_ok_and(|ulid| ulid.to_string() == text)
}

/// A cursor for whoever asked `question` (its filters in words), to go on behind `after`.
pub(crate) fn cursor(question: &str, after: &str) -> String {
    let mut bytes = check(question, after).to_vec();
    bytes.extend_from_slice(after.as_bytes());
    base64(&bytes)
}

/// Where to go on, from a cursor that [`cursor`] made for the same question; none from any other text.
pub(crate) fn after(question: &str, cursor: &str) -> Option<String> {
    let bytes = unbase64(cursor)?;
    let (told, after) = bytes.split_at_checked(CHECK)?;
    let after = String::from_utf8(after.to_vec()).ok()?;
    (told == check(question, &after)).then_some(after)
}

/// Whether a text has the letters of a cursor.
pub(crate) fn may_be_cursor(text: &str) -> bool {
    text.len() >= 9 && text.bytes().all(|byte| value(byte).is_some())
}

fn check(question: &str, after: &str) -> [u8; CHECK] {
    let mut hasher = blake3::Hasher::new_derive_key("citytwin 2026 cursors");
    hasher.update(&(question.len() as u64).to_le_bytes());
    hasher.update(question.as_bytes());
    hasher.update(after.as_bytes());
    let mut bytes = [0; CHECK];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..CHECK]);
    bytes
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Bytes in the letters of base64url (RFC 4648, section 5) without padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            let six = number >> (18 - 6 * place) & 63;
            text.push(char::from(LETTERS[usize::try_from(six).unwrap_or_default()]));
        }
    }
    text
}

fn value(letter: u8) -> Option<u32> {
    let at = LETTERS.iter().position(|other| *other == letter)?;
    u32::try_from(at).ok()
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.as_bytes().chunks(4) {
        let mut number = 0;
        for letter in group {
            number = number << 6 | value(*letter)?;
        }
        number <<= 6 * (4 - group.len());
        let whole = (group.len() * 6 / 8).min(3);
        bytes.extend_from_slice(&number.to_be_bytes()[1..=whole]);
    }
    // Of several ways to write the same bytes only one is taken.
    (base64(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_has_the_same_id_everywhere() {
        let (one, other) = (id(&["city", "Halvermere"]), id(&["cityHalvermere", ""]));
        assert_eq!(one, id(&["city", "Halvermere"]));
        assert_ne!(one, other);
        assert!(is_ulid(&one) && is_ulid(&other));
        for bad in ["", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01ARYZ6S41TSV4RRFFQ69G5FA", "01ARYZ6S41TSV4RRFFQ69G5FAU", "é"] {
            assert!(!is_ulid(bad), "{bad}");
        }
        assert!(!is_ulid(&one.to_lowercase()));
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        // RFC 4648, section 10, without padding.
        for (text, expected) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")] {
            assert_eq!(base64(text.as_bytes()), expected);
            assert_eq!(unbase64(expected).as_deref(), Some(text.as_bytes()));
        }
        assert_eq!(base64(&[0xfb, 0xff]), "-_8");
        for bad in ["Zh", "Z", "Zm9v=", "Zm 9"] {
            assert_eq!(unbase64(bad), None, "{bad}");
        }
    }

    #[test]
    fn cursors_lead_on_only_in_the_list_they_are_from() {
        let made = cursor("assets?type=gps", "gps-1/é");
        assert!(may_be_cursor(&made));
        assert_eq!(after("assets?type=gps", &made).as_deref(), Some("gps-1/é"));
        assert_eq!(after("assets?type=air", &made), None);
        let mut damaged = made.clone().into_bytes();
        damaged[7] = if damaged[7] == b'A' { b'B' } else { b'A' };
        assert_eq!(after("assets?type=gps", &String::from_utf8(damaged).expect("letters")), None);
        assert_eq!(after("assets?type=gps", ""), None);
        assert_eq!(after("assets?type=gps", &"A".repeat(1000)), None);
    }
}
