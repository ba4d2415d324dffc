//! Student's t distribution: its distribution function and quantiles.
//!
//! `F(t) = 1 - I_x(ν/2, 1/2) / 2` for `t >= 0` with `x = ν / (ν + t²)` (Abramowitz and Stegun 1964, 26.7.1 and 26.5.27). The
//! regularised incomplete beta function `I_x(a, b)` is a continued fraction (NIST DLMF 2010, 8.17.22), evaluated by the
//! modified method of Lentz (1976, Applied Optics 15, 668-671). Logarithms and powers come from `libm`, so that every machine
//! gives the same bits. Knows numbers only.

/// Terms of the continued fraction after which it is given up; it needs about `√max(a, b)`.
const TERMS_MAX: u32 = 10_000;
/// A number instead of zero in a denominator (Thompson and Barnett 1986).
const TINY: f64 = 1e-300;
/// Halvings of an interval after which its ends are neighbours.
const HALVINGS: u32 = 200;

/// The regularised incomplete beta function `I_x(a, b)`, for positive `a` and `b` and `x` in `[0, 1]`.
fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    // The fraction converges fast below the mean, and I_x(a, b) = 1 - I_{1-x}(b, a) (DLMF 8.17.4).
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let ln_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let front = libm::exp(a * libm::log(x) + b * libm::log1p(-x) - ln_beta) / a;
    front * fraction(a, b, x)
}

/// The continued fraction of DLMF 8.17.22.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let kept = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / kept(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..TERMS_MAX {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / kept(1.0 + even * d);
        c = kept(1.0 + even / c);
        value *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / kept(1.0 + odd * d);
        c = kept(1.0 + odd / c);
        let step = d * c;
        value *= step;
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

/// The probability that a t-distributed number with `freedom` degrees of freedom is at most `t`; `freedom` is positive.
pub fn cdf(t: f64, freedom: f64) -> f64 {
    let tail = 0.5 * incomplete_beta(freedom / 2.0, 0.5, freedom / (freedom + t * t));
    if t >= 0.0 { 1.0 - tail } else { tail }
}

/// The number that a t-distributed one with `freedom` degrees of freedom does not exceed with a probability of `share`, which
/// lies between 0 and 1; `freedom` is positive.
///
/// ```
/// use citytwin::studies::comparison::statistics::student;
/// assert!((student::quantile(0.975, 9.0) - 2.262_157).abs() < 1e-6);
/// ```
pub fn quantile(share: f64, freedom: f64) -> f64 {
    if share < 0.5 {
        return -quantile(1.0 - share, freedom);
    }
    let mut high = 1.0;
    while cdf(high, freedom) < share && high < 1e12 {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if cdf(middle, freedom) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Published: table 26.10 of Abramowitz and Stegun (1964), to three decimals.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        let table = [
            (1.0, [3.078, 6.314, 12.706, 31.821, 63.657]),
            (2.0, [1.886, 2.920, 4.303, 6.965, 9.925]),
            (4.0, [1.533, 2.132, 2.776, 3.747, 4.604]),
            (9.0, [1.383, 1.833, 2.262, 2.821, 3.250]),
            (19.0, [1.328, 1.729, 2.093, 2.539, 2.861]),
            (29.0, [1.311, 1.699, 2.045, 2.462, 2.756]),
            (120.0, [1.289, 1.658, 1.980, 2.358, 2.617]),
        ];
        for (freedom, row) in table {
            for (share, expected) in [0.9, 0.95, 0.975, 0.99, 0.995].into_iter().zip(row) {
                let found = quantile(share, freedom);
                assert!((found - expected).abs() < 6e-4, "t({share}; {freedom}) is {found}, not {expected}");
            }
        }
        // With many degrees of freedom it is the normal distribution's.
        assert!((quantile(0.975, 1e6) - 1.959_966).abs() < 1e-5);
    }

    /// With one degree it is Cauchy's distribution, with two it has a closed form too.
    #[test]
    fn distribution_agrees_with_its_closed_forms() {
        for i in -40..=40 {
            let t = f64::from(i) / 4.0;
            let cauchy = 0.5 + libm::atan(t) / std::f64::consts::PI;
            let two = 0.5 + t / (2.0 * libm::sqrt(2.0 + t * t));
            assert!((cdf(t, 1.0) - cauchy).abs() < 1e-12, "{t}");
            assert!((cdf(t, 2.0) - two).abs() < 1e-12, "{t}");
        }
    }

    proptest! {
        #[test]
        fn quantile_undoes_the_distribution(share in 0.001..0.999_f64, freedom in 1_u32..200) {
            let freedom = f64::from(freedom);
            prop_assert!((cdf(quantile(share, freedom), freedom) - share).abs() < 1e-9);
        }

        /// By brute force: the density summed up in small steps (Simpson), with the constant it needs to sum up to one half.
        #[test]
        fn distribution_is_the_integral_of_its_density(t in 0.0..6.0_f64, freedom in 1_u32..60) {
            let freedom = f64::from(freedom);
            let density = |x: f64| libm::pow(1.0 + x * x / freedom, -f64::midpoint(freedom, 1.0));
            let ln = libm::lgamma(f64::midpoint(freedom, 1.0)) - libm::lgamma(freedom / 2.0);
            let constant = libm::exp(ln) / libm::sqrt(freedom * std::f64::consts::PI);
            let steps = 2000;
            let width = t / f64::from(steps);
            let sum: f64 = (0..=steps).map(|i| {
                let weight = if i == 0 || i == steps { 1.0 } else if i % 2 == 1 { 4.0 } else { 2.0 };
                weight * density(f64::from(i) * width)
            }).sum();
            prop_assert!((cdf(t, freedom) - 0.5 - constant * sum * width / 3.0).abs() < 1e-8);
        }
    }
}
