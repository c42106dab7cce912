//! The one place where RFC 9568's words become keepalived's.

use std::borrow::Cow;

use vrrp::EventKind;

use vrrp_fsm::{GroupTransition, State, Transition};
use vrrp_proto::{InterfaceName, Priority, Remark};

/// The word for Active.
pub const MASTER: &str = "MASTER";
/// The word for Backup.
pub const BACKUP: &str = "BACKUP";
/// The word for a router that cannot take part.
pub const FAULT: &str = "FAULT";
/// The word of a notification when an instance ends.
pub const STOP: &str = "STOP";
/// The word of a notification when a reload has removed an instance.
pub const DELETED: &str = "DELETED";
/// The word of a notification when a master has heard a losing advert.
pub const MASTER_RX_LOWER_PRI: &str = "MASTER_RX_LOWER_PRI";
/// What a notification of an instance is about.
pub const INSTANCE: &str = "INSTANCE";
/// What a notification of a sync group is about.
pub const GROUP: &str = "GROUP";

/// A change of state in the words that keepalived's users know: notify arguments and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// INSTANCE or GROUP.
    pub kind: &'static str,
    /// MASTER, BACKUP, FAULT, STOP, DELETED or MASTER_RX_LOWER_PRI.
    pub state: &'static str,
    /// The effective priority at that moment; 0 for a group.
    pub priority: Priority,
}

impl Announced {
    /// What is announced of an event. Initialize is nothing to announce.
    pub fn by(event: &EventKind) -> Option<Self> {
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
pub const fn state(state: State) -> &'static str {
    match state {
        State::Initialize => "INIT",
        State::Backup => BACKUP,
        State::Active => MASTER,
        State::Fault => FAULT,
    }
}

/// A transition in words.
fn transition_line(transition: &Transition) -> String {
    let Transition { from, to, cause, priority } = transition;
    format!("{} -> {} (priority {priority}): {cause}", state(*from), state(*to))
}

/// The same of a sync group.
pub fn group_line(transition: &GroupTransition) -> String {
    let GroupTransition { from, to, led_by } = transition;
    let why = led_by.as_ref().map(|(member, cause)| format!(": {member}, {cause}"));
    format!("sync group: {} -> {}{}", state(*from), state(*to), why.unwrap_or_default())
}

/// An event in words, without whom it happened to.
pub fn text(kind: &EventKind) -> String {
    match kind {
        EventKind::Transition(transition) => transition_line(transition),
        EventKind::GroupTransition(transition) => group_line(transition),
        other => other.to_string(),
    }
}

/// An interface, or where there is none: adverts follow the routing table.
pub fn place(interface: Option<InterfaceName>) -> String {
    interface.map_or("any interface".to_owned(), |name| name.to_string())
}

/// A remark's name in words; a name of another version stays as it is.
pub fn remark(name: &str) -> Cow<'_, str> {
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

/// What to look for when adverts are dropped for this reason; `None` where the reason says it all.
pub fn advice(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "hop_limit" => {
            "they come from another network, or `unicast_ttl` and `max_ttl` do not fit together"
        }
        "destination" => "one side is set to unicast, the other to multicast or another group",
        "own_source" => "a loop in the network, or another machine has this node's address",
        "unknown_source" => "the sender is not among the `unicast_peer` of this node",
        "version" => "`vrrp_version` is not the same on both sides",
        "vrid" | "unknown_vrid" => {
            "another virtual router's, or `virtual_router_id` differs between the nodes"
        }
        "checksum" => "damaged on the way, or forged",
        "missing_ah" | "unexpected_ah" | "auth_type_mismatch" | "missing_hmac" => {
            "the authentication is not the same on both sides"
        }
        "auth_failure" | "invalid_icv" | "invalid_hmac" | "unknown_key" => {
            "passwords or keys differ between the nodes, or somebody forges adverts"
        }
        "replay" | "stale" => {
            "recorded adverts that somebody sends again, or the clocks of the nodes differ"
        }
        "interval_mismatch" => "`advert_int` is not the same on both sides",
        "inbox_full" => "adverts came faster than they could be judged",
        _ => return None,
    })
}
