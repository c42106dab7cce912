//! What a link's stations go by: the names of interfaces and of their addresses, and hardware
//! addresses.

use core::fmt;
use core::str::{self, FromStr};

use crate::WordError;

/// The longest name that the kernel gives an interface, and the longest label of an address.
const NAME_BYTES_MAX: usize = 15;
/// The longest name of a table here: every kernel with nftables takes it.
const TABLE_BYTES_MAX: usize = 31;

/// 1 to `MAX` bytes in place, so that what carries a name can be copied.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ShortBytes<const MAX: usize> {
    len: u8,
    bytes: [u8; MAX],
}

impl<const MAX: usize> ShortBytes<MAX> {
    fn new(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        (!text.is_empty()).then_some(Self { len: text.len() as u8, bytes })
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Bytes that are no UTF-8 are escaped, so that what differs looks different.
impl<const MAX: usize> fmt::Display for ShortBytes<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match str::from_utf8(self.as_bytes()) {
            Ok(text) => f.pad(text),
            Err(_) => self.as_bytes().escape_ascii().fmt(f),
        }
    }
}

/// The name of a network interface: 1 to 15 bytes, not necessarily UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(ShortBytes<NAME_BYTES_MAX>);

impl InterfaceName {
    /// The name made of these bytes.
    ///
    /// # Errors
    /// [`WordError::InterfaceLength`] or [`WordError::InterfaceForm`] if Linux would not take it
    /// (`dev_valid_name`).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WordError> {
        let name = ShortBytes::new(bytes).ok_or(WordError::InterfaceLength(bytes.len()))?;
        // 0xa0 is white space to the kernel, which reads Latin-1.
        let is_forbidden =
            |byte: &u8| matches!(byte, b'\0' | b'/' | b':' | b' ' | b'\t'..=b'\r' | 0xa0);
        if bytes == b"." || bytes == b".." || bytes.iter().any(is_forbidden) {
            return Err(WordError::InterfaceForm);
        }
        Ok(Self(name))
    }

    /// The bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for InterfaceName {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
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
pub struct Label(ShortBytes<NAME_BYTES_MAX>);

impl Label {
    /// The label made of these bytes.
    ///
    /// # Errors
    /// [`WordError::Label`] unless there are 1 to 15, none of them NUL.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WordError> {
        let label = ShortBytes::new(bytes).filter(|_| !bytes.contains(&0));
        label.map(Self).ok_or(WordError::Label)
    }

    /// The bytes of the label.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl From<InterfaceName> for Label {
    /// The label that an address has where none is given.
    fn from(name: InterfaceName) -> Self {
        Self(name.0)
    }
}

impl FromStr for Label {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The name of a table of nftables: 1 to 31 letters, digits, `_`, `-` and `.`, a letter first, so
/// that nft(8) can name it too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName(ShortBytes<TABLE_BYTES_MAX>);

impl TableName {
    /// The bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// `vrrpd`.
impl Default for TableName {
    fn default() -> Self {
        let mut bytes = [0; TABLE_BYTES_MAX];
        bytes[..5].copy_from_slice(b"vrrpd");
        Self(ShortBytes { len: 5, bytes })
    }
}

impl FromStr for TableName {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.bytes().all(is_plain);
        let name = ShortBytes::new(text.as_bytes()).filter(|_| is_name);
        name.map(Self).ok_or(WordError::Table)
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
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
        let mut octets = [0; 6];
        let mut parts = text.split(':');
        for octet in &mut octets {
            let part = parts.next().ok_or(WordError::MacAddress)?;
            // from_str_radix alone would take a sign, too.
            if part.len() > 2 || !part.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(WordError::MacAddress);
            }
            *octet = u8::from_str_radix(part, 16).map_err(|_| WordError::MacAddress)?;
        }
        parts.next().is_none().then_some(Self(octets)).ok_or(WordError::MacAddress)
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

/// The words as text, as they are written and read everywhere else.
#[cfg(feature = "serde")]
mod text {
    use core::fmt;
    use core::marker::PhantomData;
    use core::str::FromStr;

    use serde::de::{Deserialize, Deserializer, Error, Visitor};
    use serde::ser::{Serialize, Serializer};

    use super::{InterfaceName, Label, MacAddress};
    use crate::WordError;

    struct Text<T>(PhantomData<T>);

    impl<T: FromStr<Err = WordError>> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }

    macro_rules! as_text {
        ($($word:ty),*) => {$(
            impl Serialize for $word {
                fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                    to.collect_str(self)
                }
            }

            impl<'de> Deserialize<'de> for $word {
                fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                    from.deserialize_str(Text(PhantomData))
                }
            }
        )*};
    }

    as_text!(InterfaceName, Label, MacAddress);
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString as _;
    use std::{assert_eq, format};

    use super::*;

    #[test]
    fn a_table_has_a_name_that_nft_can_write() {
        for name in ["vrrpd", "a", "keepalived_2", "a-b.c", &"x".repeat(31)] {
            assert_eq!(name.parse::<TableName>().unwrap().as_bytes(), name.as_bytes());
        }
        for name in ["", "1a", "_a", "a b", "a;b", "\u{e4}", &"x".repeat(32)] {
            assert_eq!(name.parse::<TableName>(), Err(WordError::Table), "{name}");
        }
        assert_eq!("vrrpd".parse(), Ok(TableName::default()));
    }

    #[test]
    fn an_interface_name_is_what_the_kernel_takes() {
        for name in ["e", "eth0", "123456789012345", "wlan-ö", "a.b"] {
            assert_eq!(name.parse::<InterfaceName>().unwrap().to_string(), name);
        }
        for name in [".", "..", "a/b", "a b", "a\tb", "eth0:1", "a\0b", "a\u{a0}b"] {
            assert_eq!(name.parse::<InterfaceName>(), Err(WordError::InterfaceForm), "{name:?}");
        }
        for name in ["", "1234567890123456"] {
            let error = name.parse::<InterfaceName>().unwrap_err();
            assert_eq!(error, WordError::InterfaceLength(name.len()));
        }
    }

    #[test]
    fn names_that_are_no_text_look_different() {
        let name = |bytes: &[u8]| InterfaceName::from_bytes(bytes).unwrap().to_string();
        assert_eq!(name(b"eth\xff"), r"eth\xff");
        assert_ne!(name(b"eth\xff"), name(b"eth\xfe"));
        assert_eq!(format!("{:>6}|", "eth0".parse::<InterfaceName>().unwrap()), "  eth0|");
    }

    #[test]
    fn a_label_may_have_a_colon() {
        assert_eq!("eth0:1".parse::<Label>().unwrap().as_bytes(), b"eth0:1");
        for text in ["", "1234567890123456", "a\0b"] {
            assert_eq!(text.parse::<Label>(), Err(WordError::Label), "{text:?}");
        }
    }

    #[test]
    fn a_hardware_address_reads_back_what_it_prints() {
        let mac = MacAddress([0, 0, 0x5e, 0, 1, 0x33]);
        assert_eq!(mac.to_string(), "00:00:5e:00:01:33");
        assert_eq!(mac.to_string().parse(), Ok(mac));
        for text in
            ["", "00:00:5e:00:01", "00:00:5e:00:01:33:44", "00:00:5e:00:01:333", "+1:0:0:0:0:0"]
        {
            assert_eq!(text.parse::<MacAddress>(), Err(WordError::MacAddress), "{text:?}");
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn words_are_text_in_json_and_come_back_checked() {
        let read = |json| serde_json::from_str::<InterfaceName>(json);
        let name = read(r#""eth0""#).unwrap();
        assert_eq!(serde_json::to_string(&name).unwrap(), r#""eth0""#);
        let error = read(r#""eth/0""#).unwrap_err().to_string();
        assert!(error.contains(&WordError::InterfaceForm.to_string()), "{error}");
    }
}
