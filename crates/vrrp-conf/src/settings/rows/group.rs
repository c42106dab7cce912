//! Groups of instances and of interfaces, and BFD sessions.

use super::watch::*;
use super::*;
use crate::model::GarpGroup;
use crate::settings::group::{BfdDraft, SyncGroupDraft, TrackGroupDraft};

const VRRP_SYNC_GROUP_ROWS: &[Row<SyncGroupDraft>] = &[
    row::<SyncGroupDraft>("group", Items("INSTANCE"), "the members; required")
        .fills(Fill::Nested(|reader, to, _, body| reader.sync_members(to, body)))
        .shown(|_, group, mut line| line.list_block(&group.members))
        .repeats(false),
    track_interface(),
    track_script(),
    track_process(),
    track_file(),
    track_bfd(),
    notify(),
    notify_master(),
    notify_backup(),
    notify_fault(),
    notify_stop(),
    notify_deleted().support(Accepted("a group says STOP, each of its instances DELETED")),
    notify_priority_changes(),
    smtp_alert(),
    row::<SyncGroupDraft>("global_tracking", Flag, "")
        .support(Accepted("what a group tracks always counts for its members")),
    row::<SyncGroupDraft>("sync_group_tracking_weight", Flag, "members keep their weights")
        .default("off")
        .fills(Fill::Bool(|to, _| to.tracking_weight = true))
        .shown(|_, group, mut line| line.flag(group.tracking_weight)),
];
static VRRP_SYNC_GROUP_KEYWORDS: [Keyword; VRRP_SYNC_GROUP_ROWS.len()] =
    keywords(VRRP_SYNC_GROUP_ROWS);
/// Instances that change state together.
pub(in crate::settings) static VRRP_SYNC_GROUP: Table<SyncGroupDraft> = Table {
    block: Block::new("Instances that change state together.", &VRRP_SYNC_GROUP_KEYWORDS)
        .named("NAME")
        .repeated(),
    rows: VRRP_SYNC_GROUP_ROWS,
};

const BFD_INSTANCE_ROWS: &[Row<BfdDraft>] = &[
    row::<BfdDraft>("neighbor_ip", Ip, "the neighbour; required")
        .fills(Fill::Ip(|to, address| to.neighbor = Some(address)))
        .shown(|_, session, mut line| line.value(&session.neighbor)),
    row::<BfdDraft>("neighbour_ip", Ip, "the same")
        .fills(Fill::Ip(|to, address| to.neighbor = Some(address))),
    row::<BfdDraft>("source_ip", Ip, "the own address")
        .fills(Fill::Ip(|to, address| to.source = Some(address)))
        .shown(|_, session, mut line| line.option(session.source.as_ref())),
    row::<BfdDraft>("min_rx", Millis(1, 10_000 * 1000), "milliseconds")
        .default("10")
        .fills(Fill::Time(|to, time| to.min_rx = Some(*time)))
        .shown(|_, session, mut line| line.millis(session.min_rx)),
    row::<BfdDraft>("min_tx", Millis(1, 10_000 * 1000), "milliseconds")
        .default("10")
        .fills(Fill::Time(|to, time| to.min_tx = Some(*time)))
        .shown(|_, session, mut line| line.millis(session.min_tx)),
    row::<BfdDraft>("idle_tx", Millis(1, 10_000 * 1000), "milliseconds")
        .default("1000")
        .fills(Fill::Time(|to, time| to.idle_tx = Some(*time)))
        .shown(|_, session, mut line| line.millis(session.idle_tx)),
    row::<BfdDraft>("multiplier", Int(1, 255), "missed packets that mean down")
        .default("5")
        .fills(Fill::Number(|to, count| to.multiplier = Some(*count as u8)))
        .shown(|_, session, mut line| line.value(&session.multiplier)),
    row::<BfdDraft>("passive", Flag, "let the neighbour begin")
        .default("off")
        .fills(Fill::Bool(|to, _| to.passive = true))
        .shown(|_, session, mut line| line.flag(session.passive)),
    row::<BfdDraft>("ttl", Int(1, 255), "of IPv4 packets")
        .default("255")
        .fills(Fill::Number(|to, number| to.ttl = Some(*number as u8)))
        .shown(|_, session, mut line| {
            line.option(Some(session.hop_limit).filter(|_| session.neighbor.is_ipv4()).as_ref())
        }),
    row::<BfdDraft>("hoplimit", Int(1, 255), "of IPv6 packets")
        .default("64")
        .fills(Fill::Number(|to, number| to.hop_limit = Some(*number as u8)))
        .shown(|_, session, mut line| {
            line.option(Some(session.hop_limit).filter(|_| session.neighbor.is_ipv6()).as_ref())
        }),
    row::<BfdDraft>("max_hops", Int(0, 255), "that a packet may have come")
        .default("0")
        .fills(Fill::Number(|to, number| to.max_hops = *number as u8))
        .shown(|_, session, mut line| line.value(&session.max_hops)),
    row::<BfdDraft>("multihop", OptBool, "UDP port 4784")
        .default("off")
        .fills(Fill::Bool(|to, on| to.multihop = *on))
        .shown(|_, session, mut line| line.flag(session.multihop)),
    row::<BfdDraft>("weight", Weight(253), "what it does to the priority; 0: FAULT")
        .default("0")
        .fills(Fill::Weight(|to, weight| to.weight = Some(weight)))
        .shown(|_, session, mut line| line.weight(*session.weight)),
    row::<BfdDraft>("vrrp", Flag, "").support(Accepted("BFD events are for VRRP only here")),
    row::<BfdDraft>("checker", Flag, "").support(CHECKER),
];
static BFD_INSTANCE_KEYWORDS: [Keyword; BFD_INSTANCE_ROWS.len()] = keywords(BFD_INSTANCE_ROWS);
/// A BFD session (RFC 5880) with a neighbour.
pub(in crate::settings) static BFD_INSTANCE: Table<BfdDraft> = Table {
    block: Block::new("A BFD session (RFC 5880) with a neighbour.", &BFD_INSTANCE_KEYWORDS)
        .named("NAME")
        .repeated(),
    rows: BFD_INSTANCE_ROWS,
};

const GARP_GROUP_ROWS: &[Row<GarpGroup>] = &[
    row::<GarpGroup>("garp_interval", Secs(0, DAY), "seconds between gratuitous ARPs")
        .default("0")
        .fills(Fill::Time(|to, time| to.garp_interval = Some(*time)))
        .shown(|_, group, mut line| line.secs_option(group.garp_interval)),
    row::<GarpGroup>("gna_interval", Secs(0, DAY), "seconds between advertisements")
        .default("0")
        .fills(Fill::Time(|to, time| to.na_interval = Some(*time)))
        .shown(|_, group, mut line| line.secs_option(group.na_interval)),
    row::<GarpGroup>("interface", Interface, "one interface")
        .fills(Fill::Interface(|to, name| to.interfaces.push(name))),
    row::<GarpGroup>("interfaces", Items("INTERFACE"), "several, together")
        .fills(Fill::Nested(|reader, to, _, body| to.interfaces.extend(reader.interfaces(body))))
        .shown(|_, group, mut line| line.list_block(&group.interfaces)),
];
static GARP_GROUP_KEYWORDS: [Keyword; GARP_GROUP_ROWS.len()] = keywords(GARP_GROUP_ROWS);
/// The pace of announcements on some interfaces.
pub(in crate::settings) static GARP_GROUP: Table<GarpGroup> = Table {
    block: Block::new("The pace of announcements on some interfaces.", &GARP_GROUP_KEYWORDS)
        .repeated(),
    rows: GARP_GROUP_ROWS,
};

const TRACK_GROUP_ROWS: &[Row<TrackGroupDraft>] =
    &[row::<TrackGroupDraft>("group", Items("INSTANCE"), "the instances; required")
        .fills(Fill::Nested(|reader, to, _, body| reader.track_members(to, body)))
        .shown(|_, members, mut line| line.list_block(members))
        .repeats(false)];
static TRACK_GROUP_KEYWORDS: [Keyword; TRACK_GROUP_ROWS.len()] = keywords(TRACK_GROUP_ROWS);
/// Instances that track static addresses, routes and rules.
pub(in crate::settings) static TRACK_GROUP: Table<TrackGroupDraft> = Table {
    block: Block::new(
        "Instances that track static addresses, routes and rules.",
        &TRACK_GROUP_KEYWORDS,
    )
    .named("NAME")
    .repeated(),
    rows: TRACK_GROUP_ROWS,
};
