//! The guard of the program that this one has replaced by exec in the same process.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use crate::message::revocation;

/// How long a guard that does not read is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A guard that was started by the program that this one has replaced by exec, and its end of the
/// socket, which has to stay open over exec.
///
/// It guards the same process and knows the old wills, so that nothing is unguarded while the other
/// program starts: if the process ends meanwhile, or does not advertise in time, it acts. A will ends
/// with it when the new guard has one of the same router.
#[derive(Debug)]
pub struct Predecessor {
    socket: Arc<OwnedFd>,
    /// The slots of its routers.
    slots: Mutex<BTreeMap<String, u32>>,
    /// How many slots it may know.
    given: u32,
}

impl Predecessor {
    /// The one that is told of wills through this socket, with the slots of its routers and how many
    /// of all slots were in use.
    pub fn new(socket: impl Into<Arc<OwnedFd>>, slots: BTreeMap<String, u32>, given: u32) -> Self {
        Self { socket: socket.into(), slots: Mutex::new(slots), given }
    }

    /// The slots of its routers.
    pub fn slots(&self) -> BTreeMap<String, u32> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many of all slots were in use.
    pub fn given(&self) -> u32 {
        self.given
    }

    /// It has nothing more to do for this router.
    pub(crate) fn forget(&self, router: &str) {
        let slot = self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(router);
        slot.into_iter().for_each(|slot| self.revoke(slot));
    }

    /// It has nothing more to do at all, and ends when this is dropped.
    pub(crate) fn forget_all(&self) {
        (0..self.given).for_each(|slot| self.revoke(slot));
    }

    fn revoke(&self, slot: u32) {
        let timeout = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
        loop {
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            match send(&self.socket, &revocation(slot), flags) {
                Err(Errno::AGAIN) => {}
                Err(Errno::INTR) => continue,
                // A guard that has died needs not be told.
                Ok(_) | Err(_) => return,
            }
            if let Ok(0) = poll(&mut [PollFd::new(&self.socket, PollFlags::OUT)], Some(&timeout)) {
                return log::error!("the guard of the program before does not answer");
            }
        }
    }
}

impl AsFd for Predecessor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
