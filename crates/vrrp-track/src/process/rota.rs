//! Which processes a scan looks at: reading ten thousand names five times a second would take half a processor.

use std::time::Duration;

/// A process that a scan has met for the first time so many scans ago or less is looked at each time: it may
/// have been forked and not run its program yet.
const YOUNG_SCANS: u64 = 10;

/// How many of the others are looked at in one scan. If there are more, they take turns.
const OLD_PER_SCAN: usize = 2000;

/// The processes that scans have met, and whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Rota {
    /// Process ids, ascending, and the number of the scan that met them first.
    met: Vec<(u32, u64)>,
    scans: u64,
    /// The old ones up to here have had their turn.
    last: u32,
    /// How many scans it takes until each had a turn.
    round: u32,
}

impl Rota {
    /// Takes all process ids there are and returns those to look at.
    pub(super) fn choose(&mut self, mut pids: Vec<u32>) -> Vec<u32> {
        pids.sort_unstable();
        self.scans += 1;
        self.meet(&pids);
        let is_young = |&&(_, first): &&(u32, u64)| self.scans - first < YOUNG_SCANS;
        let pid = |&(pid, _): &(u32, u64)| pid;
        let (mut chosen, mut old): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        for entry in &self.met {
            if is_young(&entry) { chosen.push(pid(entry)) } else { old.push(pid(entry)) }
        }
        self.round = u32::try_from(old.len().div_ceil(OLD_PER_SCAN)).unwrap_or(u32::MAX).max(1);
        let start = old.partition_point(|&pid| pid <= self.last);
        old.rotate_left(start);
        old.truncate(OLD_PER_SCAN);
        self.last = old.last().copied().unwrap_or(0);
        chosen.extend(old);
        chosen
    }

    /// Enters new process ids, and forgets those that are not there any more.
    fn meet(&mut self, pids: &[u32]) {
        let mut known = std::mem::take(&mut self.met).into_iter().peekable();
        let first_met = |&pid: &u32| {
            while known.next_if(|&(other, _)| other < pid).is_some() {}
            known.next_if(|&(other, _)| other == pid).unwrap_or((pid, self.scans))
        };
        self.met = pids.iter().map(first_met).collect();
    }

    /// How often every process is looked at, if scans come at this interval.
    pub(super) fn round_time(&self, scan_interval: Duration) -> Duration {
        scan_interval * self.round.max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_few_processes_are_all_looked_at_each_time() {
        let mut rota = Rota::default();
        for _ in 0..20 {
            assert_eq!(rota.choose((1..=2000).collect()).len(), 2000);
        }
        assert_eq!(rota.round_time(Duration::from_millis(200)), Duration::from_millis(200));
    }

    #[test]
    fn of_many_processes_the_old_ones_take_turns() {
        let mut rota = Rota::default();
        for _ in 0..YOUNG_SCANS {
            assert_eq!(rota.choose((1..=10_000).collect()).len(), 10_000);
        }
        let chosen: Vec<Vec<u32>> = (0..5).map(|_| rota.choose((1..=10_000).collect())).collect();
        assert!(chosen.iter().all(|chosen| chosen.len() == OLD_PER_SCAN));
        assert_eq!(chosen.concat().into_iter().collect::<BTreeSet<u32>>().len(), 10_000);
        assert_eq!(rota.round_time(Duration::from_millis(200)), Duration::from_secs(1));
    }

    #[test]
    fn a_new_process_is_looked_at_each_time_until_it_is_old() {
        let mut rota = Rota::default();
        (0..=YOUNG_SCANS).for_each(|_| drop(rota.choose((1..=10_000).collect())));
        for _ in 0..YOUNG_SCANS {
            assert!(rota.choose((1..=10_001).collect()).contains(&10_001));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn whoever_stays_is_looked_at_within_a_round(
            stays in 1_u32..12_000,
            others in proptest::collection::vec(proptest::collection::vec(1_u32..12_000, 0..50), 30),
        ) {
            let mut rota = Rota::default();
            let mut unseen = 0;
            for gone in others {
                let is_there = |pid: &u32| *pid == stays || !gone.contains(pid);
                let chosen = rota.choose((1..12_000).filter(is_there).collect());
                unseen = if chosen.contains(&stays) { 0 } else { unseen + 1 };
                prop_assert!(unseen <= 6, "12,000 take turns in six scans");
            }
        }
    }
}
