//! What must hold of the whole page.

use super::fixture::Town;
use super::*;

fn page(input: &ReportInput<'_>) -> String {
    let mut bytes = Vec::new();
    write(input, &mut bytes).expect("a vector takes everything");
    String::from_utf8(bytes).expect("the page is UTF-8")
}

/// The town the other tests share, small enough to be quick.
fn town() -> Town {
    Town::new(7, 5, 400, 6)
}

/// A planner opens the page in a train or a sealed-off office; whatever it would fetch would be missing there.
#[test]
fn the_page_needs_nothing_from_outside() {
    let page = page(&town().input());
    for reach in ["http:", "https:", "src=", "href=", "url(", "@import", "<link", "<iframe", "fetch(", "import("] {
        assert!(!page.contains(reach), "{reach} reaches outside");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn hostile_names_are_shown_and_do_nothing() {
    let mut town = town();
    let hostile = "</script><script>alert(1)</script>\"'><img onerror=x>";
    for edge in &mut town.network.edges {
        edge.street = Some(hostile.to_owned());
    }
    town.backdrop.places[0].name = hostile.to_owned();
    town.backdrop.areas[0].name = Some(hostile.to_owned());
    let mut input = town.input();
    input.title = hostile;
    input.question = Some(hostile);
    input.manifest.push((hostile.to_owned(), hostile.to_owned()));
    let page = page(&input);
    assert!(!page.contains("<script>alert") && !page.contains("<img"));
    assert_eq!(page.matches("</script>").count(), 2, "only the page's own scripts end");
    assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("\\u003cscript\\u003ealert(1)"));
}

#[test]
fn the_verdict_and_the_flags_come_before_any_figure() {
    let mut town = town();
    town.outcome.last_resort_moves = 7;
    town.outcome.interrupted = true;
    let page = page(&town.input());
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    let order = [
        "trips finished; the mean trip took",
        "Partial result.",
        "Can this result be trusted?",
        "Last-resort moves",
        "Mean trip time",
        "Where time is lost",
    ];
    assert!(order.map(place).is_sorted());
    assert!(page.contains("Last-resort moves <span class=\"value\">7</span>"));
}

/// The headline once counted trips of the warm-up beside a mean of those after it: 3,899 of 4,164 and a mean of 3,407.
#[test]
fn headline_and_key_figures_are_of_the_same_trips() {
    let mut town = town();
    let whole = page(&town.input());
    let all = town.outcome.trips.len();
    assert!(whole.contains(&format!("{} of {all} trips finished; the mean trip took", town.outcome.arrived)));
    // Somebody due never got in; that counts against the measured trips.
    town.outcome.loaded += 5;
    let from = town.outcome.begin + crate::primitives::SimDuration::seconds(600.0);
    town.outcome.trips.retain(|trip| trip.depart >= from);
    let measured = town.outcome.trips.len();
    let times: Vec<f64> = town
        .outcome
        .trips
        .iter()
        .filter(|trip| trip.arrival.is_some())
        .map(|trip| trip.duration.as_seconds())
        .collect();
    let (finished, due) = (u32::try_from(times.len()).expect("few"), u32::try_from(measured + 5).expect("few"));
    let mean = markup::span(times.iter().sum::<f64>() / f64::from(finished));
    let page = page(&town.input());
    let headline = format!("Of {due} trips begun after the warm-up, {finished} finished; the mean trip took {mean}");
    assert!(page.replace('\u{a0}', " ").contains(&headline), "{headline}");
    assert!(page.contains(&format!("{} trips begun in the warm-up filled the roads", all - measured)));
    let share = markup::per_cent(f64::from(finished), f64::from(due));
    assert!(page.contains(&format!("<dt>Trips finished</dt><dd>{share}</dd>")), "{share}");
    assert!(page.contains(&format!("Measured over {finished} finished trips.")));
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    assert_eq!(page(&town().input()), page(&town().input()));
}

/// Mail servers and phones refuse big pages: 5,000 roads over a day of five-minute intervals stay below 5 MB.
#[test]
fn a_large_city_stays_below_five_megabytes() {
    let mut town = Town::new(40, 36, 300, 12);
    assert!(town.network.roads().count() >= 5000, "{}", town.network.roads().count());
    let hour = town.outcome.roads.intervals.clone();
    town.outcome.roads.intervals = hour.iter().cycle().take(288).cloned().collect();
    let bytes = page(&town.input()).len();
    assert!(bytes < 5_000_000, "{bytes}");
}

#[test]
fn a_run_in_which_nothing_happened_has_a_page() {
    let mut town = town();
    town.outcome = Outcome::default();
    let page = page(&town.input());
    assert!(
        page.contains("No vehicle was due") && page.contains("No trip was finished") && page.contains("nobody drove")
    );
    assert!(!page.contains(">NaN") && !page.contains("NaN<") && !page.contains(">inf"));
}

#[test]
fn an_empty_map_has_a_page() {
    let mut town = town();
    town.network.edges.clear();
    town.network.lanes.clear();
    town.network.junctions.clear();
    town.outcome.roads.intervals.clear();
    assert!(page(&town.input()).contains("nobody drove"));
}

/// Figures that are not numbers must not reach the page, whatever the run did.
#[test]
fn broken_figures_are_dashes() {
    let mut town = town();
    for instant in &mut town.outcome.city {
        instant.speed_mean = f64::NAN;
    }
    for road in town.outcome.roads.intervals.iter_mut().flatten() {
        road.time_loss = f64::NAN;
        road.travelled = f64::INFINITY;
    }
    let page = page(&town.input());
    assert!(!page.contains("NaN<") && !page.contains(">inf") && !page.contains("inf,"));
}

/// Every colour and class the page uses without a script is in the style sheet, and each figure is named for listeners.
#[test]
fn the_page_is_readable_without_script_and_without_eyes() {
    let page = page(&town().input());
    assert!(page.contains("class=\"w2 c") && page.contains(".c6{"));
    assert_eq!(page.matches("<h1>").count(), 1);
    assert_eq!(page.matches("role=\"img\" aria-label=\"").count(), 9, "the map, and four figures in two sizes");
    assert!(page.contains("<caption><span>The ten roads where most time is lost"));
    assert!(page.contains("prefers-color-scheme:dark") && page.contains("@media print"));
}
