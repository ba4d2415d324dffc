//! What SUMO writes becomes records; what it would never write becomes one sentence with a line.

use std::io::Write as _;

use super::*;
use crate::telemetry::json;

fn noon() -> Timestamp {
    Timestamp::midnight("2026-06-02").expect("a day")
}

#[expect(clippy::unnecessary_wraps, reason = "a place may have no degrees")]
fn geographic(point: Point) -> Option<(f64, f64)> {
    Some((point.x, point.y))
}

fn read_all(bytes: &[u8]) -> Result<(Vec<Record>, u64), FcdError> {
    let mut reader = FcdReader::new(PathBuf::from("x.xml"), bytes, noon(), &geographic)?;
    let mut records = Vec::new();
    while let Some(record) = reader.read()? {
        records.push(record);
    }
    Ok((records, reader.left_out()))
}

const TWO_STEPS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- generated -->
<fcd-export xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
    <timestep time="25200.00">
        <vehicle id="a &amp; b" x="6.95" y="50.94" angle="360.00" type="bus" speed="13.89" pos="5.10" lane="e_0" slope="0.00"/>
        <vehicle id="a _ b" x="6.96" y="50.95" angle="90.00" type="car" speed="0.00"/>
        <person id="p" x="6.9" y="50.9" speed="1"/>
    </timestep>
    <timestep time="0:07:00:01.50"><vehicle id="a &amp; b" x="6.97" y="50.94"></vehicle></timestep>
    <timestep time="25202"/>
</fcd-export>
"#;

#[test]
fn every_vehicle_of_every_step_is_said_once_by_its_own_device() {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(TWO_STEPS.as_bytes()).expect("memory");
    let packed = packer.finish().expect("memory");
    for bytes in [TWO_STEPS.as_bytes(), &packed] {
        let (records, left_out) = read_all(bytes).expect("it is sound");
        assert_eq!(left_out, 1);
        let told: Vec<(&str, u64, String)> =
            records.iter().map(|record| (record.device.as_str(), record.sequence, record.time.to_string())).collect();
        let other = records[1].device.as_str();
        assert!(other != "gps-a___b" && other.starts_with("gps-"), "{other}");
        let (seven, later) = ("2026-06-02T07:00:00.000Z".to_owned(), "2026-06-02T07:00:01.500Z".to_owned());
        assert_eq!(told, [("gps-a___b", 0, seven.clone()), (other, 0, seven), ("gps-a___b", 1, later)]);
        for record in &records {
            let mut bytes = Vec::new();
            json::encode(record, &mut bytes);
            assert_eq!(json::decode(&bytes).as_ref(), Ok(record));
        }
        let crate::telemetry::Reading::Position(first) = &records[0].reading else { panic!("a position") };
        assert_eq!((first.speed, first.direction, &*first.vehicle_id), (Some(50.004), Some(0.0), "a & b"));
    }
}

#[test]
fn what_is_no_floating_car_data_is_said_in_a_sentence_with_its_line() {
    let step = |inside: &str| format!("<fcd-export>\n<timestep time=\"1\">\n{inside}\n</timestep></fcd-export>");
    let long = "x".repeat(2 * ELEMENT_MAX);
    let deep = "<a>".repeat(DEPTH_MAX);
    let cases = [
        (String::new(), 1, "there is no `fcd-export`"),
        ("hello".to_owned(), 1, "there is no `fcd-export`"),
        ("<net>\n</net>".to_owned(), 1, "the file begins with <net>"),
        ("<fcd-export>\n<timestep time=\"1\">\n".to_owned(), 3, "the file is cut off"),
        ("<fcd-export>\n<timestep time=\"1\"></fcd-export>".to_owned(), 2, "is not XML"),
        ("<fcd-export>\n<timestep/></fcd-export>".to_owned(), 2, "a <timestep> has no `time`"),
        ("<fcd-export><timestep time=\"NaN\"/></fcd-export>".to_owned(), 1, "time=\"NaN\" is no time"),
        ("<fcd-export><timestep time=\"2\"/>\n<timestep time=\"1\"/></fcd-export>".to_owned(), 2, "time goes back"),
        (step("<vehicle x=\"1\" y=\"1\"/>"), 3, "a <vehicle> has no `id`"),
        (step("<vehicle id=\"a\" x=\"1\"/>"), 3, "vehicle `a` has no `x` and `y`"),
        (step("<vehicle id=\"a\" x=\"nan\" y=\"1\"/>"), 3, "x=\"nan\" is no number"),
        (step("<vehicle id=\"a\" x=\"1234\" y=\"1\"/>"), 3, "x=\"1234\" y=\"1\" is no place on earth"),
        (step("<vehicle id=\"a\" x=\"1\" y=\"1\" speed=\"-1\"/>"), 3, "vehicle `a` drives -3.6 km/h"),
        (step("<vehicle id=\"&boom;\" x=\"1\" y=\"1\"/>"), 3, "is not XML"),
        (step(&format!("<vehicle id=\"{long}\" x=\"1\" y=\"1\"/>")), 3, "cannot be read: an element"),
        (step(&format!("<vehicle id=\"{}\" x=\"1\" y=\"1\"/>", &long[..300])), 3, "the id `xxx"),
        (step(&deep), 3, "elements are nested"),
    ];
    for (text, line, reason) in cases {
        let error = read_all(text.as_bytes()).expect_err(reason);
        assert!(error.reason.starts_with(reason), "{}: {error}", short(&text));
        assert_eq!(error.line, line, "{error}");
    }
    assert!(read_all(&[0x1f, 0x8b, 1, 2, 3]).is_err(), "a damaged gzip");
    assert!(read_all(b"<fcd-export>\xff\xfe</fcd-export><").is_err(), "no text");
}
