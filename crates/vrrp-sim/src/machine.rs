//! What the simulation drives.

use vrrp_fsm::{Action, Event, Instant, Router};

/// A state machine as the simulation drives it: a [`Router`], or a test's wrapper that plants
/// an error in one.
pub trait Machine {
    /// As [`Router::handle`].
    fn handle(&mut self, now: Instant, event: Event) -> Vec<Action>;

    /// As [`Router::deadline`].
    fn deadline(&self) -> Option<Instant>;

    /// The router inside, to look at.
    fn router(&self) -> &Router;
}

impl Machine for Router {
    fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        self.handle(now, event).into_iter().collect()
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline()
    }

    fn router(&self) -> &Router {
        self
    }
}
