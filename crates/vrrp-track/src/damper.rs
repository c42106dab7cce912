//! Rise and fall: how many results in a row it takes to change one's mind.

use std::num::NonZeroU32;

use crate::Verdict;

/// Turns single results into a verdict that does not flap.
///
/// Without an initial verdict the first result decides alone. From then on `rise` successes in a row are
/// needed to come up, `fall` failures in a row to go down. It reads no clock and does no I/O.
///
/// ```
/// use std::num::NonZeroU32;
/// use vrrp_track::{Damper, Verdict};
///
/// let three = NonZeroU32::new(3).unwrap();
/// let mut damper = Damper::new(three, three);
/// assert_eq!(damper.observe(Verdict::Up), Some(Verdict::Up), "the first result decides alone");
/// assert_eq!(damper.observe(Verdict::Down), None);
/// assert_eq!(damper.observe(Verdict::Down), None);
/// assert_eq!(damper.observe(Verdict::Down), Some(Verdict::Down));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damper {
    rise: NonZeroU32,
    fall: NonZeroU32,
    verdict: Option<Verdict>,
    against: u32,
}

impl Damper {
    /// A damper that has seen nothing yet.
    pub const fn new(rise: NonZeroU32, fall: NonZeroU32) -> Self {
        Self { rise, fall, verdict: None, against: 0 }
    }

    /// The same, starting from `verdict`, so that rise and fall hold for the first result already.
    #[must_use]
    pub const fn assuming(mut self, verdict: Verdict) -> Self {
        self.verdict = Some(verdict);
        self.against = 0;
        self
    }

    /// Takes one result; returns the new verdict if this result changes it.
    pub fn observe(&mut self, result: Verdict) -> Option<Verdict> {
        if self.verdict == Some(result) {
            self.against = 0;
            return None;
        }
        self.against = self.against.saturating_add(1);
        if self.verdict.is_some() && self.against < self.needed(result).get() {
            return None;
        }
        self.verdict = Some(result);
        self.against = 0;
        self.verdict
    }

    /// The verdict so far; `None` before the first result.
    pub const fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// How many results in a row, up to the last one, speak against the verdict.
    pub const fn against(&self) -> u32 {
        self.against
    }

    const fn needed(&self, result: Verdict) -> NonZeroU32 {
        match result {
            Verdict::Up => self.rise,
            Verdict::Down => self.fall,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    fn observe_all(damper: &mut Damper, results: &str) -> String {
        let shown = |change: Option<Verdict>| match change {
            Some(Verdict::Up) => 'U',
            Some(Verdict::Down) => 'D',
            None => '.',
        };
        results.chars().map(|result| shown(damper.observe(Verdict::from(result == '+')))).collect()
    }

    #[test]
    fn the_first_result_decides_alone() {
        for (result, verdict) in [("+", "U"), ("-", "D")] {
            assert_eq!(observe_all(&mut Damper::new(times(5), times(5)), result), verdict);
        }
    }

    #[test]
    fn then_rise_and_fall_count_results_in_a_row() {
        let mut damper = Damper::new(times(2), times(3));
        assert_eq!(observe_all(&mut damper, "+--+---+-++"), "U.....D...U");
        assert_eq!((damper.verdict(), damper.against()), (Some(Verdict::Up), 0));
        observe_all(&mut damper, "--");
        assert_eq!(damper.against(), 2);
    }

    #[test]
    fn an_assumed_verdict_changes_by_rise_and_fall_only() {
        let damper = Damper::new(times(2), times(2)).assuming(Verdict::Down);
        assert_eq!(observe_all(&mut damper.clone(), "-+-++"), "....U");
        assert_eq!(damper.verdict(), Some(Verdict::Down));
    }

    /// What the verdict must be, told from the whole history: it starts with the first result, and each
    /// time the needed number of opposite results in a row is complete, it changes.
    fn told_from_history(rise: usize, fall: usize, history: &[bool]) -> bool {
        let mut up = history[0];
        for end in 1..=history.len() {
            let needed = if up { fall } else { rise };
            let run = history[..end].iter().rev().take_while(|&&result| result != up).count();
            if run >= needed {
                up = !up;
            }
        }
        up
    }

    proptest! {
        #[test]
        fn the_verdict_follows_from_the_history(
            rise in 1_u32..5, fall in 1_u32..5, history in proptest::collection::vec(any::<bool>(), 1..60),
        ) {
            let mut damper = Damper::new(times(rise), times(fall));
            for (index, &result) in history.iter().enumerate() {
                let before = damper.verdict();
                let change = damper.observe(Verdict::from(result));
                let expected = told_from_history(rise as usize, fall as usize, &history[..=index]);
                prop_assert_eq!(damper.verdict(), Some(Verdict::from(expected)));
                prop_assert_eq!(change, damper.verdict().filter(|_| before != damper.verdict()));
                prop_assert!(damper.against() < rise.max(fall));
            }
        }
    }
}
