//! The same of sound configurations with pieces exchanged, moved and lost: nearer to the language
//! than bytes get.
#![no_main]

mod judge;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

/// The lines of the corpus, file by file.
static CORPUS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/vrrp-conf/tests/corpus");
    let entries = fs::read_dir(corpus).expect("the corpus is in the repository");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    let text = |path| fs::read_to_string(path).expect("it can be read");
    paths.into_iter().map(|path| text(path).lines().map(str::to_owned).collect()).collect()
});

const MAX_CHANGES: usize = 24;
const MAX_LINES: usize = 200;

#[derive(Arbitrary, Debug)]
struct Plan {
    file: u8,
    lenient: bool,
    show: u8,
    changes: Vec<Change>,
}

/// One change. Lines and words are counted around the end.
#[derive(Arbitrary, Debug)]
enum Change {
    /// The first words of two lines change places.
    SwapKeywords(u8, u8),
    /// What is behind the first words of two lines changes places.
    SwapValues(u8, u8),
    SwapLines(u8, u8),
    /// A block, or a line that begins none, goes before another line.
    Move(u8, u8),
    Duplicate(u8, u8),
    /// A line's braces are lost.
    DropBraces(u8),
    DropLine(u8),
    DropWord(u8, u8),
    /// A word becomes one of another line.
    CopyWord(u8, u8, u8, u8),
    /// A word becomes a number.
    Number(u8, u8, i16),
    /// A word is followed by a character.
    Append(u8, u8, char),
    /// A word moves into a variable.
    Variable(u8, u8),
    /// A line is repeated with a number.
    Repeat(u8, u8),
    /// Two lines become one.
    Join(u8),
    /// A block of another file goes before a line.
    Graft(u8, u8, u8),
}

fuzz_target!(|plan: Plan| {
    let mut lines = CORPUS[usize::from(plan.file) % CORPUS.len()].clone();
    for change in plan.changes.iter().take(MAX_CHANGES) {
        if lines.is_empty() || lines.len() > MAX_LINES {
            break;
        }
        apply(&mut lines, change);
    }
    judge::judge(&lines.join("\n"), plan.lenient, plan.show % 8 == 0);
});

fn apply(lines: &mut Vec<String>, change: &Change) {
    let count = lines.len();
    let at = |number: u8| usize::from(number) % count;
    match *change {
        Change::SwapKeywords(a, b) => {
            let ((a_key, a_rest), (b_key, b_rest)) = (split(&lines[at(a)]), split(&lines[at(b)]));
            let (a_line, b_line) = (format!("{b_key} {a_rest}"), format!("{a_key} {b_rest}"));
            (lines[at(a)], lines[at(b)]) = (a_line, b_line);
        }
        Change::SwapValues(a, b) => {
            let ((a_key, a_rest), (b_key, b_rest)) = (split(&lines[at(a)]), split(&lines[at(b)]));
            let (a_line, b_line) = (format!("{a_key} {b_rest}"), format!("{b_key} {a_rest}"));
            (lines[at(a)], lines[at(b)]) = (a_line, b_line);
        }
        Change::SwapLines(a, b) => lines.swap(at(a), at(b)),
        Change::Move(from, to) => {
            let block: Vec<_> = lines.drain(at(from)..block_end(lines, at(from))).collect();
            let to = at(to).min(lines.len());
            lines.splice(to..to, block);
        }
        Change::Duplicate(from, to) => {
            let block = lines[at(from)..block_end(lines, at(from))].to_vec();
            lines.splice(at(to)..at(to), block);
        }
        Change::DropBraces(line) => lines[at(line)].retain(|c| !matches!(c, '{' | '}')),
        Change::DropLine(line) => drop(lines.remove(at(line))),
        Change::DropWord(line, word) => set_word(&mut lines[at(line)], word, |_| String::new()),
        Change::CopyWord(line, word, from, which) => {
            let words: Vec<_> = lines[at(from)].split_whitespace().collect();
            let Some(new) = words.get(usize::from(which) % words.len().max(1)) else { return };
            let new = (*new).to_owned();
            set_word(&mut lines[at(line)], word, |_| new);
        }
        Change::Number(line, word, number) => {
            set_word(&mut lines[at(line)], word, |_| number.to_string());
        }
        Change::Append(line, word, c) => {
            set_word(&mut lines[at(line)], word, |word| format!("{word}{c}"));
        }
        Change::Variable(line, word) => {
            let mut value = String::new();
            set_word(&mut lines[at(line)], word, |word| {
                value = word.to_owned();
                "${MOVED}".to_owned()
            });
            lines.insert(0, format!("$MOVED={value}"));
        }
        Change::Repeat(line, times) => {
            let line = &mut lines[at(line)];
            *line = format!("~SEQ(N, 1, {}) {line}", times % 8);
        }
        Change::Join(line) if at(line) + 1 < count => {
            let next = lines.remove(at(line) + 1);
            lines[at(line)] += &next;
        }
        Change::Join(_) => {}
        Change::Graft(file, line, to) => {
            let other = &CORPUS[usize::from(file) % CORPUS.len()];
            let from = usize::from(line) % other.len();
            let block = other[from..block_end(other, from)].to_vec();
            lines.splice(at(to)..at(to), block);
        }
    }
}

/// The first word, and the rest.
fn split(line: &str) -> (String, String) {
    let (key, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    (key.to_owned(), rest.to_owned())
}

/// Changes a word of a line.
fn set_word(line: &mut String, number: u8, change: impl FnOnce(&str) -> String) {
    let mut words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    let count = words.len().max(1);
    let Some(word) = words.get_mut(usize::from(number) % count) else { return };
    *word = change(word);
    *line = words.join(" ");
}

/// The line behind the block that a line begins, or behind the line.
fn block_end(lines: &[String], from: usize) -> usize {
    let mut depth = 0_isize;
    for (at, line) in lines.iter().enumerate().skip(from) {
        let count = |brace| line.matches(brace).count() as isize;
        depth += count('{') - count('}');
        if depth <= 0 {
            return at + 1;
        }
    }
    lines.len()
}
