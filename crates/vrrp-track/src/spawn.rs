//! Starting a program, and what can be done to it then.
//!
//! Nothing here makes std fork: no `pre_exec`, no `uid`, no `gid`, so that it uses `posix_spawn`, which costs
//! the same however large this process is. What needs more goes through the [shim](crate::shim).

use std::io::{ErrorKind, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getegid, geteuid, kill_process_group,
    pidfd_open, waitid,
};

use crate::poll::Poller;
use crate::refusal::Refusal;
use crate::shim::{self, Orders};
use crate::{Credentials, Outcome, Output, Program};

/// How much the launcher's complaint may be; a path is the longest thing in it.
const COMPLAINT_MAX_BYTES: u64 = 8 * 1024;

/// Whether a program is to end when the thread that started it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tether {
    /// SIGTERM by the kernel, if the shim is there to ask for it.
    Tied,
    /// It goes on.
    Free,
}

/// A program started in a process group of its own, not yet waited for.
pub(crate) struct Running {
    child: process::Child,
    pidfd: OwnedFd,
    /// What the launcher had to say, if there was one.
    complaint: Option<PipeReader>,
    started: Instant,
}

/// Descriptors kept for starting a program when this process may have no others.
pub(crate) struct Reserve(Vec<OwnedFd>);

impl Reserve {
    /// As many as one program without a launcher takes, or two with it.
    const DESCRIPTORS: usize = 4;

    /// As many as there are to be had.
    pub(crate) fn new() -> Self {
        let mut reserve = Self(Vec::with_capacity(Self::DESCRIPTORS));
        reserve.refill();
        reserve
    }

    /// Takes back what was given up, as far as possible.
    pub(crate) fn refill(&mut self) {
        while self.0.len() < Self::DESCRIPTORS {
            let Ok(descriptor) = eventfd(0, EventfdFlags::CLOEXEC) else { return };
            self.0.push(descriptor);
        }
    }
}

/// Starts `program`, or says why that cannot be. The poller reports `token` when it ends.
pub(crate) fn start(
    program: &Program,
    tether: Tether,
    poller: &Poller,
    token: u64,
    reserve: &mut Reserve,
) -> Result<Running, Refusal> {
    reserve.refill();
    let started = match launch(program, tether, poller, token) {
        Err(Refusal::Shortage(_)) => {
            reserve.0.clear();
            launch(program, tether, poller, token)
        }
        started => started,
    };
    reserve.refill();
    started
}

fn launch(
    program: &Program,
    tether: Tether,
    poller: &Poller,
    token: u64,
) -> Result<Running, Refusal> {
    let (command, complaint) = command(program, tether)?;
    let refused = |e| Refusal::of(program.path().display(), &e);
    let run = Running::new(command, complaint).map_err(refused)?;
    match poller.add(run.pidfd(), token) {
        Ok(()) => Ok(run),
        Err(e) => {
            run.signal_group(Signal::KILL);
            let _ = run.wait();
            Err(Refusal::of("cannot wait for it", &e))
        }
    }
}

/// What is to be spawned, and where the launcher will complain if there is one. With it this takes a pipe alone:
/// it opens the other streams itself, where no descriptors are short.
fn command(program: &Program, tether: Tether) -> Result<(Command, Option<PipeReader>), Refusal> {
    let credentials = program.credentials.as_ref().filter(|credentials| !is_own(credentials));
    let (mut command, complaint) = if shim::is_installed() {
        let orders = Orders {
            tether: (tether == Tether::Tied).then(process::id),
            credentials: credentials.cloned(),
            discard: program.output == Output::Discard,
            descriptors: shim::descriptors_at_start(),
        };
        let (reader, writer) = std::io::pipe().map_err(|e| Refusal::of("pipe", &e))?;
        let mut command = orders.command();
        command.args(program.argv()).stdin(writer);
        (command, Some(reader))
    } else if let Some(Credentials { uid, .. }) = credentials {
        let why = format!("cannot become user {uid}: this program has no launcher");
        return Err(Refusal::Program(why.into()));
    } else {
        let mut command = Command::new(program.path());
        command.args(&program.argv()[1..]).stdin(Stdio::null());
        if program.output == Output::Discard {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        (command, None)
    };
    command.process_group(0);
    command.envs(program.env.iter().map(|(name, value)| (name, value)));
    Ok((command, complaint))
}

/// No need to change: also the only case that works where a single user id is mapped.
fn is_own(credentials: &Credentials) -> bool {
    credentials.uid == geteuid().as_raw() && credentials.gid == getegid().as_raw()
}

impl Running {
    fn new(mut command: Command, complaint: Option<PipeReader>) -> std::io::Result<Self> {
        let started = Instant::now();
        let mut child = command.spawn()?;
        // The descriptors that it held make room for the next.
        drop(command);
        // Not waited for yet, so the id is the child's, even if it has ended.
        match pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Self { child, pidfd, complaint, started }),
            Err(e) => {
                child.kill()?;
                child.wait()?;
                Err(e.into())
            }
        }
    }

    /// Readable once the program has ended.
    pub(crate) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// When it was started.
    pub(crate) const fn started(&self) -> Instant {
        self.started
    }

    /// How long it has been running.
    pub(crate) fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Whether the program itself has ended; others of its group may not have.
    pub(crate) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::PidFd(self.pidfd()), options) {
            Ok(status) => status.is_some(),
            Err(rustix::io::Errno::INTR) => false,
            // Somebody else has waited for it.
            Err(_) => true,
        }
    }

    /// Sends to the program and what it has started, as far as that stayed in its group. The number of
    /// the group is not given to others before the program has been waited for.
    pub(crate) fn signal_group(&self, signal: Signal) {
        // Fails if nobody is left, which is as good.
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }

    /// Takes a program that [has ended](Self::has_ended) out of the poller, before its descriptor is
    /// closed, and says how it ended, or why it never ran.
    pub(crate) fn finish(self, poller: &Poller) -> Result<Outcome, Refusal> {
        poller.remove(self.pidfd());
        self.wait()
    }

    fn wait(mut self) -> Result<Outcome, Refusal> {
        let status = self.child.wait();
        match self.complaint() {
            Some(refusal) => Err(refusal),
            None => Ok(status.map_or(Outcome::Unknown, outcome)),
        }
    }

    /// Whatever the launcher wrote before it ended. Never waits: its end of the pipe may be open still in
    /// a process that another thread is just starting.
    fn complaint(&mut self) -> Option<Refusal> {
        let pipe = self.complaint.take()?;
        rustix::io::ioctl_fionbio(&pipe, true).ok()?;
        let mut text = Vec::new();
        match pipe.take(COMPLAINT_MAX_BYTES).read_to_end(&mut text) {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => log::warn!("cannot read why a program did not start: {e}"),
        }
        (!text.is_empty()).then(|| Refusal::from_bytes(&text))
    }
}

fn outcome(status: ExitStatus) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(code), _) => Outcome::Exit(code),
        (None, Some(signal)) => Outcome::Signal(signal),
        (None, None) => Outcome::Unknown,
    }
}
