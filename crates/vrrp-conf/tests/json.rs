//! The configuration as JSON: valid, complete, and with keys that stay.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use vrrp_conf::{Config, Options, load, parse_str};

/// All of the corpus, which has every construct, and one file with what keepalived lacks.
fn configurations() -> Vec<Config> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let options = Options::default().read_only(true);
    let files = std::fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path());
    let corpus = files.map(|file| load(&file, &options).unwrap().config.unwrap());
    let newer = "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n version 3\n nopreempt\n \
                 timer_expired_backup 9\n auth_hmac {\n key 1 0123456789abcdef0123456789abcdef\n \
                 time_window 9\n }\n virtual_ipaddress { 192.0.2.1 }\n}\n";
    let newer = parse_str("newer", newer, &options).config.unwrap();
    corpus.chain([newer]).collect()
}

/// Adds the ways to all values, such as `instances[].vrid`.
fn ways(value: &Value, way: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                // What has names of its own is a map.
                let named = ["scripts", "processes", "files", "bfd_sessions", "track_groups"];
                let key = if named.contains(&way) { "NAME" } else { key };
                ways(value, format!("{way}.{key}").trim_start_matches('.'), all);
            }
        }
        Value::Array(values) => {
            values.iter().for_each(|value| ways(value, &format!("{way}[]"), all));
        }
        _ => {
            all.insert(way.to_owned());
        }
    }
}

#[test]
fn the_keys_stay_as_they_are() {
    let mut all = BTreeSet::new();
    for config in configurations() {
        ways(&serde_json::from_str(&config.to_json()).unwrap(), "", &mut all);
    }
    let all: Vec<_> = all.into_iter().collect();
    insta::assert_snapshot!(all.join("\n"));
}

/// The names of the fields, as `Debug` shows them.
fn fields(config: &Config) -> BTreeSet<String> {
    let shown = format!("{config:#?}");
    let names = shown.lines().filter_map(|line| line.trim().split_once(": ")).map(|(name, _)| name);
    let is_name = |name: &&str| {
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    names.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn no_field_of_the_model_is_forgotten() {
    for config in configurations() {
        let text = config.to_json();
        let missing: Vec<_> = fields(&config)
            .into_iter()
            .filter(|name| !text.contains(&format!("\"{name}\":")))
            .collect();
        assert!(missing.is_empty(), "{missing:?} are not in\n{text}");
    }
}

#[test]
fn values_have_the_types_that_programs_expect() {
    let text = "vrrp_instance \"V \\\"1\\\"\" {\n interface eth0\n virtual_router_id 51\n priority 200\n \
                version 3\n advert_int 0.25\n preempt_delay 1.5\n \
                use_vmac v1 02:00:5e:00:00:01\n \
                virtual_ipaddress {\n 192.0.2.1/24 dev eth1\n }\n}\n";
    let options = Options::default().read_only(true);
    let config = parse_str("t", text, &options).config.unwrap();
    let json: Value = serde_json::from_str(&config.to_json()).unwrap();
    let instance = &json["instances"][0];
    assert_eq!(instance["name"], "V \"1\"");
    assert_eq!((&instance["vrid"], &instance["priority"]), (&json!(51), &json!(200)));
    assert_eq!((&instance["version"], &instance["interval"]), (&json!(3), &json!(0.25)));
    assert_eq!(instance["preempt"]["delay"], 1.5);
    assert_eq!(instance["family"], "ipv4");
    assert_eq!(instance["first_state"], "backup");
    assert_eq!(instance["destination"], json!({"multicast": "224.0.0.18"}));
    assert_eq!(instance["addresses"][0]["address"], "192.0.2.1");
    assert_eq!(instance["addresses"][0]["device"], "eth1");
    assert_eq!(instance["vmac"]["mac"], "02:00:5e:00:00:01");
    assert_eq!(instance["authentication"], Value::Null);
    assert_eq!(instance["timer_expired_backup"], Value::Null);
}

#[test]
fn a_password_has_its_bytes() {
    let text = "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n authentication {\n \
                auth_type PASS\n auth_pass \"p\\xe4\"\n }\n virtual_ipaddress { 192.0.2.1 }\n}\n";
    let config = parse_str("t", text, &Options::default()).config.unwrap();
    let json: Value = serde_json::from_str(&config.to_json()).unwrap();
    let password = json!({"password": {"text": "p\u{fffd}", "hex": "70e4"}});
    assert_eq!(json["instances"][0]["authentication"], password);
}

#[test]
fn secrets_are_left_out_of_the_text_and_of_the_json() {
    let instance = |name, vrid, authentication| {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n {authentication}\n \
             virtual_ipaddress {{ 192.0.2.{vrid} }}\n}}\n"
        )
    };
    let text = instance("A", 1, "authentication {\n auth_type PASS\n auth_pass s3cret\n }")
        + &instance("B", 2, "authentication {\n auth_type AH\n auth_pass other\n }")
        + &instance("C", 3, "version 3\n auth_hmac {\n key 7 0123456789abcdef0123456789abcdef\n }");
    let options = Options::default().read_only(true);
    let config = parse_str("t", &text, &options).config.unwrap();
    let secrets = ["s3cret", "733363726574", "other", "6f74686572", "0123456789abcdef"];
    for (shown, hidden) in [
        (config.to_conf(), config.without_secrets().to_conf()),
        (config.to_json(), config.without_secrets().to_json()),
    ] {
        for secret in secrets {
            assert!(!hidden.contains(secret), "{secret} is in\n{hidden}");
        }
        assert_eq!(hidden.matches(vrrp_conf::model::HIDDEN_SECRET).count(), 3, "{hidden}");
        assert!(shown.contains("s3cret") && shown.contains("other") && shown.contains(secrets[4]));
    }
}
