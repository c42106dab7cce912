//! Running networks under a judge's eyes.

use std::fmt;
use std::mem::discriminant;
use std::time::Duration;

use super::judge::Judge;
use super::scenario::Network;
use super::stage::{Program, Stage};
use super::violation::NetworkViolation;
use crate::summary::Summary;

/// Lines of a trace that a reader bears.
const LINES_MAX: usize = 60;

/// An invariant of a network that did not hold, and what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkFinding {
    /// When.
    pub at: Duration,
    /// Which.
    pub violation: NetworkViolation,
    /// The last of what happened before.
    pub trace: Vec<String>,
}

impl fmt::Display for NetworkFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "at {:.6?}: {}", self.at, self.violation)?;
        self.trace.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// Runs a network to its end, with this program on every machine.
///
/// # Errors
/// The first invariant that did not hold.
pub fn run_network(network: &Network, program: &dyn Program) -> Result<Summary, NetworkFinding> {
    let (mut stage, mut judge) = (Stage::new(network, program), Judge::new(network));
    let mut steps = 0;
    match play(&mut stage, &mut judge, &mut steps) {
        Ok(()) => Ok(Summary {
            runs: 1,
            steps,
            simulated: network.until,
            takeovers: judge.takeovers,
            splits: judge.splits,
            settlings: judge.settlings,
        }),
        Err(violation) => {
            let skipped = judge.trace.len().saturating_sub(LINES_MAX);
            let trace = judge.trace.split_off(skipped);
            Err(NetworkFinding { at: stage.now(), violation, trace })
        }
    }
}

fn play(stage: &mut Stage<'_>, judge: &mut Judge, steps: &mut u64) -> Result<(), NetworkViolation> {
    let network = stage.network;
    for (at, trouble) in &network.schedule {
        go_on(stage, judge, steps, *at)?;
        judge.disturb(stage, &trouble.to_string());
        stage.suffer(*trouble)?;
        judge.after_trouble(stage)?;
    }
    go_on(stage, judge, steps, network.until)
}

fn go_on(
    stage: &mut Stage<'_>,
    judge: &mut Judge,
    steps: &mut u64,
    until: Duration,
) -> Result<(), NetworkViolation> {
    while stage.step(until)? {
        *steps += 1;
        judge.after_step(stage)?;
    }
    judge.after_step(stage)
}

/// The network without every trouble that the finding does not need, and what is found in it.
pub fn narrow(
    network: &Network,
    program: &dyn Program,
    finding: NetworkFinding,
) -> (Network, NetworkFinding) {
    let (mut narrowed, mut found) = (network.clone(), finding);
    narrowed.schedule.retain(|(at, _)| *at <= found.at);
    loop {
        let smaller = (0..narrowed.schedule.len()).rev().find_map(|place| {
            let mut smaller = narrowed.clone();
            smaller.schedule.remove(place);
            smaller.until = found.at;
            let same = |other: &NetworkFinding| {
                discriminant(&other.violation) == discriminant(&found.violation)
            };
            let finding = run_network(&smaller, program).err().filter(same)?;
            Some((smaller, finding))
        });
        match smaller {
            Some(smaller) => (narrowed, found) = smaller,
            None => return (narrowed, found),
        }
    }
}
