//! What happened, for someone to read.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use vrrp_fsm::{Action, Event, Heard};
use vrrp_proto::Priority;

use crate::happening::{Dropped, Happening, Turn};

/// The last lines of a story.
#[derive(Debug, Clone)]
pub struct Timeline {
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

impl Timeline {
    /// One that keeps so many lines.
    pub fn new(lines_max: usize) -> Self {
        Self { lines_max, lines: VecDeque::new(), omitted: 0 }
    }

    /// Notes one step of a cluster.
    pub fn note(&mut self, at: Duration, happenings: &[Happening]) {
        for happening in happenings {
            let line = match happening {
                Happening::Incident(incident) => format!("-- {incident}"),
                Happening::Turn(turn) => match telling(turn) {
                    Some(line) => line,
                    None => continue,
                },
                Happening::Parked { node, heard, .. } => {
                    format!("n{node} {}: parks it", cause(&Event::Advert(*heard)))
                }
                Happening::Dropped { from, to, why } => match why {
                    Dropped::Lost => format!("n{from} → n{to}: lost"),
                    Dropped::Cut => continue,
                    Dropped::Overflow => format!("n{from} → n{to}: no room in the frozen inbox"),
                    Dropped::Damaged(error) => format!("n{from} → n{to}: damaged, {error}"),
                    Dropped::Foreign(_) => continue,
                    Dropped::Refused(error) => format!("n{from} → n{to}: refused, {error}"),
                },
                Happening::WronglyAccepted { from, to } => {
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

impl fmt::Display for Timeline {
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

/// A turn in a line; `None` if nothing came of an event that is nothing special.
fn telling(turn: &Turn) -> Option<String> {
    let mut parts: Vec<String> = turn.actions.iter().filter_map(deed).collect();
    if parts.is_empty() {
        if turn.parked || turn.event == Event::Timer {
            return None;
        }
        parts.push("nothing".to_owned());
    }
    let Turn { node, after, priority, .. } = turn;
    Some(format!("n{node} ({after} {priority}) {}: {}", cause(&turn.event), parts.join(", ")))
}

fn cause(event: &Event) -> String {
    match event {
        Event::Timer => "timer".to_owned(),
        Event::Startup => "starts".to_owned(),
        Event::Shutdown => "stops".to_owned(),
        Event::Advert(Heard { source, priority, interval }) => {
            format!("hears {source} priority {priority} every {interval}")
        }
        other => format!("{other:?}"),
    }
}

fn deed(action: &Action) -> Option<String> {
    Some(match action {
        Action::SendAdvert { priority: Priority::RESIGN } => "resigns".to_owned(),
        Action::SendAdvert { priority } => format!("advertises {priority}"),
        Action::InstallAddresses => "+addresses".to_owned(),
        Action::RemoveAddresses => "-addresses".to_owned(),
        Action::Transition(transition) => transition.to_string(),
        Action::PriorityChanged { from, to } => format!("priority {from} to {to}"),
        Action::Announce { .. } | Action::Report(_) => return None,
    })
}
