//! Authentication, unicast peers, virtual MACs and ipvlan of an instance.

use core::net::IpAddr;

use super::Reader;
use super::instance::Draft;
use super::seen::Seen;
use super::settings::Value;
use super::value::owned;
use crate::did_you_mean::closest;
use crate::keywords::Block;
use crate::model::{
    AntiReplay, AuthPass, Authentication, HmacAuth, HmacKey, HmacMode, Ipvlan, IpvlanMode,
    MacAddress, UnicastPeer, Vmac,
};
use crate::syntax::{Body, Word};
use crate::{Code, Diagnostic, Span, Spanned, bytes};

impl Reader<'_> {
    pub(super) fn authentication(
        &mut self,
        block: &'static Block,
        body: &Body<'_>,
        at: Span,
    ) -> Option<Spanned<Authentication>> {
        let (mut header, mut password) = (None, None);
        for setting in self.settings(block, &body.statements) {
            match setting.value {
                Value::Choice(kind) => header = Some(kind == "AH"),
                Value::Word(word) => password = Some(word),
                _ => {}
            }
        }
        let missing = match (header, password) {
            (None, _) => "auth_type",
            (_, None) => "auth_pass",
            (Some(header), Some(password)) => {
                let authentication = Draft::authentication_of(header, self.auth_pass(password));
                return Some(Spanned::new(authentication, at));
            }
        };
        if !self.is_excused(missing, Code::IncompleteAuthentication) {
            let message = format!("`authentication` without `{missing}`");
            self.error(Code::IncompleteAuthentication, at, message);
        }
        None
    }

    fn auth_pass(&mut self, word: &Word<'_>) -> AuthPass {
        let written = self.written(word.span);
        // Without quotes a backslash is a character of the password, as it is to keepalived.
        let bytes = bytes::encode(if word.quoted { &word.text } else { written });
        if word.quoted && written.contains('\\') {
            let message = "escapes in a quoted password are undone".to_owned();
            let diagnostic = Diagnostic::new(Code::PasswordEscape, word.span, message)
                .note("keepalived 2.2.7 takes them as they stand");
            self.push(diagnostic);
        }
        if bytes.len() > AuthPass::LEN {
            let message = format!("only the first 8 of the password's {} bytes count", bytes.len());
            let diagnostic = Diagnostic::new(Code::LongPassword, word.span, message)
                .help("shorten it to 8 bytes: no more is sent");
            self.push(diagnostic);
        }
        AuthPass::truncating(&bytes)
    }

    pub(super) fn auth_hmac(
        &mut self,
        block: &'static Block,
        body: &Body<'_>,
        at: Span,
    ) -> Option<Spanned<Authentication>> {
        let (mut keys, mut active, mut time_window) = (Vec::new(), None, None);
        let (mut anti_replay, mut mode) = (AntiReplay::default(), HmacMode::default());
        for setting in self.settings(block, &body.statements) {
            match (setting.keyword.name, setting.value) {
                ("key", Value::Words([id, secret])) => keys.extend(self.hmac_key(id, secret)),
                ("active_key", Value::Int(id)) => active = Some(id as u8),
                ("anti_replay", Value::Choice("monotonic")) => anti_replay = AntiReplay::Monotonic,
                ("time_window", Value::Time(time)) => time_window = Some(time),
                ("mode", Value::Choice("permissive")) => mode = HmacMode::Permissive,
                ("mode", Value::Choice("receive-only")) => mode = HmacMode::ReceiveOnly,
                _ => {}
            }
        }
        let active_key = active.or_else(|| keys.first().map(|key: &HmacKey| key.id));
        let Some(active_key) = active_key.filter(|id| keys.iter().any(|key| key.id == *id)) else {
            self.error(Code::Required, at, "`auth_hmac` without a key that signs".to_owned());
            return None;
        };
        let hmac = HmacAuth { keys, active_key, anti_replay, time_window, mode };
        Some(Spanned::new(Authentication::Hmac(hmac), at))
    }

    fn hmac_key(&mut self, id: &Word<'_>, secret: &Word<'_>) -> Option<HmacKey> {
        let id = self.integer(id, 1, 255)? as u8;
        let text = &*secret.text;
        let bytes = match (text.strip_prefix("hex:"), text.strip_prefix("file:")) {
            (Some(digits), _) => digits.len() / 2,
            (_, Some(_)) => 32,
            _ => text.len(),
        };
        let hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let sound = text
            .strip_prefix("hex:")
            .is_none_or(|digits| hexadecimal(digits) && digits.len().is_multiple_of(2));
        if !sound || !(32..=64).contains(&bytes) {
            let message = "a key has 32 to 64 bytes".to_owned();
            let diagnostic = Diagnostic::new(Code::OutOfRange, secret.span, message)
                .help("write the bytes, `hex:` and twice as many digits, or `file:` and a path");
            self.push(diagnostic);
            return None;
        }
        Some(HmacKey { id, secret: owned(secret).value })
    }

    pub(super) fn unicast_peers(
        &mut self,
        seen: &mut Seen<IpAddr>,
        body: &Body<'_>,
    ) -> Vec<Spanned<UnicastPeer>> {
        let mut peers: Vec<Spanned<UnicastPeer>> = Vec::with_capacity(body.statements.len());
        for item in &body.statements {
            self.no_body(item);
            let Some(peer) = self.unicast_peer(item.keyword(), item.arguments()) else { continue };
            if let Some(first) = seen.before(peer.address, item.span()) {
                let message = format!("the peer `{}` is there twice", peer.address);
                let diagnostic = Diagnostic::new(Code::Duplicate, item.span(), message)
                    .also(first, "first here");
                self.push(diagnostic);
                continue;
            }
            peers.push(Spanned::new(peer, item.span()));
        }
        peers
    }

    fn unicast_peer(&mut self, address: &Word<'_>, options: &[Word<'_>]) -> Option<UnicastPeer> {
        let address = self.host(address)?;
        let mut peer = UnicastPeer { address, min_ttl: None, max_ttl: None };
        for pair in options.chunks(2) {
            let place = match &*pair[0].text {
                "min_ttl" => &mut peer.min_ttl,
                "max_ttl" => &mut peer.max_ttl,
                other => {
                    let message = format!("`{other}` is not an option of a peer");
                    let diagnostic = Diagnostic::new(Code::UnknownOption, pair[0].span, message)
                        .did_you_mean(closest(other, ["min_ttl", "max_ttl"].into_iter()));
                    self.push(diagnostic.one_address_per_line(other));
                    continue;
                }
            };
            let Some(value) = pair.get(1) else {
                let message = format!("`{}` without a value", pair[0].text);
                self.error(Code::OptionWithoutValue, pair[0].span, message);
                continue;
            };
            *place = self.integer(value, 0, 255).map(|ttl| ttl as u8);
        }
        Some(peer)
    }

    /// `[INTERFACE] [MAC]`.
    pub(super) fn vmac(&mut self, words: &[Word<'_>]) -> Option<Vmac> {
        let mut vmac = Vmac::default();
        for word in words {
            match mac_address(&word.text) {
                Some(mac) => vmac.mac = Some(mac),
                None => vmac.name = Some(self.interface(word)?),
            }
        }
        Some(vmac)
    }

    /// `[INTERFACE] [ADDRESS] [bridge|private|vepa]`.
    pub(super) fn ipvlan(&mut self, words: &[Word<'_>]) -> Option<Ipvlan> {
        let mut ipvlan = Ipvlan::default();
        for word in words {
            let address = word.text.split('/').next().unwrap_or_default();
            match &*word.text {
                "bridge" => ipvlan.mode = IpvlanMode::Bridge,
                "private" => ipvlan.mode = IpvlanMode::Private,
                "vepa" => ipvlan.mode = IpvlanMode::Vepa,
                _ if address.parse::<IpAddr>().is_ok() => ipvlan.address = self.prefix(word),
                _ => ipvlan.name = Some(self.interface(word)?),
            }
        }
        Some(ipvlan)
    }
}

/// A MAC address of six octets, or of five: the VRID is then the last.
fn mac_address(text: &str) -> Option<MacAddress> {
    let octets: Option<Vec<u8>> =
        text.split(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect();
    match *octets?.as_slice() {
        [a, b, c, d, e, f] => Some(MacAddress([a, b, c, d, e, f])),
        [a, b, c, d, e] => Some(MacAddress([a, b, c, d, e, 0])),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::InterfaceName;

    #[test]
    fn a_mac_address_has_six_octets_or_five() {
        assert_eq!(mac_address("02:00:5E:00:00:0a"), Some(MacAddress([2, 0, 0x5e, 0, 0, 10])));
        assert_eq!(mac_address("02:00:5e:00:00"), Some(MacAddress([2, 0, 0x5e, 0, 0, 0])));
        assert_eq!(mac_address("vrrp.51"), None);
        assert!(InterfaceName::try_from("vrrp.51").is_ok());
    }
}
