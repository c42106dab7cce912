//! Who else may say what a program does, or know a secret.

use std::env;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const ROOT: u32 = 0;
const READ_BY_GROUP: u32 = 0o040;
const READ_BY_OTHERS: u32 = 0o004;
const WRITE_BY_GROUP: u32 = 0o020;
const WRITE_BY_OTHERS: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// A file, or a directory on the way to it, that somebody else may change, or may read although it
/// is a secret. Displayed as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakness {
    /// The file or the directory.
    pub place: PathBuf,
    whose: &'static str,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.place.display(), self.whose)
    }
}

impl Weakness {
    /// What lets somebody else than root and the user `uid` change a program, if anything does: where
    /// links lead to counts, and every directory on the way there. A name without a slash is looked up
    /// in `PATH`.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn of(program: &Path, uid: u32) -> io::Result<Option<Self>> {
        Self::on_the_way(&fs::canonicalize(found(program))?, uid)
    }

    /// What lets somebody else than root and the user `uid` read or change a file with a secret, if
    /// anything does; of the directories on the way there it is looked at who may change them.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn of_secret(file: &Path, uid: u32) -> io::Result<Option<Self>> {
        let path = fs::canonicalize(file)?;
        match reader(&path.metadata()?) {
            Some(whose) => Ok(Some(Self { place: path, whose })),
            None => Self::on_the_way(&path, uid),
        }
    }

    fn on_the_way(path: &Path, uid: u32) -> io::Result<Option<Self>> {
        for place in path.ancestors() {
            if let Some(whose) = rival(&place.metadata()?, uid) {
                return Ok(Some(Self { place: place.to_owned(), whose }));
            }
        }
        Ok(None)
    }
}

/// Who else may read a file.
fn reader(found: &Metadata) -> Option<&'static str> {
    let mode = found.permissions().mode();
    match () {
        () if mode & READ_BY_OTHERS != 0 => Some("can be read by everybody"),
        () if mode & READ_BY_GROUP != 0 && found.gid() != ROOT => Some("can be read by its group"),
        () => None,
    }
}

/// Where a program is, if its name alone is given; the name itself if it is nowhere.
fn found(program: &Path) -> PathBuf {
    let is_name = !program.as_os_str().as_encoded_bytes().contains(&b'/');
    let path = env::var_os("PATH").filter(|_| is_name).unwrap_or_default();
    let mut places = env::split_paths(&path).map(|directory| directory.join(program));
    places.find(|place| place.is_file()).unwrap_or_else(|| program.to_owned())
}

/// Who else may change a file, or put another one in its place.
fn rival(found: &Metadata, uid: u32) -> Option<&'static str> {
    let mode = found.permissions().mode();
    // In a sticky directory, nobody can replace what belongs to another.
    let is_sticky = found.is_dir() && mode & STICKY != 0;
    match () {
        () if found.uid() != ROOT && found.uid() != uid => Some("belongs to another user"),
        () if is_sticky => None,
        () if mode & WRITE_BY_OTHERS != 0 => Some("can be written by everybody"),
        () if mode & WRITE_BY_GROUP != 0 && found.gid() != ROOT => {
            Some("can be written by its group")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_others_may_read_or_replace_is_weak() {
        let directory = tempfile::tempdir().unwrap();
        let secret = directory.path().join("secret");
        fs::write(&secret, "").unwrap();
        let own = secret.metadata().unwrap().uid();
        let found = |file_mode, directory_mode| {
            let set = |path: &Path, mode| {
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            };
            set(&secret, file_mode);
            set(directory.path(), directory_mode);
            Weakness::of_secret(&secret, own).unwrap().map(|found| found.to_string())
        };
        let file = fs::canonicalize(&secret).unwrap();
        let parent = file.parent().unwrap();
        assert_eq!(found(0o600, 0o755), None, "its name is no secret");
        assert_eq!(
            found(0o604, 0o700),
            Some(format!("{} can be read by everybody", file.display()))
        );
        assert_eq!(
            found(0o602, 0o700),
            Some(format!("{} can be written by everybody", file.display()))
        );
        assert_eq!(
            found(0o600, 0o757),
            Some(format!("{} can be written by everybody", parent.display()))
        );
        assert!(Weakness::of_secret(&directory.path().join("none"), own).is_err());
    }

    #[test]
    fn what_its_group_may_read_is_weak_unless_that_is_roots() {
        let directory = tempfile::tempdir().unwrap();
        let secret = directory.path().join("secret");
        fs::write(&secret, "").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o640)).unwrap();
        let found = secret.metadata().unwrap();
        let weakness = Weakness::of_secret(&secret, found.uid()).unwrap();
        assert_eq!(weakness.is_none(), found.gid() == ROOT);
        if found.uid() == ROOT {
            std::os::unix::fs::chown(&secret, None, Some(1)).unwrap();
            let weakness = Weakness::of_secret(&secret, ROOT).unwrap().unwrap().to_string();
            assert!(weakness.ends_with("can be read by its group"), "{weakness}");
        }
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_as_weak_as_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        fs::write(&program, "").unwrap();
        let own = program.metadata().unwrap().uid();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&program, &link).unwrap();
        set(&program, 0o755);
        assert_eq!(Weakness::of(&link, own).unwrap(), None);
        set(&program, 0o757);
        let found = Weakness::of(&link, own).unwrap().unwrap().to_string();
        let program = fs::canonicalize(program).unwrap();
        assert_eq!(found, format!("{} can be written by everybody", program.display()));
        set(&program, 0o755);
        set(directory.path(), 0o757);
        assert_eq!(Weakness::of(&link, own).unwrap().unwrap().place, program.parent().unwrap());
        set(directory.path(), 0o1777);
        assert_eq!(Weakness::of(&link, own).unwrap(), None, "others cannot replace it");
        assert_eq!(Weakness::of(Path::new("true"), own).unwrap(), None, "looked up");
        assert!(Weakness::of(&directory.path().join("none"), own).is_err());
    }
}
