//! The state machine as a table: one row for each requirement of RFC 9568 §6.4, of RFC 3768
//! §6.4 where version 2 differs, and for each decision where the sources disagree.
//!
//! A row says what a router was told before (`given`), what it is told (`when`), and then the
//! exact ordered actions, the state and the next deadline. Times are microseconds.
//! `docs/rfc9568.md` lists the requirements with the rows that show them; a test below keeps
//! the two in step.

mod reload;
mod rows;
mod words;

use std::collections::BTreeSet;

use vrrp_fsm::{Action, Config, Event, Instant, Router, State};

/// One requirement.
struct Row {
    id: &'static str,
    /// Where the requirement comes from.
    source: &'static str,
    given: Given,
    when: (u64, Event),
    then: Vec<Action>,
    state: State,
    deadline: Option<u64>,
}

/// What a router has been told so far.
#[derive(Clone)]
struct Given {
    config: Config,
    steps: Vec<(u64, Event)>,
}

impl Given {
    fn and(mut self, at: u64, event: Event) -> Self {
        self.steps.push((at, event));
        self
    }

    fn router(&self) -> Router {
        let mut router = Router::new(self.config.clone());
        for (at, event) in &self.steps {
            let _done_before = router.handle(Instant::from_micros(*at), event.clone());
        }
        router
    }
}

#[test]
fn every_row_holds() {
    let failures: Vec<String> = rows::all().iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

/// What is wrong with a row, if anything.
fn failure(row: &Row) -> Option<String> {
    let mut router = row.given.router();
    let (at, event) = row.when.clone();
    let actions = router.handle(Instant::from_micros(at), event);
    let found = (&*actions, router.state(), router.deadline().map(Instant::as_micros));
    let expected = (&*row.then, row.state, row.deadline);
    (found != expected).then(|| {
        let Row { id, source, .. } = row;
        format!("{id} ({source})\n  expected {expected:#?}\n  found {found:#?}")
    })
}

#[test]
fn ids_are_unique() {
    let mut seen = BTreeSet::new();
    for Row { id, .. } in rows::all() {
        assert!(seen.insert(id), "{id} stands twice");
    }
}

#[test]
fn the_table_and_the_document_name_the_same_rows() {
    let document = include_str!("rfc9568.md");
    let rows = rows::all();
    let in_table: BTreeSet<&str> = rows.iter().map(|row| row.id).collect();
    let in_document: BTreeSet<&str> =
        document.split('`').skip(1).step_by(2).filter(|code| is_row_id(code)).collect();

    let unlisted: Vec<_> = in_table.difference(&in_document).collect();
    assert!(unlisted.is_empty(), "docs/rfc9568.md does not mention {unlisted:?}");
    let unknown: Vec<_> = in_document.difference(&in_table).collect();
    assert!(unknown.is_empty(), "docs/rfc9568.md mentions rows that are not there: {unknown:?}");
}

/// `backup/resignation`: a section of the table, a slash, a name.
fn is_row_id(code: &str) -> bool {
    let sections =
        ["init", "backup", "active", "owner", "fault", "priority", "addresses", "settings"];
    code.split_once('/').is_some_and(|(section, _)| sections.contains(&section))
}
