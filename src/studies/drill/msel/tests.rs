//! Spreadsheets as planners save them, and as nobody should.

use proptest::prelude::*;

use super::super::model::{InjectKind, Medium};
use super::*;

fn read_text(text: &str) -> (Vec<Raw>, Vec<String>) {
    let mut findings = Findings::default();
    let injects = parse(text.as_bytes(), &Place::file("i.csv"), &mut findings);
    (injects, findings.problems().iter().map(ToString::to_string).collect())
}

fn text<'a>(cell: impl Into<Option<&'a Cell>>) -> &'a str {
    cell.into().map_or("", |cell| cell.text.as_str())
}

#[test]
fn a_sheet_is_read_whatever_its_order_names_and_separator() {
    let sheet = "\u{feff}Exercise Quince Bridge;;;;\r\n;;;;\r\nRecipient;Inject #;Date/Time;Inject description;Delivery method;Actual time;Expected outcome\r\n\
                 dispatcher;1;T+00:12;\"first line\nsecond \"\"line\"\"; more\";Telephone;;acknowledge within 2 min\r\n\
                 n/a;2;7:15 AM when units-free <= 1 for 2 min unless 1;Smoke;E-mail;;The dispatcher should think of the wind\r\n";
    let (injects, problems) = read_text(sheet);
    assert!(problems.is_empty(), "{problems:?}");
    let [first, second] = &injects[..] else { panic!("two: {injects:?}") };
    assert_eq!((text(&first.id), text(&first.at), text(&first.to)), ("1", "T+00:12", "dispatcher"));
    assert_eq!(text(&first.text), "first line\nsecond \"line\"; more");
    assert_eq!((first.by, text(&first.expect)), (Some(Medium::Phone), "acknowledge within 2 min"));
    assert_eq!((text(&second.at), text(&second.lasting), text(&second.unless)), ("07:15:00", "2 min", "1"));
    assert_eq!(second.when[0].text, "units-free <= 1");
    assert_eq!((second.to.is_none(), second.by), (true, Some(Medium::Email)));
    assert_eq!(text(&second.notes), "Expected: The dispatcher should think of the wind");
    assert!(second.expect.is_none());
    assert!(second.origin.label.starts_with("row 5"), "rows are those of the spreadsheet: {}", second.origin.label);
}

#[test]
fn tabs_utf_16_and_a_named_separator_are_known() {
    let rows = "No\tTime\tDescription\r\n1\tT+0\tHello\r\n";
    let wide: Vec<u8> = [0xFF, 0xFE].into_iter().chain(rows.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let mut findings = Findings::default();
    assert_eq!(parse(&wide, &Place::file("i.csv"), &mut findings).len(), 1);
    assert!(findings.is_ok(), "{:?}", findings.problems());
    let (injects, problems) = read_text("sep=;\r\nNo;Time;Description\r\n1;T+0;Hello, all\r\n");
    assert!(problems.is_empty() && text(&injects[0].text) == "Hello, all", "{problems:?}");
}

#[test]
fn times_of_spreadsheets_are_understood_or_asked_about() {
    for (shown, wanted) in [
        ("7:12 AM", "07:12:00"),
        ("12:05:30 p.m.", "12:05:30"),
        ("12:05 AM", "00:05:00"),
        ("1/3/2026 7:12 PM", "19:12:00"),
        ("01.03.2026 07:12", "07:12"),
        ("2026-03-01 07:12:30", "07:12:30"),
        ("0.3", "07:12:00"),
        ("0,3", "07:12:00"),
        ("45983.3", "07:12:00"),
        ("T+00:12:00", "T+00:12:00"),
        ("12 min", "12 min"),
    ] {
        assert_eq!(cells::time(shown).as_deref(), Ok(wanted), "{shown}");
    }
    for (shown, help) in
        [("#REF!", "mend the formula"), ("712", "07:12"), ("noon", "T+00:12:00"), ("T+12", "T+12 min"), ("", "T+")]
    {
        let wrong = cells::time(shown).expect_err(shown);
        assert!(wrong.help.contains(help), "{shown}: {wrong:?}");
    }
}

#[test]
fn everything_wrong_with_a_sheet_is_told_with_row_and_column() {
    let sheet = "No,Time,Type,Method,Description,Colour,Type of inject,,Expected action\n\
                 1,T+00:05,event,phone,Fire,red,,x,\n\
                 2,,evnt,pigeon,More fire,,,,asign 2 units within 5 min\n\
                 ,T+00:09,,,,,,,\n\
                 4,#REF!,,,Smoke,,,,,,beyond\n\
                 Phase 2,,,,,,,,\n\
                 5,T+00:10,,,\"never closed,,\n";
    let (_, problems) = read_text(sheet);
    let all = problems.join("\n");
    for wanted in [
        "i.csv:1:", // faults of the names stand in their line
        "column F: there is no column `Colour`",
        "column G: `Type of inject` says the same as column C",
        "column H: this column has cells and no name",
        "row 3, column \"Time\": the cell is empty (row 2 has `T+00:05`; of merged cells only the first keeps its text",
        "row 3, column \"Type\": `evnt` is no type of inject",
        "row 3, column \"Method\": `pigeon` is no method of delivery",
        "row 5, column \"Time\": `#REF!` is a fault of the spreadsheet",
        "row 5: `beyond` stands in column K",
        "row 4: only `T+00:09` stands in this row",
        "row 6: only `Phase 2` stands in this row",
        "a quotation mark is opened here and never closed",
    ] {
        assert!(all.contains(wanted), "{wanted} is missing in:\n{all}");
    }
    let broken =
        "No,Time,From,Description,Expected action\n1,T+00:01,#N/A,#REF!,#NAME?\n2,T+00:02,#1 ward,# of beds,####\n";
    let (_, problems) = read_text(broken);
    let faults: Vec<&str> = problems.iter().filter_map(|told| Some(told.split_once("row ")?.1)).collect();
    let cells = [
        "2, column \"From\": `#N/A`",
        "2, column \"Description\": `#REF!`",
        "2, column \"Expected action\": `#NAME?`",
        "3, column \"Expected action\": `####`",
    ];
    assert_eq!(faults.len(), cells.len(), "{faults:?}");
    for cell in cells {
        assert!(faults.iter().any(|told| told.starts_with(cell) && told.contains("mend the formula")), "{faults:?}");
    }
    let (_, problems) = read_text("No,Description\n1,x\n");
    assert!(problems[0].contains("the column `Time` is missing"), "{problems:?}");
    for nothing in ["", "a,b\nc,d\n", "No,Time,Description\n"] {
        assert_eq!(read_text(nothing).1.len(), 1, "{nothing:?}");
    }
    let mut findings = Findings::default();
    parse(b"PK\x03\x04", &Place::file("i.csv"), &mut findings);
    assert!(findings.problems()[0].to_string().contains("workbook"), "{:?}", findings.problems());
}

#[test]
fn no_cell_becomes_a_formula() {
    let mut raw = Raw::empty(Origin { place: Place::file("i.csv"), label: String::new() });
    let cell = |text: &str| Some(Cell { text: text.to_owned(), origin: raw.origin.clone() });
    let (id, at) = (cell("1"), cell("T+0"));
    let odd = cell("=HYPERLINK(\"http://a\")");
    (raw.id, raw.at, raw.text, raw.kind) = (id, at, odd, Some(InjectKind::Event));
    let sheet = write(&[raw]);
    assert!(sheet.contains("\"'=HYPERLINK"), "{sheet}");
    let (injects, problems) = read_text(&sheet);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(text(&injects[0].text), "=HYPERLINK(\"http://a\")");
}

/// A text that may stand in a cell, without spaces around it.
fn cell_text() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9=+@'\";,\u{e9}<>#|.-][ -~\u{df}\n]{0,30}".prop_map(|text| text.trim().to_owned())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut findings = Findings::default();
        parse(&bytes, &Place::file("i.csv"), &mut findings);
    }

    #[test]
    fn no_cells_make_it_panic(body in "[\"',;\t\n\r#=0-9:.TtAPM+ \u{e9}\u{2212}a-z{}\\[\\]-]{0,200}") {
        let mut findings = Findings::default();
        parse(format!("No,Time,Description,Effects,Expected action\n{body}").as_bytes(), &Place::file("i.csv"), &mut findings);
        drop(cells::when(&body));
        drop(cells::time(&body));
    }

    #[test]
    fn what_is_written_is_read_again(id in "[A-Z0-9-]{1,8}", said in cell_text(), notes in cell_text()) {
        let mut raw = Raw::empty(Origin { place: Place::file("i.csv"), label: String::new() });
        let cell = |text: &str| Some(Cell { text: text.to_owned(), origin: raw.origin.clone() });
        let cells = (cell(&id), cell("T+00:01:00"), cell(&said), cell(&notes));
        (raw.id, raw.at, raw.text, raw.notes) = cells;
        let (injects, problems) = read_text(&write(&[raw]));
        prop_assert!(problems.is_empty(), "{problems:?}");
        prop_assert_eq!(text(&injects[0].id), id);
        prop_assert_eq!(text(&injects[0].text), said);
        prop_assert_eq!(text(&injects[0].notes), notes);
    }
}
