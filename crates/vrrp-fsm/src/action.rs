//! What a router wants done, and why.

use alloc::sync::Arc;
use core::fmt;
use core::net::IpAddr;
use core::ops::Deref;
use core::time::Duration;

use smallvec::SmallVec;
use vrrp_proto::{Interval, Priority};

use crate::{FaultReason, Peer};

/// The state of a virtual router (RFC 9568 §6.4).
///
/// `Fault` is the RFC's Initialize of a router that was started but must not take part; it has
/// a name of its own because operators want to see the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum State {
    /// Not started, or started and waiting for a first verdict
    /// ([`Router::waiting_for`](crate::Router::waiting_for)).
    Initialize,
    /// Watches the Active Router, and is silent.
    Backup,
    /// Has the addresses.
    Active,
    /// Must not take part, and is silent.
    Fault,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Initialize => "Initialize",
            Self::Backup => "Backup",
            Self::Active => "Active",
            Self::Fault => "Fault",
        })
    }
}

/// Something to do, in the order given.
///
/// Exhaustive on purpose: a caller that overlooked one would break the protocol, so a new one is
/// a new major version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Send one advert with this priority and the interval of the settings in force.
    SendAdvert {
        /// What to advertise; 0 resigns.
        priority: Priority,
    },
    /// Put the virtual addresses on the interface. Those already there stay.
    InstallAddresses,
    /// Take the virtual addresses off the interface. Those already gone are no error.
    RemoveAddresses,
    /// Announce every address this many times (gratuitous ARP, unsolicited neighbour
    /// advertisements).
    Announce {
        /// At least 1.
        rounds: u8,
    },
    /// The state has changed; the actions before are what it took.
    Transition(Transition),
    /// The effective priority has changed.
    PriorityChanged {
        /// Before.
        from: Priority,
        /// Now.
        to: Priority,
    },
    /// Nothing to do, but worth telling the operator.
    Report(Report),
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state now.
    pub to: State,
    /// Why.
    pub cause: Cause,
    /// The effective priority at that time.
    pub priority: Priority,
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, cause, priority } = self;
        write!(f, "{from} to {to} with priority {priority}: {cause}")
    }
}

/// Why a state changed, in data.
///
/// `late` is how long after its deadline a timer was handled: a large one tells of a starved
/// or frozen machine, whose takeover deserves suspicion.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Cause {
    /// Started, and nothing stood in the way.
    Startup,
    /// Stopped.
    Shutdown,
    /// The Active_Down_Timer fired: no advert since `last`, or none ever.
    ActiveDown {
        /// The Active Router that fell silent.
        last: Option<Peer>,
        /// How long after its deadline the timer was handled.
        late: Duration,
    },
    /// The Active Router gave up with a priority-0 advert.
    Resignation {
        /// The router that gave up.
        peer: Peer,
        /// How long after its deadline the timer was handled.
        late: Duration,
    },
    /// The Active Router's priority was lower, and preemption is on.
    Preemption {
        /// The router that was replaced.
        peer: Peer,
        /// How long after its deadline the timer was handled.
        late: Duration,
    },
    /// The Active Router that was followed has a lower priority now, and preemption is on.
    Handover {
        /// The router that was replaced.
        peer: Peer,
        /// How long after its deadline the timer was handled.
        late: Duration,
    },
    /// Another Active Router has a higher priority.
    HigherPriority(Peer),
    /// Another Active Router has the same priority and a higher address.
    HigherAddress(Peer),
    /// Another router claims to own the addresses and has a higher address: one of the two is
    /// configured wrongly.
    TwoOwners(Peer),
    /// An Active Router was silent for so long that others may have succeeded it: the machine or
    /// its process stood still.
    Late {
        /// How long its last advert was ago.
        silent: Duration,
    },
    /// This reason not to take part appeared.
    Fault(FaultReason),
    /// The last reason not to take part went away; this one.
    FaultCleared(FaultReason),
    /// The tracker waited for has given its first verdict.
    Ready(Arc<str>),
    /// New settings, or other trackers.
    Reconfigured,
    /// The member of that name led, and its sync group followed.
    Member(Arc<str>),
}

impl Cause {
    /// Whether it is that of another member of its sync group.
    pub(crate) const fn is_a_members(&self) -> bool {
        matches!(
            self,
            Self::Member(_)
                | Self::Fault(FaultReason::Member(_))
                | Self::FaultCleared(FaultReason::Member(_))
        )
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Startup => f.write_str("started"),
            Self::Shutdown => f.write_str("stopped"),
            Self::ActiveDown { last: Some(peer), .. } => write!(f, "{peer} fell silent"),
            Self::ActiveDown { last: None, .. } => f.write_str("no other router was heard"),
            Self::Resignation { peer, .. } => write!(f, "{} resigned", peer.source),
            Self::Preemption { peer, .. } => write!(f, "preempted {peer}"),
            Self::Handover { peer, .. } => write!(f, "{peer} has the lower priority now"),
            Self::HigherPriority(peer) => write!(f, "{peer} has the higher priority"),
            Self::HigherAddress(peer) => {
                write!(f, "{peer} has the same priority and the higher address")
            }
            Self::TwoOwners(peer) => {
                write!(f, "{} claims to own the addresses too: configuration error", peer.source)
            }
            Self::Late { silent } => write!(
                f,
                "stood still for {:.3} s, in which others may have taken over",
                silent.as_secs_f64()
            ),
            Self::Fault(reason) => reason.fmt(f),
            Self::FaultCleared(reason) => write!(f, "no longer: {reason}"),
            Self::Ready(name) => write!(f, "{name} gave its first verdict"),
            Self::Reconfigured => f.write_str("new configuration"),
            Self::Member(name) => write!(f, "follows {name} of its sync group"),
        }
    }
}

/// Something that changed no state and is worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Report {
    /// As Active Router, heard an advert that loses to the own one. One or two are normal
    /// after a takeover; a stream means that the other does not hear this router.
    LosingAdvert(Peer),
    /// As address owner, heard a router that should have been quiet.
    OwnerHeard(Peer),
    /// As address owner with the higher address, heard another that claims to own the
    /// addresses: one of the two is configured wrongly.
    TwoOwners(Peer),
    /// Heard an advert from the own primary address, and ignored it: a loop, or an address in
    /// use twice.
    OwnAddress(Peer),
    /// As Backup Router in version 3, follows another interval from now on.
    IntervalLearnt {
        /// Who advertises it.
        source: IpAddr,
        /// Followed before.
        from: Interval,
        /// Followed from now on.
        to: Interval,
    },
    /// Someone else removed installed addresses, and they are put back.
    AddressesLost,
    /// An address owner was silent for so long that others may have succeeded it, and announces
    /// itself and the addresses anew.
    TakenBack {
        /// How long its last advert was ago.
        silent: Duration,
    },
    /// A further reason not to take part.
    FaultAdded(FaultReason),
    /// This reason not to take part went away, but something else remains.
    FaultLifted(FaultReason),
}

impl Report {
    /// Every name that a report has.
    pub const NAMES: [&'static str; 9] = [
        "losing_advert",
        "owner_heard_advert",
        "two_owners",
        "own_address",
        "interval_learnt",
        "addresses_lost",
        "taken_back",
        "fault_added",
        "fault_lifted",
    ];

    /// Its name for programs. It never changes; more may come.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LosingAdvert(_) => "losing_advert",
            Self::OwnerHeard(_) => "owner_heard_advert",
            Self::TwoOwners(_) => "two_owners",
            Self::OwnAddress(_) => "own_address",
            Self::IntervalLearnt { .. } => "interval_learnt",
            Self::AddressesLost => "addresses_lost",
            Self::TakenBack { .. } => "taken_back",
            Self::FaultAdded(_) => "fault_added",
            Self::FaultLifted(_) => "fault_lifted",
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LosingAdvert(peer) => write!(f, "{peer} advertises too, and loses"),
            Self::OwnerHeard(peer) => write!(f, "{peer} advertises the addresses owned here"),
            Self::TwoOwners(peer) => {
                write!(f, "{} claims to own the addresses too: configuration error", peer.source)
            }
            Self::OwnAddress(peer) => {
                write!(f, "ignored an advert from {peer}: that is this router's own address")
            }
            Self::IntervalLearnt { source, from, to } => {
                write!(f, "{source} advertises every {to}, not every {from}: following it")
            }
            Self::AddressesLost => f.write_str("virtual addresses were removed: putting them back"),
            Self::TakenBack { silent } => write!(
                f,
                "stood still for {:.3} s, in which others may have taken over: taking back what \
                 is owned here",
                silent.as_secs_f64()
            ),
            Self::FaultAdded(reason) => write!(f, "also: {reason}"),
            Self::FaultLifted(reason) => write!(f, "no longer: {reason}"),
        }
    }
}

/// Everything that one event led to, in order.
///
/// It dereferences to a slice and iterates by value. What a router does in its steady state, a
/// takeover and a hand-over fit in place; only a longer list allocates, and there is no limit to
/// its length. It must not be dropped unread: the router has already changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "the router has already changed its state: its actions must be carried out"]
pub struct Actions(SmallVec<[Action; IN_PLACE]>);

/// How many actions need no allocation: as many as one event leads a single router to.
const IN_PLACE: usize = 6;

impl Actions {
    pub(crate) fn push(&mut self, action: Action) {
        self.0.push(action);
    }

    pub(crate) fn report(&mut self, report: Report) {
        self.push(Action::Report(report));
    }

    /// Zero rounds are no announcement.
    pub(crate) fn announce(&mut self, rounds: u8) {
        if rounds > 0 {
            self.push(Action::Announce { rounds });
        }
    }
}

impl Deref for Actions {
    type Target = [Action];

    fn deref(&self) -> &[Action] {
        &self.0
    }
}

impl Extend<Action> for Actions {
    fn extend<I: IntoIterator<Item = Action>>(&mut self, actions: I) {
        self.0.extend(actions);
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<I: IntoIterator<Item = Action>>(actions: I) -> Self {
        Self(SmallVec::from_iter(actions))
    }
}

impl IntoIterator for Actions {
    type Item = Action;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter(self.0.into_iter())
    }
}

/// Iterates over [`Actions`] by value.
#[derive(Debug, Clone)]
pub struct IntoIter(smallvec::IntoIter<[Action; IN_PLACE]>);

impl Iterator for IntoIter {
    type Item = Action;

    fn next(&mut self) -> Option<Action> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for IntoIter {}

impl<'a> IntoIterator for &'a Actions {
    type Item = &'a Action;
    type IntoIter = core::slice::Iter<'a, Action>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_fits_in_place_keeps_its_order() {
        let rounds = |action: &Action| match action {
            Action::Announce { rounds } => *rounds,
            other => panic!("{other:?}"),
        };
        let mut actions: Actions = (1..=4).map(|rounds| Action::Announce { rounds }).collect();
        actions.extend((5..=200).map(|rounds| Action::Announce { rounds }));
        assert!(actions.iter().map(rounds).eq(1..=200));
        assert_eq!(actions.clone().into_iter().len(), 200);
        assert!(actions.into_iter().map(|action| rounds(&action)).eq(1..=200));
    }
}
