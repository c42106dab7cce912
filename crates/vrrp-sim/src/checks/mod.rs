//! What must hold after every step, whatever has happened.
//!
//! The checkers know the scenario and what was really delivered, and the protocol's rules; they
//! look at a router's state, at what its kernel was asked and has, and at nothing else of it.

mod bounds;
mod duties;
mod pairs;
mod violation;
mod watch;

use std::time::Duration;

use vrrp_fsm::{Influence, State};
use vrrp_proto::Priority;

pub use bounds::Bounds;
use pairs::{Pairs, must_yield};
pub use violation::Violation;
use watch::{Watch, ignores_all, outranks};

use crate::cluster::Cluster;
use crate::kernel::Held;
use crate::machine::Machine;
use crate::node::Node;
use crate::occurrence::{Dropped, Occurrence, Stimulus, Turn};
use crate::scenario::{Incident, NodeId, Scenario};

/// The checkers, with what they remember of the steps before.
#[derive(Debug)]
pub struct Checks {
    bounds: Bounds,
    watches: Vec<Watch>,
    pairs: Pairs,
    /// When something happened last that may lead to another election.
    disturbed_at: Duration,
    /// Whether that is long ago and everyone is in their place.
    settled: bool,
    takeovers: u64,
    settlings: u64,
}

impl Checks {
    /// Checkers for a scenario that is about to begin.
    pub fn new(scenario: &Scenario) -> Self {
        let node_count = scenario.members.len();
        Self {
            bounds: Bounds::of(scenario),
            watches: vec![Watch::default(); node_count],
            pairs: Pairs::new(node_count),
            disturbed_at: Duration::ZERO,
            settled: false,
            takeovers: 0,
            settlings: 0,
        }
    }

    /// How often a router became Active.
    pub fn takeovers(&self) -> u64 {
        self.takeovers
    }

    /// How often two routers were Active at once although they heard each other.
    pub fn splits(&self) -> u64 {
        self.pairs.splits
    }

    /// How often the cluster came to rest, and was found to be in order.
    pub fn settlings(&self) -> u64 {
        self.settlings
    }

    /// Judges the step that the cluster has just made.
    ///
    /// # Errors
    /// The first invariant that did not hold.
    pub fn after_step<M: Machine>(&mut self, cluster: &Cluster<'_, M>) -> Result<(), Violation> {
        for occurrence in cluster.occurrences() {
            self.occurrence(cluster, occurrence)?;
        }
        for (node, watch) in cluster.nodes().iter().zip(&self.watches) {
            if node.is_awake() {
                check_part(node, watch.duties.waits_for_retry())?;
                check_addresses(node)?;
                watch.idle(node, cluster.now(), self.bounds.lateness_max)?;
            }
        }
        self.pairs.check(cluster, &self.bounds)?;
        self.check_calm(cluster)
    }

    fn occurrence<M: Machine>(
        &mut self,
        cluster: &Cluster<'_, M>,
        occurrence: &Occurrence,
    ) -> Result<(), Violation> {
        match occurrence {
            Occurrence::Incident(Incident::Expect { actives }) => check_count(cluster, *actives),
            Occurrence::Incident(_) => {
                self.disturb(cluster.now());
                Ok(())
            }
            Occurrence::Turn(turn) => self.turn(cluster, turn),
            &Occurrence::Parked { node, local, heard, priority } => {
                let config = cluster.nodes()[node].config();
                self.watches[node].hear(config, local, priority, heard);
                Ok(())
            }
            Occurrence::Dropped { from, to, why } => self.dropped(cluster, *from, *to, why),
            &Occurrence::WronglyAccepted { from, to } => {
                Err(Violation::WronglyAccepted { from, to })
            }
        }
    }

    fn disturb(&mut self, now: Duration) {
        self.disturbed_at = now;
        self.settled = false;
    }

    fn turn<M: Machine>(&mut self, cluster: &Cluster<'_, M>, turn: &Turn) -> Result<(), Violation> {
        let Turn { node, before, after, .. } = *turn;
        self.watches[node].turn(&cluster.nodes()[node], turn)?;
        if turn.priority != turn.priority_before || turn.stimulus == Stimulus::Interfaces {
            self.pairs.changed(node, cluster.now());
        }
        if self.watches[node].duties.has_retried {
            self.disturb(cluster.now());
        }
        let mut transitions = turn.transitions().peekable();
        if transitions.peek().is_none() {
            return Ok(());
        }
        self.takeovers += transitions.filter(|change| change.to == State::Active).count() as u64;
        if self.settled {
            return Err(Violation::NotAtRest { node, before, after });
        }
        Ok(())
    }

    fn dropped<M: Machine>(
        &mut self,
        cluster: &Cluster<'_, M>,
        from: NodeId,
        to: NodeId,
        why: &Dropped,
    ) -> Result<(), Violation> {
        match why {
            Dropped::Cut | Dropped::Foreign(_) => {}
            Dropped::Refused(error) => {
                return Err(Violation::Refused { from, to, error: *error });
            }
            Dropped::Lost | Dropped::NotSent | Dropped::Overflow | Dropped::Damaged(_) => {
                self.pairs.lost(from, to, cluster.now());
                if cluster.nodes()[to].understands(&cluster.nodes()[from]) {
                    self.disturb(cluster.now());
                }
            }
        }
        Ok(())
    }

    /// Once nothing has happened for long enough, everyone is in their place. It does not ask
    /// again then: from that time on, every change is one too many.
    fn check_calm<M: Machine>(&mut self, cluster: &Cluster<'_, M>) -> Result<(), Violation> {
        let calm_for = cluster.now().saturating_sub(self.disturbed_at);
        if self.settled || calm_for <= self.bounds.settled {
            return Ok(());
        }
        let Some(places) = places(cluster) else { return Ok(()) };
        if calm_for <= self.bounds.settled * places {
            return Ok(());
        }
        for node in cluster.nodes().iter().filter(|node| node.is_awake()) {
            check_place(cluster, node)?;
        }
        self.settled = true;
        self.settlings += 1;
        Ok(())
    }
}

fn check_count<M: Machine>(cluster: &Cluster<'_, M>, required: usize) -> Result<(), Violation> {
    let found = cluster.nodes().iter().filter(|node| node.is_active()).count();
    if found == required { Ok(()) } else { Err(Violation::ActiveCount { required, found }) }
}

/// A router takes part exactly while nothing stands in its way, and with the priority that
/// its trackers make.
fn check_part<M: Machine>(node: &Node<M>, waits_for_retry: bool) -> Result<(), Violation> {
    let (Some(state), Some(priority)) = (node.state(), node.priority()) else { return Ok(()) };
    let required = required_priority(node);
    if priority != required {
        return Err(Violation::Priority { node: node.id(), priority, required });
    }
    let faulty = is_faulty(node) || waits_for_retry;
    let waiting = node.influences().any(|influence| influence == Influence::Waiting);
    let right = match state {
        State::Fault => faulty || waiting,
        State::Initialize => !faulty && waiting,
        State::Backup | State::Active => !faulty,
    };
    if right { Ok(()) } else { Err(Violation::Part { node: node.id(), state, faulty }) }
}

/// A router's kernel has its addresses exactly while it is Active.
fn check_addresses<M: Machine>(node: &Node<M>) -> Result<(), Violation> {
    let (Some(state), held) = (node.state(), node.held()) else { return Ok(()) };
    let right = match state {
        State::Active => held == Held::Everything,
        _ => held == Held::Nothing || node.keeps_own(),
    };
    if right { Ok(()) } else { Err(Violation::Addresses { node: node.id(), state, held }) }
}

fn is_faulty<M: Machine>(node: &Node<M>) -> bool {
    !node.is_able()
        || node.influences().any(|influence| match influence {
            Influence::Fault => true,
            Influence::WeightedFault => !node.config().priority.is_owner(),
            _ => false,
        })
}

fn required_priority<M: Machine>(node: &Node<M>) -> Priority {
    let base = node.config().priority;
    if base.is_owner() {
        return base;
    }
    let points = node.influences().map(|influence| match influence {
        Influence::Weight(points) => points,
        _ => 0,
    });
    let sum = i32::from(base.get()) + points.sum::<i32>();
    Priority::new(u8::try_from(sum.clamp(1, 254)).expect("clamped"))
}

/// How many routers may have to find their places one after the other; `None` if they need
/// not come to rest.
///
/// Where everyone hears everyone, they find them at once. Where not, several routers stay
/// Active, and who hears two of them learns the interval of now the one, now the other: unless
/// it is the same, that may go on for ever.
fn places<M: Machine>(cluster: &Cluster<'_, M>) -> Option<u32> {
    let present = || cluster.nodes().iter().filter(|node| node.is_awake() && node.is_able());
    if present().all(|a| present().all(|b| a.reaches(b.id()))) {
        return Some(1);
    }
    let mut intervals = present().map(|node| node.config().interval);
    let first = intervals.next();
    intervals.all(|interval| Some(interval) == first).then_some(present().count() as u32)
}

/// A Backup Router follows someone whom it lets stay Active; an Active Router hears nobody
/// better. Where everyone hears everyone, this makes it exactly one, and the best unless
/// preemption is off; where not, it says which split is right.
fn check_place<M: Machine>(cluster: &Cluster<'_, M>, node: &Node<M>) -> Result<(), Violation> {
    let mut heard = cluster.nodes().iter().filter(|other| {
        other.id() != node.id()
            && other.is_active()
            && other.reaches(node.id())
            && node.understands(other)
    });
    match node.state() {
        Some(State::Backup) => {
            let (config, own) = (node.config(), node.priority());
            let stays = |other: &Node<M>| match (own, other.priority()) {
                (Some(own), Some(other)) => !outranks(config, own, other),
                _ => false,
            };
            match heard.any(stays) {
                true => Ok(()),
                false => Err(Violation::NoActiveRouter { node: node.id() }),
            }
        }
        Some(State::Active) if !ignores_all(node.config()) => {
            match heard.find(|other| must_yield(node, other)) {
                Some(winner) => Err(Violation::Contested { winner: winner.id(), loser: node.id() }),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// What a router does wrong alone is found by its [`Watch`] first. Here nobody watches, so that
/// the checkers of the whole cluster have to find it.
#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vrrp::Authentication;
    use vrrp::{Engine, EventKind, Input, Instant, InterfaceView, Settings};
    use vrrp_fsm::Config;
    use vrrp_net::Kernel;
    use vrrp_proto::Version;

    use super::*;
    use crate::machine::Make;
    use crate::scenario::{Member, Scheduled, Wire};

    /// A router that does not hear the others, or hears them and never takes over.
    struct Impaired {
        engine: Engine,
        deaf: bool,
    }

    impl Machine for Impaired {
        fn start(
            &mut self,
            now: Instant,
            view: InterfaceView,
            can_hear: bool,
            influences: Vec<(Arc<str>, Influence)>,
        ) {
            self.engine.start(now, view, can_hear, influences);
        }

        fn handle(&mut self, now: Instant, input: Input) {
            match input {
                Input::Advert(_) if self.deaf => {}
                input => self.engine.handle(now, input),
            }
        }

        fn timer(&mut self, now: Instant) {
            self.engine.timer(now);
        }

        fn deadline(&self) -> Option<Instant> {
            self.engine.deadline().filter(|_| self.deaf)
        }

        fn must_listen_first(&self, now: Instant) -> bool {
            self.engine.must_listen_first(now)
        }

        fn take_events(&mut self) -> Vec<EventKind> {
            self.engine.take_events()
        }

        fn engine(&self) -> &Engine {
            &self.engine
        }
    }

    fn two_routers(incidents: &[(u64, Incident)]) -> Scenario {
        let member = |last: u8| Member {
            config: Config { priority: Priority::new(100 + last), ..Config::new(Version::V3) },
            address: [192, 0, 2, last].into(),
            drift_ppm: 0,
            parks: false,
        };
        let scheduled = |(secs, incident): &(u64, Incident)| Scheduled {
            at: Duration::from_secs(*secs),
            incident: incident.clone(),
        };
        Scenario {
            seed: 0,
            members: vec![member(1), member(2)],
            authentication: Authentication::None,
            wire: Wire::LOCAL,
            schedule: incidents.iter().map(scheduled).collect(),
            until: Duration::from_secs(60),
        }
    }

    /// And at the end, when nobody has anything to do any more, there is one step more.
    fn both_start() -> Scenario {
        two_routers(&[(0, Incident::Start(0)), (0, Incident::Start(1)), (59, Incident::Start(0))])
    }

    /// What is found by `check` after some step of routers that are deaf, or never take over.
    fn find<M: Machine>(
        scenario: &Scenario,
        make: Make<'_, M>,
        mut check: impl FnMut(&mut Checks, &Cluster<'_, M>) -> Result<(), Violation>,
    ) -> Option<(u64, Violation)> {
        let mut cluster = Cluster::new(scenario, make);
        let mut checks = Checks::new(scenario);
        while cluster.step() {
            if let Err(violation) = check(&mut checks, &cluster) {
                return Some((cluster.now().as_secs(), violation));
            }
        }
        None
    }

    fn pairs<M: Machine>(checks: &mut Checks, cluster: &Cluster<'_, M>) -> Result<(), Violation> {
        checks.pairs.check(cluster, &checks.bounds)
    }

    fn calm<M: Machine>(checks: &mut Checks, cluster: &Cluster<'_, M>) -> Result<(), Violation> {
        checks.check_calm(cluster)
    }

    fn impaired(deaf: bool) -> impl Fn(Arc<Settings>, Box<dyn Kernel>) -> Impaired + Sync {
        move |settings, kernel| Impaired { engine: Engine::new(settings, kernel), deaf }
    }

    #[test]
    fn two_active_routers_are_found_after_an_interval() {
        let (at_secs, violation) = find(&both_start(), &impaired(true), pairs).unwrap();
        // They take over after 3.60 s, and the better one advertises every second.
        assert_eq!(at_secs, 5);
        assert!(matches!(violation, Violation::TwoActive { winner: 1, loser: 0, .. }));
        assert_eq!(find(&both_start(), &Engine::new, pairs), None);
    }

    #[test]
    fn two_active_routers_are_not_the_calm_that_has_to_come() {
        let (at_secs, violation) = find(&both_start(), &impaired(true), calm).unwrap();
        assert_eq!(at_secs, 5);
        assert_eq!(violation, Violation::Contested { winner: 1, loser: 0 });
    }

    #[test]
    fn addresses_that_nobody_has_are_not_the_calm_that_has_to_come() {
        let (_, violation) = find(&both_start(), &impaired(false), calm).unwrap();
        assert_eq!(violation, Violation::NoActiveRouter { node: 0 });
    }

    #[test]
    fn a_change_out_of_the_calm_is_found() {
        let scenario = two_routers(&[
            (0, Incident::Start(0)),
            (0, Incident::Start(1)),
            (30, Incident::Crash(1)),
        ]);
        // Who does not know of the crash sees a router take over for no reason.
        let crash = Duration::from_secs(30);
        let (_, violation) = find(&scenario, &Engine::new, |checks, cluster| match cluster.now() {
            now if now == crash => Ok(()),
            _ => checks.after_step(cluster),
        })
        .unwrap();
        let (before, after) = (State::Backup, State::Active);
        assert_eq!(violation, Violation::NotAtRest { node: 0, before, after });
        assert_eq!(
            find(&scenario, &Engine::new, |checks, cluster| checks.after_step(cluster)),
            None
        );
    }

    #[test]
    fn a_wrong_number_of_active_routers_is_found() {
        let scenario = two_routers(&[
            (0, Incident::Start(0)),
            (20, Incident::Expect { actives: 1 }),
            (21, Incident::Expect { actives: 2 }),
        ]);
        let found = find(&scenario, &Engine::new, |checks, cluster| checks.after_step(cluster));
        assert_eq!(found, Some((21, Violation::ActiveCount { required: 2, found: 1 })));
    }
}
