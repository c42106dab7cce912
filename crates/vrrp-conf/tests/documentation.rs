//! `docs/configuration.md` holds the reference that the table of keywords makes.
//!
//! `UPDATE_DOCS=1 cargo test -p vrrp-conf --test documentation` writes it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- The rest is generated from the table of keywords. -->\n";

#[test]
fn the_reference_in_the_documentation_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = fs::read_to_string(&path).unwrap();
    let (head, reference) = text.split_once(BEGIN).unwrap();
    let expected = format!("\n{}", vrrp_conf::reference());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{expected}")).unwrap();
        return;
    }
    assert!(reference == expected, "out of date: run this test with UPDATE_DOCS=1");
}

#[test]
fn every_code_explains_itself() {
    for code in vrrp_conf::Code::ALL {
        assert_eq!(code.as_str().parse(), Ok(*code));
        assert_eq!(code.as_str().to_lowercase().parse(), Ok(*code));
        assert!(!code.title().is_empty() && !code.title().ends_with('.'), "{code}");
        let paragraphs: Vec<_> = code.explanation().split("\n\n").collect();
        assert!(paragraphs.len() >= 2, "{code} says what it means and how to mend it");
    }
}

#[test]
fn a_code_that_is_none_leads_to_the_one_that_was_meant() {
    let told = |text: &str| text.parse::<vrrp_conf::Code>().unwrap_err();
    assert_eq!(told("E201").nearest(), Some(vrrp_conf::Code::UnknownKeyword));
    assert_eq!(told("w0201").nearest(), Some(vrrp_conf::Code::UnknownKeyword));
    assert_eq!(told("W9999").nearest(), None);
    let text = told("E201").to_string();
    assert_eq!(text, "`E201` is not the code of any diagnostic: did you mean `E0201`?");
}

#[test]
fn every_keyword_is_documented_once_in_its_block() {
    let text = vrrp_conf::reference();
    for block in text.split("\n### ") {
        let rows: Vec<_> = block.lines().filter(|line| line.starts_with("| `")).collect();
        for (index, row) in rows.iter().enumerate() {
            let name = row.split('`').nth(1);
            assert!(!rows[..index].iter().any(|other| other.split('`').nth(1) == name), "{row}");
        }
    }
    for keyword in vrrp_conf::keywords::TOP_LEVEL.keywords {
        assert!(text.contains(&format!("`{}`", keyword.name)), "{}", keyword.name);
    }
}
