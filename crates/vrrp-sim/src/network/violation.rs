//! What a judge of networks found.

use std::net::IpAddr;

use vrrp::State;

/// An invariant of a network that did not hold. Machines are numbered, and their virtual routers
/// in the order of their roles.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkViolation {
    /// All members of a sync group have one state, and the group says so.
    #[error("the members of m{machine} are {members:?}, and its group is {group:?}")]
    Torn {
        /// The machine.
        machine: usize,
        /// The members' states.
        members: Vec<State>,
        /// The group's, if there is one.
        group: Option<State>,
    },
    /// A router takes part exactly while its interface works, and those of its group's members.
    #[error("m{machine} r{role} is {state}, which {} take part", can(*.able))]
    Part {
        /// The machine.
        machine: usize,
        /// The router.
        role: usize,
        /// Its state.
        state: State,
        /// Whether nothing keeps it from taking part.
        able: bool,
    },
    /// Addresses are installed exactly while Active.
    #[error("m{machine} r{role} is {state}, and {held} of its {all} addresses are there")]
    Addresses {
        /// The machine.
        machine: usize,
        /// The router.
        role: usize,
        /// Its state.
        state: State,
        /// How many addresses are there.
        held: usize,
        /// How many it has.
        all: usize,
    },
    /// Once nothing has happened for long enough, one of those who hear each other is Active.
    #[error("all is calm, and of {of:?} these are Active: {actives:?}")]
    ActiveCount {
        /// The machines that hear each other.
        of: Vec<usize>,
        /// Which of them are Active.
        actives: Vec<usize>,
    },
    /// And that is the best one, if it preempts.
    #[error("all is calm, and m{active} is Active beside the better m{better}")]
    NotTheBest {
        /// Who is Active.
        active: usize,
        /// Who should be.
        better: usize,
    },
    /// Then nothing changes any more.
    #[error("all is calm, and on m{machine}: {what}")]
    NotAtRest {
        /// The machine.
        machine: usize,
        /// The transition.
        what: String,
    },
    /// A Backup Router follows the Active Router of its cluster and nobody else.
    #[error(
        "m{machine} r{role} follows {followed:?}, and the Active Router of its cluster is {active}"
    )]
    Followed {
        /// The machine.
        machine: usize,
        /// The router.
        role: usize,
        /// Whom it follows.
        followed: Option<IpAddr>,
        /// Whom it should follow.
        active: IpAddr,
    },
    /// Adverts are refused for what is wrong with them and for nothing else.
    #[error("m{machine} r{role} has refused adverts for {reason}")]
    Refused {
        /// The machine.
        machine: usize,
        /// The router.
        role: usize,
        /// Why.
        reason: &'static str,
    },
    /// And each is counted.
    #[error("m{machine} r{role} hears m{from} of another cluster, and has counted no {reason}")]
    NotCounted {
        /// The machine.
        machine: usize,
        /// The router.
        role: usize,
        /// Who sends.
        from: usize,
        /// What should be counted.
        reason: &'static str,
    },
    /// A host works.
    #[error("m{machine}: {what}")]
    Broken {
        /// The machine.
        machine: usize,
        /// What it says.
        what: String,
    },
}

const fn can(able: bool) -> &'static str {
    if able { "can" } else { "cannot" }
}
