//! What real files have, as keepalived reads it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "the faults are for others")]
mod cases;
mod keepalived;

use cases::{before_instance, instance};
use keepalived::verdicts;
use vrrp_conf::{Code, Loaded, Options, RenderOptions, Severity, fix, parse_str};

fn read(text: &str) -> Loaded {
    parse_str("test.conf", text, &Options::default().config_id("node").read_only(true))
}

/// Codes with lines and columns, but for what vrrpd does not do yet.
fn found(text: &str) -> Vec<String> {
    let loaded = read(text);
    let place = |span| loaded.sources.location(span).unwrap();
    let told = loaded.diagnostics.iter().filter(|found| {
        !matches!(found.code, Code::NotSupportedYet | Code::NoEffectYet | Code::Unused)
    });
    told.map(|found| {
        let place = place(found.span.unwrap());
        format!("{} {}:{}", found.code, place.line, place.column)
    })
    .collect()
}

fn help(text: &str) -> Vec<String> {
    let told = read(text).diagnostics.into_iter().filter(|found| found.code != Code::Unused);
    told.filter_map(|found| found.help).collect()
}

fn fixed(text: &str) -> String {
    let loaded = read(text);
    let fixed = fix(&loaded.diagnostics, &loaded.sources);
    fixed.first().map_or(text.to_owned(), |file| String::from_utf8(file.text()).unwrap())
}

/// Lines of an instance: what is found, and what they are when mended, or the same.
const TOLERATED: &[(&str, &str, &str)] = &[
    (" nopreempt 1", "W0523 2:12", " nopreempt"),
    (" nopreempt off # no", "W0523 2:12", " nopreempt off # no"),
    (" nopreempt // never", "W0523 2:12", " nopreempt # never"),
    (" nopreempt\n nopreempt", "W0524 3:2", " nopreempt"),
    (" priority 90 # a\n priority  90 # b", "W0524 3:2", " priority 90 # a\n # b"),
    (
        " virtual_routes {\n  198.51.100.0/24 via 192.168.0.254 # lan\n }",
        "W0525 3:3",
        " virtual_routes {\n  198.51.100.0/24 via 192.168.0.254 protocol 18 no_track # lan\n }",
    ),
    (
        " track_interface {\n  eth0 weight 10\n  eth1\n }",
        "W0527 3:3",
        " track_interface {\n  eth1\n }",
    ),
    (
        " authentication {\n  auth_type PASS\n  auth_pass P@##D321!\n }",
        "W0528 4:15",
        " authentication {\n  auth_type PASS\n  auth_pass P@ ##D321!\n }",
    ),
    (
        " authentication {\n  auth_type PASS\n  auth_pass ab!!\n }",
        "W0528 4:15",
        " authentication {\n  auth_type PASS\n  auth_pass ab !!\n }",
    ),
    (" notify \"/bin/true || exit 1\"", "W0526 2:9", " notify \"/bin/true || exit 1\""),
    (" mcast_src_ip 192.168.0.1/24", "W0520 2:15", " mcast_src_ip 192.168.0.1"),
    (
        " virtual_ipaddress {\n  10.0.0.1/24 peer 10.0.0.2\n }",
        "E0418 3:3",
        " virtual_ipaddress {\n  10.0.0.1 peer 10.0.0.2\n }",
    ),
    (
        " virtual_ipaddress {\n  10.0.0.1 peer 10.0.0.2/16\n }",
        "E0418 3:17",
        " virtual_ipaddress {\n  10.0.0.1 peer 10.0.0.2/16\n }",
    ),
    (
        " track_interface {\n  eth1 weight=0\n }",
        "E0309 3:8",
        " track_interface {\n  eth1 weight=0\n }",
    ),
    (" state PEER", "E0307 2:8", " state BACKUP"),
    (" state master", "E0307 2:8", " state master"),
    (" // which one?\n priority 90", "E0201 2:2", " # which one?\n priority 90"),
    (" priority 90 // {VRID}\n nopreempt", "E0218 2:14", " priority 90 // {VRID}\n nopreempt"),
    (" // {VRID} is it\n nopreempt", "E0218 2:2", " // {VRID} is it\n nopreempt"),
    (" prioritty 90", "E0201 2:2", " prioritty 90"),
    (" priority 100\n priority 90", "E0210 3:2", " priority 100\n priority 90"),
    (" priority 100 200", "E0207 2:15", " priority 100"),
];

#[test]
fn what_keepalived_runs_is_found_and_mended_where_it_has_one_meaning() {
    for (lines, expected, mended) in TOLERATED {
        let text = instance(lines);
        assert_eq!(found(&text), [*expected], "in\n{text}");
        let fixed = fixed(&text);
        assert_eq!(fixed, instance(mended), "from\n{text}");
        let left = if lines == mended { vec![(*expected).to_owned()] } else { Vec::new() };
        assert_eq!(found(&fixed), left, "in\n{fixed}");
    }
}

#[test]
fn keepalived_runs_each_of_them_and_says_nothing_of_what_is_mended() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: String, text: String| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let pairs = TOLERATED.iter().enumerate();
    let files = pairs.flat_map(|(at, (lines, _, mended))| {
        [
            write(format!("{at}.conf"), instance(lines)),
            write(format!("{at}-mended.conf"), instance(mended)),
        ]
    });
    let Some(verdicts) = verdicts(&files.collect::<Vec<_>>()) else { return };
    for (pair, (lines, _, mended)) in verdicts.chunks(2).zip(TOLERATED) {
        assert!(pair[0].is_tolerated(), "{:?}", pair[0]);
        assert!(pair[1].is_sound() || lines == mended, "{:?}", pair[1]);
    }
}

#[test]
fn a_mended_file_is_the_same_configuration_to_keepalived() {
    let dumped = |text: &str| {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("test.conf");
        std::fs::write(&file, text).unwrap();
        verdicts(std::slice::from_ref(&file))?;
        keepalived::dump(&file)
    };
    let changed = TOLERATED.iter().filter(|(lines, _, mended)| lines != mended);
    for (lines, _, mended) in changed {
        let (before, after) = (dumped(&instance(lines)), dumped(&instance(mended)));
        assert_eq!(before, after, "{lines}");
    }
}

#[test]
fn two_blocks_that_say_the_same_are_one() {
    let script = "vrrp_script a {\n script /bin/true\n}\n";
    let text = format!("{script}# again\n{script}{}", instance(" track_script {\n  a\n }"));
    assert_eq!(found(&text), ["W0524 5:13"]);
    assert_eq!(
        fixed(&text),
        text.replacen(script, "", 1).replace("# again\n", "").replacen(
            script,
            &format!("{script}# again\n"),
            1
        )
    );
    let other = text.replacen("/bin/true", "/bin/false", 1);
    assert_eq!(found(&other), ["E0211 5:13"]);
    assert_eq!(fixed(&other), other, "nobody knows which of the two is meant");
}

#[test]
fn a_route_to_all_of_ipv6_may_be_called_so() {
    let route = |route: &str| instance(&format!(" virtual_routes {{\n  {route}\n }}"));
    let config = read(&route("default6 via fe80::1 dev eth0")).config.unwrap();
    let route_read = &config.instances[0].routes[0];
    assert_eq!(route_read.destination.to_string(), "::/0");
    assert_eq!(found(&route("default6 via 192.168.0.3 dev eth0")).len(), 1);
}

#[test]
fn no_finding_shows_a_password() {
    for (written, secret) in [
        ("S3cr#tWrd", "tWrd"),
        ("P@##D321!", "D321"),
        ("ninebytes", "ninebytes"),
        ("\"es\\\\wxyz\"", "wxyz"),
        ("two words", "words"),
        ("state", "state"),
    ] {
        let text =
            instance(&format!(" authentication {{ auth_type PASS\n auth_pass {written}\n }}"));
        let shown = read(&text).render(RenderOptions::default());
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_command_with_shell_syntax_is_told_what_to_write() {
    let script = |line: &str| before_instance(&format!("vrrp_script s {{\n {line}\n}}"));
    let shell = "write `\"/bin/sh -c '/bin/x || exit 1'\"`, or put it into a script";
    assert_eq!(help(&script("script \"/bin/x || exit 1\""))[0], shell);
    assert_eq!(help(&script("script /bin/x || exit 1"))[0], shell);
    assert_eq!(found(&script("script \"</dev/tcp/127.0.0.1/80\"")), ["W0526 2:9"]);
    assert_eq!(found(&script("script \"/bin/sh -c '/bin/x || exit 1'\"")), [""; 0]);
    assert_eq!(found(&instance(" notify /bin/x > /dev/null 2>&1")), ["E0310 2:9"]);
}

#[test]
fn old_and_foreign_words_are_known() {
    for (lines, expected) in [
        ("global_defs {\n lvs_id LVS_1\n}", "did you mean `router_id`?"),
        ("global_defs {\n script_security\n}", "did you mean `enable_script_security`?"),
    ] {
        assert_eq!(help(&before_instance(lines)), [expected], "{lines}");
    }
    assert_eq!(help(&instance(" state PEER")), ["did you mean `BACKUP`?"]);
    assert_eq!(help(&instance(" track_interface {\n eth1 weight=0\n }")), ["write `weight 0`"]);
}

#[test]
fn a_stray_brace_blames_no_line_that_is_only_indented() {
    for lines in [
        " virtual_ipaddress_excluded {\n  192.0.2.7\n    192.0.2.8\n }",
        " track_script {\n }\n unknown_word 1\n priority 5",
    ] {
        let text = instance(lines) + "}\n";
        assert!(found(&text).iter().all(|found| !found.starts_with("E0208")), "{:?}", found(&text));
    }
    let lvs = "virtual_server 192.0.2.1 80 {\n delay_loop 6\n   lb_algo rr\n}\n";
    assert_eq!(found(&format!("{lvs}{}}}\n", instance(""))), ["W0505 1:1", "E0203 13:1"]);
}

#[test]
fn addresses_of_another_family_are_one_finding() {
    let addresses: String = (1..9).map(|n| format!("  2001:db8::{n}\n")).collect();
    let text = instance(&format!(" virtual_ipaddress {{\n  192.0.2.7\n{addresses} }}"));
    assert_eq!(found(&text), ["E0404 4:3"]);
    let shown = read(&text).render(RenderOptions::default());
    assert!(shown.contains("`2001:db8::1` and 7 more are no IPv4 addresses"), "{shown}");
}

#[test]
fn what_is_not_vrrp_is_one_note_for_each_part() {
    let mail = "global_defs {\n notification_email {\n  a@b\n }\n smtp_server 192.0.2.1\n}\n";
    let lvs = "virtual_server 192.0.2.1 80 {\n delay_loop 6\n}\n";
    let text = format!("{mail}{lvs}{}{}", lvs.replace("80", "81"), instance(""));
    let loaded = read(&text);
    assert!(loaded.diagnostics.iter().all(|found| found.severity == Severity::Note));
    assert_eq!(
        loaded.render(RenderOptions::default()),
        "note[W0505]: test.conf:2:2: `notification_email` (and one more) belongs to mail, which \
         vrrpd does not do\nnote[W0505]: test.conf:7:1: `virtual_server` (and one more) belongs to \
         IPVS, which vrrpd does not do\n"
    );
}

#[test]
fn what_a_variable_stands_for_is_not_mended() {
    let text = format!("$FLAG=nopreempt 1\n{}", instance(" $FLAG"));
    assert_eq!(found(&text), ["W0523 1:17"]);
    assert_eq!(fixed(&text), text);
}

#[test]
fn a_difference_shows_the_lines_around_each_change() {
    let lines: String = (0..12).map(|n| format!(" # {n}\n")).collect();
    let text = instance(&format!(" nopreempt 1\n{lines} priority 90\n priority 90"));
    let loaded = read(&text);
    let fixed = fix(&loaded.diagnostics, &loaded.sources);
    assert_eq!(fixed.len(), 1);
    assert_eq!(fixed[0].changes, 2);
    assert_eq!(
        fixed[0].to_string(),
        "--- test.conf\n+++ test.conf\n@@ -1,5 +1,5 @@\n vrrp_instance VI_1 {\n- nopreempt 1\n+ \
         nopreempt\n  # 0\n  # 1\n  # 2\n@@ -13,7 +13,6 @@\n  # 10\n  # 11\n  priority 90\n- \
         priority 90\n  interface eth0\n  virtual_router_id 51\n  virtual_ipaddress {\n"
    );
    let near = instance(" nopreempt 1\n # 0\n priority 90\n priority 90");
    let loaded = read(&near);
    let fixed = fix(&loaded.diagnostics, &loaded.sources);
    assert_eq!(
        fixed[0].to_string(),
        "--- test.conf\n+++ test.conf\n@@ -1,8 +1,7 @@\n vrrp_instance VI_1 {\n- nopreempt 1\n+ \
         nopreempt\n  # 0\n  priority 90\n- priority 90\n  interface eth0\n  virtual_router_id 51\n  \
         virtual_ipaddress {\n"
    );
}
