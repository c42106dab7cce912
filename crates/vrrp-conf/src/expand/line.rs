//! Lines as pieces of files' texts.

use std::rc::Rc;
use std::sync::Arc;

use super::lexer;
use crate::SourceMap;
use crate::source::{ExpansionId, FileRange, Origin};

/// A piece of a line: a range of a file, or a text made from one.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// The range; for a made text, what it stands for.
    pub(super) at: FileRange,
    /// The text, where it is not the range's own.
    made: Option<Rc<str>>,
    pub(super) expansion: Option<ExpansionId>,
}

/// A piece's text, kept alive beside the map.
pub(super) enum Shared {
    File(Arc<str>, FileRange),
    Made(Rc<str>),
}

impl Shared {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::File(text, range) => &text[range.range()],
            Self::Made(text) => text,
        }
    }
}

impl Piece {
    pub(super) fn made(text: &str, at: FileRange, expansion: Option<ExpansionId>) -> Self {
        Self { at, made: Some(text.into()), expansion }
    }

    /// The same piece, brought here by a replacement.
    pub(super) fn within(self, expansion: Option<ExpansionId>) -> Self {
        Self { expansion, ..self }
    }

    pub(super) fn text<'a>(&'a self, sources: &'a SourceMap) -> &'a str {
        match &self.made {
            Some(text) => text,
            None => &sources.file_text(self.at.file)[self.at.range()],
        }
    }

    pub(super) fn shared(&self, sources: &SourceMap) -> Shared {
        match &self.made {
            Some(text) => Shared::Made(Rc::clone(text)),
            None => Shared::File(Arc::clone(sources.file_text(self.at.file)), self.at),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.made.as_ref().map_or((self.at.end - self.at.start) as usize, |text| text.len())
    }

    pub(super) fn origin(&self) -> Origin {
        let stands_for = match self.made {
            Some(_) => (self.at.end - self.at.start).max(1),
            None => 0,
        };
        Origin { file: self.at.file, offset: self.at.start, stands_for, expansion: self.expansion }
    }

    /// The place behind the piece.
    pub(super) fn end_origin(&self) -> Origin {
        Origin { offset: self.at.end, stands_for: 0, ..self.origin() }
    }

    /// The piece in two, at a byte of its text.
    pub(super) fn split(self, at: usize, sources: &SourceMap) -> (Self, Self) {
        let (mut left, mut right) = (self.clone(), self);
        match left.made.take() {
            Some(_) => {
                let text = right.text(sources);
                let (head, tail) = (Rc::from(&text[..at]), Rc::from(&text[at..]));
                (left.made, right.made) = (Some(head), Some(tail));
            }
            None => {
                left.at.end = left.at.start + at as u32;
                right.at.start = left.at.end;
            }
        }
        (left, right)
    }
}

/// A line: pieces that have been looked at, and pieces that have not, the next one last.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    done: Vec<Piece>,
    todo: Vec<Piece>,
}

impl Line {
    pub(super) fn of(at: FileRange, expansion: Option<ExpansionId>) -> Self {
        Self { done: Vec::new(), todo: vec![Piece { at, made: None, expansion }] }
    }

    pub(super) fn from_pieces(mut pieces: Vec<Piece>) -> Self {
        pieces.reverse();
        Self { done: Vec::new(), todo: pieces }
    }

    /// The parts with a space where the backslash and the line break were.
    pub(super) fn joined(parts: &[FileRange]) -> Self {
        let mut pieces = Vec::with_capacity(parts.len() * 2);
        for (index, &at) in parts.iter().enumerate() {
            if index > 0 {
                let gap = FileRange { end: at.start, start: at.start.saturating_sub(1), ..at };
                pieces.push(Piece::made(" ", gap, None));
            }
            pieces.push(Piece { at, made: None, expansion: None });
        }
        Self::from_pieces(pieces)
    }

    /// The finished pieces, in order.
    pub(super) fn pieces(&self) -> &[Piece] {
        &self.done
    }

    /// All pieces, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = &Piece> {
        self.done.iter().chain(self.todo.iter().rev())
    }

    /// The rest, as a line of its own.
    pub(super) fn rest(&self) -> Self {
        Self { done: Vec::new(), todo: self.todo.clone() }
    }

    pub(super) fn into_rest(self) -> Vec<Piece> {
        let mut rest = self.todo;
        rest.reverse();
        rest
    }

    pub(super) fn is_blank(&self, sources: &SourceMap) -> bool {
        self.all().all(|piece| lexer::is_blank(piece.text(sources)))
    }

    /// The text of the whole line.
    pub(super) fn text(&self, sources: &SourceMap) -> String {
        self.all().map(|piece| piece.text(sources)).collect()
    }

    pub(super) fn next(&mut self) -> Option<Piece> {
        self.todo.pop()
    }

    pub(super) fn peek(&self) -> Option<&Piece> {
        self.todo.last()
    }

    /// Puts a piece in front of the rest.
    pub(super) fn put_back(&mut self, piece: Piece) {
        if piece.len() > 0 {
            self.todo.push(piece);
        }
    }

    /// Puts a line's pieces in front of the rest.
    pub(super) fn put_front(&mut self, line: Self) {
        for piece in line.into_rest().into_iter().rev() {
            self.put_back(piece);
        }
    }

    /// Declares a piece finished.
    pub(super) fn finish(&mut self, piece: Piece) {
        if piece.len() > 0 {
            self.done.push(piece);
        }
    }

    pub(super) fn take_done(&mut self) -> Vec<Piece> {
        core::mem::take(&mut self.done)
    }

    /// Drops white space, and what is finished, from the beginning.
    pub(super) fn trim_start(&mut self, sources: &SourceMap) {
        while let Some(piece) = self.todo.pop() {
            let blank = lexer::blank_len(piece.text(sources));
            if blank < piece.len() {
                let (blank, rest) = piece.split(blank, sources);
                self.finish(blank);
                self.todo.push(rest);
                return;
            }
            self.finish(piece);
        }
    }

    pub(super) fn first_char(&self, sources: &SourceMap) -> Option<char> {
        self.todo.last()?.text(sources).chars().next()
    }

    /// Drops so many bytes of the first piece.
    pub(super) fn advance(&mut self, bytes: usize, sources: &SourceMap) {
        if let Some(piece) = self.todo.pop() {
            let (_, rest) = piece.split(bytes, sources);
            self.put_back(rest);
        }
    }

    /// The place of the line: its first piece that is not blank.
    pub(super) fn place(&self, sources: &SourceMap) -> FileRange {
        let written = self.all().find(|piece| !lexer::is_blank(piece.text(sources)));
        let Some(piece) = written.or_else(|| self.all().next()) else {
            return FileRange::START;
        };
        match piece.made {
            Some(_) => piece.at,
            None => {
                let written = lexer::trimmed(piece.text(sources));
                let at = |place: usize| piece.at.start + place as u32;
                FileRange { start: at(written.start), end: at(written.end), ..piece.at }
            }
        }
    }

    pub(super) fn expansion(&self) -> Option<ExpansionId> {
        self.all().next().and_then(|piece| piece.expansion)
    }
}
