//! What diagnostics look like.

use insta::assert_snapshot;
use vrrp_conf::{Options, RenderOptions, parse_str, to_json};

fn rendered(text: &str) -> String {
    let options = Options::default().config_id("node");
    parse_str("vrrp.conf", text, &options).render(RenderOptions::default())
}

const INSTANCE: &str = "vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        192.0.2.1/24
    }
}
";

#[test]
fn a_misspelt_keyword() {
    let text = INSTANCE.replace("virtual_router_id 51", "virtual_router_id 51\n    prioritty 90");
    assert_snapshot!(rendered(&text));
}

#[test]
fn a_duplicate_shows_both_places() {
    let text = INSTANCE.replace("interface eth0", "interface eth0\n    interface eth1");
    assert_snapshot!(rendered(&text));
}

#[test]
fn a_block_that_is_not_closed() {
    let other = INSTANCE.replace("VI_1", "VI_2").replace("eth0", "eth1");
    let text = INSTANCE.replacen("    }\n", "", 1) + &other;
    assert_snapshot!(rendered(&text));
}

#[test]
fn a_block_that_is_not_opened() {
    assert_snapshot!(rendered(&INSTANCE.replace("virtual_ipaddress {", "virtual_ipaddress")));
}

#[test]
fn a_block_that_is_closed_too_early() {
    assert_snapshot!(rendered(&INSTANCE.replace("eth0", "eth0\n    }")));
}

#[test]
fn a_value_from_a_variable_shows_the_way_to_it() {
    let text = "$PRIORITY=300\n$VI= \\\nvrrp_instance VI_1 { \\\n    priority ${PRIORITY} \\\n    \
                interface eth0 \\\n    virtual_router_id 1 \\\n    \
                virtual_ipaddress { 192.0.2.1 } \\\n}\n\n$VI\n";
    assert_snapshot!(rendered(text));
}

#[test]
fn a_sequence_shows_where_its_numbers_come_from() {
    let text = INSTANCE.replace("192.0.2.1/24", "~SEQ(HOST, 254, 256) 192.0.2.${HOST}/24");
    assert_snapshot!(rendered(&text));
}

#[test]
fn two_instances_of_one_virtual_router() {
    let text = format!("{INSTANCE}\n{}", INSTANCE.replace("VI_1", "VI_2"));
    assert_snapshot!(rendered(&text));
}

#[test]
fn a_warning_and_an_error_are_counted() {
    let text = INSTANCE.replace(
        "interface eth0",
        "state MASTER\n    nopreempt\n    version 3\n    advert_int 50\n    interface eth0",
    );
    assert_snapshot!(rendered(&text));
}

#[test]
fn places_are_counted_in_characters() {
    let text = INSTANCE
        .replace("virtual_router_id", "pri\u{f6}rit\u{e9} 90 \u{fffd}\n    virtual_router_id");
    assert_snapshot!(rendered(&text));
    assert!(rendered("\u{fffd}").contains("unknown keyword"));
}

#[test]
fn json_names_the_places() {
    let text = INSTANCE.replace("interface eth0", "interface eth0\n    interface \"eth\\\"1\"");
    let loaded = parse_str("vrrp.conf", &text, &Options::default());
    assert_snapshot!(to_json(&loaded.diagnostics, &loaded.sources));
}

#[test]
fn what_is_invisible_is_written_out_and_what_is_long_is_cut() {
    let text = INSTANCE
        .replace(
            "eth0",
            "eth0\n    pri\u{1b}[31mority\u{200b} 90\n\tpriority\t\u{4e2d}\u{6587} # \0",
        )
        .replace("1/24", &format!("1/24 dev {} scope near", "x".repeat(400)))
        .replace('\n', "\r\n");
    let shown = rendered(&text.replace('\0', ""));
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    assert!(shown.lines().all(|line| line.chars().count() < 330), "{shown}");
    assert_snapshot!(shown);
}

#[test]
fn a_byte_order_mark_is_no_column() {
    let shown = rendered(&format!("\u{feff}{}", INSTANCE.replace("vrrp_inst", "vrrp_isnt")));
    assert!(shown.contains("--> vrrp.conf:1:1"), "{shown}");
}

#[test]
fn lenient_mode_says_what_it_does() {
    let text = INSTANCE.replace(
        "interface eth0",
        "interface eth0\n    priority 300\n    prioritty 90\n    advert_int 1.5\n    garp_master_repeat 1\n    garp_master_repeat 2",
    );
    let options = Options::default().lenient(true);
    assert_snapshot!(parse_str("vrrp.conf", &text, &options).render(RenderOptions::default()));
}

#[test]
fn a_name_that_is_nearly_right_shows_the_definition() {
    let text = INSTANCE
        .replace("interface eth0", "interface eth0\n    track_script {\n        chk_htp\n    }")
        + "vrrp_script chk_http {\n    script /bin/true\n}\n";
    assert_snapshot!(rendered(&text));
}

#[test]
fn a_mistake_that_a_sequence_repeats_is_shown_once() {
    let text = INSTANCE.replace("192.0.2.1/24", "~SEQ(HOST, 1, 5000) 192.0.2.256/24");
    assert_snapshot!(rendered(&text));
}

#[test]
fn a_finding_has_its_range_in_lines_and_in_bytes() {
    let text = INSTANCE.replace("eth0", "eth0 # \u{e4}\n    $BAD=prioritty 90\n    $BAD ");
    let loaded = parse_str("vrrp.conf", &text, &Options::default());
    let span = loaded.diagnostics[0].span.unwrap_or_default();
    assert_eq!(loaded.sources.text(span), "prioritty");
    let (file, bytes) = loaded.sources.byte_range(span).unwrap_or_default();
    assert_eq!((&*file, &text[bytes]), ("vrrp.conf", "prioritty"));
    let range = loaded
        .sources
        .range(span)
        .map(|(start, end)| [start.line, start.column, end.line, end.column]);
    assert_eq!(range, Some([3, 10, 3, 19]));
}
