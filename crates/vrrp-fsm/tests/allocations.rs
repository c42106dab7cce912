//! The steady state allocates nothing.

use core::net::{IpAddr, Ipv4Addr};

use allocation_counter::measure;
use vrrp_fsm::{Config, Event, Heard, Influence, Instant, Router, State};
use vrrp_proto::{Interval, Priority, Version};

fn heard(priority: u8) -> Heard {
    let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    Heard { source, priority: Priority::new(priority), interval: Interval::DEFAULT }
}

/// With a tracker, as a router in use has them.
fn started() -> Router {
    let mut router = Router::new(Config::new(Version::V3));
    let events = [
        Event::PrimaryAddress(Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))),
        Event::Tracker { name: "apache".into(), influence: Influence::Weight(10) },
        Event::Startup,
    ];
    for event in events {
        let _ = router.handle(Instant::ZERO, event);
    }
    router
}

/// How often `router` allocates while it handles `event` again and again, each time when its
/// deadline comes.
fn allocations(router: &mut Router, event: &Event) -> u64 {
    let counted = measure(|| {
        for _ in 0..1_000 {
            let now = router.deadline().expect("it takes part");
            let _ = router.handle(now, event.clone());
        }
    });
    counted.count_total
}

#[test]
fn hearing_the_active_router_allocates_nothing() {
    let mut router = started();
    assert_eq!(allocations(&mut router, &Event::Advert(heard(200))), 0);
    assert_eq!(router.state(), State::Backup);
}

#[test]
fn advertising_allocates_nothing() {
    let mut router = started();
    // The first of them makes it Active: even a takeover allocates nothing.
    assert_eq!(allocations(&mut router, &Event::Timer), 0);
    assert_eq!(router.state(), State::Active);
}

#[test]
fn refuting_a_losing_advert_allocates_nothing() {
    let mut router = started();
    let _ = router.handle(Instant::from_micros(4_000_000), Event::Timer);
    assert_eq!(allocations(&mut router, &Event::Advert(heard(50))), 0);
    assert_eq!(router.state(), State::Active);
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(core::hint::black_box(Box::new(1)))).count_total, 1);
}
