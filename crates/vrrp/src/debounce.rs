//! Links that went down, or came up, and do not count as that yet.

use std::collections::HashMap;
use std::num::NonZeroU8;
use std::time::Duration;

use vrrp_fsm::Instant;
use vrrp_net::{IfIndex, Interface, InterfaceName};
use vrrp_proto::Interval;
use vrrp_track::interface::{Debounce, Delays};

use crate::view::InterfaceView;

/// What the interfaces of one router count as.
#[derive(Debug, Default)]
pub(crate) struct Debounced {
    /// Those that have delays and exist.
    links: HashMap<InterfaceName, Link>,
    /// All of them as they are, while one of them does not count as that.
    actual: Option<Box<InterfaceView>>,
}

#[derive(Debug, Clone, Copy)]
struct Link {
    index: IfIndex,
    debounce: Debounce<Instant>,
    counts: Condition,
    delays: Delays,
}

/// How a link is.
#[derive(Debug, Clone, Copy)]
struct Condition {
    is_up: bool,
    is_running: bool,
}

impl Condition {
    const fn works(self) -> bool {
        self.is_up && self.is_running
    }
}

impl Debounced {
    /// Takes in how the interfaces are at this time, and says what they count as.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        actual: InterfaceView,
        delays: impl Fn(InterfaceName) -> Option<Delays>,
    ) -> InterfaceView {
        let before = std::mem::take(&mut self.links);
        let mut view = actual.clone();
        let mut count = |name: InterfaceName, interface: Interface, condition| {
            let Some(delays) = delays(name) else { return condition };
            // Another interface of the name has no past.
            let known = before.get(&name).filter(|known| known.index == interface.index);
            let debounce = Debounce::new(Condition::works(condition));
            let fresh = Link { index: interface.index, debounce, counts: condition, delays };
            let mut link = Link { delays, ..known.copied().unwrap_or(fresh) };
            if link.debounce.take(now, condition.works(), delays) == condition.works() {
                link.counts = condition;
            }
            self.links.insert(name, link);
            link.counts
        };
        if let Some(interface) = view.interface {
            let condition = Condition { is_up: view.is_up, is_running: view.is_running };
            let counts = count(interface.name, interface, condition);
            (view.is_up, view.is_running) = (counts.is_up, counts.is_running);
        }
        for (name, carrier) in &mut view.carriers {
            let condition = match view.interface {
                Some(interface) if interface == carrier.interface => {
                    Condition { is_up: actual.is_up, is_running: actual.is_running }
                }
                _ => Condition { is_up: carrier.is_running, is_running: carrier.is_running },
            };
            carrier.is_running = count(*name, carrier.interface, condition).works();
        }
        self.actual = self.deadline().map(|_| Box::new(actual));
        view
    }

    /// When one of them comes to count as what it is.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.links.values().filter_map(|link| link.debounce.deadline(link.delays)).min()
    }

    /// All of them as they are, if one comes to count as that by this time.
    pub(crate) fn due(&self, now: Instant) -> Option<InterfaceView> {
        let is_due = self.deadline().is_some_and(|at| at <= now);
        self.actual.as_deref().filter(|_| is_due).cloned()
    }
}

/// How long a link may be down without counting as that: a backup that hears nothing for longer
/// would take over. It leaves a 256th of an interval, the least skew time, and is what keepalived allows.
pub(crate) fn longest(interval: Interval, down_timer_adverts: NonZeroU8) -> Duration {
    let interval = interval.as_duration();
    (interval * u32::from(down_timer_adverts.get() - 1)).saturating_sub(interval / 256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Carrier;

    const DELAYS: Delays = Delays { down: Duration::from_millis(500), up: Duration::from_secs(1) };

    fn at(millis: u64) -> Instant {
        Instant::from(Duration::from_millis(millis))
    }

    fn view(index: u32, works: bool) -> InterfaceView {
        let interface =
            Interface { index: IfIndex::new(index).unwrap(), name: "eth0".parse().unwrap() };
        let carrier = Carrier { interface, mac: None, is_running: works, forwards_ipv6: false };
        InterfaceView {
            interface: Some(interface),
            is_up: true,
            is_running: works,
            carriers: vec![(interface.name, carrier)],
            ..InterfaceView::default()
        }
    }

    fn take(debounced: &mut Debounced, millis: u64, view: InterfaceView) -> (bool, bool) {
        let view = debounced.take(at(millis), view, |_| Some(DELAYS));
        (view.is_running, view.carriers[0].1.is_running)
    }

    #[test]
    fn a_change_counts_once_it_has_lasted() {
        let mut debounced = Debounced::default();
        assert_eq!(take(&mut debounced, 0, view(2, true)), (true, true));
        assert_eq!(take(&mut debounced, 1000, view(2, false)), (true, true));
        assert_eq!(debounced.deadline(), Some(at(1500)));
        assert_eq!(debounced.due(at(1499)), None);
        let actual = debounced.due(at(1500)).unwrap();
        assert_eq!(take(&mut debounced, 1500, actual), (false, false));
        assert_eq!(debounced.deadline(), None);
        assert_eq!(take(&mut debounced, 2000, view(2, true)), (false, false));
        assert_eq!(debounced.deadline(), Some(at(3000)));
        assert_eq!(take(&mut debounced, 3000, view(2, true)), (true, true));
    }

    #[test]
    fn a_change_that_is_taken_back_was_none() {
        let mut debounced = Debounced::default();
        take(&mut debounced, 0, view(2, true));
        take(&mut debounced, 1000, view(2, false));
        assert_eq!(take(&mut debounced, 1400, view(2, true)), (true, true));
        assert_eq!(debounced.deadline(), None);
        assert_eq!(take(&mut debounced, 1450, view(2, false)), (true, true));
        assert_eq!(debounced.deadline(), Some(at(1950)));
    }

    #[test]
    fn an_interface_that_is_gone_or_another_one_counts_at_once() {
        let mut debounced = Debounced::default();
        take(&mut debounced, 0, view(2, true));
        let gone = debounced.take(at(1000), InterfaceView::default(), |_| Some(DELAYS));
        assert_eq!(gone, InterfaceView::default());
        assert_eq!(take(&mut debounced, 1100, view(3, true)), (true, true));
        assert_eq!(take(&mut debounced, 1200, view(4, false)), (false, false));
        assert_eq!(debounced.deadline(), None);
    }

    #[test]
    fn the_longest_delay_ends_before_a_backup_that_hears_nothing_takes_over() {
        let three = NonZeroU8::new(3).unwrap();
        assert_eq!(longest(Interval::DEFAULT, three), Duration::from_nanos(1_996_093_750));
        assert_eq!(longest(Interval::DEFAULT, NonZeroU8::MIN), Duration::ZERO);
    }
}
