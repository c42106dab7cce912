//! /proc, read with as few system calls as it takes: a scan may meet ten thousand processes.

use std::ffi::CStr;
use std::fs;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, RawDir, SeekFrom, openat, seek};
use rustix::io::Errno;
use rustix::thread::{CapabilitySet, capabilities};

use super::source::COMM_MAX_BYTES;

/// As much of a command line as is looked at.
const CMDLINE_MAX_BYTES: usize = 64 * 1024;

/// Larger than any `/proc/PID/stat`: 52 numbers of at most 20 digits, and the name.
const STAT_MAX_BYTES: usize = 2048;

/// `/proc/PID/cmdline` behind the longest number.
const PATH_MAX_BYTES: usize = 32;

const LISTING_BYTES: usize = 32 * 1024;

/// The process file system, held open.
pub(super) struct Proc {
    root: OwnedFd,
}

/// What identifies a process behind its number, and whether it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// In clock ticks since boot: together with the process id it means one process only.
    pub(super) start: u64,
    /// It has ended, and only its parent has not asked yet.
    pub(super) zombie: bool,
}

impl Proc {
    pub(super) fn open() -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { root: openat(CWD, "/proc", flags, Mode::empty())? })
    }

    /// Calls `visit` with every process id there is.
    pub(super) fn for_each(&self, mut visit: impl FnMut(u32)) -> io::Result<()> {
        seek(&self.root, SeekFrom::Start(0))?;
        let mut buffer = [MaybeUninit::uninit(); LISTING_BYTES];
        let mut listing = RawDir::new(&self.root, &mut buffer);
        while let Some(entry) = listing.next() {
            if let Some(pid) = process_id(entry?.file_name()) {
                visit(pid);
            }
        }
        Ok(())
    }

    /// The kernel's name for a process.
    pub(super) fn comm<'a>(
        &self,
        pid: u32,
        buffer: &'a mut [u8; COMM_MAX_BYTES + 1],
    ) -> Result<&'a [u8], Errno> {
        let length = self.read(pid, "comm", buffer)?;
        let comm = &buffer[..length];
        Ok(comm.strip_suffix(b"\n").unwrap_or(comm))
    }

    /// The command line of a process, its words separated by NULs, at most [`CMDLINE_MAX_BYTES`] of it.
    pub(super) fn cmdline(&self, pid: u32, buffer: &mut Vec<u8>) -> Result<(), Errno> {
        buffer.clear();
        let file = self.open_file(pid, "cmdline")?;
        while buffer.len() < CMDLINE_MAX_BYTES {
            buffer.reserve(1024);
            if rustix::io::read(&file, rustix::buffer::spare_capacity(buffer))? == 0 {
                break;
            }
        }
        buffer.truncate(CMDLINE_MAX_BYTES);
        Ok(())
    }

    pub(super) fn stat(&self, pid: u32) -> Result<Stat, Errno> {
        let mut buffer = [0; STAT_MAX_BYTES];
        let length = self.read(pid, "stat", &mut buffer)?;
        parse_stat(&buffer[..length]).ok_or(Errno::INVAL)
    }

    fn read(&self, pid: u32, name: &str, buffer: &mut [u8]) -> Result<usize, Errno> {
        rustix::io::read(self.open_file(pid, name)?, buffer)
    }

    fn open_file(&self, pid: u32, name: &str) -> Result<OwnedFd, Errno> {
        let mut path = [0; PATH_MAX_BYTES];
        write!(&mut path[..PATH_MAX_BYTES - 1], "{pid}/{name}").map_err(|_| Errno::NAMETOOLONG)?;
        let path = CStr::from_bytes_until_nul(&path).map_err(|_| Errno::NAMETOOLONG)?;
        openat(&self.root, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
    }
}

fn process_id(name: &CStr) -> Option<u32> {
    std::str::from_utf8(name.to_bytes()).ok()?.parse().ok()
}

/// Fields by their numbers in proc(5): 3 is the state, 20 the number of threads, 22 the start time. The
/// name, field 2, may contain anything, blanks and brackets too.
///
/// A zombie with other threads is a process whose main thread alone has ended: it runs.
fn parse_stat(text: &[u8]) -> Option<Stat> {
    let name_end = text.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(text.get(name_end + 2..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let threads: u32 = fields.nth(20 - 4)?.parse().ok()?;
    let start = fields.nth(22 - 21)?.parse().ok()?;
    Some(Stat { start, zombie: matches!(state, "Z" | "X" | "x") && threads <= 1 })
}

/// Whether /proc shows the process ids that this process knows; not so where a container got somebody
/// else's /proc.
pub(super) fn is_ours() -> bool {
    fs::read_link("/proc/self")
        .is_ok_and(|target| target.as_os_str() == &*std::process::id().to_string())
}

/// Why processes may be there that /proc does not show us, if so.
pub(super) fn hidden() -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let Hidepid { mode, group } = hidepid(&mounts)?;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let exempt = mode != "ptraceable" && mode != "4" && in_group(&status, group);
    // The capability alone is not enough: it may be good for another user namespace only.
    let privileged = capabilities(None)
        .is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_PTRACE))
        && fs::read("/proc/1/comm").is_ok();
    (!exempt && !privileged).then(|| {
        format!("/proc is mounted with hidepid={mode}: other users' processes are not seen")
    })
}

#[derive(Debug, PartialEq, Eq)]
struct Hidepid<'a> {
    mode: &'a str,
    /// Who is in this group sees everything.
    group: u32,
}

/// The `hidepid` option of what is mounted at /proc last, unless it hides nothing.
fn hidepid(mountinfo: &str) -> Option<Hidepid<'_>> {
    let mut mounts = mountinfo.lines().rev().map(|line| line.split(' '));
    let options = mounts
        .find_map(|mut fields| (fields.nth(4) == Some("/proc")).then(|| fields.next_back()))??;
    let option = |name: &str| options.split(',').find_map(|option| option.strip_prefix(name));
    let mode = option("hidepid=").filter(|mode| !matches!(*mode, "0" | "off"))?;
    let group = option("gid=").and_then(|gid| gid.parse().ok()).unwrap_or(0);
    Some(Hidepid { mode, group })
}

/// Whether this process is in a group, by its `/proc/self/status`.
fn in_group(status: &str, group: u32) -> bool {
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter(|(key, _)| matches!(*key, "Gid" | "Groups"))
        .any(|(_, ids)| ids.split_ascii_whitespace().any(|id| id.parse() == Ok(group)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 103 0 0 0 0 0 0 0 20 0 1 0 987654 2965504 417 \
                        18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

    #[test]
    fn a_stat_line_gives_start_time_and_state_whatever_the_name() {
        assert_eq!(parse_stat(STAT.as_bytes()), Some(Stat { start: 987_654, zombie: false }));
    }

    #[test]
    fn a_zombie_counts_as_one_unless_other_threads_still_run() {
        let zombie = STAT.replace(") S ", ") Z ");
        assert!(parse_stat(zombie.as_bytes()).unwrap().zombie);
        let with_threads = zombie.replace(" 20 0 1 0 ", " 20 0 3 0 ");
        assert!(!parse_stat(with_threads.as_bytes()).unwrap().zombie);
    }

    #[test]
    fn half_a_stat_line_is_none() {
        for length in [0, 5, 12, 40, 60] {
            assert_eq!(parse_stat(&STAT.as_bytes()[..length]), None);
        }
    }

    #[test]
    fn this_process_is_found_with_its_name_and_command_line() {
        let proc = Proc::open().unwrap();
        let own = std::process::id();
        let mut found = false;
        proc.for_each(|pid| found |= pid == own).unwrap();
        assert!(found);
        let mut cmdline = Vec::new();
        proc.cmdline(own, &mut cmdline).unwrap();
        assert_eq!(cmdline, fs::read("/proc/self/cmdline").unwrap());
        let mut buffer = [0; COMM_MAX_BYTES + 1];
        let comm = proc.comm(own, &mut buffer).unwrap();
        assert_eq!(
            comm,
            fs::read_to_string(format!("/proc/{own}/comm")).unwrap().trim_end().as_bytes()
        );
        assert!(!proc.stat(own).unwrap().zombie);
        assert!(is_ours());
    }

    #[test]
    fn hidepid_is_taken_from_the_last_mount_at_proc() {
        let line =
            |options: &str| format!("22 1 0:21 / /proc rw,nosuid shared:5 - proc proc {options}\n");
        let other = "23 1 0:22 / /sys rw - sysfs sysfs rw,hidepid=2\n";
        let plain = format!("{}{other}", line("rw"));
        assert_eq!(hidepid(&plain), None);
        assert_eq!(hidepid(&line("rw,hidepid=0")), None);
        let last = format!("{plain}{}", line("rw,gid=7,hidepid=invisible"));
        assert_eq!(hidepid(&last), Some(Hidepid { mode: "invisible", group: 7 }));
    }

    #[test]
    fn groups_are_read_from_status() {
        let status = "Name:\tx\nUid:\t5\t5\t5\t5\nGid:\t6\t6\t6\t6\nGroups:\t7 8 \n";
        assert!([6, 7, 8].into_iter().all(|group| in_group(status, group)));
        assert!(!in_group(status, 5));
    }
}
