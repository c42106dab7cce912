//! The voice that tells the story, line by line, with the times.

use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Prints what happened when, in seconds since the story began.
pub(super) struct Narrator {
    beginning: Instant,
}

impl Narrator {
    pub(super) fn new() -> Self {
        Self { beginning: Instant::now() }
    }

    /// A line without a time.
    pub(super) fn say(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// Something that happened at this moment.
    pub(super) fn tell(&self, at: Instant, text: &str) -> io::Result<()> {
        let since = at.saturating_duration_since(self.beginning);
        self.say(&format!("{:8.2} s  {text}", since.as_secs_f64()))
    }

    /// Something that happens now.
    pub(super) fn tell_now(&self, text: &str) -> io::Result<()> {
        self.tell(Instant::now(), text)
    }

    /// What is to be added to the line before.
    pub(super) fn add(&self, text: &str) -> io::Result<()> {
        self.say(&format!("            {text}"))
    }

    /// The time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.beginning.elapsed()
    }
}

/// A length of time as the story tells it.
pub(super) fn lasting(length: Duration) -> String {
    match length.as_secs_f64() {
        secs if secs < 1.0 => format!("{:.0} ms", secs * 1000.0),
        secs => format!("{secs:.2} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_times_are_milliseconds() {
        assert_eq!(lasting(Duration::from_micros(23_400)), "23 ms");
        assert_eq!(lasting(Duration::from_millis(3_023)), "3.02 s");
    }
}
