//! What is written in words: when an inject comes, which state it waits for, and what is expected of whom.
//!
//! Text in, parts out; names of hospitals, roles and injects stay names. Knows no file and no city.

use super::super::model::Comparison;
use crate::primitives::text::closest;
use crate::primitives::units::{DURATION, SHARE, Unreadable, read_clock};

/// When, by the clock or since the start [s].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Moment {
    /// After midnight.
    Clock(f64),
    /// After the players began; before, if negative.
    Since(f64),
}

/// A state that is waited for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub of: Of,
    pub is: Comparison,
    pub value: f64,
}

/// What a state is about; hospitals and injects by name.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Of {
    UnitsFree,
    CallsWaiting,
    LongestWait,
    Load(String),
    Waiting(String),
    Delivered(String),
    Met(String),
    Missed(String),
}

/// What is expected.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wish {
    pub what: What,
    /// The role that is to do it.
    pub role: Option<String>,
    /// Within which time [s].
    pub within: f64,
}

/// An action that is expected; roles and hospitals by name.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    Acknowledge,
    Assign { units: u32, category: Option<String> },
    Divert,
    StandDown,
    Direct(Option<String>),
    Declare(String),
    Say(String),
}

fn unreadable(message: String, help: impl Into<String>) -> Unreadable {
    Unreadable { message, help: help.into() }
}

/// Reads `T+00:12:00`, `T+12 min`, `12 min`, `07:12` or `07:12:30`.
pub(crate) fn moment(text: &str) -> Result<Moment, Unreadable> {
    let text = text.trim();
    let help = "write the time since the start like `T+00:12:00` or `12 min`, or that of the clock like `07:12`";
    let refused = || unreadable(format!("`{text}` is not a time"), help);
    let bare = text.strip_prefix(['T', 't']).map_or(text, str::trim_start);
    let Some(sign) = bare.chars().next() else { return Err(unreadable("there is no time".to_owned(), help)) };
    if matches!(sign, '+' | '-' | '\u{2212}') {
        let rest = bare[sign.len_utf8()..].trim();
        let seconds = match rest {
            "0" => 0.0,
            _ if rest.contains(':') => read_clock(rest).ok().filter(|(day, _)| day.is_none()).ok_or_else(refused)?.1,
            _ if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) => {
                let message = format!("`{text}` does not say whether it is minutes or hours");
                return Err(unreadable(message, format!("write `T+{rest} min` or `T+00:{rest:0>2}:00`")));
            }
            _ => DURATION.read(rest).map_err(|_| refused())?,
        };
        return Ok(Moment::Since(if sign == '+' { seconds } else { -seconds }));
    }
    if bare.len() < text.len() {
        return Err(refused());
    }
    if text.contains(':') {
        return match read_clock(text) {
            Ok((None, seconds)) => Ok(Moment::Clock(seconds)),
            Ok((Some(_), _)) => Err(unreadable(format!("`{text}` has a day"), "a drill is on the day of its scenario")),
            Err(_) => Err(refused()),
        };
    }
    DURATION.read(text).map(Moment::Since).map_err(|_| refused())
}

/// Whether an inject comes only when a controller delivers it.
pub(crate) fn is_by_hand(text: &str) -> bool {
    text.replace('-', " ").trim().eq_ignore_ascii_case("by hand")
}

/// How a comparison may be written; longer signs before those they begin with.
const SIGNS: [(&str, Comparison); 17] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("\u{2264}", Comparison::AtMost),
    ("\u{2265}", Comparison::AtLeast),
    ("<", Comparison::Less),
    (">", Comparison::More),
    ("=", Comparison::Equal),
    (" is at least ", Comparison::AtLeast),
    (" is at most ", Comparison::AtMost),
    (" at least ", Comparison::AtLeast),
    (" at most ", Comparison::AtMost),
    (" less than ", Comparison::Less),
    (" more than ", Comparison::More),
    (" below ", Comparison::Less),
    (" above ", Comparison::More),
    (" is ", Comparison::Equal),
];

/// How a state is written.
const STATES: &str = "there are `units-free <= 1`, `calls-waiting >= 3`, `longest-wait > 5 min`, `load of HOSPITAL >= 80 %`, \
                      `waiting at HOSPITAL >= 2`, `delivered INJECT`, `met INJECT` and `missed INJECT`";

/// Reads a state, or several with `and` between them.
pub(super) fn conditions(text: &str) -> Result<Vec<Asked>, Unreadable> {
    let whole = condition(text);
    if whole.is_ok() {
        return whole.map(|asked| vec![asked]);
    }
    for (at, joint) in text.match_indices(" and ") {
        if let Ok(first) = condition(&text[..at]) {
            let mut all = vec![first];
            all.extend(conditions(&text[at + joint.len()..])?);
            return Ok(all);
        }
    }
    // What stands before the first `and` is what cannot be understood.
    match text.split_once(" and ") {
        Some((first, _)) => condition(first).map(|asked| vec![asked]),
        None => whole.map(|asked| vec![asked]),
    }
}

fn condition(text: &str) -> Result<Asked, Unreadable> {
    let text = text.trim();
    let sign = SIGNS
        .iter()
        .enumerate()
        .filter_map(|(rank, (sign, is))| Some((text.find(sign)?, rank, *sign, *is)))
        .min_by_key(|(at, rank, ..)| (*at, *rank));
    let Some((at, _, sign, is)) = sign else { return predicate(text) };
    let (left, right) = (text[..at].trim(), text[at + sign.len()..].trim());
    let of = measure(left)?;
    let value = match &of {
        Of::LongestWait => DURATION.read(right)?,
        Of::Load(_) => SHARE.read(right)?,
        Of::Delivered(_) | Of::Met(_) | Of::Missed(_) => {
            return Err(unreadable(format!("`{left}` is true or not, and no number"), format!("write `{left}` alone")));
        }
        _ => match right.parse::<u32>() {
            Ok(number) => f64::from(number),
            Err(_) => {
                return Err(unreadable(format!("`{right}` is no number"), format!("write like `{left} {sign} 2`")));
            }
        },
    };
    if value < 0.0 {
        return Err(unreadable(format!("`{right}` is less than nothing"), "write a number from 0 on"));
    }
    Ok(Asked { of, is, value })
}

/// Something that holds or not.
fn predicate(text: &str) -> Result<Asked, Unreadable> {
    let (yes, rest) = text.strip_prefix("not ").map_or((1.0, text), |rest| (0.0, rest.trim_start()));
    match measure(rest)? {
        of @ (Of::Delivered(_) | Of::Met(_) | Of::Missed(_)) => Ok(Asked { of, is: Comparison::Equal, value: yes }),
        _ => Err(unreadable(format!("`{text}` is compared with nothing"), STATES)),
    }
}

/// How a state with a name in it begins, and what it is about.
type Named = (&'static str, fn(String) -> Of);

fn measure(text: &str) -> Result<Of, Unreadable> {
    let simple = |wanted: &str| text.replace([' ', '_'], "-").eq_ignore_ascii_case(wanted);
    let plain = [
        ("units-free", Of::UnitsFree),
        ("free-units", Of::UnitsFree),
        ("calls-waiting", Of::CallsWaiting),
        ("waiting-calls", Of::CallsWaiting),
        ("longest-wait", Of::LongestWait),
    ];
    if let Some((_, of)) = plain.into_iter().find(|(name, _)| simple(name)) {
        return Ok(of);
    }
    let named: [Named; 5] = [
        ("load of ", Of::Load),
        ("waiting at ", Of::Waiting),
        ("delivered ", Of::Delivered),
        ("met ", Of::Met),
        ("missed ", Of::Missed),
    ];
    for (begin, of) in named {
        // Only hospitals have names of several words.
        let one_word = !begin.contains(" of ") && !begin.contains(" at ");
        let fits = |name: &&str| !(name.is_empty() || one_word && name.contains(char::is_whitespace));
        if let Some(name) = after(text, begin).filter(fits) {
            return Ok(of(name.to_owned()));
        }
    }
    let words = ["units-free", "calls-waiting", "longest-wait", "load of", "waiting at", "delivered", "met", "missed"];
    let help =
        closest(text, words).map_or_else(|| STATES.to_owned(), |like| format!("did you mean `{like}`? {STATES}"));
    Err(unreadable(format!("`{text}` is nothing one can wait for"), help))
}

/// What follows a beginning, whatever its capitals.
fn after<'a>(text: &'a str, begin: &str) -> Option<&'a str> {
    let head = text.get(..begin.len())?;
    head.eq_ignore_ascii_case(begin).then(|| text[begin.len()..].trim())
}

/// The actions that can be expected, as they begin.
pub(crate) const ACTIONS: [&str; 7] = ["acknowledge", "assign", "divert", "stand-down", "direct", "declare", "say"];

/// How what is expected is written.
pub(super) const EXPECTED: &str = "write WHAT `within` TIME [`by` ROLE], where WHAT is `acknowledge`, `assign 3 units`, \
                                   `assign 1 unit to C1`, `divert`, `stand-down`, `direct to HOSPITAL`, \
                                   `declare major-incident` or `say to ROLE`";

/// Reads what is expected: `assign 3 units to C1 within 5 min by dispatcher`.
pub(super) fn wish(text: &str) -> Result<Wish, Unreadable> {
    let text = text.trim();
    let Some(at) = text.rfind(" within ") else {
        let what = what(text)?;
        let message = format!("`{text}` does not say within which time");
        let help = if matches!(what, What::Acknowledge) { "acknowledge within 2 min" } else { "... within 5 min" };
        return Err(unreadable(message, format!("write `{help}`")));
    };
    let (head, tail) = (&text[..at], &text[at + " within ".len()..]);
    let (time, role) = match tail.split_once(" by ") {
        Some((time, role)) => (time, Some(role.trim().to_owned())),
        None => (tail, None),
    };
    let within = DURATION.read(time)?;
    if !(1.0..=86_400.0).contains(&within) {
        return Err(unreadable(format!("`within {}` cannot be kept", time.trim()), "from 1 s to 1 d"));
    }
    Ok(Wish { what: what(head)?, role: role.filter(|role| !role.is_empty()), within })
}

fn what(text: &str) -> Result<What, Unreadable> {
    let text = text.trim();
    let (verb, rest) = text.split_once(char::is_whitespace).map_or((text, ""), |(verb, rest)| (verb, rest.trim()));
    let (verb, rest) = match (verb.to_lowercase().as_str(), after(rest, "down")) {
        ("stand", Some(rest)) => ("stand-down".to_owned(), rest),
        (verb, _) => (verb.to_owned(), rest),
    };
    let nothing_more = |what: What| {
        let help = format!("write `{verb} within 5 min`");
        if rest.is_empty() { Ok(what) } else { Err(unreadable(format!("`{rest}` says nothing to `{verb}`"), help)) }
    };
    match verb.as_str() {
        "acknowledge" => nothing_more(What::Acknowledge),
        "divert" => nothing_more(What::Divert),
        "stand-down" => nothing_more(What::StandDown),
        "assign" => assign(rest),
        "direct" if rest.is_empty() => Ok(What::Direct(None)),
        "direct" => Ok(What::Direct(Some(after(rest, "to ").unwrap_or(rest).to_owned()))),
        "declare" if rest.is_empty() => {
            Err(unreadable("`declare` does not say what".to_owned(), "write like `declare major-incident`"))
        }
        "declare" => Ok(What::Declare(rest.to_owned())),
        "say" => match after(rest, "to ").filter(|role| !role.is_empty()) {
            Some(role) => Ok(What::Say(role.to_owned())),
            None => Err(unreadable("`say` does not say to whom".to_owned(), "write like `say to controller`")),
        },
        _ => {
            let help = closest(&verb, ACTIONS)
                .map_or_else(|| EXPECTED.to_owned(), |like| format!("did you mean `{like}`? {EXPECTED}"));
            Err(unreadable(format!("`{text}` is nothing the program can see being done"), help))
        }
    }
}

/// `3 units`, `a unit to C1 calls`, or nothing for one unit.
fn assign(rest: &str) -> Result<What, Unreadable> {
    let (units, to) = match rest.strip_prefix("to ") {
        Some(to) => ("", Some(to)),
        None => rest.split_once(" to ").map_or((rest, None), |(units, to)| (units, Some(to))),
    };
    let number = units.trim_end_matches(" units").trim_end_matches(" unit").trim();
    let number = match number {
        "" | "a" | "one" | "unit" => Some(1),
        other => other.parse::<u32>().ok().filter(|number| (1..=1000).contains(number)),
    };
    let Some(units) = number else {
        return Err(unreadable(format!("`{units}` is no number of units"), "write like `assign 3 units`"));
    };
    let category = to.map(|to| to.trim().trim_end_matches(" calls").trim_end_matches(" call").trim().to_uppercase());
    if let Some(word) = category.as_deref().filter(|word| !["C1", "C2", "C3", "C4"].contains(word)) {
        let help = "write `C1`, `C2`, `C3` or `C4`; without `to`, the calls that the inject brings are meant";
        return Err(unreadable(format!("`{word}` is no category of calls"), help));
    }
    Ok(What::Assign { units, category })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_planners_write_them() {
        for (text, wanted) in [
            ("T+00:12:00", Moment::Since(720.0)),
            ("t + 0:12", Moment::Since(720.0)),
            ("+12 min", Moment::Since(720.0)),
            ("T+0", Moment::Since(0.0)),
            ("1 h 5 min", Moment::Since(3900.0)),
            ("T-00:05", Moment::Since(-300.0)),
            ("07:12", Moment::Clock(25_920.0)),
        ] {
            assert_eq!(moment(text), Ok(wanted), "{text}");
        }
        for wrong in ["", "T", "T+", "T+12", "noon", "12", "T+xx:yy", "2026-01-01T07:00", "T07:00", "+", "é", "T+é"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
        assert!(moment("T+7").expect_err("no unit").help.contains("T+00:07:00"));
    }

    #[test]
    fn states_are_read_with_their_names() {
        let asked = |of, is, value| Asked { of, is, value };
        for (text, wanted) in [
            ("units-free<=1", asked(Of::UnitsFree, Comparison::AtMost, 1.0)),
            ("calls waiting at least 3", asked(Of::CallsWaiting, Comparison::AtLeast, 3.0)),
            ("longest-wait > 5 min", asked(Of::LongestWait, Comparison::More, 300.0)),
            ("Load of Fox Hospital >= 80 %", asked(Of::Load("Fox Hospital".into()), Comparison::AtLeast, 0.8)),
            ("waiting at Salt and Pepper >= 2", asked(Of::Waiting("Salt and Pepper".into()), Comparison::AtLeast, 2.0)),
            ("missed I-03", asked(Of::Missed("I-03".into()), Comparison::Equal, 1.0)),
            ("not delivered I-03", asked(Of::Delivered("I-03".into()), Comparison::Equal, 0.0)),
        ] {
            assert_eq!(conditions(text), Ok(vec![wanted]), "{text}");
        }
        assert_eq!(conditions("units-free < 2 and missed I-1 and load of A > 50 %").map(|all| all.len()), Ok(3));
        assert_eq!(conditions("missed I-1 and met I-2").map(|all| all.len()), Ok(2));
        for wrong in [
            "",
            "units-free",
            "units-free < x",
            "unit-free < 2",
            "load of Fox > 80",
            "met I-1 > 2",
            "and",
            "<",
            " and ",
        ] {
            assert!(conditions(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_expected_is_read_with_whom_and_by_when() {
        let wish_of = |what, role: Option<&str>, within| Ok(Wish { what, role: role.map(str::to_owned), within });
        for (text, wanted) in [
            ("acknowledge within 2 min", wish_of(What::Acknowledge, None, 120.0)),
            ("Assign 3 units within 5 min", wish_of(What::Assign { units: 3, category: None }, None, 300.0)),
            (
                "assign a unit to C1 calls within 90 s by dispatcher",
                wish_of(What::Assign { units: 1, category: Some("C1".into()) }, Some("dispatcher"), 90.0),
            ),
            ("stand down within 1 min", wish_of(What::StandDown, None, 60.0)),
            (
                "direct to Linden Hospital within 1 min",
                wish_of(What::Direct(Some("Linden Hospital".into())), None, 60.0),
            ),
            ("declare major-incident within 8 min", wish_of(What::Declare("major-incident".into()), None, 480.0)),
            ("say to controller within 3 min", wish_of(What::Say("controller".into()), None, 180.0)),
        ] {
            assert_eq!(wish(text), wanted, "{text}");
        }
        for wrong in [
            "",
            "assign 3 units",
            "asign 3 units within 5 min",
            "assign x within 1 min",
            "declare within 1 min",
            "say within 1 min",
            "divert it within 1 min",
            "assign 1 unit to C9 within 1 min",
            "divert within 0 s",
            " within ",
        ] {
            assert!(wish(wrong).is_err(), "{wrong}");
        }
    }
}
