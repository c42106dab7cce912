//! How long things may take in a scenario.

use std::time::Duration;

use crate::scenario::{Incident, Scenario};

/// Upper bounds in the simulation's own time, clocks that run late included.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How much later than its deadline a timer may fire.
    pub lateness_max: Duration,
    /// From the time when an advert is due to its arrival.
    pub way_max: Duration,
    /// The longest interval of any router.
    pub interval_max: Duration,
    /// The longest time that a Backup Router waits.
    pub active_down_max: Duration,
    /// From the last disturbance of a cluster in which everyone hears everyone, or nobody
    /// hears someone whom the others hear, to the time when the right router is Active alone.
    pub settled: Duration,
}

impl Bounds {
    /// The scenario's.
    pub fn of(scenario: &Scenario) -> Self {
        let changes = scenario.schedule.iter().filter_map(|one| match one.incident {
            Incident::Wire(wire) => Some(wire),
            _ => None,
        });
        let wires = || changes.clone().chain([scenario.wire]);
        let lateness_max = wires().map(|wire| wire.lateness_max).max().unwrap_or_default();
        let delay_max = wires().map(|wire| wire.delay_max).max().unwrap_or_default();
        let way_max = lateness_max + delay_max + Duration::from_micros(10);
        let configs = || scenario.configs();
        let interval_max = configs().map(|config| slow(config.interval.as_duration())).max();
        let interval_max = interval_max.unwrap_or_default();
        let adverts_max = configs().map(|config| u32::from(config.down_timer_adverts.get())).max();
        let active_down_max = interval_max * (adverts_max.unwrap_or_default() + 1);
        let patience = configs().map(|config| slow(config.preempt_delay)).max().unwrap_or_default();
        // A delay of preemption starts when the router to be replaced is first heard, which
        // may only just have taken over.
        let patience = if patience.is_zero() { patience } else { patience + active_down_max };
        let settled = active_down_max + patience + interval_max + 4 * way_max;
        Self { lateness_max, way_max, interval_max, active_down_max, settled }
    }
}

/// What takes so long by the slowest clock that a member may have.
fn slow(length: Duration) -> Duration {
    length + length / 80
}
