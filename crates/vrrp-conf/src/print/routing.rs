//! Routes and rules as words.

use core::fmt::Display;
use core::ops::RangeInclusive;

use vrrp_proto::Family;

use crate::model::{
    Encap, IpEncap, NextHop, Placement, Route, RouteKind, RouterPreference, Rule, RuleAction,
};

/// Words being collected.
#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn flag(&mut self, word: &str, on: bool) {
        self.0.extend(on.then(|| word.to_owned()));
    }

    fn option(&mut self, word: &str, value: Option<impl Display>) {
        self.0.extend(value.into_iter().flat_map(|value| [word.to_owned(), value.to_string()]));
    }

    fn hop(&mut self, hop: &NextHop) {
        self.option("via", hop.via.as_ref());
        self.option("dev", hop.device.as_ref());
        self.flag("onlink", hop.on_link);
        self.option("realms", hop.realms.as_ref());
    }

    /// The last of a next hop's words: what is behind could be taken for its options.
    fn encap(&mut self, hop: &NextHop) {
        match &hop.encap {
            Some(Encap::Ip(encap)) => self.ip_encap("ip", encap),
            Some(Encap::Ip6(encap)) => self.ip_encap("ip6", encap),
            Some(Encap::Mpls(labels)) => {
                let labels: Vec<_> = labels.iter().map(ToString::to_string).collect();
                self.option("encap", Some("mpls"));
                self.0.push(labels.join("/"));
            }
            Some(Encap::Ila(locator)) => {
                let groups =
                    [48, 32, 16, 0].map(|shift| format!("{:x}", locator >> shift & 0xffff));
                self.option("encap", Some("ila"));
                self.0.push(groups.join(":"));
            }
            None => {}
        }
    }

    fn ip_encap<A: Display>(&mut self, kind: &str, encap: &IpEncap<A>) {
        self.option("encap", Some(kind));
        self.option("id", encap.id);
        self.option("dst", encap.destination.as_ref());
        self.option("src", encap.source.as_ref());
        self.option("tos", encap.dsfield);
        self.option("hoplimit", encap.hop_limit);
        self.option("flags", encap.flags);
    }
}

/// The words of a route, that read back as it.
pub(crate) fn route_words(route: &Route) -> Vec<String> {
    let mut words = Words::default();
    words.flag(kind(route.kind), route.kind != RouteKind::Unicast);
    words.flag("inet6", route.family == Family::V6);
    words.option("to", Some(route.destination));
    words.option("from", route.from);
    words.hop(&route.hop);
    words.option("src", route.preferred_source.as_ref());
    words.option("table", route.table.as_ref());
    words.option("protocol", route.protocol.as_ref());
    words.option("scope", route.scope.as_ref());
    words.option("metric", route.metric);
    words.option("tos", route.dsfield.as_ref());
    match route.placement {
        Placement::Prepend => {}
        Placement::Append => words.flag("append", true),
        Placement::Add => words.flag("add", true),
    }
    metric_words(route, &mut words);
    words.option("pref", route.preference.map(preference));
    words.option("expires", route.expires.map(|time| time.as_secs()));
    let ttl = route.propagate_ttl.map(|on| if on { "enabled" } else { "disabled" });
    words.option("ttl-propagate", ttl);
    words.option("vrf", route.vrf.as_ref());
    words.encap(&route.hop);
    words.option("track_group", route.track_group.as_ref());
    words.flag("no_track", route.no_track);
    for hop in &route.hops {
        words.flag("nexthop", true);
        words.option("weight", Some(hop.weight));
        words.hop(&hop.hop);
        words.encap(&hop.hop);
    }
    words.0
}

fn metric_words(route: &Route, words: &mut Words) {
    for (metric, setting) in &route.metrics {
        words.flag(metric.as_str(), true);
        words.flag("lock", setting.locked);
        words.flag(&setting.value.to_string(), true);
    }
    words.option("features", route.ecn.then_some("ecn"));
    if let Some(control) = &route.congestion_control {
        words.flag("congctl", true);
        words.flag("lock", control.locked);
        words.flag(&control.name, true);
    }
}

fn kind(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::Unicast => "unicast",
        RouteKind::Local => "local",
        RouteKind::Broadcast => "broadcast",
        RouteKind::Anycast => "anycast",
        RouteKind::Multicast => "multicast",
        RouteKind::Blackhole => "blackhole",
        RouteKind::Unreachable => "unreachable",
        RouteKind::Prohibit => "prohibit",
        RouteKind::Throw => "throw",
    }
}

fn preference(preference: RouterPreference) -> &'static str {
    match preference {
        RouterPreference::Low => "low",
        RouterPreference::Medium => "medium",
        RouterPreference::High => "high",
    }
}

/// The words of a rule, that read back as it.
pub(crate) fn rule_words(rule: &Rule) -> Vec<String> {
    let mut words = Words::default();
    words.flag("not", rule.invert);
    words.option("from", rule.from);
    words.option("to", rule.to);
    words.option("iif", rule.input.as_ref());
    words.option("oif", rule.output.as_ref());
    words.option("fwmark", rule.mark);
    words.option("tos", rule.dsfield.as_ref());
    words.option("ipproto", rule.ip_protocol.as_ref());
    words.option("sport", rule.source_ports.as_ref().map(range));
    words.option("dport", rule.destination_ports.as_ref().map(range));
    words.option("uidrange", rule.users.as_ref().map(range));
    words.option("tunnel-id", rule.tunnel);
    words.option("preference", Some(rule.preference));
    words.option("protocol", rule.protocol);
    match &rule.action {
        RuleAction::Table(table) => words.option("table", Some(table)),
        RuleAction::L3Mdev => words.flag("l3mdev", true),
        RuleAction::Goto(target) => words.option("goto", Some(target)),
        RuleAction::Nop => words.flag("nop", true),
        RuleAction::Blackhole => words.flag("blackhole", true),
        RuleAction::Unreachable => words.flag("unreachable", true),
        RuleAction::Prohibit => words.flag("prohibit", true),
    }
    words.option("suppress_prefixlength", rule.suppress_prefix_len);
    words.option("suppress_ifgroup", rule.suppress_group.as_ref());
    words.option("realms", rule.realms.as_ref());
    words.option("track_group", rule.track_group.as_ref());
    words.flag("no_track", rule.no_track);
    // The last word: what keepalived 2.2.7 has behind it, it passes over.
    words.flag("inet6", rule.family == Family::V6);
    words.0
}

fn range<T: Display>(range: &RangeInclusive<T>) -> String {
    format!("{}-{}", range.start(), range.end())
}
