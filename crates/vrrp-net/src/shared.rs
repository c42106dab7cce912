//! Numbers that two processes share.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use rustix::fs::memfd_create;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate};

use crate::error::{NetError, Operation};
use crate::sys::Mapping;
use crate::words::Errno;

const WORD_BYTES: usize = size_of::<u64>();

/// Memory of 64-bit numbers that this process shares with whoever has its descriptor.
///
/// What was never written is 0, and takes no memory.
#[derive(Debug)]
pub struct SharedWords(Mapping);

impl SharedWords {
    /// So many numbers, and the descriptor by which another process has them too.
    ///
    /// # Errors
    /// [`NetError::Refused`] if there is no memory or no descriptor for it.
    pub fn create(count: usize) -> Result<(Self, OwnedFd), NetError> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = memfd_create(c"vrrp", flags).map_err(refused)?;
        ftruncate(&fd, (count * WORD_BYTES) as u64).map_err(refused)?;
        fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::SEAL).map_err(refused)?;
        Ok((Self::open(fd.as_fd(), count)?, fd))
    }

    /// The numbers behind this descriptor, which another process has made.
    ///
    /// # Errors
    /// [`NetError::Refused`]: `EINVAL` if there are fewer, or they might become fewer.
    pub fn open(fd: BorrowedFd<'_>, count: usize) -> Result<Self, NetError> {
        let is_fixed = fcntl_get_seals(fd).map_err(refused)?.contains(SealFlags::SHRINK);
        let len = fstat(fd).map_err(refused)?.st_size;
        if !is_fixed || usize::try_from(len).is_ok_and(|len| len < count * WORD_BYTES) {
            return Err(refused(rustix::io::Errno::INVAL));
        }
        Mapping::of(fd, count).map(Self).map_err(refused)
    }

    /// The numbers.
    pub fn as_slice(&self) -> &[AtomicU64] {
        self.0.words()
    }
}

fn refused(errno: impl Into<Errno>) -> NetError {
    NetError::refused(Operation::ShareMemory, errno)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn what_one_writes_the_other_reads() {
        let (one, fd) = SharedWords::create(1000).unwrap();
        let other = SharedWords::open(fd.as_fd(), 1000).unwrap();
        assert_eq!(other.as_slice()[999].load(Ordering::Relaxed), 0);
        one.as_slice()[999].store(7, Ordering::Relaxed);
        assert_eq!(other.as_slice()[999].load(Ordering::Relaxed), 7);
    }

    #[test]
    fn memory_that_may_end_too_early_is_refused() {
        let (_one, fd) = SharedWords::create(10).unwrap();
        assert!(SharedWords::open(fd.as_fd(), 11).is_err());
        let open = memfd_create(c"open", MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&open, 80).unwrap();
        assert!(SharedWords::open(open.as_fd(), 10).is_err());
    }
}
