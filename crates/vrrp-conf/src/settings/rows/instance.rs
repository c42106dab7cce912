//! `vrrp_instance`.

use super::authentication::{AUTH_HMAC, AUTHENTICATION, sent_password};
use super::watch::*;
use super::*;
use crate::model::{Authentication, Checksum, Destination, Instance, Unicast};
use crate::settings::global::{HANDOVER, checksum_of, handover_word, is_fast, version_of};
use crate::settings::instance::{
    InstanceDraft, first_state, old_checksum, on_failure, on_failure_word, state_word,
};

const GLOBAL: &str = "`global_defs`";

fn own_authentication(instance: &Instance) -> Option<&Authentication> {
    instance.authentication.as_ref().map(|authentication| &authentication.value)
}

/// To whom an instance sends, if not to a group.
fn unicast(instance: &Instance) -> Option<&Unicast> {
    match &instance.destination {
        Destination::Unicast(unicast) => Some(unicast),
        Destination::Multicast(_) => None,
    }
}

/// The group of an instance, if it is not the one that all have.
fn own_group(config: &Config, instance: &Instance) -> Option<IpAddr> {
    let Destination::Multicast(group) = instance.destination else { return None };
    let inherited: IpAddr = match instance.family {
        Family::V4 => config.global.multicast_v4.into(),
        Family::V6 => config.global.multicast_v6.into(),
    };
    Some(group.value).filter(|group| *group != inherited)
}

const VRRP_INSTANCE_ROWS: &[Row<InstanceDraft>] = &[
    row::<InstanceDraft>(
        "state",
        Choice(&["MASTER", "BACKUP"]),
        "what is expected at start: MASTER makes the priority 255 where none is given, and \
             switches `nopreempt` and `preempt_delay` off",
    )
    .default("BACKUP")
    .fills(Fill::Choice(|to, state| to.state = Some(state.map(first_state))))
    .shown(|_, instance, mut line| line.value(&state_word(*instance.first_state))),
    row::<InstanceDraft>(
        "interface",
        Interface,
        "the interface to work on; required unless it has `unicast_peer`",
    )
    .fills(Fill::Interface(|to, name| to.interface = Some(name)))
    .shown(|_, instance, mut line| line.option(instance.interface.as_ref())),
    row::<InstanceDraft>("virtual_router_id", Int(1, 255), "the VRID; required")
        .fills(Fill::Number(|to, number| {
            to.vrid = Vrid::new(*number as u8).map(|vrid| number.map(|_| vrid))
        }))
        .shown(|_, instance, mut line| line.value(&instance.vrid)),
    row::<InstanceDraft>("priority", Int(1, 255), "the highest is master; 255 owns the addresses")
        .default("100")
        .fills(Fill::Number(|to, number| {
            to.priority = Some(number.map(|number| Priority::new(number as u8)))
        }))
        .shown(|_, instance, mut line| line.value(&instance.priority)),
    row::<InstanceDraft>(
        "advert_int",
        Secs(10_000, 255 * SECOND),
        "seconds between adverts: whole ones in version 2, 0.01 to 40.95 in version 3",
    )
    .default("1")
    .fills(Fill::Time(|to, time| to.interval = Some(time)))
    .shown(|_, instance, mut line| line.secs(instance.interval.as_duration())),
    row::<InstanceDraft>("version", Int(2, 3), "the version of the protocol")
        .default("`vrrp_version`; 3 for IPv6")
        .fills(Fill::Number(|to, number| to.version = Some(number.map(version_of))))
        .shown(|_, instance, mut line| line.value(&instance.version)),
    row::<InstanceDraft>(
        "authentication",
        Block(&AUTHENTICATION.block),
        "a password, version 2 only",
    )
    .fills(Fill::Nested(|reader, to, statement, body| reader.authentication(to, statement, body)))
    .shown(|config, instance, mut line| {
        if let Some(sent) = sent_password(instance) {
            line.block(None, |lines| AUTHENTICATION.show(config, &sent, lines));
        }
    }),
    row::<InstanceDraft>(
        "virtual_ipaddress",
        Items(ADDRESS),
        "the addresses of the router, all of one family",
    )
    .fills(Fill::Nested(|reader, to, _, body| reader.virtual_addresses(to, body)))
    .shown(|_, instance, mut line| {
        line.items(&instance.addresses, |address| address_words(address))
    }),
    row::<InstanceDraft>(
        "virtual_ipaddress_excluded",
        Items(ADDRESS),
        "more addresses that move with it, and are not in the adverts",
    )
    .fills(Fill::Nested(|reader, to, _, body| {
        to.excluded_addresses.extend(reader.addresses(body, false))
    }))
    .shown(|_, instance, mut line| {
        line.items(&instance.excluded_addresses, |address| address_words(address))
    }),
    row::<InstanceDraft>("no_virtual_ipaddress", Flag, "no addresses on purpose")
        .default("off")
        .fills(Fill::Bool(|to, _| to.no_addresses = true))
        .shown(|_, instance, mut line| line.flag(instance.no_addresses)),
    row::<InstanceDraft>("virtual_routes", Items(ROUTE), "routes that move with it")
        .fills(Fill::Nested(|reader, to, _, body| reader.routes(&mut to.routes, body, false)))
        .shown(|_, instance, mut line| line.items(&instance.routes, |route| route_words(route))),
    row::<InstanceDraft>("virtual_rules", Items(RULE), "rules that move with it")
        .fills(Fill::Nested(|reader, to, _, body| reader.rules(&mut to.rules, body, false)))
        .shown(|_, instance, mut line| line.items(&instance.rules, |rule| rule_words(rule))),
    row::<InstanceDraft>("nopreempt", Flag, "leave a worse router that is master alone")
        .default("off")
        .fills(Fill::Bool(|to, on| to.nopreempt = Some(on.span)))
        .shown(|_, instance, mut line| line.flag(!*instance.preempt.enabled)),
    row::<InstanceDraft>("preempt", Flag, "take over from a worse router")
        .default("on")
        .fills(Fill::Bool(|to, _| to.nopreempt = None))
        .shown(|_, instance, mut line| line.flag(*instance.preempt.enabled)),
    row::<InstanceDraft>("preempt_delay", Secs(0, 1000 * SECOND), "seconds to wait before that")
        .default("0")
        .fills(Fill::Time(|to, time| to.preempt_delay = Some(time)))
        .shown(|_, instance, mut line| line.secs_unless_zero(*instance.preempt.delay)),
    row::<InstanceDraft>("garp_master_delay", Secs(0, DAY), "seconds to a second burst; 0: none")
        .default(GLOBAL)
        .fills(Fill::Time(|to, time| to.announce.delay = Some(*time)))
        .shown(|_, instance, mut line| line.secs(instance.announce.delay)),
    row::<InstanceDraft>("garp_master_repeat", Rounds(1, MAX_ROUNDS), "rounds of announcements")
        .default(GLOBAL)
        .fills(Fill::Number(|to, count| to.announce.repeat = Some(*count as u32)))
        .shown(|_, instance, mut line| line.value(&instance.announce.repeat)),
    row::<InstanceDraft>("garp_master_refresh", Secs(0, DAY), "seconds between refreshes; 0: none")
        .default(GLOBAL)
        .fills(Fill::Time(|to, time| to.announce.refresh = Some(*time)))
        .shown(|_, instance, mut line| line.secs(instance.announce.refresh)),
    row::<InstanceDraft>(
        "garp_master_refresh_repeat",
        Rounds(1, MAX_ROUNDS),
        "rounds of a refresh",
    )
    .default(GLOBAL)
    .fills(Fill::Number(|to, count| to.announce.refresh_repeat = Some(*count as u32)))
    .shown(|_, instance, mut line| line.value(&instance.announce.refresh_repeat)),
    row::<InstanceDraft>("garp_lower_prio_delay", Secs(0, DAY), "after a losing advert")
        .default(GLOBAL)
        .fills(Fill::Time(|to, time| to.announce.lower_prio_delay = Some(*time)))
        .shown(|_, instance, mut line| line.secs(instance.announce.lower_prio_delay)),
    row::<InstanceDraft>("garp_lower_prio_repeat", Rounds(0, MAX_ROUNDS), "after a losing advert")
        .default(GLOBAL)
        .fills(Fill::Number(|to, count| {
            to.announce.lower_prio_repeat = Some(*count as u32);
            to.lower_prio_repeat_at = Some(count.span).filter(|_| *count > 0);
        }))
        .shown(|_, instance, mut line| line.value(&instance.announce.lower_prio_repeat)),
    row::<InstanceDraft>(
        "garp_extra_if",
        Words(1, 2, "[all] SECONDS"),
        "seconds between announcements on other interfaces that carry addresses",
    )
    .default(GLOBAL)
    .fills(Fill::Words(|reader, to, words, _| to.announce.extra = reader.extra_pace(words)))
    .shown(|_, instance, mut line| line.extra_pace(&instance.announce)),
    row::<InstanceDraft>(
        "vmac_garp_intvl",
        Words(1, 2, "[all] SECONDS"),
        "old name of `garp_extra_if`",
    )
    .default(GLOBAL)
    .fills(Fill::Words(|reader, to, words, _| to.announce.extra = reader.extra_pace(words))),
    row::<InstanceDraft>(
        "on_failure",
        Choice(&["keep", "release"]),
        "what becomes of its addresses when the daemon is killed, crashes or hangs: `release` removes \
             them at once (vrrpd's own keyword)",
    )
    .default(GLOBAL)
    .fills(Fill::Choice(|to, word| to.on_failure = Some(on_failure(*word))))
    .shown(|_, instance, mut line| line.option(on_failure_word(instance.on_failure).as_ref())),
    row::<InstanceDraft>(
        "down_timer_adverts",
        Int(1, 100),
        "missed adverts that mean that the master is gone",
    )
    .default(GLOBAL)
    .fills(Fill::Number(|to, count| to.down_timer_adverts = Some(count.map(|count| count as u8))))
    .shown(|_, instance, mut line| line.value(&instance.down_timer_adverts)),
    row::<InstanceDraft>("lower_prio_no_advert", OptBool, "do not answer a losing advert")
        .default(GLOBAL)
        .fills(Fill::Bool(|to, on| to.lower_prio_no_advert = Some(on)))
        .shown(|_, instance, mut line| line.switch(*instance.lower_prio_no_advert)),
    row::<InstanceDraft>(
        "handover",
        Choice(&HANDOVER),
        "how soon a master that loses priority is replaced (vrrpd's own keyword)",
    )
    .default(GLOBAL)
    .fills(Fill::Choice(|to, word| to.fast_handover = Some(word.map(is_fast))))
    .shown(|_, instance, mut line| line.value(&handover_word(instance.fast_handover))),
    row::<InstanceDraft>("higher_prio_send_advert", OptBool, "one more advert before giving way")
        .default(GLOBAL)
        .fills(Fill::Bool(|to, on| to.higher_prio_send_advert = Some(on)))
        .shown(|_, instance, mut line| line.switch(instance.higher_prio_send_advert)),
    row::<InstanceDraft>(
        "owner_ignore_adverts",
        OptBool,
        "with priority 255, ignore received adverts",
    )
    .default(GLOBAL)
    .fills(Fill::Bool(|to, on| to.owner_ignore_adverts = Some(on)))
    .shown(|_, instance, mut line| line.switch(*instance.owner_ignore_adverts)),
    row::<InstanceDraft>(
        "v3_checksum_as_v2",
        OptBool,
        "send the checksum of RFC 9568 over IPv4, without a pseudo-header",
    )
    .default(GLOBAL)
    .fills(Fill::Bool(|to, on| to.checksum = Some(on.map(checksum_of))))
    .shown(|_, instance, mut line| line.switch(*instance.checksum == Checksum::MessageOnly)),
    track_interface(),
    track_script(),
    track_process(),
    track_file(),
    track_bfd(),
    row::<InstanceDraft>(
        "dont_track_primary",
        Flag,
        "the link state of the instance's interface does not matter",
    )
    .default("off")
    .fills(Fill::Bool(|to, _| to.dont_track_primary = true))
    .shown(|_, instance, mut line| line.flag(!instance.track_primary)),
    notify(),
    notify_master(),
    notify_backup(),
    notify_fault(),
    notify_stop(),
    notify_deleted(),
    row::<InstanceDraft>(
        "notify_master_rx_lower_pri",
        Command,
        "run when a master hears a losing advert, once a second at most",
    )
    .fills(Fill::Run(|to, command| to.notify.master_rx_lower_priority = command))
    .shown(|_, instance, mut line| {
        line.command(instance.notify.master_rx_lower_priority.as_deref())
    }),
    notify_priority_changes(),
    smtp_alert(),
    row::<InstanceDraft>("mcast_src_ip", Ip, "the source of adverts")
        .default("the interface's address")
        .fills(Fill::Ip(|to, source| to.source = Some(source)))
        .shown(|_, instance, mut line| {
            line.option(instance.source.as_ref().filter(|_| unicast(instance).is_none()))
        }),
    row::<InstanceDraft>("unicast_src_ip", Ip, "the source of adverts")
        .default("the interface's address")
        .fills(Fill::Ip(|to, source| to.source = Some(source)))
        .shown(|_, instance, mut line| {
            line.option(instance.source.as_ref().filter(|_| unicast(instance).is_some()))
        }),
    row::<InstanceDraft>("mcast_dst_ip", Ip, "the group that adverts go to")
        .default("`vrrp_mcast_group4`")
        .fills(Fill::Ip(|to, group| to.group = Some(group)))
        .shown(|config, instance, mut line| line.option(own_group(config, instance).as_ref())),
    row::<InstanceDraft>(
        "track_src_ip",
        Flag,
        "FAULT while the source is on no interface; a unicast source that is none is always one",
    )
    .default("off")
    .fills(Fill::Bool(|to, _| to.track_source = true))
    .shown(|_, instance, mut line| line.flag(instance.track_source)),
    row::<InstanceDraft>(
        "unicast_peer",
        Items("ADDRESS [min_ttl NUMBER] [max_ttl NUMBER]"),
        "adverts go to these instead of a group",
    )
    .fills(Fill::Nested(|reader, to, _, body| reader.unicast_peers(to, body)))
    .shown(|_, instance, mut line| {
        line.items(unicast(instance).map_or(&[], |unicast| &unicast.peers), |peer| peer_words(peer))
    }),
    row::<InstanceDraft>("unicast_ttl", Int(0, 255), "the hop limit of unicast adverts")
        .default("255")
        .fills(Fill::Number(|to, ttl| to.unicast_ttl = Some(*ttl as u8)))
        .shown(|_, instance, mut line| {
            line.option(unicast(instance).and_then(|unicast| unicast.ttl).as_ref())
        }),
    row::<InstanceDraft>("check_unicast_src", Flag, "accept adverts of peers only")
        .default("`vrrp_check_unicast_src`")
        .fills(Fill::Bool(|to, _| to.check_unicast_source = true))
        .shown(|_, instance, mut line| {
            line.flag(unicast(instance).is_some_and(|unicast| unicast.check_source))
        }),
    row::<InstanceDraft>("unicast_fault_no_peer", Flag, "FAULT without any peer")
        .default("off")
        .fills(Fill::Bool(|to, _| to.unicast_fault_no_peer = true))
        .shown(|_, instance, mut line| {
            line.flag(unicast(instance).is_some_and(|unicast| unicast.peers.is_empty()))
        }),
    row::<InstanceDraft>(
        "old_unicast_checksum",
        Words(0, 1, "[never]"),
        "the checksum of very old peers",
    )
    .default("detect")
    .fills(Fill::Words(|_, to, words, _| to.old_checksum = old_checksum(words)))
    .shown(|_, instance, mut line| line.old_checksum(unicast(instance))),
    row::<InstanceDraft>("native_ipv6", Flag, "IPv6, where no address says so")
        .default("off")
        .fills(Fill::Bool(|to, on| to.native_ipv6 = Some(on.span)))
        .shown(|_, instance, mut line| {
            line.flag(instance.family == Family::V6 && *instance.version == Version::V3)
        }),
    row::<InstanceDraft>("use_vmac", Words(0, 2, "[INTERFACE] [MAC]"), "a virtual MAC")
        .default("off")
        .support(NotYet(Refuse))
        .fills(Fill::Words(|reader, to, words, at| {
            to.vmac = reader.vmac(words).map(|vmac| Spanned::new(vmac, at))
        }))
        .shown(|_, instance, mut line| line.vmac(instance.vmac.as_deref())),
    row::<InstanceDraft>("use_vmac_addr", Flag, "a virtual MAC for addresses on other interfaces")
        .default("off")
        .support(NotYet(Refuse))
        .fills(Fill::Bool(|to, _| to.vmac_for_addresses = true))
        .shown(|_, instance, mut line| {
            line.flag(instance.vmac.as_ref().is_some_and(|vmac| vmac.for_addresses))
        }),
    row::<InstanceDraft>(
        "vmac_xmit_base",
        Flag,
        "adverts go through the interface below the virtual MAC",
    )
    .default("off")
    .support(NotYet(Warn))
    .fills(Fill::Bool(|to, on| to.vmac_xmit_base = Some(on.span)))
    .shown(|_, instance, mut line| {
        line.flag(instance.vmac.as_ref().is_some_and(|vmac| vmac.xmit_base))
    }),
    row::<InstanceDraft>(
        "use_ipvlan",
        Words(0, 3, "[INTERFACE] [ADDRESS] [bridge|private|vepa]"),
        "an ipvlan interface",
    )
    .default("off")
    .support(NotYet(Refuse))
    .fills(Fill::Words(|reader, to, words, at| {
        to.ipvlan = reader.ipvlan(words).map(|ipvlan| Spanned::new(ipvlan, at))
    }))
    .shown(|_, instance, mut line| line.ipvlan(instance.ipvlan.as_deref())),
    row::<InstanceDraft>("vrf", Interface, "the VRF of a unicast instance without interface")
        .fills(Fill::Interface(|to, name| to.vrf = Some(name)))
        .shown(|_, instance, mut line| line.option(instance.vrf.as_ref())),
    row::<InstanceDraft>("accept", Flag, "packets to the addresses are accepted")
        .default("on")
        .fills(Fill::Bool(|to, on| to.accept = Some(on)))
        .shown(|_, instance, mut line| line.flag(instance.accept)),
    row::<InstanceDraft>(
        "no_accept",
        Flag,
        "packets to the addresses are dropped unless the priority is 255",
    )
    .default("off")
    .fills(Fill::Bool(|to, on| to.accept = Some(on.map(|_| false))))
    .shown(|_, instance, mut line| line.flag(!instance.accept)),
    row::<InstanceDraft>("strict_mode", OptBool, "hold to the protocol's letter")
        .default("`vrrp_strict`")
        .fills(Fill::Bool(|to, on| to.strict = Some(on)))
        .shown(|_, instance, mut line| line.switch(instance.strict)),
    row::<InstanceDraft>("skip_check_adv_addr", OptBool, "")
        .default("off")
        .support(Accepted("comparing the addresses costs nothing worth skipping"))
        .fills(Fill::Bool(|to, on| to.skip_check_adv_addr = Some(*on)))
        .shown(|_, instance, mut line| line.switch(instance.skip_check_adv_addr)),
    row::<InstanceDraft>("promote_secondaries", Flag, "")
        .default("off")
        .support(Accepted("an address that is removed never takes others of its subnet with it"))
        .fills(Fill::Bool(|to, _| to.promote_secondaries = true))
        .shown(|_, instance, mut line| line.flag(instance.promote_secondaries)),
    row::<InstanceDraft>(
        "timer_expired_backup",
        OptInt(1, 254),
        "with `nopreempt`: give way after having been late",
    )
    .default("off")
    .support(Accepted("a master that stood still until others took over always gives way"))
    .fills(Fill::Perhaps(|to, number| {
        to.timer_expired_backup = Some(number.map(|number| Priority::new(*number as u8)))
    }))
    .shown(|_, instance, mut line| line.perhaps(instance.timer_expired_backup)),
    row::<InstanceDraft>(
        "thread_timer_expired",
        OptInt(1, 254),
        "old name of `timer_expired_backup`",
    )
    .default("off")
    .support(Accepted("a master that stood still until others took over always gives way"))
    .fills(Fill::Perhaps(|to, number| {
        to.timer_expired_backup = Some(number.map(|number| Priority::new(*number as u8)))
    })),
    row::<InstanceDraft>(
        "auth_hmac",
        Block(&AUTH_HMAC.block),
        "signed adverts, in both versions; the same on all routers",
    )
    .fills(Fill::Nested(|reader, to, statement, body| reader.auth_hmac(to, statement, body)))
    .shown(|config, instance, mut line| {
        if let Some(Authentication::Hmac(hmac)) = own_authentication(instance) {
            line.block(None, |lines| AUTH_HMAC.show(config, hmac, lines));
        }
    }),
    row::<InstanceDraft>("kernel_rx_buf_size", Int(0, MAX_COUNT), "")
        .support(BUFFERS)
        .fills(Fill::Number(|to, bytes| to.rx_buffer_bytes = Some(*bytes as u32)))
        .shown(|_, instance, mut line| line.option(instance.rx_buffer_bytes.as_ref())),
    row::<InstanceDraft>("linkbeat_use_polling", Flag, "").default("off").support(LINKBEAT),
    row::<InstanceDraft>("debug", OptInt(0, 4), "")
        .support(Accepted("what is logged is chosen on the command line")),
    row::<InstanceDraft>("lvs_sync_daemon_interface", Anything, "").support(IPVS),
];
static VRRP_INSTANCE_KEYWORDS: [Keyword; VRRP_INSTANCE_ROWS.len()] = keywords(VRRP_INSTANCE_ROWS);
/// One virtual router on one interface.
pub(in crate::settings) static VRRP_INSTANCE: Table<InstanceDraft> = Table {
    block: Block::new("One virtual router on one interface.", &VRRP_INSTANCE_KEYWORDS)
        .named("NAME")
        .repeated(),
    rows: VRRP_INSTANCE_ROWS,
};
