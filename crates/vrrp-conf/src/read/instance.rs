//! `vrrp_instance`: its settings as they are written.

use core::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use vrrp_proto::{Priority, Version, Vrid};

use super::Reader;
use super::global::{AnnounceSettings, checksum_of, version_of};
use super::seen::Seen;
use super::settings::{Setting, Value};
use crate::model::{
    AuthPass, Authentication, Checksum, Command, FirstState, InterfaceName, Ipvlan, Notify,
    OldChecksum, Route, Rule, Tracks, UnicastPeer, VirtualAddress, Vmac,
};
use crate::syntax::Body;
use crate::{Code, Span, Spanned};

pub(super) type Name = Spanned<Arc<str>>;

/// What an instance's block says, before defaults and checks.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) interface: Option<Spanned<InterfaceName>>,
    pub(super) vrid: Option<Spanned<Vrid>>,
    pub(super) state: Option<Spanned<FirstState>>,
    pub(super) priority: Option<Spanned<Priority>>,
    pub(super) interval: Option<Spanned<Duration>>,
    pub(super) version: Option<Spanned<Version>>,
    pub(super) authentication: Option<Spanned<Authentication>>,
    pub(super) auth_type: Option<Span>,
    pub(super) addresses: Vec<Spanned<VirtualAddress>>,
    pub(super) excluded_addresses: Vec<Spanned<VirtualAddress>>,
    pub(super) no_addresses: bool,
    pub(super) native_ipv6: Option<Span>,
    pub(super) routes: Vec<Spanned<Route>>,
    pub(super) rules: Vec<Spanned<Rule>>,
    pub(super) nopreempt: Option<Span>,
    pub(super) preempt_delay: Option<Spanned<Duration>>,
    pub(super) announce: AnnounceSettings,
    pub(super) down_timer_adverts: Option<u8>,
    pub(super) lower_prio_no_advert: Option<Spanned<bool>>,
    pub(super) higher_prio_send_advert: Option<bool>,
    pub(super) owner_ignore_adverts: Option<Spanned<bool>>,
    pub(super) checksum: Option<Spanned<Checksum>>,
    pub(super) skip_check_adv_addr: Option<bool>,
    pub(super) strict: Option<Spanned<bool>>,
    pub(super) no_accept: bool,
    pub(super) dont_track_primary: bool,
    pub(super) tracks: Tracks,
    pub(super) promote_secondaries: bool,
    pub(super) source: Option<Spanned<IpAddr>>,
    pub(super) track_source: bool,
    pub(super) group: Option<Spanned<IpAddr>>,
    pub(super) peers: Option<Spanned<Vec<Spanned<UnicastPeer>>>>,
    pub(super) seen_peers: Seen<IpAddr>,
    pub(super) unicast_ttl: Option<u8>,
    pub(super) check_unicast_source: bool,
    pub(super) unicast_fault_no_peer: bool,
    pub(super) old_checksum: OldChecksum,
    pub(super) vrf: Option<Spanned<InterfaceName>>,
    pub(super) vmac: Option<Spanned<Vmac>>,
    pub(super) vmac_xmit_base: bool,
    pub(super) vmac_for_addresses: bool,
    pub(super) ipvlan: Option<Spanned<Ipvlan>>,
    pub(super) timer_expired_backup: Option<Option<Priority>>,
    pub(super) rx_buffer_bytes: Option<u32>,
    pub(super) notify: Notify,
    pub(super) notify_priority_changes: Option<bool>,
}

impl Reader<'_> {
    pub(super) fn instance(&mut self, name: Name, body: &Body<'_>) -> Option<()> {
        let mut draft = Draft::default();
        for setting in self.block_settings("vrrp_instance", body) {
            self.instance_setting(&mut draft, setting);
        }
        self.check_doubts(&draft);
        let instance = self.resolve(name, draft)?;
        // The addresses give the family.
        if !self.is_excused("virtual_ipaddress", Code::SameRouter) {
            self.check_clashes(&instance);
        }
        self.config.instances.push(instance);
        Some(())
    }

    fn instance_setting(&mut self, draft: &mut Draft, setting: Setting<'_, '_>) {
        let keyword = setting.keyword.name;
        let handled = draft.set_identity(&setting)
            || draft.announce.set(keyword, &setting.value)
            || draft.set_flag(&setting)
            || draft.set_network(&setting);
        if handled || self.set_notify(&mut draft.notify, &setting) {
            return;
        }
        match setting.value {
            Value::Items(body) => self.instance_items(draft, keyword, body),
            Value::Block(block, body) if keyword == "authentication" => {
                draft.authentication = self.authentication(block, body, setting.at);
                let mut settings = body.statements.iter();
                let kind = settings.find(|setting| setting.keyword().text == "auth_type");
                draft.auth_type =
                    kind.and_then(|kind| kind.arguments().first()).map(|word| word.span);
            }
            Value::Block(block, body) => {
                draft.authentication = self.auth_hmac(block, body, setting.at);
            }
            Value::Words(words) => match keyword {
                "use_vmac" => {
                    draft.vmac = self.vmac(words).map(|vmac| setting.spanned(vmac));
                }
                "use_ipvlan" => {
                    draft.ipvlan = self.ipvlan(words).map(|ipvlan| setting.spanned(ipvlan));
                }
                "garp_extra_if" | "vmac_garp_intvl" => {
                    let pace = self.extra_pace(words);
                    draft.announce.set_extra(pace);
                }
                _ => {
                    let never = words.first().is_some_and(|word| word.text == "never");
                    draft.old_checksum = match never {
                        true => OldChecksum::Never,
                        false => OldChecksum::Always,
                    };
                }
            },
            _ => {}
        }
    }

    fn instance_items(&mut self, draft: &mut Draft, keyword: &str, body: &Body<'_>) {
        match keyword {
            "virtual_ipaddress" => {
                let addresses = self.addresses(body, false);
                if addresses.is_empty() && !body.statements.is_empty() {
                    self.amiss.failed.push("virtual_ipaddress");
                }
                draft.addresses.extend(addresses);
            }
            "virtual_ipaddress_excluded" => {
                draft.excluded_addresses.extend(self.addresses(body, false))
            }
            "virtual_routes" => self.routes(&mut draft.routes, body, false),
            "virtual_rules" => self.rules(&mut draft.rules, body, false),
            "unicast_peer" => {
                let peers = self.unicast_peers(&mut draft.seen_peers, body);
                draft.peers.get_or_insert(Spanned::new(Vec::new(), body.open)).value.extend(peers);
            }
            _ => {
                self.track(&mut draft.tracks, keyword, body);
            }
        }
    }

    /// Takes what is to be run; `false` if the setting is none of that.
    pub(super) fn set_notify(&mut self, notify: &mut Notify, setting: &Setting<'_, '_>) -> bool {
        let place = match setting.keyword.name {
            "notify" => &mut notify.any,
            "notify_master" => &mut notify.master,
            "notify_backup" => &mut notify.backup,
            "notify_fault" => &mut notify.fault,
            "notify_stop" => &mut notify.stop,
            "notify_master_rx_lower_pri" => &mut notify.master_rx_lower_priority,
            "notify_deleted" => {
                notify.say_deleted = true;
                &mut notify.deleted
            }
            _ => return false,
        };
        if let Value::Command(command) = &setting.value {
            let user = command.user.clone().or_else(|| self.config.global.script_user.clone());
            *place = Some(setting.spanned(Command { words: command.words.clone(), user }));
        }
        true
    }
}

impl Draft {
    /// Takes what says which router it is; `false` if the setting is none of that.
    fn set_identity(&mut self, setting: &Setting<'_, '_>) -> bool {
        match (setting.keyword.name, &setting.value) {
            ("interface", Value::Interface(name)) => {
                self.interface = Some(setting.spanned(name.clone()));
            }
            ("virtual_router_id", Value::Int(number)) => {
                self.vrid = Vrid::new(*number as u8).map(|vrid| setting.spanned(vrid));
            }
            ("state", Value::Choice(state)) => {
                let state = match *state {
                    "MASTER" => FirstState::Master,
                    _ => FirstState::Backup,
                };
                self.state = Some(setting.spanned(state));
            }
            ("priority", Value::Int(number)) => {
                self.priority = Some(setting.spanned(Priority::new(*number as u8)));
            }
            ("advert_int", Value::Time(time)) => self.interval = Some(setting.spanned(*time)),
            ("version", Value::Int(number)) => {
                self.version = Some(setting.spanned(version_of(*number)));
            }
            ("preempt_delay", Value::Time(time)) => {
                self.preempt_delay = Some(setting.spanned(*time));
            }
            ("nopreempt", _) => self.nopreempt = Some(setting.at),
            ("preempt", _) => self.nopreempt = None,
            ("down_timer_adverts", Value::Int(count)) => {
                self.down_timer_adverts = Some(*count as u8);
            }
            ("timer_expired_backup" | "thread_timer_expired", Value::Int(number)) => {
                self.timer_expired_backup = Some(Some(Priority::new(*number as u8)));
            }
            ("timer_expired_backup" | "thread_timer_expired", _) => {
                self.timer_expired_backup = Some(None);
            }
            _ => return false,
        }
        true
    }

    /// Takes a truth value; `false` if the setting is none.
    fn set_flag(&mut self, setting: &Setting<'_, '_>) -> bool {
        let Value::Bool(on) = setting.value else { return false };
        match setting.keyword.name {
            "lower_prio_no_advert" => self.lower_prio_no_advert = Some(setting.spanned(on)),
            "higher_prio_send_advert" => self.higher_prio_send_advert = Some(on),
            "owner_ignore_adverts" => self.owner_ignore_adverts = Some(setting.spanned(on)),
            "v3_checksum_as_v2" => self.checksum = Some(setting.spanned(checksum_of(on))),
            "skip_check_adv_addr" => self.skip_check_adv_addr = Some(on),
            "strict_mode" => self.strict = Some(setting.spanned(on)),
            "no_accept" => self.no_accept = true,
            "accept" => self.no_accept = false,
            "no_virtual_ipaddress" => self.no_addresses = true,
            "native_ipv6" => self.native_ipv6 = Some(setting.at),
            "dont_track_primary" => self.dont_track_primary = true,
            "promote_secondaries" => self.promote_secondaries = true,
            "track_src_ip" => self.track_source = true,
            "check_unicast_src" => self.check_unicast_source = true,
            "unicast_fault_no_peer" => self.unicast_fault_no_peer = true,
            "use_vmac_addr" => self.vmac_for_addresses = true,
            "vmac_xmit_base" => self.vmac_xmit_base = true,
            "notify_priority_changes" => self.notify_priority_changes = Some(on),
            _ => return false,
        }
        true
    }

    /// Takes what has to do with sockets; `false` if the setting has not.
    fn set_network(&mut self, setting: &Setting<'_, '_>) -> bool {
        match (setting.keyword.name, &setting.value) {
            ("mcast_src_ip" | "unicast_src_ip", Value::Ip(address)) => {
                self.source = Some(setting.spanned(*address));
            }
            ("mcast_dst_ip", Value::Ip(address)) => self.group = Some(setting.spanned(*address)),
            ("unicast_ttl", Value::Int(ttl)) => self.unicast_ttl = Some(*ttl as u8),
            ("vrf", Value::Interface(name)) => self.vrf = Some(setting.spanned(name.clone())),
            ("kernel_rx_buf_size", Value::Int(bytes)) => {
                self.rx_buffer_bytes = Some(*bytes as u32);
            }
            _ => return false,
        }
        true
    }
}

impl Draft {
    /// A password, in the two ways that VRRPv2 had.
    pub(super) fn authentication_of(header: bool, password: AuthPass) -> Authentication {
        if header { Authentication::Header(password) } else { Authentication::Password(password) }
    }
}
