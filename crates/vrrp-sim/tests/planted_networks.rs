//! What is planted in whole hosts has to be found in random networks, among the seeds that are
//! tried every time: a wrapper changes what a host is told to be, what it hears and what it sends.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use std::collections::HashSet;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use vrrp::{AdvertSource, Destination, Instant, LinkSource, Platform, Settings, Setup, Unicast};
use vrrp_net::{
    Announcement, Change, Datagram, Filter, Interface, InterfaceName, Kernel, Link, NetError,
    NetEvent, Outcome, Snapshot,
};
use vrrp_proto::{Advert, DecodeError, Family, IpMeta, Priority, TableName, Version};
use vrrp_sim::{
    Honest, LanHost, Network, NetworkFinding, NetworkViolation, Program, explore_networks, narrow,
};

/// How many seeds may pass before an error shows.
const SEEDS: u64 = 500;

/// What is wrong with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bug {
    /// Nothing.
    None,
    /// One member stays Active when the others of its group fail.
    MemberLeftOut,
    /// A group whose member is well again does not come back.
    ReturnMissed,
    /// An interface that fails keeps nobody from taking part.
    FailureMissed,
    /// A group never takes over from a living one.
    PreemptionForgotten,
    /// Adverts go to the first peer alone.
    OnePeerOnly,
    /// Whoever sends to a unicast router is heard.
    SourceUnchecked,
    /// A Backup Router counts the adverts in its own interval.
    IntervalIgnored,
    /// Adverts of the other version are heard.
    VersionIgnored,
    /// Over IPv6 the link-local address alone moves.
    GlobalAddressForgotten,
}

impl Bug {
    const ALL: [Self; 9] = [
        Self::MemberLeftOut,
        Self::ReturnMissed,
        Self::FailureMissed,
        Self::PreemptionForgotten,
        Self::OnePeerOnly,
        Self::SourceUnchecked,
        Self::IntervalIgnored,
        Self::VersionIgnored,
        Self::GlobalAddressForgotten,
    ];
}

impl Program for Bug {
    fn on(&self, machine: LanHost, setup: Setup) -> (Arc<dyn Platform>, Setup) {
        let setup = misread(*self, setup);
        let routers = setup.routers.clone();
        (Arc::new(Planted { bug: *self, machine, routers }), setup)
    }
}

/// The setup as a program with this error takes it.
fn misread(bug: Bug, mut setup: Setup) -> Setup {
    if bug == Bug::MemberLeftOut {
        setup.groups.iter_mut().for_each(|group| drop(group.members.pop()));
    }
    let grouped: Vec<_> = setup.groups.iter().flat_map(|group| group.members.clone()).collect();
    for router in &mut setup.routers {
        let settings = Arc::make_mut(router);
        match (bug, &mut settings.destination) {
            (Bug::PreemptionForgotten, _) if grouped.contains(&settings.name) => {
                settings.machine.preempt = false;
            }
            (Bug::SourceUnchecked, Destination::Unicast(Unicast { check_source, .. })) => {
                *check_source = false;
            }
            (Bug::GlobalAddressForgotten, _) if settings.family == Family::V6 => {
                settings.addresses.truncate(1);
            }
            _ => {}
        }
    }
    setup
}

/// What a program with an error stands on.
struct Planted {
    bug: Bug,
    machine: LanHost,
    routers: Vec<Arc<Settings>>,
}

impl Platform for Planted {
    fn now(&self) -> Instant {
        self.machine.now()
    }

    fn is_real_time(&self) -> bool {
        self.machine.is_real_time()
    }

    fn open_kernel(&self, family: Family) -> Result<Box<dyn Kernel>, NetError> {
        let kernel = self.machine.open_kernel(family)?;
        Ok(match self.bug {
            Bug::OnePeerOnly => Box::new(OnePeer { kernel, first: None }),
            _ => kernel,
        })
    }

    fn open_receiver(
        &self,
        interface: Option<Interface>,
        family: Family,
        groups: &[IpAddr],
    ) -> Result<Box<dyn AdvertSource>, NetError> {
        let source = self.machine.open_receiver(interface, family, groups)?;
        Ok(match self.bug {
            Bug::IntervalIgnored | Bug::VersionIgnored => {
                Box::new(Misheard { bug: self.bug, source, routers: self.routers.clone() })
            }
            _ => source,
        })
    }

    fn open_links(&self) -> Result<(Box<dyn LinkSource>, Snapshot), NetError> {
        let (source, snapshot) = self.machine.open_links()?;
        let failed = HashSet::new();
        let source: Box<dyn LinkSource> = match self.bug {
            Bug::ReturnMissed | Bug::FailureMissed => {
                Box::new(Missed { bug: self.bug, source, failed })
            }
            _ => source,
        };
        Ok((source, snapshot))
    }
}

/// A kernel that sends to one peer and to no other.
struct OnePeer {
    kernel: Box<dyn Kernel>,
    first: Option<IpAddr>,
}

impl Kernel for OnePeer {
    fn attach(&mut self, interface: Option<Interface>) -> Result<(), NetError> {
        self.kernel.attach(interface)
    }

    fn detach(&mut self) {
        self.kernel.detach();
    }

    fn link(&mut self, name: InterfaceName) -> Result<Option<Link>, NetError> {
        self.kernel.link(name)
    }

    fn apply(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
        self.kernel.apply(changes)
    }

    fn filters(&mut self, table: TableName) -> Result<Vec<Filter>, NetError> {
        self.kernel.filters(table)
    }

    fn send_advert(&mut self, ip: &IpMeta, message: &[u8]) -> Result<(), NetError> {
        if *self.first.get_or_insert(ip.destination) == ip.destination {
            self.kernel.send_advert(ip, message)?;
        }
        Ok(())
    }

    fn announce(&mut self, announcements: &[Announcement]) -> Result<usize, NetError> {
        self.kernel.announce(announcements)
    }
}

/// Adverts that are heard as others than they are.
struct Misheard {
    bug: Bug,
    source: Box<dyn AdvertSource>,
    routers: Vec<Arc<Settings>>,
}

/// The advert as the router itself would send it, with the other's priority.
fn like_own(bug: Bug, routers: &[Arc<Settings>], datagram: &Datagram<'_>) -> Option<Vec<u8>> {
    let &[first, vrid, priority, ..] = datagram.message else { return None };
    let settings = routers.iter().find(|router| router.vrid.get() == vrid)?;
    let (version, is_v3) = (settings.machine.version, first >> 4 == 3);
    let is_own = is_v3 == (version == Version::V3);
    let concerns = match bug {
        Bug::IntervalIgnored => is_own && is_v3,
        _ => !is_own,
    };
    let (interval, addresses) = (settings.machine.interval, settings.advertised.as_addresses());
    let priority = Priority::new(priority);
    let advert = Advert::new(version, settings.vrid, priority, interval, addresses);
    let mut message = vec![0; 128];
    let len = advert.write(&datagram.ip(), &mut message).ok()?;
    message.truncate(len);
    concerns.then_some(message)
}

impl AdvertSource for Misheard {
    fn set_groups(&mut self, groups: &[IpAddr]) -> Result<(), NetError> {
        self.source.set_groups(groups)
    }

    fn drain(
        &mut self,
        take: &mut dyn FnMut(Result<Datagram<'_>, DecodeError>),
    ) -> Result<bool, NetError> {
        let Self { bug, source, routers } = self;
        source.drain(&mut |datagram| {
            let other = datagram.as_ref().ok().and_then(|it| like_own(*bug, routers, it));
            match (datagram, other) {
                (Ok(datagram), Some(other)) => {
                    take(Ok(Datagram::new(datagram.ip(), &other, datagram.arrived)));
                }
                (datagram, _) => take(datagram),
            }
        })
    }

    fn overflowed(&self) -> u64 {
        self.source.overflowed()
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.source.as_fd()
    }
}

/// News of interfaces that do not all arrive.
struct Missed {
    bug: Bug,
    source: Box<dyn LinkSource>,
    failed: HashSet<InterfaceName>,
}

impl LinkSource for Missed {
    fn read(&mut self, events: &mut Vec<NetEvent>) -> Result<(), NetError> {
        let mut all = Vec::new();
        self.source.read(&mut all)?;
        events.extend(all.into_iter().filter(|event| {
            let NetEvent::LinkChanged(link) = event else { return true };
            let has_failed = !link.is_running();
            match self.bug {
                Bug::FailureMissed => !has_failed,
                _ if has_failed => {
                    self.failed.insert(link.interface.name);
                    true
                }
                _ => !self.failed.contains(&link.interface.name),
            }
        }));
        Ok(())
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        self.source.as_fd()
    }
}

/// The lowest seed that shows the error, and what it shows.
fn found(bug: Bug) -> Option<(u64, Network, NetworkFinding)> {
    let (seed, finding) = explore_networks(0..SEEDS, &bug).err()?;
    let (network, finding) = narrow(&Network::random(seed), &bug, finding);
    Some((seed, network, finding))
}

#[test]
fn every_planted_bug_is_found_as_what_it_is() {
    use NetworkViolation as Found;
    for bug in Bug::ALL {
        let (seed, network, finding) =
            found(bug).unwrap_or_else(|| panic!("{bug:?} was not found"));
        println!("{bug:?}, seed {seed}\n{network}\n{finding}");
        let is_it = match (bug, &finding.violation) {
            (Bug::MemberLeftOut, Found::Torn { members, .. }) => members.len() > 1,
            (Bug::ReturnMissed, Found::Part { able, .. }) => *able,
            (Bug::FailureMissed, Found::Part { able, .. }) => !able,
            (Bug::PreemptionForgotten, Found::NotTheBest { .. })
            | (Bug::OnePeerOnly, Found::ActiveCount { .. } | Found::NotCounted { .. })
            | (
                Bug::SourceUnchecked | Bug::VersionIgnored,
                Found::ActiveCount { .. } | Found::Followed { .. } | Found::NotCounted { .. },
            )
            | (Bug::IntervalIgnored, Found::ActiveCount { .. } | Found::NotAtRest { .. })
            | (Bug::GlobalAddressForgotten, Found::Addresses { .. }) => true,
            _ => false,
        };
        assert!(is_it, "{bug:?} shows as: {finding}");
    }
}

#[test]
fn the_wrapper_alone_changes_nothing() {
    let summary = explore_networks(0..100, &Bug::None);
    assert_eq!(summary, explore_networks(0..100, &Honest));
    assert!(summary.is_ok());
}
