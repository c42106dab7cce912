//! Interfaces: whether each can carry packets.
//!
//! This crate asks the kernel nothing about links: who follows them already (a netlink monitor) keeps a [`Links`]
//! up to date, and the sources read from it. The verdict is up while an interface exists, is set up and has its
//! carrier. What has changed back before the thread came to look is not reported.
//!
//! ```
//! use std::sync::mpsc;
//! use vrrp_track::Trackers;
//! use vrrp_track::interface::{Interface, LinkState, Links};
//!
//! let links = Links::new();
//! let (updates, inbox) = mpsc::channel();
//! let mut trackers = Trackers::new(move |update| drop(updates.send(update)));
//! trackers.reconfigure([Interface::new("eth0", &links).into()])?;
//!
//! links.replace([("eth0", LinkState::Running), ("eth1", LinkState::Down)]);
//! assert_eq!(inbox.recv()?.to_string(), "eth0: up (running)");
//! links.set("eth0", LinkState::NoCarrier);
//! assert_eq!(inbox.recv()?.to_string(), "eth0: down (no carrier)");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::HashMap;
use std::ops::Add;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use std::{fmt, io};

use crate::handle::{BELL, Bell, Handle, Mailbox, Wanted, lock};
use crate::poll::Poller;
use crate::{
    Kind, Measure, Reading, Sink, SourceKind, SourceStatus, TrackError, Tracker, Update, Verdict,
};

/// Whether an interface can carry packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkState {
    /// There is none of that name.
    Missing,
    /// It is set down.
    Down,
    /// It is set up, and nothing is at its other end.
    NoCarrier,
    /// It is set up and can carry packets.
    Running,
}

impl LinkState {
    /// Up for [`LinkState::Running`] alone.
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Running => Verdict::Up,
            Self::Missing | Self::Down | Self::NoCarrier => Verdict::Down,
        }
    }
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "it does not exist",
            Self::Down => "set down",
            Self::NoCarrier => "no carrier",
            Self::Running => "running",
        })
    }
}

/// How long a change of a link must last before it counts; without delays it counts at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delays {
    /// How long it must be down.
    pub down: Duration,
    /// How long it must be up.
    pub up: Duration,
}

impl Delays {
    /// The same, neither of them longer than `limit`.
    #[must_use]
    pub fn at_most(self, limit: Duration) -> Self {
        Self { down: self.down.min(limit), up: self.up.min(limit) }
    }

    const fn before(self, works: bool) -> Duration {
        if works { self.up } else { self.down }
    }
}

/// Whether a link counts as working: a change counts once it has lasted.
///
/// ```
/// use std::time::Duration;
/// use vrrp_track::interface::{Debounce, Delays};
///
/// let delays = Delays { down: Duration::from_secs(2), up: Duration::ZERO };
/// let mut link = Debounce::new(true);
/// assert!(link.take(Duration::from_secs(10), false, delays));
/// assert_eq!(link.deadline(delays), Some(Duration::from_secs(12)));
/// assert!(!link.take(Duration::from_secs(12), false, delays));
/// assert!(link.take(Duration::from_secs(13), true, delays));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Debounce<T> {
    counts: bool,
    /// Since when it is otherwise.
    other_since: Option<T>,
}

impl<T: Copy + Ord + Add<Duration, Output = T>> Debounce<T> {
    /// A link that counts as what it is.
    pub const fn new(works: bool) -> Self {
        Self { counts: works, other_since: None }
    }

    /// Takes in how it is at this time, and says what it counts as.
    pub fn take(&mut self, now: T, works: bool, delays: Delays) -> bool {
        if works == self.counts {
            self.other_since = None;
        } else if *self.other_since.get_or_insert(now) + delays.before(works) <= now {
            *self = Self::new(works);
        }
        self.counts
    }

    /// When to take it in again, if it does not count as what it is.
    pub fn deadline(&self, delays: Delays) -> Option<T> {
        self.other_since.map(|since| since + delays.before(!self.counts))
    }
}

/// The state of all links, as whoever follows them says; a handle to share.
#[derive(Clone, Default)]
pub struct Links(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// `None` as long as nobody has said how all links are.
    states: Option<HashMap<String, LinkState>>,
    /// Of the threads that want to know.
    bells: Vec<Weak<Bell>>,
}

impl Links {
    /// Nothing is known of any link until [`replace`](Self::replace) says how all are.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says how all links are; one that is not among them is missing.
    pub fn replace<N: Into<String>>(&self, states: impl IntoIterator<Item = (N, LinkState)>) {
        let states = states.into_iter().map(|(name, state)| (name.into(), state)).collect();
        let mut known = lock(&self.0);
        known.states = Some(states);
        known.ring();
    }

    /// Says how one link is from now on. Before the first [`replace`](Self::replace) it counts for nothing.
    pub fn set(&self, name: &str, state: LinkState) {
        let mut known = lock(&self.0);
        let Some(states) = &mut known.states else { return };
        let before = match state {
            LinkState::Missing => states.remove(name),
            _ => states.insert(name.to_owned(), state),
        };
        if before.unwrap_or(LinkState::Missing) != state {
            known.ring();
        }
    }

    /// How a link is; `None` if nothing is known yet.
    pub fn get(&self, name: &str) -> Option<LinkState> {
        let known = lock(&self.0);
        let states = known.states.as_ref()?;
        Some(states.get(name).copied().unwrap_or(LinkState::Missing))
    }

    fn tell(&self, bell: &Arc<Bell>) {
        let bells = &mut lock(&self.0).bells;
        if !bells.iter().any(|known| known.as_ptr() == Arc::as_ptr(bell)) {
            bells.push(Arc::downgrade(bell));
        }
    }
}

impl Known {
    /// Wakes who wants to know; who is gone is forgotten.
    fn ring(&mut self) {
        self.bells.retain(|bell| bell.upgrade().inspect(|bell| bell.ring()).is_some());
    }
}

impl PartialEq for Links {
    /// Whether they are handles to the same.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Links").field(&lock(&self.0).states).finish()
    }
}

/// An interface whose state counts.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Interface {
    /// Its name in updates and status.
    pub name: Arc<str>,
    /// The link's name.
    pub link: Arc<str>,
    /// Where its state is known.
    pub links: Links,
    /// How long it must be down, or up, to count as that. An interface that does not exist, or that
    /// comes into being, counts as what it is at once.
    pub delays: Delays,
}

impl Interface {
    /// The interface called `name`, whose state `links` knows.
    pub fn new(name: impl Into<Arc<str>>, links: &Links) -> Self {
        let name = name.into();
        Self { link: Arc::clone(&name), name, links: links.clone(), delays: Delays::default() }
    }

    /// Sets the link's name, where the source is to be known by another.
    #[must_use]
    pub fn link(mut self, link: impl Into<Arc<str>>) -> Self {
        self.link = link.into();
        self
    }

    /// Sets how long it must be down, or up, to count as that.
    #[must_use]
    pub const fn delays(mut self, delays: Delays) -> Self {
        self.delays = delays;
        self
    }
}

impl SourceKind for Interface {
    const KIND: Kind = Kind::new("interface");

    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn start(sink: Sink) -> Result<Box<dyn Tracker<Self>>, TrackError> {
        let sources = Arc::new(Mutex::new(Vec::new()));
        let for_thread = Arc::clone(&sources);
        let run =
            move |mailbox: &Mailbox<Self>, poller| follow(mailbox, poller, &sink, &for_thread);
        let handle = Handle::spawn("track-interface", Vec::new(), run)?;
        Ok(Box::new(InterfaceTracker { handle, sources }))
    }
}

/// The sources, and what each counts as.
type InForce = Vec<(Interface, Option<Verdict>)>;

struct InterfaceTracker {
    handle: Handle<Interface>,
    sources: Arc<Mutex<InForce>>,
}

impl Tracker<Interface> for InterfaceTracker {
    fn set_sources(&self, sources: Vec<Interface>) {
        self.handle.reconfigure(sources);
    }

    fn status(&self) -> Vec<SourceStatus> {
        let one = |(source, counts): &(Interface, Option<Verdict>)| {
            let state = source.links.get(&source.link);
            let detail = match (state, counts) {
                (None, _) => "nothing is known yet".to_owned(),
                (Some(state), Some(counts)) if state.verdict() != *counts => {
                    format!("{state}, which does not count yet")
                }
                (Some(state), _) => state.to_string(),
            };
            let measure = counts.or(state.map(LinkState::verdict)).map(Measure::Verdict);
            SourceStatus::new(Interface::KIND, Arc::clone(&source.name), measure, detail)
                .or_failed(self.handle.failure())
        };
        lock(&self.sources).iter().map(one).collect()
    }
}

/// A source that is followed.
struct Followed {
    wanted: Wanted<Interface>,
    /// How the link was when it was looked at last.
    state: Option<LinkState>,
    debounce: Debounce<Instant>,
    reported: Option<Verdict>,
}

impl Followed {
    const fn new(wanted: Wanted<Interface>) -> Self {
        Self { wanted, state: None, debounce: Debounce::new(false), reported: None }
    }

    /// Looks at the link; says what has to be reported.
    fn look(&mut self, now: Instant) -> Option<Update> {
        let source = &self.wanted.source;
        let state = source.links.get(&source.link)?;
        let before = self.state.replace(state);
        let is_known = |state| state != LinkState::Missing;
        let works = state.verdict() == Verdict::Up;
        let counts = match before {
            Some(before) if is_known(before) && is_known(state) => {
                self.debounce.take(now, works, source.delays)
            }
            _ => {
                self.debounce = Debounce::new(works);
                works
            }
        };
        let verdict = if counts { Verdict::Up } else { Verdict::Down };
        if self.reported.replace(verdict) == Some(verdict) {
            return None;
        }
        let reading = Reading::new(Interface::KIND, verdict, state.to_string());
        Some(Update::new(Arc::clone(&source.name), reading))
    }

    fn deadline(&self) -> Option<Instant> {
        self.debounce.deadline(self.wanted.source.delays)
    }
}

/// The thread's loop, until told to stop.
fn follow(
    mailbox: &Mailbox<Interface>,
    poller: Poller,
    sink: &Sink,
    in_force: &Mutex<InForce>,
) -> io::Result<()> {
    let mut followed: Vec<Followed> = Vec::new();
    loop {
        let deadline = followed.iter().filter_map(Followed::deadline).min();
        if poller.wait(deadline)?.contains(&BELL) {
            let mail = mailbox.take();
            if mail.stop {
                return Ok(());
            }
            if let Some(sources) = mail.sources {
                sources.iter().for_each(|wanted| wanted.source.links.tell(mailbox.bell()));
                followed = carried_over(sources, followed);
            }
        }
        let now = Instant::now();
        let updates: Vec<_> = followed.iter_mut().filter_map(|one| one.look(now)).collect();
        let as_it_stands = |one: &Followed| (one.wanted.source.clone(), one.reported);
        *lock(in_force) = followed.iter().map(as_it_stands).collect();
        updates.into_iter().for_each(sink);
    }
}

/// The new sources, each with what is known of it since it is wanted.
fn carried_over(sources: Vec<Wanted<Interface>>, old: Vec<Followed>) -> Vec<Followed> {
    let mut old: HashMap<Arc<str>, _> =
        old.into_iter().map(|old| (Arc::clone(&old.wanted.source.name), old)).collect();
    let mut known = |wanted: Wanted<Interface>| match old.remove(&wanted.source.name) {
        Some(same) if same.wanted == wanted => same,
        _ => Followed::new(wanted),
    };
    sources.into_iter().map(&mut known).collect()
}
