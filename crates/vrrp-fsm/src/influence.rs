//! From what a tracker found to what that means to a router.
//!
//! A tracker knows nothing of routers: it finds that something is up or down, or reads a
//! number. [`Weight`], which each router configures for itself, turns that into an
//! [`Influence`].

/// What one tracker means to one router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Influence {
    /// Nothing at present.
    #[default]
    None,
    /// Points added to the base priority. An address owner is not moved by them.
    Weight(i32),
    /// A reason not to take part, for everyone.
    Fault,
    /// A weighted value below every priority: a reason not to take part, except for an
    /// address owner, whose weighted trackers do not count.
    WeightedFault,
    /// Not known yet, and the answer may be a fault. A router that has not begun to take part
    /// waits for it; one that does takes no notice.
    Waiting,
}

impl Influence {
    fn points(points: i32) -> Self {
        if points == 0 { Self::None } else { Self::Weight(points) }
    }
}

/// How much a tracker counts for one router: keepalived's `weight N [reverse]`.
///
/// Scripts, interfaces and BFD sessions have −253 to 253, processes and files −254 to 254;
/// the configuration's parser sees to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Weight {
    /// Points. Zero makes a failure a fault.
    pub points: i32,
    /// Turns the sense round: points change their sign, and with zero points health is the
    /// failure.
    pub reverse: bool,
}

impl Weight {
    /// The lowest sum of a file's value and weight. Reaching it is a fault.
    pub const FLOOR: i32 = -254;
    /// The highest that a file contributes.
    pub const CEILING: i32 = 253;

    /// A weight of so many points, not reversed.
    pub const fn new(points: i32) -> Self {
        Self { points, reverse: false }
    }

    /// The influence of a script, a process, an interface or a BFD session that is up or down.
    ///
    /// | points | up | down |
    /// |---|---|---|
    /// | above 0 | added | none |
    /// | below 0 | none | added (that is, subtracted) |
    /// | 0 | none | fault |
    ///
    /// ```
    /// use vrrp_fsm::{Influence, Weight};
    ///
    /// assert_eq!(Weight::new(10).judge(true), Influence::Weight(10));
    /// assert_eq!(Weight::new(-10).judge(false), Influence::Weight(-10));
    /// assert_eq!(Weight::new(0).judge(false), Influence::Fault);
    /// ```
    pub fn judge(self, is_up: bool) -> Influence {
        match (self.points, is_up) {
            (0, _) if is_up == self.reverse => Influence::Fault,
            (1.., true) | (..0, false) => Influence::points(self.signed()),
            _ => Influence::None,
        }
    }

    /// The influence of a tracker that has found nothing yet: with zero points it may be a fault,
    /// and is waited for.
    pub fn judge_unknown(self) -> Influence {
        if self.points == 0 { Influence::Waiting } else { Influence::None }
    }

    /// The influence of the number in a tracked file.
    ///
    /// With zero points any number but 0 is a fault (reversed: 0 is). Otherwise value times
    /// points is added, kept within −254 to 253, and −254 is a fault.
    ///
    /// ```
    /// use vrrp_fsm::{Influence, Weight};
    ///
    /// assert_eq!(Weight::new(2).judge_value(6), Influence::Weight(12));
    /// assert_eq!(Weight::new(1).judge_value(-300), Influence::WeightedFault);
    /// assert_eq!(Weight::new(0).judge_value(1), Influence::Fault);
    /// ```
    pub fn judge_value(self, value: i32) -> Influence {
        if self.points == 0 {
            return if (value != 0) != self.reverse { Influence::Fault } else { Influence::None };
        }
        match value.saturating_mul(self.signed()) {
            ..=Self::FLOOR => Influence::WeightedFault,
            points => Influence::points(points.min(Self::CEILING)),
        }
    }

    fn signed(self) -> i32 {
        if self.reverse { self.points.saturating_neg() } else { self.points }
    }
}

#[cfg(test)]
mod tests {
    use super::Influence::{Fault, None, Waiting, Weight as Points, WeightedFault};
    use super::*;

    const fn reversed(points: i32) -> Weight {
        Weight { points, reverse: true }
    }

    #[test]
    fn a_verdict_counts_by_sign_and_sense() {
        #[rustfmt::skip]
        let rows = [
            // weight               unknown  up            down
            (Weight::new(253),     [None,    Points(253),  None]),
            (Weight::new(-253),    [None,    None,         Points(-253)]),
            (Weight::new(0),       [Waiting, None,         Fault]),
            (reversed(254),        [None,    Points(-254), None]),
            (reversed(-254),       [None,    None,         Points(254)]),
            (reversed(0),          [Waiting, Fault,        None]),
            (reversed(i32::MIN),   [None,    None,         Points(i32::MAX)]),
        ];
        for (weight, expected) in rows {
            let judged = [weight.judge_unknown(), weight.judge(true), weight.judge(false)];
            assert_eq!(judged, expected, "{weight:?}");
        }
    }

    #[test]
    fn a_file_counts_value_times_weight_within_its_range() {
        #[rustfmt::skip]
        let rows = [
            (Weight::new(1),      5,        Points(5)),
            (Weight::new(1),      0,        None),
            (Weight::new(3),      -20,      Points(-60)),
            (reversed(3),         -20,      Points(60)),
            (Weight::new(1),      253,      Points(253)),
            (Weight::new(1),      254,      Points(253)),
            (Weight::new(254),    i32::MAX, Points(253)),
            (Weight::new(1),      -253,     Points(-253)),
            (Weight::new(1),      -254,     WeightedFault),
            (Weight::new(254),    i32::MIN, WeightedFault),
            (reversed(1),         254,      WeightedFault),
            (reversed(1),         i32::MIN, Points(253)),
            (Weight::new(0),      0,        None),
            (Weight::new(0),      -1,       Fault),
            (reversed(0),         0,        Fault),
            (reversed(0),         7,        None),
        ];
        for (weight, value, expected) in rows {
            assert_eq!(weight.judge_value(value), expected, "{value} by {weight:?}");
        }
    }
}
