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
use std::sync::{Arc, Mutex, Weak};
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
}

impl Interface {
    /// The interface called `name`, whose state `links` knows.
    pub fn new(name: impl Into<Arc<str>>, links: &Links) -> Self {
        let name = name.into();
        Self { link: Arc::clone(&name), name, links: links.clone() }
    }

    /// Sets the link's name, where the source is to be known by another.
    #[must_use]
    pub fn link(mut self, link: impl Into<Arc<str>>) -> Self {
        self.link = link.into();
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

struct InterfaceTracker {
    handle: Handle<Interface>,
    /// Those in force.
    sources: Arc<Mutex<Vec<Interface>>>,
}

impl Tracker<Interface> for InterfaceTracker {
    fn set_sources(&self, sources: Vec<Interface>) {
        self.handle.reconfigure(sources);
    }

    fn status(&self) -> Vec<SourceStatus> {
        let one = |source: &Interface| {
            let state = source.links.get(&source.link);
            let measure = state.map(|state| Measure::Verdict(state.verdict()));
            let detail =
                state.map_or_else(|| "nothing is known yet".to_owned(), |state| state.to_string());
            SourceStatus::new(Interface::KIND, Arc::clone(&source.name), measure, detail)
                .or_failed(self.handle.failure())
        };
        lock(&self.sources).iter().map(one).collect()
    }
}

/// The thread's loop, until told to stop.
fn follow(
    mailbox: &Mailbox<Interface>,
    poller: Poller,
    sink: &Sink,
    in_force: &Mutex<Vec<Interface>>,
) -> io::Result<()> {
    let mut followed: Vec<(Wanted<Interface>, Option<Verdict>)> = Vec::new();
    loop {
        if !poller.wait(None)?.contains(&BELL) {
            continue;
        }
        let mail = mailbox.take();
        if mail.stop {
            return Ok(());
        }
        if let Some(sources) = mail.sources {
            sources.iter().for_each(|wanted| wanted.source.links.tell(mailbox.bell()));
            *lock(in_force) = sources.iter().map(|wanted| wanted.source.clone()).collect();
            followed = carried_over(sources, followed);
        }
        for (Wanted { source, .. }, reported) in &mut followed {
            let Some(state) = source.links.get(&source.link) else { continue };
            if reported.replace(state.verdict()) != Some(state.verdict()) {
                let reading = Reading::new(Interface::KIND, state.verdict(), state.to_string());
                sink(Update::new(Arc::clone(&source.name), reading));
            }
        }
    }
}

/// The new sources, each with what was reported of it since it is wanted.
fn carried_over(
    sources: Vec<Wanted<Interface>>,
    old: Vec<(Wanted<Interface>, Option<Verdict>)>,
) -> Vec<(Wanted<Interface>, Option<Verdict>)> {
    let mut old: HashMap<Arc<str>, _> =
        old.into_iter().map(|old| (Arc::clone(&old.0.source.name), old)).collect();
    let mut reported = |wanted: &Wanted<Interface>| match old.remove(&wanted.source.name) {
        Some((same, reported)) if same == *wanted => reported,
        _ => None,
    };
    sources.into_iter().map(|wanted| (wanted.clone(), reported(&wanted))).collect()
}
