//! `authentication` and `auth_hmac`.

use std::time::Duration;

use super::*;
use crate::bytes;
use crate::model::{AuthPass, Authentication, Instance};
use crate::settings::network::{
    HmacDraft, PasswordDraft, anti_replay, anti_replay_word, hmac_mode, hmac_mode_word,
};

/// A password, and the way in which it is sent.
pub(in crate::settings) struct SentPassword {
    kind: &'static str,
    password: AuthPass,
}

/// The password of an instance, if it has one.
pub(super) fn sent_password(instance: &Instance) -> Option<SentPassword> {
    match instance.authentication.as_deref()? {
        Authentication::Password(password) => {
            Some(SentPassword { kind: "PASS", password: *password })
        }
        Authentication::Header(password) => Some(SentPassword { kind: "AH", password: *password }),
        Authentication::Hmac(_) => None,
    }
}

const AUTH_HMAC_ROWS: &[Row<HmacDraft>] = &[
    row::<HmacDraft>(
        "key",
        // How many there have to be is said without them.
        Words(1, usize::MAX, "ID KEY"),
        "a key that is accepted, with its number, 1 to 255: 32 to 64 bytes, written as text, as \
             `hex:` and digits, or as `file:` and the path of a file that only its owner can read",
    )
    .fills(Fill::Words(|reader, to, words, _| reader.hmac_key(to, words)))
    .shown(|_, hmac, mut line| {
        for key in &hmac.keys {
            line.words([key.id.to_string(), key.secret.clone()]);
        }
    })
    .repeats(true),
    row::<HmacDraft>("active_key", Int(1, 255), "the number of the key that signs")
        .default("the first one")
        .fills(Fill::Number(|to, id| to.active_key = Some(*id as u8)))
        .shown(|_, hmac, mut line| line.value(&hmac.active_key)),
    row::<HmacDraft>(
        "anti_replay",
        Choice(&["time", "monotonic"]),
        "how repeated adverts are known: by a clock that all routers share and by their order, or \
             by their order alone",
    )
    .default("time")
    .fills(Fill::Choice(|to, choice| to.anti_replay = anti_replay(*choice)))
    .shown(|_, hmac, mut line| line.value(&anti_replay_word(hmac.anti_replay))),
    row::<HmacDraft>("time_window", Int(1, 300), "seconds by which clocks may differ")
        .default("3 intervals, at least 5")
        .fills(Fill::Number(|to, secs| {
            to.time_window = Some(Duration::from_secs(u64::from(*secs as u32)));
        }))
        .shown(|_, hmac, mut line| {
            if let Some(window) = hmac.time_window {
                line.secs(window);
            }
        }),
    row::<HmacDraft>(
        "mode",
        Choice(&["enforce", "permissive", "receive-only"]),
        "`permissive` accepts unsigned adverts too, `receive-only` does not sign either",
    )
    .default("enforce")
    .fills(Fill::Choice(|to, choice| to.mode = hmac_mode(*choice)))
    .shown(|_, hmac, mut line| line.value(&hmac_mode_word(hmac.mode))),
];
static AUTH_HMAC_KEYWORDS: [Keyword; AUTH_HMAC_ROWS.len()] = keywords(AUTH_HMAC_ROWS);
/// Adverts signed with HMAC-SHA256.
pub(in crate::settings) static AUTH_HMAC: Table<HmacDraft> = Table {
    block: Block::new("Adverts signed with HMAC-SHA256.", &AUTH_HMAC_KEYWORDS),
    rows: AUTH_HMAC_ROWS,
};

const AUTHENTICATION_ROWS: &[Row<PasswordDraft>] = &[
    row::<PasswordDraft>("auth_type", Choice(&["PASS", "AH"]), "PASS; required")
        .fills(Fill::Choice(|to, kind| to.kind = Some(kind)))
        .shown(|_, sent, mut line| line.value(&sent.kind)),
    row::<PasswordDraft>("auth_pass", Word("PASSWORD"), "the first 8 bytes count; required")
        .fills(Fill::Words(|reader, to, words, _| {
            to.password = words.first().map(|word| reader.auth_pass(word))
        }))
        .shown(|_, sent, mut line| line.value(&bytes::decode(sent.password.trimmed().to_vec()))),
];
static AUTHENTICATION_KEYWORDS: [Keyword; AUTHENTICATION_ROWS.len()] =
    keywords(AUTHENTICATION_ROWS);
/// A password in clear: it guards against mistakes, not against attackers.
pub(in crate::settings) static AUTHENTICATION: Table<PasswordDraft> = Table {
    block: Block::new(
        "A password in clear: it guards against mistakes, not against attackers.",
        &AUTHENTICATION_KEYWORDS,
    ),
    rows: AUTHENTICATION_ROWS,
};
