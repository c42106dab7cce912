//! What is simulated, as data: who takes part, what the wire does, what happens when.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use vrrp::Authentication;
use vrrp_fsm::{Config, Influence};
use vrrp_proto::Family;

/// A router's place in [`Scenario::members`].
pub type NodeId = usize;

/// A whole simulation, before it has run. The same scenario always runs the same way.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Decides every packet's transit and every timer's lateness.
    pub seed: u64,
    /// The routers; none of them runs before it is started. All of one family.
    pub members: Vec<Member>,
    /// What all VRRPv2 routers prove themselves with.
    pub authentication: Authentication,
    /// The wire at first.
    pub wire: Wire,
    /// What happens, in the order of time.
    pub schedule: Vec<Scheduled>,
    /// When it is over.
    pub until: Duration,
}

impl Scenario {
    /// The family of the virtual router: that of the first member's address.
    pub fn family(&self) -> Family {
        self.members.first().map_or(Family::V4, |member| Family::of(member.address))
    }

    /// Every configuration that a router has at some time.
    pub fn configs(&self) -> impl Iterator<Item = &Config> {
        let later = self.schedule.iter().filter_map(|one| match &one.incident {
            Incident::Replace { config, .. } | Incident::Reconfigure { config, .. } => {
                Some(&**config)
            }
            _ => None,
        });
        self.members.iter().map(|member| &member.config).chain(later)
    }
}

/// One router.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its settings.
    pub config: Config,
    /// Its primary address, unlike every other's.
    pub address: IpAddr,
    /// What its clock gains, in millionths; ±10,000 at most.
    pub drift_ppm: i32,
    /// Whether it is left asleep by adverts that
    /// [only restart its timer](vrrp_fsm::Router::would_only_restart_timer).
    pub parks: bool,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { config, address, drift_ppm, parks } = self;
        write!(f, "{address} {}", Settings(config))?;
        if *drift_ppm != 0 {
            write!(f, ", clock {drift_ppm:+} ppm")?;
        }
        if *parks {
            f.write_str(", parks adverts")?;
        }
        Ok(())
    }
}

/// A configuration in a line.
struct Settings<'a>(&'a Config);

impl fmt::Display for Settings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { version, priority, interval, preempt_delay, down_timer_adverts, .. } = self.0;
        write!(f, "v{version} priority {priority} every {interval}")?;
        if !preempt_delay.is_zero() {
            write!(f, ", preempt_delay {preempt_delay:?}")?;
        }
        if down_timer_adverts.get() != 3 {
            write!(f, ", down_timer_adverts {down_timer_adverts}")?;
        }
        let flags = [
            (!self.0.preempt, "nopreempt"),
            (!self.0.fast_handover, "handover rfc"),
            (self.0.lower_prio_no_advert, "lower_prio_no_advert"),
            (self.0.higher_prio_send_advert, "higher_prio_send_advert"),
            (self.0.owner_ignore_adverts, "owner_ignore_adverts"),
        ];
        flags.iter().filter(|(set, _)| *set).try_for_each(|(_, flag)| write!(f, ", {flag}"))
    }
}

/// What the wire does to packets, and the machines to timers. Chances are per mille.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wire {
    /// The shortest way.
    pub delay_min: Duration,
    /// The longest: packets overtake each other within the difference.
    pub delay_max: Duration,
    /// Packets that never arrive.
    pub loss: u16,
    /// Packets that arrive once more, later.
    pub duplication: u16,
    /// Packets that arrive with one bit turned.
    pub corruption: u16,
    /// How much later than its deadline a timer may fire.
    pub lateness_max: Duration,
}

impl Wire {
    /// A quiet local network.
    pub const LOCAL: Self = Self {
        delay_min: Duration::from_micros(100),
        delay_max: Duration::from_micros(200),
        loss: 0,
        duplication: 0,
        corruption: 0,
        lateness_max: Duration::ZERO,
    };

    /// The same wire, once it loses nothing any more.
    pub const fn without_loss(self) -> Self {
        Self { loss: 0, corruption: 0, ..self }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { delay_min, delay_max, loss, duplication, corruption, lateness_max } = self;
        write!(
            f,
            "{delay_min:?} to {delay_max:?}, ‰ lost {loss}, doubled {duplication}, \
             damaged {corruption}; timers up to {lateness_max:?} late"
        )
    }
}

/// Something that happens at a time.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// Since the start.
    pub at: Duration,
    /// What happens.
    pub incident: Incident,
}

/// How an interface is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterfaceState {
    /// Up, and connected.
    Running,
    /// Up, and not connected.
    NoCarrier,
    /// Down.
    Down,
    /// Not there.
    Missing,
}

/// Something that happens to a router or to the wire.
///
/// One that cannot happen, such as the thaw of a router that is not frozen, does nothing.
#[derive(Debug, Clone)]
pub enum Incident {
    /// The router is started, or started again after a crash or a stop.
    Start(NodeId),
    /// It is stopped as an operator stops it.
    Stop(NodeId),
    /// Its machine loses power.
    Crash(NodeId),
    /// It has other settings from its next start on.
    Replace {
        /// The router.
        node: NodeId,
        /// Its settings.
        config: Box<Config>,
    },
    /// It does nothing for a while; what arrives meanwhile waits in a bounded queue.
    Freeze {
        /// The router.
        node: NodeId,
        /// Whether its clock stops, too: a paused virtual machine and not a starved process.
        clock_stops: bool,
    },
    /// It goes on.
    Thaw(NodeId),
    /// One of its trackers has news.
    Track {
        /// The router.
        node: NodeId,
        /// The tracker's number; its name is `tracker` and that.
        tracker: u8,
        /// The news.
        influence: Influence,
    },
    /// Its process is killed. What its kernel has stays there.
    Kill(NodeId),
    /// It has other settings from now on, without being stopped; nothing if it does not run.
    Reconfigure {
        /// The router.
        node: NodeId,
        /// Its settings.
        config: Box<Config>,
        /// Whether it also moves an address that no advert names.
        has_extra: bool,
    },
    /// Its interface changes. One that was missing comes back with another index.
    Interface {
        /// The router.
        node: NodeId,
        /// How its interface is.
        state: InterfaceState,
    },
    /// The interface's own address, from which adverts are sent, is another one or none.
    Address {
        /// The router.
        node: NodeId,
        /// The address.
        address: Option<IpAddr>,
    },
    /// Its socket for adverts cannot be opened any more, or is again.
    Deaf {
        /// The router.
        node: NodeId,
        /// Whether it hears nothing.
        deaf: bool,
    },
    /// Its kernel refuses to add addresses, or does no longer.
    RefuseAddresses {
        /// The router.
        node: NodeId,
        /// Whether it refuses.
        refuses: bool,
    },
    /// Its kernel refuses to send adverts, or does no longer.
    RefuseSending {
        /// The router.
        node: NodeId,
        /// Whether it refuses.
        refuses: bool,
    },
    /// Someone else removes its virtual addresses.
    AddressesLost {
        /// The router.
        node: NodeId,
        /// All of them, or one.
        all: bool,
    },
    /// The way from one router to another is cut or mended; the way back is its own.
    Link {
        /// Who sends.
        from: NodeId,
        /// Who does not hear it, or does again.
        to: NodeId,
        /// Whether it is whole.
        up: bool,
    },
    /// The wire changes.
    Wire(Wire),
    /// Nothing happens, but so many routers have to be Active Routers now.
    Expect {
        /// How many.
        actives: usize,
    },
}

impl fmt::Display for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(node) => write!(f, "n{node} starts"),
            Self::Stop(node) => write!(f, "n{node} is stopped"),
            Self::Crash(node) => write!(f, "n{node} crashes"),
            Self::Replace { node, config } => write!(f, "n{node} will be {}", Settings(config)),
            Self::Freeze { node, clock_stops: true } => write!(f, "n{node} freezes with its clock"),
            Self::Freeze { node, .. } => write!(f, "n{node} freezes"),
            Self::Thaw(node) => write!(f, "n{node} thaws"),
            Self::Track { node, tracker, influence } => {
                write!(f, "n{node} tracker{tracker}: {influence:?}")
            }
            Self::Kill(node) => write!(f, "n{node} is killed"),
            Self::Reconfigure { node, config, has_extra } => {
                let extra = if *has_extra { ", one more address" } else { "" };
                write!(f, "n{node} is now {}{extra}", Settings(config))
            }
            Self::Interface { node, state } => write!(f, "n{node} interface: {state:?}"),
            Self::Address { node, address: Some(address) } => write!(f, "n{node} has {address}"),
            Self::Address { node, .. } => write!(f, "n{node} has no address of its own"),
            Self::Deaf { node, deaf: true } => write!(f, "n{node} hears nothing"),
            Self::Deaf { node, .. } => write!(f, "n{node} hears again"),
            Self::RefuseAddresses { node, refuses } => {
                write!(f, "n{node} kernel {} addresses", takes(*refuses))
            }
            Self::RefuseSending { node, refuses } => {
                write!(f, "n{node} kernel {} adverts", takes(*refuses))
            }
            Self::AddressesLost { node, all: true } => write!(f, "n{node} loses its addresses"),
            Self::AddressesLost { node, .. } => write!(f, "n{node} loses an address"),
            Self::Link { from, to, up } => {
                write!(f, "n{from} → n{to} {}", if *up { "mended" } else { "cut" })
            }
            Self::Wire(wire) => write!(f, "the wire: {wire}"),
            Self::Expect { actives } => write!(f, "{actives} Active Routers expected"),
        }
    }
}

const fn takes(refuses: bool) -> &'static str {
    if refuses { "refuses" } else { "takes" }
}
