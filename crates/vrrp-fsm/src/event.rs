//! What a router is told.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use vrrp_proto::{Interval, Priority};

use crate::{Config, Contribution, Influence, Instant, Snapshot};

/// Something that happened; the input of [`Router::handle`](crate::Router::handle).
///
/// Before [`Event::Startup`] every event but the protocol's own (timer, adverts) is taken in
/// without an action, so that a caller can tell all it knows and then start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Take part from now on.
    Startup,
    /// In place of [`Startup`](Self::Startup): go on from what another process was when it ended
    /// without a word. Nothing is told of that, and no advert sent for it.
    ///
    /// What is known by now (settings, trackers, faults, the address) then counts as if it had
    /// changed: a fault makes the router leave its state, other settings come into force as with
    /// [`Reload`](Self::Reload). An Active Router that is [late](crate::Router::late_at) by now steps
    /// down; a Backup Router, which could not hear meanwhile, waits for as much longer.
    Resume(Box<Snapshot>),
    /// Stop taking part: an Active Router resigns.
    Shutdown,
    /// The time of [`Router::deadline`](crate::Router::deadline) may have come. Early and late
    /// ones do no harm: an early one does nothing, a late one does what is due, once; and if an
    /// Active Router is [late](crate::Router::late_at) for good, it steps down.
    Timer,
    /// A valid advert for this virtual router. `now` is the time it was received.
    Advert(Heard),
    /// The address that adverts are sent from; `None` while the interface has none, which is
    /// [`FaultReason::NoPrimaryAddress`]. That is also how a router begins: it must be told
    /// before it can take part.
    PrimaryAddress(Option<IpAddr>),
    /// What the tracker called `name` now means to this router. A new name is added.
    Tracker {
        /// The tracker's name, as the operator knows it.
        name: Arc<str>,
        /// Its new influence, which replaces the one before.
        influence: Influence,
    },
    /// The tracker of that name is no longer configured: its influence ends.
    TrackerRemoved {
        /// The tracker's name.
        name: Arc<str>,
    },
    /// A reason not to take part. Telling it twice is telling it once: reasons are a set.
    Fault(FaultReason),
    /// That reason has gone. One that was not there is ignored.
    FaultCleared(FaultReason),
    /// Someone else removed installed addresses. What the caller removed itself is not lost.
    AddressesLost,
    /// New settings for the same virtual router, whose trackers stay as they are.
    ///
    /// Equal settings are nothing. Others never make it resign by themselves: an Active Router
    /// stays Active and a Backup Router Backup, except that
    ///
    /// - whoever becomes the address owner becomes Active (RFC 9568 §6.4.1);
    /// - a [weighted fault](Influence::WeightedFault) starts or stops counting because the
    ///   priority ceased to be or became 255.
    ///
    /// What was heard before is judged anew: a preemption that the new settings do not want is
    /// called off. From the next advert on the router is the one that it would be had it been
    /// started with these settings.
    ///
    /// Whoever handles this may be told to send an advert at once: the advert must be prepared
    /// with the new settings before. Another set of virtual addresses, another authentication or
    /// another destination do not concern the router at all.
    Reconfigure(Config),
    /// As [`Reconfigure`](Self::Reconfigure), and other trackers with it, in one step: what is
    /// not named here is forgotten. Nothing is decided in between, so that a priority which
    /// moves from the base to a tracker, or a fault from one tracker to another, is not felt.
    Reload {
        /// The new settings.
        config: Config,
        /// Every tracker that is configured now, in the operator's order, with what it means at
        /// present: the last verdict under the new weight, [`Influence::Waiting`] or what else
        /// [`Weight::judge`](crate::Weight::judge) says of one without a verdict.
        trackers: Vec<Contribution>,
    },
}

/// The part of an advert that decides something.
///
/// Only what passed every check of RFC 9568 §7.1 may come here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The IP source address: the sender's primary address.
    pub source: IpAddr,
    /// The sender's priority; 0 is a resignation.
    pub priority: Priority,
    /// The sender's interval; learnt in version 3, ignored in version 2.
    pub interval: Interval,
}

impl Heard {
    pub(crate) const fn at(self, heard_at: Instant) -> Peer {
        let Self { source, priority, interval } = self;
        Peer { source, priority, interval, heard_at }
    }
}

/// Another router of this virtual router, as its last advert showed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Peer {
    /// Its primary address.
    pub source: IpAddr,
    /// The priority it advertised.
    pub priority: Priority,
    /// The interval it advertised.
    pub interval: Interval,
    /// When that advert was received.
    pub heard_at: Instant,
}

impl fmt::Display for Peer {
    /// `192.0.2.1 (priority 244)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (priority {})", self.source, self.priority)
    }
}

/// Why a router may not take part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum FaultReason {
    /// The interface does not exist.
    InterfaceMissing,
    /// The interface is administratively down.
    InterfaceDown,
    /// The interface is up, but its link is not.
    NoCarrier,
    /// The interface has no address to send from. The same fact as
    /// [`Event::PrimaryAddress`] with `None`, and only an address clears it.
    NoPrimaryAddress,
    /// The virtual addresses could not be installed.
    InstallFailed,
    /// The tracker of that name failed, and its failure counts as a fault. The same fact as
    /// [`Event::Tracker`] with [`Influence::Fault`].
    Tracker(Arc<str>),
    /// The operator wants it to take no part for a while, so that its machine can be worked on.
    Drained,
    /// A reason of the caller's own, named for the operator.
    Other(Arc<str>),
    /// The member of that name cannot take part, and with it nobody of its sync group: what
    /// [`GroupRules`](crate::GroupRules) tell, and no one else.
    Member(Arc<str>),
}

impl FaultReason {
    /// Whether no advert can leave while this lasts, so that resigning is pointless.
    pub const fn prevents_sending(&self) -> bool {
        matches!(
            self,
            Self::InterfaceMissing | Self::InterfaceDown | Self::NoCarrier | Self::NoPrimaryAddress
        )
    }
}

impl fmt::Display for FaultReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InterfaceMissing => f.write_str("the interface does not exist"),
            Self::InterfaceDown => f.write_str("the interface is down"),
            Self::NoCarrier => f.write_str("the interface has no carrier"),
            Self::NoPrimaryAddress => f.write_str("the interface has no address to send from"),
            Self::InstallFailed => f.write_str("the virtual addresses could not be installed"),
            Self::Tracker(name) => write!(f, "{name} failed"),
            Self::Drained => f.write_str("drained"),
            Self::Other(name) => f.write_str(name),
            Self::Member(name) => write!(f, "{name} of its sync group cannot take part"),
        }
    }
}
