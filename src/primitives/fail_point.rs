//! Places where the process can be made to die, so that a test can hit every edge of a commit and not only the likely ones.
//!
//! Compiled with debug assertions only: in a release build [`reach`] is nothing. Dying is at once, as if the machine had taken the
//! process away: nothing is flushed, closed or said. Knows no place by itself but its name.

/// The places there are. A name that is none is refused, so that a storm of faults cannot pass by a misspelt one.
pub const POINTS: &[&str] = &[
    "log/gathered",
    "log/written",
    "log/synced",
    "log/shown",
    "bridge/committed",
    "worker/taken",
    "worker/shown",
    "keep/history",
    "keep/records",
    "keep/live",
    "keep/tables",
    "keep/quarantine",
    "keep/checkpoint",
    "overseer/written",
    "deliverer/sent",
    "ledger/written",
    "gateway/handed",
];

/// Makes the process die the `n`th time it comes to a place; `text` is the place, or `place:n`.
///
/// # Errors
/// A sentence, if there is no such place, `n` is no count, something is armed already, or this build has no such places.
pub fn arm(text: &str) -> Result<(), String> {
    let (name, count) = text.split_once(':').unwrap_or((text, "1"));
    let name = POINTS
        .iter()
        .find(|point| **point == name)
        .ok_or_else(|| format!("there is no place `{name}` to die at; there are {}", POINTS.join(", ")))?;
    let count =
        count.parse().ok().filter(|count| *count > 0).ok_or_else(|| format!("`{count}` is no count from 1 on"))?;
    set(name, count)
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::AtomicU64;

    /// The place, and how many more times it is to be come to.
    pub(super) static ARMED: OnceLock<(&'static str, AtomicU64)> = OnceLock::new();
}

#[cfg(debug_assertions)]
fn set(name: &'static str, count: u64) -> Result<(), String> {
    let armed = armed::ARMED.set((name, std::sync::atomic::AtomicU64::new(count)));
    armed.map_err(|_| "a place to die at is set already".to_owned())
}

#[cfg(not(debug_assertions))]
fn set(_: &'static str, _: u64) -> Result<(), String> {
    Err("this program was built for work and has no places to die at; build it with debug assertions".to_owned())
}

/// Here the process dies if it is armed for this place and this is the time.
#[inline]
pub fn reach(name: &'static str) {
    #[cfg(debug_assertions)]
    {
        debug_assert!(POINTS.contains(&name), "{name} is not in the list");
        if let Some((armed, left)) = armed::ARMED.get()
            && *armed == name
            && left.fetch_sub(1, std::sync::atomic::Ordering::SeqCst) == 1
        {
            std::process::abort();
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_place_is_refused() {
        assert!(arm("log/writen").expect_err("misspelt").contains("there is no place `log/writen`"));
        assert!(arm("log/written:0").expect_err("never").contains("no count"));
        assert!(arm("log/written:x").expect_err("no number").contains("no count"));
    }
}
