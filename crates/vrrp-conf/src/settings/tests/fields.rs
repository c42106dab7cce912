//! A row that fills a field is printed from that field.

use crate::keywords::{Block, Keyword, Shape};
use crate::settings::row::{Draft, Table};
use crate::settings::rows::{
    AUTH_HMAC, AUTHENTICATION, BFD_INSTANCE, GARP_GROUP, GLOBAL_DEFS, TOP_LEVEL, TRACK_FILE,
    TRACK_GROUP, VRRP_INSTANCE, VRRP_SCRIPT, VRRP_SYNC_GROUP, VRRP_TRACK_PROCESS,
};
use crate::{Options, parse_str};

/// Rows that are printed as another row, in another block, or not at all, since each instance has
/// what it inherits.
const PRINTED_ELSEWHERE: &[&str] = &[
    "vrrp_track_file",
    "neighbour_ip",
    "thread_timer_expired",
    "vmac_garp_intvl",
    "vrrp_rlimit_rtime",
    "delay",
    "interface of garp_group",
    "v3_checksum_as_v2 of global_defs",
    "on_failure of global_defs",
];

/// Rows of `global_defs` that are defaults of instances.
fn is_inherited(block: &str, name: &str) -> bool {
    const OWN: &[&str] =
        &["vrrp_notify", "vrrp_mcast", "vrrp_startup", "vrrp_delay", "vrrp_no_swap"];
    let resources = ["vrrp_rt", "vrrp_rlimit", "vrrp_priority", "vrrp_cpu", "vrrp_netlink"];
    let pace = ["vrrp_garp_interval", "vrrp_gna_interval", "vrrp_notify_fifo"];
    let is_own = OWN.iter().chain(&resources).chain(&pace).any(|own| name.starts_with(own));
    block == "global_defs"
        && (name == "vrrp_notify_priority_changes" || name.starts_with("vrrp_") && !is_own)
}

/// The keywords that a text has at the beginning of its lines.
fn printed(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.split_whitespace().next()).collect()
}

/// All of the corpus as it is printed, and what keepalived 2.2.7 has not.
fn corpus() -> String {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let options = Options::default().read_only(true);
    let mut text = String::new();
    for entry in std::fs::read_dir(corpus).unwrap() {
        let config = crate::load(&entry.unwrap().path(), &options).unwrap().config.unwrap();
        text += &config.to_conf();
    }
    let newer = "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n version 3\n nopreempt\n \
                 timer_expired_backup 9\n on_failure keep\n auth_hmac {\n key 1 0123456789abcdef0123456789abcdef\n \
                 time_window 9\n }\n no_virtual_ipaddress\n vrf red\n notify_deleted /bin/x\n}\n\
                 global_defs {\n vrrp_delay_after_boot 3\n}\nbfd_instance b {\n neighbor_ip \
                 192.0.2.1\n multihop\n}\nvrrp_instance W {\n interface eth0\n virtual_router_id 2\n \
                 unicast_fault_no_peer\n virtual_ipaddress { 192.0.2.2 }\n}\n";
    let loaded = parse_str("newer", newer, &options);
    let shown = loaded.render(crate::RenderOptions::default());
    text + &loaded.config.expect(&shown).to_conf()
}

fn check<D: Draft>(name: &str, table: &'static Table<D>, corpus: &[&str]) {
    for row in table.rows.iter().filter(|row| row.fills_something()) {
        let keyword = row.keyword.name;
        let elsewhere = PRINTED_ELSEWHERE.contains(&keyword)
            || PRINTED_ELSEWHERE.contains(&&*format!("{keyword} of {name}"))
            || is_inherited(name, keyword);
        assert!(elsewhere || corpus.contains(&keyword), "`{keyword}` of `{name}` is never printed");
    }
    let blocks = |keyword: &&Keyword| matches!(keyword.shape, Shape::Block(_));
    let without = table.block.keywords.iter().filter(blocks).find(|keyword| {
        let row = table.row(keyword.name);
        row.is_none_or(|row| !row.fills_something())
    });
    assert!(without.is_none(), "{without:?} fills nothing");
}

#[test]
fn what_fills_a_field_is_printed_from_it() {
    let text = corpus();
    let corpus = printed(&text);
    check("the top level", &TOP_LEVEL, &corpus);
    check("global_defs", &GLOBAL_DEFS, &corpus);
    check("vrrp_instance", &VRRP_INSTANCE, &corpus);
    check("authentication", &AUTHENTICATION, &corpus);
    check("auth_hmac", &AUTH_HMAC, &corpus);
    check("vrrp_script", &VRRP_SCRIPT, &corpus);
    check("vrrp_track_process", &VRRP_TRACK_PROCESS, &corpus);
    check("track_file", &TRACK_FILE, &corpus);
    check("vrrp_sync_group", &VRRP_SYNC_GROUP, &corpus);
    check("bfd_instance", &BFD_INSTANCE, &corpus);
    check("garp_group", &GARP_GROUP, &corpus);
    check("track_group", &TRACK_GROUP, &corpus);
}

#[test]
fn every_keyword_of_a_block_is_there_once() {
    fn once(block: &Block) {
        for (index, keyword) in block.keywords.iter().enumerate() {
            let before = &block.keywords[..index];
            assert!(before.iter().all(|other| other.name != keyword.name), "{}", keyword.name);
            if let Shape::Block(inner) = keyword.shape {
                once(inner);
            }
        }
    }
    once(&TOP_LEVEL.block);
}
