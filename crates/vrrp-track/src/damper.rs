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
