//! The words of this crate: which interface at this moment, which error number.

use std::fmt;
use std::io;
use std::num::NonZeroU32;

use vrrp_proto::InterfaceName;

/// The number by which the kernel knows an interface at this moment.
///
/// It lives as long as the interface does: one that is deleted and created again under the
/// same name has another index, and sockets bound to the old one stay silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfIndex(NonZeroU32);

impl IfIndex {
    /// The index with this number; 0 is none, and the kernel counts to 2³¹ − 1.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) if number.get() <= i32::MAX as u32 => Some(Self(number)),
            _ => None,
        }
    }

    /// The number, never 0.
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    pub(crate) const fn nonzero(self) -> NonZeroU32 {
        self.0
    }

    /// The number as the kernel's structures mostly have it.
    pub(crate) const fn as_i32(self) -> i32 {
        self.0.get() as i32
    }
}

impl fmt::Display for IfIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An interface as it is at this moment: the index that counts, and the name that people know.
///
/// Requests go by the index; the name is there for what is told to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interface {
    /// The number by which the kernel knows it.
    pub index: IfIndex,
    /// Its name.
    pub name: InterfaceName,
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// An error number of the kernel's.
///
/// Unlike [`io::Error`] it can be compared and copied; unlike a bare number it prints as words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(i32);

impl Errno {
    pub(crate) const EPERM: Self = Self(libc::EPERM);
    pub(crate) const EACCES: Self = Self(libc::EACCES);
    pub(crate) const ENOENT: Self = Self(libc::ENOENT);
    pub(crate) const ESRCH: Self = Self(libc::ESRCH);
    pub(crate) const EEXIST: Self = Self(libc::EEXIST);
    pub(crate) const ENODEV: Self = Self(libc::ENODEV);
    pub(crate) const EXDEV: Self = Self(libc::EXDEV);
    pub(crate) const EINTR: Self = Self(libc::EINTR);
    pub(crate) const EINVAL: Self = Self(libc::EINVAL);
    pub(crate) const ENXIO: Self = Self(libc::ENXIO);
    pub(crate) const EAGAIN: Self = Self(libc::EAGAIN);
    pub(crate) const ENOBUFS: Self = Self(libc::ENOBUFS);
    pub(crate) const ENETDOWN: Self = Self(libc::ENETDOWN);
    pub(crate) const ENETUNREACH: Self = Self(libc::ENETUNREACH);
    pub(crate) const EOPNOTSUPP: Self = Self(libc::EOPNOTSUPP);
    pub(crate) const EPROTONOSUPPORT: Self = Self(libc::EPROTONOSUPPORT);
    pub(crate) const ERESTART: Self = Self(libc::ERESTART);
    pub(crate) const EADDRNOTAVAIL: Self = Self(libc::EADDRNOTAVAIL);

    /// The error with this positive number, as errno(3) lists them.
    pub const fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// The number, as errno(3) lists them.
    pub const fn raw(self) -> i32 {
        self.0
    }
}

impl From<&io::Error> for Errno {
    /// The number inside, or `EIO` for an error that did not come from the kernel.
    fn from(error: &io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(error: rustix::io::Errno) -> Self {
        Self(error.raw_os_error())
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_neither_zero_nor_negative_to_the_kernel() {
        assert_eq!(IfIndex::new(0), None);
        assert_eq!(IfIndex::new(u32::MAX), None);
        assert_eq!(IfIndex::new(7).map(IfIndex::get), Some(7));
    }
}
