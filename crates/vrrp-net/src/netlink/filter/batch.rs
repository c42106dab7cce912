//! Requests to nftables, as bytes (linux/netfilter/nf_tables.h). Numbers are big-endian, but for the
//! headers of messages and attributes.

use libc::{
    NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END, NFNL_SUBSYS_NFTABLES, NFT_CMP_EQ, NFT_CMP_GTE,
    NFT_CMP_LTE, NFT_META_IIF, NFT_META_L4PROTO, NFT_META_NFPROTO, NFT_MSG_DELSETELEM,
    NFT_MSG_DELTABLE, NFT_MSG_GETGEN, NFT_MSG_GETSETELEM, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE,
    NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM, NFT_MSG_NEWTABLE, NFT_PAYLOAD_NETWORK_HEADER,
    NFT_PAYLOAD_TRANSPORT_HEADER, NFT_REG_1, NFT_REG_2, NFT_REG_VERDICT, NFT_RETURN,
};
use vrrp_proto::TableName;

use crate::filter::Filter;

const ALIGNMENT: usize = 4;
/// NLA_F_NESTED, and the bits of an attribute's kind that are flags.
const NESTED: u16 = 1 << 15;
const KIND_MASK: u16 = 0x3fff;
/// Elements in one request: an attribute has a length of 16 bits, and an element up to 36 bytes.
const REQUEST_ELEMENTS_MAX: usize = 1_000;

/// NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6.
const INET: u8 = 1;
const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// NF_INET_LOCAL_IN.
const HOOK_INPUT: u32 = 1;
/// Just before the tables that filter (`filter`, 0), as keepalived's chain.
const PRIORITY: i32 = -1;
const NF_DROP: u32 = 0;
const NF_ACCEPT: u32 = 1;
const ICMPV6: u8 = 58;
/// Neighbour solicitation and neighbour advertisement.
const NEIGHBOURS: [u8; 2] = [135, 136];

const NFNL_BATCH_GENID: u16 = 1;
pub(super) const NFTA_GEN_ID: u16 = 1;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_DATA_VALUE: u16 = 1;
/// The name of the table is the first attribute of everything in it.
const NFTA_TABLE: u16 = 1;
const NFTA_SET_ELEM_LIST_SET: u16 = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
const NFTA_SET_ELEM_KEY: u16 = 1;

const CHAIN: &str = "input";

/// One of the sets of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    V4,
    V6,
    V6LinkLocal,
}

impl Set {
    pub(super) const ALL: [Self; 3] = [Self::V4, Self::V6, Self::V6LinkLocal];

    const fn name(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
            Self::V6LinkLocal => "ipv6_link_local",
        }
    }

    /// nft(8)'s number of the type, six bits for each part, and the length in bytes.
    const fn key(self) -> (u32, u32) {
        const IPV4_ADDR: u32 = 7;
        const IPV6_ADDR: u32 = 8;
        const IFACE_INDEX: u32 = 20;
        match self {
            Self::V4 => (IPV4_ADDR, 4),
            Self::V6 => (IPV6_ADDR, 16),
            Self::V6LinkLocal => (IPV6_ADDR << 6 | IFACE_INDEX, 20),
        }
    }
}

/// Bytes of messages in the making.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn message(
        &mut self,
        (kind, flags, sequence): (u16, i32, u32),
        (family, resource): (u8, u16),
        body: impl FnOnce(&mut Self),
    ) {
        let start = self.0.len();
        self.0.extend([0; 4]);
        self.0.extend(kind.to_ne_bytes());
        self.0.extend((flags as u16).to_ne_bytes());
        self.0.extend(sequence.to_ne_bytes());
        self.0.extend([0; 4]);
        // struct nfgenmsg: family, version, resource.
        self.0.extend([family, 0]);
        self.0.extend(resource.to_be_bytes());
        body(self);
        let len = (self.0.len() - start) as u32;
        self.0[start..start + 4].copy_from_slice(&len.to_ne_bytes());
    }

    fn attribute(&mut self, kind: u16, write: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.0.extend([0; 2]);
        self.0.extend(kind.to_ne_bytes());
        write(self);
        let len = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&len.to_ne_bytes());
        self.0.resize(self.0.len().next_multiple_of(ALIGNMENT), 0);
    }

    fn nested(&mut self, kind: u16, write: impl FnOnce(&mut Self)) {
        self.attribute(kind | NESTED, write);
    }

    fn bytes(&mut self, kind: u16, bytes: &[u8]) {
        self.attribute(kind, |it| it.0.extend(bytes));
    }

    fn text(&mut self, kind: u16, text: &[u8]) {
        self.attribute(kind, |it| {
            it.0.extend(text);
            it.0.push(0);
        });
    }

    fn number(&mut self, kind: u16, number: u32) {
        self.bytes(kind, &number.to_be_bytes());
    }

    /// An expression of a rule.
    fn expression(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.nested(NFTA_LIST_ELEM, |it| {
            it.text(1, name.as_bytes());
            it.nested(2, write);
        });
    }

    /// Puts what is known of the packet into a register.
    fn meta(&mut self, key: i32, register: i32) {
        self.expression("meta", |it| {
            it.number(2, key as u32);
            it.number(1, register as u32);
        });
    }

    /// Puts bytes of the packet into the first register.
    fn payload(&mut self, base: i32, offset: u32, len: u32) {
        self.expression("payload", |it| {
            it.number(1, NFT_REG_1 as u32);
            it.number(2, base as u32);
            it.number(3, offset);
            it.number(4, len);
        });
    }

    /// Goes on only if the first register compares so with a byte.
    fn compare(&mut self, how: i32, byte: u8) {
        self.expression("cmp", |it| {
            it.number(1, NFT_REG_1 as u32);
            it.number(2, how as u32);
            it.nested(3, |it| it.bytes(NFTA_DATA_VALUE, &[byte]));
        });
    }

    /// Goes on only for packets of this family.
    fn of_family(&mut self, family: u8) {
        self.meta(NFT_META_NFPROTO, NFT_REG_1);
        self.compare(NFT_CMP_EQ, family);
    }

    /// Goes on only if the set has what is in the registers from the first one on.
    fn lookup(&mut self, set: Set) {
        self.expression("lookup", |it| {
            it.number(2, NFT_REG_1 as u32);
            it.text(1, set.name().as_bytes());
        });
    }

    fn verdict(&mut self, code: u32) {
        self.expression("immediate", |it| {
            it.number(1, NFT_REG_VERDICT as u32);
            it.nested(2, |it| it.nested(2, |it| it.number(1, code)));
        });
    }
}

/// A transaction: all of it is done, and only if the ruleset is still of the generation that it
/// was made for, or nothing.
pub(super) struct Batch {
    table: TableName,
    bytes: Bytes,
    first: u32,
    last: u32,
}

impl Batch {
    pub(super) fn new(table: TableName, generation: u32, first: u32) -> Self {
        let mut bytes = Bytes::default();
        let begin = (NFNL_MSG_BATCH_BEGIN as u16, libc::NLM_F_REQUEST, first);
        bytes.message(begin, (0, NFNL_SUBSYS_NFTABLES as u16), |it| {
            it.number(NFNL_BATCH_GENID, generation);
        });
        Self { table, bytes, first, last: first }
    }

    /// Makes the table with everything that is in it but elements. One of that name is a refusal.
    pub(super) fn create_table(&mut self) {
        let create = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
        self.request(NFT_MSG_NEWTABLE, create, |_| {});
        for (number, set) in (1..).zip(Set::ALL) {
            let (kind, len) = set.key();
            self.request(NFT_MSG_NEWSET, create, |it| {
                it.text(2, set.name().as_bytes());
                it.number(3, 0);
                it.number(4, kind);
                it.number(5, len);
                it.number(10, number);
            });
        }
        self.request(NFT_MSG_NEWCHAIN, create, |it| {
            it.text(3, CHAIN.as_bytes());
            it.nested(4, |it| {
                it.number(1, HOOK_INPUT);
                it.number(2, PRIORITY as u32);
            });
            it.number(5, NF_ACCEPT);
            it.text(7, b"filter");
        });
        self.rule(|it| {
            it.of_family(IPV4);
            it.payload(NFT_PAYLOAD_NETWORK_HEADER, 16, 4);
            it.lookup(Set::V4);
            it.verdict(NF_DROP);
        });
        self.rule(|it| {
            it.of_family(IPV6);
            it.meta(NFT_META_L4PROTO, NFT_REG_1);
            it.compare(NFT_CMP_EQ, ICMPV6);
            it.payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
            it.compare(NFT_CMP_GTE, NEIGHBOURS[0]);
            it.compare(NFT_CMP_LTE, NEIGHBOURS[1]);
            it.verdict(NFT_RETURN as u32);
        });
        self.rule(|it| {
            it.of_family(IPV6);
            it.payload(NFT_PAYLOAD_NETWORK_HEADER, 24, 16);
            it.lookup(Set::V6);
            it.verdict(NF_DROP);
        });
        self.rule(|it| {
            it.of_family(IPV6);
            it.payload(NFT_PAYLOAD_NETWORK_HEADER, 24, 16);
            it.meta(NFT_META_IIF, NFT_REG_2);
            it.lookup(Set::V6LinkLocal);
            it.verdict(NF_DROP);
        });
    }

    /// Deletes the table with everything that is in it.
    pub(super) fn delete_table(&mut self) {
        self.request(NFT_MSG_DELTABLE, 0, |_| {});
    }

    pub(super) fn add<'a>(&mut self, filters: impl Iterator<Item = &'a Filter>) {
        self.change(NFT_MSG_NEWSETELEM, libc::NLM_F_CREATE, filters);
    }

    pub(super) fn delete<'a>(&mut self, filters: impl Iterator<Item = &'a Filter>) {
        self.change(NFT_MSG_DELSETELEM, 0, filters);
    }

    fn change<'a>(&mut self, kind: i32, flags: i32, filters: impl Iterator<Item = &'a Filter>) {
        let filters: Vec<_> = filters.collect();
        for set in Set::ALL {
            let of_set: Vec<_> = filters.iter().filter(|filter| filter.set() == set).collect();
            for chunk in of_set.chunks(REQUEST_ELEMENTS_MAX) {
                self.request(kind, flags, |it| {
                    it.text(NFTA_SET_ELEM_LIST_SET, set.name().as_bytes());
                    it.nested(NFTA_SET_ELEM_LIST_ELEMENTS, |it| {
                        for filter in chunk {
                            it.nested(NFTA_LIST_ELEM, |it| {
                                it.nested(NFTA_SET_ELEM_KEY, |it| {
                                    it.bytes(NFTA_DATA_VALUE, &filter.element());
                                });
                            });
                        }
                    });
                });
            }
        }
    }

    fn rule(&mut self, expressions: impl FnOnce(&mut Bytes)) {
        let append = libc::NLM_F_CREATE | libc::NLM_F_APPEND;
        self.request(NFT_MSG_NEWRULE, append, |it| {
            it.text(2, CHAIN.as_bytes());
            it.nested(4, expressions);
        });
    }

    /// A request about the table, which is acknowledged.
    fn request(&mut self, kind: i32, flags: i32, body: impl FnOnce(&mut Bytes)) {
        self.last = self.last.wrapping_add(1);
        let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags;
        let table = self.table;
        self.bytes.message((of_nftables(kind), flags, self.last), (INET, 0), |it| {
            it.text(NFTA_TABLE, table.as_bytes());
            body(it);
        });
    }

    /// Ends it, and says which sequence number was its last one.
    pub(super) fn end(&mut self) -> u32 {
        let end = (NFNL_MSG_BATCH_END as u16, libc::NLM_F_REQUEST, self.last.wrapping_add(1));
        self.bytes.message(end, (0, NFNL_SUBSYS_NFTABLES as u16), |_| {});
        self.last.wrapping_add(1)
    }

    /// How many of its requests are acknowledged.
    pub(super) fn requests(&self) -> u32 {
        self.last.wrapping_sub(self.first)
    }

    /// Whether a message with this number is about it.
    pub(super) fn contains(&self, sequence: u32) -> bool {
        sequence.wrapping_sub(self.first) <= self.requests().wrapping_add(1)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes.0
    }
}

/// A question for the number of the ruleset.
pub(super) fn get_generation(sequence: u32) -> Vec<u8> {
    let flags = libc::NLM_F_REQUEST | libc::NLM_F_ACK;
    let mut bytes = Bytes::default();
    bytes.message((of_nftables(NFT_MSG_GETGEN), flags, sequence), (0, 0), |_| {});
    bytes.0
}

/// A question for the elements of a set.
pub(super) fn list_elements(table: TableName, set: Set, sequence: u32) -> Vec<u8> {
    let flags = libc::NLM_F_REQUEST | libc::NLM_F_DUMP;
    let mut bytes = Bytes::default();
    bytes.message((of_nftables(NFT_MSG_GETSETELEM), flags, sequence), (INET, 0), |it| {
        it.text(NFTA_TABLE, table.as_bytes());
        it.text(NFTA_SET_ELEM_LIST_SET, set.name().as_bytes());
    });
    bytes.0
}

/// What a part of a list of elements has.
pub(super) fn elements<T>(body: &[u8], decode: impl Fn(&[u8]) -> Option<T>) -> Vec<T> {
    let lists = attributes(body).filter(|(kind, _)| *kind == NFTA_SET_ELEM_LIST_ELEMENTS);
    let elements = lists.flat_map(|(_, list)| Attributes(list));
    let keys = elements
        .flat_map(|(_, element)| Attributes(element))
        .filter(|(kind, _)| *kind == NFTA_SET_ELEM_KEY);
    let values = keys.flat_map(|(_, key)| Attributes(key));
    values.filter_map(|(_, value)| decode(value)).collect()
}

/// The attributes of a message's body, behind its header.
pub(super) fn attributes(body: &[u8]) -> Attributes<'_> {
    Attributes(body.get(ALIGNMENT..).unwrap_or_default())
}

/// Attributes, until one does not fit: nothing that arrives may make this crate panic.
pub(super) struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[len_0, len_1, kind_0, kind_1], _) = self.0.split_first_chunk::<4>()?;
        let len = usize::from(u16::from_ne_bytes([len_0, len_1]));
        let payload = self.0.get(4..len)?;
        self.0 = self.0.get(len.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some((u16::from_ne_bytes([kind_0, kind_1]) & KIND_MASK, payload))
    }
}

const fn of_nftables(kind: i32) -> u16 {
    (NFNL_SUBSYS_NFTABLES as u16) << 8 | kind as u16
}
