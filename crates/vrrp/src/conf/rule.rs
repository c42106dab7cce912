//! The policy rules of a configuration as the kernel takes them.

use vrrp_conf::model;
use vrrp_net::{RouteSpec, RuleAction, RuleSpec};

use super::route::prefix;
use crate::names::{self, number};
use crate::settings::{SettingsError, VirtualRule};

/// A rule as the kernel takes it. What it says by name is looked up in iproute2's files.
pub(super) fn virtual_rule(rule: &model::Rule) -> Result<VirtualRule, SettingsError> {
    let action = match &rule.action {
        model::RuleAction::Table(table) => RuleAction::Table(number(table, "rt_tables")?),
        model::RuleAction::L3Mdev => RuleAction::L3Mdev,
        model::RuleAction::Goto(preference) => RuleAction::Goto(*preference),
        model::RuleAction::Nop => RuleAction::Nop,
        model::RuleAction::Blackhole => RuleAction::Blackhole,
        model::RuleAction::Unreachable => RuleAction::Unreachable,
        model::RuleAction::Prohibit => RuleAction::Prohibit,
        _ => return Err(SettingsError::Unsupported("the action of a rule")),
    };
    let ports = |range: &std::ops::RangeInclusive<u16>| (*range.start(), *range.end());
    let spec = RuleSpec {
        is_inverted: rule.invert,
        from: rule.from.as_ref().map(prefix),
        to: rule.to.as_ref().map(prefix),
        input: rule.input.as_ref().map(|name| name.value),
        output: rule.output.as_ref().map(|name| name.value),
        mark: rule.mark.map(|mark| (mark.mark, mark.mask)),
        type_of_service: rule.dsfield.as_ref().map_or(Ok(0), |tos| number(tos, "rt_dsfield"))?,
        ip_protocol: rule.ip_protocol.as_ref().map(names::protocol).transpose()?,
        source_ports: rule.source_ports.as_ref().map(ports),
        destination_ports: rule.destination_ports.as_ref().map(ports),
        users: rule.users.as_ref().map(|range| (*range.start(), *range.end())),
        tunnel: rule.tunnel,
        suppress_prefix_len: rule.suppress_prefix_len,
        suppress_group: rule
            .suppress_group
            .as_ref()
            .map(|group| number(group, "group"))
            .transpose()?,
        realms: rule.realms.as_ref().map(names::realms).transpose()?,
        protocol: rule.protocol.unwrap_or(RouteSpec::PROTOCOL),
        ..RuleSpec::new(rule.family, *rule.preference, action)
    };
    Ok(VirtualRule { is_tracked: !rule.no_track, ..VirtualRule::new(spec) })
}
