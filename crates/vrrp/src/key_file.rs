//! Keys of `auth_hmac` that are in files.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use vrrp_net::Errno;
use vrrp_proto::{HmacKey, HmacKeyError};
use vrrp_track::Weakness;
use zeroize::Zeroizing;

/// More octets than a key and the end of its line have.
const TOO_MANY: usize = 67;

/// Why a file gives no key.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// It is not there, or cannot be read.
    #[error("the key file {} cannot be read: {error}", path.display())]
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: Errno,
    },
    /// It is a directory, a pipe or a device.
    #[error("the key file {} is no regular file", .0.display())]
    NoFile(PathBuf),
    /// Others can read or change it.
    #[error("the key file is no secret: {0}")]
    Weak(Weakness),
    /// What is in it is no key.
    #[error("the key file {}: {error}", path.display())]
    NoKey {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: HmacKeyError,
    },
}

/// Reads the key with this number from a file, which nobody but root and the user of this process
/// may be able to read, or to change or replace.
///
/// The octets of the file are the key. Where they are a text, in ASCII, the end of its line is not
/// part of it. They are overwritten after that, and so is the key when it is dropped.
///
/// # Errors
/// [`KeyFileError`] if the file cannot be read, is not kept from others, or has no key in it.
pub fn read_key_file(number: u8, path: &Path) -> Result<HmacKey, KeyFileError> {
    let own = rustix::process::geteuid().as_raw();
    let unreadable = |error: io::Error| {
        let (path, error) = (path.to_owned(), Errno::from(&error));
        KeyFileError::Unreadable { path, error }
    };
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(KeyFileError::NoFile(path.to_owned()));
    }
    // Only those who are trusted can put another file there after that.
    if let Some(weakness) = Weakness::of_secret(path, own).map_err(unreadable)? {
        return Err(KeyFileError::Weak(weakness));
    }
    let mut octets = Zeroizing::new([0; TOO_MANY]);
    let len = read(path, &mut *octets).map_err(unreadable)?;
    let no_key = |error| KeyFileError::NoKey { path: path.to_owned(), error };
    HmacKey::new(number, without_line_end(&octets[..len])).map_err(no_key)
}

/// Fills a buffer from the beginning of a file, as far as it goes.
fn read(path: &Path, octets: &mut [u8]) -> io::Result<usize> {
    let (mut file, mut len) = (File::open(path)?, 0);
    while len < octets.len() {
        match file.read(&mut octets[len..])? {
            0 => break,
            count => len += count,
        }
    }
    Ok(len)
}

fn without_line_end(octets: &[u8]) -> &[u8] {
    let Some(line) = octets.strip_suffix(b"\n") else { return octets };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let is_text = line.iter().all(|octet| octet.is_ascii_graphic() || *octet == b' ');
    if is_text { line } else { octets }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const TEXT: [u8; 32] = [b'k'; 32];

    /// What is read from a file with these octets and permissions.
    fn key(octets: &[u8], mode: u32) -> Result<HmacKey, KeyFileError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, octets).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        read_key_file(7, &path)
    }

    fn with_end(octets: &[u8], end: &[u8]) -> Vec<u8> {
        [octets, end].concat()
    }

    #[test]
    fn a_text_is_a_key_without_the_end_of_its_line() {
        let expected = HmacKey::new(7, &TEXT).unwrap();
        for end in [&b""[..], b"\n", b"\r\n"] {
            assert_eq!(key(&with_end(&TEXT, end), 0o400), Ok(expected.clone()));
        }
        let longest = [b'k'; 64];
        let expected = HmacKey::new(7, &longest).unwrap();
        assert_eq!(key(&with_end(&longest, b"\r\n"), 0o600), Ok(expected));
    }

    #[test]
    fn other_octets_are_a_key_as_they_are() {
        let octets = with_end(&[0x80; 31], b"\n");
        assert_eq!(key(&octets, 0o600), Ok(HmacKey::new(7, &octets).unwrap()));
        let two_lines = with_end(&TEXT, b"\n\n");
        assert_eq!(key(&two_lines, 0o600), Ok(HmacKey::new(7, &two_lines).unwrap()));
    }

    #[test]
    fn a_file_without_a_key_is_refused() {
        for (octets, found) in [(&TEXT[1..], 31), (&[0; 65], 65), (&[0; 1000], TOO_MANY)] {
            let Err(KeyFileError::NoKey { error, .. }) = key(octets, 0o600) else {
                panic!("{found}");
            };
            assert_eq!(error, HmacKeyError::Len(found));
        }
        let directory = tempfile::tempdir().unwrap();
        let no_file = read_key_file(7, directory.path());
        assert!(matches!(no_file, Err(KeyFileError::NoFile(_))), "{no_file:?}");
        let missing = read_key_file(7, &directory.path().join("none"));
        assert!(matches!(missing, Err(KeyFileError::Unreadable { .. })), "{missing:?}");
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_by_name() {
        for (mode, how) in [(0o604, "read"), (0o602, "written")] {
            let error = key(&TEXT, mode).unwrap_err().to_string();
            assert!(error.contains(&format!("/key can be {how} by everybody")), "{error}");
        }
    }
}
