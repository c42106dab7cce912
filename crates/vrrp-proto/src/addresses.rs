//! The virtual router's addresses: as they stand in a message, and as a list to build one from.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::words::Family;

/// The most addresses that one advert carries: its count has eight bits.
pub const MAX_ADDRESSES: usize = 255;

/// Virtual addresses of one family, borrowed in wire format: one after the other, in network
/// order.
///
/// Equality is that of the sequence; [`has_same_members`](Self::has_same_members) ignores the
/// order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Addresses<'a> {
    family: Family,
    octets: &'a [u8],
}

impl<'a> Addresses<'a> {
    /// No addresses of this family.
    pub const fn none(family: Family) -> Self {
        Self { family, octets: &[] }
    }

    /// The addresses in these octets, if they are whole addresses and at most
    /// [`MAX_ADDRESSES`].
    pub const fn from_octets(family: Family, octets: &'a [u8]) -> Option<Self> {
        let address_len = family.address_len();
        let fits = octets.len() <= MAX_ADDRESSES * address_len;
        if fits && octets.len().is_multiple_of(address_len) {
            Some(Self { family, octets })
        } else {
            None
        }
    }

    /// The family of all of them.
    pub const fn family(self) -> Family {
        self.family
    }

    /// How many there are, at most [`MAX_ADDRESSES`].
    pub const fn len(self) -> usize {
        self.octets.len() / self.family.address_len()
    }

    /// [`len`](Self::len) as the message counts it.
    pub(crate) const fn count(self) -> u8 {
        self.len() as u8
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.octets.is_empty()
    }

    /// The addresses as they stand in a message.
    pub const fn as_octets(self) -> &'a [u8] {
        self.octets
    }

    /// The first address, which in IPv6 is the link-local one.
    pub fn first(self) -> Option<IpAddr> {
        self.iter().next()
    }

    /// The addresses in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = IpAddr> + Clone + 'a {
        let family = self.family;
        self.octets.chunks_exact(family.address_len()).map(move |octets| address(family, octets))
    }

    /// Whether both have the same addresses, in any order (RFC 9568 §5.2.9 only asks senders to
    /// use the same one).
    ///
    /// A different order costs two sorted copies on the stack, 8 KiB: a peer cannot make this
    /// quadratic.
    pub fn has_same_members(self, other: Self) -> bool {
        if self == other {
            return true;
        }
        if self.family != other.family || self.octets.len() != other.octets.len() {
            return false;
        }
        match self.family {
            Family::V4 => sorted::<4>(self.octets) == sorted::<4>(other.octets),
            Family::V6 => sorted::<16>(self.octets) == sorted::<16>(other.octets),
        }
    }
}

/// The address in exactly [`Family::address_len`] octets.
fn address(family: Family, octets: &[u8]) -> IpAddr {
    const WHOLE: &str = "addresses are cut at their length";
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(octets).expect(WHOLE))),
        Family::V6 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(octets).expect(WHOLE))),
    }
}

/// The addresses in ascending order, then zeroes.
fn sorted<const ADDRESS_LEN: usize>(octets: &[u8]) -> [[u8; ADDRESS_LEN]; MAX_ADDRESSES] {
    let (addresses, _) = octets.as_chunks::<ADDRESS_LEN>();
    let mut sorted = [[0; ADDRESS_LEN]; MAX_ADDRESSES];
    let used = &mut sorted[..addresses.len()];
    used.copy_from_slice(addresses);
    used.sort_unstable();
    sorted
}

impl fmt::Display for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, address) in self.iter().enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            address.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Why an address does not go into an [`AddressList`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressListError {
    /// The list has [`MAX_ADDRESSES`] already.
    #[error("an advert carries at most {MAX_ADDRESSES} addresses, so {0} has no place in it")]
    Full(IpAddr),
    /// The address is not of the list's family.
    #[error("{address} is no {family} address")]
    Family {
        /// The list's family.
        family: Family,
        /// The address of the other one.
        address: IpAddr,
    },
}

/// An owned list of up to [`MAX_ADDRESSES`] virtual addresses of one family, kept in wire format
/// in place (about 4 KiB): what a router is configured with.
#[derive(Clone)]
pub struct AddressList {
    family: Family,
    used_len: usize,
    octets: [u8; MAX_ADDRESSES * 16],
}

impl AddressList {
    /// An empty list for this family.
    pub const fn new(family: Family) -> Self {
        Self { family, used_len: 0, octets: [0; MAX_ADDRESSES * 16] }
    }

    /// A list of these addresses, in this order.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn from_addresses(
        family: Family,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Result<Self, AddressListError> {
        let mut list = Self::new(family);
        for address in addresses {
            list.push(address)?;
        }
        Ok(list)
    }

    /// Appends an address.
    ///
    /// # Errors
    /// [`AddressListError`] if the list is full or of the other family.
    pub fn push(&mut self, address: IpAddr) -> Result<(), AddressListError> {
        let family = self.family;
        if Family::of(address) != family {
            return Err(AddressListError::Family { family, address });
        }
        if self.as_addresses().len() == MAX_ADDRESSES {
            return Err(AddressListError::Full(address));
        }
        let place = &mut self.octets[self.used_len..][..family.address_len()];
        match address {
            IpAddr::V4(address) => place.copy_from_slice(&address.octets()),
            IpAddr::V6(address) => place.copy_from_slice(&address.octets()),
        }
        self.used_len += family.address_len();
        Ok(())
    }

    /// The addresses, as rules and adverts borrow them.
    pub fn as_addresses(&self) -> Addresses<'_> {
        Addresses { family: self.family, octets: &self.octets[..self.used_len] }
    }
}

impl PartialEq for AddressList {
    fn eq(&self, other: &Self) -> bool {
        self.as_addresses() == other.as_addresses()
    }
}

impl Eq for AddressList {}

impl fmt::Debug for AddressList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_addresses().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;
    use std::vec::Vec;

    use super::*;

    fn list(addresses: &[&str]) -> AddressList {
        let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        AddressList::from_addresses(Family::of(addresses[0]), addresses).unwrap()
    }

    #[test]
    fn a_list_gives_back_what_was_put_in() {
        let list = list(&["fe80::51", "2001:db8::100"]);
        let addresses = list.as_addresses();
        assert_eq!((addresses.family(), addresses.len()), (Family::V6, 2));
        assert_eq!(addresses.first(), Some("fe80::51".parse().unwrap()));
        assert_eq!(addresses.to_string(), "fe80::51, 2001:db8::100");
        assert_eq!(Addresses::from_octets(Family::V6, addresses.as_octets()), Some(addresses));
    }

    #[test]
    fn members_are_compared_in_any_order_but_each_once() {
        let own = list(&["192.0.2.1", "192.0.2.2", "192.0.2.2"]);
        let same = |other: &[&str]| own.as_addresses().has_same_members(list(other).as_addresses());
        assert!(same(&["192.0.2.1", "192.0.2.2", "192.0.2.2"]));
        assert!(same(&["192.0.2.2", "192.0.2.1", "192.0.2.2"]));
        assert!(!same(&["192.0.2.2", "192.0.2.1", "192.0.2.1"]));
        assert!(!same(&["192.0.2.1", "192.0.2.2"]));
        assert!(!same(&["::1"]));
        let none = Addresses::none;
        assert!(none(Family::V4).has_same_members(none(Family::V4)));
        assert!(!none(Family::V4).has_same_members(none(Family::V6)));
    }

    #[test]
    fn a_list_takes_255_of_its_family_and_no_more() {
        for family in [Family::V4, Family::V6] {
            let address = |n: u8| match family {
                Family::V4 => IpAddr::from([192, 0, 2, n]),
                Family::V6 => IpAddr::from(u128::from(n).to_be_bytes()),
            };
            let mut list = AddressList::from_addresses(family, (1..=255).map(address)).unwrap();
            assert_eq!(list.push(address(0)), Err(AddressListError::Full(address(0))));
            assert_eq!(list.as_addresses().len(), MAX_ADDRESSES);

            let mut backwards = AddressList::new(family);
            (1..=255).rev().for_each(|n| backwards.push(address(n)).unwrap());
            assert!(list.as_addresses().has_same_members(backwards.as_addresses()));
            assert_ne!(list, backwards);
        }
        let v6 = IpAddr::from([0u8; 16]);
        assert_eq!(
            AddressList::new(Family::V4).push(v6),
            Err(AddressListError::Family { family: Family::V4, address: v6 })
        );
    }

    #[test]
    fn octets_are_whole_addresses() {
        assert_eq!(Addresses::from_octets(Family::V4, &[1, 2, 3]), None);
        assert_eq!(Addresses::from_octets(Family::V6, &[0; 20]), None);
        assert_eq!(Addresses::from_octets(Family::V4, &[0; 1024]), None);
        assert!(Addresses::from_octets(Family::V4, &[0; 1020]).is_some());
    }
}
