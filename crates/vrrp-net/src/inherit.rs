//! Descriptors that a program leaves open for the one by which it is replaced with exec.

use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

use crate::sys;

/// A descriptor that stays open over exec, until this is dropped.
///
/// Programs that are started meanwhile get it too.
#[derive(Debug)]
pub struct LeftOpen<F: AsFd>(F);

impl<F: AsFd> LeftOpen<F> {
    /// Leaves it open.
    ///
    /// # Errors
    /// The kernel's, for a descriptor that is none.
    pub fn new(fd: F) -> io::Result<Self> {
        fcntl_setfd(&fd, fcntl_getfd(&fd)? - FdFlags::CLOEXEC)?;
        Ok(Self(fd))
    }
}

impl<F: AsFd> Drop for LeftOpen<F> {
    fn drop(&mut self) {
        // It is open, so that this cannot be refused.
        let _ = fcntl_setfd(&self.0, FdFlags::CLOEXEC);
    }
}

/// Takes possession of a descriptor that the program before has left open under this number, and
/// closes it at the next exec.
///
/// # Errors
/// If there is none of this number that was left open: everything that this program has opened is
/// closed by exec, and so is what was taken once.
pub fn take_inherited(number: RawFd) -> io::Result<OwnedFd> {
    sys::take_inherited(number)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn only_what_is_left_open_can_be_taken_and_only_once() {
        let (one, _other) = std::io::pipe().unwrap();
        let number = one.as_raw_fd();
        assert!(take_inherited(number).is_err(), "it belongs to this program");
        drop(LeftOpen::new(&one).unwrap());
        assert!(take_inherited(number).is_err(), "it is not left open any more");
        // As if the program that had it were gone.
        std::mem::forget(LeftOpen::new(one).unwrap());
        assert_eq!(take_inherited(number).map(|fd| fd.as_raw_fd()).unwrap(), number);
        assert!(take_inherited(1).is_err() && take_inherited(-1).is_err());
    }
}
