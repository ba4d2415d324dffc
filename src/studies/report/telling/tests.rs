//! What must hold of the sections on telemetry.

use super::super::fixture::Town;
use super::*;

fn page(town: &Town, telling: Option<&Telling>) -> String {
    let mut bytes = Vec::new();
    let input = ReportInput { telling, ..town.input() };
    super::super::write(&input, &mut bytes).expect("a vector takes everything");
    String::from_utf8(bytes).expect("the page is UTF-8")
}

#[test]
fn the_same_telling_gives_the_same_bytes() {
    let town = Town::new(6, 5, 400, 12);
    let telling = fixture::telling(&town);
    assert_eq!(page(&town, Some(&telling)), page(&town, Some(&fixture::telling(&town))));
}
