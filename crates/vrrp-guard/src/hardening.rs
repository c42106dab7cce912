//! What makes a guard outlive others and act in time, each as far as privileges allow.

use std::ffi::CString;
use std::fs;
use std::num::NonZeroU64;

use nix::sys::signal::SigSet;
use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, setpriority_process, setrlimit, setsid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities,
    set_current_timer_slack, set_name, set_no_new_privs,
};

/// Above whatever real-time priority the daemon may have.
const PRIORITY: u8 = 90;
const NICE: i32 = -20;
/// What the guard needs to remove objects, and to send packets.
const NEEDED: CapabilitySet = CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_RAW);

/// Parts from what ends the daemon: its terminal, its process group, its signals.
pub(crate) fn stand_apart(name: &str) -> Result<(), Errno> {
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    set_name(&name)?;
    SigSet::all().thread_block().map_err(|errno| Errno::from_raw_os_error(errno as i32))?;
    // A session of its own is refused to whoever leads a group already.
    match setsid() {
        Ok(_) | Err(Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    rustix::process::chdir("/")
}

/// Lets go of what came in through standard input and output.
pub(crate) fn close_streams() -> Result<(), Errno> {
    let flags = rustix::fs::OFlags::RDWR;
    let nothing = rustix::fs::open("/dev/null", flags, rustix::fs::Mode::empty())?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)
}

/// Becomes what is killed last and runs first.
///
/// Where something of this is refused, as what follows may be too, the guard does its work all the same,
/// only less surely.
pub(crate) fn take_precedence() {
    let _ = fs::write("/proc/self/oom_score_adj", "-1000");
    if vrrp_net::run_in_real_time(PRIORITY).is_err() {
        let _ = setpriority_process(None, NICE);
    }
    let _ = set_current_timer_slack(NonZeroU64::new(1));
}

/// Keeps in memory what is there, and what comes.
pub(crate) fn stay_in_memory() {
    let no_limit = Rlimit { current: None, maximum: None };
    // What was never used is not fetched for it.
    let mut locked = MlockAllFlags::CURRENT | MlockAllFlags::ONFAULT;
    if setrlimit(Resource::Memlock, no_limit).is_ok() {
        // With a limit there would be no further memory, once the privilege to pass it is given up.
        locked |= MlockAllFlags::FUTURE;
    }
    let _ = mlockall(locked);
}

/// Gives up every right that it does not need.
pub(crate) fn drop_privileges() {
    let _ = clear_ambient_capability_set();
    if let Ok(now) = capabilities(None) {
        let (effective, permitted) = (now.effective & NEEDED, now.permitted & NEEDED);
        let inheritable = CapabilitySet::empty();
        let _ = set_capabilities(None, CapabilitySets { effective, permitted, inheritable });
    }
    let _ = set_no_new_privs(true);
}
