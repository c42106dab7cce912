//! Any settings, any events, at any times.
#![allow(dead_code, reason = "not every test file needs all of them")]

use core::net::{IpAddr, Ipv4Addr};
use core::num::NonZeroU8;
use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use vrrp_fsm::{Announce, Config, Contribution, Event, FaultReason, Heard, Influence};
use vrrp_proto::{Interval, Priority, Version};

use crate::invariants::{Told, World};

/// Something that happens to a router.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// An event, so many microseconds after the one before.
    After(u64, Event),
    /// The router's deadline passes, and it is told so late.
    Deadline { late_micros: u64 },
    /// The last advert comes once more.
    Again(u64),
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let wait = || prop_oneof![Just(0), 0..200_000_u64, 0..5_000_000_u64];
    let step = prop_oneof![
        6 => (wait(), event()).prop_map(|(micros, event)| Step::After(micros, event)),
        3 => prop_oneof![Just(0), 0..10_000_000_u64]
            .prop_map(|late_micros| Step::Deadline { late_micros }),
        3 => wait().prop_map(Step::Again),
    ];
    vec(step, 1..60)
}

pub(crate) fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => heard().prop_map(Event::Advert),
        3 => Just(Event::Startup),
        1 => Just(Event::Shutdown),
        2 => Just(Event::Timer),
        3 => proptest::option::weighted(0.9, address()).prop_map(Event::PrimaryAddress),
        4 => (name(), influence())
            .prop_map(|(name, influence)| Event::Tracker { name: name.into(), influence }),
        1 => name().prop_map(|name| Event::TrackerRemoved { name: name.into() }),
        1 => fault().prop_map(Event::Fault),
        2 => fault().prop_map(Event::FaultCleared),
        1 => Just(Event::AddressesLost),
        2 => config().prop_map(Event::Reconfigure),
        1 => (config(), contributions())
            .prop_map(|(config, trackers)| Event::Reload { config, trackers }),
    ]
}

fn address() -> impl Strategy<Value = IpAddr> {
    (1..5_u8).prop_map(|last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![Just(0), Just(1), Just(100), Just(101), Just(254), Just(255), any::<u8>()]
        .prop_map(Priority::new)
}

fn interval() -> impl Strategy<Value = Interval> {
    prop_oneof![Just(1), Just(100), Just(4095), 1..=4095_u16]
        .prop_map(|centis| Interval::from_centis(centis).unwrap())
}

fn heard() -> impl Strategy<Value = Heard> {
    (address(), priority(), interval()).prop_map(|(source, priority, interval)| Heard {
        source,
        priority,
        interval,
    })
}

fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("apache"), Just("disk"), Just("check")]
}

fn influence() -> impl Strategy<Value = Influence> {
    prop_oneof![
        4 => Just(Influence::None),
        4 => prop_oneof![-254..=254, any::<i32>()].prop_map(Influence::Weight),
        1 => Just(Influence::Fault),
        1 => Just(Influence::WeightedFault),
        1 => Just(Influence::Waiting),
    ]
}

pub(crate) fn contributions() -> impl Strategy<Value = Vec<Contribution>> {
    let one = |name: &'static str| {
        influence().prop_map(move |influence| Contribution { name: name.into(), influence })
    };
    let (apache, disk, check) = (one("apache"), one("disk"), one("check"));
    ((apache, disk, check), 0..=3_usize).prop_map(|((apache, disk, check), count)| {
        let mut contributions = vec![check, apache, disk];
        contributions.truncate(count);
        contributions
    })
}

fn fault() -> impl Strategy<Value = FaultReason> {
    prop_oneof![
        Just(FaultReason::InterfaceMissing),
        Just(FaultReason::NoCarrier),
        Just(FaultReason::NoPrimaryAddress),
        Just(FaultReason::InstallFailed),
        name().prop_map(|name| FaultReason::Tracker(name.into())),
        Just(FaultReason::Other("maintenance".into())),
    ]
}

pub(crate) fn config() -> impl Strategy<Value = Config> {
    let version = prop_oneof![Just(Version::V2), Just(Version::V3)];
    let numbers = (version, priority(), interval(), 1..=100_u8);
    let delays = prop_oneof![Just(Duration::ZERO), (1..10_000_u64).prop_map(Duration::from_millis)];
    (numbers, delays, announce(), any::<[bool; 5]>()).prop_map(
        |((version, priority, interval, adverts), preempt_delay, announce, flags)| Config {
            version,
            priority,
            interval,
            preempt: flags[0],
            preempt_delay,
            down_timer_adverts: NonZeroU8::new(adverts).unwrap(),
            lower_prio_no_advert: flags[1],
            higher_prio_send_advert: flags[2],
            owner_ignore_adverts: flags[3],
            fast_handover: flags[4],
            announce,
        },
    )
}

fn announce() -> impl Strategy<Value = Announce> {
    let delay = || prop_oneof![Just(0), 1..7_u64].prop_map(Duration::from_secs);
    (delay(), delay(), delay(), any::<[u8; 3]>()).prop_map(
        |(delay, refresh, lower_prio_delay, rounds)| Announce {
            repeat: rounds[0],
            delay,
            refresh,
            refresh_repeat: rounds[1],
            lower_prio_repeat: rounds[2],
            lower_prio_delay,
        },
    )
}

impl Step {
    pub(crate) fn happen(&self, world: &mut World) -> Told {
        match self {
            Self::After(micros, event) => {
                world.after(Duration::from_micros(*micros), event.clone())
            }
            Self::Deadline { late_micros } => world.deadline(Duration::from_micros(*late_micros)),
            Self::Again(micros) => world.again(Duration::from_micros(*micros)),
        }
    }
}
