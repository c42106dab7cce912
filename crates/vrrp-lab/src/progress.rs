//! How far a process has come: what it has written, and how it ended.

use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::words::Exit;

/// How much of each output stream is kept.
pub const OUTPUT_LIMIT_BYTES: usize = 16 * 1024 * 1024;
/// How much is read of a process's output after its end: more than a pipe holds, and an end
/// where a descendant writes on and on.
const LAST_WORDS_LIMIT_BYTES: usize = 1024 * 1024;
/// How many lines of output an error message shows.
const TAIL_LINES: usize = 20;

pub(crate) const STDOUT: usize = 0;
pub(crate) const STDERR: usize = 1;

/// What is known of a process, shared between its handle and the reading thread.
pub(crate) struct ProcessState {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
pub(crate) struct Progress {
    pub(crate) streams: [Stream; 2],
    pub(crate) exit: Option<(Exit, Instant)>,
    /// Its host is gone, so nobody will tell how it ended.
    pub(crate) vanished: bool,
}

#[derive(Default)]
pub(crate) struct Stream {
    pub(crate) bytes: Vec<u8>,
    pipe: Option<Arc<io::PipeReader>>,
}

impl Stream {
    /// The first matching line among those that were incomplete when `from` bytes were there.
    /// Moves `from` past the lines that it has looked at in vain.
    pub(crate) fn find_line(
        &self,
        from: &mut usize,
        matches: &mut impl FnMut(&str) -> bool,
    ) -> Option<String> {
        let past_last_newline = |bytes: &[u8]| {
            bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1)
        };
        let start = past_last_newline(self.bytes.get(..*from)?);
        let end = past_last_newline(&self.bytes);
        let text = String::from_utf8_lossy(self.bytes.get(start..end)?);
        let found = text.lines().find(|line| matches(line)).map(str::to_owned);
        if found.is_none() {
            *from = end;
        }
        found
    }

    pub(crate) fn tail(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].iter().flat_map(|l| [l, "\n"]).collect()
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = OUTPUT_LIMIT_BYTES.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

impl ProcessState {
    /// The state of a process whose captured outputs are these.
    pub(crate) fn new(pipes: [Option<Arc<io::PipeReader>>; 2]) -> Arc<Self> {
        let streams = pipes.map(|pipe| Stream { bytes: Vec::new(), pipe });
        let progress = Progress { streams, exit: None, vanished: false };
        Arc::new(Self { progress: Mutex::new(progress), changed: Condvar::new() })
    }

    /// It has ended. What it wrote before is in its pipes, and read before anyone learns of
    /// the end.
    pub(crate) fn ended(&self, exit: Exit) {
        let at = Instant::now();
        for stream in [STDOUT, STDERR] {
            let mut left = LAST_WORDS_LIMIT_BYTES;
            while let Some(count) = self.read(stream) {
                let Some(still_left) = left.checked_sub(count) else { break };
                left = still_left;
            }
        }
        self.progress().exit = Some((exit, at));
        self.changed.notify_all();
    }

    /// Its host is gone.
    pub(crate) fn vanished(&self) {
        self.progress().vanished = true;
        self.changed.notify_all();
    }

    /// Reads once from a stream; `None` when nothing is there or will ever be.
    pub(crate) fn read(&self, stream: usize) -> Option<usize> {
        let mut progress = self.progress();
        let stream = &mut progress.streams[stream];
        let pipe = stream.pipe.clone()?;
        let mut bytes = [0; 16 * 1024];
        match (&*pipe).read(&mut bytes) {
            Ok(0) => {
                stream.pipe = None;
                None
            }
            Ok(count) => {
                stream.keep(&bytes[..count]);
                drop(progress);
                self.changed.notify_all();
                Some(count)
            }
            Err(error) => {
                if error.kind() != io::ErrorKind::WouldBlock {
                    stream.pipe = None;
                }
                None
            }
        }
    }

    pub(crate) fn is_open(&self, stream: usize) -> bool {
        self.progress().streams[stream].pipe.is_some()
    }

    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready` finds what it looks for.
    pub(crate) fn wait_for<T>(
        &self,
        limit: Duration,
        mut ready: impl FnMut(&Progress) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut progress = self.progress();
        loop {
            if let Some(found) = ready(&progress) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            progress =
                self.changed.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(text: &str) -> Stream {
        Stream { bytes: text.as_bytes().to_vec(), pipe: None }
    }

    #[test]
    fn only_complete_lines_are_found() {
        let stream = stream("one\ntwo\nthr");
        let mut from = 0;
        assert_eq!(stream.find_line(&mut from, &mut |line| line == "two").unwrap(), "two");
        assert_eq!(stream.find_line(&mut from, &mut |line| line.starts_with("thr")), None);
        assert_eq!(from, 8, "what was looked at in vain is not looked at again");
    }

    #[test]
    fn a_line_that_was_incomplete_at_the_mark_is_found_whole() {
        let stream = stream("one\ntwo\n");
        let mut inside_two = 5;
        let found = stream.find_line(&mut inside_two, &mut |line| line.contains("two"));
        assert_eq!(found.unwrap(), "two");
        let mut after_one = 4;
        assert_eq!(stream.find_line(&mut after_one, &mut |line| line == "one"), None);
    }

    #[test]
    fn output_beyond_the_limit_is_dropped() {
        let mut stream = stream("");
        stream.keep(&vec![b'x'; OUTPUT_LIMIT_BYTES - 1]);
        stream.keep(b"yz");
        assert_eq!(stream.bytes.len(), OUTPUT_LIMIT_BYTES);
        assert!(stream.bytes.ends_with(b"xy"));
    }
}
