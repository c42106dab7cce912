//! `encap`: what a route puts around packets.

use core::net::IpAddr;

use super::Reader;
use super::routing::Words;
use crate::model::{Encap, IpEncap};
use crate::syntax::Word;
use crate::{Code, Diagnostic};

impl Reader<'_> {
    /// `TYPE OPTION…`
    pub(super) fn encap(&mut self, word: &Word<'_>, words: &mut Words<'_, '_>) -> Option<Encap> {
        let kind = self.value_of(word, words)?;
        match self.choice(kind, &["ip", "ip6", "mpls", "ila"]) {
            Some("ip") => self
                .ip_encap(kind, words, &["ttl", "hoplimit"], |address| match address {
                    IpAddr::V4(address) => Some(address),
                    IpAddr::V6(_) => None,
                })
                .map(Encap::Ip),
            Some("ip6") => self
                .ip_encap(kind, words, &["hoplimit"], |address| match address {
                    IpAddr::V4(_) => None,
                    IpAddr::V6(address) => Some(address),
                })
                .map(Encap::Ip6),
            Some("mpls") => self.labels(kind, words).map(Encap::Mpls),
            Some(_) => self.locator(kind, words).map(Encap::Ila),
            None => {
                // What belongs to it, nobody knows.
                words.0 = &[];
                None
            }
        }
    }

    fn ip_encap<A>(
        &mut self,
        kind: &Word<'_>,
        words: &mut Words<'_, '_>,
        hop_limits: &[&str],
        of_family: fn(IpAddr) -> Option<A>,
    ) -> Option<IpEncap<A>> {
        let mut encap = IpEncap::default();
        let mut sound = Some(());
        while let Some(option) = words.peek() {
            let is_hop_limit = hop_limits.contains(&&*option.text);
            let is_option = is_hop_limit
                || matches!(&*option.text, "id" | "dst" | "src" | "tos" | "dsfield" | "flags")
                || (option.text == "tc" && kind.text == "ip6");
            if !is_option {
                break;
            }
            words.next();
            let value = self.value_of(option, words)?;
            let read = match &*option.text {
                "id" => self.c_number(value, 0, u64::MAX - 1).map(|id| encap.id = Some(id)),
                "dst" => self.outer(value, of_family).map(|outer| encap.destination = Some(outer)),
                "src" => self.outer(value, of_family).map(|outer| encap.source = Some(outer)),
                "flags" => {
                    self.c_number(value, 0, 65_535).map(|flags| encap.flags = Some(flags as u16))
                }
                _ if is_hop_limit => {
                    self.unsigned(value, 255).map(|limit| encap.hop_limit = Some(limit as u8))
                }
                _ => self.c_number(value, 0, 255).map(|field| encap.dsfield = Some(field as u8)),
            };
            sound = sound.and(read);
        }
        sound?;
        if encap.id.is_none() && encap.destination.is_none() {
            self.bad_routing(kind.span, "a tunnel needs `dst` or `id`");
            return None;
        }
        Some(encap)
    }

    fn outer<A>(&mut self, word: &Word<'_>, of_family: fn(IpAddr) -> Option<A>) -> Option<A> {
        let outer = of_family(self.address(word)?);
        if outer.is_none() {
            let message = format!("`{}` is an address of the other family", word.text);
            self.error(Code::MixedFamilies, word.span, message);
        }
        outer
    }

    /// `LABEL[/LABEL]`.
    fn labels(&mut self, kind: &Word<'_>, words: &mut Words<'_, '_>) -> Option<Vec<u32>> {
        let value = self.value_of(kind, words)?;
        let label = |text: &str| text.parse().ok().filter(|label| *label < 1 << 20);
        let labels: Option<Vec<u32>> = value.text.split('/').map(label).collect();
        let labels = labels.filter(|labels| labels.len() <= 2);
        if labels.is_none() {
            let message = format!("`{}` is no MPLS label", value.text);
            let diagnostic = Diagnostic::new(Code::OutOfRange, value.span, message)
                .label("must be one or two numbers below 1048576, with a `/` between them");
            self.push(diagnostic);
        }
        labels
    }

    /// Four groups of an IPv6 address.
    fn locator(&mut self, kind: &Word<'_>, words: &mut Words<'_, '_>) -> Option<u64> {
        let value = self.value_of(kind, words)?;
        let group = |text: &str| {
            let digits = (1..=4).contains(&text.len()) && !text.starts_with('+');
            u64::from_str_radix(text, 16).ok().filter(|_| digits)
        };
        let groups: Option<Vec<u64>> = value.text.split(':').map(group).collect();
        let groups = groups.filter(|groups| groups.len() == 4);
        if groups.is_none() {
            let message = format!("`{}` is not a locator", value.text);
            let diagnostic = Diagnostic::new(Code::NotAnAddress, value.span, message)
                .help("write the first four groups of an IPv6 address");
            self.push(diagnostic);
        }
        groups.map(|groups| groups.iter().fold(0, |locator, group| locator << 16 | group))
    }
}
