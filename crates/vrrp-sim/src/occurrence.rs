//! What a step of the cluster did, for checkers and for readers.

use vrrp::EventKind;
use vrrp_fsm::{Heard, Influence, Instant, State, Transition};
use vrrp_proto::{DecodeError, Priority};

use crate::kernel::{Asked, Held};
use crate::scenario::{Incident, NodeId};

/// What a [`Cluster::step`](crate::Cluster::step) has done, in order.
#[derive(Debug, Clone)]
pub enum Occurrence {
    /// This came from the schedule.
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
    /// Its sender's kernel refused to send it.
    NotSent,
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

/// What a router is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stimulus {
    /// It is started.
    Start,
    /// It is to stop.
    Shutdown,
    /// Something is due.
    Timer,
    /// It hears this advert.
    Advert(Heard),
    /// Its interfaces changed.
    Interfaces,
    /// Some of its addresses were removed.
    Removed,
    /// Whether it can hear.
    Hearing(bool),
    /// This tracker means that to it.
    Tracker(u8, Influence),
    /// It has other settings.
    Reconfigure,
}

/// One input, and what a router made of it.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The router.
    pub node: NodeId,
    /// What its clock showed; of an advert, when it arrived.
    pub local: Instant,
    /// What its clock shows when it is told.
    pub told_at: Instant,
    /// What it was told.
    pub stimulus: Stimulus,
    /// Its state until then.
    pub before: State,
    /// Its effective priority until then.
    pub priority_before: Priority,
    /// What it has to tell of it.
    pub events: Vec<EventKind>,
    /// What it asked of its kernel.
    pub asked: Asked,
    /// Its state from then on.
    pub after: State,
    /// Its effective priority from then on.
    pub priority: Priority,
    /// Which of its virtual addresses its kernel has now.
    pub held: Held,
    /// Whether it knows that nothing it sends would leave.
    pub mute: bool,
    /// Whether it knows of a tracker that has to give its first verdict.
    pub waiting: bool,
    /// Whether the interfaces of its addresses are others than before.
    pub moved: bool,
    /// Whether adverts lay in its socket meanwhile.
    pub unheard: bool,
    /// Whether this is an advert that was [parked](Occurrence::Parked) before.
    pub parked: bool,
}

impl Turn {
    /// Its changes of state, in order.
    pub fn transitions(&self) -> impl Iterator<Item = &Transition> {
        self.events.iter().filter_map(|event| match event {
            EventKind::Transition(transition) => Some(transition),
            _ => None,
        })
    }

    /// The priorities that it advertised, in order.
    pub fn sent(&self) -> impl Iterator<Item = Priority> {
        self.asked.sent.iter().map(|sent| sent.priority)
    }

    /// The advert that it heard.
    pub fn heard(&self) -> Option<Heard> {
        match self.stimulus {
            Stimulus::Advert(heard) => Some(heard),
            _ => None,
        }
    }
}
