//! One look at one file: what is in it, whether it has changed, and whether inotify can tell.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, OFlags, StatxAttributes, StatxFlags, fstatfs, statx};

use super::InitFile;
use super::value::VALUE_MAX_BYTES;

/// What one look into a file gives.
pub(super) enum Content {
    /// There is no file.
    Missing,
    /// The start of its text, and how the file looked just before it was read.
    Text(Vec<u8>, Stamp),
    /// There is something that cannot be read; the text says why.
    Unreadable(String),
}

/// What differs after a file was written or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    identity: (u64, u64),
    size: u64,
    changed: (i64, i64),
}

/// Device and inode: which file or directory it is, by whatever path.
pub(super) fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            identity: identity(metadata),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// How the file looks now; `None` if it is missing or cannot be looked at.
    pub(super) fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }
}

/// Reads the part of a file that counts. Never waits for a writer, as opening a FIFO would.
pub(super) fn read(path: &Path) -> Content {
    match try_read(path) {
        Ok(content) => content,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Content::Missing
        }
        Err(e) => Content::Unreadable(format!("cannot be read: {e}")),
    }
}

fn try_read(path: &Path) -> io::Result<Content> {
    let file = open_without_waiting(OpenOptions::new().read(true), path, OFlags::empty())?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(Content::Unreadable("is not a regular file".into()));
    }
    let mut text = Vec::with_capacity(VALUE_MAX_BYTES);
    file.take(VALUE_MAX_BYTES as u64).read_to_end(&mut text)?;
    Ok(Content::Text(text, Stamp::of(&metadata)))
}

/// Writes the initial value as configured. A file that is there already is not written through a symbolic
/// link: somebody else could have put it there.
pub(super) fn initialise(path: &Path, init: InitFile) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    let mut file = match open_without_waiting(options.create_new(true), path, OFlags::empty()) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists && !init.overwrite => return Ok(()),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            open_without_waiting(options.create_new(false), path, OFlags::NOFOLLOW)?
        }
        created => created?,
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    file.set_len(0)?;
    file.write_all(format!("{}\n", init.value).as_bytes())
}

fn open_without_waiting(options: &mut OpenOptions, path: &Path, flags: OFlags) -> io::Result<File> {
    let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.mode(0o644).custom_flags(flags.bits() as i32).open(path)
}

/// Why inotify on its directory does not tell all there is to know about a file; `None` if it does.
pub(super) fn unseen_by_inotify(path: &Path) -> Option<&'static str> {
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        return Some("it is a symbolic link");
    }
    // In a container a single file is often mounted: its writers are elsewhere.
    let statx = statx(CWD, path, AtFlags::empty(), StatxFlags::TYPE);
    let mount_root = StatxAttributes::from_bits_retain(MOUNT_ROOT);
    statx
        .is_ok_and(|statx| statx.stx_attributes.contains(mount_root))
        .then_some("it is mounted there")
}

/// Whether a file just created has its content already: a link does, any other will be written and closed.
pub(super) fn is_complete(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink() || metadata.nlink() > 1)
}

/// `STATX_ATTR_MOUNT_ROOT` of Linux 5.8, which rustix does not name.
const MOUNT_ROOT: u64 = 0x2000;

/// File systems that inotify does not tell everything about, by their magic numbers (`linux/magic.h` and
/// the file systems' own headers).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileSystem {
    /// Every change comes through this kernel's file operations.
    Local,
    /// Other hosts or a user-space server may change it unseen.
    Remote,
    /// Its content is made up when read: times and sizes say nothing.
    Kernel,
}

impl FileSystem {
    pub(super) fn of(directory: impl AsFd) -> Self {
        const REMOTE: [u64; 8] = [
            0x6969,      // nfs
            0xff53_4d42, // cifs
            0xfe53_4d42, // smb2
            0x517b,      // smb
            0x6573_5546, // fuse
            0x0102_1997, // 9p
            0x00c3_6400, // ceph
            0x5346_414f, // afs
        ];
        const KERNEL: [u64; 4] = [
            0x9fa0,      // proc
            0x6265_6572, // sysfs
            0x6462_6720, // debugfs
            0x6367_7270, // cgroup2
        ];
        // Only the low 32 bits are the magic number; on some architectures the field is signed.
        let magic = fstatfs(directory).map(|statfs| statfs.f_type as u64 & 0xffff_ffff);
        match magic {
            Ok(magic) if REMOTE.contains(&magic) => Self::Remote,
            Ok(magic) if KERNEL.contains(&magic) => Self::Kernel,
            _ => Self::Local,
        }
    }
}
