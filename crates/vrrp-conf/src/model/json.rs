//! The model as JSON: the field names are the keys.

use std::time::Duration;

use serde::{Serialize, Serializer};
use vrrp_proto::{Family, Interval, Priority, Version, Vrid};

use super::{AuthPass, Config, TableName};
use crate::Spanned;

impl Config {
    /// The configuration as JSON: the fields of the model are the keys. Times are seconds,
    /// what is not there is `null`. Passwords and keys are among them:
    /// see [`without_secrets`](Self::without_secrets).
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("keys are strings, and paths were read from text");
        text.push('\n');
        text
    }
}

/// A value that is a number or a word in JSON.
pub(super) trait Plain {
    /// The number or word.
    type As: Serialize;
    fn as_plain(&self) -> Self::As;
}

pub(super) fn plain<T: Plain, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    value.as_plain().serialize(to)
}

/// A setting that may be there without its value: `null`, `{"priority": null}` or
/// `{"priority": 9}`.
#[expect(clippy::option_option, reason = "serde hands the field over as it is")]
pub(super) fn perhaps<S: Serializer>(
    value: &Option<Option<Priority>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Given {
        priority: Option<u8>,
    }
    value.map(|priority| Given { priority: priority.as_plain() }).serialize(to)
}

impl<T: Plain> Plain for Option<T> {
    type As = Option<T::As>;

    fn as_plain(&self) -> Self::As {
        self.as_ref().map(Plain::as_plain)
    }
}

impl<T: Plain> Plain for Spanned<T> {
    type As = T::As;

    fn as_plain(&self) -> T::As {
        self.value.as_plain()
    }
}

impl Plain for TableName {
    type As = String;

    fn as_plain(&self) -> String {
        self.to_string()
    }
}

impl Plain for Duration {
    type As = f64;

    fn as_plain(&self) -> f64 {
        self.as_secs_f64()
    }
}

impl Plain for Interval {
    type As = f64;

    fn as_plain(&self) -> f64 {
        self.as_duration().as_secs_f64()
    }
}

impl Plain for Vrid {
    type As = u8;

    fn as_plain(&self) -> u8 {
        self.get()
    }
}

impl Plain for Priority {
    type As = u8;

    fn as_plain(&self) -> u8 {
        self.get()
    }
}

impl Plain for Version {
    type As = u8;

    fn as_plain(&self) -> u8 {
        self.get()
    }
}

impl Plain for Family {
    type As = &'static str;

    fn as_plain(&self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }
}

impl<T: Serialize> Serialize for Spanned<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(to)
    }
}

/// Its bytes as hexadecimal digits, and as text, which may not be all of them.
impl Serialize for AuthPass {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Both {
            text: String,
            hex: String,
        }
        let bytes = self.trimmed();
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Both { text: String::from_utf8_lossy(bytes).into_owned(), hex }.serialize(to)
    }
}
