//! Waiting for descriptors and a deadline at the same time.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use crate::TrackError;

/// How many ready descriptors one wait may return; the others come with the next.
const BATCH: usize = 64;

/// Longer waits than this are cut in pieces, so that no deadline overflows the kernel's milliseconds.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// No deadline lies further ahead, whatever a configuration says: an instant cannot hold all durations.
pub(crate) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Waits until one of its descriptors can be read; each is known by a token of the caller's choice.
pub(crate) struct Poller {
    epoll: OwnedFd,
}

impl Poller {
    pub(crate) fn new() -> Result<Self, TrackError> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)
            .map_err(|e| TrackError::system("epoll")(e.into()))?;
        Ok(Self { epoll })
    }

    pub(crate) fn add(&self, fd: impl AsFd, token: u64) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(token), EventFlags::IN)?)
    }

    /// To be called before the descriptor is closed: a duplicate of it in a child just being started
    /// would otherwise keep reporting.
    pub(crate) fn remove(&self, fd: impl AsFd) {
        let removed = epoll::delete(&self.epoll, fd);
        debug_assert!(removed.is_ok(), "only descriptors that were added are removed");
    }

    /// The tokens that are ready, at the latest at the deadline; perhaps none.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> io::Result<Vec<u64>> {
        let timeout = deadline.map(|at| {
            let left = at.saturating_duration_since(Instant::now()).min(WAIT_MAX);
            Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) }
        });
        let mut ready = [MaybeUninit::<Event>::uninit(); BATCH];
        match epoll::wait(&self.epoll, &mut ready, timeout.as_ref()) {
            Ok((ready, _)) => Ok(ready.iter().map(|event| event.data.u64()).collect()),
            // A signal handler ran on this thread; the caller comes back with the same deadline.
            Err(Errno::INTR) => Ok(Vec::new()),
            Err(e) => Err(e.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::Bell;

    #[test]
    fn a_rung_bell_is_reported_until_silenced() {
        let bell = Bell::new().unwrap();
        let poller = Poller::new().unwrap();
        poller.add(bell.as_fd(), 7).unwrap();
        assert!(poller.wait(Some(Instant::now())).unwrap().is_empty());
        bell.ring();
        assert_eq!(poller.wait(None).unwrap(), [7]);
        bell.silence();
        assert!(poller.wait(Some(Instant::now())).unwrap().is_empty());
    }

    #[test]
    fn a_wait_does_not_end_before_its_deadline() {
        let deadline = Instant::now() + Duration::from_micros(1500);
        assert!(Poller::new().unwrap().wait(Some(deadline)).unwrap().is_empty());
        assert!(Instant::now() >= deadline);
    }

    #[test]
    fn what_is_wrong_with_the_wait_itself_is_an_error() {
        let no_epoll = std::fs::File::open("/dev/null").unwrap();
        let poller = Poller { epoll: no_epoll.into() };
        let error = poller.wait(Some(Instant::now())).unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::INVAL));
    }
}
