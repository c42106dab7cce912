//! Many seeds.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::machine::{Machine, Make};
use crate::network::{Network, NetworkFinding, Program, run_network};
use crate::run::{Finding, simulate};
use crate::scenario::Scenario;
use crate::summary::Summary;

/// Runs the random scenarios of these seeds on every processor until one finds something.
///
/// # Errors
/// The lowest seed in which an invariant did not hold, and which.
pub fn explore<M: Machine>(
    seeds: Range<u64>,
    make: Make<'_, M>,
) -> Result<Summary, (u64, Finding)> {
    each(seeds, &|seed| simulate(&Scenario::random(seed), make))
}

/// The same with [networks](Network) of whole hosts.
///
/// # Errors
/// The lowest seed in which an invariant did not hold, and which.
pub fn explore_networks(
    seeds: Range<u64>,
    program: &dyn Program,
) -> Result<Summary, (u64, NetworkFinding)> {
    each(seeds, &|seed| run_network(&Network::random(seed), program))
}

/// What is made of one seed.
type Run<'a, F> = &'a (dyn Fn(u64) -> Result<Summary, F> + Sync);

fn each<F: Send>(seeds: Range<u64>, run: Run<'_, F>) -> Result<Summary, (u64, F)> {
    let next = AtomicU64::new(seeds.start);
    let lowest = AtomicU64::new(seeds.end);
    let work = || worker(&next, &lowest, run);
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker does not panic")).collect()
    });
    let mut total = Summary::default();
    let mut findings = Vec::new();
    for (summary, finding) in results {
        total += summary;
        findings.extend(finding);
    }
    findings.into_iter().min_by_key(|(seed, _)| *seed).map_or(Ok(total), Err)
}

/// Takes seed after seed below the lowest that found something so far. All below that one are
/// finished by someone, so that the lowest of all is found on any number of processors.
fn worker<F>(next: &AtomicU64, lowest: &AtomicU64, run: Run<'_, F>) -> (Summary, Option<(u64, F)>) {
    let mut total = Summary::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= lowest.load(Ordering::Relaxed) {
            return (total, None);
        }
        match run(seed) {
            Ok(summary) => total += summary,
            Err(finding) => {
                lowest.fetch_min(seed, Ordering::Relaxed);
                return (total, Some((seed, finding)));
            }
        }
    }
}
