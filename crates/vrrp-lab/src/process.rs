//! A process on a host, as the library sees it.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;

use crate::connection::Connection;
use crate::error::LabError;
use crate::progress::{ProcessState, STDERR, STDOUT, Stream};
use crate::protocol::{Handle, Request};
use crate::pump::Source;
use crate::words::Exit;

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

    /// What it has written to its standard output so far, up to
    /// [`OUTPUT_LIMIT_BYTES`](crate::OUTPUT_LIMIT_BYTES).
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.state.progress().streams[STDOUT].bytes).into_owned()
    }

    /// What it has written to its standard error so far, up to
    /// [`OUTPUT_LIMIT_BYTES`](crate::OUTPUT_LIMIT_BYTES).
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
