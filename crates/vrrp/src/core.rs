//! What drives several virtual routers has in common, whether on one thread or on many: putting a
//! setup into force, all of it or nothing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver as Reply, bounded};
use thiserror::Error;
use vrrp_net::{NetError, Object, Waker};
use vrrp_proto::Family;
use vrrp_track::{SourceStatus, TrackError, Trackers, interface};

use crate::events::{EventKind, EventSender, Events};
use crate::group::{Driven, GroupStatus, GroupUnit, Moves, PublishedGroup};
use crate::health::Health;
use crate::holdings::{HolderId, Holdings};
use crate::inbox::{Outlet, inbox};
use crate::input::Input;
use crate::links::Links;
use crate::order::Order;
use crate::outgoing::Signing;
use crate::plan::{Change, Setup, SetupError, SyncGroup, plan};
use crate::platform::{LinkSource, Platform};
use crate::port::address_of;
use crate::receiver::{Receiver, ReceiverKey, ReceiverStatus};
use crate::route::Route;
use crate::safeguard::Safeguard;
use crate::settings::Settings;
use crate::snapshot::{RouterSnapshot, Snapshot, StandStill};
use crate::status::RouterStatus;
use crate::tracker::TrackerKey;
use crate::unit::{Parts, Published, Unit};
use crate::view::InterfaceView;

/// Who holds what moves from one router to another while that is done.
const MOVER: HolderId = HolderId(0);

/// Who holds what routers of another process have held, until those of this one go on from that.
const PREDECESSOR: HolderId = HolderId(u64::MAX);

/// How long all is held up by a router that does not take its new settings in.
const RECONFIGURE_TIME: Duration = Duration::from_secs(5);

/// Why a setup was not put into force; what was in force before still is.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// The setup is wrong by itself.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The kernel refuses what a router needs.
    #[error("{router}: {source}")]
    Router {
        /// The router's name.
        router: Arc<str>,
        /// Why.
        source: NetError,
    },
    /// The kernel refuses what all of them need.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The health sources cannot be followed.
    #[error(transparent)]
    Track(#[from] TrackError),
    /// There can be no further thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// There is no router and no sync group of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no instance and no sync group {0}")]
pub struct UnknownRouter(Arc<str>);

/// How a setup is put into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All of it, or nothing.
    AllOrNothing,
    /// Whatever the machine lacks for one router, the others run; that one is tried again.
    AsFarAsPossible,
}

/// A router that runs, as seen from outside.
#[derive(Clone)]
pub(crate) struct Member {
    settings: Arc<Settings>,
    outlet: Outlet,
    route: Arc<Route>,
    receiver: Arc<Receiver>,
    published: Arc<Published>,
}

/// What is ready to be put into force.
pub(crate) struct Prepared {
    setup: Setup,
    pub(crate) plan: Vec<Change>,
    fresh: Vec<Member>,
    units: Vec<Unit>,
    pub(crate) receivers: Vec<Arc<Receiver>>,
}

impl Prepared {
    /// Which threads it takes to go on from the setup before.
    pub(crate) fn moves(&self, old: &Setup) -> Moves {
        Moves::new(old, &self.setup, &self.plan)
    }
}

/// What was put into force, as far as others still have to do something for it.
pub(crate) struct Committed {
    pub(crate) units: Vec<Unit>,
    /// Those that were told to end.
    pub(crate) leaving: Vec<Member>,
    /// Who says when it has taken its new settings in.
    reconfigured: Vec<Reply<()>>,
}

impl Committed {
    /// Those that were told to end, and nothing else.
    pub(crate) fn leaving(leaving: Vec<Member>) -> Self {
        Self { units: Vec::new(), leaving, reconfigured: Vec::new() }
    }
}

/// Routers, receivers and trackers as they are looked at, from any thread and at any time.
///
/// It asks nobody: it shows what they have published.
#[derive(Clone)]
pub struct Observer {
    directory: Arc<Mutex<Directory>>,
    trackers: Arc<Mutex<Trackers>>,
}

#[derive(Default)]
struct Directory {
    routers: Vec<(Arc<Published>, Arc<Route>)>,
    receivers: HashMap<ReceiverKey, Arc<Receiver>>,
    groups: Vec<Arc<PublishedGroup>>,
}

impl Observer {
    /// How the routers stand, in the order of the setup.
    pub fn routers(&self) -> Vec<RouterStatus> {
        let routers = lock(&self.directory).routers.clone();
        routers.iter().map(|(published, route)| published.status(route)).collect()
    }

    /// How the sync groups stand, in the order of the setup.
    pub fn groups(&self) -> Vec<GroupStatus> {
        lock(&self.directory).groups.iter().map(|group| group.status()).collect()
    }

    /// How the receivers stand, by interface.
    pub fn receivers(&self) -> Vec<ReceiverStatus> {
        let receivers: Vec<_> = lock(&self.directory).receivers.values().cloned().collect();
        let mut all: Vec<_> = receivers.iter().map(|receiver| receiver.status()).collect();
        all.sort_by_key(|status| (status.interface, status.family == Family::V6));
        all
    }

    /// How the health sources stand, by kind.
    pub fn trackers(&self) -> Vec<SourceStatus> {
        lock(&self.trackers).status()
    }
}

/// The routers of a host, and what they share.
pub(crate) struct Core {
    platform: Arc<dyn Platform>,
    /// Wakes the one thread that drives all of them, if it is one.
    driver: Option<Waker>,
    pub(crate) links: Links,
    health: Health,
    trackers: Arc<Mutex<Trackers>>,
    holdings: Holdings,
    pub(crate) safeguard: Option<Arc<dyn Safeguard>>,
    pub(crate) events: EventSender,
    directory: Arc<Mutex<Directory>>,
    setup: Setup,
    members: HashMap<Arc<str>, Member>,
    /// The names of the routers that the operator wants to take no part.
    drained: BTreeSet<Arc<str>>,
    last_holder: u64,
    /// How the routers stood in another process, from which those of the first setup go on.
    before_exec: Option<Snapshot>,
}

impl Core {
    /// A host without routers, which knows the interfaces as they are now, and whatever happens to
    /// them from now on.
    pub(crate) fn open(
        platform: Arc<dyn Platform>,
        driver: Option<Waker>,
        holdings: Holdings,
    ) -> Result<(Self, Box<dyn LinkSource>, Events), NetError> {
        let (source, snapshot) = platform.open_links()?;
        let links = Links::default();
        links.lock().interfaces.resync(snapshot);
        links.lock().tell();
        let (events, reader) = EventSender::new();
        let (health, said) = (Health::default(), events.clone());
        let board = health.clone();
        let trackers = Trackers::new(move |update| {
            board.take(&update);
            said.send(None, EventKind::Tracker(update));
        });
        let core = Self {
            platform,
            driver,
            links,
            health,
            trackers: Arc::new(Mutex::new(trackers)),
            holdings,
            safeguard: None,
            events,
            directory: Arc::default(),
            setup: Setup::default(),
            members: HashMap::new(),
            drained: BTreeSet::new(),
            last_holder: MOVER.0,
            before_exec: None,
        };
        Ok((core, source, reader))
    }

    /// Has the routers of the first setup go on from how they stood in another process.
    pub(crate) fn resume(&mut self, before: Snapshot) {
        self.events.go_on_from(before.last_event);
        let mut table = self.holdings.lock();
        let engines = before.routers.iter().filter_map(|router| router.engine.as_ref());
        engines
            .flat_map(|engine| &engine.objects)
            .for_each(|object| table.hold(PREDECESSOR, object));
        drop(table);
        self.drained.clone_from(&before.drained);
        self.before_exec = Some(before);
    }

    /// Tells all routers to stand still for a while.
    pub(crate) fn stand_still(&self, order: &StandStill) {
        for member in self.members.values() {
            member.outlet.order(Order::StandStill(order.clone()));
        }
    }

    /// Waits until every router has done what it was told; says whether all have, until the deadline.
    pub(crate) fn settle(&self, deadline: std::time::Instant) -> bool {
        let replies: Vec<_> = self
            .members
            .values()
            .filter_map(|member| {
                let (done, reply) = bounded(1);
                member.outlet.order(Order::Done(done)).then_some(reply)
            })
            .collect();
        replies.iter().all(|reply| reply.recv_deadline(deadline).is_ok())
    }

    /// How everything else stands while the routers stand still like this.
    pub(crate) fn snapshot(&self, routers: Vec<RouterSnapshot>) -> Snapshot {
        let directory = lock(&self.directory);
        Snapshot {
            routers,
            groups: directory.groups.iter().map(|group| group.snapshot()).collect(),
            receivers: directory.receivers.values().map(|receiver| receiver.snapshot()).collect(),
            readings: self.health.snapshot(),
            drained: self.drained.clone(),
            last_event: self.events.last(),
        }
    }

    /// The states of the links, for sources that track interfaces.
    pub(crate) fn link_states(&self) -> interface::Links {
        self.links.lock().states.clone()
    }

    /// The setup in force.
    pub(crate) fn setup(&self) -> &Setup {
        &self.setup
    }

    pub(crate) fn platform(&self) -> &Arc<dyn Platform> {
        &self.platform
    }

    pub(crate) fn observer(&self) -> Observer {
        let (directory, trackers) = (Arc::clone(&self.directory), Arc::clone(&self.trackers));
        Observer { directory, trackers }
    }

    pub(crate) fn receivers(&self) -> Vec<Arc<Receiver>> {
        lock(&self.directory).receivers.values().cloned().collect()
    }

    /// Makes ready what a setup needs. Nothing that runs notices.
    pub(crate) fn prepare(&mut self, setup: Setup, mode: Mode) -> Result<Prepared, ApplyError> {
        setup.check()?;
        let plan = plan(&self.setup, &setup);
        let (fresh, units, receivers) = Default::default();
        let mut prepared = Prepared { setup, plan, fresh, units, receivers };
        for change in prepared.plan.clone() {
            let settings = match change {
                Change::Start(settings) => settings,
                Change::Replace { new, .. } => new,
                _ => continue,
            };
            if let Err(source) = self.prepare_router(&mut prepared, &settings, mode) {
                self.abandon(prepared);
                return Err(ApplyError::Router { router: Arc::clone(&settings.name), source });
            }
        }
        Ok(prepared)
    }

    fn prepare_router(
        &mut self,
        prepared: &mut Prepared,
        settings: &Arc<Settings>,
        mode: Mode,
    ) -> Result<(), NetError> {
        let kernel = match mode {
            Mode::AllOrNothing => Some(self.platform.open_kernel(settings.family)?),
            Mode::AsFarAsPossible => None,
        };
        let receiver = self.receiver(prepared, settings)?;
        let (outlet, inbox) = inbox(self.driver.clone());
        let route = Arc::new(Route::new(settings, outlet.clone(), self.events.clone()));
        receiver.route(settings.vrid, Arc::clone(&route), mode == Mode::AsFarAsPossible)?;
        let published = Arc::new(Published::new(Arc::clone(settings)));
        self.last_holder += 1;
        let before = self.before_exec.as_mut().and_then(|before| before.take_router(settings));
        let mut unit = Unit::new(Parts {
            settings: Arc::clone(settings),
            platform: Arc::clone(&self.platform),
            kernel,
            holdings: self.holdings.clone(),
            holder: HolderId(self.last_holder),
            safeguard: self.safeguard.as_ref().and_then(|all| all.router(&settings.name)),
            receiver: Arc::clone(&receiver),
            route: Arc::clone(&route),
            inbox,
            published: Arc::clone(&published),
            events: self.events.clone(),
            view: InterfaceView::default(),
            influences: Vec::new(),
            is_drained: self.drained.contains(&settings.name),
            signing: Signing::default(),
        });
        before.into_iter().for_each(|before| unit.resume(before));
        prepared.units.push(unit);
        let settings = Arc::clone(settings);
        prepared.fresh.push(Member { settings, outlet, route, receiver, published });
        if mode == Mode::AllOrNothing
            && let Some(error) = prepared.fresh.last().and_then(|member| member.receiver.refusal())
        {
            return Err(error);
        }
        Ok(())
    }

    /// The receiver of a router's interface, a new one if it is the first there.
    fn receiver(
        &self,
        prepared: &mut Prepared,
        settings: &Settings,
    ) -> Result<Arc<Receiver>, NetError> {
        let key = (settings.interface, settings.family);
        let known = lock(&self.directory).receivers.get(&key).cloned();
        let known = known
            .or_else(|| prepared.receivers.iter().find(|receiver| receiver.key() == key).cloned());
        if let Some(receiver) = known {
            return Ok(receiver);
        }
        let (platform, events) = (Arc::clone(&self.platform), self.events.clone());
        let receiver = Arc::new(Receiver::new(key.0, key.1, platform, events)?);
        let before = self.before_exec.iter().flat_map(|before| &before.receivers);
        let before = before.filter(|before| (before.interface, before.family) == key);
        before.for_each(|before| receiver.resume(before));
        self.links.lock().attach(&receiver);
        prepared.receivers.push(Arc::clone(&receiver));
        Ok(receiver)
    }

    /// Lets health sources be followed as the setup wants it: the last thing that can fail.
    pub(crate) fn start_trackers(&mut self, prepared: &Prepared) -> Result<(), TrackError> {
        lock(&self.trackers).reconfigure(prepared.setup.sources.iter().cloned())
    }

    /// Gives up what was made ready.
    pub(crate) fn abandon(&mut self, prepared: Prepared) {
        for member in prepared.fresh {
            member.receiver.unroute(member.settings.vrid, &member.route);
        }
        for receiver in prepared.receivers {
            self.links.lock().detach(&receiver);
            receiver.stop();
        }
    }

    /// Puts into force what was made ready. Nothing fails any more.
    pub(crate) fn commit(&mut self, prepared: Prepared) -> Committed {
        let Prepared { setup, plan, fresh, units, receivers } = prepared;
        self.hold_what_moves(&setup);
        let tracked: HashSet<_> = setup.sources.iter().map(TrackerKey::of).collect();
        self.health.keep_only(&tracked);
        if let Some(before) = &self.before_exec {
            setup.sources.iter().for_each(|source| self.health.resume(source, &before.readings));
        }
        let mut committed = Committed { units, leaving: Vec::new(), reconfigured: Vec::new() };
        for change in &plan {
            match change {
                Change::Stop(old) | Change::Replace { old, .. } => {
                    committed.leaving.extend(self.dismiss(&old.name));
                }
                Change::Reconfigure { new, .. } => {
                    committed.reconfigured.extend(self.reconfigure(new));
                }
                _ => {}
            }
        }
        for (member, unit) in fresh.into_iter().zip(&mut committed.units) {
            self.admit(member, unit);
        }
        // What one router moves is no source for another: everybody looks again.
        self.links.lock().tell();
        self.end_groups(&setup);
        self.drained.retain(|name| setup.routers.iter().any(|router| router.name == *name));
        self.setup = setup;
        self.publish(receivers);
        committed
    }

    /// Says of groups that are no more, and leave members behind, that they have ended.
    fn end_groups(&self, new: &Setup) {
        let stays = |member: &Arc<str>| new.routers.iter().any(|router| router.name == *member);
        let ended = self.setup.groups.iter().filter(|group| {
            let is_there = new.groups.iter().any(|other| other.name == group.name);
            !is_there && group.members.iter().any(stays)
        });
        for group in ended {
            let group = Arc::clone(&group.name);
            self.events.send(Some(group), EventKind::GroupStopped);
        }
    }

    /// Sorts routers into what one thread drives: those of a sync group together.
    pub(crate) fn arrange(&self, units: Vec<Unit>) -> Vec<Driven> {
        let mut units: HashMap<_, _> =
            units.into_iter().map(|unit| (Arc::clone(unit.name()), unit)).collect();
        let groups = lock(&self.directory).groups.clone();
        let mut driven = Vec::new();
        for published in groups {
            let names = published.status().members;
            let members: Vec<_> = names.iter().filter_map(|name| units.remove(name)).collect();
            if !members.is_empty() {
                let (platform, events) = (Arc::clone(&self.platform), self.events.clone());
                let group = GroupUnit::new(members, published, platform, events);
                driven.push(Driven::Group(Box::new(group)));
            }
        }
        driven.extend(units.into_values().map(|mut unit| {
            unit.leave_group();
            Driven::Alone(Box::new(unit))
        }));
        driven
    }

    /// The names of the routers that are drained.
    pub(crate) fn drained(&self) -> &BTreeSet<Arc<str>> {
        &self.drained
    }

    /// Drains the routers of that name, or lets them take part again, and returns their names.
    pub(crate) fn drain(
        &mut self,
        name: Option<&str>,
        is_drained: bool,
    ) -> Result<Vec<Arc<str>>, UnknownRouter> {
        let names = match name {
            None => self.setup.routers.iter().map(|router| Arc::clone(&router.name)).collect(),
            Some(name) => self.together_with(name).ok_or_else(|| UnknownRouter(name.into()))?,
        };
        for name in &names {
            let is_change = match is_drained {
                true => self.drained.insert(Arc::clone(name)),
                false => self.drained.remove(name),
            };
            if let Some(member) = self.members.get(name).filter(|_| is_change) {
                // One that has ended needs no word.
                member.outlet.order(Order::Input(Box::new(Input::Drain(is_drained))));
            }
        }
        Ok(names)
    }

    /// The members of a sync group of that name, or of the one that a router of that name is in; or
    /// that router alone.
    fn together_with(&self, name: &str) -> Option<Vec<Arc<str>>> {
        let is_in = |group: &&SyncGroup| group.members.iter().any(|member| **member == *name);
        let mut groups = self.setup.groups.iter();
        let group = groups.find(|group| *group.name == *name);
        if let Some(group) = group.or_else(|| self.setup.groups.iter().find(is_in)) {
            return Some(group.members.clone());
        }
        let router = self.setup.routers.iter().find(|router| *router.name == *name)?;
        Some(vec![Arc::clone(&router.name)])
    }

    /// Tells a router's thread to give it away.
    pub(crate) fn release(&self, name: &str) {
        if let Some(member) = self.members.get(name) {
            member.outlet.order(Order::Release);
        }
    }

    /// Ends what takes part in a change, once those that leave have ended: says whether all that
    /// stay have taken their settings in.
    pub(crate) fn finish(&mut self, committed: Committed) {
        for reply in committed.reconfigured {
            // It ends with an answer, or with the router; one that finds no thread answers later.
            let _ = reply.recv_timeout(RECONFIGURE_TIME);
        }
        for member in committed.leaving {
            let is_needed = member.receiver.unroute(member.settings.vrid, &member.route);
            if !is_needed {
                self.links.lock().detach(&member.receiver);
                lock(&self.directory).receivers.remove(&member.receiver.key());
                member.receiver.stop();
            }
        }
        self.let_go_of_all_of(MOVER);
        if self.before_exec.take().is_some() {
            self.let_go_of_all_of(PREDECESSOR);
        }
        // What was given up may be just what they lack.
        for member in self.members.values().filter(|member| member.published.is_dead()) {
            member.outlet.order(Order::TryAgain);
        }
    }

    /// Tells all routers to end.
    pub(crate) fn dismiss_all(&mut self) -> Vec<Member> {
        let names: Vec<_> =
            self.setup.routers.iter().map(|router| Arc::clone(&router.name)).collect();
        self.setup = Setup::default();
        let mut directory = lock(&self.directory);
        directory.routers.clear();
        directory.groups.clear();
        drop(directory);
        names.iter().filter_map(|name| self.dismiss(name)).collect()
    }

    /// The objects that are still there because of a router.
    pub(crate) fn left_behind(&self) -> Vec<Object> {
        self.holdings.lock().all().cloned().collect()
    }

    fn dismiss(&mut self, name: &str) -> Option<Member> {
        let member = self.members.remove(name)?;
        self.links.lock().forget(name);
        self.health.forget(name);
        member.outlet.order(Order::Input(Box::new(Input::Shutdown)));
        Some(member)
    }

    fn admit(&mut self, member: Member, unit: &mut Unit) {
        let settings = &member.settings;
        let view = self.links.lock().watch(settings, member.outlet.clone());
        self.health.subscribe(member.outlet.clone(), settings, |influences| {
            unit.begin_with(view, influences);
        });
        self.members.insert(Arc::clone(&settings.name), member);
    }

    fn reconfigure(&mut self, settings: &Arc<Settings>) -> Option<Reply<()>> {
        let member = self.members.get_mut(&settings.name)?;
        member.settings = Arc::clone(settings);
        let (outlet, (done, reply)) = (member.outlet.clone(), bounded(1));
        // Under both locks: neither a newer view nor a newer reading overtakes these.
        let mut links = self.links.lock();
        let view = links.watch(settings, outlet.clone());
        self.health.subscribe(outlet.clone(), settings, |influences| {
            let settings = Arc::clone(settings);
            outlet.order(Order::Input(Box::new(Input::Reconfigure { settings, view, influences })));
        });
        drop(links);
        outlet.order(Order::Done(done)).then_some(reply)
    }

    fn publish(&self, receivers: Vec<Arc<Receiver>>) {
        let members = self.setup.routers.iter().filter_map(|router| self.members.get(&router.name));
        let routers =
            members.map(|member| (Arc::clone(&member.published), Arc::clone(&member.route)));
        let mut directory = lock(&self.directory);
        directory.routers = routers.collect();
        let before = std::mem::take(&mut directory.groups);
        directory.groups.extend(self.setup.groups.iter().map(|group| {
            // One that goes on is the same for whoever drives it.
            let known = before.iter().find(|known| known.take_members(group));
            known.cloned().unwrap_or_else(|| {
                let published = PublishedGroup::new(group);
                let before = self.before_exec.iter().flat_map(|before| &before.groups);
                let before = before.filter(|before| before.name == group.name);
                before.for_each(|before| published.resume(before));
                Arc::new(published)
            })
        }));
        directory
            .receivers
            .extend(receivers.into_iter().map(|receiver| (receiver.key(), receiver)));
    }

    /// Holds every object whose address the setup has, so that it stays while one router lets go
    /// of it and another takes it; a packet filter only if one wants it.
    fn hold_what_moves(&self, setup: &Setup) {
        let of_all = || setup.routers.iter().map(|router| (router, &router.addresses));
        let wanted: HashSet<_> =
            of_all().flat_map(|(_, all)| all).map(|address| address.address).collect();
        let closed: HashSet<_> = of_all()
            .filter(|(router, _)| router.is_filtered())
            .flat_map(|(router, all)| all.iter().map(|it| (router.filter_table, it.address)))
            .collect();
        let of_routes = setup.routers.iter().flat_map(|router| &router.routes);
        let routes: HashSet<_> = of_routes.map(|route| route.route.key()).collect();
        let of_rules = setup.routers.iter().flat_map(|router| &router.rules);
        let rules: HashSet<_> = of_rules.map(|rule| rule.rule.key()).collect();
        let mut table = self.holdings.lock();
        let is_wanted = |object: &&Object| match object {
            Object::Filter(filter) => closed.contains(&(filter.table, filter.address)),
            Object::Route(route) => routes.contains(&route.key()),
            Object::Rule(rule) => rules.contains(&rule.key()),
            object => address_of(&object.key()).is_some_and(|address| wanted.contains(&address)),
        };
        let held: Vec<_> = table.all().filter(is_wanted).cloned().collect();
        for object in held {
            table.hold(MOVER, &object);
        }
    }

    /// Removes what this one has and nobody else.
    fn let_go_of_all_of(&self, holder: HolderId) {
        let mut table = self.holdings.lock();
        let held = table.of(holder);
        let free: Vec<_> =
            held.into_iter().filter(|object| table.release(holder, &object.key())).collect();
        if free.is_empty() {
            return;
        }
        let removals: Vec<_> = free.into_iter().map(vrrp_net::Change::Remove).collect();
        let removed = self
            .platform
            .open_kernel(Family::V4)
            .map(|mut kernel| kernel.apply(&removals))
            .unwrap_or_else(|error| vec![Err(error)]);
        drop(table);
        for error in removed.into_iter().filter_map(Result::err) {
            self.events.send(None, EventKind::Problem { error: error.into(), count: 1 });
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whole values are exchanged under these locks: a poisoned one is as good as any.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
