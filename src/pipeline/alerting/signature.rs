//! How requests are signed, and how who receives them checks it.
//!
//! The signature is HMAC-SHA256 (RFC 2104 with FIPS 180-4) of the timestamp, a dot and the body, in hexadecimal digits behind
//! `sha256=`. The timestamp is part of what is signed, so that an old request cannot be sent again as a new one.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The header with the signature.
pub const SIGNATURE: &str = "X-Citytwin-Signature";
/// The header with the time of sending [s since 1970-01-01T00:00:00Z].
pub const TIMESTAMP: &str = "X-Citytwin-Timestamp";
/// The header with what tells one notice from another: the same in every try.
pub const EVENT_ID: &str = "X-Citytwin-Event-Id";

fn authenticator(secret: &[u8], timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    // Keys of every length will do.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

/// The signature of a body sent at a time, as it stands in the header.
pub fn sign(secret: &[u8], timestamp: &str, body: &[u8]) -> String {
    let mut text = "sha256=".to_owned();
    let digest = authenticator(secret, timestamp, body).map(|mac| mac.finalize().into_bytes());
    for byte in digest.iter().flatten() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Whether a request is what somebody with the secret sent; takes as long for a wrong signature as for a right one.
///
/// Beyond this, whoever receives should refuse timestamps that are more than five minutes off their own clock, and remember the
/// event ids of that time: a notice may come twice.
///
/// ```
/// use citytwin::pipeline::alerting::signature::{sign, verify};
///
/// // What came: the headers `X-Citytwin-Timestamp` and `X-Citytwin-Signature`, and the body as it was, byte by byte.
/// let (timestamp, body) = ("1780383605", br#"{"id":"01J"}"#);
/// let signature = sign(b"secret of both sides", timestamp, body);
/// assert!(verify(b"secret of both sides", timestamp, body, &signature));
/// assert!(!verify(b"another secret", timestamp, body, &signature));
/// assert!(!verify(b"secret of both sides", "1780383606", body, &signature));
/// ```
pub fn verify(secret: &[u8], timestamp: &str, body: &[u8], signature: &str) -> bool {
    let Some(digits) = signature.strip_prefix("sha256=").filter(|digits| digits.len() == 64) else { return false };
    let mut told = [0_u8; 32];
    for (byte, pair) in told.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let digit = |place: usize| pair.get(place).and_then(|digit| char::from(*digit).to_digit(16));
        match digit(0).zip(digit(1)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok()) {
            Some(value) => *byte = value,
            None => return false,
        }
    }
    authenticator(secret, timestamp, body).is_some_and(|mac| mac.verify_slice(&told).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // RFC 4231, test cases 1, 2, 3 and 6.
        let cases: [(Vec<u8>, &[u8], &str); 4] = [
            (vec![0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (vec![0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, data, expected) in cases {
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key");
            mac.update(data);
            let expected: Vec<u8> =
                (0..32).map(|k| u8::from_str_radix(&expected[2 * k..2 * k + 2], 16).expect("hex")).collect();
            assert_eq!(mac.finalize().into_bytes()[..], expected[..]);
        }
    }

    #[test]
    fn what_is_signed_is_known_again_and_nothing_else() {
        // Computed with OpenSSL: printf '1780383605.{}' | openssl dgst -sha256 -hmac key
        let signature = sign(b"key", "1780383605", b"{}");
        assert_eq!(signature, "sha256=161a4de82734bef59fe9b5efade61d7508bac98322e2dbf0ddc155e0043947d0");
        assert!(verify(b"key", "1780383605", b"{}", &signature));
        assert!(verify(b"key", "1780383605", b"{}", &signature.to_uppercase().replace("SHA256", "sha256")));
        let bad =
            ["", "sha256=", "sha256=00", &signature[..70], &format!("{signature}0"), &signature.replace('=', ":")];
        for bad in bad
            .into_iter()
            .map(str::to_owned)
            .chain([format!("sha256={}", "zz".repeat(32)), format!("sha256={}", "é".repeat(32))])
        {
            assert!(!verify(b"key", "1780383605", b"{}", &bad), "{bad}");
        }
        for (secret, timestamp, body) in
            [("kez", "1780383605", "{}"), ("key", "1780383604", "{}"), ("key", "1780383605", "{ }")]
        {
            assert!(!verify(secret.as_bytes(), timestamp, body.as_bytes(), &signature));
        }
    }
}
