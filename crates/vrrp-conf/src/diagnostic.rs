//! What is wrong, or doubtful, and where.

use core::fmt;

use crate::{Code, Options, Span};

/// How a note begins that says what lenient mode does.
const LENIENT: &str = "in lenient mode ";

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Nothing is wrong with it, and vrrpd does not do it.
    Note,
    /// Legal, and probably not what was meant.
    Warning,
    /// Nothing starts with it.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A second place that has to do with a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What it has to do with it: `first defined here`.
    pub text: String,
}

/// A change of the text that leaves what keepalived makes of it, and says that in correct words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced.
    pub span: Span,
    /// What stands there instead.
    pub text: String,
}

/// One finding about a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// How bad it is. In lenient mode an error that keepalived tolerates is a warning.
    pub severity: Severity,
    /// What kind of finding it is; stable.
    pub code: Code,
    /// The finding in one line.
    pub message: String,
    /// The place; `None` for a finding about no place, such as a file that cannot be read.
    pub span: Option<Span>,
    /// What to write under the place.
    pub label: Option<String>,
    /// Other places that have to do with it.
    pub labels: Vec<Label>,
    /// More to know.
    pub notes: Vec<String>,
    /// How to mend it.
    pub help: Option<String>,
    /// What [`fix`](crate::fix) changes; `None` where the text has no meaning, or two.
    pub fix: Option<Fix>,
}

impl Diagnostic {
    /// A finding of the code's own severity.
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity(),
            code,
            message: message.into(),
            span: Some(span),
            label: None,
            labels: Vec::new(),
            notes: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// The same, with a text under the place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = Some(text.into());
        self
    }

    /// The same, with one more place.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// The same, with one more note.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// The same, with a way to mend it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// The same, with what to write in the place of `span` to say what keepalived understands.
    #[must_use]
    pub fn fix(mut self, span: Span, text: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, text: text.into() });
        self
    }

    /// The same, with the value that was probably meant, if one is known.
    #[must_use]
    pub(crate) fn meant(self, value: Option<String>) -> Self {
        match value {
            Some(value) => self.help(format!("write `{value}`")),
            None => self,
        }
    }

    /// The same, with the word that was probably meant, if one is near.
    #[must_use]
    pub(crate) fn did_you_mean(self, word: Option<&str>) -> Self {
        match word {
            Some(word) => self.help(format!("did you mean `{word}`?")),
            None => self,
        }
    }

    /// The same, with what lenient mode does about it, where its code does not say.
    #[must_use]
    pub(crate) fn leniently(self, options: &Options, outcome: &str) -> Self {
        match options.lenient && self.code.is_tolerated() {
            true => self.note(format!("{LENIENT}{outcome}")),
            false => self,
        }
    }

    /// Makes a warning of an error that the options tolerate.
    pub(crate) fn soften(&mut self, options: &Options) {
        if options.lenient
            && let (true, Some(outcome)) = (self.is_error(), self.code.leniently())
            && !self.notes.iter().any(|note| note.starts_with(LENIENT))
        {
            self.notes.push(format!("{LENIENT}{outcome}"));
        }
        let unsupported = self.code == Code::NotSupportedYet;
        if (options.lenient && self.code.is_tolerated()) || (options.read_only && unsupported) {
            self.severity = Severity::Warning;
        }
    }

    /// Whether nothing starts with it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}
