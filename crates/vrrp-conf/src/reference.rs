//! The reference of all keywords and diagnostics, as Markdown, from the rows: the end of
//! `docs/configuration.md`.
//!
//! `UPDATE_DOCS=1 cargo test -p vrrp-conf --lib reference` writes it there.

use core::fmt::Write;

use crate::Code;
use crate::keywords::{Block, Effect, Keyword, Shape, Support};
use crate::settings::{FEATURES, top_level};

/// The reference of keywords and diagnostics that stands in `docs/configuration.md`.
#[cfg_attr(not(test), expect(dead_code, reason = "a test writes it to the documentation"))]
fn reference() -> String {
    let mut text = String::new();
    text.push_str("### The top level\n\n");
    block(&mut text, top_level());
    sub_blocks(&mut text, top_level(), &mut Vec::new());
    text.push_str("### What is more than a keyword, and not supported yet\n\n");
    for feature in FEATURES.iter().filter(|feature| feature.support != Support::Supported) {
        let _ = writeln!(text, "- {}", feature.about);
    }
    text.push_str("\n### Diagnostics\n\n| code | is | in lenient mode |\n|---|---|---|\n");
    for code in Code::ALL {
        let lenient = match (code.severity(), code.is_tolerated()) {
            (crate::Severity::Note, _) => "a note",
            (crate::Severity::Warning, _) => "a warning",
            (_, true) => "a warning",
            (_, false) => "an error",
        };
        let _ = writeln!(text, "| {code} | {} | {lenient} |", code.title());
    }
    text
}

fn sub_blocks(text: &mut String, parent: &Block, done: &mut Vec<&'static Block>) {
    for keyword in parent.keywords {
        let Shape::Block(inner) = keyword.shape else { continue };
        if done.iter().any(|other| core::ptr::eq(*other, inner)) {
            continue;
        }
        done.push(inner);
        let argument = inner.argument.map(|word| format!(" {word}")).unwrap_or_default();
        let _ = writeln!(text, "### `{}{argument}`\n\n{}\n", keyword.name, inner.about);
        block(text, inner);
        sub_blocks(text, inner, done);
    }
}

fn block(text: &mut String, block: &Block) {
    text.push_str("| keyword | value | default | class | |\n|---|---|---|---|---|\n");
    for keyword in block.keywords.iter().filter(|keyword| !is_not_ours(keyword)) {
        row(text, keyword);
    }
    text.push('\n');
    let not_ours: Vec<_> = block
        .keywords
        .iter()
        .filter(|keyword| is_not_ours(keyword))
        .map(|keyword| format!("`{}`", keyword.name))
        .collect();
    if !not_ours.is_empty() {
        let _ = writeln!(text, "Not ours, skipped with a warning: {}.\n", not_ours.join(", "));
    }
}

fn is_not_ours(keyword: &Keyword) -> bool {
    matches!(keyword.support, Support::NotOurs(_))
}

fn row(text: &mut String, keyword: &Keyword) {
    let class = match keyword.support {
        Support::Supported => "supported".to_owned(),
        Support::Accepted(reason) => format!("accepted: {reason}"),
        Support::NotYet(Effect::Warn) => "not yet: a warning".to_owned(),
        Support::NotYet(Effect::Refuse) => "not yet: an error".to_owned(),
        Support::NotOurs(part) => format!("not ours: {part}"),
    };
    let value = value(keyword.shape).replace('|', "\\|");
    let (name, default, about) = (keyword.name, keyword.default, keyword.about);
    let _ = writeln!(text, "| `{name}` | {value} | {default} | {class} | {about} |");
}

fn value(shape: Shape) -> String {
    let seconds = |min, max, unit| {
        let decimal = |micros| crate::decimal::decimal(micros, unit);
        format!("{} to {}", decimal(min), decimal(max))
    };
    match shape {
        Shape::Flag => String::new(),
        Shape::OptBool => "[BOOL]".to_owned(),
        Shape::Int(min, max) | Shape::Rounds(min, max) => format!("{min} to {max}"),
        Shape::OptInt(min, max) => format!("[{min} to {max}]"),
        Shape::Secs(min, max) => format!("{} s", seconds(min, max, 1_000_000)),
        Shape::Millis(min, max) => format!("{} ms", seconds(min, max, 1_000)),
        Shape::Word(what) => format!("`{what}`"),
        Shape::Interface => "`INTERFACE`".to_owned(),
        Shape::Ip => "`ADDRESS`".to_owned(),
        Shape::Group4 => "an IPv4 group".to_owned(),
        Shape::Group6 => "an IPv6 group".to_owned(),
        Shape::Choice(choices) => choices.join(", "),
        Shape::Weight(limit) => format!("-{limit} to {limit} `[reverse]`"),
        Shape::Program => "`COMMAND`".to_owned(),
        Shape::Command => "`COMMAND [USER [GROUP]]`".to_owned(),
        Shape::OptCommand => "`[COMMAND [USER [GROUP]]]`".to_owned(),
        Shape::User => "`USER [GROUP]`".to_owned(),
        Shape::Words(_, _, syntax) => format!("`{syntax}`"),
        Shape::Block(_) => "a block".to_owned(),
        Shape::Items(syntax) => format!("a block of `{syntax}`"),
        Shape::Anything => "anything".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::fs;
    use std::path::Path;

    use super::*;

    const BEGIN: &str = "<!-- The rest is generated from the table of keywords. -->\n";

    #[test]
    fn the_reference_in_the_documentation_is_that_of_the_table() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        if !repository.join("crates/vrrp-conf").exists() {
            // A published package has no documentation beside it.
            return;
        }
        let path = repository.join("docs/configuration.md");
        let text = fs::read_to_string(&path).unwrap();
        let (head, written) = text.split_once(BEGIN).unwrap();
        let expected = format!("\n{}", reference());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(&path, format!("{head}{BEGIN}{expected}")).unwrap();
            return;
        }
        assert!(written == expected, "out of date: run this test with UPDATE_DOCS=1");
    }

    #[test]
    fn every_keyword_is_documented_once_in_its_block() {
        let text = reference();
        for block in text.split("\n### ") {
            let rows: Vec<_> = block.lines().filter(|line| line.starts_with("| `")).collect();
            for (index, row) in rows.iter().enumerate() {
                let name = row.split('`').nth(1);
                assert!(
                    !rows[..index].iter().any(|other| other.split('`').nth(1) == name),
                    "{row}"
                );
            }
        }
        for keyword in top_level().keywords {
            assert!(text.contains(&format!("`{}`", keyword.name)), "{}", keyword.name);
        }
    }
}
