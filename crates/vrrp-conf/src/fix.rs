//! Texts with their mistakes mended.

use core::fmt;
use core::ops::Range;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bytes;
use crate::source::FileRange;
use crate::{Diagnostic, SourceMap, Span};

/// Lines that a difference shows around those that change.
const CONTEXT_LINES: usize = 3;

/// A file whose mistakes are mended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FixedFile {
    /// Its name, as it was given or included.
    pub name: Arc<str>,
    /// How many places are changed.
    pub changes: usize,
    before: Arc<str>,
    text: String,
    hunks: Vec<Hunk>,
}

/// Lines that change, next to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hunk {
    /// The lines before, counted from 0.
    old: Range<usize>,
    /// The first of the lines after.
    new_start: usize,
    /// Each line with its sign.
    lines: Vec<String>,
    new_count: usize,
}

/// The files whose findings say what to write instead, with that written: what keepalived makes of
/// them stays as it is, and so do comments and white space.
///
/// A finding in a text that a variable, a sequence or a pattern of includes stands for is left:
/// there, a change would change more than it means. So is one whose words have no meaning, or two.
///
/// ```
/// use vrrp_conf::{Options, fix, parse_str};
///
/// let text = "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n nopreempt 1 # stay\n \
///             virtual_ipaddress { 192.0.2.1 }\n}\n";
/// let loaded = parse_str("vrrp.conf", text, &Options::default());
/// let fixed = fix(&loaded.diagnostics, &loaded.sources);
/// assert_eq!(fixed[0].text(), text.replace("nopreempt 1 #", "nopreempt #").into_bytes());
/// assert!(fixed[0].to_string().contains("\n- nopreempt 1 # stay\n+ nopreempt # stay\n"));
/// ```
pub fn fix(diagnostics: &[Diagnostic], sources: &SourceMap) -> Vec<FixedFile> {
    let mut edits: BTreeMap<Arc<str>, Vec<(FileRange, &str)>> = BTreeMap::new();
    for fix in diagnostics.iter().filter_map(|found| found.fix.as_ref()) {
        let Some(mut at) = written_at(fix.span, sources) else { continue };
        if fix.text.is_empty() {
            at = with_blanks(at, sources.file_text(at.file));
        }
        let edits = edits.entry(Arc::clone(sources.file_name(at.file))).or_default();
        let is_apart = |(other, _): &(FileRange, &str)| {
            // The same file may have been read for several members.
            let is_same = sources.file_text(other.file) == sources.file_text(at.file);
            is_same && (other.end <= at.start || at.end <= other.start)
        };
        if edits.iter().all(is_apart) {
            edits.push((at, &fix.text));
        }
    }
    let files = edits.into_iter().filter_map(|(name, mut edits)| {
        edits.sort_by_key(|(at, _)| at.start);
        let text = sources.file_text(edits.first()?.0.file);
        Some(fixed(name, text, &edits))
    });
    files.collect()
}

/// Where a text stands in its file, if that is all that it stands for.
fn written_at(span: Span, sources: &SourceMap) -> Option<FileRange> {
    let (at, expansion) = sources.resolve(span)?;
    let is_copied = sources.file_text(at.file).get(at.range())? == sources.text(span);
    (expansion.is_none() && is_copied).then_some(at)
}

/// What is to go, with the white space before it, or behind it at the beginning of a line.
fn with_blanks(at: FileRange, text: &str) -> FileRange {
    const BLANKS: [char; 2] = [' ', '\t'];
    let (before, behind) = (&text[..at.start as usize], &text[at.end as usize..]);
    let kept = before.trim_end_matches(BLANKS);
    if kept.is_empty() || kept.ends_with('\n') {
        let blanks = behind.len() - behind.trim_start_matches(BLANKS).len();
        return FileRange { end: at.end + blanks as u32, ..at };
    }
    FileRange { start: kept.len() as u32, ..at }
}

fn fixed(name: Arc<str>, text: &Arc<str>, edits: &[(FileRange, &str)]) -> FixedFile {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut starts = Vec::with_capacity(lines.len());
    let mut start = 0;
    for line in &lines {
        starts.push(start);
        start += line.len();
    }
    let line_of = |at: u32| starts.partition_point(|&start| start <= at as usize) - 1;
    // Changes that begin and end on the same lines are one.
    let mut changes: Vec<(Range<usize>, String)> = Vec::new();
    let mut next = 0;
    while let Some(&(first, _)) = edits.get(next) {
        let from = line_of(first.start);
        let (mut to, mut at, mut changed) = (from, starts[from], String::new());
        while let Some(&(edit, new)) = edits.get(next).filter(|(edit, _)| line_of(edit.start) <= to)
        {
            changed.push_str(&text[at..edit.start as usize]);
            changed.push_str(new);
            at = edit.end as usize;
            to = line_of(edit.end.max(edit.start + 1) - 1);
            next += 1;
        }
        changed.push_str(&text[at..starts[to] + lines[to].len()]);
        // What has nothing left on it goes with its line break.
        if changed.trim().is_empty() {
            changed.clear();
        }
        changes.push((from..to + 1, changed));
    }
    let mut fixed = String::with_capacity(text.len());
    let mut last = 0;
    for (at, new) in &changes {
        fixed.extend(lines[last..at.start].iter().copied());
        fixed.push_str(new);
        last = at.end;
    }
    fixed.extend(lines[last..].iter().copied());
    let before = Arc::clone(text);
    FixedFile { name, changes: edits.len(), before, text: fixed, hunks: hunks(&lines, &changes) }
}

/// The lines around each change, and those of neighbours together.
fn hunks(lines: &[&str], changes: &[(Range<usize>, String)]) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut grown = 0_isize;
    for (at, new) in changes {
        let until = (at.end + CONTEXT_LINES).min(lines.len());
        let same = |range: Range<usize>| lines[range].iter().map(|line| format!(" {line}"));
        let before = at.start.saturating_sub(CONTEXT_LINES);
        let hunk = match hunks.pop() {
            Some(mut last) if before <= last.old.end => {
                // The last one's context has come far enough, or further.
                let surplus = last.old.end.saturating_sub(at.start);
                last.lines.truncate(last.lines.len() - surplus);
                last.new_count -= surplus;
                let end = last.old.end.min(at.start);
                last.lines.extend(same(end..at.start));
                last.new_count += at.start - end;
                last
            }
            other => {
                hunks.extend(other);
                let new_start = before.saturating_add_signed(grown);
                let new_count = at.start - before;
                Hunk {
                    old: before..0,
                    new_start,
                    lines: same(before..at.start).collect(),
                    new_count,
                }
            }
        };
        let Hunk { old, new_start, lines: mut shown, mut new_count } = hunk;
        shown.extend(lines[at.clone()].iter().map(|line| format!("-{line}")));
        let new: Vec<_> = new.split_inclusive('\n').collect();
        shown.extend(new.iter().map(|line| format!("+{line}")));
        shown.extend(same(at.end..until));
        new_count += new.len() + until - at.end;
        grown += new.len() as isize - at.len() as isize;
        hunks.push(Hunk { old: old.start..until, new_start, lines: shown, new_count });
    }
    hunks
}

impl FixedFile {
    /// The bytes that were read.
    pub fn before(&self) -> Vec<u8> {
        bytes::encode(&self.before)
    }

    /// The mended text, with the bytes that the file had.
    pub fn text(&self) -> Vec<u8> {
        bytes::encode(&self.text)
    }
}

/// The difference, in the form that `patch` takes.
impl fmt::Display for FixedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        writeln!(f, "--- {name}\n+++ {name}")?;
        for Hunk { old, new_start, lines, new_count } in &self.hunks {
            writeln!(f, "@@ -{},{} +{},{new_count} @@", old.start + 1, old.len(), new_start + 1)?;
            for line in lines {
                match line.ends_with('\n') {
                    true => f.write_str(line)?,
                    false => writeln!(f, "{line}\n\\ No newline at end of file")?,
                }
            }
        }
        Ok(())
    }
}
