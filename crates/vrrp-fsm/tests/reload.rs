//! New settings: who gets them while running becomes the router that was started with them.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use proptest::prelude::*;
use vrrp_fsm::{
    Action, Config, Contribution, Event, FaultReason, Heard, Influence, Instant, Router, State,
};
use vrrp_proto::{Interval, Priority, Version};

mod invariants;
mod strategies;

use strategies::{config, contributions, steps};

/// What both hear from the time of the new settings on.
#[derive(Debug, Clone, Copy)]
enum Neighbour {
    /// Nobody.
    None,
    /// An Active Router that this one loses to.
    Better,
    /// An Active Router of lower priority.
    Worse,
}

fn neighbour() -> impl Strategy<Value = Neighbour> {
    prop_oneof![Just(Neighbour::None), Just(Neighbour::Better), Just(Neighbour::Worse)]
}

/// Higher than every address that the steps know.
const NEIGHBOUR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 200));

impl Neighbour {
    /// What it advertises towards a router with that priority, if anything.
    fn advert(self, router: &Router, interval: Interval) -> Option<Heard> {
        let own = router.priority();
        let priority = match self {
            Self::None => return None,
            Self::Better => own,
            // Nobody is below 1; and whoever does not preempt follows, or has to be Active before.
            Self::Worse if own <= Priority::LOWEST || !router.config().preempt => return None,
            Self::Worse => Priority::new(own.get() - 1),
        };
        Some(Heard { source: NEIGHBOUR, priority, interval })
    }
}

/// A router that takes `config` and `trackers` while it is in the middle of things.
fn reloaded(old: Config, steps: &[strategies::Step], event: Event) -> (Router, Instant) {
    let mut world = invariants::World::new(old);
    let _ = world.tell(Instant::ZERO, Event::Startup);
    for step in steps {
        let _ = step.happen(&mut world);
    }
    let _ = world.tell(world.now, Event::Startup);
    let _ = world.tell(world.now, event);
    (world.router, world.now)
}

/// A router started now, in the circumstances of `other`.
fn fresh(other: &Router, now: Instant) -> Router {
    let mut router = Router::new(other.config().clone());
    let told = |reason: &FaultReason| {
        !matches!(reason, FaultReason::NoPrimaryAddress | FaultReason::Tracker(_))
    };
    let faults = other.faults().filter(told).map(Event::Fault);
    let trackers = other.contributions().iter().cloned();
    let trackers =
        trackers.map(|Contribution { name, influence }| Event::Tracker { name, influence });
    let address = Event::PrimaryAddress(other.primary_address());
    for event in faults.chain(trackers).chain([address, Event::Startup]) {
        let _ = router.handle(now, event);
    }
    router
}

/// Every tracker without a verdict gives one.
fn give_verdicts(router: &mut Router, now: Instant) {
    let waiting: Vec<_> = router.waiting_for().map(Into::into).collect();
    for name in waiting {
        let _ = router.handle(now, Event::Tracker { name, influence: Influence::None });
    }
}

/// Lets every timer fire that is due by `until`.
fn run(router: &mut Router, until: Instant) {
    while let Some(deadline) = router.deadline().filter(|deadline| *deadline <= until) {
        let _ = router.handle(deadline, Event::Timer);
    }
}

/// What a router is to its neighbours and its operator, without its past.
fn image(router: &Router, now: Instant) -> impl PartialEq + core::fmt::Debug + use<> {
    let follows = router.active_router().map(|peer| (peer.source, peer.priority, peer.heard_at));
    // The phase of an Active Router's adverts is its own.
    let deadline = router.deadline().filter(|_| router.state() == State::Backup);
    let faults: Vec<_> = router.faults().collect();
    let intervals = (router.active_adver_interval(), router.active_down_interval());
    let adverts = adverts(router.clone(), now);
    let trackers = router.contributions().to_vec();
    (router.state(), router.priority(), follows, deadline, faults, intervals, adverts, trackers)
}

/// The priority of the next two adverts of an Active Router, and the time between them.
fn adverts(mut router: Router, now: Instant) -> Vec<(Priority, Duration)> {
    let (mut adverts, mut last, mut at) = (Vec::new(), None, now);
    while adverts.len() < 2 && router.state() == State::Active {
        at = at.max(router.deadline().unwrap());
        for action in router.handle(at, Event::Timer) {
            if let Action::SendAdvert { priority } = action {
                let since = last.replace(at).unwrap_or(at);
                adverts.push((priority, at.saturating_since(since)));
            }
        }
    }
    adverts
}

/// How long it may take until the past does not matter any more.
fn long_enough(one: &Router, other: &Router, interval: Interval) -> Duration {
    // The interval of the neighbour may be learnt, with a skew of one interval at most.
    let learnt = interval.as_duration() * (u32::from(one.config().down_timer_adverts.get()) + 1);
    let longest = one.active_down_interval().max(other.active_down_interval()).max(learnt);
    3 * longest + one.config().preempt_delay + 3 * interval.as_duration()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_reloaded_router_becomes_the_one_that_was_started_so(
        old in config(),
        steps in steps(),
        new in config(),
        trackers in proptest::option::of(contributions()),
        neighbour in neighbour(),
    ) {
        let event = match trackers {
            None => Event::Reconfigure(new.clone()),
            Some(trackers) => Event::Reload { config: new.clone(), trackers },
        };
        let (mut reloaded, start) = reloaded(old, &steps, event);
        give_verdicts(&mut reloaded, start);
        let mut fresh = fresh(&reloaded, start);
        let interval = match new.version {
            Version::V2 => new.interval,
            Version::V3 => Interval::DEFAULT,
        };
        let advert = neighbour.advert(&reloaded, interval);
        let end = start + long_enough(&reloaded, &fresh, interval);
        let mut now = start;
        while now < end {
            now = now + interval.as_duration();
            for router in [&mut reloaded, &mut fresh] {
                run(router, now);
                if let Some(advert) = advert {
                    let _ = router.handle(now, Event::Advert(advert));
                }
            }
        }
        prop_assert_eq!(image(&reloaded, now), image(&fresh, now));
    }
}
