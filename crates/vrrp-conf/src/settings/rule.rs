//! `virtual_rules` and `static_rules`.

use core::ops::RangeInclusive;

use vrrp_proto::Family;

use super::Reader;
use super::route::is_own;
use super::routing::{Item, OptionTable, Words};
use crate::model::{FwMark, Lookup, Rule, RuleAction};
use crate::syntax::{Body, Statement, Word};
use crate::{Code, Diagnostic, Span, Spanned};

/// An option of a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Opt {
    From,
    To,
    Not,
    Iif,
    Oif,
    FwMark,
    Tos,
    IpProto,
    SPort,
    DPort,
    Uids,
    TunnelId,
    Preference,
    Protocol,
    Table,
    L3Mdev,
    Goto,
    Nop,
    Blackhole,
    Unreachable,
    Prohibit,
    Type,
    SuppressPrefix,
    SuppressGroup,
    Realms,
    Family(Family),
    NoTrack,
    TrackGroup,
}

const OPTIONS: &OptionTable<Opt> = &[
    ("from", Opt::From),
    ("to", Opt::To),
    ("not", Opt::Not),
    ("iif", Opt::Iif),
    ("dev", Opt::Iif),
    ("oif", Opt::Oif),
    ("fwmark", Opt::FwMark),
    ("tos", Opt::Tos),
    ("dsfield", Opt::Tos),
    ("ipproto", Opt::IpProto),
    ("sport", Opt::SPort),
    ("dport", Opt::DPort),
    ("uidrange", Opt::Uids),
    ("tunnel-id", Opt::TunnelId),
    ("preference", Opt::Preference),
    ("priority", Opt::Preference),
    ("order", Opt::Preference),
    ("protocol", Opt::Protocol),
    ("table", Opt::Table),
    ("lookup", Opt::Table),
    ("l3mdev", Opt::L3Mdev),
    ("goto", Opt::Goto),
    ("nop", Opt::Nop),
    ("blackhole", Opt::Blackhole),
    ("unreachable", Opt::Unreachable),
    ("prohibit", Opt::Prohibit),
    ("type", Opt::Type),
    ("suppress_prefixlength", Opt::SuppressPrefix),
    ("sup_pl", Opt::SuppressPrefix),
    ("suppress_ifgroup", Opt::SuppressGroup),
    ("sup_group", Opt::SuppressGroup),
    ("realms", Opt::Realms),
    ("inet", Opt::Family(Family::V4)),
    ("inet6", Opt::Family(Family::V6)),
    ("no_track", Opt::NoTrack),
    ("track_group", Opt::TrackGroup),
];

/// The preference of the first rule without one; the next one gets a lower one.
const FIRST_PREFERENCE: u32 = 16_384;

/// A rule in the making.
struct Reading {
    item: Item<Opt>,
    rule: Rule,
    preference: Option<Spanned<u32>>,
    action: Option<Spanned<RuleAction>>,
    is_static: bool,
}

impl Reader<'_> {
    /// The rules of a block.
    pub(super) fn rules(
        &mut self,
        rules: &mut Vec<Spanned<Rule>>,
        body: &Body<'_>,
        is_static: bool,
    ) {
        for statement in &body.statements {
            self.no_body(statement);
            let reported = self.diagnostics.len();
            let Some(rule) = self.rule(statement, is_static) else {
                self.say_leniently(reported, "the rule is left out");
                continue;
            };
            let rule = Spanned::new(rule, statement.span());
            self.check_repeated(rules, &rule, "rule");
            rules.push(rule);
        }
    }

    fn rule(&mut self, statement: &Statement<'_>, is_static: bool) -> Option<Rule> {
        let mut reading = Reading {
            item: Item::new("rule"),
            rule: Rule::new(
                Family::V4,
                Spanned::new(FIRST_PREFERENCE, statement.span()),
                RuleAction::Nop,
            ),
            preference: None,
            action: None,
            is_static,
        };
        let mut words = Words(&statement.words);
        let mut sound = true;
        while let Some(word) = words.next() {
            sound &= self.rule_word(&mut reading, word, &mut words).is_some();
        }
        sound.then_some(())?;
        self.finished_rule(reading, statement.span())
    }

    /// Reads one word and what belongs to it; `None` if something is wrong with it.
    fn rule_word(
        &mut self,
        reading: &mut Reading,
        word: &Word<'_>,
        words: &mut Words<'_, '_>,
    ) -> Option<()> {
        let Some(option) = self.option_of(OPTIONS, reading.item.noun, word) else {
            // Whether the next word is its value, nobody knows.
            words.0 = &[];
            return None;
        };
        let is_action = matches!(
            option,
            Opt::Table
                | Opt::L3Mdev
                | Opt::Goto
                | Opt::Nop
                | Opt::Blackhole
                | Opt::Unreachable
                | Opt::Prohibit
                | Opt::Type
        );
        if is_action {
            let action = self.rule_action(option, word, words)?;
            return self.one_action(reading, Spanned::new(action, word.span));
        }
        self.once(&mut reading.item, option, word);
        match option {
            Opt::Not => reading.rule.invert = true,
            Opt::NoTrack => reading.rule.no_track = true,
            Opt::Family(family) => return self.same_family(&mut reading.item, family, word.span),
            Opt::TrackGroup => {
                let group = self.item_track_group(word, words, reading.is_static);
                reading.rule.track_group = Some(group?);
            }
            _ => {
                let value = self.value_of(word, words)?;
                self.rule_value(reading, option, value)?;
            }
        }
        Some(())
    }

    fn rule_action(
        &mut self,
        option: Opt,
        word: &Word<'_>,
        words: &mut Words<'_, '_>,
    ) -> Option<RuleAction> {
        Some(match option {
            Opt::L3Mdev => RuleAction::L3Mdev,
            Opt::Nop => RuleAction::Nop,
            Opt::Blackhole => RuleAction::Blackhole,
            Opt::Unreachable => RuleAction::Unreachable,
            Opt::Prohibit => RuleAction::Prohibit,
            Opt::Table => {
                let value = self.value_of(word, words)?;
                RuleAction::Table(self.table(value, 1)?)
            }
            Opt::Goto => {
                let value = self.value_of(word, words)?;
                RuleAction::Goto(self.c_number(value, 0, u32::MAX.into())? as u32)
            }
            _ => {
                let value = self.value_of(word, words)?;
                match self.choice(value, &["nop", "blackhole", "unreachable", "prohibit"])? {
                    "nop" => RuleAction::Nop,
                    "blackhole" => RuleAction::Blackhole,
                    "unreachable" => RuleAction::Unreachable,
                    _ => RuleAction::Prohibit,
                }
            }
        })
    }

    fn one_action(&mut self, reading: &mut Reading, action: Spanned<RuleAction>) -> Option<()> {
        if let Some(first) = &reading.action {
            let message = "a rule does one thing".to_owned();
            let diagnostic = Diagnostic::new(Code::BadRouting, action.span, message)
                .also(first.span, "which is this already");
            self.push(diagnostic);
            return None;
        }
        reading.action = Some(action);
        Some(())
    }

    fn rule_value(&mut self, reading: &mut Reading, option: Opt, value: &Word<'_>) -> Option<()> {
        let Reading { item, rule, .. } = reading;
        match option {
            Opt::From => rule.from = self.prefix_or_all(item, value)?,
            Opt::To => rule.to = self.prefix_or_all(item, value)?,
            Opt::Iif => rule.input = Some(Spanned::new(self.interface(value)?, value.span)),
            Opt::Oif => rule.output = Some(Spanned::new(self.interface(value)?, value.span)),
            Opt::FwMark => rule.mark = Some(self.fwmark(value)?),
            Opt::Tos => rule.dsfield = Some(self.dsfield(value)?),
            Opt::IpProto => rule.ip_protocol = Some(self.lookup(value, IP_PROTOCOLS, 0, 255)?),
            Opt::SPort => rule.source_ports = Some(self.ports(value)?),
            Opt::DPort => rule.destination_ports = Some(self.ports(value)?),
            Opt::Uids => {
                let (first, last) = self.range(value, u32::MAX.into())?;
                rule.users = Some(first as u32..=last as u32);
            }
            Opt::TunnelId => rule.tunnel = Some(self.c_number(value, 0, u64::MAX - 1)?),
            Opt::Preference => {
                let preference = self.c_number(value, 0, u32::MAX.into())? as u32;
                reading.preference = Some(Spanned::new(preference, value.span));
            }
            Opt::Protocol => rule.protocol = Some(self.integer(value, 0, 255)? as u8),
            Opt::SuppressPrefix => {
                rule.suppress_prefix_len = Some(self.integer(value, 0, 128)? as u8);
            }
            Opt::SuppressGroup => {
                let max = u32::MAX.into();
                rule.suppress_group = Some(self.lookup(value, &[("default", 0)], 0, max)?);
            }
            Opt::Realms => rule.realms = Some(self.realms(value)?),
            // The others have been read before.
            _ => {}
        }
        Some(())
    }

    /// `MARK[/MASK]`.
    fn fwmark(&mut self, word: &Word<'_>) -> Option<FwMark> {
        let mut number = |text: &str| {
            let word = Word { text: text.to_owned().into(), ..word.clone() };
            self.c_number(&word, 0, u32::MAX.into()).map(|number| number as u32)
        };
        match word.text.split_once('/') {
            Some((mark, mask)) => Some(FwMark { mark: number(mark)?, mask: number(mask)? }),
            None => Some(FwMark { mark: number(&word.text)?, mask: u32::MAX }),
        }
    }

    fn ports(&mut self, word: &Word<'_>) -> Option<RangeInclusive<u16>> {
        let (first, last) = self.range(word, u16::MAX.into())?;
        Some(first as u16..=last as u16)
    }

    /// `FIRST-LAST`.
    fn range(&mut self, word: &Word<'_>, max: u64) -> Option<(u64, u64)> {
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().unwrap_or(u64::MAX))
        };
        let ends = word.text.split_once('-').and_then(|(a, b)| Some((number(a)?, number(b)?)));
        let Some((first, last)) = ends else {
            let message = format!("`{}` is not a range", word.text);
            let mut diagnostic = Diagnostic::new(Code::NotANumber, word.span, message);
            diagnostic.help = number(&word.text).map(|one| format!("write `{one}-{one}`"));
            self.push(diagnostic);
            return None;
        };
        if first > last || last > max {
            let message = format!("the range `{}` is empty or too long", word.text);
            let diagnostic = Diagnostic::new(Code::OutOfRange, word.span, message)
                .label(format!("must be two numbers up to {max}, the lower one first"));
            self.push(diagnostic);
            return None;
        }
        Some((first, last))
    }

    /// What a rule's words come to; `None` if they are no rule.
    fn finished_rule(&mut self, reading: Reading, at: Span) -> Option<Rule> {
        let Reading { item, mut rule, preference, action, .. } = reading;
        let Some(action) = action else {
            self.bad_routing(at, "a rule that does nothing");
            return None;
        };
        rule.family = item.family();
        rule.action = action.value;
        self.check_table_options(&item, &rule)?;
        rule.preference = self.rule_preference(preference, &rule, action.span, at)?;
        if rule.input.is_none()
            && let Some(group) = rule.track_group.take()
        {
            let message = "a rule without `iif` cannot be tracked by a group";
            let diagnostic = Diagnostic::new(Code::NotTrackable, group.span, message)
                .help("add `iif INTERFACE`, or take `track_group` away");
            self.push(diagnostic.leniently(self.options, "`track_group` is ignored"));
        }
        let protocol = rule.protocol.map(Lookup::Number);
        if !rule.no_track && !is_own(protocol.as_ref()) {
            self.foreign_protocol(item.place(Opt::Protocol).unwrap_or(at), "rule");
            rule.protocol = None;
        }
        Some(rule)
    }

    /// Options of a rule that looks into a table, for others, and values of the other family.
    fn check_table_options(&mut self, item: &Item<Opt>, rule: &Rule) -> Option<()> {
        if !matches!(rule.action, RuleAction::Table(_)) {
            let options = [Opt::SuppressPrefix, Opt::SuppressGroup, Opt::Realms];
            let place = options.iter().find_map(|option| item.place(*option));
            if let Some(place) = place {
                self.bad_routing(place, "this is an option of a rule with a `table`");
                return None;
            }
        }
        if rule.family == Family::V4 && rule.suppress_prefix_len.is_some_and(|len| len > 32) {
            let place = item.place(Opt::SuppressPrefix).unwrap_or_default();
            let message = "an IPv4 prefix has at most 32 bits".to_owned();
            self.error(Code::OutOfRange, place, message);
            return None;
        }
        Some(())
    }

    /// The preference that is given, or the one that keepalived chooses.
    fn rule_preference(
        &mut self,
        given: Option<Spanned<u32>>,
        rule: &Rule,
        action: Span,
        at: Span,
    ) -> Option<Spanned<u32>> {
        match (given, &rule.action) {
            (Some(preference), RuleAction::Goto(target)) if preference.value >= *target => {
                let message = format!("the rule's preference is not below {target}");
                let diagnostic =
                    Diagnostic::new(Code::BadRouting, action, "a rule goes to one behind it")
                        .also(preference.span, message);
                self.push(diagnostic);
                None
            }
            (None, RuleAction::Goto(_)) => {
                self.bad_routing(action, "a rule that goes to another needs a `preference`");
                None
            }
            (None, _) => {
                let message = "a rule without a preference";
                let diagnostic = Diagnostic::new(Code::NoPreference, at, message)
                    .help("add `preference NUMBER`");
                self.push(diagnostic);
                let next = self.next_preferences.entry(rule.family).or_insert(FIRST_PREFERENCE);
                let preference = *next;
                *next = next.saturating_sub(1);
                Some(Spanned::new(preference, at))
            }
            (Some(preference), _) => Some(preference),
        }
    }
}

const IP_PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("tcp", 6),
    ("udp", 17),
    ("dccp", 33),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("ipv6-icmp", 58),
    ("ospf", 89),
    ("vrrp", 112),
    ("sctp", 132),
    ("udplite", 136),
];
