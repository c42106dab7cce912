//! What a state machine has been told of its circumstances. A frozen one's may be others.

use std::collections::BTreeSet;
use std::sync::Arc;

use vrrp_fsm::{Event, FaultReason, Influence};

/// The reasons and the trackers that may keep a router from taking part.
#[derive(Debug, Default)]
pub(crate) struct Told {
    faults: BTreeSet<FaultReason>,
    waiting: BTreeSet<Arc<str>>,
}

impl Told {
    pub(crate) fn note(&mut self, event: &Event) {
        match event {
            Event::Fault(reason) => self.faults.insert(reason.clone()),
            Event::FaultCleared(reason) => self.faults.remove(reason),
            Event::PrimaryAddress(None) => self.faults.insert(FaultReason::NoPrimaryAddress),
            Event::PrimaryAddress(_) => self.faults.remove(&FaultReason::NoPrimaryAddress),
            Event::Tracker { name, influence: Influence::Waiting } => {
                self.waiting.insert(Arc::clone(name))
            }
            Event::Tracker { name, .. } => self.waiting.remove(name),
            _ => return,
        };
    }

    /// Whether it knows that nothing it sends would leave.
    pub(crate) fn is_mute(&self) -> bool {
        self.faults.iter().any(FaultReason::prevents_sending)
    }

    /// Whether it has to wait for a first verdict before it takes part.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}
