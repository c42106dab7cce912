//! What holds after every event, whatever it was and whenever it came: for the property tests and
//! for the fuzz target.

use core::time::Duration;

use vrrp_fsm::{Action, Actions, Cause, Config, Event, Heard, Instant, Router, State};
use vrrp_proto::Priority;

/// A router, and what its actions have made of the world.
pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) now: Instant,
    last_advert: Option<Heard>,
    installed: bool,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        let router = Router::new(config);
        Self { router, now: Instant::ZERO, last_advert: None, installed: false }
    }

    /// Time passes, and then this happens.
    pub(crate) fn after(&mut self, time: Duration, event: Event) -> Told {
        self.tell(self.now + time, event)
    }

    /// The deadline passes, and the router is told so late.
    pub(crate) fn deadline(&mut self, late: Duration) -> Told {
        let deadline = self.router.deadline().unwrap_or(self.now) + late;
        self.tell(self.now.max(deadline), Event::Timer)
    }

    /// Time passes, and the last advert comes once more.
    pub(crate) fn again(&mut self, time: Duration) -> Told {
        let event = self.last_advert.map_or(Event::Timer, Event::Advert);
        self.after(time, event)
    }

    /// Tells the router of an event, and checks what came of it.
    pub(crate) fn tell(&mut self, now: Instant, event: Event) -> Told {
        self.now = now;
        if let Event::Advert(heard) = event {
            self.last_advert = Some(heard);
        }
        let before = self.router.clone();
        let actions = self.router.handle(now, event.clone());
        let told = Told { before, event, actions };
        self.check_lateness(&told);
        self.check_addresses(&told.actions);
        self.check_adverts(&told);
        self.check_transition(&told);
        self.check_priority(&told);
        self.check_part();
        self.check_deadline(&told.event);
        self.check_parking(&told);
        self.check_reconfiguration(&told);
        told
    }

    /// Who was silent for so long that others have succeeded it steps down before anything else,
    /// and does not resign.
    fn check_lateness(&self, Told { before, actions, .. }: &Told) {
        if !before.must_step_down(self.now) {
            return;
        }
        let [Action::RemoveAddresses, Action::Transition(transition), after @ ..] = &**actions
        else {
            panic!("{actions:?}");
        };
        assert!(matches!(transition.cause, Cause::Late { .. }));
        assert_eq!((transition.from, transition.to), (State::Active, State::Backup));
        assert!(!after.contains(&Action::SendAdvert { priority: Priority::RESIGN }));
    }

    /// The addresses are installed exactly while the router is Active.
    fn check_addresses(&mut self, actions: &Actions) {
        for action in actions {
            match action {
                Action::InstallAddresses => self.installed = true,
                Action::RemoveAddresses => self.installed = false,
                _ => {}
            }
        }
        assert_eq!(self.installed, self.router.state() == State::Active);
    }

    /// Only an Active Router advertises and announces; it resigns when it leaves for anything but
    /// Backup.
    fn check_adverts(&self, told: &Told) {
        let states = (told.before.state(), self.router.state());
        match told.adverts()[..] {
            [] => {}
            [Priority::RESIGN] => {
                assert_eq!(states.0, State::Active);
                assert!(matches!(states.1, State::Initialize | State::Fault));
            }
            [priority] => {
                assert!(states.0 == State::Active || states.1 == State::Active);
                assert_eq!(priority, self.router.priority());
            }
            _ => panic!("two adverts at once: {:?}", told.actions),
        }
        for action in &told.actions {
            if let Action::Announce { rounds } = action {
                assert_eq!(states.1, State::Active);
                assert!(*rounds > 0);
            }
        }
    }

    /// Every change of state is reported, once and truly.
    fn check_transition(&self, Told { before, actions, .. }: &Told) {
        let mut transitions = actions.iter().filter_map(|action| match action {
            Action::Transition(transition) => Some(transition),
            _ => None,
        });
        let router = &self.router;
        let mut from = before.state();
        if before.must_step_down(self.now) {
            let late = transitions.next().expect("it steps down");
            if late.to == router.state() && transitions.clone().next().is_none() {
                assert_eq!(router.last_transition(), Some(late));
                return;
            }
            from = late.to;
        } else if from == router.state() {
            assert_eq!(transitions.next(), None);
            assert_eq!(before.since(), router.since());
            return;
        }
        let transition = transitions.next().expect("a change of state is reported");
        assert_eq!(transitions.next(), None);
        assert_eq!((transition.from, transition.to), (from, router.state()));
        assert_eq!(transition.priority, router.priority());
        assert_eq!(router.since(), Some(self.now));
        assert_eq!(router.last_transition(), Some(transition));
        assert!(!transition.to_string().is_empty());
    }

    /// A router that takes part reports every change of its priority, which stays in range.
    fn check_priority(&self, Told { before, actions, .. }: &Told) {
        let router = &self.router;
        let (from, to) = (before.priority(), router.priority());
        let reported = actions.contains(&Action::PriorityChanged { from, to });
        let reports = router.since().is_some() && router.state() != State::Initialize;
        assert!(!reported || from != to);
        assert!(reported || from == to || !reports, "{actions:?} from {from} to {to}");
        assert_eq!(to.is_owner(), router.config().priority.is_owner());
        assert!(!to.is_resignation());
    }

    /// Who has a fault takes no part, and who takes part has none.
    fn check_part(&self) {
        let faulty = self.router.faults().next().is_some();
        match self.router.state() {
            State::Backup | State::Active => assert!(!faulty),
            State::Fault => assert!(faulty || self.router.waiting_for().next().is_some()),
            State::Initialize => {}
        }
    }

    /// There is a deadline exactly while the router takes part, it is in reach, and a timer does
    /// not come again at once.
    fn check_deadline(&self, event: &Event) {
        let router = &self.router;
        let takes_part = matches!(router.state(), State::Backup | State::Active);
        assert_eq!(router.deadline().is_some(), takes_part);
        let Some(deadline) = router.deadline() else { return };
        let longest = match router.state() {
            State::Backup => router.active_down_interval(),
            _ => router.config().interval.as_duration(),
        };
        assert!(deadline <= self.now + longest);
        let end_of_time = self.now == Instant::from_micros(u64::MAX);
        assert!(*event != Event::Timer || deadline > self.now || end_of_time, "it would spin");
    }

    /// What parking an advert rests on: an expected one does nothing but restart the timer.
    fn check_parking(&self, told: &Told) {
        let Event::Advert(heard) = &told.event else { return };
        if !told.before.would_only_restart_timer(heard) {
            return;
        }
        let router = &self.router;
        assert!(told.actions.is_empty());
        assert_eq!(router.state(), State::Backup);
        assert_eq!(router.deadline(), Some(self.now + router.active_down_interval()));
        assert_eq!(router.expected_advert(), told.before.expected_advert());
    }

    /// New settings end no state by themselves, and equal ones are nothing.
    fn check_reconfiguration(&self, Told { before, event, actions }: &Told) {
        let (config, trackers) = match event {
            Event::Reconfigure(config) => (config, None),
            Event::Reload { config, trackers } => (config, Some(&**trackers)),
            _ => return,
        };
        let router = &self.router;
        assert_eq!(router.config(), config);
        let is_equal = before.config() == config
            && trackers.is_none_or(|trackers| trackers == before.contributions());
        if is_equal && !before.must_step_down(self.now) {
            assert!(actions.is_empty());
            assert_eq!(format!("{before:?}"), format!("{router:?}"));
        }
        let (was, is) = (before.state(), router.state());
        let is_faulty = router.faults().next().is_some();
        let is_late = before.must_step_down(self.now);
        assert!(was != State::Active || is == State::Active || is_faulty || is_late);
        let becomes_owner = !before.priority().is_owner() && router.priority().is_owner();
        assert!(was != State::Backup || is == State::Backup || is_faulty || becomes_owner);
    }
}

/// An event, the router before it, and what came of it.
pub(crate) struct Told {
    pub(crate) before: Router,
    pub(crate) event: Event,
    pub(crate) actions: Actions,
}

impl Told {
    fn adverts(&self) -> Vec<Priority> {
        let priority = |action: &Action| match action {
            Action::SendAdvert { priority } => Some(*priority),
            _ => None,
        };
        self.actions.iter().filter_map(priority).collect()
    }
}
