//! A router that goes on from a snapshot does what the router itself would have done.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use vrrp_fsm::{
    Action, Config, Event, FaultReason, Heard, Influence, Instant, Router, Snapshot, State,
};
use vrrp_proto::{Interval, Priority, Version};

#[allow(dead_code, reason = "other tests need the rest")]
mod invariants;
mod strategies;

use strategies::{config, event};

const START: Instant = Instant::from_micros(1_000_000);

fn after(millis: u64) -> Instant {
    START + Duration::from_millis(millis)
}

/// A router with these settings that knows what the other does, and goes on from the snapshot.
fn resumed(
    config: &Config,
    other: &Router,
    now: Instant,
    snapshot: Snapshot,
) -> (Router, Vec<Action>) {
    let mut router = Router::new(config.clone());
    for known in other.contributions() {
        let (name, influence) = (known.name.clone(), known.influence);
        assert!(router.handle(now, Event::Tracker { name, influence }).is_empty());
    }
    let told = other.faults().filter(|reason| {
        !matches!(reason, FaultReason::Tracker(_) | FaultReason::NoPrimaryAddress)
    });
    for reason in told {
        assert!(router.handle(now, Event::Fault(reason)).is_empty());
    }
    assert!(router.handle(now, Event::PrimaryAddress(other.primary_address())).is_empty());
    let actions = router.handle(now, Event::Resume(Box::new(snapshot)));
    (router, actions.into_iter().collect())
}

proptest! {
    #[test]
    fn nothing_tells_it_from_the_router_itself(
        config in config(),
        before in vec((0..2_000_000_u64, event()), 0..40),
        later in vec((0..2_000_000_u64, event()), 0..20),
    ) {
        let mut router = Router::new(config);
        let mut now = START;
        let _ = router.handle(now, Event::PrimaryAddress(Some("192.0.2.1".parse().unwrap())));
        let _ = router.handle(now, Event::Startup);
        for (wait, event) in before {
            now = now + Duration::from_micros(wait);
            let _ = router.handle(now, event);
        }
        let is_late = router.must_step_down(now);
        prop_assume!(!is_late && router.state() != State::Initialize);
        let snapshot = router.snapshot(now);
        let (mut other, actions) = resumed(router.config(), &router, now, snapshot.clone());
        prop_assert_eq!(actions, []);
        prop_assert_eq!(other.snapshot(now), snapshot);
        for (wait, event) in later {
            now = now + Duration::from_micros(wait);
            prop_assert_eq!(router.handle(now, event.clone()), other.handle(now, event));
        }
    }
}

fn advert(priority: u8, centis: u16) -> Event {
    let source = "192.0.2.2".parse().unwrap();
    let interval = Interval::from_centis(centis).unwrap();
    Event::Advert(Heard { source, priority: Priority::new(priority), interval })
}

fn started(config: &Config) -> Router {
    let mut router = Router::new(config.clone());
    let _ = router.handle(START, Event::PrimaryAddress(Some("192.0.2.1".parse().unwrap())));
    let _ = router.handle(START, Event::Startup);
    router
}

#[test]
fn a_backup_waits_longer_by_as_much_as_it_could_not_hear_and_keeps_what_it_learnt() {
    let config = Config::new(Version::V3);
    let mut router = started(&config);
    let _ = router.handle(after(500), advert(200, 300));
    let deadline = router.deadline().unwrap();
    let (other, actions) = resumed(&config, &router, after(900), router.snapshot(after(600)));
    assert_eq!(actions, []);
    assert_eq!(other.deadline(), Some(deadline + Duration::from_millis(300)));
    assert_eq!(other.active_adver_interval().as_centis(), 300);
}

#[test]
fn an_active_router_that_is_late_by_then_steps_down() {
    let config = Config::new(Version::V3);
    let mut router = started(&config);
    let _ = router.handle(after(10_000), Event::Timer);
    assert_eq!(router.state(), State::Active);
    let snapshot = router.snapshot(after(10_000));
    let (in_time, actions) = resumed(&config, &router, after(12_999), snapshot.clone());
    assert_eq!((in_time.state(), actions), (State::Active, vec![]));
    let (late, actions) = resumed(&config, &router, after(13_000), snapshot);
    assert_eq!(late.state(), State::Backup);
    assert!(matches!(&actions[..], [Action::RemoveAddresses, Action::Transition(_)]));
}

#[test]
fn what_is_known_by_then_counts_as_if_it_had_changed() {
    let config = Config::new(Version::V3);
    let mut router = started(&config);
    let _ = router.handle(after(10_000), Event::Timer);
    let snapshot = router.snapshot(after(10_000));
    let lower = Config { priority: Priority::new(50), ..config.clone() };
    let (other, actions) = resumed(&lower, &router, after(10_100), snapshot.clone());
    assert_eq!(other.state(), State::Active);
    assert!(actions.contains(&Action::SendAdvert { priority: Priority::new(50) }));
    let _ = router
        .handle(after(10_100), Event::Tracker { name: "web".into(), influence: Influence::Fault });
    let (other, actions) = resumed(&config, &router, after(10_200), snapshot);
    assert_eq!(other.state(), State::Fault);
    assert!(actions.contains(&Action::SendAdvert { priority: Priority::RESIGN }));
}

#[test]
fn an_early_advert_puts_the_next_one_off_and_only_an_active_router_sends_one() {
    let mut router = started(&Config::new(Version::V3));
    assert!(router.advertise_early(after(100)).is_empty());
    let _ = router.handle(after(10_000), Event::Timer);
    let sent = router.advertise_early(after(10_400));
    assert_eq!(sent[..], [Action::SendAdvert { priority: Priority::DEFAULT }]);
    assert_eq!(router.deadline(), Some(after(11_400)));
    assert!(router.advertise_early(after(13_400)).is_empty(), "it has to step down");
}
