//! A process on a host, as the library sees it.

use std::fmt;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;

use crate::connection::Connection;
use crate::error::LabError;
use crate::protocol::{Handle, Request};
use crate::pump::Source;
use crate::words::Exit;

/// How much of each output stream is kept.
pub const OUTPUT_LIMIT_BYTES: usize = 16 * 1024 * 1024;
/// How much is read of a process's output after its end: more than a pipe holds, and an end
/// where a descendant writes on and on.
const LAST_WORDS_LIMIT_BYTES: usize = 1024 * 1024;
/// How many lines of output an error message shows.
const TAIL_LINES: usize = 20;

/// A process that was started on a host. It goes on when this is dropped; it ends with its
/// host at the latest.
#[derive(Clone)]
pub struct Process {
    name: String,
    pid: u32,
    handle: Handle,
    connection: Arc<Connection>,
    state: Arc<ProcessState>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("name", &self.name).field("pid", &self.pid).finish()
    }
}

impl Process {
    pub(crate) fn new(
        name: String,
        pid: u32,
        handle: Handle,
        connection: Arc<Connection>,
        state: Arc<ProcessState>,
    ) -> Self {
        Self { name, pid, handle, connection, state }
    }

    /// Its process id inside the host.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        let progress = self.state.progress();
        progress.exit.is_none() && !progress.vanished
    }

    /// Waits for its end. All that it wrote is in its output by then.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the last of its output; [`LabError::Gone`] if the host was
    /// switched off under it.
    pub fn wait(&self, limit: Duration) -> Result<Exit, LabError> {
        let end = self.state.wait_for(limit, |progress| match progress.exit {
            Some((exit, _)) => Some(Ok(exit)),
            None => progress.vanished.then(|| Err(self.connection.gone())),
        });
        end.unwrap_or_else(|| Err(self.timeout("its end", limit)))
    }

    /// When its end was learnt, if it has ended.
    pub fn ended_at(&self) -> Option<Instant> {
        self.state.progress().exit.map(|(_, at)| at)
    }

    /// Sends it a signal. To a process that has ended nothing happens.
    ///
    /// # Errors
    /// If the host is switched off.
    pub fn signal(&self, signal: Signal) -> Result<(), LabError> {
        let request = Request::Signal { handle: self.handle, signal: signal as i32 };
        self.connection.ask(request).map(drop)
    }

    /// Asks it to end (`SIGTERM`) and waits until it has.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn terminate(&self, limit: Duration) -> Result<Exit, LabError> {
        self.signal(Signal::SIGTERM)?;
        self.wait(limit)
    }

    /// Kills it (`SIGKILL`) and waits until it is dead.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn kill(&self) -> Result<Exit, LabError> {
        self.signal(Signal::SIGKILL)?;
        self.wait(self.connection.answer_limit())
    }

    /// Stops it from running (`SIGSTOP`), until [`thaw`](Self::thaw).
    ///
    /// # Errors
    /// If the host is switched off.
    pub fn freeze(&self) -> Result<(), LabError> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it run on (`SIGCONT`).
    ///
    /// # Errors
    /// If the host is switched off.
    pub fn thaw(&self) -> Result<(), LabError> {
        self.signal(Signal::SIGCONT)
    }

    /// What it has written to its standard output so far, up to [`OUTPUT_LIMIT_BYTES`].
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.state.progress().streams[STDOUT].bytes).into_owned()
    }

    /// What it has written to its standard error so far, up to [`OUTPUT_LIMIT_BYTES`].
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.state.progress().streams[STDERR].bytes).into_owned()
    }

    /// How far its output has come, for [`wait_for_line_after`](Self::wait_for_line_after).
    pub fn mark(&self) -> OutputMark {
        let progress = self.state.progress();
        OutputMark(progress.streams.each_ref().map(|stream| stream.bytes.len()))
    }

    /// Waits for a line of either output, written already or later, that `matches`.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with the last of its output, also when it ends without the line.
    pub fn wait_for_line(
        &self,
        limit: Duration,
        matches: impl FnMut(&str) -> bool,
    ) -> Result<String, LabError> {
        self.wait_for_line_after(OutputMark::default(), limit, matches)
    }

    /// The same, for lines that were not yet complete at the mark.
    ///
    /// # Errors
    /// As [`wait_for_line`](Self::wait_for_line).
    pub fn wait_for_line_after(
        &self,
        mut mark: OutputMark,
        limit: Duration,
        mut matches: impl FnMut(&str) -> bool,
    ) -> Result<String, LabError> {
        let line = self.state.wait_for(limit, |progress| {
            let found = progress
                .streams
                .iter()
                .zip(&mut mark.0)
                .find_map(|(stream, from)| stream.find_line(from, &mut matches));
            match found {
                Some(line) => Some(Some(line)),
                None => (progress.exit.is_some() || progress.vanished).then_some(None),
            }
        });
        line.flatten().ok_or_else(|| self.timeout("the awaited line", limit))
    }

    pub(crate) fn output(&self, exit: Exit) -> Output {
        let progress = self.state.progress();
        let [stdout, stderr] = progress.streams.each_ref().map(|stream| stream.bytes.clone());
        Output { command: self.name.clone(), exit, stdout, stderr }
    }

    fn timeout(&self, what: &str, limit: Duration) -> LabError {
        let progress = self.state.progress();
        let end = progress.exit.map(|(exit, _)| format!("(it has ended: {exit})\n"));
        let outputs = progress.streams.iter().map(Stream::tail).collect::<String>();
        LabError::Timeout {
            what: format!("{}: {}: {what}", self.connection.place(), self.name),
            limit,
            context: end.unwrap_or_default() + &outputs,
        }
    }
}

/// A point in a process's output.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutputMark([usize; 2]);

/// What a command wrote, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    command: String,
    /// How it ended.
    pub exit: Exit,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Its standard output as text, if it ended with exit code 0.
    ///
    /// # Errors
    /// [`LabError::Command`] with what it wrote to its standard error.
    pub fn success(self) -> Result<String, LabError> {
        if self.exit.is_success() {
            return Ok(String::from_utf8_lossy(&self.stdout).into_owned());
        }
        Err(LabError::Command {
            command: self.command,
            exit: self.exit,
            stderr: String::from_utf8_lossy(&self.stderr).into_owned(),
        })
    }
}

pub(crate) const STDOUT: usize = 0;
pub(crate) const STDERR: usize = 1;

/// What is known of a process, shared between its handle and the reading thread.
pub(crate) struct ProcessState {
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    streams: [Stream; 2],
    exit: Option<(Exit, Instant)>,
    /// Its host is gone, so nobody will tell how it ended.
    vanished: bool,
}

#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    pipe: Option<Arc<io::PipeReader>>,
}

impl Stream {
    /// The first matching line among those that were incomplete when `from` bytes were there.
    /// Moves `from` past the lines that it has looked at in vain.
    fn find_line(
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

    fn tail(&self) -> String {
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
    fn read(&self, stream: usize) -> Option<usize> {
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

    fn is_open(&self, stream: usize) -> bool {
        self.progress().streams[stream].pipe.is_some()
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready` finds what it looks for.
    fn wait_for<T>(
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

/// A pipe for one output stream: the end to read here, the end to give away.
pub(crate) fn output_pipe() -> io::Result<(Arc<io::PipeReader>, io::PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((Arc::new(reader), writer))
}

/// Feeds a [`ProcessState`] from one of its pipes.
pub(crate) struct OutputSource {
    pub(crate) pipe: Arc<io::PipeReader>,
    pub(crate) state: Arc<ProcessState>,
    pub(crate) stream: usize,
}

impl Source for OutputSource {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    fn read(&mut self) -> bool {
        self.state.read(self.stream);
        self.state.is_open(self.stream)
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
