//! What the simulation drives.

use std::sync::Arc;

use vrrp::{Engine, EventKind, Input, Instant, InterfaceView, Settings};
use vrrp_fsm::{Influence, Router};
use vrrp_net::Kernel;

/// Makes a router of its settings and the kernel that it is to act on.
pub type Make<'a, M> = &'a (dyn Fn(Arc<Settings>, Box<dyn Kernel>) -> M + Sync);

/// One router as the simulation drives it: an [`Engine`], or a test's wrapper that plants an error
/// in one.
pub trait Machine {
    /// As [`Engine::start`].
    fn start(
        &mut self,
        now: Instant,
        view: InterfaceView,
        can_hear: bool,
        influences: Vec<(Arc<str>, Influence)>,
    );

    /// As [`Engine::handle`].
    fn handle(&mut self, now: Instant, input: Input);

    /// As [`Engine::timer`].
    fn timer(&mut self, now: Instant);

    /// As [`Engine::deadline`].
    fn deadline(&self) -> Option<Instant>;

    /// As [`Engine::must_listen_first`].
    fn must_listen_first(&self, now: Instant) -> bool;

    /// As [`Engine::take_events`].
    fn take_events(&mut self) -> Vec<EventKind>;

    /// The engine inside, to look at.
    fn engine(&self) -> &Engine;

    /// The state machine inside that, to look at.
    fn router(&self) -> &Router {
        self.engine().router()
    }
}

impl Machine for Engine {
    fn start(
        &mut self,
        now: Instant,
        view: InterfaceView,
        can_hear: bool,
        influences: Vec<(Arc<str>, Influence)>,
    ) {
        self.start(now, view, can_hear, influences);
    }

    fn handle(&mut self, now: Instant, input: Input) {
        self.handle(now, input);
    }

    fn timer(&mut self, now: Instant) {
        self.timer(now);
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline()
    }

    fn must_listen_first(&self, now: Instant) -> bool {
        self.must_listen_first(now)
    }

    fn take_events(&mut self) -> Vec<EventKind> {
        self.take_events()
    }

    fn engine(&self) -> &Engine {
        self
    }
}
