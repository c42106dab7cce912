//! A router with an error in it: a wrapper around an engine and its kernel that changes what goes in
//! and what comes out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use vrrp::{Engine, EventKind, Input, Instant, InterfaceView, Settings, VirtualAddress};
use vrrp_fsm::{Heard, Influence, State};
use vrrp_net::{
    Announcement, Change, Filter, Interface, InterfaceName, Kernel, Link, NetError, Object, Outcome,
};
use vrrp_proto::{Family, IpMeta, Priority, TableName};
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
    /// A Backup Router takes every router of lower priority for the one that it follows.
    StrangerBelieved,
    /// What a killed predecessor left stays.
    LeftoversKept,
    /// Addresses that somebody else removes are not put back.
    NotPutBack,
    /// Who cannot hear takes part all the same.
    DeafnessIgnored,
    /// Addresses that the kernel refuses count as installed.
    RefusalIgnored,
    /// After a refusal the addresses are never tried again.
    RetryForgotten,
    /// A late timer fires before what has arrived is heard.
    ListeningOmitted,
    /// Who stood still until others have succeeded it goes on as if it had not.
    LatenessIgnored,
    /// Nobody is told where the addresses are.
    AnnouncementsLost,
    /// Who stops leaves its addresses behind.
    AddressesLeft,
    /// Adverts come from a virtual address.
    VirtualSource,
    /// Other settings come into force with the next start only.
    ReconfigurationIgnored,
    /// Other settings have all addresses installed anew.
    AllReinstalled,
}

impl Bug {
    pub(crate) const ALL: [Self; 25] = [
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
        Self::StrangerBelieved,
        Self::LeftoversKept,
        Self::NotPutBack,
        Self::DeafnessIgnored,
        Self::RefusalIgnored,
        Self::RetryForgotten,
        Self::ListeningOmitted,
        Self::LatenessIgnored,
        Self::AnnouncementsLost,
        Self::AddressesLeft,
        Self::VirtualSource,
        Self::ReconfigurationIgnored,
        Self::AllReinstalled,
    ];
}

pub(crate) struct Planted {
    engine: Engine,
    bug: Bug,
    shared: Arc<Mutex<Shared>>,
    /// Of a Backup Router whose timer is not restarted.
    first_deadline: Option<Instant>,
    /// Of a router that advertises in Fault.
    fault_deadline: Option<Instant>,
    /// How much time a router has not noticed that ignores how late it is.
    unnoticed: Duration,
}

/// What the engine's side and the kernel's side of the wrapper have in common.
struct Shared {
    kernel: Box<dyn Kernel>,
    /// Whether addresses are to stay although the engine removes them.
    keeps_addresses: bool,
    /// The last advert, and how many there were.
    last: Option<(IpMeta, Vec<u8>)>,
    sent: u64,
}

impl Shared {
    /// Sends the last advert again.
    fn repeat(&mut self) {
        if let Some((ip, message)) = &self.last {
            // A send that fails is seen by whoever watches the kernel.
            let _ = self.kernel.send_advert(ip, message);
        }
    }
}

impl Planted {
    pub(crate) fn new(bug: Bug, settings: Arc<Settings>, kernel: Box<dyn Kernel>) -> Self {
        let shared = Shared { kernel, keeps_addresses: false, last: None, sent: 0 };
        let shared = Arc::new(Mutex::new(shared));
        let kernel = Box::new(PlantedKernel { bug, shared: Arc::clone(&shared) });
        let engine = Engine::new(misread(bug, settings), kernel);
        let unnoticed = Duration::ZERO;
        Self { engine, bug, shared, first_deadline: None, fault_deadline: None, unnoticed }
    }

    /// The time as the router has it.
    fn time(&self, now: Instant) -> Instant {
        let now = self.earlier(now, self.unnoticed);
        match self.router().late_at() {
            Some(late_at) if self.bug == Bug::LatenessIgnored && now >= late_at => {
                self.earlier(late_at, Duration::from_micros(1))
            }
            _ => now,
        }
    }

    fn take_time(&mut self, now: Instant) -> Instant {
        let time = self.time(now);
        self.unnoticed = now.saturating_since(time);
        time
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// What the router hears instead of the truth; `None` if it hears nothing.
    fn distort(&self, heard: Heard) -> Option<Heard> {
        let own = self.router().primary_address();
        match self.bug {
            Bug::ResignationIgnored if heard.priority == Priority::RESIGN => None,
            Bug::IntervalNotLearnt => {
                Some(Heard { interval: self.router().config().interval, ..heard })
            }
            Bug::TieBreakReversed if self.router().state() == State::Active => {
                let source = extreme(heard.source, Some(heard.source) < own);
                Some(Heard { source, ..heard })
            }
            Bug::StrangerBelieved
                if heard.priority != Priority::RESIGN
                    && heard.priority < self.router().priority() =>
            {
                let source = self.router().followed().unwrap_or(heard.source);
                Some(Heard { source, ..heard })
            }
            _ => Some(heard),
        }
    }

    /// What the router takes its interfaces for.
    fn distort_view(&self, view: InterfaceView) -> InterfaceView {
        let mut view = view;
        if self.bug == Bug::VirtualSource {
            let first = self.engine.settings().addresses.first();
            view.primary = view.primary.and(first.map(|address: &VirtualAddress| address.address));
        }
        view
    }

    /// What the router is told instead of the truth; `None` if it is told nothing.
    fn distort_input(&self, input: Input) -> Option<Input> {
        Some(match input {
            Input::Advert(heard) => Input::Advert(self.distort(heard)?),
            Input::Interfaces(view) => Input::Interfaces(self.distort_view(view)),
            Input::Removed(_) if self.bug == Bug::NotPutBack => return None,
            Input::Hearing(_) if self.bug == Bug::DeafnessIgnored => Input::Hearing(true),
            Input::Reconfigure { .. } if self.bug == Bug::ReconfigurationIgnored => return None,
            Input::Reconfigure { settings, view, influences } => Input::Reconfigure {
                settings: misread(self.bug, settings),
                view: self.distort_view(view),
                influences,
            },
            input => input,
        })
    }

    fn earlier(&self, deadline: Instant, by: Duration) -> Instant {
        let by_micros = u64::try_from(by.as_micros()).unwrap();
        Instant::from_micros(deadline.as_micros().saturating_sub(by_micros))
    }

    /// Looks after the deadlines that are not the router's own.
    fn note_state(&mut self, now: Instant) {
        let state = self.router().state();
        self.first_deadline = match state {
            State::Backup => self.first_deadline.or(self.router().deadline()),
            _ => None,
        };
        let interval = self.router().config().interval.as_duration();
        self.fault_deadline = match (state, self.fault_deadline) {
            (State::Fault, Some(at)) if now < at => Some(at),
            (State::Fault, _) => Some(now + interval),
            _ => None,
        };
    }

    /// Takes all addresses away, and has them put back.
    fn reinstall(&mut self, now: Instant) {
        let settings = Arc::clone(self.engine.settings());
        let Some(interface) = self.engine.view().interface else { return };
        let objects = settings.addresses.iter().map(|it| Object::from(it.on(interface)));
        let (changes, keys): (Vec<_>, Vec<_>) =
            objects.map(|object| (Change::Remove(object.clone()), object.key())).unzip();
        if self.engine.is_installed() {
            self.shared().kernel.apply(&changes);
            self.engine.handle(now, Input::Removed(keys));
        }
    }

    /// Answers an advert that loses, if the router has not.
    fn answer(&self, heard: Heard, sent_before: u64) {
        let router = self.router();
        let own = (router.priority(), router.primary_address());
        let config = router.config();
        let ignores = config.owner_ignore_adverts && config.priority.is_owner();
        let loses = router.state() == State::Active && (heard.priority, Some(heard.source)) < own;
        let mut shared = self.shared();
        let is_same = |message: &[u8]| message[2] == router.priority().get();
        let fits = shared.last.as_ref().is_some_and(|(.., message)| is_same(message));
        if loses && fits && !ignores && !config.lower_prio_no_advert && shared.sent == sent_before {
            shared.repeat();
        }
    }
}

/// The settings as a router with this error takes them.
fn misread(bug: Bug, settings: Arc<Settings>) -> Arc<Settings> {
    let mut misread = Settings::clone(&settings);
    match bug {
        Bug::PreemptionForgotten => misread.machine.preempt = false,
        Bug::LoserNotAnswered => misread.machine.lower_prio_no_advert = true,
        _ => return settings,
    }
    Arc::new(misread)
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
    fn start(
        &mut self,
        now: Instant,
        view: InterfaceView,
        can_hear: bool,
        influences: Vec<(Arc<str>, Influence)>,
    ) {
        let view = self.distort_view(view);
        let can_hear = can_hear || self.bug == Bug::DeafnessIgnored;
        self.shared().keeps_addresses = self.bug == Bug::LeftoversKept;
        self.engine.start(now, view, can_hear, influences);
        self.shared().keeps_addresses = false;
        self.note_state(now);
    }

    fn handle(&mut self, now: Instant, input: Input) {
        let Some(input) = self.distort_input(input) else { return };
        let heard = match input {
            Input::Advert(heard) => Some(heard),
            _ => None,
        };
        self.shared().keeps_addresses = match self.bug {
            Bug::AddressesKept => heard.is_some(),
            Bug::AddressesLeft => input == Input::Shutdown,
            _ => false,
        };
        let sent_before = self.shared().sent;
        let reinstalls =
            self.bug == Bug::AllReinstalled && matches!(input, Input::Reconfigure { .. });
        let time = self.take_time(now);
        self.engine.handle(time, input);
        if reinstalls {
            self.reinstall(now);
        }
        self.shared().keeps_addresses = false;
        if let Some(heard) = heard.filter(|_| self.bug == Bug::AnswersUnlimited) {
            self.answer(heard, sent_before);
        }
        self.note_state(now);
    }

    fn timer(&mut self, now: Instant) {
        let is_due = self.deadline().is_some_and(|deadline| now >= deadline);
        match (self.bug, self.router().state()) {
            // Now, long before its time.
            (Bug::SkewOmitted | Bug::TimerNotRestarted, State::Backup) if is_due => {
                let due = self.router().deadline().unwrap_or(now).max(now);
                self.engine.timer(due);
            }
            (Bug::AdvertsInFault, State::Fault) if is_due => self.shared().repeat(),
            _ => {
                let time = self.take_time(now);
                self.engine.timer(time);
            }
        }
        self.note_state(now);
    }

    fn deadline(&self) -> Option<Instant> {
        let (deadline, own) = (self.engine.deadline(), self.router().deadline());
        match (self.bug, self.router().state()) {
            (Bug::SkewOmitted, State::Backup) => {
                own.map(|deadline| self.earlier(deadline, self.router().skew_time()))
            }
            (Bug::TimerNotRestarted, State::Backup) => self.first_deadline.or(deadline),
            (Bug::AdvertLate, State::Active) if deadline == own => {
                let late = self.router().config().interval.as_duration() / 10;
                deadline.map(|deadline| deadline + late)
            }
            (Bug::AdvertsInFault, State::Fault) => self.fault_deadline,
            (Bug::RetryForgotten, State::Fault) => None,
            _ => deadline.map(|deadline| deadline + self.unnoticed),
        }
    }

    fn must_listen_first(&self, now: Instant) -> bool {
        self.bug != Bug::ListeningOmitted && self.engine.must_listen_first(self.time(now))
    }

    fn take_events(&mut self) -> Vec<EventKind> {
        self.engine.take_events()
    }

    fn engine(&self) -> &Engine {
        &self.engine
    }
}

/// The kernel as a router with an error sees it.
struct PlantedKernel {
    bug: Bug,
    shared: Arc<Mutex<Shared>>,
}

impl PlantedKernel {
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }
}

impl Kernel for PlantedKernel {
    fn attach(&mut self, interface: Option<Interface>) -> Result<(), NetError> {
        self.shared().kernel.attach(interface)
    }

    fn detach(&mut self) {
        self.shared().kernel.detach();
    }

    fn link(&mut self, name: InterfaceName) -> Result<Option<Link>, NetError> {
        self.shared().kernel.link(name)
    }

    fn apply(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
        let mut shared = self.shared();
        if shared.keeps_addresses && !changes.iter().any(Change::is_add) {
            return vec![Ok(Outcome::NotThere); changes.len()];
        }
        let mut outcomes = shared.kernel.apply(changes);
        if self.bug == Bug::RefusalIgnored {
            outcomes.iter_mut().for_each(|outcome| *outcome = Ok(Outcome::Added));
        }
        outcomes
    }

    fn filters(&mut self, table: TableName) -> Result<Vec<Filter>, NetError> {
        self.shared().kernel.filters(table)
    }

    fn send_advert(&mut self, ip: &IpMeta, message: &[u8]) -> Result<(), NetError> {
        let mut shared = self.shared();
        let resigns = message[2] == Priority::RESIGN.get();
        if resigns && self.bug == Bug::NoResignation {
            return Ok(());
        }
        shared.sent += 1;
        if !resigns {
            shared.last = Some((*ip, message.to_vec()));
        }
        shared.kernel.send_advert(ip, message)
    }

    fn announce(&mut self, announcements: &[Announcement]) -> Result<usize, NetError> {
        match self.bug {
            Bug::AnnouncementsLost => Ok(announcements.len()),
            _ => self.shared().kernel.announce(announcements),
        }
    }
}
