//! Configurations with one fault each: lines, and the code, line, column and severity.

/// A sound configuration around some lines of its instance, which begin on line 2.
pub(crate) fn instance(lines: &str) -> String {
    format!(
        "vrrp_instance VI_1 {{\n{lines}\n interface eth0\n virtual_router_id 51\n \
         virtual_ipaddress {{\n  192.0.2.1/24\n }}\n}}\n"
    )
}

/// A sound configuration behind some lines.
pub(crate) fn before_instance(lines: &str) -> String {
    format!("{lines}\n{}", instance(" priority 100"))
}

/// A sound configuration before which a script has some lines, which begin on line 2.
pub(crate) fn in_script(lines: &str) -> String {
    before_instance(&format!("vrrp_script s {{\n{lines}\n}}"))
}

/// Faults in lines of an instance, which begin on line 2.
pub(crate) const IN_INSTANCE: &[(&str, &str)] = &[
    (" prioritty 90", "E0201 2:2 error"),
    (" garp_master_dealy 1", "E0201 2:2 error"),
    (" priority 100\n priority 90", "E0210 3:2 error"),
    (" priority 100 200", "E0207 2:15 error"),
    (" preempt_delay 5 seconds please", "E0207 2:18 error"),
    (" priority", "E0206 2:2 error"),
    (" priority high", "E0301 2:11 error"),
    (" priority 0", "E0302 2:11 error"),
    (" priority 256", "E0302 2:11 error"),
    (" priority -1", "E0302 2:11 error"),
    (" priority 99999999999999999999", "E0301 2:11 error"),
    (" priority 1e2", "E0301 2:11 error"),
    (" state ACTIVE", "E0307 2:8 error"),
    (" state master", "E0307 2:8 error"),
    (" version 4", "E0302 2:10 error"),
    (" advert_int 1s", "E0303 2:13 error"),
    (" advert_int 0", "E0302 2:13 error"),
    (" advert_int 0.5", "E0407 2:13 error"),
    (" advert_int 1.5", "E0407 2:13 error"),
    (" version 3\n advert_int 41", "E0407 3:13 error"),
    (" version 3\n advert_int 0.015", "E0407 3:13 error"),
    (" advert_int 300", "E0302 2:13 error"),
    (" preempt_delay 1001", "E0302 2:16 error"),
    (" down_timer_adverts 0", "E0302 2:21 error"),
    (" garp_master_repeat 0", "E0302 2:21 error"),
    (" garp_master_delay -1", "E0303 2:20 error"),
    (" lower_prio_no_advert perhaps", "E0304 2:23 error"),
    (" mcast_src_ip 192.0.2.300", "E0305 2:15 error"),
    (" mcast_src_ip 2001:db8::1", "E0404 2:15 error"),
    (" mcast_dst_ip 192.0.2.1", "E0305 2:15 error"),
    (" track_interface eth1", "E0208 2:2 error"),
    (" priority {\n 100\n }", "E0209 2:11 error"),
    (" virtual_ipaddress {\n  192.0.2.300\n }", "E0305 3:3 error"),
    (" virtual_ipaddress {\n  192.0.2.2/33\n }", "E0306 3:3 error"),
    (" virtual_ipaddress {\n  192.0.2.2 192.0.2.3\n }", "E0309 3:13 error"),
    (" virtual_ipaddress {\n  192.0.2.2 divice eth0\n }", "E0309 3:13 error"),
    (" virtual_ipaddress {\n  192.0.2.2 dev\n }", "E0312 3:13 error"),
    (" virtual_ipaddress {\n  192.0.2.2 dev a/b\n }", "E0308 3:17 error"),
    (" virtual_ipaddress {\n  192.0.2.2 scope near\n }", "E0307 3:19 error"),
    (" virtual_ipaddress {\n  192.0.2.2 brd x\n }", "E0305 3:17 error"),
    (" virtual_ipaddress {\n  192.0.2.2 label an-alias-of-16-b\n }", "E0302 3:19 error"),
    (" virtual_ipaddress {\n  192.0.2.2 home home\n }", "E0210 3:18 error"),
    (" virtual_ipaddress {\n  192.0.2.2\n  192.0.2.2\n }", "E0210 4:3 error"),
    (" virtual_ipaddress {\n  192.0.2.2\n  2001:db8::1\n }", "E0404 4:3 error"),
    (" track_script {\n  nope\n }", "E0402 3:3 error"),
    (" track_process {\n  nope weight 2\n }", "E0402 3:3 error"),
    (" track_file {\n  nope\n }", "E0402 3:3 error"),
    (" track_interface {\n  eth1 weight 254\n }", "E0408 3:15 error"),
    (" track_interface {\n  eth1 weight -300\n }", "E0408 3:15 error"),
    (" track_interface {\n  eth1 weight\n }", "E0312 3:8 error"),
    (" track_interface {\n  eth1 wieght 5\n }", "E0309 3:8 error"),
    (" track_interface {\n  eth1 weight 5 backwards\n }", "E0207 3:17 error"),
    (" track_interface {\n  eth1\n  eth1 weight 2\n }", "E0210 4:3 error"),
    (" track_interface {\n  an-interface-of-24-bytes\n }", "E0308 3:3 error"),
    (" version 3\n authentication {\n auth_type PASS\n auth_pass x\n }", "E0406 3:2 error"),
    (" authentication {\n auth_type PASS\n }", "E0413 2:2 error"),
    (" authentication {\n auth_pass x\n }", "E0413 2:2 error"),
    (" authentication {\n auth_type MD5\n auth_pass x\n }", "E0307 3:12 error"),
    (" notify \"/bin/x 'a\"", "E0310 2:9 error"),
    (" notify \"\"", "E0310 2:9 error"),
    (" notify \u{201c}/bin/x a b\u{201d} root", "E0310 2:9 error"),
    (" notify /bin/x root wheel more", "E0207 2:27 error"),
    (" use_vmac", "E0409 2:2 error"),
    (" unicast_peer {\n 2001:db8::9\n 192.0.2.8\n }", "E0404 3:2 error"),
    (" unicast_peer {\n 192.0.2.9 min_ttl 9 max_ttl 8\n }", "E0302 3:2 error"),
    (" vrrp_script", "E0209 2:2 error"),
];

/// Faults in lines before an instance.
pub(crate) const IN_OTHER_BLOCKS: &[(&str, &str)] = &[
    ("glboal_defs {\n}", "E0201 1:1 error"),
    ("priority 100", "E0209 1:1 error"),
    ("global_defs {\n vrrp_version 1\n}", "E0302 2:15 error"),
    ("global_defs {\n vrrp_mcast_group4 192.0.2.1\n}", "E0305 2:20 error"),
    ("global_defs {\n script_user\n}", "E0206 2:2 error"),
    ("instance a\ninstance b", "E0210 2:1 error"),
    (
        "vrrp_instance VI_1 {\n interface eth1\n virtual_router_id 1\n virtual_ipaddress { 192.0.2.9 }\n}",
        "E0211 6:15 error",
    ),
    (
        "vrrp_instance VI_0 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress { 192.0.2.9 }\n}",
        "E0403 9:20 error",
    ),
    (
        "vrrp_instance VI_0 {\n virtual_router_id 51\n virtual_ipaddress { 192.0.2.9 }\n}",
        "E0401 1:15 error",
    ),
    (
        "vrrp_instance VI_0 {\n interface eth0\n virtual_ipaddress { 192.0.2.9 }\n}",
        "E0401 1:15 error",
    ),
    (
        "vrrp_instance VI_0 {\n version 3\n interface eth1\n virtual_router_id 1\n}",
        "E0410 1:15 error",
    ),
    ("vrrp_instance {\n interface eth0\n}", "E0206 1:1 error"),
    ("}", "E0203 1:1 error"),
    ("global_defs {\n router_id \"a\n}", "E0204 2:12 error"),
    ("global_defs {\n router_id a\n", "E0202 1:13 error"),
    ("~SEQ(A, 1, 0, 3) foo", "E0105 1:1 error"),
    ("includem /nonexistent/file", "E0101 1:1 error"),
    ("$A=${B}\n$B=${A}\n$A", "E0103 2:4 error"),
];

/// Faults in lines of a script, which begin on line 2.
pub(crate) const IN_SCRIPT: &[(&str, &str)] = &[
    (" interval 1", "E0414 1:13 error"),
    (" script /bin/x\n rise 0", "E0302 3:7 error"),
    (" script /bin/x arg", "E0207 2:16 error"),
    (" script /bin/x\n weight 254", "E0408 3:9 error"),
];
