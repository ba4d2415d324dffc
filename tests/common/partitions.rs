//! A city's records through the operators of four partitions and the second stage, without wire and stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use citytwin::pipeline::analytics::{
    Analyst, AnalystCounts, AnalystSettings, Event, IncidentDetector, RoadIndex, RoadMinute, Row,
};
use citytwin::pipeline::ingest::{Intake, IntakeSettings, Taken};
use citytwin::pipeline::transport::partition_of;
use citytwin::primitives::Timestamp;
use citytwin::telemetry::{Record, TopicMap, json};

const PARTITIONS: u16 = 4;

/// Everything that was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// By partition as they were told, then those of the whole city.
    pub(crate) events: Vec<Event>,
    /// All but events and minutes of roads.
    pub(crate) rows: Vec<Row>,
    /// By partition.
    pub(crate) counts: Vec<AnalystCounts>,
}

/// Feeds records in the order of arrival.
pub(crate) fn analyse(records: impl Iterator<Item = Record>, roads: &Arc<RoadIndex>) -> Found {
    let topics = TopicMap::new("city");
    let desk = |partition| {
        let settings = AnalystSettings::new(partition, Some(Arc::clone(roads)));
        (Intake::new(partition, IntakeSettings::default()), Analyst::new(settings))
    };
    let mut desks: Vec<(Intake, Analyst)> = (0..PARTITIONS).map(desk).collect();
    let (mut found, mut minutes) = (Found::default(), BTreeMap::<Timestamp, Vec<RoadMinute>>::new());
    let mut take = |rows: Vec<Row>, found: &mut Found| {
        for row in rows {
            match row {
                Row::Event(event) => found.events.push(event),
                Row::Minute(minute) => minutes.entry(minute.start).or_default().push(minute),
                row => found.rows.push(row),
            }
        }
    };
    let mut payload = Vec::new();
    for (offset, record) in (0..).zip(records) {
        let topic = topics.topic(record.kind(), &record.device);
        let (intake, analyst) = &mut desks[usize::from(partition_of(&topic, PARTITIONS))];
        payload.clear();
        json::encode(&record, &mut payload);
        let mut taken = Some(intake.take(offset, &topic, &payload, &topics));
        while let Some(one) = taken {
            if let Taken::Fresh { record, .. } = one {
                analyst.observe(&record, intake.watermark());
            }
            taken = intake.decided();
        }
        take(analyst.take_rows(), &mut found);
    }
    for (_, analyst) in &mut desks {
        analyst.finish();
        take(analyst.take_rows(), &mut found);
        found.counts.push(analyst.counts());
    }
    let mut detector = IncidentDetector::new();
    for (start, rows) in minutes {
        found.events.extend(detector.minute(start, &rows));
    }
    found
}
