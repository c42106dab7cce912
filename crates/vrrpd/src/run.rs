//! `vrrpd run`: who is started, in which order, and what signals and requests do.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, unbounded};

use rustix::process::{Resource, getrlimit, setrlimit};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;
use vrrp::track::TrackError;
use vrrp::track::runner::{Runner, RunnerLimits};
use vrrp::{ApplyError, Host, HostError, Observer, Platform as _, Service, System};
use vrrp_conf::model::Config;

use crate::check;
use crate::cli::RunArgs;
use crate::control::Control;
use crate::exit;
use crate::logging;
use crate::notify::Notifier;
use crate::rundir::{self, RunDir, RunDirError};
use crate::setup::{Meaning, SetupError};
use crate::status::{self, InstanceStatus, InterfaceStatus, Status, TrackerStatus};
use crate::users::Users;

/// How long the last log lines may take to be written.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);
/// How long the instances may take to resign and to remove their addresses.
const STOP_TIME: Duration = Duration::from_secs(10);
const SIGNALS_STACK_BYTES: usize = 128 << 10;

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Track(#[from] TrackError),
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Runs the subcommand.
pub(crate) fn run(args: &RunArgs) -> ExitCode {
    let config = match read(args) {
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

/// Reads the configuration and shows what there is to say about it.
fn read(args: &RunArgs) -> Result<Config, Refusal> {
    let file = args.file.display();
    let loaded =
        check::load(&args.file, args.config_id.as_deref(), args.lenient).map_err(|error| {
            Refusal { why: format!("cannot read {file}: {error}"), exit: exit::USAGE }
        })?;
    logging::show(&check::rendered(&loaded.diagnostics, &loaded.sources));
    loaded.config.ok_or_else(|| Refusal { why: format!("{file} has errors"), exit: exit::CONFIG })
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
}

/// What a running daemon is made of.
struct Daemon<'a> {
    args: &'a RunArgs,
    run_dir: RunDir,
    users: Arc<Users>,
    service: Service,
    notifier: Notifier,
    loaded: Arc<Mutex<Loaded>>,
}

/// What is known of the configuration in force.
#[derive(Debug, Clone)]
struct Loaded {
    at_unix_s: u64,
    reload_refused: Option<String>,
}

fn serve(args: &RunArgs, config: Config) -> Result<(), RunError> {
    let host = Host::system()?;
    raise_descriptor_limit();
    let run_dir = RunDir::hold(run_dir_of(args, &config))?;
    let listener = run_dir.listen()?;
    // From here on signals wait until they are asked for, so none can end the process unawares.
    let tasks = follow_signals()?;

    let users = Arc::new(Users::new());
    let runner = Runner::start(RunnerLimits::default())?;
    let meaning = Meaning::of(&config, &users, &host.link_states())?;
    // It has been read: what is left of it would only take memory.
    drop(config);
    let count = meaning.setup.routers.len();
    let mut service = host.spawn()?;
    let notifier = Notifier::start(service.events(), runner, Arc::clone(&users))?;
    notifier.use_programs(meaning.notify);
    let loaded = Loaded { at_unix_s: now_unix_s(), reload_refused: None };
    let loaded = Arc::new(Mutex::new(loaded));
    service.start(meaning.setup)?;
    let control = {
        let (observer, loaded) = (service.observer(), Arc::clone(&loaded));
        let file = args.file.display().to_string();
        Control::start(listener, move || status(&observer, &loaded, &file))?
    };
    let mut daemon = Daemon { args, run_dir, users, service, notifier, loaded };
    let (version, place) = (env!("CARGO_PKG_VERSION"), daemon.run_dir.path().display());
    log::info!("vrrpd {version} runs {count} instance(s), status in {place}");
    tell_manager(&[NotifyState::Ready]);
    daemon.work(&tasks);
    tell_manager(&[NotifyState::Stopping]);
    daemon.stop(control);
    log::info!("stopped");
    Ok(())
}

/// The run directory that a configuration asks for.
fn run_dir_of(args: &RunArgs, config: &Config) -> PathBuf {
    let instance_name = config.global.instance_name.as_ref().map(|name| name.as_str());
    rundir::resolve(&args.run_dir, instance_name)
}

/// Signals become tasks.
fn follow_signals() -> std::io::Result<Receiver<Task>> {
    let (sender, tasks) = unbounded();
    let mut signals = Signals::new(
        [SIGTERM, SIGINT, SIGHUP].into_iter().chain(harmless_signals().map(|(signal, _)| signal)),
    )?;
    thread::Builder::new().name("signals".into()).stack_size(SIGNALS_STACK_BYTES).spawn(
        move || {
            let forward = |signal| sender.send(Task::Signal(signal));
            // The daemon's end ends this too.
            let _ = signals.forever().try_for_each(forward);
        },
    )?;
    Ok(tasks)
}

/// What keepalived's users send to keepalived for other purposes, and what serves those here.
fn harmless_signals() -> impl Iterator<Item = (i32, &'static str)> {
    let status = "`vrrpd status` tells how things stand";
    let signals = [SIGUSR1, SIGUSR2, SIGALRM, SIGQUIT].map(|signal| (signal, status));
    let real_time =
        (libc::SIGRTMIN()..=libc::SIGRTMAX()).take(8).map(move |signal| (signal, status));
    signals.into_iter().chain(real_time)
}

impl Daemon<'_> {
    /// Does what signals ask for, until one asks for the end.
    fn work(&mut self, tasks: &Receiver<Task>) {
        for task in tasks {
            match task {
                Task::Signal(SIGHUP) => self.reload(),
                Task::Signal(SIGTERM | SIGINT) => return,
                Task::Signal(other) => {
                    let what = harmless_signals().find(|(signal, _)| *signal == other);
                    let what = what.map_or("", |(_, what)| what);
                    log::info!("signal {other} does nothing here: {what}");
                }
            }
        }
    }

    /// Reads the configuration anew and puts it into force: all of it, or nothing.
    fn reload(&mut self) {
        log::info!("reloading {}", self.args.file.display());
        tell_manager(&reloading());
        let applied = self.apply_anew();
        match &applied {
            Ok(()) => log::info!("reloaded"),
            Err(why) => {
                log::error!("not reloaded, the configuration before it is in force: {why}");
            }
        }
        let mut loaded = lock(&self.loaded);
        if applied.is_ok() {
            loaded.at_unix_s = now_unix_s();
        }
        loaded.reload_refused = applied.err();
        drop(loaded);
        tell_manager(&[NotifyState::Ready]);
    }

    fn apply_anew(&mut self) -> Result<(), String> {
        let config = read(self.args).map_err(|refusal| refusal.why)?;
        if run_dir_of(self.args, &config) != *self.run_dir.path() {
            log::warn!("another `instance` needs a restart: the run directory stays");
        }
        let meaning = Meaning::of(&config, &self.users, &self.service.link_states());
        let meaning = meaning.map_err(|error| error.to_string())?;
        let before = self.notifier.use_programs(meaning.notify);
        match self.service.apply(meaning.setup) {
            Ok(plan) => {
                plan.iter().for_each(|change| log::info!("{change}"));
                Ok(())
            }
            Err(error) => {
                self.notifier.restore_programs(before);
                Err(error.to_string())
            }
        }
    }

    fn stop(self, control: Control) {
        let Self { args, service, notifier, .. } = self;
        if let Err(left) = service.shutdown(STOP_TIME) {
            log::error!("{left}");
        }
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

fn status(observer: &Observer, loaded: &Mutex<Loaded>, file: &str) -> Status {
    let now = System.now();
    let Loaded { at_unix_s, reload_refused } = lock(loaded).clone();
    let routers = observer.routers();
    Status {
        format: status::FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        config: file.to_owned(),
        loaded_unix_s: at_unix_s,
        reload_refused,
        instances: routers.iter().map(|router| InstanceStatus::of(router, now)).collect(),
        interfaces: observer.receivers().iter().map(InterfaceStatus::of).collect(),
        trackers: observer.trackers().iter().map(TrackerStatus::of).collect(),
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
