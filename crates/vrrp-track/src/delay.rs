//! Delays: up from some time after the machine's or the program's start on, and without a verdict before.
//!
//! ```
//! use std::sync::mpsc;
//! use std::time::Duration;
//! use vrrp_track::{Delay, Trackers};
//!
//! let (updates, inbox) = mpsc::channel();
//! let mut trackers = Trackers::new(move |update| drop(updates.send(update)));
//! trackers.reconfigure([Delay::after_start("settle", Duration::from_millis(20)).into()])?;
//! assert_eq!(inbox.recv()?.to_string(), "settle: up (over)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::handle::{BELL, Handle, Mailbox, Wanted, lock};
use crate::poll::{LONGEST, Poller};
use crate::{
    Kind, Measure, Reading, Sink, SourceKind, SourceStatus, TrackError, Tracker, Update, Verdict,
};

/// When this program first asked for a delay after its start.
static STARTED: LazyLock<Duration> = LazyLock::new(since_boot);

/// A delay. It counts the time that the machine was suspended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delay {
    /// Its name in updates and status.
    pub name: Arc<str>,
    /// How long after the machine's start it is over.
    pub until: Duration,
}

impl Delay {
    /// A delay that is over so long after the machine's start.
    pub fn after_boot(name: impl Into<Arc<str>>, time: Duration) -> Self {
        Self { name: name.into(), until: time.min(LONGEST) }
    }

    /// A delay that is over so long after the program's start. As that counts when this is first called: a
    /// program calls it as it reads its first configuration, and the delays of a later one are over then.
    pub fn after_start(name: impl Into<Arc<str>>, time: Duration) -> Self {
        Self { name: name.into(), until: *STARTED + time.min(LONGEST) }
    }

    /// How long it still takes; `None` if it is over.
    fn left(&self) -> Option<Duration> {
        self.until.checked_sub(since_boot()).filter(|left| !left.is_zero())
    }
}

impl SourceKind for Delay {
    const KIND: Kind = Kind::new("delay");

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn start(sink: Sink) -> Result<Box<dyn Tracker<Self>>, TrackError> {
        let run = move |mailbox: &Mailbox<Self>, poller| wait_for_all(mailbox, &poller, &sink);
        let handle = Handle::spawn("track-delay", Vec::new(), run)?;
        Ok(Box::new(DelayTracker { handle, sources: Mutex::default() }))
    }
}

struct DelayTracker {
    handle: Handle<Delay>,
    sources: Mutex<Vec<Delay>>,
}

impl Tracker<Delay> for DelayTracker {
    fn set_sources(&self, sources: Vec<Delay>) {
        lock(&self.sources).clone_from(&sources);
        self.handle.reconfigure(sources);
    }

    fn status(&self) -> Vec<SourceStatus> {
        let one = |source: &Delay| {
            let (measure, detail) = match source.left() {
                Some(left) => (None, format!("{} s to go", left.as_secs_f64().ceil())),
                None => (Some(Measure::from(Verdict::Up)), "over".to_owned()),
            };
            SourceStatus::new(Delay::KIND, Arc::clone(&source.name), measure, detail)
                .or_failed(self.handle.failure())
        };
        lock(&self.sources).iter().map(one).collect()
    }
}

/// The thread's loop, until told to stop.
fn wait_for_all(mailbox: &Mailbox<Delay>, poller: &Poller, sink: &Sink) -> io::Result<()> {
    let mut all: Vec<Wanted<Delay>> = Vec::new();
    let mut reported: Vec<Wanted<Delay>> = Vec::new();
    loop {
        let left = all.iter().filter_map(|wanted| wanted.source.left()).min();
        if poller.wait(left.map(|left| Instant::now() + left))?.contains(&BELL) {
            let mail = mailbox.take();
            if mail.stop {
                return Ok(());
            }
            if let Some(sources) = mail.sources {
                reported.retain(|wanted| sources.contains(wanted));
                all = sources;
            }
        }
        for wanted in &all {
            if wanted.source.left().is_none() && !reported.contains(wanted) {
                let reading = Reading::new(Delay::KIND, Verdict::Up, "over");
                sink(Update::new(Arc::clone(&wanted.source.name), reading));
                reported.push(wanted.clone());
            }
        }
    }
}

fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::Boottime);
    // The kernel's clocks are never negative, and a second has fewer nanoseconds than a word holds.
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
