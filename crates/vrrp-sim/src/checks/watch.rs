//! What one router owes, by its own clock, by what it was told and by nothing else.
//!
//! The formulas are written down here once more on purpose: taken from `vrrp-fsm` they would
//! agree with its errors.

use std::time::Duration;

use vrrp_fsm::{Action, Config, Event, Heard, Instant, State};
use vrrp_proto::{Interval, Priority, Version};

use crate::checks::violation::Violation;
use crate::happening::Turn;
use crate::machine::Machine;
use crate::node::Node;

/// Times are computed in whole microseconds, and a clock is read in them.
const ROUNDING: Duration = Duration::from_micros(2);

/// The timers that a router should have.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    /// When it sent its last advert.
    sent_at: Instant,
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
    /// Since when it hears a router of lower priority.
    lower_since: Option<Instant>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            sent_at: Instant::ZERO,
            owes_answer: false,
            answers_from: Instant::ZERO,
            due: Instant::ZERO,
            shifted_at: Instant::ZERO,
            followed: Interval::DEFAULT,
            lower_since: None,
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
        if turn.installed != (turn.after == State::Active) {
            return Err(Violation::Addresses {
                node: turn.node,
                state: turn.after,
                installed: turn.installed,
            });
        }
        self.check_transition(node, turn)?;
        self.check_adverts(node, turn)?;
        self.count_adverts(node.config(), turn);
        self.follow(node.config(), turn);
        Ok(())
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

    fn check_transition<M: Machine>(&self, node: &Node<M>, turn: &Turn) -> Result<(), Violation> {
        use State::{Active, Backup, Fault, Initialize};
        let Turn { before, after, event, local, .. } = turn;
        let better = heard(turn).is_some_and(|heard| beats(node, turn, heard));
        let founded = match (before, after) {
            (Active, Active) if better => {
                return Err(Violation::DidNotYield { node: turn.node, after: *after });
            }
            (Active, Backup) => better,
            (Backup, Active) => {
                let early = self.due.saturating_since(*local + ROUNDING);
                if !early.is_zero() {
                    return Err(Violation::TookOverEarly { node: turn.node, early });
                }
                *event == Event::Timer
            }
            (Initialize | Fault, Active) => turn.priority.is_owner() && !turn.waiting,
            (Initialize | Fault, Backup) => !turn.priority.is_owner() && !turn.waiting,
            (Initialize | Backup | Active, Fault) => {
                !matches!(event, Event::Timer | Event::Advert(_))
            }
            (Backup | Active | Fault, Initialize) => *event == Event::Shutdown,
            (Initialize, Initialize) | (Backup, Backup) | (Active, Active) | (Fault, Fault) => {
                *event != Event::Shutdown || *before == Initialize
            }
        };
        if founded {
            return Ok(());
        }
        Err(Violation::Unfounded { node: turn.node, before: *before, after: *after })
    }

    fn check_adverts<M: Machine>(&self, node: &Node<M>, turn: &Turn) -> Result<(), Violation> {
        let required = self.required_advert(node, turn);
        if sent(turn).eq(required) {
            return Ok(());
        }
        Err(Violation::Adverts {
            node: turn.node,
            before: turn.before,
            after: turn.after,
            sent: sent(turn).collect(),
            required,
        })
    }

    /// The one advert that this turn takes, if any.
    fn required_advert<M: Machine>(&self, node: &Node<M>, turn: &Turn) -> Option<Priority> {
        use State::{Active, Backup, Fault, Initialize};
        let config = node.config();
        let own = turn.priority;
        match (turn.before, turn.after) {
            (Active, Active) => self.takes_advert(node, turn).then_some(own),
            (_, Active) => Some(own),
            (Active, Backup) => config.higher_prio_send_advert.then_some(own),
            (Active, Fault) => (!turn.mute).then_some(Priority::RESIGN),
            (Active, Initialize) => Some(Priority::RESIGN),
            _ => None,
        }
    }

    /// Whether an Active Router that stays one has to advertise now.
    fn takes_advert<M: Machine>(&self, node: &Node<M>, turn: &Turn) -> bool {
        let config = node.config();
        match turn.event {
            Event::Timer => turn.local >= self.next_advert(config),
            Event::Advert(heard) => is_answered(config, heard) && turn.local >= self.answers_from,
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
        } else if heard(turn).is_some_and(|heard| is_answered(config, heard)) {
            self.owes_answer = true;
        }
        if sent(turn).next().is_some() {
            self.sent_at = turn.local;
            if std::mem::take(&mut self.owes_answer) {
                self.answers_from = turn.local + answers_apart(config);
            }
        }
    }

    /// Moves the timers as the protocol says.
    fn follow(&mut self, config: &Config, turn: &Turn) {
        let Turn { local, priority, .. } = *turn;
        if turn.after != State::Backup {
            return;
        }
        let heard = heard(turn);
        if turn.before != State::Backup {
            self.lower_since = None;
            self.restart(config, local, priority, heard);
            return;
        }
        match heard {
            // It was followed when it arrived.
            Some(_) if turn.parked => {}
            Some(heard) => self.hear(config, local, priority, heard),
            None if priority != turn.priority_before => self.shift(config, turn),
            None => {}
        }
    }

    /// A Backup Router heard that advert. If it left it aside, that changes nothing about what
    /// it owes.
    pub(crate) fn hear(&mut self, config: &Config, local: Instant, own: Priority, heard: Heard) {
        if heard.priority.is_resignation() {
            self.due = local + skew(config, own, self.followed);
        } else if self.leaves_alone(config, local, own, heard) {
            self.restart(config, local, own, Some(heard));
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
    }

    /// Another priority waits for another Skew_Time: all of it, from the beginning.
    fn shift(&mut self, config: &Config, turn: &Turn) {
        let [before, after] = [turn.priority_before, turn.priority]
            .map(|priority| skew(config, priority, self.followed));
        let due_micros = (self.due + after).as_micros().saturating_sub(before.as_micros() as u64);
        self.due = Instant::from_micros(due_micros);
        self.shifted_at = turn.local;
    }
}

/// The advert that was heard in this turn.
fn heard(turn: &Turn) -> Option<Heard> {
    match turn.event {
        Event::Advert(heard) => Some(heard),
        _ => None,
    }
}

/// The priorities that were advertised in this turn.
fn sent(turn: &Turn) -> impl Iterator<Item = Priority> {
    turn.actions.iter().filter_map(|action| match action {
        Action::SendAdvert { priority } => Some(*priority),
        _ => None,
    })
}

/// Whether an Active Router that need not yield to that advert answers it.
fn is_answered(config: &Config, heard: Heard) -> bool {
    !ignores_all(config) && (heard.priority.is_resignation() || !config.lower_prio_no_advert)
}

/// Whether an Active Router has to yield to the sender of that advert.
fn beats<M: Machine>(node: &Node<M>, turn: &Turn, heard: Heard) -> bool {
    !ignores_all(node.config())
        && (heard.priority, heard.source) > (turn.priority_before, node.address())
}
