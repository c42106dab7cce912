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
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, parent_id};
use std::process::{self, Command};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::SigSet;
use rustix::process::{Gid, Signal, Uid, set_parent_process_death_signal};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::Credentials;

/// The `argv[0]` by which a launcher knows itself.
const MARKER: &str = "vrrp-track: launching";

/// Where the embedding program finds itself, even if its file has been replaced since.
const SELF: &str = "/proc/self/exe";

/// What a shell says when it cannot run a program.
const EXIT_CODE: i32 = 127;

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Call this first in `main()`, before any thread, log or argument parser.
///
/// In the embedding program's ordinary life it returns at once, having noted that the shim is there. In a
/// process that this crate started as a launcher it never returns.
///
/// Without this call scripts run all the same, but without a parent-death signal and with the signal mask of
/// the thread that started their tracker, and a program with [credentials](crate::Credentials) other than one's
/// own is not started. The same holds if the program's file
/// is set-user-ID or has capabilities: as a launcher it would lend them to whoever starts it.
pub fn intercept() {
    let mut words = std::env::args_os();
    let is_launcher = words.next().as_deref() == Some(OsStr::new(MARKER));
    if !is_launcher {
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

/// What a launcher does before it becomes the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Orders {
    /// Ask for SIGTERM when the thread that started it ends; its process is this one.
    pub(crate) tether: Option<u32>,
    pub(crate) credentials: Option<Credentials>,
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
        let mut orders = Self { tether: None, credentials: None };
        for field in text.split_terminator(';') {
            match field.split_once('=')? {
                ("tether", pid) => orders.tether = Some(pid.parse().ok()?),
                ("user", ids) => orders.credentials = Some(parse_ids(ids)?),
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
        Ok(())
    }
}

/// The life of a launcher. Returns only if there is no pipe to say why it failed.
fn launch(mut words: impl Iterator<Item = OsString>) -> io::Result<Infallible> {
    let mut pipe = swap_stdin_for_nothing()?;
    let Err(refusal) = carry_out(&mut words);
    pipe.write_all(refusal.as_bytes())?;
    process::exit(EXIT_CODE);
}

/// Takes the pipe out of the program's way; it closes when the program runs.
fn swap_stdin_for_nothing() -> io::Result<File> {
    let pipe = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(File::from(pipe))
}

fn carry_out(words: &mut dyn Iterator<Item = OsString>) -> Result<Infallible, String> {
    if privileged_by_file() {
        return Err("the launcher's file has privileges that it must not lend".into());
    }
    let orders = words.next().and_then(|text| Orders::parse(text.to_str()?));
    let orders = orders.ok_or("the launcher does not understand its orders")?;
    let path = words.next().ok_or("the launcher was given no program")?;
    if let Some(credentials) = &orders.credentials {
        become_user(credentials)
            .map_err(|e| format!("cannot become user {}: {e}", credentials.uid))?;
    }
    // Threads often leave signals to another one; a program that inherits this cannot be ended.
    SigSet::empty().thread_set_mask().map_err(|e| e.to_string())?;
    // After the change of user, which would clear it.
    if let Some(parent) = orders.tether {
        set_parent_process_death_signal(Some(Signal::TERM)).map_err(|e| e.to_string())?;
        if parent_id() != parent {
            return Err("the tracker has ended".into());
        }
    }
    let refusal = Command::new(&path).args(words).exec();
    Err(format!("{}: {refusal}", path.display()))
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
        ) {
            let credentials = user.map(|(uid, gid, groups)| Credentials { uid, gid, groups });
            let orders = Orders { tether, credentials };
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
        for text in ["user=1;", "user=;", "user=1,x;", "tether=-1;", "tether", "what=1;", ";"] {
            assert_eq!(Orders::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_test_program_has_no_privileges_from_its_file() {
        assert!(!privileged_by_file());
    }
}
