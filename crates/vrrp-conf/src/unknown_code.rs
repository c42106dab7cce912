//! Numbers of findings as text.

use core::str::FromStr;

use crate::Code;
use crate::did_you_mean::closest;

/// A text that is the number of no kind of finding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the code of any diagnostic{}", near.map(did_you_mean).unwrap_or_default())]
pub struct UnknownCode {
    text: String,
    near: Option<Code>,
}

impl UnknownCode {
    /// The code that was probably meant.
    pub const fn nearest(&self) -> Option<Code> {
        self.near
    }
}

fn did_you_mean(code: Code) -> String {
    format!(": did you mean `{code}`?")
}

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let found = Self::ALL.iter().find(|code| code.as_str().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| {
            let digits = |code: &Self| &code.as_str()[1..];
            let near = closest(
                text.trim_start_matches(|c: char| c.is_ascii_alphabetic()),
                Self::ALL.iter().map(digits),
            );
            let near = near.and_then(|near| Self::ALL.iter().find(|code| digits(code) == near));
            UnknownCode { text: text.to_owned(), near: near.copied() }
        })
    }
}
