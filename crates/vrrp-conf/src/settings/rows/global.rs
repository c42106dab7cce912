//! `global_defs`.

use super::*;
use crate::model::Announce;
use crate::settings::global::{Globals, HANDOVER, checksum_of, is_fast, version_of};
use crate::settings::instance::on_failure;
use crate::settings::value::owned;

/// The pace of announcements, which only `global_defs` can set: all instances have the same.
fn pace(config: &Config) -> Announce {
    config.instances.first().map(|instance| instance.announce).unwrap_or_default()
}

const GLOBAL_DEFS_ROWS: &[Row<Globals>] = &[
    row::<Globals>("router_id", Word("NAME"), "a name for this machine")
        .default("the host's name")
        .fills(Fill::Text(|to, name| to.global.router_id = Some(name)))
        .shown(|config, _, mut line| line.option(config.global.router_id.as_ref())),
    row::<Globals>("script_user", User, "the user, and group, of scripts that name none")
        .default("keepalived_script")
        .fills(Fill::User(|to, user| to.global.script_user = Some(user)))
        .shown(|config, _, mut line| line.user(config.global.script_user.as_deref())),
    row::<Globals>(
        "enable_script_security",
        Flag,
        "refuse to run as root what another user could change",
    )
    .default("off")
    .fills(Fill::Bool(|to, _| to.global.script_security = true))
    .shown(|config, _, mut line| line.flag(config.global.script_security)),
    row::<Globals>(
        "vrrp_notify_timeout",
        Secs(SECOND / 10, DAY),
        "how long a notify program may run before the next one starts (vrrpd's own keyword)",
    )
    .default("30")
    .fills(Fill::Time(|to, time| to.global.notify_timeout = *time))
    .shown(|config, _, mut line| line.secs(config.global.notify_timeout)),
    row::<Globals>("on_failure", Choice(&["keep", "release"]), "default of the instances'")
        .default("release")
        .fills(Fill::Choice(|to, word| to.defaults.on_failure = on_failure(*word))),
    row::<Globals>("vrrp_version", Int(2, 3), "the version of instances that give none")
        .default("2")
        .fills(Fill::Number(|to, number| to.defaults.version = Some(number.map(version_of)))),
    row::<Globals>("vrrp_mcast_group4", Group4, "the group that IPv4 adverts go to")
        .default("224.0.0.18")
        .fills(Fill::Ip(|to, group| to.set_group(group)))
        .shown(|config, _, mut line| line.value(&config.global.multicast_v4)),
    row::<Globals>("vrrp_mcast_group6", Group6, "the group that IPv6 adverts go to")
        .default("ff02::12")
        .fills(Fill::Ip(|to, group| to.set_group(group)))
        .shown(|config, _, mut line| line.value(&config.global.multicast_v6)),
    row::<Globals>("vrrp_garp_master_delay", Secs(0, DAY), "default of `garp_master_delay`")
        .default("5")
        .fills(Fill::Time(|to, time| to.defaults.announce.delay = Some(*time))),
    row::<Globals>(
        "vrrp_garp_master_repeat",
        Rounds(1, MAX_ROUNDS),
        "default of `garp_master_repeat`",
    )
    .default("5")
    .fills(Fill::Number(|to, count| to.defaults.announce.repeat = Some(*count as u32))),
    row::<Globals>("vrrp_garp_master_refresh", Secs(0, DAY), "default of `garp_master_refresh`")
        .default("0")
        .fills(Fill::Time(|to, time| to.defaults.announce.refresh = Some(*time))),
    row::<Globals>(
        "vrrp_garp_master_refresh_repeat",
        Rounds(1, MAX_ROUNDS),
        "default of `garp_master_refresh_repeat`",
    )
    .default("1")
    .fills(Fill::Number(|to, count| to.defaults.announce.refresh_repeat = Some(*count as u32))),
    row::<Globals>(
        "vrrp_garp_lower_prio_delay",
        Secs(0, DAY),
        "default of `garp_lower_prio_delay`",
    )
    .default("`vrrp_garp_master_delay`")
    .fills(Fill::Time(|to, time| to.defaults.announce.lower_prio_delay = Some(*time))),
    row::<Globals>(
        "vrrp_garp_lower_prio_repeat",
        Rounds(0, MAX_ROUNDS),
        "default of `garp_lower_prio_repeat`",
    )
    .default("`vrrp_garp_master_repeat`")
    .fills(Fill::Number(|to, count| to.defaults.announce.lower_prio_repeat = Some(*count as u32))),
    row::<Globals>("vrrp_min_garp", OptBool, "announce once, and not again after five seconds")
        .default("off")
        .fills(Fill::Bool(|to, on| to.defaults.min_garp = *on)),
    row::<Globals>("vrrp_down_timer_adverts", Int(1, 100), "default of `down_timer_adverts`")
        .default("3")
        .fills(Fill::Number(|to, count| to.defaults.down_timer_adverts = Some(*count as u8))),
    row::<Globals>("vrrp_lower_prio_no_advert", OptBool, "default of `lower_prio_no_advert`")
        .default("off")
        .fills(Fill::Bool(|to, on| to.defaults.lower_prio_no_advert = Some(on))),
    row::<Globals>(
        "vrrp_handover",
        Choice(&HANDOVER),
        "default of `handover` (vrrpd's own keyword)",
    )
    .default("fast")
    .fills(Fill::Choice(|to, word| to.defaults.fast_handover = Some(is_fast(*word)))),
    row::<Globals>("vrrp_higher_prio_send_advert", OptBool, "default of `higher_prio_send_advert`")
        .default("off")
        .fills(Fill::Bool(|to, on| to.defaults.higher_prio_send_advert = *on)),
    row::<Globals>("vrrp_owner_ignore_adverts", OptBool, "default of `owner_ignore_adverts`")
        .default("off")
        .fills(Fill::Bool(|to, on| to.defaults.owner_ignore_adverts = Some(on))),
    row::<Globals>("v3_checksum_as_v2", OptBool, "default of the instances'")
        .default("off")
        .fills(Fill::Bool(|to, on| to.defaults.checksum = Some(on.map(checksum_of)))),
    row::<Globals>("vrrp_garp_interval", Secs(0, DAY), "between two gratuitous ARPs")
        .default("0")
        .fills(Fill::Time(|to, time| to.defaults.announce.garp_interval = Some(*time)))
        .shown(|config, _, mut line| line.secs_unless_zero(pace(config).garp_interval)),
    row::<Globals>("vrrp_gna_interval", Secs(0, DAY), "between two advertisements")
        .default("0")
        .fills(Fill::Time(|to, time| to.defaults.announce.na_interval = Some(*time)))
        .shown(|config, _, mut line| line.secs_unless_zero(pace(config).na_interval)),
    row::<Globals>(
        "vrrp_garp_extra_if",
        Words(1, 2, "[all] SECONDS"),
        "default of `garp_extra_if`",
    )
    .default("0")
    .fills(Fill::Words(|reader, to, words, _| {
        to.defaults.announce.extra = reader.extra_pace(words)
    })),
    row::<Globals>(
        "vrrp_vmac_garp_intvl",
        Words(1, 2, "[all] SECONDS"),
        "old name of `vrrp_garp_extra_if`",
    )
    .default("0")
    .fills(Fill::Words(|reader, to, words, _| {
        to.defaults.announce.extra = reader.extra_pace(words)
    })),
    row::<Globals>("vrrp_strict", Flag, "default of `strict_mode`")
        .default("off")
        .fills(Fill::Bool(|to, on| to.defaults.strict = Some(on))),
    row::<Globals>("vrrp_check_unicast_src", Flag, "default of `check_unicast_src`")
        .default("off")
        .fills(Fill::Bool(|to, _| to.defaults.check_unicast_source = true)),
    row::<Globals>("vrrp_skip_check_adv_addr", OptBool, "")
        .default("off")
        .support(Accepted("comparing the addresses costs nothing worth skipping"))
        .fills(Fill::Bool(|to, on| to.defaults.skip_check_adv_addr = *on)),
    row::<Globals>(
        "vrrp_startup_delay",
        Secs(0, DAY),
        "hold instances back after the daemon's start",
    )
    .default("0")
    .fills(Fill::Time(|to, time| to.global.startup_delay = *time))
    .shown(|config, _, mut line| line.secs_unless_zero(config.global.startup_delay)),
    row::<Globals>(
        "vrrp_delay_after_boot",
        Secs(0, DAY),
        "hold instances back after the machine's start",
    )
    .default("0")
    .fills(Fill::Time(|to, time| to.global.delay_after_boot = *time))
    .shown(|config, _, mut line| line.secs_unless_zero(config.global.delay_after_boot)),
    row::<Globals>("log_unknown_vrids", Flag, "")
        .default("off")
        .support(Accepted("they are counted, and shown by `vrrpd status`"))
        .fills(Fill::Bool(|to, _| to.global.log_unknown_vrids = true))
        .shown(|config, _, mut line| line.flag(config.global.log_unknown_vrids)),
    row::<Globals>("dynamic_interfaces", Words(0, 1, "[allow_if_changes]"), "")
        .default("on")
        .support(Accepted("interfaces may always come and go"))
        .fills(Fill::Words(|_, to, _, _| to.global.dynamic_interfaces = true))
        .shown(|config, _, mut line| line.flag(config.global.dynamic_interfaces)),
    row::<Globals>(
        "default_interface",
        Interface,
        "the interface of addresses that name none, of an instance without `interface`",
    )
    .default(DEFAULT_INTERFACE)
    .fills(Fill::Interface(|to, name| to.global.default_interface = Some(name)))
    .shown(|config, _, mut line| line.option(config.global.default_interface.as_ref())),
    row::<Globals>("notify_fifo", Words(1, 3, FIFO), "a named pipe for all events")
        .support(NotYet(Warn))
        .fills(Fill::Words(|_, to, words, _| {
            to.global.notify_fifo = words.first().map(|path| owned(path).map(Into::into))
        }))
        .shown(|config, _, mut line| line.path(config.global.notify_fifo.as_ref())),
    row::<Globals>("notify_fifo_script", Command, "a program that reads it").support(NotYet(Warn)),
    row::<Globals>("vrrp_notify_fifo", Words(1, 3, FIFO), "a named pipe for events")
        .support(NotYet(Warn))
        .fills(Fill::Words(|_, to, words, _| {
            to.global.vrrp_notify_fifo = words.first().map(|path| owned(path).map(Into::into))
        }))
        .shown(|config, _, mut line| line.path(config.global.vrrp_notify_fifo.as_ref())),
    row::<Globals>("vrrp_notify_fifo_script", Command, "a program that reads it")
        .support(NotYet(Warn)),
    row::<Globals>(
        "vrrp_notify_priority_changes",
        OptBool,
        "report changes of the priority to the pipes",
    )
    .default("off")
    .support(NotYet(Warn))
    .fills(Fill::Bool(|to, on| to.defaults.notify_priority_changes = *on)),
    row::<Globals>("fifo_write_vrrp_states_on_reload", Flag, "")
        .default("off")
        .support(NotYet(Warn)),
    row::<Globals>("startup_script", Command, "run before anything else at start")
        .support(NotYet(Warn))
        .fills(Fill::Run(|to, command| to.global.startup_script = command))
        .shown(|config, _, mut line| line.command(config.global.startup_script.as_deref())),
    row::<Globals>("startup_script_timeout", Int(1, 1000), "")
        .default("10")
        .support(NotYet(Warn))
        .fills(Fill::Number(|to, count| {
            to.global.startup_script_timeout = Duration::from_secs(*count as u64)
        }))
        .shown(|config, _, mut line| line.hook_timeout(config.global.startup_script_timeout)),
    row::<Globals>("shutdown_script", Command, "run last when stopping")
        .support(NotYet(Warn))
        .fills(Fill::Run(|to, command| to.global.shutdown_script = command))
        .shown(|config, _, mut line| line.command(config.global.shutdown_script.as_deref())),
    row::<Globals>("shutdown_script_timeout", Int(1, 1000), "")
        .default("10")
        .support(NotYet(Warn))
        .fills(Fill::Number(|to, count| {
            to.global.shutdown_script_timeout = Duration::from_secs(*count as u64)
        }))
        .shown(|config, _, mut line| line.hook_timeout(config.global.shutdown_script_timeout)),
    row::<Globals>(
        "set_supplementary_groups",
        OptBool,
        "scripts get their user's supplementary groups",
    )
    .default("off")
    .support(NotYet(Warn)),
    row::<Globals>("use_symlink_paths", OptBool, "")
        .support(Accepted("paths are used as they are written")),
    row::<Globals>("vrrp_rt_priority", Int(1, 99), "real-time scheduling")
        .support(NotYet(Warn))
        .fills(Fill::Number(|to, number| {
            to.global.realtime_priority = Some(number.map(|number| number as u8))
        }))
        .shown(|config, _, mut line| line.option(config.global.realtime_priority.as_ref())),
    row::<Globals>("vrrp_rlimit_rttime", Int(1, MAX_COUNT), "its limit, in µs")
        .default("10000")
        .support(NotYet(Warn))
        .fills(Fill::Number(|to, micros| {
            to.global.realtime_limit = Some(Duration::from_micros(*micros as u64))
        }))
        .shown(|config, _, mut line| {
            line.option(config.global.realtime_limit.map(|limit| limit.as_micros()).as_ref())
        }),
    row::<Globals>("vrrp_rlimit_rtime", Int(1, MAX_COUNT), "old spelling")
        .default("10000")
        .support(NotYet(Warn))
        .fills(Fill::Number(|to, micros| {
            to.global.realtime_limit = Some(Duration::from_micros(*micros as u64))
        })),
    row::<Globals>("vrrp_priority", Int(-20, 19), "the nice value")
        .default("0")
        .support(NotYet(Warn))
        .fills(Fill::Number(|to, nice| to.global.nice = Some(nice.map(|nice| nice as i8))))
        .shown(|config, _, mut line| line.option(config.global.nice.as_ref())),
    row::<Globals>("vrrp_no_swap", Flag, "keep the memory from being swapped")
        .default("off")
        .support(NotYet(Warn))
        .fills(Fill::Bool(|to, _| to.global.no_swap = true))
        .shown(|config, _, mut line| line.flag(config.global.no_swap)),
    row::<Globals>("vrrp_cpu_affinity", Words(1, 1024, "CPU…"), "the CPUs to run on")
        .default("all")
        .support(NotYet(Warn))
        .fills(Fill::Words(|reader, to, words, _| to.global.cpu_affinity = reader.cpus(words)))
        .shown(|config, _, mut line| line.list(&config.global.cpu_affinity)),
    row::<Globals>("max_auto_priority", OptInt(-1, 99), "").support(LATE),
    row::<Globals>("min_auto_priority_delay", Int(1, 10_000_000), "").support(LATE),
    row::<Globals>("umask", Words(1, 64, "NUMBER|BITS"), "of files that are created")
        .support(NotYet(Warn)),
    row::<Globals>("vrrp_netlink_cmd_rcv_bufs", Int(0, MAX_COUNT), "").support(BUFFERS),
    row::<Globals>("vrrp_netlink_cmd_rcv_bufs_force", OptBool, "").support(BUFFERS),
    row::<Globals>("vrrp_netlink_monitor_rcv_bufs", Int(0, MAX_COUNT), "")
        .support(BUFFERS)
        .fills(Fill::Number(|to, bytes| {
            to.global.netlink_monitor_buffer_bytes = Some(*bytes as u32)
        }))
        .shown(|config, _, mut line| {
            line.option(config.global.netlink_monitor_buffer_bytes.as_ref())
        }),
    row::<Globals>("vrrp_netlink_monitor_rcv_bufs_force", OptBool, "").support(BUFFERS),
    row::<Globals>("process_monitor_rcv_bufs", Int(0, MAX_COUNT), "")
        .support(BUFFERS)
        .fills(Fill::Number(|to, bytes| {
            to.global.process_events_buffer_bytes = Some(*bytes as u32)
        }))
        .shown(|config, _, mut line| {
            line.option(config.global.process_events_buffer_bytes.as_ref())
        }),
    row::<Globals>("process_monitor_rcv_bufs_force", OptBool, "").support(BUFFERS),
    row::<Globals>("vrrp_rx_bufs_policy", Word("MTU|ADVERT|BYTES"), "").support(BUFFERS),
    row::<Globals>("vrrp_rx_bufs_multiplier", Int(1, 65535), "").support(BUFFERS),
    row::<Globals>(
        "nftables",
        Words(0, 1, "[TABLE]"),
        "the table, of the family inet, in which packets to addresses are dropped",
    )
    .default("vrrpd")
    .fills(Fill::Words(|reader, to, words, _| {
        to.global.filter_table = reader.table_name(words).unwrap_or_default()
    }))
    .shown(|config, _, mut line| line.value(&config.global.filter_table)),
    row::<Globals>("nftables_priority", Int(i32::MIN as i64, i32::MAX as i64), "of its chain")
        .default("-1")
        .support(NotYet(Warn)),
    row::<Globals>("nftables_counters", Flag, "count what its rules drop")
        .default("off")
        .support(NotYet(Warn)),
    row::<Globals>("nftables_ifindex", Flag, "")
        .default("on")
        .support(Accepted("link-local addresses always go by the index of their interface")),
    row::<Globals>("vrrp_iptables", Words(0, 2, "[CHAIN [CHAIN]]"), "").support(FIREWALL),
    row::<Globals>("vrrp_ipsets", Words(0, 5, "[SET…]"), "").support(FIREWALL),
    row::<Globals>("disable_local_igmp", Flag, "no IGMP reports for 224.0.0.0/24")
        .default("off")
        .support(NotYet(Warn)),
    row::<Globals>("vmac_prefix", Word("TEXT"), "how virtual MAC interfaces begin")
        .default("vrrp")
        .support(NotYet(Warn)),
    row::<Globals>("vmac_addr_prefix", Word("TEXT"), "")
        .default("`vmac_prefix`")
        .support(NotYet(Warn)),
    row::<Globals>("iproute_usr_dir", Word("DIRECTORY"), "").support(NotYet(Warn)),
    row::<Globals>("iproute_etc_dir", Word("DIRECTORY"), "").support(NotYet(Warn)),
    row::<Globals>("random_seed", Int(0, MAX_COUNT), "the seed of `${_RANDOM}`")
        .default("the clock"),
    row::<Globals>(
        "include_check",
        Words(0, 8, "[+|-][readable|match|wildcard_match|brace_match]…"),
        "what an include's files must be",
    )
    .repeats(true),
    row::<Globals>("reload_check_config", Words(0, 1, "[FILE]"), "").support(RELOAD),
    row::<Globals>("reload_time_file", Word("FILE"), "a file with the time of a reload")
        .support(NotYet(Warn)),
    row::<Globals>("reload_repeat", Flag, "").default("off").support(NotYet(Warn)),
    row::<Globals>("reload_file", Words(0, 1, "[FILE]"), "exists while a reload reads")
        .support(NotYet(Warn)),
    row::<Globals>("data_use_instance", OptBool, "").support(DUMPS),
    row::<Globals>("json_version", Int(1, 2), "").support(DUMPS),
    row::<Globals>("json_dump_file", Word("FILE"), "").support(DUMPS),
    row::<Globals>("state_dump_file", Word("FILE"), "").support(DUMPS),
    row::<Globals>("stats_dump_file", Word("FILE"), "").support(DUMPS),
    row::<Globals>("config_save_dir", Word("DIRECTORY"), "").support(DUMPS),
    row::<Globals>("tmp_config_directory", Word("DIRECTORY"), "").support(NAMES),
    row::<Globals>("process_names", Flag, "").support(NAMES),
    row::<Globals>("process_name", Word("NAME"), "").support(NAMES),
    row::<Globals>("vrrp_process_name", Word("NAME"), "").support(NAMES),
    row::<Globals>("checker_process_name", Word("NAME"), "").support(NAMES),
    row::<Globals>("bfd_process_name", Word("NAME"), "").support(NAMES),
    row::<Globals>("bfd_priority", Int(-20, 19), "").support(NAMES),
    row::<Globals>("bfd_no_swap", Flag, "").support(NAMES),
    row::<Globals>("bfd_cpu_affinity", Words(1, 1024, "CPU…"), "").support(NAMES),
    row::<Globals>("bfd_rt_priority", Int(1, 99), "").support(NAMES),
    row::<Globals>("bfd_rlimit_rttime", Int(1, MAX_COUNT), "").support(NAMES),
    row::<Globals>("notification_email", Anything, "").support(MAIL),
    row::<Globals>("notification_email_from", Anything, "").support(MAIL),
    row::<Globals>("smtp_server", Anything, "").support(MAIL),
    row::<Globals>("smtp_helo_name", Anything, "").support(MAIL),
    row::<Globals>("smtp_connect_timeout", Anything, "").support(MAIL),
    row::<Globals>("smtp_alert", Anything, "").support(MAIL),
    row::<Globals>("smtp_alert_vrrp", Anything, "").support(MAIL),
    row::<Globals>("smtp_alert_checker", Anything, "").support(MAIL),
    row::<Globals>("email_faults", Anything, "").support(MAIL),
    row::<Globals>("no_email_faults", Anything, "").support(MAIL),
    row::<Globals>("no_checker_emails", Anything, "").support(MAIL),
    row::<Globals>("checker_log_all_failures", Anything, "").support(CHECKER),
    row::<Globals>("checker_priority", Anything, "").support(CHECKER),
    row::<Globals>("checker_no_swap", Anything, "").support(CHECKER),
    row::<Globals>("checker_cpu_affinity", Anything, "").support(CHECKER),
    row::<Globals>("checker_rt_priority", Anything, "").support(CHECKER),
    row::<Globals>("checker_rlimit_rttime", Anything, "").support(CHECKER),
    row::<Globals>("rs_init_notifies", Anything, "").support(CHECKER),
    row::<Globals>("lvs_sync_daemon", Anything, "").support(IPVS),
    row::<Globals>("lvs_timeouts", Anything, "").support(IPVS),
    row::<Globals>("lvs_flush", Anything, "").support(IPVS),
    row::<Globals>("lvs_flush_on_stop", Anything, "").support(IPVS),
    row::<Globals>("lvs_flush_onstop", Anything, "").support(IPVS),
    row::<Globals>("lvs_notify_fifo", Anything, "").support(IPVS),
    row::<Globals>("lvs_notify_fifo_script", Anything, "").support(IPVS),
    row::<Globals>("lvs_netlink_cmd_rcv_bufs", Anything, "").support(IPVS),
    row::<Globals>("lvs_netlink_cmd_rcv_bufs_force", Anything, "").support(IPVS),
    row::<Globals>("lvs_netlink_monitor_rcv_bufs", Anything, "").support(IPVS),
    row::<Globals>("lvs_netlink_monitor_rcv_bufs_force", Anything, "").support(IPVS),
    row::<Globals>("nftables_ipvs", Anything, "").support(IPVS),
    row::<Globals>("nftables_ipvs_priority", Anything, "").support(IPVS),
    row::<Globals>("nftables_ipvs_start_fwmark", Anything, "").support(IPVS),
    row::<Globals>("snmp_socket", Anything, "").support(SNMP),
    row::<Globals>("enable_traps", Anything, "").support(SNMP),
    row::<Globals>("enable_snmp_keepalived", Anything, "").support(SNMP),
    row::<Globals>("enable_snmp_vrrp", Anything, "").support(SNMP),
    row::<Globals>("enable_snmp_checker", Anything, "").support(SNMP),
    row::<Globals>("enable_snmp_rfc", Anything, "").support(SNMP),
    row::<Globals>("enable_snmp_rfcv2", Anything, "").support(SNMP),
    row::<Globals>("enable_snmp_rfcv3", Anything, "").support(SNMP),
    row::<Globals>("enable_dbus", Anything, "").support(DBUS),
    row::<Globals>("dbus_service_name", Anything, "").support(DBUS),
    row::<Globals>("dbus_no_interface_name", Anything, "").support(DBUS),
];
static GLOBAL_DEFS_KEYWORDS: [Keyword; GLOBAL_DEFS_ROWS.len()] = keywords(GLOBAL_DEFS_ROWS);
/// Settings of the daemon, and defaults of all instances. It may stand several times.
pub(in crate::settings) static GLOBAL_DEFS: Table<Globals> = Table {
    block: Block::new(
        "Settings of the daemon, and defaults of all instances. It may stand several times.",
        &GLOBAL_DEFS_KEYWORDS,
    )
    .repeated(),
    rows: GLOBAL_DEFS_ROWS,
};
