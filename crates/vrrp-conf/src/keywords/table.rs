//! The table itself.

use super::Class::{Accepted, NotOurs, NotYet, Supported};
use super::Effect::{Refuse, Warn};
use super::Shape::{self, *};
use super::{Block, Class, Feature, FeatureId, Keyword};

const fn k(
    name: &'static str,
    class: Class,
    shape: Shape,
    default: &'static str,
    about: &'static str,
) -> Keyword {
    Keyword { name, class, shape, default, about }
}

const SECOND: u64 = 1_000_000;
const DAY: u64 = 86_400 * SECOND;
const MAX_COUNT: i64 = u32::MAX as i64;
/// Rounds of announcements: more is a flood.
const MAX_ROUNDS: i64 = 255;

const IPVS: Class = NotOurs("IPVS");
const CHECKER: Class = NotOurs("the health checkers of IPVS");
const SNMP: Class = NotOurs("SNMP");
const DBUS: Class = NotOurs("D-Bus");
const MAIL: Class = NotOurs("mail");
const DUMPS: Class = Accepted("the state is asked for with `vrrpd status`");
const NAMES: Class = Accepted("vrrpd is one process");
const FIREWALL: Class =
    Accepted("a firewall is only needed for `no_accept` and virtual MACs, which say so");
const LATE: Class = Accepted("nothing but the protocol runs on the protocol's threads");
const RELOAD: Class = Accepted("a reload reads and checks the whole file first, always");
const BUFFERS: Class = Accepted("vrrpd sizes its sockets itself");

/// Things that are more than a keyword.
pub const FEATURES: &[Feature] = &[
    Feature { id: FeatureId::Ipv6Instances, about: "an IPv6 virtual router", supported: false },
    Feature {
        id: FeatureId::OtherFamilyExcluded,
        about: "an excluded address of the other family",
        supported: false,
    },
    Feature { id: FeatureId::AuthHeader, about: "`auth_type AH`", supported: false },
];

/// The top level of a configuration.
pub const TOP_LEVEL: Block = Block {
    about: "Blocks may stand in any order.",
    argument: None,
    repeats: false,
    keywords: &[
        k("global_defs", Supported, Block(&GLOBAL_DEFS), "", "what holds for all instances"),
        k("vrrp_instance", Supported, Block(&VRRP_INSTANCE), "", "a virtual router"),
        k("vrrp_script", Supported, Block(&VRRP_SCRIPT), "", "a check that is run again and again"),
        k(
            "vrrp_track_process",
            Supported,
            Block(&VRRP_TRACK_PROCESS),
            "",
            "a process that must run",
        ),
        k("track_file", Supported, Block(&TRACK_FILE), "", "a file whose number counts"),
        k("vrrp_track_file", Supported, Block(&TRACK_FILE), "", "old name of `track_file`"),
        k(
            "vrrp_sync_group",
            NotYet(Refuse),
            Block(&VRRP_SYNC_GROUP),
            "",
            "instances that change state together",
        ),
        k("bfd_instance", NotYet(Warn), Block(&BFD_INSTANCE), "", "a BFD session"),
        k("garp_group", NotYet(Warn), Block(&GARP_GROUP), "", "the pace of announcements"),
        k("track_group", NotYet(Warn), Block(&TRACK_GROUP), "", "who tracks static addresses"),
        k("static_ipaddress", NotYet(Refuse), Items(ADDRESS), "", "addresses that stay"),
        k("static_routes", NotYet(Refuse), Items(ROUTE), "", "routes that stay"),
        k("static_rules", NotYet(Refuse), Items(RULE), "", "rules that stay"),
        k(
            "linkbeat_interfaces",
            NotYet(Warn),
            Items("INTERFACE [MII|ETHTOOL|IOCTL]"),
            "",
            "interfaces whose link is polled",
        ),
        k(
            "interface_up_down_delays",
            NotYet(Refuse),
            Items("INTERFACE DOWN-SECONDS [UP-SECONDS]"),
            "",
            "how long a link must be down or up to count as that",
        ),
        k("instance", Supported, Word("NAME"), "", "a name for this daemon, if several run here"),
        k("net_namespace", NotYet(Refuse), Word("NAME"), "", "the network namespace to work in"),
        k("net_namespace_ipvs", IPVS, Words(0, 1, "[NAME]"), "", ""),
        k("namespace_with_ipsets", FIREWALL, Flag, "", ""),
        k("use_pid_dir", Accepted("the run directory is chosen with `--run-dir`"), Flag, "", ""),
        k(
            "linkbeat_use_polling",
            NotYet(Warn),
            Flag,
            "off",
            "poll all links instead of listening to the kernel",
        ),
        k("child_wait_time", NAMES, Int(0, 1000), "", ""),
        k("virtual_server", IPVS, Anything, "", ""),
        k("virtual_server_group", IPVS, Anything, "", ""),
        k("SSL", IPVS, Anything, "", ""),
    ],
};

const GLOBAL_DEFS: Block = Block {
    about: "Settings of the daemon, and defaults of all instances. It may stand several times.",
    argument: None,
    repeats: true,
    keywords: &[
        k("router_id", Supported, Word("NAME"), "the host's name", "a name for this machine"),
        k(
            "script_user",
            Supported,
            User,
            "keepalived_script",
            "the user, and group, of scripts that name none",
        ),
        k(
            "enable_script_security",
            NotYet(Warn),
            Flag,
            "off",
            "refuse to run as root what another user could change",
        ),
        k(
            "vrrp_notify_timeout",
            Supported,
            Secs(SECOND / 10, DAY),
            "30",
            "how long a notify program may run before the next one starts (vrrpd's own keyword)",
        ),
        k("vrrp_version", Supported, Int(2, 3), "2", "the version of instances that give none"),
        k(
            "vrrp_mcast_group4",
            Supported,
            Group4,
            "224.0.0.18",
            "the group that IPv4 adverts go to",
        ),
        k("vrrp_mcast_group6", Supported, Group6, "ff02::12", "the group that IPv6 adverts go to"),
        k("vrrp_garp_master_delay", Supported, Secs(0, DAY), "5", "default of `garp_master_delay`"),
        k(
            "vrrp_garp_master_repeat",
            Supported,
            Int(1, MAX_ROUNDS),
            "5",
            "default of `garp_master_repeat`",
        ),
        k(
            "vrrp_garp_master_refresh",
            Supported,
            Secs(0, DAY),
            "0",
            "default of `garp_master_refresh`",
        ),
        k(
            "vrrp_garp_master_refresh_repeat",
            Supported,
            Int(1, MAX_ROUNDS),
            "1",
            "default of `garp_master_refresh_repeat`",
        ),
        k(
            "vrrp_garp_lower_prio_delay",
            Supported,
            Secs(0, DAY),
            "`vrrp_garp_master_delay`",
            "default of `garp_lower_prio_delay`",
        ),
        k(
            "vrrp_garp_lower_prio_repeat",
            Supported,
            Int(0, MAX_ROUNDS),
            "`vrrp_garp_master_repeat`",
            "default of `garp_lower_prio_repeat`",
        ),
        k(
            "vrrp_min_garp",
            Supported,
            OptBool,
            "off",
            "announce once, and not again after five seconds",
        ),
        k(
            "vrrp_down_timer_adverts",
            Supported,
            Int(1, 100),
            "3",
            "default of `down_timer_adverts`",
        ),
        k(
            "vrrp_lower_prio_no_advert",
            Supported,
            OptBool,
            "off",
            "default of `lower_prio_no_advert`",
        ),
        k(
            "vrrp_higher_prio_send_advert",
            Supported,
            OptBool,
            "off",
            "default of `higher_prio_send_advert`",
        ),
        k(
            "vrrp_owner_ignore_adverts",
            Supported,
            OptBool,
            "off",
            "default of `owner_ignore_adverts`",
        ),
        k("v3_checksum_as_v2", Supported, OptBool, "off", "default of the instances'"),
        k("vrrp_garp_interval", Supported, Secs(0, DAY), "0", "between two gratuitous ARPs"),
        k("vrrp_gna_interval", NotYet(Warn), Secs(0, DAY), "0", "between two advertisements"),
        k(
            "vrrp_garp_extra_if",
            NotYet(Warn),
            Words(1, 2, "[all] SECONDS"),
            "0",
            "default of `garp_extra_if`",
        ),
        k(
            "vrrp_vmac_garp_intvl",
            NotYet(Warn),
            Words(1, 2, "[all] SECONDS"),
            "0",
            "old name of `vrrp_garp_extra_if`",
        ),
        k("vrrp_strict", NotYet(Refuse), Flag, "off", "default of `strict_mode`"),
        k("vrrp_check_unicast_src", NotYet(Warn), Flag, "off", "default of `check_unicast_src`"),
        k(
            "vrrp_skip_check_adv_addr",
            Accepted("comparing the addresses costs nothing worth skipping"),
            OptBool,
            "off",
            "",
        ),
        k(
            "vrrp_startup_delay",
            NotYet(Refuse),
            Secs(0, DAY),
            "0",
            "hold instances back after the daemon's start",
        ),
        k(
            "vrrp_delay_after_boot",
            NotYet(Refuse),
            Secs(0, DAY),
            "0",
            "hold instances back after the machine's start",
        ),
        k(
            "log_unknown_vrids",
            Accepted("they are counted, and shown by `vrrpd status`"),
            Flag,
            "off",
            "",
        ),
        k(
            "dynamic_interfaces",
            Accepted("interfaces may always come and go"),
            Words(0, 1, "[allow_if_changes]"),
            "on",
            "",
        ),
        k(
            "default_interface",
            NotYet(Warn),
            Interface,
            "eth0",
            "the interface of static addresses that name none",
        ),
        k("notify_fifo", NotYet(Warn), Words(1, 3, FIFO), "", "a named pipe for all events"),
        k("notify_fifo_script", NotYet(Warn), Command, "", "a program that reads it"),
        k("vrrp_notify_fifo", NotYet(Warn), Words(1, 3, FIFO), "", "a named pipe for events"),
        k("vrrp_notify_fifo_script", NotYet(Warn), Command, "", "a program that reads it"),
        k(
            "vrrp_notify_priority_changes",
            NotYet(Warn),
            OptBool,
            "off",
            "report changes of the priority to the pipes",
        ),
        k("fifo_write_vrrp_states_on_reload", NotYet(Warn), Flag, "off", ""),
        k("startup_script", NotYet(Warn), Command, "", "run before anything else at start"),
        k("startup_script_timeout", NotYet(Warn), Int(1, 1000), "10", ""),
        k("shutdown_script", NotYet(Warn), Command, "", "run last when stopping"),
        k("shutdown_script_timeout", NotYet(Warn), Int(1, 1000), "10", ""),
        k(
            "set_supplementary_groups",
            NotYet(Warn),
            OptBool,
            "off",
            "scripts get their user's supplementary groups",
        ),
        k("use_symlink_paths", Accepted("paths are used as they are written"), OptBool, "", ""),
        k("vrrp_rt_priority", NotYet(Warn), Int(1, 99), "", "real-time scheduling"),
        k("vrrp_rlimit_rttime", NotYet(Warn), Int(1, MAX_COUNT), "10000", "its limit, in µs"),
        k("vrrp_rlimit_rtime", NotYet(Warn), Int(1, MAX_COUNT), "10000", "old spelling"),
        k("vrrp_priority", NotYet(Warn), Int(-20, 19), "0", "the nice value"),
        k("vrrp_no_swap", NotYet(Warn), Flag, "off", "keep the memory from being swapped"),
        k("vrrp_cpu_affinity", NotYet(Warn), Words(1, 1024, "CPU…"), "all", "the CPUs to run on"),
        k("max_auto_priority", LATE, OptInt(-1, 99), "", ""),
        k("min_auto_priority_delay", LATE, Int(1, 10_000_000), "", ""),
        k("umask", NotYet(Warn), Words(1, 64, "NUMBER|BITS"), "", "of files that are created"),
        k("vrrp_netlink_cmd_rcv_bufs", BUFFERS, Int(0, MAX_COUNT), "", ""),
        k("vrrp_netlink_cmd_rcv_bufs_force", BUFFERS, OptBool, "", ""),
        k("vrrp_netlink_monitor_rcv_bufs", BUFFERS, Int(0, MAX_COUNT), "", ""),
        k("vrrp_netlink_monitor_rcv_bufs_force", BUFFERS, OptBool, "", ""),
        k("process_monitor_rcv_bufs", BUFFERS, Int(0, MAX_COUNT), "", ""),
        k("process_monitor_rcv_bufs_force", BUFFERS, OptBool, "", ""),
        k("vrrp_rx_bufs_policy", BUFFERS, Word("MTU|ADVERT|BYTES"), "", ""),
        k("vrrp_rx_bufs_multiplier", BUFFERS, Int(1, 65535), "", ""),
        k("nftables", FIREWALL, Words(0, 1, "[TABLE]"), "", ""),
        k("nftables_priority", FIREWALL, Int(i32::MIN as i64, i32::MAX as i64), "", ""),
        k("nftables_counters", FIREWALL, Flag, "", ""),
        k("nftables_ifindex", FIREWALL, Flag, "", ""),
        k("vrrp_iptables", FIREWALL, Words(0, 2, "[CHAIN [CHAIN]]"), "", ""),
        k("vrrp_ipsets", FIREWALL, Words(0, 5, "[SET…]"), "", ""),
        k("disable_local_igmp", NotYet(Warn), Flag, "off", "no IGMP reports for 224.0.0.0/24"),
        k("vmac_prefix", NotYet(Warn), Word("TEXT"), "vrrp", "how virtual MAC interfaces begin"),
        k("vmac_addr_prefix", NotYet(Warn), Word("TEXT"), "`vmac_prefix`", ""),
        k("iproute_usr_dir", NotYet(Warn), Word("DIRECTORY"), "", ""),
        k("iproute_etc_dir", NotYet(Warn), Word("DIRECTORY"), "", ""),
        k("random_seed", Supported, Int(0, MAX_COUNT), "the clock", "the seed of `${_RANDOM}`"),
        k(
            "include_check",
            Supported,
            Words(0, 8, "[+|-][readable|match|wildcard_match|brace_match]…"),
            "",
            "what an include's files must be",
        ),
        k("reload_check_config", RELOAD, Words(0, 1, "[FILE]"), "", ""),
        k("reload_time_file", NotYet(Warn), Word("FILE"), "", "a file with the time of a reload"),
        k("reload_repeat", NotYet(Warn), Flag, "off", ""),
        k("reload_file", NotYet(Warn), Words(0, 1, "[FILE]"), "", "exists while a reload reads"),
        k("data_use_instance", DUMPS, OptBool, "", ""),
        k("json_version", DUMPS, Int(1, 2), "", ""),
        k("json_dump_file", DUMPS, Word("FILE"), "", ""),
        k("state_dump_file", DUMPS, Word("FILE"), "", ""),
        k("stats_dump_file", DUMPS, Word("FILE"), "", ""),
        k("config_save_dir", DUMPS, Word("DIRECTORY"), "", ""),
        k("tmp_config_directory", NAMES, Word("DIRECTORY"), "", ""),
        k("process_names", NAMES, Flag, "", ""),
        k("process_name", NAMES, Word("NAME"), "", ""),
        k("vrrp_process_name", NAMES, Word("NAME"), "", ""),
        k("checker_process_name", NAMES, Word("NAME"), "", ""),
        k("bfd_process_name", NAMES, Word("NAME"), "", ""),
        k("bfd_priority", NAMES, Int(-20, 19), "", ""),
        k("bfd_no_swap", NAMES, Flag, "", ""),
        k("bfd_cpu_affinity", NAMES, Words(1, 1024, "CPU…"), "", ""),
        k("bfd_rt_priority", NAMES, Int(1, 99), "", ""),
        k("bfd_rlimit_rttime", NAMES, Int(1, MAX_COUNT), "", ""),
        k("notification_email", MAIL, Anything, "", ""),
        k("notification_email_from", MAIL, Anything, "", ""),
        k("smtp_server", MAIL, Anything, "", ""),
        k("smtp_helo_name", MAIL, Anything, "", ""),
        k("smtp_connect_timeout", MAIL, Anything, "", ""),
        k("smtp_alert", MAIL, Anything, "", ""),
        k("smtp_alert_vrrp", MAIL, Anything, "", ""),
        k("smtp_alert_checker", MAIL, Anything, "", ""),
        k("email_faults", MAIL, Anything, "", ""),
        k("no_email_faults", MAIL, Anything, "", ""),
        k("no_checker_emails", MAIL, Anything, "", ""),
        k("checker_log_all_failures", CHECKER, Anything, "", ""),
        k("checker_priority", CHECKER, Anything, "", ""),
        k("checker_no_swap", CHECKER, Anything, "", ""),
        k("checker_cpu_affinity", CHECKER, Anything, "", ""),
        k("checker_rt_priority", CHECKER, Anything, "", ""),
        k("checker_rlimit_rttime", CHECKER, Anything, "", ""),
        k("rs_init_notifies", CHECKER, Anything, "", ""),
        k("lvs_sync_daemon", IPVS, Anything, "", ""),
        k("lvs_timeouts", IPVS, Anything, "", ""),
        k("lvs_flush", IPVS, Anything, "", ""),
        k("lvs_flush_on_stop", IPVS, Anything, "", ""),
        k("lvs_flush_onstop", IPVS, Anything, "", ""),
        k("lvs_notify_fifo", IPVS, Anything, "", ""),
        k("lvs_notify_fifo_script", IPVS, Anything, "", ""),
        k("lvs_netlink_cmd_rcv_bufs", IPVS, Anything, "", ""),
        k("lvs_netlink_cmd_rcv_bufs_force", IPVS, Anything, "", ""),
        k("lvs_netlink_monitor_rcv_bufs", IPVS, Anything, "", ""),
        k("lvs_netlink_monitor_rcv_bufs_force", IPVS, Anything, "", ""),
        k("nftables_ipvs", IPVS, Anything, "", ""),
        k("nftables_ipvs_priority", IPVS, Anything, "", ""),
        k("nftables_ipvs_start_fwmark", IPVS, Anything, "", ""),
        k("snmp_socket", SNMP, Anything, "", ""),
        k("enable_traps", SNMP, Anything, "", ""),
        k("enable_snmp_keepalived", SNMP, Anything, "", ""),
        k("enable_snmp_vrrp", SNMP, Anything, "", ""),
        k("enable_snmp_checker", SNMP, Anything, "", ""),
        k("enable_snmp_rfc", SNMP, Anything, "", ""),
        k("enable_snmp_rfcv2", SNMP, Anything, "", ""),
        k("enable_snmp_rfcv3", SNMP, Anything, "", ""),
        k("enable_dbus", DBUS, Anything, "", ""),
        k("dbus_service_name", DBUS, Anything, "", ""),
        k("dbus_no_interface_name", DBUS, Anything, "", ""),
    ],
};

const FIFO: &str = "PATH [USER [GROUP]]";
const ADDRESS: &str = "ADDRESS[/LENGTH] [dev INTERFACE] [brd ADDRESS|+|-] [scope SCOPE] \
     [label LABEL] [peer ADDRESS[/LENGTH]] [home] [-nodad] [mngtmpaddr] [noprefixroute] \
     [autojoin] [preferred_lft SECONDS|forever] [use_vmac] [no_track] [track_group GROUP]";
const ROUTE: &str = "[KIND] DESTINATION [via ADDRESS] [dev INTERFACE] [OPTION…] \
     [nexthop [via ADDRESS] [dev INTERFACE] [onlink] [weight NUMBER] …]…";
const RULE: &str = "[from PREFIX] [to PREFIX] [OPTION…] ACTION preference NUMBER";
const TRACKED: &str = "NAME [weight NUMBER [reverse|noreverse]]";

const TRACK_INTERFACE: Keyword =
    k("track_interface", Supported, Items(TRACKED), "", "interfaces that must be up");
const TRACK_SCRIPT: Keyword =
    k("track_script", Supported, Items(TRACKED), "", "scripts that must succeed");
const TRACK_PROCESS: Keyword =
    k("track_process", Supported, Items(TRACKED), "", "processes that must run");
const TRACK_FILES: Keyword =
    k("track_file", Supported, Items(TRACKED), "", "files whose number is added");
const TRACK_BFD: Keyword =
    k("track_bfd", NotYet(Refuse), Items(TRACKED), "", "BFD sessions that must be up");
const NOTIFY: Keyword =
    k("notify", Supported, Command, "", "run on every change, with four more arguments");
const NOTIFY_MASTER: Keyword = k("notify_master", Supported, Command, "", "run on MASTER");
const NOTIFY_BACKUP: Keyword = k("notify_backup", Supported, Command, "", "run on BACKUP");
const NOTIFY_FAULT: Keyword = k("notify_fault", Supported, Command, "", "run on FAULT");
const NOTIFY_STOP: Keyword = k("notify_stop", Supported, Command, "", "run at the end");
const NOTIFY_DELETED: Keyword = k(
    "notify_deleted",
    NotYet(Warn),
    OptCommand,
    "",
    "run, and said, when a reload removed the instance",
);
const NOTIFY_PRIORITY_CHANGES: Keyword = k(
    "notify_priority_changes",
    NotYet(Warn),
    OptBool,
    "off",
    "report changes of the priority to the notify pipes",
);
const SMTP_ALERT: Keyword = k("smtp_alert", MAIL, Anything, "", "");

const VRRP_INSTANCE: Block = Block {
    about: "One virtual router on one interface.",
    argument: Some("NAME"),
    repeats: true,
    keywords: &[
        k(
            "state",
            Supported,
            Choice(&["MASTER", "BACKUP"]),
            "BACKUP",
            "what is expected at start: MASTER makes the priority 255 where none is given, and \
             switches `nopreempt` and `preempt_delay` off",
        ),
        k("interface", Supported, Interface, "", "the interface to work on; required"),
        k("virtual_router_id", Supported, Int(1, 255), "", "the VRID; required"),
        k(
            "priority",
            Supported,
            Int(1, 255),
            "100",
            "the highest is master; 255 owns the addresses",
        ),
        k(
            "advert_int",
            Supported,
            Secs(10_000, 255 * SECOND),
            "1",
            "seconds between adverts: whole ones in version 2, 0.01 to 40.95 in version 3",
        ),
        k(
            "version",
            Supported,
            Int(2, 3),
            "`vrrp_version`; 3 for IPv6",
            "the version of the protocol",
        ),
        k("authentication", Supported, Block(&AUTHENTICATION), "", "a password, version 2 only"),
        k(
            "virtual_ipaddress",
            Supported,
            Items(ADDRESS),
            "",
            "the addresses of the router, all of one family",
        ),
        k(
            "virtual_ipaddress_excluded",
            Supported,
            Items(ADDRESS),
            "",
            "more addresses that move with it, and are not in the adverts",
        ),
        k("no_virtual_ipaddress", NotYet(Refuse), Flag, "off", "no addresses on purpose"),
        k("virtual_routes", NotYet(Refuse), Items(ROUTE), "", "routes that move with it"),
        k("virtual_rules", NotYet(Refuse), Items(RULE), "", "rules that move with it"),
        k("nopreempt", Supported, Flag, "off", "leave a worse router that is master alone"),
        k("preempt", Supported, Flag, "on", "take over from a worse router"),
        k("preempt_delay", Supported, Secs(0, 1000 * SECOND), "0", "seconds to wait before that"),
        k(
            "garp_master_delay",
            Supported,
            Secs(0, DAY),
            GLOBAL,
            "seconds to a second burst; 0: none",
        ),
        k("garp_master_repeat", Supported, Int(1, MAX_ROUNDS), GLOBAL, "rounds of announcements"),
        k(
            "garp_master_refresh",
            Supported,
            Secs(0, DAY),
            GLOBAL,
            "seconds between refreshes; 0: none",
        ),
        k(
            "garp_master_refresh_repeat",
            Supported,
            Int(1, MAX_ROUNDS),
            GLOBAL,
            "rounds of a refresh",
        ),
        k("garp_lower_prio_delay", Supported, Secs(0, DAY), GLOBAL, "after a losing advert"),
        k("garp_lower_prio_repeat", Supported, Int(0, MAX_ROUNDS), GLOBAL, "after a losing advert"),
        k(
            "garp_extra_if",
            NotYet(Warn),
            Words(1, 2, "[all] SECONDS"),
            GLOBAL,
            "seconds between announcements on other interfaces that carry addresses",
        ),
        k(
            "vmac_garp_intvl",
            NotYet(Warn),
            Words(1, 2, "[all] SECONDS"),
            GLOBAL,
            "old name of `garp_extra_if`",
        ),
        k(
            "down_timer_adverts",
            Supported,
            Int(1, 100),
            GLOBAL,
            "missed adverts that mean that the master is gone",
        ),
        k("lower_prio_no_advert", Supported, OptBool, GLOBAL, "do not answer a losing advert"),
        k(
            "higher_prio_send_advert",
            Supported,
            OptBool,
            GLOBAL,
            "one more advert before giving way",
        ),
        k(
            "owner_ignore_adverts",
            Supported,
            OptBool,
            GLOBAL,
            "with priority 255, ignore received adverts",
        ),
        k(
            "v3_checksum_as_v2",
            Supported,
            OptBool,
            GLOBAL,
            "send the checksum of RFC 9568 over IPv4, without a pseudo-header",
        ),
        TRACK_INTERFACE,
        TRACK_SCRIPT,
        TRACK_PROCESS,
        TRACK_FILES,
        TRACK_BFD,
        k(
            "dont_track_primary",
            Supported,
            Flag,
            "off",
            "the link state of the instance's interface does not matter",
        ),
        NOTIFY,
        NOTIFY_MASTER,
        NOTIFY_BACKUP,
        NOTIFY_FAULT,
        NOTIFY_STOP,
        NOTIFY_DELETED,
        k(
            "notify_master_rx_lower_pri",
            NotYet(Warn),
            Command,
            "",
            "run when a master hears a losing advert",
        ),
        NOTIFY_PRIORITY_CHANGES,
        SMTP_ALERT,
        k("mcast_src_ip", Supported, Ip, "the interface's address", "the source of adverts"),
        k("unicast_src_ip", NotYet(Refuse), Ip, "the interface's address", "the source of adverts"),
        k("mcast_dst_ip", Supported, Ip, "`vrrp_mcast_group4`", "the group that adverts go to"),
        k("track_src_ip", NotYet(Refuse), Flag, "off", "FAULT while the source is on no interface"),
        k(
            "unicast_peer",
            NotYet(Refuse),
            Items("ADDRESS [min_ttl NUMBER] [max_ttl NUMBER]"),
            "",
            "adverts go to these instead of a group",
        ),
        k("unicast_ttl", NotYet(Warn), Int(0, 255), "255", "the hop limit of unicast adverts"),
        k(
            "check_unicast_src",
            NotYet(Warn),
            Flag,
            "`vrrp_check_unicast_src`",
            "accept adverts of peers only",
        ),
        k("unicast_fault_no_peer", NotYet(Refuse), Flag, "off", "FAULT without any peer"),
        k(
            "old_unicast_checksum",
            NotYet(Warn),
            Words(0, 1, "[never]"),
            "detect",
            "the checksum of very old peers",
        ),
        k("native_ipv6", Supported, Flag, "off", "IPv6, where no address says so"),
        k("use_vmac", NotYet(Refuse), Words(0, 2, "[INTERFACE] [MAC]"), "off", "a virtual MAC"),
        k(
            "use_vmac_addr",
            NotYet(Refuse),
            Flag,
            "off",
            "a virtual MAC for addresses on other interfaces",
        ),
        k(
            "vmac_xmit_base",
            NotYet(Warn),
            Flag,
            "off",
            "adverts go through the interface below the virtual MAC",
        ),
        k(
            "use_ipvlan",
            NotYet(Refuse),
            Words(0, 3, "[INTERFACE] [ADDRESS] [bridge|private|vepa]"),
            "off",
            "an ipvlan interface",
        ),
        k("vrf", NotYet(Refuse), Interface, "", "the VRF of a unicast instance without interface"),
        k("accept", Supported, Flag, "on", "packets to the addresses are accepted"),
        k(
            "no_accept",
            NotYet(Refuse),
            Flag,
            "off",
            "packets to the addresses are dropped unless the priority is 255",
        ),
        k("strict_mode", NotYet(Refuse), OptBool, "`vrrp_strict`", "hold to the protocol's letter"),
        k(
            "skip_check_adv_addr",
            Accepted("comparing the addresses costs nothing worth skipping"),
            OptBool,
            "off",
            "",
        ),
        k(
            "promote_secondaries",
            NotYet(Refuse),
            Flag,
            "off",
            "keep other addresses of the subnet when one is removed",
        ),
        k(
            "timer_expired_backup",
            NotYet(Refuse),
            OptInt(1, 254),
            "off",
            "with `nopreempt`: give way after having been late",
        ),
        k(
            "thread_timer_expired",
            NotYet(Refuse),
            OptInt(1, 254),
            "off",
            "old name of `timer_expired_backup`",
        ),
        k("auth_hmac", NotYet(Refuse), Block(&AUTH_HMAC), "", "signed adverts"),
        k("kernel_rx_buf_size", BUFFERS, Int(0, MAX_COUNT), "", ""),
        k(
            "linkbeat_use_polling",
            NotYet(Warn),
            Flag,
            "off",
            "poll the link instead of listening to the kernel",
        ),
        k("debug", Accepted("what is logged is chosen on the command line"), OptInt(0, 4), "", ""),
        k("lvs_sync_daemon_interface", IPVS, Anything, "", ""),
    ],
};

const GLOBAL: &str = "`global_defs`";

const AUTHENTICATION: Block = Block {
    about: "A password in clear: it guards against mistakes, not against attackers.",
    argument: None,
    repeats: false,
    keywords: &[
        k("auth_type", Supported, Choice(&["PASS", "AH"]), "", "PASS; required"),
        k("auth_pass", Supported, Word("PASSWORD"), "", "the first 8 bytes count; required"),
    ],
};

const AUTH_HMAC: Block = Block {
    about: "Adverts signed with HMAC-SHA256.",
    argument: None,
    repeats: false,
    keywords: &[
        k("key", Supported, Words(2, 2, "ID KEY"), "", "a key of 32 to 64 bytes"),
        k("active_key", Supported, Int(1, 255), "", "the key that signs"),
        k("anti_replay", Supported, Choice(&["time", "monotonic"]), "time", ""),
        k("time_window", Supported, Secs(SECOND, 300 * SECOND), "3 intervals, at least 5", ""),
        k("mode", Supported, Choice(&["enforce", "permissive", "receive-only"]), "enforce", ""),
    ],
};

const VRRP_SCRIPT: Block = Block {
    about: "A program whose exit code is a verdict.",
    argument: Some("NAME"),
    repeats: true,
    keywords: &[
        k("script", Supported, Program, "", "the program, in quotes if it has arguments; required"),
        k("interval", Supported, Secs(1000, DAY), "1", "seconds from start to start"),
        k("timeout", Supported, Secs(0, DAY), "`interval`", "seconds until it has failed"),
        k("weight", Supported, Weight(253), "0", "what it does to the priority; 0: FAULT"),
        k("rise", Supported, Int(1, i32::MAX as i64), "1", "successes that mean up"),
        k("fall", Supported, Int(1, i32::MAX as i64), "1", "failures that mean down"),
        k("user", Supported, User, "`script_user`", "the user, and group, that runs it"),
        k("init_fail", Supported, Flag, "off", "failed until it has succeeded"),
    ],
};

const VRRP_TRACK_PROCESS: Block = Block {
    about: "A process of which enough must run.",
    argument: Some("NAME"),
    repeats: true,
    keywords: &[
        k("process", Supported, Words(1, 1024, "NAME [PARAMETER…]"), "", "the process; required"),
        k(
            "param_match",
            Supported,
            Choice(&["initial", "partial"]),
            "exact",
            "how parameters match",
        ),
        k("weight", Supported, Weight(254), "1", "what it does to the priority; 0: FAULT"),
        k("quorum", Supported, Int(1, MAX_COUNT), "1", "so many must run"),
        k("quorum_max", Supported, Int(0, MAX_COUNT), "no limit", "no more may run"),
        k("fork_delay", Supported, Secs(0, DAY), "0", "seconds until more of them count"),
        k("terminate_delay", Supported, Secs(0, DAY), "0", "seconds until fewer of them count"),
        k("delay", Supported, Secs(0, DAY), "0", "both"),
        k("full_command", Supported, Flag, "off", "compare the command line, not the name"),
    ],
};

const TRACK_FILE: Block = Block {
    about: "A file whose number is added to the priority.",
    argument: Some("NAME"),
    repeats: true,
    keywords: &[
        k("file", Supported, Word("PATH"), "", "the file; required"),
        k("weight", Supported, Weight(i32::MAX as i64), "1", "the factor; 0: FAULT unless 0"),
        k("init_file", Supported, Words(0, 2, "[NUMBER] [overwrite]"), "", "write it at start"),
    ],
};

const VRRP_SYNC_GROUP: Block = Block {
    about: "Instances that change state together.",
    argument: Some("NAME"),
    repeats: true,
    keywords: &[
        k("group", Supported, Items("INSTANCE"), "", "the members; required"),
        TRACK_INTERFACE,
        TRACK_SCRIPT,
        TRACK_PROCESS,
        TRACK_FILES,
        TRACK_BFD,
        NOTIFY,
        NOTIFY_MASTER,
        NOTIFY_BACKUP,
        NOTIFY_FAULT,
        NOTIFY_STOP,
        NOTIFY_DELETED,
        NOTIFY_PRIORITY_CHANGES,
        SMTP_ALERT,
        k(
            "global_tracking",
            Accepted("what a group tracks always counts for its members"),
            Flag,
            "",
            "",
        ),
        k("sync_group_tracking_weight", Supported, Flag, "off", "members keep their weights"),
    ],
};

const BFD_INSTANCE: Block = Block {
    about: "A BFD session (RFC 5880) with a neighbour.",
    argument: Some("NAME"),
    repeats: true,
    keywords: &[
        k("neighbor_ip", Supported, Ip, "", "the neighbour; required"),
        k("neighbour_ip", Supported, Ip, "", "the same"),
        k("source_ip", Supported, Ip, "", "the own address"),
        k("min_rx", Supported, Millis(1, 10_000 * 1000), "10", "milliseconds"),
        k("min_tx", Supported, Millis(1, 10_000 * 1000), "10", "milliseconds"),
        k("idle_tx", Supported, Millis(1, 10_000 * 1000), "1000", "milliseconds"),
        k("multiplier", Supported, Int(1, 255), "5", "missed packets that mean down"),
        k("passive", Supported, Flag, "off", "let the neighbour begin"),
        k("ttl", Supported, Int(1, 255), "255", "of IPv4 packets"),
        k("hoplimit", Supported, Int(1, 255), "64", "of IPv6 packets"),
        k("max_hops", Supported, Int(0, 255), "0", "that a packet may have come"),
        k("multihop", Supported, OptBool, "off", "UDP port 4784"),
        k("weight", Supported, Weight(253), "0", "what it does to the priority; 0: FAULT"),
        k("vrrp", Accepted("BFD events are for VRRP only here"), Flag, "", ""),
        k("checker", CHECKER, Flag, "", ""),
    ],
};

const GARP_GROUP: Block = Block {
    about: "The pace of announcements on some interfaces.",
    argument: None,
    repeats: true,
    keywords: &[
        k("garp_interval", Supported, Secs(0, DAY), "0", "seconds between gratuitous ARPs"),
        k("gna_interval", Supported, Secs(0, DAY), "0", "seconds between advertisements"),
        k("interface", Supported, Interface, "", "one interface"),
        k("interfaces", Supported, Items("INTERFACE"), "", "several, together"),
    ],
};

const TRACK_GROUP: Block = Block {
    about: "Instances that track static addresses, routes and rules.",
    argument: Some("NAME"),
    repeats: true,
    keywords: &[k("group", Supported, Items("INSTANCE"), "", "the instances; required")],
};
