//! What a step of the cluster did, for checkers and for readers.

use vrrp_fsm::{Action, Event, Heard, Instant, State};
use vrrp_proto::{DecodeError, Priority};

use crate::scenario::{Incident, NodeId};

/// What a [`Cluster::step`](crate::Cluster::step) has done, in order.
#[derive(Debug, Clone)]
pub enum Happening {
    /// This came from the script.
    Incident(Incident),
    /// A router was told something, and did this.
    Turn(Turn),
    /// An advert arrived, and its receiver left it aside. If no other one comes before, it is
    /// told with the next event.
    Parked {
        /// The receiver.
        node: NodeId,
        /// What its clock showed.
        local: Instant,
        /// The advert.
        heard: Heard,
        /// The receiver's effective priority then.
        priority: Priority,
    },
    /// A packet did not reach the state machine.
    Dropped {
        /// Its sender.
        from: NodeId,
        /// Whom it would have reached.
        to: NodeId,
        /// Why it did not.
        why: Dropped,
    },
    /// A packet was accepted that was damaged or of another kind.
    WronglyAccepted {
        /// Its sender.
        from: NodeId,
        /// Its receiver.
        to: NodeId,
    },
}

/// Why a packet did not reach a state machine that could have heard it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dropped {
    /// The wire lost it.
    Lost,
    /// The way is cut.
    Cut,
    /// The receiver was frozen, and its socket full.
    Overflow,
    /// The wire damaged it, and the receiver noticed.
    Damaged(DecodeError),
    /// It is of another kind than the receiver, who noticed.
    Foreign(DecodeError),
    /// There was nothing wrong with it, and still the receiver did not want it.
    Refused(DecodeError),
}

/// One event, and what a router made of it.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The router.
    pub node: NodeId,
    /// What its clock showed.
    pub local: Instant,
    /// What it was told.
    pub event: Event,
    /// Its state until then.
    pub before: State,
    /// Its effective priority until then.
    pub priority_before: Priority,
    /// What it did.
    pub actions: Vec<Action>,
    /// Its state from then on.
    pub after: State,
    /// Its effective priority from then on.
    pub priority: Priority,
    /// Whether it has the virtual addresses now.
    pub installed: bool,
    /// Whether it knows that nothing it sends would leave.
    pub mute: bool,
    /// Whether it knows of a tracker that has to give its first verdict.
    pub waiting: bool,
    /// Whether this is an advert that was [parked](Happening::Parked) before.
    pub parked: bool,
}
