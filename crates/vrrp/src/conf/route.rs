//! The routes of a configuration as the kernel takes them.

use std::time::Duration;

use vrrp_conf::Spanned;
use vrrp_conf::model::{self, Lookup};
use vrrp_net::{Hop, Placement, Prefix, RouteKind, RouteSpec, Scope};

use crate::names::{self, number};
use crate::settings::{SettingsError, VirtualRoute};

/// A prefix as the kernel takes it.
pub(super) fn prefix(prefix: &model::Prefix) -> Prefix {
    let model::Prefix { address, len } = prefix.masked();
    Prefix { address, len }
}

/// A route as the kernel takes it. What it says by name is looked up in iproute2's files.
pub(super) fn virtual_route(route: &model::Route) -> Result<VirtualRoute, SettingsError> {
    refuse_unsupported(route)?;
    let to_u32 = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    let kind = match route.kind {
        model::RouteKind::Unicast => RouteKind::UNICAST,
        model::RouteKind::Local => RouteKind::LOCAL,
        model::RouteKind::Broadcast => RouteKind::BROADCAST,
        model::RouteKind::Anycast => RouteKind::ANYCAST,
        model::RouteKind::Multicast => RouteKind::MULTICAST,
        model::RouteKind::Blackhole => RouteKind::BLACKHOLE,
        model::RouteKind::Unreachable => RouteKind::UNREACHABLE,
        model::RouteKind::Prohibit => RouteKind::PROHIBIT,
        model::RouteKind::Throw => RouteKind::THROW,
    };
    let is_own = matches!(kind, RouteKind::LOCAL | RouteKind::BROADCAST | RouteKind::ANYCAST);
    let usual_table = if is_own { RouteSpec::LOCAL } else { RouteSpec::MAIN };
    let looked_up = |table: &Spanned<Lookup<u32>>| number(table, "rt_tables");
    let scope = match &route.scope {
        Some(Lookup::Number(scope)) => Some(Scope(scope.0)),
        Some(Lookup::Name(name)) => Some(Scope(names::named(name, "rt_scopes")?)),
        None => None,
    };
    let single =
        [&route.hop].into_iter().filter(|_| route.hops.is_empty() && !route.kind.refuses());
    let single = single.filter(|hop| hop.via.is_some() || hop.device.is_some()).map(|hop| (hop, 1));
    let several = route.hops.iter().map(|hop| (&hop.hop, hop.weight));
    let all: Vec<_> = single.chain(several).collect();
    let mut metrics: Vec<_> =
        route.metrics.iter().map(|(metric, value)| (rtax(*metric), *value)).collect();
    metrics.sort_by_key(|(number, _)| *number);
    let locked = metrics.iter().filter(|(_, value)| value.locked);
    let mut locked = locked.fold(0, |mask, (number, _)| mask | 1 << number);
    let mut metrics: Vec<_> =
        metrics.into_iter().map(|(number, value)| (number, value.value)).collect();
    if route.ecn {
        metrics.push((RTAX_FEATURES, RTAX_FEATURE_ECN));
    }
    if route.congestion_control.as_ref().is_some_and(|control| control.locked) {
        locked |= 1 << RTAX_CC_ALGO;
    }
    let spec = RouteSpec {
        kind,
        source: route.from.as_ref().map(prefix),
        preferred_source: route.preferred_source.as_ref().map(|source| source.value),
        table: route.table.as_ref().map_or(Ok(usual_table), looked_up)?,
        protocol: route
            .protocol
            .as_ref()
            .map_or(Ok(RouteSpec::PROTOCOL), |protocol| number(protocol, "rt_protos"))?,
        scope,
        metric: route.metric,
        type_of_service: route.dsfield.as_ref().map_or(Ok(0), |tos| number(tos, "rt_dsfield"))?,
        placement: match route.placement {
            model::Placement::Prepend => Placement::Before,
            model::Placement::Append => Placement::Behind,
            model::Placement::Add => Placement::Only,
        },
        hops: all.iter().map(|(hop, weight)| next_hop(hop, *weight)).collect::<Result<_, _>>()?,
        metrics,
        locked_metrics: locked,
        congestion_control: route.congestion_control.as_ref().map(|control| control.name.clone()),
        preference: route.preference.map(|preference| match preference {
            model::RouterPreference::Medium => 0,
            model::RouterPreference::High => 1,
            model::RouterPreference::Low => 3,
        }),
        expires_s: route.expires.map(to_u32),
        ..RouteSpec::to(prefix(&route.destination))
    };
    Ok(VirtualRoute {
        devices: all.iter().map(|(hop, _)| hop.device.as_ref().map(|it| it.value)).collect(),
        is_tracked: !route.no_track,
        ..VirtualRoute::new(spec)
    })
}

/// linux/rtnetlink.h: `RTAX_FEATURES` with its bit for ECN, and `RTAX_CC_ALGO`.
const RTAX_FEATURES: u16 = 12;
const RTAX_FEATURE_ECN: u32 = 1;
const RTAX_CC_ALGO: u16 = 16;

fn refuse_unsupported(route: &model::Route) -> Result<(), SettingsError> {
    let is_wrapped = |hop: &model::NextHop| hop.encap.is_some();
    let features = [
        (
            "a route with encap",
            is_wrapped(&route.hop) || route.hops.iter().any(|it| is_wrapped(&it.hop)),
        ),
        ("a route in a vrf", route.vrf.is_some()),
        ("ttl-propagate of a route", route.propagate_ttl.is_some()),
    ];
    match features.into_iter().find(|(_, used)| *used) {
        Some((what, _)) => Err(SettingsError::Unsupported(what)),
        None => Ok(()),
    }
}

/// linux/rtnetlink.h: `RTAX_*`.
fn rtax(metric: model::Metric) -> u16 {
    match metric {
        model::Metric::Mtu => 2,
        model::Metric::Window => 3,
        model::Metric::Rtt => 4,
        model::Metric::RttVar => 5,
        model::Metric::Ssthresh => 6,
        model::Metric::Cwnd => 7,
        model::Metric::AdvMss => 8,
        model::Metric::Reordering => 9,
        model::Metric::HopLimit => 10,
        model::Metric::InitCwnd => 11,
        model::Metric::RtoMin => 13,
        model::Metric::InitRwnd => 14,
        model::Metric::QuickAck => 15,
        model::Metric::FastOpenNoCookie => 17,
        _ => 0,
    }
}

fn next_hop(hop: &model::NextHop, weight: u16) -> Result<Hop, SettingsError> {
    Ok(Hop {
        gateway: hop.via.as_ref().map(|via| via.value),
        interface: None,
        is_on_link: hop.on_link,
        // The kernel counts from 0.
        weight: u8::try_from(weight.saturating_sub(1)).unwrap_or(u8::MAX),
        realms: hop.realms.as_ref().map(names::realms).transpose()?,
    })
}
