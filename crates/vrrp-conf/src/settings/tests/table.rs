//! What the table calls supported has an effect on the model.

use crate::keywords::{Block, Effect, Keyword, Shape, Support};
use crate::settings::top_level;
use crate::{Config, Options, RenderOptions, parse_str};

/// A sound block of each kind, without its last brace; the name of what it lacks is required.
const BLOCKS: &[(&str, &str)] = &[
    ("global_defs", "global_defs {"),
    ("vrrp_script", "vrrp_script s {\n script /bin/x"),
    ("vrrp_track_process", "vrrp_track_process p {\n process x"),
    ("track_file", "track_file f {\n file /f"),
    (
        "vrrp_instance",
        "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n version 3\n \
         virtual_ipaddress {\n 192.0.2.1\n }",
    ),
    (
        "vrrp_instance",
        "vrrp_instance U {\n interface eth0\n virtual_router_id 2\n version 3\n \
         virtual_ipaddress {\n 192.0.2.2\n }\n unicast_peer {\n 192.0.2.9\n }",
    ),
];

/// Keywords that say what holds anyway, or that the sound block has already, or whose effect is
/// not in the model, or that the sound block's `interface` forbids (`vrf`).
const WITHOUT_EFFECT: &[&str] = &[
    "preempt",
    "accept",
    "state",
    "interface",
    "virtual_router_id",
    "version",
    "script",
    "process",
    "file",
    "random_seed",
    "include_check",
    "native_ipv6",
    "vrf",
    "vrrp_version",
];

fn sample(keyword: &Keyword) -> Option<String> {
    let value = match keyword.shape {
        Shape::Flag | Shape::OptBool => String::new(),
        Shape::Int(min, max) | Shape::OptInt(min, max) | Shape::Rounds(min, max) => {
            (min + 6).min(max).to_string()
        }
        Shape::Secs(..) | Shape::Millis(..) => "7".to_owned(),
        Shape::Word(_) | Shape::User => "word".to_owned(),
        Shape::Interface => "eth9".to_owned(),
        Shape::Ip if keyword.name == "mcast_dst_ip" => "224.0.0.99".to_owned(),
        Shape::Ip => "192.0.2.99".to_owned(),
        Shape::Group4 => "224.0.0.99".to_owned(),
        Shape::Group6 => "ff02::99".to_owned(),
        Shape::Choice(choices) => choices[0].to_owned(),
        Shape::Weight(_) => "7 reverse".to_owned(),
        Shape::Command | Shape::OptCommand | Shape::Program => "/bin/other".to_owned(),
        Shape::Words(..) if keyword.name == "nftables" => "word".to_owned(),
        Shape::Words(..) => "7".to_owned(),
        Shape::Items(_) => match keyword.name {
            "track_script" => "{ s }".to_owned(),
            "track_process" => "{ p }".to_owned(),
            "track_file" => "{ f }".to_owned(),
            "track_interface" => "{ eth9 }".to_owned(),
            "virtual_rules" => "{ from 192.0.2.99 table 9 preference 9 }".to_owned(),
            _ => "{ 192.0.2.99 }".to_owned(),
        },
        Shape::Block(_) | Shape::Anything => return None,
    };
    Some(format!("{} {value}", keyword.name))
}

fn read(name: &str, line: &str) -> Config {
    let block = |(other, text): &(&str, &str)| {
        let line = if *other == name { line } else { "" };
        format!("{text}\n {line}\n}}\n")
    };
    let text: String = BLOCKS.iter().map(block).collect();
    // Strict mode forbids the unicast instance.
    let options = Options::default().lenient(line.contains("strict"));
    let loaded = parse_str("t", &text, &options);
    loaded.config.unwrap_or_else(|| panic!("{}\n{text}", parse_errors(&text)))
}

fn parse_errors(text: &str) -> String {
    parse_str("t", text, &Options::default()).render(RenderOptions::default())
}

fn block(name: &str) -> &'static Block {
    match top_level().find(name).unwrap().shape {
        Shape::Block(block) => block,
        _ => panic!("{name} is a block"),
    }
}

#[test]
fn a_supported_keyword_changes_the_model() {
    for (name, _) in BLOCKS {
        let plain = read(name, "");
        let supported = block(name).keywords.iter().filter(|keyword| {
            keyword.support == Support::Supported && !WITHOUT_EFFECT.contains(&keyword.name)
        });
        for keyword in supported {
            let Some(line) = sample(keyword) else { continue };
            assert_ne!(read(name, &line), plain, "`{line}` in `{name}` changes nothing");
        }
    }
}

#[test]
fn what_is_not_supported_and_could_matter_is_refused() {
    for (name, text) in BLOCKS {
        let refused = block(name)
            .keywords
            .iter()
            .filter(|keyword| keyword.support == Support::NotYet(Effect::Refuse));
        for keyword in refused {
            let Some(line) = sample(keyword) else { continue };
            let text = format!("{text}\n {line}\n}}\n");
            let found = parse_str("t", &text, &Options::default().lenient(true));
            assert!(found.config.is_none(), "`{line}` is let through");
        }
    }
}
