//! How to read a configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How to read a configuration: as a program that runs it, unless its methods say otherwise.
///
/// ```
/// use vrrp_conf::{Includes, Options};
///
/// let options = Options::default().config_id("node1").includes(Includes::Refuse);
/// assert!(!options.lenient);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Options {
    /// The word that `@word` lines are compared with; the first part of the node's name
    /// where none is given.
    pub config_id: Option<String>,
    /// Make warnings of the errors that keepalived tolerates, and do what it does.
    pub lenient: bool,
    /// Make warnings of what vrrpd does not do yet: for programs that read configurations
    /// and run nothing.
    pub read_only: bool,
    /// What an `include` line does.
    pub includes: Includes,
    /// How much an expansion may grow.
    pub limits: Limits,
}

impl Options {
    /// The same, as the machine that `@word` lines call by this word.
    #[must_use]
    pub fn config_id(mut self, id: impl Into<String>) -> Self {
        self.config_id = Some(id.into());
        self
    }

    /// The same, and what keepalived tolerates is a warning, or not.
    #[must_use]
    pub const fn lenient(mut self, lenient: bool) -> Self {
        self.lenient = lenient;
        self
    }

    /// The same, and what vrrpd does not do yet is a warning, or not.
    #[must_use]
    pub const fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// The same with another meaning of `include` lines.
    #[must_use]
    pub fn includes(mut self, includes: Includes) -> Self {
        self.includes = includes;
        self
    }

    /// The same with other limits.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// What an `include` line does.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Includes {
    /// Reads the files that it names, relative to the file that it stands in.
    #[default]
    Follow,
    /// Is an error: the text is to be read without touching the system.
    Refuse,
    /// Asks this loader for the files that it names: what is included is not on disk, or not yet.
    From(Arc<dyn Loader>),
}

/// Where included files come from, if not from the disk: the buffers of an editor, the texts of a
/// test.
///
/// ```
/// use std::collections::BTreeMap;
/// use std::path::PathBuf;
/// use std::sync::Arc;
/// use vrrp_conf::{Includes, Options, parse_str};
///
/// let instance = "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n \
///                 virtual_ipaddress { 192.0.2.1 }\n}";
/// let files = BTreeMap::from([(PathBuf::from("conf.d/one.conf"), instance.to_owned())]);
/// let includes = Includes::From(Arc::new(files));
/// let options = Options::default().includes(includes);
/// let loaded = parse_str("vrrp.conf", "include conf.d/*.conf", &options);
/// assert_eq!(loaded.config.expect("it is sound").instances.len(), 1);
/// ```
pub trait Loader: fmt::Debug + Send + Sync {
    /// The files that a path or a pattern (`*`, `?`, `[…]`) names, in the order in which they are to
    /// be read; none if there is none.
    fn find(&self, pattern: &Path) -> Vec<PathBuf>;

    /// What is in a file.
    ///
    /// # Errors
    /// If it cannot be read; that is a finding at the `include` line.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

impl Loader for BTreeMap<PathBuf, String> {
    fn find(&self, pattern: &Path) -> Vec<PathBuf> {
        let pattern = glob::Pattern::new(&pattern.to_string_lossy());
        let is_meant = |path: &&PathBuf| pattern.as_ref().is_ok_and(|one| one.matches_path(path));
        self.keys().filter(is_meant).cloned().collect()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = self.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(text.clone().into_bytes())
    }
}

/// How much an expansion may grow. A configuration beyond is refused with an error.
///
/// ```
/// let mut limits = vrrp_conf::Limits::default();
/// limits.files = 1;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Files within files.
    pub include_depth: usize,
    /// Files in all.
    pub files: usize,
    /// Variables within the values of variables.
    pub variable_depth: usize,
    /// Replacements in all.
    pub expansions: usize,
    /// The expanded text, in bytes.
    pub expanded_bytes: usize,
    /// Blocks within blocks; more than 64 are never read.
    pub block_depth: usize,
    /// A block of the top level, in bytes.
    pub block_bytes: usize,
    /// Findings that are kept. Where there are a thousand times as many, reading ends.
    pub diagnostics: usize,
}

impl Limits {
    /// So many findings end the reading.
    pub(crate) fn findings(&self) -> usize {
        self.diagnostics.max(1).saturating_mul(1_000)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            include_depth: 32,
            files: 10_000,
            variable_depth: 64,
            expansions: 2_000_000,
            expanded_bytes: 64 << 20,
            block_depth: 16,
            block_bytes: 2 << 20,
            diagnostics: 1_000,
        }
    }
}

/// Each block within a block takes some of the stack.
pub(crate) const MAX_BLOCK_DEPTH: usize = 64;
