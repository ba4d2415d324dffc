//! What strangers send: noise, nesting without end, numbers beyond any range, names that are paths.

use crate::primitives::random::KeyedRng;

/// Something no device of a load would send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hostile {
    /// What it is, in a word.
    pub(super) what: &'static str,
    /// Its topic.
    pub(super) topic: String,
    /// Its bytes.
    pub(super) payload: Vec<u8>,
}

/// The stranger's message behind the `n`th of the devices.
pub(super) fn hostile(n: u64, dice: &mut KeyedRng) -> Hostile {
    let noise =
        |dice: &mut KeyedRng, bytes: usize| (0..bytes).map(|_| dice.next().to_le_bytes()[0]).collect::<Vec<u8>>();
    let (what, payload) = match dice.below(8) {
        0 => ("noise", noise(dice, 64)),
        1 => ("long-noise", noise(dice, 60_000)),
        2 => ("nesting", b"[".repeat(20_000)),
        3 => (
            "huge-sequence",
            b"{\"type\":\"position\",\"device\":\"gps-evil\",\"epoch\":0,\"seq\":18446744073709551615}".to_vec(),
        ),
        4 => (
            "far-future",
            b"{\"type\":\"health\",\"device\":\"dev-evil\",\"epoch\":4294967295,\"seq\":0,\"timestamp\":\"9999-12-31T23:59:59.999Z\",\"uptime_s\":1}"
                .to_vec(),
        ),
        5 => (
            "not-a-number",
            b"{\"type\":\"air\",\"device\":\"air-evil\",\"epoch\":0,\"seq\":1e400,\"pm2_5\":NaN}".to_vec(),
        ),
        6 => ("empty", Vec::new()),
        _ => (
            "path-as-name",
            format!("{{\"type\":\"health\",\"device\":\"../../etc/passwd-{n}\",\"epoch\":0,\"seq\":0}}").into_bytes(),
        ),
    };
    Hostile { what, topic: format!("smart-cities.events/evil-{}", dice.below(50)), payload }
}
