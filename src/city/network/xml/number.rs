//! Decimal numbers as files write them, read without a detour.
//!
//! A network is mostly coordinates with two decimals. For numbers of at most 15 digits the digits as a whole number and the
//! power of ten below them are both exact, so one division rounds correctly (Clinger 1990, "How to read floating point
//! numbers accurately", PLDI, section 5); everything else goes to the standard library, which gives the same for all.

/// Most digits whose whole number a double holds exactly whatever they are: 10^15 < 2^53.
const DIGITS_MAX: u32 = 15;

/// Powers of ten for the decimals; all are exact.
const TENS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The number a text stands for, spaces around it left out; what `str::parse::<f64>` says of it, to the bit.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    plain(text.as_bytes()).or_else(|| text.trim().parse().ok())
}

/// Sign, digits and at most one point between them; none for every other spelling.
fn plain(bytes: &[u8]) -> Option<f64> {
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut whole = 0_u64;
    let (mut seen, mut decimals) = (0_u32, 0_usize);
    let mut point = false;
    for &byte in digits {
        match byte {
            b'0'..=b'9' => {
                seen += 1;
                if seen > DIGITS_MAX {
                    return None;
                }
                whole = whole * 10 + u64::from(byte - b'0');
                decimals += usize::from(point);
            }
            b'.' if !point && seen > 0 => point = true,
            _ => return None,
        }
    }
    if seen == 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 15 digits, so the cast is exact")]
    let value = whole as f64 / TENS[decimals];
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_reads_as_the_standard_library_reads_it() {
        for text in [
            "0",
            "-0",
            "-0.00",
            "12300.00",
            "0.1",
            "5.",
            ".5",
            "+1",
            "1e3",
            "-1.5E-3",
            "inf",
            "NaN",
            "-",
            "",
            ".",
            "1.2.3",
            "999999999999999",
            "9999999999999999",
            "0.000000000000001",
            "0.0000000000000001",
            " 7 ",
            "1 2",
            "0x1",
            "--1",
        ] {
            let ours = parse_number(text).map(f64::to_bits);
            assert_eq!(ours, text.trim().parse::<f64>().ok().map(f64::to_bits), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn numbers_of_any_length_read_as_the_standard_library_reads_them(text in "-?[0-9]{0,12}\\.?[0-9]{0,8}") {
            let ours = parse_number(&text).map(f64::to_bits);
            prop_assert_eq!(ours, text.parse::<f64>().ok().map(f64::to_bits));
        }
    }
}
