//! Checkers that find nothing may have nothing to find, or not look. Here they have to find
//! what was planted, among the seeds that are tried every time.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

mod bugs;
#[path = "../common/mod.rs"]
mod common;

use bugs::{Bug, Planted};
use common::{SEEDS, env_number};
use vrrp_fsm::Config;
use vrrp_sim::{Scenario, Story, Violation, explore};

/// The lowest seed that shows the error, and its story.
fn found(bug: Bug) -> Option<(u64, Story)> {
    let make = move |config: &Config| Planted::new(bug, config);
    let seeds = 0..env_number("VRRP_SIM_SEEDS").unwrap_or(SEEDS);
    let (seed, finding) = explore(seeds, &make).err()?;
    Some((seed, Story::of(&Scenario::random(seed), &make, finding)))
}

#[test]
fn every_planted_bug_is_found() {
    for bug in Bug::ALL {
        let (seed, story) = found(bug).unwrap_or_else(|| panic!("{bug:?} was not found"));
        println!("{bug:?}, seed {seed}, {} incidents\n{story}", story.scenario.script.len());
    }
}

/// What finds a bug is the promise that it breaks, and not some consequence.
#[test]
fn a_bug_is_found_as_what_it_is() {
    let violation = |bug| found(bug).unwrap().1.finding.violation;
    assert!(matches!(violation(Bug::SkewOmitted), Violation::TookOverEarly { .. }));
    assert!(matches!(violation(Bug::TimerNotRestarted), Violation::TookOverEarly { .. }));
    assert!(matches!(violation(Bug::ResignationIgnored), Violation::TookOverLate { .. }));
    assert!(matches!(violation(Bug::AddressesKept), Violation::Addresses { installed: true, .. }));
    assert!(matches!(violation(Bug::AdvertLate), Violation::AdvertLate { .. }));
    for bug in
        [Bug::AdvertsInFault, Bug::NoResignation, Bug::LoserNotAnswered, Bug::AnswersUnlimited]
    {
        assert!(matches!(violation(bug), Violation::Adverts { .. }), "{bug:?}");
    }
}

#[test]
fn the_wrapper_alone_changes_nothing() {
    let make = |config: &Config| Planted::new(Bug::None, config);
    let summary = explore(0..200, &make);
    assert_eq!(summary, explore(0..200, &|config| vrrp_fsm::Router::new(config.clone())));
    assert!(summary.is_ok());
}

/// A story is for reading: little more than what led to it.
#[test]
fn a_story_is_short() {
    let (seed, story) = found(Bug::AddressesKept).unwrap();
    let whole = Scenario::random(seed);
    let (short, long) = (story.scenario.script.len(), whole.script.len());
    assert!(short <= 6 && short < long, "{short} of {long} incidents\n{story}");
}
