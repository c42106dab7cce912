//! keepalived.conf for VRRP: text to a typed model, with spans and diagnostics.
//!
//! [`load`] reads a file and what it includes, [`parse_str`] a text. Both give everything
//! that is wrong at once, each with its place, and a [`Config`] if nothing is. The model is
//! typed and complete: a VRID is one, every default is filled in, every reference leads
//! somewhere, and each value knows where it was said.
//!
//! ```
//! use vrrp_conf::{Code, Options, RenderOptions, parse_str};
//!
//! let text = "
//! vrrp_instance VI_1 {
//!     interface eth0
//!     virtual_router_id 51
//!     prioritty 90
//!     virtual_ipaddress { 192.0.2.1/24 }
//! }
//! ";
//! let loaded = parse_str("vrrp.conf", text, &Options::default());
//! assert_eq!(loaded.diagnostics[0].code, Code::UnknownKeyword);
//! let shown = loaded.render(RenderOptions::default());
//! assert!(shown.contains("vrrp.conf:5:5") && shown.contains("did you mean `priority`?"));
//!
//! let text = text.replace("prioritty", "priority");
//! let config = parse_str("vrrp.conf", &text, &Options::default()).config.expect("it is sound");
//! assert_eq!(config.instances[0].priority.get(), 90);
//! assert_eq!(config.instances[0].announce.repeat, 5, "a default");
//! ```
//!
//! The way of a text: the pre-pass (`expand`) does includes, conditions, variables and
//! sequences and writes the expanded text into a [`SourceMap`]; `outline` splits that into
//! top-level blocks and sees to braces and quotes (`mend`, where they do not match); the grammar (`syntax`) makes a tree of one
//! block; `settings` reads the tree as the rows of the language's settings say, and makes the [`model`].
//! [`cluster`] compares the models of several machines, and [`fix()`] writes what is wrong in correct
//! words, where it has one meaning.
//!
//! What it does not do: look at the machine. Only `include` lines open files, and
//! [`Includes::Refuse`] forbids that too; whether an interface or a user exists is the
//! caller's question, and the spans are there to answer it with a place.
//!
//! The language is that of keepalived.conf(5); the values are those of RFC 9568 and RFC 3768.

// The grammar's generated code names it.
extern crate alloc;

mod bytes;
pub mod cluster;
mod code;
mod decimal;
mod diagnostic;
mod did_you_mean;
mod expand;
mod fix;
mod keywords;
mod lines;
mod mend;
pub mod model;
mod options;
mod outline;
mod print;
mod reference;
mod render;
mod settings;
mod source;
mod span;
mod syntax;
mod tidy;
mod unknown_code;

use std::io;
use std::path::Path;

pub use code::Code;
pub use diagnostic::{Diagnostic, Fix, Label, Severity};
pub use fix::{FixedFile, fix};
pub use model::Config;
pub use options::{Includes, Limits, Loader, Options};
pub use render::{RenderOptions, render, to_json};
pub use source::{ExpandedFrom, Location, SourceMap};
pub use span::{Span, Spanned};
pub use unknown_code::UnknownCode;

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

/// Reads a text from anything that can be read, such as standard input, for [`parse_str`] or
/// [`cluster::parse`]. Bytes that are no UTF-8 become private-use characters
/// that stand in for them: reading the text reports them, and a password has its bytes back.
///
/// # Errors
/// If it cannot be read, or is larger than the limit for a whole configuration.
pub fn read_text(source: impl io::Read, limits: &Limits) -> io::Result<String> {
    expand::read_limited(source, limits.expanded_bytes)
}

/// Reads the configuration in a file, and the files that it includes. Only regular files are
/// read: it waits for nobody.
///
/// # Errors
/// If the file itself cannot be read. An included one that cannot be read is a diagnostic.
pub fn load(path: &Path, options: &Options) -> io::Result<Loaded> {
    let text = expand::read_file(path, options.limits.expanded_bytes)?;
    Ok(parse_str(&path.display().to_string(), &text, options))
}

/// Reads a configuration from a text; `name` stands for the file in diagnostics, and what is
/// included is relative to its directory.
pub fn parse_str(name: &str, text: &str, options: &Options) -> Loaded {
    let mut sources = SourceMap::new();
    let (config, diagnostics) = read_into(&mut sources, name, text, options);
    let is_sound = !diagnostics.iter().any(Diagnostic::is_error);
    Loaded { config: config.filter(|_| is_sound), diagnostics, sources }
}

/// Reads a configuration into a map that may have others already; it is what could be read,
/// whether there are errors among the diagnostics or not.
fn read_into(
    sources: &mut SourceMap,
    name: &str,
    text: &str,
    options: &Options,
) -> (Option<Config>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let span = expand::expand(name, text, options, sources, &mut diagnostics);
    let config = span.map(|span| {
        let expanded = sources.text(span);
        let outline = outline::outline(
            expanded,
            span.start,
            settings::top_level(),
            &options.limits,
            &mut diagnostics,
        );
        settings::read(expanded, span.start, &outline, options, &mut diagnostics)
    });
    report_too_many(&mut diagnostics, &options.limits);
    diagnostics.iter_mut().for_each(|found| found.soften(options));
    let mut diagnostics = tidy::tidy(diagnostics, sources);
    limit(&mut diagnostics, options.limits.diagnostics);
    (config, diagnostics)
}

/// Says so where reading has ended because of all that was found.
fn report_too_many(diagnostics: &mut Vec<Diagnostic>, limits: &Limits) {
    if let Some(last) = diagnostics.last().filter(|_| diagnostics.len() >= limits.findings()) {
        let message = format!("more than {} findings", limits.findings());
        let at = last.span.unwrap_or_default();
        let finding = Diagnostic::new(Code::TooManyFindings, at, message);
        diagnostics.push(finding.note("what is behind this was not read"));
    }
}

/// Leaves the first of so many findings that nobody reads them; errors go before warnings.
fn limit(diagnostics: &mut Vec<Diagnostic>, limit: usize) {
    // Without the first one, a text with errors would seem sound.
    let limit = limit.max(1);
    let Some(more) = diagnostics.len().checked_sub(limit).filter(|more| *more > 0) else { return };
    let mut places: Vec<usize> = (0..diagnostics.len()).collect();
    places.sort_by_key(|&at| !diagnostics[at].is_error());
    let kept: std::collections::HashSet<usize> = places.into_iter().take(limit).collect();
    let mut at = 0;
    diagnostics.retain(|_| {
        at += 1;
        kept.contains(&(at - 1))
    });
    if let Some(last) = diagnostics.last_mut() {
        last.notes.push(format!("{more} more findings are not shown"));
    }
}
