//! Packet filters as nftables keeps them.
//!
//! All of them are elements of three sets in one table of the family `inet`, in which one chain at
//! the hook `input` has a rule for each set. The table comes with the first element and goes with
//! the last one. What is forwarded passes another hook, and ARP is no matter of this family.
//!
//! ```text
//! table inet vrrpd {
//!     set ipv4            { type ipv4_addr }
//!     set ipv6            { type ipv6_addr }
//!     set ipv6_link_local { type ipv6_addr . iface_index }
//!     chain input {
//!         type filter hook input priority filter - 1; policy accept;
//!         ip daddr @ipv4 drop
//!         icmpv6 type 135-136 return                    # neighbours are found
//!         ip6 daddr @ipv6 drop
//!         ip6 daddr . iif @ipv6_link_local drop
//!     }
//! }
//! ```

mod batch;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::fd::AsFd;

use vrrp_proto::TableName;

use batch::{Batch, Set, attributes};

use super::DUMP_DATAGRAM_BYTES_MAX;
use super::message::{Answer, Message, messages};
use super::socket::{Received, Socket};
use crate::error::{NetError, Operation};
use crate::filter::Filter;
use crate::object::{Change, Object, Outcome};
use crate::sys;
use crate::words::{Errno, IfIndex};

/// How often a transaction is begun again because somebody else changed nftables meanwhile.
const ATTEMPTS: usize = 64;

impl Filter {
    fn set(&self) -> Set {
        match (self.address, self.interface) {
            (IpAddr::V4(_), _) => Set::V4,
            (IpAddr::V6(_), None) => Set::V6,
            (IpAddr::V6(_), Some(_)) => Set::V6LinkLocal,
        }
    }

    /// The element of the set: the address as packets have it, and the index in the host's order.
    fn element(&self) -> Vec<u8> {
        let index = self.interface.map(|index| index.get().to_ne_bytes());
        match self.address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => {
                [&address.octets()[..], index.as_ref().map_or(&[], |index| &index[..])].concat()
            }
        }
    }

    /// `None` for an element that no filter has.
    fn of_element(table: TableName, element: &[u8]) -> Option<Self> {
        let (address, interface) = match element.len() {
            4 => (IpAddr::from(<[u8; 4]>::try_from(element).ok()?), None),
            16 => (IpAddr::from(<[u8; 16]>::try_from(element).ok()?), None),
            20 => {
                let (address, index) = element.split_first_chunk::<16>()?;
                let index = u32::from_ne_bytes(index.try_into().ok()?);
                (IpAddr::from(*address), Some(IfIndex::new(index)?))
            }
            _ => return None,
        };
        Some(Self { table, address, interface })
    }
}

/// What became of a transaction.
enum Ended {
    Done,
    /// Somebody else was faster: nothing was changed.
    Overtaken,
}

/// A conversation with nftables. It never waits.
#[derive(Debug)]
pub(super) struct Filters {
    socket: Socket,
    sequence: u32,
}

impl Filters {
    /// Opens the conversation, which must be in the network namespace of this socket.
    pub(super) fn open(beside: &Socket) -> Result<Self, NetError> {
        let operation = Operation::OpenNetlink;
        let socket = Socket::open_netfilter(operation)?;
        let cookie = |socket: &Socket| sys::namespace_cookie(socket.as_fd());
        // A kernel before Linux 5.14 does not say.
        if let (Ok(here), Ok(there)) = (cookie(&socket), cookie(beside))
            && here != there
        {
            let explanation = Some("the thread is in another network namespace by now".into());
            let (interface, errno) = (None, Errno::EXDEV);
            return Err(NetError::Refused { operation, interface, errno, explanation });
        }
        Ok(Self { socket, sequence: 0 })
    }

    /// Lists with a conversation for this once; a kernel without netfilter keeps nothing.
    pub(super) fn list_once(table: TableName, beside: &Socket) -> Result<Vec<Filter>, NetError> {
        match Self::open(beside) {
            Ok(mut filters) => filters.list(table),
            Err(error) if error.errno() == Some(Errno::EPROTONOSUPPORT) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// The filters in a table.
    pub(super) fn list(&mut self, table: TableName) -> Result<Vec<Filter>, NetError> {
        Ok(self.read(table)?.unwrap_or_default().into_iter().collect())
    }

    /// Makes changes in their order. One outcome for each; one that is refused keeps none back.
    pub(super) fn apply(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
        let wanted: Vec<_> = changes.iter().filter_map(wanted).collect();
        let mut outcomes = Vec::with_capacity(wanted.len());
        for run in wanted.chunk_by(|(_, one), (_, next)| one.table == next.table) {
            match self.transact(run) {
                Ok(done) => outcomes.extend(done.into_iter().map(Ok)),
                Err(error) if run.len() == 1 => outcomes.push(Err(about(error, run[0]))),
                Err(_) => {
                    for change in run {
                        let alone = self.transact(&[*change]);
                        outcomes.push(alone.map(|it| it[0]).map_err(|e| about(e, *change)));
                    }
                }
            }
        }
        outcomes
    }

    /// Makes changes to one table in one transaction, which nobody else's overtakes.
    fn transact(&mut self, changes: &[(bool, Filter)]) -> Result<Vec<Outcome>, NetError> {
        let table = changes[0].1.table;
        for _ in 0..ATTEMPTS {
            let generation = self.generation()?;
            let there = self.read(table)?;
            let before = there.clone().unwrap_or_default();
            let mut after = before.clone();
            let outcomes = changes.iter().map(|change| make(*change, &mut after)).collect();
            if before == after {
                return Ok(outcomes);
            }
            let mut batch = Batch::new(table, generation, self.next_sequence());
            match (there, after.is_empty()) {
                // An empty table that somebody else made is none of ours.
                (Some(_), true) => batch.delete_table(),
                (there, _) => {
                    if there.is_none() {
                        batch.create_table();
                    }
                    batch.delete(before.difference(&after));
                    batch.add(after.difference(&before));
                }
            }
            self.sequence = batch.end();
            match self.commit(&batch)? {
                Ended::Done => return Ok(outcomes),
                Ended::Overtaken => {}
            }
        }
        Err(NetError::refused(operation(changes[0]), Errno::ERESTART))
    }

    /// Sends a transaction and reads what became of it: each of its requests is acknowledged, or
    /// the whole is refused.
    fn commit(&mut self, batch: &Batch) -> Result<Ended, NetError> {
        let operation = Operation::Request;
        self.socket.send(batch.as_bytes()).map_err(|e| NetError::refused(operation, e))?;
        let mut missing = batch.requests();
        let mut refusal = None;
        let mut buffer = vec![0; DUMP_DATAGRAM_BYTES_MAX];
        loop {
            let datagram = match self.socket.receive(&mut buffer) {
                Ok(Received::Datagram(datagram)) => datagram,
                Ok(Received::Overrun) => continue,
                Ok(Received::Nothing) => break,
                Err(errno) => return Err(NetError::refused(Operation::ReadAnswer, errno)),
            };
            for message in messages(datagram).map_while(Result::ok) {
                match message.answer() {
                    Some(Ok(answer)) if batch.contains(message.sequence) => match answer {
                        Answer::Done => missing = missing.saturating_sub(1),
                        refused @ Answer::Refused(..) => refusal = refusal.or(Some(refused)),
                    },
                    _ => {}
                }
            }
        }
        match refusal {
            Some(Answer::Refused(Errno::ERESTART, _)) => Ok(Ended::Overtaken),
            Some(Answer::Refused(errno, explanation)) => {
                Err(NetError::Refused { operation, interface: None, errno, explanation })
            }
            _ if missing == 0 => Ok(Ended::Done),
            _ => Err(NetError::NoAnswer { operation, interface: None }),
        }
    }

    /// What is in a table; `None` where there is none of this crate's.
    fn read(&mut self, table: TableName) -> Result<Option<BTreeSet<Filter>>, NetError> {
        let mut found = BTreeSet::new();
        for set in Set::ALL {
            let element = |element: &[u8]| Filter::of_element(table, element);
            let elements = |message: &Message<'_>| batch::elements(message.body, element);
            match self.ask(|sequence| batch::list_elements(table, set, sequence), elements) {
                Ok(elements) => found.extend(elements.into_iter().flatten()),
                Err(error) if is_absence(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(found))
    }

    /// The number of the ruleset, which each change of anybody's moves on.
    fn generation(&mut self) -> Result<u32, NetError> {
        let number = |message: &Message<'_>| {
            let found = attributes(message.body).find(|(kind, _)| *kind == batch::NFTA_GEN_ID);
            found.and_then(|(_, number)| number.try_into().ok()).map(u32::from_be_bytes)
        };
        let numbers = self.ask(batch::get_generation, number)?;
        let malformed = || NetError::malformed(Operation::ListFilters, "no generation");
        numbers.into_iter().flatten().next().ok_or_else(malformed)
    }

    /// What the kernel's answers to a question say, up to the acknowledgement or the end of a list.
    fn ask<T>(
        &mut self,
        question: impl Fn(u32) -> Vec<u8>,
        decode: impl Fn(&Message<'_>) -> T,
    ) -> Result<Vec<T>, NetError> {
        let operation = Operation::ListFilters;
        let sequence = self.next_sequence();
        let mut buffer = vec![0; DUMP_DATAGRAM_BYTES_MAX];
        // What is left of a list that was given up would keep the next one from being begun.
        while let Ok(Received::Datagram(_)) = self.socket.receive(&mut buffer) {}
        self.socket.send(&question(sequence)).map_err(|e| NetError::refused(operation, e))?;
        let mut found = Vec::new();
        loop {
            let datagram = match self.socket.receive(&mut buffer) {
                Ok(Received::Datagram(datagram)) => datagram,
                Ok(_) => return Err(NetError::NoAnswer { operation, interface: None }),
                Err(errno) => return Err(NetError::refused(operation, errno)),
            };
            for message in messages(datagram) {
                let message = message.map_err(|detail| NetError::malformed(operation, detail))?;
                if message.sequence != sequence {
                    continue;
                }
                let answer = message.answer().transpose();
                match answer.map_err(|detail| NetError::malformed(operation, detail))? {
                    None => found.push(decode(&message)),
                    Some(Answer::Done) => return Ok(found),
                    Some(Answer::Refused(errno, explanation)) => {
                        let interface = None;
                        return Err(NetError::Refused { operation, interface, errno, explanation });
                    }
                }
            }
        }
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }
}

/// Whether an error says that there is no such table, or no nftables at all.
fn is_absence(error: &NetError) -> bool {
    let errno = error.errno();
    matches!(errno, Some(Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EINVAL))
}

/// A change to a filter: whether it is added, and which.
fn wanted(change: &Change) -> Option<(bool, Filter)> {
    match change.object() {
        Object::Filter(filter) => Some((change.is_add(), *filter)),
        _ => None,
    }
}

fn make((is_add, filter): (bool, Filter), there: &mut BTreeSet<Filter>) -> Outcome {
    match is_add {
        true if there.insert(filter) => Outcome::Added,
        true => Outcome::AlreadyThere,
        false if there.remove(&filter) => Outcome::Removed,
        false => Outcome::NotThere,
    }
}

const fn operation((is_add, _): (bool, Filter)) -> Operation {
    if is_add { Operation::AddFilter } else { Operation::RemoveFilter }
}

/// A refusal, said of the filter that it is about.
fn about(error: NetError, change: (bool, Filter)) -> NetError {
    match error {
        NetError::Refused { errno, explanation, .. } => {
            let (operation, filter) = (operation(change), change.1);
            NetError::Filter { operation, filter, errno, explanation }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Interface;

    fn eth0() -> Interface {
        Interface { index: IfIndex::new(7).unwrap(), name: "eth0".parse().unwrap() }
    }

    fn filter(address: &str) -> Filter {
        Filter::new(TableName::default(), address.parse().unwrap(), eth0())
    }

    #[test]
    fn only_a_link_local_address_is_filtered_on_its_interface() {
        assert_eq!(filter("fe80::1").to_string(), "fe80::1 dev #7 (table inet vrrpd)");
        for address in ["192.0.2.1", "169.254.0.1", "2001:db8::1", "fec0::1"] {
            assert_eq!(filter(address).interface, None, "{address}");
        }
    }

    #[test]
    fn an_element_is_read_as_it_was_written_and_others_are_none() {
        for address in ["192.0.2.1", "2001:db8::1", "fe80::1"] {
            let filter = filter(address);
            assert_eq!(Filter::of_element(filter.table, &filter.element()), Some(filter));
        }
        for len in [0, 3, 5, 15, 17, 19, 21] {
            assert_eq!(Filter::of_element(TableName::default(), &vec![1; len]), None);
        }
        let no_index = [&[0xfe; 16][..], &[0; 4]].concat();
        assert_eq!(Filter::of_element(TableName::default(), &no_index), None);
    }
}
