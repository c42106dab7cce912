//! Lines of sound configurations, put together in any order and with pieces exchanged: nearer
//! to the language than bytes get.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_conf::{Includes, Limits, Options, RenderOptions, parse_str};

/// Lines that the input chooses from.
const LINES: &[&str] = &[
    "vrrp_instance A {",
    "vrrp_instance B {",
    "}",
    "{",
    " interface eth0",
    " interface eth1",
    " virtual_router_id 1",
    " virtual_router_id 2",
    " virtual_ipaddress {",
    " 192.0.2.1/24",
    " 192.0.2.2 dev eth1 label a:1 brd +",
    " 2001:db8::1/64",
    " priority 100",
    " priority 255",
    " state MASTER",
    " nopreempt",
    " preempt_delay 1.5",
    " version 3",
    " advert_int 0.5",
    " authentication {",
    " auth_type PASS",
    " auth_pass secret",
    " track_interface {",
    " eth1 weight -5 reverse",
    " track_script {",
    " chk",
    " chk weight 3",
    "vrrp_script chk {",
    " script \"/bin/x 'a b'\"",
    " interval 2",
    "global_defs {",
    " router_id \"a # b\"",
    " vrrp_version 3",
    " vrrp_garp_master_delay 0.000001",
    "vrrp_sync_group G {",
    " group {",
    " A B",
    "$X=1",
    "$X=${Y}",
    "$Y=$X",
    "$L= \\",
    " priority ${X} \\",
    " 192.0.2.$X",
    "~SEQ(X, 1, 3) 192.0.2.${X}",
    "~LST({X, Y}, {1,2}, {3,4}) 10.0.${X}.${Y}",
    "@main priority 9",
    "@^main nopreempt",
    " notify \"/bin/n\" root",
    " notify_master '/bin/n \"a b\"'",
    " virtual_routes {",
    " 198.51.100.0/24 dev eth0 mtu lock 1400 rtt 250ms encap ip dst 192.0.2.9 tos 3",
    " blackhole 2001:db8::/32 no_track nexthop via fe80::1 dev eth0 weight 9 nexthop",
    " virtual_rules {",
    " from 192.0.2.0/24 fwmark 1/0xff sport 1-9 realms a/2 table blue preference 9",
    " use_vmac",
    " unicast_peer {",
    " 192.0.2.9 min_ttl 1",
    "virtual_server 192.0.2.1 80 {",
    "# comment",
    " virtual_ipaddress_excluded {",
    " mcast_src_ip 192.0.2.7",
    " track_process {",
    " p",
    "vrrp_track_process p { process httpd }",
    " \\",
    "\"",
    "$L",
    "track_file f {",
    " file /tmp/f",
];

fuzz_target!(|input: &[u8]| {
    let lines = input.iter().map(|&byte| LINES[usize::from(byte) % LINES.len()]);
    let text = lines.collect::<Vec<_>>().join("\n");
    let options = Options {
        config_id: Some("main".to_owned()),
        lenient: false,
        read_only: true,
        includes: Includes::Refuse,
        limits: Limits { expansions: 10_000, expanded_bytes: 1 << 20, ..Limits::default() },
    };
    let loaded = parse_str("fuzz.conf", &text, &options);
    let few = &loaded.diagnostics[..loaded.diagnostics.len().min(20)];
    let _ = vrrp_conf::render(few, &loaded.sources, RenderOptions::default());
    if let Some(config) = &loaded.config {
        let printed = config.to_conf();
        let again = parse_str("printed", &printed, &options);
        assert_eq!(again.config.as_ref(), Some(config), "{printed}");
    }
});
