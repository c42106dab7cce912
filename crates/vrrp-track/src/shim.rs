//! The embedding program as its own launcher: drops privileges between fork and exec without a fork.
//!
//! A program that forks to change user or to ask for a parent-death signal copies its page tables first:
//! slow for a large one, and impossible under memory pressure. This crate instead starts the embedding
//! program anew (the kernel's vfork, which copies nothing), and [`intercept`] in that fresh process does what
//! is to be done, then becomes the program wanted.
//!
//! The launcher's standard input is a pipe back to the tracker. It says why the program could not be run, if so,
//! and closes by itself when it runs.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, parent_id};
use std::process::{self, Command};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::SigSet;
use rustix::process::{
    Gid, Resource, Rlimit, Signal, Uid, getrlimit, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::Credentials;
use crate::refusal::Refusal;

/// The `argv[0]` by which a launcher knows itself.
const MARKER: &str = "vrrp-track: launching";

/// Where the embedding program finds itself, even if its file has been replaced since.
const SELF: &str = "/proc/self/exe";

/// What a shell says when it cannot run a program.
const EXIT_CODE: i32 = 127;

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// How many descriptors this process might have when it started.
static DESCRIPTORS: OnceLock<Limit> = OnceLock::new();

/// Call this first in `main()`, before any thread, log or argument parser.
///
/// In the embedding program's ordinary life it returns at once, having noted that the shim is there. In a
/// process that this crate started as a launcher it never returns.
///
/// Programs start with the limit of open descriptors (`RLIMIT_NOFILE`) that held at this call, even if this
/// process raises its own afterwards: more than 1024 are too many for some.
///
/// Without this call scripts run all the same, but without a parent-death signal, with the signal mask of
/// the thread that started their tracker and with this process's limit of descriptors, and a program with [credentials](crate::Credentials) other than one's
/// own is not started. The same holds if the program's file
/// is set-user-ID or has capabilities: as a launcher it would lend them to whoever starts it.
pub fn intercept() {
    let mut words = std::env::args_os();
    let is_launcher = words.next().as_deref() == Some(OsStr::new(MARKER));
    if !is_launcher {
        let _ = DESCRIPTORS.set(Limit::now());
        INSTALLED.store(!privileged_by_file(), Ordering::Relaxed);
        return;
    }
    let Err(refusal) = launch(words);
    // Nobody listens if even the pipe failed: the exit code has to do.
    eprintln!("cannot launch: {refusal}");
    process::exit(EXIT_CODE);
}

/// Whether [`intercept`] has run, so that programs can be started through it.
pub(crate) fn is_installed() -> bool {
    INSTALLED.load(Ordering::Relaxed)
}

/// The limit of open descriptors that programs start with, if this process has another one by now.
pub(crate) fn descriptors_at_start() -> Option<Limit> {
    DESCRIPTORS.get().copied().filter(|limit| *limit != Limit::now())
}

/// A limit of open descriptors; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    current: Option<u64>,
    maximum: Option<u64>,
}

impl Limit {
    fn now() -> Self {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        Self { current, maximum }
    }

    /// Sets it for this process. Who is not root cannot raise a maximum that was lowered meanwhile.
    fn set(self) -> rustix::io::Result<()> {
        let Self { current, maximum } = self;
        setrlimit(Resource::Nofile, Rlimit { current, maximum }).or_else(|_| {
            let Self { maximum, .. } = Self::now();
            let current = [current, maximum].into_iter().flatten().min();
            setrlimit(Resource::Nofile, Rlimit { current, maximum })
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let (current, maximum) = text.split_once(',')?;
        let limit = |text: &str| match text {
            "-" => Some(None),
            number => number.parse().ok().map(Some),
        };
        Some(Self { current: limit(current)?, maximum: limit(maximum)? })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |limit: Option<u64>| limit.map_or_else(|| "-".to_owned(), |n| n.to_string());
        write!(f, "{},{}", text(self.current), text(self.maximum))
    }
}

/// What a launcher does before it becomes the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Orders {
    /// Ask for SIGTERM when the thread that started it ends; its process is this one.
    pub(crate) tether: Option<u32>,
    pub(crate) credentials: Option<Credentials>,
    /// Throw standard output and standard error away.
    pub(crate) discard: bool,
    pub(crate) descriptors: Option<Limit>,
}

impl Orders {
    /// The command that starts a launcher; the words of the program wanted are to be added as arguments,
    /// and a pipe as standard input.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(SELF);
        command.arg0(MARKER).arg(self.to_string());
        command
    }

    fn parse(text: &str) -> Option<Self> {
        let mut orders =
            Self { tether: None, credentials: None, discard: false, descriptors: None };
        for field in text.split_terminator(';') {
            match field.split_once('=')? {
                ("tether", pid) => orders.tether = Some(pid.parse().ok()?),
                ("user", ids) => orders.credentials = Some(parse_ids(ids)?),
                ("output", "discard") => orders.discard = true,
                ("descriptors", limit) => orders.descriptors = Some(Limit::parse(limit)?),
                _ => return None,
            }
        }
        Some(orders)
    }
}

fn parse_ids(text: &str) -> Option<Credentials> {
    let ids: Option<Vec<u32>> = text.split(',').map(|id| id.parse().ok()).collect();
    match ids?.as_slice() {
        &[uid, gid, ref groups @ ..] => Some(Credentials { uid, gid, groups: groups.to_vec() }),
        _ => None,
    }
}

impl fmt::Display for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pid) = self.tether {
            write!(f, "tether={pid};")?;
        }
        if let Some(Credentials { uid, gid, groups }) = &self.credentials {
            write!(f, "user={uid},{gid}")?;
            groups.iter().try_for_each(|group| write!(f, ",{group}"))?;
            f.write_str(";")?;
        }
        if self.discard {
            f.write_str("output=discard;")?;
        }
        self.descriptors.iter().try_for_each(|limit| write!(f, "descriptors={limit};"))
    }
}

/// The life of a launcher. Returns only if there is no pipe to say why it failed.
fn launch(mut words: impl Iterator<Item = OsString>) -> io::Result<Infallible> {
    // Out of the program's way; it closes when the program runs.
    let mut pipe = File::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?);
    let Err(refusal) = carry_out(&mut words);
    pipe.write_all(&refusal.to_bytes())?;
    process::exit(EXIT_CODE);
}

fn carry_out(words: &mut dyn Iterator<Item = OsString>) -> Result<Infallible, Refusal> {
    let improper = |why: &str| Refusal::Program(why.into());
    if privileged_by_file() {
        return Err(improper("the launcher's file has privileges that it must not lend"));
    }
    let orders = words.next().and_then(|text| Orders::parse(text.to_str()?));
    let orders = orders.ok_or_else(|| improper("the launcher does not understand its orders"))?;
    let path = words.next().ok_or_else(|| improper("the launcher was given no program"))?;
    prepare_streams(orders.discard).map_err(|e| Refusal::of("/dev/null", &e))?;
    if let Some(limit) = orders.descriptors {
        limit.set().map_err(|e| Refusal::of("limit of descriptors", &e.into()))?;
    }
    if let Some(credentials) = &orders.credentials {
        let what = format!("cannot become user {}", credentials.uid);
        become_user(credentials).map_err(|e| Refusal::of(what, &e.into()))?;
    }
    // Threads often leave signals to another one; a program that inherits this cannot be ended.
    let unblocked = SigSet::empty().thread_set_mask();
    unblocked.map_err(|e| Refusal::of("signal mask", &e.into()))?;
    // After the change of user, which would clear it.
    if let Some(parent) = orders.tether {
        set_parent_process_death_signal(Some(Signal::TERM))
            .map_err(|e| Refusal::of("parent-death signal", &e.into()))?;
        if parent_id() != parent {
            return Err(improper("the tracker has ended"));
        }
    }
    let refusal = Command::new(&path).args(words).exec();
    Err(Refusal::of(path.display(), &refusal))
}

fn prepare_streams(discard: bool) -> io::Result<()> {
    let nothing = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    if discard {
        rustix::stdio::dup2_stdout(&nothing)?;
        rustix::stdio::dup2_stderr(&nothing)?;
    }
    Ok(())
}

/// Groups first: who is no longer root may not change them.
fn become_user(credentials: &Credentials) -> rustix::io::Result<()> {
    let groups: Vec<Gid> = credentials.groups.iter().copied().map(Gid::from_raw).collect();
    let (uid, gid) = (Uid::from_raw(credentials.uid), Gid::from_raw(credentials.gid));
    set_thread_groups(&groups)?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    // A user that is not root may hold ambient capabilities; they are not the program's.
    rustix::thread::clear_ambient_capability_set()
}

/// Whether this process got privileges from its file: the kernel says so in the auxiliary vector, as
/// `AT_SECURE`. If it does not let us look, it did.
fn privileged_by_file() -> bool {
    const AT_SECURE: usize = 23;
    const WORD_BYTES: usize = size_of::<usize>();
    let Ok(vector) = std::fs::read("/proc/self/auxv") else { return true };
    let mut words = vector.chunks_exact(WORD_BYTES).map(|word| {
        let mut bytes = [0; WORD_BYTES];
        bytes.copy_from_slice(word);
        usize::from_ne_bytes(bytes)
    });
    while let (Some(key), Some(value)) = (words.next(), words.next()) {
        if key == AT_SECURE {
            return value != 0;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn orders_survive_the_command_line(
            tether: Option<u32>,
            user: Option<(u32, u32, Vec<u32>)>,
            discard: bool,
            limit: Option<(Option<u64>, Option<u64>)>,
        ) {
            let credentials = user.map(|(uid, gid, groups)| Credentials { uid, gid, groups });
            let descriptors = limit.map(|(current, maximum)| Limit { current, maximum });
            let orders = Orders { tether, credentials, discard, descriptors };
            prop_assert_eq!(Orders::parse(&orders.to_string()), Some(orders));
        }

        #[test]
        fn orders_that_make_no_sense_are_refused(text in "[a-z0-9=,;-]{0,20}") {
            if let Some(orders) = Orders::parse(&text) {
                prop_assert_eq!(Orders::parse(&orders.to_string()), Some(orders));
            }
        }
    }

    #[test]
    fn half_orders_are_refused() {
        for text in [
            "user=1;",
            "user=;",
            "user=1,x;",
            "tether=-1;",
            "tether",
            "what=1;",
            ";",
            "output=x;",
            "descriptors=1;",
        ] {
            assert_eq!(Orders::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_test_program_has_no_privileges_from_its_file() {
        assert!(!privileged_by_file());
    }
}
