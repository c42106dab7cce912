//! How to read a configuration.

/// How to read a configuration.
#[derive(Debug, Clone, Default)]
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

/// What an `include` line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Includes {
    /// Reads the files that it names, relative to the file that it stands in.
    #[default]
    Follow,
    /// Is an error: the text is to be read without touching the system.
    Refuse,
}

/// How much an expansion may grow. A configuration beyond is refused with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
