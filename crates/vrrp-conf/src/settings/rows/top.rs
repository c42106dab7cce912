//! The top level.

use super::*;
use crate::settings::Kind;

/// What the lines of the top level that are no blocks say.
#[derive(Default)]
pub(in crate::settings) struct Top {
    pub(in crate::settings) instance_name: Option<Spanned<String>>,
    pub(in crate::settings) net_namespace: Option<Spanned<String>>,
}

impl Draft for Top {
    type Model = Config;
}

const TOP_LEVEL_ROWS: &[Row<Top>] = &[
    row::<Top>("global_defs", Block(&GLOBAL_DEFS.block), "what holds for all instances")
        .fills(Fill::Nested(|reader, _, _, body| reader.global_defs(body)))
        .shown(|config, _, mut line| {
            line.block(None, |lines| GLOBAL_DEFS.show(config, config, lines))
        }),
    row::<Top>("vrrp_instance", Block(&VRRP_INSTANCE.block), "a virtual router")
        .fills(Fill::Nested(|reader, _, statement, body| {
            reader.named(Kind::Instance, statement, body, Reader::instance)
        }))
        .shown(|config, _, mut line| {
            for item in &config.instances {
                line.block(Some(&item.name), |lines| VRRP_INSTANCE.show(config, item, lines));
            }
        })
        .read_in(Phase::Instances),
    row::<Top>("vrrp_script", Block(&VRRP_SCRIPT.block), "a check that is run again and again")
        .fills(Fill::Nested(|reader, _, statement, body| {
            reader.named(Kind::Script, statement, body, Reader::script)
        }))
        .shown(|config, _, mut line| {
            for item in config.scripts.values() {
                line.block(Some(&item.name), |lines| VRRP_SCRIPT.show(config, item, lines));
            }
        })
        .read_in(Phase::Definitions),
    row::<Top>("vrrp_track_process", Block(&VRRP_TRACK_PROCESS.block), "a process that must run")
        .fills(Fill::Nested(|reader, _, statement, body| {
            reader.named(Kind::Process, statement, body, Reader::process)
        }))
        .shown(|config, _, mut line| {
            for item in config.processes.values() {
                line.block(Some(&item.name), |lines| VRRP_TRACK_PROCESS.show(config, item, lines));
            }
        })
        .read_in(Phase::Definitions),
    row::<Top>("track_file", Block(&TRACK_FILE.block), "a file whose number counts")
        .fills(Fill::Nested(|reader, _, statement, body| {
            reader.named(Kind::File, statement, body, Reader::file)
        }))
        .shown(|config, _, mut line| {
            for item in config.files.values() {
                line.block(Some(&item.name), |lines| TRACK_FILE.show(config, item, lines));
            }
        })
        .read_in(Phase::Definitions),
    row::<Top>("vrrp_track_file", Block(&TRACK_FILE.block), "old name of `track_file`")
        .fills(Fill::Nested(|reader, _, statement, body| {
            reader.named(Kind::File, statement, body, Reader::file)
        }))
        .read_in(Phase::Definitions),
    row::<Top>(
        "vrrp_sync_group",
        Block(&VRRP_SYNC_GROUP.block),
        "instances that change state together",
    )
    .fills(Fill::Nested(|reader, _, statement, body| {
        reader.named(Kind::SyncGroup, statement, body, Reader::sync_group)
    }))
    .shown(|config, _, mut line| {
        for item in &config.sync_groups {
            line.block(Some(&item.name), |lines| VRRP_SYNC_GROUP.show(config, item, lines));
        }
    })
    .read_in(Phase::Groups),
    row::<Top>("bfd_instance", Block(&BFD_INSTANCE.block), "a BFD session")
        .support(NotYet(Warn))
        .fills(Fill::Nested(|reader, _, statement, body| {
            reader.named(Kind::Bfd, statement, body, Reader::bfd_session)
        }))
        .shown(|config, _, mut line| {
            for item in config.bfd_sessions.values() {
                line.block(Some(&item.name), |lines| BFD_INSTANCE.show(config, item, lines));
            }
        })
        .read_in(Phase::Definitions),
    row::<Top>("garp_group", Block(&GARP_GROUP.block), "the pace of announcements")
        .fills(Fill::Nested(|reader, _, _, body| reader.garp_group(body)))
        .shown(|config, _, mut line| {
            for group in &config.garp_groups {
                line.block(None, |lines| GARP_GROUP.show(config, group, lines));
            }
        }),
    row::<Top>("track_group", Block(&TRACK_GROUP.block), "who tracks static addresses")
        .support(NotYet(Warn))
        .fills(Fill::Nested(|reader, _, statement, body| {
            reader.named(Kind::TrackGroup, statement, body, Reader::track_group)
        }))
        .shown(|config, _, mut line| {
            for (name, members) in &config.track_groups {
                line.block(Some(name), |lines| TRACK_GROUP.show(config, members, lines));
            }
        })
        .read_in(Phase::Groups),
    row::<Top>("static_ipaddress", Items(ADDRESS), "addresses that stay")
        .support(NotYet(Refuse))
        .fills(Fill::Nested(|reader, _, _, body| reader.static_addresses(body)))
        .shown(|config, _, mut line| {
            line.items(&config.static_addresses, |item| address_words(item))
        })
        .read_in(Phase::Static),
    row::<Top>("static_routes", Items(ROUTE), "routes that stay")
        .support(NotYet(Refuse))
        .fills(Fill::Nested(|reader, _, _, body| reader.static_routes(body)))
        .shown(|config, _, mut line| line.items(&config.static_routes, |item| route_words(item)))
        .read_in(Phase::Static),
    row::<Top>("static_rules", Items(RULE), "rules that stay")
        .support(NotYet(Refuse))
        .fills(Fill::Nested(|reader, _, _, body| reader.static_rules(body)))
        .shown(|config, _, mut line| line.items(&config.static_rules, |item| rule_words(item)))
        .read_in(Phase::Static),
    row::<Top>("linkbeat_interfaces", Items("INTERFACE [MII|ETHTOOL|IOCTL]"), "")
        .support(LINKBEAT)
        .fills(Fill::Nested(|reader, _, _, body| reader.linkbeat_interfaces(body)))
        .shown(|config, _, mut line| {
            line.items(&config.linkbeat_interfaces, |linkbeat| linkbeat_words(linkbeat))
        }),
    row::<Top>(
        "interface_up_down_delays",
        Items("INTERFACE DOWN-SECONDS [UP-SECONDS]"),
        "how long a link must be down or up to count as that",
    )
    .fills(Fill::Nested(|reader, _, _, body| reader.interface_delays(body)))
    .shown(|config, _, mut line| {
        line.items(&config.interface_delays, |delays| {
            vec![delays.interface.to_string(), secs(delays.down), secs(delays.up)]
        })
    }),
    row::<Top>("instance", Word("NAME"), "a name for this daemon, if several run here")
        .fills(Fill::Text(|top, name| top.instance_name = Some(name)))
        .shown(|config, _, mut line| line.option(config.global.instance_name.as_ref())),
    row::<Top>("net_namespace", Word("NAME"), "the network namespace to work in")
        .fills(Fill::Text(|top, name| top.net_namespace = Some(name)))
        .shown(|config, _, mut line| line.option(config.global.net_namespace.as_ref())),
    row::<Top>("net_namespace_ipvs", Words(0, 1, "[NAME]"), "").support(IPVS),
    row::<Top>("namespace_with_ipsets", Flag, "").support(FIREWALL),
    row::<Top>("use_pid_dir", Flag, "")
        .support(Accepted("the run directory is chosen with `--run-dir`")),
    row::<Top>("linkbeat_use_polling", Flag, "").default("off").support(LINKBEAT),
    row::<Top>("child_wait_time", Int(0, 1000), "").support(NAMES),
    row::<Top>("virtual_server", Anything, "").support(IPVS),
    row::<Top>("virtual_server_group", Anything, "").support(IPVS),
    row::<Top>("SSL", Anything, "").support(IPVS),
];
static TOP_LEVEL_KEYWORDS: [Keyword; TOP_LEVEL_ROWS.len()] = keywords(TOP_LEVEL_ROWS);
/// Blocks may stand in any order.
pub(in crate::settings) static TOP_LEVEL: Table<Top> = Table {
    block: Block::new("Blocks may stand in any order.", &TOP_LEVEL_KEYWORDS),
    rows: TOP_LEVEL_ROWS,
};
