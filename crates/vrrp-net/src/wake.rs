//! Waiting for a descriptor, and ending the wait from another thread.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno as RustixErrno;

use crate::error::{NetError, Operation};

/// Ends the wait of a thread that waits for packets or events.
///
/// Clones wake the same thread. A wake-up that comes before the wait ends the next one, and
/// several of them end it once.
///
/// ```
/// use vrrp_net::Waker;
///
/// let waker = Waker::new()?;
/// let other = waker.clone();
/// std::thread::spawn(move || other.wake()).join().expect("it only wakes");
/// assert!(waker.take());
/// assert!(!waker.take());
/// # Ok::<(), vrrp_net::NetError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Waker(Arc<OwnedFd>);

impl Waker {
    /// A waker that nobody waits on yet. It takes one descriptor.
    ///
    /// # Errors
    /// [`NetError::Refused`] if the process has no descriptor left.
    pub fn new() -> Result<Self, NetError> {
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map(|fd| Self(Arc::new(fd)))
            .map_err(|errno| NetError::refused(Operation::OpenWaker, errno))
    }

    /// Ends the current wait, or the next one.
    pub fn wake(&self) {
        // The one error that can happen is a full counter, and then a wake-up is pending.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// Takes back a pending wake-up; tells whether there was one.
    pub fn take(&self) -> bool {
        rustix::io::read(&self.0, &mut [0; 8]).is_ok()
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// There is something to read.
    Readable,
    /// Somebody called [`Waker::wake`].
    Woken,
    /// The time is over.
    TimedOut,
}

/// Waits until `fd` can be read, `waker` is used, or `timeout` is over (`None`: for ever).
///
/// A wake-up counts before something to read, and is taken back.
pub(crate) fn wait(
    fd: BorrowedFd<'_>,
    waker: &Waker,
    timeout: Option<Duration>,
) -> Result<Wake, NetError> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        let mut fds =
            [PollFd::from_borrowed_fd(fd, PollFlags::IN), PollFd::new(waker, PollFlags::IN)];
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match poll(&mut fds, left.map(timespec).as_ref()) {
            Ok(0) => return Ok(Wake::TimedOut),
            Ok(_) if waker.take() => return Ok(Wake::Woken),
            Ok(_) => return Ok(Wake::Readable),
            Err(RustixErrno::INTR) => {}
            Err(errno) => return Err(NetError::refused(Operation::Wait, errno)),
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_with_a_wake_up_or_in_time() {
        let (silent, waker) = (Waker::new().unwrap(), Waker::new().unwrap());
        assert_eq!(wait(silent.as_fd(), &waker, Some(Duration::ZERO)), Ok(Wake::TimedOut));
        waker.wake();
        waker.wake();
        assert_eq!(wait(silent.as_fd(), &waker, None), Ok(Wake::Woken));
        assert_eq!(wait(silent.as_fd(), &waker, Some(Duration::ZERO)), Ok(Wake::TimedOut));
    }

    #[test]
    fn a_readable_descriptor_ends_a_wait() {
        let (loud, waker) = (Waker::new().unwrap(), Waker::new().unwrap());
        loud.wake();
        assert_eq!(wait(loud.as_fd(), &waker, None), Ok(Wake::Readable));
    }
}
