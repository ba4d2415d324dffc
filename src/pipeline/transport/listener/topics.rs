//! Topic names and filters: what is a valid one (MQTT 3.1.1 and 5, section 4.7), and who subscribed to what a name matches.

use std::collections::BTreeMap;

use super::super::confirm::CONFIRMATION_PREFIX;
use super::super::message::TOPIC_BYTES_MAX;

/// Whether messages may be published to this name: no wildcard, no NUL, not empty, not the server's own `$...` nor the topics
/// of its confirmations, which nobody else may give.
pub(super) fn may_publish(topic: &str) -> bool {
    let own = topic.starts_with('$') || topic.starts_with(CONFIRMATION_PREFIX);
    !topic.is_empty() && topic.len() <= TOPIC_BYTES_MAX && !own && !topic.contains(['+', '#', '\0'])
}

/// Whether this is a valid filter: `+` only as a whole level, `#` only as the whole last level.
pub(in super::super) fn is_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    let mut sound = !filter.is_empty() && filter.len() <= TOPIC_BYTES_MAX && !filter.contains('\0');
    while let Some(level) = levels.next() {
        let last = levels.peek().is_none();
        sound &= match level {
            "+" => true,
            "#" => last,
            plain => !plain.contains(['+', '#']),
        };
    }
    sound
}

/// Whether a name matches a valid filter.
pub(in super::super) fn matches(filter: &str, topic: &str) -> bool {
    let mut names = topic.split('/');
    for level in filter.split('/') {
        match (level, names.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (level, Some(name)) if level == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

/// What a subscriber asked for with one filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    /// The subscriber's number.
    pub(super) client: u64,
    /// Whether its messages are to be acknowledged (quality of service 1).
    pub(super) acknowledged: bool,
    /// Whether it does not want its own messages.
    pub(super) no_local: bool,
    /// Whether messages keep the mark that they are retained.
    pub(super) keep_retain: bool,
}

/// All filters, level by level, so that a name finds its subscribers without trying every filter.
#[derive(Debug, Default)]
pub(super) struct Tree {
    below: BTreeMap<Box<str>, Tree>,
    /// Filters that end here.
    here: Vec<Wish>,
    /// Filters that go on with `#` here.
    all: Vec<Wish>,
}

impl Tree {
    /// Adds a valid filter, in place of the same client's same filter; says whether it is new.
    pub(super) fn insert(&mut self, filter: &str, wish: Wish) -> bool {
        let place = self.place(filter);
        let known = place.iter().position(|known| known.client == wish.client);
        match known {
            Some(at) => place[at] = wish,
            None => place.push(wish),
        }
        known.is_none()
    }

    /// Takes a client's filter away; says whether it was there.
    pub(super) fn remove(&mut self, filter: &str, client: u64) -> bool {
        let (level, rest) = match filter.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (filter, None),
        };
        if level == "#" {
            return take(&mut self.all, client);
        }
        let Some(below) = self.below.get_mut(level) else { return false };
        let removed = match rest {
            Some(rest) => below.remove(rest, client),
            None => take(&mut below.here, client),
        };
        if below.below.is_empty() && below.here.is_empty() && below.all.is_empty() {
            self.below.remove(level);
        }
        removed
    }

    /// Adds everybody who wants messages of this name; a client once per filter that matches.
    pub(super) fn wishes(&self, topic: &str, found: &mut Vec<Wish>) {
        self.gather(Some(topic), found);
    }

    fn gather(&self, rest: Option<&str>, found: &mut Vec<Wish>) {
        found.extend_from_slice(&self.all);
        let Some(rest) = rest else {
            found.extend_from_slice(&self.here);
            return;
        };
        let (level, rest) = match rest.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (rest, None),
        };
        for key in [level, "+"] {
            if let Some(below) = self.below.get(key) {
                below.gather(rest, found);
            }
        }
    }

    fn place(&mut self, filter: &str) -> &mut Vec<Wish> {
        let mut tree = self;
        for level in filter.split('/') {
            if level == "#" {
                return &mut tree.all;
            }
            tree = tree.below.entry(level.into()).or_default();
        }
        &mut tree.here
    }
}

fn take(wishes: &mut Vec<Wish>, client: u64) -> bool {
    let before = wishes.len();
    wishes.retain(|wish| wish.client != client);
    wishes.len() < before
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of the standard, section 4.7, and our own topics.
    const CASES: &[(&str, &str, bool)] = &[
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
        ("sport/#", "sport", true),
        ("#", "a", true),
        ("#", "/finance", true),
        ("sport/tennis/+", "sport/tennis/player1", true),
        ("sport/tennis/+", "sport/tennis/player1/ranking", false),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("+/tennis/#", "city/tennis/a/b", true),
        ("city/+/veh-1", "city/gps/veh-1", true),
        ("city/gps/veh-1", "city/gps/veh-10", false),
        ("city/gps", "city/gps/veh-1", false),
        ("City/gps", "city/gps", false),
    ];

    #[test]
    fn filters_match_as_the_standard_says() {
        let wish = Wish { client: 1, acknowledged: false, no_local: false, keep_retain: false };
        for (filter, topic, expected) in CASES {
            assert!(is_filter(filter) && may_publish(topic), "{filter} {topic}");
            assert_eq!(matches(filter, topic), *expected, "{filter} {topic}");
            let mut tree = Tree::default();
            assert!(tree.insert(filter, wish));
            assert!(!tree.insert(filter, wish), "the same filter again");
            let mut found = Vec::new();
            tree.wishes(topic, &mut found);
            assert_eq!(!found.is_empty(), *expected, "{filter} {topic}");
            assert!(!tree.remove(filter, 2) && tree.remove(filter, 1) && !tree.remove(filter, 1));
            assert!(tree.below.is_empty() && tree.all.is_empty(), "nothing stays behind");
        }
    }

    #[test]
    fn bad_names_and_filters_are_told() {
        for filter in ["", "sport/tennis#", "sport/tennis/#/ranking", "sport+", "a/b+/c", "##", "a\0b"] {
            assert!(!is_filter(filter), "{filter}");
        }
        for topic in
            ["citytwin/ack/a/1", "", "a/+/b", "a/#", "#", "$SYS/broker/uptime", "$share/g/a", "a\0", &"x".repeat(513)]
        {
            assert!(!may_publish(topic), "{topic}");
        }
    }
}
