//! keepalived.conf for VRRP: text to a typed model, with spans and diagnostics.
//!
//! [`load`] reads a file and what it includes, [`parse_str`] a text. Both give everything
//! that is wrong at once, each with its place, and a [`Config`] if nothing
//! is.

mod build;
pub mod cluster;
mod code;
mod diagnostic;
mod did_you_mean;
mod expand;
pub mod keywords;
pub mod model;
mod options;
mod outline;
mod print;
mod reference;
mod render;
mod source;
mod span;
mod syntax;

use std::fs::File;
use std::io;
use std::path::Path;

pub use code::{Code, UnknownCode};
pub use diagnostic::{Diagnostic, Label, Severity};
pub use model::Config;
pub use options::{Includes, Limits, Options};
pub use reference::reference;
pub use render::{RenderOptions, render, to_json};
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

    /// The findings as text, as [`render`] writes them.
    pub fn render(&self, options: RenderOptions) -> String {
        render(&self.diagnostics, &self.sources, options)
    }
}

/// Reads the configuration in a file, and the files that it includes.
///
/// # Errors
/// If the file itself cannot be read. An included one that cannot be read is a diagnostic.
pub fn load(path: &Path, options: &Options) -> io::Result<Loaded> {
    let text = expand::read_limited(File::open(path)?, options.limits.expanded_bytes)?;
    Ok(parse_str(&path.display().to_string(), &text, options))
}

/// Reads a configuration from a text; `name` stands for the file in diagnostics, and what is
/// included is relative to its directory.
pub fn parse_str(name: &str, text: &str, options: &Options) -> Loaded {
    let mut sources = SourceMap::new();
    let (config, diagnostics) = parse_into(&mut sources, name, text, options);
    Loaded { config, diagnostics, sources }
}

/// Reads a configuration into a map that may have others already.
fn parse_into(
    sources: &mut SourceMap,
    name: &str,
    text: &str,
    options: &Options,
) -> (Option<Config>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let span = expand::expand(name, text, options, sources, &mut diagnostics);
    let config = span.map(|span| {
        let expanded = sources.text(span);
        let depth = options.limits.block_depth;
        let outline = outline::outline(expanded, span.start, depth, &mut diagnostics);
        build::build(expanded, span.start, &outline, options, &mut diagnostics)
    });
    if options.lenient {
        diagnostics.iter_mut().for_each(Diagnostic::soften);
    }
    diagnostics.sort_by_key(|found| (found.span.map(|span| sources.order(span)), found.code));
    let sound = !diagnostics.iter().any(Diagnostic::is_error);
    (config.filter(|_| sound), diagnostics)
}
