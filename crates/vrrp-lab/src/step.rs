//! What can be refused by a kernel.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What was attempted when the kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Step {
    /// Create a user namespace, which an ordinary user needs for all others.
    UserNamespace,
    /// Become root inside the user namespace.
    IdentityMap,
    /// Create the other namespaces.
    Namespaces,
    /// Start the init as process 1.
    StartInit,
    /// Detach the host's mounts from the machine's.
    PrivateMounts,
    /// Mount the process namespace's own `/proc`.
    MountProc,
    /// Mount an empty directory of the host's own.
    PrivateDirectory,
    /// Name the host.
    Hostname,
    /// Set a kernel parameter.
    Sysctl,
    /// Create a bridge.
    Bridge,
    /// Create a pair of connected interfaces.
    Cable,
    /// Change or remove an interface.
    Link,
    /// Add or remove an address.
    Address,
    /// List the interfaces.
    Interfaces,
    /// Open a packet socket.
    PacketSocket,
    /// Start a process.
    Spawn,
    /// Send a signal.
    Signal,
    /// Open a file.
    OpenFile,
    /// Write a file.
    WriteFile,
    /// Remove a file.
    RemoveFile,
    /// Talk to the init.
    Conversation,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UserNamespace => "create a user namespace",
            Self::IdentityMap => "become root inside the user namespace",
            Self::Namespaces => "create process, network, mount and host name namespaces",
            Self::StartInit => "start the init",
            Self::PrivateMounts => "detach the mounts from the machine's",
            Self::MountProc => "mount",
            Self::PrivateDirectory => "mount an empty directory on",
            Self::Hostname => "set the host name",
            Self::Sysctl => "set the kernel parameter",
            Self::Bridge => "create the bridge",
            Self::Cable => "create the cable to",
            Self::Link => "change the interface",
            Self::Address => "change the address",
            Self::Interfaces => "list the interfaces",
            Self::PacketSocket => "open a packet socket on",
            Self::Spawn => "start",
            Self::Signal => "send a signal to",
            Self::OpenFile => "open",
            Self::WriteFile => "write",
            Self::RemoveFile => "remove",
            Self::Conversation => "talk to the init",
        })
    }
}
