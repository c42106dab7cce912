//! Files that are not plain UTF-8 with line feeds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use vrrp_conf::model::{AuthPass, Authentication};
use vrrp_conf::{Code, Config, Limits, Loaded, Options, load, parse_str, read_text};

/// A sound configuration around some lines of its instance, which begin on line 2.
fn instance(lines: &[u8]) -> Vec<u8> {
    let (before, behind) = (
        &b"vrrp_instance VI_1 {\n"[..],
        &b"\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n 192.0.2.1/24\n }\n}\n"
            [..],
    );
    [before, lines, behind].concat()
}

fn read(bytes: &[u8]) -> Loaded {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vrrp.conf");
    std::fs::write(&path, bytes).unwrap();
    load(&path, &Options::default()).unwrap()
}

/// Codes with their places.
fn found(loaded: &Loaded) -> Vec<String> {
    let place = |found: &vrrp_conf::Diagnostic| {
        let place = loaded.sources.location(found.span.unwrap()).unwrap();
        format!("{} {}:{}", found.code, place.line, place.column)
    };
    loaded.diagnostics.iter().map(place).collect()
}

fn password(config: &Config) -> AuthPass {
    match config.instances[0].authentication.as_deref().unwrap() {
        Authentication::Password(password) => *password,
        other => panic!("{other:?}"),
    }
}

fn with_password(password: &[u8]) -> Vec<u8> {
    let before = &b" authentication {\n auth_type PASS\n auth_pass "[..];
    instance(&[before, password, b"\n }"].concat())
}

#[test]
fn a_comment_may_be_latin_1() {
    let loaded = read(&instance(b" priority 90 # gew\xf6hnlich h\xf6her\n # \xe4"));
    assert_eq!(found(&loaded), ["W0515 2:19"]);
    let shown = loaded.render(vrrp_conf::RenderOptions::default());
    assert!(shown.contains("3 bytes that are not UTF-8"), "{shown}");
    assert!(shown.contains("gew\u{fffd}hnlich"), "{shown}");
    assert_eq!(loaded.config.unwrap().instances[0].priority.get(), 90);
}

#[test]
fn a_password_keeps_its_bytes_and_reads_back_as_it_is_printed() {
    let cases: [(&[u8], &[u8]); 8] = [
        (b"p\xe4ss", b"p\xe4ss"),
        (b"\"p\xe4 ss\"", b"p\xe4 ss"),
        ("1234567\u{e4}".as_bytes(), b"1234567\xc3"),
        (b"\"p\\xe4ss\"", b"p\xe4ss"),
        (b"\"p\\000ss\"", b"p\0ss"),
        (b"a\\tb", b"a\\tb"),
        (b"'a\"b'", b"a\"b"),
        (b"\xf4\x8f\xbf", b"\xf4\x8f\xbf"),
    ];
    for (written, expected) in cases {
        let loaded = read(&with_password(written));
        let config = loaded.config.as_ref().unwrap_or_else(|| panic!("{:?}", found(&loaded)));
        assert_eq!(password(config).trimmed(), expected, "{written:?}");
        let printed = config.to_conf();
        let again = parse_str("printed", &printed, &Options::default());
        assert_eq!(again.config.as_ref(), Some(config), "{printed}");
    }
}

#[test]
fn an_escape_in_a_password_has_a_warning() {
    assert_eq!(found(&read(&with_password(b"\"a\\tb\""))), ["W0518 4:12"]);
    assert_eq!(found(&read(&with_password(b"a\\tb"))), [""; 0]);
}

#[test]
fn other_values_are_text() {
    for line in [&b" notify /bin/p\xe4"[..], b" notify \"/bin/p\\xe4\"", b" notify \"/bin/x\\0\""] {
        let codes: Vec<_> = read(&instance(line)).diagnostics.iter().map(|f| f.code).collect();
        assert!(codes.contains(&Code::NotText), "{codes:?}");
    }
    let text = instance(b" notify \"/bin/p\\303\\244\"");
    let config = read(&text).config.unwrap();
    assert_eq!(config.instances[0].notify.any.as_ref().unwrap().program(), "/bin/p\u{e4}");
    let other = [&b"virtual_server \xe4 {\n}\n"[..], &instance(b"")].concat();
    assert_eq!(found(&read(&other)), ["W0505 1:1", "W0515 1:16"], "that is not ours to judge");
}

#[test]
fn an_included_file_has_its_own_warning() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("main.conf");
    std::fs::write(&path, "include sub.conf\n").unwrap();
    std::fs::write(directory.path().join("sub.conf"), instance(b" # \xe4")).unwrap();
    let loaded = load(&path, &Options::default()).unwrap();
    let place = loaded.sources.location(loaded.diagnostics[0].span.unwrap()).unwrap();
    assert_eq!(loaded.diagnostics[0].code, Code::NotUtf8);
    assert!(place.file.ends_with("sub.conf") && place.line == 2);
}

#[test]
fn lines_may_end_as_in_windows() {
    let text =
        String::from_utf8(instance(b" $P\n priority 90 # a\n notify \"/bin/x 'a b'\"")).unwrap();
    let text = format!("$P= \\\n advert_int 2 \\\n nopreempt\n\n{text}");
    let plain = read(text.as_bytes()).config.unwrap();
    let loaded = read(text.replace('\n', "\r\n").as_bytes());
    assert_eq!(found(&loaded), [""; 0]);
    assert_eq!(loaded.config.unwrap(), plain);
}

#[test]
fn a_byte_order_mark_is_passed_over_at_the_beginning_of_a_file() {
    for first in [&b""[..], b"# a comment\n", b"\n"] {
        let loaded = read(&[b"\xef\xbb\xbf", first, &instance(b"")].concat());
        assert_eq!(found(&loaded), [""; 0]);
        assert!(loaded.config.is_some());
    }
    let within = read(&instance("\u{feff} priority 9".as_bytes()));
    assert!(within.has_errors(), "elsewhere it is a part of a word");
}

#[test]
fn a_zero_byte_is_an_error_wherever_it_is() {
    let damaged = read(&instance(b" priority 9\x000"));
    assert_eq!(found(&damaged)[0], "E0212 2:12");
    assert_eq!(found(&read(&instance(b" # \0")))[0], "E0212 2:4");
    let wide: Vec<u8> = instance(b"").iter().flat_map(|byte| [*byte, 0]).collect();
    assert_eq!(found(&read(&[&b"\xff\xfe"[..], &wide].concat())), ["W0515 1:1", "E0212 1:4"]);
}

#[test]
fn a_text_from_elsewhere_is_read_the_same() {
    let text = read_text(&with_password(b"p\xe4ss")[..], &Limits::default()).unwrap();
    let loaded = parse_str("<stdin>", &text, &Options::default());
    assert_eq!(password(&loaded.config.unwrap()).trimmed(), b"p\xe4ss");
}
