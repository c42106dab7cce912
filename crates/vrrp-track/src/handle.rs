//! What every tracker's handle is made of: a thread, its mailbox, the bell that wakes it.

use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::event::{EventfdFlags, eventfd};

use crate::TrackError;
use crate::poll::Poller;

/// Enough for the deepest call chain of any tracker, with room to spare.
const STACK_BYTES: usize = 256 * 1024;

/// The poller's token for the mailbox's bell.
pub(crate) const BELL: u64 = u64::MAX;

/// What the owner of a tracker has asked of its thread since the thread last looked.
pub(crate) struct Mail<S> {
    pub(crate) stop: bool,
    /// The newest set wins: an older one that nobody has looked at yet is of no interest any more.
    pub(crate) sources: Option<Vec<S>>,
}

/// The way from a handle to its thread. It holds at most one set of sources, so it needs no limit.
pub(crate) struct Mailbox<S> {
    mail: Mutex<Mail<S>>,
    bell: Bell,
}

impl<S> Mailbox<S> {
    /// The next mail; the bell falls silent.
    pub(crate) fn take(&self) -> Mail<S> {
        self.bell.silence();
        let mut mail = lock(&self.mail);
        Mail { stop: mail.stop, sources: mail.sources.take() }
    }
}

/// An eventfd: readable once rung, until silenced.
pub(crate) struct Bell(OwnedFd);

impl Bell {
    pub(crate) fn new() -> Result<Self, TrackError> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let system =
            |e: rustix::io::Errno| TrackError::System { what: "eventfd", source: e.into() };
        eventfd(0, flags).map(Self).map_err(system)
    }

    /// Cannot fail for good: the only refusal, a full counter, means that it rings already.
    pub(crate) fn ring(&self) {
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    pub(crate) fn silence(&self) {
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A running tracker thread; dropping it stops and joins.
pub(crate) struct Handle<S> {
    mailbox: Arc<Mailbox<S>>,
    thread: Option<JoinHandle<()>>,
}

impl<S: Send + 'static> Handle<S> {
    /// Starts `run` on a thread of its own, with a poller that knows the mailbox's bell as [`BELL`].
    pub(crate) fn spawn(
        name: &str,
        sources: Vec<S>,
        run: impl FnOnce(Arc<Mailbox<S>>, Poller) + Send + 'static,
    ) -> Result<Self, TrackError> {
        let mail = Mutex::new(Mail { stop: false, sources: Some(sources) });
        let mailbox = Arc::new(Mailbox { mail, bell: Bell::new()? });
        let poller = Poller::new()?;
        poller
            .add(mailbox.bell.as_fd(), BELL)
            .map_err(|source| TrackError::System { what: "epoll", source })?;
        mailbox.bell.ring();
        let for_thread = Arc::clone(&mailbox);
        let thread = spawn_thread(name, move || run(for_thread, poller))?;
        Ok(Self { mailbox, thread: Some(thread) })
    }

    pub(crate) fn reconfigure(&self, sources: Vec<S>) {
        lock(&self.mailbox.mail).sources = Some(sources);
        self.mailbox.bell.ring();
    }
}

impl<S> Drop for Handle<S> {
    fn drop(&mut self) {
        lock(&self.mailbox.mail).stop = true;
        self.mailbox.bell.ring();
        join(self.thread.take());
    }
}

/// A named thread with a stack of known size.
pub(crate) fn spawn_thread(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, TrackError> {
    thread::Builder::new()
        .name(name.to_owned())
        .stack_size(STACK_BYTES)
        .spawn(run)
        .map_err(|source: io::Error| TrackError::System { what: "thread", source })
}

/// Waits for a tracker's thread. It may be dropped from its own sink: nobody can wait for himself.
pub(crate) fn join(thread: Option<JoinHandle<()>>) {
    let Some(thread) = thread else { return };
    if thread.thread().id() == thread::current().id() {
        return;
    }
    if thread.join().is_err() {
        log::error!("a tracker's thread has panicked");
    }
}

/// What is behind these locks stays whole even if a holder panics: single assignments only.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names identify sources: across a change of configuration, and to whoever receives updates.
pub(crate) fn check_names<'a>(
    names: impl IntoIterator<Item = &'a Arc<str>>,
) -> Result<(), TrackError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(TrackError::DuplicateName(Arc::clone(name)));
        }
    }
    Ok(())
}
