//! Log lines to standard error: for a person with the time, for journald with its level marks.

use std::io::Write as _;

use env_logger::{Builder, Env, TimestampPrecision};
use log::Level;

/// Starts logging. `RUST_LOG` chooses what; without it, informational lines and worse.
pub(crate) fn init() {
    let mut builder = Builder::from_env(Env::default().default_filter_or("info"));
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        // sd-daemon(3): journald takes the level from the prefix, and has its own clock.
        builder.format(|buffer, record| {
            writeln!(buffer, "<{}>{}", syslog_level(record.level()), record.args())
        });
    } else {
        builder.format_timestamp(Some(TimestampPrecision::Millis)).format_target(false);
    }
    // A second call (from a test) changes nothing.
    let _ = builder.try_init();
}

const fn syslog_level(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}
