//! When an advert may be put aside: each condition by itself. That it is sound is a property, in
//! `properties.rs`.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use vrrp_fsm::{Config, Event, Heard, Influence, Instant, Router};
use vrrp_proto::{Interval, Priority, Version};

const DEFAULT: Config = Config::new(Version::V3);
const OWNER: Config = Config { priority: Priority::OWNER, ..DEFAULT };

const fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

const fn heard(last: u8, priority: u8) -> Heard {
    let priority = Priority::new(priority);
    Heard { source: address(last), priority, interval: Interval::DEFAULT }
}

fn advert(last: u8, priority: u8) -> Event {
    Event::Advert(heard(last, priority))
}

fn weight(points: i32) -> Event {
    Event::Tracker { name: "apache".into(), influence: Influence::Weight(points) }
}

fn readdressed(address: Option<IpAddr>) -> Event {
    Event::PrimaryAddress(address)
}

/// Started with the address .10, and told all of this.
fn told(config: Config, events: impl IntoIterator<Item = Event>) -> Router {
    let mut router = Router::new(config);
    let first = [readdressed(Some(address(10))), Event::Startup];
    for event in first.into_iter().chain(events) {
        let _ = router.handle(Instant::ZERO, event);
    }
    router
}

#[test]
fn the_advert_of_the_followed_router_is_expected() {
    let nopreempt = Config { preempt: false, ..DEFAULT };
    let rows = [(DEFAULT, heard(1, 200)), (DEFAULT, heard(1, 100)), (nopreempt, heard(1, 50))];
    for (config, heard) in rows {
        let router = told(config, [Event::Advert(heard)]);
        assert_eq!(router.expected_advert(), Some(heard));
        assert!(router.would_only_restart_timer(&heard));
    }
}

#[test]
fn an_advert_that_differs_is_not() {
    let router = told(DEFAULT, [advert(1, 200)]);
    let other_interval = Heard { interval: Interval::from_centis(50).unwrap(), ..heard(1, 200) };
    for other in [heard(1, 201), heard(1, 0), heard(2, 200), other_interval] {
        assert!(!router.would_only_restart_timer(&other), "{other:?}");
    }
}

#[test]
fn a_preemption_that_new_settings_call_off_ends_in_following() {
    let becomes = |config| told(DEFAULT, [advert(1, 50), Event::Reconfigure(config)]);
    let rows = [
        ("priority lowered", Config { priority: Priority::new(40), ..DEFAULT }),
        ("preemption switched off", Config { preempt: false, ..DEFAULT }),
    ];
    for (situation, config) in rows {
        assert_eq!(becomes(config).expected_advert(), Some(heard(1, 50)), "{situation}");
    }
}

#[test]
fn nothing_is_expected_from_a_router_that_is_not_followed() {
    let patient = || Config { preempt_delay: Duration::from_secs(60), ..DEFAULT };
    let deaf = Event::Reconfigure(Config { owner_ignore_adverts: true, ..OWNER });
    let followed_but = |event| told(DEFAULT, [advert(1, 200), event]);
    let rows = [
        ("nobody heard", told(DEFAULT, [])),
        ("about to preempt", told(DEFAULT, [advert(1, 50)])),
        ("preemption delayed", told(patient(), [advert(1, 50)])),
        ("no longer outranked", told(DEFAULT, [advert(1, 50), weight(-60)])),
        ("no longer delayed", told(patient(), [advert(1, 50), weight(-60)])),
        ("outranked meanwhile", told(DEFAULT, [advert(1, 150), weight(100)])),
        ("it resigned", followed_but(advert(1, 0))),
        ("another resigned", followed_but(advert(2, 0))),
        ("its address is the own one now", followed_but(readdressed(Some(address(1))))),
        ("in fault", followed_but(readdressed(None))),
        ("stopped", followed_but(Event::Shutdown)),
        ("active", told(OWNER, [advert(1, 50)])),
        ("deaf by now", told(OWNER, [advert(11, 255), deaf])),
    ];
    for (situation, router) in rows {
        assert_eq!(router.expected_advert(), None, "{situation}");
    }
}
