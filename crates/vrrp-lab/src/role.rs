//! What a program is executed again for.

use std::ffi::OsStr;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::protocol::Failure;
use crate::step::Step;

/// This very program, also where its path is hidden by a mount.
pub(crate) const MYSELF: &str = "/proc/self/exe";

/// What a program was executed again for; the first argument says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Creates the lab's namespaces and starts the wire room's init.
    EnterLab,
    /// Creates a host's namespaces and starts its init.
    EnterHost,
    /// Process 1 of the wire room, as its parent could create it: with a user namespace.
    InitInUserNamespace,
    /// Process 1 of the wire room or of a host.
    Init,
    /// Sleeps until a signal ends it.
    Idle,
}

impl Role {
    const ALL: [Self; 5] =
        [Self::EnterLab, Self::EnterHost, Self::InitInUserNamespace, Self::Init, Self::Idle];

    /// The argument that asks for the role.
    pub(crate) const fn marker(self) -> &'static str {
        match self {
            Self::EnterLab => "vrrp-lab:enter-lab",
            Self::EnterHost => "vrrp-lab:enter-host",
            Self::InitInUserNamespace => "vrrp-lab:init-in-user-namespace",
            Self::Init => "vrrp-lab:init",
            Self::Idle => "vrrp-lab:idle",
        }
    }

    pub(crate) fn from_marker(marker: &OsStr) -> Option<Self> {
        Self::ALL.into_iter().find(|role| marker == role.marker())
    }
}

/// Has the kernel kill this process when its parent ends.
pub(crate) fn die_with_parent() -> Result<(), Failure> {
    set_pdeathsig(Signal::SIGKILL).map_err(Failure::at(Step::StartInit, "bound to its parent"))
}
