//! Any events at any times: the state machine does not panic, and what must hold for one router
//! holds after each of them.
#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;
use std::time::Duration;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use vrrp_fsm::{
    Announce, Config, Contribution, Event, FaultReason, Heard, Influence, Instant, Weight,
};
use vrrp_proto::{Interval, Priority, Version};

#[path = "../../crates/vrrp-fsm/tests/invariants/mod.rs"]
mod invariants;

use invariants::World;

fuzz_target!(|story: (Settings, Vec<Step>)| {
    let (settings, steps) = story;
    let mut world = World::new(settings.config());
    for step in steps {
        step.happen(&mut world);
    }
});

/// Something that happens.
#[derive(Debug, Arbitrary)]
enum Step {
    /// This, so much later.
    After(u32, What),
    /// The deadline passes, and the router learns it so much later.
    Deadline { late_micros: u32 },
    /// The last advert comes again, so much later.
    Again(u32),
    /// Time passes until the clock's end is near.
    EndOfTime,
}

impl Step {
    fn happen(&self, world: &mut World) {
        let _ = match self {
            Self::After(micros, what) => world.after(micros_of(*micros), what.event()),
            Self::Deadline { late_micros } => world.deadline(micros_of(*late_micros)),
            Self::Again(micros) => world.again(micros_of(*micros)),
            Self::EndOfTime => {
                let end = Instant::from_micros(u64::MAX - 1_000_000);
                world.tell(world.now.max(end), Event::Timer)
            }
        };
    }
}

#[derive(Debug, Arbitrary)]
enum What {
    Startup,
    Shutdown,
    Timer,
    Advert { last: u8, priority: u8, centis: u16 },
    PrimaryAddress(Option<u8>),
    Tracker { name: u8, judged: Judged },
    TrackerRemoved { name: u8 },
    Fault(Reason),
    FaultCleared(Reason),
    AddressesLost,
    Reconfigure(Settings),
    Reload { settings: Settings, trackers: Vec<(u8, Judged)> },
}

/// What a tracker's finding is turned into.
#[derive(Debug, Arbitrary)]
enum Judged {
    Verdict { points: i32, reverse: bool, up: Option<bool> },
    Value { points: i32, reverse: bool, value: i32 },
    Points(i32),
}

#[derive(Debug, Arbitrary)]
enum Reason {
    InterfaceMissing,
    InterfaceDown,
    NoCarrier,
    NoPrimaryAddress,
    InstallFailed,
    Tracker(u8),
    Other(u8),
}

#[derive(Debug, Arbitrary)]
struct Settings {
    v2: bool,
    priority: u8,
    interval: u16,
    flags: [bool; 5],
    preempt_delay_micros: u32,
    adverts: NonZeroU8,
    rounds: [u8; 3],
    delays_micros: [Option<u32>; 3],
}

impl Settings {
    fn config(&self) -> Config {
        let delay = |index: usize| {
            self.delays_micros[index].map_or(Duration::ZERO, |micros| micros_of(micros))
        };
        Config {
            version: if self.v2 { Version::V2 } else { Version::V3 },
            priority: Priority::new(self.priority),
            interval: match self.v2 {
                true => Interval::from_secs(self.interval as u8).unwrap_or(Interval::DEFAULT),
                false => interval(self.interval),
            },
            preempt: self.flags[0],
            preempt_delay: micros_of(self.preempt_delay_micros),
            down_timer_adverts: self.adverts,
            lower_prio_no_advert: self.flags[1],
            higher_prio_send_advert: self.flags[2],
            owner_ignore_adverts: self.flags[3],
            fast_handover: self.flags[4],
            announce: Announce {
                repeat: self.rounds[0],
                delay: delay(0),
                refresh: delay(1),
                refresh_repeat: self.rounds[1],
                lower_prio_repeat: self.rounds[2],
                lower_prio_delay: delay(2),
            },
        }
    }
}

fn micros_of(micros: u32) -> Duration {
    Duration::from_micros(micros.into())
}

fn interval(centis: u16) -> Interval {
    Interval::from_centis(centis % 4096).unwrap_or(Interval::DEFAULT)
}

/// One of a few, so that events meet.
fn address(last: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, last % 4).into()
}

fn name(name: u8) -> std::sync::Arc<str> {
    ["apache", "disk", "check"][usize::from(name % 3)].into()
}

impl Judged {
    fn influence(&self) -> Influence {
        match *self {
            Self::Verdict { points, reverse, up } => {
                let weight = Weight { points: points % 256, reverse };
                up.map_or_else(|| weight.judge_unknown(), |is_up| weight.judge(is_up))
            }
            Self::Value { points, reverse, value } => Weight { points, reverse }.judge_value(value),
            Self::Points(points) => Influence::Weight(points),
        }
    }
}

impl Reason {
    fn reason(&self) -> FaultReason {
        match self {
            Self::InterfaceMissing => FaultReason::InterfaceMissing,
            Self::InterfaceDown => FaultReason::InterfaceDown,
            Self::NoCarrier => FaultReason::NoCarrier,
            Self::NoPrimaryAddress => FaultReason::NoPrimaryAddress,
            Self::InstallFailed => FaultReason::InstallFailed,
            Self::Tracker(number) => FaultReason::Tracker(name(*number)),
            Self::Other(number) => FaultReason::Other(name(*number)),
        }
    }
}

impl What {
    fn event(&self) -> Event {
        match self {
            Self::Startup => Event::Startup,
            Self::Shutdown => Event::Shutdown,
            Self::Timer => Event::Timer,
            Self::Advert { last, priority, centis } => Event::Advert(Heard {
                source: address(*last),
                priority: Priority::new(*priority),
                interval: interval(*centis),
            }),
            Self::PrimaryAddress(last) => Event::PrimaryAddress(last.map(address)),
            Self::Tracker { name: number, judged } => {
                Event::Tracker { name: name(*number), influence: judged.influence() }
            }
            Self::TrackerRemoved { name: number } => Event::TrackerRemoved { name: name(*number) },
            Self::Fault(reason) => Event::Fault(reason.reason()),
            Self::FaultCleared(reason) => Event::FaultCleared(reason.reason()),
            Self::AddressesLost => Event::AddressesLost,
            Self::Reconfigure(settings) => Event::Reconfigure(settings.config()),
            Self::Reload { settings, trackers } => Event::Reload {
                config: settings.config(),
                trackers: trackers
                    .iter()
                    .take(8)
                    .map(|(number, judged)| Contribution {
                        name: name(*number),
                        influence: judged.influence(),
                    })
                    .collect(),
            },
        }
    }
}
