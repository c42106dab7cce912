//! A router with an error in it: a wrapper that changes what goes in and what comes out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use vrrp_fsm::{Action, Config, Event, Heard, Instant, Report, Router, State};
use vrrp_proto::{Family, Priority};
use vrrp_sim::Machine;

/// What is wrong with the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Nothing.
    None,
    /// A Backup Router waits for the adverts only, and not for the Skew_Time.
    SkewOmitted,
    /// Of two routers of one priority the one with the lower address wins.
    TieBreakReversed,
    /// A resignation is not heard.
    ResignationIgnored,
    /// A Backup Router waits no longer because of an advert.
    TimerNotRestarted,
    /// A Backup Router counts the adverts in its own interval.
    IntervalNotLearnt,
    /// Who yields keeps the addresses.
    AddressesKept,
    /// A router in Fault goes on advertising.
    AdvertsInFault,
    /// An Active Router does not answer a losing advert.
    LoserNotAnswered,
    /// An Active Router answers every losing advert at once, however many there are.
    AnswersUnlimited,
    /// Who stops does not resign.
    NoResignation,
    /// An advert is late by a tenth of the interval.
    AdvertLate,
    /// A Backup Router never preempts.
    PreemptionForgotten,
}

impl Bug {
    pub(crate) const ALL: [Self; 12] = [
        Self::SkewOmitted,
        Self::TieBreakReversed,
        Self::ResignationIgnored,
        Self::TimerNotRestarted,
        Self::IntervalNotLearnt,
        Self::AddressesKept,
        Self::AdvertsInFault,
        Self::LoserNotAnswered,
        Self::AnswersUnlimited,
        Self::NoResignation,
        Self::AdvertLate,
        Self::PreemptionForgotten,
    ];
}

pub(crate) struct Planted {
    router: Router,
    bug: Bug,
    /// Of a Backup Router whose timer is not restarted.
    first_deadline: Option<Instant>,
    /// Of a router that advertises in Fault.
    fault_deadline: Option<Instant>,
}

impl Planted {
    pub(crate) fn new(bug: Bug, config: &Config) -> Self {
        let config = match bug {
            Bug::PreemptionForgotten => Config { preempt: false, ..config.clone() },
            Bug::LoserNotAnswered => Config { lower_prio_no_advert: true, ..config.clone() },
            _ => config.clone(),
        };
        Self { router: Router::new(config), bug, first_deadline: None, fault_deadline: None }
    }

    /// What the router hears instead of the truth; `None` if it hears nothing.
    fn distort(&self, heard: Heard) -> Option<Heard> {
        let own = self.router.primary_address();
        match self.bug {
            Bug::ResignationIgnored if heard.priority == Priority::RESIGN => None,
            Bug::IntervalNotLearnt => {
                Some(Heard { interval: self.router.config().interval, ..heard })
            }
            Bug::TieBreakReversed if self.router.state() == State::Active => {
                let source = extreme(heard.source, Some(heard.source) < own);
                Some(Heard { source, ..heard })
            }
            _ => Some(heard),
        }
    }

    /// Lets a Backup Router's timer fire now, long before its time.
    fn fire(&mut self, now: Instant) -> Vec<Action> {
        let due = self.router.deadline().unwrap_or(now).max(now);
        let actions = self.router.handle(due, Event::Timer).into_iter().collect();
        // The next advert is then to be counted from now.
        let config = self.router.config().clone();
        let nothing = self.router.handle(now, Event::Reconfigure(config));
        assert!(nothing.is_empty());
        actions
    }

    fn earlier(&self, deadline: Instant, by: Duration) -> Instant {
        let by_micros = u64::try_from(by.as_micros()).unwrap();
        Instant::from_micros(deadline.as_micros().saturating_sub(by_micros))
    }

    /// Looks after the deadlines that are not the router's own.
    fn note_state(&mut self, now: Instant) {
        let state = self.router.state();
        self.first_deadline = match state {
            State::Backup => self.first_deadline.or(self.router.deadline()),
            _ => None,
        };
        let interval = self.router.config().interval.as_duration();
        self.fault_deadline = match (state, self.fault_deadline) {
            (State::Fault, Some(at)) if now < at => Some(at),
            (State::Fault, _) => Some(now + interval),
            _ => None,
        };
    }

    /// Answers an advert that loses, if that is put off.
    fn answer(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let mut actions: Vec<_> = self.router.handle(now, event).into_iter().collect();
        let lost = |action: &Action| matches!(action, Action::Report(Report::LosingAdvert(_)));
        let is_sent = |action: &Action| matches!(action, Action::SendAdvert { .. });
        if actions.iter().any(lost)
            && !actions.iter().any(is_sent)
            && !self.router.config().lower_prio_no_advert
        {
            actions.push(Action::SendAdvert { priority: self.router.priority() });
        }
        actions
    }

    fn act(&mut self, now: Instant, event: Event) -> Vec<Action> {
        if self.bug == Bug::AnswersUnlimited {
            return self.answer(now, event);
        }
        if event != Event::Timer {
            return self.router.handle(now, event).into_iter().collect();
        }
        let is_due = self.deadline().is_some_and(|deadline| now >= deadline);
        match (self.bug, self.router.state()) {
            (Bug::SkewOmitted | Bug::TimerNotRestarted, State::Backup) if is_due => self.fire(now),
            (Bug::AdvertLate, State::Active) if !is_due => Vec::new(),
            (Bug::AdvertsInFault, State::Fault) if is_due => {
                vec![Action::SendAdvert { priority: self.router.priority() }]
            }
            _ => self.router.handle(now, Event::Timer).into_iter().collect(),
        }
    }
}

/// An address below or above all that take part.
fn extreme(like: IpAddr, highest: bool) -> IpAddr {
    match (Family::of(like), highest) {
        (Family::V4, false) => Ipv4Addr::UNSPECIFIED.into(),
        (Family::V4, true) => Ipv4Addr::BROADCAST.into(),
        (Family::V6, false) => Ipv6Addr::UNSPECIFIED.into(),
        (Family::V6, true) => Ipv6Addr::from([0xff; 16]).into(),
    }
}

impl Machine for Planted {
    fn handle(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let event = match event {
            Event::Advert(heard) => match self.distort(heard) {
                Some(heard) => Event::Advert(heard),
                None => return Vec::new(),
            },
            event => event,
        };
        let before = self.router.state();
        let mut actions = self.act(now, event);
        let after = self.router.state();
        actions.retain(|action| match (self.bug, action) {
            (Bug::AddressesKept, Action::RemoveAddresses) => {
                (before, after) != (State::Active, State::Backup)
            }
            (Bug::NoResignation, Action::SendAdvert { priority }) => *priority != Priority::RESIGN,
            _ => true,
        });
        self.note_state(now);
        actions
    }

    fn deadline(&self) -> Option<Instant> {
        let deadline = self.router.deadline();
        match (self.bug, self.router.state()) {
            (Bug::SkewOmitted, State::Backup) => {
                deadline.map(|deadline| self.earlier(deadline, self.router.skew_time()))
            }
            (Bug::TimerNotRestarted, State::Backup) => self.first_deadline.or(deadline),
            (Bug::AdvertLate, State::Active) => {
                let late = self.router.config().interval.as_duration() / 10;
                deadline.map(|deadline| deadline + late)
            }
            (Bug::AdvertsInFault, State::Fault) => self.fault_deadline,
            _ => deadline,
        }
    }

    fn router(&self) -> &Router {
        &self.router
    }
}
