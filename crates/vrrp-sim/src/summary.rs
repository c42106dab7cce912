//! What many scenarios came to.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

/// What one or more scenarios came to in which every invariant held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Scenarios.
    pub runs: u64,
    /// Things that happened.
    pub steps: u64,
    /// The time that passed in the simulation.
    pub simulated: Duration,
    /// How often a router became Active.
    pub takeovers: u64,
    /// How often two routers were Active at once although they heard each other.
    pub splits: u64,
    /// How often the cluster came to rest and was found in order.
    pub settlings: u64,
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.steps += other.steps;
        self.simulated += other.simulated;
        self.takeovers += other.takeovers;
        self.splits += other.splits;
        self.settlings += other.settlings;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, steps, simulated, takeovers, splits, settlings } = self;
        write!(
            f,
            "{runs} scenarios, {steps} steps, {} simulated hours: {takeovers} takeovers, {splits} \
             splits healed, {settlings} times at rest",
            simulated.as_secs() / 3600
        )
    }
}
