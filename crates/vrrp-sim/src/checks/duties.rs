//! What a router has to do beyond the protocol: addresses, announcements, sources, tries again.

use std::net::IpAddr;
use std::time::Duration;

use vrrp_fsm::{Instant, State};

use crate::checks::violation::Violation;
use crate::kernel::Held;
use crate::machine::Machine;
use crate::node::Node;
use crate::occurrence::{Stimulus, Turn};

/// How long after a refused installation the next try is, and how often that is doubled.
const RETRY: Duration = Duration::from_secs(30);
const DOUBLINGS: u32 = 5;

/// What a router still has to do.
#[derive(Debug, Clone, Default)]
pub(crate) struct Duties {
    /// When it tries again to install what was refused.
    retry_at: Option<Instant>,
    /// How often in a row it was refused.
    refused: u32,
    /// The addresses that it has to announce, and since when.
    unannounced: Vec<IpAddr>,
    since: Instant,
    /// The addresses of its settings until now.
    settled: Vec<IpAddr>,
    /// Whether it tried again in the last turn.
    pub(crate) has_retried: bool,
}

impl Duties {
    /// Whether it takes no part because addresses were refused.
    pub(crate) fn waits_for_retry(&self) -> bool {
        self.retry_at.is_some()
    }

    /// Judges one turn, then takes it in.
    pub(crate) fn turn<M: Machine>(
        &mut self,
        node: &Node<M>,
        turn: &Turn,
    ) -> Result<(), Violation> {
        if turn.stimulus == Stimulus::Start {
            *self = Self::default();
        }
        check_source(node, turn)?;
        let is_left = turn.held != Held::Nothing && !node.keeps_own();
        if is_left && turn.stimulus == Stimulus::Shutdown {
            return Err(Violation::LeftBehind { node: turn.node });
        }
        self.take_settings(node, turn)?;
        self.take_refusals(turn)?;
        self.take_announcements(node, turn)
    }

    /// Judges a router to which nothing happens any more at this time.
    pub(crate) fn idle<M: Machine>(
        &self,
        node: &Node<M>,
        local: Instant,
        allowed: Duration,
    ) -> Result<(), Violation> {
        if self.retry_at.is_some_and(|at| local > at + allowed) {
            return Err(Violation::NotRetried { node: node.id() });
        }
        match self.unannounced.first() {
            Some(&address) if local > self.since + allowed => {
                Err(Violation::NotAnnounced { node: node.id(), address })
            }
            _ => Ok(()),
        }
    }

    /// What stays in the settings is not taken away for others.
    fn take_settings<M: Machine>(&mut self, node: &Node<M>, turn: &Turn) -> Result<(), Violation> {
        if !matches!(turn.stimulus, Stimulus::Start | Stimulus::Reconfigure) {
            return Ok(());
        }
        let was_active = turn.before == State::Active;
        let mut again = turn.asked.added.iter().filter(|added| self.settled.contains(added));
        if let Some(&address) = again.next().filter(|_| was_active) {
            return Err(Violation::Reinstalled { node: turn.node, address });
        }
        let addresses = node.settings().addresses.iter();
        self.settled = addresses.map(|address| address.address).collect();
        Ok(())
    }

    /// Who cannot install its addresses takes no part until it tries again: later after each
    /// refusal, and at once when its interfaces or settings are others.
    fn take_refusals(&mut self, turn: &Turn) -> Result<(), Violation> {
        let is_due = turn.stimulus == Stimulus::Timer;
        self.has_retried = is_due && self.retry_at.take_if(|at| *at <= turn.local).is_some();
        let Self { retry_at, refused, .. } = self;
        if turn.asked.refused > 0 {
            if turn.after != State::Fault {
                return Err(Violation::InstallNotFaulted { node: turn.node, state: turn.after });
            }
            *retry_at = Some(turn.local + RETRY * (1 << (*refused).min(DOUBLINGS)));
            *refused += 1;
            return Ok(());
        }
        if turn.transitions().any(|change| change.to == State::Active) {
            *refused = 0;
        }
        if turn.moved || turn.stimulus == Stimulus::Reconfigure {
            *retry_at = retry_at.map(|_| turn.local);
        }
        Ok(())
    }

    /// What is new where the router is Active is announced, and nothing that it does not have.
    fn take_announcements<M: Machine>(
        &mut self,
        node: &Node<M>,
        turn: &Turn,
    ) -> Result<(), Violation> {
        if turn.after != State::Active {
            self.unannounced.clear();
        } else if turn.before != State::Active {
            let addresses = node.settings().addresses.iter();
            self.unannounced = addresses.map(|address| address.address).collect();
            self.since = turn.local;
        } else if !turn.asked.added.is_empty() {
            self.unannounced.extend(&turn.asked.added);
            self.since = turn.local;
        }
        if turn.stimulus == Stimulus::Reconfigure {
            let addresses = &node.settings().addresses;
            self.unannounced.retain(|there| addresses.iter().any(|it| it.address == *there));
        }
        if turn.asked.announced.is_empty() {
            return Ok(());
        }
        if turn.after != State::Active || turn.held != Held::Everything {
            return Err(Violation::WronglyAnnounced { node: turn.node, state: turn.after });
        }
        self.unannounced.retain(|address| !turn.asked.announced.contains(address));
        Ok(())
    }
}

/// An address that moves is not where adverts come from, unless it is the router's own.
fn check_source<M: Machine>(node: &Node<M>, turn: &Turn) -> Result<(), Violation> {
    if node.settings().is_owner() {
        return Ok(());
    }
    let is_virtual = |source| node.settings().addresses.iter().any(|it| it.address == source);
    match turn.asked.sent.iter().map(|sent| sent.ip.source).find(|source| is_virtual(*source)) {
        Some(address) => Err(Violation::VirtualSource { node: turn.node, address }),
        None => Ok(()),
    }
}
