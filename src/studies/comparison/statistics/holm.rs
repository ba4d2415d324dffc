//! Many measures looked at at once: one in twenty differs by chance alone, and is not to be taken for a finding.
//!
//! Holm (1979, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6, 65-70): the chance of any false
//! finding among all of them stays below the level. Knows numbers only.

/// The p values adjusted for their number, in the order given: with `p_(1) <= ... <= p_(m)`, the k-th becomes the largest of
/// `(m - j + 1) p_(j)` over `j <= k`, at most 1.
#[expect(clippy::cast_precision_loss, reason = "a few hundred measures")]
pub fn adjusted(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]).then(a.cmp(b)));
    let mut adjusted = vec![1.0; p.len()];
    let mut largest = 0.0_f64;
    for (rank, place) in order.into_iter().enumerate() {
        largest = largest.max((p.len() - rank) as f64 * p[place]);
        adjusted[place] = largest.min(1.0);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Worked by hand: 0.01·4, 0.02·3, 0.03·2 (not below the one before), 0.04·1 (likewise).
    #[test]
    fn four_values_by_hand() {
        let found = adjusted(&[0.04, 0.01, 0.03, 0.02]);
        for (found, expected) in found.into_iter().zip([0.06, 0.04, 0.06, 0.06]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert!(adjusted(&[]).is_empty());
    }

    proptest! {
        /// By brute force, from the procedure: values are rejected from the smallest on until the first that is above level / left.
        #[test]
        fn rejects_what_the_procedure_rejects(p in prop::collection::vec(0.0..1.0_f64, 1..20), level in 0.01..0.5_f64) {
            let mut order: Vec<usize> = (0..p.len()).collect();
            order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
            let mut rejected = vec![false; p.len()];
            for (rank, place) in order.iter().enumerate() {
                let left = f64::from(u32::try_from(p.len() - rank).expect("few"));
                if p[*place] * left > level { break; }
                rejected[*place] = true;
            }
            let found: Vec<bool> = adjusted(&p).iter().map(|p| *p <= level).collect();
            prop_assert_eq!(found, rejected);
        }
    }
}
