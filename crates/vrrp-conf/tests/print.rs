//! What is printed reads back as the same model.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use vrrp_conf::{Options, parse_str};

/// A word in quotes, of any printable characters.
fn quoted_word() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 #!{}$@~'./_-]{1,12}".prop_map(|text| format!("\"{text}\""))
}

fn seconds() -> impl Strategy<Value = String> {
    (0_u32..500, 0_u32..1_000_000).prop_map(|(secs, micros)| format!("{secs}.{micros:06}"))
}

/// A line of the keyword and one of the values, or nothing.
fn line(
    keyword: &'static str,
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    option::of(value).prop_map(move |value| match value {
        Some(value) => format!("  {keyword} {value}\n"),
        None => String::new(),
    })
}

fn number(range: core::ops::Range<i32>) -> impl Strategy<Value = String> {
    range.prop_map(|number| number.to_string())
}

fn command() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("/bin/true".to_owned()),
        Just("\"/bin/true 'a b' c\\\"d e\\\"\" root wheel".to_owned()),
        Just("'/bin/sh -c \"echo $HOME; exit\"' nobody".to_owned()),
        Just("\"/bin/echo ''\"".to_owned()),
    ]
}

fn weight(limit: i32) -> impl Strategy<Value = String> {
    (-limit..=limit, any::<bool>())
        .prop_map(|(weight, reverse)| format!("{weight}{}", if reverse { " reverse" } else { "" }))
}

fn global_defs() -> impl Strategy<Value = String> {
    let lines = (
        line("router_id", quoted_word()),
        line("script_user", Just("root wheel".to_owned())),
        line("vrrp_version", number(2..4)),
        line("vrrp_garp_master_repeat", number(1..256)),
        line("vrrp_garp_master_delay", seconds()),
        line("vrrp_garp_interval", seconds()),
        line("vrrp_min_garp", Just(String::new())),
        line("vrrp_mcast_group4", Just("224.0.0.99".to_owned())),
        line("vrrp_notify_timeout", number(1..999)),
        line("notify_fifo", Just("/run/x".to_owned())),
    );
    lines.prop_map(|(a, b, c, d, e, f, g, h, i, j)| {
        format!("global_defs {{\n{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}}}\n")
    })
}

fn definitions() -> impl Strategy<Value = String> {
    let script = (
        command(),
        line("interval", number(1..99)),
        line("timeout", seconds()),
        line("rise", number(1..9)),
        line("weight", weight(253)),
        line("init_fail", Just(String::new())),
    );
    let process = (
        line("param_match", Just("initial".to_owned())),
        line("quorum", number(1..9)),
        line("weight", weight(254)),
        line("delay", seconds()),
        vec(quoted_word(), 1..4),
    );
    let file =
        (quoted_word(), line("weight", weight(9999)), line("init_file", Just("3".to_owned())));
    (script, process, file).prop_map(|(script, process, file)| {
        let (command, a, b, c, d, e) = script;
        let command = command.split(" root").next().unwrap().split(" nobody").next().unwrap();
        let (f, g, h, i, words) = process;
        let (path, j, k) = file;
        format!(
            "vrrp_script \"a script\" {{\n  script {command}\n{a}{b}{c}{d}{e}}}\n\
             vrrp_track_process p {{\n  process {}\n{f}{g}{h}{i}}}\n\
             track_file f {{\n  file {path}\n{j}{k}}}\n",
            words.join(" ")
        )
    })
}

fn instance() -> impl Strategy<Value = String> {
    let identity = (
        quoted_word(),
        line("state", prop_oneof![Just("MASTER".to_owned()), Just("BACKUP".to_owned())]),
        line("priority", number(1..256)),
        line("version", number(2..4)),
        line("advert_int", number(1..40)),
        line("nopreempt", Just(String::new())),
        line("preempt_delay", seconds()),
        line("mcast_src_ip", Just("192.0.2.9".to_owned())),
    );
    let rest = (
        line("garp_master_refresh", seconds()),
        line("garp_lower_prio_repeat", number(0..256)),
        line("down_timer_adverts", number(1..101)),
        line("lower_prio_no_advert", Just("off".to_owned())),
        line("v3_checksum_as_v2", Just(String::new())),
        line("dont_track_primary", Just(String::new())),
        line("notify", command()),
        line("notify_master", command()),
        option::of((weight(253), weight(253), weight(254), weight(254))),
    );
    let address = (1_u8..255, 0_u8..33, option::of(0..6_usize)).prop_map(|(host, len, extra)| {
        let extras = [
            "dev eth1 label eth1:1",
            "brd +",
            "brd 192.0.2.255 scope link",
            "peer 192.0.2.77 home",
            "-nodad no_track noprefixroute",
            "scope 7 brd -",
        ];
        let extra = extra.map_or("", |extra| extras[extra]);
        match extra.starts_with("peer") {
            true => format!("    192.0.2.{host} {extra}\n"),
            false => format!("    192.0.2.{host}/{len} {extra}\n"),
        }
    });
    (identity, rest, vec(address, 1..5)).prop_map(|(identity, rest, addresses)| {
        let (name, a, b, c, d, e, f, g) = identity;
        let (h, i, j, k, l, m, n, o, weights) = rest;
        let tracks = weights.map_or(String::new(), |(eth, script, process, file)| {
            format!(
                "  track_interface {{\n eth2 weight {eth}\n }}\n  track_script {{\n \"a script\" \
                 weight {script}\n }}\n  track_process {{\n p weight {process}\n }}\n  track_file \
                 {{\n f weight {file}\n }}\n"
            )
        });
        let mut addresses = addresses;
        addresses.sort();
        addresses.dedup_by_key(|address| address.trim_start().split(['/', ' ']).next().map(str::to_owned));
        let (first, excluded) = addresses.split_at(1);
        format!(
            "vrrp_instance {name} {{\n  interface eth0\n  virtual_router_id 7\n{a}{b}{c}{d}{e}{f}{g}\
             {h}{i}{j}{k}{l}{m}{n}{o}{tracks}  virtual_ipaddress {{\n{}  }}\n  \
             virtual_ipaddress_excluded {{\n{}  }}\n}}\n",
            first.concat(),
            excluded.concat()
        )
    })
}

proptest! {
    #[test]
    fn printing_and_parsing_again_gives_the_same_model(
        global in global_defs(), definitions in definitions(), instance in instance(),
    ) {
        let text = format!("{instance}{definitions}{global}");
        let options = Options::default().config_id("node");
        let loaded = parse_str("generated", &text, &options);
        prop_assert!(!loaded.has_errors(), "{}\n{text}", loaded.render(Default::default()));
        let config = loaded.config.unwrap();
        let printed = config.to_conf();
        let again = parse_str("printed", &printed, &options);
        prop_assert!(!again.has_errors(), "{}\n{printed}", again.render(Default::default()));
        let again = again.config.unwrap();
        prop_assert_eq!(&again, &config, "{}\n{}", text, printed);
        prop_assert_eq!(again.to_conf(), printed);
    }
}

#[test]
fn what_a_second_global_block_says_takes_the_place_of_the_first() {
    let global = "global_defs {\n notify_fifo /run/a\n vrrp_notify_fifo /run/b\n}\n";
    let later = "global_defs {\n vrrp_notify_fifo /run/c\n}\n";
    let options = Options::default();
    let config = parse_str("two.conf", &format!("{global}{later}"), &options).config.unwrap();
    let printed = config.to_conf();
    assert!(printed.contains(" notify_fifo /run/a\n") && printed.contains("_fifo /run/c\n"));
    let again = parse_str("printed.conf", &printed, &options).config;
    assert_eq!(again.as_ref(), Some(&config), "{printed}");
}

#[test]
fn what_is_empty_is_printed_where_it_means_something() {
    let text = "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n unicast_fault_no_peer\n \
                unicast_peer {\n }\n virtual_ipaddress {\n  192.0.2.1\n }\n}\n";
    let options = Options::default().read_only(true);
    let config = parse_str("empty.conf", text, &options).config.unwrap();
    let printed = config.to_conf();
    let again = parse_str("printed.conf", &printed, &options).config;
    assert_eq!(again.as_ref(), Some(&config), "{printed}");
}

#[test]
fn a_word_that_would_be_read_otherwise_is_printed_in_quotes() {
    let text = "instance \":\"\nvrrp_script include {\n script /bin/false\n}\nvrrp_instance A {\n interface eth0\n \
                virtual_router_id 1\n virtual_ipaddress {\n  192.0.2.1\n }\n track_script {\n  \
                \"include\"\n }\n}\n";
    let config = parse_str("t.conf", text, &Options::default()).config.unwrap();
    assert_eq!(config.instances[0].tracks.scripts.len(), 1);
    let again = parse_str("printed.conf", &config.to_conf(), &Options::default()).config;
    assert_eq!(again, Some(config));
}
