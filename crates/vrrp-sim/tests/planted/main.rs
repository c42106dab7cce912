//! Checkers that find nothing may have nothing to find, or not look. Here they have to find
//! what was planted, among the seeds that are tried every time.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

mod bugs;

use std::sync::Arc;

use bugs::{Bug, Planted};
use vrrp::{Engine, Settings};
use vrrp_net::Kernel;
use vrrp_sim::{Counterexample, Held, Scenario, Violation, explore};

/// How many seeds may pass before an error shows.
const SEEDS: u64 = 1_000;

fn make(bug: Bug) -> impl Fn(Arc<Settings>, Box<dyn Kernel>) -> Planted + Sync {
    move |settings, kernel| Planted::new(bug, settings, kernel)
}

/// The lowest seed that shows the error, and what it shows.
fn found(bug: Bug) -> Option<(u64, Counterexample)> {
    let (seed, finding) = explore(0..SEEDS, &make(bug)).err()?;
    Some((seed, Counterexample::of(&Scenario::random(seed), &make(bug), finding)))
}

#[test]
fn every_planted_bug_is_found() {
    for bug in Bug::ALL {
        let (seed, counterexample) = found(bug).unwrap_or_else(|| panic!("{bug:?} was not found"));
        println!(
            "{bug:?}, seed {seed}, {} incidents\n{counterexample}",
            counterexample.scenario.schedule.len()
        );
    }
}

/// What finds a bug is the invariant that it breaks, and not some consequence.
#[test]
fn a_bug_is_found_as_what_it_is() {
    let violation = |bug| found(bug).unwrap().1.finding.violation;
    assert!(matches!(violation(Bug::SkewOmitted), Violation::TookOverEarly { .. }));
    assert!(matches!(violation(Bug::StrangerBelieved), Violation::TookOverEarly { .. }));
    assert!(matches!(violation(Bug::TimerNotRestarted), Violation::TookOverEarly { .. }));
    assert!(matches!(violation(Bug::ResignationIgnored), Violation::TookOverLate { .. }));
    for bug in [Bug::AddressesKept, Bug::LeftoversKept] {
        let held = Held::Everything;
        assert!(
            matches!(violation(bug), Violation::Addresses { held: there, .. } if there == held)
        );
    }
    assert!(matches!(violation(Bug::NotPutBack), Violation::Addresses { .. }));
    assert!(matches!(violation(Bug::DeafnessIgnored), Violation::Part { faulty: true, .. }));
    assert!(matches!(violation(Bug::RefusalIgnored), Violation::InstallNotFaulted { .. }));
    assert!(matches!(violation(Bug::RetryForgotten), Violation::NotRetried { .. }));
    assert!(matches!(violation(Bug::ListeningOmitted), Violation::DidNotListen { .. }));
    assert!(matches!(violation(Bug::LatenessIgnored), Violation::StayedLate { .. }));
    assert!(matches!(violation(Bug::AnnouncementsLost), Violation::NotAnnounced { .. }));
    assert!(matches!(violation(Bug::AddressesLeft), Violation::LeftBehind { .. }));
    assert!(matches!(violation(Bug::AllReinstalled), Violation::Reinstalled { .. }));
    assert!(matches!(violation(Bug::VirtualSource), Violation::VirtualSource { .. }));
    assert!(matches!(violation(Bug::AdvertLate), Violation::AdvertLate { .. }));
    for bug in
        [Bug::AdvertsInFault, Bug::NoResignation, Bug::LoserNotAnswered, Bug::AnswersUnlimited]
    {
        assert!(matches!(violation(bug), Violation::Adverts { .. }), "{bug:?}");
    }
}

#[test]
fn the_wrapper_alone_changes_nothing() {
    let summary = explore(0..200, &make(Bug::None));
    assert_eq!(summary, explore(0..200, &Engine::new));
    assert!(summary.is_ok());
}

/// A counterexample is for reading: little more than what led to it.
#[test]
fn a_counterexample_is_short() {
    let (seed, counterexample) = found(Bug::AddressesKept).unwrap();
    let whole = Scenario::random(seed);
    let (short, long) = (counterexample.scenario.schedule.len(), whole.schedule.len());
    assert!(short <= 6 && short < long, "{short} of {long} incidents\n{counterexample}");
}
