//! `vrrpd run`: who is started, in which order, and what signals and requests do.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;
use vrrp::track::TrackError;
use vrrp::track::runner::{Runner, RunnerLimits};
use vrrp::{
    ApplyError, Change, Host, HostError, Observer, Platform as _, RouterStatus, Service, System,
};
use vrrp_conf::model::Config;
use vrrp_control::{
    Answers, Control, DrainReport, DrainRequest, DrainedInstance, GroupStatus, GuardStatus,
    InstanceStatus, InterfaceStatus, Reception, ReloadReport, RunDir, RunDirError, Status,
    TrackerStatus, UpgradeReport, UpgradeRequest,
};
use vrrp_guard::{Guard, GuardError};
use vrrp_net::{NetError, NetNamespace, SpareDescriptors, Waker};

use crate::check;
use crate::cli::RunArgs;

use crate::exit;
use crate::logging;
use crate::notify::Notifier;
use crate::setup::{self, Meaning, NotifyPrograms, SetupError};
use crate::upgrade::{self, Inheritance, Leftover};
use crate::users::Users;

/// The name of the process that removes the addresses when this one is gone or hangs.
pub(crate) const GUARD: &str = "vrrpd-guard";
/// The file of the run directory that says what is to be removed when that is gone too.
pub(crate) const RECORD: &str = "guarded";
/// How long the last log lines may take to be written.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);
/// How long the instances may take to resign and to remove their addresses.
const STOP_TIME: Duration = Duration::from_secs(10);
/// How long routers may take to go on after an upgrade.
const RESUME_TIME: Duration = Duration::from_secs(5);
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What reading a configuration takes.
const SPARE_DESCRIPTORS: usize = 2;
const SIGNALS_STACK_BYTES: usize = 128 << 10;

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error("cannot have a guard: {0}")]
    Guard(#[from] GuardError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Track(#[from] TrackError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("net_namespace {name}: {source}")]
    Namespace { name: String, source: NetError },
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Runs the subcommand.
pub(crate) fn run(args: &RunArgs) -> ExitCode {
    // Before anything else is opened.
    let inheritance = match args.resume.map(Inheritance::take).transpose() {
        Ok(inheritance) => inheritance,
        Err(error) => {
            eprintln!("vrrpd: cannot go on from the program before: {error}");
            return ExitCode::from(exit::UNAVAILABLE);
        }
    };
    let Reading { config, diagnostics } = read(args);
    logging::show(&diagnostics);
    let config = match config {
        Ok(config) => config,
        Err(Refusal { why, exit }) => {
            let way_out = lenient_command(args)
                .map(|command| format!("; `{command}` takes what keepalived would tolerate"));
            let way_out = way_out.unwrap_or_default();
            logging::show(&format!("vrrpd: {why}, nothing was started{way_out}\n"));
            return ExitCode::from(exit);
        }
    };
    if args.probe {
        return upgrade::answer_probe(&config);
    }
    if let Err(error) = logging::init() {
        eprintln!("vrrpd: cannot start a thread: {error}");
        return ExitCode::from(exit::UNAVAILABLE);
    }
    let code = match serve(args, config, inheritance) {
        Ok(()) => exit::OK,
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(match error {
                // What the configuration asks for cannot be done: a restart mends nothing.
                RunError::Setup(_) | RunError::Apply(ApplyError::Setup(_)) => exit::CONFIG,
                _ => exit::UNAVAILABLE,
            })
        }
    };
    logging::flush(LAST_WORDS_TIME);
    code
}

/// Why a configuration cannot be used.
struct Refusal {
    why: String,
    exit: u8,
}

/// A configuration as it was read, with all that there is to say about it.
struct Reading {
    config: Result<Config, Refusal>,
    diagnostics: String,
}

/// Reads the configuration.
fn read(args: &RunArgs) -> Reading {
    let file = args.file.display();
    let loaded = match check::load(&args.file, args.config_id.as_deref(), args.lenient) {
        Ok(loaded) => loaded,
        Err(error) => {
            let why = format!("cannot read {file}: {error}");
            let config = Err(Refusal { why, exit: exit::USAGE });
            return Reading { config, diagnostics: String::new() };
        }
    };
    let diagnostics = check::rendered(&loaded.diagnostics, &loaded.sources);
    let refusal = || Refusal { why: format!("{file} has errors"), exit: exit::CONFIG };
    Reading { config: loaded.config.ok_or_else(refusal), diagnostics }
}

/// The command that would start with this configuration, if there is one.
fn lenient_command(args: &RunArgs) -> Option<String> {
    let config_id = args.config_id.as_deref();
    let would_start =
        !args.lenient && check::load(&args.file, config_id, true).is_ok_and(|l| l.config.is_some());
    let identifier = config_id.map(|id| format!(" -i {id}")).unwrap_or_default();
    would_start.then(|| format!("vrrpd run --lenient{identifier} -f {}", args.file.display()))
}

/// What the main thread has to do.
enum Task {
    Signal(i32),
    /// Reload, or only say what that would change; answer, and wake whoever waits for it.
    Reload {
        is_dry: bool,
        reply: Sender<ReloadReport>,
        answered: Waker,
    },
    Upgrade(UpgradeRequest),
    /// Keep instances from taking part, or let them take part again; answer in the same way.
    Drain {
        request: DrainRequest,
        reply: Sender<DrainReport>,
        answered: Waker,
    },
}

/// What a running daemon is made of.
struct Daemon<'a> {
    args: &'a RunArgs,
    net_namespace: Option<String>,
    run_dir: RunDir,
    users: Arc<Users>,
    service: Service,
    notifier: Notifier,
    loaded: Arc<Mutex<Loaded>>,
    spare: SpareDescriptors,
    guard: Arc<Guard>,
    /// Where this program was started from.
    program: PathBuf,
    descriptors: DescriptorLimit,
    /// Closes what the program before has left.
    closer: Option<JoinHandle<()>>,
}

/// What is known of the configuration in force.
#[derive(Debug, Clone)]
struct Loaded {
    at_unix_s: u64,
    reload_refused: Option<String>,
}

fn serve(args: &RunArgs, config: Config, inheritance: Option<Inheritance>) -> Result<(), RunError> {
    let program = std::env::current_exe()?;
    // Every thread, and every program that is run, is where this thread is.
    let net_namespace = enter_namespace(&config)?;
    let mut host = Host::system()?;
    let descriptors = DescriptorLimit::raise();
    let (mut before, mut last_event) = (None, 0);
    let (run_dir, socket, predecessor) = match inheritance {
        Some(inheritance) => {
            let (rest, run_dir, socket, guard, routers) = inheritance.divide();
            last_event = routers.last_event();
            before = Some((rest, routers.active()));
            host.resume(routers);
            (run_dir, socket, guard)
        }
        None => {
            let run_dir = RunDir::hold(run_dir_of(args, &config))?;
            let socket = run_dir.listen()?;
            release_leftovers(&run_dir);
            (run_dir, socket, None)
        }
    };
    let reception = Reception::open(socket)?;
    let record = run_dir.path().join(RECORD);
    let guard = Arc::new(Guard::recording(GUARD, record, predecessor)?);
    host.set_safeguard(Arc::clone(&guard) as _);
    let spare = SpareDescriptors::new(SPARE_DESCRIPTORS);
    // From here on signals wait until they are asked for, so none can end the process unawares.
    let (requests, tasks) = unbounded();
    follow_signals(requests.clone())?;
    if before.is_some() {
        upgrade::let_signals_through()?;
    }

    let users = Arc::new(Users::new());
    let runner = Runner::start(RunnerLimits::default())?;
    let meaning = Meaning::of(&config, &users, &host.link_states())?;
    // It has been read: what is left of it would only take memory.
    drop(config);
    let count = meaning.setup.routers.len();
    let mut service = host.spawn()?;
    let notifier = Notifier::start(
        service.events(),
        last_event,
        runner,
        Arc::clone(&users),
        reception.events(),
    )?;
    notifier.programs().take_over(meaning.notify, &[]);
    let loaded = Loaded { at_unix_s: now_unix_s(), reload_refused: None };
    let loaded = Arc::new(Mutex::new(loaded));
    service.start(meaning.setup)?;
    let file = args.file.display().to_string();
    let (observer, told, watched) = (service.observer(), Arc::clone(&loaded), Arc::clone(&guard));
    let answers = Answering { observer, loaded: told, guard: watched, file, requests };
    let control = Control::start(reception, answers)?;
    let mut daemon = Daemon {
        args,
        net_namespace,
        run_dir,
        users,
        service,
        notifier,
        loaded,
        spare,
        guard,
        program,
        descriptors,
        closer: None,
    };
    let place = daemon.run_dir.path().display();
    log::info!("vrrpd {VERSION} runs {count} instance(s), status in {place}");
    if let Some((before, masters)) = before {
        daemon.finish_upgrade(before, masters);
    }
    tell_manager(&[NotifyState::Ready]);
    daemon.work(&tasks);
    tell_manager(&[NotifyState::Stopping]);
    daemon.stop(control);
    log::info!("stopped");
    Ok(())
}

/// Moves this thread into the network namespace that a configuration asks for, and returns its name.
fn enter_namespace(config: &Config) -> Result<Option<String>, RunError> {
    let name = config.global.net_namespace.as_ref().map(|name| name.value.clone());
    if let Some(name) = &name {
        let entered = NetNamespace::named(name).and_then(|namespace| namespace.enter());
        entered.map_err(|source| RunError::Namespace { name: name.clone(), source })?;
    }
    Ok(name)
}

/// The run directory that a configuration asks for: a network namespace has one of its own, and so
/// has a daemon with a name.
fn run_dir_of(args: &RunArgs, config: &Config) -> PathBuf {
    let names = [&config.global.net_namespace, &config.global.instance_name];
    let mut path = args.run_dir.clone();
    path.extend(names.into_iter().flatten().map(|name| name.as_str()));
    path
}

/// Removes what a daemon and its guard have left that were killed together.
fn release_leftovers(run_dir: &RunDir) {
    match vrrp_guard::release(&run_dir.path().join(RECORD)) {
        Ok(0) => {}
        Ok(count) => log::warn!("removed {count} object(s) that a killed daemon had left behind"),
        Err(error) => log::warn!("what a killed daemon has left may still be there: {error}"),
    }
}

/// Signals become tasks.
fn follow_signals(tasks: Sender<Task>) -> std::io::Result<()> {
    let mut signals = Signals::new(
        [SIGTERM, SIGINT, SIGHUP].into_iter().chain(harmless_signals().map(|(signal, _)| signal)),
    )?;
    thread::Builder::new().name("signals".into()).stack_size(SIGNALS_STACK_BYTES).spawn(
        move || {
            let forward = |signal| tasks.send(Task::Signal(signal));
            // The daemon's end ends this too.
            let _ = signals.forever().try_for_each(forward);
        },
    )?;
    Ok(())
}

/// What keepalived's users send to keepalived for other purposes, and what serves those here.
fn harmless_signals() -> impl Iterator<Item = (i32, &'static str)> {
    let status = "`vrrpd status` tells how things stand";
    let named = [SIGUSR1, SIGUSR2, SIGALRM, SIGQUIT].into_iter();
    named.chain(libc::SIGRTMIN()..=libc::SIGRTMAX()).map(move |signal| (signal, status))
}

fn signal_name(signal: i32) -> String {
    let known = signal_hook::low_level::signal_name(signal).map(str::to_owned);
    known.unwrap_or_else(|| format!("SIGRTMIN+{}", signal - libc::SIGRTMIN()))
}

impl Daemon<'_> {
    /// Does what signals and clients ask for, until one asks for the end.
    fn work(&mut self, tasks: &Receiver<Task>) {
        for task in tasks {
            match task {
                Task::Signal(SIGHUP) => drop(self.reload()),
                Task::Signal(SIGTERM | SIGINT) => return,
                Task::Signal(other) => {
                    let what = harmless_signals().find(|(signal, _)| *signal == other);
                    let what = what.map_or("", |(_, what)| what);
                    log::info!("{} does nothing here: {what}", signal_name(other));
                }
                Task::Upgrade(request) => self.upgrade(request),
                Task::Reload { is_dry, reply, answered } => {
                    let report = if is_dry { self.dry_run() } else { self.reload() };
                    // Whoever asked may have given up waiting.
                    let _ = reply.try_send(report);
                    answered.wake();
                }
                Task::Drain { request, reply, answered } => {
                    let _ = reply.try_send(self.drain(&request));
                    answered.wake();
                }
            }
        }
    }

    /// Reads the configuration anew and puts it into force: all of it, or nothing.
    fn reload(&mut self) -> ReloadReport {
        log::info!("reloading {}", self.args.file.display());
        tell_manager(&reloading());
        let Reading { config, diagnostics } = self.read();
        logging::show(&diagnostics);
        let applied = config.map_err(|refusal| refusal.why).and_then(|config| self.apply(&config));
        match &applied {
            Ok(_) => log::info!("reloaded"),
            Err(why) => {
                log::error!("not reloaded, the configuration before it is in force: {why}");
            }
        }
        let report = report(false, applied, diagnostics);
        let mut loaded = lock(&self.loaded);
        if report.applied {
            loaded.at_unix_s = now_unix_s();
        }
        loaded.reload_refused.clone_from(&report.refused);
        drop(loaded);
        tell_manager(&[NotifyState::Ready]);
        report
    }

    /// Lets another program take this one's place, or answers why not.
    fn upgrade(&mut self, request: UpgradeRequest) {
        tell_manager(&reloading());
        let parts = upgrade::Parts {
            program: &self.program,
            service: &mut self.service,
            notifier: &self.notifier,
            guard: &self.guard,
            run_dir: &self.run_dir,
            spare: &mut self.spare,
            closer: &mut self.closer,
            limit_descriptors: &|as_before| self.descriptors.set(as_before),
        };
        let why = parts.upgrade(&request);
        log::error!("not upgraded, everything is as it was: {why}");
        tell_manager(&[NotifyState::Ready]);
        request.asker.answer(&UpgradeReport::refused(VERSION, why));
    }

    /// Lets go of what the program before has left, once all routers have gone on, and answers whoever
    /// wanted this program.
    fn finish_upgrade(&mut self, before: Leftover, masters: usize) {
        if !self.service.settle(RESUME_TIME) {
            log::warn!("not all instances have gone on within {RESUME_TIME:?}");
        }
        self.guard.dismiss_predecessor();
        self.closer = before.finish(masters);
    }

    fn drain(&mut self, request: &DrainRequest) -> DrainReport {
        // As they stand before: others answer within milliseconds.
        let before = self.service.observer().routers();
        let names = self.service.drain(request.name.as_deref(), request.drain);
        let (format, drained) = (vrrp_control::FORMAT, request.drain);
        let (names, refused) = match names {
            Ok(names) => (names, None),
            Err(unknown) => (Vec::new(), Some(unknown.to_string())),
        };
        let is_meant = |router: &&RouterStatus| names.contains(&router.settings.name);
        let instances = before.iter().filter(is_meant).map(DrainedInstance::of).collect();
        DrainReport { format, drained, refused, instances }
    }

    fn read(&mut self) -> Reading {
        self.spare.give_up();
        let reading = read(self.args);
        self.spare.refill();
        reading
    }

    /// Says what a reload would change.
    fn dry_run(&mut self) -> ReloadReport {
        let Reading { config, diagnostics } = self.read();
        let planned = config.map_err(|refusal| refusal.why).and_then(|config| {
            let meaning = self.meaning(&config)?;
            meaning.setup.check().map_err(|error| error.to_string())?;
            let plan = vrrp::plan(self.service.setup(), &meaning.setup);
            Ok(lines(&plan, &self.notifier.programs(), &meaning.notify))
        });
        report(true, planned, diagnostics)
    }

    fn apply(&mut self, config: &Config) -> Result<Vec<String>, String> {
        let meaning = self.meaning(config)?;
        if run_dir_of(self.args, config) != *self.run_dir.path() {
            log::warn!("another `instance` needs a restart: the run directory stays");
        }
        // Held until it is known which programs are the right ones.
        let mut programs = self.notifier.programs();
        let plan = self.service.apply(meaning.setup).map_err(|error| setup::in_full(&error))?;
        let lines = lines(&plan, &programs, &meaning.notify);
        programs.take_over(meaning.notify, &plan);
        drop(programs);
        lines.iter().for_each(|line| log::info!("{line}"));
        Ok(lines)
    }

    fn meaning(&self, config: &Config) -> Result<Meaning, String> {
        if config.global.net_namespace.as_deref() != self.net_namespace.as_ref() {
            return Err("another `net_namespace` needs a restart".to_owned());
        }
        let meaning = Meaning::of(config, &self.users, &self.service.link_states());
        meaning.map_err(|error| setup::in_full(&error))
    }

    fn stop(self, control: Control) {
        let Self { args, service, notifier, guard, .. } = self;
        if let Err(left) = service.shutdown(STOP_TIME) {
            log::error!("{left}");
        }
        guard.end();
        drop(control);
        notifier.finish(Duration::from_secs(args.stop_timeout));
    }
}

/// sd_notify(3): a reload is announced with the time at which it began.
fn reloading() -> Vec<NotifyState<'static>> {
    let mut states = vec![NotifyState::Reloading];
    states.extend(NotifyState::monotonic_usec_now().ok());
    states
}

fn tell_manager(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!("cannot tell the service manager: {error}");
    }
}

/// A line for each change, those of programs among them.
fn lines(plan: &[Change], before: &NotifyPrograms, after: &NotifyPrograms) -> Vec<String> {
    let plan = plan.iter().map(ToString::to_string);
    plan.chain(before.differences(after)).collect()
}

fn report(
    dry_run: bool,
    changes: Result<Vec<String>, String>,
    diagnostics: String,
) -> ReloadReport {
    let (changes, refused) = match changes {
        Ok(changes) => (changes, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let (format, applied) = (vrrp_control::FORMAT, refused.is_none());
    ReloadReport { format, applied, dry_run, refused, diagnostics, changes }
}

/// What clients are answered.
struct Answering {
    observer: Observer,
    loaded: Arc<Mutex<Loaded>>,
    guard: Arc<Guard>,
    file: String,
    requests: Sender<Task>,
}

impl Answers for Answering {
    fn status(&self) -> Status {
        let now = System.now();
        let Loaded { at_unix_s, reload_refused } = lock(&self.loaded).clone();
        let routers = self.observer.routers();
        let guard = self.guard.status();
        Status {
            format: vrrp_control::FORMAT,
            version: VERSION.to_owned(),
            pid: std::process::id(),
            config: self.file.clone(),
            loaded_unix_s: at_unix_s,
            reload_refused,
            guard: GuardStatus { pid: guard.pid, restarts: guard.restarts },
            instances: routers.iter().map(|router| InstanceStatus::of(router, now)).collect(),
            sync_groups: self.observer.groups().iter().map(GroupStatus::of).collect(),
            interfaces: self.observer.receivers().iter().map(InterfaceStatus::of).collect(),
            trackers: self.observer.trackers().iter().map(TrackerStatus::of).collect(),
        }
    }

    fn reload(&self, is_dry: bool, answered: Waker) -> Receiver<ReloadReport> {
        let (reply, report) = bounded(1);
        // A daemon that is about to end gives no answer: the client sees the connection end.
        let _ = self.requests.send(Task::Reload { is_dry, reply, answered });
        report
    }

    fn upgrade(&self, request: UpgradeRequest) {
        let _ = self.requests.send(Task::Upgrade(request));
    }

    fn drain(&self, request: DrainRequest, answered: Waker) -> Receiver<DrainReport> {
        let (reply, report) = bounded(1);
        let _ = self.requests.send(Task::Drain { request, reply, answered });
        report
    }
}

/// The limit of open descriptors: each instance takes three, which makes the customary 1024 few.
struct DescriptorLimit {
    at_start: Rlimit,
}

impl DescriptorLimit {
    fn raise() -> Self {
        let limit = Self { at_start: getrlimit(Resource::Nofile) };
        limit.set(false);
        limit
    }

    /// Makes it what it was when this program began, or as high as it may be.
    fn set(&self, as_before: bool) {
        let Rlimit { current, maximum } = self.at_start;
        let current = if as_before { current } else { maximum };
        if let Err(errno) = setrlimit(Resource::Nofile, Rlimit { current, maximum }) {
            log::warn!("cannot set the limit of open descriptors: {errno}");
        }
    }
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn lock(loaded: &Mutex<Loaded>) -> MutexGuard<'_, Loaded> {
    loaded.lock().unwrap_or_else(PoisonError::into_inner)
}
