//! What a router tells of itself: what is needed to answer "why is this node Active".
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use vrrp_fsm::{
    Action, Cause, Config, Contribution, Event, FaultReason, Heard, Influence, Instant, Report,
    Router, State,
};
use vrrp_proto::{Interval, Priority, Version};

fn at(micros: u64) -> Instant {
    Instant::from_micros(micros)
}

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

fn advert(last: u8, priority: u8) -> Event {
    let priority = Priority::new(priority);
    Event::Advert(Heard { source: address(last), priority, interval: Interval::DEFAULT })
}

fn tracker(name: &str, influence: Influence) -> Event {
    Event::Tracker { name: name.into(), influence }
}

/// A router told all of this, at these times.
fn told(config: Config, events: impl IntoIterator<Item = (u64, Event)>) -> Router {
    let mut router = Router::new(config);
    for (micros, event) in events {
        let _ = router.handle(at(micros), event);
    }
    router
}

fn started() -> [(u64, Event); 2] {
    [(0, Event::PrimaryAddress(Some(address(10)))), (0, Event::Startup)]
}

fn after_start(events: impl IntoIterator<Item = (u64, Event)>) -> Router {
    told(Config::new(Version::V3), started().into_iter().chain(events))
}

#[test]
fn a_new_router_says_that_it_needs_an_address() {
    let router = Router::new(Config::new(Version::V3));
    assert_eq!(router.state(), State::Initialize);
    assert_eq!((router.since(), router.last_transition()), (None, None));
    assert!(router.faults().eq([FaultReason::NoPrimaryAddress]));
}

#[test]
fn every_contribution_has_its_name() {
    let config = Config { priority: Priority::new(244), ..Config::new(Version::V3) };
    let router = told(
        config,
        [
            (0, tracker("track_apache", Influence::Weight(10))),
            (0, tracker("disk", Influence::Weight(-20))),
            (0, tracker("link", Influence::None)),
        ],
    );
    assert_eq!(router.config().priority, Priority::new(244));
    assert_eq!(router.priority(), Priority::new(234));
    let contribution = |name: &str, influence| Contribution { name: name.into(), influence };
    let expected = [
        contribution("track_apache", Influence::Weight(10)),
        contribution("disk", Influence::Weight(-20)),
        contribution("link", Influence::None),
    ];
    assert_eq!(router.contributions(), expected);
}

#[test]
fn every_fault_and_every_wait_has_its_name() {
    let router = after_start([
        (1, Event::Fault(FaultReason::NoCarrier)),
        (2, tracker("check", Influence::Waiting)),
        (3, tracker("disk", Influence::Fault)),
        (4, Event::PrimaryAddress(None)),
    ]);
    let expected = [
        FaultReason::NoPrimaryAddress,
        FaultReason::NoCarrier,
        FaultReason::Tracker("disk".into()),
    ];
    assert!(router.faults().eq(expected));
    assert!(router.waiting_for().eq(["check"]));
    assert_eq!((router.state(), router.since()), (State::Fault, Some(at(1))));
    let cause = &router.last_transition().unwrap().cause;
    assert_eq!(*cause, Cause::Fault(FaultReason::NoCarrier));
}

#[test]
fn the_active_router_is_the_one_heard_last_unless_it_resigned() {
    let heard_by =
        |router: &Router| router.active_router().map(|peer| (peer.source, peer.heard_at));
    let mut router = after_start([(1_000, advert(1, 200))]);
    assert_eq!(heard_by(&router), Some((address(1), at(1_000))));
    let _ = router.handle(at(2_000), advert(2, 50));
    assert_eq!(
        heard_by(&router),
        Some((address(2), at(2_000))),
        "about to be replaced, but Active"
    );
    let _ = router.handle(at(3_000), advert(1, 0));
    assert_eq!(heard_by(&router), Some((address(2), at(2_000))), "someone else resigned");
    let _ = router.handle(at(4_000), advert(2, 0));
    assert_eq!(heard_by(&router), None);
}

#[test]
fn the_cause_of_a_takeover_is_what_was_heard_last() {
    let takeover = |events: &[(u64, Event)]| {
        let mut router = after_start(events.iter().cloned());
        let _ = router.handle(router.deadline().unwrap(), Event::Timer);
        assert_eq!(router.state(), State::Active);
        router.last_transition().unwrap().cause.clone()
    };
    let silence = takeover(&[(0, advert(1, 200))]);
    assert!(matches!(silence, Cause::ActiveDown { last: Some(_), .. }), "{silence:?}");
    let followed_again = takeover(&[(0, advert(1, 0)), (1, advert(2, 200))]);
    assert!(matches!(followed_again, Cause::ActiveDown { last: Some(_), .. }));
    let despite_a_lower_one = takeover(&[(0, advert(1, 0)), (1, advert(2, 50))]);
    assert!(
        matches!(despite_a_lower_one, Cause::Resignation { peer, .. } if peer.source == address(1))
    );
    let lower = takeover(&[(0, advert(1, 200)), (1, advert(2, 50))]);
    assert!(matches!(lower, Cause::Preemption { peer, .. } if peer.source == address(2)));
}

#[test]
fn a_takeover_says_how_late_it_was() {
    let mut router = after_start([]);
    let late = Duration::from_millis(1_500);
    let _ = router.handle(router.deadline().unwrap() + late, Event::Timer);
    let cause = &router.last_transition().unwrap().cause;
    assert_eq!(*cause, Cause::ActiveDown { last: None, late });
}

#[test]
fn the_timers_are_told_for_the_interval_that_is_followed() {
    let slow = Event::Advert(Heard {
        source: address(1),
        priority: Priority::new(200),
        interval: Interval::from_centis(400).unwrap(),
    });
    let mut router = after_start([(0, slow)]);
    assert_eq!(router.active_adver_interval().as_centis(), 400);
    assert_eq!(router.skew_time(), Duration::from_micros(2_437_500));
    assert_eq!(router.active_down_interval(), Duration::from_micros(14_437_500));
    let _ = router.handle(router.deadline().unwrap(), Event::Timer);
    assert_eq!(router.active_adver_interval().as_centis(), 100, "the own one while Active");
}

#[test]
fn the_words_for_operators() {
    let mut router = after_start([(0, advert(1, 200))]);
    let actions = router.handle(at(4_000_000), Event::Timer);
    let Some(Action::Transition(transition)) = actions.last() else { panic!("{actions:?}") };
    let words = "Backup to Active with priority 100: 192.0.2.1 (priority 200) fell silent";
    assert_eq!(transition.to_string(), words);

    let actions = router.handle(at(4_500_000), advert(2, 100));
    let Some(Action::Report(report)) = actions.last() else { panic!("{actions:?}") };
    assert!(matches!(report, Report::LosingAdvert(_)));
    assert_eq!(report.to_string(), "192.0.2.2 (priority 100) advertises too, and loses");

    assert_eq!(FaultReason::Tracker("disk".into()).to_string(), "disk failed");
    assert_eq!(format!("{:>8}", State::Backup), "  Backup");
}
