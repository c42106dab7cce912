//! What holds of all rows.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod coverage;
mod fields;
mod table;
