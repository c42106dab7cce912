//! Lines that are repeated: `~SEQ`, `~SEQx` and `~LST`.

use super::lexer::Beginning;
use super::line::{Line, Piece};
use super::variable::Variable;
use super::{Expander, lexer};
use crate::source::{ExpansionId, FileRange};
use crate::{Code, Diagnostic, Span};

/// What is in the parentheses, and where.
struct Arguments {
    text: String,
    at: FileRange,
    expansion: Option<ExpansionId>,
}

/// The variables of a repetition and, one after the other, their values.
struct Repetition {
    names: Vec<String>,
    values: Box<dyn Iterator<Item = Vec<String>>>,
}

/// Why a repetition cannot be understood.
type Problem = String;

impl Expander<'_> {
    /// Repeats the rest of a line that begins with `~`; `true` if it is no repetition.
    pub(super) fn repeat(&mut self, line: &mut Line) -> bool {
        let Some(piece) = line.peek() else { return true };
        let (at, expansion) = (piece.at, piece.expansion);
        let text = piece.text(self.sources);
        let Beginning::Repetition(kind) = lexer::beginning(text) else {
            return self.not_a_repetition(line);
        };
        let kind = kind.to_owned();
        let parse = match kind.as_str() {
            "~SEQ" => |text: &str| sequence(text, false),
            "~SEQx" => |text: &str| sequence(text, true),
            "~LST" => list,
            _ => return self.not_a_repetition(line),
        };
        line.advance(kind.len() + 1, self.sources);
        let parsed = match self.arguments(line, at, expansion) {
            Some(arguments) => parse(&arguments.text).map(|repetition| (repetition, arguments)),
            None => Err(format!("`{kind}(` has no closing `)` on its line")),
        };
        match parsed {
            Ok((repetition, arguments)) => self.repeat_line(line, repetition, &arguments),
            Err(problem) => {
                let diagnostic = Diagnostic::new(Code::BadRepetition, Span::default(), problem)
                    .help("the forms are `~SEQ(VAR, START, STEP, END)` and `~LST(VAR, A, B)`");
                self.report(at, expansion, diagnostic);
            }
        }
        false
    }

    fn not_a_repetition(&mut self, line: &mut Line) -> bool {
        self.replace(line, false);
        true
    }

    /// Reads up to the closing parenthesis, with variables replaced.
    fn arguments(
        &mut self,
        line: &mut Line,
        at: FileRange,
        expansion: Option<ExpansionId>,
    ) -> Option<Arguments> {
        let mut text = String::new();
        while let Some(piece) = line.next() {
            let close = piece.text(self.sources).find(')');
            let reference = self.split_at_reference(&piece, line);
            match (close, reference) {
                (close, Some((before, reference, after)))
                    if close.is_none_or(|close| close >= before.len()) =>
                {
                    text.push_str(before.text(self.sources));
                    line.put_back(after);
                    match self.value(&reference) {
                        Some(lines) => lines.into_iter().for_each(|value| line.put_front(value)),
                        None => text.push_str(reference.text(self.sources)),
                    }
                }
                (Some(close), _) => {
                    let (inside, after) = piece.split(close + 1, self.sources);
                    text.push_str(inside.text(self.sources));
                    text.pop();
                    let end = inside.at;
                    line.put_back(after);
                    let joined = end.file == at.file && end.end > at.start;
                    let at = if joined { FileRange { end: end.end, ..at } } else { at };
                    return Some(Arguments { text, at, expansion });
                }
                (None, _) => text.push_str(piece.text(self.sources)),
            }
        }
        None
    }

    fn repeat_line(&mut self, line: &Line, repetition: Repetition, arguments: &Arguments) {
        let Arguments { at, expansion, .. } = *arguments;
        let define = |expander: &mut Self, name: &String| {
            expander.sources.add_definition(format!("${name}").into(), Some(at))
        };
        let definitions: Vec<_> = repetition.names.iter().map(|name| define(self, name)).collect();
        let hidden: Vec<_> =
            repetition.names.iter().map(|name| self.variables.remove(name.as_str())).collect();
        for values in repetition.values {
            if self.stopped || !self.count_expansion(at, expansion) {
                break;
            }
            for ((name, value), &definition) in
                repetition.names.iter().zip(values).zip(&definitions)
            {
                let lines = vec![Line::from_pieces(vec![Piece::made(&value, at, expansion)])];
                self.variables.insert(name.as_str().into(), Variable { lines, definition });
            }
            self.line(line.rest());
        }
        for (name, hidden) in repetition.names.into_iter().zip(hidden) {
            match hidden {
                Some(variable) => self.variables.insert(name.into(), variable),
                None => self.variables.remove(name.as_str()),
            };
        }
    }
}

/// `VAR, [START, [STEP,]] END`.
fn sequence(text: &str, hexadecimal: bool) -> Result<Repetition, Problem> {
    let mut words = lexer::elements(text);
    let name = variable_name(words.next().unwrap_or_default())?;
    let numbers = words.map(number).collect::<Result<Vec<_>, _>>()?;
    let (start, step, end) = match *numbers.as_slice() {
        [end] if end != 0 => (end.signum(), end.signum(), end),
        [start, end] => (start, if end < start { -1 } else { 1 }, end),
        [start, step, end] if step != 0 => (start, step, end),
        [0] => return Err("a sequence without a start cannot end at 0".into()),
        [_, 0, _] => return Err("a sequence's step cannot be 0".into()),
        _ => return Err("a sequence has a variable and one to three numbers".into()),
    };
    if (step > 0) != (end >= start) && end != start {
        return Err(format!("a sequence from {start} in steps of {step} never gets to {end}"));
    }
    let not_beyond = move |&number: &i64| if step > 0 { number <= end } else { number >= end };
    let numbers = core::iter::successors(Some(start), move |&number| number.checked_add(step));
    let format = move |number: i64| match hexadecimal {
        true => format!("{number:x}"),
        false => number.to_string(),
    };
    let values = numbers.take_while(not_beyond).map(move |number| vec![format(number)]);
    Ok(Repetition { names: vec![name], values: Box::new(values) })
}

/// `VAR, A, B, …` or `{VAR, VAR}, {A, A}, {B, B}, …`.
fn list(text: &str) -> Result<Repetition, Problem> {
    let mut tuples = lexer::tuples(text)?.into_iter();
    let names = tuples.next().unwrap_or_default();
    let names = names.iter().map(|name| variable_name(name)).collect::<Result<Vec<_>, _>>()?;
    let values: Vec<_> = tuples.collect();
    if values.is_empty() {
        return Err("a list has at least one value".into());
    }
    if let Some(odd) = values.iter().find(|tuple| tuple.len() != names.len()) {
        let (variables, values) = (names.len(), odd.len());
        return Err(format!("{values} values for {variables} variables"));
    }
    Ok(Repetition { names, values: Box::new(values.into_iter()) })
}

fn variable_name(text: &str) -> Result<String, Problem> {
    let problem = || format!("`{text}` is not the name of a variable");
    lexer::name(text).filter(|name| name.len() == text.len()).map(str::to_owned).ok_or_else(problem)
}

fn number(text: &str) -> Result<i64, Problem> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let number = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    number.map(|number: i64| sign * number).map_err(|_| format!("`{text}` is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(repetition: Result<Repetition, Problem>) -> Vec<String> {
        repetition.unwrap().values.map(|tuple| tuple.join("/")).collect()
    }

    #[test]
    fn a_sequence_fills_in_its_start_and_step() {
        assert_eq!(values(sequence("A, 3", false)), ["1", "2", "3"]);
        assert_eq!(values(sequence("A, -2", false)), ["-1", "-2"]);
        assert_eq!(values(sequence("A, 2, 0", false)), ["2", "1", "0"]);
        assert_eq!(values(sequence("A, 1, 2, 6", false)), ["1", "3", "5"]);
        assert_eq!(values(sequence("A, 0x90, 0x10, 0xc0", true)), ["90", "a0", "b0", "c0"]);
        assert_eq!(values(sequence("A, 0x12, -1, 0x0c", true)).len(), 7);
    }

    #[test]
    fn a_sequence_that_never_ends_is_refused() {
        for text in ["A, 1, 0, 3", "A, 3, 1, 1", "A, 0", "A", "1, 2", "A, x", "A, 1, 2, 3, 4"] {
            assert!(sequence(text, false).is_err(), "{text}");
        }
        assert_eq!(values(sequence(&format!("A, {}, {}", i64::MAX, i64::MAX), false)).len(), 1);
    }

    #[test]
    fn a_list_has_words_or_tuples() {
        assert_eq!(values(list("A, 1, 2 , x")), ["1", "2", "x"]);
        assert_eq!(values(list("{A, B}, {10,1},{20, 4}")), ["10/1", "20/4"]);
        for text in ["A", "{A, B}, {1}", "{A", "{A} {1}", "1, 2"] {
            assert!(list(text).is_err(), "{text}");
        }
    }
}
