//! What the benchmarks beside this share.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a step that fails ends the benchmark")]

use std::path::PathBuf;

/// Builds the daemon as users run it.
pub fn build_vrrpd() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = std::process::Command::new(cargo)
        .args(["build", "--release", "-p", "vrrpd", "--message-format=json"])
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8_lossy(&built.stdout).into_owned();
    let artifact = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    };
    messages.lines().rev().find_map(artifact).expect("cargo names the executable")
}
