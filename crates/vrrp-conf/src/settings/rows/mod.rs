//! The rows of all settings, in the order of the reference.
//!
//! To begin to support a setting is to take its `.support(…)` away, and to give it a field with
//! `.fills(…)` and `.shown(…)` if it has none.

mod authentication;
mod global;
mod group;
mod instance;
mod top;
mod track;
mod watch;

use core::net::IpAddr;
use std::time::Duration;

use vrrp_proto::{Family, Priority, Version, Vrid};

use super::row::{Draft, Fill, Row, Table, keywords, row};
use super::{Phase, Reader};
use crate::Spanned;
use crate::keywords::Effect::{Refuse, Warn};
use crate::keywords::Shape::*;
use crate::keywords::Support::{self, Accepted, NotOurs, NotYet};
use crate::keywords::{Block, Feature, Keyword};
use crate::model::{Command, Config};
use crate::print::{
    address_words, linkbeat_words, peer_words, route_words, rule_words, secs, track_words,
};

pub(super) use authentication::{AUTH_HMAC, AUTHENTICATION, SentPassword};
pub(super) use global::GLOBAL_DEFS;
pub(super) use group::{BFD_INSTANCE, GARP_GROUP, TRACK_GROUP, VRRP_SYNC_GROUP};
pub(super) use instance::VRRP_INSTANCE;
pub(super) use top::{TOP_LEVEL, Top};
pub(super) use track::{TRACK_FILE, VRRP_SCRIPT, VRRP_TRACK_PROCESS};
pub(super) use watch::Watches;

const SECOND: u64 = 1_000_000;
const DAY: u64 = 86_400 * SECOND;
const MAX_COUNT: i64 = u32::MAX as i64;
/// Rounds of announcements: more is a flood.
const MAX_ROUNDS: i64 = 255;

const IPVS: Support = NotOurs("IPVS");
const CHECKER: Support = NotOurs("IPVS");
const SNMP: Support = NotOurs("SNMP");
const DBUS: Support = NotOurs("D-Bus");
const MAIL: Support = NotOurs("mail");
const DUMPS: Support = Accepted("the state is asked for with `vrrpd status`");
const NAMES: Support = Accepted("vrrpd is one process");
const FIREWALL: Support = Accepted("nftables drops what is to be dropped, in a table of its own");
const LATE: Support = Accepted("nothing but the protocol runs on the protocol's threads");
const RELOAD: Support = Accepted("a reload reads and checks the whole file first, always");
const LINKBEAT: Support =
    Accepted("the kernel tells of carriers at once, nothing has to be polled");
const BUFFERS: Support = Accepted("vrrpd sizes its sockets itself");

/// The interface of addresses where neither they nor their instance name one.
pub(super) const DEFAULT_INTERFACE: &str = "eth0";

const FIFO: &str = "PATH [USER [GROUP]]";
const ADDRESS: &str = "ADDRESS[/LENGTH] [dev INTERFACE] [brd ADDRESS|+|-] [scope SCOPE] \
     [label LABEL] [peer ADDRESS[/LENGTH]] [home] [-nodad] [mngtmpaddr] [noprefixroute] \
     [autojoin] [preferred_lft SECONDS|forever] [use_vmac] [no_track] [track_group GROUP]";
const ROUTE: &str = "[KIND] DESTINATION [via ADDRESS] [dev INTERFACE] [OPTION…] \
     [nexthop [via ADDRESS] [dev INTERFACE] [onlink] [weight NUMBER] …]…";
const RULE: &str = "[from PREFIX] [to PREFIX] [OPTION…] ACTION preference NUMBER";
const TRACKED: &str = "NAME [weight NUMBER [reverse|noreverse]]";

/// What is more than a keyword, for the reference.
pub(crate) const FEATURES: &[&Feature] =
    &[&VRF_OF_INTERFACE, &ROUTE_ENCAP, &ROUTE_VRF, &ROUTE_TTL_PROPAGATE];

pub(super) const VRF_OF_INTERFACE: Feature =
    Feature { about: "`vrf` of an instance with `interface`", support: NotYet(Refuse) };
pub(super) const ROUTE_ENCAP: Feature =
    Feature { about: "`encap` of a route", support: NotYet(Refuse) };
pub(super) const ROUTE_VRF: Feature =
    Feature { about: "`vrf` of a route", support: NotYet(Refuse) };
pub(super) const ROUTE_TTL_PROPAGATE: Feature =
    Feature { about: "`ttl-propagate` of a route", support: NotYet(Refuse) };
