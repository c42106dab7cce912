//! `vrrpd run`: who is started, in which order, and what signals and requests do.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use rustix::process::{Resource, getrlimit, setrlimit};
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
    TrackerStatus,
};
use vrrp_guard::{Guard, GuardError};
use vrrp_net::{NetError, NetNamespace, SpareDescriptors, Waker};

use crate::check;
use crate::cli::RunArgs;

use crate::exit;
use crate::logging;
use crate::notify::Notifier;
use crate::setup::{self, Meaning, NotifyPrograms, SetupError};
use crate::users::Users;

/// The name of the process that removes the addresses when this one is gone or hangs.
pub(crate) const GUARD: &str = "vrrpd-guard";
/// The file of the run directory that says what is to be removed when that is gone too.
pub(crate) const RECORD: &str = "guarded";
/// How long the last log lines may take to be written.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);
/// How long the instances may take to resign and to remove their addresses.
const STOP_TIME: Duration = Duration::from_secs(10);
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
    if let Err(error) = logging::init() {
        eprintln!("vrrpd: cannot start a thread: {error}");
        return ExitCode::from(exit::UNAVAILABLE);
    }
    let code = match serve(args, config) {
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
}

/// What is known of the configuration in force.
#[derive(Debug, Clone)]
struct Loaded {
    at_unix_s: u64,
    reload_refused: Option<String>,
}

fn serve(args: &RunArgs, config: Config) -> Result<(), RunError> {
    // Every thread, and every program that is run, is where this thread is.
    let net_namespace = enter_namespace(&config)?;
    let mut host = Host::system()?;
    raise_descriptor_limit();
    let run_dir = RunDir::hold(run_dir_of(args, &config))?;
    let reception = Reception::open(run_dir.listen()?)?;
    let record = run_dir.path().join(RECORD);
    match vrrp_guard::release(&record) {
        Ok(0) => {}
        Ok(count) => log::warn!("removed {count} object(s) that a killed daemon had left behind"),
        Err(error) => log::warn!("what a killed daemon has left may still be there: {error}"),
    }
    let guard = Arc::new(Guard::recording(GUARD, record)?);
    host.set_safeguard(Arc::clone(&guard) as _);
    let spare = SpareDescriptors::new(SPARE_DESCRIPTORS);
    // From here on signals wait until they are asked for, so none can end the process unawares.
    let (requests, tasks) = unbounded();
    follow_signals(requests.clone())?;

    let users = Arc::new(Users::new());
    let runner = Runner::start(RunnerLimits::default())?;
    let meaning = Meaning::of(&config, &users, &host.link_states())?;
    // It has been read: what is left of it would only take memory.
    drop(config);
    let count = meaning.setup.routers.len();
    let mut service = host.spawn()?;
    let notifier =
        Notifier::start(service.events(), runner, Arc::clone(&users), reception.events())?;
    notifier.programs().take_over(meaning.notify, &[]);
    let loaded = Loaded { at_unix_s: now_unix_s(), reload_refused: None };
    let loaded = Arc::new(Mutex::new(loaded));
    service.start(meaning.setup)?;
    let file = args.file.display().to_string();
    let (observer, told, watched) = (service.observer(), Arc::clone(&loaded), Arc::clone(&guard));
    let answers = Answering { observer, loaded: told, guard: watched, file, requests };
    let control = Control::start(reception, answers)?;
    let mut daemon =
        Daemon { args, net_namespace, run_dir, users, service, notifier, loaded, spare, guard };
    let (version, place) = (env!("CARGO_PKG_VERSION"), daemon.run_dir.path().display());
    log::info!("vrrpd {version} runs {count} instance(s), status in {place}");
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
            version: env!("CARGO_PKG_VERSION").to_owned(),
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

    fn drain(&self, request: DrainRequest, answered: Waker) -> Receiver<DrainReport> {
        let (reply, report) = bounded(1);
        let _ = self.requests.send(Task::Drain { request, reply, answered });
        report
    }
}

/// Each instance takes three descriptors, which makes the customary 1024 few.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(errno) = setrlimit(Resource::Nofile, limit) {
        log::warn!("cannot raise the limit of open descriptors: {errno}");
    }
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn lock(loaded: &Mutex<Loaded>) -> MutexGuard<'_, Loaded> {
    loaded.lock().unwrap_or_else(PoisonError::into_inner)
}
