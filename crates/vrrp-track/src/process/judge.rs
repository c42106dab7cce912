//! From a number of processes to a verdict, with the delays that bridge a restart.

use std::time::Instant;

use super::Process;
use crate::Verdict;
use crate::poll::LONGEST;

/// What one source thinks, and what it will think when a delay is over.
#[derive(Debug, Default)]
pub(super) struct Judge {
    verdict: Option<Verdict>,
    count: u32,
    /// When the opposite verdict takes effect.
    pending: Option<Instant>,
}

impl Judge {
    /// Takes the present number of processes; returns a verdict if it is new.
    ///
    /// The first one holds at once. Later, a change waits for `fork_delay` if a process has come, for
    /// `terminate_delay` if one has gone, and is forgotten if the number is right again before.
    pub(super) fn observe(
        &mut self,
        source: &Process,
        count: u32,
        now: Instant,
    ) -> Option<Verdict> {
        let more = count > self.count;
        self.count = count;
        let verdict = source.judge(count);
        let delay = match self.verdict {
            None => return self.decide(verdict),
            Some(current) if current == verdict => {
                self.pending = None;
                return None;
            }
            Some(_) if more => source.fork_delay,
            Some(_) => source.terminate_delay,
        };
        let due = *self.pending.get_or_insert(now + delay.min(LONGEST));
        if due > now { None } else { self.decide(verdict) }
    }

    fn decide(&mut self, verdict: Verdict) -> Option<Verdict> {
        self.pending = None;
        self.verdict = Some(verdict);
        self.verdict
    }

    pub(super) const fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    /// When to [observe](Self::observe) again even if the number does not change.
    pub(super) const fn pending(&self) -> Option<Instant> {
        self.pending
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Matcher;
    use super::*;

    fn source() -> Process {
        Process::new("p", Matcher::comm("p"))
    }

    const UP: Option<Verdict> = Some(Verdict::Up);
    const DOWN: Option<Verdict> = Some(Verdict::Down);

    /// Observes `(milliseconds, count)` in turn and returns what each observation decided.
    fn decisions(source: &Process, observations: &[(u64, u32)]) -> Vec<Option<Verdict>> {
        let (mut judge, start) = (Judge::default(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        observations.iter().map(|&(ms, count)| judge.observe(source, count, at(ms))).collect()
    }

    #[test]
    fn without_delays_every_change_counts_at_once() {
        let decided = decisions(&source(), &[(0, 0), (1, 1), (2, 2), (3, 0)]);
        assert_eq!(decided, [DOWN, UP, None, DOWN]);
    }

    #[test]
    fn the_first_verdict_does_not_wait() {
        let source = source().delay(Duration::from_secs(9));
        assert_eq!(decisions(&source, &[(0, 1)]), [UP]);
        assert_eq!(decisions(&source, &[(0, 0)]), [DOWN]);
    }

    #[test]
    fn a_quick_restart_is_bridged_by_the_terminate_delay() {
        let source = source().terminate_delay(Duration::from_millis(100));
        assert_eq!(
            decisions(&source, &[(0, 1), (10, 0), (109, 1), (500, 1)]),
            [UP, None, None, None]
        );
        assert_eq!(
            decisions(&source, &[(0, 1), (10, 0), (110, 0), (120, 1)]),
            [UP, None, DOWN, UP]
        );
    }

    #[test]
    fn a_fork_above_quorum_max_is_bridged_by_the_fork_delay() {
        let source = source().quorum_max(1).fork_delay(Duration::from_millis(100));
        assert_eq!(decisions(&source, &[(0, 1), (10, 2), (20, 1)]), [UP, None, None]);
        assert_eq!(
            decisions(&source, &[(0, 1), (10, 2), (110, 2), (120, 1)]),
            [UP, None, DOWN, UP]
        );
    }

    #[test]
    fn further_changes_in_the_same_direction_do_not_prolong_a_delay() {
        let source = source().quorum(3).delay(Duration::from_millis(100));
        let observations = [(0, 3), (10, 2), (60, 1), (90, 2), (110, 2)];
        assert_eq!(decisions(&source, &observations), [UP, None, None, None, DOWN]);
    }

    #[test]
    fn a_delay_under_way_shows() {
        let (mut judge, now) = (Judge::default(), Instant::now());
        let source = source().delay(Duration::from_secs(1));
        judge.observe(&source, 1, now);
        assert_eq!(judge.pending(), None);
        judge.observe(&source, 0, now);
        assert_eq!(judge.pending(), Some(now + Duration::from_secs(1)));
        assert_eq!((judge.verdict(), judge.count()), (UP, 0));
    }
}
