//! What has happened, kept for those who read it over the control socket.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use vrrp::{Event, EventKind, Severity};
use vrrp_fsm::Transition;
use vrrp_net::Waker;

use crate::status::{Status, unix_time};
use crate::words;

/// How many events are kept for readers that come later, or are slow.
pub const EVENTS_KEPT: usize = 1024;
/// How many are given to one reader before another has its turn.
const AT_ONCE: usize = 64;

/// One line of what `vrrpd events` reads: first a snapshot, then what has happened since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EventLine {
    /// How things stood when the reader came.
    Snapshot {
        /// The number of the last event before; the snapshot may show some of what came after.
        last_event: u64,
        /// As the status tells it.
        status: Box<Status>,
    },
    /// Something happened.
    Event(EventRecord),
    /// Events that are kept no longer, or came too fast.
    Missed {
        /// The number of the first of them.
        from: u64,
        /// The number of the last of them.
        to: u64,
    },
}

impl fmt::Display for EventLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot { last_event, status } => {
                for instance in &status.instances {
                    let (name, state) = (&instance.name, &instance.state);
                    let priority = instance.priority.effective;
                    writeln!(f, "{name}: {state} (priority {priority}): {}", instance.why)?;
                }
                write!(f, "after event {last_event}:")
            }
            Self::Event(event) => event.fmt(f),
            Self::Missed { from, to } => write!(f, "events {from} to {to} were missed"),
        }
    }
}

/// One event, as JSON has it; a field is only ever added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EventRecord {
    /// Counts up from 1 while the daemon runs.
    pub number: u64,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// `info`, `warning` or `error`.
    pub severity: String,
    /// What kind of event ([`EventKind::name`]).
    pub kind: String,
    /// The instance or sync group that it happened to; none if it concerns several.
    pub router: Option<String>,
    /// Of a transition: the new state, as keepalived's users know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateRecord>,
    /// The event in words.
    pub text: String,
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StateRecord {
    /// INIT, MASTER, BACKUP or FAULT.
    pub from: String,
    /// As `from`.
    pub to: String,
    /// The effective priority then; none of a sync group.
    pub priority: Option<u8>,
    /// The cause; empty where a sync group was led by nobody.
    pub why: String,
}

impl EventRecord {
    /// An event as it is told.
    pub fn of(event: &Event) -> Self {
        let since_1970 = event.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let severity = match event.kind.severity() {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        Self {
            number: event.number,
            at_unix_ms: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
            severity: severity.to_owned(),
            kind: event.kind.name().to_owned(),
            router: event.router.as_deref().map(str::to_owned),
            state: StateRecord::of(&event.kind),
            text: words::text(&event.kind),
        }
    }
}

impl StateRecord {
    fn of(kind: &EventKind) -> Option<Self> {
        let (from, to, priority, why) = match kind {
            EventKind::Transition(Transition { from, to, priority, cause }) => {
                (from, to, Some(priority.get()), cause.to_string())
            }
            EventKind::GroupTransition(group) => {
                let why = group.led_by.as_ref().map(|(member, cause)| format!("{member}, {cause}"));
                (&group.from, &group.to, None, why.unwrap_or_default())
            }
            _ => return None,
        };
        let word = |state: &_| words::state(*state).to_owned();
        Some(Self { from: word(from), to: word(to), priority, why })
    }
}

impl fmt::Display for EventRecord {
    /// `2026-11-22T20:15:04.123Z #12 (VI_1) BACKUP -> MASTER (priority 244): …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{} ", unix_time(self.at_unix_ms), self.number)?;
        if let Some(router) = &self.router {
            write!(f, "({router}) ")?;
        }
        f.write_str(&self.text)
    }
}

/// The last events, for readers of the control socket. Clones share one log.
#[derive(Debug, Clone)]
pub struct EventLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    kept: Mutex<VecDeque<Event>>,
    /// The number of the last event before the first that was put in.
    before: AtomicU64,
    /// How many readers wait for more.
    readers: AtomicUsize,
    waker: Waker,
}

impl EventLog {
    /// An empty log; `waker` wakes whoever serves its readers.
    pub(crate) fn new(waker: Waker) -> Self {
        let (kept, before, readers) = Default::default();
        Self(Arc::new(Shared { kept, before, readers, waker }))
    }

    /// Takes in the next event, and forgets the oldest if there are too many. Waits for nobody.
    pub fn push(&self, event: Event) {
        let mut kept = self.kept();
        if kept.len() == EVENTS_KEPT {
            kept.pop_front();
        }
        kept.push_back(event);
        drop(kept);
        if self.0.readers.load(Ordering::Acquire) > 0 {
            self.0.waker.wake();
        }
    }

    /// Counts on from this number: that of the last event of the program before.
    pub fn go_on_from(&self, number: u64) {
        self.0.before.store(number, Ordering::Release);
    }

    /// The number of the last event; 0 if there was none.
    pub(crate) fn last(&self) -> u64 {
        let before = || self.0.before.load(Ordering::Acquire);
        self.kept().back().map_or_else(before, |event| event.number)
    }

    /// What to tell a reader that has seen everything up to the event `seen`; moves `seen` on.
    pub(crate) fn after(&self, seen: &mut u64) -> Vec<EventLine> {
        let kept = self.kept();
        let start = kept.partition_point(|event| event.number <= *seen);
        let events: Vec<Event> = kept.range(start..).take(AT_ONCE).cloned().collect();
        drop(kept);
        let mut lines = Vec::new();
        for event in events {
            if event.number > *seen + 1 {
                lines.push(EventLine::Missed { from: *seen + 1, to: event.number - 1 });
            }
            *seen = event.number;
            lines.push(EventLine::Event(EventRecord::of(&event)));
        }
        lines
    }

    /// One more reader waits, until what is returned is dropped.
    pub(crate) fn reader(&self) -> Reader {
        self.0.readers.fetch_add(1, Ordering::AcqRel);
        Reader(self.clone())
    }

    /// How many readers wait for more.
    pub(crate) fn readers(&self) -> usize {
        self.0.readers.load(Ordering::Acquire)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader that waits for events.
#[derive(Debug)]
pub(crate) struct Reader(EventLog);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.0.readers.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn log_of(numbers: impl IntoIterator<Item = u64>) -> EventLog {
        let log = EventLog::new(Waker::new().unwrap());
        for number in numbers {
            let router = Some("VI_1".into());
            log.push(Event::new(number, SystemTime::now(), router, EventKind::Reconfigured));
        }
        log
    }

    fn numbers(lines: &[EventLine]) -> Vec<String> {
        let number = |line: &EventLine| match line {
            EventLine::Event(event) => event.number.to_string(),
            EventLine::Missed { from, to } => format!("missed {from} to {to}"),
            EventLine::Snapshot { .. } => panic!("a snapshot"),
        };
        lines.iter().map(number).collect()
    }

    #[test]
    fn a_reader_is_told_what_it_missed_and_goes_on_behind_it() {
        let log = log_of(1..=EVENTS_KEPT as u64 + 10);
        let mut seen = 4;
        let first = log.after(&mut seen);
        assert_eq!(numbers(&first)[..3], ["missed 5 to 10", "11", "12"]);
        assert_eq!(first.len(), AT_ONCE + 1);
        let next = log.after(&mut seen);
        assert_eq!(numbers(&next)[0], "75");
        while !log.after(&mut seen).is_empty() {}
        assert_eq!(seen, log.last());
    }

    #[test]
    fn numbers_that_never_came_are_told_as_missed_too() {
        let log = log_of([1, 2, 7]);
        let mut seen = 0;
        assert_eq!(numbers(&log.after(&mut seen)), ["1", "2", "missed 3 to 6", "7"]);
        assert!(log.after(&mut seen).is_empty());
    }

    #[test]
    fn a_line_is_one_object_with_one_name() {
        let line = EventLine::Missed { from: 3, to: 6 };
        let json = serde_json::to_string(&line).unwrap();
        assert_eq!(json, r#"{"missed":{"from":3,"to":6}}"#);
        let event = log_of([9]).after(&mut 8).remove(0);
        let json = serde_json::to_string(&event).unwrap();
        assert!(json.starts_with(r#"{"event":{"number":9,"#), "{json}");
        assert_eq!(serde_json::from_str::<EventLine>(&json).unwrap(), event);
    }
}
