//! Finding the processes that match, and losing them.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Resource, getrlimit, pidfd_open};

use super::index::Index;
use super::procfs::{self, Proc, Stat};
use super::rota::Rota;
use super::source::{COMM_MAX_BYTES, Process};
use super::table::{Member, Table};
use crate::handle::Wanted;
use crate::poll::Poller;

/// Of the descriptors that this process may have, so many are taken for processes: one in four.
const PIDFD_SHARE: u64 = 4;

/// All matching processes, kept up to date by its callers' hints: look at this one, this one has ended.
pub(super) struct Census {
    proc: Proc,
    /// Whether the ids that /proc shows are those that we may use.
    ids_are_ours: bool,
    index: Index,
    rota: Rota,
    table: Table<OwnedFd>,
    pidfds: usize,
    pidfd_max: usize,
    /// Why the last process that got no pidfd got none.
    refusal: String,
    /// Processes that the last scan was not allowed to look at.
    unreadable: usize,
    last_scan: Option<(usize, Duration)>,
    cmdline: Vec<u8>,
}

impl Census {
    pub(super) fn new() -> std::io::Result<Self> {
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Ok(Self {
            proc: Proc::open()?,
            ids_are_ours: procfs::is_ours(),
            index: Index::default(),
            rota: Rota::default(),
            table: Table::new(0),
            pidfds: 0,
            pidfd_max: usize::try_from(descriptors / PIDFD_SHARE).unwrap_or(usize::MAX),
            refusal: String::new(),
            unreadable: 0,
            last_scan: None,
            cmdline: Vec::new(),
        })
    }

    /// Starts over with other sources; a scan must follow.
    pub(super) fn set_sources(&mut self, sources: &[Wanted<Process>], poller: &Poller) {
        self.table.pidfds().for_each(|pidfd| poller.remove(pidfd));
        self.pidfds = 0;
        self.table = Table::new(sources.len());
        self.index = Index::new(sources.iter().map(|wanted| &wanted.source));
    }

    pub(super) fn count(&self, source: usize) -> u32 {
        self.table.count(source)
    }

    /// Looks at every process there is.
    pub(super) fn scan_all(&mut self, poller: &Poller) {
        self.rota = Rota::default();
        self.scan(poller);
    }

    /// Looks at the processes that may have changed, and at some of those that hardly have; see
    /// [`Rota`].
    pub(super) fn scan(&mut self, poller: &Poller) {
        let started = Instant::now();
        self.unreadable = 0;
        let mut pids = Vec::new();
        if let Err(e) = self.proc.for_each(|pid| pids.push(pid)) {
            log::error!("cannot list /proc: {e}");
        }
        let met = pids.len();
        let mut to_look_at: HashSet<u32> = self.rota.choose(pids).into_iter().collect();
        // Those that match, also if they have vanished.
        to_look_at.extend(self.table.pids());
        for pid in to_look_at {
            self.look_at(pid, poller);
        }
        self.last_scan = Some((met, started.elapsed()));
    }

    /// How often every process's name is read again, if scans come at this interval.
    pub(super) fn round_time(&self, scan_interval: Duration) -> Duration {
        self.rota.round_time(scan_interval)
    }

    /// Looks at the processes again whose end nothing tells of.
    pub(super) fn scan_those_without_pidfd(&mut self, poller: &Poller) {
        for pid in self.table.pids_without_pidfd() {
            self.look_at(pid, poller);
        }
    }

    /// A pidfd has become readable. The id may be another process's already, or, after an exec by a thread
    /// other than the main one, still the same one's.
    pub(super) fn ended(&mut self, pid: u32, poller: &Poller) {
        self.lose(pid, poller);
        self.look_at(pid, poller);
    }

    /// A process has given itself another name.
    pub(super) fn renamed(&mut self, pid: u32, comm: &[u8], poller: &Poller) {
        if self.table.get(pid).is_some() || !self.index.by_comm(comm).is_empty() {
            self.look_at(pid, poller);
        }
    }

    /// Brings what is known of a process up to date.
    pub(super) fn look_at(&mut self, pid: u32, poller: &Poller) {
        let sources = self.sources_of(pid);
        let known = self.table.get(pid);
        match known {
            // Its main thread has ended, or it is in the middle of an exec.
            Some(member)
                if member.pidfd.is_some()
                    && self.index.wants_cmdline()
                    && self.cmdline.is_empty() => {}
            _ if sources.is_empty() => self.lose(pid, poller),
            None => self.admit(pid, poller),
            // Its end is reported, so it is the same process as before.
            Some(member) if member.pidfd.is_some() => {
                if member.sources != sources {
                    self.table.rematch(pid, sources);
                }
            }
            Some(member) if self.no_pidfd().is_some() && self.is_still(pid, member.start) => {
                self.table.rematch(pid, sources);
            }
            // Another one, or a zombie, or it can have a pidfd now.
            Some(_) => {
                self.lose(pid, poller);
                self.admit(pid, poller);
            }
        }
    }

    /// Whether the process that started then is alive.
    fn is_still(&self, pid: u32, start: u64) -> bool {
        self.proc.stat(pid) == Ok(Stat { start, zombie: false })
    }

    /// The places of the sources that a process matches; none if it is gone or must not be looked at.
    fn sources_of(&mut self, pid: u32) -> Vec<usize> {
        let found = self.try_sources_of(pid);
        self.unreadable += usize::from(matches!(found, Err(Errno::ACCESS | Errno::PERM)));
        found.unwrap_or_default()
    }

    fn try_sources_of(&mut self, pid: u32) -> Result<Vec<usize>, Errno> {
        let mut sources = Vec::new();
        if self.index.wants_comm() {
            let mut buffer = [0; COMM_MAX_BYTES + 1];
            let comm = self.proc.comm(pid, &mut buffer)?;
            sources.extend(self.index.by_comm(comm));
        }
        if self.index.wants_cmdline() {
            self.proc.cmdline(pid, &mut self.cmdline)?;
            sources.extend(self.index.by_cmdline(&self.cmdline));
        }
        sources.sort_unstable();
        Ok(sources)
    }

    /// Enters a process. What was read of it may be another one's who had the id before: so it is read again
    /// once there is a pidfd or a start time, and counts if that process is alive after that.
    fn admit(&mut self, pid: u32, poller: &Poller) {
        let Some(pidfd) = self.open_pidfd(pid) else { return };
        let Ok(Stat { start, zombie: false }) = self.proc.stat(pid) else { return };
        let sources = self.sources_of(pid);
        let is_alive = match &pidfd {
            Some(pidfd) => !has_ended(pidfd),
            None => self.is_still(pid, start),
        };
        if sources.is_empty() || !is_alive {
            return;
        }
        if let Some(pidfd) = &pidfd {
            if let Err(e) = poller.add(pidfd, u64::from(pid)) {
                log::warn!("process {pid} cannot be waited for: {e}");
                return;
            }
            self.pidfds += 1;
        }
        self.table.insert(pid, Member { start, sources, pidfd });
    }

    /// A pidfd, or none if there is none to be had; nothing at all if there is no such process any more.
    fn open_pidfd(&mut self, pid: u32) -> Option<Option<OwnedFd>> {
        let refusal = match self.no_pidfd() {
            Some(why) => why,
            None => {
                let id = Pid::from_raw(pid.cast_signed())?;
                match pidfd_open(id, PidfdFlags::empty()) {
                    Ok(pidfd) => return Some(Some(pidfd)),
                    Err(Errno::SRCH | Errno::INVAL) => return None,
                    Err(e) => format!("pidfd_open: {e}"),
                }
            }
        };
        self.refusal = refusal;
        Some(None)
    }

    /// Why no pidfd is to be asked for.
    fn no_pidfd(&self) -> Option<String> {
        if !self.ids_are_ours {
            return Some("/proc is another PID namespace's".into());
        }
        let max = self.pidfd_max;
        (self.pidfds >= max)
            .then(|| format!("no more than {max} descriptors are taken for processes"))
    }

    fn lose(&mut self, pid: u32, poller: &Poller) {
        if let Some(pidfd) = self.table.remove(pid).and_then(|member| member.pidfd) {
            // Before it is closed.
            poller.remove(&pidfd);
            self.pidfds -= 1;
        }
    }

    /// How many processes have no pidfd, and why the last of them has none.
    pub(super) fn without_pidfd(&self) -> Option<(usize, String)> {
        let count = self.table.without_pidfd();
        (count > 0).then(|| (count, self.refusal.clone()))
    }

    /// Why processes may be there that are not seen.
    pub(super) fn hidden(&self) -> Option<String> {
        procfs::hidden().or_else(|| {
            let unreadable = self.unreadable;
            (unreadable > 0).then(|| format!("{unreadable} processes may not be looked at"))
        })
    }

    pub(super) const fn last_scan(&self) -> Option<(usize, Duration)> {
        self.last_scan
    }
}

fn has_ended(pidfd: &OwnedFd) -> bool {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let ready = rustix::event::poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&at_once));
    ready != Ok(0)
}
