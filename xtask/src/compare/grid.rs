//! The grid city: signals on a square grid, staircase trips over it, on both sides.
//!
//! Nobody arrives within its eight hundred seconds: it measures throughput, and says nothing of trips. SUMO's own `netconvert` builds
//! the network, so that neither side has made it for itself.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::machine::{Cost, Spent};
use super::page::{Section, costs, overview_row, stamp};
use super::scene::write;
use super::sumo::Program;
use super::{GRID, ours, output_of, workshop};

/// A grid and who drives on it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Grid {
    /// Signals per side of the square.
    signals: i32,
    vehicles: u32,
    /// Departures are spread evenly over so many seconds.
    horizon: u32,
    /// Blocks driven along each axis.
    blocks: i32,
    /// Length of the run [s].
    end: u32,
}

/// Distance of signals [m].
const BLOCK: i32 = 300;
const CLASSIC: Grid = Grid { signals: 40, vehicles: 12_000, horizon: 400, blocks: 15, end: 800 };
/// Four times the city, four times the vehicles.
const FOURFOLD: Grid = Grid { signals: 80, vehicles: 48_000, ..CLASSIC };
/// The same roads without anybody, to know what a vehicle takes.
const EMPTY: Grid = Grid { vehicles: 0, ..CLASSIC };

/// Makes the cities, runs them, and writes down what it cost.
pub(super) fn compare(ours: &ours::Program, program: &Program) -> Result<Section, String> {
    let folder = workshop().join("grid");
    let classic = CLASSIC.make(&folder.join("40"), program)?;
    let fourfold = FOURFOLD.make(&folder.join("80"), program)?;
    let empty = EMPTY.make(&folder.join("empty"), program)?;
    let python = program.python();
    let run = |what: &str, configuration: &Path, threads: u64| {
        eprintln!("{GRID}: {what}");
        ours.cost(&python, configuration, 1, threads)
    };
    let one = run("ours, 40 x 40", &classic, 1)?;
    eprintln!("{GRID}: SUMO, 40 x 40; this takes minutes");
    let sumo = program.cost(&classic, 1)?;
    let again = run("ours again", &classic, 1)?;
    let two = run("ours, two threads", &classic, 2)?;
    let large = run("ours, 80 x 80", &fourfold, 1)?;
    let nobody = run("ours, nobody", &empty, 1)?;
    let sumo_nobody = program.cost(&empty, 1)?;
    let cost = Cost::of(&[(one.clone(), sumo.clone()), (again.clone(), sumo.clone())]);
    Ok(section(&cost, &[one, again, two, large], &sumo, [nobody.usage.memory, sumo_nobody.usage.memory]))
}

fn section(cost: &Cost, [one, again, two, large]: &[Spent; 4], sumo: &Spent, empty: [f64; 2]) -> Section {
    let ours = f64::midpoint(one.rate(), again.rate());
    let mut text = overview_row(&[
        "grid 40 x 40",
        "-",
        "-",
        "-",
        &format!("{:.1}", cost.ratio),
        &format!("{:.1}", cost.ratio_whole),
        &format!("{:.0} / {:.0}", cost.ours.memory, cost.sumo.memory),
    ]);
    let _ = writeln!(text, "`cargo xtask compare-sumo grid`, {}: 40 x 40 signals, 12,000 vehicles, 800 s.\n", stamp());
    text += &costs(&cost.ours, &cost.sumo);
    let per_vehicle = |memory: f64, empty: f64| (memory - empty) * 1_048_576.0 / f64::from(CLASSIC.vehicles);
    let speedup = one.simulation_wall.min(again.simulation_wall) / two.simulation_wall.max(1e-3);
    let same = if one.hash == two.hash && one.hash == again.hash { "the same" } else { "**another**" };
    let rows = [
        ("million updates per CPU s at 40 x 40".to_owned(), format!("{:.2} (aimed at: 5, better 8)", ours / 1e6)),
        (
            "million updates per CPU s at 80 x 80, 48,000 vehicles".to_owned(),
            format!(
                "{:.2}: an update costs {:+.0} % (at most +25 %)",
                large.rate() / 1e6,
                (ours / large.rate() - 1.0) * 100.0
            ),
        ),
        (
            "two threads against one, wall".to_owned(),
            format!("{speedup:.2} times as fast (at least 1.7 on a quiet machine), {same} state hash"),
        ),
        (
            "memory per vehicle of the demand, network left out [bytes]".to_owned(),
            format!(
                "ours {:.0}, SUMO {:.0}",
                per_vehicle(one.usage.memory, empty[0]),
                per_vehicle(sumo.usage.memory, empty[1])
            ),
        ),
        ("memory of the network alone [MB]".to_owned(), format!("ours {:.0}, SUMO {:.0}", empty[0], empty[1])),
    ];
    text += "\n| | |\n|---|---|\n";
    for (what, value) in rows {
        let _ = writeln!(text, "| {what} | {value} |");
    }
    Section { name: GRID.to_owned(), text }
}

impl Grid {
    /// Writes the city into a folder, unless it is there; its configuration.
    fn make(&self, folder: &Path, program: &Program) -> Result<PathBuf, String> {
        let configuration = folder.join("grid.sumocfg");
        let about = folder.join("about.txt");
        let wished = format!("{self:?}");
        if std::fs::read_to_string(&about).is_ok_and(|made| made == wished) {
            return Ok(configuration);
        }
        eprintln!("{GRID}: making {0} x {0} signals", self.signals);
        let [nodes, edges, network] = ["grid.nod.xml", "grid.edg.xml", "grid.net.xml"].map(|file| folder.join(file));
        write(&nodes, self.nodes().as_bytes())?;
        write(&edges, self.edges().as_bytes())?;
        let mut build = program.command("netconvert");
        build.arg("-n").arg(&nodes).arg("-e").arg(&edges).arg("-o").arg(&network);
        build.args(["--no-turnarounds", "true", "--tls.left-green.time", "15", "--no-warnings"]);
        output_of(&mut build)?;
        write(&folder.join("grid.rou.xml"), self.trips().as_bytes())?;
        let text = format!(
            "<configuration><input><net-file value=\"grid.net.xml\"/><route-files value=\"grid.rou.xml\"/></input>\
             <time><begin value=\"0\"/><end value=\"{}\"/></time></configuration>\n",
            self.end
        );
        write(&configuration, text.as_bytes())?;
        write(&about, wished.as_bytes())?;
        Ok(configuration)
    }

    fn on_rim(&self, (i, j): (i32, i32)) -> bool {
        i == -1 || i == self.signals || j == -1 || j == self.signals
    }

    /// Signals and, around them, the ends of the streets; no corners.
    fn places(&self) -> impl Iterator<Item = (i32, i32)> {
        let n = self.signals;
        let all = (-1..=n).flat_map(move |i| (-1..=n).map(move |j| (i, j)));
        all.filter(move |(i, j)| !([-1, n].contains(i) && [-1, n].contains(j)))
    }

    fn nodes(&self) -> String {
        let mut text = "<nodes>\n".to_owned();
        for (i, j) in self.places() {
            let kind = if self.on_rim((i, j)) { "priority" } else { "traffic_light" };
            let _ = writeln!(text, "<node id=\"n{i}_{j}\" x=\"{}\" y=\"{}\" type=\"{kind}\"/>", i * BLOCK, j * BLOCK);
        }
        text + "</nodes>\n"
    }

    fn edges(&self) -> String {
        let mut text = "<edges>\n".to_owned();
        let n = self.signals;
        for (i, j) in self.places() {
            for (x, y) in [(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)] {
                let corner = [-1, n].contains(&x) && [-1, n].contains(&y);
                let there = (-1..=n).contains(&x) && (-1..=n).contains(&y) && !corner;
                if there && !(self.on_rim((i, j)) && self.on_rim((x, y))) {
                    let _ = writeln!(
                        text,
                        "<edge id=\"e{i}_{j}_{x}_{y}\" from=\"n{i}_{j}\" to=\"n{x}_{y}\" numLanes=\"3\" speed=\"11.111\"/>"
                    );
                }
            }
        }
        text + "</edges>\n"
    }

    /// Staircases from a signal to the one `blocks` further along both axes, one to six blocks at a time.
    fn trips(&self) -> String {
        let mut dice = Dice(1);
        let mut trips: Vec<(u32, String)> = (0..self.vehicles).map(|_| self.trip(&mut dice)).collect();
        trips.sort_by_key(|(tenths, _)| *tenths);
        let mut text =
            "<routes>\n<vType id=\"car\" accel=\"2.0\" decel=\"4.5\" length=\"5\" minGap=\"2.5\" maxSpeed=\"11.11\" \
                        sigma=\"0.5\"/>\n"
                .to_owned();
        for (n, (tenths, edges)) in trips.iter().enumerate() {
            let depart = format!("{}.{}", tenths / 10, tenths % 10);
            let _ = writeln!(
                text,
                "<vehicle id=\"{n}\" type=\"car\" depart=\"{depart}\" departLane=\"best\"><route edges=\"{edges}\"/></vehicle>"
            );
        }
        text + "</routes>\n"
    }

    /// When a trip begins [0.1 s], and its edges.
    fn trip(&self, dice: &mut Dice) -> (u32, String) {
        let within = |at: i32| (0..self.signals).contains(&at);
        let (mut at, step) = loop {
            let step = (if dice.below(2) == 0 { 1 } else { -1 }, if dice.below(2) == 0 { 1 } else { -1 });
            let at = (dice.below(self.signals), dice.below(self.signals));
            if within(at.0 + step.0 * self.blocks) && within(at.1 + step.1 * self.blocks) {
                break (at, step);
            }
        };
        let mut across = dice.below(2) == 0;
        let mut left = [self.blocks, self.blocks];
        let mut edges = String::new();
        while left[0] + left[1] > 0 {
            let axis = usize::from(!across);
            for _ in 0..(1 + dice.below(6)).min(left[axis]) {
                let next = if across { (at.0 + step.0, at.1) } else { (at.0, at.1 + step.1) };
                let _ = write!(edges, "e{}_{}_{}_{} ", at.0, at.1, next.0, next.1);
                at = next;
                left[axis] -= 1;
            }
            across = !across;
        }
        let tenths = i32::try_from(self.horizon * 10).unwrap_or(i32::MAX);
        (dice.below(tenths).unsigned_abs(), edges.trim_end().to_owned())
    }
}

/// `SplitMix64` (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: i32) -> i32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let count = u64::from(count.unsigned_abs()).max(1);
        i32::try_from((z ^ (z >> 31)) % count).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::xml::{attribute, elements};
    use super::*;

    #[test]
    fn every_trip_drives_over_edges_that_join() {
        let grid = Grid { signals: 5, vehicles: 50, horizon: 40, blocks: 2, end: 80 };
        let edges = grid.edges();
        let known: Vec<_> = elements(&edges, "edge").filter_map(|tag| attribute(tag, "id")).collect();
        assert_eq!(known.len(), 4 * 5 * 6, "two ways on six pieces of five streets along two axes");
        let trips = grid.trips();
        let routes: Vec<_> = elements(&trips, "route").filter_map(|tag| attribute(tag, "edges")).collect();
        assert_eq!(routes.len(), 50);
        for route in routes {
            let edges: Vec<_> = route.split(' ').collect();
            assert_eq!(edges.len(), 4);
            assert!(edges.iter().all(|edge| known.contains(edge)), "{route}");
            for pair in edges.windows(2) {
                let [(_, end), (start, _)] = [pair[0], pair[1]].map(ends);
                assert_eq!(end, start, "{route}");
            }
        }
    }

    fn ends(edge: &str) -> (String, String) {
        let parts: Vec<_> = edge[1..].split('_').collect();
        (parts[..2].join("_"), parts[2..].join("_"))
    }
}
