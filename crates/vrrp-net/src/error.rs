//! What can go wrong between this crate and the kernel.

use std::fmt;
use std::net::IpAddr;

use vrrp_proto::InterfaceName;

use crate::filter::Filter;
use crate::route::RouteKey;
use crate::rule::RuleKey;
use crate::words::{Errno, Interface};

/// What the kernel was asked to do when it said no.
///
/// It prints as the words that follow "cannot".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Open a netlink socket.
    OpenNetlink,
    /// Send a netlink request.
    Request,
    /// Read the answer to a netlink request.
    ReadAnswer,
    /// List the links.
    ListLinks,
    /// List the addresses.
    ListAddresses,
    /// Create a link.
    CreateLink,
    /// Change a link.
    ChangeLink,
    /// Delete a link.
    DeleteLink,
    /// Add an address.
    AddAddress,
    /// Remove an address.
    RemoveAddress,
    /// Put an address back that the kernel removed with another one.
    PutAddressBack,
    /// Switch an interface's `promote_secondaries` on, or off again.
    SwitchPromotion,
    /// List the packet filters.
    ListFilters,
    /// Add a packet filter.
    AddFilter,
    /// Remove a packet filter.
    RemoveFilter,
    /// List the routes.
    ListRoutes,
    /// Add a route.
    AddRoute,
    /// Remove a route.
    RemoveRoute,
    /// Add a policy rule.
    AddRule,
    /// Remove a policy rule.
    RemoveRule,
    /// Subscribe to link and address events.
    Subscribe,
    /// Read link and address events.
    ReadEvents,
    /// Open the socket that adverts are sent from.
    OpenAdvertSender,
    /// Send an advert.
    SendAdvert,
    /// Open the socket that adverts are received on.
    OpenAdvertReceiver,
    /// Join a multicast group.
    JoinGroup,
    /// Leave a multicast group.
    LeaveGroup,
    /// Receive adverts.
    ReceiveAdverts,
    /// Open the socket that announcements are sent from.
    OpenFrameSender,
    /// Send gratuitous ARP or neighbour advertisements.
    SendFrames,
    /// Make the descriptor that wakes a waiting thread.
    OpenWaker,
    /// Wait for something to read.
    Wait,
    /// Ask for this thread's capabilities.
    ReadCapabilities,
    /// Open a network namespace.
    OpenNamespace,
    /// Make a network namespace.
    CreateNamespace,
    /// Move a thread into a network namespace.
    EnterNamespace,
    /// Share memory with another process.
    ShareMemory,
    /// Run a thread in real time.
    RunInRealTime,
    /// Give memory back.
    ShedMemory,
}

impl Operation {
    const fn words(self) -> &'static str {
        match self {
            Self::OpenNetlink => "open a netlink socket",
            Self::Request => "send a netlink request",
            Self::ReadAnswer => "read the answer to a netlink request",
            Self::ListLinks => "list the links",
            Self::ListAddresses => "list the addresses",
            Self::CreateLink => "create the link",
            Self::ChangeLink => "change the link",
            Self::DeleteLink => "delete the link",
            Self::AddAddress => "add",
            Self::RemoveAddress => "remove",
            Self::PutAddressBack => "put back",
            Self::SwitchPromotion => "switch promote_secondaries",
            Self::ListRoutes => "list the routes",
            Self::AddRoute => "add the",
            Self::RemoveRoute => "remove the",
            Self::AddRule => "add the",
            Self::RemoveRule => "remove the",
            Self::ListFilters => "list the packet filters",
            Self::AddFilter => "add the packet filter",
            Self::RemoveFilter => "remove the packet filter",
            Self::Subscribe => "subscribe to link and address events",
            Self::ReadEvents => "read link and address events",
            Self::OpenAdvertSender => "open the socket that sends adverts",
            Self::SendAdvert => "send an advert",
            Self::OpenAdvertReceiver => "open the socket that receives adverts",
            Self::JoinGroup => "join the multicast group",
            Self::LeaveGroup => "leave the multicast group",
            Self::ReceiveAdverts => "receive adverts",
            Self::OpenFrameSender => "open the socket that sends announcements",
            Self::SendFrames => "send announcements",
            Self::OpenWaker => "make an event descriptor",
            Self::Wait => "wait for something to read",
            Self::ReadCapabilities => "read the capabilities of this thread",
            Self::OpenNamespace => "open the network namespace",
            Self::CreateNamespace => "make a network namespace",
            Self::EnterNamespace => "enter the network namespace",
            Self::ShareMemory => "share memory with another process",
            Self::RunInRealTime => "run a thread in real time",
            Self::ShedMemory => "give memory back",
        }
    }

    /// The capability without which the kernel refuses.
    const fn capability(self) -> &'static str {
        match self {
            Self::OpenAdvertSender
            | Self::OpenAdvertReceiver
            | Self::OpenFrameSender
            | Self::SendAdvert
            | Self::SendFrames => "CAP_NET_RAW",
            Self::CreateNamespace | Self::EnterNamespace => "CAP_SYS_ADMIN",
            Self::RunInRealTime => "CAP_SYS_NICE",
            _ => "CAP_NET_ADMIN",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// A refusal of the kernel's, or an answer of its that did not arrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// A system call or a netlink request failed.
    #[error("cannot {operation}{}: {errno}{}{}", on(.interface), because(.explanation), hint(*.operation, *.errno))]
    Refused {
        /// What was asked.
        operation: Operation,
        /// On which interface, where it was about one.
        interface: Option<InterfaceName>,
        /// The kernel's reason.
        errno: Errno,
        /// The kernel's own words, where it had some.
        explanation: Option<Box<str>>,
    },
    /// One address could not be added, removed, or put back after another was removed.
    #[error("cannot {operation} {address}/{prefix_len}{}: {errno}{}{}", on(&Some(.interface.name)), because(.explanation), hint(*.operation, *.errno))]
    Address {
        /// [`Operation::AddAddress`], [`Operation::RemoveAddress`] or
        /// [`Operation::PutAddressBack`].
        operation: Operation,
        /// The address.
        address: IpAddr,
        /// Its prefix length.
        prefix_len: u8,
        /// The interface that it was for.
        interface: Interface,
        /// The kernel's reason.
        errno: Errno,
        /// The kernel's own words, where it had some.
        explanation: Option<Box<str>>,
    },
    /// One route could not be added or removed.
    #[error("cannot {operation} {route}: {errno}{}{}", because(.explanation), hint(*.operation, *.errno))]
    Route {
        /// [`Operation::AddRoute`] or [`Operation::RemoveRoute`].
        operation: Operation,
        /// The route.
        route: RouteKey,
        /// The kernel's reason.
        errno: Errno,
        /// The kernel's own words, where it had some.
        explanation: Option<Box<str>>,
    },
    /// One policy rule could not be added or removed.
    #[error("cannot {operation} {rule}: {errno}{}{}", because(.explanation), hint(*.operation, *.errno))]
    Rule {
        /// [`Operation::AddRule`] or [`Operation::RemoveRule`].
        operation: Operation,
        /// The rule.
        rule: RuleKey,
        /// The kernel's reason.
        errno: Errno,
        /// The kernel's own words, where it had some.
        explanation: Option<Box<str>>,
    },
    /// One packet filter could not be added or removed.
    #[error("cannot {operation} {filter}: {errno}{}{}", because(.explanation), hint(*.operation, *.errno))]
    Filter {
        /// [`Operation::AddFilter`] or [`Operation::RemoveFilter`].
        operation: Operation,
        /// The filter.
        filter: Filter,
        /// The kernel's reason.
        errno: Errno,
        /// The kernel's own words, where it had some.
        explanation: Option<Box<str>>,
    },
    /// A multicast group could not be joined or left.
    #[error("cannot {operation} {group}{}: {errno}", on(&.interface.map(|interface| interface.name)))]
    Group {
        /// [`Operation::JoinGroup`] or [`Operation::LeaveGroup`].
        operation: Operation,
        /// The group.
        group: IpAddr,
        /// The interface that it was for; `None` where the kernel chooses.
        interface: Option<Interface>,
        /// The kernel's reason.
        errno: Errno,
    },
    /// The kernel's answer to a netlink request was lost: whether the request was carried out
    /// is not known.
    #[error("cannot tell whether the kernel did it ({operation}{}): its answer is missing", on(.interface))]
    NoAnswer {
        /// What was asked.
        operation: Operation,
        /// On which interface, where it was about one.
        interface: Option<InterfaceName>,
    },
    /// The kernel's message could not be understood.
    #[error("cannot {operation}: the kernel's message is malformed ({detail})")]
    Malformed {
        /// What was asked.
        operation: Operation,
        /// What was wrong with it.
        detail: Box<str>,
    },
    /// Nothing can be sent, because no interface is attached.
    #[error("cannot {operation}: no interface is attached")]
    Detached {
        /// What was asked.
        operation: Operation,
    },
    /// The addresses are of a family that this socket does not carry.
    #[error("cannot {operation} from {from} to {to}: the socket is for the other address family")]
    Family {
        /// What was asked.
        operation: Operation,
        /// The source address.
        from: IpAddr,
        /// The destination address.
        to: IpAddr,
    },
    /// The message is larger than an IP packet can be.
    #[error("cannot {operation}: {len} bytes are more than a packet holds")]
    TooLong {
        /// What was asked.
        operation: Operation,
        /// The bytes that were to be sent.
        len: usize,
    },
}

impl NetError {
    pub(crate) fn refused(operation: Operation, errno: impl Into<Errno>) -> Self {
        Self::Refused { operation, interface: None, errno: errno.into(), explanation: None }
    }

    pub(crate) fn refused_on(
        operation: Operation,
        interface: InterfaceName,
        errno: impl Into<Errno>,
    ) -> Self {
        Self::refused_at(operation, Some(interface), errno)
    }

    pub(crate) fn refused_at(
        operation: Operation,
        interface: Option<InterfaceName>,
        errno: impl Into<Errno>,
    ) -> Self {
        Self::Refused { operation, interface, errno: errno.into(), explanation: None }
    }

    /// The same error, said of this interface.
    pub(crate) fn about(self, name: InterfaceName) -> Self {
        match self {
            Self::Refused { operation, errno, explanation, .. } => {
                Self::Refused { operation, interface: Some(name), errno, explanation }
            }
            Self::NoAnswer { operation, .. } => Self::NoAnswer { operation, interface: Some(name) },
            other => other,
        }
    }

    pub(crate) fn malformed(operation: Operation, detail: impl fmt::Display) -> Self {
        Self::Malformed { operation, detail: detail.to_string().into() }
    }

    /// The kernel's error number, where there was one.
    pub const fn errno(&self) -> Option<Errno> {
        match self {
            Self::Refused { errno, .. }
            | Self::Address { errno, .. }
            | Self::Filter { errno, .. }
            | Self::Route { errno, .. }
            | Self::Rule { errno, .. }
            | Self::Group { errno, .. } => Some(*errno),
            _ => None,
        }
    }

    /// Whether a capability is missing.
    pub fn is_permission(&self) -> bool {
        matches!(self.errno(), Some(Errno::EPERM | Errno::EACCES))
    }

    /// Whether the interface is gone or down, so that only an event about it can help.
    pub fn is_interface_unusable(&self) -> bool {
        let errno = self.errno();
        matches!(errno, Some(Errno::ENODEV | Errno::ENXIO | Errno::ENETDOWN | Errno::ENETUNREACH))
    }

    /// Whether a queue of the kernel's was full, so that the next attempt may succeed.
    pub fn is_congestion(&self) -> bool {
        matches!(self.errno(), Some(Errno::EAGAIN | Errno::ENOBUFS))
    }
}

/// ` on eth0`, or nothing.
fn on(interface: &Option<InterfaceName>) -> String {
    interface.map(|name| format!(" on {name}")).unwrap_or_default()
}

/// ` (the kernel's own words)`, or nothing.
fn because(explanation: &Option<Box<str>>) -> String {
    explanation.as_ref().map(|words| format!(" ({words})")).unwrap_or_default()
}

/// What to do about a missing privilege, or nothing.
fn hint(operation: Operation, errno: Errno) -> String {
    match errno {
        Errno::EPERM | Errno::EACCES => format!("; it takes {}", operation.capability()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_operation_the_interface_and_the_reason() {
        let name = "eth0".parse().unwrap();
        let error = NetError::refused_on(Operation::JoinGroup, name, Errno::ENODEV);
        assert_eq!(
            error.to_string(),
            "cannot join the multicast group on eth0: No such device (os error 19)"
        );
        assert!(error.is_interface_unusable() && !error.is_permission());
    }

    #[test]
    fn a_missing_privilege_is_named() {
        let error = NetError::refused(Operation::OpenAdvertReceiver, Errno::EPERM);
        assert!(error.to_string().ends_with("; it takes CAP_NET_RAW"), "{error}");
        assert!(error.is_permission());
    }
}
