//! Log lines to standard error: for a person with the time, for journald with its level marks.
//!
//! Whoever logs hands the line over and goes on; one thread writes. So a reader that has stopped
//! reading (a full pipe, a stuck terminal) holds up that thread and nothing else: neither the
//! health of the instances nor the daemon's end waits for it.

use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use env_logger::{Builder, Env, Target, TimestampPrecision, WriteStyle};
use log::Level;

/// How many lines wait for the reader at the most; more are counted and lost.
const QUEUE_LINES: usize = 4096;
const STACK_BYTES: usize = 128 << 10;

static QUEUE: OnceLock<Queue> = OnceLock::new();

enum Item {
    Line(Vec<u8>),
    /// Everything before it is written: tell this one.
    Flush(Sender<()>),
}

/// Where lines wait to be written. Putting one there never blocks.
#[derive(Clone)]
struct Queue {
    sender: Sender<Item>,
    lost: Arc<AtomicU64>,
}

/// Starts logging. `RUST_LOG` chooses what; without it, informational lines and worse.
pub(crate) fn init() -> io::Result<()> {
    let queue = Queue::start(io::stderr())?;
    let queue = QUEUE.get_or_init(|| queue).clone();
    let mut builder = Builder::from_env(Env::default().default_filter_or("info"));
    if std::env::var_os("RUST_LOG_STYLE").is_none() {
        builder.write_style(if has_colors() { WriteStyle::Always } else { WriteStyle::Never });
    }
    builder.target(Target::Pipe(Box::new(queue)));
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        // sd-daemon(3): journald takes the level from the prefix, and has its own clock.
        builder.format(|buffer, record| {
            writeln!(buffer, "<{}>{}", syslog_level(record.level()), record.args())
        });
    } else {
        builder.format_timestamp(Some(TimestampPrecision::Millis)).format_target(false);
    }
    // A second call (from a test) changes nothing.
    let _ = builder.try_init();
    Ok(())
}

/// Whether standard error is a terminal that shows colours, and nobody asked for none
/// (<https://no-color.org>).
pub(crate) fn has_colors() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// Shows text that is no log line, after the lines before it.
pub(crate) fn show(text: &str) {
    match QUEUE.get() {
        Some(queue) => queue.put(text.as_bytes()),
        // Nobody to tell if that fails: standard error is where one would.
        None => drop(io::stderr().write_all(text.as_bytes())),
    }
}

/// Waits until everything is written, up to `limit`.
pub(crate) fn flush(limit: Duration) {
    if let Some(queue) = QUEUE.get() {
        queue.flush(Instant::now() + limit);
    }
}

impl Queue {
    fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, items) = bounded(QUEUE_LINES);
        let lost = Arc::<AtomicU64>::default();
        let counter = Arc::clone(&lost);
        thread::Builder::new()
            .name("log".into())
            .stack_size(STACK_BYTES)
            .spawn(move || write_out(out, &items, &counter))?;
        Ok(Self { sender, lost })
    }

    fn put(&self, text: &[u8]) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.sender.try_send(Item::Line(text.to_vec()))
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self, deadline: Instant) {
        let (sender, done) = bounded(1);
        if self.sender.send_deadline(Item::Flush(sender), deadline).is_ok() {
            let _ = done.recv_deadline(deadline);
        }
    }
}

impl Write for Queue {
    /// One call is one line: the logger formats it first.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_out(mut out: impl Write, items: &Receiver<Item>, lost: &AtomicU64) {
    for item in items {
        // A reader that has gone away is no reason to stop anything.
        match item {
            Item::Line(line) => drop(out.write_all(&line)),
            Item::Flush(done) => drop(done.try_send(())),
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = writeln!(out, "{lost} log line(s) came faster than they could be written");
        }
    }
}

const fn syslog_level(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, pipe};

    use super::*;

    #[test]
    fn a_reader_that_does_not_read_holds_nobody_up_and_learns_what_it_missed() {
        let (reader, writer) = pipe().unwrap();
        let queue = Queue::start(writer).unwrap();
        while queue.lost.load(Ordering::Relaxed) == 0 {
            queue.put(&[b'x'; 4096]);
        }
        queue.flush(Instant::now());
        drop(queue);
        let lines = BufReader::new(reader).split(b'\n').map(Result::unwrap);
        assert!(lines.into_iter().any(|line| line.ends_with(b"than they could be written")));
    }

    #[test]
    fn a_flush_waits_for_what_was_said_before() {
        let (reader, writer) = pipe().unwrap();
        let queue = Queue::start(writer).unwrap();
        queue.put(b"said\n");
        queue.flush(Instant::now() + Duration::from_secs(30));
        drop(queue);
        assert_eq!(io::read_to_string(reader).unwrap(), "said\n");
    }
}
