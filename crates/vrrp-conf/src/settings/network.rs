//! Authentication, unicast peers, virtual MACs and ipvlan of an instance.

use core::net::IpAddr;
use core::num::NonZeroU8;
use std::time::Duration;

use super::Reader;
use super::instance::InstanceDraft;
use super::row::Draft;
use super::rows::{AUTH_HMAC, AUTHENTICATION, SentPassword};
use super::seen::Seen;
use crate::did_you_mean::closest;
use crate::model::{
    AntiReplay, AuthPass, Authentication, HmacAuth, HmacKey, HmacKeyValue, HmacMode, Ipvlan,
    IpvlanMode, MacAddress, UnicastPeer, Vmac,
};
use crate::syntax::{Body, Statement, Word};
use crate::{Code, Diagnostic, Span, Spanned, bytes};

/// What `authentication` says.
#[derive(Default)]
pub(super) struct PasswordDraft {
    pub(super) kind: Option<Spanned<&'static str>>,
    pub(super) password: Option<AuthPass>,
}

impl Draft for PasswordDraft {
    type Model = SentPassword;
}

/// What `auth_hmac` says.
#[derive(Default)]
pub(super) struct HmacDraft {
    pub(super) keys: Vec<HmacKey>,
    seen_keys: Seen<u8>,
    pub(super) active_key: Option<u8>,
    pub(super) anti_replay: AntiReplay,
    pub(super) time_window: Option<Duration>,
    pub(super) mode: HmacMode,
}

impl Draft for HmacDraft {
    type Model = HmacAuth;
}

impl Reader<'_> {
    pub(super) fn authentication(
        &mut self,
        draft: &mut InstanceDraft,
        statement: &Statement<'_>,
        body: &Body<'_>,
    ) {
        let mut sent = PasswordDraft::default();
        self.fill(&AUTHENTICATION, &mut sent, body);
        let at = statement.keyword().span;
        let missing = match (sent.kind, sent.password) {
            (None, _) => "auth_type",
            (_, None) => "auth_pass",
            (Some(kind), Some(password)) => {
                let authentication = match *kind {
                    "AH" => Authentication::Header(password),
                    _ => Authentication::Password(password),
                };
                return self.set_authentication(draft, Spanned::new(authentication, at));
            }
        };
        draft.authentication = None;
        if !self.is_excused(missing, Code::IncompleteAuthentication) {
            let message = format!("`authentication` without `{missing}`");
            self.error(Code::IncompleteAuthentication, at, message);
        }
    }

    /// An instance has `authentication` or `auth_hmac`, not both.
    fn set_authentication(
        &mut self,
        draft: &mut InstanceDraft,
        authentication: Spanned<Authentication>,
    ) {
        let is_hmac = |of: &Spanned<Authentication>| matches!(of.value, Authentication::Hmac(_));
        let other = draft.authentication.as_ref();
        if let Some(other) = other.filter(|other| is_hmac(other) != is_hmac(&authentication)) {
            let message = "`authentication` and `auth_hmac` in one instance".to_owned();
            let diagnostic =
                Diagnostic::new(Code::TwoAuthentications, authentication.span, message)
                    .also(other.span, "the other one")
                    .help("remove one of them: adverts prove themselves in one way");
            self.push(diagnostic);
        }
        draft.authentication = Some(authentication);
    }

    /// Without quotes a backslash is a character of a secret, as it is to keepalived.
    fn secret_text<'w>(&'w self, word: &'w Word<'_>) -> &'w str {
        if word.quoted { &word.text } else { self.written(word.span) }
    }

    pub(super) fn auth_pass(&mut self, word: &Word<'_>) -> AuthPass {
        let bytes = bytes::encode(self.secret_text(word));
        let written = self.written(word.span);
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
        draft: &mut InstanceDraft,
        statement: &Statement<'_>,
        body: &Body<'_>,
    ) {
        let mut hmac = HmacDraft::default();
        self.fill(&AUTH_HMAC, &mut hmac, body);
        let HmacDraft { keys, active_key, anti_replay, time_window, mode, .. } = hmac;
        let at = statement.keyword().span;
        let active_key = active_key.or_else(|| keys.first().map(|key| key.id));
        let Some(active_key) = active_key.filter(|id| keys.iter().any(|key| key.id == *id)) else {
            self.error(Code::Required, at, "`auth_hmac` without a key that signs".to_owned());
            return;
        };
        let hmac = HmacAuth { keys, active_key, anti_replay, time_window, mode };
        self.set_authentication(draft, Spanned::new(Authentication::Hmac(hmac), at));
    }

    /// `ID KEY`. What is wrong is said of the number: whoever marks the key may show it.
    pub(super) fn hmac_key(&mut self, draft: &mut HmacDraft, words: &[Word<'_>]) {
        let Some(number) = words.first() else { return };
        let id = number.text.parse().ok().and_then(NonZeroU8::new).map(NonZeroU8::get);
        let fault = match (id, words) {
            (_, [_] | [_, _, _, ..]) => {
                "`key` is followed by a number and a key, in quotes if it has blanks".to_owned()
            }
            (Some(id), [_, secret]) => {
                let key = HmacKey { id, secret: self.secret_text(secret).to_owned() };
                match fault(key.value()) {
                    Some(fault) => format!("key {id} {fault}"),
                    None => return self.add_key(draft, key, number.span),
                }
            }
            // Where the two are the wrong way round, this is the key.
            _ => "the number of a key is 1 to 255".to_owned(),
        };
        let diagnostic = Diagnostic::new(Code::OutOfRange, number.span, fault)
            .help("write `key ID`, and the bytes, `hex:` and their digits, or `file:` and a path");
        self.push(diagnostic);
    }

    fn add_key(&mut self, draft: &mut HmacDraft, key: HmacKey, at: Span) {
        if let Some(first) = draft.seen_keys.before(key.id, at) {
            let message = format!("two keys have the number {}", key.id);
            let diagnostic = Diagnostic::new(Code::SameKeyNumber, at, message)
                .also(first, "the other one")
                .help("give one of them another number, on all routers");
            return self.push(diagnostic);
        }
        draft.keys.push(key);
    }

    pub(super) fn unicast_peers(&mut self, draft: &mut InstanceDraft, body: &Body<'_>) {
        let peers = draft.peers.get_or_insert(Spanned::new(Vec::new(), body.open));
        for item in &body.statements {
            self.no_body(item);
            let Some(peer) = self.unicast_peer(item.keyword(), item.arguments()) else { continue };
            if let Some(first) = draft.seen_peers.before(peer.address, item.span()) {
                let message = format!("the peer `{}` is there twice", peer.address);
                let diagnostic = Diagnostic::new(Code::Duplicate, item.span(), message)
                    .also(first, "first here");
                self.push(diagnostic);
                continue;
            }
            peers.value.push(Spanned::new(peer, item.span()));
        }
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

fn is_hexadecimal(digits: &str) -> bool {
    digits.len().is_multiple_of(2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// What is wrong with a key, as far as can be seen without its file.
fn fault(key: HmacKeyValue<'_>) -> Option<String> {
    let len = match key {
        HmacKeyValue::File(_) => return None,
        HmacKeyValue::Hex(digits) if !is_hexadecimal(digits) => {
            return Some("has not two hexadecimal digits for each byte".to_owned());
        }
        HmacKeyValue::Hex(digits) => digits.len() / 2,
        HmacKeyValue::Text(text) => text.len(),
    };
    (!(32..=64).contains(&len)).then(|| format!("has {len} bytes, and not 32 to 64"))
}

/// What a word that the row has let through means.
pub(super) fn anti_replay(word: &str) -> AntiReplay {
    if word == "monotonic" { AntiReplay::Monotonic } else { AntiReplay::Time }
}

pub(super) fn anti_replay_word(anti_replay: AntiReplay) -> &'static str {
    match anti_replay {
        AntiReplay::Time => "time",
        AntiReplay::Monotonic => "monotonic",
    }
}

/// What a word that the row has let through means.
pub(super) fn hmac_mode(word: &str) -> HmacMode {
    match word {
        "permissive" => HmacMode::Permissive,
        "receive-only" => HmacMode::ReceiveOnly,
        _ => HmacMode::Enforce,
    }
}

pub(super) fn hmac_mode_word(mode: HmacMode) -> &'static str {
    match mode {
        HmacMode::Enforce => "enforce",
        HmacMode::Permissive => "permissive",
        HmacMode::ReceiveOnly => "receive-only",
    }
}

/// A MAC address of six octets, or of five: the VRID is then the last.
fn mac_address(text: &str) -> Option<MacAddress> {
    text.parse().or_else(|_| format!("{text}:0").parse()).ok()
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
        assert!("vrrp.51".parse::<InterfaceName>().is_ok());
    }
}
