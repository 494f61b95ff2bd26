//! Our block in the text of a log: from the marker line to the end line. What stands before and after it is a person's.
//!
//! The end line ends with a seal, a digest of the block. A block that fits its seal is as Callbridge wrote it, even if the ledger does not
//! know that text (a ledger that was restored is older than Sellsy). In a block that does not fit, a person has written: those lines are found by
//! comparing it with what Callbridge had left, and moved below the end line, so that the block can be brought up to date without them.
//!
//! Sellsy may give a text back otherwise than it was sent, and its pages may make HTML of it: [`plain`] undoes that as far as possible.

use std::{
    borrow::Cow,
    time::{Duration, Instant},
};

use base::ids::CallId;
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use crate::marker;

const END: &str = "End of ";
/// Hexadecimal digits of the seal: one edit in sixteen million goes unnoticed, and only if the ledger does not know the block either.
const SEAL: usize = 6;
/// How long two texts are compared. After that the rest counts as different: nothing is lost, but lines of ours may be kept as a person's.
const LONGEST: Duration = Duration::from_millis(250);

/// The end line of a block.
pub(crate) fn end(block: &str, call_id: CallId) -> String {
    format!("{END}{} ({})", marker::of(call_id), seal(block))
}

/// A line of a text that was not sent yet, so that it does not read as the end line of some call.
pub(crate) fn quoted(line: &str) -> String {
    line.replace("End of Aircall call", "End of “Aircall call”")
}

/// Of what is visible: line breaks and blanks may get lost.
fn seal(block: &str) -> String {
    let digest = blake3::hash(squashed(block).as_bytes()).to_hex();
    digest[..SEAL].to_owned()
}

/// What is visible of it, as it is compared.
pub fn squashed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

pub(crate) fn are_alike(one: &str, other: &str) -> bool {
    squashed(one) == squashed(other)
}

/// A log's text, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    pub(crate) before: &'a str,
    /// From the marker up to the end line, without that. If one of the two is missing, it goes to the beginning or end of the text.
    pub(crate) block: &'a str,
    pub(crate) after: &'a str,
    /// Marker and end line are both gone.
    pub(crate) is_lost: bool,
    /// What the end line says; empty without one.
    seal: &'a str,
}

impl Parts<'_> {
    /// The block is as Callbridge wrote it.
    fn is_sealed(&self) -> bool {
        !self.is_lost && self.seal == seal(self.block)
    }
}

pub(crate) fn parts(text: &str, call_id: CallId) -> Parts<'_> {
    // A note may quote our end line, and a person our marker: the block is what fits its seal, if anything does.
    let (ends, markers) = (ends(text, call_id), markers(text, call_id));
    let candidates = ends.iter().flat_map(|end| markers.iter().map(move |from| (*from, *end)));
    let fits =
        candidates.filter(|(from, (to, ..))| from < to).find(|(from, (to, _, said))| seal(&text[*from..*to]) == *said);
    let (marker, end) = match fits {
        Some((from, end)) => (Some(from), Some(end)),
        None => {
            let end = ends.first().copied();
            (markers.into_iter().find(|from| end.is_none_or(|(to, ..)| *from < to)), end)
        }
    };
    let from = marker.unwrap_or(0);
    let (to, rest, seal) = end.unwrap_or((text.len(), text.len(), ""));
    let is_lost = marker.is_none() && end.is_none();
    Parts { before: &text[..from], block: &text[from..to], after: &text[rest..], is_lost, seal }
}

/// The text of a log as Sellsy has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// What a person has written before our block, and after it.
    pub before: String,
    pub block: String,
    pub after: String,
    /// Our block says what it is to say now.
    pub is_current: bool,
}

/// `now`: what the log is to say.
pub fn apart(text: &str, now: &str, call_id: CallId) -> Apart {
    let text = plain(text, None, call_id);
    let Parts { before, block, after, is_lost, .. } = parts(&text, call_id);
    let is_current = !is_lost && are_alike(block, parts(now, call_id).block);
    Apart { before: before.trim().into(), block: block.trim().into(), after: after.trim().into(), is_current }
}

/// How many markers and end lines are tried: a text with more of them is no log.
const MOST: usize = 5;

/// Where each end line begins and ends, and its seal.
fn ends(text: &str, call_id: CallId) -> Vec<(usize, usize, &str)> {
    let words = format!("{END}{} (", marker::of(call_id));
    let ends = places(text, &words).filter_map(|(from, to)| {
        let (seal, _) = text[to..].split_once(')')?;
        let is_seal = seal.len() == SEAL && seal.bytes().all(|c| c.is_ascii_hexdigit());
        is_seal.then_some((from, to + SEAL + 1, seal))
    });
    ends.take(MOST).collect()
}

/// Of an end line that a person has damaged, the marker in it is not the beginning of the block.
fn markers(text: &str, call_id: CallId) -> Vec<usize> {
    let marker = marker::of(call_id);
    let markers = places(text, &marker).filter(|(from, to)| {
        !text[*to..].starts_with(|c: char| c.is_ascii_digit()) && !text[..*from].trim_end().ends_with(END.trim_end())
    });
    markers.map(|(from, _)| from).take(MOST).collect()
}

/// Where these words begin and end in the text, whatever blanks are between them.
fn places<'a>(text: &'a str, words: &'a str) -> impl Iterator<Item = (usize, usize)> + 'a {
    let first = words.split(' ').next().unwrap_or_default();
    text.match_indices(first).filter_map(move |(from, _)| {
        let mut rest = &text[from..];
        for (n, word) in words.split(' ').enumerate() {
            if n > 0 {
                let trimmed = rest.trim_start();
                rest = Some(trimmed).filter(|trimmed| trimmed.len() < rest.len())?;
            }
            rest = rest.strip_prefix(word)?;
        }
        Some((from, text.len() - rest.len()))
    })
}

/// The text with the new block in place of the old one, and below it the lines that a person had written in the old one.
pub(crate) fn with(parts: &Parts<'_>, block: &str, lines: &[String]) -> String {
    let mut text = parts.before.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(block);
    let mut below = |more: &str| {
        if !more.is_empty() {
            if !more.starts_with('\n') {
                text.push('\n');
            }
            text.push_str(more);
        }
    };
    below(parts.after.trim_end());
    lines.iter().for_each(|line| below(line));
    text
}

/// What a person has done inside the block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// Nothing, or something was only taken away.
    Ours,
    /// These lines are the person's.
    Lines(Vec<String>),
    /// Nothing of ours is left in it.
    Emptied,
}

/// Compares the block with what Callbridge had left there, or, if that is not known, with what it is to be now.
pub(crate) fn inside(parts: &Parts<'_>, left: Option<&str>, now: &str, call_id: CallId) -> Inside {
    if parts.is_lost {
        return Inside::Emptied;
    }
    if left.is_some_and(|left| are_alike(left, parts.block)) || parts.is_sealed() {
        return Inside::Ours;
    }
    let known = left.unwrap_or_else(|| self::parts(now, call_id).block);
    // Where line breaks get lost, there are only words to compare.
    let by_line = parts.block.trim().contains('\n');
    let split = |block: &str| -> Vec<String> {
        let body = without_marker(block, call_id);
        if by_line {
            let lines = body.lines().map(str::trim);
            lines.filter(|line| !line.is_empty() && !is_end(line, call_id)).map(str::to_owned).collect()
        } else {
            body.split_whitespace().map(str::to_owned).collect()
        }
    };
    let (ours, found) = (split(known), split(parts.block));
    let (mut kept, mut lines) = (0, Vec::new());
    let deadline = Some(Instant::now() + LONGEST);
    for op in capture_diff_slices_deadline(Algorithm::Myers, &ours, &found, deadline) {
        match op {
            DiffOp::Equal { len, .. } => kept += len,
            DiffOp::Delete { .. } => {}
            DiffOp::Insert { .. } | DiffOp::Replace { .. } => {
                let new = &found[op.new_range()];
                if by_line { lines.extend_from_slice(new) } else { lines.push(new.join(" ")) }
            }
        }
    }
    match (kept, lines.is_empty()) {
        // Without knowing what was left, nothing is known to be missing either: the language of logs may have changed.
        (0, _) if !ours.is_empty() && (left.is_some() || found.is_empty()) => Inside::Emptied,
        (_, true) => Inside::Ours,
        (_, false) => Inside::Lines(lines),
    }
}

/// The block without the marker that it begins with. What a person has written behind it in its line stays.
fn without_marker(block: &str, call_id: CallId) -> &str {
    match places(block, &marker::of(call_id)).next() {
        Some((0, to)) => &block[to..],
        _ => block,
    }
}

/// An end line, even if a person has damaged its seal.
fn is_end(line: &str, call_id: CallId) -> bool {
    let words = format!("{END}{}", marker::of(call_id));
    let rest = places(line, &words).next().filter(|(from, _)| *from == 0).map(|(_, to)| &line[to..]);
    rest.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_hexdigit() || c.is_whitespace() || "()".contains(c)))
}

/// The text that Sellsy gave back, without the HTML that Sellsy or its pages have made of it. `as_sent`: whether Sellsy is known to give texts back as
/// they were sent. A person may have quoted HTML outside our block; in it there is none, because it never has an angle bracket.
pub(crate) fn plain(text: &str, as_sent: Option<bool>, call_id: CallId) -> Cow<'_, str> {
    if as_sent != Some(false) {
        let parts = parts(text, call_id);
        let looked_at = if parts.is_lost { text } else { parts.block };
        // Its pages may have made entities of what came back as it was sent: then only the decoded text fits its seal.
        let has_entities = || {
            let decoded = html_escape::decode_html_entities(looked_at);
            decoded != looked_at && (as_sent.is_none() || !parts.is_sealed() && parts.seal == seal(&decoded))
        };
        if !has_tags(looked_at) && !has_entities() {
            return Cow::Borrowed(text);
        }
    }
    Cow::Owned(without_html(text))
}

/// A text that Sellsy or its pages may have made HTML of, with its lines.
pub fn without_html(text: &str) -> String {
    let text = if has_tags(text) { without_tags(text) } else { text.to_owned() };
    html_escape::decode_html_entities(&text).replace('\u{a0}', " ")
}

fn has_tags(text: &str) -> bool {
    ["<br", "<p>", "<p ", "</p>", "<div"].iter().any(|tag| text.contains(tag))
}

/// Line breaks in place of the tags that begin or end a line, nothing in place of those that only look. Others stay: an address is in a link, and what
/// is between two angle brackets need not be a tag.
fn without_tags(text: &str) -> String {
    let mut parts = text.split('<');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let tag =
            part.split_once('>').filter(|(tag, _)| tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/'));
        let Some((tag, rest)) = tag else {
            plain.push('<');
            plain.push_str(part);
            continue;
        };
        let name = tag.trim_matches('/').split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        let is_known = matches!(
            name.as_str(),
            "br" | "p" | "div" | "li" | "ul" | "ol" | "span" | "b" | "strong" | "i" | "em" | "u" | "s" | "font"
        );
        if !is_known {
            plain.push('<');
            plain.push_str(part);
            continue;
        }
        // What ends a paragraph has been followed by what begins the next one.
        let breaks = matches!((name.as_str(), tag.starts_with('/')), ("br", _) | ("p" | "div" | "li", true));
        if breaks && !rest.starts_with(['\n', '\r']) {
            plain.push('\n');
        }
        plain.push_str(rest);
    }
    plain
}

#[cfg(test)]
mod tests;
