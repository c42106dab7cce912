//! Configurations with one fault each: the verdict, the code, the line and the column.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;

use cases::{IN_INSTANCE, IN_OTHER_BLOCKS, IN_SCRIPT, before_instance, in_script, instance};
use vrrp_conf::model::Destination;
use vrrp_conf::{Code, Options, RenderOptions, parse_str};

/// What is found in a text: codes with lines and columns.
fn findings(text: &str, lenient: bool) -> Vec<String> {
    let options = Options::default().config_id("node").lenient(lenient);
    let loaded = parse_str("test.conf", text, &options);
    assert_eq!(loaded.config.is_none(), loaded.has_errors(), "{text}");
    let place = |span| loaded.sources.location(span).unwrap();
    let found = loaded.diagnostics.iter().map(|found| {
        let place = found.span.map(place).unwrap();
        format!("{} {}:{} {}", found.code, place.line, place.column, found.severity)
    });
    found.collect()
}

/// Checks a fault, and that lenient mode makes a warning of it exactly if keepalived goes on.
fn check(text: &str, expected: &str) {
    assert_eq!(findings(text, false), [expected], "in\n{text}");
    let code: vrrp_conf::Code = expected.split(' ').next().unwrap().parse().unwrap();
    let softened = match code.is_tolerated() {
        true => expected.replace("error", "warning"),
        false => expected.to_owned(),
    };
    assert!(findings(text, true).contains(&softened), "lenient, in\n{text}");
}

#[test]
fn faults_in_an_instance_are_found_at_their_word() {
    for &(lines, expected) in IN_INSTANCE {
        check(&instance(lines), expected);
    }
}

/// keepalived 2.2.7 does not know the block, so nobody else's verdict is there to compare with.
#[test]
fn faults_of_signed_adverts_are_found_at_their_word() {
    let key = "k".repeat(32);
    let (hex, short) = (format!("hex:{}", "0b".repeat(32)), &key[1..]);
    for (lines, expected) in [
        ("active_key 1".to_owned(), "E0401 2:2 error"),
        (format!("key 1 {key}\n active_key 2"), "E0401 2:2 error"),
        (format!("key 1 {key}\n key 2 {key}\n key 1 {hex}"), "E0420 5:6 error"),
        (format!("key 1 {key}\n key 0 {hex}"), "E0302 4:6 error"),
        (format!("key 1 {key}\n key {hex}"), "E0302 4:6 error"),
        (format!("key 1 {key}\n key 2 {hex} {key}"), "E0302 4:6 error"),
        (format!("key 1 {key}\n key 2 {short}"), "E0302 4:6 error"),
        (format!("key 1 {key}\n key 2 {key}{key}k"), "E0302 4:6 error"),
        (format!("key 1 {key}\n key 2 {hex}0"), "E0302 4:6 error"),
        (format!("key 1 {key}\n key 2 hex:{key}{key}"), "E0302 4:6 error"),
        (format!("key 1 {key}\n key 2 hex:{}", "0b".repeat(31)), "E0302 4:6 error"),
        (format!("key 1 {key}\n time_window 301"), "E0302 4:14 error"),
    ] {
        check(&instance(&format!(" auth_hmac {{\n {lines}\n }}")), expected);
    }
    // Whatever is wrong with keys, none of them is shown.
    let text = instance(&format!(
        " auth_hmac {{\n key 1 {key}\n key 1 {hex}\n key {key} 2\n key {hex}\n key 3 {key} {key}\n }}"
    ));
    let shown = parse_str("t", &text, &Options::default()).render(RenderOptions::default());
    assert!(
        shown.contains("E0420") && !shown.contains("kkkk") && !shown.contains("0b0b"),
        "{shown}"
    );
    let text = instance(&format!(" auth_hmac {{ key 1 {key}\n active_key 300 }}"));
    let shown = parse_str("t", &text, &Options::default()).render(RenderOptions::default());
    assert!(shown.contains("active_key 300") && !shown.contains("kkkk"), "{shown}");
    // No router runs without signatures because its only key is wrong.
    let text = instance(&format!(" auth_hmac {{\n key 1 {short}\n }}"));
    assert_eq!(findings(&text, true), ["E0401 2:2 error", "E0302 3:6 warning"]);
    let hmac = format!(" auth_hmac {{\n key 1 {key}\n }}\n");
    let password = " authentication {\n auth_type PASS\n auth_pass x\n }\n";
    check(&instance(&format!("{hmac}{password}")), "E0421 5:2 error");
    check(&instance(&format!("{password}{hmac}")), "E0421 6:2 error");
}

#[test]
fn faults_of_other_blocks_are_found_at_their_word() {
    for &(lines, expected) in IN_OTHER_BLOCKS {
        check(&before_instance(lines), expected);
    }
    for &(lines, expected) in IN_SCRIPT {
        let found = findings(&in_script(lines), false);
        assert!(found.contains(&expected.to_owned()), "{found:?} in\n{lines}");
    }
}

/// What is suggested for each finding in a text.
fn help(text: &str) -> Vec<String> {
    let loaded = parse_str("t", text, &Options::default());
    loaded.diagnostics.into_iter().map(|found| found.help.unwrap_or_default()).collect()
}

#[test]
fn what_was_probably_meant_is_suggested_and_nothing_follows_from_the_mistake() {
    let cases = [
        (" prioritty 90", "did you mean `priority`?"),
        (" PRIORITY 90", "did you mean `priority`?"),
        (" prio 90", "did you mean `priority`?"),
        (" advert-int 1", "did you mean `advert_int`?"),
        (" advert_interval 1", "did you mean `advert_int`?"),
        (" vrrp_garp_master_delay 1", "did you mean `garp_master_delay`?"),
        (" priority = 90", "write `priority 90`"),
        (" priority=90", "write `priority 90`"),
        (" priority: 90", "write `priority 90`"),
        (" priority 90;", "write `90`"),
        (" priority 0x5a", "write `90`"),
        (" priority\u{a0}90", "U+00A0 does not separate words: write a space"),
        (" advert_int 1s", "write `1`"),
        (" preempt_delay 100ms", "write `0.1`"),
        (" preempt_delay 1,5", "write `1.5`"),
        (" state master", "did you mean `MASTER`?"),
        (" state MASTR", "did you mean `MASTER`?"),
        (" state SLAVE", "did you mean `BACKUP`?"),
        (" priority 90 // lower", "a comment begins with `#` or `!`"),
        (" \u{200b}priority 90", "there is an invisible sign in it, U+200B: remove that"),
        (" track_interface {\n eth1 weight \u{2013}10\n }", "write `-10`"),
        (" priority {{ priority }}", "this is a template: fill it in first"),
        (" lower_prio_no_advert ture", "did you mean `true`?"),
        (" lower_prio_no_advert 1", "did you mean `on`?"),
        (" auth_pass x", "it belongs into `authentication`"),
        (" interval 2", "it belongs into `vrrp_script`"),
        (" router_id a", "it belongs into `global_defs`"),
        (" priority 90 advert_int 1", "write `advert_int` on a line of its own"),
        (" notify /bin/x,  root root x", ""),
        (" authentication {\n auth_type PAS\n auth_pass x\n }", "did you mean `PASS`?"),
        (" virtual_ipaddress {\n 192.0.2.2 scpe link\n }", "did you mean `scope`?"),
        (" virtual_ipaddress {\n 192.0.2.2 scope lnik\n }", "did you mean `link`?"),
        (" virtual_ipaddress {\n 192.0.2.2/24 eth0\n }", "write `dev eth0`"),
        (" virtual_ipaddress {\n 192.0.2.2 /24\n }", "write `192.0.2.2/24`"),
        (" virtual_ipaddress {\n 192.0.2.2/255.255.255.0\n }", "write `192.0.2.2/24`"),
        (" virtual_ipaddress {\n 192.0.2.02\n }", "write `192.0.2.2`"),
        (" track_interface {\n eth1 wieght 5\n }", "did you mean `weight`?"),
    ];
    for (lines, expected) in cases {
        let text = instance(&lines.replace("\\u{a0}", "\u{a0}"));
        assert_eq!(help(&text), [expected], "in\n{text}");
    }
    let script = "vrrp_script chk_http {\n script /bin/true\n}\n";
    let process = "vrrp_track_process haproxy {\n process haproxy\n}\n";
    let cases = [
        (" track_script {\n chk_htp\n }", script, "did you mean `chk_http`?"),
        (" track_script {\n haproxy\n }", process, "write it into `track_process`"),
        (" track_process {\n chk_http\n }", script, "write it into `track_script`"),
        (" track_scripts {\n chk_http\n }", script, "did you mean `track_script`?"),
        (" track_script {\n other\n }", script, "define it: `vrrp_script other { … }`"),
        (" track_interface {\n eth1 chk_http\n }", script, "write `chk_http` on a line of its own"),
    ];
    for (lines, definition, expected) in cases {
        let text = instance(lines) + definition;
        assert_eq!(help(&text), [expected], "in\n{text}");
    }
}

#[test]
fn a_quote_in_a_keyword_of_the_top_level_hides_nothing() {
    let sound = instance(" priority 100");
    let first = |keyword: &str| sound.replacen("vrrp_instance", keyword, 1);
    for keyword in ["\"vrrp_instance\"", "vrrp_\"instance\""] {
        assert_eq!(findings(&first(keyword), false), [""; 0], "{keyword}");
    }
    for keyword in ["\"vrrp_instnce\"", "vrrp_inst\"nce", "'vrrp_instance", "vrrp_instance\""] {
        assert_eq!(help(&first(keyword)), ["did you mean `vrrp_instance`?"], "{keyword}");
    }
    // Its lines are read.
    let text = first("vrrp_inst\"ance").replace("100", "300");
    assert_eq!(findings(&text, false), ["E0204 1:10 error", "E0302 2:11 error"]);
}

#[test]
fn a_mistake_is_one_finding() {
    let good = instance(" priority 100\n version 3\n advert_int 0.5");
    for (from, to) in [
        ("vrrp_instance", "vrrp_instnce"),
        ("interface eth0", "interfce eth0"),
        ("interface eth0", "interface"),
        ("virtual_router_id 51", "virtual_router_id 256"),
        ("virtual_router_id", "virtual_routerid"),
        ("virtual_ipaddress", "virtual_ipadress"),
        ("192.0.2.1/24", "192.0.2.256/24"),
        ("version 3", "version three"),
        ("version 3", "version = 3"),
        ("version 3\n", "version 3 "),
        ("advert_int 0.5\n", "advert_int 0.5 "),
        ("100\n", "\"100\n"),
        (" version 3\n advert_int 0.5\n interface", "}\n version 3\n advert_int 0.5\n interface"),
        (" }\n}", ""),
        ("virtual_ipaddress {\n  192.0.2.1/24\n }", "virtual_ipaddress\n  192.0.2.1/24\n"),
        ("100", "$PRIO"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let found = findings(&text, false);
        assert!(found.len() == 1 && found[0].ends_with("error"), "{found:?} in\n{text}");
    }
    // Many lines in a wrong place are one, too.
    let text = before_instance("priority 1\nstate BACKUP\nnopreempt");
    assert_eq!(findings(&text, false), ["E0209 1:1 error"]);
}

#[test]
fn what_is_repeated_by_a_sequence_is_one_finding() {
    let text = "~SEQ(N, 1, 200) vrrp_instance V${N} { virtual_router_id 256 }\n";
    let loaded = parse_str("t", text, &Options::default());
    let found: Vec<_> = loaded.diagnostics.iter().filter(|found| found.is_error()).collect();
    assert_eq!(found.len(), 2, "no interface, and this VRID");
    assert!(
        found.iter().all(|found| found
            .notes
            .contains(&"and 199 more like it from the same place".to_owned()))
    );
}

#[test]
fn a_block_that_is_there_to_list_something_lists_something() {
    let peers = findings(&instance(" unicast_peer {\n }"), false);
    assert!(peers.contains(&"E0414 2:15 error".to_owned()), "{peers:?}");
    for keyword in ["track_group", "vrrp_sync_group"] {
        let group =
            findings(&before_instance(&format!("{keyword} G {{\n group {{\n }}\n}}")), false);
        assert!(group.contains(&"E0414 2:8 error".to_owned()), "{group:?}");
        assert!(!group.iter().any(|found| found.contains("W0507")), "{group:?}");
    }
}

#[test]
fn several_faults_are_reported_in_the_order_of_the_text() {
    let text = instance(" prioritty 90\n advert_int x\n track_script {\n  a\n }");
    let expected = ["E0201 2:2 error", "E0303 3:13 error", "E0402 5:3 error"];
    assert_eq!(findings(&text, false), expected);
}

#[test]
fn a_weight_in_a_sync_group_is_a_warning_unless_it_counts() {
    let tracking = " track_interface {\n  eth1 weight 5\n  eth2\n }\n";
    let weights = |group: &str, member: &str| {
        let group = format!("vrrp_sync_group G {{\n group {{\n  VI_1\n }}\n{group}}}\n");
        let text = format!("{}{group}", instance(member));
        let found = findings(&text, false);
        found.iter().filter(|found| found.starts_with("W0531")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(weights("", tracking), ["W0531 3:3 warning"]);
    assert_eq!(weights(tracking, "").len(), 1);
    assert_eq!(weights(" sync_group_tracking_weight\n", tracking), [""; 0]);
    assert_eq!(weights("", &tracking.replace("weight 5", "weight 0")), [""; 0]);
}

/// The rest of one instance, and another one that begins with the first one's address.
const SHARED: &str = " virtual_router_id 7
 interface eth1
 virtual_ipaddress {
  198.51.100.1/32 dev eth0
 }
}
vrrp_instance B {
 virtual_ipaddress_excluded {
  198.51.100.1
 }
";

#[test]
fn what_is_legal_and_doubtful_is_a_warning() {
    let cases = [
        (" state MASTER\n priority 200\n nopreempt", "W0508 4:2 warning"),
        (" state MASTER\n priority 200\n preempt_delay 5", "W0509 4:16 warning"),
        (" nopreempt\n preempt_delay 5", "W0509 3:16 warning"),
        (" authentication {\n auth_type PASS\n auth_pass ninebytes\n }", "W0510 4:12 warning"),
        (" priority 255\n track_interface {\n  eth1 weight 5\n }", "W0512 4:3 warning"),
        (" smtp_alert on", "W0505 2:2 note"),
        (" notify_priority_changes", "W0504 2:2 warning"),
        (" notify /bin/x priority", "W0503 2:16 warning"),
        (" track_interface {\n  eth1;\n }", "W0519 3:3 warning"),
        (" notify /bin/x $USER", "W0502 2:16 warning"),
        (" mcast_src_ip 192.0.2.7/24", "W0520 2:15 warning"),
        (SHARED, "W0521 10:3 warning"),
    ];
    for (lines, expected) in cases {
        let found = findings(&instance(lines), false);
        assert!(found.contains(&expected.to_owned()), "{found:?} in\n{lines}");
    }
    assert_eq!(findings("", false), ["W0514 1:1 warning"]);
    let one_line = before_instance("vrrp_track_process p { process httpd weight 10 }");
    assert!(findings(&one_line, false).contains(&"W0503 1:38 warning".to_owned()));
}

/// Two blocks, a definition and its uses: every kind of brace.
const BRACES: &str = "vrrp_script chk {
    script /bin/true
}
vrrp_instance A {
    interface eth0
    virtual_router_id 1
    authentication {
        auth_type PASS
        auth_pass x
    }
    virtual_ipaddress {
        192.0.2.1
    }
    track_script {
        chk
    }
    priority 100
}
vrrp_instance B {
    interface eth0
    virtual_router_id 2
    virtual_ipaddress { 192.0.2.2 }
}
";

/// The text with a part of one line, counted from 1, replaced.
fn with_line(line: usize, from: &str, to: &str) -> String {
    let lines = BRACES.lines().enumerate().map(|(at, text)| match at + 1 == line {
        true => text.replacen(from, to, 1) + "\n",
        false => text.to_owned() + "\n",
    });
    lines.collect()
}

#[test]
fn one_brace_that_is_wrong_is_one_error_at_its_place() {
    let cases = [
        // One is missing.
        (with_line(1, " {", ""), "E0208 1:1 error"),
        (with_line(4, " {", ""), "E0208 4:1 error"),
        (with_line(7, " {", ""), "E0208 7:5 error"),
        (with_line(11, " {", ""), "E0208 11:5 error"),
        (with_line(14, " {", ""), "E0208 14:5 error"),
        (with_line(22, " {", ""), "E0208 22:5 error"),
        (with_line(3, "}", ""), "E0202 1:17 error"),
        (with_line(10, "}", ""), "E0202 7:20 error"),
        (with_line(13, "}", ""), "E0202 11:23 error"),
        (with_line(16, "}", ""), "E0202 14:18 error"),
        (with_line(18, "}", ""), "E0202 4:17 error"),
        (with_line(22, "}", ""), "E0202 22:23 error"),
        (with_line(23, "}", ""), "E0213 19:17 error"),
        // One is too many.
        (with_line(5, "eth0", "eth0 }"), "E0214 5:20 error"),
        (with_line(10, "}", "}}"), "E0214 10:6 error"),
        (with_line(12, "192.0.2.1", "192.0.2.1 }"), "E0214 13:5 error"),
        (with_line(18, "}", "}}"), "E0203 18:2 error"),
        (with_line(4, "{", "{ {"), "E0203 4:19 error"),
        (with_line(17, "100", "100 {"), "E0203 17:18 error"),
        (with_line(18, "}", "}\n{"), "E0203 19:1 error"),
    ];
    for (text, expected) in &cases {
        assert_eq!(findings(text, false), [*expected], "in\n{text}");
        // What is wrong elsewhere is found as well.
        let two = text.replace("virtual_router_id 2", "virtual_router_id 256");
        let found = findings(&two, false);
        assert!(found.contains(&(*expected).to_owned()), "{found:?} in\n{two}");
        assert!(found.iter().any(|found| found.starts_with("E0302")), "{found:?} in\n{two}");
        assert_eq!(found.len(), 2, "{found:?} in\n{two}");
    }
}

#[test]
fn braces_may_stand_anywhere() {
    for text in [
        BRACES.replace(" {", "{"),
        BRACES.replace(" {", "\n{"),
        BRACES.replace("\n}", "}").replace("\n    }", "}"),
        BRACES.replace("    ", ""),
        BRACES.replace('\n', "\r\n"),
    ] {
        assert_eq!(findings(&text, false), [""; 0], "in\n{text}");
    }
}

#[test]
fn a_file_that_ends_within_a_block_is_read_in_lenient_mode() {
    let text = instance(" priority 80");
    let text = &text[..text.rfind('}').unwrap()];
    assert_eq!(findings(text, false), ["E0213 1:20 error"]);
    assert_eq!(findings(text, true), ["E0213 1:20 warning"]);
}

#[test]
fn findings_are_limited_and_errors_go_first() {
    let text = "smtp_server x\n".repeat(10) + &"instance a\n".repeat(5000) + "oops\n";
    let loaded = parse_str("t", &text, &Options::default());
    assert_eq!(loaded.diagnostics.len(), 1000);
    assert!(loaded.has_errors());
    assert!(loaded.diagnostics.last().unwrap().notes[0].contains("more findings"));
}

#[test]
fn what_refers_to_a_broken_definition_is_not_to_blame_and_goes_with_it() {
    let text = instance(" track_script {\n s\n }") + "vrrp_script s {\n interval 1\n}\n";
    assert_eq!(findings(&text, false), ["E0414 11:13 error"]);
    let options = Options::default().lenient(true);
    let config = parse_str("t", &text, &options).config.unwrap();
    assert!(config.scripts.is_empty() && config.instances[0].tracks.scripts.is_empty());
}

#[test]
fn lenient_mode_drops_no_instance() {
    let text = "vrrp_instance A {\n interface eth0\n virtual_router_id 256\n \
                virtual_ipaddress { 192.0.2.1 }\n}\n";
    assert_eq!(findings(text, false), ["E0302 3:20 error"]);
    assert_eq!(findings(text, true), ["E0401 1:15 error", "E0302 3:20 warning"]);
}

#[test]
fn lenient_mode_does_what_keepalived_does() {
    let text = instance(" prioritty 9\n priority 90 91\n priority 80\n advert_int 1.5\n version 2");
    let options = Options::default().lenient(true);
    let config = parse_str("t", &text, &options).config.unwrap();
    let instance = &config.instances[0];
    assert_eq!(instance.priority.get(), 80, "the last one counts");
    assert_eq!(instance.interval.as_whole_secs(), Some(2), "halves are rounded up");
}

#[test]
fn a_group_has_one_list_of_members() {
    let text = before_instance("track_group T {\n group {\n  VI_1\n }\n group {\n  VI_1\n }\n}");
    let found = findings(&text, false);
    assert!(found.iter().any(|found| found.starts_with("E0210 5:2 ")), "{found:?}");
}

#[test]
fn words_behind_a_flag_are_no_part_of_its_place() {
    let text = instance(" state MASTER\n nopreempt // never");
    let loaded = parse_str("t", &text, &Options::default());
    let found = loaded.diagnostics.iter().find(|found| found.code == Code::NopreemptMaster);
    let span = found.and_then(|found| found.span).unwrap();
    assert_eq!(loaded.sources.text(span), "nopreempt");
}

#[test]
fn what_is_no_machine_is_no_peer_and_no_source() {
    let text = instance(" unicast_peer {\n 224.0.0.18\n 192.0.2.8\n }");
    assert_eq!(findings(&text, false), ["E0305 3:2 error"]);
    let text = instance(" unicast_src_ip 224.0.0.5");
    assert_eq!(findings(&text, false), ["E0305 2:17 error"]);
}

#[test]
fn unicast_routers_of_one_number_have_no_peer_in_common() {
    let router = |name: &str, address: &str, peers: &str| {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id 9\n unicast_peer {{\n \
             {peers}\n }}\n virtual_ipaddress {{\n {address}\n }}\n}}\n"
        )
    };
    let first = router("A", "192.0.2.1", "192.0.2.8");
    let apart = router("B", "192.0.2.2", "192.0.2.9");
    assert_eq!(findings(&(first.clone() + &apart), false), [""; 0]);
    let common = router("B", "192.0.2.2", "192.0.2.9\n 192.0.2.8");
    assert_eq!(findings(&(first + &common), false), ["E0403 13:20 error"]);
}

#[test]
fn a_unicast_router_without_interface_takes_a_source_and_addresses_of_no_link() {
    let router = |lines: &str, peer: &str, address: &str| {
        format!(
            "vrrp_instance A {{\n virtual_router_id 9\n{lines} unicast_peer {{\n {peer}\n }}\n \
             virtual_ipaddress {{\n {address}\n }}\n}}\n"
        )
    };
    let source = " unicast_src_ip 192.0.2.9\n";
    assert_eq!(findings(&router(source, "192.0.2.8", "192.0.2.1"), false), [""; 0]);
    let missing = ["E0401 1:15 error"];
    assert_eq!(findings(&router("", "192.0.2.8", "192.0.2.1"), false), missing);
    // A multicast router needs its interface.
    let text = "vrrp_instance A {\n virtual_router_id 9\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n";
    assert_eq!(findings(text, false), missing);
    let (local, global) = ("fe80::8", "2001:db8::8");
    let source = " unicast_src_ip 2001:db8::9\n";
    assert_eq!(findings(&router(source, global, "fe80::1"), false), [""; 0]);
    assert_eq!(findings(&router(source, local, "fe80::1"), false), missing);
    let vrf = format!("{source} vrf blue\n");
    assert_eq!(findings(&router(&vrf, global, "fe80::1"), false), [""; 0]);
}

#[test]
fn addresses_of_an_instance_without_interface_go_on_the_default_one() {
    let instance = "vrrp_instance A {\n virtual_router_id 9\n unicast_src_ip 192.0.2.9\n \
                    unicast_peer {\n 192.0.2.8\n }\n virtual_ipaddress {\n 192.0.2.1\n 192.0.2.2 \
                    dev eth7\n }\n}\n";
    let devices = |globals: &str| {
        let loaded = parse_str("t", &format!("{globals}{instance}"), &Options::default());
        let instance = loaded.config.unwrap().instances.remove(0);
        assert!(instance.interface.is_none());
        let devices = instance.all_addresses().map(|address| instance.device_of(address));
        devices.map(|device| device.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(devices(""), ["eth0", "eth7"]);
    assert_eq!(devices("global_defs {\n default_interface eth5\n}\n"), ["eth5", "eth7"]);
}

#[test]
fn a_router_without_interface_shares_no_peer_with_one_on_any() {
    let router = |name: &str, interface: &str, address: &str, peer: &str| {
        format!(
            "vrrp_instance {name} {{\n{interface} virtual_router_id 9\n unicast_src_ip \
             192.0.2.99\n unicast_peer {{\n {peer}\n }}\n virtual_ipaddress {{\n \
             {address}\n }}\n}}\n"
        )
    };
    let on = |peer: &str| router("A", " interface eth0\n", "192.0.2.1", peer);
    let anywhere = |name: &str, peer: &str| router(name, "", "192.0.2.2", peer);
    let (one, other) = ("192.0.2.8", "192.0.2.9");
    assert_eq!(findings(&(on(one) + &anywhere("B", other)), false), [""; 0]);
    assert_eq!(findings(&(on(one) + &anywhere("B", one)), false), ["E0403 13:20 error"]);
    assert_eq!(findings(&(anywhere("B", one) + &on(one)), false), ["E0403 13:20 error"]);
    assert_eq!(findings(&(anywhere("B", one) + &anywhere("C", one)), false), ["E0403 12:20 error"]);
}

#[test]
fn a_router_is_no_peer_of_its_own_and_is_left_out() {
    let lines = " unicast_src_ip 192.0.2.9\n unicast_peer {\n 192.0.2.9\n 192.0.2.8\n }";
    let text = instance(lines);
    assert_eq!(findings(&text, false), ["W0529 4:2 warning"]);
    let config = parse_str("t", &text, &Options::default()).config.unwrap();
    let Destination::Unicast(unicast) = &config.instances[0].destination else { panic!() };
    let peers: Vec<_> = unicast.peers.iter().map(|peer| peer.address.to_string()).collect();
    assert_eq!(peers, ["192.0.2.8"]);
}

#[test]
fn the_first_ipv6_address_is_link_local() {
    let router = |addresses: &str| {
        format!(
            "vrrp_instance A {{\n interface eth0\n virtual_router_id 9\n virtual_ipaddress {{\n \
             {addresses}\n }}\n virtual_ipaddress_excluded {{\n 192.0.2.1\n }}\n}}\n"
        )
    };
    let (local, global) = ("fe80::1/64", "2001:db8::1/64");
    assert_eq!(findings(&router(&format!("{local}\n {global}")), false), [""; 0]);
    assert_eq!(findings(&router(&format!("{global}\n {local}")), false), ["W0530 5:2 warning"]);
}

#[test]
fn a_delay_is_shorter_than_a_router_may_be_silent() {
    let delays = |line: &str| format!("interface_up_down_delays {{\n {line}\n}}\n{}", instance(""));
    assert_eq!(findings(&delays("eth0 1.9 0.1"), false), [""; 0]);
    assert_eq!(findings(&delays("eth0 2"), false), ["W0532 2:2 warning"]);
    assert_eq!(findings(&delays("eth0 0 2"), false), ["W0532 2:2 warning"]);
    assert_eq!(findings(&delays("eth7 200"), false), [""; 0], "nobody goes by it");
    assert_eq!(findings(&delays("eth0 255.1"), false), ["E0302 2:7 error"]);
}

#[test]
fn announcements_elsewhere_are_at_least_a_second_apart() {
    assert_eq!(findings(&instance(" garp_extra_if all 1.5"), false), [""; 0]);
    assert_eq!(findings(&instance(" garp_extra_if 0"), false), [""; 0]);
    assert_eq!(findings(&instance(" garp_extra_if all 0.5"), false), ["E0302 2:20 error"]);
}
