//! What every tracker's handle is made of: a thread, its mailbox, the bell that wakes it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::event::{EventfdFlags, eventfd};

use crate::poll::Poller;
use crate::{SourceKind, TrackError};

/// Enough for the deepest call chain of any tracker, with room to spare.
const STACK_BYTES: usize = 256 * 1024;

/// The poller's token for the mailbox's bell.
pub(crate) const BELL: u64 = u64::MAX;

/// What the owner of a tracker has asked of its thread since the thread last looked.
pub(crate) struct Mail<S> {
    pub(crate) stop: bool,
    /// The newest set wins: an older one that nobody has looked at yet is of no interest any more.
    pub(crate) sources: Option<Vec<Wanted<S>>>,
}

/// A source of the set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted<S> {
    pub(crate) source: S,
    /// The number of the set in which it has been without a break. If the thread knows the name with another
    /// number, the source was gone in between: it is a new one, which reports.
    pub(crate) since: u64,
}

/// The way from a handle to its thread. It holds at most one set of sources, so it needs no limit.
pub(crate) struct Mailbox<S> {
    post: Mutex<Post<S>>,
    bell: Arc<Bell>,
    /// Why the thread has given up, if it has.
    failure: OnceLock<String>,
}

struct Post<S> {
    mail: Mail<S>,
    /// How many sets there have been.
    sets: u64,
    /// Since which set the sources of the newest one are wanted.
    since: HashMap<Arc<str>, u64>,
}

impl<S: SourceKind> Post<S> {
    fn put(&mut self, sources: Vec<S>) {
        self.sets += 1;
        let mut since = HashMap::with_capacity(sources.len());
        let wanted = sources.into_iter().map(|source| {
            let name = source.name();
            let first = self.since.get(name).copied().unwrap_or(self.sets);
            since.insert(Arc::clone(name), first);
            Wanted { source, since: first }
        });
        self.mail.sources = Some(wanted.collect());
        self.since = since;
    }
}

impl<S> Mailbox<S> {
    /// The next mail; the bell falls silent.
    pub(crate) fn take(&self) -> Mail<S> {
        self.bell.silence();
        let mail = &mut lock(&self.post).mail;
        Mail { stop: mail.stop, sources: mail.sources.take() }
    }

    /// The bell itself, for whoever else has something to say to the thread.
    pub(crate) const fn bell(&self) -> &Arc<Bell> {
        &self.bell
    }
}

/// An eventfd: readable once rung, until silenced.
pub(crate) struct Bell(OwnedFd);

impl Bell {
    pub(crate) fn new() -> Result<Self, TrackError> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let system = TrackError::system("eventfd");
        eventfd(0, flags).map(Self).map_err(|e| system(e.into()))
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

impl<S: SourceKind> Handle<S> {
    /// Starts `run` on a thread of its own, with a poller that knows the mailbox's bell as [`BELL`].
    pub(crate) fn spawn(
        name: &'static str,
        sources: Vec<S>,
        run: impl FnOnce(&Mailbox<S>, Poller) -> io::Result<()> + Send + 'static,
    ) -> Result<Self, TrackError> {
        let mail = Mail { stop: false, sources: None };
        let mut post = Post { mail, sets: 0, since: HashMap::new() };
        post.put(sources);
        let (post, bell) = (Mutex::new(post), Arc::new(Bell::new()?));
        let mailbox = Arc::new(Mailbox { post, bell, failure: OnceLock::new() });
        let poller = Poller::new()?;
        poller.add(mailbox.bell.as_fd(), BELL).map_err(TrackError::system("epoll"))?;
        mailbox.bell.ring();
        let for_thread = Arc::clone(&mailbox);
        let thread = spawn_thread(name, move || {
            if let Err(e) = run(&for_thread, poller) {
                let failure = format!("cannot wait for events: {e}");
                log::error!("{name}: {failure}: nothing is tracked there any more");
                let _ = for_thread.failure.set(failure);
            }
        })?;
        Ok(Self { mailbox, thread: Some(thread) })
    }

    pub(crate) fn reconfigure(&self, sources: Vec<S>) {
        lock(&self.mailbox.post).put(sources);
        self.mailbox.bell.ring();
    }

    /// Why the thread has given up, if it has.
    pub(crate) fn failure(&self) -> Option<&str> {
        if let Some(failure) = self.mailbox.failure.get() {
            return Some(failure);
        }
        self.thread.as_ref()?.is_finished().then_some("its thread has panicked")
    }
}

impl<S> Drop for Handle<S> {
    fn drop(&mut self) {
        lock(&self.mailbox.post).mail.stop = true;
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
        .map_err(TrackError::system("thread"))
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
pub(crate) fn check_names<S: SourceKind>(sources: &[S]) -> Result<(), TrackError> {
    let mut seen = HashSet::new();
    for source in sources {
        if !seen.insert(source.name()) {
            return Err(TrackError::DuplicateName(Arc::clone(source.name())));
        }
    }
    Ok(())
}
