//! Two Active Routers that hear each other: not for long.

use std::time::Duration;

use crate::checks::bounds::Bounds;
use crate::checks::violation::Violation;
use crate::checks::watch::ignores_all;
use crate::cluster::Cluster;
use crate::machine::Machine;
use crate::node::Node;
use crate::scenario::NodeId;

/// Since when the second of a pair should have been hearing that the first one is better.
#[derive(Debug)]
pub(crate) struct Pairs {
    node_count: usize,
    since: Vec<Option<Duration>>,
    /// Whether any of them is set.
    contested: bool,
    /// How often two routers were Active at once although they heard each other.
    pub(crate) splits: u64,
}

impl Pairs {
    pub(crate) fn new(node_count: usize) -> Self {
        let since = vec![None; node_count * node_count];
        Self { node_count, since, contested: false, splits: 0 }
    }

    /// An advert did not arrive: the patience starts anew.
    pub(crate) fn lost(&mut self, from: NodeId, to: NodeId, now: Duration) {
        self.start_anew(from, to, now);
    }

    /// A router has another priority, which the adverts on their way do not know of.
    pub(crate) fn changed(&mut self, node: NodeId, now: Duration) {
        for other in 0..self.node_count {
            self.start_anew(node, other, now);
            self.start_anew(other, node, now);
        }
    }

    fn start_anew(&mut self, winner: NodeId, loser: NodeId, now: Duration) {
        if let Some(since) = &mut self.since[winner * self.node_count + loser] {
            *since = now;
        }
    }

    pub(crate) fn check<M: Machine>(
        &mut self,
        cluster: &Cluster<'_, M>,
        bounds: &Bounds,
    ) -> Result<(), Violation> {
        let actives = cluster.nodes().iter().filter(|node| node.is_active());
        if actives.clone().nth(1).is_none() {
            if std::mem::take(&mut self.contested) {
                self.since.fill(None);
            }
            return Ok(());
        }
        self.contested = true;
        for winner in cluster.nodes() {
            for loser in cluster.nodes() {
                self.check_pair(winner, loser, cluster.now(), bounds)?;
            }
        }
        Ok(())
    }

    fn check_pair<M: Machine>(
        &mut self,
        winner: &Node<M>,
        loser: &Node<M>,
        now: Duration,
        bounds: &Bounds,
    ) -> Result<(), Violation> {
        let since = &mut self.since[winner.id() * self.node_count + loser.id()];
        if !(winner.is_active() && loser.is_active() && must_yield(loser, winner)) {
            *since = None;
            return Ok(());
        }
        if since.is_none() {
            self.splits += 1;
        }
        let lasting = now.saturating_sub(*since.get_or_insert(now));
        let interval = winner.clock().true_length(winner.config().interval.as_duration());
        if lasting > interval + bounds.way_max {
            let (winner, loser) = (winner.id(), loser.id());
            return Err(Violation::TwoActive { winner, loser, lasting });
        }
        Ok(())
    }
}

/// Whether `loser`, if both are Active, yields as soon as it hears `winner`, and can hear it.
pub(crate) fn must_yield<M: Machine>(loser: &Node<M>, winner: &Node<M>) -> bool {
    winner.id() != loser.id()
        && winner.reaches(loser.id())
        && loser.understands(winner)
        && !ignores_all(loser.config())
        && (winner.priority(), winner.source()) > (loser.priority(), loser.source())
}
