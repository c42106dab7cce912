//! What holds for the daemon as a whole.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::json::plain;
use super::{Command, InterfaceName, ScriptUser, TableName};
use crate::Spanned;

/// The settings of `global_defs` and of the top level.
///
/// What `global_defs` sets *for instances* (versions, announcements, flags) is not here: it
/// has arrived in each [`Instance`](super::Instance).
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Global {
    /// A name for this machine, for messages; the host's name where none is given.
    pub router_id: Option<Spanned<String>>,
    /// A name for this daemon, if several run here (`instance NAME`): it gets a run
    /// directory of its own.
    pub instance_name: Option<Spanned<String>>,
    /// The network namespace to work in.
    pub net_namespace: Option<Spanned<String>>,
    /// The default user of scripts.
    pub script_user: Option<Spanned<ScriptUser>>,
    /// Refuse to run as root what a user other than root could change.
    pub script_security: bool,
    /// How long a notify program may run before the next one starts; 30 s by default.
    #[serde(serialize_with = "plain")]
    pub notify_timeout: Duration,
    /// How long instances wait after the daemon's start.
    #[serde(serialize_with = "plain")]
    pub startup_delay: Duration,
    /// How long instances wait after the machine's start.
    #[serde(serialize_with = "plain")]
    pub delay_after_boot: Duration,
    /// The IPv4 group that instances use unless they name another: 224.0.0.18.
    pub multicast_v4: Ipv4Addr,
    /// The IPv6 group that instances use unless they name another: `ff02::12`.
    pub multicast_v6: Ipv6Addr,
    /// The table of nftables for what instances drop: `vrrpd`.
    #[serde(serialize_with = "plain")]
    pub filter_table: TableName,
    /// Report adverts for VRIDs that are not configured on their interface.
    pub log_unknown_vrids: bool,
    /// The interface of static addresses that name none.
    pub default_interface: Option<Spanned<InterfaceName>>,
    /// Interfaces may be missing at start and come later.
    pub dynamic_interfaces: bool,
    /// A program to run before anything else at start.
    pub startup_script: Option<Spanned<Command>>,
    /// How long it may take; 10 s by default.
    #[serde(serialize_with = "plain")]
    pub startup_script_timeout: Duration,
    /// A program to run last when stopping.
    pub shutdown_script: Option<Spanned<Command>>,
    /// How long it may take; 10 s by default.
    #[serde(serialize_with = "plain")]
    pub shutdown_script_timeout: Duration,
    /// A named pipe that gets a line for each change.
    pub notify_fifo: Option<Spanned<PathBuf>>,
    /// Another one, for the changes of virtual routers and sync groups.
    pub vrrp_notify_fifo: Option<Spanned<PathBuf>>,
    /// The real-time priority of the threads that speak the protocol, 1–99.
    pub realtime_priority: Option<Spanned<u8>>,
    /// The CPU time that a real-time thread may use without sleeping.
    #[serde(serialize_with = "plain")]
    pub realtime_limit: Option<Duration>,
    /// The nice value of the daemon, −20 to 19.
    pub nice: Option<Spanned<i8>>,
    /// The CPUs to run on; all where none is given.
    pub cpu_affinity: Vec<u32>,
    /// Keep the daemon's memory from being swapped out.
    pub no_swap: bool,
    /// The socket receive buffer for process events, in bytes.
    pub process_events_buffer_bytes: Option<u32>,
    /// The socket receive buffer for netlink events, in bytes.
    pub netlink_monitor_buffer_bytes: Option<u32>,
}

impl Global {
    /// The IPv4 group of RFC 9568 §5.1.1.2.
    pub const MULTICAST_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
    /// The IPv6 group of RFC 9568 §5.1.2.2.
    pub const MULTICAST_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
    /// The default of [`notify_timeout`](Self::notify_timeout).
    pub const NOTIFY_TIMEOUT: Duration = Duration::from_secs(30);
    /// The default of the start-up and shutdown scripts' limits.
    pub const HOOK_TIMEOUT: Duration = Duration::from_secs(10);
}

impl Default for Global {
    fn default() -> Self {
        Self {
            router_id: None,
            instance_name: None,
            net_namespace: None,
            script_user: None,
            script_security: false,
            notify_timeout: Self::NOTIFY_TIMEOUT,
            startup_delay: Duration::ZERO,
            delay_after_boot: Duration::ZERO,
            multicast_v4: Self::MULTICAST_V4,
            multicast_v6: Self::MULTICAST_V6,
            filter_table: TableName::default(),
            log_unknown_vrids: false,
            default_interface: None,
            dynamic_interfaces: false,
            startup_script: None,
            startup_script_timeout: Self::HOOK_TIMEOUT,
            shutdown_script: None,
            shutdown_script_timeout: Self::HOOK_TIMEOUT,
            notify_fifo: None,
            vrrp_notify_fifo: None,
            realtime_priority: None,
            realtime_limit: None,
            nice: None,
            cpu_affinity: Vec::new(),
            no_swap: false,
            process_events_buffer_bytes: None,
            netlink_monitor_buffer_bytes: None,
        }
    }
}
