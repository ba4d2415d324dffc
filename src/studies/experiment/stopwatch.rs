//! How long the loop of steps takes, on the processor and on the wall.
//!
//! Ticks of a hundredth of a second are too coarse for a scenario that runs in a few of them, so the scheduler's own account is
//! read where the system keeps one. Measures this process, and enters no result but the summary's lines on cost.

use std::time::Instant;

use super::manifest::user_cpu_seconds;

/// What a stretch of work cost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Elapsed {
    /// CPU time of all threads that still live, if the system tells [s].
    pub(super) cpu: Option<f64>,
    /// Time on the wall [s].
    pub(super) wall: f64,
}

/// A moment to measure from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopwatch {
    cpu: Option<f64>,
    began: Instant,
}

impl Stopwatch {
    /// Begins to measure.
    #[expect(clippy::disallowed_methods, reason = "what a run cost is told beside its results, never in them")]
    pub(super) fn start() -> Self {
        Self { cpu: cpu_seconds(), began: Instant::now() }
    }

    /// What passed since.
    pub(super) fn elapsed(&self) -> Elapsed {
        let cpu = self.cpu.zip(cpu_seconds()).map(|(from, to)| to - from);
        Elapsed { cpu, wall: self.began.elapsed().as_secs_f64() }
    }
}

/// CPU time of this process so far: the scheduler's account of each thread [ns], or else user time in ticks.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a run stay far below 2^53")]
fn cpu_seconds() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let nanoseconds = threads.flatten().map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    let sum = nanoseconds.sum::<Option<u64>>().filter(|sum| *sum > 0);
    sum.map_or_else(user_cpu_seconds, |sum| Some(sum as f64 / 1e9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_costs_time() {
        let watch = Stopwatch::start();
        let mut sum = 0_u64;
        for n in 0..3_000_000_u64 {
            sum = std::hint::black_box(sum ^ n);
        }
        let Elapsed { cpu, wall } = watch.elapsed();
        assert!(wall > 0.0);
        assert_eq!(cpu.is_some(), cfg!(target_os = "linux"));
    }
}
