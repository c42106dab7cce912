//! All instances with their receivers and trackers: started, changed and stopped together.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use vrrp_conf::model::{self, Config};
use vrrp_fsm::Weight;
use vrrp_net::{InterfaceName, NetError, SystemKernel};

use crate::health::{self, Health, HealthError};
use crate::inbox::{Outlet, inbox};
use crate::instance::{self, Order, Parts};
use crate::links::{Links, StartError, Watcher};
use crate::notify::Teller;
use crate::port::Port;
use crate::receiver::{Demands, Listener, Route};
use crate::settings::{Settings, Unsupported};
use crate::status::{InstanceStatus, InterfaceStatus, TrackerStatus};
use crate::users::Users;

/// How long an instance may take to say how it stands.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// Why a configuration could not be put into force.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetError {
    #[error("{instance}: {source}")]
    Unsupported { instance: Arc<str>, source: Unsupported },
    #[error(transparent)]
    Health(#[from] HealthError),
    #[error(transparent)]
    Net(#[from] NetError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot start a thread for {instance}: {source}")]
    Thread { instance: Arc<str>, source: std::io::Error },
    /// The only one that comes after something was touched.
    #[error("{failed} instance(s) could not be started, the first because: {first}")]
    Partly { failed: usize, first: Box<FleetError> },
}

/// All that runs because of the configuration.
pub(crate) struct Fleet {
    // The order of the fields is the order in which they go: nobody reads for whom is gone.
    running: Vec<Running>,
    health: Health,
    listeners: HashMap<InterfaceName, Arc<Listener>>,
    links: Links,
    teller: Teller,
    users: Arc<Users>,
}

/// One instance that runs.
struct Running {
    model: model::Instance,
    settings: Arc<Settings>,
    outlet: Outlet,
    thread: JoinHandle<()>,
}

impl Fleet {
    pub(crate) fn new(links: Links, teller: Teller, users: Arc<Users>) -> Self {
        let (running, listeners) = Default::default();
        Self { running, health: Health::new(), listeners, links, teller, users }
    }

    /// Puts a configuration into force: instances that are equal to those that run are left
    /// alone, the others are replaced. What the daemon cannot do is found before anything is
    /// touched; where the machine lacks something after that, the others run nevertheless.
    pub(crate) fn apply(&mut self, config: &Config) -> Result<(), FleetError> {
        let wanted: Vec<_> = config.instances.iter().map(prepared).collect::<Result<_, _>>()?;
        self.health.configure(config, &self.users)?;
        self.teller.limit(config.global.notify_timeout);
        let stays = |running: &Running| config.instances.contains(&running.model);
        let (staying, leaving) = self.running.drain(..).partition(stays);
        self.running = staying;
        self.stop_all(leaving);
        let mut failures = Vec::new();
        for (model, settings) in wanted {
            if !self.running.iter().any(|running| running.model == *model) {
                failures.extend(self.start(model.clone(), Arc::new(settings)).err());
            }
        }
        let failed = failures.len();
        failures
            .into_iter()
            .next()
            .map_or(Ok(()), |first| Err(FleetError::Partly { failed, first: Box::new(first) }))
    }

    /// Stops everything, in no hurry: every instance resigns first, then they are waited for.
    pub(crate) fn stop(&mut self) {
        let leaving = std::mem::take(&mut self.running);
        self.stop_all(leaving);
    }

    fn start(&mut self, model: model::Instance, settings: Arc<Settings>) -> Result<(), FleetError> {
        let name = Arc::clone(&settings.name);
        let listener = self.listener(&settings)?;
        let (outlet, inbox) = inbox();
        let teller = self.teller.clone();
        let route =
            Route::new(Arc::clone(&name), demands(&settings), outlet.clone(), teller.clone());
        let route = Arc::new(route);
        let port = Port::new(Arc::clone(&settings), Box::new(SystemKernel::open(settings.family)?));
        let interests = health::interests(&model.tracks);
        let mut influences = self.health.subscribe(Arc::clone(&name), outlet.clone(), interests);
        let link = {
            let mut world = self.links.world();
            let watcher = world.watch(Arc::clone(&name), watcher(&model, &settings, &outlet)?);
            influences.extend(watcher.first_influences());
            watcher.first_view()
        };
        listener.route(settings.vrid, Arc::clone(&route));
        let parts = Parts {
            settings: Arc::clone(&settings),
            route,
            inbox,
            drainer: listener.drainer(),
            port,
            teller,
            link,
            influences,
        };
        let thread = instance::spawn(parts)
            .map_err(|source| FleetError::Thread { instance: name, source })?;
        self.running.push(Running { model, settings, outlet, thread });
        Ok(())
    }

    /// The receiver of an instance's interface, started if it is the first there.
    fn listener(&mut self, settings: &Settings) -> Result<Arc<Listener>, StartError> {
        if let Some(listener) = self.listeners.get(&settings.interface) {
            listener.join(settings.group.into())?;
            return Ok(Arc::clone(listener));
        }
        let listener = Listener::start(settings.interface, settings.family, settings.group.into())?;
        let listener = Arc::new(listener);
        self.links.world().attach(settings.interface, Arc::clone(&listener));
        self.listeners.insert(settings.interface, Arc::clone(&listener));
        Ok(listener)
    }

    fn stop_all(&mut self, leaving: Vec<Running>) {
        for running in &leaving {
            self.health.forget(&running.settings.name);
            self.links.world().forget(&running.settings.name);
            running.outlet.order(Order::Stop);
        }
        for Running { settings, thread, .. } in leaving {
            if thread.join().is_err() {
                log::error!("({}) its thread has panicked", settings.name);
            }
            self.unroute(&settings);
        }
    }

    fn unroute(&mut self, settings: &Settings) {
        let Some(listener) = self.listeners.get(&settings.interface) else { return };
        if !listener.unroute(settings.vrid) {
            self.links.world().detach(settings.interface);
            self.listeners.remove(&settings.interface);
        }
    }

    /// Asks every instance how it stands; the answers are waited for as they are taken.
    pub(crate) fn inquire(&self) -> impl Iterator<Item = InstanceStatus> + use<> {
        let answers: Vec<Receiver<InstanceStatus>> = self
            .running
            .iter()
            .map(|running| {
                let (sender, receiver) = bounded(1);
                running.outlet.order(Order::Tell(sender));
                receiver
            })
            .collect();
        let deadline = Instant::now() + ANSWER_TIME;
        answers.into_iter().filter_map(move |answer| answer.recv_deadline(deadline).ok())
    }

    pub(crate) fn interfaces(&self) -> Vec<InterfaceStatus> {
        let mut all: Vec<_> = self.listeners.values().map(|listener| listener.status()).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    pub(crate) fn trackers(&self) -> Vec<TrackerStatus> {
        [self.links.world().trackers(), self.health.status()].concat()
    }
}

impl Drop for Fleet {
    /// An instance keeps its own inbox open, so it has to be told.
    fn drop(&mut self) {
        self.stop();
    }
}

fn prepared(model: &model::Instance) -> Result<(&model::Instance, Settings), FleetError> {
    let instance = || Arc::clone(&model.name);
    Settings::of(model)
        .map(|settings| (model, settings))
        .map_err(|source| FleetError::Unsupported { instance: instance(), source })
}

fn demands(settings: &Settings) -> Demands {
    Demands {
        version: settings.router.version,
        vrid: settings.vrid,
        interval: settings.router.interval,
        authentication: settings.authentication,
        addresses: settings.advertised.clone(),
        own_sources: Vec::new(),
        group: settings.group.into(),
        accept_no_addresses: settings.no_addresses,
        seen_checksum: None,
    }
}

fn watcher(
    model: &model::Instance,
    settings: &Settings,
    outlet: &Outlet,
) -> Result<Watcher, FleetError> {
    let word = |source: vrrp_net::WordError| FleetError::Unsupported {
        instance: Arc::clone(&settings.name),
        source: source.into(),
    };
    let tracked = model.tracks.interfaces.iter().map(|track| {
        let name: InterfaceName = track.target.as_str().parse().map_err(word)?;
        Ok((name, Arc::from(track.target.as_str()), health::weight(*track.weight)))
    });
    let on = |device: Option<InterfaceName>| device.unwrap_or(settings.interface);
    let mut watcher = Watcher::new(outlet.clone(), settings.interface, settings.family);
    watcher.source = settings.source;
    watcher.is_owner = settings.router.priority.is_owner();
    watcher.vips = settings.vips.iter().map(|vip| (on(vip.device), vip.address)).collect();
    watcher.tracked = tracked.collect::<Result<_, FleetError>>()?;
    watcher.tracked.extend(settings.devices().into_iter().map(|device| {
        // A name that no tracker of the configuration can have.
        (device, Arc::from(format!("{device} (of an address)")), Weight::new(0))
    }));
    Ok(watcher)
}
