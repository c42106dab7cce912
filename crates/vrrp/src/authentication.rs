//! How a router's adverts prove where they come from.

use vrrp_proto::{AntiReplay, HeaderKey, HmacKey, HmacMode, HmacSettings, Password, UnixTime};

/// How a virtual router's adverts are authenticated. `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Authentication {
    /// Not at all.
    #[default]
    None,
    /// By a password in clear text, in VRRPv2.
    Password(Password),
    /// By an IP authentication header, in VRRPv2: keepalived calls it AH.
    Header(HeaderKey),
    /// By a trailer behind the message, in either version: keepalived calls it `auth_hmac`. A
    /// unicast router hears its peers alone then.
    Hmac(Hmac),
}

impl Authentication {
    /// As [`Rules`](vrrp_proto::Rules) and adverts take it, at this time of day.
    pub fn as_proto(&self, now: UnixTime) -> vrrp_proto::Authentication<'_> {
        match self {
            Self::None => vrrp_proto::Authentication::None,
            Self::Password(password) => vrrp_proto::Authentication::Password(password),
            Self::Header(key) => vrrp_proto::Authentication::Header(key),
            Self::Hmac(hmac) => vrrp_proto::Authentication::Hmac(hmac.as_proto(now)),
        }
    }

    /// Whether adverts have an authentication header.
    pub(crate) const fn is_header(&self) -> bool {
        matches!(self, Self::Header(_))
    }

    /// Whether adverts have a trailer.
    pub(crate) const fn is_hmac(&self) -> bool {
        matches!(self, Self::Hmac(_))
    }

    /// Whether a key of the other one counts here too: what was signed with it can be repeated.
    pub(crate) fn shares_key(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Header(own), Self::Header(other)) => own == other,
            (Self::Hmac(own), Self::Hmac(other)) => {
                own.keys.iter().any(|key| other.keys.contains(key))
            }
            _ => false,
        }
    }

    /// Whether no two adverts are the same, so that each can be sent once.
    pub(crate) const fn is_numbered(&self) -> bool {
        self.is_header() || self.is_hmac()
    }

    /// What an operator calls it: `none`, `pass`, `ah` or `hmac`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Password(_) => "pass",
            Self::Header(_) => "ah",
            Self::Hmac(_) => "hmac",
        }
    }
}

/// The settings of `auth_hmac`. `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hmac {
    /// The keys that are accepted, each number once.
    keys: Vec<HmacKey>,
    /// Which of them signs.
    signing: usize,
    mode: HmacMode,
    anti_replay: AntiReplay,
}

/// Why keys cannot be used together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HmacError {
    /// Two keys have one number: a signature names its key by that.
    #[error("there are two keys with the number {0}")]
    Duplicate(u8),
    /// The key that is to sign is none of them.
    #[error("there is no key with the number {0}, which is to sign")]
    NoSigningKey(u8),
}

impl Hmac {
    /// Adverts are accepted with each of these keys, and signed with the one of the number
    /// `signing`.
    ///
    /// # Errors
    /// [`HmacError`] if two have one number, or none has that one.
    pub fn new(
        keys: Vec<HmacKey>,
        signing: u8,
        mode: HmacMode,
        anti_replay: AntiReplay,
    ) -> Result<Self, HmacError> {
        let number = |key: &HmacKey| key.id().get();
        for (place, key) in keys.iter().enumerate() {
            if keys[..place].iter().any(|before| before.id() == key.id()) {
                return Err(HmacError::Duplicate(number(key)));
            }
        }
        let place = keys.iter().position(|key| number(key) == signing);
        let signing = place.ok_or(HmacError::NoSigningKey(signing))?;
        Ok(Self { keys, signing, mode, anti_replay })
    }

    fn as_proto(&self, now: UnixTime) -> HmacSettings<'_> {
        let Self { keys, signing, mode, anti_replay } = self;
        HmacSettings { keys, signing: &keys[*signing], mode: *mode, anti_replay: *anti_replay, now }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u8, octet: u8) -> HmacKey {
        HmacKey::new(id, &[octet; 32]).unwrap()
    }

    fn hmac(keys: &[HmacKey], signing: u8) -> Result<Hmac, HmacError> {
        Hmac::new(keys.to_vec(), signing, HmacMode::Enforce, AntiReplay::Monotonic)
    }

    #[test]
    fn each_key_has_a_number_of_its_own_and_one_of_them_signs() {
        assert_eq!(hmac(&[key(1, 1), key(2, 2), key(1, 3)], 1), Err(HmacError::Duplicate(1)));
        assert_eq!(hmac(&[key(1, 1), key(2, 2)], 3), Err(HmacError::NoSigningKey(3)));
        assert_eq!(hmac(&[], 1), Err(HmacError::NoSigningKey(1)));
        let both = hmac(&[key(1, 1), key(2, 2)], 2).unwrap();
        assert_eq!(both.as_proto(UnixTime { secs: 0, fraction: 0 }).signing, &key(2, 2));
    }

    #[test]
    fn a_key_that_stays_is_shared_whoever_signs() {
        let of = |keys: &[HmacKey], signing| Authentication::Hmac(hmac(keys, signing).unwrap());
        let first = of(&[key(1, 1)], 1);
        let both = of(&[key(1, 1), key(2, 2)], 2);
        let second = of(&[key(2, 2)], 2);
        assert!(first.shares_key(&both) && both.shares_key(&first) && second.shares_key(&both));
        assert!(!second.shares_key(&first), "another key");
        assert!(!of(&[key(1, 2)], 1).shares_key(&first), "another secret");
        let header = |text| Authentication::Header(HeaderKey::from_text(text));
        assert!(header("one").shares_key(&header("one")));
        assert!(!header("one").shares_key(&header("two")) && !header("one").shares_key(&first));
        assert!(!Authentication::None.shares_key(&Authentication::None));
    }

    #[test]
    fn its_keys_are_never_shown() {
        let shown = format!("{:?}", Authentication::Hmac(hmac(&[key(1, 115)], 1).unwrap()));
        assert!(shown.contains("HmacKey(1, hidden)") && !shown.contains("115"), "{shown}");
    }
}
