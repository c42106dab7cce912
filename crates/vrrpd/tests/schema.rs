//! The schemas in docs/schema are those of what the daemon says.
//!
//! `VRRPD_WRITE_SCHEMAS=1 cargo test -p vrrpd --test schema` writes them anew.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fs;
use std::path::Path;

#[test]
fn the_documented_schemas_are_those_of_the_types() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    for (name, schema) in vrrp_control::schemas() {
        let path = directory.join(format!("{name}.json"));
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if std::env::var_os("VRRPD_WRITE_SCHEMAS").is_some() {
            fs::create_dir_all(&directory).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let documented = fs::read_to_string(&path).unwrap_or_default();
        assert!(documented == text, "{} is not up to date", path.display());
    }
}
