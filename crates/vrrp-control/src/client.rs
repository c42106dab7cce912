//! The other end of the control socket.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::RELOAD_PATIENCE;
use crate::events::EventLine;
use crate::run_dir::socket_path;
use crate::server::PATIENCE;
use crate::status::{ReloadReport, Status};
use crate::upgrade::UpgradeReport;

/// The longest answer that a client takes.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// There is no daemon, it may not be asked, or it ended before it answered.
    #[error("no vrrpd answers at {}: {source}", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The daemon does not do that.
    #[error("the daemon at {} refuses: {why}", path.display())]
    Refused {
        /// The socket.
        path: PathBuf,
        /// Its words.
        why: String,
    },
    /// What answers is no daemon of this kind, or not of this version.
    #[error("the daemon at {} gave an answer that cannot be read: {source}", path.display())]
    Garbled {
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
}

/// Asks the daemon of a run directory.
#[derive(Debug, Clone)]
pub struct Client {
    path: PathBuf,
}

impl Client {
    /// The one that asks the daemon of `run_dir`. Nothing is connected yet.
    pub fn of(run_dir: &Path) -> Self {
        Self { path: socket_path(run_dir) }
    }

    /// How things stand.
    pub fn status(&self) -> Result<Status, AskError> {
        self.ask("status\n", 2 * PATIENCE)
    }

    /// Has the configuration read anew, or only says what that would change; waits for the end of it.
    pub fn reload(&self, is_dry: bool) -> Result<ReloadReport, AskError> {
        self.ask(if is_dry { "plan\n" } else { "reload\n" }, RELOAD_PATIENCE)
    }

    /// Has the daemon replace its program, by this one or the one that it was started from; waits for
    /// the end of it. The path is absolute, and has no line end.
    pub fn upgrade(&self, binary: Option<&Path>) -> Result<UpgradeReport, AskError> {
        let binary = binary.map(|path| format!(" {}", path.display())).unwrap_or_default();
        let answer = self
            .exchange(&format!("upgrade{binary}\n"), RELOAD_PATIENCE)
            .map_err(|source| AskError::Unreachable { path: self.path.clone(), source })?;
        understood(&self.path, &answer)
    }

    /// How things stand, and from then on what happens; first also what came after the event
    /// `since`, as far as it is kept.
    ///
    /// # Errors
    /// [`AskError::Unreachable`] if nobody listens there; what goes wrong later is an item's error.
    pub fn events(&self, since: Option<u64>) -> Result<EventStream, AskError> {
        let since = since.map(|since| format!(" {since}")).unwrap_or_default();
        let open = || -> io::Result<UnixStream> {
            let mut stream = UnixStream::connect(&self.path)?;
            stream.set_write_timeout(Some(PATIENCE))?;
            writeln!(stream, "events{since}")?;
            Ok(stream)
        };
        let stream =
            open().map_err(|source| AskError::Unreachable { path: self.path.clone(), source })?;
        Ok(EventStream { path: self.path.clone(), lines: BufReader::new(stream) })
    }

    pub(crate) fn ask_line<T: DeserializeOwned>(&self, question: &str) -> Result<T, AskError> {
        self.ask(&format!("{question}\n"), RELOAD_PATIENCE)
    }

    fn ask<T: DeserializeOwned>(&self, question: &str, patience: Duration) -> Result<T, AskError> {
        let path = || self.path.clone();
        let answer = self
            .exchange(question, patience)
            .map_err(|source| AskError::Unreachable { path: path(), source })?;
        serde_json::from_slice(&answer).map_err(|source| AskError::Garbled { path: path(), source })
    }

    fn exchange(&self, question: &str, patience: Duration) -> io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(&self.path)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(question.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        Ok(answer)
    }
}

/// The document that was asked for, or the refusal in its place.
fn understood<T: DeserializeOwned>(path: &Path, answer: &[u8]) -> Result<T, AskError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Refusal {
        error: String,
    }
    serde_json::from_slice(answer).map_err(|source| {
        let path = path.to_owned();
        match serde_json::from_slice(answer) {
            Ok(Refusal { error: why }) => AskError::Refused { path, why },
            Err(_) => AskError::Garbled { path, source },
        }
    })
}

/// What a daemon tells as it happens; it ends when the daemon does.
#[derive(Debug)]
pub struct EventStream {
    path: PathBuf,
    lines: BufReader<UnixStream>,
}

impl Iterator for EventStream {
    type Item = Result<EventLine, AskError>;

    fn next(&mut self) -> Option<Self::Item> {
        let path = || self.path.clone();
        let mut line = String::new();
        match self.lines.by_ref().take(ANSWER_BYTES_MAX).read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(understood(&self.path, line.as_bytes())),
            Err(source) => Some(Err(AskError::Unreachable { path: path(), source })),
        }
    }
}
