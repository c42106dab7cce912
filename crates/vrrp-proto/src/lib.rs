//! The Virtual Router Redundancy Protocol's words as types.
#![no_std]

mod words;

pub use words::{Family, Interval, Priority, Version, Vrid, WordError};
