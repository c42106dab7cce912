//! `vrrpd upgrade`: another program in the place of this one, in the same process and without a word
//! on the wire.
//!
//! The other program is tried first ([`probe`]). Then the routers stand still, how they stand is
//! written into memory that outlives this program, and exec puts the other program into this
//! process, with that memory and a few descriptors left open. If exec fails, the routers go on.

use std::collections::BTreeMap;
use std::ffi::{CString, OsString};
use std::io::{self, Read, Seek as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, SigmaskHow};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};
use serde::{Deserialize, Serialize};
use vrrp::track::interface::Links;
use vrrp::{HostError, Platform as _, Service, Snapshot, Standstill, System};
use vrrp_conf::model::Config;
use vrrp_control::{Asker, RunDir, Socket, UpgradeReport, UpgradeRequest};
use vrrp_guard::{Guard, Predecessor};
use vrrp_net::{LeftOpen, Privileges, SpareDescriptors, take_inherited};

use crate::exit;
use crate::logging;
use crate::notify::Notifier;
use crate::setup::{self, Meaning};
use crate::users::Users;

/// How long the other program may take to say that it could run.
const PROBE_TIME: Duration = Duration::from_secs(10);
/// How much it may say.
const PROBE_BYTES_MAX: u64 = 64 << 10;
/// How long notify programs that are under way are waited for.
const NOTIFY_TIME: Duration = Duration::from_secs(10);
/// How long routers may take to stand still.
const STANDSTILL_TIME: Duration = Duration::from_secs(1);
/// How long what happened last before that may take to be told.
const EVENTS_TIME: Duration = Duration::from_millis(500);
/// How long the last log lines may take to be written, while routers stand still.
const LOG_TIME: Duration = Duration::from_millis(100);
const SMALL_STACK_BYTES: usize = 64 << 10;
/// By which the other program finds what is handed over to it.
const RESUME: &str = "--resume=";

/// What the other program says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    version: String,
    /// The [formats](Snapshot::FORMAT) that it goes on from.
    resumes: Vec<u32>,
}

/// What the other program has to know, apart from what it reads for itself.
#[derive(Debug, Serialize, Deserialize)]
struct Handover {
    version: String,
    /// When the routers stood still, in microseconds of CLOCK_MONOTONIC.
    stood_still_at: u64,
    routers: Snapshot,
    guard: Option<HandedGuard>,
    run_dir: PathBuf,
    lock: RawFd,
    control: RawFd,
    /// Device and inode.
    control_identity: (u64, u64),
    asker: RawFd,
    /// Of no use but to stay open: see [`Standstill::sockets`].
    sockets: Vec<RawFd>,
}

#[derive(Debug, Serialize, Deserialize)]
struct HandedGuard {
    socket: RawFd,
    slots: BTreeMap<String, u32>,
    given: u32,
}

/// What this program has got from the one before it.
pub(crate) struct Inheritance {
    routers: Snapshot,
    guard: Option<Predecessor>,
    run_dir: RunDir,
    control: Socket,
    leftover: Leftover,
}

/// What is needed until all routers have gone on.
pub(crate) struct Leftover {
    asker: Asker,
    sockets: Vec<OwnedFd>,
    version: String,
    stood_still_at: vrrp::Instant,
}

impl Leftover {
    /// Says that it is done, and closes what is of no use any more; the thread that does so, since
    /// each may take the kernel many milliseconds.
    pub(crate) fn finish(self, masters: usize) -> Option<JoinHandle<()>> {
        let stood_still = System.now().saturating_since(self.stood_still_at);
        let report = UpgradeReport {
            format: vrrp_control::FORMAT,
            upgraded: true,
            refused: None,
            from: self.version,
            to: env!("CARGO_PKG_VERSION").to_owned(),
            masters,
            stood_still_ms: u64::try_from(stood_still.as_millis()).unwrap_or(u64::MAX),
        };
        log::info!("{report}");
        self.asker.answer(&report);
        let closer = thread::Builder::new().name("closer".into()).stack_size(SMALL_STACK_BYTES);
        let sockets = self.sockets;
        // Without a thread they are closed here.
        closer.spawn(move || drop(sockets)).ok()
    }
}

impl Inheritance {
    /// Takes what was left under this number. To be called before anything else is opened or started.
    pub(crate) fn take(number: RawFd) -> io::Result<Self> {
        let children = children();
        let mut text = Vec::new();
        std::fs::File::from(take_inherited(number)?).read_to_end(&mut text)?;
        let handover: Handover = serde_json::from_slice(&text)?;
        let predecessor = |guard: HandedGuard| {
            let socket = take_inherited(guard.socket)?;
            io::Result::Ok(Predecessor::new(socket, guard.slots, guard.given))
        };
        let guard = handover.guard.map(predecessor).transpose()?;
        let (run_dir, lock) = (handover.run_dir, take_inherited(handover.lock)?);
        let listener = take_inherited(handover.control)?;
        let control = Socket::adopt(&run_dir, listener, handover.control_identity);
        let sockets = handover.sockets.into_iter().map(take_inherited);
        let leftover = Leftover {
            asker: take_inherited(handover.asker)?.into(),
            sockets: sockets.collect::<Result<_, _>>()?,
            version: handover.version,
            stood_still_at: vrrp::Instant::from_micros(handover.stood_still_at),
        };
        wait_for_children(children)?;
        let (routers, run_dir) = (handover.routers, RunDir::adopt(run_dir, lock));
        Ok(Self { routers, guard, run_dir, control, leftover })
    }

    /// Its parts, for those whom they concern.
    pub(crate) fn divide(self) -> (Leftover, RunDir, Socket, Option<Predecessor>, Snapshot) {
        let Self { routers, guard, run_dir, control, leftover } = self;
        (leftover, run_dir, control, guard, routers)
    }
}

/// Lets signals through that were held back while nobody would have handled them.
pub(crate) fn let_signals_through() -> io::Result<()> {
    Ok(SigSet::empty().thread_set_mask()?)
}

/// The children that the program before has left to this one.
fn children() -> Vec<Pid> {
    // A kernel without this list leaves them as zombies, which harm nobody.
    let list = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    list.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// Waits for the end of children whom nobody else waits for.
fn wait_for_children(children: Vec<Pid>) -> io::Result<()> {
    let open = |pid| pidfd_open(pid, PidfdFlags::empty()).ok();
    let mut pidfds: Vec<_> = children.into_iter().filter_map(open).collect();
    if pidfds.is_empty() {
        return Ok(());
    }
    let wait = move || {
        while !pidfds.is_empty() {
            let mut fds: Vec<_> = pidfds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
            let waited = poll(&mut fds, None);
            let ended: Vec<_> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            if waited.is_err_and(|errno| errno != rustix::io::Errno::INTR) {
                return;
            }
            let mut ended = ended.into_iter();
            pidfds.retain(|pidfd| {
                let has_ended = ended.next().unwrap_or(false);
                if has_ended {
                    let _ = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
                }
                !has_ended
            });
        }
    };
    thread::Builder::new().name("reaper".into()).stack_size(SMALL_STACK_BYTES).spawn(wait)?;
    Ok(())
}

/// Says whether this program could go on from another one with this configuration.
pub(crate) fn answer_probe(config: &Config) -> ExitCode {
    if let Err(why) = could_run(config) {
        eprintln!("vrrpd: {why}");
        return ExitCode::from(exit::CONFIG);
    }
    let answer =
        Answer { version: env!("CARGO_PKG_VERSION").to_owned(), resumes: vec![Snapshot::FORMAT] };
    match serde_json::to_string(&answer) {
        Ok(text) => {
            exit::print(format_args!("{text}"));
            exit::OK
        }
        Err(error) => {
            eprintln!("vrrpd: {error}");
            ExitCode::from(exit::UNAVAILABLE)
        }
    }
}

fn could_run(config: &Config) -> Result<(), String> {
    let privileges = Privileges::of_this_thread().map_err(|error| error.to_string())?;
    if !privileges.suffice() {
        return Err(HostError::Privileges(privileges).to_string());
    }
    let meaning = Meaning::of(config, &Users::new(), &Links::default());
    let meaning = meaning.map_err(|error| setup::in_full(&error))?;
    meaning.setup.check().map_err(|error| error.to_string())
}

/// What has to take part in an upgrade.
pub(crate) struct Parts<'a> {
    /// The program, unless the request names another one.
    pub(crate) program: &'a Path,
    pub(crate) service: &'a mut Service,
    pub(crate) notifier: &'a Notifier,
    pub(crate) guard: &'a Guard,
    pub(crate) run_dir: &'a RunDir,
    pub(crate) spare: &'a mut SpareDescriptors,
    /// Closes what the program before has left.
    pub(crate) closer: &'a mut Option<JoinHandle<()>>,
    /// Lets the limit of descriptors be what it was when this program began, or what it is now.
    pub(crate) limit_descriptors: &'a dyn Fn(bool),
}

impl Parts<'_> {
    /// Replaces this program. Returns only if that cannot be: why, and then nothing has changed.
    pub(crate) fn upgrade(self, request: &UpgradeRequest) -> String {
        let binary = request.binary.as_deref().unwrap_or(self.program);
        self.spare.give_up();
        let probed = probe(binary);
        self.spare.refill();
        match probed {
            Ok(answer) if answer.resumes.contains(&Snapshot::FORMAT) => {
                let version = answer.version;
                log::info!("upgrading to {} ({version})", binary.display());
            }
            Ok(answer) => {
                let version = answer.version;
                return format!("version {version} cannot go on from this one: it takes a restart");
            }
            Err(why) => return format!("{} cannot run: {why}", binary.display()),
        }
        // What is not closed by then, exec closes, while routers stand still.
        self.closer.take().into_iter().for_each(|closer| drop(closer.join()));
        if !self.notifier.is_idle(NOTIFY_TIME, self.service.last_event()) {
            return "notify programs are still running: what waits for them would be lost".into();
        }
        let standstill = match self.service.stand_still(STANDSTILL_TIME) {
            Ok(standstill) => standstill,
            Err(error) => return error.to_string(),
        };
        if !self.notifier.is_idle(EVENTS_TIME, self.service.last_event()) {
            return "something has happened at the same time that has to be told first".into();
        }
        logging::flush(LOG_TIME);
        (self.limit_descriptors)(true);
        let Err(error) = self.exec(binary, request, &standstill);
        (self.limit_descriptors)(false);
        format!("cannot run {}: {error}", binary.display())
    }

    fn exec(
        &self,
        binary: &Path,
        request: &UpgradeRequest,
        standstill: &Standstill,
    ) -> io::Result<std::convert::Infallible> {
        let UpgradeRequest { asker, socket, .. } = request;
        let guard = self.guard.as_predecessor();
        let listener = socket.listener().as_fd();
        let sockets = standstill.sockets.iter().map(AsFd::as_fd);
        let fds = [self.run_dir.as_fd(), listener, asker.as_fd()].into_iter().chain(sockets);
        let fds: Vec<_> = fds.chain(guard.iter().map(AsFd::as_fd)).collect();
        let handover = Handover {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            stood_still_at: System.now().as_micros(),
            routers: standstill.snapshot.clone(),
            guard: guard.as_ref().map(|guard| HandedGuard {
                socket: guard.as_fd().as_raw_fd(),
                slots: guard.slots(),
                given: guard.given(),
            }),
            run_dir: self.run_dir.path().to_owned(),
            lock: self.run_dir.as_fd().as_raw_fd(),
            control: listener.as_raw_fd(),
            control_identity: socket.identity(),
            asker: asker.as_fd().as_raw_fd(),
            sockets: standstill.sockets.iter().map(|socket| socket.as_raw_fd()).collect(),
        };
        let mut memory = std::fs::File::from(memfd_create("vrrpd-upgrade", MemfdFlags::CLOEXEC)?);
        memory.write_all(&serde_json::to_vec(&handover)?)?;
        memory.rewind()?;
        let mut arguments = arguments();
        arguments.push(format!("{RESUME}{}", memory.as_raw_fd()).into());
        let arguments = arguments.into_iter().map(c_string).collect::<Result<Vec<_>, _>>()?;
        let variable = |(mut name, value): (OsString, OsString)| {
            name.push("=");
            name.push(value);
            c_string(name)
        };
        let environment = std::env::vars_os().map(variable).collect::<Result<Vec<_>, _>>()?;
        let path = c_string(binary.as_os_str().to_owned())?;
        // A signal that comes before the other program handles it would end the process.
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        let fds = fds.into_iter().chain([memory.as_fd()]).map(LeftOpen::new);
        let left_open = fds.collect::<Result<Vec<_>, _>>();
        let failed =
            left_open.and_then(|_open| Ok(nix::unistd::execve(&path, &arguments, &environment)?));
        mask.thread_set_mask()?;
        failed
    }
}

fn c_string(text: OsString) -> io::Result<CString> {
    Ok(CString::new(text.into_vec())?)
}

/// How this program was called, without what was handed over to it.
fn arguments() -> Vec<OsString> {
    let is_own = |argument: &OsString| !argument.to_string_lossy().starts_with(RESUME);
    std::env::args_os().filter(is_own).collect()
}

/// Has another program say whether it could go on from this one, or why it could not.
fn probe(binary: &Path) -> Result<Answer, String> {
    let mut command = Command::new(binary);
    command.args(arguments().into_iter().skip(1)).arg("--probe");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let ended = wait_for_end(&mut child);
    let (said, complained) = (read(child.stdout.take()), read(child.stderr.take()));
    let complained = complained.trim_end();
    match ended.map_err(|error| error.to_string())? {
        None => Err(format!("it has not answered within {} s", PROBE_TIME.as_secs())),
        Some(status) if !status.success() => Err(match complained {
            "" => format!("it has ended with {status}"),
            complained => complained.to_owned(),
        }),
        Some(_) => serde_json::from_str(&said)
            .map_err(|_| "it does not answer like a vrrpd that can be upgraded to".to_owned()),
    }
}

/// Waits for the end of a program, which is killed if it takes too long.
fn wait_for_end(child: &mut Child) -> io::Result<Option<std::process::ExitStatus>> {
    let deadline = Instant::now() + PROBE_TIME;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// What a program that has ended has said, without waiting for others that may go on.
fn read(pipe: Option<impl AsFd + Read>) -> String {
    let mut text = Vec::new();
    if let Some(pipe) = pipe.filter(|pipe| rustix::io::ioctl_fionbio(pipe, true).is_ok()) {
        // Whatever came until an error is all there is.
        let _ = pipe.take(PROBE_BYTES_MAX).read_to_end(&mut text);
    }
    String::from_utf8_lossy(&text).into_owned()
}
