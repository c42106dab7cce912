//! What one thread drives: a virtual router with its inbox, started again when it dies.
//!
//! A page of stack that was touched once stays with its thread, and there may be hundreds. So what
//! is seldom or deep is kept out of the frames of its callers (`#[inline(never)]`), here and in
//! what is called from here: an idle router has three pages.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use vrrp_fsm::{Influence, Instant, State};
use vrrp_net::{Change, Kernel, Object};
use vrrp_proto::Priority;

use crate::engine::Engine;
use crate::events::{EventKind, EventSender};
use crate::holdings::{HolderId, Holdings};
use crate::inbox::{INBOX_MESSAGES, Inbox, Message, Watch};
use crate::input::Input;
use crate::order::Order;
use crate::outgoing::Signing;
use crate::platform::Platform;
use crate::port::Port;
use crate::receiver::Receiver;
use crate::route::Route;
use crate::safeguard::RouterSafeguard;
use crate::settings::Settings;
use crate::snapshot::{EngineSnapshot, RouterSnapshot, StandStill, identity};
use crate::status::{Past, RouterStatus};
use crate::view::InterfaceView;

mod member;

/// How many transitions are remembered for the operator.
const HISTORY: usize = 32;
/// How long a router that died waits before it is started again; twice as long after each time.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// How often that is doubled: up to about a minute.
const RESTART_DOUBLINGS: u32 = 6;
/// The same where the kernel refused it: up to eight seconds, since descriptors may be free again.
const REFUSED_DOUBLINGS: u32 = 3;
/// How long after its time a router that is woken by its receiver looks for itself.
const RECHECK: Duration = Duration::from_secs(5);
/// How long a router has to run for its deaths to be forgotten.
const RESTART_FORGOTTEN: Duration = Duration::from_secs(120);

/// What others see of a router without asking it.
#[derive(Debug)]
pub(crate) struct Published {
    status: Mutex<RouterStatus>,
    sent: AtomicU64,
    send_errors: AtomicU64,
    announced: AtomicU64,
    /// In microseconds; the highest number is none.
    deadline: AtomicU64,
}

impl Published {
    pub(crate) fn new(settings: Arc<Settings>) -> Self {
        Self {
            status: Mutex::new(RouterStatus::new(settings)),
            sent: AtomicU64::new(0),
            send_errors: AtomicU64::new(0),
            announced: AtomicU64::new(0),
            deadline: AtomicU64::new(u64::MAX),
        }
    }

    /// How the router stands, with the counters of this moment.
    pub(crate) fn status(&self, route: &Route) -> RouterStatus {
        let mut status = self.lock().clone();
        status.adverts_sent = self.sent.load(Ordering::Relaxed);
        status.send_errors = self.send_errors.load(Ordering::Relaxed);
        status.announced = self.announced.load(Ordering::Relaxed);
        let deadline = self.deadline.load(Ordering::Relaxed);
        let deadline = (deadline != u64::MAX).then(|| Instant::from_micros(deadline));
        status.deadline = route.mailbox.due().or(deadline);
        status.take_received(route);
        status
    }

    /// Whether it does not run although it should.
    pub(crate) fn is_dead(&self) -> bool {
        self.lock().died.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, RouterStatus> {
        // It is only ever overwritten as a whole.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a unit is made of.
pub(crate) struct Parts {
    pub(crate) settings: Arc<Settings>,
    pub(crate) platform: Arc<dyn Platform>,
    /// Opened beforehand, or not; then it is opened when the router starts.
    pub(crate) kernel: Option<Box<dyn Kernel>>,
    pub(crate) holdings: Holdings,
    pub(crate) holder: HolderId,
    pub(crate) safeguard: Option<Arc<dyn RouterSafeguard>>,
    pub(crate) receiver: Arc<Receiver>,
    pub(crate) route: Arc<Route>,
    pub(crate) inbox: Inbox,
    pub(crate) published: Arc<Published>,
    pub(crate) events: EventSender,
    pub(crate) view: InterfaceView,
    pub(crate) influences: Vec<(Arc<str>, Influence)>,
    /// Whether the operator wants it to take no part.
    pub(crate) is_drained: bool,
    /// What the signatures of an engine that died have come to.
    pub(crate) signing: Signing,
}

/// One virtual router, whoever drives it.
pub(crate) struct Unit {
    parts: Parts,
    phase: Phase,
    /// How often it died in a row.
    deaths: u32,
    /// Whether the kernel refused it when it was last to start.
    was_refused: bool,
    /// Whether it was told to shut down: then it is not started again, whatever happens.
    is_ending: bool,
    /// Shared with the status, and made anew with each transition.
    history: Arc<[Past]>,
    /// The counters of engines that died.
    before: Totals,
    /// Whether a sync group decides when it starts and becomes Active.
    is_member: bool,
    /// Whether another thread is to drive it.
    is_released: bool,
    /// To be done as soon as nothing waits.
    stand_still: Option<StandStill>,
    /// How it stood in another process, from which it is to go on.
    before_exec: Option<Box<EngineSnapshot>>,
}

/// The counters of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Totals {
    sent: u64,
    send_errors: u64,
    announced: u64,
    became_active: u64,
}

enum Phase {
    /// It runs since this time.
    Running(Box<Engine>, Instant),
    /// It died, and is to be started (again) at this time.
    Waiting(Instant),
    Ended,
}

impl Unit {
    /// A router that is not started yet.
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            parts,
            phase: Phase::Waiting(Instant::ZERO),
            deaths: 0,
            was_refused: false,
            is_ending: false,
            history: Arc::default(),
            before: Totals::default(),
            is_member: false,
            is_released: false,
            stand_still: None,
            before_exec: None,
        }
    }

    /// Goes on from how it stood in another process, when it starts.
    pub(crate) fn resume(&mut self, before: RouterSnapshot) {
        self.before = before.totals;
        self.history = before.history.into();
        self.before_exec = before.engine.map(Box::new);
        self.parts.route.resume(&before.route);
        if let Some(engine) = &self.before_exec {
            // So that nobody takes them for leftovers before it has started.
            let mut table = self.parts.holdings.lock();
            engine.objects.iter().for_each(|object| table.hold(self.parts.holder, object));
            self.parts.signing = engine.signing;
        }
    }

    /// What it begins with.
    pub(crate) fn begin_with(
        &mut self,
        view: InterfaceView,
        influences: Vec<(Arc<str>, Influence)>,
    ) {
        self.parts.view = view;
        self.parts.influences = influences;
    }

    /// Shows why it does not run although it should: there is nobody to drive it yet.
    pub(crate) fn show_waiting(&self, why: Arc<str>) {
        *self.parts.published.lock() = self.status_of_dead(why);
    }

    /// The name of its router.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.parts.settings.name
    }

    /// Drives the router until it is shut down, or another thread is to drive it.
    pub(crate) fn run(&mut self) {
        self.parts.inbox.wait_alone();
        loop {
            self.turn();
            self.publish_template();
            if self.has_ended() || std::mem::take(&mut self.is_released) {
                return;
            }
            if self.is_to_stand_still() {
                self.listen();
                if let Some(order) = self.answer_standing() {
                    order.wait();
                }
                continue;
            }
            if let Some(message) = self.parts.inbox.next(self.wake_up_at()) {
                self.guarded(|unit, _| unit.take_first(message));
            }
        }
    }

    /// Does all there is to do at the moment, without waiting.
    pub(crate) fn turn(&mut self) {
        self.guarded(|unit, now| {
            unit.restart_if_due(now);
            unit.take_parked();
            unit.take_waiting();
            unit.take_deadlines();
        });
        self.publish();
    }

    /// Whether it was shut down.
    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// When there is something to do at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Running(engine, _) => engine.deadline(),
            Phase::Waiting(until) => Some(*until),
            Phase::Ended => None,
        }
    }

    /// When it has to wake up of itself. While its adverts are parked its receiver knows better
    /// when it has something to do.
    fn wake_up_at(&self) -> Option<Instant> {
        let deadline = self.deadline();
        let Phase::Running(engine, _) = &self.phase else { return deadline };
        let (router, due) = (engine.router(), deadline?);
        let is_put_off = router.deadline() == deadline && router.expected_advert().is_some();
        let watch = Watch { due, after: router.active_down_interval() };
        let is_watched = is_put_off && self.parts.receiver.watch(&self.parts.route.mailbox, watch);
        Some(if is_watched { due + RECHECK } else { due })
    }

    /// Whether a message waits for it.
    pub(crate) fn has_messages(&self) -> bool {
        !self.parts.inbox.is_empty() || self.parts.route.mailbox.has_parked()
    }

    /// Says which advert needs no wake-up from now on, and whether one that came meanwhile was
    /// handled.
    pub(crate) fn publish_template(&mut self) -> bool {
        let route = Arc::clone(&self.parts.route);
        let mut has_heard = false;
        loop {
            let expected = match &self.phase {
                Phase::Running(engine, _) => engine.router().expected_advert(),
                _ => None,
            };
            let Some((at, heard)) = route.mailbox.publish(&self.parts.inbox, expected) else {
                return has_heard;
            };
            has_heard = true;
            self.guarded(|unit, _| {
                unit.tell(at, Input::Advert(heard));
                unit.refresh();
            });
            self.publish();
        }
    }

    fn now(&self) -> Instant {
        self.parts.platform.now()
    }
}

impl Drop for Unit {
    /// Whoever drops a router that runs has it resign and remove its addresses.
    fn drop(&mut self) {
        if matches!(self.phase, Phase::Running(..)) {
            self.guarded(|unit, _| unit.take_input(Input::Shutdown));
        }
    }
}

/// Messages and timers.
impl Unit {
    fn tell(&mut self, now: Instant, input: Input) {
        if let Phase::Running(engine, _) = &mut self.phase {
            engine.handle(now, input);
            self.tell_events();
        }
    }

    fn take_first(&mut self, message: Message) {
        self.take_parked();
        self.take(message);
        self.refresh();
    }

    /// Handles the repeated advert that was left in the mailbox, if there is one.
    fn take_parked(&mut self) {
        if let Some((at, heard)) = self.parts.route.mailbox.take() {
            self.tell(at, Input::Advert(heard));
        }
    }

    /// Handles what waits, but no more than an inbox holds: a flood has to leave time for timers.
    #[inline(never)]
    fn take_waiting(&mut self) {
        let mut has_taken = false;
        for _ in 0..INBOX_MESSAGES {
            let Some(message) = self.parts.inbox.try_next() else { break };
            self.take(message);
            has_taken = true;
        }
        if has_taken {
            self.refresh();
        }
    }

    /// A master that stood still until others may have taken over steps down before it hears what
    /// has arrived meanwhile. Says whether it did.
    pub(crate) fn step_down_if_late(&mut self) -> bool {
        let now = self.now();
        let Phase::Running(engine, _) = &mut self.phase else { return false };
        if !engine.router().must_step_down(now) {
            return false;
        }
        self.guarded(|unit, now| {
            if let Phase::Running(engine, _) = &mut unit.phase {
                engine.timer(now);
                unit.tell_events();
                unit.refresh();
            }
        });
        true
    }

    /// Lets timers fire only when nothing that has arrived speaks against it.
    fn take_deadlines(&mut self) {
        let now = self.now();
        let Phase::Running(engine, _) = &self.phase else { return };
        if engine.must_listen_first(now) {
            self.parts.receiver.drain();
            self.take_parked();
            self.take_waiting();
        }
        let now = self.now();
        if let Phase::Running(engine, _) = &mut self.phase {
            let was_held_back = engine.router().is_held_back();
            engine.timer(now);
            if engine.has_events() || engine.router().is_held_back() != was_held_back {
                self.tell_events();
                self.refresh();
            }
        }
    }

    fn take(&mut self, message: Message) {
        self.step_down_if_late();
        match message {
            Message::Advert { at, heard } => self.tell(at, Input::Advert(heard)),
            Message::SignedAdvert { at, heard, sequence } => {
                self.tell(at, Input::SignedAdvert(heard, sequence));
            }
            Message::Order(Order::Input(input)) => self.take_input(*input),
            Message::Order(Order::Hearing) => {
                let can_hear = !self.parts.receiver.is_deaf();
                self.tell(self.now(), Input::Hearing(can_hear));
            }
            // Whoever asked may have given up waiting.
            Message::Order(Order::Done(reply)) => drop(reply.try_send(())),
            Message::Order(Order::StandStill(order)) => self.stand_still = Some(order),
            Message::Order(Order::Release) => self.is_released = true,
            Message::Order(Order::TryAgain) => {
                let now = self.now();
                if let Phase::Waiting(until) = &mut self.phase {
                    *until = now;
                }
            }
        }
    }

    /// Keeps what a router that is started again has to know, and passes it on.
    #[inline(never)]
    fn take_input(&mut self, input: Input) {
        self.is_ending |= matches!(input, Input::Shutdown);
        match &input {
            Input::Interfaces(view) => self.take_view(view.clone()),
            Input::Drain(is_drained) => self.parts.is_drained = *is_drained,
            Input::Tracker { name, influence } => {
                match self.parts.influences.iter_mut().find(|(known, _)| known == name) {
                    Some((_, known)) => *known = *influence,
                    None => self.parts.influences.push((Arc::clone(name), *influence)),
                }
            }
            Input::Reconfigure { settings, view, influences } => {
                self.parts.settings = Arc::clone(settings);
                self.parts.influences.clone_from(influences);
                self.take_view(view.clone());
            }
            Input::Shutdown if !matches!(self.phase, Phase::Running(..)) => {
                let priority = self.parts.settings.machine.priority;
                self.send_event(EventKind::Stopped { priority });
                self.phase = Phase::Ended;
            }
            _ => {}
        }
        self.tell(self.now(), input);
        if let Phase::Running(engine, _) = &self.phase
            && engine.has_ended()
        {
            self.refresh();
            self.phase = Phase::Ended;
        }
    }

    fn take_view(&mut self, view: InterfaceView) {
        self.parts.route.demand(&self.parts.settings, &view);
        self.parts.receiver.hear_headers();
        self.parts.view = view;
    }
}

/// Life and death.
impl Unit {
    /// Runs a part of the router. If that panics, the router dies: what it held is removed, and
    /// it is started again later.
    fn guarded(&mut self, part: impl FnOnce(&mut Self, Instant)) {
        let now = self.now();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            if let Phase::Running(engine, _) = &mut self.phase {
                engine.tell_time(self.parts.platform.time_of_day());
                if engine.heed_safeguard(now) {
                    self.tell_events();
                    self.refresh();
                }
            }
            part(self, now);
        }));
        if let Err(panic) = outcome {
            let why = format!("its thread has panicked ({})", panic_text(&*panic));
            self.die(now, why.into());
        }
    }

    #[inline(never)]
    fn restart_if_due(&mut self, now: Instant) {
        match &self.phase {
            Phase::Waiting(until) if *until <= now => {}
            Phase::Running(_, since) => {
                if self.deaths > 0 && now.saturating_since(*since) >= RESTART_FORGOTTEN {
                    self.deaths = 0;
                }
                return;
            }
            _ => return,
        }
        let started = self.start(now);
        self.was_refused = started.is_err();
        if let Err(error) = started {
            self.die(now, error.to_string().into());
        } else if self.deaths > 0 {
            self.send_event(EventKind::Restarted);
        }
        self.refresh();
    }

    #[inline(never)]
    fn start(&mut self, now: Instant) -> Result<(), vrrp_net::NetError> {
        let mut engine = self.engine()?;
        engine.tell_time(self.parts.platform.time_of_day());
        let (view, influences) = (self.parts.view.clone(), self.parts.influences.clone());
        let can_hear = !self.parts.receiver.is_deaf();
        self.phase = Phase::Running(engine, now);
        if let Phase::Running(engine, _) = &mut self.phase {
            if self.is_member {
                engine.join_group();
            }
            if self.parts.is_drained {
                engine.handle(now, Input::Drain(true));
            }
            match self.before_exec.take() {
                Some(before) => engine.resume(now, view, can_hear, influences, *before),
                None => engine.start(now, view, can_hear, influences),
            }
        }
        self.tell_events();
        Ok(())
    }

    /// An engine that has not begun.
    #[inline(never)]
    fn engine(&mut self) -> Result<Box<Engine>, vrrp_net::NetError> {
        let parts = &mut self.parts;
        let kernel = match parts.kernel.take() {
            Some(kernel) => kernel,
            None => {
                let open = || parts.platform.open_kernel(parts.settings.family);
                let kernel = open()?;
                // Where descriptors are short, whoever waits for them leaves a few: what the program
                // sets aside is free at the moment when it needs them itself.
                if self.was_refused {
                    drop(open()?);
                }
                kernel
            }
        };
        let (holdings, settings) = (parts.holdings.clone(), Arc::clone(&parts.settings));
        parts.route.demand(&settings, &parts.view);
        let safeguard = parts.safeguard.clone();
        let (holder, signing) = (parts.holder, parts.signing);
        Ok(Box::new(Engine::sharing(settings, kernel, holdings, holder, signing, safeguard)))
    }

    /// What a dead router held is removed and it resigns, so that its peers need not wait for its
    /// silence.
    #[inline(never)]
    fn die(&mut self, now: Instant, why: Arc<str>) {
        let doublings = if self.was_refused { REFUSED_DOUBLINGS } else { RESTART_DOUBLINGS };
        let again_in = RESTART_PAUSE * (1 << self.deaths.min(doublings));
        self.deaths = self.deaths.saturating_add(1);
        // What it held by that goes now.
        self.before_exec = None;
        let phase = std::mem::replace(&mut self.phase, Phase::Waiting(now + again_in));
        let was_active = match phase {
            Phase::Running(engine, _) => {
                self.before = totals(&engine, self.before);
                self.parts.signing = engine.signing();
                let state = engine.router().state();
                // Its descriptors are free from here on: what follows may need them.
                state == State::Active
            }
            _ => false,
        };
        if self.is_ending {
            self.phase = Phase::Ended;
        }
        self.send_event(EventKind::Died { why: Arc::clone(&why), again_in });
        let buried = catch_unwind(AssertUnwindSafe(|| self.bury(was_active)));
        if buried.is_err() {
            // The second panic has left its text like the first: there is nothing more to try.
            self.send_event(EventKind::Died {
                why: "it could not be cleaned up after".into(),
                again_in,
            });
        }
        let mut status = self.parts.published.lock();
        *status = self.status_of_dead(why);
        drop(status);
        self.parts.published.deadline.store(u64::MAX, Ordering::Relaxed);
    }

    fn bury(&mut self, was_active: bool) {
        let safeguard = self.parts.safeguard.clone();
        let may_advertise = safeguard.as_ref().is_none_or(|safeguard| !safeguard.has_acted());
        let (holdings, holder) = (self.parts.holdings.clone(), self.parts.holder);
        let objects = holdings.lock().of(holder);
        if objects.is_empty() && !was_active {
            return;
        }
        let settings = Arc::clone(&self.parts.settings);
        let mut kernel = match self.parts.platform.open_kernel(settings.family) {
            Ok(kernel) => kernel,
            Err(error) => {
                let (error, count) = (error.into(), 1);
                self.send_event(EventKind::Problem { error, count });
                self.release(&objects, None);
                return;
            }
        };
        self.release(&objects, Some(&mut *kernel));
        // Without a kernel its will stays in force.
        safeguard.iter().for_each(|safeguard| safeguard.revoke());
        if was_active && may_advertise {
            let mut port = Port::new(settings, kernel, holdings, holder, self.parts.signing, None);
            port.tell_time(self.parts.platform.time_of_day());
            let resigned =
                port.follow(&self.parts.view).and_then(|()| port.send_advert(Priority::RESIGN));
            self.parts.signing = port.signing();
            if let Err(error) = resigned {
                self.send_event(EventKind::Problem { error, count: 1 });
            }
        }
    }

    /// Lets go of objects; without a kernel to remove them they become leftovers, which the next
    /// start removes.
    fn release(&mut self, objects: &[Object], kernel: Option<&mut dyn Kernel>) {
        let holdings = self.parts.holdings.clone();
        let mut table = holdings.lock();
        let free = objects.iter().filter(|object| table.release(self.parts.holder, &object.key()));
        let changes: Vec<_> = free.cloned().map(Change::Remove).collect();
        let outcomes = kernel.map(|kernel| kernel.apply(&changes)).unwrap_or_default();
        drop(table);
        for error in outcomes.into_iter().filter_map(Result::err) {
            self.send_event(EventKind::Problem { error: error.into(), count: 1 });
        }
    }
}

/// Standing still, so that another program can go on in its place.
impl Unit {
    /// Whether it was told to.
    pub(crate) fn is_to_stand_still(&self) -> bool {
        self.stand_still.is_some()
    }

    /// Advertises, so that its peers have the longest patience, and says how it stands. From here on
    /// nothing may be done with it until the order that this returns is over.
    pub(crate) fn answer_standing(&mut self) -> Option<StandStill> {
        let order = self.stand_still.take()?;
        self.guarded(|unit, now| {
            if let Phase::Running(engine, _) = &mut unit.phase {
                engine.advertise_early(now);
                unit.tell_events();
            }
        });
        self.publish();
        let sockets = match &self.phase {
            Phase::Running(engine, _) => engine.slow_sockets(),
            _ => Vec::new(),
        };
        order.answer(self.snapshot(), sockets);
        Some(order)
    }

    fn snapshot(&self) -> RouterSnapshot {
        let (totals, engine) = match &self.phase {
            Phase::Running(engine, _) => {
                (totals(engine, self.before), Some(engine.snapshot(self.now())))
            }
            _ => (self.before, None),
        };
        let settings = &self.parts.settings;
        RouterSnapshot {
            name: Arc::clone(&settings.name),
            identity: identity(settings),
            engine,
            totals,
            history: self.history.to_vec(),
            route: self.parts.route.snapshot(),
        }
    }
}

/// What others see.
impl Unit {
    fn send_event(&self, kind: EventKind) {
        self.parts.events.send(Some(Arc::clone(&self.parts.settings.name)), kind);
    }

    /// Passes on what happened in the engine.
    #[inline(never)]
    fn tell_events(&mut self) {
        let Phase::Running(engine, _) = &mut self.phase else { return };
        let name = &self.parts.settings.name;
        for kind in engine.take_events() {
            if let EventKind::Transition(transition) = &kind {
                let kept = &self.history[usize::from(self.history.len() == HISTORY)..];
                let past = Past { transition: transition.clone(), at: SystemTime::now() };
                self.history = kept.iter().cloned().chain([past]).collect();
            }
            self.parts.events.send(Some(Arc::clone(name)), kind);
        }
    }

    /// Publishes the counters and the timer, which change all the time.
    fn publish(&self) {
        let Phase::Running(engine, _) = &self.phase else { return };
        let totals = totals(engine, self.before);
        let published = &self.parts.published;
        published.sent.store(totals.sent, Ordering::Relaxed);
        published.send_errors.store(totals.send_errors, Ordering::Relaxed);
        published.announced.store(totals.announced, Ordering::Relaxed);
        let deadline = engine.router().deadline().map_or(u64::MAX, Instant::as_micros);
        published.deadline.store(deadline, Ordering::Relaxed);
    }

    /// Publishes how the router stands, after something that may have changed it.
    #[inline(never)]
    fn refresh(&self) {
        let Phase::Running(engine, _) = &self.phase else { return };
        let became_active = totals(engine, self.before).became_active;
        let status = RouterStatus::of(engine, &self.history, became_active);
        *self.parts.published.lock() = status;
    }

    fn status_of_dead(&self, why: Arc<str>) -> RouterStatus {
        let mut status = RouterStatus::new(Arc::clone(&self.parts.settings));
        status.died = Some(why);
        status.restart_at = match self.phase {
            Phase::Waiting(until) => Some(until),
            _ => None,
        };
        status.became_active = self.before.became_active;
        status.history = Arc::clone(&self.history);
        status
    }
}

fn totals(engine: &Engine, before: Totals) -> Totals {
    let (sent, send_errors) = engine.adverts_sent();
    Totals {
        sent: before.sent + sent,
        send_errors: before.send_errors + send_errors,
        announced: before.announced + engine.announced(),
        became_active: before.became_active + engine.became_active(),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "without a message",
    }
}
