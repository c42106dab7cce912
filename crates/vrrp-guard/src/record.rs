//! What a daemon's routers have, in a file: for when its guard is killed with it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;
use vrrp_net::{NetError, Object};

use crate::message::{Message, Will};
use crate::removal::Removal;

/// The first octets of such a file, which no other version understands.
const HEAD: &[u8] = concat!("vrrp-guard ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// Why what a dead process left could not be removed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The file cannot be read, or not be removed.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was written by another version, or in another network namespace.
    #[error("{0} is of another version, or of another network namespace")]
    Foreign(PathBuf),
    /// The kernel refuses.
    #[error(transparent)]
    Net(#[from] NetError),
    /// Some objects are still there.
    #[error("{0}")]
    Left(Box<str>),
}

/// Writes what these messages say, in the place of what was there.
pub(crate) fn write<'a>(path: &Path, wills: impl Iterator<Item = &'a Vec<u8>>) -> io::Result<()> {
    let mut octets = HEAD.to_vec();
    octets.extend(network_namespace()?.to_ne_bytes());
    for message in wills {
        octets.extend((message.len() as u32).to_ne_bytes());
        octets.extend(message);
    }
    let fresh = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(&octets)?;
    fs::rename(&fresh, path)
}

/// Removes what a process has left that was killed together with its guard: what it had in the kernel
/// according to the record that [`Guard::recording`](crate::Guard::recording) has had written there.
/// Says how many objects were removed; none if there is no such file.
///
/// Whoever calls it knows that the process is gone.
///
/// # Errors
/// [`ReleaseError`]; then the file stays.
pub fn release(path: &Path) -> Result<usize, ReleaseError> {
    let failed = |source| ReleaseError::Io { path: path.to_owned(), source };
    let octets = match fs::read(path) {
        Ok(octets) => octets,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(failed(error)),
    };
    let here = network_namespace().map_err(failed)?;
    let objects = objects(&octets, here).ok_or_else(|| ReleaseError::Foreign(path.to_owned()))?;
    let removal = Removal::of(&mut vrrp_net::Netlink::open()?, objects);
    if !removal.refusals.is_empty() {
        return Err(ReleaseError::Left(removal.to_string().into()));
    }
    fs::remove_file(path).map_err(failed)?;
    Ok(removal.removed)
}

/// The objects in a record of this network namespace; `None` if it is of another, or none at all.
fn objects(octets: &[u8], here: u64) -> Option<Vec<Object>> {
    let mut left = octets.strip_prefix(HEAD)?;
    let there = left.split_off(..size_of::<u64>())?.try_into().ok()?;
    let mut all = Will::default();
    while !left.is_empty() {
        let len = left.split_off(..size_of::<u32>())?.try_into().ok()?;
        let message = left.split_off(..u32::from_ne_bytes(len) as usize)?;
        let Message::Part { items, .. } = Message::read(message)? else { return None };
        all.add(items)?;
    }
    (u64::from_ne_bytes(there) == here).then_some(all.objects)
}

/// What tells the network namespace of this process from others.
fn network_namespace() -> io::Result<u64> {
    Ok(fs::metadata("/proc/thread-self/ns/net")?.ino())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vrrp::LastWill;
    use vrrp_net::{AddressSpec, IfIndex, Interface};

    use super::*;
    use crate::message::parts;

    #[test]
    fn a_record_is_read_where_it_was_written_and_not_in_parts() {
        let index = IfIndex::new(i32::MAX as u32).unwrap();
        let none = Interface { index, name: "none".parse().unwrap() };
        let object: Object = AddressSpec::new(none, [192, 0, 2, 1].into(), 24).into();
        let (objects_left, silence_max) = (vec![object.clone()], Duration::from_secs(3));
        let will = LastWill { objects: objects_left, resignation: None, silence_max };
        let path = std::env::temp_dir().join(format!("vrrp-guard-record-{}", std::process::id()));
        assert_eq!(release(&path).unwrap(), 0);
        write(&path, [parts(1, "VI_1", &will), parts(2, "VI_2", &will)].iter().flatten()).unwrap();
        let octets = fs::read(&path).unwrap();
        let here = network_namespace().unwrap();
        assert_eq!(objects(&octets, here), Some(vec![object.clone(), object]));
        assert_eq!(objects(&octets, here + 1), None);
        assert_eq!(objects(&octets[..octets.len() - 1], here), None);
        fs::write(&path, "something else").unwrap();
        assert!(matches!(release(&path), Err(ReleaseError::Foreign(_))));
        fs::remove_file(&path).unwrap();
    }
}
