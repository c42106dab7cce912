//! A setting is one row: keyword, form and range, default, sentence, support, the field that it
//! fills and how that is printed. The reader, the printer and the reference are made from it.

use core::net::IpAddr;
use std::time::Duration;

use super::given::{Given, Value};
use super::{Phase, Reader};
use crate::keywords::{Block, Keyword, Shape, Support};
use crate::model::{Command, Config, InterfaceName, ScriptUser, Weight};
use crate::print::{Line, Lines};
use crate::syntax::{Body, Statement, Word};
use crate::{Span, Spanned};

/// What the settings of a kind of block fill, and the part of the model that comes of it.
pub(crate) trait Draft: 'static {
    /// What the settings are printed from.
    type Model: 'static;
}

/// One setting of a block that fills a `D`.
pub(super) struct Row<D: Draft> {
    pub(super) keyword: Keyword,
    /// When it is read, for a block of the top level.
    pub(super) phase: Phase,
    fill: Fill<D>,
    show: fn(&Config, &D::Model, Line<'_>),
}

/// The field that a setting fills, given a value of its form.
pub(super) enum Fill<D> {
    /// None: there is nothing to do, or not yet.
    Nothing,
    Bool(fn(&mut D, Spanned<bool>)),
    Number(fn(&mut D, Spanned<i64>)),
    /// A number that need not be there.
    Perhaps(fn(&mut D, Option<Spanned<i64>>)),
    Time(fn(&mut D, Spanned<Duration>)),
    Text(fn(&mut D, Spanned<String>)),
    Interface(fn(&mut D, Spanned<InterfaceName>)),
    Ip(fn(&mut D, Spanned<IpAddr>)),
    Choice(fn(&mut D, Spanned<&'static str>)),
    Weight(fn(&mut D, Spanned<Weight>)),
    Program(fn(&mut D, Spanned<Vec<String>>)),
    /// A command, which need not be there if the form says so.
    Run(fn(&mut D, Option<Spanned<Command>>)),
    User(fn(&mut D, Spanned<ScriptUser>)),
    /// Words with a syntax of their own, and their place.
    Words(fn(&mut Reader<'_>, &mut D, &[Word<'_>], Span)),
    /// A block, and the statement that begins it.
    Nested(fn(&mut Reader<'_>, &mut D, &Statement<'_>, &Body<'_>)),
}

/// A setting that fills nothing; what it may be more is said with the methods.
pub(super) const fn row<D: Draft>(name: &'static str, shape: Shape, about: &'static str) -> Row<D> {
    let repeats = match shape {
        Shape::Block(block) => block.repeats,
        Shape::Items(_) | Shape::Anything => true,
        _ => false,
    };
    let support = Support::Supported;
    Row {
        keyword: Keyword { name, support, shape, repeats, default: "", about },
        phase: Phase::Global,
        fill: Fill::Nothing,
        show: |_, _, _| {},
    }
}

impl<D: Draft> Row<D> {
    /// What holds without it, for the reference.
    pub(super) const fn default(mut self, default: &'static str) -> Self {
        self.keyword.default = default;
        self
    }

    /// What vrrpd does with it.
    pub(super) const fn support(mut self, support: Support) -> Self {
        self.keyword.support = support;
        self
    }

    /// Whether it may stand several times in a block.
    pub(super) const fn repeats(mut self, repeats: bool) -> Self {
        self.keyword.repeats = repeats;
        self
    }

    /// When it is read, for a block of the top level.
    pub(super) const fn read_in(mut self, phase: Phase) -> Self {
        self.phase = phase;
        self
    }

    /// The field that it fills.
    pub(super) const fn fills(mut self, fill: Fill<D>) -> Self {
        assert!(fits(&self.keyword.shape, &fill), "the form gives another kind of value");
        self.fill = fill;
        self
    }

    /// How the field is printed.
    pub(super) const fn shown(mut self, show: fn(&Config, &D::Model, Line<'_>)) -> Self {
        self.show = show;
        self
    }

    /// Whether it has a field.
    #[cfg(test)]
    pub(super) const fn fills_something(&self) -> bool {
        !matches!(self.fill, Fill::Nothing)
    }

    /// Fills the field.
    pub(super) fn fill(&self, reader: &mut Reader<'_>, draft: &mut D, given: Given<'_, '_>) {
        let Given { at, span, value, .. } = given;
        match (&self.fill, value) {
            (Fill::Nothing, _) => {}
            (Fill::Bool(set), Value::Bool(on)) => set(draft, Spanned::new(on, span)),
            (Fill::Number(set), Value::Int(number)) => set(draft, Spanned::new(number, span)),
            (Fill::Perhaps(set), Value::OptInt(number)) => {
                set(draft, number.map(|number| Spanned::new(number, span)));
            }
            (Fill::Time(set), Value::Time(time)) => set(draft, Spanned::new(time, span)),
            (Fill::Text(set), Value::Words(words)) => {
                let text = words.first().map_or("", |word| &*word.text).to_owned();
                set(draft, Spanned::new(text, span));
            }
            (Fill::Interface(set), Value::Interface(name)) => set(draft, Spanned::new(name, span)),
            (Fill::Ip(set), Value::Ip(address)) => set(draft, Spanned::new(address, span)),
            (Fill::Choice(set), Value::Choice(choice)) => set(draft, Spanned::new(choice, span)),
            (Fill::Weight(set), Value::Weight(weight)) => set(draft, Spanned::new(weight, span)),
            (Fill::Program(set), Value::Program(words)) => set(draft, Spanned::new(words, span)),
            (Fill::Run(set), Value::Command(command)) => {
                set(draft, command.map(|command| Spanned::new(command, span)));
            }
            (Fill::User(set), Value::User(user)) => set(draft, Spanned::new(user, span)),
            (Fill::Words(set), Value::Words(words)) => set(reader, draft, words, span),
            (Fill::Nested(set), Value::Nested(statement, body)) => {
                set(reader, draft, statement, body);
            }
            (_, value) => unreachable!("`fits` has seen that no row at {at:?} takes {value:?}"),
        }
    }
}

/// Whether values of a form are what a field takes.
const fn fits<D>(shape: &Shape, fill: &Fill<D>) -> bool {
    match fill {
        Fill::Nothing => true,
        Fill::Bool(_) => matches!(shape, Shape::Flag | Shape::OptBool),
        Fill::Number(_) => matches!(shape, Shape::Int(..) | Shape::Rounds(..)),
        Fill::Perhaps(_) => matches!(shape, Shape::OptInt(..)),
        Fill::Time(_) => matches!(shape, Shape::Secs(..) | Shape::Millis(..)),
        Fill::Text(_) => matches!(shape, Shape::Word(_)),
        Fill::Interface(_) => matches!(shape, Shape::Interface),
        Fill::Ip(_) => matches!(shape, Shape::Ip | Shape::Group4 | Shape::Group6),
        Fill::Choice(_) => matches!(shape, Shape::Choice(_)),
        Fill::Weight(_) => matches!(shape, Shape::Weight(_)),
        Fill::Program(_) => matches!(shape, Shape::Program),
        Fill::Run(_) => matches!(shape, Shape::Command | Shape::OptCommand),
        Fill::User(_) => matches!(shape, Shape::User),
        Fill::Words(_) => matches!(shape, Shape::Words(..) | Shape::Word(_)),
        Fill::Nested(_) => matches!(shape, Shape::Block(_) | Shape::Items(_)),
    }
}

/// The settings of a kind of block.
pub(super) struct Table<D: Draft> {
    pub(crate) block: Block,
    pub(super) rows: &'static [Row<D>],
}

impl<D: Draft> Table<D> {
    /// The row with this keyword.
    pub(super) fn row(&self, name: &str) -> Option<&'static Row<D>> {
        self.rows.iter().find(|row| row.keyword.name == name)
    }

    /// Prints what is set, in the order of the rows.
    pub(crate) fn show(&self, config: &Config, model: &D::Model, lines: &mut Lines) {
        for row in self.rows {
            (row.show)(config, model, lines.of(row.keyword.name));
        }
    }
}

/// The keywords of some rows.
pub(super) const fn keywords<D: Draft, const N: usize>(rows: &[Row<D>]) -> [Keyword; N] {
    let mut keywords = [rows[0].keyword; N];
    let mut index = 0;
    while index < N {
        keywords[index] = rows[index].keyword;
        index += 1;
    }
    keywords
}
