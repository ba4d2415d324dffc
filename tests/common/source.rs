//! The project's own source text, as the tests about it read it: files in order, comments and strings blanked out.
//!
//! Knows just enough of Rust's grammar to tell code from prose; it is no parser.

use std::path::{Path, PathBuf};

/// The project's folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` whose name ends in `.ending`, sorted, relative to the project's folder.
pub(crate) fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path.strip_prefix(root()).expect("it lies inside").to_path_buf());
            }
        }
    }
    found.sort();
    found
}

/// The text of a file of the project.
pub(crate) fn text(file: &Path) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The line of a place in a text, counted from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].bytes().filter(|&byte| byte == b'\n').count() + 1
}

/// The code with comments, strings and character literals blanked out; lines keep their numbers, bytes their places.
pub(crate) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = prose_end(bytes, at);
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(out).expect("prose is blanked as a whole, so no character is cut")
}

/// Where the comment or literal that begins at `at` ends; `at` itself where none does.
fn prose_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let find = |from: usize, what: &[u8]| {
        bytes[from..].windows(what.len()).position(|window| window == what).map_or(bytes.len(), |found| from + found)
    };
    let in_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    if rest.starts_with(b"//") {
        return find(at, b"\n");
    }
    if rest.starts_with(b"/*") {
        return (find(at, b"*/") + 2).min(bytes.len());
    }
    if !in_word && (rest[0] == b'r' || rest.starts_with(b"br")) {
        let hashes_from = at + if rest[0] == b'b' { 2 } else { 1 };
        let hashes = bytes[hashes_from..].iter().take_while(|&&byte| byte == b'#').count();
        if bytes.get(hashes_from + hashes) == Some(&b'"') {
            let closing = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
            return (find(hashes_from + hashes + 1, &closing) + closing.len()).min(bytes.len());
        }
    }
    match rest[0] {
        b'"' => literal_end(bytes, at, b'"'),
        // A lifetime is a quote and a word without a second quote.
        b'\'' if rest.get(1) == Some(&b'\\') => literal_end(bytes, at, b'\''),
        b'\'' => {
            let text = std::str::from_utf8(&rest[1..rest.len().min(6)])
                .or_else(|error| std::str::from_utf8(&rest[1..=error.valid_up_to()]));
            let width = text.ok().and_then(|text| text.chars().next()).map_or(1, char::len_utf8);
            if rest.get(1 + width) == Some(&b'\'') { at + width + 2 } else { at }
        }
        _ => at,
    }
}

fn literal_end(bytes: &[u8], at: usize, quote: u8) -> usize {
    let mut end = at + 1;
    while end < bytes.len() && bytes[end] != quote {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    (end + 1).min(bytes.len())
}

/// Code without its `#[cfg(test)]` modules, blanked out like comments.
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    let mut from = 0;
    while let Some(found) = out[from..].find("#[cfg(test)]") {
        let start = from + found;
        let Some(opening) = out[start..].find(['{', ';']).map(|offset| start + offset) else { break };
        let end = if out.as_bytes()[opening] == b';' { opening } else { closing_brace(&out, opening) };
        let blank: String = out[start..=end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..=end, &blank);
        from = start;
    }
    out
}

/// The place of the brace that closes the one at `opening`.
pub(crate) fn closing_brace(code: &str, opening: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(opening) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len() - 1
}

/// Places where `word` stands in the code as a word of its own.
pub(crate) fn places_of(code: &str, word: &str) -> Vec<usize> {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let bytes = code.as_bytes();
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|&at| {
            let starts = !is_word(word.as_bytes().first()) || at == 0 || !is_word(bytes.get(at - 1));
            let ends = !is_word(word.as_bytes().last()) || !is_word(bytes.get(at + word.len()));
            starts && ends
        })
        .collect()
}
