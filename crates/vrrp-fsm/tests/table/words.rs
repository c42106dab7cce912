//! The vocabulary of the rows.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use vrrp_fsm::{
    Action, Cause, Config, Event, FaultReason, Heard, Influence, Instant, Peer, Report, State,
    Transition,
};
use vrrp_proto::{Interval, Priority, Version};

use crate::{Given, Row};

pub(crate) const fn v4(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

pub(crate) const fn v6(last: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last))
}

/// The own primary address, and one on either side of it.
pub(crate) const BELOW: IpAddr = v4(9);
pub(crate) const OWN: IpAddr = v4(10);
pub(crate) const ABOVE: IpAddr = v4(11);

pub(crate) const V2: Config = Config::new(Version::V2);
pub(crate) const V3: Config = Config::new(Version::V3);
pub(crate) const OWNER: Config = Config { priority: Priority::OWNER, ..V3 };

pub(crate) fn centis(centis: u16) -> Interval {
    Interval::from_centis(centis).expect("1 to 4095")
}

pub(crate) fn told_address(config: Config) -> Given {
    Given { config, steps: vec![(0, Event::PrimaryAddress(Some(OWN)))] }
}

/// Started at 0: Backup, or Active as owner.
pub(crate) fn started(config: Config) -> Given {
    told_address(config).and(0, Event::Startup)
}

/// Active since 3.609375 s with priority 100 and one second.
pub(crate) fn active(config: Config) -> Given {
    started(config).and(3_609_375, Event::Timer)
}

/// Started at 0, and in Fault since 1 s.
pub(crate) fn faulty(config: Config) -> Given {
    started(config).and(1_000_000, failed("disk"))
}

/// An advert with the default interval.
pub(crate) fn advert(source: IpAddr, priority: u8) -> Event {
    advert_every(source, priority, 100)
}

pub(crate) fn advert_every(source: IpAddr, priority: u8, interval: u16) -> Event {
    let (priority, interval) = (Priority::new(priority), centis(interval));
    Event::Advert(Heard { source, priority, interval })
}

pub(crate) fn tracker(name: &str, influence: Influence) -> Event {
    Event::Tracker { name: name.into(), influence }
}

pub(crate) fn failed(name: &str) -> Event {
    tracker(name, Influence::Fault)
}

pub(crate) fn healthy(name: &str) -> Event {
    tracker(name, Influence::None)
}

/// The sender of `advert(source, priority)` at that time.
pub(crate) fn peer(source: IpAddr, priority: u8, at: u64) -> Peer {
    peer_every(source, priority, 100, at)
}

pub(crate) fn peer_every(source: IpAddr, priority: u8, interval: u16, at: u64) -> Peer {
    Peer {
        source,
        priority: Priority::new(priority),
        interval: centis(interval),
        heard_at: Instant::from_micros(at),
    }
}

pub(crate) fn tracker_fault(name: &str) -> FaultReason {
    FaultReason::Tracker(name.into())
}

pub(crate) fn send(priority: u8) -> Action {
    Action::SendAdvert { priority: Priority::new(priority) }
}

pub(crate) const INSTALL: Action = Action::InstallAddresses;
pub(crate) const REMOVE: Action = Action::RemoveAddresses;

pub(crate) fn announce(rounds: u8) -> Action {
    Action::Announce { rounds }
}

pub(crate) fn report(report: Report) -> Action {
    Action::Report(report)
}

pub(crate) fn changed(from: u8, to: u8) -> Action {
    Action::PriorityChanged { from: Priority::new(from), to: Priority::new(to) }
}

pub(crate) fn to(from: State, to: State, priority: u8, cause: Cause) -> Action {
    Action::Transition(Transition { from, to, cause, priority: Priority::new(priority) })
}

/// Everything that becoming active takes, in its order.
pub(crate) fn takeover(from: State, priority: u8, cause: Cause) -> Vec<Action> {
    vec![send(priority), INSTALL, announce(5), to(from, State::Active, priority, cause)]
}

/// Nobody was heard, and the timer was in time.
pub(crate) const UNHEARD: Cause = Cause::ActiveDown { last: None, late: Duration::ZERO };

pub(crate) fn row(id: &'static str, source: &'static str, given: Given) -> Unfinished {
    Unfinished { id, source, given }
}

/// A row that does not say yet what happens.
pub(crate) struct Unfinished {
    id: &'static str,
    source: &'static str,
    given: Given,
}

impl Unfinished {
    pub(crate) fn when(self, at: u64, event: Event) -> Promised {
        Promised { row: self, when: (at, event) }
    }
}

/// A row that does not say yet what follows.
pub(crate) struct Promised {
    row: Unfinished,
    when: (u64, Event),
}

impl Promised {
    pub(crate) fn then(
        self,
        then: impl Into<Vec<Action>>,
        state: State,
        deadline: impl Into<Option<u64>>,
    ) -> Row {
        let Unfinished { id, source, given } = self.row;
        Row {
            id,
            source,
            given,
            when: self.when,
            then: then.into(),
            state,
            deadline: deadline.into(),
        }
    }
}
