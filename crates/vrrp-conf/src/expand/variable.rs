//! Variables: `$NAME=…`, `${NAME}`, and the predefined ones.

use std::env;

use super::lexer::{Beginning, Reference};
use super::line::{Line, Piece};
use super::{Expander, Step, lexer};
use crate::source::{DefinitionId, FileRange};
use crate::{Code, Diagnostic, Span};

/// A variable's value: one line or several.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) lines: Vec<Line>,
    pub(super) definition: DefinitionId,
}

impl Expander<'_> {
    /// Takes a definition off a line: the name, and the value as a line.
    pub(super) fn definition(&self, line: &Line) -> Option<(String, Line)> {
        let text = line.peek()?.text(self.sources);
        let Beginning::Definition(name) = lexer::beginning(text) else { return None };
        let name = name.to_owned();
        let mut value = line.rest();
        value.advance("$=".len() + name.len(), self.sources);
        value.trim_start(self.sources);
        Some((name, value.rest()))
    }

    /// The name, if a line begins a definition of several lines, and counts.
    pub(super) fn multiline_definition(&mut self, line: &Line) -> Option<String> {
        let mut line = line.clone();
        line.trim_start(self.sources);
        while line.first_char(self.sources) == Some('@') {
            if !self.condition(&mut line) {
                return None;
            }
            line.trim_start(self.sources);
        }
        let (name, value) = self.definition(&line)?;
        value.is_blank(self.sources).then_some(name)
    }

    pub(super) fn define(&mut self, name: &str, lines: Vec<Line>, at: FileRange) {
        let definition = self.sources.add_definition(format!("${name}").into(), Some(at));
        self.variables.insert(name.into(), Variable { lines, definition });
    }

    /// Replaces the variables of a line until its end, or until the line must be looked at
    /// anew.
    pub(super) fn replace(&mut self, line: &mut Line, mut at_beginning: bool) -> Step {
        while let Some(piece) = line.next() {
            let Some((before, reference, after)) = self.split_at_reference(&piece, line) else {
                at_beginning &= lexer::is_blank(piece.text(self.sources));
                line.finish(piece);
                continue;
            };
            at_beginning &= lexer::is_blank(before.text(self.sources));
            line.finish(before);
            line.put_back(after);
            let Some(mut lines) = self.value(&reference) else {
                at_beginning = false;
                line.finish(reference);
                continue;
            };
            if lines.len() > 1 {
                return Step::Several(joined(line, lines));
            }
            line.put_front(lines.pop().unwrap_or_default());
            if at_beginning {
                return Step::Again;
            }
            if self.stopped {
                break;
            }
        }
        Step::Finished
    }

    /// A piece before, at, and behind its first reference.
    pub(super) fn split_at_reference(
        &self,
        piece: &Piece,
        line: &Line,
    ) -> Option<(Piece, Piece, Piece)> {
        let next = line.first_char(self.sources);
        let Reference { range, .. } = lexer::reference(piece.text(self.sources), next)?;
        let (before, rest) = piece.clone().split(range.start, self.sources);
        let (reference, after) = rest.split(range.len(), self.sources);
        Some((before, reference, after))
    }

    /// What a reference stands for, as lines; `None` if it is to be left as it is.
    pub(super) fn value(&mut self, reference: &Piece) -> Option<Vec<Line>> {
        let text = reference.shared(self.sources);
        let Reference { name, arguments, .. } = lexer::reference(text.as_str(), None)?;
        let (at, parent) = (reference.at, reference.expansion);
        if !self.count_expansion(at, parent) {
            return None;
        }
        if let Some(value) = self.predefined(name, arguments) {
            let piece = Piece::made(&value, at, parent);
            return Some(vec![Line::from_pieces(vec![piece])]);
        }
        let Some(variable) = self.variables.get(name).filter(|_| arguments.is_empty()) else {
            self.report_undefined(name, arguments, reference);
            return None;
        };
        if self.sources.depth(parent) >= self.options.limits.variable_depth {
            let message = format!("the value of `${name}` contains itself");
            self.stop(at, parent, Code::ExpansionTooDeep, message);
            return None;
        }
        let expansion = Some(self.sources.add_expansion(variable.definition, at, parent));
        let moved = |line: &Line| {
            let pieces = line.all().map(|piece| piece.clone().within(expansion));
            Line::from_pieces(pieces.collect())
        };
        Some(variable.lines.iter().map(moved).collect())
    }

    fn predefined(&mut self, name: &str, arguments: &str) -> Option<String> {
        match (name, arguments) {
            ("_PWD", "") => Some(self.working_directory()),
            ("_INSTANCE", "") => Some(self.config_id().to_string()),
            ("_HASH", "") => Some("#".to_owned()),
            ("_BANG", "") => Some("!".to_owned()),
            ("_RANDOM", range) => self.random.between(range).map(|number| number.to_string()),
            ("_ENV", variable) if !variable.is_empty() => env::var(variable).ok(),
            _ => None,
        }
    }

    fn working_directory(&self) -> String {
        let absolute = std::path::absolute(&self.directory);
        let directory = match (self.directory.as_os_str().is_empty(), absolute) {
            (true, _) => env::current_dir().unwrap_or_default(),
            (false, Ok(directory)) => directory,
            (false, Err(_)) => self.directory.clone(),
        };
        directory.display().to_string()
    }

    fn report_undefined(&mut self, name: &str, arguments: &str, reference: &Piece) {
        if !self.reported_undefined.insert(format!("{name} {arguments}")) {
            return;
        }
        let (message, help) = match name {
            "_ENV" => (
                format!("the environment has no variable `{arguments}`"),
                "set it for whoever reads this: a shell's variables are not those of a service"
                    .to_owned(),
            ),
            "_RANDOM" => (
                format!("`{arguments}` is no range of numbers"),
                "write `${_RANDOM MIN MAX}`, the lower number first".to_owned(),
            ),
            _ => (
                format!("the variable `{name}` is not defined"),
                format!("define it above with `${name}=VALUE`"),
            ),
        };
        let diagnostic = Diagnostic::new(Code::UndefinedVariable, Span::default(), message)
            .label("left as it is")
            .help(help);
        self.report(reference.at, reference.expansion, diagnostic);
    }
}

/// A line and the lines that stand where it was left: the finished part goes in front of the
/// first, the rest behind the last.
fn joined(line: &mut Line, mut lines: Vec<Line>) -> Vec<Line> {
    let rest = core::mem::take(line);
    let mut finished = rest.clone().take_done();
    if let Some(first) = lines.first_mut() {
        finished.extend(first.all().cloned());
        *first = Line::from_pieces(finished);
    }
    if let Some(last) = lines.last_mut() {
        let pieces = last.all().cloned().chain(rest.into_rest());
        *last = Line::from_pieces(pieces.collect());
    }
    lines
}

/// The numbers of `${_RANDOM}`: others each time, unless there is a `random_seed`.
#[derive(Debug, Default)]
pub(super) struct Random(fastrand::Rng);

impl Random {
    const DEFAULT_MAX: u64 = 32767;

    pub(super) fn seed(&mut self, seed: u64) {
        self.0.seed(seed);
    }

    /// A number for the arguments `[MIN [MAX]]`; `None` if they are not that.
    fn between(&mut self, arguments: &str) -> Option<u64> {
        let mut numbers = arguments.split_ascii_whitespace();
        let mut number = |default| numbers.next().map_or(Some(default), |word| word.parse().ok());
        let (min, max): (u64, u64) = (number(0)?, number(Self::DEFAULT_MAX)?);
        (min <= max && numbers.next().is_none()).then(|| self.0.u64(min..=max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_stay_in_their_range_and_repeat_with_a_seed() {
        let numbers = |seed| {
            let mut random = Random::default();
            random.seed(seed);
            (0..50).filter_map(|_| random.between("5 7")).collect::<Vec<_>>()
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
        assert!((5..=7).all(|number| numbers(1).contains(&number)));
        assert!(numbers(3).iter().all(|number| (5..=7).contains(number)));
        assert_eq!(Random::default().between("7 5"), None);
    }
}
