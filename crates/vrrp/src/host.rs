//! Virtual routers on one thread, driven by somebody's loop.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use thiserror::Error;
use vrrp_fsm::Instant;
use vrrp_net::{NetError, NetEvent, Privileges, Waker};
use vrrp_track::interface;

use crate::core::{ApplyError, Committed, Core, Mode, Observer, UnknownRouter};
use crate::events::{EventKind, Events};
use crate::group::Driven;
use crate::holdings::{Holdings, LeftBehind};
use crate::plan::{Change, Setup};
use crate::platform::{LinkSource, Platform, System};
use crate::receiver::ReceiverKey;
use crate::safeguard::Safeguard;
use crate::service::Service;
use crate::settings::{SettingsError, VirtualRouter};
use crate::snapshot::Snapshot;
use crate::unit::Unit;

/// How long to wait before a socket is tried again that could not be opened.
const RETRY: Duration = Duration::from_millis(200);
/// How many turns a router gets to take in what it was told: each takes a full inbox.
const SETTLE_ROUNDS: usize = 64;

/// Why a host is not there, or does not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HostError {
    /// A capability is missing.
    #[error(
        "this process has {0}: a virtual router takes both, to set addresses and to send and \
         receive adverts; run it as root, or with AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW"
    )]
    Privileges(Privileges),
    /// The kernel refuses what a host needs.
    #[error(transparent)]
    Net(#[from] NetError),
    /// There is no descriptor left to wait on.
    #[error("cannot make a descriptor to wait on: {0}")]
    Descriptor(#[from] io::Error),
    /// There is no socket or no thread to tell other processes what this one holds.
    #[error("cannot tell other processes which addresses this one holds: {0}")]
    Holdings(#[source] io::Error),
    /// The router's description has a mistake.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The router cannot run beside the others, or not on this machine.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// There is no router of this name.
    #[error("there is no virtual router called {0}")]
    Unknown(Arc<str>),
}

/// A router of a host, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RouterHandle(Arc<str>);

impl RouterHandle {
    /// The name by which it goes in events and status.
    pub fn name(&self) -> &Arc<str> {
        &self.0
    }
}

/// Virtual routers on one thread.
///
/// Wait until its descriptor ([`AsFd`]) can be read, its timer is in it, and call
/// [`turn`](Self::turn); or let [`wait`](Self::wait) do both; or give it threads
/// ([`spawn`](Self::spawn)).
///
/// ```no_run
/// use vrrp::{Host, VirtualRouter};
///
/// let mut host = Host::system()?;
/// host.add(VirtualRouter::new("eth0", 51).priority(244).address("192.0.2.100/24"))?;
/// loop {
///     host.wait(None)?;
///     while let Some(event) = host.events().try_next() {
///         println!("{event}");
///     }
/// }
/// # #[allow(unreachable_code)]
/// # Ok::<(), vrrp::HostError>(())
/// ```
///
/// Dropped, it ends all its routers: they resign, and their addresses are removed.
pub struct Host {
    core: Core,
    units: Vec<Driven>,
    links: Box<dyn LinkSource>,
    events: Events,
    waiting: Waiting,
    /// A buffer.
    news: Vec<NetEvent>,
}

/// What the host's thread waits on.
struct Waiting {
    epoll: OwnedFd,
    timer: OwnedFd,
    waker: Waker,
    /// The sockets of the receivers, with the number that changes when the socket does.
    sockets: HashMap<ReceiverKey, (u64, OwnedFd)>,
}

impl Host {
    /// A host on this machine, in the network namespace of the calling thread.
    ///
    /// # Errors
    /// [`HostError::Privileges`] names the capability that is missing.
    pub fn system() -> Result<Self, HostError> {
        let privileges = Privileges::of_this_thread()?;
        if !privileges.suffice() {
            return Err(HostError::Privileges(privileges));
        }
        Self::on(Arc::new(System))
    }

    /// A host on another platform.
    ///
    /// # Errors
    /// [`HostError`] if the platform does not have what a host needs.
    pub fn on(platform: Arc<dyn Platform>) -> Result<Self, HostError> {
        let waiting = Waiting::new()?;
        let holdings = match platform.is_shared() {
            true => Holdings::shared().map_err(HostError::Holdings)?,
            false => Holdings::default(),
        };
        let (core, links, events) = Core::open(platform, Some(waiting.waker.clone()), holdings)?;
        if let Some(fd) = links.as_fd() {
            waiting.add(fd)?;
        }
        let (units, news) = Default::default();
        Ok(Self { core, units, links, events, waiting, news })
    }

    /// Has every router that is added from now on leave to this what is to be done when this process
    /// is gone or stands still. Without one, its addresses stay then, though others have them too.
    pub fn set_safeguard(&mut self, safeguard: Arc<dyn Safeguard>) {
        self.core.safeguard = Some(safeguard);
    }

    /// Has the routers that are put into force first go on from how they stood in the program that this
    /// one has replaced by exec: see [`Service::stand_still`](crate::Service::stand_still). Events
    /// are counted on from there. What the snapshot has of others is removed from the kernel.
    pub fn resume(&mut self, before: Snapshot) {
        self.core.resume(before);
    }

    /// Lets a virtual router run from the next [`turn`](Self::turn) on. An interface that is
    /// missing is waited for.
    ///
    /// # Errors
    /// A mistake in its description, another router that is the same, or a refusal of the
    /// kernel's. The others run on as before.
    pub fn add(&mut self, router: VirtualRouter) -> Result<RouterHandle, HostError> {
        let settings = router.build()?;
        if self.core.setup().routers.iter().any(|other| other.name == settings.name) {
            return Err(ApplyError::from(crate::plan::SetupError::Name(settings.name)).into());
        }
        self.replace(&router)
    }

    /// Lets a router go by another description: without a resignation, unless it becomes another
    /// virtual router.
    ///
    /// # Errors
    /// As [`add`](Self::add), and if there is none of that name. Then it goes on as before.
    pub fn reconfigure(&mut self, router: VirtualRouter) -> Result<RouterHandle, HostError> {
        let settings = router.build()?;
        if !self.core.setup().routers.iter().any(|other| other.name == settings.name) {
            return Err(HostError::Unknown(settings.name));
        }
        self.replace(&router)
    }

    fn replace(&mut self, router: &VirtualRouter) -> Result<RouterHandle, HostError> {
        let setup = self.core.setup().with(router)?;
        let name = setup.routers.last().map(|router| Arc::clone(&router.name));
        self.apply(setup)?;
        Ok(RouterHandle(name.unwrap_or_default()))
    }

    /// Ends a router: it resigns, and its addresses are removed.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn remove(&mut self, router: &RouterHandle) -> Result<(), HostError> {
        let setup = self.core.setup().without(router.name());
        if setup.routers.len() == self.core.setup().routers.len() {
            return Err(HostError::Unknown(Arc::clone(router.name())));
        }
        self.apply(setup)?;
        Ok(())
    }

    /// Puts another setup into force: all of it, or nothing. Returns what that took.
    ///
    /// # Errors
    /// [`ApplyError`]; then everything goes on as before.
    pub fn apply(&mut self, setup: Setup) -> Result<Vec<Change>, ApplyError> {
        let prepared = self.core.prepare(setup, Mode::AllOrNothing)?;
        if let Err(error) = self.core.start_trackers(&prepared) {
            self.core.abandon(prepared);
            return Err(error.into());
        }
        let plan = prepared.plan.clone();
        let mut committed = self.core.commit(prepared);
        self.settle();
        let mut units: Vec<Unit> = self.units.drain(..).flat_map(Driven::into_units).collect();
        units.append(&mut committed.units);
        self.units = self.core.arrange(units);
        self.core.finish(committed);
        // A group whose members run already has something to decide, and no message that says so.
        self.units.iter_mut().for_each(Driven::turn);
        self.drive();
        // The next turn waits on what there is to wait on now.
        self.waiting.waker.wake();
        Ok(plan)
    }

    /// Lets the routers of that name take no part from now on, or take part again: a router, with
    /// all members of its sync group, or the members of a sync group; without a name all there are.
    /// One that is master resigns. Returns their names, in no time: what follows is seen in events
    /// and status.
    ///
    /// That lasts, whatever setup is applied, for as long as there is a router of that name.
    ///
    /// # Errors
    /// If there is no router and no sync group of that name.
    pub fn drain(
        &mut self,
        name: Option<&str>,
        is_drained: bool,
    ) -> Result<Vec<Arc<str>>, UnknownRouter> {
        self.core.drain(name, is_drained)
    }

    /// The names of the routers that are drained.
    pub fn drained(&self) -> impl Iterator<Item = &Arc<str>> {
        self.core.drained().iter()
    }

    /// The setup in force.
    pub fn setup(&self) -> &Setup {
        self.core.setup()
    }

    /// The states of the links, which [`track::Interface`](vrrp_track::Interface) reads.
    pub fn link_states(&self) -> interface::Links {
        self.core.link_states()
    }

    /// What happened, in order.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// How everything stands, from any thread.
    pub fn observer(&self) -> Observer {
        self.core.observer()
    }

    /// When [`turn`](Self::turn) is to be called at the latest. Its descriptor can be read then.
    pub fn deadline(&self) -> Option<Instant> {
        let retry = self.core.receivers().iter().any(|receiver| receiver.refusal().is_some());
        let retry = retry.then(|| self.core.platform().now() + RETRY);
        self.units.iter().filter_map(Driven::deadline).chain(retry).min()
    }

    /// Does all that there is to do at the moment, without waiting.
    ///
    /// # Errors
    /// If the timer cannot be set, or a socket not be waited on.
    pub fn turn(&mut self) -> Result<(), HostError> {
        self.waiting.reset();
        if let Err(error) = self.core.links.read(&mut *self.links, &mut self.news) {
            self.core.events.send(None, EventKind::LinksUnread { error });
        }
        self.core.links.take(self.news.drain(..));
        for receiver in self.core.receivers() {
            receiver.drain();
            if receiver.refusal().is_some() {
                receiver.retry();
            }
        }
        self.drive();
        self.waiting.follow(&self.core)?;
        if self.core.platform().is_real_time() {
            self.waiting.arm(self.deadline(), self.core.platform().now())?;
        }
        Ok(())
    }

    /// Waits until there is something to do, at most so long (`None`: for ever), and does it.
    ///
    /// # Errors
    /// As [`turn`](Self::turn).
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<(), HostError> {
        let timeout = timeout.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.waiting.epoll, PollFlags::IN)], timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => self.turn(),
            Err(errno) => Err(HostError::Descriptor(errno.into())),
        }
    }

    /// Gives every router and every receiver a thread of its own. The events that were not read
    /// yet come with those of the service.
    ///
    /// # Errors
    /// If there can be no further thread; all routers have ended then.
    pub fn spawn(self) -> Result<Service, HostError> {
        let Self { core, units, links, events, .. } = self;
        Ok(Service::take_over(core, units, links, events)?)
    }

    /// Ends all routers: they resign, and their addresses are removed.
    ///
    /// # Errors
    /// Names what the kernel did not let go of.
    pub fn shutdown(mut self) -> Result<(), LeftBehind> {
        let leaving = self.core.dismiss_all();
        self.settle();
        self.core.finish(Committed::leaving(leaving));
        LeftBehind::check(self.core.left_behind())
    }

    /// Lets every router take in all that it was told: one turn leaves what is behind a flood.
    fn settle(&mut self) {
        self.drive();
        for _ in 0..SETTLE_ROUNDS {
            if !self.units.iter().any(Driven::has_messages) {
                return;
            }
            self.drive();
        }
    }

    /// Lets every router do what there is to do for it.
    fn drive(&mut self) {
        for unit in &mut self.units {
            let is_due = unit.deadline().is_some_and(|at| at <= self.core.platform().now());
            if is_due || unit.has_messages() {
                unit.turn();
            }
        }
        self.units.retain(|unit| !unit.has_ended());
    }
}

impl AsFd for Host {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.waiting.epoll.as_fd()
    }
}

impl AsRawFd for Host {
    fn as_raw_fd(&self) -> RawFd {
        self.waiting.epoll.as_raw_fd()
    }
}

impl Waiting {
    fn new() -> Result<Self, HostError> {
        let refused = |errno: rustix::io::Errno| HostError::Descriptor(errno.into());
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(refused)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags).map_err(refused)?;
        let waiting = Self { epoll, timer, waker: Waker::new()?, sockets: HashMap::new() };
        waiting.add(waiting.timer.as_fd())?;
        waiting.add(waiting.waker.as_fd())?;
        Ok(waiting)
    }

    fn add(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(0), EventFlags::IN)?)
    }

    /// What made the descriptor readable is taken care of now.
    fn reset(&self) {
        self.waker.take();
        // A timer that has not fired has nothing to read.
        let _ = rustix::io::read(&self.timer, &mut [0; 8]);
    }

    /// Lets the descriptor become readable at the deadline.
    fn arm(&self, deadline: Option<Instant>, now: Instant) -> io::Result<()> {
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = match deadline {
            // A time of zero would switch the timer off.
            Some(at) => at.saturating_since(now).max(Duration::from_nanos(1)),
            None => Duration::ZERO,
        };
        let it_value = Timespec::try_from(it_value).map_err(io::Error::other)?;
        let timer = Itimerspec { it_interval: zero, it_value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &timer)?;
        Ok(())
    }

    /// Waits on the sockets that the receivers have now.
    fn follow(&mut self, core: &Core) -> io::Result<()> {
        let receivers = core.receivers();
        self.sockets.retain(|key, (generation, fd)| {
            let is_there = |receiver: &&Arc<crate::receiver::Receiver>| {
                receiver.key() == *key && receiver.generation() == *generation
            };
            let stays = receivers.iter().any(|receiver| is_there(&receiver));
            if !stays {
                // Its other descriptor may be open still, and would keep reporting.
                let _ = epoll::delete(&self.epoll, fd);
            }
            stays
        });
        for receiver in receivers {
            if self.sockets.contains_key(&receiver.key()) {
                continue;
            }
            let generation = receiver.generation();
            if let Some(fd) = receiver.descriptor()? {
                self.add(fd.as_fd())?;
                self.sockets.insert(receiver.key(), (generation, fd));
            }
        }
        Ok(())
    }
}
