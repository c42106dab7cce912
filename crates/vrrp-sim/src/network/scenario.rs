//! A network of whole hosts, as data.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use vrrp::{Destination, SettingsError, Setup, Unicast, VirtualAddress, VirtualRouter};
use vrrp_net::InterfaceName;
use vrrp_proto::{Family, Version};

/// The name of the sync group that every machine has at the most.
pub(crate) const GROUP: &str = "site";

/// A whole simulation of hosts, before it has run. The same one always runs the same way.
#[derive(Debug, Clone)]
pub struct Network {
    /// Decides which packets are lost.
    pub seed: u64,
    /// The family of all of it.
    pub family: Family,
    /// How many wires there are; every machine has an interface on each.
    pub wires: usize,
    /// How long a packet is on its way.
    pub delay: Duration,
    /// The virtual routers of each machine.
    pub machines: Vec<Vec<Role>>,
    /// What happens, in the order of time.
    pub schedule: Vec<(Duration, Trouble)>,
    /// When it is over.
    pub until: Duration,
}

/// What a machine does in one virtual router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Roles of one cluster elect one of them.
    pub cluster: u8,
    /// The wire of its adverts.
    pub wire: usize,
    /// The number of the virtual router.
    pub vrid: u8,
    /// The version that it speaks.
    pub version: Version,
    /// Its priority, 1 to 254.
    pub priority: u8,
    /// Its interval.
    pub interval: Duration,
    /// Whether it takes over from a living router of lower priority.
    pub preempt: bool,
    /// To whom it sends, if not to the protocol's group.
    pub peers: Option<Peers>,
    /// Whether it is a member of its machine's sync group.
    pub is_grouped: bool,
}

/// The peers of a unicast router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peers {
    /// Which machines.
    pub machines: Vec<usize>,
    /// Whether it hears nobody else.
    pub check_source: bool,
}

/// Something that happens to a machine or to a wire. One that cannot happen does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Its program is started.
    Start(usize),
    /// It is stopped as an operator stops it.
    Stop(usize),
    /// The machine loses power.
    Crash(usize),
    /// Its program does nothing for a while; what arrives waits.
    Freeze(usize),
    /// It goes on.
    Thaw(usize),
    /// An interface loses its carrier, or has it again.
    Carrier {
        /// The machine.
        machine: usize,
        /// The wire that it is on.
        wire: usize,
        /// Whether it has a carrier.
        up: bool,
    },
    /// The way from one machine to another is closed or opened; the way back is its own.
    Way {
        /// Who sends.
        from: usize,
        /// Who does not hear it, or does again.
        to: usize,
        /// On this wire.
        wire: usize,
        /// Whether it is open.
        open: bool,
    },
    /// So many of a thousand packets are lost from now on.
    Loss(u16),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(machine) => write!(f, "m{machine} starts"),
            Self::Stop(machine) => write!(f, "m{machine} is stopped"),
            Self::Crash(machine) => write!(f, "m{machine} crashes"),
            Self::Freeze(machine) => write!(f, "m{machine} freezes"),
            Self::Thaw(machine) => write!(f, "m{machine} thaws"),
            Self::Carrier { machine, wire, up } => {
                write!(f, "m{machine} {} {} a carrier", interface(*wire), has(*up))
            }
            Self::Way { from, to, wire, open } => {
                let word = if *open { "opened" } else { "closed" };
                write!(f, "m{from} → m{to} on {} {word}", interface(*wire))
            }
            Self::Loss(per_mille) => write!(f, "‰ lost {per_mille}"),
        }
    }
}

const fn has(up: bool) -> &'static str {
    if up { "has" } else { "loses" }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wire, vrid, version, priority, interval, .. } = self;
        let interface = interface(*wire);
        write!(f, "{interface}/{vrid} v{version} priority {priority} every {interval:?}")?;
        if !self.preempt {
            f.write_str(", nopreempt")?;
        }
        if let Some(Peers { machines, check_source }) = &self.peers {
            write!(f, ", peers {machines:?}{}", if *check_source { " alone" } else { "" })?;
        }
        if self.is_grouped { f.write_str(", grouped") } else { Ok(()) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, {}, {:?} on the way", self.seed, self.family, self.delay)?;
        for (machine, roles) in self.machines.iter().enumerate() {
            roles.iter().try_for_each(|role| writeln!(f, "  m{machine}: {role}"))?;
        }
        let mut schedule = self.schedule.iter();
        schedule.try_for_each(|(at, trouble)| writeln!(f, "{at:>14.6?}  -- {trouble}"))
    }
}

impl Network {
    /// The address of a machine's own on a wire.
    pub fn address(&self, machine: usize, wire: usize) -> IpAddr {
        let (machine, wire) = (machine as u8 + 1, wire as u8);
        match self.family {
            Family::V4 => Ipv4Addr::new(192, 0, 2 + wire, machine).into(),
            Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, wire.into(), machine.into()).into(),
        }
    }

    /// The virtual addresses of a role.
    pub(crate) fn virtual_addresses(&self, role: &Role) -> Vec<VirtualAddress> {
        let (wire, number) = (role.wire as u8, role.vrid);
        let v6 = |[first, second]: [u16; 2], last: u16| {
            Ipv6Addr::new(first, second, 0, 0, 0, 0, u16::from(wire), last).into()
        };
        match self.family {
            Family::V4 => {
                vec![VirtualAddress::new(Ipv4Addr::new(192, 0, 2 + wire, 100 + number).into(), 24)]
            }
            Family::V6 => {
                let last = u16::from(number) << 8;
                [[0xfe80, 0], [0x2001, 0xdb8]]
                    .map(|network| VirtualAddress::new(v6(network, last), 64))
                    .into()
            }
        }
    }

    /// The names by which a machine's routers go, in the order of its roles.
    pub(crate) fn names(&self, machine: usize) -> impl Iterator<Item = (String, &Role)> {
        self.machines[machine].iter().enumerate().map(|(at, role)| (format!("r{at}"), role))
    }

    /// What a machine's program is to run.
    pub(crate) fn setup(&self, machine: usize) -> Result<Setup, SettingsError> {
        let mut setup = Setup::default();
        for (name, role) in self.names(machine) {
            let interface = interface(role.wire).to_string();
            let mut router = VirtualRouter::new(&interface, role.vrid)
                .name(name)
                .version(role.version)
                .priority(role.priority)
                .interval(role.interval)
                .preempt(role.preempt);
            for address in self.virtual_addresses(role) {
                router = router.virtual_address(address);
            }
            if let Some(Peers { machines, check_source }) = &role.peers {
                let peers = machines.iter().map(|&peer| self.address(peer, role.wire));
                let unicast = Unicast { check_source: *check_source, ..Unicast::to(peers) };
                router = router.destination(Destination::Unicast(unicast));
            }
            setup = setup.with(&router)?;
        }
        let grouped = self.names(machine).filter(|(_, role)| role.is_grouped);
        let members: Vec<_> = grouped.map(|(name, _)| name).collect();
        if members.is_empty() {
            return Ok(setup);
        }
        Ok(setup.with_group(GROUP, members.iter().map(String::as_str)))
    }

    /// The longest interval of any role.
    pub(crate) fn interval_max(&self) -> Duration {
        let roles = self.machines.iter().flatten();
        roles.map(|role| role.interval).max().unwrap_or_default()
    }

    /// From the last trouble to the time when everyone is in their place: an Active_Down_Interval,
    /// an interval for whoever has to yield, and the ways of a few packets.
    pub(crate) fn settled(&self) -> Duration {
        5 * self.interval_max() + 4 * self.delay
    }
}

/// The interface on this wire.
pub(crate) fn interface(wire: usize) -> InterfaceName {
    format!("eth{wire}").parse().expect("a short name")
}
