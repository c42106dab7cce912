//! Packets on their way.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::time::Duration;

use arrayvec::ArrayVec;
use fastrand::Rng;

use crate::packet::Packet;
use crate::scenario::{NodeId, Wire};

/// What becomes of one packet.
pub(crate) struct Transit {
    /// When it arrives, counted from its departure: never, once or twice.
    pub(crate) delays: ArrayVec<Duration, 2>,
    /// A number that says which of its bits is turned.
    pub(crate) damage: Option<usize>,
}

impl Transit {
    /// Every packet has random numbers of its own, so that what happens to one does not depend on what
    /// else was sent: a scenario with an incident less stays the same scenario otherwise.
    pub(crate) fn draw(wire: &Wire, seed: u64, from: NodeId, to: NodeId, at: Duration) -> Self {
        let mut draws = draws(seed, [from as u64, to as u64, at.as_micros() as u64]);
        let mut delays = ArrayVec::new();
        if !happens(&mut draws, wire.loss) {
            delays.push(delay(&mut draws, wire));
        }
        if happens(&mut draws, wire.duplication) {
            let again = delay(&mut draws, wire);
            if !delays.is_empty() {
                delays.push(again);
            }
        }
        let damaged = happens(&mut draws, wire.corruption);
        Self { delays, damage: damaged.then(|| draws.usize(..)) }
    }
}

/// How late a timer is: as with [`Transit`], it depends on nothing but itself.
pub(crate) fn lateness(wire: &Wire, seed: u64, node: NodeId, deadline_micros: u64) -> Duration {
    let max_micros = wire.lateness_max.as_micros() as u64;
    if max_micros == 0 {
        return Duration::ZERO;
    }
    let mut draws = draws(seed, [node as u64, u64::MAX, deadline_micros]);
    Duration::from_micros(draws.u64(0..=max_micros))
}

/// One of two ways in which the kernel's news of a moment may reach a router.
pub(crate) fn flip(seed: u64, node: NodeId, at: Duration) -> bool {
    draws(seed, [node as u64, u64::MAX - 1, at.as_micros() as u64]).bool()
}

/// Whether this packet is one of those that get lost.
pub(crate) fn is_lost(seed: u64, per_mille: u16, which: [u64; 3]) -> bool {
    per_mille > 0 && happens(&mut draws(seed, which), per_mille)
}

fn draws(seed: u64, what: [u64; 3]) -> Rng {
    let mut rng = Rng::with_seed(seed);
    for word in what {
        rng = Rng::with_seed(rng.u64(..) ^ word);
    }
    rng
}

fn happens(draws: &mut Rng, per_mille: u16) -> bool {
    draws.u16(0..1000) < per_mille
}

fn delay(draws: &mut Rng, wire: &Wire) -> Duration {
    let [min, max] = [wire.delay_min, wire.delay_max].map(|delay| delay.as_micros() as u64);
    Duration::from_micros(draws.u64(min..=max.max(min)))
}

/// The packets on their way, by time of arrival.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    queue: BinaryHeap<Reverse<Arrival>>,
    serial: u64,
}

#[derive(Debug)]
struct Arrival {
    at: Duration,
    /// Keeps the order of those that arrive at once.
    serial: u64,
    packet: Packet,
}

impl InFlight {
    pub(crate) fn push(&mut self, at: Duration, packet: Packet) {
        self.serial += 1;
        self.queue.push(Reverse(Arrival { at, serial: self.serial, packet }));
    }

    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.queue.peek().map(|Reverse(arrival)| arrival.at)
    }

    pub(crate) fn pop(&mut self) -> Option<Packet> {
        self.queue.pop().map(|Reverse(arrival)| arrival.packet)
    }
}

impl Ord for Arrival {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.serial).cmp(&(other.at, other.serial))
    }
}

impl PartialOrd for Arrival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Arrival {}
