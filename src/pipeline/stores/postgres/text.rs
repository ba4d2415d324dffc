//! Texts as PostgreSQL can keep them: it has no NUL, and devices may send one.
//!
//! NUL becomes the two characters U+0001 U+0001, and U+0001 becomes U+0001 U+0002. That keeps the order of texts by their bytes, and
//! which text begins with which, so that keys may be compared on the server; every other text stays what it is.

use std::borrow::Cow;

/// A text as the server keeps it.
pub(in crate::pipeline::stores) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', '\u{1}']) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\0' => kept.push_str("\u{1}\u{1}"),
            '\u{1}' => kept.push_str("\u{1}\u{2}"),
            other => kept.push(other),
        }
    }
    Cow::Owned(kept)
}

/// The text that is kept like this.
pub(in crate::pipeline::stores) fn unescaped(kept: &str) -> Cow<'_, str> {
    if !kept.contains('\u{1}') {
        return Cow::Borrowed(kept);
    }
    let mut text = String::with_capacity(kept.len());
    let mut chars = kept.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1}' if chars.next() == Some('\u{1}') => text.push('\0'),
            other => text.push(other),
        }
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_come_back_and_keep_their_order_and_beginnings(a in "[\0\u{1}\u{2}ab]{0,6}", b in "[\0\u{1}\u{2}ab]{0,6}") {
            let (kept_a, kept_b) = (escaped(&a), escaped(&b));
            prop_assert!(!kept_a.contains('\0'));
            prop_assert_eq!(unescaped(&kept_a), a.as_str());
            prop_assert_eq!(kept_a.as_bytes().cmp(kept_b.as_bytes()), a.as_bytes().cmp(b.as_bytes()));
            prop_assert_eq!(kept_a.starts_with(&*kept_b), a.starts_with(&b));
        }
    }
}
