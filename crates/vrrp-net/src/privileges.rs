//! What this process may do.

use std::fmt;

use rustix::thread::{CapabilitySet, capabilities};

use crate::error::{NetError, Operation};
use crate::sys;

/// The capabilities that this crate's sockets need, in the user namespace of the process.
///
/// They count where that user namespace (or one inside it) owns the network namespace. A process
/// that has them there but works on somebody else's network namespace is refused all the same;
/// then the [`NetError`] of the operation says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Privileges {
    /// `CAP_NET_ADMIN`: change addresses and links, and go beyond the limit of receive buffers.
    pub net_admin: bool,
    /// `CAP_NET_RAW`: send and receive adverts, send announcements.
    pub net_raw: bool,
}

impl Privileges {
    /// What the calling thread may do now.
    ///
    /// # Errors
    /// [`NetError::Refused`] if the kernel does not say.
    pub fn of_this_thread() -> Result<Self, NetError> {
        let effective = capabilities(None)
            .map_err(|errno| NetError::refused(Operation::ReadCapabilities, errno))?
            .effective;
        Ok(Self {
            net_admin: effective.contains(CapabilitySet::NET_ADMIN),
            net_raw: effective.contains(CapabilitySet::NET_RAW),
        })
    }

    /// Whether a virtual router can run.
    pub const fn suffice(self) -> bool {
        self.net_admin && self.net_raw
    }
}

/// Has the kernel run the calling thread before every other that has no real-time priority
/// (`SCHED_FIFO`, 1 to 99): on time on a machine that is busy. Whoever asks for it must hardly ever
/// have anything to do.
///
/// # Errors
/// [`NetError::Refused`]: `EPERM` without `CAP_SYS_NICE` or a limit (`RLIMIT_RTPRIO`) that allows it.
pub fn run_in_real_time(priority: u8) -> Result<(), NetError> {
    sys::run_in_real_time(priority.into())
        .map_err(|errno| NetError::refused(Operation::RunInRealTime, errno))
}

impl fmt::Display for Privileges {
    /// The names of those that are there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.net_admin, self.net_raw) {
            (true, true) => "CAP_NET_ADMIN and CAP_NET_RAW",
            (true, false) => "CAP_NET_ADMIN, but not CAP_NET_RAW",
            (false, true) => "CAP_NET_RAW, but not CAP_NET_ADMIN",
            (false, false) => "neither CAP_NET_ADMIN nor CAP_NET_RAW",
        })
    }
}
