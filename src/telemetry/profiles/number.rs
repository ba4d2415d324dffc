//! Numbers in other units, by their decimal digits, so that no bit is lost on the way there and back.

/// A hundredth of a number as JSON: percent as a share of one.
pub(super) fn hundredth(number: f64) -> String {
    let text = format!("{number:e}");
    let digits = shifted(&text, -2).unwrap_or(text);
    // Where the nearest number says the same, it is written as everybody writes it.
    let near = digits.parse().ok().and_then(serde_json::Number::from_f64).map(|near| near.to_string());
    near.filter(|near| hundredfold(near).is_some_and(|back| back.to_bits() == number.to_bits())).unwrap_or(digits)
}

/// A hundred times a number of JSON: a share of one as percent.
pub(super) fn hundredfold(text: &str) -> Option<f64> {
    shifted(text, 2)?.parse().ok()
}

/// The same digits with the point elsewhere.
fn shifted(text: &str, by: i32) -> Option<String> {
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent = exponent.parse::<i32>().ok()?.checked_add(by)?;
    Some(format!("{digits}e{exponent}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn percent_come_back_to_the_last_bit(number in prop_oneof![0.0..=100.0_f64, any::<f64>(), (0..=1_000_000_u32).prop_map(|n| f64::from(n) / 1e4)]) {
            prop_assume!(number.is_finite());
            let text = hundredth(number);
            prop_assert_eq!(hundredfold(&text).map(f64::to_bits), Some(number.to_bits()), "{}", text);
            prop_assert!(serde_json::from_str::<&serde_json::value::RawValue>(&text).is_ok());
        }

        /// Others write a number anew from its 64 bits; whatever has no more than 15 digits survives that.
        #[test]
        fn what_others_write_anew_is_still_the_same(tenths in 0..=1000_u32) {
            let number = f64::from(tenths) / 10.0;
            let anew: f64 = hundredth(number).parse().expect("a number");
            prop_assert_eq!(hundredfold(&serde_json::to_string(&anew).expect("a number")), Some(number));
        }
    }

    #[test]
    fn shares_are_written_as_everybody_writes_them() {
        for (percent, share) in
            [(12.9, "0.129"), (100.0, "1.0"), (0.0, "0.0"), (7.0, "0.07"), (0.1, "0.001"), (1e-323, "1e-325")]
        {
            assert_eq!(hundredth(percent), share);
        }
        for text in ["", "e", "1e", "1e99999999999", "x"] {
            assert_eq!(hundredfold(text), None, "{text}");
        }
    }
}
