//! The columns of a reading: what each field is called, measured in, and allowed to be.
//!
//! One description serves every form a reading takes, so that JSON, tables and documentation cannot disagree.

use std::ops::RangeInclusive;
use std::sync::Arc;

/// A short text shared by many records, such as the name of a road.
pub type Text = Arc<str>;

/// One field's value, borrowed from its reading.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Missing,
    /// A text.
    Text(&'a str),
    /// A number with a fraction.
    Number(f64),
    /// A whole number.
    Whole(i64),
    /// Yes or no.
    Flag(bool),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Texts.
    Text,
    /// Numbers with a fraction.
    Number,
    /// Whole numbers.
    Whole,
    /// Yes or no.
    Flag,
}

/// One field of a reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name in every form.
    pub name: &'static str,
    /// Its unit; empty if it has none.
    pub unit: &'static str,
    /// What it holds.
    pub holds: ColumnType,
    /// Whether it may be missing.
    pub optional: bool,
    /// What it says, in one sentence.
    pub says: &'static str,
    /// The texts it may hold; empty if any text will do, or if it holds none.
    pub words: &'static [&'static str],
    /// The numbers it may hold, if it holds numbers.
    pub range: RangeInclusive<f64>,
}

/// Longest text a field may hold [bytes].
pub const TEXT_MAX: usize = 256;

/// A type a field may have.
pub trait Field: Sized {
    /// What its column holds.
    const HOLDS: ColumnType;
    /// Whether it may be missing.
    const OPTIONAL: bool = false;
    /// The texts it may hold; empty if any text will do.
    const WORDS: &'static [&'static str] = &[];

    /// The value.
    fn value(&self) -> Value<'_>;

    /// The field with this value; none if it cannot have it.
    fn from_value(value: &Value<'_>) -> Option<Self>;

    /// Whether there is no value.
    fn is_missing(&self) -> bool {
        matches!(self.value(), Value::Missing)
    }
}

impl Field for Text {
    const HOLDS: ColumnType = ColumnType::Text;
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
    fn from_value(value: &Value<'_>) -> Option<Self> {
        if let Value::Text(text) = value { Some(Self::from(*text)) } else { None }
    }
}

impl Field for f64 {
    const HOLDS: ColumnType = ColumnType::Number;
    fn value(&self) -> Value<'_> {
        Value::Number(*self)
    }
    fn from_value(value: &Value<'_>) -> Option<Self> {
        if let Value::Number(number) = value { Some(*number) } else { None }
    }
}

impl Field for u32 {
    const HOLDS: ColumnType = ColumnType::Whole;
    fn value(&self) -> Value<'_> {
        Value::Whole(i64::from(*self))
    }
    fn from_value(value: &Value<'_>) -> Option<Self> {
        if let Value::Whole(number) = value { Self::try_from(*number).ok() } else { None }
    }
}

impl Field for bool {
    const HOLDS: ColumnType = ColumnType::Flag;
    fn value(&self) -> Value<'_> {
        Value::Flag(*self)
    }
    fn from_value(value: &Value<'_>) -> Option<Self> {
        if let Value::Flag(flag) = value { Some(*flag) } else { None }
    }
}

impl<F: Field> Field for Option<F> {
    const HOLDS: ColumnType = F::HOLDS;
    const OPTIONAL: bool = true;
    const WORDS: &'static [&'static str] = F::WORDS;
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Missing, F::value)
    }
    fn from_value(value: &Value<'_>) -> Option<Self> {
        if *value == Value::Missing { Some(None) } else { F::from_value(value).map(Some) }
    }
}

/// Defines an enumeration that travels as one of a few words.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every one there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word it travels as.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one that travels as this word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl $crate::telemetry::field::Field for $name {
            const HOLDS: $crate::telemetry::field::ColumnType = $crate::telemetry::field::ColumnType::Text;
            const WORDS: &'static [&'static str] = &[$($word,)*];
            fn value(&self) -> $crate::telemetry::field::Value<'_> {
                $crate::telemetry::field::Value::Text(self.word())
            }
            fn from_value(value: &$crate::telemetry::field::Value<'_>) -> Option<Self> {
                if let $crate::telemetry::field::Value::Text(word) = value { Self::from_word(word) } else { None }
            }
        }
    )*};
}
pub(crate) use words;
