//! What happened, for someone to read.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use vrrp_fsm::Heard;
use vrrp_proto::Priority;

use crate::kernel::Held;
use crate::occurrence::{Dropped, Occurrence, Stimulus, Turn};

/// The last lines of what happened.
#[derive(Debug, Clone)]
pub struct Trace {
    lines_max: usize,
    lines: VecDeque<Line>,
    omitted: u64,
}

/// Something that happened, perhaps several times without anything else between.
#[derive(Debug, Clone)]
struct Line {
    first: Duration,
    last: Duration,
    times: u64,
    text: String,
}

impl Trace {
    /// One that keeps so many lines.
    pub fn new(lines_max: usize) -> Self {
        Self { lines_max, lines: VecDeque::new(), omitted: 0 }
    }

    /// Notes one step of a cluster.
    pub fn note(&mut self, at: Duration, occurrences: &[Occurrence]) {
        for occurrence in occurrences {
            let line = match occurrence {
                Occurrence::Incident(incident) => format!("-- {incident}"),
                Occurrence::Turn(turn) => match line_of(turn) {
                    Some(line) => line,
                    None => continue,
                },
                Occurrence::Parked { node, heard, .. } => {
                    format!("n{node} {}: parks it", cause(&Stimulus::Advert(*heard)))
                }
                Occurrence::Dropped { from, to, why } => match why {
                    Dropped::Lost => format!("n{from} → n{to}: lost"),
                    Dropped::NotSent => format!("n{from} → n{to}: refused by the kernel"),
                    Dropped::Cut => continue,
                    Dropped::Overflow => format!("n{from} → n{to}: no room in the frozen inbox"),
                    Dropped::Damaged(error) => format!("n{from} → n{to}: damaged, {error}"),
                    Dropped::Foreign(_) => continue,
                    Dropped::Refused(error) => format!("n{from} → n{to}: refused, {error}"),
                },
                Occurrence::WronglyAccepted { from, to } => {
                    format!("n{from} → n{to}: wrongly accepted")
                }
            };
            self.push(at, line);
        }
    }

    fn push(&mut self, at: Duration, text: String) {
        if let Some(line) = self.lines.back_mut().filter(|line| line.text == text) {
            line.last = at;
            line.times += 1;
            return;
        }
        if self.lines.len() == self.lines_max {
            self.lines.pop_front();
            self.omitted += 1;
        }
        self.lines.push_back(Line { first: at, last: at, times: 1, text });
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.omitted > 0 {
            writeln!(f, "{:>14}  … {} lines before", "", self.omitted)?;
        }
        for Line { first, last, times, text } in &self.lines {
            write!(f, "{:>12} s  {text}", seconds(*first))?;
            match times {
                1 => writeln!(f)?,
                _ => writeln!(f, " ({times} times, until {} s)", seconds(*last))?,
            }
        }
        Ok(())
    }
}

/// Seconds with all six decimals.
pub(crate) fn seconds(at: Duration) -> String {
    format!("{}.{:06}", at.as_secs(), at.subsec_micros())
}

/// A turn in a line; `None` if nothing came of an input that is nothing special.
fn line_of(turn: &Turn) -> Option<String> {
    let Turn { node, after, priority, asked, .. } = turn;
    let mut parts: Vec<String> = turn.sent().map(advertised).collect();
    if !asked.added.is_empty() {
        parts.push(format!("+{}", list(&asked.added)));
    }
    if asked.refused > 0 {
        parts.push(format!("{} refused", asked.refused));
    }
    if asked.is_changed {
        let held = match turn.held {
            Held::Nothing => "no address",
            Held::Everything => "all addresses",
            Held::Part => "not all addresses",
        };
        parts.push(format!("has {held}"));
    }
    parts.extend(turn.events.iter().map(ToString::to_string));
    // Announcements alone would fill the trace.
    if !asked.announced.is_empty() && !parts.is_empty() {
        parts.push(format!("announces {}", list(&asked.announced)));
    }
    if parts.is_empty() {
        if turn.parked || turn.stimulus == Stimulus::Timer {
            return None;
        }
        parts.push("nothing".to_owned());
    }
    Some(format!("n{node} ({after} {priority}) {}: {}", cause(&turn.stimulus), parts.join(", ")))
}

fn cause(stimulus: &Stimulus) -> String {
    match stimulus {
        Stimulus::Timer => "timer".to_owned(),
        Stimulus::Start => "starts".to_owned(),
        Stimulus::Shutdown => "stops".to_owned(),
        Stimulus::Advert(Heard { source, priority, interval }) => {
            format!("hears {source} priority {priority} every {interval}")
        }
        other => format!("{other:?}"),
    }
}

fn advertised(priority: Priority) -> String {
    match priority {
        Priority::RESIGN => "resigns".to_owned(),
        priority => format!("advertises {priority}"),
    }
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
