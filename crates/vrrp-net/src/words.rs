//! The words of this crate: which interface, which hardware address, which error number.

use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::str::FromStr;

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

/// A text that cannot be what it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordError {
    /// An interface's name is 1 to 15 bytes without `/`, `:` and white space, and neither `.`
    /// nor `..`.
    #[error("`{0}` cannot be an interface: a name has 1 to 15 bytes without `/`, `:` and spaces")]
    InterfaceName(String),
    /// An address label is 1 to 15 bytes.
    #[error("`{0}` cannot be an address label: a label has 1 to 15 bytes")]
    Label(String),
    /// A hardware address is six hexadecimal numbers between colons.
    #[error("`{0}` is no hardware address: it is written like 00:00:5e:00:01:33")]
    MacAddress(String),
}

/// The longest name that the kernel gives an interface, and the longest label of an address.
const NAME_BYTES_MAX: usize = 15;

/// Up to [`NAME_BYTES_MAX`] bytes in place, so that what carries a name can be copied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ShortBytes {
    len: u8,
    bytes: [u8; NAME_BYTES_MAX],
}

impl ShortBytes {
    fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; NAME_BYTES_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        (!text.is_empty() && !text.contains(&0)).then_some(Self { len: text.len() as u8, bytes })
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The name of an interface: 1 to 15 bytes, not necessarily UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(ShortBytes);

impl InterfaceName {
    /// The name made of these bytes, if the kernel would take it (`dev_valid_name`).
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let separator = |byte: &u8| matches!(byte, b'/' | b':' | b' ' | b'\t'..=b'\r');
        if bytes == b"." || bytes == b".." || bytes.iter().any(separator) {
            return None;
        }
        ShortBytes::new(bytes).map(Self)
    }

    /// The bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for InterfaceName {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        Self::from_bytes(text.as_bytes()).ok_or_else(|| WordError::InterfaceName(text.to_owned()))
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The label of an IPv4 address, by custom the interface's name, a colon and a number: 1 to
/// 15 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(ShortBytes);

impl Label {
    /// The label made of these bytes, if there are 1 to 15, none of them NUL.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        ShortBytes::new(bytes).map(Self)
    }

    /// The bytes of the label.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for Label {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        Self::from_bytes(text.as_bytes()).ok_or_else(|| WordError::Label(text.to_owned()))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
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

/// An Ethernet hardware address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// ff:ff:ff:ff:ff:ff, every station on the link.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// The six octets.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for MacAddress {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let error = || WordError::MacAddress(text.to_owned());
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().ok_or_else(error)?;
            // from_str_radix alone would take a sign, too.
            if part.len() > 2 || !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(error());
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| error())?;
        }
        parts.next().is_none().then_some(Self(octets)).ok_or_else(error)
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
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
    pub(crate) const EEXIST: Self = Self(libc::EEXIST);
    pub(crate) const ENODEV: Self = Self(libc::ENODEV);
    pub(crate) const EINTR: Self = Self(libc::EINTR);
    pub(crate) const EINVAL: Self = Self(libc::EINVAL);
    pub(crate) const ENXIO: Self = Self(libc::ENXIO);
    pub(crate) const EAGAIN: Self = Self(libc::EAGAIN);
    pub(crate) const ENOBUFS: Self = Self(libc::ENOBUFS);
    pub(crate) const ENETDOWN: Self = Self(libc::ENETDOWN);
    pub(crate) const ENETUNREACH: Self = Self(libc::ENETUNREACH);
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
    fn an_interface_name_is_what_the_kernel_takes() {
        for name in ["e", "eth0", "123456789012345", "wlan-ö", "a.b"] {
            assert_eq!(name.parse::<InterfaceName>().unwrap().to_string(), name);
        }
        for name in ["", ".", "..", "1234567890123456", "a/b", "a b", "a\tb", "eth0:1", "a\0b"] {
            assert!(name.parse::<InterfaceName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_label_may_have_a_colon() {
        assert_eq!("eth0:1".parse::<Label>().unwrap().as_bytes(), b"eth0:1");
        assert!("1234567890123456".parse::<Label>().is_err());
    }

    #[test]
    fn a_hardware_address_reads_back_what_it_prints() {
        let mac = MacAddress([0, 0, 0x5e, 0, 1, 0x33]);
        assert_eq!(mac.to_string(), "00:00:5e:00:01:33");
        assert_eq!(mac.to_string().parse(), Ok(mac));
        for text in
            ["", "00:00:5e:00:01", "00:00:5e:00:01:33:44", "00:00:5e:00:01:333", "+1:0:0:0:0:0"]
        {
            assert!(text.parse::<MacAddress>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_index_is_neither_zero_nor_negative_to_the_kernel() {
        assert_eq!(IfIndex::new(0), None);
        assert_eq!(IfIndex::new(u32::MAX), None);
        assert_eq!(IfIndex::new(7).map(IfIndex::get), Some(7));
    }
}
