//! The one place where RFC 9568's words become keepalived's.

use std::borrow::Cow;
use std::fmt;

use vrrp_fsm::{Report, State, Transition};
use vrrp_proto::{Priority, Remark};

/// The word of a notification when the daemon stops.
pub(crate) const STOP: &str = "STOP";

/// A change of state in the words that keepalived's users know: notify arguments and logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    /// MASTER, BACKUP, FAULT or STOP.
    pub(crate) state: &'static str,
    /// The effective priority at that moment.
    pub(crate) priority: Priority,
}

impl Told {
    /// What is told of entering a state; Initialize is nothing to tell.
    pub(crate) fn of(entered: State, priority: Priority) -> Option<Self> {
        (entered != State::Initialize).then(|| Self { state: state(entered), priority })
    }
}

/// The word for a state.
pub(crate) const fn state(state: State) -> &'static str {
    match state {
        State::Initialize => "INIT",
        State::Backup => "BACKUP",
        State::Active => "MASTER",
        State::Fault => "FAULT",
    }
}

/// The log line of a transition.
#[derive(Debug)]
pub(crate) struct TransitionLine(pub(crate) Transition);

impl fmt::Display for TransitionLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Transition { from, to, cause, priority } = &self.0;
        write!(f, "{} -> {} (priority {priority}): {cause}", state(*from), state(*to))
    }
}

/// The name under which a report is counted.
pub(crate) const fn report_name(report: &Report) -> &'static str {
    match report {
        Report::LosingAdvert(_) => "losing_advert",
        Report::OwnerHeard(_) => "owner_heard_advert",
        Report::TwoOwners(_) => "two_owners",
        Report::OwnAddress(_) => "own_address",
        Report::IntervalLearnt { .. } => "interval_learnt",
        Report::AddressesLost => "addresses_lost",
        _ => "other",
    }
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
