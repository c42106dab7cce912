//! `virtual_routes` and `static_routes`.

use core::net::IpAddr;
use core::time::Duration;

use vrrp_proto::Family;

use super::Reader;
use super::routing::{Item, KEEPALIVED, OptionTable, Words, find, is_all};
use super::rows::{ROUTE_ENCAP, ROUTE_TTL_PROPAGATE, ROUTE_VRF};
use crate::model::{
    CongestionControl, Lookup, Metric, NextHop, Placement, Prefix, Route, RouteKind,
    RouterPreference, WeightedHop,
};
use crate::syntax::{Body, Statement, Word};
use crate::{Code, Diagnostic, Span, Spanned};

/// An option of a route.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Opt {
    Kind(RouteKind),
    NoKind,
    To,
    From,
    Src,
    Via,
    Or,
    Dev,
    OnLink,
    Tos,
    Table,
    Protocol,
    Scope,
    Metric,
    Expires,
    Pref,
    Placement(Placement),
    Kernel(Metric),
    Features,
    Congestion,
    Realms,
    TtlPropagate,
    Vrf,
    NextHop,
    Weight,
    Encap,
    Family(Family),
    NoTrack,
    TrackGroup,
}

const OPTIONS: &OptionTable<Opt> = &[
    ("unicast", Opt::Kind(RouteKind::Unicast)),
    ("local", Opt::Kind(RouteKind::Local)),
    ("broadcast", Opt::Kind(RouteKind::Broadcast)),
    ("anycast", Opt::Kind(RouteKind::Anycast)),
    ("multicast", Opt::Kind(RouteKind::Multicast)),
    ("blackhole", Opt::Kind(RouteKind::Blackhole)),
    ("unreachable", Opt::Kind(RouteKind::Unreachable)),
    ("prohibit", Opt::Kind(RouteKind::Prohibit)),
    ("throw", Opt::Kind(RouteKind::Throw)),
    ("nat", Opt::NoKind),
    ("xresolve", Opt::NoKind),
    ("to", Opt::To),
    ("from", Opt::From),
    ("src", Opt::Src),
    ("via", Opt::Via),
    ("gw", Opt::Via),
    ("or", Opt::Or),
    ("dev", Opt::Dev),
    ("oif", Opt::Dev),
    ("onlink", Opt::OnLink),
    ("tos", Opt::Tos),
    ("dsfield", Opt::Tos),
    ("table", Opt::Table),
    ("protocol", Opt::Protocol),
    ("scope", Opt::Scope),
    ("metric", Opt::Metric),
    ("priority", Opt::Metric),
    ("preference", Opt::Metric),
    ("expires", Opt::Expires),
    ("pref", Opt::Pref),
    ("prepend", Opt::Placement(Placement::Prepend)),
    ("append", Opt::Placement(Placement::Append)),
    ("add", Opt::Placement(Placement::Add)),
    ("mtu", Opt::Kernel(Metric::Mtu)),
    ("hoplimit", Opt::Kernel(Metric::HopLimit)),
    ("advmss", Opt::Kernel(Metric::AdvMss)),
    ("rtt", Opt::Kernel(Metric::Rtt)),
    ("rttvar", Opt::Kernel(Metric::RttVar)),
    ("reordering", Opt::Kernel(Metric::Reordering)),
    ("window", Opt::Kernel(Metric::Window)),
    ("cwnd", Opt::Kernel(Metric::Cwnd)),
    ("ssthresh", Opt::Kernel(Metric::Ssthresh)),
    ("rto_min", Opt::Kernel(Metric::RtoMin)),
    ("initcwnd", Opt::Kernel(Metric::InitCwnd)),
    ("initrwnd", Opt::Kernel(Metric::InitRwnd)),
    ("quickack", Opt::Kernel(Metric::QuickAck)),
    ("fastopen_no_cookie", Opt::Kernel(Metric::FastOpenNoCookie)),
    ("features", Opt::Features),
    ("congctl", Opt::Congestion),
    ("realms", Opt::Realms),
    ("ttl-propagate", Opt::TtlPropagate),
    ("vrf", Opt::Vrf),
    ("nexthop", Opt::NextHop),
    ("weight", Opt::Weight),
    ("encap", Opt::Encap),
    ("inet", Opt::Family(Family::V4)),
    ("inet6", Opt::Family(Family::V6)),
    ("no_track", Opt::NoTrack),
    ("track_group", Opt::TrackGroup),
];

/// A route in the making.
struct Reading {
    item: Item<Opt>,
    route: Route,
    /// Where the destination stands, and what it is; all addresses have no family.
    destination: Option<Spanned<Option<Prefix>>>,
    /// The next hop behind `or`.
    second: Option<NextHop>,
    is_static: bool,
}

impl Reader<'_> {
    /// The routes of a block.
    pub(super) fn routes(
        &mut self,
        routes: &mut Vec<Spanned<Route>>,
        body: &Body<'_>,
        is_static: bool,
    ) {
        for statement in &body.statements {
            self.no_body(statement);
            let reported = self.diagnostics.len();
            let Some(route) = self.route(statement, is_static) else {
                self.say_leniently(reported, "the route is left out");
                continue;
            };
            let route = Spanned::new(route, statement.span());
            self.check_repeated(routes, &route, "route");
            routes.push(route);
        }
    }

    /// Reports an item that is in the list already.
    pub(super) fn check_repeated<T: PartialEq>(
        &mut self,
        items: &[Spanned<T>],
        item: &Spanned<T>,
        noun: &str,
    ) {
        // Thousands of routes are not compared with each other.
        let Some(first) = items.iter().rev().take(100).find(|other| *other == item) else { return };
        let message = format!("this {noun} is there twice");
        let diagnostic =
            Diagnostic::new(Code::Duplicate, item.span, message).also(first.span, "first here");
        self.push(diagnostic.leniently(self.options, "both are kept"));
    }

    fn route(&mut self, statement: &Statement<'_>, is_static: bool) -> Option<Route> {
        let mut reading = Reading {
            item: Item::new("route"),
            route: Route::to(Prefix::all(Family::V4)),
            destination: None,
            second: None,
            is_static,
        };
        let mut words = Words(&statement.words);
        let mut sound = true;
        while let Some(word) = words.next() {
            sound &= self.route_word(&mut reading, word, &mut words).is_some();
        }
        sound.then_some(())?;
        self.finished_route(reading, statement)
    }

    /// Reads one word and what belongs to it; `None` if something is wrong with it.
    fn route_word(
        &mut self,
        reading: &mut Reading,
        word: &Word<'_>,
        words: &mut Words<'_, '_>,
    ) -> Option<()> {
        let Some(option) = find(OPTIONS, &word.text) else {
            return self.route_destination(reading, word, words);
        };
        if matches!(option, Opt::NextHop) {
            let hop = self.weighted_hop(&mut reading.item, words, reading.is_static)?;
            reading.route.hops.push(hop);
            return Some(());
        }
        if !reading.route.hops.is_empty() {
            let message = format!("`{}` stands behind the next hops", word.text);
            let diagnostic = Diagnostic::new(Code::BadRouting, word.span, message)
                .help("write what holds for the whole route before the first `nexthop`");
            self.push(diagnostic);
            words.0 = &[];
            return None;
        }
        self.once(&mut reading.item, option, word);
        self.report_unsupported(option, word, reading.is_static);
        match option {
            Opt::Dev | Opt::OnLink | Opt::Encap | Opt::Realms => {
                self.hop_option(&mut reading.item, &mut reading.route.hop, option, word, words)
            }
            Opt::Via => {
                if word.text == "gw" {
                    self.old_form(word, "via");
                }
                self.hop_option(&mut reading.item, &mut reading.route.hop, option, word, words)
            }
            Opt::Or => self.second_hop(reading, word, words),
            Opt::Kernel(metric) => self.metric(&mut reading.route, metric, word, words),
            Opt::Weight => {
                self.bad_routing(word.span, "`weight` is an option of a `nexthop`");
                words.next();
                None
            }
            _ => self.route_option(reading, option, word, words),
        }
    }

    /// Static routes are not supported at all, and say so themselves.
    fn report_unsupported(&mut self, option: Opt, word: &Word<'_>, is_static: bool) {
        let feature = match option {
            Opt::Encap => &ROUTE_ENCAP,
            Opt::Vrf => &ROUTE_VRF,
            Opt::TtlPropagate => &ROUTE_TTL_PROPAGATE,
            _ => return,
        };
        if !is_static {
            self.report_feature(feature, word.span);
        }
    }

    fn route_option(
        &mut self,
        reading: &mut Reading,
        option: Opt,
        word: &Word<'_>,
        words: &mut Words<'_, '_>,
    ) -> Option<()> {
        let Reading { item, route, is_static, .. } = reading;
        match option {
            Opt::Kind(kind) => {
                let other = |(_, seen): &&(&str, Opt)| {
                    matches!(seen, Opt::Kind(_)) && *seen != option && item.place(*seen).is_some()
                };
                if OPTIONS.iter().find(other).is_some() {
                    self.bad_routing(word.span, "a route is of one kind");
                    return None;
                }
                route.kind = kind;
            }
            Opt::NoKind => {
                let message = format!("the kernel has no `{}` routes any more", word.text);
                self.error(Code::NotAChoice, word.span, message);
                return None;
            }
            Opt::Placement(placement) => route.placement = placement,
            Opt::NoTrack => route.no_track = true,
            Opt::Family(family) => return self.same_family(item, family, word.span),
            Opt::TrackGroup => {
                let group = self.item_track_group(word, words, *is_static);
                route.track_group = Some(group?);
            }
            _ => {
                let value = self.value_of(word, words)?;
                if matches!(option, Opt::To) {
                    return self.destination(reading, value);
                }
                self.route_value(item, route, option, word, value, words)?;
            }
        }
        Some(())
    }

    fn route_value(
        &mut self,
        item: &mut Item<Opt>,
        route: &mut Route,
        option: Opt,
        word: &Word<'_>,
        value: &Word<'_>,
        words: &mut Words<'_, '_>,
    ) -> Option<()> {
        match option {
            Opt::From => {
                item.only(Family::V6, word);
                route.from = self.prefix_or_all(item, value)?;
            }
            Opt::Src => {
                let address = self.address(value)?;
                self.same_family(item, Family::of(address), value.span)?;
                route.preferred_source = Some(Spanned::new(address, value.span));
            }
            Opt::Tos => route.dsfield = Some(self.dsfield(value)?),
            Opt::Table => route.table = Some(Spanned::new(self.table(value, 0)?, value.span)),
            Opt::Protocol => route.protocol = Some(self.route_protocol(value)?),
            Opt::Scope => route.scope = Some(self.route_scope(value)?),
            Opt::Metric => route.metric = Some(self.unsigned(value, u32::MAX)?),
            Opt::Expires => {
                item.only(Family::V6, word);
                let seconds = self.unsigned(value, u32::MAX)?;
                route.expires = Some(Duration::from_secs(seconds.into()));
            }
            Opt::Pref => {
                item.only(Family::V6, word);
                route.preference = Some(self.preference(value)?);
            }
            Opt::Features => {
                self.choice(value, &["ecn"])?;
                route.ecn = true;
            }
            Opt::Congestion => {
                let locked = value.text == "lock";
                let name = if locked { self.value_of(value, words)? } else { value };
                let name = name.text.clone().into_owned();
                route.congestion_control = Some(CongestionControl { name, locked });
            }
            Opt::TtlPropagate => {
                let choice = self.choice(value, &["enabled", "disabled"])?;
                route.propagate_ttl = Some(choice == "enabled");
            }
            Opt::Vrf => route.vrf = Some(Spanned::new(self.interface(value)?, value.span)),
            // The others have been read before.
            _ => {}
        }
        Some(())
    }

    pub(super) fn unsigned(&mut self, word: &Word<'_>, max: u32) -> Option<u32> {
        self.integer(word, 0, max.into()).map(|number| number as u32)
    }

    fn preference(&mut self, value: &Word<'_>) -> Option<RouterPreference> {
        Some(match self.choice(value, &["low", "medium", "high"])? {
            "low" => RouterPreference::Low,
            "medium" => RouterPreference::Medium,
            _ => RouterPreference::High,
        })
    }

    /// A word that is no option: the destination, or a mistake.
    fn route_destination(
        &mut self,
        reading: &mut Reading,
        word: &Word<'_>,
        words: &mut Words<'_, '_>,
    ) -> Option<()> {
        let is_address = word.text.starts_with(|c: char| c.is_ascii_digit())
            || word.text.contains(':')
            || is_all(&word.text);
        if is_address && reading.route.hops.is_empty() {
            return self.destination(reading, word);
        }
        // Whether the next word is its value, nobody knows.
        words.0 = &[];
        self.option_of(OPTIONS, reading.item.noun, word).map(|_| ())
    }

    fn destination(&mut self, reading: &mut Reading, word: &Word<'_>) -> Option<()> {
        let prefix = self.prefix_or_all(&mut reading.item, word)?;
        if let Some(first) = reading.destination {
            let message = "a route has one destination".to_owned();
            let diagnostic = Diagnostic::new(Code::BadRouting, word.span, message)
                .also(first.span, "the first one");
            self.push(diagnostic);
            return None;
        }
        if let Some(prefix) = prefix.filter(|prefix| prefix.address.is_ipv4())
            && prefix.masked() != prefix
        {
            let message = format!("`{}` has host bits, so it is no network", word.text);
            let diagnostic = Diagnostic::new(Code::BadPrefix, word.span, message)
                .help(format!("write `{}`", prefix.masked()));
            self.push(diagnostic);
            return None;
        }
        reading.destination = Some(Spanned::new(prefix, word.span));
        Some(())
    }

    /// `via A or B`: two next hops.
    fn second_hop(
        &mut self,
        reading: &mut Reading,
        word: &Word<'_>,
        words: &mut Words<'_, '_>,
    ) -> Option<()> {
        self.old_form(word, "nexthop");
        let value = self.value_of(word, words)?;
        let address = self.address(value)?;
        self.same_family(&mut reading.item, Family::of(address), value.span)?;
        let hop = NextHop { via: Some(Spanned::new(address, value.span)), ..NextHop::default() };
        reading.second = Some(hop);
        Some(())
    }

    fn weighted_hop(
        &mut self,
        item: &mut Item<Opt>,
        words: &mut Words<'_, '_>,
        is_static: bool,
    ) -> Option<WeightedHop> {
        let mut hop = WeightedHop { hop: NextHop::default(), weight: 1 };
        let mut own = Item::new("next hop");
        let mut sound = Some(());
        while let Some(word) = words.peek() {
            let option = match find(OPTIONS, &word.text) {
                Some(
                    option @ (Opt::Via
                    | Opt::Dev
                    | Opt::OnLink
                    | Opt::Encap
                    | Opt::Realms
                    | Opt::Weight),
                ) => option,
                _ => break,
            };
            words.next();
            self.once(&mut own, option, word);
            self.report_unsupported(option, word, is_static);
            let read = match option {
                Opt::Weight => self.value_of(word, words).and_then(|value| {
                    hop.weight = self.integer(value, 1, 256)? as u16;
                    Some(())
                }),
                _ => self.hop_option(item, &mut hop.hop, option, word, words),
            };
            sound = sound.and(read);
        }
        sound.map(|()| hop)
    }

    /// Reads an option of a next hop.
    fn hop_option(
        &mut self,
        item: &mut Item<Opt>,
        hop: &mut NextHop,
        option: Opt,
        word: &Word<'_>,
        words: &mut Words<'_, '_>,
    ) -> Option<()> {
        match option {
            Opt::OnLink => hop.on_link = true,
            Opt::Encap => hop.encap = Some(self.encap(word, words)?),
            Opt::Dev => {
                let value = self.value_of(word, words)?;
                hop.device = Some(Spanned::new(self.interface(value)?, value.span));
            }
            Opt::Realms => {
                item.only(Family::V4, word);
                let value = self.value_of(word, words)?;
                hop.realms = Some(self.realms(value)?);
            }
            _ => hop.via = Some(self.gateway(item, word, words)?),
        }
        Some(())
    }

    /// `[inet|inet6] ADDRESS`.
    fn gateway(
        &mut self,
        item: &mut Item<Opt>,
        word: &Word<'_>,
        words: &mut Words<'_, '_>,
    ) -> Option<Spanned<IpAddr>> {
        let mut value = self.value_of(word, words)?;
        let family = match &*value.text {
            "inet" => Some(Family::V4),
            "inet6" => Some(Family::V6),
            _ => None,
        };
        if family.is_some() {
            value = self.value_of(value, words)?;
        }
        let address = self.address(value)?;
        if family.is_some_and(|family| family != Family::of(address)) {
            let message = format!("`{address}` is an address of the other family");
            self.error(Code::NotAnAddress, value.span, message);
            return None;
        }
        self.same_family(item, Family::of(address), value.span)?;
        Some(Spanned::new(address, value.span))
    }

    /// What a route's words come to; `None` if they are no route.
    fn finished_route(&mut self, reading: Reading, statement: &Statement<'_>) -> Option<Route> {
        let Reading { item, mut route, destination, second, .. } = reading;
        let at = statement.span();
        route.family = item.family();
        let Some(destination) = destination else {
            self.bad_routing(at, "a route without a destination");
            return None;
        };
        route.destination = destination.value.unwrap_or(Prefix::all(route.family));
        if let Some(second) = second {
            let first = NextHop { via: route.hop.via.take(), ..NextHop::default() };
            route.hops = [first, second].map(|hop| WeightedHop { hop, weight: 1 }).into();
        }
        self.check_family(&item)?;
        self.check_hops(&item, &route, at)?;
        self.check_route_tracking(&item, &mut route, at);
        Some(route)
    }

    fn check_hops(&mut self, item: &Item<Opt>, route: &Route, at: Span) -> Option<()> {
        let hop = &route.hop;
        if route.kind.refuses() && route.family == Family::V4 {
            let place = item.place(Opt::Via).or(item.place(Opt::Dev));
            if let Some(place) = place.or((!route.hops.is_empty()).then_some(at)) {
                let message = "a route that drops packets has no next hop and no device";
                self.bad_routing(place, message);
                return None;
            }
        }
        if let (Some(via), false) = (&hop.via, route.hops.is_empty()) {
            self.bad_routing(via.span, "the route has several next hops beside this one");
            return None;
        }
        let nowhere = |hop: &WeightedHop| hop.hop.via.is_none() && hop.hop.device.is_none();
        if hop.device.is_none() && route.hops.iter().any(nowhere) {
            self.bad_routing(at, "a next hop needs `via` or `dev`");
            return None;
        }
        Some(())
    }

    /// keepalived tracks its own routes through a device that is named.
    fn check_route_tracking(&mut self, item: &Item<Opt>, route: &mut Route, at: Span) {
        if route.no_track {
            return;
        }
        if route.hop.device.is_none() {
            let help = match route.kind.refuses() {
                true => "add `no_track`",
                false => "name its device with `dev`, or add `no_track`",
            };
            let message = "a route without a device is not tracked";
            // With `no_track` alone, keepalived would not mark the route as its own.
            let fixed = format!("{} protocol {KEEPALIVED} no_track", self.written(at));
            self.push(Diagnostic::new(Code::Untracked, at, message).help(help).fix(at, fixed));
            route.no_track = true;
            return;
        }
        if !is_own(route.protocol.as_ref()) {
            let place = item.place(Opt::Protocol).unwrap_or(at);
            self.foreign_protocol(place, "route");
            route.protocol = None;
        }
    }

    /// Reports an item that is marked as another program's, and is to be tracked.
    pub(super) fn foreign_protocol(&mut self, at: Span, noun: &str) {
        let message = format!("a {noun} of another protocol cannot be tracked");
        let diagnostic = Diagnostic::new(Code::NotTrackable, at, message)
            .help("leave `protocol` out, or add `no_track`");
        self.push(diagnostic.leniently(self.options, "`protocol` is ignored"));
    }

    fn old_form(&mut self, word: &Word<'_>, now: &str) {
        let message = format!("`{}` is an old form", word.text);
        let diagnostic =
            Diagnostic::new(Code::OldForm, word.span, message).help(format!("use `{now}`"));
        self.push(diagnostic);
    }
}

/// Whether a route or a rule is marked as keepalived's own.
pub(super) fn is_own(protocol: Option<&Lookup<u8>>) -> bool {
    protocol.is_none_or(|protocol| *protocol == Lookup::Number(KEEPALIVED))
}
