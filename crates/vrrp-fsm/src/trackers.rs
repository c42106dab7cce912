//! The trackers' influences by name, and the priority that they make.

use alloc::sync::Arc;
use alloc::vec::Vec;

use vrrp_proto::Priority;

use crate::Influence;

/// One tracker's influence under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Contribution {
    /// The tracker's name, as the operator knows it.
    pub name: Arc<str>,
    /// What it means to the router at present.
    pub influence: Influence,
}

/// Every tracker's influence, in the order in which they were first named.
///
/// A list and not a map: a router has a handful, and operators recognise their own order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Trackers(Vec<Contribution>);

impl Trackers {
    /// Sets the influence under `name`; returns the one before.
    pub(crate) fn set(&mut self, name: &Arc<str>, influence: Influence) -> Influence {
        match self.0.iter_mut().find(|contribution| contribution.name == *name) {
            Some(known) => core::mem::replace(&mut known.influence, influence),
            None => {
                self.0.push(Contribution { name: Arc::clone(name), influence });
                Influence::None
            }
        }
    }

    /// Forgets `name`; returns its influence.
    pub(crate) fn remove(&mut self, name: &str) -> Influence {
        match self.0.iter().position(|contribution| *contribution.name == *name) {
            Some(index) => self.0.remove(index).influence,
            None => Influence::None,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Influence {
        self.0
            .iter()
            .find(|contribution| *contribution.name == *name)
            .map_or(Influence::None, |contribution| contribution.influence)
    }

    pub(crate) fn as_slice(&self) -> &[Contribution] {
        &self.0
    }

    /// The names of those whose influence satisfies `is`.
    pub(crate) fn names(&self, is: impl Fn(Influence) -> bool) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().filter(move |known| is(known.influence)).map(|known| &known.name)
    }

    /// The priority to advertise: the base and every contribution, within 1–254; an owner's
    /// 255 as it is.
    pub(crate) fn effective(&self, base: Priority) -> Priority {
        if base.is_owner() {
            return base;
        }
        let sum = self.0.iter().fold(i64::from(base.get()), |sum, known| match known.influence {
            Influence::Weight(points) => sum.saturating_add(points.into()),
            _ => sum,
        });
        let (lowest, highest) = (Priority::LOWEST.get(), Priority::HIGHEST.get());
        let clamped = sum.clamp(lowest.into(), highest.into());
        Priority::new(u8::try_from(clamped).expect("clamped to 1–254"))
    }
}

impl From<Vec<Contribution>> for Trackers {
    /// Of two with one name the later counts.
    fn from(contributions: Vec<Contribution>) -> Self {
        let mut trackers = Self::default();
        for Contribution { name, influence } in contributions {
            trackers.set(&name, influence);
        }
        trackers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn contributions_add_up_before_the_sum_is_kept_in_range() {
        use Influence::Weight;
        let effective = |base, influences: &[Influence]| {
            let mut trackers = Trackers::default();
            for (index, &influence) in influences.iter().enumerate() {
                trackers.set(&index.to_string().into(), influence);
            }
            trackers.effective(Priority::new(base)).get()
        };
        assert_eq!(effective(244, &[Weight(10)]), 254);
        assert_eq!(effective(244, &[Influence::None]), 244);
        assert_eq!(effective(244, &[Weight(100), Weight(-90)]), 254);
        assert_eq!(effective(200, &[Weight(100), Weight(-150)]), 150);
        assert_eq!(effective(100, &[Weight(-253)]), 1);
        assert_eq!(effective(100, &[Weight(253)]), 254);
        assert_eq!(effective(100, &[Weight(i32::MAX), Weight(i32::MAX), Weight(i32::MIN)]), 254);
        assert_eq!(effective(100, &[Influence::Fault, Influence::Waiting]), 100);
        assert_eq!(effective(255, &[Weight(-100)]), 255);
        assert_eq!(effective(0, &[]), 1);
    }

    #[test]
    fn a_name_has_one_influence_and_keeps_its_place() {
        let mut trackers = Trackers::default();
        trackers.set(&"b".into(), Influence::Weight(1));
        trackers.set(&"a".into(), Influence::Weight(2));
        assert_eq!(trackers.set(&"b".into(), Influence::Weight(3)), Influence::Weight(1));
        let names: Vec<_> = trackers.as_slice().iter().map(|known| &*known.name).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(trackers.remove("b"), Influence::Weight(3));
        assert_eq!(trackers.get("b"), Influence::None);
        assert_eq!(trackers.remove("b"), Influence::None);
    }
}
