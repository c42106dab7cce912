//! Requests to rtnetlink: links and addresses listed, made, changed and removed.

mod address;
mod filter;
mod link;
mod message;
mod route;
mod rule;
mod secondaries;
mod socket;

use neli::consts::nl::NlmF;
use neli::consts::rtnl::{RtAddrFamily, RtScope, Rtm};
use neli::rtnl::{Ifaddrmsg, IfaddrmsgBuilder};
use neli::types::{Buffer, RtBuffer};
use neli::{Size, ToBytes};

pub(crate) use message::messages;
pub(crate) use socket::{Received, Socket};

pub use link::{
    Link, LinkChange, LinkFlags, MacvlanMode, NetNs, NewLink, NewLinkKind, OperationalState,
    VethPeer,
};

use vrrp_proto::{Family, InterfaceName, TableName};

use crate::address::{AddressSpec, InterfaceAddress};
use crate::error::{NetError, Operation};
use crate::filter::Filter;
use crate::object::{Change, Object, Outcome};
use crate::route::{Placement, RouteKey, RouteSpec};
use crate::rule::RuleSpec;
use crate::words::{Errno, IfIndex};
use filter::Filters;
use message::{Answer, Message, Requests};
use secondaries::Guard;

/// Requests in one datagram. A thousand acknowledgements overflow a receive buffer of the
/// default size; a hundred of the largest fill a fifth of it.
const BATCH_REQUESTS_MAX: usize = 100;
/// The kernel fills at most this much with one datagram of a dump.
pub(crate) const DUMP_DATAGRAM_BYTES_MAX: usize = 32 * 1024;
/// An acknowledgement is a header, a number, a copy of the request, and a sentence.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// How often a dump is begun again because the kernel changed what it was listing.
const DUMP_ATTEMPTS: usize = 8;

/// A conversation with rtnetlink, in the network namespace of the thread that opened it.
///
/// It never waits for anything: the kernel does what it is asked while it is asked. Listing
/// needs no privilege, changing anything needs `CAP_NET_ADMIN`.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    sequence: u32,
    /// A conversation of its own, with nftables, from the first change to a packet filter on.
    filters: Option<Filters>,
}

impl Netlink {
    /// Opens the conversation. It takes one descriptor, and one more for packet filters.
    ///
    /// # Errors
    /// [`NetError::Refused`] if no socket can be had.
    pub fn open() -> Result<Self, NetError> {
        let socket = Socket::open(Operation::OpenNetlink, &[])?;
        Ok(Self { socket, sequence: 0, filters: None })
    }

    /// Every link.
    ///
    /// # Errors
    /// [`NetError`] if the kernel refuses, or what it says cannot be understood.
    pub fn links(&mut self) -> Result<Vec<Link>, NetError> {
        self.dump(Operation::ListLinks, Rtm::Getlink, link::every_link, Link::decode)
    }

    /// The link with this name, if there is one.
    ///
    /// # Errors
    /// As [`Netlink::links`].
    pub fn link(&mut self, name: InterfaceName) -> Result<Option<Link>, NetError> {
        match self.get_link(link::by_name(name)) {
            Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(None),
            found => found.map_err(|error| error.about(name)),
        }
    }

    /// The link with this index, if there is one.
    ///
    /// # Errors
    /// As [`Netlink::links`].
    pub fn link_by_index(&mut self, index: IfIndex) -> Result<Option<Link>, NetError> {
        match self.get_link(link::by_index(index)) {
            Err(error) if error.errno() == Some(Errno::ENODEV) => Ok(None),
            found => found,
        }
    }

    /// Every address of every link, of both families.
    ///
    /// # Errors
    /// As [`Netlink::links`].
    pub fn addresses(&mut self) -> Result<Vec<InterfaceAddress>, NetError> {
        let operation = Operation::ListAddresses;
        self.dump(operation, Rtm::Getaddr, every_address, InterfaceAddress::decode)
    }

    /// Makes changes, in their order, as many per system call as answers can be kept of.
    ///
    /// What comes back has one entry for each change, in their order: one that is refused keeps
    /// none of the others back. See [`add_addresses`](Self::add_addresses) and
    /// [`remove_addresses`](Self::remove_addresses). Changes to packet filters that stand side by
    /// side are one transaction of nftables: no packet sees half of them. The first one opens a
    /// descriptor, and is refused to a thread that is in another network namespace by then.
    pub fn apply(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
        let mut outcomes = Vec::with_capacity(changes.len());
        let way = |change: &Change| (change.object().kind(), change.is_add());
        let is_filter = |change: &Change| matches!(change.object(), Object::Filter(_));
        let is_one_run = |one: &Change, next: &Change| {
            way(one) == way(next) || (is_filter(one) && is_filter(next))
        };
        for run in changes.chunk_by(is_one_run) {
            let addresses = |run: &[Change]| -> Vec<_> {
                run.iter().filter_map(|change| address(change.object())).collect()
            };
            let rules = |run: &[Change]| -> Vec<_> {
                run.iter().filter_map(|change| rule(change.object())).collect()
            };
            let routes = |run: &[Change]| -> Vec<_> {
                run.iter().filter_map(|change| route(change.object())).collect()
            };
            outcomes.extend(match &run[0] {
                change if is_filter(change) => self.change_filters(run),
                Change::Add(Object::Route(_)) => self.add_routes(&routes(run)),
                Change::Remove(Object::Route(_)) => self.remove_routes(&routes(run)),
                Change::Add(Object::Rule(_)) => self.add_rules(&rules(run)),
                Change::Remove(Object::Rule(_)) => self.remove_rules(&rules(run)),
                Change::Add(_) => self.add_addresses(&addresses(run)),
                Change::Remove(_) => self.remove_addresses(&addresses(run)),
            });
        }
        outcomes
    }

    #[inline(never)]
    fn change_filters(&mut self, changes: &[Change]) -> Vec<Result<Outcome, NetError>> {
        let opened = match self.filters.take() {
            Some(filters) => Ok(filters),
            None => Filters::open(&self.socket),
        };
        match opened {
            Ok(filters) => self.filters.insert(filters).apply(changes),
            Err(error) => changes.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    /// The packet filters of a table, whoever added them: none where there is no such table, or
    /// where the kernel has no nftables.
    ///
    /// # Errors
    /// [`NetError`] if the kernel refuses, for want of `CAP_NET_ADMIN`, or what it says cannot be
    /// understood.
    pub fn filters(&mut self, table: TableName) -> Result<Vec<Filter>, NetError> {
        match &mut self.filters {
            Some(filters) => filters.list(table),
            None => Filters::list_once(table, &self.socket),
        }
    }

    /// Adds addresses, as many per system call as answers can be kept of.
    ///
    /// What comes back has one entry for each address, in their order: one that is refused keeps
    /// none of the others back.
    #[inline(never)]
    pub fn add_addresses(&mut self, addresses: &[AddressSpec]) -> Vec<Result<Outcome, NetError>> {
        let operation = Operation::AddAddress;
        let flags = NlmF::CREATE | NlmF::EXCL;
        let answers = self.batch(operation, Rtm::Newaddr, flags, addresses, AddressSpec::to_add);
        let outcome = |(answer, address)| match answer {
            Ok(Answer::Done) => Ok(Outcome::Added),
            Ok(Answer::Refused(Errno::EEXIST, _)) => Ok(Outcome::AlreadyThere),
            Ok(Answer::Refused(errno, text)) => Err(refused(operation, address, errno, text)),
            Err(error) => Err(error),
        };
        answers.into_iter().zip(addresses).map(outcome).collect()
    }

    /// Removes addresses, as many per system call as answers can be kept of, and no others.
    ///
    /// What comes back has one entry for each address, in their order. Of each entry only
    /// interface, address, prefix length and peer matter.
    ///
    /// With the first IPv4 address of a subnet the kernel removes the others of it, unless the
    /// interface's `promote_secondaries` is set. So where it is not, it is set for the time of the
    /// removal; where that is refused, the others are put back
    /// ([`Outcome::RemovedAndOthersPutBack`]).
    pub fn remove_addresses(
        &mut self,
        addresses: &[AddressSpec],
    ) -> Vec<Result<Outcome, NetError>> {
        self.remove_guarded(addresses, Guard::Promote)
    }

    /// Removes addresses; the kernel may remove others along with them.
    fn remove_plainly(&mut self, addresses: &[AddressSpec]) -> Vec<Result<Outcome, NetError>> {
        let operation = Operation::RemoveAddress;
        let flags = NlmF::empty();
        let answers = self.batch(operation, Rtm::Deladdr, flags, addresses, AddressSpec::to_remove);
        let outcome = |(answer, address)| match answer {
            Ok(Answer::Done) => Ok(Outcome::Removed),
            Ok(Answer::Refused(Errno::ENOENT | Errno::EADDRNOTAVAIL | Errno::ENODEV, _)) => {
                Ok(Outcome::NotThere)
            }
            Ok(Answer::Refused(errno, text)) => Err(refused(operation, address, errno, text)),
            Err(error) => Err(error),
        };
        answers.into_iter().zip(addresses).map(outcome).collect()
    }

    /// Adds routes, as many per system call as answers can be kept of.
    ///
    /// What comes back has one entry for each route, in their order: one that is refused keeps
    /// none of the others back.
    #[inline(never)]
    pub fn add_routes(&mut self, routes: &[RouteSpec]) -> Vec<Result<Outcome, NetError>> {
        let operation = Operation::AddRoute;
        let mut outcomes = Vec::with_capacity(routes.len());
        for run in routes.chunk_by(|one, next| one.placement == next.placement) {
            let flags = match run[0].placement {
                Placement::Before => NlmF::CREATE,
                Placement::Behind => NlmF::CREATE | NlmF::APPEND,
                Placement::Only => NlmF::CREATE | NlmF::EXCL,
            };
            let answers = self.batch(operation, Rtm::Newroute, flags, run, RouteSpec::to_add);
            outcomes.extend(answers.into_iter().zip(run).map(|(answer, route)| match answer? {
                Answer::Done => Ok(Outcome::Added),
                Answer::Refused(Errno::EEXIST, _) => Ok(Outcome::AlreadyThere),
                Answer::Refused(errno, text) => Err(route_refused(operation, route, errno, text)),
            }));
        }
        outcomes
    }

    /// Removes routes, as many per system call as answers can be kept of, and no others: of each
    /// entry only its [key](RouteSpec::key) and its kind matter.
    ///
    /// What comes back has one entry for each route, in their order.
    pub fn remove_routes(&mut self, routes: &[RouteSpec]) -> Vec<Result<Outcome, NetError>> {
        let (operation, flags) = (Operation::RemoveRoute, NlmF::empty());
        let answers = self.batch(operation, Rtm::Delroute, flags, routes, RouteSpec::to_remove);
        let outcome = |(answer, route): (Result<Answer, NetError>, &RouteSpec)| match answer? {
            Answer::Done => Ok(Outcome::Removed),
            // Of a table or an interface that is gone there is nothing either.
            Answer::Refused(Errno::ESRCH | Errno::ENOENT | Errno::ENODEV, _) => {
                Ok(Outcome::NotThere)
            }
            Answer::Refused(errno, text) => Err(route_refused(operation, route, errno, text)),
        };
        answers.into_iter().zip(routes).map(outcome).collect()
    }

    /// Adds policy rules, as many per system call as answers can be kept of.
    ///
    /// What comes back has one entry for each rule, in their order.
    #[inline(never)]
    pub fn add_rules(&mut self, rules: &[RuleSpec]) -> Vec<Result<Outcome, NetError>> {
        let operation = Operation::AddRule;
        let flags = NlmF::CREATE | NlmF::EXCL;
        let answers = self.batch(operation, Rtm::Newrule, flags, rules, RuleSpec::request);
        let outcome = |(answer, rule): (Result<Answer, NetError>, &RuleSpec)| match answer? {
            Answer::Done => Ok(Outcome::Added),
            Answer::Refused(Errno::EEXIST, _) => Ok(Outcome::AlreadyThere),
            Answer::Refused(errno, text) => Err(rule_refused(operation, rule, errno, text)),
        };
        answers.into_iter().zip(rules).map(outcome).collect()
    }

    /// Removes policy rules that say just this, and no others.
    ///
    /// What comes back has one entry for each rule, in their order.
    pub fn remove_rules(&mut self, rules: &[RuleSpec]) -> Vec<Result<Outcome, NetError>> {
        let (operation, flags) = (Operation::RemoveRule, NlmF::empty());
        let answers = self.batch(operation, Rtm::Delrule, flags, rules, RuleSpec::request);
        let outcome = |(answer, rule): (Result<Answer, NetError>, &RuleSpec)| match answer? {
            Answer::Done => Ok(Outcome::Removed),
            Answer::Refused(Errno::ENOENT | Errno::ESRCH, _) => Ok(Outcome::NotThere),
            Answer::Refused(errno, text) => Err(rule_refused(operation, rule, errno, text)),
        };
        answers.into_iter().zip(rules).map(outcome).collect()
    }

    /// Every route of every table, of both families.
    ///
    /// # Errors
    /// As [`Netlink::links`].
    pub fn routes(&mut self) -> Result<Vec<RouteKey>, NetError> {
        self.dump(Operation::ListRoutes, Rtm::Getroute, route::every_route, RouteKey::decode)
    }

    /// Makes a link.
    ///
    /// # Errors
    /// [`NetError::Refused`] with the kernel's reason: `EEXIST` for a name that is taken,
    /// `EOPNOTSUPP` for a kind that this kernel has not.
    pub fn create_link(&mut self, new: &NewLink<'_>) -> Result<(), NetError> {
        let flags = NlmF::CREATE | NlmF::EXCL;
        self.request(Operation::CreateLink, Rtm::Newlink, flags, new.message())
            .map_err(|error| error.about(new.name))
    }

    /// Changes a link.
    ///
    /// # Errors
    /// [`NetError::Refused`] with the kernel's reason; a part of the change may have been made.
    pub fn change_link(&mut self, index: IfIndex, change: &LinkChange<'_>) -> Result<(), NetError> {
        let message = change.message(index);
        self.request(Operation::ChangeLink, Rtm::Setlink, NlmF::empty(), message)
    }

    /// Deletes a link, and with one end of a veth pair the other.
    ///
    /// # Errors
    /// [`NetError::Refused`] with the kernel's reason: `ENODEV` if it is gone already.
    pub fn delete_link(&mut self, index: IfIndex) -> Result<(), NetError> {
        let message = link::by_index(index);
        self.request(Operation::DeleteLink, Rtm::Dellink, NlmF::empty(), message)
    }

    fn get_link(&mut self, about: impl Size + ToBytes) -> Result<Option<Link>, NetError> {
        self.get_link_as(about, Link::decode)
    }

    /// What a decoder finds in the message about one link.
    fn get_link_as<T>(
        &mut self,
        about: impl Size + ToBytes,
        decode: impl Fn(&[u8]) -> Result<Option<T>, String>,
    ) -> Result<Option<T>, NetError> {
        let operation = Operation::ListLinks;
        let mut links = Vec::with_capacity(1);
        let mut requests = Requests::default();
        let sequence = self.next_sequence();
        // Without a request to acknowledge: the link is the answer, or there is a refusal.
        requests.push(Rtm::Getlink, NlmF::empty(), sequence, about);
        self.socket.send(requests.as_bytes()).map_err(|e| NetError::refused(operation, e))?;
        let mut buffer = vec![0; DUMP_DATAGRAM_BYTES_MAX];
        while links.is_empty() {
            let datagram = self.receive(operation, &mut buffer)?;
            for message in answers(operation, sequence, datagram) {
                collect(operation, &message?, &decode, &mut links)?;
            }
        }
        Ok(links.pop())
    }

    /// Asks for everything of a kind, again if it changed while it was listed.
    fn dump<P, T>(
        &mut self,
        operation: Operation,
        kind: Rtm,
        request: impl Fn() -> P,
        decode: impl Fn(&[u8]) -> Result<Option<T>, String>,
    ) -> Result<Vec<T>, NetError>
    where
        P: Size + ToBytes,
    {
        let mut buffer = vec![0; DUMP_DATAGRAM_BYTES_MAX];
        // What is left of a list that was given up would keep the next one from being begun.
        while let Ok(Received::Datagram(_)) = self.socket.receive(&mut buffer) {}
        for _ in 0..DUMP_ATTEMPTS {
            let sequence = self.next_sequence();
            let mut requests = Requests::default();
            requests.push(kind, NlmF::DUMP, sequence, request());
            self.socket.send(requests.as_bytes()).map_err(|e| NetError::refused(operation, e))?;
            if let Some(found) = self.read_dump(operation, sequence, &decode, &mut buffer)? {
                return Ok(found);
            }
        }
        Err(NetError::NoAnswer { operation, interface: None })
    }

    /// The parts of a dump up to its end; `None` if the kernel says that it changed meanwhile.
    fn read_dump<T>(
        &self,
        operation: Operation,
        sequence: u32,
        decode: impl Fn(&[u8]) -> Result<Option<T>, String>,
        buffer: &mut [u8],
    ) -> Result<Option<Vec<T>>, NetError> {
        let (mut found, mut is_consistent) = (Vec::new(), true);
        loop {
            let datagram = self.receive(operation, buffer)?;
            for message in answers(operation, sequence, datagram) {
                let message = message?;
                is_consistent &= !message.is_interrupted();
                if collect(operation, &message, &decode, &mut found)? {
                    return Ok(is_consistent.then_some(found));
                }
            }
        }
    }

    /// The next datagram, which must be there.
    fn receive<'a>(
        &self,
        operation: Operation,
        buffer: &'a mut [u8],
    ) -> Result<&'a [u8], NetError> {
        match self.socket.receive(buffer) {
            Ok(Received::Datagram(datagram)) => Ok(datagram),
            Ok(Received::Nothing | Received::Overrun) => {
                Err(NetError::NoAnswer { operation, interface: None })
            }
            Err(errno) => Err(NetError::refused(operation, errno)),
        }
    }

    /// One request that is only to be acknowledged.
    fn request<P>(
        &mut self,
        operation: Operation,
        kind: Rtm,
        flags: NlmF,
        message: P,
    ) -> Result<(), NetError>
    where
        P: Size + ToBytes + Clone,
    {
        let answers = self.batch(operation, kind, flags, &[message], P::clone);
        match answers.into_iter().next().expect("a batch answers every request")? {
            Answer::Done => Ok(()),
            Answer::Refused(errno, explanation) => {
                Err(NetError::Refused { operation, interface: None, errno, explanation })
            }
        }
    }

    /// Sends requests by the hundred and puts the answers in the requests' order.
    fn batch<T, P>(
        &mut self,
        operation: Operation,
        kind: Rtm,
        flags: NlmF,
        items: &[T],
        message: impl Fn(&T) -> P,
    ) -> Vec<Result<Answer, NetError>>
    where
        P: Size + ToBytes,
    {
        let mut answers = Vec::with_capacity(items.len());
        for chunk in items.chunks(BATCH_REQUESTS_MAX) {
            let first = self.sequence.wrapping_add(1);
            let mut requests = Requests::default();
            for item in chunk {
                requests.push(kind, flags | NlmF::ACK, self.next_sequence(), message(item));
            }
            match self.socket.send(requests.as_bytes()) {
                Ok(()) => answers.extend(self.acknowledgements(operation, first, chunk.len())),
                Err(errno) => {
                    let error = NetError::refused(operation, errno);
                    answers.extend(chunk.iter().map(|_| Err(error.clone())));
                }
            }
        }
        answers
    }

    /// The acknowledgements of the requests `first..first + count`, in their order. One that is
    /// not there is an error of its own.
    fn acknowledgements(
        &self,
        operation: Operation,
        first: u32,
        count: usize,
    ) -> Vec<Result<Answer, NetError>> {
        let mut slots = vec![None; count];
        // Not on the stack: a thread would keep the page for good.
        let mut buffer = vec![0; ANSWER_BYTES_MAX];
        let mut missing = count;
        let mut error = NetError::NoAnswer { operation, interface: None };
        while missing > 0 {
            let datagram = match self.socket.receive(&mut buffer) {
                Ok(Received::Datagram(datagram)) => datagram,
                // What is behind an overrun can still be read.
                Ok(Received::Overrun) => continue,
                Ok(Received::Nothing) => break,
                Err(errno) => {
                    error = NetError::refused(Operation::ReadAnswer, errno);
                    break;
                }
            };
            for message in messages(datagram).map_while(Result::ok) {
                let slot = message.sequence.wrapping_sub(first) as usize;
                if let (Some(slot @ None), Some(Ok(answer))) =
                    (slots.get_mut(slot), message.answer())
                {
                    *slot = Some(answer);
                    missing -= 1;
                }
            }
        }
        slots.into_iter().map(|slot| slot.ok_or_else(|| error.clone())).collect()
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }
}

/// The messages of a datagram that answer this request.
fn answers(
    operation: Operation,
    sequence: u32,
    datagram: &[u8],
) -> impl Iterator<Item = Result<Message<'_>, NetError>> {
    messages(datagram)
        .map(move |message| message.map_err(|detail| NetError::malformed(operation, detail)))
        .filter(move |message| message.as_ref().map_or(true, |it| it.sequence == sequence))
}

/// Takes from a message of a dump what it lists. `true` if it was the last one.
fn collect<T>(
    operation: Operation,
    message: &Message<'_>,
    decode: impl Fn(&[u8]) -> Result<Option<T>, String>,
    found: &mut Vec<T>,
) -> Result<bool, NetError> {
    let malformed = |detail| NetError::malformed(operation, detail);
    match message.answer().transpose().map_err(malformed)? {
        None => {
            found.extend(decode(message.body).map_err(malformed)?);
            Ok(false)
        }
        Some(Answer::Done) => Ok(true),
        Some(Answer::Refused(errno, explanation)) => {
            Err(NetError::Refused { operation, interface: None, errno, explanation })
        }
    }
}

/// What a link or address message says, if it is one.
pub(crate) enum Notice {
    LinkChanged(Link),
    LinkGone(Link),
    AddressAdded(InterfaceAddress),
    AddressRemoved(InterfaceAddress),
    ForwardingChanged(IfIndex, bool),
    RouteRemoved(RouteKey),
    RuleRemoved(Family, u32),
}

impl Notice {
    pub(crate) fn decode(message: &Message<'_>) -> Result<Option<Self>, String> {
        let body = message.body;
        Ok(match message.kind() {
            Rtm::Newlink => Link::decode(body)?.map(Self::LinkChanged),
            Rtm::Dellink => Link::decode(body)?.map(Self::LinkGone),
            Rtm::Newaddr => InterfaceAddress::decode(body)?.map(Self::AddressAdded),
            Rtm::Deladdr => InterfaceAddress::decode(body)?.map(Self::AddressRemoved),
            Rtm::Delroute => RouteKey::decode(body)?.map(Self::RouteRemoved),
            Rtm::Delrule => {
                rule::decode_place(body)?.map(|(family, place)| Self::RuleRemoved(family, place))
            }
            Rtm::Newnetconf => link::decode_forwarding(body)?
                .map(|(index, forwards)| Self::ForwardingChanged(index, forwards)),
            _ => None,
        })
    }
}

/// The address that an object is, if it is one.
fn address(object: &Object) -> Option<AddressSpec> {
    match object {
        Object::Address(spec) => Some(spec.clone()),
        _ => None,
    }
}

/// The route that an object is, if it is one.
fn route(object: &Object) -> Option<RouteSpec> {
    match object {
        Object::Route(route) => Some((**route).clone()),
        _ => None,
    }
}

/// The rule that an object is, if it is one.
fn rule(object: &Object) -> Option<RuleSpec> {
    match object {
        Object::Rule(rule) => Some(**rule),
        _ => None,
    }
}

/// The body of a request about every address.
fn every_address() -> Ifaddrmsg {
    IfaddrmsgBuilder::default()
        .ifa_family(RtAddrFamily::Unspecified)
        .ifa_prefixlen(0)
        .ifa_scope(RtScope::Universe)
        .ifa_index(0)
        .rtattrs(RtBuffer::<_, Buffer>::new())
        .build()
        .expect("every field without a default is set")
}

fn rule_refused(
    operation: Operation,
    rule: &RuleSpec,
    errno: Errno,
    explanation: Option<Box<str>>,
) -> NetError {
    NetError::Rule { operation, rule: rule.key(), errno, explanation }
}

fn route_refused(
    operation: Operation,
    route: &RouteSpec,
    errno: Errno,
    explanation: Option<Box<str>>,
) -> NetError {
    NetError::Route { operation, route: route.key(), errno, explanation }
}

fn refused(
    operation: Operation,
    address: &AddressSpec,
    errno: Errno,
    explanation: Option<Box<str>>,
) -> NetError {
    NetError::Address {
        operation,
        address: address.address,
        prefix_len: address.prefix_len,
        interface: address.interface,
        errno,
        explanation,
    }
}
