//! Network namespaces: where sockets are opened.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::resume_unwind;
use std::path::{Component, Path};
use std::thread;

use rustix::fs::{Mode, OFlags, open};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::{NetError, Operation};
use crate::netlink::NetNs;
use crate::sys;
use crate::words::Errno;

/// Where namespaces have names.
const NAMED: &str = "/run/netns";

/// A network namespace. It lives as long as a process or a link is in it, or a descriptor such
/// as this one refers to it.
#[derive(Debug)]
pub struct NetNamespace(OwnedFd);

impl NetNamespace {
    /// The one that the calling thread is in.
    ///
    /// # Errors
    /// [`NetError::Refused`] if `/proc` is not there.
    pub fn current() -> Result<Self, NetError> {
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// The one behind this path, such as `/run/netns/NAME` or `/proc/PID/ns/net`.
    ///
    /// # Errors
    /// [`NetError::Refused`] if it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, NetError> {
        open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map(Self)
            .map_err(|errno| NetError::refused(Operation::OpenNamespace, errno))
    }

    /// The one of this name, as `ip netns add` makes it: behind `/run/netns/NAME`.
    ///
    /// # Errors
    /// [`NetError::Refused`]: `ENOENT` if there is none, `EINVAL` if the name is no single component
    /// of a path.
    pub fn named(name: &str) -> Result<Self, NetError> {
        let mut parts = Path::new(name).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(part)), None) if part == name => {
                Self::open(&Path::new(NAMED).join(part))
            }
            _ => Err(NetError::refused(Operation::OpenNamespace, Errno::EINVAL)),
        }
    }

    /// A new one without a name, with nothing in it but a loopback link that is down.
    ///
    /// # Errors
    /// [`NetError::Refused`]: `EPERM` without `CAP_SYS_ADMIN` in this user namespace.
    pub fn create() -> Result<Self, NetError> {
        on_own_thread(|| {
            sys::unshare_network()
                .map_err(|errno| NetError::refused(Operation::CreateNamespace, errno))?;
            Self::current()
        })?
    }

    /// Moves the calling thread into it, for good.
    ///
    /// # Errors
    /// [`NetError::Refused`]: `EPERM` without `CAP_SYS_ADMIN` in this user namespace and in the
    /// one that owns it.
    pub fn enter(&self) -> Result<(), NetError> {
        move_into_link_name_space(self.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|errno| NetError::refused(Operation::EnterNamespace, errno))
    }

    /// Runs `work` inside, on a thread of its own: the calling one stays where it is, whatever
    /// happens. A panic comes through.
    ///
    /// # Errors
    /// As [`NetNamespace::enter`]; and if there can be no thread.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, NetError> {
        on_own_thread(|| self.enter().map(|()| work()))?
    }

    /// The same, as a request about links has it.
    pub fn as_netns(&self) -> NetNs<'_> {
        NetNs::Fd(self.as_fd())
    }
}

impl AsFd for NetNamespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn on_own_thread<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, NetError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, work)
            .map_err(|error| NetError::refused(Operation::EnterNamespace, Errno::from(&error)))?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_but_to_the_namespaces_that_have_names() {
        for name in ["", ".", "..", "../net", "a/b", "/proc/self/ns/net", "blue/"] {
            let refused = NetNamespace::named(name).unwrap_err();
            let expected = NetError::refused(Operation::OpenNamespace, Errno::EINVAL);
            assert_eq!(refused, expected, "{name}");
        }
        let refused = NetNamespace::named("vrrp-none").unwrap_err();
        assert_eq!(refused, NetError::refused(Operation::OpenNamespace, Errno::ENOENT));
    }
}
