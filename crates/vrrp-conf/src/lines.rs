//! The lines of a text, as its tokens stand in them.

use crate::syntax::{Part, Token};

/// Follows the tokens of a text from line to line.
pub(crate) struct Lines<'t> {
    text: &'t str,
    /// The end of the last token.
    last_end: usize,
    /// The white space in front of the first token of the line.
    pub(crate) indentation: usize,
}

impl<'t> Lines<'t> {
    pub(crate) fn of(text: &'t str) -> Self {
        Self { text, last_end: 0, indentation: 0 }
    }

    /// Goes on to the next token; `true` if it is the first one of its line.
    pub(crate) fn step(&mut self, token: &Token) -> bool {
        let start = token.start as usize;
        let gap = &self.text[self.last_end.min(start)..start];
        let begins_line = match (gap.rfind('\n'), self.last_end) {
            (Some(line_break), _) => {
                self.indentation = gap.len() - line_break - 1;
                true
            }
            (None, 0) => {
                self.indentation = gap.len();
                true
            }
            (None, _) => false,
        };
        self.last_end = token.end as usize;
        begins_line
    }
}

/// The first word of a line, which tells where the line belongs; `track_file` with a name is the
/// top level's, which has another name for it.
pub(crate) fn telling_word<'t>(text: &'t str, line: &[Token]) -> &'t str {
    let word = line.first().map_or("", |word| word.text(text));
    let has_name = line.get(1).is_some_and(|next| next.part == Part::Argument);
    if word == "track_file" && has_name { "vrrp_track_file" } else { word }
}
