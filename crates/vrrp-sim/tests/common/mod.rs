//! What the tests share.

/// How many seeds are tried where nobody says how many.
#[allow(dead_code, reason = "not every test counts by it")]
pub(crate) const SEEDS: u64 = 20_000;

/// The number in an environment variable, if it is set.
///
/// # Panics
/// If it is set to something else.
pub(crate) fn env_number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}
