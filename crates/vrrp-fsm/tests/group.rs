//! What members of a sync group do together.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

use core::time::Duration;

use vrrp_fsm::{
    Action, Config, Event, FaultReason, Group, GroupAction, GroupActions, GroupRules, Heard,
    Influence, Instant, Router, State,
};
use vrrp_proto::{Interval, Priority, Version};

/// A group whose members are called A, B and so on, and what it has done last.
struct Trial {
    group: Group,
    now: Instant,
}

fn config(priority: u8) -> Config {
    Config { priority: Priority::new(priority), ..Config::new(Version::V3) }
}

impl Trial {
    /// Members that can take part, before the start.
    fn ready(configs: impl IntoIterator<Item = Config>) -> Self {
        let mut trial = Self { group: Group::new(), now: Instant::ZERO };
        for (name, config) in ["A", "B", "C", "D"].into_iter().zip(configs) {
            trial.add(name, config);
        }
        trial
    }

    fn started(configs: impl IntoIterator<Item = Config>) -> Self {
        let mut trial = Self::ready(configs);
        trial.all(Event::Startup);
        trial
    }

    fn active(configs: impl IntoIterator<Item = Config>) -> Self {
        let mut trial = Self::started(configs);
        trial.wait_until_active();
        trial
    }

    fn add(&mut self, name: &str, config: Config) {
        let added = self.group.add(self.now, name, Router::new(config));
        assert!(added.is_empty());
        self.one(name, Event::PrimaryAddress(Some("192.0.2.1".parse().unwrap())));
    }

    fn one(&mut self, name: &str, event: Event) -> Vec<String> {
        told(&self.group.handle(self.now, name, event))
    }

    fn all(&mut self, event: Event) -> Vec<String> {
        told(&self.group.handle_all(self.now, &event))
    }

    fn deadline(&mut self) -> Vec<String> {
        self.now = self.group.deadline().expect("a timer runs").max(self.now);
        self.all(Event::Timer)
    }

    fn hears(&mut self, name: &str, priority: u8) -> Vec<String> {
        self.one(name, advert(priority, 100))
    }

    /// In silence, everyone's timer fires once.
    fn wait_until_active(&mut self) {
        let members = self.group.members().len();
        for _ in 0..members {
            if self.group.state() != State::Active {
                self.deadline();
            }
        }
        assert_eq!(self.group.state(), State::Active);
    }

    fn states(&self) -> Vec<State> {
        self.group.members().map(|(_, router)| router.state()).collect()
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }
}

fn advert(priority: u8, centis: u16) -> Event {
    Event::Advert(Heard {
        source: "192.0.2.9".parse().unwrap(),
        priority: Priority::new(priority),
        interval: Interval::from_centis(centis).unwrap(),
    })
}

fn tracker(name: &str, influence: Influence) -> Event {
    Event::Tracker { name: name.into(), influence }
}

/// What is done, but for announcements and reports.
fn told(actions: &GroupActions) -> Vec<String> {
    let line = |action: &GroupAction| {
        let (member, action) = match action {
            GroupAction::Member { member, action } => (["A", "B", "C", "D"][*member], action),
            GroupAction::Transition(transition) => return Some(format!("group: {transition}")),
        };
        let what = match action {
            Action::SendAdvert { priority } => format!("advert {priority}"),
            Action::InstallAddresses => "install".to_owned(),
            Action::RemoveAddresses => "remove".to_owned(),
            Action::Transition(t) => format!("{} to {}, {}", t.from, t.to, t.cause),
            Action::PriorityChanged { from, to } => format!("priority {from} to {to}"),
            Action::Announce { .. } | Action::Report(_) => return None,
        };
        Some(format!("{member}: {what}"))
    };
    actions.iter().filter_map(line).collect()
}

#[test]
fn all_become_active_when_the_last_timer_has_fired() {
    let mut trial = Trial::ready([config(200), config(100)]);
    assert_eq!(
        trial.all(Event::Startup),
        [
            "group: Initialize to Backup: A, started",
            "A: Initialize to Backup, started",
            "B: Initialize to Backup, started",
        ]
    );
    assert!(trial.deadline().is_empty(), "A alone does nothing");
    assert_eq!(trial.now.as_micros(), 3_218_750);
    let (_, a) = trial.group.members().next().unwrap();
    assert!(a.is_held_back() && a.deadline().is_none());
    assert_eq!(
        trial.deadline(),
        [
            "A: advert 200",
            "A: install",
            "A: Backup to Active, no other router was heard",
            "B: advert 100",
            "B: install",
            "B: Backup to Active, no other router was heard",
            "group: Backup to Active: A, no other router was heard",
        ]
    );
    assert_eq!(trial.now.as_micros(), 3_609_375);
}

#[test]
fn one_that_loses_takes_all_with_it_and_they_do_not_resign() {
    let mut trial = Trial::active([config(200), config(100)]);
    assert_eq!(
        trial.hears("B", 150),
        [
            "B: remove",
            "B: Active to Backup, 192.0.2.9 (priority 150) has the higher priority",
            "A: remove",
            "A: Active to Backup, follows B of its sync group",
            "group: Active to Backup: B, 192.0.2.9 (priority 150) has the higher priority",
        ]
    );
}

#[test]
fn one_that_fails_takes_all_with_it_and_all_come_back_together() {
    let mut trial = Trial::active([config(200), config(100)]);
    assert_eq!(
        trial.one("A", Event::Fault(FaultReason::NoCarrier)),
        [
            "A: remove",
            "A: Active to Fault, the interface has no carrier",
            "B: advert 0",
            "B: remove",
            "B: Active to Fault, A of its sync group cannot take part",
            "group: Active to Fault: A, the interface has no carrier",
        ]
    );
    assert!(trial.one("B", Event::Fault(FaultReason::InstallFailed)).is_empty());
    assert!(trial.one("A", Event::FaultCleared(FaultReason::NoCarrier)).is_empty());
    assert_eq!(
        trial.one("B", Event::FaultCleared(FaultReason::InstallFailed)),
        [
            "A: Fault to Backup, no longer: B of its sync group cannot take part",
            "B: Fault to Backup, no longer: the virtual addresses could not be installed",
            "group: Fault to Backup: B, no longer: the virtual addresses could not be installed",
        ]
    );
}

#[test]
fn nobody_preempts_alone_and_the_longest_delay_counts() {
    let delay = Duration::from_secs(30);
    let patient = Config { preempt_delay: delay, ..config(200) };
    let mut trial = Trial::started([config(200), patient]);
    for second in 0..60 {
        for name in ["A", "B"] {
            assert!(trial.hears(name, 100).is_empty());
        }
        trial.pass(1);
        trial.all(Event::Timer);
        if trial.group.state() == State::Active {
            assert!((30..36).contains(&second), "{second}");
            return;
        }
        assert_eq!(trial.states(), [State::Backup; 2]);
    }
    panic!("it never preempts");
}

#[test]
fn one_without_preemption_keeps_all_from_it() {
    let mut trial = Trial::started([config(200), Config { preempt: false, ..config(200) }]);
    for _ in 0..30 {
        for name in ["A", "B"] {
            trial.hears(name, 100);
        }
        trial.pass(1);
        trial.all(Event::Timer);
        assert_eq!(trial.states(), [State::Backup; 2]);
    }
}

#[test]
fn one_that_is_held_back_hears_its_master_and_waits_anew() {
    let mut trial = Trial::started([config(200), config(100)]);
    trial.deadline();
    trial.hears("A", 254);
    assert!(trial.deadline().is_empty(), "now B waits for A");
    assert_eq!(trial.states(), [State::Backup; 2]);
    trial.deadline();
    assert_eq!(trial.states(), [State::Active; 2]);
    assert_eq!(trial.now.as_micros(), 3_218_750 * 2);
}

#[test]
fn one_that_is_held_back_follows_a_resignation_anew() {
    let mut trial = Trial::started([config(200), config(100)]);
    trial.deadline();
    trial.hears("A", 0);
    trial.deadline();
    assert_eq!(trial.states(), [State::Backup; 2]);
    let told = trial.deadline();
    assert!(told.contains(&"A: Backup to Active, 192.0.2.9 resigned".to_owned()), "{told:?}");
}

#[test]
fn intervals_and_versions_may_differ() {
    let slow = Config { interval: Interval::from_centis(1000).unwrap(), ..config(100) };
    let fast = Config { interval: Interval::from_centis(10).unwrap(), ..config(100) };
    let old = Config { priority: Priority::new(100), ..Config::new(Version::V2) };
    let mut trial = Trial::started([slow, fast, old]);
    trial.wait_until_active();
    assert_eq!(trial.states(), [State::Active; 3]);
    assert_eq!(trial.now.as_micros(), 36_093_750);
    trial.now = trial.now + Duration::from_millis(100);
    assert_eq!(trial.all(Event::Timer), ["B: advert 100"]);
}

#[test]
fn a_group_that_stood_still_steps_down_before_anybody_speaks() {
    let slow = Config { interval: Interval::from_centis(200).unwrap(), ..config(100) };
    let mut trial = Trial::active([slow, config(100)]);
    // B has been succeeded, and A's advert is due.
    trial.pass(3);
    assert_eq!(
        trial.all(Event::Timer),
        [
            "B: remove",
            "B: Active to Backup, stood still for 3.000 s, in which others may have taken over",
            "A: remove",
            "A: Active to Backup, follows B of its sync group",
            "group: Active to Backup: B, stood still for 3.000 s, in which others may have taken \
             over",
        ]
    );
    trial.deadline();
    assert_eq!(trial.states(), [State::Backup; 2]);
}

#[test]
fn owners_that_stood_still_together_wait_for_nobody() {
    let mut trial = Trial::started([config(255), config(255)]);
    trial.pass(3);
    let told = trial.all(Event::Timer);
    let first_advert = told.iter().position(|told| told.contains("advert")).unwrap();
    assert!(told[..first_advert].contains(&"A: remove".to_owned()), "{told:?}");
    assert!(told[..first_advert].contains(&"B: remove".to_owned()), "{told:?}");
    assert_eq!(trial.states(), [State::Active; 2]);
}

#[test]
fn nobody_starts_while_one_waits_for_a_verdict() {
    let mut trial = Trial::ready([config(100), config(100)]);
    trial.one("B", tracker("check", Influence::Waiting));
    assert!(trial.all(Event::Startup).is_empty());
    let (_, a) = trial.group.members().next().unwrap();
    assert_eq!(a.waiting_for().collect::<Vec<_>>(), ["B"]);
    assert_eq!(
        trial.one("B", tracker("check", Influence::None)),
        [
            "group: Initialize to Backup: A, B gave its first verdict",
            "A: Initialize to Backup, B gave its first verdict",
            "B: Initialize to Backup, check gave its first verdict",
        ]
    );
}

#[test]
fn what_the_group_tracks_counts_for_all_at_once() {
    let mut trial = Trial::active([config(200), config(100)]);
    let lighter = trial.all(tracker("link", Influence::Weight(-50)));
    let expected =
        ["A: advert 150", "A: priority 200 to 150", "B: advert 50", "B: priority 100 to 50"];
    assert_eq!(lighter, expected);
    let told = trial.all(tracker("link", Influence::Fault));
    assert!(told.contains(&"B: Active to Fault, link failed".to_owned()), "{told:?}");
    assert_eq!(trial.states(), [State::Fault; 2]);
    trial.all(tracker("link", Influence::None));
    assert_eq!(trial.states(), [State::Backup; 2]);
}

#[test]
fn owners_are_active_at_once_only_if_all_are() {
    let trial = Trial::started([config(255), config(255)]);
    assert_eq!(trial.states(), [State::Active; 2]);
    let mut trial = Trial::started([config(255), config(100)]);
    assert_eq!(trial.states(), [State::Backup; 2]);
    trial.deadline();
    assert_eq!(trial.states(), [State::Active; 2], "the owner waited for nothing else");
    trial.hears("B", 200);
    assert_eq!(trial.states(), [State::Backup; 2]);
    trial.one("B", Event::Reconfigure(config(255)));
    assert_eq!(trial.states(), [State::Backup; 2], "A's timer runs");
    trial.deadline();
    assert_eq!(trial.states(), [State::Active; 2]);
}

#[test]
fn a_new_member_becomes_active_with_an_active_group_and_may_lose_for_all() {
    let mut trial = Trial::active([config(200), config(200)]);
    trial.add("C", config(100));
    let expected = ["C: advert 100", "C: install", "C: Initialize to Active, started"];
    assert_eq!(trial.one("C", Event::Startup), expected);
    trial.hears("C", 150);
    assert_eq!(trial.states(), [State::Backup; 3]);
}

#[test]
fn a_new_member_with_a_fault_takes_the_group_along_and_frees_it_when_it_leaves() {
    let mut trial = Trial::active([config(200), config(200)]);
    trial.add("C", config(100));
    trial.one("C", Event::Fault(FaultReason::InterfaceDown));
    assert_eq!(trial.states(), [State::Active, State::Active, State::Initialize]);
    trial.one("C", Event::Startup);
    assert_eq!(trial.states(), [State::Fault; 3]);
    let (c, actions, others) = trial.group.remove(trial.now, "C").unwrap();
    assert!(actions.is_empty());
    assert_eq!(c.state(), State::Fault);
    assert_eq!(others.len(), 3);
    assert_eq!(trial.states(), [State::Backup; 2]);
}

#[test]
fn routers_that_run_are_brought_together() {
    let mut trial = Trial::active([config(200), config(200)]);
    let (backup, ..) = Trial::started([config(100)]).group.remove(Instant::ZERO, "A").unwrap();
    let told = told(&trial.group.add(trial.now, "C", backup));
    assert!(told.contains(&"A: Active to Backup, follows C of its sync group".to_owned()));
    assert_eq!(trial.states(), [State::Backup; 3]);
}

#[test]
fn a_member_without_a_machine_is_a_fault_until_it_has_one() {
    let names = ["A", "B"].map(Into::into);
    let mut rules = GroupRules::new(names.into());
    let router = || {
        let mut router = Router::new(config(100));
        let here = Event::PrimaryAddress(Some("192.0.2.1".parse().unwrap()));
        let _ = router.handle(Instant::ZERO, here);
        GroupRules::join(&mut router);
        let _ = router.handle(Instant::ZERO, Event::Startup);
        router
    };
    let (mut a, mut b) = (router(), router());
    let _ = rules.settle(Instant::ZERO, &mut [Some(&mut a), Some(&mut b)]);
    assert_eq!(rules.state(), State::Backup);
    let told = told(&rules.settle(Instant::ZERO, &mut [Some(&mut a), None]));
    assert_eq!(
        told,
        [
            "A: Backup to Fault, B of its sync group cannot take part",
            "group: Backup to Fault: A, B of its sync group cannot take part",
        ]
    );
    let mut b = router();
    let _ = rules.settle(Instant::ZERO, &mut [Some(&mut a), Some(&mut b)]);
    assert_eq!((a.state(), b.state()), (State::Backup, State::Backup));
}

#[test]
fn a_repetition_is_not_put_aside_while_its_member_is_held_back() {
    let mut trial = Trial::started([config(100), config(100)]);
    trial.hears("A", 200);
    let expected =
        |trial: &Trial| trial.group.members().next().unwrap().1.expected_advert().is_some();
    assert!(expected(&trial));
    trial.pass(4);
    trial.one("A", Event::Timer);
    assert!(!expected(&trial));
}
