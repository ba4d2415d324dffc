//! A network as bytes and back: every column in turn, little-endian, each list with its length before it.
//!
//! The form of the cache and of nothing else: it changes whenever the model does, and nobody is promised to read an old one.
//! Reading never panics and never reserves more than the bytes at hand could fill; what does not add up is no network. Knows no
//! file.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::super::model::{
    Aspect, Conflict, Edge, EdgeIndex, EdgeKind, Junction, JunctionKind, Lane, Link, Network, Phase, Projection,
    RightOfWay, Signal, SignalControl, SignalProgram, Turn,
};
use crate::primitives::ids::{EdgeId, JunctionId, LaneId, LinkId, SignalId};
use crate::primitives::text::Findings;
use crate::primitives::{ClassSet, Distance, Point, Polyline, SimDuration, Speed};

/// "None" where an id is optional.
const NONE: u32 = u32::MAX;

const KINDS: [JunctionKind; 8] = [
    JunctionKind::Priority,
    JunctionKind::TrafficLight,
    JunctionKind::RightBeforeLeft,
    JunctionKind::AllwayStop,
    JunctionKind::Zipper,
    JunctionKind::Unregulated,
    JunctionKind::DeadEnd,
    JunctionKind::Other,
];

const TURNS: [Turn; 6] = [Turn::Straight, Turn::Right, Turn::SlightRight, Turn::Left, Turn::SlightLeft, Turn::Back];

const RIGHTS: [RightOfWay; 8] = [
    RightOfWay::Major,
    RightOfWay::Minor,
    RightOfWay::Equal,
    RightOfWay::Stop,
    RightOfWay::AllwayStop,
    RightOfWay::Zipper,
    RightOfWay::Signal,
    RightOfWay::DeadEnd,
];

const ASPECTS: [Aspect; 9] = [
    Aspect::Red,
    Aspect::RedYellow,
    Aspect::YellowMinor,
    Aspect::YellowMajor,
    Aspect::GreenMinor,
    Aspect::GreenMajor,
    Aspect::Stop,
    Aspect::OffBlinking,
    Aspect::Off,
];

/// The bytes of a network and of what was left out of its file.
pub(super) fn encode(network: &Network, left_out: &Findings) -> Vec<u8> {
    let mut out = Out(Vec::with_capacity(network.conflicts.len() * 48 + network.lanes.len() * 160));
    out.list(left_out.left_out().iter(), |out, (what, count)| {
        out.text(what);
        out.u64(*count);
    });
    out.list(&network.junctions, Out::junction);
    out.list(&network.edges, Out::edge);
    out.list(&network.lanes, Out::lane);
    out.list(&network.links, Out::link);
    out.links(&network.incoming);
    out.list(network.conflicts.iter(), Out::conflict);
    out.list(&network.signals, Out::signal);
    match &network.projection {
        Projection::None => out.u8(0),
        Projection::Utm { zone, south, offset } => {
            out.u8(1);
            out.u8(*zone);
            out.u8(u8::from(*south));
            out.point(Point::new(offset.0, offset.1));
        }
        Projection::Equirectangular { origin } => {
            out.u8(2);
            out.point(Point::new(origin.0, origin.1));
        }
    }
    out.u8(u8::from(network.left_hand));
    out.list(&network.roundabouts, |out, edge| out.u32(edge.raw()));
    out.list(&network.single_tracks, |out, (edge, opposite)| {
        out.u32(edge.raw());
        out.u32(opposite.raw());
    });
    out.0
}

/// The network of bytes [`encode`] has written; none where they are anything else.
pub(super) fn decode(bytes: &[u8]) -> Option<(Network, Findings)> {
    let mut from = In(bytes);
    let mut left_out = Findings::default();
    for (what, count) in from.list(12, |from| Some((from.text()?, from.u64()?)))? {
        left_out.unsupported(what, count);
    }
    let junctions = from.list(33, In::junction)?;
    let edges = from.list(40, In::edge)?;
    let mut network = Network {
        junctions,
        edge_by_name: EdgeIndex::new(&edges),
        edges,
        lanes: from.list(80, In::lane)?,
        links: from.list(40, In::link)?,
        incoming: from.links()?,
        conflicts: from.list(41, In::conflict)?.into(),
        signals: from.list(12, In::signal)?,
        projection: Projection::None,
        left_hand: false,
        roundabouts: BTreeSet::new(),
        single_tracks: BTreeMap::new(),
    };
    network.projection = match from.u8()? {
        0 => Projection::None,
        1 => Projection::Utm { zone: from.u8()?, south: from.flag()?, offset: from.point().map(|p| (p.x, p.y))? },
        2 => Projection::Equirectangular { origin: from.point().map(|p| (p.x, p.y))? },
        _ => return None,
    };
    network.left_hand = from.flag()?;
    network.roundabouts = from.list(4, In::edge_id)?.into_iter().collect();
    network.single_tracks = from.list(8, |from| Some((from.edge_id()?, from.edge_id()?)))?.into_iter().collect();
    from.0.is_empty().then_some((network, left_out))
}

/// Bytes being written.
struct Out(Vec<u8>);

impl Out {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn f64(&mut self, value: f64) {
        self.u64(value.to_bits());
    }

    fn count(&mut self, count: usize) {
        self.u64(count as u64);
    }

    fn flags(&mut self, flags: [bool; 4]) {
        self.u8(flags.iter().rev().fold(0, |bits, &flag| bits << 1 | u8::from(flag)));
    }

    fn text(&mut self, text: &str) {
        self.u32(u32::try_from(text.len()).unwrap_or(NONE));
        self.0.extend_from_slice(text.as_bytes());
    }

    fn maybe_text(&mut self, text: Option<&str>) {
        self.u8(u8::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>, one: impl Fn(&mut Self, T)) {
        let items = items.into_iter();
        self.count(items.len());
        for item in items {
            one(self, item);
        }
    }

    fn point(&mut self, point: Point) {
        self.f64(point.x);
        self.f64(point.y);
    }

    fn range(&mut self, range: &Range<u32>) {
        self.u32(range.start);
        self.u32(range.end);
    }

    fn links(&mut self, links: &[LinkId]) {
        self.list(links, |out, link| out.u32(link.raw()));
    }

    /// A value's position among all there are; the lists here name every one.
    fn one_of<T: PartialEq>(&mut self, value: &T, all: &[T]) {
        let position = all.iter().position(|other| other == value);
        self.u8(position.and_then(|position| u8::try_from(position).ok()).unwrap_or(u8::MAX));
    }

    fn span(&mut self, span: SimDuration) {
        self.u64(span.as_milliseconds().cast_unsigned());
    }

    fn junction(&mut self, junction: &Junction) {
        self.text(&junction.name);
        self.one_of(&junction.kind, &KINDS);
        self.point(junction.position);
        self.list(&junction.shape, |out, point| out.point(*point));
        self.links(&junction.links);
    }

    fn edge(&mut self, edge: &Edge) {
        self.text(&edge.name);
        self.maybe_text(edge.street.as_deref());
        self.flags([edge.is_internal(), false, false, false]);
        self.u32(edge.from.raw());
        self.u32(edge.to.raw());
        self.range(&edge.lanes);
        self.u32(edge.priority.cast_unsigned());
        self.f64(edge.length.as_metres());
        self.maybe_text(edge.road_type.as_deref());
    }

    fn lane(&mut self, lane: &Lane) {
        self.u32(lane.edge.raw());
        self.u32(lane.index);
        self.f64(lane.length.as_metres());
        self.f64(lane.speed.as_metres_per_second());
        self.f64(lane.width.as_metres());
        for classes in [lane.allowed, lane.change_left, lane.change_right] {
            self.u64(classes.bits());
        }
        self.list(lane.shape.points(), |out, point| out.point(*point));
        self.range(&lane.links);
        self.range(&lane.incoming);
        self.range(&lane.conflicts);
    }

    fn link(&mut self, link: &Link) {
        self.u32(link.from.raw());
        self.u32(link.via.map_or(NONE, LaneId::raw));
        self.u32(link.to.raw());
        self.u32(link.junction.raw());
        self.one_of(&link.turn, &TURNS);
        self.one_of(&link.right_of_way, &RIGHTS);
        self.u32(link.signal.map_or(NONE, |(signal, _)| signal.raw()));
        self.u32(link.signal.map_or(NONE, |(_, head)| head));
        self.u32(link.request.unwrap_or(NONE));
        self.flags([link.keep_clear, link.may_wait_inside, false, false]);
        self.f64(link.visibility.as_metres());
        self.links(&link.yields_to);
    }

    fn conflict(&mut self, conflict: &Conflict) {
        self.u32(conflict.foe_lane);
        self.u32(conflict.foe_entry);
        for metres in [conflict.start, conflict.foe_start, conflict.size, conflict.foe_size] {
            self.f64(metres);
        }
        self.flags([conflict.merges, conflict.diverges, conflict.yields, conflict.foe_yields]);
    }

    fn signal(&mut self, signal: &Signal) {
        self.text(&signal.name);
        self.list(&signal.programs, Self::program);
        self.list(&signal.links, |out, links| out.links(links));
    }

    fn program(&mut self, program: &SignalProgram) {
        self.text(&program.name);
        match program.control {
            SignalControl::FixedTime => self.u8(0),
            SignalControl::Actuated { gap_max, detector_gap, passing_time, inactive_after } => {
                self.u8(1);
                for span in [gap_max, detector_gap, passing_time, inactive_after] {
                    self.span(span);
                }
            }
            SignalControl::Block => self.u8(2),
            SignalControl::LevelCrossing { time_gap, opening_delay, green_min } => {
                self.u8(3);
                for span in [time_gap, opening_delay, green_min] {
                    self.span(span);
                }
            }
        }
        self.span(program.offset);
        self.list(&program.phases, |out, phase| {
            out.span(phase.duration);
            out.span(phase.duration_min);
            out.span(phase.duration_max);
            out.list(&phase.aspects, |out, aspect| out.one_of(aspect, &ASPECTS));
            out.list(&phase.next, |out, next| out.u32(*next));
        });
    }
}

/// Bytes still to be read.
struct In<'b>(&'b [u8]);

impl In<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn u8(&mut self) -> Option<u8> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn flags(&mut self) -> Option<[bool; 4]> {
        let bits = self.u8()?;
        (bits < 16).then(|| [0, 1, 2, 3].map(|bit| bits >> bit & 1 == 1))
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn f64(&mut self) -> Option<f64> {
        self.u64().map(f64::from_bits)
    }

    /// An id that may be none.
    #[expect(clippy::option_option, reason = "the outer one says whether there was anything to read")]
    fn maybe(&mut self) -> Option<Option<u32>> {
        self.u32().map(|id| (id != NONE).then_some(id))
    }

    fn text(&mut self) -> Option<String> {
        let length = self.u32()? as usize;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }

    #[expect(clippy::option_option, reason = "the outer one says whether there was anything to read")]
    fn maybe_text(&mut self) -> Option<Option<String>> {
        if self.flag()? { self.text().map(Some) } else { Some(None) }
    }

    /// A list of items of at least `least` bytes each.
    fn list<T>(&mut self, least: usize, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = usize::try_from(self.u64()?).ok()?;
        if count > self.0.len() / least {
            return None;
        }
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(one(self)?);
        }
        Some(items)
    }

    fn point(&mut self) -> Option<Point> {
        Some(Point::new(self.f64()?, self.f64()?))
    }

    fn points(&mut self) -> Option<Vec<Point>> {
        self.list(16, Self::point)
    }

    fn range(&mut self) -> Option<Range<u32>> {
        Some(self.u32()?..self.u32()?)
    }

    fn links(&mut self) -> Option<Vec<LinkId>> {
        self.list(4, |from| Some(LinkId::new(from.u32()? as usize)))
    }

    fn edge_id(&mut self) -> Option<EdgeId> {
        self.u32().map(|id| EdgeId::new(id as usize))
    }

    fn lane_id(&mut self) -> Option<LaneId> {
        self.u32().map(|id| LaneId::new(id as usize))
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        all.get(usize::from(self.u8()?)).copied()
    }

    fn metres(&mut self) -> Option<Distance> {
        self.f64().map(Distance::metres)
    }

    fn classes(&mut self) -> Option<ClassSet> {
        self.u64().map(ClassSet::from_bits)
    }

    fn span(&mut self) -> Option<SimDuration> {
        self.u64().map(|span| SimDuration::milliseconds(span.cast_signed()))
    }

    fn junction(&mut self) -> Option<Junction> {
        Some(Junction {
            name: self.text()?,
            kind: self.one_of(&KINDS)?,
            position: self.point()?,
            shape: self.points()?,
            links: self.links()?,
        })
    }

    fn edge(&mut self) -> Option<Edge> {
        Some(Edge {
            name: self.text()?,
            street: self.maybe_text()?,
            kind: if self.flags()?[0] { EdgeKind::Internal } else { EdgeKind::Road },
            from: JunctionId::new(self.u32()? as usize),
            to: JunctionId::new(self.u32()? as usize),
            lanes: self.range()?,
            priority: self.u32()?.cast_signed(),
            length: self.metres()?,
            road_type: self.maybe_text()?,
        })
    }

    fn lane(&mut self) -> Option<Lane> {
        Some(Lane {
            edge: self.edge_id()?,
            index: self.u32()?,
            length: self.metres()?,
            speed: Speed::metres_per_second(self.f64()?),
            width: self.metres()?,
            allowed: self.classes()?,
            change_left: self.classes()?,
            change_right: self.classes()?,
            shape: self.points().filter(|points| !points.is_empty()).map(Polyline::new)?,
            links: self.range()?,
            incoming: self.range()?,
            conflicts: self.range()?,
        })
    }

    fn link(&mut self) -> Option<Link> {
        let (from, via, to) = (self.lane_id()?, self.maybe()?, self.lane_id()?);
        let junction = JunctionId::new(self.u32()? as usize);
        let (turn, right_of_way) = (self.one_of(&TURNS)?, self.one_of(&RIGHTS)?);
        let (signal, head, request) = (self.maybe()?, self.u32()?, self.maybe()?);
        let [keep_clear, may_wait_inside, ..] = self.flags()?;
        Some(Link {
            from,
            via: via.map(|lane| LaneId::new(lane as usize)),
            to,
            junction,
            turn,
            right_of_way,
            signal: signal.map(|signal| (SignalId::new(signal as usize), head)),
            request,
            keep_clear,
            may_wait_inside,
            visibility: self.metres()?,
            yields_to: self.links()?,
        })
    }

    fn conflict(&mut self) -> Option<Conflict> {
        let (foe_lane, foe_entry) = (self.u32()?, self.u32()?);
        let (start, foe_start, size, foe_size) = (self.f64()?, self.f64()?, self.f64()?, self.f64()?);
        let [merges, diverges, yields, foe_yields] = self.flags()?;
        Some(Conflict { foe_lane, foe_entry, start, foe_start, size, foe_size, merges, diverges, yields, foe_yields })
    }

    fn signal(&mut self) -> Option<Signal> {
        Some(Signal { name: self.text()?, programs: self.list(21, Self::program)?, links: self.list(8, Self::links)? })
    }

    fn program(&mut self) -> Option<SignalProgram> {
        let name = self.text()?;
        let control = match self.u8()? {
            0 => SignalControl::FixedTime,
            1 => SignalControl::Actuated {
                gap_max: self.span()?,
                detector_gap: self.span()?,
                passing_time: self.span()?,
                inactive_after: self.span()?,
            },
            2 => SignalControl::Block,
            3 => SignalControl::LevelCrossing {
                time_gap: self.span()?,
                opening_delay: self.span()?,
                green_min: self.span()?,
            },
            _ => return None,
        };
        Some(SignalProgram { name, control, offset: self.span()?, phases: self.list(40, Self::phase)? })
    }

    fn phase(&mut self) -> Option<Phase> {
        Some(Phase {
            duration: self.span()?,
            duration_min: self.span()?,
            duration_max: self.span()?,
            aspects: self.list(1, |from| from.one_of(&ASPECTS))?,
            next: self.list(4, Self::u32)?,
        })
    }
}
