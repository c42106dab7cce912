//! The pre-pass: includes, conditions, variables, sequences, and their limits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use vrrp_conf::{Code, Includes, Limits, Loaded, Options, load, parse_str};

fn options() -> Options {
    Options::default().config_id("main")
}

/// The excluded addresses of an instance whose block for them has these lines.
fn addresses(before: &str, lines: &str) -> Vec<String> {
    let text = format!(
        "{before}\nvrrp_instance VI_1 {{\n interface eth0\n virtual_router_id 51\n \
         virtual_ipaddress {{\n  192.0.2.254\n }}\n virtual_ipaddress_excluded {{\n{lines}\n }}\n}}\n"
    );
    let loaded = parse_str("test.conf", &text, &options());
    let Some(config) = &loaded.config else {
        panic!("{}\n{text}", loaded.render(Default::default()));
    };
    let addresses = &config.instances[0].excluded_addresses;
    addresses.iter().map(|address| address.address.to_string()).collect()
}

fn codes(loaded: &Loaded) -> Vec<Code> {
    loaded.diagnostics.iter().map(|found| found.code).collect()
}

#[test]
fn a_variable_is_replaced_where_it_is_used_and_not_where_it_is_defined() {
    let lines = "$BASE=10.2.${SUB}\n$SUB=0\n${BASE}.100\n$SUB=10\n${BASE}.100";
    assert_eq!(addresses("", lines), ["10.2.0.100", "10.2.10.100"]);
    assert_eq!(addresses("$A=10.0.0.1", "$A\n"), ["10.0.0.1"]);
    assert_eq!(addresses("$A=", "10.0.0.2$A "), ["10.0.0.2"], "a value may be empty");
}

#[test]
fn conditions_choose_lines_and_may_come_from_variables() {
    let lines = "@main 10.0.0.1\n@other 10.0.0.2\n@^main 10.0.0.3\n@^other 10.0.0.4";
    assert_eq!(addresses("", lines), ["10.0.0.1", "10.0.0.4"]);
    let before = "$IF=@main\n@other $N=9\n@main $N=7";
    assert_eq!(
        addresses(before, "$IF 10.0.0.$N \n@main @^other 10.0.0.8"),
        ["10.0.0.7", "10.0.0.8"]
    );
}

#[test]
fn several_lines_are_a_value_and_nest() {
    let before = "$INNER= \\\n10.0.${A}.1 \\\n@other 10.9.9.9 \\\n10.0.${A}.2\n\
                  $OUTER= \\\n$A=5 \\\n$INNER \\\n$A=6 \\\n$INNER\n";
    let expected = ["10.0.5.1", "10.0.5.2", "10.0.6.1", "10.0.6.2"];
    assert_eq!(addresses(before, "$OUTER"), expected);
}

#[test]
fn a_backslash_joins_lines_that_define_nothing() {
    assert_eq!(addresses("", "10.0.0.1 \\\n dev \\\n eth1\n10.0.0.2"), ["10.0.0.1", "10.0.0.2"]);
}

#[test]
fn what_is_not_ascii_ends_a_line_as_well_as_anything() {
    let text = "global_defs {\n router_id \u{e9}\u{fffd}\n}\n";
    let id = parse_str("t", text, &options()).config.unwrap().global.router_id.unwrap();
    assert_eq!(id.value, "\u{e9}\u{fffd}");
    let found = codes(&parse_str("t", " \u{fffd}\n\u{2028}\\\n\u{fffd}\\", &options()));
    assert!(found.contains(&Code::UnknownKeyword));
}

#[test]
fn sequences_and_lists_repeat_the_rest_of_their_line() {
    assert_eq!(addresses("", "~SEQ(S, 0, 2) 10.0.${S}.1"), ["10.0.0.1", "10.0.1.1", "10.0.2.1"]);
    let crossed = addresses("", "~LST({A, B}, {10,1},{20,4}) ~SEQ(C,168,2,172) 192.${C}.${A}.${B}");
    assert_eq!(crossed.len(), 6);
    assert_eq!((&*crossed[1], &*crossed[3]), ("192.170.10.1", "192.168.20.4"));
    assert_eq!(addresses("$N=2", "~SEQ(S, 1, $N ) 10.0.0.${S}"), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(addresses("$L=~SEQ(S, 1, 2)", "$L 10.0.0.${S}"), ["10.0.0.1", "10.0.0.2"]);
}

#[test]
fn predefined_variables_have_their_values() {
    let text = "global_defs {\n router_id ${_INSTANCE}${_HASH}${_BANG} # a comment\n}\n";
    let id = parse_str("t", text, &options()).config.unwrap().global.router_id.unwrap();
    assert_eq!(id.value, "main#!");
    let loaded = parse_str("/etc/vrrpd/t", "global_defs {\n router_id \"${_PWD}\"\n}", &options());
    assert_eq!(loaded.config.unwrap().global.router_id.unwrap().value, "/etc/vrrpd");
}

#[test]
fn random_numbers_repeat_with_a_seed() {
    let before = "global_defs {\n random_seed 3\n}";
    let lines = "10.0.0.${_RANDOM 1 254}\n10.0.1.${_RANDOM 7 7}";
    assert_eq!(addresses(before, lines), addresses(before, lines));
    assert_eq!(addresses(before, lines)[1], "10.0.1.7");
}

#[test]
fn the_manual_s_sequence_of_instances_makes_each_of_them() {
    let text = "$VI4= \\\ntrack_file f.${IF}.${ID} { \\\n file \"${_PWD}/f.${IF}.${ID}\" \\\n} \\\n\
                vrrp_instance v.${IF}.${ID} { \\\n interface bond${IF} \\\n \
                virtual_router_id ${ID} \\\n virtual_ipaddress { \\\n 10.0.${IF}.${ID}/24 \\\n } \\\n \
                track_file { \\\n f.${IF}.${ID} \\\n } \\\n}\n\n~SEQ(IF,0,3) ~SEQ(ID,1,254) $VI4\n";
    let config = parse_str("seq.conf", text, &options()).config.unwrap();
    assert_eq!((config.instances.len(), config.files.len()), (4 * 254, 4 * 254));
    assert_eq!(&**config.instances[300].name, "v.1.47");
}

#[test]
fn a_span_leads_back_through_files_and_replacements() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    file("main.conf", "$P=999\n\ninclude sub/*.conf\n");
    fs::create_dir(directory.path().join("sub")).unwrap();
    file("sub/a.conf", "$BODY= \\\n priority ${P} \\\n interface eth0\n\ninclude ../b.conf\n");
    file("b.conf", "vrrp_instance VI_1 {\n $BODY\n virtual_router_id 1\n}\n");
    let loaded = load(&directory.path().join("main.conf"), &options()).unwrap();
    let found = &loaded.diagnostics[0];
    let place = loaded.sources.location(found.span.unwrap()).unwrap();
    assert!(place.to_string().ends_with("main.conf:1:4"), "{place}");
    let chain = loaded.sources.expansions(found.span.unwrap());
    let shown: Vec<_> =
        chain.iter().map(|step| format!("{} {}", step.what, step.used_at)).collect();
    assert!(shown[0].starts_with("$P ") && shown[0].ends_with("a.conf:2:11"), "{shown:?}");
    assert!(shown[1].starts_with("$BODY ") && shown[1].ends_with("b.conf:2:2"), "{shown:?}");
}

#[test]
fn includes_are_relative_to_their_file_and_checked_as_asked() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let check = |line: &str| {
        fs::write(path("main.conf"), format!("{line}\nvrrp_instance V {{\n}}\n")).unwrap();
        let loaded = load(&path("main.conf"), &options()).unwrap();
        codes(&loaded)
            .into_iter()
            .find(|code| matches!(code, Code::IncludeFailed | Code::IncludeMissing))
    };
    fs::write(path("here.conf"), "").unwrap();
    assert_eq!(check("include here.conf"), None);
    assert_eq!(check("include \"here.conf\""), None);
    assert_eq!(check("include gone.conf"), Some(Code::IncludeMissing));
    assert_eq!(check("include *.none"), Some(Code::IncludeMissing));
    assert_eq!(check("includer *.none"), Some(Code::IncludeMissing));
    assert_eq!(check("includem gone.conf"), Some(Code::IncludeFailed));
    assert_eq!(check("includew *.none"), Some(Code::IncludeFailed));
    assert_eq!(check("includeb {here,gone}.conf"), Some(Code::IncludeFailed));
    let checked = "global_defs {\n include_check match\n}\ninclude gone.conf";
    assert_eq!(check(checked), Some(Code::IncludeFailed));
}

#[test]
fn what_never_ends_is_stopped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("self.conf");
    fs::write(&path, "include self.conf\ninclude self.conf\n").unwrap();
    assert_eq!(codes(&load(&path, &options()).unwrap()), [Code::ExpansionTooDeep]);
    for text in [
        "$A=${A}\n$A",
        "$A= \\\n$A \\\n$A\n\n$A",
        "$A=$B $B\n$B=$A $A\n$A",
        "~SEQ(A,1,1000000) ~SEQ(B,1,1000000) @other x",
        "$A=xxxxxxxxxxxxxxxx\n~SEQ(A,1,100000000) ~SEQ(B,1,100000) vrrp_instance ${A} {}",
    ] {
        let mut limits = Limits::default();
        limits.expansions = 100_000;
        limits.expanded_bytes = 1 << 20;
        let found = codes(&parse_str("t", text, &options().limits(limits)));
        let stopped =
            |code: &Code| matches!(code, Code::ExpansionTooDeep | Code::ExpansionTooLarge);
        assert!(found.iter().any(stopped), "{found:?} for {text}");
    }
    let deep = "a {\n".repeat(1_000_000);
    assert!(codes(&parse_str("t", &deep, &options())).contains(&Code::TooDeep));
    let many = "~SEQ(A,1,1) ".repeat(100_000);
    assert!(codes(&parse_str("t", &many, &options())).contains(&Code::ExpansionTooDeep));
}

#[test]
fn a_directory_a_device_and_a_pipe_are_no_configuration() {
    for name in ["/", "/dev/zero", "/dev/null"] {
        let text = format!("includea {name}\n");
        let found = codes(&parse_str("t", &text, &options()));
        assert!(found.contains(&Code::IncludeFailed), "{name}: {found:?}");
    }
    assert!(load(Path::new("/nonexistent"), &options()).is_err());
}

#[test]
fn what_is_undefined_is_reported_as_what_it_is() {
    let text = "x ${_ENV NOT_SET_1} ${_ENV NOT_SET_2} ${_RANDOM 7 5} ${B} ${B}\n";
    let loaded = parse_str("undefined.conf", text, &options());
    let found = loaded.diagnostics.iter().filter(|found| found.code == Code::UndefinedVariable);
    let messages: Vec<_> = found.map(|found| &*found.message).collect();
    assert_eq!(
        messages,
        [
            "the environment has no variable `NOT_SET_1`",
            "the environment has no variable `NOT_SET_2`",
            "`7 5` is no range of numbers",
            "the variable `B` is not defined",
        ]
    );
}

#[test]
fn lines_that_end_in_carriage_returns_alone_are_refused() {
    let sound = "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n}\n";
    let found = |text: &str| {
        let loaded = parse_str("cr.conf", text, &options());
        codes(&loaded).into_iter().filter(|code| *code != Code::NoAddresses).collect::<Vec<_>>()
    };
    assert_eq!(found(&sound.replace('\n', "\r")), [Code::UnexpectedText]);
    assert_eq!(found(&sound.replace('\n', "\r\n")), []);
    assert_eq!(found("# a comment\r"), [Code::NothingConfigured]);
}

#[test]
fn a_comment_within_a_word_is_pointed_at() {
    let found = |line: &str| {
        let loaded = parse_str("hidden.conf", line, &options());
        let hidden = loaded
            .diagnostics
            .iter()
            .find(|found| matches!(found.code, Code::HiddenComment | Code::PasswordCut));
        hidden.map(|found| loaded.sources.location(found.span.unwrap()).unwrap().column)
    };
    for (line, column) in [
        ("auth_pass S3cr!t", Some(15)),
        ("auth_pass Secret!", Some(17)),
        ("script /bin/x#y", Some(14)),
        ("priority 100# as agreed", None),
        ("priority 100 #as agreed", None),
        ("priority 100 # a!b", None),
        ("auth_pass \"S3cr!t\"", None),
        ("auth_pass S3cr\\!t", None),
        ("vrrp_instance A {#the first", None),
        ("}!end", None),
        ("!!", None),
        ("#", None),
    ] {
        assert_eq!(found(&format!("{line}\n")), column, "{line}");
        assert_eq!(found(line), column, "{line}, and no more");
    }
}

#[test]
fn a_text_can_be_read_without_touching_the_system() {
    let options = options().includes(Includes::Refuse);
    let loaded = parse_str("t", "include /etc/passwd\n", &options);
    assert!(codes(&loaded).contains(&Code::IncludeRefused));
}
