//! How the benches measure: clocks, memory, a fixed piece of arithmetic to divide by, and what stations are run on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use citytwin::city::scenario::SensorSettings;

/// Something that is measured, at a size.
pub(crate) struct Station {
    /// What it is called on the command line and in the baselines.
    pub(crate) name: &'static str,
    /// The size `cargo bench` runs it at.
    pub(crate) size: usize,
    /// Measures it.
    pub(crate) run: fn(usize) -> Measured,
}

/// What a station found.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    /// CPU time per piece of work, or a ratio.
    pub(crate) cost: f64,
    /// What the cost is per.
    pub(crate) unit: &'static str,
    /// The rest in words.
    pub(crate) said: String,
}

impl Measured {
    /// Prints it beside its baseline, which is a cost divided by the kernel's.
    pub(crate) fn told(&self, name: &str, kernel: f64, baseline: Option<f64>) {
        // What is a ratio already needs no kernel.
        let relative = if self.unit.starts_with("times") { self.cost } else { self.cost / kernel };
        let beside = baseline.map_or("no baseline".to_owned(), |baseline| {
            format!("baseline {baseline:.4}, {:+.0} %", (relative / baseline - 1.0) * 100.0)
        });
        println!("{name}: {:.4} {}; relative {relative:.4} ({beside}); {}", self.cost, self.unit, self.said);
    }
}

/// The committed baselines: name and cost relative to the kernel's.
pub(crate) fn baselines() -> BTreeMap<&'static str, f64> {
    let rows = include_str!("../baselines.csv").lines().skip(1);
    rows.filter_map(|row| row.split_once(',').and_then(|(name, value)| Some((name, value.trim().parse().ok()?))))
        .collect()
}

/// CPU time of a fixed piece of arithmetic, dependent from round to round as car following is from vehicle to vehicle [s].
pub(crate) fn kernel(rounds: u32) -> f64 {
    let before = cpu_seconds();
    let (mut speed, mut gap) = (10.0_f64, 20.0_f64);
    for _ in 0..rounds {
        let wished = 2.0 + speed * 1.2 + speed * (speed - 11.0) / 6.3;
        let ratio = wished / gap.max(0.5);
        speed = (speed + 1.4 * (1.0 - speed / 13.9 - ratio * ratio) * 0.1).clamp(0.0, 20.0);
        gap = std::hint::black_box((gap + (11.0 - speed) * 0.1).clamp(1.0, 200.0));
    }
    assert!(speed.is_finite());
    cpu_seconds() - before
}

/// CPU time of this process so far, all living threads together, from the scheduler's account [s]; where there is none, time on
/// the wall.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a bench stay far below 2^53")]
pub(crate) fn cpu_seconds() -> f64 {
    let account = std::fs::read_dir("/proc/self/task").ok().and_then(|threads| {
        let each = threads.flatten().map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        each.sum::<Option<u64>>()
    });
    match account {
        Some(nanoseconds) if nanoseconds > 0 => nanoseconds as f64 / 1e9,
        _ => wall(),
    }
}

/// Seconds on the wall since the process first asked.
#[expect(clippy::disallowed_methods, reason = "a bench measures")]
fn wall() -> f64 {
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// What is made, and how long that took on the wall [s].
pub(crate) fn timed<T>(make: impl FnOnce() -> T) -> (T, f64) {
    let before = wall();
    let made = make();
    (made, wall() - before)
}

/// A count in millions.
#[expect(clippy::cast_precision_loss, reason = "counts of a bench stay far below 2^53")]
pub(crate) fn million(count: u64) -> f64 {
    count as f64 / 1e6
}

/// One count over another.
#[expect(clippy::cast_precision_loss, reason = "counts of a bench stay far below 2^53")]
pub(crate) fn ratio(count: usize, of: usize) -> f64 {
    count as f64 / of as f64
}

/// Sensors of the fleet alone.
pub(crate) fn nobody(mut sensors: SensorSettings) -> SensorSettings {
    sensors.signals = false;
    for devices in
        [&mut sensors.loops, &mut sensors.cameras, &mut sensors.air, &mut sensors.weather, &mut sensors.parking]
    {
        devices.count = 0;
    }
    sensors
}

/// Resident memory, part by part.
#[derive(Debug)]
pub(crate) struct Memory {
    last: f64,
}

impl Memory {
    /// Begins to look.
    pub(crate) fn start() -> Self {
        Self { last: resident("VmRSS") }
    }

    /// What came since is this part's, for so many pieces.
    pub(crate) fn note(&mut self, part: &'static str, pieces: usize) {
        let now = resident("VmRSS");
        println!(
            "memory: {part}: {:+.1} MB, {:.0} bytes a piece",
            now - self.last,
            (now - self.last) * 1_048_576.0 / ratio(pieces, 1)
        );
        self.last = now;
    }
}

/// Prints the most memory ever resident.
pub(crate) fn tell_peak() {
    println!("memory: peak {:.0} MB, now {:.0} MB", resident("VmHWM"), resident("VmRSS"));
}

/// A line of the system's account of this process [MB].
fn resident(line: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        text.lines().find_map(|row| row.strip_prefix(line)?.strip_prefix(':')?.split_whitespace().next()?.parse().ok());
    kilobytes.unwrap_or(0.0_f64) / 1024.0
}

/// How a run keeps up with the clock.
#[derive(Debug)]
pub(crate) struct Pace {
    last: f64,
    began: f64,
    simulated: f64,
    most: u32,
    slowest: f64,
    /// The wall and the instant of the last look [s].
    looked: (f64, f64),
}

impl Pace {
    /// Begins.
    pub(crate) fn start() -> Self {
        let now = wall();
        Self { last: now, began: now, simulated: 0.0, most: 0, slowest: 0.0, looked: (now, 0.0) }
    }

    /// A step was taken; the instant reached [s].
    pub(crate) fn step(&mut self, reached: f64) {
        let now = wall();
        self.slowest = self.slowest.max(now - self.last);
        (self.last, self.simulated) = (now, reached);
    }

    /// Whether it is time for a look.
    pub(crate) fn is_time(&self) -> bool {
        self.simulated % 50.0 == 0.0
    }

    /// Somebody looked: so many are on the road, and how long the steps since the last look took.
    pub(crate) fn look(&mut self, running: u32) {
        self.most = self.most.max(running);
        let since = (self.last - self.looked.0) / (self.simulated - self.looked.1).max(1.0);
        println!("million: at {:.0} s {running} on the road, {since:.3} s on the wall for a second", self.simulated);
        self.looked = (self.last, self.simulated);
    }

    /// Prints it.
    pub(crate) fn told(&self) {
        let wall = self.last - self.began;
        println!(
            "million: {:.0} s in {wall:.1} s on the wall, {:.2} times the clock; at most {} on the road, the slowest step {:.2} s",
            self.simulated,
            self.simulated / wall.max(1e-9),
            self.most,
            self.slowest
        );
    }
}

/// A network file of SUMO's form: a straight road of so many pieces, two lanes wide.
pub(crate) fn long_road(pieces: usize) -> String {
    let mut text = "<net version=\"1.20\">\n<location netOffset=\"0.00,0.00\" projParameter=\"!\"/>\n".to_owned();
    for n in 0..pieces {
        let (from, to) = (n * 100, n * 100 + 90);
        if n > 0 {
            let _ = writeln!(text, "<edge id=\":n{n}_0\" function=\"internal\">");
            for lane in 0..2 {
                let y = -4.8 + 3.2 * ratio(lane, 1);
                let _ = writeln!(
                    text,
                    "    <lane id=\":n{n}_0_{lane}\" index=\"{lane}\" speed=\"13.89\" length=\"10.00\" shape=\"{}.00,{y:.2} {from}.00,{y:.2}\"/>",
                    from - 10
                );
            }
            text += "</edge>\n";
        }
        let _ = writeln!(text, "<edge id=\"e{n}\" from=\"n{n}\" to=\"n{}\" priority=\"3\" type=\"primary\">", n + 1);
        for lane in 0..2 {
            let y = -4.8 + 3.2 * ratio(lane, 1);
            let _ = writeln!(
                text,
                "    <lane id=\"e{n}_{lane}\" index=\"{lane}\" speed=\"13.89\" length=\"90.00\" shape=\"{from}.00,{y:.2} {to}.00,{y:.2}\"/>"
            );
        }
        text += "</edge>\n";
    }
    for n in 0..=pieces {
        let x = n * 100;
        let (kind, lanes, inside) = if n == 0 {
            ("dead_end", String::new(), String::new())
        } else if n == pieces {
            ("dead_end", format!("e{}_0 e{0}_1", n - 1), String::new())
        } else {
            ("priority", format!("e{}_0 e{0}_1", n - 1), format!(":n{n}_0_0 :n{n}_0_1"))
        };
        let _ = write!(
            text,
            "<junction id=\"n{n}\" type=\"{kind}\" x=\"{x}.00\" y=\"0.00\" incLanes=\"{lanes}\" intLanes=\"{inside}\" \
             shape=\"{x}.00,0.00 {x}.00,-6.40\">"
        );
        if kind == "priority" {
            for index in 0..2 {
                let _ = write!(text, "<request index=\"{index}\" response=\"00\" foes=\"00\" cont=\"0\"/>");
            }
        }
        text += "</junction>\n";
    }
    for n in 1..pieces {
        for lane in 0..2 {
            let _ = writeln!(
                text,
                "<connection from=\"e{}\" to=\"e{n}\" fromLane=\"{lane}\" toLane=\"{lane}\" via=\":n{n}_0_{lane}\" dir=\"s\" state=\"M\"/>\n\
                 <connection from=\":n{n}_0\" to=\"e{n}\" fromLane=\"{lane}\" toLane=\"{lane}\" dir=\"s\" state=\"M\"/>",
                n - 1
            );
        }
    }
    text + "</net>\n"
}
