//! What one router has to do, by its own clock, by what it was told and by nothing else.
//!
//! The formulas are written down here once more on purpose: taken from `vrrp-fsm` they would
//! agree with its errors.

use std::net::IpAddr;
use std::time::Duration;

use vrrp::EventKind;
use vrrp_fsm::{Config, Heard, Instant, State};
use vrrp_proto::{Interval, Priority, Version};

use crate::checks::duties::Duties;
use crate::checks::violation::Violation;
use crate::machine::Machine;
use crate::node::Node;
use crate::occurrence::{Stimulus, Turn};

/// Times are computed in whole microseconds, and a clock is read in them.
const ROUNDING: Duration = Duration::from_micros(2);

/// The timers that a router should have.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// When it sent its last advert.
    sent_at: Instant,
    /// From when on others may have succeeded it, if it does not advertise before.
    late_at: Instant,
    /// Since when it is Backup Router.
    backup_since: Instant,
    /// Whether somebody waits for an answer, as long as it is Active.
    owes_answer: bool,
    /// From when on it answers at once, as Active Router.
    answers_from: Instant,
    /// When it takes over, as Backup Router.
    due: Instant,
    /// When another priority moved that last, perhaps into the past.
    shifted_at: Instant,
    /// Whose interval it follows.
    followed: Interval,
    /// The router whose advert it accepted last, unless that has begun to hand over.
    accepted: Option<IpAddr>,
    /// The advert with which that router began to hand over, and when it came.
    handover: Option<(Instant, Heard)>,
    /// Since when it hears a router of lower priority.
    lower_since: Option<Instant>,
    /// What it has to do beyond the protocol.
    pub(crate) duties: Duties,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            sent_at: Instant::ZERO,
            late_at: Instant::ZERO,
            backup_since: Instant::ZERO,
            owes_answer: false,
            answers_from: Instant::ZERO,
            due: Instant::ZERO,
            shifted_at: Instant::ZERO,
            followed: Interval::DEFAULT,
            accepted: None,
            handover: None,
            lower_since: None,
            duties: Duties::default(),
        }
    }
}

/// Skew_Time.
fn skew(config: &Config, priority: Priority, followed: Interval) -> Duration {
    let steps = 256 - u32::from(priority.get());
    let whole = match config.version {
        Version::V2 => Duration::from_secs(1),
        Version::V3 => followed.as_duration(),
    };
    whole * steps / 256
}

/// Active_Down_Interval.
fn active_down(config: &Config, priority: Priority, followed: Interval) -> Duration {
    let adverts = u32::from(config.down_timer_adverts.get());
    followed.as_duration() * adverts + skew(config, priority, followed)
}

/// How long an Active Router may be silent before others may have succeeded it: the shortest
/// Active_Down_Interval without its Skew_Time, and two intervals at least.
fn silence_max(config: &Config) -> Duration {
    config.interval.as_duration() * u32::from(config.down_timer_adverts.get()).max(2)
}

/// How far apart answers are: the shortest Skew_Time, and a millisecond at least.
fn answers_apart(config: &Config) -> Duration {
    skew(config, Priority::OWNER, config.interval).max(Duration::from_millis(1))
}

/// Whether this router would take over from one of that priority.
pub(crate) fn outranks(config: &Config, own: Priority, other: Priority) -> bool {
    (config.preempt || own.is_owner()) && other < own
}

/// Whether an Active Router pays no attention to others.
pub(crate) fn ignores_all(config: &Config) -> bool {
    config.owner_ignore_adverts && config.priority.is_owner()
}

impl Watch {
    /// Judges one turn, then takes it in.
    pub(crate) fn turn<M: Machine>(
        &mut self,
        node: &Node<M>,
        turn: &Turn,
    ) -> Result<(), Violation> {
        self.check_lateness(node, turn)?;
        self.check_listening(node, turn)?;
        self.duties.turn(node, turn)?;
        self.check_transitions(node, turn)?;
        self.check_adverts(node, turn)?;
        self.count_adverts(node.config(), turn);
        self.follow(node, turn)
    }

    /// Whoever is so late that another router is Active by now steps down, whatever it is told.
    fn check_lateness<M: Machine>(&self, node: &Node<M>, turn: &Turn) -> Result<(), Violation> {
        if !self.is_late(turn) {
            return Ok(());
        }
        let first = turn.transitions().next();
        let steps_down = first.is_some_and(|it| (it.from, it.to) == (State::Active, State::Backup));
        let is_silent = turn.sent().next().is_none() || turn.after == State::Active;
        if steps_down && is_silent && turn.asked.announced.is_empty() {
            return Ok(());
        }
        let silent = turn.told_at.saturating_since(self.sent_at);
        Err(Violation::StayedLate { node: node.id(), silent })
    }

    /// An address owner is always Active.
    fn is_late(&self, turn: &Turn) -> bool {
        let is_owner = turn.priority_before.is_owner();
        turn.before == State::Active && !is_owner && turn.told_at >= self.late_at
    }

    /// Whoever is that late that another router may be Active hears what has arrived before it
    /// does what is due.
    fn check_listening<M: Machine>(&self, node: &Node<M>, turn: &Turn) -> Result<(), Violation> {
        if !turn.unheard || turn.stimulus != Stimulus::Timer {
            return Ok(());
        }
        let interval = node.config().interval.as_duration();
        let is_rash = match turn.before {
            State::Backup => turn.after != State::Backup,
            State::Active => {
                turn.sent().next().is_some()
                    && turn.local >= self.next_advert(node.config()) + interval
            }
            _ => false,
        };
        if is_rash { Err(Violation::DidNotListen { node: turn.node }) } else { Ok(()) }
    }

    /// Judges a router to which nothing happens any more at this time.
    pub(crate) fn idle<M: Machine>(
        &self,
        node: &Node<M>,
        now: Duration,
        lateness_max: Duration,
    ) -> Result<(), Violation> {
        let Some(state) = node.state() else { return Ok(()) };
        // A clock that gains counts more in that time.
        let allowed = lateness_max + lateness_max / 50 + ROUNDING;
        let local = node.clock().read(now);
        let late = |due: Instant| local.saturating_since(due + allowed);
        self.duties.idle(node, local, allowed)?;
        let node_id = node.id();
        let due = self.due.max(self.shifted_at);
        let next_advert = self.next_advert(node.config());
        match state {
            State::Active if !late(next_advert).is_zero() => {
                Err(Violation::AdvertLate { node: node_id, late: late(next_advert) })
            }
            State::Backup if !late(due).is_zero() => {
                Err(Violation::TookOverLate { node: node_id, late: late(due) })
            }
            _ => Ok(()),
        }
    }

    fn check_transitions<M: Machine>(&self, node: &Node<M>, turn: &Turn) -> Result<(), Violation> {
        let mut state = turn.before;
        for transition in turn.transitions() {
            let (before, after) = (state, transition.to);
            if transition.from != before || !self.is_founded(node, turn, before, after)? {
                return Err(Violation::Unfounded { node: turn.node, before, after });
            }
            state = after;
        }
        let stays = turn.transitions().next().is_none();
        if stays && state == State::Active && turn.heard().is_some_and(|it| beats(node, turn, it)) {
            return Err(Violation::DidNotYield { node: turn.node, after: state });
        }
        let ends = turn.stimulus == Stimulus::Shutdown;
        if state != turn.after || ends && turn.after != State::Initialize {
            return Err(Violation::Unfounded {
                node: turn.node,
                before: turn.before,
                after: turn.after,
            });
        }
        Ok(())
    }

    /// Whether a change of state has its cause.
    fn is_founded<M: Machine>(
        &self,
        node: &Node<M>,
        turn: &Turn,
        before: State,
        after: State,
    ) -> Result<bool, Violation> {
        use State::{Active, Backup, Fault, Initialize};
        let Turn { stimulus, local, .. } = turn;
        let is_owner = node.config().priority.is_owner();
        Ok(match (before, after) {
            (Active, Backup) => {
                self.is_late(turn) || turn.heard().is_some_and(|heard| beats(node, turn, heard))
            }
            (Backup, Active) => {
                let early = self.due.saturating_since(*local + ROUNDING);
                if !early.is_zero() {
                    return Err(Violation::TookOverEarly { node: turn.node, early });
                }
                *stimulus == Stimulus::Timer
            }
            (Initialize | Fault, Active) => is_owner && !turn.waiting,
            (Initialize | Fault, Backup) => !is_owner && !turn.waiting,
            (Initialize | Backup | Active, Fault) => {
                let nothing_new = matches!(stimulus, Stimulus::Timer | Stimulus::Advert(_));
                !nothing_new || turn.asked.refused > 0
            }
            (Backup | Active | Fault, Initialize) => *stimulus == Stimulus::Shutdown,
            _ => false,
        })
    }

    fn check_adverts<M: Machine>(&self, node: &Node<M>, turn: &Turn) -> Result<(), Violation> {
        let required = self.required_adverts(node, turn);
        if turn.sent().eq(required.iter().copied()) {
            return Ok(());
        }
        Err(Violation::Adverts {
            node: turn.node,
            before: turn.before,
            after: turn.after,
            sent: turn.sent().collect(),
            required,
        })
    }

    /// The adverts that this turn takes.
    fn required_adverts<M: Machine>(&self, node: &Node<M>, turn: &Turn) -> Vec<Priority> {
        use State::{Active, Backup, Fault, Initialize};
        let config = node.config();
        if (turn.before, turn.after) == (Active, Active) && turn.transitions().next().is_none() {
            return Vec::from_iter(self.takes_advert(node, turn).then_some(turn.priority));
        }
        let mut state = turn.before;
        let required = turn.events.iter().filter_map(|event| match event {
            EventKind::PriorityChanged { from, to } => {
                (state == Active && to < from).then_some(*to)
            }
            EventKind::Transition(change) => {
                state = change.to;
                match (change.from, change.to) {
                    (_, Active) => Some(change.priority),
                    (Active, Backup) if self.is_late(turn) => None,
                    (Active, Backup) => config.higher_prio_send_advert.then_some(change.priority),
                    (Active, Fault) => (!turn.mute).then_some(Priority::RESIGN),
                    (Active, Initialize) => Some(Priority::RESIGN),
                    _ => None,
                }
            }
            _ => None,
        });
        required.collect()
    }

    /// Whether an Active Router that stays one has to advertise now.
    fn takes_advert<M: Machine>(&self, node: &Node<M>, turn: &Turn) -> bool {
        let config = node.config();
        match turn.stimulus {
            Stimulus::Timer => turn.local >= self.next_advert(config),
            Stimulus::Advert(heard) => {
                is_answered(config, heard) && turn.local >= self.answers_from
            }
            _ => turn.priority < turn.priority_before,
        }
    }

    /// When an Active Router has to advertise next.
    fn next_advert(&self, config: &Config) -> Instant {
        let next = self.sent_at + config.interval.as_duration();
        if self.owes_answer { next.min(self.answers_from) } else { next }
    }

    /// Takes down what was sent, and to whom an answer is owed.
    fn count_adverts(&mut self, config: &Config, turn: &Turn) {
        if turn.before != State::Active {
            (self.owes_answer, self.answers_from) = (false, turn.local);
        } else if turn.heard().is_some_and(|heard| is_answered(config, heard)) {
            self.owes_answer = true;
        }
        if turn.sent().next().is_some() {
            self.sent_at = turn.local;
            self.late_at = turn.local + silence_max(config);
            if std::mem::take(&mut self.owes_answer) {
                self.answers_from = turn.local + answers_apart(config);
            }
        }
    }

    /// Moves the timers as the protocol says.
    fn follow<M: Machine>(&mut self, node: &Node<M>, turn: &Turn) -> Result<(), Violation> {
        let (config, local, priority) = (node.config(), turn.local, turn.priority);
        if turn.after != State::Backup {
            return Ok(());
        }
        let mut heard = turn.heard();
        if turn.before != State::Backup {
            let is_late = self.is_late(turn);
            (self.lower_since, self.backup_since) = (None, local);
            self.restart(config, local, priority, heard.take_if(|_| !is_late));
            if heard.is_none() {
                return Ok(());
            }
        }
        match heard {
            // It was followed when it arrived.
            Some(_) if turn.parked => {}
            Some(heard) => self.hear(config, local, priority, heard),
            None if turn.stimulus == Stimulus::Reconfigure => return self.adopt(node, turn),
            None if priority != turn.priority_before => self.shift(config, turn),
            None => {}
        }
        Ok(())
    }

    /// No standard says whom a Backup Router with other settings follows, and when it takes over:
    /// sooner than an Active_Down_Interval from now in any case, and then as it says itself.
    fn adopt<M: Machine>(&mut self, node: &Node<M>, turn: &Turn) -> Result<(), Violation> {
        if let Some(machine) = node.machine() {
            self.followed = machine.router().active_adver_interval();
            self.accepted = machine.router().followed();
        }
        self.handover = self.handover.filter(|_| self.accepted.is_none());
        let latest = turn.local + active_down(node.config(), turn.priority, self.followed);
        let deadline = node.machine().and_then(|machine| machine.router().deadline());
        let due = deadline.unwrap_or(latest);
        if due > latest + ROUNDING {
            let late = due.saturating_since(latest);
            return Err(Violation::TookOverLate { node: turn.node, late });
        }
        (self.due, self.shifted_at) = (due, turn.local);
        Ok(())
    }

    /// A Backup Router heard that advert. If it left it aside, that changes nothing about what
    /// it owes.
    pub(crate) fn hear(&mut self, config: &Config, local: Instant, own: Priority, heard: Heard) {
        if heard.priority.is_resignation() {
            if local >= self.backup_since {
                let skewed = local + skew(config, own, self.followed);
                // Whoever hands over already is waited for once.
                self.due = if self.handover.is_some() { self.due.min(skewed) } else { skewed };
                self.handover = None;
            }
        } else if self.leaves_alone(config, local, own, heard) {
            self.restart(config, local.max(self.backup_since), own, Some(heard));
        } else if config.fast_handover
            && self.accepted == Some(heard.source)
            && local >= self.backup_since
        {
            self.due = self.due.min(local + skew(config, own, self.followed));
            (self.accepted, self.handover) = (None, Some((local, heard)));
        }
    }

    /// Whether the sender of that advert is to go on, as far as this Backup Router is
    /// concerned.
    fn leaves_alone(
        &mut self,
        config: &Config,
        local: Instant,
        own: Priority,
        heard: Heard,
    ) -> bool {
        if !outranks(config, own, heard.priority) {
            self.lower_since = None;
            return true;
        }
        local < *self.lower_since.get_or_insert(local) + config.preempt_delay
    }

    fn restart(&mut self, config: &Config, local: Instant, own: Priority, heard: Option<Heard>) {
        self.followed = match (config.version, heard) {
            (Version::V3, Some(heard)) => heard.interval,
            _ => config.interval,
        };
        self.due = local + active_down(config, own, self.followed);
        (self.accepted, self.handover) = (heard.map(|heard| heard.source), None);
    }

    /// Another priority waits for another Skew_Time: all of it, from the beginning.
    fn shift(&mut self, config: &Config, turn: &Turn) {
        let [before, after] = [turn.priority_before, turn.priority]
            .map(|priority| skew(config, priority, self.followed));
        let due_micros = (self.due + after).as_micros().saturating_sub(before.as_micros() as u64);
        self.due = Instant::from_micros(due_micros);
        self.shifted_at = turn.local;
        // Whoever is not better any more follows on.
        if let Some((at, heard)) = self.handover
            && !outranks(config, turn.priority, heard.priority)
        {
            self.lower_since = None;
            self.restart(config, at, turn.priority, Some(heard));
        }
    }
}

/// Whether an Active Router that need not yield to that advert answers it.
fn is_answered(config: &Config, heard: Heard) -> bool {
    !ignores_all(config) && (heard.priority.is_resignation() || !config.lower_prio_no_advert)
}

/// Whether an Active Router has to yield to the sender of that advert.
fn beats<M: Machine>(node: &Node<M>, turn: &Turn, heard: Heard) -> bool {
    !ignores_all(node.config())
        && (heard.priority, Some(heard.source)) > (turn.priority_before, node.source())
}
