//! The kinds of findings, with a number each that never changes its meaning.

use core::fmt;
use core::str::FromStr;

use crate::Severity;

macro_rules! codes {
    ($($variant:ident = $number:literal $tolerated:ident $title:literal $text:literal)+) => {
        /// The kind of a finding. Its number (`E0201`) is stable: it is never given to
        /// another kind.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $(#[doc = concat!($number, ": ", $title)] $variant,)+
        }

        impl Code {
            /// All kinds, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The number, with its letter: `E0201`, `W0501`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $number,)+ }
            }

            /// The kind in a few words.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What it means, why it matters, and how to mend it.
            pub const fn explanation(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Whether keepalived goes on in spite of it, so that lenient mode may too.
            pub const fn is_tolerated(self) -> bool {
                match self { $(Self::$variant => codes!(@$tolerated),)+ }
            }
        }
    };
    (@tolerated) => { true };
    (@fatal) => { false };
    (@doubt) => { true };
}

codes! {
    Unreadable = "E0001" fatal "a file cannot be read"
        "The file does not exist, is no regular file, or may not be read by this user. Nothing \
         can be said about a configuration of which a part is missing.\n\nMend the path or the \
         file's permissions."
    UnknownKeyword = "E0201" tolerated "an unknown keyword"
        "The word is none of the keywords that this block knows. It is most often a typing \
         error, and a typing error that is only logged starts a router with a default value \
         that nobody wanted: `prioritty 90` would leave the priority at 100.\n\nMend the word; \
         if it belongs to a newer keepalived, leave the line out."
}

impl Code {
    /// Error for a code that begins with `E`, warning for `W`.
    pub const fn severity(self) -> Severity {
        match self.as_str().as_bytes()[0] {
            b'E' => Severity::Error,
            _ => Severity::Warning,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is the number of no kind of finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the code of any diagnostic")]
pub struct UnknownCode(String);

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let found = Self::ALL.iter().find(|code| code.as_str().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| UnknownCode(text.to_owned()))
    }
}
