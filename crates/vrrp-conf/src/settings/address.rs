//! Addresses.

use super::Reader;
use super::routing::only_static;
use crate::did_you_mean::closest;
use crate::model::{Broadcast, Lifetime, Scope, VirtualAddress};
use crate::syntax::{Body, Statement, Word};
use crate::{Code, Diagnostic, Spanned};

impl Reader<'_> {
    /// The addresses of a block. Static ones may be tracked by a group.
    pub(super) fn addresses(
        &mut self,
        body: &Body<'_>,
        is_static: bool,
    ) -> Vec<Spanned<VirtualAddress>> {
        let items = body.statements.iter();
        items.filter_map(|statement| self.virtual_address(statement, is_static)).collect()
    }

    fn virtual_address(
        &mut self,
        statement: &Statement<'_>,
        is_static: bool,
    ) -> Option<Spanned<VirtualAddress>> {
        self.no_body(statement);
        let (address, prefix_len) = self.prefix(statement.keyword())?;
        let host = VirtualAddress::host(address);
        let reported = self.diagnostics.len();
        let mut reading = AddressReading {
            address: VirtualAddress { prefix_len, ..host },
            is_static,
            seen: Vec::new(),
            unusable: false,
        };
        let mut words = statement.arguments();
        while let Some((option, rest)) = words.split_first() {
            words = self.address_option(&mut reading, option, rest).unwrap_or_default();
        }
        if reading.address.peer.is_some() && statement.keyword().text.contains('/') {
            let word = statement.keyword();
            let message = "an address with a `peer` has no prefix".to_owned();
            let diagnostic = Diagnostic::new(Code::PeerPrefix, word.span, message)
                .leniently(self.options, "the prefix is ignored")
                .help(format!("write `{address}`"))
                .fix(word.span, address.to_string());
            self.push(diagnostic);
            reading.address.prefix_len = host.prefix_len;
        }
        // So keepalived does with a label or a broadcast address that it cannot use.
        if reading.unusable {
            self.say_leniently(reported, "the address is left out");
            return None;
        }
        Some(Spanned::new(reading.address, statement.span()))
    }

    /// Reads one option; gives the words behind it.
    fn address_option<'w, 't>(
        &mut self,
        reading: &mut AddressReading<'t>,
        option: &Word<'t>,
        rest: &'w [Word<'t>],
    ) -> Option<&'w [Word<'t>]> {
        if let Some(first) = reading.seen.iter().find(|seen| seen.text == option.text) {
            let message = format!("`{}` is given twice", option.text);
            let diagnostic = Diagnostic::new(Code::Duplicate, option.span, message)
                .also(first.span, "first given here")
                .leniently(self.options, "the last one counts");
            self.push(diagnostic);
        }
        reading.seen.push(option.clone());
        if reading.flag(&option.text) {
            return Some(rest);
        }
        let is_known = match &*option.text {
            "dev" | "brd" | "broadcast" | "scope" | "label" | "peer" | "preferred_lft" => true,
            "track_group" => reading.is_static,
            _ => false,
        };
        if !is_known {
            let diagnostic = match &*option.text {
                "track_group" => only_static(option),
                text => {
                    let message = format!("`{text}` is not an option of an address");
                    Diagnostic::new(Code::UnknownOption, option.span, message)
                        .meant(meant_option(&reading.address, text))
                        .did_you_mean(closest(text, OPTIONS.iter().copied()))
                }
            };
            self.push(diagnostic.one_address_per_line(&option.text));
            // Whether the next word is its value, nobody knows; keepalived tries it as an option.
            return self.lenient().then_some(rest);
        }
        let Some((value, rest)) = rest.split_first() else {
            let message = format!("`{}` without a value", option.text);
            self.error(Code::OptionWithoutValue, option.span, message);
            return Some(rest);
        };
        self.address_value(&mut reading.address, option, value);
        reading.unusable |= match &*option.text {
            "label" => reading.address.label.is_none(),
            "brd" | "broadcast" => reading.address.broadcast.is_none(),
            _ => false,
        };
        Some(rest)
    }

    fn address_value(&mut self, address: &mut VirtualAddress, option: &Word<'_>, value: &Word<'_>) {
        match &*option.text {
            "dev" => {
                let name = self.interface(value);
                address.device = name.map(|name| Spanned::new(name, value.span));
            }
            "brd" | "broadcast" => address.broadcast = self.broadcast(address, value),
            "scope" => address.scope = self.scope(value).unwrap_or_default(),
            "label" => address.label = self.address_label(value),
            "peer" if value.text.contains('/') => self.prefix_of_peer(address, value),
            "peer" => address.peer = self.prefix(value),
            "preferred_lft" => address.preferred = self.lifetime(value),
            _ => address.track_group = Some(Spanned::new((&*value.text).into(), value.span)),
        }
    }

    /// Reports a peer with a prefix, which keepalived ignores.
    fn prefix_of_peer(&mut self, address: &VirtualAddress, value: &Word<'_>) {
        let Some((peer, _)) = self.prefix(value) else { return };
        let message = format!("the peer of `{}` is one host", address.address);
        let diagnostic = Diagnostic::new(Code::PeerPrefix, value.span, message)
            .leniently(self.options, "there is no peer")
            .help(format!("write `peer {peer}`"));
        self.push(diagnostic);
    }

    fn broadcast(&mut self, address: &VirtualAddress, value: &Word<'_>) -> Option<Broadcast> {
        if address.address.is_ipv6() {
            let message = "an IPv6 address has no broadcast address".to_owned();
            self.error(Code::UnknownOption, value.span, message);
            return None;
        }
        match &*value.text {
            "+" => Some(Broadcast::HostBitsSet),
            "-" => Some(Broadcast::HostBitsClear),
            text => match text.parse() {
                Ok(broadcast) => Some(Broadcast::Address(broadcast)),
                Err(_) => {
                    let message = format!("`{text}` is not an IPv4 address");
                    self.error(Code::NotAnAddress, value.span, message);
                    None
                }
            },
        }
    }

    fn scope(&mut self, value: &Word<'_>) -> Option<Scope> {
        let known = match &*value.text {
            "global" => Some(Scope::GLOBAL),
            "site" => Some(Scope::SITE),
            "link" => Some(Scope::LINK),
            "host" => Some(Scope::HOST),
            "nowhere" => Some(Scope::NOWHERE),
            number => number.parse().ok().map(Scope),
        };
        if known.is_none() {
            let message = format!("`{}` is not a scope", value.text);
            let near = closest(&value.text, SCOPES.into_iter());
            let diagnostic = Diagnostic::new(Code::NotAChoice, value.span, message)
                .label("must be `global`, `site`, `link`, `host`, `nowhere` or a number up to 255");
            self.push(diagnostic.did_you_mean(near));
        }
        known
    }

    fn address_label(&mut self, value: &Word<'_>) -> Option<String> {
        if (1..=15).contains(&value.text.len()) {
            return Some(value.text.clone().into_owned());
        }
        let message = format!("a label has 1 to 15 bytes, not {}", value.text.len());
        self.error(Code::OutOfRange, value.span, message);
        None
    }

    fn lifetime(&mut self, value: &Word<'_>) -> Option<Lifetime> {
        if value.text == "forever" {
            return Some(Lifetime::Forever);
        }
        let seconds = self.integer(value, 0, i64::from(u32::MAX) - 1)?;
        Some(Lifetime::For(std::time::Duration::from_secs(seconds as u64)))
    }
}

/// What a word behind an address that is no option was meant to be.
fn meant_option(address: &VirtualAddress, word: &str) -> Option<String> {
    if let Some(length) = word.strip_prefix('/') {
        return Some(format!("{}/{length}", address.address));
    }
    // Most interfaces' names end in a number.
    let is_interface = word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.ends_with(|c: char| c.is_ascii_digit());
    is_interface.then(|| format!("dev {word}"))
}

const SCOPES: [&str; 5] = ["global", "site", "link", "host", "nowhere"];

const OPTIONS: &[&str] = &[
    "dev",
    "brd",
    "scope",
    "label",
    "peer",
    "home",
    "-nodad",
    "mngtmpaddr",
    "noprefixroute",
    "autojoin",
    "preferred_lft",
    "use_vmac",
    "no_track",
    "track_group",
];

/// An address being read, and the options that it has had.
struct AddressReading<'t> {
    address: VirtualAddress,
    is_static: bool,
    seen: Vec<Word<'t>>,
    /// An option is wrong without which the address is not wanted.
    unusable: bool,
}

impl AddressReading<'_> {
    /// Sets an option that has no value; `false` if it is none.
    fn flag(&mut self, option: &str) -> bool {
        let flag = match option {
            "home" => &mut self.address.home,
            "-nodad" | "nodad" => &mut self.address.no_dad,
            "mngtmpaddr" => &mut self.address.manage_temporary,
            "noprefixroute" => &mut self.address.no_prefix_route,
            "autojoin" => &mut self.address.auto_join,
            "no_track" => &mut self.address.no_track,
            "use_vmac" => &mut self.address.use_vmac,
            _ => return false,
        };
        *flag = true;
        true
    }
}
