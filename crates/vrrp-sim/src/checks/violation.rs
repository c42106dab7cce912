//! What a checker found.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_fsm::State;
use vrrp_proto::{DecodeError, Priority};

use crate::kernel::Held;
use crate::scenario::NodeId;

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Addresses are installed exactly while Active.
    #[error("n{node} is {state} and its kernel has {} of its addresses", words(*.held))]
    Addresses {
        /// The router.
        node: NodeId,
        /// Its state.
        state: State,
        /// Which of the addresses its kernel has.
        held: Held,
    },
    /// Who stops takes its addresses away.
    #[error("n{node} has stopped, and addresses are still there")]
    LeftBehind {
        /// The router.
        node: NodeId,
    },
    /// Who cannot install its addresses takes no part.
    #[error("n{node} is {state}, although its kernel refuses addresses")]
    InstallNotFaulted {
        /// The router.
        node: NodeId,
        /// Its state.
        state: State,
    },
    /// And it tries again later.
    #[error("n{node} does not try again to install its addresses")]
    NotRetried {
        /// The router.
        node: NodeId,
    },
    /// A reconfiguration touches only what it changes.
    #[error("n{node} has other settings, and took {address} away for a moment, which stays")]
    Reinstalled {
        /// The router.
        node: NodeId,
        /// The address.
        address: IpAddr,
    },
    /// New addresses are announced at once.
    #[error("n{node} is Active and does not announce {address}")]
    NotAnnounced {
        /// The router.
        node: NodeId,
        /// The first address that is missing.
        address: IpAddr,
    },
    /// Only an Active Router that has its addresses announces them.
    #[error("n{node} is {state} and announces addresses that are not all there")]
    WronglyAnnounced {
        /// The router.
        node: NodeId,
        /// Its state.
        state: State,
    },
    /// Adverts come from the interface's own address.
    #[error("n{node} advertises from its virtual address {address}")]
    VirtualSource {
        /// The router.
        node: NodeId,
        /// The source address.
        address: IpAddr,
    },
    /// A timer that is late has to wait for what has arrived meanwhile.
    #[error("n{node} was late, and acted before it listened")]
    DidNotListen {
        /// The router.
        node: NodeId,
    },
    /// Who was silent for so long that others may have succeeded it steps down, and says nothing
    /// before.
    #[error("n{node} was silent for {silent:?}, and did not step down before anything else")]
    StayedLate {
        /// The router.
        node: NodeId,
        /// How long its last advert was ago.
        silent: Duration,
    },
    /// A router advertises when the protocol says so, and is silent otherwise: in Backup and
    /// Fault always.
    #[error(
        "n{node}, {before} until then and {after} now, sent {sent:?} and had to send {required:?}"
    )]
    Adverts {
        /// The router.
        node: NodeId,
        /// Its state before.
        before: State,
        /// Its state afterwards.
        after: State,
        /// The priorities that it advertised.
        sent: Vec<Priority>,
        /// Those that it had to advertise.
        required: Vec<Priority>,
    },
    /// Adverts are never further apart than the interval.
    #[error("n{node} is Active and {late:?} late with its advert")]
    AdvertLate {
        /// The router.
        node: NodeId,
        /// By its own clock, what the model allows included.
        late: Duration,
    },
    /// The effective priority is the base priority and all contributions, within 1–254; an
    /// owner's is 255.
    #[error("n{node} has priority {priority} and not {required}")]
    Priority {
        /// The router.
        node: NodeId,
        /// Its priority.
        priority: Priority,
        /// What it should be.
        required: Priority,
    },
    /// A Backup Router waits for the Active_Down_Interval after every accepted advert, and
    /// after a resignation for the Skew_Time.
    #[error("n{node} took over {early:?} too early")]
    TookOverEarly {
        /// The router.
        node: NodeId,
        /// By its own clock.
        early: Duration,
    },
    /// It waits no longer than that.
    #[error("n{node} is Backup and {late:?} late with taking over")]
    TookOverLate {
        /// The router.
        node: NodeId,
        /// By its own clock, what the model allows included.
        late: Duration,
    },
    /// An Active Router that hears a better one yields.
    #[error("n{node} heard a better router and is {after}, not Backup")]
    DidNotYield {
        /// The router.
        node: NodeId,
        /// Its state afterwards.
        after: State,
    },
    /// Nothing but such an advert, or too long a silence, makes an Active Router a Backup Router, and
    /// every other
    /// change of state has its event, too.
    #[error("n{node} went from {before} to {after} for no reason")]
    Unfounded {
        /// The router.
        node: NodeId,
        /// Its state before.
        before: State,
        /// Its state afterwards.
        after: State,
    },
    /// A router with a fault is in Fault; one with nothing in its way takes part.
    #[error("n{node} is {state} {} a fault", if *.faulty { "with" } else { "without" })]
    Part {
        /// The router.
        node: NodeId,
        /// Its state.
        state: State,
        /// Whether there is a reason not to take part.
        faulty: bool,
    },
    /// Of two Active Routers one yields as soon as it can have heard the other.
    #[error("n{loser} stays Active beside n{winner}, which it should have heard, for {lasting:?}")]
    TwoActive {
        /// The better one.
        winner: NodeId,
        /// The one that has to yield.
        loser: NodeId,
        /// How long both have been Active and connected, nothing being lost.
        lasting: Duration,
    },
    /// Once nothing has happened for long enough, every Backup Router follows an Active Router.
    #[error("all is calm, and n{node} is Backup without an Active Router that may stay")]
    NoActiveRouter {
        /// The router.
        node: NodeId,
    },
    /// Once nothing has happened for long enough, no Active Router hears a better one.
    #[error("all is calm, and n{loser} is Active beside the better n{winner}")]
    Contested {
        /// The better one.
        winner: NodeId,
        /// The other.
        loser: NodeId,
    },
    /// Then nothing changes any more.
    #[error("all is calm, and n{node} goes from {before} to {after}")]
    NotAtRest {
        /// The router.
        node: NodeId,
        /// Its state before.
        before: State,
        /// Its state afterwards.
        after: State,
    },
    /// There are not as many Active Routers as [expected](crate::Incident::Expect).
    #[error("{found} Active Routers, not {required}")]
    ActiveCount {
        /// As many as the scenario says.
        required: usize,
        /// As many as there are.
        found: usize,
    },
    /// Routers of one kind understand each other.
    #[error("n{to} refused an advert of n{from}: {error}")]
    Refused {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// What it says.
        error: DecodeError,
    },
    /// Routers that cannot elect one of them do not hear each other, and a checksum shows a
    /// turned bit.
    #[error("n{to} accepted an advert of n{from} that was damaged or of another kind")]
    WronglyAccepted {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
    },
    /// Time goes on.
    #[error("more than {0} steps")]
    TooManySteps(u64),
}

const fn words(held: Held) -> &'static str {
    match held {
        Held::Nothing => "none",
        Held::Everything => "all",
        Held::Part => "some",
    }
}
