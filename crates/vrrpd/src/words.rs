//! The one place where RFC 9568's words become keepalived's.

use std::borrow::Cow;
use std::fmt;

use vrrp::EventKind;

use vrrp_fsm::{GroupTransition, State, Transition};
use vrrp_proto::{InterfaceName, Priority, Remark};

/// The word for Active.
pub(crate) const MASTER: &str = "MASTER";
/// The word for Backup.
pub(crate) const BACKUP: &str = "BACKUP";
/// The word for a router that cannot take part.
pub(crate) const FAULT: &str = "FAULT";
/// The word of a notification when an instance ends.
pub(crate) const STOP: &str = "STOP";
/// The word of a notification when a reload has removed an instance.
pub(crate) const DELETED: &str = "DELETED";
/// The word of a notification when a master has heard a losing advert.
pub(crate) const MASTER_RX_LOWER_PRI: &str = "MASTER_RX_LOWER_PRI";
/// What a notification is about.
pub(crate) const INSTANCE: &str = "INSTANCE";
pub(crate) const GROUP: &str = "GROUP";

/// A change of state in the words that keepalived's users know: notify arguments and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Announced {
    /// INSTANCE or GROUP.
    pub(crate) kind: &'static str,
    /// MASTER, BACKUP, FAULT, STOP, DELETED or MASTER_RX_LOWER_PRI.
    pub(crate) state: &'static str,
    /// The effective priority at that moment; 0 for a group.
    pub(crate) priority: Priority,
}

impl Announced {
    /// What is announced of an event. Initialize is nothing to announce.
    pub(crate) fn by(event: &EventKind) -> Option<Self> {
        let (kind, state, priority) = match event {
            EventKind::Transition(Transition { to: State::Initialize, .. })
            | EventKind::GroupTransition(GroupTransition { to: State::Initialize, .. }) => None,
            EventKind::Transition(Transition { to, priority, .. }) => {
                Some((INSTANCE, state(*to), *priority))
            }
            EventKind::GroupTransition(transition) => {
                Some((GROUP, state(transition.to), Priority::RESIGN))
            }
            EventKind::Stopped { priority } => Some((INSTANCE, STOP, *priority)),
            EventKind::LoserHeard { priority } => Some((INSTANCE, MASTER_RX_LOWER_PRI, *priority)),
            EventKind::GroupStopped => Some((GROUP, STOP, Priority::RESIGN)),
            _ => None,
        }?;
        Some(Self { kind, state, priority })
    }
}

/// The word for a state.
pub(crate) const fn state(state: State) -> &'static str {
    match state {
        State::Initialize => "INIT",
        State::Backup => BACKUP,
        State::Active => MASTER,
        State::Fault => FAULT,
    }
}

/// The log line of a transition.
#[derive(Debug)]
pub(crate) struct TransitionLine<'a>(pub(crate) &'a Transition);

impl fmt::Display for TransitionLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Transition { from, to, cause, priority } = self.0;
        write!(f, "{} -> {} (priority {priority}): {cause}", state(*from), state(*to))
    }
}

/// The same of a sync group.
pub(crate) fn group_line(transition: &GroupTransition) -> String {
    let GroupTransition { from, to, led_by } = transition;
    let why = led_by.as_ref().map(|(member, cause)| format!(": {member}, {cause}"));
    format!("sync group: {} -> {}{}", state(*from), state(*to), why.unwrap_or_default())
}

/// An interface, or where there is none: adverts follow the routing table.
pub(crate) fn place(interface: Option<InterfaceName>) -> String {
    interface.map_or("any interface".to_owned(), |name| name.to_string())
}

/// A remark's name in words; a name of another version stays as it is.
pub(crate) fn remark(name: &str) -> Cow<'_, str> {
    let words = match name {
        "losing_advert" => "a router of lower precedence advertises as master too",
        "owner_heard_advert" => "somebody advertises the addresses that this node owns",
        "two_owners" => "another router claims to own the addresses (priority 255) too",
        "own_address" => "adverts come from this node's own address",
        "interval_learnt" => "the master changed its interval, and this node followed",
        "addresses_lost" => "somebody else removed virtual addresses, and they were put back",
        _ => {
            let known = Remark::ALL.iter().find(|remark| remark.name() == name);
            return known
                .map_or(name.into(), |remark| format!("in adverts heard, {remark}").into());
        }
    };
    words.into()
}
