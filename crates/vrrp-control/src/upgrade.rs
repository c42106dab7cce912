//! Asking the daemon to replace its program.

use std::fmt;
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use crate::run_dir::Socket;
use crate::server::PATIENCE;
use crate::status::FORMAT;

/// What became of an upgrade.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpgradeReport {
    /// The version of the form: [`FORMAT`].
    pub format: u32,
    /// Whether another program runs now.
    pub upgraded: bool,
    /// Why not: everything is as it was.
    pub refused: Option<String>,
    /// The version that ran before.
    pub from: String,
    /// The version that runs now.
    pub to: String,
    /// How many instances went on as master.
    pub masters: usize,
    /// How long the routers stood still, in milliseconds.
    pub stood_still_ms: u64,
}

impl UpgradeReport {
    /// That nothing has changed, and why.
    pub fn refused(version: &str, why: String) -> Self {
        let (from, to) = (version.to_owned(), version.to_owned());
        Self { format: FORMAT, refused: Some(why), from, to, ..Self::default() }
    }
}

impl fmt::Display for UpgradeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, masters, stood_still_ms, .. } = self;
        match self.upgraded {
            true => write!(
                f,
                "upgraded from {from} to {to}: {masters} instance(s) went on as master, after \
                 {stood_still_ms} ms"
            ),
            false => Ok(()),
        }
    }
}

/// Somebody wants another program.
#[derive(Debug)]
pub struct UpgradeRequest {
    /// The program; none for the one that the daemon was started from.
    pub binary: Option<PathBuf>,
    /// Who wants it.
    pub asker: Asker,
    /// What clients connect to: the other program has to [adopt](Socket::adopt) it.
    pub socket: Socket,
}

/// The connection of whoever has asked for an upgrade, which has to stay open over exec: the answer
/// is the other program's.
#[derive(Debug)]
pub struct Asker(UnixStream);

impl Asker {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self(stream)
    }

    /// Whether it is root, or who runs the daemon: a program is run with the daemon's rights.
    pub(crate) fn is_trusted(&self) -> bool {
        let peer = socket_peercred(&self.0);
        peer.is_ok_and(|peer| peer.uid.is_root() || peer.uid == geteuid())
    }

    /// Says what became of it. Who has gone meanwhile is told nothing.
    pub fn answer(mut self, report: &UpgradeReport) {
        let mut told = || -> std::io::Result<()> {
            self.0.set_nonblocking(false)?;
            self.0.set_write_timeout(Some(PATIENCE))?;
            self.0.write_all(&serde_json::to_vec(report)?)
        };
        if let Err(error) = told() {
            log::debug!("whoever asked for the upgrade was not told: {error}");
        }
    }
}

impl From<OwnedFd> for Asker {
    fn from(fd: OwnedFd) -> Self {
        Self(fd.into())
    }
}

impl AsFd for Asker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
