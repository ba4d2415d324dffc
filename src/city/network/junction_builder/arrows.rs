//! Lanes shared out among the ways by the arrows painted on them.
//!
//! Where arrows are known they decide, except that no way is left without a lane and no lane without a way: the caller sees to
//! that, because painted arrows and roads drawn from another year's survey often disagree. Knows arrows and angles only.

use std::ops::Range;

use crate::city::network::bare::LaneArrows;

/// Which of the lanes serve each way, ways from right to left with their angles; none where no arrow fits any way.
pub(super) fn share(arrows: &[LaneArrows], angles: &[f64], straight: Option<usize>) -> Option<Vec<Range<usize>>> {
    if arrows.iter().all(|lane| lane.is_empty()) {
        return None;
    }
    // Without a way straight on, the arrow straight on means the way that bends least.
    let ahead = straight.or_else(|| {
        let bend = |way: &usize| angles[*way].abs();
        (0..angles.len()).min_by(|a, b| bend(a).total_cmp(&bend(b)))
    });
    let serves = |lane: LaneArrows, way: usize| {
        let to_side = match straight {
            Some(straight) if way < straight => lane.right,
            Some(straight) if way > straight => lane.left,
            Some(_) => false,
            None if angles[way] < 0.0 => lane.right,
            None => lane.left,
        };
        to_side || (Some(way) == ahead && (lane.through || lane.is_empty()))
    };
    let shares: Vec<Range<usize>> = (0..angles.len())
        .map(|way| {
            let mut fitting = (0..arrows.len()).filter(|&lane| serves(arrows[lane], way));
            let first = fitting.next();
            let last = fitting.next_back().or(first);
            first.zip(last).map_or(0..0, |(first, last)| first..last + 1)
        })
        .collect();
    shares.iter().any(|share| !share.is_empty()).then_some(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(text: &str) -> LaneArrows {
        LaneArrows { left: text.contains('l'), through: text.contains('t'), right: text.contains('r') }
    }

    #[test]
    fn arrows_decide_where_lanes_lead() {
        // Lanes from the kerb, angles of the ways from right to left, which is straight -> lanes of each way.
        type Case = (&'static [&'static str], &'static [f64], Option<usize>, Option<&'static [(usize, usize)]>);
        let cases: &[Case] = &[
            (&["r", "t", "l"], &[-1.5, 0.0, 1.5], Some(1), Some(&[(0, 1), (1, 2), (2, 3)])),
            (&["rt", "t", "l", "l"], &[-1.5, 0.0, 1.5], Some(1), Some(&[(0, 1), (0, 2), (2, 4)])),
            (&["", "l"], &[0.0, 1.5], Some(0), Some(&[(0, 1), (1, 2)])),
            (&["", ""], &[0.0, 1.5], Some(0), None),
            (&["r", "l"], &[-1.5, 1.5], None, Some(&[(0, 1), (1, 2)])),
            // An arrow to where there is no road is not followed.
            (&["r", "r"], &[0.0, 1.5], Some(0), None),
            (&["t", "l"], &[-0.4, 1.2], None, Some(&[(0, 1), (1, 2)])),
        ];
        for (lanes, angles, straight, expected) in cases {
            let lanes: Vec<LaneArrows> = lanes.iter().map(|text| lane(text)).collect();
            let got = share(&lanes, angles, *straight);
            let got = got.map(|shares| shares.iter().map(|s| (s.start, s.end)).collect::<Vec<_>>());
            assert_eq!(got.as_deref(), *expected, "{lanes:?} {angles:?}");
        }
    }
}
