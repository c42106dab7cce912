//! `vrrpd run`: who is started, in which order, and what the signals do.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit, setrlimit};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use vrrp_conf::model::{Command, Config};
use vrrp_net::{NetError, Privileges};
use vrrp_track::TrackError;
use vrrp_track::runner::{Runner, RunnerLimits};

use crate::check;
use crate::cli::RunArgs;
use crate::control::Control;
use crate::exit;
use crate::fleet::{Fleet, FleetError};
use crate::health::HealthError;
use crate::links::{Links, StartError};
use crate::logging;
use crate::notify::Notifier;
use crate::rundir::{self, RunDir, RunDirError};
use crate::status::{self, Status};
use crate::users::Users;

/// How long the last log lines may take to be written.
const LAST_WORDS_TIME: Duration = Duration::from_secs(1);

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Net(#[from] NetError),
    #[error(transparent)]
    Track(#[from] TrackError),
    #[error(transparent)]
    Fleet(#[from] FleetError),
    #[error(transparent)]
    Health(#[from] HealthError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error(
        "the capabilities CAP_NET_ADMIN and CAP_NET_RAW are needed, to set addresses and to send \
         and receive adverts: run as root, or under a service manager that grants them"
    )]
    Privileges,
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
                RunError::Fleet(FleetError::Unsupported { .. }) => exit::CONFIG,
                RunError::Health(HealthError::User { .. }) => exit::CONFIG,
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

fn serve(args: &RunArgs, config: Config) -> Result<(), RunError> {
    if !Privileges::of_this_thread()?.suffice() {
        return Err(RunError::Privileges);
    }
    raise_descriptor_limit();
    let run_dir = RunDir::hold(run_dir_of(args, &config))?;
    let listener = run_dir.listen()?;
    // From here on signals wait until they are asked for, so none can end the process unawares.
    let signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;

    let users = Arc::new(Users::new(any_anonymous(&config)));
    let runner = Runner::start(RunnerLimits::default())?;
    let (notifier, teller) = Notifier::start(runner, Arc::clone(&users))?;
    let fleet = Fleet::new(Links::start()?, teller, users);
    let state = Arc::new(Mutex::new(State { fleet, loaded: now_unix_s(), reload_refused: None }));
    lock(&state).fleet.apply(&config)?;

    let shared = Arc::clone(&state);
    let file = args.file.display().to_string();
    let control = Control::start(listener, move || status(&shared, &file))?;
    let (version, place) = (env!("CARGO_PKG_VERSION"), run_dir.path().display());
    log::info!("vrrpd {version} runs {} instance(s), status in {place}", config.instances.len());
    tell_manager(&[NotifyState::Ready]);
    wait_for_the_end(args, &run_dir, signals, &state);
    tell_manager(&[NotifyState::Stopping]);

    lock(&state).fleet.stop();
    drop(control);
    // With the fleet the last tellers go, and the notify thread sees the end of its queue.
    drop(state);
    notifier.finish(Duration::from_secs(args.stop_timeout));
    log::info!("stopped");
    Ok(())
}

/// The run directory that a configuration asks for.
fn run_dir_of(args: &RunArgs, config: &Config) -> PathBuf {
    let instance_name = config.global.instance_name.as_ref().map(|name| name.as_str());
    rundir::resolve(&args.run_dir, instance_name)
}

/// What the main thread and the control thread share.
struct State {
    fleet: Fleet,
    loaded: u64,
    reload_refused: Option<String>,
}

fn wait_for_the_end(args: &RunArgs, run_dir: &RunDir, mut signals: Signals, state: &Mutex<State>) {
    for signal in signals.forever() {
        match signal {
            SIGHUP => reload(args, run_dir, state),
            _ => return,
        }
    }
}

/// Reads the configuration anew. Whatever is wrong with it leaves the old one in force; if the
/// machine lacks something, what could be started runs.
fn reload(args: &RunArgs, run_dir: &RunDir, state: &Mutex<State>) {
    log::info!("reloading {}", args.file.display());
    tell_manager(&reloading());
    let mut state = lock(state);
    let applied = match read(args) {
        Err(refusal) => Err((refusal.why, false)),
        Ok(config) => {
            if run_dir_of(args, &config) != *run_dir.path() {
                log::warn!("another `instance` needs a restart: the run directory stays");
            }
            state.fleet.apply(&config).map_err(|error| {
                let is_partly = matches!(error, FleetError::Partly { .. });
                (error.to_string(), is_partly)
            })
        }
    };
    match &applied {
        Ok(()) => log::info!("reloaded"),
        Err((why, true)) => log::error!("reloaded in part: {why}"),
        Err((why, false)) => {
            log::error!("not reloaded, the configuration before it is in force: {why}");
        }
    }
    if matches!(applied, Ok(()) | Err((_, true))) {
        state.loaded = now_unix_s();
    }
    state.reload_refused = applied.err().map(|(why, _)| why);
    tell_manager(&[NotifyState::Ready]);
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

fn status(state: &Mutex<State>, file: &str) -> Status {
    let state = lock(state);
    let inquiry = state.fleet.inquire();
    let (interfaces, trackers) = (state.fleet.interfaces(), state.fleet.trackers());
    let (loaded_unix_s, reload_refused) = (state.loaded, state.reload_refused.clone());
    // Whoever waits for an instance's answer must not keep the main thread waiting.
    drop(state);
    Status {
        format: status::FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        config: file.to_owned(),
        loaded_unix_s,
        reload_refused,
        instances: inquiry.collect(),
        interfaces,
        trackers,
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

/// Whether there are programs to run of which nobody says as whom.
fn any_anonymous(config: &Config) -> bool {
    let notify = config.instances.iter().flat_map(|instance| {
        let notify = &instance.notify;
        [&notify.master, &notify.backup, &notify.fault, &notify.stop, &notify.any]
    });
    let scripts = config.scripts.values().map(|script| &script.command.value);
    let nobody = |command: &Command| command.user.is_none();
    notify.flatten().map(|command| &command.value).chain(scripts).any(nobody)
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
