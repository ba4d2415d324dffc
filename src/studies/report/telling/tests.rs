//! What must hold of the sections on telemetry.

#![expect(clippy::cast_precision_loss, reason = "the town is small and its numbers are invented")]

use std::collections::BTreeSet;

use super::super::fixture::Town;
use super::*;
use crate::primitives::{SimDuration, SimTime};

fn page(town: &Town, telling: Option<&Telling>) -> String {
    let mut bytes = Vec::new();
    let input = ReportInput { telling, ..town.input() };
    super::super::write(&input, &mut bytes).expect("a vector takes everything");
    String::from_utf8(bytes).expect("the page is UTF-8")
}

fn town() -> Town {
    Town::new(6, 5, 400, 12)
}

/// The page with its tags taken out and its blanks made single, as a reader sees it.
fn read(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for character in page.chars() {
        match character {
            '<' => inside = true,
            '>' => {
                inside = false;
                text.push(' ');
            }
            _ if !inside => text.push(character),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a number that is none stands in the sections on telemetry.
fn has_broken_figures(page: &str) -> bool {
    let (begin, end) =
        (page.find("id=\"told\"").expect("the first"), page.find("id=\"definitions\"").expect("the next"));
    let told = &page[begin..end];
    told.contains("NaN") || told.contains(">inf") || told.contains("inf ") || told.contains("-inf")
}

#[track_caller]
fn says(page: &str, sentence: &str) {
    let text = read(page);
    assert!(text.contains(sentence), "missing: {sentence}");
}

fn window(road: &str, interval: f64, flow: f64, speed: f64) -> RoadWindow {
    RoadWindow {
        road: road.to_owned(),
        begin: SimTime::seconds(25_200.0 + 300.0 * interval),
        length: SimDuration::seconds(300.0),
        flow: Some(flow),
        speed: Some(speed),
        occupancy: Some(5.0),
        congestion: Some(Congestion::Free),
        loops: 1,
        cameras: 0,
        trackers: 0,
    }
}

#[test]
fn a_city_without_devices_has_the_page_it_always_had() {
    let page = page(&town(), None);
    for trace in ["What the city told", "phase-1:", "The balance", "Balance of records", "class=\"told\""] {
        assert!(!page.contains(trace), "{trace}");
    }
}

#[test]
fn the_same_telling_gives_the_same_bytes_in_any_order() {
    let town = town();
    let telling = fixture::telling(&town);
    let first = page(&town, Some(&telling));
    assert_eq!(first, page(&town, Some(&fixture::telling(&town))));
    let mut turned = telling;
    turned.roads.reverse();
    turned.calls.reverse();
    turned.incidents.reverse();
    turned.air.reverse();
    turned.parking.reverse();
    turned.balance.reasons.reverse();
    assert!(first == page(&town, Some(&turned)), "partitions of the stores are read in any order");
}

/// Sums and rates as a council would check them with a pocket calculator.
#[test]
fn the_balance_is_printed_as_it_adds_up() {
    let town = town();
    let page = page(&town, Some(&fixture::telling(&town)));
    assert_eq!(636_478 + 6 + 1330, 637_814);
    says(&page, "Emitted 637,814 = stored 636,478 + quarantined 6 + lost 1,330 + unexplained 0.");
    says(&page, "Records per simulated second 177");
    says(&page, "position 612,480 611,250 6 1,224 0 0 0");
    says(&page, "All 637,814 636,478 6 1,330 0 0 0");
    says(&page, "not_json 4 unknown_type 2");
    says(&page, "Balance of records closes");
}

/// A page that says "closes" above a table that does not would be worse than none.
#[test]
fn a_balance_that_does_not_close_is_said_at_the_top() {
    let town = town();
    let check = |spoil: fn(&mut Balance), sentence: &str| {
        let mut telling = fixture::telling(&town);
        spoil(&mut telling.balance);
        let page = page(&town, Some(&telling));
        says(&page, sentence);
        says(&page, "The balance does not close");
        let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
        assert!(place("Balance of records <span") < place("Mean trip time"));
        assert!(!read(&page).contains("The balance closes"));
    };
    check(|balance| balance.closes = false, "Balance of records does not close");
    check(|balance| balance.kinds[0].1.stored -= 1, "does not close");
    check(|balance| balance.total.doubled = 3, "does not close: 3 doubled.");
    check(
        |balance| {
            balance.total.stored -= 2;
            balance.total.unexplained = 2;
            balance.worst = vec![("gps-car_7".to_owned(), Account { unexplained: 2, ..fixture::account(9, 0, 0) })];
        },
        "does not close: 2 unexplained, 1 device with an open account.",
    );
    check(
        |balance| balance.worst = vec![("loop-1".to_owned(), Account { unexplained: -1, ..Account::default() })],
        "loop-1 0 0 0 0 −1 0 0",
    );
}

/// Two loops whose errors are known to the vehicle: the page must find just these.
#[test]
fn errors_of_the_sensors_are_those_one_finds_by_hand() {
    let mut town = town();
    let length = town.network.edges[0].length.as_metres();
    for interval in &mut town.outcome.roads.intervals {
        // 50 vehicles over the whole road in 5 minutes are 600 veh/h; at 10 m/s that is 36 km/h.
        let road = &mut interval[0];
        (road.travelled, road.sampled_seconds, road.entered, road.left) = (50.0 * length, 5.0 * length, 50, 50);
    }
    let heard = [(0.0, 630.0, 38.0), (1.0, 590.0, 36.0), (2.0, 600.0, 37.0)];
    let roads = heard.map(|(interval, flow, speed)| window("e0", interval, flow, speed)).to_vec();
    let page = page(&town, Some(&Telling { roads, ..Telling::default() }));
    // Errors +30, −10 and 0 veh/h: mean 20/3, root mean square √(1000/3). Speeds +2, 0 and +1 km/h: mean 1, √(5/3).
    says(&page, "3 pairs; mean error 6.7 veh/h, RMSE 18.3 veh/h.");
    says(&page, "3 pairs; mean error 1.0 km/h, RMSE 1.3 km/h.");
    says(&page, "Flow, mean error 6.7 veh/h");
    says(&page, "e0 607 600 37.0 36.0");
    says(&page, "heard between 590 and 630 veh/h; true between 600 and 600 veh/h.");
    says(&page, "No road was heard to be heavily congested");
}

/// Mean, median and 90th percentile by counting, and the call nobody reached named beside them.
#[test]
fn response_times_are_those_of_the_calls_reached() {
    let town = town();
    let calls: Vec<Call> = (0..26).map(fixture::call).collect();
    let page = page(&town, Some(&Telling { calls: calls.clone(), ..Telling::default() }));
    let mut seconds: Vec<i64> = calls
        .iter()
        .filter(|call| call.priority == Priority::C2)
        .filter_map(|call| Some((call.chain.arrive? - call.chain.call?).as_milliseconds() / 1000))
        .collect();
    seconds.sort_unstable();
    assert_eq!(seconds.len(), 13);
    // With 13 values the median is the 7th, and the 90th percentile lies at 0.9 × 12 = 10.8 behind the first; in tenths, rounded.
    let p90 = (2 * seconds[10] + 8 * seconds[11] + 5) / 10;
    let mean = (2 * seconds.iter().sum::<i64>() + 13) / 26;
    let clock = |seconds: i64| format!("{}:{:02}", seconds / 60, seconds % 60);
    let (mean, median, p90) = (clock(mean), clock(seconds[6]), clock(p90));
    says(&page, &format!("C2 emergency 13 13 {mean} {median} {p90} mean 18:00, 9 in 10 40:00 kept"));
    says(&page, "1 call was not reached by the end of the run.");
    says(&page, "C1 life-threatening 5 4");
    let within = calls.iter().filter_map(|call| Some((call.chain.arrive? - call.chain.enroute?).as_seconds()));
    let (many, kept) = within.fold((0, 0), |(many, kept), s| (many + 1, kept + i32::from(s <= 240.0)));
    says(&page, &format!("4:00 for 9 in 10 NFPA 1710 {:.0} %", f64::from(kept) / f64::from(many) * 100.0));
}

#[test]
fn incidents_have_their_street_and_say_when_they_stay() {
    let town = town();
    let page = page(&town, Some(&fixture::telling(&town)));
    let street = |road: usize| town.network.edges[road].street.clone().expect("a street");
    says(&page, &format!("inc-1 crash {} e12 2 07:20 07:45", street(12)));
    says(&page, &format!("inc-2 breakdown {} e40 1 07:40 still there at the end", street(40)));
}

#[test]
fn nothing_told_is_said_and_leaves_no_broken_figure() {
    let town = town();
    let page = page(&town, Some(&Telling::default()));
    for sentence in [
        "No device told anything.",
        "No loop, camera or tracker told of any road.",
        "No record was emitted, so there is nothing to account for.",
    ] {
        says(&page, sentence);
    }
    for section in ["id=\"emergencies\"", "id=\"air\"", "id=\"parking\"", "<title id="] {
        assert!(!page.contains(section), "{section}");
    }
}

/// One of everything is too little for most figures; the page says so and shows what it has.
#[test]
fn one_of_everything_is_shown_without_figures() {
    let town = town();
    let mut telling = fixture::telling(&town);
    telling.roads.truncate(1);
    telling.calls.truncate(1);
    telling.incidents.truncate(1);
    telling.air.truncate(1);
    telling.parking.truncate(1);
    let page = page(&town, Some(&telling));
    says(&page, "There is only one window, and no course of time to draw.");
    says(&page, "There are too few pairs of measured and true to draw.");
    says(&page, "There are too few calls to draw; the table has each of them.");
    says(&page, "There is only one instant, and no course of time to draw.");
    says(&page, "call-000");
    assert!(!has_broken_figures(&page));
}

/// Whatever a hostile or broken device made the stores hold, the page stays a page.
#[test]
fn numbers_that_are_none_do_not_reach_the_page() {
    let town = town();
    let mut telling = fixture::telling(&town);
    let wrong = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e300, 1e300];
    for (i, window) in telling.roads.iter_mut().enumerate().take(50) {
        (window.flow, window.speed) = (Some(wrong[i % 5]), Some(wrong[(i + 1) % 5]));
        window.occupancy = Some(wrong[i % 3]);
    }
    for (i, window) in telling.air.iter_mut().enumerate().take(50) {
        (window.pm2_5, window.no2_true) = (wrong[i % 5], Some(wrong[(i + 2) % 5]));
    }
    for (i, call) in telling.calls.iter_mut().enumerate() {
        call.chain.arrive = Some([SimTime::milliseconds(-1_000_000), SimTime::MAX, SimTime::ZERO][i % 3]);
    }
    telling.grading[0].found.rms = Some(f64::NAN);
    telling.parking[0].bays = 0;
    telling.balance.total.stored = u64::MAX;
    telling.balance.total.unexplained = i64::MIN;
    telling.balance.reasons.push(("more".to_owned(), u64::MAX));
    let page = page(&town, Some(&telling));
    assert!(!has_broken_figures(&page));
    says(&page, "with instants in the wrong order");
}

#[test]
fn hostile_names_are_shown_and_do_nothing() {
    let town = town();
    let hostile = || "</script><script>alert(1)</script>\"'><img onerror=x>".to_owned();
    let mut telling = fixture::telling(&town);
    telling.balance.kinds[0].0 = hostile();
    telling.balance.reasons[0].0 = hostile();
    telling.balance.worst = vec![(hostile(), Account::default())];
    telling.roads.push(RoadWindow { road: hostile(), ..window("", 0.0, 9000.0, 1.0) });
    telling.roads.push(RoadWindow { congestion: Some(Congestion::Stopped), ..telling.roads[0].clone() });
    for grade in &mut telling.grading {
        (grade.device, grade.quantity, grade.unit) = (hostile(), hostile(), hostile());
    }
    for call in &mut telling.calls {
        (call.id, call.unit, call.hospital) = (hostile(), Some(hostile()), Some(hostile()));
    }
    for incident in &mut telling.incidents {
        (incident.id, incident.kind, incident.road) = (hostile(), hostile(), hostile());
    }
    telling.air.iter_mut().for_each(|window| window.station = hostile());
    let page = page(&town, Some(&telling));
    assert!(!page.contains("<script>alert") && !page.contains("<img"));
    assert_eq!(page.matches("</script>").count(), 2, "only the page's own scripts end");
    assert!(page.matches("&lt;script&gt;alert(1)").count() > 20);
}

#[test]
fn figures_and_tables_are_named_for_listeners() {
    let town = town();
    let page = page(&town, Some(&fixture::telling(&town)));
    let drawn = page.matches("<title id=").count();
    assert_eq!(drawn, 2 * 12, "4 of flows, 3 of emergencies, 4 of air, 1 of parking, in two sizes");
    assert_eq!(page.matches("<desc id=").count(), drawn);
    assert_eq!(page.matches("<table").count(), page.matches("<caption").count());
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "two elements share an id");
    for reference in ["aria-labelledby=\"", "aria-describedby=\""] {
        for target in page.split(reference).skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(ids.contains(&target), "{target}");
        }
    }
}

/// A day of a city of 1,000 sensed roads, 3,000 calls and 200 stations: mail servers refuse big pages.
#[test]
fn a_day_of_a_large_city_stays_small() {
    let town = town();
    let mut telling = fixture::telling(&town);
    let road = |i: usize| format!("e{}", i % town.network.edges.len());
    telling.roads = (0..20_000).map(|i| window(&road(i), (i / 1000) as f64, i as f64, 30.0)).collect();
    telling.calls =
        (0..3000).map(|i| Call { unit: Some(format!("amb-{}", i % 90)), ..fixture::call(i % 400) }).collect();
    telling.air = telling.air.iter().cycle().take(4800).cloned().collect();
    telling.balance.reasons = (0..5000).map(|i| (format!("reason-{i}"), 1)).collect();
    telling.balance.worst = (0..5000).map(|i| (format!("gps-{i}"), Account::default())).collect();
    let (bare, told) = (page(&town, None).len(), page(&town, Some(&telling)).len());
    assert!(told - bare < 1_500_000, "{told} {bare}");
}
