//! As much XML as the comparison needs: attributes of elements in files that SUMO, netconvert or this project wrote.
//!
//! Not a parser: it does not check, resolve or nest. Whoever needs that reads with the program itself.

/// The elements of a name, each as the text of its opening tag.
pub(super) fn elements<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.split('<').skip(1).filter_map(move |tag| {
        let rest = tag.strip_prefix(name)?;
        let ends_here = rest.starts_with(|c: char| c.is_whitespace() || c == '/' || c == '>');
        ends_here.then(|| rest.split_once('>').map_or(rest, |(inside, _)| inside))
    })
}

/// The value of an attribute of an opening tag.
pub(super) fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = tag;
    loop {
        let at = rest.find(name)?;
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        if before.ends_with(char::is_whitespace)
            && let Some(value) = after.trim_start().strip_prefix('=')
        {
            let value = value.trim_start();
            let quote = value.chars().next().filter(|c| *c == '"' || *c == '\'')?;
            return value[1..].split_once(quote).map(|(value, _)| value);
        }
        rest = after;
    }
}

/// The number in an attribute.
pub(super) fn value(tag: &str, name: &str) -> Option<f64> {
    attribute(tag, name)?.trim().parse().ok()
}

/// The text without its comments.
pub(super) fn without_comments(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        plain.push_str(before);
        rest = comment.split_once("-->").map_or("", |(_, after)| after);
    }
    plain + rest
}

/// The text without an element and all it holds; for elements that do not nest in themselves.
pub(super) fn without_element(text: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}"), format!("</{name}>"));
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once(&open) {
        let ends_here = inside.starts_with(|c: char| c.is_whitespace() || c == '/' || c == '>');
        plain.push_str(before);
        if !ends_here {
            plain.push_str(&open);
            rest = inside;
            continue;
        }
        let (tag, after) = inside.split_once('>').unwrap_or((inside, ""));
        rest = if tag.ends_with('/') { after } else { after.split_once(&close).map_or("", |(_, after)| after) };
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_by_their_whole_name() {
        let tag = r#" id="a" departDelay="2.5" depart = '7'/"#;
        assert_eq!(attribute(tag, "depart"), Some("7"));
        assert_eq!(value(tag, "departDelay"), Some(2.5));
        assert_eq!(attribute(tag, "Delay"), None);
    }

    #[test]
    fn elements_are_found_by_their_whole_name() {
        let text = "<trips><trip id=\"1\"/><tripinfo id=\"2\"/><trip\n id=\"3\"></trip></trips>";
        let ids: Vec<_> = elements(text, "trip").filter_map(|tag| attribute(tag, "id")).collect();
        assert_eq!(ids, ["1", "3"]);
    }

    #[test]
    fn elements_and_comments_can_be_taken_out() {
        let text = "<a><output><x/></output><!-- <b/> --><outputs/><output/>c</a>";
        assert_eq!(without_element(&without_comments(text), "output"), "<a><outputs/>c</a>");
    }
}
