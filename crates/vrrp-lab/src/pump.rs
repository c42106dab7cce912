//! The one thread that reads for a lab: the inits' messages, the processes' output, the
//! captured frames.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// Something to read when its descriptor is readable.
pub(crate) trait Source: Send {
    /// What to wait on.
    fn descriptor(&self) -> BorrowedFd<'_>;
    /// Reads what is there without blocking; `false` when this source is exhausted.
    fn read(&mut self) -> bool;
    /// Whether nobody wants it any more.
    fn is_unwanted(&self) -> bool {
        false
    }
}

/// A handle to the reading thread, to give it more to read.
#[derive(Clone)]
pub(crate) struct Pump(Arc<Shared>);

struct Shared {
    inbox: Mutex<Inbox>,
    wake: EventFd,
}

#[derive(Default)]
struct Inbox {
    added: Vec<Box<dyn Source>>,
    stopped: bool,
}

impl Pump {
    /// Starts the thread; the handle to join is for the one who will [`stop`](Self::stop) it.
    pub(crate) fn start() -> io::Result<(Self, JoinHandle<()>)> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let pump = Self(Arc::new(Shared { inbox: Mutex::default(), wake }));
        let thread = std::thread::Builder::new().name("vrrp-lab".to_owned()).spawn({
            let pump = pump.clone();
            move || pump.run()
        })?;
        Ok((pump, thread))
    }

    /// Reads this as well from now on.
    pub(crate) fn add(&self, source: Box<dyn Source>) {
        self.inbox().added.push(source);
        self.wake();
    }

    /// Has every source looked at again, among them those that became unwanted.
    pub(crate) fn wake(&self) {
        // Fails only when the counter is at its limit: then the thread wakes as well.
        let _ = self.0.wake.write(1);
    }

    /// Ends the thread.
    pub(crate) fn stop(&self) {
        self.inbox().stopped = true;
        self.wake();
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.0.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        loop {
            {
                let mut inbox = self.inbox();
                if inbox.stopped {
                    return;
                }
                sources.append(&mut inbox.added);
            }
            sources.retain(|source| !source.is_unwanted());
            let mut readable = self.wait(&sources).into_iter();
            sources.retain_mut(|source| !readable.next().unwrap_or(false) || source.read());
        }
    }

    /// Waits, and tells for each source whether it has something to read.
    fn wait(&self, sources: &[Box<dyn Source>]) -> Vec<bool> {
        let descriptors = sources.iter().map(|source| source.descriptor());
        let mut interests: Vec<_> = std::iter::once(self.0.wake.as_fd())
            .chain(descriptors)
            .map(|descriptor| PollFd::new(descriptor, PollFlags::POLLIN))
            .collect();
        match poll(&mut interests, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => (),
            // Nothing else can fail with descriptors that are open; reading will tell.
            Err(error) => log::error!("lab: poll: {error}"),
        }
        let ready = |interest: &PollFd<'_>| interest.any().unwrap_or(true);
        if interests.first().is_some_and(ready) {
            let _ = self.0.wake.read();
        }
        interests.iter().skip(1).map(ready).collect()
    }
}
