//! The corpus has every construct of the language that keepalived 2.2.7 knows.

use std::collections::BTreeSet;
use std::path::Path;

use crate::keywords::{Block, Shape};
use crate::settings::top_level;

/// Keywords that Debian's 2.2.7 does not take without a complaint: block, name, and why.
const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("global_defs", "vrrp_notify_timeout", "vrrpd's own"),
    ("global_defs", "on_failure", "vrrpd's own"),
    ("global_defs", "vrrp_handover", "vrrpd's own"),
    ("vrrp_instance", "handover", "vrrpd's own"),
    ("vrrp_instance", "on_failure", "vrrpd's own"),
    ("global_defs", "v3_checksum_as_v2", NEWER),
    ("global_defs", "vrrp_owner_ignore_adverts", NEWER),
    ("global_defs", "vrrp_delay_after_boot", NEWER),
    ("global_defs", "set_supplementary_groups", NEWER),
    ("global_defs", "use_symlink_paths", NEWER),
    ("global_defs", "json_version", NEWER),
    ("global_defs", "json_dump_file", NEWER),
    ("global_defs", "state_dump_file", NEWER),
    ("global_defs", "stats_dump_file", NEWER),
    ("global_defs", "iproute_usr_dir", NEWER),
    ("global_defs", "iproute_etc_dir", NEWER),
    ("global_defs", "email_faults", NEWER),
    ("global_defs", "dbus_no_interface_name", NEWER),
    ("global_defs", "vrrp_iptables", NO_IPTABLES),
    ("global_defs", "vrrp_ipsets", NO_IPTABLES),
    ("global_defs", "vrrp_vmac_garp_intvl", DEPRECATED),
    ("vrrp_instance", "v3_checksum_as_v2", NEWER),
    ("vrrp_instance", "owner_ignore_adverts", NEWER),
    ("vrrp_instance", "no_virtual_ipaddress", NEWER),
    ("vrrp_instance", "timer_expired_backup", NEWER),
    ("vrrp_instance", "thread_timer_expired", NEWER),
    ("vrrp_instance", "auth_hmac", NEWER),
    ("auth_hmac", "key", NEWER),
    ("auth_hmac", "active_key", NEWER),
    ("auth_hmac", "anti_replay", NEWER),
    ("auth_hmac", "time_window", NEWER),
    ("auth_hmac", "mode", NEWER),
    ("vrrp_instance", "vmac_garp_intvl", DEPRECATED),
    ("vrrp_instance", "linkbeat_use_polling", DEPRECATED),
    ("vrrp_instance", "lvs_sync_daemon_interface", DEPRECATED),
    ("vrrp_instance", "vrf", "wants a VRF device, which few kernels for tests have"),
    ("vrrp_sync_group", "global_tracking", DEPRECATED),
    ("vrrp_sync_group", "notify_deleted", "only in the manual"),
    ("bfd_instance", "multihop", NEWER),
];

const NEWER: &str = "came after 2.2.7";
const DEPRECATED: &str = "an error of the configuration, since there is a new form";
const NO_IPTABLES: &str = "Debian's build has nftables instead";

/// Adds each keyword of a block of the table, and of the blocks within.
fn of_table(name: &str, block: &'static Block, all: &mut BTreeSet<(String, String)>) {
    for keyword in block.keywords {
        all.insert((name.to_owned(), keyword.name.to_owned()));
        if let Shape::Block(inner) = keyword.shape {
            of_table(keyword.name, inner, all);
        }
    }
}

/// The words of a text, and its braces and line ends, without comments and quotes.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for line in text.lines() {
        let line = line.split(['#', '!']).next().unwrap_or_default().trim_end_matches('\\');
        let line = line.replace('{', " { ").replace('}', " } ");
        tokens.extend(line.split_whitespace().map(str::to_owned));
        tokens.push("\n".to_owned());
    }
    tokens
}

/// Adds the keywords that a text uses.
fn of_text(text: &str, used: &mut BTreeSet<(String, String)>) {
    let mut blocks: Vec<Option<(String, &'static Block)>> =
        vec![Some((String::new(), top_level()))];
    let (mut at_start, mut opens) = (true, None);
    for token in tokens(text) {
        match &*token {
            "\n" => at_start = true,
            "{" => {
                blocks.push(opens.take());
                at_start = true;
            }
            "}" => {
                blocks.pop();
                at_start = true;
            }
            word if at_start => {
                at_start = word.starts_with('@');
                let Some(Some((name, block))) = blocks.last() else { continue };
                let Some(keyword) = block.find(word) else { continue };
                used.insert((name.clone(), word.to_owned()));
                opens = match keyword.shape {
                    Shape::Block(inner) => Some((word.to_owned(), inner)),
                    _ => None,
                };
            }
            _ => {}
        }
    }
}

#[test]
fn every_keyword_that_keepalived_knows_is_in_the_corpus() {
    let (mut all, mut used) = (BTreeSet::new(), BTreeSet::new());
    of_table("", top_level(), &mut all);
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for entry in std::fs::read_dir(corpus).unwrap() {
        of_text(&std::fs::read_to_string(entry.unwrap().path()).unwrap(), &mut used);
    }
    let left_out =
        LEFT_OUT.iter().map(|(block, name, _)| ((*block).to_owned(), (*name).to_owned()));
    let left_out: BTreeSet<_> = left_out.collect();
    let unknown: Vec<_> = left_out.difference(&all).collect();
    assert!(unknown.is_empty(), "{unknown:?} are no keywords");
    let used_after_all: Vec<_> = left_out.intersection(&used).collect();
    assert!(used_after_all.is_empty(), "the corpus has {used_after_all:?}");
    let missing: Vec<_> = all.difference(&used).filter(|key| !left_out.contains(key)).collect();
    assert!(missing.is_empty(), "the corpus lacks {missing:?}");
}
