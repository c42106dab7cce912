//! Who else may say what a program does.

use std::env;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const ROOT: u32 = 0;
const WRITE_BY_GROUP: u32 = 0o020;
const WRITE_BY_OTHERS: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// A file, or a directory on the way to it, that somebody else may change. Displayed as a sentence.
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
        let path = fs::canonicalize(found(program))?;
        for place in path.ancestors() {
            if let Some(whose) = rival(&place.metadata()?, uid) {
                return Ok(Some(Self { place: place.to_owned(), whose }));
            }
        }
        Ok(None)
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
