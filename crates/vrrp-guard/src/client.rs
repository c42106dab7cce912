//! The daemon's side: starts the guard, tells it of wills, starts it again when it dies.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, recv, send, shutdown,
    socketpair,
};
use thiserror::Error;
use vrrp::{LastWill, RouterSafeguard, Safeguard};
use vrrp_net::{NetError, Packet, Timestamp, Waker};

use crate::message::{packets, parts, revocation};
use crate::predecessor::Predecessor;
use crate::process::READY;
use crate::record;
use crate::slots::{SLOTS, Slots};

/// This program, even if its file was replaced since.
const SELF: &str = "/proc/self/exe";
/// How long a guard may take to be ready, or to end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait before one that died is started again; twice as long after each time.
const RESTART_PAUSE: Duration = Duration::from_millis(50);
/// How often that is doubled: up to about 13 seconds.
const RESTART_DOUBLINGS: u32 = 8;
/// How long one has to live for that to be forgotten.
const RESTART_FORGOTTEN: Duration = Duration::from_secs(60);
const STACK_BYTES: usize = 128 << 10;

/// Why there is no guard.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GuardError {
    /// There is no memory to share with it, or no descriptor.
    #[error(transparent)]
    Net(#[from] NetError),
    /// It cannot be started.
    #[error("cannot start it: {0}")]
    Start(#[from] io::Error),
    /// It has ended before it was ready.
    #[error("it has ended at once ({0})")]
    Ended(ExitStatus),
    /// It was not ready in time.
    #[error("it was not ready after {} s", PATIENCE.as_secs())]
    NotReady,
}

/// How a guard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct GuardStatus {
    /// Its process; `None` while there is none.
    pub pid: Option<u32>,
    /// How often it was started again because it had died.
    pub restarts: u64,
}

/// A guard of this process, for its routers: see the [crate](crate).
///
/// It is ended with [`end`](Self::end), or when this is dropped. Until then it is started again
/// whenever it dies.
#[derive(Debug)]
pub struct Guard {
    shared: Arc<Shared>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    slots: Slots,
    /// The slots', for the guard.
    memory: OwnedFd,
    line: Mutex<Line>,
    /// Wakes the supervisor.
    waker: Waker,
    /// Who guards the routers of which there is no will yet.
    predecessor: Mutex<Option<Predecessor>>,
    record: Option<PathBuf>,
}

/// The way to the guard, and what was sent on it: the next guard has to know all of it.
#[derive(Debug, Default)]
struct Line {
    socket: Option<Arc<OwnedFd>>,
    status: GuardStatus,
    /// With the longest silence of each.
    wills: BTreeMap<u32, (Duration, Vec<Vec<u8>>)>,
    /// The slots of which the guard does not know everything yet, and how many messages about the
    /// first of them it has got.
    unsent: VecDeque<u32>,
    sent: usize,
    is_ending: bool,
    /// The slots of the routers that there are.
    names: BTreeMap<Arc<str>, u32>,
    /// Whether the record is of before.
    is_unrecorded: bool,
    /// The slots that were given back, and how many were never given away.
    free: Vec<u32>,
    given: u32,
}

impl Guard {
    /// Starts the guard of this process: this program once more, which has to call
    /// [`intercept`](crate::intercept) with the same name first of all. It is ready when this returns; if
    /// it cannot be started for now, that is tried again, and logged.
    ///
    /// # Errors
    /// [`GuardError`] if there is no memory, no descriptor or no thread for it.
    pub fn start(name: &str) -> Result<Self, GuardError> {
        Self::start_with(name, None, None)
    }

    /// The same, and has a file hold what its routers have, for [`release`](crate::release). Who could
    /// write there could have any object removed.
    ///
    /// In the place of the guard of the program that this one has replaced by exec, if there is one:
    /// that one goes on until [it is dismissed](Self::dismiss_predecessor), for all routers that have
    /// not left a will to this one yet.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn recording(
        name: &str,
        file: PathBuf,
        predecessor: Option<Predecessor>,
    ) -> Result<Self, GuardError> {
        Self::start_with(name, Some(file), predecessor)
    }

    fn start_with(
        name: &str,
        record: Option<PathBuf>,
        predecessor: Option<Predecessor>,
    ) -> Result<Self, GuardError> {
        let (slots, memory) = Slots::create()?;
        let (line, waker, predecessor) = (Mutex::default(), Waker::new()?, Mutex::new(predecessor));
        let name = name.to_owned();
        let shared = Arc::new(Shared { name, slots, memory, line, waker, predecessor, record });
        let child = shared.spawn().inspect_err(|error| shared.complain(error)).ok();
        let supervised = Arc::clone(&shared);
        let supervisor = thread::Builder::new()
            .name("guard".into())
            .stack_size(STACK_BYTES)
            .spawn(move || supervised.supervise(child))?;
        Ok(Self { shared, supervisor: Mutex::new(Some(supervisor)) })
    }

    /// What the guard of the program that replaces this one by exec has to know of this guard; `None`
    /// while there is none. Its descriptor has to [stay open](vrrp_net::LeftOpen).
    pub fn as_predecessor(&self) -> Option<Predecessor> {
        let line = self.shared.lock();
        let slots = line.names.iter().map(|(name, slot)| (name.to_string(), *slot)).collect();
        Some(Predecessor::new(Arc::clone(line.socket.as_ref()?), slots, line.given))
    }

    /// Lets the guard of the program before end, whoever it still guards.
    pub fn dismiss_predecessor(&self) {
        if let Some(predecessor) = self.shared.predecessor().take() {
            predecessor.forget_all();
        }
    }

    /// How it is.
    pub fn status(&self) -> GuardStatus {
        self.shared.lock().status
    }

    /// Ends it in an orderly way, and waits until it has ended. Wills that were not revoked it carries
    /// out at the end of this process.
    pub fn end(&self) {
        self.shared.lock().is_ending = true;
        self.shared.waker.wake();
        let supervisor = self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A panic of its has left its text.
        supervisor.into_iter().for_each(|thread| drop(thread.join()));
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end();
    }
}

impl Safeguard for Guard {
    fn router(&self, name: &Arc<str>) -> Option<Arc<dyn RouterSafeguard>> {
        let mut line = self.shared.lock();
        let slot = line.free.pop().or_else(|| {
            let next = line.given;
            line.given += u32::from(next < SLOTS);
            (next < SLOTS).then_some(next)
        })?;
        line.names.insert(Arc::clone(name), slot);
        drop(line);
        let (shared, name) = (Arc::clone(&self.shared), Arc::clone(name));
        Some(Arc::new(Ward { shared, slot, name }))
    }
}

/// The place of one router, which is given back when it is dropped.
struct Ward {
    shared: Arc<Shared>,
    slot: u32,
    name: Arc<str>,
}

impl fmt::Debug for Ward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guard of {} (slot {})", self.name, self.slot)
    }
}

impl RouterSafeguard for Ward {
    fn entrust(&self, will: LastWill) {
        let parts = parts(self.slot, &self.name, &will);
        let mut line = self.shared.lock();
        match line.wills.get(&self.slot) {
            Some((_, before)) if *before == parts => return,
            Some((silence_max, _)) if *silence_max == will.silence_max => {}
            // Its time begins anew: what was long enough for the silence before may be too short now.
            Some(_) => {
                self.advertising();
            }
            None => self.shared.slots.slot(self.slot).begin(Timestamp::now()),
        }
        line.wills.insert(self.slot, (will.silence_max, parts));
        line.tell(self.slot, &self.shared.waker);
        self.shared.have_recorded(&mut line);
        let is_known = line.socket.is_some() && line.unsent.is_empty();
        drop(line);
        if is_known {
            self.succeed();
        }
    }

    fn revoke(&self) {
        let mut line = self.shared.lock();
        // First, so that the guard does not act on what it has not read yet.
        self.shared.slots.slot(self.slot).end();
        if line.wills.remove(&self.slot).is_some() {
            line.tell(self.slot, &self.shared.waker);
            self.shared.have_recorded(&mut line);
        }
        drop(line);
        self.succeed();
    }

    fn advertising(&self) -> bool {
        self.shared.slots.slot(self.slot).advertise(Timestamp::now())
    }

    fn resignation(&self, resignation: &[Packet]) {
        self.shared.slots.slot(self.slot).put_resignation(&packets(resignation));
    }

    fn has_acted(&self) -> bool {
        self.shared.slots.slot(self.slot).was_relieved()
    }
}

impl Ward {
    /// What the guard of the program before knows of the router does not count any more.
    fn succeed(&self) {
        self.shared.predecessor().iter().for_each(|before| before.forget(&self.name));
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        // A will that is still in force names what the router could not remove.
        if self.shared.lock().wills.contains_key(&self.slot) {
            return;
        }
        self.shared.slots.slot(self.slot).end();
        let mut line = self.shared.lock();
        // Another one may have its name by now.
        if line.names.get(&self.name) == Some(&self.slot) {
            line.names.remove(&self.name);
        }
        line.free.push(self.slot);
    }
}

impl Line {
    /// Tells the guard how things stand with a slot, or has the supervisor tell it once it can take
    /// that: the kernel keeps few messages.
    fn tell(&mut self, slot: u32, waker: &Waker) {
        if self.unsent.front() == Some(&slot) {
            self.sent = 0;
        } else if !self.unsent.contains(&slot) {
            self.unsent.push_back(slot);
        }
        self.flush();
        if !self.unsent.is_empty() {
            waker.wake();
        }
    }

    /// Sends as much as the guard can take.
    fn flush(&mut self) {
        let Some(socket) = &self.socket else { return };
        while let Some(slot) = self.unsent.front() {
            let revoked = [revocation(*slot)];
            let messages = self.wills.get(slot).map_or(&revoked[..], |(_, parts)| parts);
            while let Some(message) = messages.get(self.sent) {
                if send_at_once(socket, message).is_err() {
                    return;
                }
                self.sent += 1;
            }
            self.unsent.pop_front();
            self.sent = 0;
        }
    }
}

fn send_at_once(socket: &OwnedFd, message: &[u8]) -> Result<(), Errno> {
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    send(socket, message, flags).map(drop)
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Line> {
        // Whole values are exchanged under it.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn predecessor(&self) -> MutexGuard<'_, Option<Predecessor>> {
        self.predecessor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the supervisor write the record: who drives a router does not wait for a file.
    fn have_recorded(&self, line: &mut Line) {
        if self.record.is_some() && !std::mem::replace(&mut line.is_unrecorded, true) {
            self.waker.wake();
        }
    }

    /// Writes the record anew, if it is of before.
    fn record(&self) {
        let Some(path) = &self.record else { return };
        let mut line = self.lock();
        if !std::mem::take(&mut line.is_unrecorded) {
            return;
        }
        let wills: Vec<_> = line.wills.values().flat_map(|(_, parts)| parts).cloned().collect();
        drop(line);
        let written = match wills.is_empty() {
            true => std::fs::remove_file(path),
            false => record::write(path, wills.iter()),
        };
        match written {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                log::warn!("cannot write {}: {error}", path.display());
            }
            _ => {}
        }
    }

    /// Starts a guard, waits until it is ready, and tells it everything.
    fn spawn(&self) -> Result<Child, GuardError> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .map_err(io::Error::from)?;
        let memory = self.memory.try_clone()?;
        let mut child = Command::new(SELF)
            .arg0(&self.name)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::from(memory))
            .spawn()?;
        if let Err(error) = wait_until_ready(&ours, &mut child) {
            // It may be there all the same, and must not act beside the next one.
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        let mut line = self.lock();
        line.socket = Some(Arc::new(ours));
        line.status.pid = Some(child.id());
        line.unsent = line.wills.keys().copied().collect();
        line.sent = 0;
        line.flush();
        Ok(child)
    }

    fn complain(&self, error: &GuardError) {
        log::error!("there is no {}, so addresses would outlive this process: {error}", self.name);
    }

    /// Looks after the guard until that is to end.
    fn supervise(&self, child: Option<Child>) {
        let (mut since, mut deaths) = (Instant::now(), 0);
        let mut child = child.or_else(|| self.start_again(&mut deaths));
        while let Some(guard) = &mut child {
            self.wait_for_end_of(guard);
            if self.lock().is_ending {
                return self.dismiss(guard);
            }
            // One that has lost its end of the socket is of no use any more.
            let _ = guard.kill();
            let status = guard.wait();
            let mut line = self.lock();
            (line.socket, line.status.pid) = (None, None);
            drop(line);
            let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            log::warn!("{} has ended ({how}) and is started again", self.name);
            if since.elapsed() >= RESTART_FORGOTTEN {
                deaths = 0;
            }
            child = self.start_again(&mut deaths);
            since = Instant::now();
        }
    }

    /// Starts a guard again until it runs, or none is needed any more.
    fn start_again(&self, deaths: &mut u32) -> Option<Child> {
        loop {
            let pause = RESTART_PAUSE * (1 << (*deaths).min(RESTART_DOUBLINGS));
            *deaths = deaths.saturating_add(1);
            let deadline = Instant::now() + pause;
            while let Some(left) = deadline.checked_duration_since(Instant::now()) {
                let _ = wait_on(None, &self.waker, Some(left));
                self.record();
                if self.lock().is_ending {
                    return None;
                }
            }
            match self.spawn() {
                Ok(child) => {
                    self.lock().status.restarts += 1;
                    return Some(child);
                }
                Err(error) => self.complain(&error),
            }
        }
    }

    /// Waits until the guard has ended, or is to end; tells it meanwhile what it could not take.
    fn wait_for_end_of(&self, guard: &mut Child) {
        loop {
            self.record();
            let line = self.lock();
            let (socket, is_behind) = (line.socket.clone(), !line.unsent.is_empty());
            if line.is_ending {
                return;
            }
            drop(line);
            let Some(socket) = socket else { return };
            let events = if is_behind { PollFlags::OUT } else { PollFlags::empty() };
            let seen = wait_on(Some((&socket, events)), &self.waker, None);
            if seen.intersects(PollFlags::HUP | PollFlags::ERR)
                || matches!(guard.try_wait(), Ok(Some(_)))
            {
                return;
            }
            if seen.contains(PollFlags::OUT) {
                self.lock().flush();
            }
        }
    }

    /// Lets the guard end.
    fn dismiss(&self, guard: &mut Child) {
        self.record();
        let mut line = self.lock();
        let has_wills = !line.wills.is_empty();
        line.status.pid = None;
        let socket = line.socket.take();
        drop(line);
        if let Some(socket) = socket {
            // A guard that has ended has no end to shut down.
            let _ = shutdown(socket, Shutdown::Both);
        }
        if has_wills {
            // It stays until this process has ended.
            return;
        }
        let deadline = Instant::now() + PATIENCE;
        while matches!(guard.try_wait(), Ok(None)) {
            if Instant::now() >= deadline {
                let _ = guard.kill();
                let _ = guard.wait();
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

fn wait_until_ready(socket: &OwnedFd, child: &mut Child) -> Result<(), GuardError> {
    let mut fds = [PollFd::new(socket, PollFlags::IN)];
    let timeout = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    loop {
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) => return Err(GuardError::NotReady),
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(io::Error::from(errno).into()),
        }
    }
    let mut said = [0; READY.len()];
    match recv(socket, &mut said, RecvFlags::DONTWAIT) {
        Ok((len, _)) if said[..len] == *READY => Ok(()),
        _ => Err(GuardError::Ended(child.wait()?)),
    }
}

/// Waits for something on a socket, or for a wake-up; says what there is on the socket.
fn wait_on(
    socket: Option<(&OwnedFd, PollFlags)>,
    waker: &Waker,
    timeout: Option<Duration>,
) -> PollFlags {
    let mut fds = vec![PollFd::from_borrowed_fd(waker.as_fd(), PollFlags::IN)];
    fds.extend(socket.map(|(fd, events)| PollFd::new(fd, events)));
    let timeout = timeout.map(|timeout| Timespec {
        tv_sec: timeout.as_secs() as i64,
        tv_nsec: timeout.subsec_nanos().into(),
    });
    // Whatever ends the wait, what there is to see is looked at.
    let _ = poll(&mut fds, timeout.as_ref());
    waker.take();
    fds.get(1).map_or(PollFlags::empty(), |socket| socket.revents())
}
