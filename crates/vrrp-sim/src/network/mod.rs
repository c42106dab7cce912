//! Whole hosts in random networks: sync groups, unicast, versions side by side.

mod generate;
mod judge;
mod run;
mod scenario;
mod stage;
mod violation;

pub use run::{NetworkFinding, narrow, run_network};
pub use scenario::{Network, Peers, Role, Trouble};
pub use stage::{Honest, Program};
pub use violation::NetworkViolation;
