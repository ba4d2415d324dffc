//! Vehicles of SUMO as devices: reads its floating car data (`--fcd-output`) as a stream and lets a tracker in every vehicle speak.
//!
//! Exists so that the wire can be fed by another simulator. An element is read at a time, so a file of any size will do, plain or
//! gzip. Every `vehicle` of a `timestep` becomes one position of the tracker `gps-<id>`, whose sequence counts from 0. Knows no
//! network: who asks says how places on the map become longitude and latitude.
//!
//! Limits: an element has at most [`ELEMENT_MAX`] bytes, elements are nested at most [`DEPTH_MAX`] deep, and there are at most
//! [`VEHICLES_MAX`] vehicles; beyond them reading ends with a sentence. Persons and containers are counted and left out.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use flate2::bufread::MultiGzDecoder;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::primitives::{Point, SimTime, Timestamp};
use crate::telemetry::field::{TEXT_MAX, Text};
use crate::telemetry::reading::{Fix, Position};
use crate::telemetry::{DeviceId, ReadingKind, Record};

/// Longest element with its attributes [bytes].
const ELEMENT_MAX: usize = 64 << 10;
/// Deepest nesting of elements; the format needs three.
const DEPTH_MAX: usize = 16;
/// Most vehicles in one file.
const VEHICLES_MAX: usize = 5_000_000;
/// Fastest vehicle that is believed [km/h].
const SPEED_MAX: f64 = 400.0;
/// Latest time that is believed, a hundred years [s].
const TIME_MAX: f64 = 3.2e9;
/// Bytes of a gzip's head.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// From a place on the map to longitude and latitude [deg].
pub type ToLonLat<'a> = dyn Fn(Point) -> Option<(f64, f64)> + 'a;

/// Floating car data that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{}`:{line}: {reason}", path.display())]
pub struct FcdError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong and what to do.
    pub reason: String,
}

/// A device of a vehicle: who it is and how often it has spoken.
#[derive(Debug)]
struct Tracker {
    device: DeviceId,
    vehicle: Text,
    next: u64,
}

/// Floating car data as it is read.
pub struct FcdReader<'a> {
    path: PathBuf,
    xml: Reader<Counted<Box<dyn BufRead + 'a>>>,
    buffer: Vec<u8>,
    to_lon_lat: &'a ToLonLat<'a>,
    midnight: Timestamp,
    trackers: HashMap<String, Tracker>,
    devices: HashSet<DeviceId>,
    classes: HashSet<Text>,
    depth: usize,
    begun: bool,
    /// The time step under way.
    time: Option<Timestamp>,
    /// The latest time step.
    latest: Option<Timestamp>,
    left_out: u64,
}

impl std::fmt::Debug for FcdReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FcdReader({}, {} vehicles)", self.path.display(), self.trackers.len())
    }
}

impl<'a> FcdReader<'a> {
    /// Begins to read what `source` holds, plain or gzip; `path` is for complaints, and time 0 of the file is `midnight`.
    ///
    /// # Errors
    /// When nothing can be read of it.
    pub fn new(
        path: PathBuf,
        source: impl Read + 'a,
        midnight: Timestamp,
        to_lon_lat: &'a ToLonLat<'a>,
    ) -> Result<Self, FcdError> {
        let mut source = BufReader::with_capacity(1 << 16, source);
        let packed = match source.fill_buf() {
            Ok(bytes) => bytes.starts_with(&GZIP),
            Err(error) => return Err(FcdError { path, line: 1, reason: format!("cannot be read: {error}") }),
        };
        let source: Box<dyn BufRead + 'a> = if packed {
            Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(source)))
        } else {
            Box::new(source)
        };
        let xml = Reader::from_reader(Counted { inner: source, line: 1, since: 0 });
        Ok(Self {
            path,
            xml,
            buffer: Vec::new(),
            to_lon_lat,
            midnight,
            trackers: HashMap::new(),
            devices: HashSet::new(),
            classes: HashSet::new(),
            depth: 0,
            begun: false,
            time: None,
            latest: None,
            left_out: 0,
        })
    }

    /// Vehicles met so far.
    pub fn vehicles(&self) -> u64 {
        self.trackers.len() as u64
    }

    /// Persons and containers met so far, which have no tracker.
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The next record, in the order of the file; none at its end.
    ///
    /// # Errors
    /// When the file is not floating car data from here on, is cut off, or holds what no device can say.
    pub fn read(&mut self) -> Result<Option<Record>, FcdError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let read = loop {
            buffer.clear();
            self.xml.get_mut().since = 0;
            match self.next(&mut buffer) {
                Ok(Step::Nothing) => {}
                Ok(Step::Said(record)) => break Ok(Some(*record)),
                Ok(Step::End) => break Ok(None),
                Err(reason) => {
                    break Err(FcdError { path: self.path.clone(), line: self.xml.get_ref().line, reason });
                }
            }
        };
        self.buffer = buffer;
        read
    }

    fn next(&mut self, buffer: &mut Vec<u8>) -> Result<Step, String> {
        match self.xml.read_event_into(buffer) {
            Ok(Event::Start(element)) => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err(format!("elements are nested more than {DEPTH_MAX} deep"));
                }
                self.open(&element, self.depth)
            }
            Ok(Event::Empty(element)) => {
                let said = self.open(&element, self.depth + 1);
                self.close(self.depth + 1);
                said
            }
            Ok(Event::End(_)) => {
                self.close(self.depth);
                self.depth = self.depth.saturating_sub(1);
                Ok(Step::Nothing)
            }
            Ok(Event::Eof) if self.depth > 0 => {
                Err("the file is cut off; let SUMO end before its output is sent".to_owned())
            }
            Ok(Event::Eof) if !self.begun => {
                Err("there is no `fcd-export` in it; name a file of SUMO's `--fcd-output`".to_owned())
            }
            Ok(Event::Eof) => Ok(Step::End),
            Ok(_) => Ok(Step::Nothing),
            Err(quick_xml::Error::Io(error)) => Err(format!("cannot be read: {error}")),
            Err(error) => Err(format!("is not XML: {error}")),
        }
    }

    fn open(&mut self, element: &BytesStart<'_>, depth: usize) -> Result<Step, String> {
        let name = element.name();
        let name: &str = name.as_ref();
        match (depth, name) {
            (1, "fcd-export") => self.begun = true,
            (1, other) => {
                return Err(format!(
                    "the file begins with <{}>, not with <fcd-export>; name a file of SUMO's `--fcd-output`",
                    short(other)
                ));
            }
            (2, "timestep") => self.time = Some(self.timestep(element)?),
            (3, "vehicle") => return self.vehicle(element),
            (3, _) if self.time.is_some() => self.left_out += 1,
            _ => {}
        }
        Ok(Step::Nothing)
    }

    const fn close(&mut self, depth: usize) {
        if depth == 2 {
            self.time = None;
        }
    }

    fn timestep(&mut self, element: &BytesStart<'_>) -> Result<Timestamp, String> {
        let mut found = None;
        attributes(element, |name, value| {
            if name == "time" {
                found = Some(seconds(value).ok_or_else(|| format!("time=\"{}\" is no time of a step", short(value)))?);
            }
            Ok(())
        })?;
        let time = self.midnight.at(SimTime::seconds(found.ok_or("a <timestep> has no `time`")?));
        if self.latest.is_some_and(|latest| time < latest) {
            return Err(format!("time goes back, to {time}"));
        }
        self.latest = Some(time);
        Ok(time)
    }

    fn vehicle(&mut self, element: &BytesStart<'_>) -> Result<Step, String> {
        let time = self.time.ok_or("a <vehicle> stands outside of a <timestep>")?;
        let (mut id, mut class) = (None, None);
        let (mut x, mut y, mut speed, mut angle) = (None, None, None, None);
        attributes(element, |name, value| {
            match name {
                "id" => id = Some(value.to_owned()),
                "type" => class = Some(value.to_owned()),
                "x" => x = Some(number(name, value)?),
                "y" => y = Some(number(name, value)?),
                "speed" => speed = Some(number(name, value)?),
                "angle" => angle = Some(number(name, value)?),
                _ => {}
            }
            Ok(())
        })?;
        let id = id.filter(|id| !id.is_empty()).ok_or("a <vehicle> has no `id`")?;
        let (Some(x), Some(y)) = (x, y) else { return Err(format!("vehicle `{}` has no `x` and `y`", short(&id))) };
        let (longitude, latitude) = (self.to_lon_lat)(Point::new(x, y))
            .filter(|(lon, lat)| (-180.0..=180.0).contains(lon) && (-90.0..=90.0).contains(lat))
            .ok_or_else(|| {
                format!("x=\"{x}\" y=\"{y}\" is no place on earth; name the network of these vehicles with `--net` or `--scenario`")
            })?;
        // Thousandths of km/h hold hundredths of m/s, as SUMO writes them, without loss.
        let speed = speed.map(|speed: f64| rounded(speed * 3.6, 1e3));
        if let Some(fast) = speed.filter(|speed| !(0.0..=SPEED_MAX).contains(speed)) {
            return Err(format!("vehicle `{}` drives {fast} km/h; 0 to {SPEED_MAX} are believed", short(&id)));
        }
        let class = self.class(class.as_deref().unwrap_or("passenger"))?;
        let tracker = self.tracker(&id)?;
        let sequence = tracker.next;
        tracker.next += 1;
        let reading = Position {
            vehicle_id: Text::clone(&tracker.vehicle),
            vehicle_class: class,
            ignition: true,
            fix: Fix::ThreeD,
            // A ten-millionth of a degree is a centimetre.
            latitude: Some(rounded(latitude, 1e7)),
            longitude: Some(rounded(longitude, 1e7)),
            speed,
            direction: angle.map(|angle: f64| rounded(angle.rem_euclid(360.0), 1e2)),
            hdop: None,
        };
        let device = tracker.device.clone();
        Ok(Step::Said(Box::new(Record { device, epoch: 0, sequence, time, reading: reading.into() })))
    }

    /// A vehicle's type as a text that many records share.
    fn class(&mut self, word: &str) -> Result<Text, String> {
        if let Some(known) = self.classes.get(word) {
            return Ok(Text::clone(known));
        }
        if word.len() > TEXT_MAX {
            return Err(format!("the type `{}` is longer than {TEXT_MAX} bytes", short(word)));
        }
        let class = Text::from(word);
        // SUMO may give every vehicle a type of its own; there are no more of them than vehicles.
        self.classes.insert(Text::clone(&class));
        Ok(class)
    }

    /// The tracker of a vehicle; two vehicles never share one, though a device's name holds fewer characters than theirs.
    fn tracker(&mut self, id: &str) -> Result<&mut Tracker, String> {
        if !self.trackers.contains_key(id) {
            if id.len() > TEXT_MAX {
                return Err(format!("the id `{}` is longer than {TEXT_MAX} bytes", short(id)));
            }
            if self.trackers.len() >= VEHICLES_MAX {
                return Err(format!("there are more than {VEHICLES_MAX} vehicles; send the file in parts"));
            }
            let mut device = DeviceId::of(ReadingKind::Position, id);
            if self.devices.contains(&device) {
                let hash = blake3::hash(id.as_bytes()).to_hex();
                let head: String = id.chars().take(32).collect();
                device = DeviceId::of(ReadingKind::Position, &format!("{}-{head}", &hash[..16]));
            }
            self.devices.insert(device.clone());
            self.trackers.insert(id.to_owned(), Tracker { device, vehicle: Text::from(id), next: 0 });
        }
        self.trackers.get_mut(id).ok_or_else(|| "a vehicle is not remembered".to_owned())
    }
}

/// What an event of the file came to.
enum Step {
    Nothing,
    Said(Box<Record>),
    End,
}

/// Hands over an element's attributes, one after the other.
fn attributes(element: &BytesStart<'_>, mut take: impl FnMut(&str, &str) -> Result<(), String>) -> Result<(), String> {
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|error| format!("is not XML: {error}"))?;
        let value =
            attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| format!("is not XML: {error}"))?;
        take(attribute.key.as_ref(), &value)?;
    }
    Ok(())
}

/// A number of an attribute.
fn number(name: &str, value: &str) -> Result<f64, String> {
    let number = value.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| format!("{name}=\"{}\" is no number", short(value)))
}

/// A time as SUMO writes it [s]: seconds, or `[days:]hours:minutes:seconds` (`--human-readable-time`).
fn seconds(text: &str) -> Option<f64> {
    let mut parts = text.trim().rsplit(':');
    let mut sum: f64 = parts.next()?.parse().ok()?;
    for worth in [60.0, 3600.0, 86_400.0] {
        let Some(part) = parts.next() else { break };
        sum += f64::from(part.parse::<u32>().ok()?) * worth;
    }
    (parts.next().is_none() && (0.0..=TIME_MAX).contains(&sum)).then_some(sum)
}

fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

/// The beginning of a text that may be of any length, for a complaint.
fn short(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

/// A source that counts lines, and ends an element that is too long.
struct Counted<R> {
    inner: R,
    /// The line that is being read, from 1.
    line: u64,
    /// Bytes since the element began.
    since: usize,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let taken = self.fill_buf()?.read(out)?;
        self.consume(taken);
        Ok(taken)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.since > ELEMENT_MAX {
            return Err(io::Error::other(format!("an element or a text is longer than {ELEMENT_MAX} bytes")));
        }
        let bytes = self.inner.fill_buf()?;
        // In pieces, so that a limit is met within what the buffer holds.
        Ok(&bytes[..bytes.len().min(ELEMENT_MAX)])
    }

    fn consume(&mut self, taken: usize) {
        if let Ok(bytes) = self.inner.fill_buf() {
            self.line += bytes.iter().take(taken).filter(|byte| **byte == b'\n').count() as u64;
        }
        self.since += taken;
        self.inner.consume(taken);
    }
}

#[cfg(test)]
#[path = "fcd/tests.rs"]
mod tests;
