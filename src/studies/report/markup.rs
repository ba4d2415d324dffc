//! Text for the page: escaped names and numbers as a planner writes them.
//!
//! Names come from files by anybody; nothing of them may act in the browser. Knows no traffic.

use std::fmt::Write as _;

/// What stands where there is no figure.
pub(crate) const NO_FIGURE: &str = "–";

/// A name that is safe in HTML text and in quoted attributes.
///
/// Control characters and the marks that turn the direction of text become U+FFFD, so that a name cannot disguise itself.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(harmless(other)),
        }
    }
    safe
}

/// A string literal of JSON that is safe inside a script element.
pub(crate) fn json_text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 2);
    safe.push('"');
    for character in text.chars().map(harmless) {
        match character {
            '"' => safe.push_str("\\\""),
            '\\' => safe.push_str("\\\\"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string cannot fail.
                let _ = write!(safe, "\\u{:04x}", u32::from(character));
            }
            other => safe.push(other),
        }
    }
    safe.push('"');
    safe
}

fn harmless(character: char) -> char {
    match character {
        '\n' | '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => '\u{fffd}',
        control if control.is_control() => '\u{fffd}',
        other => other,
    }
}

/// A whole number with its thousands apart, `12,345`.
pub(crate) fn count(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The same for a length of a column.
pub(crate) fn count_of(length: usize) -> String {
    count(u64::try_from(length).unwrap_or(u64::MAX))
}

/// A number with so many decimals and its thousands apart; a dash where there is none.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return NO_FIGURE.to_owned();
    }
    let plain = format!("{:.decimals$}", value.abs());
    let (whole, rest) = plain.split_once('.').unwrap_or((&plain, ""));
    let sign = if value < 0.0 && plain.bytes().any(|b| (b'1'..=b'9').contains(&b)) { "−" } else { "" };
    let whole = whole.parse::<u64>().map_or_else(|_| whole.to_owned(), count);
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

/// A share as per cent, with a decimal where it is near nothing or near everything; "100 %" only where nothing is missing.
pub(crate) fn per_cent(part: f64, whole: f64) -> String {
    if whole <= 0.0 {
        return NO_FIGURE.to_owned();
    }
    let share = part / whole * 100.0;
    if share > 0.0 && share < 10.0 {
        format!("{} %", number(share.max(0.1), 1))
    } else if share > 90.0 && share < 100.0 {
        format!("{} %", number(share.min(99.9), 1))
    } else {
        format!("{} %", number(share, 0))
    }
}

/// A span of time in words, `6 min 12 s`, `1 h 04 min`; given in seconds.
#[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
pub(crate) fn span(seconds: f64) -> String {
    if !seconds.is_finite() {
        return NO_FIGURE.to_owned();
    }
    let whole = seconds.abs().round() as i64;
    let sign = if seconds < 0.0 && whole > 0 { "−" } else { "" };
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{sign}{s} s"),
        (0, m, 0) => format!("{sign}{m} min"),
        (0, m, s) => format!("{sign}{m} min {s:02} s"),
        (h, m, _) => format!("{sign}{h} h {m:02} min"),
    }
}

/// A span for a column of a table, `6:12` (minutes and seconds) or `1:04:09`; given in seconds.
#[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
pub(crate) fn clock_span(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds.filter(|s| s.is_finite()) else {
        return NO_FIGURE.to_owned();
    };
    let whole = seconds.abs().round() as i64;
    let sign = if seconds < 0.0 && whole > 0 { "−" } else { "" };
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, m, s) => format!("{sign}{m}:{s:02}"),
        (h, m, s) => format!("{sign}{h}:{m:02}:{s:02}"),
    }
}

/// A clock time of day in hours and minutes, `07:30`; given in seconds since midnight.
#[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
pub(crate) fn clock(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as i64;
    let sign = if minutes < 0 { "−" } else { "" };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// A name of at most `most` characters for a drawing, which escapes by itself; names of a kind begin alike, so what does not fit
/// is cut off in front.
pub(crate) fn short_name(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.chars().map(harmless).collect();
    }
    std::iter::once('…').chain(text.chars().skip(length + 1 - most.max(1)).map(harmless)).collect()
}

/// A list of key figures, label and value; neither may hold anything that is not safe.
pub(crate) fn key_figures(figures: &[(&str, String)]) -> String {
    let mut html = String::from("<dl class=\"key-figures\">");
    for (label, value) in figures {
        let _ = write!(html, "<div><dt>{label}</dt><dd>{value}</dd></div>");
    }
    html.push_str("</dl>");
    html
}

/// The word for one and for many.
pub(crate) fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_street_name_cannot_act() {
        assert_eq!(escape("<script>'\"&"), "&lt;script&gt;&#39;&quot;&amp;");
        assert_eq!(escape("a\u{202e}b\u{0}c"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(json_text("</script><!--\"\\"), r#""\u003c/script\u003e\u003c!--\"\\""#);
        assert_eq!(json_text("a\nb\u{1}"), "\"a b\u{fffd}\"");
    }

    /// Two ambulances of one station differ in their last characters.
    #[test]
    fn long_names_keep_their_ends() {
        assert_eq!((short_name("amb-7", 5), short_name("amb-17", 5)), ("amb-7".into(), "…b-17".into()));
        assert_eq!((short_name("a\u{202e}b", 5), short_name("été", 2)), ("a\u{fffd}b".into(), "…é".into()));
    }

    #[test]
    fn numbers_read_as_a_planner_writes_them() {
        assert_eq!(
            (count(0_u32), count(999_u32), count(1_234_567_u32)),
            ("0".into(), "999".into(), "1,234,567".into())
        );
        assert_eq!(
            (number(1234.56, 1), number(-0.04, 1), number(-2.5, 1)),
            ("1,234.6".into(), "0.0".into(), "−2.5".into())
        );
        assert_eq!(number(f64::NAN, 1), NO_FIGURE);
        assert_eq!(
            (per_cent(1.0, 0.0), per_cent(2.0, 100.0), per_cent(9999.0, 10_000.0)),
            ("–".into(), "2.0 %".into(), "99.9 %".into())
        );
        assert_eq!(
            (span(372.4), span(60.0), span(3840.0), span(9.0)),
            ("6 min 12 s".into(), "1 min".into(), "1 h 04 min".into(), "9 s".into())
        );
        assert_eq!(
            (clock_span(Some(372.0)), clock_span(Some(3849.0)), clock_span(None)),
            ("6:12".into(), "1:04:09".into(), "–".into())
        );
        assert_eq!((clock(27_000.0), clock(90_000.0)), ("07:30".into(), "25:00".into()));
    }
}
