//! From a device to a browser: trackers tell a served real city where vehicles are, by the clock of this machine, and a client of the
//! socket waits for each in the frames that it is sent.
//!
//! The whole way: MQTT, the log, a worker, the live state, a scene, a frame. Every position that is measured is the first of its vehicle,
//! so that the number of vehicles in the head of a frame says when it has come.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, SystemTime};

use super::{Asker, Served, now};
use crate::{ports, root};

/// Vehicles that are there from the beginning, each of which tells where it is once a second.
const FLEET: u32 = 200;
/// Vehicles that come one after another, and are waited for.
const COMERS: u32 = 240;
/// How long after one the next comes. No divisor of how often scenes are made, so that all delays are met.
const BETWEEN: Duration = Duration::from_millis(253);
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long each vehicle took to be shown [s], the quickest first.
pub(super) fn measured() -> Result<Vec<f64>, String> {
    let mqtt = format!("127.0.0.1:{}", ports::claim()?);
    let words = ["--scenario", "scenarios/live_city.yaml", "--mqtt", &mqtt, "--real"];
    let served = Served::start(&words, &root().join("target/users-real"))?;
    let (_, roads) = Asker::connect(served.port)?.get("/api/v1/map/roads")?;
    let mut trackers = Trackers::connect(&mqtt, place(&roads).ok_or("no road on the map")?)?;
    let frames = watch(served.port)?;
    for vehicle in 0..FLEET {
        trackers.tell(vehicle)?;
    }
    let mut shown = 0;
    while shown < FLEET {
        shown = frames.recv_timeout(PATIENCE).map_err(|_| format!("{shown} of {FLEET} vehicles were shown"))?.1;
    }
    let (mut took, mut awaited) = (Vec::new(), VecDeque::new());
    let mut due = now();
    for comer in 0..COMERS {
        due += BETWEEN;
        while let Some(left) = due.checked_duration_since(now()).filter(|left| !left.is_zero()) {
            thread::park_timeout(left);
        }
        let vehicle = FLEET + comer;
        awaited.push_back((vehicle, now()));
        trackers.tell(vehicle)?;
        for known in (0..FLEET).filter(|known| known % 4 == comer % 4) {
            trackers.tell(known)?;
        }
        while let Ok((at, shown)) = frames.try_recv() {
            see(&mut awaited, &mut took, at, shown);
        }
    }
    while !awaited.is_empty() {
        let (at, shown) = frames.recv_timeout(PATIENCE).map_err(|_| format!("{} were never shown", awaited.len()))?;
        see(&mut awaited, &mut took, at, shown);
    }
    took.sort_by(f64::total_cmp);
    Ok(took)
}

/// A frame of so many vehicles has come: whoever is in it has been waited for long enough.
fn see(awaited: &mut VecDeque<(u32, std::time::Instant)>, took: &mut Vec<f64>, at: std::time::Instant, shown: u32) {
    while let Some((_, told)) = awaited.pop_front_if(|(vehicle, _)| *vehicle < shown) {
        took.push(at.saturating_duration_since(told).as_secs_f64());
    }
}

/// A place on a road, and the heading along it: longitude, latitude, degrees clockwise from north.
fn place(roads: &str) -> Option<(f64, f64, f64)> {
    let line = roads.split("\"coordinates\":[[").nth(1)?.split("]]").next()?;
    let mut points = line.split("],[").filter_map(|point| {
        let (lon, lat) = point.split_once(',')?;
        Some((lon.trim().parse::<f64>().ok()?, lat.trim().parse::<f64>().ok()?))
    });
    let (from, to) = (points.next()?, points.next()?);
    let (east, north) = ((to.0 - from.0) * from.1.to_radians().cos(), to.1 - from.1);
    Some((f64::midpoint(from.0, to.0), f64::midpoint(from.1, to.1), east.atan2(north).to_degrees().rem_euclid(360.0)))
}

/// Trackers on one connection.
struct Trackers {
    stream: TcpStream,
    place: (f64, f64, f64),
    /// Records of each vehicle so far.
    told: Vec<u32>,
}

impl Trackers {
    fn connect(address: &str, place: (f64, f64, f64)) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{address}: {error}");
        let mut stream = TcpStream::connect(address).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        // CONNECT of MQTT 3.1.1: a clean session, no keep-alive, and a name.
        let name = b"users";
        let mut hello = vec![0x10, 17, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 5];
        hello.extend(name);
        stream.write_all(&hello).map_err(failed)?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).map_err(failed)?;
        if answer != [0x20, 2, 0, 0] {
            return Err(format!("{address} does not let trackers in: {answer:?}"));
        }
        let told = vec![0; usize::try_from(FLEET + COMERS).unwrap_or(0)];
        Ok(Self { stream, place, told })
    }

    /// Tells where a vehicle is now, as its tracker does.
    #[expect(clippy::disallowed_methods, reason = "a real device goes by the clock on the wall")]
    fn tell(&mut self, vehicle: u32) -> Result<(), String> {
        let (longitude, latitude, direction) = self.place;
        let told = &mut self.told[vehicle as usize];
        let record = format!(
            "{{\"type\":\"position\",\"device\":\"gps-{vehicle}\",\"epoch\":0,\"seq\":{told},\"timestamp\":\"{}\",\
             \"vehicle_id\":\"{vehicle}\",\"vehicle_class\":\"passenger\",\"ignition\":true,\"fix\":\"3d\",\
             \"latitude\":{latitude:.7},\"longitude\":{longitude:.7},\"speed\":30.0,\"direction\":{direction:.1},\"hdop\":1.0}}",
            written(SystemTime::now())
        );
        *told += 1;
        let topic = format!("gps_data/gps-{vehicle}");
        // PUBLISH of quality of service 0: the listener takes what is there.
        let body = [&length(topic.len()), topic.as_bytes(), record.as_bytes()].concat();
        let mut packet = vec![0x30];
        let mut left = body.len();
        while left >= 128 {
            packet.push(u8::try_from(left % 128 + 128).unwrap_or(0));
            left /= 128;
        }
        packet.push(u8::try_from(left).unwrap_or(0));
        packet.extend(body);
        self.stream.write_all(&packet).map_err(|error| format!("a tracker cannot tell: {error}"))
    }
}

/// Two bytes.
fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

/// An instant as RFC 3339 has it, in UTC and with milliseconds.
fn written(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (seconds, millis) = (since.as_secs(), since.subsec_millis());
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // The civil calendar, in years that begin in March, counted from 0000-03-01.
    let z = days + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + carry;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Looks at the live session of a server; of every frame when it came and how many vehicles there are.
fn watch(port: u16) -> Result<Receiver<(std::time::Instant, u32)>, String> {
    let failed = |error: std::io::Error| format!("the socket: {error}");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let request = format!(
        "GET /ws/realtime HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).map_err(failed)?;
        head.push(byte[0]);
    }
    if !head.starts_with(b"HTTP/1.1 101") {
        return Err(format!("the socket does not open: {}", String::from_utf8_lossy(&head)));
    }
    say(&mut stream, 1, br#"{"type":"subscribe","session":"live","bounds":[-180,-85,180,85]}"#).map_err(failed)?;
    let (tell, frames) = channel();
    thread::spawn(move || {
        while let Ok((kind, message)) = hear(&mut stream) {
            let answered = match (kind, message.as_slice()) {
                (9, ping) => say(&mut stream, 10, ping),
                // FRAME: type, version, flags, tick, time, speed, vehicles.
                (2, [1, rest @ ..]) if rest.len() >= 23 => {
                    let number = |at: usize| u32::from_le_bytes([rest[at], rest[at + 1], rest[at + 2], rest[at + 3]]);
                    if tell.send((now(), number(19))).is_err() {
                        return;
                    }
                    say(&mut stream, 1, format!("{{\"type\":\"ack\",\"tick\":{}}}", number(3)).as_bytes())
                }
                _ => Ok(()),
            };
            if answered.is_err() {
                return;
            }
        }
    });
    Ok(frames)
}

/// Sends a short message; clients mask what they say, here with nothing.
fn say(stream: &mut TcpStream, kind: u8, message: &[u8]) -> std::io::Result<()> {
    let length = u8::try_from(message.len()).unwrap_or(125).min(125);
    let head = [0x80 | kind, 0x80 | length, 0, 0, 0, 0];
    stream.write_all(&[&head, &message[..usize::from(length)]].concat())
}

/// The next message: its kind and what it is.
fn hear(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    stream.read_exact(&mut head)?;
    let length = match head[1] & 0x7f {
        126 => {
            let mut bytes = [0; 2];
            stream.read_exact(&mut bytes)?;
            u64::from(u16::from_be_bytes(bytes))
        }
        127 => {
            let mut bytes = [0; 8];
            stream.read_exact(&mut bytes)?;
            u64::from_be_bytes(bytes)
        }
        length => u64::from(length),
    };
    let mut message = vec![0; usize::try_from(length.min(64 << 20)).unwrap_or(0)];
    stream.read_exact(&mut message)?;
    Ok((head[0] & 15, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_written_as_devices_write_them() {
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        assert_eq!(written(at(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(written(at(951_827_696_789)), "2000-02-29T12:34:56.789Z");
        assert_eq!(written(at(1_780_383_987_001)), "2026-06-02T07:06:27.001Z");
    }

    #[test]
    fn a_place_on_the_first_road_is_between_its_points() {
        let roads = r#"{"features":[{"geometry":{"coordinates":[[11.0,48.0],[11.0,48.2]],"type":"LineString"}}]}"#;
        let (lon, lat, heading) = place(roads).expect("a road");
        assert!((lon - 11.0).abs() < 1e-9 && (lat - 48.1).abs() < 1e-9 && heading.abs() < 1e-9);
        assert!(place("{}").is_none());
    }
}
