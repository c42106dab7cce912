//! Running scenarios under the checkers' eyes.

use std::fmt;
use std::mem::discriminant;
use std::time::Duration;

use crate::checks::{Checks, Violation};
use crate::cluster::Cluster;
use crate::machine::{Machine, Make};
use crate::scenario::{Incident, Scenario, Wire};
use crate::summary::Summary;
use crate::trace::{Trace, seconds};

/// More steps than any scenario takes whose routers do not excite each other.
const STEPS_MAX: u64 = 1_000_000;

/// Lines of a trace that a reader bears.
const LINES_MAX: usize = 60;

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// When.
    pub at: Duration,
    /// Which.
    pub violation: Violation,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, violation } = self;
        write!(f, "at {} s: {violation}", seconds(*at))
    }
}

/// Runs a scenario to its end with machines that `make` makes of their settings.
///
/// # Errors
/// The first invariant that did not hold.
pub fn simulate<M: Machine>(scenario: &Scenario, make: Make<'_, M>) -> Result<Summary, Finding> {
    simulate_traced(scenario, make, None)
}

/// As [`simulate`]; also tells what happened.
///
/// # Errors
/// The first invariant that did not hold.
pub fn simulate_traced<M: Machine>(
    scenario: &Scenario,
    make: Make<'_, M>,
    mut trace: Option<&mut Trace>,
) -> Result<Summary, Finding> {
    let mut cluster = Cluster::new(scenario, make);
    let mut checks = Checks::new(scenario);
    let mut steps = 0;
    while cluster.step() {
        steps += 1;
        let at = cluster.now();
        if let Some(trace) = &mut trace {
            trace.note(at, cluster.occurrences());
        }
        checks.after_step(&cluster).map_err(|violation| Finding { at, violation })?;
        if steps > STEPS_MAX {
            return Err(Finding { at, violation: Violation::TooManySteps(STEPS_MAX) });
        }
    }
    Ok(Summary {
        runs: 1,
        steps,
        simulated: scenario.until,
        takeovers: checks.takeovers(),
        splits: checks.splits(),
        settlings: checks.settlings(),
    })
}

/// The scenario without everything that the finding does not need: what comes after it, and
/// every incident and every defect of the wire without which it is found all the same.
pub fn shrink<M: Machine>(scenario: &Scenario, make: Make<'_, M>, finding: &Finding) -> Scenario {
    let same = |candidate: &Scenario| {
        simulate(candidate, make)
            .is_err_and(|other| discriminant(&other.violation) == discriminant(&finding.violation))
    };
    let mut shrunk = scenario.clone();
    shrunk.until = finding.at;
    shrunk.schedule.retain(|one| one.at <= finding.at);
    loop {
        let smaller = without_one_thing(&shrunk, finding).find(same);
        match smaller {
            Some(smaller) => shrunk = smaller,
            None => return shrunk,
        }
    }
}

/// The scenario with one thing less, in every way, from its end to its beginning.
fn without_one_thing(scenario: &Scenario, finding: &Finding) -> impl Iterator<Item = Scenario> {
    // How many Active Routers there have to be depends on the whole schedule.
    let counted = matches!(finding.violation, Violation::ActiveCount { .. });
    let places = if counted { 0..0 } else { 0..scenario.schedule.len() };
    let removable =
        |place: &usize| !matches!(scenario.schedule[*place].incident, Incident::Replace { .. });
    let scripts = places.rev().filter(removable).map(|place| {
        let mut smaller = scenario.clone();
        smaller.schedule.remove(place);
        smaller
    });
    let wire = scenario.wire;
    let wires = [
        Wire { loss: 0, ..wire },
        Wire { duplication: 0, ..wire },
        Wire { corruption: 0, ..wire },
        Wire { lateness_max: Duration::ZERO, ..wire },
    ];
    let wires = wires.into_iter().filter(move |other| *other != wire);
    scripts.chain(wires.map(|wire| Scenario { wire, ..scenario.clone() }))
}

/// A finding with all that it takes to understand it.
#[derive(Debug, Clone)]
pub struct Counterexample {
    /// The scenario, reduced to what the finding needs.
    pub scenario: Scenario,
    /// What was found in it.
    pub finding: Finding,
    /// What happened in it.
    pub trace: Trace,
}

impl Counterexample {
    /// Runs a scenario in which something was found once more, as short as possible.
    pub fn of<M: Machine>(scenario: &Scenario, make: Make<'_, M>, finding: Finding) -> Self {
        let scenario = shrink(scenario, make, &finding);
        let mut trace = Trace::new(LINES_MAX);
        let again = simulate_traced(&scenario, make, Some(&mut trace));
        Self { scenario, finding: again.err().unwrap_or(finding), trace }
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, finding, trace } = self;
        writeln!(f, "seed {}, {finding}", scenario.seed)?;
        for (node, member) in scenario.members.iter().enumerate() {
            writeln!(f, "  n{node}: {member}")?;
        }
        writeln!(f, "  wire: {}", scenario.wire)?;
        trace.fmt(f)
    }
}
