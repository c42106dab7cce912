//! The run directory: a lock that one daemon holds, and the place of its socket.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt as _, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Gid, OFlags, chown, flock};
use thiserror::Error;

/// A pipe in the place of a file is not waited on.
const NONBLOCK: i32 = OFlags::NONBLOCK.bits().cast_signed();
const LOCK_NAME: &str = "lock";
const SOCKET_NAME: &str = "control.sock";
/// The group whose members may ask the daemon, if the machine has it.
const SOCKET_GROUP: &str = "vrrpd";

/// Why the run directory cannot be used.
#[derive(Debug, Error)]
pub enum RunDirError {
    /// Another daemon holds its lock.
    #[error(
        "another vrrpd runs with the run directory {0} (its lock is held); `--run-dir` names another place"
    )]
    Held(PathBuf),
    /// Something else than a file is where the lock has to be.
    #[error("the lock {0} is no regular file")]
    NoFile(PathBuf),
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was to be done.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// A run directory that this process holds the lock of.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Held until the process ends: the kernel releases it whatever ends the process.
    lock: File,
}

/// Where the daemon of a run directory listens.
pub fn socket_path(run_dir: &Path) -> PathBuf {
    run_dir.join(SOCKET_NAME)
}

impl RunDir {
    /// Makes the directory where it is missing, and takes its lock.
    pub fn hold(path: PathBuf) -> Result<Self, RunDirError> {
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| RunDirError::Io { action, path, source }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&path)
            .map_err(failed("create the run directory", &path))?;
        let lock_path = path.join(LOCK_NAME);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .custom_flags(NONBLOCK)
            .open(&lock_path)
            .map_err(failed("open the lock", &lock_path))?;
        if !lock.metadata().is_ok_and(|lock| lock.is_file()) {
            return Err(RunDirError::NoFile(lock_path));
        }
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path, lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(RunDirError::Held(path)),
            Err(errno) => Err(failed("lock", &lock_path)(errno.into())),
        }
    }

    /// The run directory whose lock the program has held that this one has replaced by exec.
    pub fn adopt(path: PathBuf, lock: OwnedFd) -> Self {
        Self { path, lock: lock.into() }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Listens on the control socket, in place of one that a dead daemon left.
    pub fn listen(&self) -> Result<Socket, RunDirError> {
        let path = socket_path(&self.path);
        let (listener, identity) = listen(&path)?;
        Ok(Socket { path, listener, identity })
    }
}

impl AsFd for RunDir {
    /// The lock.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }
}

/// The control socket, as long as the daemon listens on it.
#[derive(Debug)]
pub struct Socket {
    path: PathBuf,
    listener: UnixListener,
    /// Device and inode: whatever else is at its path is not this socket.
    identity: (u64, u64),
}

impl Socket {
    /// The socket on which the program has listened that this one has replaced by exec.
    pub fn adopt(run_dir: &Path, listener: OwnedFd, identity: (u64, u64)) -> Self {
        Self { path: socket_path(run_dir), listener: listener.into(), identity }
    }

    /// The same socket once more.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        let (path, listener) = (self.path.clone(), self.listener.try_clone()?);
        Ok(Self { path, listener, identity: self.identity })
    }

    /// Device and inode.
    pub const fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// What clients connect to.
    pub const fn listener(&self) -> &UnixListener {
        &self.listener
    }

    /// Listens anew if there is nothing at its path any more; says whether that was so.
    pub fn put_back(&mut self) -> Result<bool, RunDirError> {
        let identity =
            |path: &Path| path.symlink_metadata().ok().map(|file| (file.dev(), file.ino()));
        if identity(&self.path) == Some(self.identity) {
            return Ok(false);
        }
        (self.listener, self.identity) = listen(&self.path)?;
        let path = self.path.clone();
        let failed = |source| RunDirError::Io { action: "listen on", path, source };
        self.listener.set_nonblocking(true).map_err(failed)?;
        Ok(true)
    }
}

/// Makes a socket under another name first: it appears with its mode and its group.
fn listen(path: &Path) -> Result<(UnixListener, (u64, u64)), RunDirError> {
    let new = path.with_extension("new");
    let failed = |action| {
        let path = path.to_owned();
        move |source| RunDirError::Io { action, path, source }
    };
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove the old socket of")(error));
        }
        _ => {}
    }
    let listener = UnixListener::bind(&new).map_err(failed("listen on"))?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))
        .map_err(failed("set the mode of"))?;
    if let Some(gid) = group_id(SOCKET_GROUP)
        && let Err(errno) = chown(&new, None, Some(Gid::from_raw(gid)))
    {
        log::warn!("{}: cannot give it to the group {SOCKET_GROUP}: {errno}", path.display());
    }
    fs::set_permissions(&new, fs::Permissions::from_mode(0o660))
        .map_err(failed("set the mode of"))?;
    let file = fs::symlink_metadata(&new).map_err(failed("look at"))?;
    fs::rename(&new, path).map_err(failed("replace"))?;
    Ok((listener, (file.dev(), file.ino())))
}

impl Drop for RunDir {
    fn drop(&mut self) {
        // A thread that cannot end (a tracked file on a file system that does not answer) would keep
        // the descriptor, and with it the lock.
        let _ = flock(&self.lock, FlockOperation::Unlock);
        // The lock file stays: removing it would let two daemons hold two files of one name.
        let _ = fs::remove_file(socket_path(&self.path));
    }
}

/// The number of a group, from the machine's own list.
fn group_id(name: &str) -> Option<u32> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_refuses_a_second_daemon_and_leaves_its_socket_alone() {
        let base = tempfile::tempdir().unwrap();
        let first = RunDir::hold(base.path().join("run")).unwrap();
        let _listener = first.listen().unwrap();
        let second = RunDir::hold(base.path().join("run"));
        assert!(matches!(second, Err(RunDirError::Held(_))));
        assert!(socket_path(first.path()).exists());
    }

    #[test]
    fn a_pipe_in_place_of_the_lock_is_refused_at_once() {
        let base = tempfile::tempdir().unwrap();
        let lock = base.path().join(LOCK_NAME);
        let made = std::process::Command::new("mkfifo").arg(&lock).status().unwrap();
        assert!(made.success());
        // With somebody at its other end it can even be opened.
        let _reader = OpenOptions::new().read(true).custom_flags(NONBLOCK).open(&lock);
        let held = RunDir::hold(base.path().to_owned());
        assert!(matches!(held, Err(RunDirError::NoFile(_))), "{held:?}");
    }

    #[test]
    fn a_dead_daemons_socket_is_replaced() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().to_owned();
        drop(UnixListener::bind(socket_path(&path)).unwrap());
        let held = RunDir::hold(path.clone()).unwrap();
        held.listen().unwrap();
        let mode = fs::metadata(socket_path(&path)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
    }
}
