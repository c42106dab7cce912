//! From a byte of the expanded text back to the file that it came from.

use core::num::NonZeroU32;
use core::ops::Range;
use std::sync::Arc;

use crate::Span;

/// What some editors write at the beginning of a file; it is no column of it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A place in a file, for people: lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Location {
    /// The file's name, as it was given or included.
    pub file: Arc<str>,
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

impl core::fmt::Display for Location {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One step from a text to what it was expanded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpandedFrom {
    /// What was replaced, as it was written: `$VI`, `~SEQ(N, 1, 3)`.
    pub what: Arc<str>,
    /// Where it stood.
    pub used_at: Location,
    /// Where it got its value, unless it is predefined.
    pub defined_at: Option<Location>,
}

/// A file of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FileId(u32);

/// A replacement that was made somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ExpansionId(NonZeroU32);

/// A thing that replacements are made of: a variable's definition, a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct DefinitionId(u32);

/// A range of one file's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileRange {
    pub(crate) file: FileId,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl FileRange {
    /// The beginning of the first file.
    pub(crate) const START: Self = Self { file: FileId(0), start: 0, end: 0 };

    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Where a piece of text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) file: FileId,
    /// The file's byte that the piece's first byte is.
    pub(crate) offset: u32,
    /// 0: the piece is a copy of the file's text. Else all of it stands for so many bytes.
    pub(crate) stands_for: u32,
    /// The replacement that brought it here, if any.
    pub(crate) expansion: Option<ExpansionId>,
}

#[derive(Debug)]
struct SourceFile {
    name: Arc<str>,
    text: Arc<str>,
    line_starts: Vec<u32>,
}

#[derive(Debug)]
struct Definition {
    what: Arc<str>,
    defined_at: Option<FileRange>,
}

// There may be millions of these two: 20 bytes each.
#[derive(Debug)]
struct Expansion {
    definition: DefinitionId,
    used_at: FileRange,
    parent: Option<ExpansionId>,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    start: u32,
    origin: Origin,
}

/// The texts of a configuration, and the way from the expanded one back to the files.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
    definitions: Vec<Definition>,
    expansions: Vec<Expansion>,
    expanded: String,
    segments: Vec<Segment>,
}

impl SourceMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// The expanded text of a span: what the parser read.
    pub fn text(&self, span: Span) -> &str {
        self.expanded.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Where a span begins, as the operator wrote it.
    pub fn location(&self, span: Span) -> Option<Location> {
        Some(self.locate(self.resolve(span)?.0))
    }

    /// The file that a span is in, and its bytes there, as the operator wrote them: what
    /// [`location`](Self::location) counts in lines, for programs that count in bytes.
    pub fn byte_range(&self, span: Span) -> Option<(Arc<str>, Range<usize>)> {
        let (at, _) = self.resolve(span)?;
        Some((Arc::clone(self.file_name(at.file)), at.range()))
    }

    /// Where a span begins and where it ends, as the operator wrote it.
    pub fn range(&self, span: Span) -> Option<(Location, Location)> {
        let (at, _) = self.resolve(span)?;
        Some((self.locate(at), self.locate_end(at)))
    }

    /// The replacements that led from the operator's text to a span, the innermost first.
    pub fn expansions(&self, span: Span) -> Vec<ExpandedFrom> {
        let mut next = self.resolve(span).and_then(|(_, expansion)| expansion);
        let mut chain = Vec::new();
        while let Some(id) = next {
            let expansion = self.expansion(id);
            let definition = &self.definitions[expansion.definition.0 as usize];
            chain.push(ExpandedFrom {
                what: Arc::clone(&definition.what),
                used_at: self.locate(expansion.used_at),
                defined_at: definition.defined_at.map(|range| self.locate(range)),
            });
            next = expansion.parent;
        }
        chain
    }

    pub(crate) fn add_file(&mut self, name: Arc<str>, text: Arc<str>) -> FileId {
        let id = FileId(self.files.len() as u32);
        let newlines = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let line_starts =
            core::iter::once(0).chain(newlines.map(|(at, _)| at as u32 + 1)).collect();
        self.files.push(SourceFile { name, text, line_starts });
        id
    }

    pub(crate) fn file_name(&self, file: FileId) -> &Arc<str> {
        &self.files[file.0 as usize].name
    }

    pub(crate) fn file_text(&self, file: FileId) -> &Arc<str> {
        &self.files[file.0 as usize].text
    }

    pub(crate) fn add_definition(
        &mut self,
        what: Arc<str>,
        defined_at: Option<FileRange>,
    ) -> DefinitionId {
        self.definitions.push(Definition { what, defined_at });
        DefinitionId(self.definitions.len() as u32 - 1)
    }

    pub(crate) fn add_expansion(
        &mut self,
        definition: DefinitionId,
        used_at: FileRange,
        parent: Option<ExpansionId>,
    ) -> ExpansionId {
        self.expansions.push(Expansion { definition, used_at, parent });
        let count = u32::try_from(self.expansions.len()).ok().and_then(NonZeroU32::new);
        ExpansionId(count.expect("one was just added, and limits keep them below 2³²"))
    }

    fn expansion(&self, id: ExpansionId) -> &Expansion {
        &self.expansions[id.0.get() as usize - 1]
    }

    /// Appends text to the expanded text.
    pub(crate) fn push(&mut self, text: &str, origin: Origin) {
        if text.is_empty() {
            return;
        }
        let start = self.expanded.len() as u32;
        if !self.continues_last(origin, start) {
            self.segments.push(Segment { start, origin });
        }
        self.expanded.push_str(text);
    }

    fn continues_last(&self, origin: Origin, start: u32) -> bool {
        self.segments.last().is_some_and(|last| {
            let copied =
                Origin { offset: last.origin.offset + (start - last.start), ..last.origin };
            origin.stands_for == 0 && origin == copied
        })
    }

    pub(crate) fn expanded_len(&self) -> u32 {
        self.expanded.len() as u32
    }

    /// The range of a file that a span stands for, and the replacement it is part of.
    ///
    /// A span that begins and ends in different replacements stands for the place where
    /// their common ancestor was written.
    pub(crate) fn resolve(&self, span: Span) -> Option<(FileRange, Option<ExpansionId>)> {
        let (first, first_in) = self.resolve_byte(span.start)?;
        let (last, last_in) = match span.end.checked_sub(1) {
            Some(last) if last > span.start => self.resolve_byte(last)?,
            _ => (first, first_in),
        };
        let (mut first, mut first_in) = (first, first_in);
        for depth in (0..self.depth(first_in)).rev() {
            let (last, last_in) = self.lift(last, last_in, depth + 1);
            if first_in == last_in && first.file == last.file {
                break;
            }
            (first, first_in) = self.lift(first, first_in, depth);
        }
        let (last, last_in) = self.lift(last, last_in, self.depth(first_in));
        let joined = first_in == last_in && first.file == last.file && last.end >= first.start;
        let end = if joined { last.end.max(first.end) } else { first.end };
        Some((self.whole_characters(FileRange { end, ..first }), first_in))
    }

    /// The range that begins and ends between characters.
    fn whole_characters(&self, mut range: FileRange) -> FileRange {
        let text = self.file_text(range.file);
        while !text.is_char_boundary(range.start as usize) {
            range.start -= 1;
        }
        while !text.is_char_boundary(range.end as usize) {
            range.end += 1;
        }
        range
    }

    pub(crate) fn depth(&self, mut expansion: Option<ExpansionId>) -> usize {
        let mut depth = 0;
        while let Some(id) = expansion {
            depth += 1;
            expansion = self.expansion(id).parent;
        }
        depth
    }

    /// Climbs from an expanded text to where it was used until `depth` is reached.
    fn lift(
        &self,
        mut range: FileRange,
        mut expansion: Option<ExpansionId>,
        depth: usize,
    ) -> (FileRange, Option<ExpansionId>) {
        let mut level = self.depth(expansion);
        while let Some(id) = expansion.filter(|_| level > depth) {
            let outer = self.expansion(id);
            (range, expansion) = (outer.used_at, outer.parent);
            level -= 1;
        }
        (range, expansion)
    }

    fn resolve_byte(&self, at: u32) -> Option<(FileRange, Option<ExpansionId>)> {
        let index = self.segments.partition_point(|segment| segment.start <= at).checked_sub(1)?;
        let Segment { start, origin } = self.segments[index];
        let (offset, len) = match origin.stands_for {
            0 => (origin.offset + (at - start), 1),
            len => (origin.offset, len),
        };
        let text_len = self.file_text(origin.file).len() as u32;
        let start = offset.min(text_len);
        let range = FileRange { file: origin.file, start, end: (offset + len).min(text_len) };
        Some((range, origin.expansion))
    }

    /// The replacements that led to a span, the innermost first, and where they were made.
    pub(crate) fn steps(&self, span: Span) -> Vec<(Arc<str>, FileRange)> {
        let mut next = self.resolve(span).and_then(|(_, expansion)| expansion);
        let mut steps = Vec::new();
        while let Some(id) = next {
            let expansion = self.expansion(id);
            let definition = &self.definitions[expansion.definition.0 as usize];
            steps.push((Arc::clone(&definition.what), expansion.used_at));
            next = expansion.parent;
        }
        steps
    }

    /// What findings are sorted by: the file, then the place in it.
    pub(crate) fn order(&self, span: Span) -> (u32, u32) {
        self.resolve(span).map_or((0, 0), |(at, _)| (at.file.0, at.start))
    }

    /// The lines of a range, counted from 0.
    pub(crate) fn lines(&self, range: FileRange) -> Range<u32> {
        let starts = &self.files[range.file.0 as usize].line_starts;
        let line = |at: u32| starts.partition_point(|&start| start <= at).saturating_sub(1) as u32;
        line(range.start)..line(range.end.saturating_sub(1).max(range.start)) + 1
    }

    /// The text of some lines, counted from 0, and where it begins in the file.
    pub(crate) fn line_text(&self, file: FileId, lines: Range<u32>) -> (&str, usize) {
        let file = &self.files[file.0 as usize];
        let at = |line: u32| file.line_starts.get(line as usize).map(|&start| start as usize);
        let start = at(lines.start).unwrap_or(file.text.len());
        let end = at(lines.end).unwrap_or(file.text.len());
        let text = &file.text[start..end];
        let shown = text.trim_start_matches(BYTE_ORDER_MARK);
        (shown.trim_end_matches(['\n', '\r']), start + text.len() - shown.len())
    }

    /// Where a range ends.
    pub(crate) fn locate_end(&self, range: FileRange) -> Location {
        self.locate(FileRange { start: range.end, ..range })
    }

    pub(crate) fn locate(&self, range: FileRange) -> Location {
        let file = &self.files[range.file.0 as usize];
        let line = file.line_starts.partition_point(|&start| start <= range.start);
        let line_start = file.line_starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = file.text.get(line_start as usize..range.start as usize).unwrap_or_default();
        let before = before.trim_start_matches(BYTE_ORDER_MARK);
        let column = before.chars().count() as u32 + 1;
        Location { file: Arc::clone(&file.name), line: line as u32, column }
    }
}
